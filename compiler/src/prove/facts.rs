//! What is counted of a sampler: evaluations, draws, buffers, and what it claims.

use samp_lang::ast::ClaimKind;

use super::OrderFacts;
use super::conditions::{Bench, Condition, Options, item};
use crate::arith::trace::{NodeKind, Tape};
use crate::hir::{Family, Hir, ItemId};
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::{Machine, Value};
use crate::pass;

/// Facts of a sampler with its default options.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Facts {
    /// Its order: claimed, of the formula, as run.
    pub order: OrderFacts,
    /// The weak order that it claims.
    pub weak_order: Option<i64>,
    /// Evaluations of the network in a step in the middle of a run.
    pub evals: usize,
    /// Evaluations in a run of ten steps.
    pub evals_of_ten: usize,
    /// Draws in a step in the middle of a run.
    pub draws: usize,
    /// Latent-sized buffers alive between steps, the sample counted.
    pub buffers: u32,
    /// The families that it claims.
    pub families: Vec<&'static str>,
    /// It is only consistent.
    pub approximate: bool,
    /// Whether its tensors are what they are named as.
    pub signature: Option<super::Signature>,
    /// How mean and variance of its results fall to those of the data, for stochastic rules.
    pub moments: Option<super::Moments>,
}

/// Steps of the run that is counted.
pub(super) const STEPS: usize = 10;

/// Counts what a run of ten steps costs.
pub(super) fn of(
    bench: &Bench<'_>,
    hir: &Hir,
    id: ItemId,
    code: ItemRef,
    rules: &RulesCode,
    order: OrderFacts,
) -> Option<Facts> {
    let options = bench.draws(hir, id).into_iter().next()?;
    let weak_order = claim_of(bench, code, rules, options.clone(), ClaimKind::WeakOrder);
    let family = rules.only.first().copied().unwrap_or(Family::Vp);
    let tape = bench.run(code, rules, options, Condition { family, steps: STEPS, to_clean: true }).ok()?;
    let draws = draws_by_step(&tape);
    let mut tape = tape;
    let calls_by_step = calls_by_step(&tape);
    pass::run_all(&mut tape);
    let middle = STEPS / 2;
    let families = match &rules.only[..] {
        [] => Family::ALL.iter().map(|(_, word)| *word).collect(),
        only => only.iter().map(|family| family.name()).collect(),
    };
    Some(Facts {
        order,
        weak_order: weak_order.map(|(order, _)| order),
        evals: calls_by_step[middle],
        evals_of_ten: tape.batches.iter().map(|batch| batch.branches.len()).sum(),
        draws: draws[middle],
        buffers: crate::plan::rest_buffers(&tape),
        families,
        approximate: rules.approximate,
        signature: None,
        moments: None,
    })
}

/// Evaluations that are asked for in each step.
pub(super) fn calls_by_step(tape: &Tape) -> Vec<usize> {
    let mut before = 0;
    tape.step_calls
        .iter()
        .map(|done| {
            let in_step = done - before;
            before = *done;
            in_step
        })
        .collect()
}

/// Draws whose factor is not zero, by the step whose result reads them first.
pub(super) fn draws_by_step(tape: &Tape) -> Vec<usize> {
    let mut counts = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for x in &tape.steps {
        let mut work = vec![*x];
        let before = seen.len();
        let mut draws = 0;
        while let Some(node) = work.pop() {
            if !seen.insert(node) {
                continue;
            }
            match &tape.nodes[node] {
                NodeKind::Noise(_) => draws += 1,
                NodeKind::Linear { terms, .. } => work.extend(terms.iter().map(|(_, term)| *term)),
                NodeKind::Network(call) => work.push(tape.calls[*call as usize].input),
                NodeKind::Apply { args, .. } => work.extend(args.iter().filter_map(|arg| match arg {
                    crate::arith::Operand::Tensor(node) => Some(*node),
                    crate::arith::Operand::Scalar(_) => None,
                })),
                NodeKind::Start | NodeKind::Input(_) | NodeKind::Output { .. } => {}
            }
        }
        debug_assert!(seen.len() >= before);
        counts.push(draws);
    }
    counts
}

/// The first claim of a kind whose condition holds, and its line; an option named `order` without a claim is its own.
pub(super) fn claim_of(
    bench: &Bench<'_>,
    code: ItemRef,
    rules: &RulesCode,
    options: Options,
    kind: ClaimKind,
) -> Option<(i64, Option<usize>)> {
    let mut machine = Machine::new(bench.program, Tape::default());
    let sampler = item(code, options, bench.program);
    for (line, (known, value, when)) in rules.claims.iter().enumerate() {
        if *known != kind {
            continue;
        }
        let holds = match when {
            None => true,
            Some(when) => matches!(machine.of_item(&sampler, *when), Ok(Value::Bool(true))),
        };
        if holds {
            return match machine.of_item(&sampler, *value) {
                Ok(Value::Int(value)) => Some((value, Some(line))),
                _ => None,
            };
        }
    }
    let claimed = rules.claims.iter().any(|(known, ..)| *known == ClaimKind::Order);
    let own = bench.program.items[code].options.iter().position(|option| &**option == "order");
    match (kind, claimed, own) {
        (ClaimKind::Order, false, Some(at)) => match machine.option(&sampler, at) {
            Ok(Value::Int(order)) => Some((order, None)),
            _ => None,
        },
        _ => None,
    }
}
