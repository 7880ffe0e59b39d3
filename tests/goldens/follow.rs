//! Runs of the library that follow reference runs: compiled once for all cases of a program, run, compared.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir;
use samp_runtime::analytic::Perfect;
use samp_runtime::{Compiled, Dtype, Engine, Error, GivenLevel, GivenLevels, Pipeline, RunOptions, Start};

use crate::case::{Case, Coordinate, ELEMENTS, Entry, Goldens, Level, NamedLevel};

/// A sampler of tests alone.
const FED_BACK: &str = include_str!("fed_back.samp");

const SHAPE: &[usize] = &[1, 4, 8, 8];

/// How cases are run.
#[derive(Clone, Copy)]
pub struct How {
    pub model: &'static str,
    pub dtype: Dtype,
    pub engine: Engine,
}

/// Compiles the program of a case.
pub fn compile(case: &Case, how: How) -> Result<Compiled, Error> {
    let coordinate = match case.coordinate {
        Coordinate::Time => hir::Coordinate::Time,
        Coordinate::Rho => hir::Coordinate::Rho,
        Coordinate::Sigma => hir::Coordinate::Sigma,
    };
    let level = |level: &Level| match *level {
        Level::At(value) => GivenLevel::At(value),
        Level::Named(NamedLevel::Clean) => GivenLevel::Clean,
        Level::Named(NamedLevel::Pure) => GivenLevel::Pure,
    };
    let mut pipeline = Pipeline::new().text("fed_back.samp", FED_BACK);
    if let Some(guidance) = &case.guidance {
        pipeline = pipeline.guidance(&**guidance);
    }
    pipeline = match case.adaptive {
        true => pipeline.grid("ends"),
        false => {
            pipeline.grid("uniform").levels(GivenLevels { coordinate, levels: case.levels.iter().map(level).collect() })
        }
    };
    pipeline
        .schedule(&*case.schedule)
        .model(how.model)
        .sampler(&*case.sampler)
        .steps(case.levels.len() - 1)
        .dtype(how.dtype)
        .engine(how.engine)
        .compile()
}

/// All states of a run of a case, the start first.
fn states(compiled: &Compiled, case: &Case) -> Result<Vec<Vec<f64>>, Error> {
    all_states(compiled, case, &case.start(), SHAPE, &|index| case.draw(index))
}

/// All states of a run from `start`, which is one of them; `draw` is what evaluation number `index` of `noise()` reads.
pub fn all_states(
    compiled: &Compiled,
    case: &Case,
    start: &[f64],
    shape: &[usize],
    draw: &dyn Fn(usize) -> Vec<f64>,
) -> Result<Vec<Vec<f64>>, Error> {
    let dtype = match compiled.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
    };
    // A plan leaves out draws whose factor is 0; the list of a case has them all.
    let draws = case.noise.as_ref().map_or(0, Vec::len).max(compiled.cost().draws as usize);
    let noise = match draws {
        0 => None,
        draws => {
            let values: Vec<f64> = (0..draws).flat_map(draw).collect();
            let shape: Vec<usize> = [&[draws][..], shape].concat();
            Some(Tensor::from_vec(values, shape, &Device::Cpu)?)
        }
    };
    let x = Tensor::from_slice(start, shape, &Device::Cpu)?.to_dtype(dtype)?;
    let options = RunOptions { noise, threads: 1, ..RunOptions::default() };
    let mut states = vec![start.to_vec()];
    let law = Perfect(|x, alpha, sigma, branch: &str| case.denoiser.denoised(x, alpha, sigma, branch));
    for step in compiled.start(Start::sample(x, 0), law, options)? {
        states.push(step?.x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?);
    }
    Ok(states)
}

/// A state of a run beside the golden's.
pub struct Pair {
    ours: Vec<f64>,
    golden: Vec<f64>,
}

impl Pair {
    /// The largest difference; infinite where one is not a number.
    fn difference(&self) -> f64 {
        assert_eq!(self.ours.len(), self.golden.len(), "as many columns as the golden has");
        let differences = self.ours.iter().zip(&self.golden).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, |top, next| if next.is_nan() { f64::INFINITY } else { top.max(next) })
    }

    /// The size of the golden, at least 1.
    pub fn scale(&self) -> f64 {
        self.golden.iter().fold(1.0, |top, value| value.abs().max(top))
    }
}

/// What a case compares: of its states every 16th element, of the last one every 8th.
fn pairs(goldens: &Goldens, entry: Entry<'_>, states: &[Vec<f64>]) -> Vec<Pair> {
    let every = |state: &[f64], stride| state.iter().step_by(stride).copied().collect();
    let mut pairs = Vec::new();
    if !entry.case.rows.is_empty() {
        let golden = goldens.rows(entry, "traj", ELEMENTS / 16);
        let pair = |&(ours, row): &(usize, usize)| Pair { ours: every(&states[ours], 16), golden: golden[row].clone() };
        pairs.extend(entry.case.rows.iter().map(pair));
    }
    if entry.case.has_final {
        let golden = goldens.rows(entry, "final", ELEMENTS / 8).concat();
        pairs.push(Pair { ours: every(&states[states.len() - 1], 8), golden });
    }
    assert!(!pairs.is_empty(), "{} compares something", entry.id);
    pairs
}

/// What came of a case: the largest difference over what is allowed, or why there was no run.
pub struct Outcome<'a> {
    pub entry: Entry<'a>,
    pub excess: Result<f64, String>,
}

impl Outcome<'_> {
    /// Whether the case is within its tolerance.
    pub fn matches(&self) -> bool {
        matches!(self.excess, Ok(excess) if excess <= 1.0)
    }

    /// For messages.
    pub fn describe(&self) -> String {
        let Case { sampler, schedule, levels, .. } = self.entry.case;
        let steps = levels.len() - 1;
        let why = match &self.excess {
            Ok(excess) => format!("off by {excess:.2e} x tolerance"),
            Err(why) => why.clone(),
        };
        format!("{}: {sampler} on {schedule}, {steps} steps: {why}", self.entry.id)
    }
}

/// Runs cases on all cores; `allowed` is the largest difference that a state may have.
pub fn follow<'a>(
    goldens: &'a Goldens,
    cases: &[Entry<'a>],
    how: How,
    allowed: impl Fn(&Case, &Pair) -> f64 + Sync,
) -> Vec<Outcome<'a>> {
    let mut programs: BTreeMap<String, Vec<Entry<'a>>> = BTreeMap::new();
    for &entry in cases {
        programs.entry(entry.case.program()).or_default().push(entry);
    }
    let one = |compiled: &Result<Compiled, Error>, entry: Entry<'_>| {
        let compiled = compiled.as_ref().map_err(ToString::to_string)?;
        let states = states(compiled, entry.case).map_err(|error| error.to_string())?;
        let pairs = pairs(goldens, entry, &states);
        Ok(pairs.iter().map(|pair| pair.difference() / allowed(entry.case, pair)).fold(0.0, f64::max))
    };
    let programs: Vec<Vec<Entry<'_>>> = programs.into_values().collect();
    let mut outcomes = in_parallel(&programs, |cases| {
        let compiled = compile(cases[0].case, how);
        cases.iter().map(|&entry| Outcome { entry, excess: one(&compiled, entry) }).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|outcome| (outcome.entry.reference, outcome.entry.id));
    outcomes
}

/// Does all of `work` on all cores; the answers come in no particular order.
pub fn in_parallel<W: Sync, T: Send>(work: &[W], does: impl Fn(&W) -> Vec<T> + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(work.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(piece) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answers = does(piece);
                    done.lock().expect("no thread panics with the lock").extend(answers);
                }
            });
        }
    });
    done.into_inner().expect("no thread panics with the lock")
}
