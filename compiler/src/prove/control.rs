//! Whether the `control` of an adaptive sampler can come to an end.
//!
//! It is asked about the errors that a run may meet, several times in a row each, since it may remember: a step
//! without any error must count, a rejected step must be made shorter, and every length must be a positive number.
//! One step is tried as well, on every family, so that a mistake in an `estimate` is found before a run.

use samp_lang::diag::{Code, Diagnostic};

use super::conditions::{Bench, Condition, is_fault, item, levels};
use crate::arith::trace::NodeKind;
use crate::hir::{Family, Hir, ItemId};
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::Result;
use crate::machine::adaptive::Verdict;

/// Errors in units of what is tolerated.
const ERRORS: [f64; 9] = [0.0, 1e-6, 0.01, 0.3, 0.99, 1.01, 3.0, 100.0, 1e6];

/// Step lengths.
const LENGTHS: [f64; 3] = [1e-3, 0.1, 2.0];

/// How often in a row an error is told.
const IN_A_ROW: usize = 6;

/// What is wrong with the control of a sampler.
pub(super) fn of(bench: &Bench<'_>, hir: &Hir, id: ItemId, code: ItemRef, rules: &RulesCode) -> Vec<Diagnostic> {
    if rules.adaptive.is_none() {
        return Vec::new();
    }
    let families = Family::ALL.iter().map(|(family, _)| *family);
    let claimed = families.filter(|family| rules.only.is_empty() || rules.only.contains(family));
    for family in claimed {
        for options in bench.draws(hir, id) {
            let tried = attempt(bench, code, rules, &options, family);
            if let Err(error) = tried.and_then(|()| lengths(bench, code, &options, family))
                && is_fault(&error)
            {
                return vec![*error];
            }
        }
    }
    Vec::new()
}

/// Tries one step.
fn attempt(
    bench: &Bench<'_>,
    code: ItemRef,
    rules: &RulesCode,
    options: &super::conditions::Options,
    family: Family,
) -> Result<()> {
    let mut machine = bench.machine_for(rules, family)?;
    let sampler = item(code, options.clone(), bench.program);
    let path = levels(Condition { family, steps: 2, to_clean: false });
    let start = machine.arith.nodes.push(NodeKind::Start);
    machine.attempt(&sampler, start, &path[..2], &path[2])?;
    Ok(())
}

/// Asks about every error and length.
fn lengths(bench: &Bench<'_>, code: ItemRef, options: &super::conditions::Options, family: Family) -> Result<()> {
    for length in LENGTHS {
        for error in ERRORS {
            let mut machine = bench.machine(bench.schedule_of(family))?;
            let sampler = item(code, options.clone(), bench.program);
            let mut h = length;
            for _ in 0..IN_A_ROW {
                let before = machine.memory();
                let verdict = machine.judge(&sampler, h, error, before)?;
                refuse(verdict, h, error)?;
                h = verdict.next;
            }
        }
    }
    Ok(())
}

fn refuse(Verdict { site, accepted, next }: Verdict, h: f64, e: f64) -> Result<()> {
    let (message, help) = if !next.is_finite() || next <= 0.0 {
        ("`control` gives a length that no step can have", "keep it positive: `max(e, 1e-8)` under a power or quotient")
    } else if !accepted && e == 0.0 {
        ("`control` rejects a step without any error", "write `accept e <= 1`")
    } else if !accepted && next >= h {
        ("`control` rejects a step and does not make it shorter", "give a length below `h` where a step is rejected")
    } else {
        return Ok(());
    };
    let message = format!("{message}: {next} for h = {h} and e = {e}");
    Err(Box::new(Diagnostic::new(Code::E0511, site, message).help(help)))
}
