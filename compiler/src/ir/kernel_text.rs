//! The text form of a kernel: printing and parsing.
//!
//! ```text
//! kernel step_0 (loads 2, scalars 2, noises 0) {
//!   v0 = load 0
//!   v1 = scalar 0
//!   v2 = mul v0 v1
//!   v3 = load 1
//!   v4 = scalar 1
//!   v5 = fma v4 v3 v2
//!   store 0 v5
//! }
//! ```
//!
//! A kernel that reads cells says how many after its noises, `(.., noises 0, cells 1)`, and reads one with `v6 = cell 0`;
//! after the stores stand reductions, `reduce 0 mean v5`, `reduce 1 quantile 0.995 v5`.
//!
//! One statement a line; blank lines and lines that start with `//` are skipped. Values
//! and stores are numbered in order from 0. What `Display` prints, [`parse_kernel`] reads
//! back as an equal kernel. The parser never panics, and leaves meaning (is `v9` defined?)
//! to the verifier.

use std::fmt;

use cranelift_entity::EntityRef;

use super::entities::Value;
use super::kernel::{Args, Inst, Kernel, KernelKey, Reduce};
use super::op::{Op, Reduction};

/// A line that is not kernel text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}

/// The kernel that `text` describes: exactly one, unverified.
///
/// # Errors
///
/// The first line that does not parse.
pub fn parse_kernel(text: &str) -> Result<Kernel, TextError> {
    let mut lines = Lines::new(text);
    let kernel = parse_one(&mut lines)?;
    match lines.next() {
        None => Ok(kernel),
        Some(line) => Err(line.error(format!("expected the end, found `{}`", line.text))),
    }
}

impl Kernel {
    /// What the kernel computes, without its name.
    pub fn key(&self) -> KernelKey {
        KernelKey(Body(self).to_string())
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {} {}", self.name, Body(self))
    }
}

/// A kernel without its name.
struct Body<'a>(&'a Kernel);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kernel { n_loads, n_scalars, n_noises, n_cells, insts, stores, reduces, .. } = self.0;
        write!(f, "(loads {n_loads}, scalars {n_scalars}, noises {n_noises}")?;
        if *n_cells > 0 {
            write!(f, ", cells {n_cells}")?;
        }
        writeln!(f, ") {{")?;
        for (value, inst) in insts {
            writeln!(f, "  {value} = {inst}")?;
        }
        for (slot, value) in stores.iter().enumerate() {
            writeln!(f, "  store {slot} {value}")?;
        }
        for (slot, Reduce { how, value }) in reduces.iter().enumerate() {
            writeln!(f, "  reduce {slot} {how} {value}")?;
        }
        writeln!(f, "}}")
    }
}

impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inst::Load(slot) => write!(f, "load {slot}"),
            Inst::Scalar(slot) => write!(f, "scalar {slot}"),
            Inst::Noise(slot) => write!(f, "noise {slot}"),
            Inst::Cell(slot) => write!(f, "cell {slot}"),
            // Debug prints the shortest text that reads back as the same number.
            Inst::Const(number) => write!(f, "const {number:?}"),
            Inst::Apply { op, args } => {
                f.write_str(op.name())?;
                args.as_slice().iter().try_for_each(|arg| write!(f, " {arg}"))
            }
        }
    }
}

fn parse_one(lines: &mut Lines<'_>) -> Result<Kernel, TextError> {
    let head = lines.expect("`kernel`")?;
    let mut kernel = parse_head(&head)?;
    loop {
        let line = lines.expect("`}`")?;
        let words: Vec<&str> = line.text.split_whitespace().collect();
        match words.as_slice() {
            ["}"] => return Ok(kernel),
            ["store", slot, value] => {
                line.expect_number(slot, kernel.stores.len())?;
                kernel.stores.push(parse_value(&line, value)?);
            }
            ["reduce", slot, how @ .., value] => {
                line.expect_number(slot, kernel.reduces.len())?;
                let how = parse_reduction(&line, how)?;
                kernel.reduces.push(Reduce { how, value: parse_value(&line, value)? });
            }
            [value, "=", inst @ ..] => {
                let expected = kernel.insts.next_key();
                if parse_value(&line, value)? != expected {
                    return Err(line.error(format!("expected `{expected} = ..`, found `{value}`")));
                }
                if kernel.insts.len() == MAX_INSTS {
                    return Err(line.error(format!("expected at most {MAX_INSTS} values")));
                }
                kernel.insts.push(parse_inst(&line, inst)?);
            }
            _ => {
                let text = line.text;
                return Err(line.error(format!("expected `v.. = ..`, `store ..` or `}}`, found `{text}`")));
            }
        }
    }
}

/// Keeps the parser's memory in proportion; far above what the verifier accepts.
const MAX_INSTS: usize = 1 << 20;

/// `kernel name (loads 1, scalars 2, noises 0) {`
fn parse_head(line: &Line<'_>) -> Result<Kernel, TextError> {
    let form = || {
        let text = line.text;
        line.error(format!("expected `kernel name (loads 0, scalars 0, noises 0) {{`, found `{text}`"))
    };
    let rest = line.text.strip_prefix("kernel ").ok_or_else(form)?;
    let (name, rest) = rest.split_once('(').ok_or_else(form)?;
    let (counts, rest) = rest.split_once(')').ok_or_else(form)?;
    let counts: Vec<&str> = counts.split(',').collect();
    let (loads, scalars, noises, cells) = match *counts.as_slice() {
        [loads, scalars, noises] => (loads, scalars, noises, None),
        [loads, scalars, noises, cells] => (loads, scalars, noises, Some(cells)),
        _ => return Err(form()),
    };
    if rest.trim() != "{" || name.trim().is_empty() {
        return Err(form());
    }
    let mut kernel = Kernel::new(name.trim());
    kernel.n_loads = parse_count(line, loads, "loads")?;
    kernel.n_scalars = parse_count(line, scalars, "scalars")?;
    kernel.n_noises = parse_count(line, noises, "noises")?;
    kernel.n_cells = cells.map_or(Ok(0), |cells| parse_count(line, cells, "cells"))?;
    Ok(kernel)
}

/// `loads 3`
fn parse_count(line: &Line<'_>, text: &str, word: &str) -> Result<u32, TextError> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [first, number] if *first == word => line.number(number),
        _ => Err(line.error(format!("expected `{word} ..`, found `{}`", text.trim()))),
    }
}

/// What stands right of `=`.
fn parse_inst(line: &Line<'_>, words: &[&str]) -> Result<Inst, TextError> {
    match *words {
        ["load", slot] => Ok(Inst::Load(line.number(slot)?)),
        ["scalar", slot] => Ok(Inst::Scalar(line.number(slot)?)),
        ["noise", slot] => Ok(Inst::Noise(line.number(slot)?)),
        ["cell", slot] => Ok(Inst::Cell(line.number(slot)?)),
        ["const", number] => match number.parse() {
            Ok(number) => Ok(Inst::Const(number)),
            Err(_) => Err(line.error(format!("expected a number, found `{number}`"))),
        },
        [name, ref args @ ..] => parse_apply(line, name, args),
        [] => Err(line.error("expected an instruction after `=`".to_owned())),
    }
}

/// `mean`, `max` or `quantile 0.5`
fn parse_reduction(line: &Line<'_>, words: &[&str]) -> Result<Reduction, TextError> {
    match *words {
        ["mean"] => Ok(Reduction::Mean),
        ["max"] => Ok(Reduction::Max),
        ["quantile", share] => match share.parse() {
            Ok(share) => Ok(Reduction::Quantile(share)),
            Err(_) => Err(line.error(format!("expected a number, found `{share}`"))),
        },
        _ => Err(line.error(format!("expected `mean`, `max` or `quantile ..`, found `{}`", words.join(" ")))),
    }
}

fn parse_apply(line: &Line<'_>, name: &str, args: &[&str]) -> Result<Inst, TextError> {
    let op = Op::from_name(name).ok_or_else(|| line.error(format!("expected an operation, found `{name}`")))?;
    let args: Vec<Value> = args.iter().map(|arg| parse_value(line, arg)).collect::<Result<_, _>>()?;
    match Args::from_slice(&args) {
        Some(args) if args.as_slice().len() == op.arity() => Ok(Inst::Apply { op, args }),
        _ => {
            let (n, found) = (op.arity(), args.len());
            Err(line.error(format!("expected {n} operands of `{name}`, found {found}")))
        }
    }
}

/// `v3`
fn parse_value(line: &Line<'_>, word: &str) -> Result<Value, TextError> {
    let index = word.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok());
    match index {
        // The last number is no index: `PrimaryMap` keeps it for itself.
        Some(index) if index < u32::MAX => Ok(Value::new(index as usize)),
        _ => Err(line.error(format!("expected a value like `v3`, found `{word}`"))),
    }
}

/// The lines that say something.
struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
    /// The number of the last line seen.
    last: usize,
}

struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        Lines { rest: text.lines().enumerate(), last: 0 }
    }

    fn expect(&mut self, what: &str) -> Result<Line<'a>, TextError> {
        let line = self.next();
        line.ok_or_else(|| TextError {
            line: self.last.max(1),
            message: format!("expected {what}, found the end of the text"),
        })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        for (index, text) in self.rest.by_ref() {
            self.last = index + 1;
            let text = text.trim();
            if !text.is_empty() && !text.starts_with("//") {
                return Some(Line { number: self.last, text });
            }
        }
        None
    }
}

impl Line<'_> {
    fn error(&self, message: String) -> TextError {
        TextError { line: self.number, message }
    }

    fn number(&self, word: &str) -> Result<u32, TextError> {
        word.parse().map_err(|_| self.error(format!("expected a count, found `{word}`")))
    }

    fn expect_number(&self, word: &str, expected: usize) -> Result<(), TextError> {
        if self.number(word)? as usize == expected {
            return Ok(());
        }
        Err(self.error(format!("expected number {expected}, found `{word}`")))
    }
}
