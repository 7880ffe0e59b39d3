//! What is learned of one item.

use std::collections::HashSet;

use rayon::join;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::{SourceMap, Span};

use super::conditions::Bench;
use super::forms::{Forms, Subject};
use super::{Facts, Ready, Signature, control, counts, facts, finite, metamorphic, moments, order, signature};
use crate::hir::{Hir, ItemId};
use crate::ir::program::{ItemBody, ItemRef, Program};
use crate::machine::RunConfig;
use crate::types::ItemSort;

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

/// What every proof looks at. The items that runs share are made for each thread that runs some.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) hir: &'c Hir,
    pub(super) sources: &'c SourceMap,
    pub(super) ready: &'c Ready,
}

impl<'c> Context<'c> {
    fn bench(&self) -> Bench<'c> {
        Bench::new(&self.ready.program, &self.ready.standard, self.ready.tableaux.clone())
    }

    pub(super) fn report(&self, item: ItemId, code: ItemRef) -> Report {
        let (hir, bench) = (self.hir, self.bench());
        let subject = |rules| Subject { hir, id: item, code, rules };
        let mut facts = None;
        let diagnostics = match (hir.items[item].sort, &bench.program.items[code].body) {
            (ItemSort::Schedule, _) => bench.schedule(code),
            (ItemSort::Grid, _) => bench.grid(hir, item, code),
            (ItemSort::Model, _) => bench.asked(code),
            (ItemSort::Pipeline, _) => pipeline(bench.program, code),
            (ItemSort::Guidance, ItemBody::Rules(rules)) => self.of_guidance(&bench, subject(rules)),
            (ItemSort::Sampler, ItemBody::Rules(rules)) => {
                let found;
                (found, facts) = self.of_sampler(subject(rules));
                found
            }
            (ItemSort::Sampler | ItemSort::Guidance, _) => Vec::new(),
        };
        Report { item, diagnostics, facts }
    }

    fn of_guidance(&self, bench: &Bench<'_>, subject: Subject<'_>) -> Vec<Diagnostic> {
        let Subject { hir, id, code, .. } = subject;
        let mut found = bench.guidance(hir, id, code);
        if found.is_empty() {
            found = finite::of_guidance(bench, self.sources, subject);
        }
        if found.is_empty() {
            found = signature::of_guidance(&Forms::new(bench), hir, id, code);
        }
        found
    }

    /// Proofs run beside each other; what one finds counts only where those before it found nothing.
    fn of_sampler(&self, subject: Subject<'_>) -> (Vec<Diagnostic>, Option<Facts>) {
        let Subject { hir, id, code, rules } = subject;
        let runs = || self.bench().sampler(hir, id, code, rules);
        let numbers = || finite::of_sampler(&self.bench(), self.sources, subject);
        let orders = || {
            let bench = self.bench();
            let (order, refused) = order::of(&bench, hir, id, code, rules);
            (facts::of(&bench, subject, order), refused)
        };
        let forms = || in_forms(&Forms::new(&self.bench()), subject);
        let rest = || {
            let bench = self.bench();
            (control::of(&bench, hir, id, code, rules), counts::warnings(&bench, subject))
        };
        let (((faults, finite), (facts, refused)), (in_forms, (failed, (control, warnings)))) =
            join(|| join(numbers, orders), || join(forms, || join(runs, rest)));
        if let Some(found) = [failed, faults, control].into_iter().find(|found| !found.is_empty()) {
            return (found, None);
        }
        let mut found = in_forms.found;
        // An order that is not reached is often the consequence of a wrong signature.
        if found.is_empty() {
            found = refused;
            found.extend(warnings);
        }
        let with_forms = |facts: Facts| Facts {
            finite: Some(finite),
            signature: Some(in_forms.signature),
            moments: in_forms.moments,
            ..facts
        };
        (found, facts.map(with_forms))
    }
}

/// What affine forms show of a sampler.
struct InForms {
    found: Vec<Diagnostic>,
    signature: Signature,
    moments: Option<super::Moments>,
}

/// A proof in forms runs only where the one before found nothing.
fn in_forms(forms: &Forms<'_, '_>, subject: Subject<'_>) -> InForms {
    let signature::Outcome { diagnostics: mut found, signature, random } = signature::of_sampler(forms, subject);
    let mut moments = None;
    if found.is_empty() {
        (found, moments) = moments::of_sampler(forms, subject, &random);
    }
    if found.is_empty() {
        found.extend(metamorphic::of_sampler(forms, subject));
    }
    InForms { found, signature, moments }
}

fn pipeline(program: &Program, code: ItemRef) -> Vec<Diagnostic> {
    // A pipeline with options that have no default is run by its users only.
    match crate::plan::plan(program, code, &RunConfig::default()) {
        Ok(planned) => planned.warnings,
        Err(found) => vec![*found],
    }
}

/// Keeps one diagnostic for each place and code; one that lies in another file says which item led there.
pub(super) fn keep_distinct(hir: &Hir, reports: &mut [Report]) {
    let mut seen: HashSet<(Code, Span, Option<Span>)> = HashSet::new();
    for report in reports {
        let item = hir.items[report.item].span;
        let elsewhere = |found: &Diagnostic| found.primary.span.file != item.file;
        report
            .diagnostics
            .retain(|found| seen.insert((found.code, found.primary.span, elsewhere(found).then_some(item))));
        for found in report.diagnostics.iter_mut().filter(|found| elsewhere(found)) {
            *found = found.clone().also(item, "found by running this");
        }
    }
}
