//! Steps that are tried: what an attempt gives, whether it counts, and what is undone if it does not.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::exec::Frame;
use super::level::Level;
use super::value::{ItemValue, Value};
use super::{Instance, Machine, Result, internal};
use crate::arith::{Arith, Real};
use crate::hir::Coordinate;
use crate::ir::program::{AdaptiveCode, Inst, ItemBody, RulesCode};
use crate::types::Kind;

/// How a sampler finds its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Each sample has steps of its own; otherwise all samples share the largest error.
    pub per_sample: bool,
    /// The coordinate that step lengths are in.
    pub over: Coordinate,
    /// The first step length.
    pub first: f64,
}

/// A step that was tried.
pub struct Attempt<A: Arith> {
    /// The sample that it leads to.
    pub x: A::Tensor,
    /// Its error in units of what is tolerated, per element.
    pub estimate: A::Tensor,
}

/// Whether a step counts, and how long the next one is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Where `control` stands.
    pub site: Span,
    /// The step counts.
    pub accepted: bool,
    /// The next length.
    pub next: f64,
}

/// Everything that a run has kept.
pub struct Memory<A: Arith> {
    instances: Vec<Instance<A>>,
    children: std::collections::HashMap<super::ChildKey, usize>,
}

/// What an attempt and its judgement have said so far.
pub(super) struct Trial<A: Arith> {
    /// Whose estimate counts: a nested sampler's step is a step like any other.
    instance: usize,
    estimate: Option<A::Tensor>,
    accepted: Option<bool>,
    /// States that `control` has replaced.
    replaced: Vec<(u32, Value<A>)>,
}

impl<'p, A: Arith> Machine<'p, A> {
    /// How a sampler finds its steps, if the grid does not give them.
    pub fn pace(&mut self, sampler: &Arc<ItemValue<A>>) -> Result<Option<Pace>> {
        let Some((rules, code)) = self.adaptive_code(sampler) else { return Ok(None) };
        let first = self.of_item(sampler, code.from)?;
        let first = first.number().ok_or_else(|| internal(sampler.site, "a step length that is none"))?;
        let over = match code.over {
            Coordinate::Sigma if rules.ve => Coordinate::Rho,
            over => over,
        };
        Ok(Some(Pace { per_sample: code.per_sample, over, first }))
    }

    fn adaptive_code(&self, sampler: &Arc<ItemValue<A>>) -> Option<(&'p RulesCode, &'p AdaptiveCode)> {
        match &self.program.items[sampler.item].body {
            ItemBody::Rules(code) => code.adaptive.as_ref().map(|adaptive| (code, adaptive)),
            ItemBody::Schedule(_) | ItemBody::Grid(_) | ItemBody::Pipeline(_) => None,
        }
    }

    /// Tries the step from `x`, at the last but one of `path`, to the last one. A run that goes on ends at `end`.
    pub fn attempt(
        &mut self,
        sampler: &Arc<ItemValue<A>>,
        x: A::Tensor,
        path: &[Arc<Level<A::Real>>],
        end: &Arc<Level<A::Real>>,
    ) -> Result<Attempt<A>> {
        let ([.., s, t], Some((code, _))) = (path, self.adaptive_code(sampler)) else {
            return Err(internal(sampler.site, "an attempt at no step"));
        };
        let rest = (!t.same(end)).then(|| end.clone());
        self.at.grid = Arc::new(path.iter().cloned().chain(rest).map(Value::Level).collect());
        self.at.i = path.len() as i64 - 2;
        self.at.n = self.at.grid.len() as i64 - 1;
        self.work = 0;
        let instance = self.enter(sampler, code)?;
        self.trial = Some(Trial { instance, estimate: None, accepted: None, replaced: Vec::new() });
        let x = self.tensor(x, Kind::Sample, Some(s.clone()));
        let stepped = self.step(sampler, &x, t, sampler.site);
        self.answers.clear();
        let estimate = self.trial.take().and_then(|trial| trial.estimate);
        let stepped = stepped?;
        let Some(estimate) = estimate else {
            let found = Diagnostic::new(Code::E0511, sampler.site, "the step returns without an `estimate`");
            return Err(Box::new(found.help("say how large the error is on every path, before the `return`")));
        };
        Ok(Attempt { x: stepped.data, estimate })
    }

    /// Runs the block of an `estimate`, if it is the one of the step that is tried.
    pub(super) fn estimate(&mut self, frame: &mut Frame<A>, inst: &Inst) -> Result<()> {
        if self.trial.as_ref().is_none_or(|trial| trial.instance != self.at.instance) {
            return Ok(());
        }
        let Value::Tensor(estimate) = self.worth(frame, &inst.blocks[0])? else {
            return Err(internal(inst.span, "an estimate that is no tensor"));
        };
        match self.trial.as_mut().map(|trial| trial.estimate.replace(estimate.data)) {
            Some(Some(_)) => {
                let found = Diagnostic::new(Code::E0511, inst.span, "a step says twice how large its error is");
                Err(Box::new(found.help("write one `estimate` for every path")))
            }
            Some(None) | None => Ok(()),
        }
    }

    /// Notes whether the step counts.
    pub(super) fn accept(&mut self, holds: bool, span: Span) -> Result<Value<A>> {
        let trial = self.trial.as_mut().ok_or_else(|| internal(span, "an `accept` outside of `control`"))?;
        trial.accepted = Some(trial.accepted.unwrap_or(true) && holds);
        Ok(Value::None)
    }

    /// Notes that a state is replaced, which outlives a rejected step if `control` does it.
    pub(super) fn note_replaced(&mut self, index: u32, value: &Value<A>) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.accepted.is_some()) {
            trial.replaced.push((index, value.clone()));
        }
    }

    /// Asks `control` about the step that was tried, of length `h` and with the error `e`. If it does not count,
    /// `before` is as it was, but for what `control` keeps.
    pub fn judge(&mut self, sampler: &Arc<ItemValue<A>>, h: f64, e: f64, before: Memory<A>) -> Result<Verdict> {
        let Some((code, adaptive)) = self.adaptive_code(sampler) else {
            return Err(internal(sampler.site, "a judgement of no attempt"));
        };
        let instance = self.enter(sampler, code)?;
        let outer = (std::mem::replace(&mut self.at.instance, instance), self.at.ve);
        // What `control` has not refused counts.
        self.trial = Some(Trial { instance, estimate: None, accepted: Some(true), replaced: Vec::new() });
        let mut args = self.instance().options.to_vec();
        args.extend([h, e].map(|number| Value::Real(A::Real::from_f64(number))));
        let next = self.call(adaptive.control, args, sampler.site);
        (self.at.instance, self.at.ve) = outer;
        let trial = self.trial.take();
        let next = next?.number().ok_or_else(|| internal(sampler.site, "a step length that is none"))?;
        let accepted = trial.as_ref().and_then(|trial| trial.accepted).unwrap_or(true);
        if !accepted {
            self.recall(before);
            // Before the first step there was nothing to be put back.
            let instance = self.enter(sampler, code)?;
            for (index, value) in trial.map(|trial| trial.replaced).unwrap_or_default() {
                self.instances[instance].states[index as usize] = value;
            }
        }
        Ok(Verdict { site: adaptive.span.0, accepted, next })
    }

    /// A coordinate of a level, in the schedule's own coordinates.
    pub fn coordinate_at(&mut self, level: &Level<A::Real>, coordinate: Coordinate, span: Span) -> Result<A::Real> {
        Ok(match coordinate {
            Coordinate::Alpha => level.alpha.clone(),
            Coordinate::Sigma => level.sigma.clone(),
            Coordinate::Lambda => level.lambda.clone(),
            Coordinate::Rho => level.rho.clone(),
            Coordinate::Time => {
                let schedule = self.schedule_here(span)?;
                self.time_of(&schedule, level)?
            }
        })
    }

    /// The level of the run's schedule with this coordinate.
    pub fn level_at_coordinate(
        &mut self,
        coordinate: Coordinate,
        value: f64,
        span: Span,
    ) -> Result<Arc<Level<A::Real>>> {
        let schedule = self.schedule_here(span)?;
        Ok(Arc::new(self.level_with(&schedule, coordinate, A::Real::from_f64(value))?))
    }

    /// Everything that is kept now.
    pub fn memory(&self) -> Memory<A> {
        Memory { instances: self.instances.clone(), children: self.children.clone() }
    }

    fn recall(&mut self, memory: Memory<A>) {
        self.instances = memory.instances;
        self.children = memory.children;
    }

    /// Shows every tensor that is kept, always in the same order.
    pub fn each_kept(&mut self, mut show: impl FnMut(&mut A::Tensor)) {
        for instance in &mut self.instances {
            for value in instance.histories.iter_mut().flatten().chain(&mut instance.states) {
                if let Value::Tensor(tensor) = value {
                    show(&mut tensor.data);
                }
            }
        }
    }
}
