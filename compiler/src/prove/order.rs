//! The order of accuracy of a sampler: claimed, of its formula, and as run.
//!
//! The order of the formula is read off power series (see [`formula`]), without fitting anything: it is a proof that a
//! claim is too high, and as good as one that it is not. The order as run is measured beside it on real runs (see
//! [`runs`]): warm-up and last steps cap it. A claim above the formula is an error; a formula above the claim is a note.
//! Stochastic draws of the options have no order in this sense, and rules that claim none are not looked at.

pub(super) mod draws;
mod formula;
mod runs;

use samp_lang::ast::ClaimKind;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::conditions::Bench;
use super::facts;
use crate::hir::{Family, Hir, ItemBody, ItemId};
use crate::ir::program::{ItemRef, RulesCode};
use draws::Draw;
use formula::{Formula, Order, Undecided};

pub use runs::{AsRun, Limit};

/// What is known of a sampler's order, with its default options or, where they draw noise, the first that do not.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct OrderFacts {
    /// The order that it claims.
    pub claimed: Option<i64>,
    /// The order of its formula, with an exact past on unequal steps; nothing if that is not decided.
    pub formula: Option<i64>,
    /// The order of whole runs.
    pub as_run: Option<AsRun>,
    /// What is not decided, and why; what is higher than claimed.
    pub notes: Vec<String>,
}

/// A claim under one draw of the options.
struct Claimed<'d> {
    draw: &'d Draw,
    order: i64,
    /// The line of the claim; none if an option is its own claim.
    line: Option<usize>,
}

/// The order of the formula with these options, on every family that the rule claims.
pub(super) fn measured(
    bench: &Bench<'_>,
    code: ItemRef,
    rules: &RulesCode,
    options: super::conditions::Options,
) -> Result<i64, String> {
    let draw = Draw { options, words: String::new() };
    let mut formula = Formula::new(bench, code, rules);
    let orders = families(rules).into_iter().map(|family| formula.order(&draw, family));
    let orders: Vec<Order> = orders.collect::<Result<_, _>>().map_err(|why| why.to_string())?;
    match orders.into_iter().min_by_key(|order| (order.order, !order.exact)) {
        Some(Order { order, exact: true, .. }) => Ok(order),
        Some(Order { order, .. }) if order < i64::from(i32::MAX) => Err(format!("it is {order} or more")),
        Some(_) | None => Err("its error is zero on every problem".to_owned()),
    }
}

/// Proves or refutes every claim of order.
pub(super) fn of(
    bench: &Bench<'_>,
    hir: &Hir,
    id: ItemId,
    code: ItemRef,
    rules: &RulesCode,
) -> (OrderFacts, Vec<Diagnostic>) {
    let mut facts = OrderFacts::default();
    let mut found = Vec::new();
    let mut skipped = Vec::new();
    let mut formula = Formula::new(bench, code, rules);
    let families = families(rules);
    for draw in &draws::of(bench, hir, id, code) {
        let claim = facts::claim_of(bench, code, rules, draw.options.clone(), ClaimKind::Order);
        let Some((order, line)) = claim else { continue };
        let claimed = Claimed { draw, order, line };
        let first = facts.claimed.is_none();
        // The first draw is run on every family, the others on one.
        let families = if first { &families[..] } else { &families[..1] };
        let measured = lowest(&mut formula, &claimed, families, &mut facts.notes);
        let (lowest, family) = match measured {
            Ok(lowest) => lowest,
            Err(Undecided::NotRun(why)) => {
                skipped.push((order, why));
                continue;
            }
            Err(Undecided::Unknown(why)) => {
                facts.notes.push(format!("not decided{}: {why}", with(draw, families[0])));
                if first {
                    facts.claimed = Some(order);
                    facts.as_run = runs::of(bench, code, draw, families[0]);
                    found.extend(facts.as_run.and_then(|run| diverges(hir, id, &claimed, run)));
                }
                continue;
            }
        };
        let decided = lowest.order >= order || lowest.exact;
        if lowest.order < order && decided {
            found.push(refused(hir, id, &claimed, &lowest, &with(draw, family)));
        } else if !decided {
            let known = format!("known to be {} or more, {order} is claimed", lowest.order);
            facts.notes.push(format!("not decided{}: {known}", with(draw, family)));
        } else if lowest.exact && lowest.order > order {
            facts.notes.push(format!(
                "order {order} is claimed, the formula is of order {}{}",
                lowest.order,
                with(draw, family)
            ));
        }
        if first {
            facts.claimed = Some(order);
            facts.formula = decided.then_some(lowest.order);
            let limit = formula.limit(draw, families[0]);
            facts.as_run = runs::of(bench, code, draw, families[0]).map(|run| AsRun { limit, ..run });
            if found.is_empty() {
                found.extend(facts.as_run.and_then(|run| diverges(hir, id, &claimed, run)));
            }
        }
    }
    if let (None, Some((order, why))) = (facts.claimed, skipped.first()) {
        facts.claimed = Some(*order);
        facts.notes.push(format!("not decided: {why}"));
    }
    (facts, found)
}

/// The lowest order on these families, and where it was found.
fn lowest(
    formula: &mut Formula<'_, '_>,
    claimed: &Claimed<'_>,
    families: &[Family],
    notes: &mut Vec<String>,
) -> Result<(Order, Family), Undecided> {
    let mut lowest: Option<(Order, Family)> = None;
    let mut undecided = None;
    for family in families {
        match formula.order(claimed.draw, *family) {
            Ok(order) => match lowest {
                Some((known, _)) if known.order <= order.order => {}
                _ => lowest = Some((order, *family)),
            },
            Err(why) => undecided = Some((why, *family)),
        }
    }
    match (lowest, undecided) {
        (Some(lowest), None) => Ok(lowest),
        (Some(lowest), Some((why, family))) => {
            notes.push(format!("not decided{}: {why}", with(claimed.draw, family)));
            Ok(lowest)
        }
        (None, Some((why, _))) => Err(why),
        (None, None) => Err(Undecided::NotRun("there is no family of schedules to run it on")),
    }
}

fn families(rules: &RulesCode) -> Vec<Family> {
    match &rules.only[..] {
        [] => Family::ALL.map(|(family, _)| family).to_vec(),
        only => only.to_vec(),
    }
}

/// Where something was found, in words.
fn with(draw: &Draw, family: Family) -> String {
    let options = if draw.words.is_empty() { String::new() } else { format!(" with `{}`", draw.words) };
    format!(" on `{}`{options}", family.name())
}

fn refused(hir: &Hir, id: ItemId, claimed: &Claimed<'_>, order: &Order, with: &str) -> Diagnostic {
    let message = format!("expected a formula of order {}, found one of order {}{with}", claimed.order, order.order);
    let power = order.order + 1;
    let cause = if order.of_weights {
        "where the prediction changes with lambda alone one step is off by"
    } else {
        "the weights are right where the prediction changes with lambda alone, and an inner stage is not: one step is off by"
    };
    let mend = if order.of_weights {
        "look at weights and distances of the predictions"
    } else {
        "look at the levels and samples of its model calls"
    };
    let help = format!("{cause} h^{power}, not h^{}; {mend}, or claim `order {}`", claimed.order + 1, order.order);
    Diagnostic::new(Code::E0421, place(hir, id, claimed.line), message).label("claimed here").help(help)
}

/// Runs of a rule of any order come nearer with every halving of the steps.
const LEAST_SLOPE: f64 = 0.5;

/// Refuses a rule whose runs do not come nearer: its steps may be right, and what it carries along grows.
fn diverges(hir: &Hir, id: ItemId, claimed: &Claimed<'_>, run: AsRun) -> Option<Diagnostic> {
    let meshes = [(run.smooth, "smooth"), (run.rough, "rough")];
    let (slope, mesh) =
        meshes.into_iter().find_map(|(slope, mesh)| Some((slope?, mesh)).filter(|(slope, _)| *slope < LEAST_SLOPE))?;
    let order = claimed.order;
    let (how, help) = if slope <= -runs::STEEPEST {
        (
            format!("runs of short steps end in no number on {mesh} grids"),
            "short steps make zero of a difference that is divided by: write it with `expm1` or `phi`, or as a case",
        )
    } else {
        (
            format!("runs do not converge: their error falls at order {slope:.2} on {mesh} grids"),
            "what is carried from step to step grows, or the grid decides of its size: see the weights of the past, which must sum to 1",
        )
    };
    let message = format!("order {order} is claimed, and {how}");
    Some(Diagnostic::new(Code::E0421, place(hir, id, claimed.line), message).label("claimed here").help(help))
}

/// Where the claim stands: its line, or the option that is its own claim.
fn place(hir: &Hir, id: ItemId, line: Option<usize>) -> Span {
    let item = &hir.items[id];
    let ItemBody::Rules(rules) = &item.body else { return item.span };
    match line.and_then(|line| rules.claims.get(line)) {
        Some(claim) => claim.value.span,
        None => {
            let own = item
                .options
                .iter()
                .map(|option| &item.frame.locals[option.local])
                .find(|local| &*local.name == "order");
            own.map_or(item.span, |local| local.span)
        }
    }
}
