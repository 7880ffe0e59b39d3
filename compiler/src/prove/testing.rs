//! Tests of a file: claims, measured.

use std::sync::{Arc, Mutex, PoisonError};

use samp_lang::ast::BinaryOp;
use samp_lang::diag::{Code, Diagnostic};

use super::conditions::Bench;
use super::measure::{Gauge, SAME};
use crate::arith::trace::Tape;
use crate::check::Checker;
use crate::hir::{Expect, TestId};
use crate::ir::program::{Func, Program};
use crate::library::UnitId;
use crate::lower::lower_tests;
use crate::machine::{Machine, Value};

/// A test that was run.
#[derive(Clone, Debug)]
pub struct Tested {
    /// What it says it tests.
    pub name: Arc<str>,
    /// How many claims it makes.
    pub claims: usize,
    /// Claims that do not hold, or cannot be measured.
    pub diagnostics: Vec<Diagnostic>,
}

/// Runs tests that were checked without errors.
pub fn test(checker: &mut Checker<'_>, unit: UnitId, tests: &[TestId]) -> Vec<Tested> {
    let Some(standard) = super::standard(checker, unit).filter(|_| !checker.has_errors()) else { return Vec::new() };
    let (lowered, claims) = lower_tests(&checker.hir, tests, &standard);
    let bench = Bench::new(&lowered.program, &lowered.items, Vec::new());
    let run = |(test, claims): (&TestId, &Vec<Vec<Func>>)| {
        let test = &checker.hir.tests[*test];
        let diagnostics = test.expects.iter().zip(claims).filter_map(|(expect, values)| claim(&bench, expect, values));
        Tested { name: test.name.clone(), claims: test.expects.len(), diagnostics: diagnostics.collect() }
    };
    tests.iter().zip(&claims).map(run).collect()
}

/// What is wrong with a claim.
fn claim(bench: &Bench<'_>, expect: &Expect, values: &[Func]) -> Option<Diagnostic> {
    let gauge = Arc::new(Gauge { bench, notes: Mutex::default() });
    let program: &Program = bench.program;
    let mut machine = Machine::new(program, Tape::default());
    machine.gauge = Some(gauge.clone());
    let mut found = Vec::new();
    for func in values {
        match machine.evaluate(*func, expect.span) {
            Ok(value) => found.push(value),
            Err(error) => return Some(*error),
        }
    }
    let message = match (expect.op, &found[..]) {
        (None, [Value::Bool(true)]) => return None,
        (None, _) => "this does not hold".to_owned(),
        (Some(op), [left, right]) => {
            if holds(op, left, right) {
                return None;
            }
            let (left, right) = (shown(left), shown(right));
            match op {
                BinaryOp::Eq => format!("expected {right}, found {left}"),
                _ => format!("expected a value that is `{} {right}`, found {left}", op.sign()),
            }
        }
        (Some(_), _) => "this has no two sides".to_owned(),
    };
    let failed = Diagnostic::new(Code::E0601, expect.span, message);
    let notes = gauge.notes.lock().unwrap_or_else(PoisonError::into_inner);
    Some(if notes.is_empty() { failed } else { failed.help(notes.join("; ")) })
}

/// Numbers are equal if they agree to 1e-9 of the larger one or of 1, and exactly if both are whole.
fn holds(op: BinaryOp, left: &Value<Tape>, right: &Value<Tape>) -> bool {
    match (op, left, right) {
        (BinaryOp::Ne, ..) => !holds(BinaryOp::Eq, left, right),
        (BinaryOp::Eq, Value::Int(a), Value::Int(b)) => a == b,
        (BinaryOp::Eq, Value::Bool(a), Value::Bool(b)) => a == b,
        (BinaryOp::Eq, Value::Level(a), Value::Level(b)) => a.same(b),
        (BinaryOp::Eq, Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| holds(BinaryOp::Eq, a, b))
        }
        _ => match (left.number(), right.number()) {
            (Some(a), Some(b)) => match op {
                BinaryOp::Lt => a < b,
                BinaryOp::Le => a <= b,
                BinaryOp::Gt => a > b,
                BinaryOp::Ge => a >= b,
                _ => a == b || (a - b).abs() <= SAME * a.abs().max(b.abs()).max(1.0),
            },
            _ => false,
        },
    }
}

fn shown(value: &Value<Tape>) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Word(word) => format!("`{word}`"),
        Value::Level(level) => level.describe(),
        Value::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Closure(_) | Value::Item(_) | Value::Schedule(_) | Value::Tensor(_) | Value::None => "..".to_owned(),
    }
}
