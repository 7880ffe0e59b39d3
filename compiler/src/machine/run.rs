//! A run: slots, the grid, the steps.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::host::Hosts;
use super::legs::{check_levels, legs};
use super::level::Level;
use super::value::{ItemValue, Tensor, Value};
use super::{Machine, Result, internal};
use crate::arith::{Arith, Real};
use crate::hir::{Coordinate, Slot};
use crate::ir::program::{ItemBody, ItemRef};
use crate::types::Kind;

/// The most steps a run may have.
const MAX_STEPS: i64 = 100_000;

/// Levels given by a caller in place of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenLevels {
    /// The coordinate that they are given in.
    pub coordinate: Coordinate,
    /// One per level.
    pub levels: Vec<GivenLevel>,
}

/// A level given by a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GivenLevel {
    /// By its coordinate.
    At(f64),
    /// The level without noise.
    Clean,
    /// The level without data.
    Pure,
}

/// What a caller decides beside the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// Another number of steps.
    pub steps: Option<i64>,
    /// Levels in place of the grid.
    pub levels: Option<GivenLevels>,
    /// Rows and columns of the latent.
    pub size: (i64, i64),
    /// The network takes another dtype than the state's, so that what it is fed is written for it alone.
    pub cast: bool,
    /// Functions for `extern` functions.
    pub hosts: Hosts,
}

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig { steps: None, levels: None, size: (1, 1), cast: false, hosts: Hosts::default() }
    }
}

/// A run that can start.
pub struct Setup<A: Arith> {
    /// The levels, first to last.
    pub levels: Vec<Arc<Level<A::Real>>>,
    /// The sampler.
    pub sampler: Arc<ItemValue<A>>,
    /// How many steps were asked for.
    pub asked: i64,
    /// The sample that the pipeline starts from, if it names one.
    pub start: Option<Tensor<A>>,
    /// What may be wrong with it.
    pub warnings: Vec<Diagnostic>,
}

impl<'p, A: Arith> Machine<'p, A> {
    /// Fills the slots and makes the grid.
    pub fn set_up(&mut self, pipeline: ItemRef, config: &RunConfig) -> Result<Setup<A>> {
        self.set_up_with(pipeline, Vec::new(), config)
    }

    /// The same for a pipeline with some options given.
    pub fn set_up_with(&mut self, pipeline: ItemRef, mut given: Vec<Value<A>>, config: &RunConfig) -> Result<Setup<A>> {
        let program = self.program;
        let item = &program.items[pipeline];
        let span = item.span.0;
        let ItemBody::Pipeline(code) = &item.body else { return Err(internal(span, "a pipeline that is none")) };
        (self.at.height, self.at.width) = config.size;
        self.hosts = config.hosts.clone();
        self.stand_in = None;
        given.resize(item.options.len(), Value::None);
        let Value::List(options) = self.call(item.bind, given, span)? else {
            return Err(internal(span, "options that are no list"));
        };
        let mut items: Vec<(Slot, Arc<ItemValue<A>>)> = Vec::new();
        let mut asked = config.steps;
        // The schedule first: options of the other slots may read its levels.
        let of_schedule = |(slot, _): &&(Slot, crate::ir::program::Func)| *slot == Slot::Schedule;
        for (slot, func) in
            code.slots.iter().filter(of_schedule).chain(code.slots.iter().filter(|slot| !of_schedule(slot)))
        {
            if *slot == Slot::Steps && asked.is_some() {
                continue;
            }
            match (slot, self.of_options(&options, *func, span)?) {
                (Slot::Steps, Value::Int(n)) => asked = Some(n),
                (Slot::Schedule, Value::Item(item)) => {
                    self.at.schedule = Some(self.schedule_value(Some(&Value::Item(item)), span)?);
                }
                (slot, Value::Item(item)) => items.push((*slot, item)),
                _ => return Err(internal(span, "a slot that holds something else")),
            }
        }
        let slot = |wanted| items.iter().find(|(slot, _)| *slot == wanted).map(|(_, item)| item.clone());
        let missing = || internal(span, "a slot that is not filled");
        self.at.model = slot(Slot::Model);
        self.at.guidance = slot(Slot::Guidance);
        let asked = asked.unwrap_or(0);
        let (levels, at) = match &config.levels {
            Some(given) => (self.given_levels(given, span)?, span),
            None => {
                let grid = slot(Slot::Grid).ok_or_else(missing)?;
                (self.grid_levels(&grid, asked, span)?, grid.site)
            }
        };
        let mut warnings = Vec::new();
        check_levels(&levels, at)?;
        let n = levels.len() as i64 - 1;
        // A grid with laps makes more steps on purpose.
        if config.levels.is_none() && n != asked && !levels.iter().any(|level| level.renoised) {
            let message = format!("the grid makes {n} steps where {asked} were asked for");
            warnings
                .push(Diagnostic::new(Code::W0512, at, message).help("`n` in the sampler is the true number of steps"));
        }
        self.walk(&levels);
        let start = match code.start {
            None => None,
            Some(func) => Some(self.started(&options, func, &levels[0], span)?),
        };
        let sampler = slot(Slot::Sampler).ok_or_else(missing)?;
        self.check_branches(&sampler)?;
        Ok(Setup { levels, sampler, asked, start, warnings })
    }

    /// Sees that the guidance has every branch that the sampler names.
    fn check_branches(&mut self, sampler: &Arc<ItemValue<A>>) -> Result<()> {
        let mut known: Vec<Arc<str>> = vec![super::predict::ONLY_BRANCH.into()];
        if let Some(guidance) = self.at.guidance.clone() {
            self.branches(&guidance, &mut known)?;
        }
        let mut wanted = Vec::new();
        self.branches(sampler, &mut wanted)?;
        match wanted.iter().find(|branch| !known.contains(branch)) {
            None => Ok(()),
            Some(branch) => {
                let message =
                    format!("the sampler asks for the branch `{branch}`, which the pipeline's guidance does not have");
                let found = Diagnostic::new(Code::E0404, sampler.site, message);
                Err(Box::new(found.help("give the pipeline a guidance with that branch, such as `guidance cfg`")))
            }
        }
    }

    /// Branches that an item and the items in its options declare.
    fn branches(&mut self, item: &Arc<ItemValue<A>>, into: &mut Vec<Arc<str>>) -> Result<()> {
        let program = self.program;
        if let ItemBody::Rules(code) = &program.items[item.item].body {
            into.extend(code.branches.iter().cloned());
        }
        for option in self.options(item)?.iter() {
            if let Value::Item(inner) = option {
                self.branches(inner, into)?;
            }
        }
        Ok(())
    }

    fn grid_levels(&mut self, grid: &Arc<ItemValue<A>>, asked: i64, span: Span) -> Result<Vec<Arc<Level<A::Real>>>> {
        if !(1..=MAX_STEPS).contains(&asked) {
            let message = format!("a run takes between 1 and {MAX_STEPS} steps, found {asked}");
            return Err(Box::new(Diagnostic::new(Code::E0510, span, message).help("set `steps`")));
        }
        let list = self.run_grid(grid, asked, span)?;
        list.iter()
            .map(|value| match value {
                Value::Level(level) => Ok(level.clone()),
                _ => Err(internal(span, "a grid of no levels")),
            })
            .collect()
    }

    fn given_levels(&mut self, given: &GivenLevels, span: Span) -> Result<Vec<Arc<Level<A::Real>>>> {
        let schedule = self.at.schedule.clone().ok_or_else(|| internal(span, "no schedule yet"))?;
        let mut levels = Vec::new();
        for level in &given.levels {
            let level = match level {
                GivenLevel::Clean => Level::clean(),
                GivenLevel::Pure => {
                    let pure = schedule.family.and_then(Level::pure);
                    let message = format!("the schedule `{}` has no level without data", schedule.name);
                    pure.ok_or_else(|| Box::new(Diagnostic::new(Code::E0508, span, message)))?
                }
                GivenLevel::At(value) => self.level_with(&schedule, given.coordinate, A::Real::from_f64(*value))?,
            };
            levels.push(Arc::new(level));
        }
        Ok(levels)
    }

    fn started(
        &mut self,
        options: &[Value<A>],
        func: crate::ir::program::Func,
        first: &Arc<Level<A::Real>>,
        span: Span,
    ) -> Result<Tensor<A>> {
        let Value::Tensor(start) = self.of_options(options, func, span)? else {
            return Err(internal(span, "a start that is no tensor"));
        };
        match &start.level {
            Some(level) if level.same(first) => Ok(start),
            level => {
                let found = level.as_ref().map_or("no level".to_owned(), |level| level.describe());
                let message = format!("the run starts at {}, its first sample is at {found}", first.describe());
                let found = Diagnostic::new(Code::E0402, span, message);
                Err(Box::new(found.help("start with `renoise(image, grid[0])`")))
            }
        }
    }

    /// Puts a run on a schedule with a model, without a pipeline.
    pub fn place(&mut self, schedule: Arc<ItemValue<A>>, model: Arc<ItemValue<A>>) -> Result<()> {
        let span = schedule.site;
        self.at.schedule = Some(self.schedule_value(Some(&Value::Item(schedule)), span)?);
        self.at.model = Some(model);
        Ok(())
    }

    /// Puts a guidance over the model.
    pub fn guide_by(&mut self, guidance: Arc<ItemValue<A>>) {
        self.at.guidance = Some(guidance);
    }

    /// The levels of a grid for `n` steps, which must be a grid that can be run.
    pub fn levels_of(&mut self, grid: &Arc<ItemValue<A>>, n: i64) -> Result<Vec<Arc<Level<A::Real>>>> {
        let levels = self.grid_levels(grid, n, grid.site)?;
        check_levels(&levels, grid.site)?;
        Ok(levels)
    }

    /// Runs a sampler over these levels, without a pipeline.
    pub fn run_levels(
        &mut self,
        sampler: &Arc<ItemValue<A>>,
        levels: Vec<Arc<Level<A::Real>>>,
        x: A::Tensor,
        observe: impl FnMut(&mut A, usize, &A::Tensor),
    ) -> Result<A::Tensor> {
        let asked = levels.len() as i64 - 1;
        self.run(&Setup { levels, sampler: sampler.clone(), asked, start: None, warnings: Vec::new() }, x, observe)
    }

    /// The value of a function without parameters.
    pub fn evaluate(&mut self, func: crate::ir::program::Func, span: Span) -> Result<Value<A>> {
        self.call(func, Vec::new(), span)
    }

    /// An option of an item, by its place.
    pub fn option(&mut self, item: &Arc<ItemValue<A>>, at: usize) -> Result<Value<A>> {
        Ok(self.options(item)?.get(at).cloned().unwrap_or(Value::None))
    }

    /// The value of a function of an item's options, such as a claim.
    pub fn of_item(&mut self, item: &Arc<ItemValue<A>>, func: crate::ir::program::Func) -> Result<Value<A>> {
        let options = self.options(item)?;
        self.of_options(&options, func, item.site)
    }

    /// Stands at the beginning of a step of a run over these levels, where claims are asked for.
    pub fn stand_at(&mut self, i: usize, levels: &[Arc<Level<A::Real>>]) {
        self.at.i = i as i64;
        self.at.n = levels.len() as i64 - 1;
        self.at.grid = Arc::new(levels.iter().cloned().map(Value::Level).collect());
        self.instance_mut().fresh = i == 0;
    }

    /// Gives the run a tensor of the caller: a mask, or an image at the clean level.
    pub fn give_input(&mut self, name: &Arc<str>, data: A::Tensor, kind: Kind) {
        let level = (kind == Kind::Sample).then(|| Arc::new(Level::clean()));
        let tensor = self.tensor(data, kind, level);
        self.at.inputs.insert(name.clone(), tensor);
    }

    /// Runs all steps from `x`, telling `observe` of the sample at each level that it reaches, by number from 0.
    pub fn run(
        &mut self,
        setup: &Setup<A>,
        x: A::Tensor,
        mut observe: impl FnMut(&mut A, usize, &A::Tensor),
    ) -> Result<A::Tensor> {
        let n = setup.levels.len() - 1;
        let schedule = self.at.schedule.as_ref().map_or(Arc::from(""), |schedule| schedule.name.clone());
        let mut x = self.tensor(x, Kind::Sample, Some(setup.levels[0].clone()));
        for leg in legs(&setup.levels) {
            let start = *leg.start();
            if start > 0 {
                x = self.renoise(&x, &setup.levels[start], setup.sampler.site)?;
                observe(&mut self.arith, start - 1, &x.data);
            }
            let levels = &setup.levels[leg];
            self.walk(levels);
            for (i, t) in levels[1..].iter().enumerate() {
                self.at.i = i as i64;
                let stepped = self.step(&setup.sampler, &x, t, setup.sampler.site).and_then(|stepped| {
                    self.arith.unfit(&stepped.data).map_or(Ok(stepped), |(span, factor)| Err(unfit(span, factor)))
                });
                x = stepped.map_err(|mut found| {
                    let step = start + i + 1;
                    found.message = format!("{}, at step {step} of {n} on schedule `{schedule}`", found.message);
                    found
                })?;
                self.answers.clear();
                observe(&mut self.arith, start + i, &x.data);
            }
        }
        Ok(x.data)
    }

    /// The value of a function of nothing, such as a constant.
    pub fn value_of(&mut self, func: crate::ir::program::Func) -> Result<Value<A>> {
        match self.program.funcs[func].body.insts.first() {
            Some(inst) => self.call(func, Vec::new(), inst.span),
            None => Ok(Value::None),
        }
    }

    /// What the run has asked for so far: draws, and network calls.
    pub fn counts(&self) -> super::Counts {
        self.counts
    }

    /// How many instructions and list entries the run has cost so far.
    pub fn work(&self) -> u64 {
        self.work
    }

    /// The clock of each level.
    pub fn times(&mut self, levels: &[Arc<Level<A::Real>>]) -> Result<Vec<f64>> {
        let schedule = self.at.schedule.clone();
        levels
            .iter()
            .map(|level| match &schedule {
                Some(schedule) => Ok(self.time_of(schedule, level)?.to_f64()),
                None => Ok(f64::NAN),
            })
            .collect()
    }

    /// The opened schedule.
    pub fn schedule(&self) -> Option<Arc<super::schedule::Schedule<A>>> {
        self.at.schedule.clone()
    }
}

fn unfit(span: Span, factor: f64) -> Box<Diagnostic> {
    let what = if factor.is_nan() { "not a number" } else { "infinite" };
    let found = Diagnostic::new(Code::E0504, span, format!("the factor of this tensor is {what}"));
    Box::new(found.help("a step to `clean` or from `pure` often needs a case of its own: `if t == clean { .. }`"))
}
