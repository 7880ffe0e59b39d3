//! The order of whole runs, measured: errors at the end of runs of 16 to 128 steps, fewer where steps are dear.
//!
//! On eight problems with normal data, from lambda = -2 to 2.5, in the largest error of them: on a smooth mesh (Karras et
//! al. 2022, eq. 5, with exponent 7) and on a rough one, whose steps are short and long in turn. Rules whose order holds
//! on smooth meshes only show it there. Slopes at these step counts are near the limit, not at it.

use std::sync::Arc;

use super::draws::{Draw, options_in};
use crate::arith::solved::{Problem, Solved, SolvedIn};
use crate::hir::{Coordinate, Family};
use crate::ir::program::ItemRef;
use crate::machine::Machine;
use crate::machine::level::Level;
use crate::math;
use crate::prove::conditions::{Bench, item};

/// Orders as run.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct AsRun {
    /// On a smooth mesh.
    pub smooth: Option<f64>,
    /// On a rough mesh.
    pub rough: Option<f64>,
    /// The steps of the longest run that was made.
    pub steps: usize,
    /// What they tend to, from power series.
    pub limit: Option<Limit>,
}

/// Orders that runs tend to, or better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Limit {
    /// On a smooth mesh.
    pub smooth: i64,
    /// On a rough mesh.
    pub rough: i64,
}

const NOISY: f64 = -2.0;
const CLEAN: f64 = 2.5;

/// No run is to cost more than about this, in instructions of the interpreter.
const MAX_WORK: u64 = 80_000;

/// Slopes beyond this are of errors that vanish or grow beyond all numbers.
pub(super) const STEEPEST: f64 = 99.0;

/// Below this an error is rounding.
const FLOOR: f64 = 3e-13;

const fn gaussian(mean: f64, deviation: f64, end: f64) -> Problem {
    Problem::Gaussian { mean, deviation, end }
}

const PROBLEMS: [Problem; 8] = [
    gaussian(0.7, 0.5, 1.3),
    gaussian(-0.4, 0.2, -0.8),
    gaussian(1.1, 1.0, 0.4),
    gaussian(0.0, 0.8, 1.7),
    gaussian(0.2, 1.6, -1.1),
    gaussian(0.9, 0.35, -0.3),
    gaussian(-1.3, 0.6, 0.9),
    gaussian(0.5, 1.2, 2.0),
];

/// Measures both meshes.
pub(super) fn of(bench: &Bench<'_>, code: ItemRef, draw: &Draw, family: Family) -> Option<AsRun> {
    let runs = Runs { bench, code, draw, family };
    let (smooth, steps) = runs.slope(smooth)?;
    let (rough, _) = runs.slope(rough)?;
    Some(AsRun { smooth, rough, steps, limit: None })
}

/// What is run.
struct Runs<'r, 'p> {
    bench: &'r Bench<'p>,
    code: ItemRef,
    draw: &'r Draw,
    family: Family,
}

/// What a run came to.
struct End {
    /// The largest error.
    error: f64,
    /// What it cost.
    work: u64,
}

impl Runs<'_, '_> {
    /// The last halving of the step whose errors are not rounding, and the most steps that were made.
    fn slope(&self, mesh: fn(usize) -> Vec<f64>) -> Option<(Option<f64>, usize)> {
        let mut errors = Vec::new();
        let (mut spent, mut steps) = (0, 0);
        for n in [16, 32, 64, 128] {
            // A run of twice the steps is twice the work of the one before; two runs are made whatever they cost.
            if n > 32 && 2 * spent > MAX_WORK {
                break;
            }
            let end = self.run(&mesh(n))?;
            errors.push(end.error);
            (spent, steps) = (end.work, n);
        }
        let kept: Vec<f64> = errors.into_iter().take_while(|error| *error > FLOOR).collect();
        let [.., before, last] = kept[..] else { return Some((None, steps)) };
        let slope = (math::ln(before / last) / std::f64::consts::LN_2).clamp(-STEEPEST, STEEPEST);
        Some((Some(math::round(100.0 * slope) / 100.0), steps))
    }

    fn run(&self, lambdas: &[f64]) -> Option<End> {
        let Runs { bench, code, draw, family } = *self;
        let program = bench.program;
        let level = |lambda: &f64| Level::on(family, Coordinate::Lambda, *lambda).map(Arc::new);
        let levels: Vec<Arc<Level<f64>>> = lambdas.iter().filter_map(level).collect();
        let solved = Solved { problems: PROBLEMS.to_vec() };
        let x = solved.exact(levels.first()?, false);
        let exact = solved.exact(levels.last()?, false);
        let mut machine = Machine::new(program, SolvedIn { solved, real: std::marker::PhantomData });
        let schedule = item(bench.schedule_of(family), Vec::new(), program);
        machine.place(schedule, item(bench.model(), Vec::new(), program)).ok()?;
        let sampler = item(code, options_in(bench, &draw.options), program);
        let end = machine.run_levels(&sampler, levels, x, |_, _, _| {}).ok()?;
        let pairs = end.parts.iter().zip(exact.parts.iter());
        // What is no number is as far away as can be.
        let off = |found: f64, exact: f64| if found.is_nan() { f64::MAX } else { (found - exact).abs().min(f64::MAX) };
        let error = pairs.map(|(found, exact)| off(*found, *exact)).fold(0.0, f64::max);
        Some(End { error, work: machine.work() })
    }
}

fn smooth(n: usize) -> Vec<f64> {
    let root = |lambda: f64| math::exp(-lambda / 7.0);
    let (high, low) = (root(NOISY), root(CLEAN));
    (0..=n).map(|k| -7.0 * math::ln(high + k as f64 / n as f64 * (low - high))).collect()
}

fn rough(n: usize) -> Vec<f64> {
    let total: usize = (0..n).map(|k| 1 + k % 2).sum();
    let mut done = 0;
    (0..=n)
        .map(|k| {
            let lambda = NOISY + (CLEAN - NOISY) * done as f64 / total as f64;
            done += 1 + k % 2;
            lambda
        })
        .collect()
}
