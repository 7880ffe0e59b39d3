//! What is learned of items by running them.
//!
//! Each item is run by the interpreter on small problems: samplers on VP, VE and flow for a few step counts, ending at
//! clean and not, with options drawn from their ranges. What goes wrong there is reported as it would be in a real
//! run, before anybody makes one; what comes out is counted.

mod conditions;
mod control;
mod counts;
mod departures;
mod facts;
mod finite;
mod forms;
mod law;
mod measure;
mod mend;
mod metamorphic;
mod moments;
mod order;
mod signature;
mod tableaux;
mod testing;

use std::collections::HashSet;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::{SourceMap, Span};

pub use counts::{PerStep, State};
pub use facts::Facts;
pub use finite::Finite;
pub use law::{Law, law};
pub use moments::{Measured, Moments};
pub use order::{AsRun, Limit, OrderFacts};
pub use signature::Signature;
pub(crate) use tableaux::tableau_of;
pub use testing::{Tested, test};

use crate::check::Checker;
use crate::hir::{Hir, ItemId};
use crate::ir::program::{ItemBody, ItemRef, Program};
use crate::library::UnitId;
use crate::lower::{Named, lower_with};
use crate::machine::RunConfig;
use crate::types::ItemSort;
use conditions::{Bench, STANDARD};
use forms::{Forms, Subject};

/// What was learned of an item.
#[derive(Debug)]
pub struct Report {
    /// The item.
    pub item: ItemId,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// What was counted, for samplers that run.
    pub facts: Option<Facts>,
}

/// Runs items that were checked without errors.
pub fn prove(checker: &mut Checker<'_>, unit: UnitId, items: &[ItemId]) -> Vec<Report> {
    let mut all = items.to_vec();
    let Some(standard) = standard(checker, unit) else { return Vec::new() };
    all.extend(&standard);
    if checker.has_errors() {
        return Vec::new();
    }
    let tableaux = tableaux::named(checker, unit, items);
    let values: Vec<Named> = tableaux.iter().map(|(_, value)| *value).collect();
    let lowered = lower_with(&checker.hir, &all, &values);
    let (own, rest) = lowered.items.split_at(items.len());
    let tableaux = tableaux.iter().zip(&lowered.values).map(|((name, value), func)| (name.clone(), *value, *func));
    let bench = Bench::new(&lowered.program, rest, tableaux.collect());
    let forms = Forms::new(&bench);
    let mut seen = HashSet::new();
    let context = Context { hir: &checker.hir, sources: &checker.lib.sources, forms: &forms };
    items.iter().zip(own).map(|(item, code)| report(&context, *item, *code, &mut seen)).collect()
}

/// The items that others are run with.
fn standard(checker: &mut Checker<'_>, unit: UnitId) -> Option<Vec<ItemId>> {
    // Named as in a file of the library: an item of the user with the same name is another one.
    let home = checker.lib.std("prelude.samp").unwrap_or(unit);
    STANDARD.iter().map(|(sort, name)| checker.named_item(home, *sort, name)).collect()
}

/// What was reported: a code, its place, and the item if the place lies in another file than the item.
type Seen = HashSet<(Code, Span, Option<Span>)>;

/// What every proof looks at.
struct Context<'c> {
    hir: &'c Hir,
    sources: &'c SourceMap,
    forms: &'c Forms<'c, 'c>,
}

fn report(context: &Context<'_>, item: ItemId, code: ItemRef, seen: &mut Seen) -> Report {
    let Context { hir, sources, forms } = *context;
    let bench = forms.bench;
    let program = bench.program;
    let span = hir.items[item].span;
    let mut found = Vec::new();
    let mut facts = None;
    match (hir.items[item].sort, &program.items[code].body) {
        (ItemSort::Schedule, _) => found = bench.schedule(code),
        (ItemSort::Grid, _) => found = bench.grid(hir, item, code),
        (ItemSort::Model, _) => found = bench.asked(code),
        (ItemSort::Guidance, ItemBody::Rules(rules)) => {
            found = bench.guidance(hir, item, code);
            if found.is_empty() {
                found = finite::of_guidance(bench, sources, Subject { hir, id: item, code, rules });
            }
            if found.is_empty() {
                found = signature::of_guidance(forms, hir, item, code);
            }
        }
        (ItemSort::Sampler, ItemBody::Rules(rules)) => {
            found = bench.sampler(hir, item, code, rules);
            let mut finite = None;
            if found.is_empty() {
                let (faults, known) = finite::of_sampler(bench, sources, Subject { hir, id: item, code, rules });
                (found, finite) = (faults, Some(known));
            }
            if found.is_empty() {
                found = control::of(bench, hir, item, code, rules);
            }
            if found.is_empty() {
                let (order, refused) = order::of(bench, hir, item, code, rules);
                let subject = Subject { hir, id: item, code, rules };
                facts = facts::of(bench, subject, order);
                if let Some(facts) = &mut facts {
                    facts.finite = finite;
                }
                found = in_forms(forms, subject, facts.as_mut());
                // An order that is not reached is often the consequence of a wrong signature.
                if found.is_empty() {
                    found = refused;
                    found.extend(counts::warnings(bench, subject));
                }
            }
        }
        (ItemSort::Pipeline, _) => found = pipeline(program, code),
        (ItemSort::Sampler | ItemSort::Guidance, _) => {}
    }
    Report { item, diagnostics: distinct(found, span, seen), facts }
}

/// What affine forms show of a sampler; a proof runs only where the one before found nothing.
fn in_forms(forms: &Forms<'_, '_>, subject: Subject<'_>, facts: Option<&mut Facts>) -> Vec<Diagnostic> {
    let signature::Outcome { diagnostics: mut found, signature, random } = signature::of_sampler(forms, subject);
    let mut measured = None;
    if found.is_empty() {
        (found, measured) = moments::of_sampler(forms, subject, &random);
    }
    if found.is_empty() {
        found.extend(metamorphic::of_sampler(forms, subject));
    }
    if let Some(facts) = facts {
        (facts.signature, facts.moments) = (Some(signature), measured);
    }
    found
}

fn pipeline(program: &Program, code: ItemRef) -> Vec<Diagnostic> {
    // A pipeline with options that have no default is run by its users only.
    match crate::plan::plan(program, code, &RunConfig::default()) {
        Ok(planned) => planned.warnings,
        Err(found) => vec![*found],
    }
}

/// One diagnostic for each place and code; one that lies in another file says which item led there.
fn distinct(found: Vec<Diagnostic>, item: Span, seen: &mut Seen) -> Vec<Diagnostic> {
    let mut kept = Vec::new();
    for diagnostic in found {
        let elsewhere = diagnostic.primary.span.file != item.file;
        if !seen.insert((diagnostic.code, diagnostic.primary.span, elsewhere.then_some(item))) {
            continue;
        }
        kept.push(if elsewhere { diagnostic.also(item, "found by running this") } else { diagnostic });
    }
    kept
}
