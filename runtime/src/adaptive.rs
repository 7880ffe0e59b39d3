//! Runs whose sampler finds its own steps.
//!
//! An attempt is planned when its step length is known, and followed like any plan. What the rule keeps goes from one
//! attempt to the next as tensors; a rejected attempt gives back nothing. The error of a step is read from the device,
//! which no other run does. Samples with steps of their own are parts of one run. They try their steps side by side, and
//! what they ask the network at one time is asked together; a sample is the same in any batch.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use samp_compiler::compile::Failure;
use samp_compiler::ir::plan::{LevelRow, Plan};
use samp_compiler::plan::adaptive::{Adaptive, ESTIMATE, Try, kept_name};
use samp_lang::diag::Diagnostic;

use crate::denoiser::Denoiser;
use crate::error::Error;
use crate::kernels::Kernels;
use crate::pipeline::Compiled;
use crate::run::{Asked, Follow, RunOptions, Step, Stop};
use crate::start::Start;

/// A run under way.
pub(crate) struct AdaptiveRun<'p, D> {
    compiled: &'p Compiled,
    denoiser: D,
    options: RunOptions,
    seed: u64,
    parts: Vec<Part<'p>>,
    kernels: Kernels,
    emitted: Vec<(Arc<str>, Tensor)>,
    steps: usize,
}

/// Samples that share their steps.
struct Part<'p> {
    way: Adaptive<'p>,
    first_sample: u64,
    /// The rows of the run's tensors, from and how many.
    rows: (usize, usize),
    x: Tensor,
    kept: Vec<Tensor>,
    arrived: bool,
}

/// What following a plan of one step gives.
struct Followed {
    x: Tensor,
    emitted: Vec<(Arc<str>, Tensor)>,
}

/// A plan of one step, and what it is followed with.
struct Attempt {
    compiled: Compiled,
    start: Start,
    options: RunOptions,
    /// How many steps of the part are done.
    before: usize,
}

impl<'p, D: Denoiser> AdaptiveRun<'p, D> {
    pub(crate) fn new(compiled: &'p Compiled, start: Start, denoiser: D, options: RunOptions) -> Result<Self, Error> {
        let batch = start.x.dim(0)?;
        let per_sample = compiled.way()?.is_some_and(|way| way.pace().per_sample);
        let rows = if per_sample { (0..batch).map(|row| (row, 1)).collect() } else { vec![(0, batch)] };
        let seed = start.seed;
        let mut run = AdaptiveRun {
            compiled,
            denoiser,
            options,
            seed,
            parts: Vec::new(),
            kernels: Kernels::of(compiled),
            emitted: Vec::new(),
            steps: 0,
        };
        for rows in rows {
            let part = run.part(&start, rows)?;
            run.parts.push(part);
        }
        Ok(run)
    }

    fn part(&mut self, start: &Start, rows: (usize, usize)) -> Result<Part<'p>, Error> {
        let Some(mut way) = self.compiled.way()? else { return Err(Error::NotAdaptive) };
        let first_sample = start.first_sample + rows.0 as u64;
        let x = start.x.narrow(0, rows.0, rows.1)?.contiguous()?;
        let start = Start { x, unit: start.unit, seed: self.seed, first_sample };
        let begun = way.start().map_err(|found| self.failure(*found))?;
        let level = way.level().map_err(|found| self.failure(*found))?;
        let x = match begun {
            Some(plan) => {
                let attempt = self.attempt(plan, start, &[], rows, 0)?;
                self.follow(&[attempt])?.pop().ok_or(Error::NotAdaptive)?.x
            }
            None => start.first(level.sigma)?,
        };
        Ok(Part { way, first_sample, rows, x, kept: Vec::new(), arrived: false })
    }

    fn failure(&self, found: Diagnostic) -> Error {
        let failure = Failure { diagnostics: vec![found], sources: self.compiled.sources().clone() };
        Error::Program(Box::new(failure))
    }

    /// Goes on until every part has made a step that counts; gives nothing at the end.
    pub(crate) fn advance(&mut self) -> Result<Option<Step>, Error> {
        let mut parts = std::mem::take(&mut self.parts);
        let stepped = self.step(&mut parts);
        self.parts = parts;
        if !stepped? {
            return Ok(None);
        }
        self.steps += 1;
        let progress = self.parts.iter_mut().map(|part| part.way.progress()).fold(1.0, f64::min);
        Ok(Some(Step { index: self.steps - 1, of: None, progress, level: self.level()?, x: self.x()? }))
    }

    /// One step that counts of every part that is not at its end; false if all are.
    fn step(&mut self, parts: &mut [Part<'p>]) -> Result<bool, Error> {
        let mut emitted: Vec<_> = parts.iter().map(|_| Vec::new()).collect();
        let mut open: Vec<usize> = (0..parts.len()).filter(|at| !parts[*at].arrived).collect();
        let mut stepped = false;
        while !open.is_empty() {
            let (mut tried, mut attempts) = (Vec::new(), Vec::new());
            for at in open {
                let part = &mut parts[at];
                let proposed = part.way.propose().map_err(|found| self.failure(*found))?;
                let Some(Try { planned, kept }) = proposed else {
                    part.arrived = true;
                    continue;
                };
                let start = Start { x: part.x.clone(), unit: false, seed: self.seed, first_sample: part.first_sample };
                attempts.push(self.attempt(planned.plan, start, &part.kept, part.rows, part.way.steps() - 1)?);
                tried.push((at, kept));
            }
            open = Vec::new();
            for ((at, kept), followed) in tried.into_iter().zip(self.follow(&attempts)?) {
                let part = &mut parts[at];
                let error = self.options.strictness * largest_rms(told(&followed.emitted, ESTIMATE))?;
                if !part.way.judge(error).map_err(|found| self.failure(*found))? {
                    open.push(at);
                    continue;
                }
                part.x = followed.x;
                part.kept = (0..kept).filter_map(|place| told(&followed.emitted, &kept_name(place)).cloned()).collect();
                emitted[at].extend(followed.emitted.into_iter().filter(|(name, _)| !name.starts_with('.')));
                stepped = true;
            }
        }
        self.emitted.extend(emitted.into_iter().flatten());
        Ok(stepped)
    }

    /// The plan of one step, ready to be followed.
    fn attempt(
        &mut self,
        plan: Plan,
        start: Start,
        kept: &[Tensor],
        rows: (usize, usize),
        before: usize,
    ) -> Result<Attempt, Error> {
        let kernels = self.kernels.compile(&plan)?;
        let compiled = self.compiled.step(plan, kernels);
        let narrow = |tensor: &Tensor| tensor.narrow(0, rows.0, rows.1)?.contiguous();
        let mut inputs = HashMap::new();
        for (name, tensor) in &self.options.inputs {
            inputs.insert(name.clone(), narrow(tensor)?);
        }
        inputs.extend(kept.iter().enumerate().map(|(place, tensor)| (kept_name(place).to_string(), tensor.clone())));
        let noise = match &self.options.noise {
            Some(noise) => Some(noise.narrow(1, rows.0, rows.1)?.contiguous()?),
            None => None,
        };
        let options = RunOptions { inputs, noise, ..self.options.clone() };
        Ok(Attempt { compiled, start, options, before })
    }

    /// Follows plans of one step side by side, from one call of the network to the next.
    fn follow(&mut self, attempts: &[Attempt]) -> Result<Vec<Followed>, Error> {
        let mut follows = Vec::with_capacity(attempts.len());
        for Attempt { compiled, start, options, before } in attempts {
            follows.push(Follow::new(compiled, start.clone(), options.clone())?.part_of_a_run(*before));
        }
        let mut reached: Vec<Option<Tensor>> = vec![None; follows.len()];
        let mut asked = Vec::new();
        let mut going: Vec<usize> = (0..follows.len()).collect();
        while !going.is_empty() {
            for at in going {
                loop {
                    match follows[at].go()? {
                        Stop::Asked(call) => asked.push((at, call)),
                        Stop::Stepped(_, x) => {
                            reached[at] = Some(x.copy()?);
                            continue;
                        }
                        Stop::End => {}
                    }
                    break;
                }
            }
            going = self.ask(&mut follows, &mut asked)?;
        }
        let ends = follows.into_iter().zip(reached).map(|(follow, x)| {
            let x = x.ok_or(Error::NotAdaptive)?;
            Ok(Followed { x, emitted: follow.into_emitted() })
        });
        ends.collect()
    }

    /// Answers what is asked, together where it goes together; gives those who asked.
    fn ask(&mut self, follows: &mut [Follow<'_>], asked: &mut Vec<(usize, Asked<'_>)>) -> Result<Vec<usize>, Error> {
        let mut answered = Vec::with_capacity(asked.len());
        while !asked.is_empty() {
            let first = asked[0].1.call.clone();
            let (group, others) = std::mem::take(asked).into_iter().partition(|(_, one)| first.goes_with(&one.call));
            *asked = others;
            let group: Vec<(usize, Asked<'_>)> = group;
            let outputs = match &group[..] {
                [(_, only)] => self.denoiser.denoise(&only.input, &only.call).map(|output| vec![output]),
                _ => {
                    let (inputs, calls): (Vec<_>, Vec<_>) =
                        group.iter().map(|(_, one)| (&one.input, &one.call)).unzip();
                    self.denoiser.denoise_each(&inputs, &calls)
                }
            };
            // Who fails alone or gives too few fails for the first of them.
            let mut outputs = match outputs {
                Ok(outputs) => outputs.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            };
            outputs.truncate(group.len());
            let missing = || Err(candle_core::Error::Msg(format!("it gave too few outputs for {} calls", group.len())));
            let mut outputs = outputs.into_iter();
            for (at, one) in &group {
                follows[*at].answer(one, outputs.next().unwrap_or_else(missing))?;
                answered.push(*at);
            }
        }
        Ok(answered)
    }

    /// The noisiest level that a part is at.
    fn level(&mut self) -> Result<LevelRow, Error> {
        let mut noisiest: Option<LevelRow> = None;
        for at in 0..self.parts.len() {
            let level = self.parts[at].way.level().map_err(|found| self.failure(*found))?;
            if noisiest.is_none_or(|known| level.lambda < known.lambda) {
                noisiest = Some(level);
            }
        }
        noisiest.ok_or(Error::NotAdaptive)
    }

    fn x(&self) -> Result<Tensor, Error> {
        let parts: Vec<&Tensor> = self.parts.iter().map(|part| &part.x).collect();
        match parts[..] {
            [only] => Ok(only.copy()?),
            _ => Ok(Tensor::cat(&parts, 0)?),
        }
    }

    pub(crate) fn emitted(&self) -> &[(Arc<str>, Tensor)] {
        &self.emitted
    }

    /// Steps that count and steps that were tried, of each part.
    pub(crate) fn attempts(&self) -> Vec<(usize, usize)> {
        self.parts.iter().map(|part| (part.way.steps(), part.way.attempts())).collect()
    }

    pub(crate) fn finish(mut self) -> Result<Tensor, Error> {
        while self.advance()?.is_some() {}
        self.x()
    }
}

fn told<'t>(emitted: &'t [(Arc<str>, Tensor)], name: &str) -> Option<&'t Tensor> {
    emitted.iter().find(|(known, _)| **known == *name).map(|(_, tensor)| tensor)
}

/// The largest root mean square of a sample, summed in f64 in the order of its elements.
fn largest_rms(estimate: Option<&Tensor>) -> Result<f64, Error> {
    let estimate = estimate.ok_or(Error::NotAdaptive)?;
    let rows = estimate.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    let rms = |row: &Vec<f64>| (row.iter().map(|x| x * x).sum::<f64>() / row.len().max(1) as f64).sqrt();
    // A NaN must not be lost.
    Ok(rows.iter().map(rms).fold(0.0, |most, rms| if rms > most || rms.is_nan() { rms } else { most }))
}
