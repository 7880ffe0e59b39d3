//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Checks, runs and shows diffusion samplers written in `.samp`.
#[derive(Debug, Parser)]
#[command(name = "sampc", version, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check files, folders or standard input
    Check(CheckArgs),
    /// Measure the tests of files, folders or standard input
    Test(TestArgs),
    /// Run a pipeline and draw its pictures
    Run(RunArgs),
    /// List the standard library
    List(ListArgs),
    /// Read a scheduler configuration of diffusers into a pipeline
    Import(ImportArgs),
    /// Explain a diagnostic code
    Explain(ExplainArgs),
    /// Show a stage of the compiler as text
    Emit(EmitArgs),
    /// Run a sampler on a denoiser with a closed form and write every step
    Trace(TraceArgs),
    /// Measure
    Bench(BenchArgs),
    /// Draw errors of samplers, schedules or grids as SVG or PNG
    Plot(PlotArgs),
    /// Find what a pipeline leaves open, with its network
    Learn(LearnArgs),
}

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With the source, for people
    Human,
    /// One line each
    Short,
    /// For programs
    Json,
}

/// `sampc check`.
#[derive(Debug, ClapArgs)]
pub struct CheckArgs {
    /// Files, folders, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// How findings are written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Also say what was learned of each sampler
    #[arg(long, short)]
    pub verbose: bool,
}

/// `sampc test`.
#[derive(Debug, ClapArgs)]
pub struct TestArgs {
    /// Files, folders, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<String>,
    /// How what is found is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// Slots and options that replace those of a pipeline.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct SlotArgs {
    /// Another sampler: a name, an expression such as `ddim(eta = 1)`, or a file
    #[arg(long, value_name = "SAMPLER")]
    pub sampler: Option<String>,
    /// Another schedule
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// Another grid
    #[arg(long, value_name = "GRID")]
    pub grid: Option<String>,
    /// Another model: what the network's output means
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Another guidance
    #[arg(long, value_name = "GUIDANCE")]
    pub guidance: Option<String>,
    /// The number of steps
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub steps: Option<i64>,
    /// An option, such as `sampler.eta=0.5`, or `sampler.r=@FILE`; without a slot one of the pipeline
    #[arg(long = "set", value_name = "ITEM.OPTION=VALUE")]
    pub sets: Vec<String>,
}

/// `sampc import`.
#[derive(Debug, ClapArgs)]
pub struct ImportArgs {
    /// A `scheduler_config.json`
    #[arg(value_name = "FILE")]
    pub config: PathBuf,
    /// The file to write; printed if not given
    #[arg(long, short, value_name = "FILE.samp")]
    pub output: Option<PathBuf>,
    /// The number of steps
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub steps: u32,
    /// The network that the pipeline names
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
}

/// `sampc run`.
#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// A pipeline: `digits`, `mine.samp`, `mine.samp:name`
    #[arg(default_value = "digits")]
    pub pipeline: String,
    /// The picture to write, a PNG; or the samples, a safetensors file
    #[arg(long, short, value_name = "FILE", default_value = "out.png")]
    pub output: PathBuf,
    /// Other contents of the pipeline
    #[command(flatten)]
    pub slots: SlotArgs,
    /// What to draw, such as `3` or `0,1,2`; all classes in turn if not given
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub class: Vec<u32>,
    /// How many pictures
    #[arg(long, value_name = "N")]
    pub count: Option<usize>,
    /// How many are made at a time; the pictures are the same for any number
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub batch: usize,
    /// The seed of all noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads for kernels, all cores if 0; the pictures are the same for any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Where the network and the kernels run
    #[arg(long, value_enum, default_value = "cpu")]
    pub device: DeviceArg,
    /// Another network than the pipeline names
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Other weights, a safetensors file
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// A tensor for an `input` of the pipeline: `NAME=FILE`, a PNG in grey or a safetensors file with one tensor
    #[arg(long = "input", value_name = "NAME=FILE")]
    pub inputs: Vec<String>,
    /// Where tensors go that the sampler tells with `emit`: a safetensors file
    #[arg(long, value_name = "FILE")]
    pub emit: Option<PathBuf>,
    /// No progress bar
    #[arg(long, short)]
    pub quiet: bool,
}

/// Where things run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceArg {
    /// The processor
    Cpu,
    /// The first NVIDIA device; needs a build with `--features cuda`
    Cuda,
    /// The first Apple device; needs a build with `--features metal`
    Metal,
    /// The network on the processor, kernels on any adapter; needs a build with `--features wgpu`
    Wgpu,
}

/// `sampc list`.
#[derive(Debug, ClapArgs)]
pub struct ListArgs {
    /// Only one sort: `samplers`, `schedules`, `grids`, `models`, `guidance`, `pipelines`
    pub sort: Option<String>,
    /// Names that other projects have for it; `sampc run` understands them too
    #[arg(long, conflicts_with = "format")]
    pub aliases: bool,
    /// How it is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc explain`.
#[derive(Debug, ClapArgs)]
pub struct ExplainArgs {
    /// A code, such as `E0401`; all codes if none is given
    pub code: Option<String>,
}

/// A stage of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The syntax tree
    Ast,
    /// The resolved and typed tree
    Hir,
    /// Functions of SSA values, for any options and grid
    Program,
    /// One run: model calls and kernel launches
    Plan,
    /// The kernels of a run
    Kernel,
    /// The kernels as Cranelift functions
    Clif,
    /// The kernels as CUDA C++
    Cuda,
    /// The kernels as Metal's language
    Msl,
    /// The kernels as WGSL
    Wgsl,
    /// The kernels as SPIR-V, in hexadecimal
    Spirv,
}

/// `sampc emit`.
#[derive(Debug, ClapArgs)]
pub struct EmitArgs {
    /// A file with a sampler or a pipeline, or the name of one of the standard library
    #[arg(value_name = "FILE")]
    pub file: String,
    /// The stage
    #[arg(long, value_enum)]
    pub stage: Stage,
    /// What the network takes and gives, in plans and in texts for devices
    #[arg(long, value_enum, default_value = "f32")]
    pub network: NetworkArg,
    /// Other contents of the pipeline
    #[command(flatten)]
    pub slots: SlotArgs,
}

/// The dtype of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NetworkArg {
    /// binary32
    F32,
    /// binary16
    F16,
    /// bfloat16
    Bf16,
}

/// The dtype of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DtypeArg {
    /// 64 bits
    F64,
    /// 32 bits
    F32,
}

/// What runs the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendArg {
    /// The interpreter
    Interp,
    /// Cranelift
    Clif,
}

/// `sampc trace`.
#[derive(Debug, ClapArgs)]
pub struct TraceArgs {
    /// What is run; schedule `scaled_linear`, grid `karras`, model `x0` and 10 steps if not given
    #[command(flatten)]
    pub slots: SlotArgs,
    /// Levels in place of the grid: `rho:14.61,9.2,0`, in `time`, `sigma`, `rho`, `lambda` or `alpha`
    #[arg(long, value_name = "COORDINATE:LEVELS", allow_hyphen_values = true)]
    pub levels: Option<String>,
    /// The law of the data: `gauss:MEAN,STD`, `gmm:W,M,S;..`, `constant:C`
    #[arg(long, value_name = "LAW", default_value = "gauss:0,1", allow_hyphen_values = true)]
    pub denoiser: String,
    /// The first sample: a safetensors file with `x`
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Draws in place of generated ones: a safetensors file with `noise`, draw k in row k
    #[arg(long, value_name = "FILE")]
    pub noise: Option<PathBuf>,
    /// The shape of the sample
    #[arg(long, value_name = "SHAPE", value_delimiter = ',', default_value = "1,4,8,8")]
    pub shape: Vec<usize>,
    /// The seed of all noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The dtype of the state
    #[arg(long, value_enum, default_value = "f64")]
    pub dtype: DtypeArg,
    /// What runs the kernels
    #[arg(long, value_enum)]
    pub backend: Option<BackendArg>,
    /// Where the steps go: a safetensors file with `x`, `levels`, `evals`, `draws`
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How the summary is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc bench`.
#[derive(Debug, ClapArgs)]
pub struct BenchArgs {
    /// What to measure
    #[command(subcommand)]
    pub what: BenchCommand,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// One fused step against a hand-written loop, a copy and candle op by op
    Step(BenchStepArgs),
    /// A whole run without its model, per step
    Run(BenchRunArgs),
    /// From source to a plan with compiled kernels
    Compile(BenchCompileArgs),
}

/// `sampc bench step`.
#[derive(Debug, ClapArgs)]
pub struct BenchStepArgs {
    /// The sampler; the hand-written loop is that of `dpmpp_2m`
    #[arg(long, default_value = "dpmpp_2m", value_parser = ["dpmpp_2m"])]
    pub sampler: String,
    /// Elements of the sample
    #[arg(long, default_value_t = 16_777_216)]
    pub elements: usize,
    /// Threads
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// How often each is timed
    #[arg(long, default_value_t = 15)]
    pub rounds: usize,
    /// How it is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc bench run`.
#[derive(Debug, ClapArgs)]
pub struct BenchRunArgs {
    /// What is run
    #[command(flatten)]
    pub slots: SlotArgs,
    /// Elements of the sample
    #[arg(long, default_value_t = 16_384)]
    pub elements: usize,
    /// How often it is timed
    #[arg(long, default_value_t = 50)]
    pub rounds: usize,
    /// How it is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc bench compile`.
#[derive(Debug, ClapArgs)]
pub struct BenchCompileArgs {
    /// What is compiled
    #[command(flatten)]
    pub slots: SlotArgs,
    /// How often it is timed
    #[arg(long, default_value_t = 50)]
    pub rounds: usize,
    /// How it is written
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc plot`.
#[derive(Debug, ClapArgs)]
pub struct PlotArgs {
    /// What to draw
    #[command(subcommand)]
    pub what: PlotCommand,
}

/// What to draw.
#[derive(Debug, Subcommand)]
pub enum PlotCommand {
    /// Errors of samplers against model calls, where the exact answer is known
    ///
    /// Rules that draw nothing start from samples of a mixture of normal laws and are compared with its probability flow.
    /// If one of the rules draws noise, all are compared by the law of what they make of normal data, which is computed
    /// and not sampled. A rule that finds its own steps is run with growing strictness.
    Error(PlotErrorArgs),
    /// Noise levels of schedules along their clocks
    Schedule(PlotScheduleArgs),
    /// Noise levels of grids, step by step
    Grid(PlotGridArgs),
}

/// What every plot takes.
#[derive(Debug, ClapArgs)]
pub struct DrawnArgs {
    /// The picture to write: `.svg` or `.png`
    #[arg(long, short, value_name = "FILE", default_value = "plot.svg")]
    pub output: PathBuf,
    /// How the numbers of the lines are written: their ends, or all of them as JSON
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
}

/// `sampc plot error`.
#[derive(Debug, ClapArgs)]
pub struct PlotErrorArgs {
    /// Samplers: names, expressions such as `"ddim(eta = 1)"`, or files; the first is drawn thick
    #[arg(required = true, value_name = "SAMPLER")]
    pub samplers: Vec<String>,
    /// Where it goes
    #[command(flatten)]
    pub drawn: DrawnArgs,
    /// The schedule
    #[arg(long, value_name = "SCHEDULE", default_value = "vp")]
    pub schedule: String,
    /// The grid; equal steps of half log-SNR that end above clean if not given
    #[arg(long, value_name = "GRID")]
    pub grid: Option<String>,
    /// The law of the data: `gauss:MEAN,STD`, `gmm:W,M,S;..`; a mixture of three if not given, and for rules that draw
    /// noise a normal law, the only one they can be compared on
    #[arg(long, value_name = "LAW", allow_hyphen_values = true)]
    pub denoiser: Option<String>,
    /// The most model calls
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub calls: u32,
}

/// `sampc plot schedule`.
#[derive(Debug, ClapArgs)]
pub struct PlotScheduleArgs {
    /// Schedules: names, expressions, or files
    #[arg(required = true, value_name = "SCHEDULE")]
    pub schedules: Vec<String>,
    /// Where it goes
    #[command(flatten)]
    pub drawn: DrawnArgs,
}

/// `sampc plot grid`.
#[derive(Debug, ClapArgs)]
pub struct PlotGridArgs {
    /// Grids: names, expressions such as `"karras(power = 5)"`, or files
    #[arg(required = true, value_name = "GRID")]
    pub grids: Vec<String>,
    /// Where it goes
    #[command(flatten)]
    pub drawn: DrawnArgs,
    /// The schedule that they lie on
    #[arg(long, value_name = "SCHEDULE", default_value = "scaled_linear")]
    pub schedule: String,
    /// The number of steps
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub steps: usize,
}

/// `sampc learn`.
#[derive(Debug, ClapArgs)]
pub struct LearnArgs {
    /// What to find
    #[command(subcommand)]
    pub what: LearnCommand,
}

/// What to find.
#[derive(Debug, Subcommand)]
pub enum LearnCommand {
    /// The grid of a number of steps that strays least from a teacher's path, written as a file
    ///
    /// The teacher walks the pipeline's grid in many steps. Of its levels those are chosen on which single steps of the
    /// pipeline's sampler end nearest to the teacher's samples, in sum. Chen et al. 2024, arXiv:2405.11326.
    Grid(LearnGridArgs),
}

/// `sampc learn grid`.
#[derive(Debug, ClapArgs)]
pub struct LearnGridArgs {
    /// A pipeline: `digits`, `mine.samp`, `mine.samp:name`
    #[arg(default_value = "digits")]
    pub pipeline: String,
    /// Other contents of the pipeline; `--steps` is the number of steps of the grid that is searched
    #[command(flatten)]
    pub slots: SlotArgs,
    /// Find a grid for each number of steps from `--steps` to this one
    #[arg(long, value_name = "N")]
    pub to: Option<usize>,
    /// The sampler whose path is followed
    #[arg(long, value_name = "SAMPLER", default_value = "dpmpp_2m")]
    pub teacher: String,
    /// The number of its steps
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = steps_of_a_teacher)]
    pub fine: usize,
    /// How many samples it takes
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = samples_of_a_teacher)]
    pub count: usize,
    /// The seed of their noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How many times more the cost of a step counts than that of the step before: for each number the best grid is
    /// found, and of these and the pipeline's own grid the one is taken that ends nearest to the teacher
    #[arg(long, value_name = "FACTORS", value_delimiter = ',', default_value = "0.8,0.9,1,1.15", value_parser = growth)]
    pub growth: Vec<f64>,
    /// Another grid to be measured beside the one that is found
    #[arg(long, value_name = "GRID")]
    pub against: Vec<String>,
    /// Another network than the pipeline names
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Other weights, a safetensors file
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// The file to write; printed if not given
    #[arg(long, short, value_name = "FILE.samp")]
    pub output: Option<PathBuf>,
}

/// A cost matrix has as many entries as the square of the steps.
fn steps_of_a_teacher(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (2..=500).contains(n)).ok_or_else(|| "a number from 2 to 500".to_owned())
}

fn samples_of_a_teacher(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=4096).contains(n)).ok_or_else(|| "a number from 1 to 4096".to_owned())
}

fn growth(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| (0.1..=10.0).contains(x)).ok_or_else(|| "a number from 0.1 to 10".to_owned())
}
