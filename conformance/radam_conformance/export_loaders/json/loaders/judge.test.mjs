// Judges radamStep by every case that a plain comparison decides:  node --test
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { dialect, features, radamStep } from "./radam_step.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url)));
const DTYPES = { float64: Float64Array, float32: Float32Array };

function number(bits) {
  const bytes = Buffer.from(bits, "hex");
  return bytes.length === 8 ? bytes.readDoubleBE() : bytes.readFloatBE();
}

for (const { file } of read("index.json").cases) {
  const c = read(file), Numbers = DTYPES[c.dtype], expected = c.expected[dialect];
  const needs = c.requires.filter((word) => !features.includes(word)).join(", ");
  const beyond = needs || (!Numbers && c.dtype) || (!expected && `no ${dialect}`) ||
    ((expected.alternatives || c.id.startsWith("extreme/")) && "several right results");
  test(c.id, { skip: beyond && `not judged here: ${beyond}` }, () => {
    const value = (word) => (typeof word === "string" ? number(word) : word);
    const hyper = Object.fromEntries(Object.entries(c.hyper[0]).map(([k, w]) => [k, value(w)]));
    const x = Numbers.from(c.x0[0].bits, number);
    const gradients = c.gradients.map(([bits]) => Numbers.from(bits, number));
    const m = new Numbers(x.length), v = new Numbers(x.length);
    for (let t = 1, row = 0; row < c.observe.length; t++) {
      radamStep(t, gradients[(t - 1) % gradients.length], x, m, v, hyper);
      if (t !== c.observe[row]) continue;
      for (let j = 0; j < x.length; j++) {
        const [hi, lo, bound] = ["hi", "lo", "binary64"].map((k) => number(expected[k][row][0][j]));
        const error = Math.abs(x[j] - hi - lo), times = (error / bound).toPrecision(3);
        const what = `step ${t}, element ${j} is ${x[j]}, not ${hi}: ${times} times the bound`;
        assert.ok(error <= bound, what); // NaN is no less
      }
      row++;
    }
  });
}
