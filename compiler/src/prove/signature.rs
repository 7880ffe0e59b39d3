//! The signature rule: on point data with a perfect model, every tensor is what it is named as.
//!
//! If the data were one point, every `x0(..)` of a perfect model would be that point, and every tensor of a run a
//! combination of the point, the noise of the start and fresh draws. A `sample@l` must then have alpha(l) of the point,
//! and noises whose squares sum to sigma(l)^2; other kinds likewise. Samplers are run in affine forms for each family
//! they claim, for a few step counts, and with options drawn from their ranges. What a cast says is believed, and
//! `inflation` is 1. The converse does not hold: differences of predictions have no signature, and their factors are
//! the business of the order of accuracy.
//!
//! A sampler that says `approximate` need only come near: its deviation must fall as the steps are refined.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::conditions::{Condition, levels};
use super::forms::{Course, Forms, Ran, Subject, levels_at};
use super::mend;
use crate::arith::affine::{Affine, Data, Deviation, TOLERANCE, Watch};
use crate::hir::{Family, Hir, ItemId};
use crate::ir::program::ItemRef;
use crate::machine::level::Level;
use crate::types::Kind;

/// What is known of a sampler's signature.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// Every tensor is what it is named as.
    Exact,
    /// The deviation falls as the steps are refined, at this order.
    Vanishing(f64),
    /// A tensor is not what it is named as.
    Wrong,
    /// Nothing was shown.
    NotDecided(String),
}

/// What runs on point data show.
pub(super) struct Outcome {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) signature: Signature,
    /// Whether a draw was asked for, by the options drawn.
    pub(super) random: Vec<bool>,
}

/// A run that failed.
pub(super) struct Record {
    pub(super) deviation: Deviation,
    pub(super) family: Family,
    pub(super) steps: usize,
    /// The levels of the step.
    pub(super) s: Arc<Level<f64>>,
    pub(super) t: Arc<Level<f64>>,
}

/// Failed runs, by the place that failed first.
#[derive(Default)]
struct Places {
    places: Vec<(Span, Option<Span>, Vec<Record>)>,
    /// Families in which a run came to its end.
    ran: Vec<Family>,
    /// Why one did not.
    why: Option<String>,
}

/// How many failed runs of one place are looked at.
const MAX_RECORDS: usize = 24;

impl Places {
    fn add(&mut self, item: Span, condition: Condition, levels: &[Arc<Level<f64>>], ran: Ran) {
        match (&ran.result, ran.arith.first) {
            (_, Some(deviation)) => {
                let step = deviation.step.min(levels.len().saturating_sub(2));
                let (Some(s), Some(t)) = (levels.get(step), levels.get(step + 1)) else { return };
                let (at, from) = place(item, &deviation);
                let record =
                    Record { deviation, family: condition.family, steps: condition.steps, s: s.clone(), t: t.clone() };
                match self.places.iter_mut().find(|(known, ..)| *known == at) {
                    Some((_, _, records)) if records.len() < MAX_RECORDS => records.push(record),
                    Some(_) => {}
                    None => self.places.push((at, from, vec![record])),
                }
            }
            (Ok(_), None) => self.ran.push(condition.family),
            (Err(error), None) => self.why = Some(error.message.clone()),
        }
    }

    fn diagnostics(&self) -> Vec<Diagnostic> {
        self.places.iter().filter_map(|(at, from, records)| self.diagnostic(*at, *from, records)).collect()
    }

    fn diagnostic(&self, at: Span, from: Option<Span>, records: &[Record]) -> Option<Diagnostic> {
        let first = records.first()?;
        let mut found = Diagnostic::new(Code::E0412, at, message(first));
        if let Some(from) = from {
            found = found.also(from, "called here");
        }
        let fails = |family: &Family| {
            self.places.iter().any(|(.., records)| records.iter().any(|record| record.family == *family))
        };
        let holds: Vec<&str> = Family::ALL
            .into_iter()
            .filter(|(family, _)| self.ran.contains(family) && !fails(family))
            .map(|(_, word)| word)
            .collect();
        let only =
            (!holds.is_empty()).then(|| format!("it holds on {0}: mend it, or claim `only {0}`", holds.join(", ")));
        Some(match mend::factor(records).or(only).or_else(|| mend::in_words(records)) {
            Some(help) => found.help(help),
            None => found,
        })
    }
}

/// Where a deviation is shown, and where that is called from: the rule's own file says more than the standard library.
fn place(item: Span, deviation: &Deviation) -> (Span, Option<Span>) {
    match deviation.call {
        Some(call) if deviation.span.file != item.file && call.file == item.file => (call, None),
        Some(call) if deviation.span.file == item.file => (deviation.span, Some(call)),
        _ => (deviation.span, None),
    }
}

fn message(record: &Record) -> String {
    let Record { deviation, family, steps, .. } = record;
    let Deviation { kind, ve, expected: (data, noise), found, .. } = deviation;
    let at = format!("at step {} of {steps} on {}", deviation.step + 1, family.name());
    let level = if kind.has_level() { " at its level" } else { "" };
    if found.lost {
        return format!("this is no `{kind}`: it went through an operation that is not affine, {at}");
    }
    let sample = *kind == Kind::Sample;
    let (alpha, sigma) =
        if sample { (if *ve { "expected" } else { "alpha is" }, "sigma is") } else { ("expected", "expected") };
    let scale = TOLERANCE * (data.abs() + noise.abs());
    let mut wrong = Vec::new();
    if (found.data - data).abs() > scale {
        let (found, data) = pair(found.data, *data);
        wrong.push(format!("data is {found}, {alpha} {data}"));
    }
    if (found.noise_norm() - noise).abs() > scale {
        let (found, noise) = pair(found.noise_norm(), *noise);
        wrong.push(format!("noise is {found}, {sigma} {noise}"));
    }
    if found.constant.abs() > scale {
        wrong.push(format!("{} is added to every element", shown(found.constant)));
    }
    format!("this is no `{kind}`{level}: {}, {at}", wrong.join("; "))
}

/// Two numbers with as many digits as it takes to tell them apart.
fn pair(a: f64, b: f64) -> (String, String) {
    let short = (shown(a), shown(b));
    if short.0 != short.1 {
        return short;
    }
    let long = (6..16).map(|digits| (format!("{a:.digits$}"), format!("{b:.digits$}")));
    long.into_iter().find(|(a, b)| a != b).unwrap_or(short)
}

/// A number with about four digits.
pub(super) fn shown(number: f64) -> String {
    match number.abs() {
        size if size < 1e-12 => "0".to_owned(),
        size if (1e-3..1e4).contains(&size) => {
            let text = format!("{number:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{number:.3e}"),
    }
}

/// Runs a sampler on point data.
pub(super) fn of_sampler(forms: &Forms<'_, '_>, subject: Subject<'_>) -> Outcome {
    if subject.rules.approximate {
        return approximate(forms, subject);
    }
    let mut places = Places::default();
    let mut random = Vec::new();
    let item = subject.hir.items[subject.id].span;
    let weights: &[f64] = if subject.rules.inputs.is_empty() { &[1.0] } else { &[1.0, 0.0] };
    for (at, options) in forms.draws(subject.hir, subject.id).iter().enumerate() {
        let mut drew = false;
        let families = subject.families();
        for (turn, family) in families.iter().copied().enumerate() {
            for (steps, to_clean) in [(1, true), (1, false), (2, true), (3, false), (5, true)] {
                // The defaults are run everywhere, other options where most cases of a rule are met, and on one family
                // in turn also in one step and to a level with noise.
                let in_turn = at % families.len() == turn && matches!((steps, to_clean), (1, true) | (3, false));
                if at > 0 && !in_turn && (steps, to_clean) != (5, true) {
                    continue;
                }
                for weight in weights {
                    let condition = Condition { family, steps, to_clean };
                    let levels = levels(condition);
                    let course = Course { weight: *weight, ..Course::of_point(family, levels.clone()) };
                    let ran = forms.run(subject, options, course, Affine::new(Data::Point, Watch::First));
                    drew |= ran.counts.draws > 0;
                    places.add(item, condition, &levels, ran);
                }
            }
        }
        random.push(drew);
    }
    let signature = match (places.ran.is_empty(), &places.why) {
        _ if !places.places.is_empty() => Signature::Wrong,
        (false, _) => Signature::Exact,
        (true, Some(why)) => Signature::NotDecided(why.clone()),
        (true, None) => Signature::NotDecided("no run came to its end".to_owned()),
    };
    Outcome { diagnostics: places.diagnostics(), signature, random }
}

/// Runs Euler's method under a guidance whose branches are perfect.
pub(super) fn of_guidance(forms: &Forms<'_, '_>, hir: &Hir, id: ItemId, code: ItemRef) -> Vec<Diagnostic> {
    let mut places = Places::default();
    for options in forms.draws(hir, id) {
        for family in Family::ALL.map(|(family, _)| family) {
            let condition = Condition { family, steps: 3, to_clean: true };
            let levels = levels(condition);
            let course = Course::of_point(family, levels.clone());
            let ran = forms.run_guidance(code, &options, course, Affine::new(Data::Point, Watch::First));
            places.add(hir.items[id].span, condition, &levels, ran);
        }
    }
    places.diagnostics()
}

/// The least order at which the deviation of a rule that is only consistent must fall.
const LEAST_ORDER: f64 = 0.8;

/// Half log-SNRs that are refined for rules that are only consistent. The step to the clean level is never refined, and
/// says nothing here.
fn refined(family: Family, steps: usize) -> Vec<Arc<Level<f64>>> {
    levels_at(family, (0..=steps).map(|k| -2.0 + 4.5 * k as f64 / steps as f64))
}

fn approximate(forms: &Forms<'_, '_>, subject: Subject<'_>) -> Outcome {
    let mut random = Vec::new();
    let span = subject.hir.items[subject.id].span;
    let mut slowest = f64::INFINITY;
    let mut why = None;
    let families = subject.families();
    for (at, options) in forms.draws(subject.hir, subject.id).into_iter().enumerate() {
        let mut drew = false;
        // The defaults are run on every family, other options on one in turn.
        let turn = |turn: usize| at == 0 || at % families.len() == turn;
        for family in families.iter().copied().enumerate().filter(|(k, _)| turn(*k)).map(|(_, family)| family) {
            let mut errors = Vec::new();
            for steps in [8, 16, 32, 64] {
                let course = Course::of_point(family, refined(family, steps));
                let ran = forms.run(subject, &options, course, Affine::new(Data::Point, Watch::Largest));
                drew |= ran.counts.draws > 0;
                match ran.result {
                    Ok(_) => errors.push(ran.arith.largest),
                    Err(error) => why = Some(error.message),
                }
            }
            let &[.., before, last] = &errors[..] else { continue };
            if last <= TOLERANCE {
                continue;
            }
            let order = (before / last).log2();
            if order < LEAST_ORDER || order.is_nan() {
                let sizes: Vec<String> = errors.iter().map(|error| shown(*error)).collect();
                let message = format!(
                    "this rule says `approximate`, and its error does not vanish: {} in 8, 16, 32 and 64 steps on {}",
                    sizes.join(", "),
                    family.name(),
                );
                let found = Diagnostic::new(Code::E0413, span, message);
                let help = "the coefficients of data and noise must come right as steps grow short; a bias that stays needs a cast";
                let signature = Signature::Wrong;
                return Outcome { diagnostics: vec![found.help(help)], signature, random };
            }
            slowest = slowest.min(order);
        }
        random.push(drew);
    }
    let signature = match (slowest.is_finite(), why) {
        (true, _) => Signature::Vanishing(slowest),
        (false, Some(why)) => Signature::NotDecided(why),
        (false, None) => Signature::Exact,
    };
    Outcome { diagnostics: Vec::new(), signature, random }
}
