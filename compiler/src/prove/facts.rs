//! Facts of a sampler: what it claims, and what was proved and counted.

use std::sync::Arc;

use samp_lang::ast::ClaimKind;

use super::OrderFacts;
use super::conditions::{Bench, Options, item};
use super::counts::{self, Counts, PerStep, State};
use super::forms::Subject;
use crate::arith::trace::Tape;
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::{ItemValue, Machine, Value};

/// Facts of a sampler with its default options.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Facts {
    /// Its order: claimed, of the formula, as run.
    pub order: OrderFacts,
    /// The weak order that it claims.
    pub weak_order: Option<i64>,
    /// Whether its tensors are what they are named as.
    pub signature: Option<super::Signature>,
    /// Evaluations of the network.
    pub evals: PerStep,
    /// Draws whose factor is not zero.
    pub draws: PerStep,
    /// Latent-sized buffers.
    pub state: State,
    /// The families that it claims.
    pub families: Vec<&'static str>,
    /// It is only consistent.
    pub approximate: bool,
    /// Its casts, with their reasons, and its model calls at other levels.
    pub departures: Vec<String>,
    /// Whether all numbers of its steps are finite.
    pub finite: Option<super::Finite>,
    /// How mean and variance of its results fall to those of the data, for stochastic rules.
    #[serde(skip)]
    pub moments: Option<super::Moments>,
}

/// Gathers what runs show of a sampler with its default options.
pub(super) fn of(bench: &Bench<'_>, subject: Subject<'_>, order: OrderFacts) -> Option<Facts> {
    let options = bench.draws(subject.hir, subject.id).into_iter().next()?;
    let Counts { evals, draws, state } = counts::of(bench, subject.code, subject.rules, &options).ok()?;
    let weak_order = claim_of(bench, subject.code, subject.rules, options, ClaimKind::WeakOrder);
    Some(Facts {
        order,
        weak_order: weak_order.map(|(order, _)| order),
        signature: None,
        finite: None,
        evals,
        draws,
        state,
        families: subject.families().iter().map(|family| family.name()).collect(),
        approximate: subject.rules.approximate,
        departures: super::departures::of(bench.program, subject.rules.run),
        moments: None,
    })
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
    claim_here(&mut machine, &item(code, options, bench.program), rules, kind)
}

/// The same where the machine stands: a claim may read the step and the grid.
pub(super) fn claim_here(
    machine: &mut Machine<'_, Tape>,
    sampler: &Arc<ItemValue<Tape>>,
    rules: &RulesCode,
    kind: ClaimKind,
) -> Option<(i64, Option<usize>)> {
    for (line, (known, value, when)) in rules.claims.iter().enumerate() {
        if *known != kind {
            continue;
        }
        let holds = match when {
            None => true,
            Some(when) => matches!(machine.of_item(sampler, *when), Ok(Value::Bool(true))),
        };
        if holds {
            return match machine.of_item(sampler, *value) {
                Ok(Value::Int(value)) => Some((value, Some(line))),
                _ => None,
            };
        }
    }
    let claimed = rules.claims.iter().any(|(known, ..)| *known == ClaimKind::Order);
    let own = machine.program.items[sampler.item].options.iter().position(|option| &**option == "order");
    match (kind, claimed, own) {
        (ClaimKind::Order, false, Some(at)) => match machine.option(sampler, at) {
            Ok(Value::Int(order)) => Some((order, None)),
            _ => None,
        },
        _ => None,
    }
}
