//! The order of a formula, from power series in the step length.
//!
//! The sampler runs on levels lambda_0 + c_i h with unequal c_i, in [jets](crate::arith::jet) of `h`, on problems whose
//! solutions are known ([`Problem`]). After each step every carried sample is put on the solution, so that a step in the
//! middle of the run has an exact past; what it misses the solution by is its *defect*, a series in `h`. A rule of order
//! p has a defect of h^(p + 1).
//!
//! *Which problems.* Two with normal data, where the prediction is linear in the sample with a factor that changes with
//! lambda: their elementary differentials are linearly independent up to order 4, where the order conditions of a scalar
//! equation are also those of systems (Butcher 2016, "Numerical Methods for Ordinary Differential Equations", section
//! 316). Two where the prediction is a polynomial in lambda: a multistep rule is of the order to which it integrates
//! them. Two that are not linear, as a guard from order 5 on.
//!
//! *Which defect.* A rule may carry more than one sample: a predictor-corrector pair hands out the predicted one and
//! keeps the corrected one. Errors of order zero in what goes in come out by a matrix M, found by adding 1 to each
//! carried sample in turn; its powers settle at a projector E. Only E d is passed on from step to step and adds up, the
//! rest of the defect d is forgotten: the order is p if d = O(h^p) and E d = O(h^(p + 1)) (Skeel 1976, "Analysis of
//! fixed-stepsize methods"; Hairer, Norsett & Wanner 1993, "Solving Ordinary Differential Equations I", theorem
//! III.8.13). With one sample M = E = 1.

use std::sync::Arc;

use samp_lang::diag::Code;

use super::draws::{Draw, options_in};
use super::runs::Limit;
use crate::arith::Real;
use crate::arith::ball::Ball;
use crate::arith::jet::{Jet, Leading};
use crate::arith::solved::{Problem, Solved, SolvedIn, States};
use crate::hir::{Coordinate, Family};
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::level::Level;
use crate::machine::{ItemValue, Machine};
use crate::prove::conditions::{Bench, item};

type Jets = SolvedIn<Jet>;

/// Half log-SNR that all levels shrink to.
const CENTRE: f64 = 0.37;

/// Steps of a run: enough for the longest history before, and for a look ahead behind, the steps that are measured.
const STEPS: usize = 10;

/// The steps whose defects are the formula's.
const MIDDLE: std::ops::Range<usize> = 5..7;

/// Lengths of the steps, in units of h: without any pattern.
const UNEQUAL: [f64; STEPS] = [0.83, 1.27, 0.61, 1.11, 0.94, 1.36, 0.72, 1.19, 0.88, 1.05];

const PROBLEMS: [Problem; 6] = [
    Problem::Quadrature { from: CENTRE, start: 0.9, weights: [0.3, 0.9, -0.7, 0.5, 0.4, 0.2] },
    Problem::Quadrature { from: CENTRE, start: -0.6, weights: [1.1, -0.5, 0.8, 0.6, -0.9, 0.3] },
    Problem::Gaussian { mean: 0.7, deviation: 0.53, end: 1.31 },
    Problem::Gaussian { mean: -0.4, deviation: 1.2, end: -0.8 },
    Problem::Bernoulli { from: CENTRE, start: 0.8, curve: 0.6, power: 2 },
    Problem::Bernoulli { from: CENTRE, start: 0.9, curve: -0.5, power: 3 },
];

/// The problems on which predictions do not look at the sample.
const OF_WEIGHTS: std::ops::Range<usize> = 0..2;

/// An order that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Order {
    /// The order.
    pub(super) order: i64,
    /// It is this, and not higher.
    pub(super) exact: bool,
    /// It is this already where predictions change with lambda alone.
    pub(super) of_weights: bool,
}

impl Order {
    fn none() -> Order {
        Order { order: i64::MAX, exact: false, of_weights: false }
    }

    /// The lower one; what is known exactly wins.
    fn min(self, other: Order) -> Order {
        match self.order.cmp(&other.order) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Order {
                order: self.order,
                exact: self.exact || other.exact,
                of_weights: self.of_weights || other.of_weights,
            },
        }
    }
}

/// Why an order is not known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Undecided {
    /// These options do not run here, or draw noise.
    NotRun(&'static str),
    /// Something went wrong.
    Unknown(String),
}

impl std::fmt::Display for Undecided {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Undecided::NotRun(why) => out.write_str(why),
            Undecided::Unknown(why) => out.write_str(why),
        }
    }
}

/// The defects of all carried samples after each step.
type Defects = Vec<Vec<States<Jet>>>;

/// How the steps of a run are laid.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mesh {
    /// Without any pattern.
    Unequal,
    /// By a smooth function: neighbours differ by O(h^2).
    Smooth,
    /// Short and long in turn.
    Rough,
}

/// A run in jets.
#[derive(Clone, Copy, Debug)]
struct Run {
    mesh: Mesh,
    steps: usize,
    /// The carried sample that is moved by 1 before the first step of the middle.
    moved: Option<usize>,
}

/// Runs a sampler in jets.
pub(super) struct Formula<'b, 'p> {
    bench: &'b Bench<'p>,
    code: ItemRef,
    rules: &'b RulesCode,
    schedules: Vec<(Family, Arc<ItemValue<Jets>>)>,
}

impl<'b, 'p> Formula<'b, 'p> {
    pub(super) fn new(bench: &'b Bench<'p>, code: ItemRef, rules: &'b RulesCode) -> Self {
        Formula { bench, code, rules, schedules: Vec::new() }
    }

    /// The order of the formula.
    pub(super) fn order(&mut self, draw: &Draw, family: Family) -> Result<Order, Undecided> {
        let defects = self.defects(draw, family, Run { mesh: Mesh::Unequal, steps: MIDDLE.end, moved: None })?;
        let passed = self.passed_on(draw, family, &defects)?;
        Ok(MIDDLE.map(|step| of_step(&defects[step], &passed)).fold(Order::none(), Order::min))
    }

    /// The order that runs tend to, at least, on a smooth and on a rough mesh: the formula's there, capped by steps at
    /// the start and at the end. A step of order q that is taken once costs an error of h^(q + 1), and the last one all
    /// of its defect. Errors of opposite sign in neighbouring steps may cancel and leave a run better than this.
    pub(super) fn limit(&mut self, draw: &Draw, family: Family) -> Option<Limit> {
        let mut on = |mesh| {
            let defects = self.defects(draw, family, Run { mesh, steps: STEPS, moved: None }).ok()?;
            let passed = self.passed_on(draw, family, &defects).ok()?;
            let middle = MIDDLE.map(|step| of_step(&defects[step], &passed)).fold(Order::none(), Order::min);
            let once = defects.iter().map(|defects| of_step(defects, &passed).order + 1).min()?;
            let last = lowest(defects.last()?.first()?, 0).order;
            Some(middle.order.min(once).min(last))
        };
        Some(Limit { smooth: on(Mesh::Smooth)?, rough: on(Mesh::Rough)? })
    }

    /// The projector on what is passed on from step to step.
    fn passed_on(&mut self, draw: &Draw, family: Family, defects: &Defects) -> Result<Vec<Vec<f64>>, Undecided> {
        let places = defects[MIDDLE.start].len();
        if places == 1 {
            return Ok(vec![vec![1.0]]);
        }
        let mut matrix: Vec<Vec<f64>> = vec![Vec::new(); places];
        for place in 0..places {
            let run = Run { mesh: Mesh::Unequal, steps: MIDDLE.start + 1, moved: Some(place) };
            let moved = self.defects(draw, family, run)?;
            for (row, states) in matrix.iter_mut().zip(&moved[MIDDLE.start]) {
                // On the linear problem.
                row.push(states.parts[OF_WEIGHTS.end].coefficient(0).map_or(f64::NAN, |ball| ball.middle));
            }
        }
        settle(matrix)
            .ok_or_else(|| Undecided::Unknown("errors in what it carries from step to step do not settle".to_owned()))
    }

    fn defects(&mut self, draw: &Draw, family: Family, run: Run) -> Result<Defects, Undecided> {
        if !self.rules.inputs.is_empty() {
            return Err(Undecided::NotRun("it asks its caller for a tensor"));
        }
        let Run { mesh, steps, moved } = run;
        let bench = self.bench;
        let solved = Solved { problems: PROBLEMS.to_vec() };
        let levels = levels(mesh, family);
        let x = solved.exact(&levels[0], false);
        let mut machine = Machine::new(bench.program, SolvedIn { solved, real: std::marker::PhantomData });
        let sampler = item(self.code, options_in(bench, &draw.options), bench.program);
        let placed = machine.place(self.schedule(family), item(bench.model(), Vec::new(), bench.program));
        let mut defects: Defects = vec![Vec::new(); steps];
        let run = placed.and_then(|()| {
            machine.run_renewed(&sampler, &levels, steps, x, |arith, carried| {
                let exact = arith.solved.exact(carried.level, carried.ve);
                let pairs = carried.data.parts.iter().zip(exact.parts.iter());
                let parts = pairs.map(|(found, exact)| found.clone() - exact.clone()).collect();
                defects[carried.step].push(States { parts, noisy: carried.data.noisy });
                match moved {
                    Some(place) if carried.step + 1 == MIDDLE.start && carried.place == place => raised(&exact),
                    _ => exact,
                }
            })
        });
        match run {
            Err(found) if found.code == Code::E0505 => {
                Err(Undecided::NotRun("it needs another grid than short, unequal steps"))
            }
            Err(found) => Err(Undecided::Unknown(found.message)),
            Ok(()) if defects.iter().flatten().any(|states| states.noisy) => Err(Undecided::NotRun("it draws noise")),
            Ok(()) => Ok(defects),
        }
    }

    /// A schedule of the family, opened once.
    fn schedule(&mut self, family: Family) -> Arc<ItemValue<Jets>> {
        if let Some((_, schedule)) = self.schedules.iter().find(|(known, _)| *known == family) {
            return schedule.clone();
        }
        let schedule = item(self.bench.schedule_of(family), Vec::new(), self.bench.program);
        self.schedules.push((family, schedule.clone()));
        schedule
    }
}

fn raised(states: &States<Jet>) -> States<Jet> {
    let raise = |part: &Jet| part.clone() + Jet::constant(Ball::exact(1.0));
    States { parts: states.parts.iter().map(raise).collect(), noisy: false }
}

/// High powers of a matrix, if they settle.
fn settle(matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    if matrix.iter().any(|row| row.len() != matrix.len()) {
        return None;
    }
    let product = |a: &[Vec<f64>], b: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let entry = |row: &Vec<f64>, k: usize| row.iter().zip(b).map(|(factor, other)| factor * other[k]).sum();
        a.iter().map(|row| (0..b.len()).map(|k| entry(row, k)).collect()).collect()
    };
    let mut high = matrix.clone();
    for _ in 0..6 {
        high = product(&high, &high);
    }
    let next = product(&high, &matrix);
    let near = high.iter().flatten().zip(next.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-6);
    near.then_some(high)
}

/// The order of one step: of what it passes on, and of what it only shows.
fn of_step(defects: &[States<Jet>], passed: &[Vec<f64>]) -> Order {
    let shown = defects.iter().map(|states| lowest(states, 0)).fold(Order::none(), Order::min);
    // A warm-up step may carry less than the middle of a run.
    if defects.len() != passed.len() {
        return Order { order: shown.order - 1, ..shown };
    }
    let added = passed.iter().map(|row| {
        let part = |k: usize| {
            let used = row.iter().zip(defects).filter(|(factor, _)| factor.abs() > 1e-6);
            used.map(|(factor, states)| states.parts[k].clone() * Jet::from_f64(*factor)).reduce(|a, b| a + b)
        };
        let parts: Option<Arc<[Jet]>> = (0..PROBLEMS.len()).map(part).collect();
        parts.map_or(Order::none(), |parts| lowest(&States { parts, noisy: false }, 1))
    });
    added.fold(shown, Order::min)
}

/// The lowest power of `h` in any problem, less `minus`.
fn lowest(states: &States<Jet>, minus: i64) -> Order {
    let of = |(k, part): (usize, &Jet)| {
        let (power, exact) = match part.leading(1.0) {
            Leading::Power(power) => (power, true),
            Leading::Beyond(power) => (power, false),
        };
        Order { order: i64::from(power) - minus, exact, of_weights: exact && OF_WEIGHTS.contains(&k) }
    };
    states.parts.iter().enumerate().map(of).fold(Order::none(), Order::min)
}

fn levels(mesh: Mesh, family: Family) -> Vec<Arc<Level<Jet>>> {
    let mut at = 0.0;
    (0..=STEPS)
        .filter_map(|k| {
            let place = k as f64;
            let terms = match mesh {
                Mesh::Smooth => vec![CENTRE, place, 0.35 * place * place],
                Mesh::Unequal | Mesh::Rough => vec![CENTRE, at],
            };
            at += match mesh {
                Mesh::Rough => 1.0 + (k % 2) as f64,
                Mesh::Unequal | Mesh::Smooth => UNEQUAL.get(k).copied().unwrap_or(1.0),
            };
            Level::on(family, Coordinate::Lambda, Jet::polynomial(&terms)).map(Arc::new)
        })
        .collect()
}
