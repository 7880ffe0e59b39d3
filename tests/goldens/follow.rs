//! Runs of the library that follow reference runs: compiled once for all cases of a program, run, compared.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir;
use samp_runtime::analytic::Analytic;
use samp_runtime::{Compiled, Dtype, Engine, Error, GivenLevel, GivenLevels, Pipeline, RunOptions, Start};

use crate::case::{Case, Coordinate, Denoiser, ELEMENTS, Goldens, Level, NamedLevel};

const SHAPE: (usize, usize, usize, usize) = (1, 4, 8, 8);

/// How cases are run.
#[derive(Clone, Copy)]
pub struct How {
    pub model: &'static str,
    pub dtype: Dtype,
    pub engine: Engine,
}

/// Compiles the program of a case.
fn compile(case: &Case, how: How) -> Result<Compiled, Error> {
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
    Pipeline::new()
        .schedule(&*case.schedule)
        .grid("uniform")
        .model(how.model)
        .sampler(&*case.sampler)
        .steps(case.levels.len() - 1)
        .levels(GivenLevels { coordinate, levels: case.levels.iter().map(level).collect() })
        .dtype(how.dtype)
        .engine(how.engine)
        .compile()
}

/// All states of a run, the start first.
fn states(compiled: &Compiled, case: &Case) -> Result<Vec<Vec<f64>>, Error> {
    let dtype = match compiled.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
    };
    // A plan leaves out draws whose factor is 0; the list of a case has them all.
    let draws = case.noise.as_ref().map_or(0, Vec::len).max(compiled.cost().draws as usize);
    let noise = match draws {
        0 => None,
        draws => {
            let values: Vec<f64> = (0..draws).flat_map(|index| case.draw(index)).collect();
            Some(Tensor::from_vec(values, (draws, 4, 8, 8), &Device::Cpu)?)
        }
    };
    let start = case.start();
    let x = Tensor::from_slice(&start, SHAPE, &Device::Cpu)?.to_dtype(dtype)?;
    let options = RunOptions { noise, threads: 1, ..RunOptions::default() };
    let mut states = vec![start];
    for step in compiled.start(Start::sample(x, 0), law(case.denoiser), options)? {
        states.push(step?.x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?);
    }
    Ok(states)
}

fn law(denoiser: Denoiser) -> Analytic {
    let text = match denoiser {
        Denoiser::Gauss => "gauss:0.5,0.5",
        Denoiser::Gmm => "gmm:0.3,-1,0.2;0.5,0.25,0.3;0.2,1.5,0.15",
    };
    Analytic::parse(text).expect("the law is written as it is read")
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

/// What a case compares.
fn pairs(goldens: &Goldens, id: &str, case: &Case, states: &[Vec<f64>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    if !case.rows.is_empty() {
        let golden = goldens.rows(id, case, "traj");
        pairs.extend(case.rows.iter().map(|&(ours, row)| Pair {
            ours: states[ours].iter().step_by(case.columns).copied().collect(),
            golden: golden[row].clone(),
        }));
    }
    if case.has_final {
        let golden = goldens.rows(id, case, "final").concat();
        assert_eq!(golden.len(), ELEMENTS);
        pairs.push(Pair { ours: states[states.len() - 1].clone(), golden });
    }
    assert!(!pairs.is_empty(), "{id} compares something");
    pairs
}

/// What came of a case: the largest difference over what is allowed, or why there was no run.
pub struct Outcome<'a> {
    pub id: &'a str,
    pub case: &'a Case,
    pub excess: Result<f64, String>,
}

impl Outcome<'_> {
    /// Whether the case is within its tolerance.
    pub fn matches(&self) -> bool {
        matches!(self.excess, Ok(excess) if excess <= 1.0)
    }

    /// For messages.
    pub fn describe(&self) -> String {
        let Case { sampler, schedule, levels, .. } = self.case;
        let steps = levels.len() - 1;
        let why = match &self.excess {
            Ok(excess) => format!("off by {excess:.2e} x tolerance"),
            Err(why) => why.clone(),
        };
        format!("{}: {sampler} on {schedule}, {steps} steps: {why}", self.id)
    }
}

/// Runs cases on all cores; `allowed` is the largest difference that a state may have.
pub fn follow<'a>(
    goldens: &'a Goldens,
    cases: &[(&'a str, &'a Case)],
    how: How,
    allowed: impl Fn(&Case, &Pair) -> f64 + Sync,
) -> Vec<Outcome<'a>> {
    let mut programs: BTreeMap<String, Vec<(&'a str, &'a Case)>> = BTreeMap::new();
    for &(id, case) in cases {
        programs.entry(case.program()).or_default().push((id, case));
    }
    let one = |compiled: &Result<Compiled, Error>, id: &str, case: &Case| {
        let compiled = compiled.as_ref().map_err(ToString::to_string)?;
        let states = states(compiled, case).map_err(|error| error.to_string())?;
        let pairs = pairs(goldens, id, case, &states);
        Ok(pairs.iter().map(|pair| pair.difference() / allowed(case, pair)).fold(0.0, f64::max))
    };
    let programs: Vec<Vec<(&str, &Case)>> = programs.into_values().collect();
    let mut outcomes = in_parallel(&programs, |cases| {
        let compiled = compile(cases[0].1, how);
        let outcome = |&(id, case): &(&'a str, &'a Case)| Outcome { id, case, excess: one(&compiled, id, case) };
        cases.iter().map(outcome).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|outcome| outcome.id);
    outcomes
}

/// Does all of `work` on all cores; the answers come in no particular order.
fn in_parallel<W: Sync, T: Send>(work: &[W], does: impl Fn(&W) -> Vec<T> + Sync) -> Vec<T> {
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
