//! What a run did, by its places in the text: calls, draws, and reads of histories.
//!
//! Arithmetics see tensors and no text; what is counted of a run is told here where it was asked for.

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::Value;
use super::{Instance, Machine};
use crate::arith::{Arith, Real};
use crate::ir::program::ItemRef;

/// What a run did so far.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Network calls, in order.
    pub calls: Vec<Asked>,
    /// Fresh draws, in order.
    pub draws: Vec<Asked>,
    /// Reads of predictions that were made before the sample went back.
    pub stale: Vec<Stale>,
    /// A sample at `clean` was cast, for a reason that is written.
    pub cast_at_clean: bool,
}

/// A call or a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Its number, as the arithmetic was told.
    pub number: u32,
    /// The step, from 0.
    pub step: usize,
    /// Where it stands, and the call of a function in the body of the rule that led there.
    pub place: (Span, Option<Span>),
}

/// A read of a history across a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stale {
    /// Where the entry is read.
    pub read: Span,
    /// Where the step was asked for whose sample had gone back.
    pub step: Span,
}

impl Stale {
    /// The warning that it is.
    pub fn warning(&self) -> Diagnostic {
        let message = "this step goes back, and its history is of the way before";
        let help = "make it forget where the way begins again: `base <- none`";
        Diagnostic::new(Code::W0517, self.step, message).also(self.read, "an entry from there is read here").help(help)
    }
}

/// How deep a history was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The rule.
    pub item: ItemRef,
    /// Which of its histories.
    pub history: usize,
    /// The most entries that it held.
    pub held: usize,
    /// One more than the oldest entry that was read.
    pub read: usize,
}

/// What is remembered of an instance's steps and reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    /// Half log-SNRs of its step before.
    step: Option<(f64, f64)>,
    /// Entries of its histories from before the last jump, and where the step after it was asked for.
    stale: Vec<(u32, Span)>,
    /// By history: the most entries held, and read.
    depths: Vec<(usize, usize)>,
}

/// Half log-SNRs that are this close are equal.
const CLOSE: f64 = 1e-9;

impl<A: Arith> Machine<'_, A> {
    /// What the run did so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How deep each history was read so far.
    pub fn depths(&self) -> Vec<Depth> {
        let of = |instance: &Instance<A>| -> Vec<Depth> {
            let Some(item) = instance.item else { return Vec::new() };
            let depths = instance.track.depths.iter().enumerate();
            depths.map(|(history, (held, read))| Depth { item, history, held: *held, read: *read }).collect()
        };
        self.instances.iter().flat_map(of).collect()
    }

    pub(super) fn asked(&self, number: u32, span: Span) -> Asked {
        Asked { number, step: usize::try_from(self.at.i).unwrap_or(0), place: (span, self.called) }
    }

    /// An instance makes a step. One that begins at or behind the start of the step before, or turns round, goes on
    /// from another sample than its histories are of.
    pub(super) fn track_step(&mut self, instance: usize, s: &Level<A::Real>, t: &Level<A::Real>, span: Span) {
        let (s, t) = (s.lambda.to_f64(), t.lambda.to_f64());
        let instance = &mut self.instances[instance];
        let before = instance.track.step.replace((s, t));
        let Some((s_before, t_before)) = before else { return };
        let way = (t_before - s_before).signum();
        let back = way * (s - s_before) <= CLOSE || way * (t - s) < -CLOSE;
        if back {
            let ids = instance.histories.iter().flatten().filter_map(|value| match value {
                Value::Tensor(tensor) => Some((tensor.id, span)),
                _ => None,
            });
            instance.track.stale = ids.collect();
        }
    }

    /// An entry is taken out of a list, which may be a history.
    pub(super) fn track_read(&mut self, value: &Value<A>, read: Span) {
        let Value::Tensor(tensor) = value else { return };
        let instance = &mut self.instances[self.at.instance];
        let Track { stale, depths, .. } = &mut instance.track;
        depths.resize(instance.histories.len(), (0, 0));
        for (history, (held, deepest)) in instance.histories.iter().zip(depths) {
            *held = (*held).max(history.len());
            let same = |value: &Value<A>| matches!(value, Value::Tensor(entry) if entry.id == tensor.id);
            if let Some(at) = history.iter().position(same) {
                *deepest = (*deepest).max(at + 1);
            }
        }
        if let Some((_, step)) = stale.iter().find(|(id, _)| *id == tensor.id) {
            let found = Stale { read, step: *step };
            if !self.ledger.stale.contains(&found) {
                self.ledger.stale.push(found);
            }
        }
    }

    /// A history that was written to is held, though nothing may ever read it.
    pub(super) fn track_push(&mut self, index: usize) {
        let instance = &mut self.instances[self.at.instance];
        instance.track.depths.resize(instance.histories.len(), (0, 0));
        let held = &mut instance.track.depths[index].0;
        *held = (*held).max(instance.histories[index].len());
    }
}
