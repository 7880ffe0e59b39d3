//! Runs whose carried samples a caller puts right after every step.
//!
//! What a step would do with an exact past is asked by making the past exact: after each step, the sample and every
//! sample that is kept in a history or a state are shown to the caller, who gives what is to stand in their place.
//! Predictions are left as the rule made them, from samples that were put right before.

use std::sync::Arc;

use super::level::Level;
use super::value::{ItemValue, Tensor, Value};
use super::{Machine, Result};
use crate::arith::Arith;
use crate::ir::program::ItemBody;
use crate::types::Kind;

/// A sample that is carried from one step to the next.
pub struct Carried<'c, A: Arith> {
    /// The step that was made, from 0.
    pub step: usize,
    /// Which one: the sample of the run first, then kept ones in the order of their places.
    pub place: usize,
    /// What it is.
    pub data: &'c A::Tensor,
    /// Its level.
    pub level: &'c Level<A::Real>,
    /// It is in VE coordinates.
    pub ve: bool,
}

impl<A: Arith> Machine<'_, A> {
    /// Runs the first `steps` steps over these levels, asking `renew` for every carried sample after each.
    pub fn run_renewed(
        &mut self,
        sampler: &Arc<ItemValue<A>>,
        levels: &[Arc<Level<A::Real>>],
        steps: usize,
        x: A::Tensor,
        mut renew: impl FnMut(&mut A, Carried<'_, A>) -> A::Tensor,
    ) -> Result<()> {
        self.at.n = levels.len() as i64 - 1;
        self.at.grid = Arc::new(levels.iter().cloned().map(Value::Level).collect());
        let mut x = self.tensor(x, Kind::Sample, Some(levels[0].clone()));
        for (step, t) in levels[1..].iter().enumerate().take(steps) {
            self.at.i = step as i64;
            let stepped = self.step(sampler, &x, t, sampler.site)?;
            self.answers.clear();
            let data = renew(&mut self.arith, Carried { step, place: 0, data: &stepped.data, level: t, ve: false });
            x = self.tensor(data, Kind::Sample, Some(t.clone()));
            self.renew_kept(step, &mut renew);
        }
        Ok(())
    }

    fn renew_kept(&mut self, step: usize, renew: &mut impl FnMut(&mut A, Carried<'_, A>) -> A::Tensor) {
        let mut place = 0;
        let mut next_id = self.next_id;
        for instance in &mut self.instances {
            let Some(item) = instance.item else { continue };
            let ItemBody::Rules(code) = &self.program.items[item].body else { continue };
            for value in instance.histories.iter_mut().flatten().chain(&mut instance.states) {
                let Value::Tensor(Tensor { data, id, kind: Kind::Sample, level: Some(level) }) = value else {
                    continue;
                };
                place += 1;
                next_id += 1;
                *data = renew(&mut self.arith, Carried { step, place, data, level, ve: code.ve });
                *id = next_id;
            }
        }
        self.next_id = next_id;
    }
}
