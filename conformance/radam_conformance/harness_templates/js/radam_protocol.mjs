// Protocol 1 of radam-conformance: it reads cases from stdin, calls the step for each step and
// tensor, and answers on stdout. Nothing to change here: the file that imports it is yours.
import { createInterface } from "node:readline";

const DTYPES = { float64: Float64Array, float32: Float32Array };

function number(hex) { // 16 digits are a binary64, 8 a binary32, 1 is a flag
  const bytes = Buffer.from(hex, "hex");
  if (hex.length === 1) return Number(hex);
  return hex.length === 16 ? bytes.readDoubleBE() : bytes.readFloatBE();
}
function toHex(value, size) {
  const bytes = Buffer.alloc(size);
  size === 8 ? bytes.writeDoubleBE(value) : bytes.writeFloatBE(value);
  return bytes.toString("hex");
}

function answer(lines, offered, step) { // to a case
  const tensors = [], gradients = [], changes = [], hyper = [], said = [];
  const [, , dtype, steps] = lines[0];
  let observe;
  for (const [kind, ...words] of lines) {
    const lacks = [dtype, ...(kind === "need" ? words : [])].find((w) => !offered.includes(w));
    if (lacks) throw new Error(`unsupported ${lacks}`);
    const values = (from) => DTYPES[dtype].from(words.slice(from), number);
    if (kind === "hyper") changes.push(words);
    if (kind === "x") tensors.push({ t: 0, group: words[1], x: values(3) });
    if (kind === "x") for (const name of "mv") tensors[words[0]][name] = values(3).fill(0);
    if (kind === "state") for (const p of tensors) p.t = Number(words[0]);
    if (kind === "m" || kind === "v") tensors[words[0]][kind] = values(1);
    if (kind === "g") gradients.push(words[2] === "none" ? null : values(2));
    if (kind === "observe") observe = new Set(words.map(Number));
  }
  for (let t = 1; t <= steps; t++) {
    for (const [from, group, name, hex] of changes)
      if (Number(from) === t) (hyper[group] ??= {})[name] = number(hex);
    for (const [i, p] of tensors.entries()) {
      const grads = gradients[((t - 1) * tensors.length + i) % gradients.length];
      if (grads) step(++p.t, grads, p.x, p.m, p.v, hyper[p.group]);
      for (const name of observe.has(t) ? "xmv" : "")
        said.push([name, t, i, ...Array.from(p[name], (y) => toHex(y, p.x.BYTES_PER_ELEMENT))]);
    }
  }
  return [...said.map((words) => words.join(" ")), "end"].join("\n");
}

export function serve(name, dtypes, dialect, features, step) {
  const keys = `name=${name} language=javascript dialect=${dialect}`;
  const hello = `hello 1 ${keys} dtypes=${dtypes} features=${features}`;
  const refused = (error) => { // in the port's own words
    const known = /^(unsupported|rejected) /.test(error.message);
    return known ? error.message : `error ${String(error).replace(/\s+/g, " ")}`;
  };
  let lines = [];
  createInterface({ input: process.stdin }).on("line", (line) => {
    const words = line.split(" ");
    if (words[0] === "quit") process.exit();
    else if (words[0] === "hello") console.log(hello);
    else if (words[0] !== "end") lines.push(words);
    else {
      try {
        console.log(answer(lines, [...dtypes, ...features], step));
      } catch (error) {
        console.log(refused(error));
      }
      lines = [];
    }
  });
}
