//! Runs whose steps are found as they go.
//!
//! Each attempt at a step is traced, planned and fused like a whole run of one step. What the rule keeps comes in as
//! inputs and goes out with the estimate of the error, under names that no file can write; the runtime hands them
//! from one attempt to the next. So a rejected step costs its model calls and nothing else, and equal steps share
//! their kernels.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};

use super::{Planned, give_inputs, of_traced, row};
use crate::arith::trace::{Node, NodeKind, Tape};
use crate::ir::plan::{LevelRow, Plan};
use crate::ir::program::{ItemRef, Program};
use crate::machine::adaptive::{Memory, Pace, Verdict};
use crate::machine::level::Level;
use crate::machine::{Machine, Result, RunConfig, Setup, Value};

/// The most attempts of one run.
pub const MAX_ATTEMPTS: usize = 10_000;

/// What is left of the way when the end counts as reached, as a share of the whole.
const REACHED: f64 = 1e-9;

/// The name under which an attempt tells its estimate of the error.
pub const ESTIMATE: &str = ".estimate";

/// The name of a tensor that is kept, by its place.
pub fn kept_name(place: usize) -> Arc<str> {
    format!(".kept {place}").into()
}

/// A run under way: where it is, and what it keeps.
pub struct Adaptive<'p> {
    program: &'p Program,
    pipeline: ItemRef,
    machine: Machine<'p, Tape>,
    setup: Setup<Tape>,
    pace: Pace,
    /// The levels that the run has reached.
    path: Vec<Arc<Level<f64>>>,
    length: f64,
    attempts: usize,
    /// What was kept before the attempt that waits for its judgement.
    before: Option<Memory<Tape>>,
    /// What the network is fed is converted.
    cast: bool,
}

/// A step to be tried.
#[derive(Debug)]
pub struct Try {
    /// One step; it emits [`ESTIMATE`] and what is kept.
    pub planned: Planned,
    /// How many tensors are kept after it.
    pub kept: usize,
}

impl<'p> Adaptive<'p> {
    /// The run of a pipeline whose sampler finds its own steps, if it does.
    ///
    /// # Errors
    /// What planning any run can say, and ends that the coordinate does not reach.
    pub fn new(
        program: &'p Program,
        pipeline: ItemRef,
        given: Vec<Value<Tape>>,
        config: &RunConfig,
    ) -> Result<Option<Self>> {
        let mut machine = Machine::new(program, Tape::default());
        give_inputs(&mut machine, pipeline);
        let mut setup = machine.set_up_with(pipeline, given, config)?;
        let Some(pace) = machine.pace(&setup.sampler)? else { return Ok(None) };
        // The grid gives the two ends alone.
        setup.warnings.retain(|warning| warning.code != Code::W0512);
        let path = vec![setup.levels[0].clone()];
        let mut run = Adaptive {
            program,
            pipeline,
            machine,
            setup,
            pace,
            path,
            length: pace.first,
            attempts: 0,
            before: None,
            cast: config.cast,
        };
        run.whole_way()?;
        Ok(Some(run))
    }

    /// How steps are found.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The plan that makes the first sample, if the pipeline does.
    ///
    /// # Errors
    /// As for any plan.
    pub fn start(&mut self) -> Result<Option<Plan>> {
        let Some(start) = self.setup.start.take() else { return Ok(None) };
        let mut tape = std::mem::take(&mut self.machine.arith);
        tape.end_step(start.data);
        let first = self.row(0)?;
        Ok(Some(self.planned(tape, vec![first, first])?.plan))
    }

    /// How far the run has come, from 0 to 1.
    pub fn progress(&mut self) -> f64 {
        match (self.left(), self.whole_way()) {
            (Ok(left), Ok(whole)) => 1.0 - left / whole,
            (Err(_), _) | (_, Err(_)) => 0.0,
        }
    }

    /// How many steps count so far.
    pub fn steps(&self) -> usize {
        self.path.len() - 1
    }

    /// How many steps were tried.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// The level that the run has reached.
    ///
    /// # Errors
    /// If the schedule's clock cannot be read there.
    pub fn level(&mut self) -> Result<LevelRow> {
        self.row(self.path.len() - 1)
    }

    /// The next step to be tried; none at the end.
    ///
    /// # Errors
    /// What a step of any plan can say, and lengths that lead nowhere.
    pub fn propose(&mut self) -> Result<Option<Try>> {
        let (end, s) = (self.end(), self.here());
        if s.same(&end) {
            return Ok(None);
        }
        let t = self.target()?;
        self.renew();
        self.before = Some(self.machine.memory());
        self.attempts += 1;
        self.path.push(t);
        let start = self.machine.arith.nodes.push(NodeKind::Start);
        self.machine.arith.start = Some(start);
        let attempt = self.machine.attempt(&self.setup.sampler, start, &self.path, &end)?;
        let mut tape = std::mem::take(&mut self.machine.arith);
        tape.end_step(attempt.x);
        let told = tape.steps.len();
        tape.emits.push((ESTIMATE.into(), attempt.estimate, told));
        let kept = self.kept();
        tape.emits.extend(kept.iter().enumerate().map(|(place, node)| (kept_name(place), *node, told)));
        let rows = vec![self.row(self.path.len() - 2)?, self.row(self.path.len() - 1)?];
        Ok(Some(Try { planned: self.planned(tape, rows)?, kept: kept.len() }))
    }

    /// Whether the proposed step counts, by its error in units of what is tolerated.
    ///
    /// # Errors
    /// Errors that are no numbers, and next lengths that lead nowhere.
    pub fn judge(&mut self, error: f64) -> Result<bool> {
        let site = self.setup.sampler.site;
        let Some(before) = self.before.take() else {
            return Err(crate::machine::internal(site, "a judgement of no attempt"));
        };
        if !error.is_finite() {
            let message = format!("the estimate of the error is {error}, {}", self.place());
            let found = Diagnostic::new(Code::E0511, site, message);
            return Err(Box::new(found.help("divide by a tolerance that is never 0: `max(atol, ..)`")));
        }
        let Verdict { site, accepted, next } = self.machine.judge(&self.setup.sampler, self.length, error, before)?;
        let stuck = !accepted && next >= self.length;
        if !next.is_finite() || next <= 0.0 || stuck {
            let what = if stuck { "a rejected step is not made shorter" } else { "the next step length is no length" };
            let message =
                format!("{what}: `control` gives {next} for h = {} and e = {error}, {}", self.length, self.place());
            let found = Diagnostic::new(Code::E0511, site, message);
            return Err(Box::new(
                found.help("give a positive number, and a smaller one than `h` after a rejected step"),
            ));
        }
        if !accepted {
            self.path.pop();
        }
        self.length = next;
        Ok(accepted)
    }

    fn place(&self) -> String {
        format!("at step {} after {} attempts", self.path.len() - 1, self.attempts)
    }

    fn here(&self) -> Arc<Level<f64>> {
        self.path[self.path.len() - 1].clone()
    }

    fn end(&self) -> Arc<Level<f64>> {
        self.setup.levels[self.setup.levels.len() - 1].clone()
    }

    fn row(&mut self, at: usize) -> Result<LevelRow> {
        let level = self.path[at].clone();
        let time = self.machine.times(std::slice::from_ref(&level))?;
        Ok(row(&level, time.first().copied().unwrap_or(f64::NAN)))
    }

    fn coordinate(&mut self, level: &Level<f64>) -> Result<f64> {
        self.machine.coordinate_at(level, self.pace.over, self.setup.sampler.site)
    }

    /// What is left of the way.
    fn left(&mut self) -> Result<f64> {
        Ok((self.coordinate(&self.end())? - self.coordinate(&self.here())?).abs())
    }

    /// From the first level to the last, in the coordinate that is stepped over.
    fn whole_way(&mut self) -> Result<f64> {
        let (first, end) = (self.setup.levels[0].clone(), self.end());
        let whole = (self.coordinate(&end)? - self.coordinate(&first)?).abs();
        if whole.is_finite() && whole > 0.0 {
            return Ok(whole);
        }
        let over = self.pace.over.name();
        let message = format!("steps over `{over}` never lead from {} to {}", first.describe(), end.describe());
        let found = Diagnostic::new(Code::E0511, self.setup.sampler.site, message);
        Err(Box::new(found.help("take a grid with finite ends, such as `ends`: `noisiest` and `cleanest`")))
    }

    /// The level that the next step is to reach.
    fn target(&mut self) -> Result<Arc<Level<f64>>> {
        let site = self.setup.sampler.site;
        let refuse =
            |message: String, help: &str| Err(Box::new(Diagnostic::new(Code::E0511, site, message).help(help)));
        if !self.length.is_finite() || self.length <= 0.0 {
            let message = format!("the first step length is {}", self.length);
            return refuse(message, "write a positive number behind `from`");
        }
        let whole = self.whole_way()?;
        if self.length < REACHED * whole || self.attempts >= MAX_ATTEMPTS {
            let share = 100.0 * self.progress();
            let message = format!("after {} attempts the run has come {share:.1} % of its way", self.attempts);
            return refuse(message, "tolerate more, or write a `control` that lets steps grow again");
        }
        if self.length >= self.left()? - REACHED * whole {
            return Ok(self.end());
        }
        let (here, end) = (self.coordinate(&self.here())?, self.coordinate(&self.end())?);
        let to = here + self.length * (end - here).signum();
        self.machine.level_at_coordinate(self.pace.over, to, site)
    }

    /// A fresh tape on which everything that is kept, or given by the caller, is an input.
    fn renew(&mut self) {
        let kept = self.kept();
        let mut tape = Tape::default();
        let renewed: Vec<Node> =
            (0..kept.len()).map(|place| tape.nodes.push(NodeKind::Input(kept_name(place)))).collect();
        self.machine.arith = tape;
        self.machine.each_kept(|node| {
            if let Some(place) = kept.iter().position(|known| known == node) {
                *node = renewed[place];
            }
        });
        give_inputs(&mut self.machine, self.pipeline);
    }

    /// The tensors that are kept, each once.
    fn kept(&mut self) -> Vec<Node> {
        let mut kept = Vec::new();
        self.machine.each_kept(|node| {
            if !kept.contains(node) {
                kept.push(*node);
            }
        });
        kept
    }

    fn planned(&mut self, tape: Tape, levels: Vec<LevelRow>) -> Result<Planned> {
        let schedule = self.machine.schedule().map_or_else(|| "".into(), |schedule| Arc::from(&*schedule.name));
        let sampler = self.program.items[self.setup.sampler.item].name.clone();
        let warnings = std::mem::take(&mut self.setup.warnings);
        of_traced(self.program, self.pipeline, super::Traced { tape, levels, sampler, schedule, warnings }, self.cast)
    }
}
