//! The invariants of a plan.
//!
//! 1. Slots, kernels, calls and branches that are named exist.
//! 2. A slot or cell is read only after it was written; the start slot is written before the run.
//! 3. An output is read after its call and before it is dropped; a call is dropped at most once.
//! 4. A launch gives its kernel as many buffers, cells, scalars and draws as it takes, every scalar is finite, and it
//!    reads or writes at least one buffer, which tells its size.
//! 5. No two stores of a launch go to one place, and no two reductions to one cell.
//! 6. Calls are numbered in order, steps are complete and in order, and every time a network is told is finite.
//! 7. Every kernel is valid.
//! 8. The feed has room for every branch, and a call that is fed from it finds one group of rows for each of its
//!    branches, written since the call before. A call of several branches is always fed from it.
//! 9. Increments of the path are in the order of their draws, between two finite numbers that are not the same.

use std::fmt;

use crate::arith::trace::Increment;

use super::plan::{CallOp, Fed, LaunchOp, Plan, PlanOp, Source, Target};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// The number of the invariant.
    pub invariant: u32,
    /// The place among the plan's operations, if it is one of them.
    pub op: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan invariant {}: {}", self.invariant, self.message)?;
        match self.op {
            Some(op) => write!(f, " (operation {op})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlanError {}

struct State<'p> {
    plan: &'p Plan,
    written: Vec<bool>,
    /// The groups of rows of the feed that were written since the last call.
    fed: Vec<u32>,
    reduced: Vec<bool>,
    /// Branches and parts of each call that has been made and not dropped.
    outputs: Vec<Option<(u32, u32)>>,
    steps: u32,
    op: usize,
}

/// Checks every invariant.
pub fn verify(plan: &Plan) -> Result<(), PlanError> {
    for kernel in plan.kernels.values() {
        super::kernel_verify::verify(kernel).map_err(|error| PlanError {
            invariant: 7,
            op: None,
            message: error.to_string(),
        })?;
    }
    let real = |path: &Increment| path.from.is_finite() && path.to.is_finite() && path.from != path.to;
    if !plan.paths.iter().all(real) || !plan.paths.is_sorted_by(|a, b| a.draw < b.draw) {
        let message = "an increment of the path has no length, or is out of order".to_owned();
        return Err(PlanError { invariant: 9, op: None, message });
    }
    let mut state = State {
        plan,
        written: vec![false; plan.n_slots as usize],
        reduced: vec![false; plan.n_cells as usize],
        fed: Vec::new(),
        outputs: Vec::new(),
        steps: 0,
        op: 0,
    };
    if let Some(start) = plan.start {
        state.write(start.as_u32())?;
    }
    for (at, op) in plan.ops.iter().enumerate() {
        state.op = at;
        state.step(op)?;
    }
    if state.steps as usize + 1 != plan.levels.len() {
        let message = format!("{} steps between {} levels", state.steps, plan.levels.len());
        return Err(PlanError { invariant: 6, op: None, message });
    }
    Ok(())
}

impl State<'_> {
    fn fail<T>(&self, invariant: u32, message: impl Into<String>) -> Result<T, PlanError> {
        Err(PlanError { invariant, op: Some(self.op), message: message.into() })
    }

    fn step(&mut self, op: &PlanOp) -> Result<(), PlanError> {
        match op {
            PlanOp::Launch(launch) => self.launch(launch),
            PlanOp::Call(call) => {
                self.feed(call)?;
                if call.call as usize != self.outputs.len() || call.branches.is_empty() {
                    return self.fail(6, format!("call {} comes after {} calls", call.call, self.outputs.len()));
                }
                if !call.time.is_finite() {
                    return self.fail(6, format!("the network is told the time {}", call.time));
                }
                self.outputs.push(Some((call.branches.len() as u32, call.parts)));
                Ok(())
            }
            PlanOp::Drop { call } => match self.outputs.get_mut(*call as usize) {
                Some(output @ Some(_)) => {
                    *output = None;
                    Ok(())
                }
                _ => self.fail(3, format!("call {call} is dropped and not there")),
            },
            PlanOp::Step { step, x } => {
                self.read(x)?;
                if *step != self.steps {
                    return self.fail(6, format!("step {step} comes after {} steps", self.steps));
                }
                self.steps += 1;
                Ok(())
            }
            PlanOp::Emit { value, .. } => self.read(value),
        }
    }

    fn launch(&mut self, launch: &LaunchOp) -> Result<(), PlanError> {
        let Some(kernel) = self.plan.kernels.get(launch.kernel) else {
            return self.fail(1, format!("kernel {} does not exist", launch.kernel));
        };
        let given = (launch.loads.len(), launch.stores.len(), launch.scalars.len(), launch.draws.len());
        let takes = (kernel.n_loads as usize, kernel.stores.len(), kernel.n_scalars as usize, kernel.n_noises as usize);
        if given != takes {
            return self.fail(
                4,
                format!("{} takes {takes:?} buffers, stores, scalars, draws, given {given:?}", launch.kernel),
            );
        }
        let given = (launch.cells.len(), launch.reduces.len());
        let takes = (kernel.n_cells as usize, kernel.reduces.len());
        if given != takes {
            return self.fail(4, format!("{} takes {takes:?} cells and reductions, given {given:?}", launch.kernel));
        }
        if launch.loads.is_empty() && launch.stores.is_empty() {
            return self.fail(4, format!("{} has no buffer that tells its size", launch.kernel));
        }
        if let Some(bad) = launch.scalars.iter().find(|scalar| !scalar.is_finite()) {
            return self.fail(4, format!("a scalar is {bad}"));
        }
        for load in &launch.loads {
            self.read(load)?;
        }
        for (at, target) in launch.stores.iter().enumerate() {
            if launch.stores[..at].contains(target) {
                return self.fail(5, format!("{target:?} is written twice"));
            }
            match target {
                Target::Slot(slot) => self.write(slot.as_u32())?,
                Target::Feed(branch) if *branch < self.plan.n_feeds => self.fed.push(*branch),
                Target::Feed(branch) => {
                    return self
                        .fail(8, format!("the feed has {} groups of rows, none of them {branch}", self.plan.n_feeds));
                }
            }
        }
        for cell in &launch.cells {
            match self.reduced.get(cell.as_u32() as usize) {
                Some(true) => {}
                Some(false) => return self.fail(2, format!("{cell} is read before it is written")),
                None => return self.fail(1, format!("cell {cell} does not exist")),
            }
        }
        for (at, cell) in launch.reduces.iter().enumerate() {
            if launch.reduces[..at].contains(cell) {
                return self.fail(5, format!("{cell} is written twice"));
            }
            match self.reduced.get_mut(cell.as_u32() as usize) {
                Some(reduced) => *reduced = true,
                None => return self.fail(1, format!("cell {cell} does not exist")),
            }
        }
        Ok(())
    }

    fn feed(&mut self, call: &CallOp) -> Result<(), PlanError> {
        let branches = call.branches.len() as u32;
        let fed = std::mem::take(&mut self.fed);
        match &call.input {
            Fed::Tensor(_) if branches != 1 => {
                self.fail(8, format!("call {} has {branches} branches and is fed a single tensor", call.call))
            }
            Fed::Tensor(source) => self.read(source),
            Fed::Feed => match (0..branches).find(|branch| !fed.contains(branch)) {
                Some(branch) => self.fail(8, format!("call {} is fed nothing for branch {branch}", call.call)),
                None => Ok(()),
            },
        }
    }

    fn write(&mut self, slot: u32) -> Result<(), PlanError> {
        match self.written.get_mut(slot as usize) {
            Some(written) => {
                *written = true;
                Ok(())
            }
            None => self.fail(1, format!("slot s{slot} does not exist")),
        }
    }

    fn read(&self, source: &Source) -> Result<(), PlanError> {
        match source {
            Source::Slot(slot) => match self.written.get(slot.as_u32() as usize) {
                Some(true) => Ok(()),
                Some(false) => self.fail(2, format!("{slot} is read before it is written")),
                None => self.fail(1, format!("slot {slot} does not exist")),
            },
            Source::Output { call, branch } => self.output(*call, *branch, None),
            Source::Part { call, branch, part } => self.output(*call, *branch, Some(*part)),
            Source::Input(name) => match self.plan.inputs.contains(name) {
                true => Ok(()),
                false => self.fail(1, format!("there is no input `{name}`")),
            },
        }
    }

    /// Reads an output of one part, or a part of one with several.
    fn output(&self, call: u32, branch: u32, part: Option<u32>) -> Result<(), PlanError> {
        match self.outputs.get(call as usize) {
            Some(Some((branches, _))) if branch >= *branches => {
                self.fail(1, format!("call {call} has no branch {branch}"))
            }
            Some(Some((_, parts))) if part.map_or(*parts != 1, |part| part >= *parts) => {
                self.fail(1, format!("the output of call {call} has {parts} parts"))
            }
            Some(Some(_)) => Ok(()),
            Some(None) => self.fail(3, format!("call {call} is read after it is dropped")),
            None => self.fail(3, format!("call {call} is read before it is made")),
        }
    }
}
