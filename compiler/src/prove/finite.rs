//! Finite steps: no division by zero, logarithm of zero, root of a negative number, inf - inf or overflow is used.
//!
//! A sampler is run with numbers that enclose what f64 computes and know what they tend to ([`combination`]), one step
//! at a time with ordinary samples, for every family it claims, from inside the schedule and from `pure`, to levels with
//! noise and to `clean`, with options drawn from their ranges. Whatever is infinite or not a number and reaches a step's
//! result, a condition or a level is an error at the expression that makes it; what is computed and not used is none.
//!
//! At an end of the schedule the small one of alpha and sigma is a variable, and the result of the step a series in it.
//! Where f64 fails and the series has a limit, the help is that limit. Runs *close* to an end, where `t == clean` does
//! not hold, show factors that are finite and grow without bound.
//!
//! [`combination`]: crate::arith::combination

mod words;

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::SourceMap;

use super::conditions::{Bench, between, item};
use super::forms::Subject;
use super::order::draws::{self, Draw, options_in};
use crate::arith::Real;
use crate::arith::combination::{Atom, Combinations, Found};
use crate::arith::laurent::Laurent;
use crate::arith::limit::Number;
use crate::hir::{Coordinate, Family};
use crate::ir::program::RulesCode;
use crate::machine::level::Level;
use crate::machine::{ItemValue, Machine};
use crate::types::{ItemSort, Kind};

/// What is known of the numbers of a sampler's steps.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finite {
    /// All that are used are finite, in every run that was made.
    Holds,
    /// No run was made, or not all of them.
    NotDecided(String),
}

/// How many instructions the runs of one sampler may cost.
const MOST_WORK: u64 = 1_500_000;

/// The small number, where a run is close to an end: the square and cube of the first are numbers still. A rule that adds
/// it to ordinary numbers loses it, and comes to the end itself; the second is not lost.
const SMALL: [f64; 2] = [1e-40, 1e-9];

/// Where a run begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At a level with data and noise.
    Inside,
    /// At the last level: `pure` or `clean`.
    There,
    /// So close to it that only a series tells.
    Close,
}

/// A run.
#[derive(Clone, Copy, Debug)]
struct Case {
    family: Family,
    steps: usize,
    from: End,
    to: End,
}

/// Runs with the default options, and those with others; on VE, there is nothing at `pure`. A long history is full in a
/// long run, which is made on one family.
const LONG: (usize, End, End) = (8, End::Inside, End::There);
const OF_DEFAULTS: [(usize, End, End); 10] = [
    (1, End::Inside, End::There),
    (1, End::Inside, End::Inside),
    (2, End::Inside, End::There),
    (3, End::Inside, End::Inside),
    (1, End::There, End::There),
    (1, End::There, End::Inside),
    (2, End::There, End::There),
    (3, End::There, End::There),
    (3, End::Inside, End::Close),
    (1, End::Inside, End::Close),
];
const OF_OTHERS: [(usize, End, End); 5] = [
    (1, End::Inside, End::There),
    (5, End::Inside, End::There),
    (1, End::There, End::Inside),
    (3, End::There, End::There),
    (3, End::Inside, End::Close),
];

impl Case {
    fn is_inside(self) -> bool {
        self.from == End::Inside && self.to == End::Inside
    }

    fn is_close(self) -> bool {
        self.from == End::Close || self.to == End::Close
    }
}

/// Something wrong, and the first run that showed it.
struct Failure<'d> {
    found: Found,
    case: Case,
    levels: Vec<Arc<Level<Number>>>,
    /// The options, as written.
    options: &'d str,
    atoms: Vec<Atom>,
    /// Only runs of one step show it.
    of_one_step: bool,
    /// A run shows it that comes near neither end.
    inside: bool,
}

impl<'d> Failure<'d> {
    /// Adds what a run showed, if its place is a new one.
    fn add(
        failures: &mut Vec<Failure<'d>>,
        found: Found,
        arith: Combinations,
        case: Case,
        levels: Vec<Arc<Level<Number>>>,
        options: &'d str,
    ) {
        match failures.iter_mut().find(|known| known.found.fault.site == found.fault.site) {
            Some(known) => {
                known.of_one_step &= case.steps == 1;
                known.inside |= case.is_inside();
            }
            None => failures.push(Failure {
                found,
                case,
                levels,
                options,
                atoms: arith.atoms,
                of_one_step: case.steps == 1,
                inside: case.is_inside(),
            }),
        }
    }
}

/// What came of a run.
struct Ran {
    arith: Combinations,
    error: Option<Box<Diagnostic>>,
    work: u64,
}

/// Runs a sampler on all that is looked at. Without a finding, what is said of it.
pub(super) fn of_sampler(bench: &Bench<'_>, sources: &SourceMap, subject: Subject<'_>) -> (Vec<Diagnostic>, Finite) {
    let Subject { hir, id, code, rules } = subject;
    let draws = draws::of(bench, hir, id, code);
    let families = subject.families();
    let mut failures: Vec<Failure<'_>> = Vec::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    let (mut ran, mut why, mut work) = (0, None, 0);
    'all: for (at, draw) in draws.iter().enumerate() {
        for (turn, family) in families.iter().copied().enumerate() {
            // The defaults are run on every family, other options on one in turn.
            let cases: &[_] = match at {
                0 => &OF_DEFAULTS,
                _ if at % families.len() == turn => &OF_OTHERS,
                _ => continue,
            };
            let long = (at == 0 && turn == 0).then_some(LONG);
            // A rule in VE coordinates does not run from `pure`, nor does one that forbids it.
            let mut no_pure = family == Family::Ve;
            for (steps, from, to) in cases.iter().copied().chain(long) {
                let case = Case { family, steps, from, to };
                if from != End::Inside && no_pure {
                    continue;
                }
                if work > MOST_WORK {
                    why = Some("the runs with all options cost too much work".to_owned());
                    break 'all;
                }
                let sampler = item(code, options_in(bench, &draw.options), bench.program);
                let mut try_with = |small| {
                    let levels = levels(case, small);
                    let ran = run(bench, &sampler, None, Some(rules), case, &levels);
                    work += ran.work;
                    (levels, ran)
                };
                let (mut levels, mut result) = try_with(SMALL[0]);
                if case.is_close() && result.error.as_ref().is_some_and(|error| !is_of_step(error)) {
                    (levels, result) = try_with(SMALL[1]);
                }
                let Ran { mut arith, error, .. } = result;
                match (arith.found.take(), error) {
                    (Some(found), _) => Failure::add(&mut failures, found, arith, case, levels, &draw.words),
                    (None, Some(error)) if is_of_step(&error) => found.push(at_step(*error, arith.step, case)),
                    // The rule itself forbids such a run.
                    (None, Some(error)) if error.code == Code::E0505 => no_pure |= from == End::There,
                    (None, Some(error)) => {
                        no_pure |= from == End::There;
                        why = why.or((from == End::Inside).then_some(error.message));
                    }
                    (None, None) => ran += 1,
                }
            }
        }
    }
    // What grows close to an end is often what is not finite there.
    if failures.iter().any(|failure| !failure.case.is_close()) {
        failures.retain(|failure| !failure.case.is_close());
    }
    let span = hir.items[id].span;
    found.extend(failures.iter().map(|failure| words::diagnostic(sources, span, failure)));
    let finite = match (ran, why) {
        (0, None) => Finite::NotDecided("no run came to its end".to_owned()),
        (_, Some(why)) => Finite::NotDecided(why),
        (_, None) => Finite::Holds,
    };
    (found, finite)
}

/// Says where an error was met.
fn at_step(mut error: Diagnostic, step: usize, case: Case) -> Diagnostic {
    let from = if case.from == End::There { ", from `pure`" } else { "" };
    error.message =
        format!("{}, at step {} of {} on {}{from}", error.message, step + 1, case.steps, case.family.name());
    error
}

/// Runs Euler's method under a guidance.
pub(super) fn of_guidance(bench: &Bench<'_>, sources: &SourceMap, subject: Subject<'_>) -> Vec<Diagnostic> {
    let mut failures = Vec::new();
    let span = subject.hir.items[subject.id].span;
    let draws = draws::of(bench, subject.hir, subject.id, subject.code);
    for Draw { options, words } in &draws {
        for family in Family::ALL.map(|(family, _)| family) {
            let case = Case { family, steps: 3, from: End::Inside, to: End::There };
            let levels = levels(case, SMALL[0]);
            let guidance = item(subject.code, options_in(bench, options), bench.program);
            let euler = item(bench.standard(ItemSort::Sampler, "euler"), Vec::new(), bench.program);
            let Ran { mut arith, .. } = run(bench, &euler, Some(guidance), None, case, &levels);
            if let Some(found) = arith.found.take() {
                Failure::add(&mut failures, found, arith, case, levels, words);
            }
        }
    }
    failures.iter().map(|failure| words::diagnostic(sources, span, failure)).collect()
}

/// Whether an error that only these runs meet is one of the step's numbers. Others say that there is no such run: a rule
/// in VE coordinates has none from `pure`, a requirement forbids a grid.
fn is_of_step(error: &Diagnostic) -> bool {
    error.code == Code::E0504
}

fn run(
    bench: &Bench<'_>,
    sampler: &Arc<ItemValue<Combinations>>,
    guidance: Option<Arc<ItemValue<Combinations>>>,
    rules: Option<&RulesCode>,
    case: Case,
    levels: &[Arc<Level<Number>>],
) -> Ran {
    let mut machine = Machine::new(bench.program, Combinations::new(case.is_close()));
    let placed = item(bench.schedule_of(case.family), Vec::new(), bench.program);
    let placed = machine.place(placed, item(bench.model(), Vec::new(), bench.program));
    if let Some(guidance) = guidance {
        machine.guide_by(guidance);
    }
    for name in rules.iter().flat_map(|rules| &rules.inputs) {
        let kind = rules.map_or(Kind::Sample, |rules| crate::plan::input_kind(bench.program, rules.run, name));
        let data = machine.arith.atom(Atom::Other);
        machine.give_input(name, data, kind);
    }
    let Some(first) = levels.first() else { return Ran { arith: machine.arith, error: None, work: 0 } };
    let start = machine.arith.start((**first).clone());
    let error = placed.and_then(|()| {
        machine.run_renewed(sampler, levels, levels.len() - 1, start, |arith, carried| {
            let level = carried.level.clone();
            if carried.place > 0 {
                return arith.atom(Atom::Sample { level, ve: carried.ve });
            }
            arith.judge(carried.data);
            arith.step = carried.step + 1;
            arith.start(level)
        })
    });
    let work = machine.work();
    Ran { arith: machine.arith, error: error.err(), work }
}

/// The levels of a run.
fn levels(case: Case, small: f64) -> Vec<Arc<Level<Number>>> {
    let Case { family, steps, from, to } = case;
    let at = |k: usize| match k {
        0 if from != End::Inside => at_end(family, Coordinate::Alpha, from, small),
        k if k == steps && to != End::Inside => at_end(family, Coordinate::Rho, to, small),
        k => Level::on(family, Coordinate::Lambda, Number::from_f64(between(k, steps))),
    };
    (0..=steps).filter_map(at).map(Arc::new).collect()
}

/// A level with a small alpha or rho; at the end itself, the points are those of the end.
fn at_end(family: Family, coordinate: Coordinate, end: End, small: f64) -> Option<Level<Number>> {
    let small = Number::new(small, Laurent::eps());
    let mut level: Level<Number> = Level::on(family, coordinate, small)?;
    let there = match coordinate {
        Coordinate::Alpha => Level::<f64>::pure(family)?,
        _ => Level::clean(),
    };
    let points = [there.alpha, there.sigma, there.rho, there.lambda];
    let numbers = [&mut level.alpha, &mut level.sigma, &mut level.rho, &mut level.lambda];
    for (number, point) in numbers.into_iter().zip(points) {
        number.fault = None;
        if end == End::There {
            number.point = point;
        }
    }
    Some(level)
}
