//! Protocol 1 of radam-conformance: it reads cases from stdin, calls the step for each step and
//! tensor, and answers on stdout. Nothing to change here: the file that has it as a module is yours.
use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, Write};

pub type Hyper = HashMap<String, f64>; // flags are 0.0 or 1.0
pub type Step = fn(
    usize, &[f64], &mut [f64], &mut [f64], &mut [f64], &Hyper, bool,
) -> Result<(), String>;
struct Tensor { t: usize, group: usize, x: Vec<f64>, m: Vec<f64>, v: Vec<f64> }

fn number(hex: &&str) -> f64 { // 16 digits are a binary64, 8 a binary32, 1 is a flag
    let bits = u64::from_str_radix(hex, 16).expect("hexadecimal digits");
    match hex.len() {
        16 => f64::from_bits(bits),
        8 => f32::from_bits(bits as u32).into(),
        _ => bits as f64,
    }
}
fn numbers(words: &[&str]) -> Vec<f64> { words.iter().map(number).collect() }
fn to_hex(value: f64, is_float32: bool) -> String {
    if is_float32 { format!(" {:08x}", (value as f32).to_bits()) }
    else { format!(" {:016x}", value.to_bits()) }
}

fn answer(lines: &[String], hello: &str, step: Step) -> Result<String, String> { // to a case
    let offered: Vec<&str> = hello.split([' ', '=', ',']).collect();
    let (mut is_float32, mut steps, mut observe) = (false, 0, HashSet::new());
    let (mut tensors, mut gradients, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = |k: usize| words[k].parse::<usize>().expect("a count");
        let needed = match words[0] { "run" => &words[2..3], "need" => &words[1..], _ => &[] };
        if let Some(lacks) = needed.iter().find(|word| !offered.contains(word)) {
            return Err(format!("unsupported {lacks}"));
        }
        match words[0] {
            "run" => (is_float32, steps) = (words[2] == "float32", at(3)),
            "hyper" => changes.push((at(1), at(2), words[3].to_string(), number(&words[4]))),
            "x" => {
                let (x, zeros) = (numbers(&words[4..]), vec![0.0; words.len() - 4]);
                tensors.push(Tensor { t: 0, group: at(2), x, m: zeros.clone(), v: zeros });
            }
            "state" => tensors.iter_mut().for_each(|p| p.t = at(1)),
            "m" => tensors[at(1)].m = numbers(&words[2..]),
            "v" => tensors[at(1)].v = numbers(&words[2..]),
            "g" => gradients.push((words.last() != Some(&"none")).then(|| numbers(&words[3..]))),
            "observe" => observe = (1..words.len()).map(at).collect(),
            _ => {}
        }
    }
    let (mut hyper, mut said) = (HashMap::<usize, Hyper>::new(), String::new());
    for t in 1..=steps {
        for (_, group, name, value) in changes.iter().filter(|change| change.0 == t) {
            hyper.entry(*group).or_default().insert(name.clone(), *value);
        }
        let row = (t - 1) * tensors.len();
        for (i, p) in tensors.iter_mut().enumerate() {
            if let Some(grads) = &gradients[(row + i) % gradients.len()] {
                p.t += 1;
                step(p.t, grads, &mut p.x, &mut p.m, &mut p.v, &hyper[&p.group], is_float32)?;
            }
            for (name, values) in [('x', &p.x), ('m', &p.m), ('v', &p.v)] {
                if !observe.contains(&t) { break; }
                let words: String = values.iter().map(|y| to_hex(*y, is_float32)).collect();
                said += &format!("{name} {t} {i}{words}\n");
            }
        }
    }
    Ok(said + "end")
}

pub fn serve(hello: &str, step: Step) {
    let mut lines = Vec::new();
    for line in io::stdin().lock().lines().map(|line| line.expect("a line")) {
        match line.split(' ').next() {
            Some("quit") => return,
            Some("hello") => println!("hello 1 language=rust {hello}"),
            Some("end") => {
                println!("{}", answer(&lines, hello, step).unwrap_or_else(|refusal| refusal));
                lines.clear();
            }
            _ => lines.push(line),
        }
        io::stdout().flush().expect("an open pipe");
    }
}
