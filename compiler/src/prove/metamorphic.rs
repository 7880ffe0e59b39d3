//! One rule on several schedules: the same half log-SNRs give the same `x / alpha`.
//!
//! VP, VE and flow differ by a factor of the sample and by their clocks alone, so a rule in half log-SNRs (or in rho)
//! must take `x / alpha` through the same values on each. A rule that reads the clock, or makes a level from the
//! schedule's own alpha or sigma, depends on the family by intent and is left alone; what depends on it elsewhere has
//! alpha of the wrong level, or asks the model there.
//!
//! Two more invariances need no run. Every step is affine in the sample, the predictions and the draws, with factors
//! that read none of them, so scaling all three scales the result. And with data moved by b, a perfect model's answers
//! move by b and samples by alpha b; the signature rule shows that the factors sum to just that.

use samp_lang::diag::{Code, Diagnostic};

use super::forms::{Course, Forms, Subject, levels_at};
use super::signature::shown;
use crate::arith::affine::{Affine, Data, Form, Watch};
use crate::hir::Family;

/// The standard deviation of the data.
const SPREAD: f64 = 0.5;

/// How far coefficients may differ: the levels of two families agree to rounding, and short steps divide by
/// differences of half log-SNRs of about 0.5.
const CLOSE: f64 = 1e-9;

/// Half log-SNRs of a few unequal steps.
const LAMBDAS: [f64; 7] = [-2.0, -1.6, -0.7, -0.2, 0.8, 1.3, 2.1];

/// Runs a sampler that claims all families on each of them.
pub(super) fn of_sampler(forms: &Forms<'_, '_>, subject: Subject<'_>) -> Option<Diagnostic> {
    if subject.rules.approximate || !subject.rules.only.is_empty() {
        return None;
    }
    let options = forms.draws(subject.hir, subject.id).into_iter().next()?;
    let mut first: Option<Form> = None;
    for family in [Family::Vp, Family::Ve, Family::Flow] {
        let levels = levels_at(family, LAMBDAS.into_iter());
        let alpha = levels.last()?.alpha;
        let course = Course::of_normal(family, levels, SPREAD);
        let ran = forms.run(subject, &options, course, Affine::new(Data::Normal { spread: SPREAD }, Watch::Nothing));
        if ran.counts.own_coordinates > 0 {
            return None;
        }
        let form = ran.result.ok().filter(|form| !form.lost)?;
        let form = Form::sum([(1.0 / alpha, &*form)].into_iter(), 0.0);
        let Some(first) = &first else {
            first = Some(form);
            continue;
        };
        let off = difference(first, &form);
        if off > CLOSE {
            let message = format!(
                "the same half log-SNRs give another result on {} than on vp: `x / alpha` differs by {}",
                family.name(),
                shown(off),
            );
            let found = Diagnostic::new(Code::E0416, subject.hir.items[subject.id].span, message);
            return Some(found.help(
                "see that alpha and sigma are those of the level that is meant, or claim one family: `only vp`",
            ));
        }
    }
    None
}

/// The largest difference of two forms' coefficients.
fn difference(a: &Form, b: &Form) -> f64 {
    let noise = |form: &Form, k: usize| form.noise.get(k).copied().unwrap_or(0.0);
    let of_noise = (0..a.noise.len().max(b.noise.len())).map(|k| (noise(a, k) - noise(b, k)).abs());
    let largest = of_noise.chain([(a.data - b.data).abs(), (a.constant - b.constant).abs()]).max_by(f64::total_cmp);
    largest.unwrap_or(0.0)
}
