//! Building pipelines: names and options in, a compiled pipeline out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use candle_core::Tensor;
use samp_compiler::backend::stored::Stored;
use samp_compiler::backend::{Dtype, Engine, compile_all};
use samp_compiler::compile::{self, Failure, Request};
use samp_compiler::hir::Slot;
use samp_compiler::ir::plan::{Cost, LevelRow, Plan};
use samp_compiler::ir::program::{ItemRef, Program};
use samp_compiler::machine::host::HostValue;
use samp_compiler::machine::{GivenLevels, RunConfig};
use samp_compiler::plan::adaptive::Adaptive;
use samp_compiler::plan::{self, Input};
use samp_lang::diag::Diagnostic;
use samp_lang::source::SourceMap;

use crate::denoiser::{Call, Denoiser};
use crate::device::DeviceKernel;
use crate::error::Error;
use crate::run::{Run, RunOptions};
use crate::start::Start;

/// A pipeline being put together. Slots take names of the standard library, expressions such as `ddim(eta = 1)`, and
/// files such as `mine.samp`.
#[derive(Clone, Debug)]
pub struct Pipeline {
    request: Request,
    config: RunConfig,
    engine: Engine,
    dtype: Dtype,
    network_dtype: Option<Stored>,
    texts: Vec<(String, String)>,
    hosts: BTreeMap<Arc<str>, HostFunction>,
}

/// A function of the host that is given a tensor.
#[derive(Clone)]
pub(crate) struct HostFunction(pub(crate) Arc<OfTensor>);

type OfTensor = dyn Fn(&Tensor, &Call) -> candle_core::Result<Tensor> + Send + Sync;

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostFunction")
    }
}

impl Default for Pipeline {
    fn default() -> Self {
        Pipeline::new()
    }
}

impl Pipeline {
    /// A pipeline with empty slots: `schedule`, `grid`, `model`, `sampler` and `steps` must be filled.
    pub fn new() -> Self {
        Pipeline {
            request: Request::default(),
            config: RunConfig::default(),
            engine: Engine::best(),
            dtype: Dtype::F32,
            network_dtype: None,
            texts: Vec::new(),
            hosts: BTreeMap::new(),
        }
    }

    /// A pipeline of the standard library, such as `digits`, or of a file, such as `mine.samp` or `mine.samp:name`.
    pub fn named(name: impl Into<String>) -> Self {
        let mut pipeline = Pipeline::new();
        pipeline.request.pipeline = Some(name.into());
        pipeline
    }

    /// Makes a text known under a file name, so that slots can name it without a file: `.text("mine.samp", "..")`.
    pub fn text(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.texts.push((name.into(), text.into()));
        self
    }

    /// Fills a slot.
    pub fn slot(mut self, slot: Slot, value: impl Into<String>) -> Self {
        self.request.slots.retain(|(known, _)| *known != slot);
        self.request.slots.push((slot, value.into()));
        self
    }

    /// Fills the schedule.
    pub fn schedule(self, value: impl Into<String>) -> Self {
        self.slot(Slot::Schedule, value)
    }

    /// Fills the grid.
    pub fn grid(self, value: impl Into<String>) -> Self {
        self.slot(Slot::Grid, value)
    }

    /// Fills the model.
    pub fn model(self, value: impl Into<String>) -> Self {
        self.slot(Slot::Model, value)
    }

    /// Fills the guidance.
    pub fn guidance(self, value: impl Into<String>) -> Self {
        self.slot(Slot::Guidance, value)
    }

    /// Fills the sampler.
    pub fn sampler(self, value: impl Into<String>) -> Self {
        self.slot(Slot::Sampler, value)
    }

    /// The number of steps.
    pub fn steps(self, steps: usize) -> Self {
        self.slot(Slot::Steps, steps.to_string())
    }

    /// An option of what a slot holds: `.set("sampler.eta", "0.5")`; without a slot, of the pipeline itself.
    pub fn set(mut self, option: impl Into<String>, value: impl ToString) -> Self {
        self.request.sets.push((option.into(), value.to_string()));
        self
    }

    /// Levels in place of the grid.
    pub fn levels(mut self, levels: GivenLevels) -> Self {
        self.config.levels = Some(levels);
        self
    }

    /// Rows and columns of the latent, for grids that look at them.
    pub fn size(mut self, height: usize, width: usize) -> Self {
        self.config.size = (height as i64, width as i64);
        self
    }

    /// A function for the `extern` function of this name, in place of what its text says: `.host("gain", |args| ..)`. It
    /// is called while the run is planned, never in a run.
    pub fn host(
        mut self,
        name: &str,
        function: impl Fn(&[HostValue]) -> Result<HostValue, String> + Send + Sync + 'static,
    ) -> Self {
        self.config.hosts.give(name, function);
        self
    }

    /// A function for the `extern` function of tensors of this name: `.host_tensor("retrieve", |x, call| ..)`. It is
    /// called in the run, as a denoiser is: with the tensor in the network's dtype, in the schedule's own coordinates, and
    /// with numbers as [`Call::argument`] by the names of the parameters; a level is four numbers, its clock, alpha, sigma
    /// and half log-SNR. It gives a tensor of the same shape and dtype, and must give the same one for the same arguments:
    /// equal calls are made once.
    pub fn host_tensor(
        mut self,
        name: &str,
        function: impl Fn(&Tensor, &Call) -> candle_core::Result<Tensor> + Send + Sync + 'static,
    ) -> Self {
        self.config.hosts.give_tensor(name);
        self.hosts.insert(name.into(), HostFunction(Arc::new(function)));
        self
    }

    /// What runs the kernels; the best for this machine by default.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The dtype of the state; f32 by default.
    pub fn dtype(mut self, dtype: Dtype) -> Self {
        self.dtype = dtype;
        self
    }

    /// The dtype of what the network takes and gives; the state's by default. The conversions are part of the kernels.
    pub fn network_dtype(mut self, dtype: Stored) -> Self {
        self.network_dtype = Some(dtype);
        self
    }

    /// Checks, plans and compiles everything.
    ///
    /// # Errors
    /// [`Error::Program`] with every diagnostic if a file, name, option or grid is wrong.
    pub fn compile(&self) -> Result<Compiled, Error> {
        let compiled = self.assemble()?;
        let network_dtype = self.stored();
        let cast = network_dtype != Stored::from(self.dtype);
        let known = compiled.program.hosts();
        for (name, of_tensors) in self.config.hosts.names() {
            match known.get(name) {
                None => return Err(Error::UnknownHost(name.to_string())),
                Some(known) if *known != of_tensors => {
                    let (name, by) = (name.to_string(), if *known { "host_tensor" } else { "host" });
                    return Err(Error::OtherHost { name, by });
                }
                Some(_) => {}
            }
        }
        let planned = compiled.plan(&RunConfig { cast, ..self.config.clone() })?;
        let kernels: Vec<_> = planned.plan.kernels.values().cloned().collect();
        let artifacts = compile_all(&kernels, self.engine, self.dtype)?;
        let kernels = artifacts.into_iter().map(|artifact| Arc::new(DeviceKernel::from(artifact))).collect();
        let is_adaptive = compiled.is_adaptive(&self.config);
        let inputs = plan::inputs(&compiled.program, compiled.pipeline);
        let mut warnings = compiled.warnings;
        warnings.extend(planned.warnings);
        let adaptive = is_adaptive.then(|| {
            let config = RunConfig { cast, ..self.config.clone() };
            Found { program: compiled.program, pipeline: compiled.pipeline, config }
        });
        Ok(Compiled {
            plan: Arc::new(planned.plan),
            kernels,
            engine: self.engine,
            dtype: self.dtype,
            network_dtype,
            inputs,
            adaptive,
            hosts: self.hosts.clone(),
            warnings,
            sources: compiled.sources,
        })
    }

    fn stored(&self) -> Stored {
        self.network_dtype.unwrap_or(self.dtype.into())
    }

    /// The program, without a plan.
    pub(crate) fn assemble(&self) -> Result<compile::Compiled, Error> {
        Ok(compile::compile(&self.request, &|path| self.load(path))?)
    }

    /// What it is planned with at these levels.
    pub(crate) fn config_at(&self, levels: GivenLevels) -> RunConfig {
        let cast = self.stored() != Stored::from(self.dtype);
        RunConfig { cast, levels: Some(levels), ..self.config.clone() }
    }

    fn load(&self, path: &str) -> Result<String, String> {
        if let Some((_, text)) = self.texts.iter().find(|(name, _)| name == path) {
            return Ok(text.clone());
        }
        read_text(path)
    }
}

/// Reads a `.samp` file.
///
/// # Errors
/// In plain words: it is not there, it is too large, it is not UTF-8.
pub fn read_text(path: &str) -> Result<String, String> {
    const MAX_BYTES: u64 = 1 << 20;
    let meta = std::fs::metadata(path).map_err(|error| plain(&error))?;
    if meta.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if meta.len() > MAX_BYTES {
        return Err(format!("it has {} bytes, more than the {MAX_BYTES} that a `.samp` file may have", meta.len()));
    }
    let bytes = std::fs::read(path).map_err(|error| plain(&error))?;
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission is denied".to_owned(),
        _ => error.to_string(),
    }
}

/// What a run is planned from that finds its steps as it goes.
#[derive(Debug)]
struct Found {
    program: Program,
    pipeline: ItemRef,
    config: RunConfig,
}

/// A pipeline that can run: immutable, shareable, with its kernels compiled.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) plan: Arc<Plan>,
    pub(crate) kernels: Vec<Arc<DeviceKernel>>,
    pub(crate) engine: Engine,
    pub(crate) dtype: Dtype,
    pub(crate) network_dtype: Stored,
    inputs: Vec<Input>,
    adaptive: Option<Found>,
    pub(crate) hosts: BTreeMap<Arc<str>, HostFunction>,
    warnings: Vec<Diagnostic>,
    sources: SourceMap,
}

impl Compiled {
    /// Runs from start to end and gives the last sample, in the shape of the start.
    ///
    /// # Errors
    /// If the denoiser fails or gives something that does not fit, or a tensor of the caller does not.
    pub fn run(&self, start: Start, denoiser: impl Denoiser) -> Result<Tensor, Error> {
        self.start(start, denoiser, RunOptions::default())?.finish()
    }

    /// A run to be taken step by step.
    ///
    /// # Errors
    /// If a tensor of the caller does not fit.
    pub fn start<D: Denoiser>(&self, start: Start, denoiser: D, options: RunOptions) -> Result<Run<'_, D>, Error> {
        Run::new(self, start, denoiser, options)
    }

    /// The tensors that a run asks its caller for.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Whether the sampler finds its own steps. Then [`Compiled::plan`] is the first step that it tries, and what a
    /// run costs is known at its end.
    pub fn is_adaptive(&self) -> bool {
        self.adaptive.is_some()
    }

    /// A run that finds its steps as it goes.
    pub(crate) fn way(&self) -> Result<Option<Adaptive<'_>>, Error> {
        let Some(found) = &self.adaptive else { return Ok(None) };
        let way = Adaptive::new(&found.program, found.pipeline, Vec::new(), &found.config);
        Ok(way.map_err(|found| Failure { diagnostics: vec![*found], sources: self.sources.clone() })?)
    }

    /// One step of such a run, to be followed like a plan.
    pub(crate) fn step(&self, plan: Plan, kernels: Vec<Arc<DeviceKernel>>) -> Compiled {
        let (engine, dtype, network_dtype) = (self.engine, self.dtype, self.network_dtype);
        let (inputs, warnings, sources) = (Vec::new(), Vec::new(), SourceMap::default());
        Compiled {
            plan: Arc::new(plan),
            kernels,
            engine,
            dtype,
            network_dtype,
            inputs,
            adaptive: None,
            hosts: self.hosts.clone(),
            warnings,
            sources,
        }
    }

    pub(crate) fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// The plan that is followed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The levels, first to last.
    pub fn levels(&self) -> &[LevelRow] {
        &self.plan.levels
    }

    /// What a run costs.
    pub fn cost(&self) -> Cost {
        self.plan.cost
    }

    /// How many steps a run has.
    pub fn n_steps(&self) -> usize {
        self.plan.levels.len() - 1
    }

    /// The network that the pipeline names.
    pub fn network(&self) -> Option<&str> {
        self.plan.network.as_deref()
    }

    /// The dtype of the state.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dtype of what the network takes and gives.
    pub fn network_dtype(&self) -> Stored {
        self.network_dtype
    }

    /// What may be wrong, with the texts to show it in.
    pub fn warnings(&self) -> (&[Diagnostic], &SourceMap) {
        (&self.warnings, &self.sources)
    }
}
