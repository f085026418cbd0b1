//! Judges `radam_step` by every case of the tables:  cargo test
use radam_step::radam_step;
use std::collections::BTreeMap;

/// The rows of a table without their first column, the id, by which they are gathered.
fn table(name: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let file = format!("{}/../{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut rows = BTreeMap::<String, Vec<Vec<String>>>::new();
    for line in std::fs::read_to_string(file).expect(name).lines().skip(1) {
        let (id, rest) = line.split_once(',').unwrap();
        rows.entry(id.into()).or_default().push(rest.split(',').map(String::from).collect());
    }
    rows
}

fn number(bits: &str) -> f64 {
    let word = u64::from_str_radix(bits, 16).unwrap();
    if bits.len() == 16 { f64::from_bits(word) } else { f32::from_bits(word as u32).into() }
}

#[test]
fn every_case() {
    let [hyper, x0, gradients, expected] = ["hyper", "x0", "gradients", "expected"].map(table);
    let cases = table("cases");
    let mut failures = Vec::new();
    for (id, case) in &cases {
        let is_float32 = case[0][0] == "float32";
        let h = hyper[id].iter().map(|row| (row[0].clone(), number(&row[1]))).collect();
        let g: Vec<f64> = gradients[id].iter().map(|row| number(&row[2])).collect();
        let mut x: Vec<f64> = x0[id].iter().map(|row| number(&row[1])).collect();
        let (n, mut t, mut m, mut v) = (x.len(), 0, vec![0.0; x.len()], vec![0.0; x.len()]);
        for row in &expected[id] {
            let [step, j] = [0, 1].map(|k| row[k].parse::<usize>().unwrap());
            while t < step {
                let k = t * n % g.len();
                t += 1;
                radam_step(t, &g[k..k + n], &mut x, &mut m, &mut v, &h, is_float32).expect(id);
            }
            let [hi, lo, bound] = [2, 3, 4].map(|k| number(&row[k]));
            let error = (x[j] - hi - lo).abs();
            if !(error <= bound) { // NaN is no less
                let what = format!("step {t}, element {j} is {:?}, not {hi:?}", x[j]);
                failures.push(format!("not ok {id}: {what}: {:.2e} times the bound", error / bound));
                break;
            }
        }
    }
    let summary = format!("{} of {} cases fail", failures.len(), cases.len());
    println!("{summary}");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
