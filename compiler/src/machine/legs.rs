//! Legs: the parts of a run between levels that are reached by adding noise.
//!
//! A grid with `renoised` levels is walked in legs. For the sampler each is a run of its own, with its own levels and
//! nothing kept from before; between two of them the sample is noised again, as the forward process would do it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::{Tensor, Value};
use super::{Machine, Result};
use crate::arith::real::Function;
use crate::arith::{Arith, Real};

/// The legs of a grid: the first and the last level of each.
pub(super) fn legs<R: Real>(levels: &[Arc<Level<R>>]) -> Vec<RangeInclusive<usize>> {
    let starts = (1..levels.len()).filter(|at| levels[*at].renoised);
    let starts: Vec<usize> = [0].into_iter().chain(starts).collect();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([levels.len() - 1]);
    starts.iter().zip(ends).map(|(start, end)| *start..=end).collect()
}

/// Sees that a grid can be walked.
pub(super) fn check_levels<R: Real>(levels: &[Arc<Level<R>>], span: Span) -> Result<()> {
    let refused = |code, message: String, help| Err(Box::new(Diagnostic::new(code, span, message).help(help)));
    if levels.len() < 2 {
        let message = format!("a grid needs at least two levels, found {}", levels.len());
        return refused(Code::E0510, message, "ask for at least one step");
    }
    if levels[0].renoised {
        let message =
            "the first level of the grid is `renoised`, and there is no sample yet to add noise to".to_owned();
        return refused(Code::E0510, message, "begin with the level itself");
    }
    for (at, pair) in levels.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        if before.same(after) {
            let message = format!("levels {at} and {} of the grid are the same: {}", at + 1, before.describe());
            return refused(Code::E0506, message, "take fewer steps, or drop the repeated level: `dedup(..)`");
        }
        if after.renoised && after.lambda.to_f64() > before.lambda.to_f64() {
            let (from, to) = (before.describe(), after.describe());
            let message =
                format!("adding noise cannot lead from {from} to the cleaner {to}, level {} of the grid", at + 1);
            return refused(
                Code::E0510,
                message,
                "`renoised(l)` is for an `l` with more noise than the level before it",
            );
        }
    }
    Ok(())
}

impl<A: Arith> Machine<'_, A> {
    /// Makes a leg the run that positions speak of.
    pub(super) fn walk(&mut self, levels: &[Arc<Level<A::Real>>]) {
        self.at.n = levels.len() as i64 - 1;
        self.at.grid = Arc::new(levels.iter().map(|level| Value::Level(level.reached())).collect());
    }

    /// Begins a leg: adds noise up to its first level, and forgets all that is kept.
    pub(super) fn renoise(&mut self, x: &Tensor<A>, to: &Arc<Level<A::Real>>, span: Span) -> Result<Tensor<A>> {
        self.children.clear();
        self.answers.clear();
        let Some(from) = &x.level else { return Err(self.no_level(span)) };
        let keep = to.alpha.clone() / from.alpha.clone();
        let left = keep.clone() * from.sigma.clone();
        // sigma(t)^2 - left^2, as a product: nothing cancels between levels that are close.
        let fresh = ((to.sigma.clone() - left.clone()) * (to.sigma.clone() + left)).apply(Function::Sqrt);
        let noise = self.draw();
        let data = self.arith.linear(&[(keep, &x.data), (fresh, &noise)], A::Real::from_f64(0.0));
        Ok(self.tensor(data, x.kind, Some(to.reached())))
    }
}
