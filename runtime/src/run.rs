//! A run: the plan followed, one operation after the other.
//!
//! [`Follow`] does that; a [`Run`] is what callers hold, for any way of finding the steps.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor};
use samp_compiler::backend::{Dtype, path};
use samp_compiler::ir::plan::{CallOp, Fed, LaunchOp, LevelRow, PlanOp, Source, Target};

use crate::adaptive::AdaptiveRun;
use crate::denoiser::{Call, Denoiser};
use crate::device::operands::candle_dtype;
use crate::device::{Cells, On, TensorDraw, TensorLaunch};
use crate::error::{Error, plain};
use crate::pipeline::Compiled;
use crate::start::{INITIAL_STREAM, STEP_STREAM, Start, rows};

/// What a caller may give a run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Tensors for the `input`s of the pipeline, of the start's shape, dtype and device.
    pub inputs: HashMap<String, Tensor>,
    /// Noise in place of generated noise: row `k` is draw `k`, each of the start's shape.
    pub noise: Option<Tensor>,
    /// The most threads for kernels; all cores if 0. The result is the same for any number.
    pub threads: usize,
    /// What runs the kernels.
    pub on: On,
    /// What the error estimates of a sampler that finds its own steps are multiplied by; 1 leaves them as they are.
    pub strictness: f64,
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions { inputs: HashMap::new(), noise: None, threads: 0, on: On::default(), strictness: 1.0 }
    }
}

/// A step that is done.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are, unless the sampler finds its own steps.
    pub of: Option<usize>,
    /// How far the run has come, from 0 to 1.
    pub progress: f64,
    /// The level that the sample has reached.
    pub level: LevelRow,
    /// The sample, a copy.
    pub x: Tensor,
}

/// A run under way. It is an iterator of steps; [`Run::finish`] goes to the end.
pub struct Run<'p, D> {
    way: Way<'p, D>,
    failed: bool,
}

/// How a run finds its steps.
enum Way<'p, D> {
    Planned(Box<Follow<'p>>, D),
    Adaptive(Box<AdaptiveRun<'p, D>>),
}

impl<'p, D: Denoiser> Run<'p, D> {
    pub(crate) fn new(compiled: &'p Compiled, start: Start, denoiser: D, options: RunOptions) -> Result<Self, Error> {
        let way = if compiled.is_adaptive() {
            Way::Adaptive(Box::new(AdaptiveRun::new(compiled, start, denoiser, options)?))
        } else {
            Way::Planned(Box::new(Follow::new(compiled, start, options)?), denoiser)
        };
        Ok(Run { way, failed: false })
    }

    /// Goes to the end and gives the last sample.
    ///
    /// # Errors
    /// As for the steps.
    pub fn finish(self) -> Result<Tensor, Error> {
        match self.way {
            Way::Planned(run, mut denoiser) => run.finish(&mut denoiser),
            Way::Adaptive(run) => run.finish(),
        }
    }

    /// Tensors that the sampler has emitted so far, with their names.
    pub fn emitted(&self) -> &[(Arc<str>, Tensor)] {
        match &self.way {
            Way::Planned(run, _) => &run.emitted,
            Way::Adaptive(run) => run.emitted(),
        }
    }

    /// Where the sampler finds its own steps: how many count so far, and how many were tried. One pair for all samples,
    /// or one for each where each has steps of its own.
    pub fn attempts(&self) -> Option<Vec<(usize, usize)>> {
        match &self.way {
            Way::Planned(..) => None,
            Way::Adaptive(run) => Some(run.attempts()),
        }
    }
}

impl<D: Denoiser> Iterator for Run<'_, D> {
    type Item = Result<Step, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = match &mut self.way {
            Way::Planned(run, denoiser) => run.step(denoiser),
            Way::Adaptive(run) => run.advance(),
        };
        self.failed = step.is_err();
        step.transpose()
    }
}

/// A plan that is followed.
pub(crate) struct Follow<'p> {
    compiled: &'p Compiled,
    shape: Shape,
    batch: usize,
    seed: u64,
    first_sample: u64,
    threads: usize,
    on: On,
    slots: Vec<Tensor>,
    /// What launches write for calls, in the network's dtype: a group of rows for each branch.
    feed: Option<Tensor>,
    /// One number per sample in each.
    cells: Vec<Cells>,
    outputs: Vec<Option<Tensor>>,
    inputs: HashMap<String, Tensor>,
    noise: Vec<Tensor>,
    emitted: Vec<(Arc<str>, Tensor)>,
    at: usize,
    /// Where the plan is one step of a longer run: how many come before.
    before: Option<usize>,
}

/// What a plan has come to.
pub(crate) enum Stop<'p> {
    /// A call of the network, which is to be answered.
    Asked(Asked<'p>),
    /// The end of a step: its number, and the run's own sample, which later steps overwrite.
    Stepped(usize, Tensor),
    End,
}

/// A call of the network.
pub(crate) struct Asked<'p> {
    op: &'p CallOp,
    pub(crate) input: Tensor,
    pub(crate) call: Call,
}

impl<'p> Follow<'p> {
    pub(crate) fn new(compiled: &'p Compiled, start: Start, options: RunOptions) -> Result<Self, Error> {
        let plan = &compiled.plan;
        let shape = start.x.shape().clone();
        let (batch, _) = rows(&shape)?;
        let dtype = dtype(compiled.dtype);
        fits("the start", &start.x, &shape, dtype)?;
        let device = start.x.device().clone();
        let slots = (0..plan.n_slots).map(|_| Tensor::zeros(&shape, dtype, &device)).collect::<Result<Vec<_>, _>>()?;
        let feed = match (plan.n_feeds as usize, start.x.dims()) {
            (0, _) | (_, []) => None,
            (groups, [samples, rest @ ..]) => {
                let dims: Vec<usize> = std::iter::once(groups * samples).chain(rest.iter().copied()).collect();
                Some(Tensor::zeros(dims, candle_dtype(compiled.network_dtype), &device)?)
            }
        };
        for name in &plan.inputs {
            let input = options.inputs.get(&**name).ok_or_else(|| Error::MissingInput(name.to_string()))?;
            fits(&format!("the input `{name}`"), input, &shape, dtype)?;
        }
        let noise = match &options.noise {
            Some(noise) => given_noise(noise, &shape, dtype, &device)?,
            None => Vec::new(),
        };
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let mut run = Follow {
            compiled,
            shape,
            batch,
            seed: start.seed,
            first_sample: start.first_sample,
            threads,
            on: options.on,
            slots,
            feed,
            cells: vec![Cells::Host(Vec::new()); plan.n_cells as usize],
            outputs: vec![None; plan.ops.iter().filter(|op| matches!(op, PlanOp::Call(_))).count()],
            inputs: options.inputs,
            noise,
            emitted: Vec::new(),
            at: 0,
            before: None,
        };
        if options.noise.is_some() {
            run.check_noise()?;
        }
        run.begin(&start, &device)?;
        Ok(run)
    }

    /// The first sample: a copy of the caller's, or noise of the first level's size.
    fn begin(&mut self, start: &Start, device: &Device) -> Result<(), Error> {
        debug_assert_ne!(INITIAL_STREAM, STEP_STREAM);
        if let Some(slot) = self.compiled.plan.start {
            let levels = &self.compiled.plan.levels;
            if start.unit && levels[0].lambda > levels[1].lambda {
                return Err(Error::RisesFromNoise);
            }
            let sigma = levels[0].sigma;
            self.slots[slot.as_u32() as usize] = start.first(sigma)?.to_device(device)?.contiguous()?;
        }
        Ok(())
    }

    fn check_noise(&self) -> Result<(), Error> {
        let draws = self.compiled.plan.ops.iter().filter_map(|op| match op {
            PlanOp::Launch(launch) => launch.draws.iter().max(),
            PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => None,
        });
        match draws.max() {
            Some(draw) if *draw as usize >= self.noise.len() => {
                Err(Error::MissingNoise { draw: *draw as usize, given: self.noise.len() })
            }
            _ => Ok(()),
        }
    }

    /// The plan is one step of a run, `before` of which are done.
    pub(crate) fn part_of_a_run(self, before: usize) -> Self {
        Follow { before: Some(before), ..self }
    }

    fn finish(mut self, denoiser: &mut impl Denoiser) -> Result<Tensor, Error> {
        let mut last = None;
        while let Some((_, x)) = self.advance(denoiser)? {
            last = Some(x);
        }
        match last {
            Some(x) => Ok(x.copy()?),
            None => Ok(Tensor::zeros(&self.shape, dtype(self.compiled.dtype), &Device::Cpu)?),
        }
    }

    /// Tensors that were emitted.
    pub(crate) fn into_emitted(self) -> Vec<(Arc<str>, Tensor)> {
        self.emitted
    }

    fn step(&mut self, denoiser: &mut impl Denoiser) -> Result<Option<Step>, Error> {
        let Some((index, x)) = self.advance(denoiser)? else { return Ok(None) };
        let (level, of) = (self.compiled.plan.levels[index + 1], self.compiled.n_steps());
        let progress = (index + 1) as f64 / of as f64;
        Ok(Some(Step { index, of: Some(of), progress, level, x: x.copy()? }))
    }

    /// Goes on to the end of the next step; gives its number and the run's own sample, which later steps overwrite.
    pub(crate) fn advance(&mut self, denoiser: &mut impl Denoiser) -> Result<Option<(usize, Tensor)>, Error> {
        loop {
            match self.go()? {
                Stop::Asked(asked) => {
                    let output = denoiser.denoise(&asked.input, &asked.call);
                    self.answer(&asked, output)?;
                }
                Stop::Stepped(index, x) => return Ok(Some((index, x))),
                Stop::End => return Ok(None),
            }
        }
    }

    /// Goes on to the next call of the network, or to the end of the step.
    pub(crate) fn go(&mut self) -> Result<Stop<'p>, Error> {
        let compiled = self.compiled;
        while let Some(op) = compiled.plan.ops.get(self.at) {
            self.at += 1;
            match op {
                PlanOp::Launch(launch) => self.launch(launch)?,
                PlanOp::Call(op) => {
                    let asked = self.asked(op)?;
                    if !op.host {
                        return Ok(Stop::Asked(asked));
                    }
                    let Some(name) = op.branches.first() else { return Err(Error::UnknownHost(String::new())) };
                    let function = compiled.hosts.get(name).ok_or_else(|| Error::UnknownHost(name.to_string()))?;
                    let output = (function.0)(&asked.input, &asked.call);
                    self.answer(&asked, output)?;
                }
                PlanOp::Drop { call } => self.outputs[*call as usize] = None,
                PlanOp::Step { step, x } => return Ok(Stop::Stepped(*step as usize, self.source(x)?)),
                PlanOp::Emit { name, value } => {
                    let value = self.source(value)?.copy()?;
                    self.emitted.push((name.clone(), value));
                }
            }
        }
        Ok(Stop::End)
    }

    fn source(&self, source: &Source) -> Result<Tensor, Error> {
        match source {
            Source::Slot(slot) => Ok(self.slots[slot.as_u32() as usize].clone()),
            Source::Output { call, branch } => {
                let output =
                    self.outputs[*call as usize].as_ref().expect("a verified plan reads outputs that are there");
                Ok(output.narrow(0, *branch as usize * self.batch, self.batch)?)
            }
            Source::Part { call, branch, part } => {
                let output = self.source(&Source::Output { call: *call, branch: *branch })?;
                let channels = self.shape.dims().get(1).copied().unwrap_or(1);
                Ok(output.narrow(1, *part as usize * channels, channels)?.contiguous()?)
            }
            Source::Input(name) => Ok(self.inputs[&**name].clone()),
        }
    }

    fn target(&self, target: Target) -> Result<Tensor, Error> {
        match target {
            Target::Slot(slot) => Ok(self.slots[slot.as_u32() as usize].clone()),
            Target::Feed(branch) => Ok(self.feed().narrow(0, branch as usize * self.batch, self.batch)?),
        }
    }

    fn feed(&self) -> &Tensor {
        self.feed.as_ref().expect("a verified plan has a feed where it is written or read")
    }

    fn launch(&mut self, op: &LaunchOp) -> Result<(), Error> {
        let loads = op.loads.iter().map(|load| self.source(load)).collect::<Result<Vec<_>, _>>()?;
        let paths = &self.compiled.plan.paths;
        let of_path = |draw: &u32| match paths.binary_search_by_key(draw, |path| path.draw) {
            Ok(at) if self.noise.is_empty() => path::increment(paths[at].from, paths[at].to),
            _ => Vec::new(),
        };
        let terms: Vec<Vec<path::Term>> = op.draws.iter().map(of_path).collect();
        let loads: Vec<&Tensor> = loads.iter().collect();
        let stores = op.stores.iter().map(|store| self.target(*store)).collect::<Result<Vec<_>, _>>()?;
        let stores: Vec<&Tensor> = stores.iter().collect();
        let draws: Vec<TensorDraw<'_>> = op
            .draws
            .iter()
            .zip(&terms)
            .map(|(draw, terms)| match self.noise.get(*draw as usize) {
                Some(noise) => TensorDraw::Given(noise),
                None if !terms.is_empty() => TensorDraw::Path(terms),
                None => TensorDraw::Generated { stream: STEP_STREAM, draw: *draw },
            })
            .collect();
        let cells: Vec<&Cells> = op.cells.iter().map(|cell| &self.cells[cell.as_u32() as usize]).collect();
        let launch = TensorLaunch {
            scalars: &op.scalars,
            draws: &draws,
            cells: &cells,
            seed: self.seed,
            first_sample: self.first_sample,
            threads: self.threads,
        };
        let kernel = &self.compiled.kernels[op.kernel.as_u32() as usize];
        let reduced = kernel.launch(self.on, &launch, &loads, &stores)?;
        for (cell, numbers) in op.reduces.iter().zip(reduced) {
            self.cells[cell.as_u32() as usize] = numbers;
        }
        Ok(())
    }

    fn asked(&self, op: &'p CallOp) -> Result<Asked<'p>, Error> {
        let input = match &op.input {
            Fed::Tensor(source) => self.source(source)?,
            Fed::Feed => self.feed().narrow(0, 0, op.branches.len() * self.batch)?,
        };
        let call = Call::new(op, self.batch, self.first_sample, self.before.unwrap_or(op.step as usize));
        Ok(Asked { op, input, call })
    }

    /// Takes the output of a call, once it is what the plan goes on with.
    pub(crate) fn answer(&mut self, asked: &Asked<'_>, output: candle_core::Result<Tensor>) -> Result<(), Error> {
        let Asked { op, input, call } = asked;
        let (step, steps) = (call.step(), self.before.is_none().then(|| self.compiled.n_steps()));
        let host = op.host.then(|| op.branches.first()).flatten();
        let output = output.map_err(|source| match host {
            None => Error::Denoiser { step, steps, source: plain(source) },
            Some(name) => Error::Host { name: name.clone(), step, steps, source: Box::new(plain(source)) },
        })?;
        let wrong = |expected: String, found: String| match host {
            None => Error::DenoiserOutput { step, steps, expected, found },
            Some(name) => Error::HostOutput { name: name.clone(), step, steps, expected, found },
        };
        let mut dims = input.dims().to_vec();
        if op.parts > 1 {
            match dims.get_mut(1) {
                Some(channels) => *channels *= op.parts as usize,
                None => return Err(wrong("samples with channels".to_owned(), format!("shape {:?}", input.dims()))),
            }
        }
        if output.dims() != dims {
            return Err(wrong(format!("shape {dims:?}"), format!("shape {:?}", output.dims())));
        }
        if output.dtype() != input.dtype() {
            return Err(wrong(
                format!("dtype {}", input.dtype().as_str()),
                format!("dtype {}", output.dtype().as_str()),
            ));
        }
        if !output.device().same_device(input.device()) {
            return Err(wrong("a tensor on the device of its input".to_owned(), "one on another device".to_owned()));
        }
        let output = output.contiguous()?;
        if !all_finite(&output)? {
            return Err(wrong("finite numbers".to_owned(), "NaN or infinity".to_owned()));
        }
        self.outputs[op.call as usize] = Some(output);
        Ok(())
    }
}

pub(crate) fn dtype(dtype: Dtype) -> DType {
    candle_dtype(dtype.into())
}

fn fits(what: &str, tensor: &Tensor, shape: &Shape, dtype: DType) -> Result<(), Error> {
    let describe = |shape: &Shape, dtype: DType| format!("{:?} of {}", shape.dims(), dtype.as_str());
    if tensor.shape() == shape && tensor.dtype() == dtype {
        return Ok(());
    }
    let (expected, found) = (describe(shape, dtype), describe(tensor.shape(), tensor.dtype()));
    Err(Error::Tensor { what: what.to_owned(), expected, found })
}

/// Rows of given noise, each in the shape of a sample.
fn given_noise(noise: &Tensor, shape: &Shape, dtype: DType, device: &Device) -> Result<Vec<Tensor>, Error> {
    let noise = noise.to_device(device)?.to_dtype(dtype)?.contiguous()?;
    let (rows, elements) = rows(noise.shape())?;
    if elements != shape.elem_count() {
        return Err(Error::Tensor {
            what: "a row of the noise".to_owned(),
            expected: format!("{} elements", shape.elem_count()),
            found: format!("{elements}"),
        });
    }
    (0..rows).map(|row| Ok(noise.get(row)?.reshape(shape)?)).collect()
}

/// Looks at a tensor of the host; one on another device is not fetched for it.
fn all_finite(tensor: &Tensor) -> Result<bool, Error> {
    const F32_EXPONENT: u32 = 0x7f80_0000;
    const F64_EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    let (storage, layout) = tensor.storage_and_layout();
    let candle_core::Storage::Cpu(storage) = &*storage else { return Ok(true) };
    let Some((from, to)) = layout.contiguous_offsets() else { return Ok(true) };
    // No short circuit: this way the loop is a few vector instructions.
    Ok(match storage {
        candle_core::CpuStorage::F16(values) => values[from..to].iter().all(|x| x.is_finite()),
        candle_core::CpuStorage::BF16(values) => values[from..to].iter().all(|x| x.is_finite()),
        candle_core::CpuStorage::F32(values) => {
            !values[from..to].iter().fold(false, |bad, x| bad | (x.to_bits() & F32_EXPONENT == F32_EXPONENT))
        }
        candle_core::CpuStorage::F64(values) => {
            !values[from..to].iter().fold(false, |bad, x| bad | (x.to_bits() & F64_EXPONENT == F64_EXPONENT))
        }
        _ => true,
    })
}
