//! Exact mean and variance of stochastic samplers on normal data, without Monte Carlo.
//!
//! On data N(m, s^2) the perfect model is affine, so every tensor of a run is an affine form, and mean and variance of
//! its result follow from the coefficients. Against the marginal N(alpha m, alpha^2 s^2 + sigma^2) this gives the error
//! of a run of N steps; two of them give the weak order. A smooth mesh and one whose steps alternate 1:2 are run, since
//! rules that lean on equal steps show only on the second. A linear model sees no third cumulant: the order found is an
//! upper bound of the weak order on other data.

use std::sync::Arc;

use samp_lang::ast::ClaimKind;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::conditions::item;
use super::forms::{Course, FormOptions, Forms, Subject, levels_at, marginal};
use super::signature::shown;
use crate::arith::affine::{Affine, Data, Watch};
use crate::hir::{Family, ItemBody};
use crate::machine::level::Level;
use crate::machine::{Machine, Value};

/// The mean of the data and their standard deviation.
const MEAN: f64 = 0.7;
const SPREAD: f64 = 0.5;

/// Errors below this are rounding: forms of some hundred steps cost about 1e-14.
const FLOOR: f64 = 1e-12;

/// How far below the claim a measured order may lie: the order of a pair of step counts is not yet the limit.
const SLACK: f64 = 0.25;

/// The largest number of steps that is tried.
const MOST_STEPS: usize = 1024;

/// How many instructions one mesh may cost with the first options, and with all others together.
const MOST_WORK: u64 = 200_000;
const MOST_WORK_OF_OTHERS: u64 = 80_000;

/// What was measured of a stochastic sampler.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Moments {
    /// On a mesh whose steps vary smoothly.
    pub smooth: Measured,
    /// On a mesh whose steps alternate 1:2.
    pub rough: Measured,
}

/// Errors on one mesh, and how they fall.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Measured {
    /// The order at which the variance's error falls at the last pair of step counts; none if it is exact.
    pub variance: Option<f64>,
    /// The same of the mean.
    pub mean: Option<f64>,
    /// Step counts, with the errors of variance and mean.
    pub errors: Vec<(usize, f64, f64)>,
    /// Why more was not measured.
    pub stopped: Option<String>,
    /// The variance that the result should have.
    #[serde(skip)]
    goal: f64,
    #[serde(skip)]
    work: u64,
}

impl Measured {
    /// The weak order; none if both moments are exact.
    pub fn order(&self) -> Option<f64> {
        match (self.variance, self.mean) {
            (Some(variance), Some(mean)) => Some(variance.min(mean)),
            (variance, mean) => variance.or(mean),
        }
    }

    /// Where more steps do not bring the variance nearer: its error at the most steps, as a share of what it
    /// should be. The error of a rule that keeps one may cross zero on the way there, so its slope says nothing.
    pub fn kept(&self) -> Option<f64> {
        let (_, last, _) = self.errors.last()?;
        self.variance.filter(|order| *order < SLACK).map(|_| last / self.goal)
    }
}

/// How a mesh is to be measured.
#[derive(Clone, Copy)]
struct Plan {
    mesh: Mesh,
    claim: Option<i64>,
    first: usize,
    most_work: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Mesh {
    Smooth,
    Rough,
}

impl Mesh {
    fn words(self) -> &'static str {
        match self {
            Mesh::Smooth => "a mesh of smoothly varying steps",
            Mesh::Rough => "a mesh whose steps alternate 1:2",
        }
    }
}

/// Half log-SNRs from -2 to 2.5.
fn levels(mesh: Mesh, family: Family, steps: usize) -> Vec<Arc<Level<f64>>> {
    let share = |k: usize| {
        let u = k as f64 / steps as f64;
        match mesh {
            Mesh::Smooth => u * (0.8 + 0.2 * u),
            Mesh::Rough => (k + k / 2) as f64 / (steps + steps / 2) as f64,
        }
    };
    levels_at(family, (0..=steps).map(|k| -2.0 + 4.5 * share(k)))
}

/// One run.
struct Point {
    variance: f64,
    mean: f64,
    goal: f64,
    random: bool,
    work: u64,
}

fn point(
    forms: &Forms<'_, '_>,
    subject: Subject<'_>,
    options: &FormOptions,
    levels: Vec<Arc<Level<f64>>>,
) -> Result<Point, String> {
    let family = subject.families().first().copied().unwrap_or(Family::Vp);
    let Some(end) = levels.last().cloned() else { return Err("there are no levels".to_owned()) };
    let course = Course::of_normal(family, levels, SPREAD);
    let ran = forms.run(subject, options, course, Affine::new(Data::Normal { spread: SPREAD }, Watch::Nothing));
    let form = ran.result.map_err(|error| error.message)?;
    if form.lost {
        return Err("an operation is not affine".to_owned());
    }
    if !form.variance().is_finite() {
        return Err("the variance is too large for a number".to_owned());
    }
    let random = form.noise.iter().skip(1).any(|c| *c != 0.0);
    let mean = form.data * MEAN + form.constant - end.alpha * MEAN;
    let goal = marginal(&end, SPREAD);
    Ok(Point { variance: form.variance() - goal, mean, goal, random, work: ran.work })
}

/// The slope of the last two errors; none if they are rounding.
fn slope(errors: &[f64]) -> Option<f64> {
    match errors {
        [.., before, last] if last.abs() > FLOOR => Some((before / last).abs().log2()),
        _ => None,
    }
}

/// Measures on one mesh; nothing for rules that draw nothing.
fn measure(forms: &Forms<'_, '_>, subject: Subject<'_>, options: &FormOptions, plan: Plan) -> Option<Measured> {
    let Plan { mesh, claim, first, most_work } = plan;
    let family = subject.families().first().copied().unwrap_or(Family::Vp);
    let mut measured = Measured { variance: None, mean: None, errors: Vec::new(), stopped: None, goal: 1.0, work: 0 };
    let mut steps = first;
    while steps <= MOST_STEPS {
        match point(forms, subject, options, levels(mesh, family, steps)) {
            Ok(point) if !point.random => return None,
            Ok(point) => {
                measured.errors.push((steps, point.variance, point.mean));
                measured.work += point.work;
                measured.goal = point.goal;
                let column = |of: fn(&(usize, f64, f64)) -> f64| measured.errors.iter().map(of).collect::<Vec<f64>>();
                (measured.variance, measured.mean) = (slope(&column(|row| row.1)), slope(&column(|row| row.2)));
                let enough =
                    steps >= LAST && (reached(&measured, claim) || grows(&measured) || !still_rising(&measured));
                if enough {
                    return Some(measured);
                }
                // Twice the steps cost twice the work.
                if measured.work + 2 * point.work > most_work {
                    measured.stopped = Some(format!("{} steps would cost too much work", 2 * steps));
                    return Some(measured);
                }
            }
            Err(why) => {
                measured.stopped = Some(why);
                return Some(measured);
            }
        }
        steps *= 2;
    }
    if !reached(&measured, claim) {
        measured.stopped = Some(format!("the order still rises at {MOST_STEPS} steps"));
    }
    Some(measured)
}

/// The smallest step count, and the one that is enough where nothing is in doubt.
const FIRST: usize = 8;
const LAST: usize = 128;

fn reached(measured: &Measured, claim: Option<i64>) -> bool {
    let (Some(claim), Some(order)) = (claim, measured.order()) else { return true };
    order >= claim as f64 - SLACK
}

/// Whether the order was clearly lower a pair of step counts earlier.
fn still_rising(measured: &Measured) -> bool {
    let before = &measured.errors[..measured.errors.len().saturating_sub(1)];
    let column = |of: fn(&(usize, f64, f64)) -> f64| slope(&before.iter().map(of).collect::<Vec<f64>>());
    let rises = |now: Option<f64>, before: Option<f64>| matches!((now, before), (Some(now), Some(before)) if now > before + 0.1);
    rises(measured.variance, column(|row| row.1)) || rises(measured.mean, column(|row| row.2))
}

/// Whether the variance lies above the marginal's, ever farther.
fn grows(measured: &Measured) -> bool {
    let [.., a, b, c] = &measured.errors[..] else { return false };
    c.1 > 1e-9 && a.1 > 0.0 && b.1 > 1.2 * a.1 && c.1 > 1.2 * b.1
}

/// Measures a sampler and compares it with its claim. What is kept is measured with the first options under which it
/// draws, the defaults if they do; with other options only what they claim is looked at, on the mesh that shows most.
pub(super) fn of_sampler(
    forms: &Forms<'_, '_>,
    subject: Subject<'_>,
    random: &[bool],
) -> (Vec<Diagnostic>, Option<Moments>) {
    // Tensors of the caller have no closed form.
    if !subject.rules.inputs.is_empty() {
        return (Vec::new(), None);
    }
    let mut kept = None;
    let mut left = MOST_WORK_OF_OTHERS;
    for (options, _) in forms.draws(subject.hir, subject.id).iter().zip(random).filter(|(_, random)| **random) {
        let claim = claim(forms, subject, options);
        let order = claim.map(|(order, _)| order);
        let take =
            |mesh, first, most_work| measure(forms, subject, options, Plan { mesh, claim: order, first, most_work });
        let found = match &kept {
            None => {
                let (Some(smooth), Some(rough)) =
                    (take(Mesh::Smooth, FIRST, MOST_WORK), take(Mesh::Rough, FIRST, MOST_WORK))
                else {
                    continue;
                };
                let found = judge(subject, claim, &[(Mesh::Smooth, &smooth), (Mesh::Rough, &rough)]);
                kept = Some(Moments { smooth, rough });
                found
            }
            Some(_) if claim.is_none() => None,
            Some(_) => take(Mesh::Rough, LAST / 4, left).and_then(|rough| {
                left = left.saturating_sub(rough.work);
                judge(subject, claim, &[(Mesh::Rough, &rough)])
            }),
        };
        if let Some(found) = found {
            return (vec![found], kept);
        }
    }
    (Vec::new(), kept)
}

fn judge(subject: Subject<'_>, claim: Option<(i64, Span)>, meshes: &[(Mesh, &Measured)]) -> Option<Diagnostic> {
    let span = subject.hir.items[subject.id].span;
    for (mesh, measured) in meshes {
        if grows(measured) {
            let last = &measured.errors[measured.errors.len().saturating_sub(3)..];
            let rows: Vec<String> =
                last.iter().map(|(steps, error, _)| format!("{} in {steps}", shown(*error))).collect();
            let message = format!(
                "the variance grows with the number of steps: it is too large by {} steps, on {}",
                rows.join(", "),
                mesh.words()
            );
            let found = Diagnostic::new(Code::E0415, span, message);
            return Some(
                found.help(
                    "a factor of a correction has the wrong sign or size: see what is weighed by past predictions",
                ),
            );
        }
    }
    let (order, at) = claim?;
    let missed = |(_, measured): &&(Mesh, &Measured)| {
        !reached(measured, Some(order)) && measured.stopped.is_none() && !still_rising(measured)
    };
    let worst = meshes
        .iter()
        .filter(missed)
        .min_by(|a, b| a.1.order().unwrap_or(f64::INFINITY).total_cmp(&b.1.order().unwrap_or(f64::INFINITY)))?;
    let measured = worst.1.order()?;
    let message = format!("weak order {order} is claimed, {measured:.2} is measured on {}", worst.0.words());
    let found = Diagnostic::new(Code::E0414, at, message).also(span, "of this rule");
    let lower = (measured + SLACK).floor();
    Some(if lower >= 1.0 {
        found.help(format!("claim `weak order {lower}`, or mend what weighs the past predictions or the draws"))
    } else {
        found.help("the variance of the result does not come near that of the data, however many steps are taken")
    })
}

/// The weak order that is claimed with these options, and where.
fn claim(forms: &Forms<'_, '_>, subject: Subject<'_>, options: &FormOptions) -> Option<(i64, Span)> {
    let ItemBody::Rules(rules) = &subject.hir.items[subject.id].body else { return None };
    let mut machine = Machine::new(forms.bench.program, Affine::new(Data::Point, Watch::Nothing));
    let sampler = item(subject.code, options.clone(), forms.bench.program);
    for ((kind, value, when), written) in subject.rules.claims.iter().zip(&rules.claims) {
        if *kind != ClaimKind::WeakOrder {
            continue;
        }
        let holds = when.is_none_or(|when| matches!(machine.of_item(&sampler, when), Ok(Value::Bool(true))));
        if holds {
            return match machine.of_item(&sampler, *value) {
                Ok(Value::Int(order)) => Some((order, written.value.span)),
                _ => None,
            };
        }
    }
    None
}
