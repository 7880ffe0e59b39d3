//! Opened schedules: clocks, curves, and the levels they give.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::Value;
use super::{Machine, Result};
use crate::arith::{Arith, Real};
use crate::hir::{Coordinate, Family};
use crate::ir::program::{ClockCode, CurveCode, OpenSchedule};

/// A schedule with its options put in.
pub struct Schedule<A: Arith> {
    /// Its curve; a schedule off the three curves has none.
    pub family: Option<Family>,
    /// Its name.
    pub name: Arc<str>,
    /// The noisy end.
    pub noisiest: Arc<Level<A::Real>>,
    /// The clean end.
    pub cleanest: Arc<Level<A::Real>>,
    clock: Clock,
    coordinates: Vec<(Coordinate, Value<A>)>,
    inverse: Option<Value<A>>,
    /// Half log-SNRs of a table's entries.
    table: Vec<f64>,
    span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    Table { low: i64, high: i64 },
    Interval { low: f64, high: f64 },
}

impl Clock {
    fn ends(self) -> (f64, f64) {
        match self {
            Clock::Table { low, high } => (low as f64, (high - 1) as f64),
            Clock::Interval { low, high } => (low, high),
        }
    }
}

const MAX_TABLE: i64 = 1_000_000;

impl<'p, A: Arith> Machine<'p, A> {
    /// Makes a schedule from its clock and functions.
    pub(super) fn open_schedule(
        &mut self,
        code: &OpenSchedule,
        args: Vec<Value<A>>,
        name: &str,
        span: Span,
    ) -> Result<Schedule<A>> {
        let mut args = args.into_iter();
        let (clock, base) = self.clock(code.clock, &mut args, span)?;
        let family = match code.curve {
            CurveCode::Family(family) => Some(family),
            CurveCode::Own => None,
            CurveCode::Of => {
                let of = args.next();
                self.schedule_value(of.as_ref(), span)?.family
            }
        };
        let coordinates: Vec<(Coordinate, Value<A>)> = code.coordinates.iter().copied().zip(args.by_ref()).collect();
        let inverse = if code.inverse { args.next() } else { None };
        let unset = Arc::new(Level::clean());
        let mut schedule = Schedule {
            family,
            name: name.into(),
            noisiest: unset.clone(),
            cleanest: unset,
            clock,
            coordinates,
            inverse,
            table: base.map(|base| base.table.clone()).unwrap_or_default(),
            span,
        };
        self.tabulate(&mut schedule)?;
        let (low, high) = clock.ends();
        let ends =
            [self.level_at(&schedule, A::Real::from_f64(low))?, self.level_at(&schedule, A::Real::from_f64(high))?];
        let [low, high] = ends.map(Arc::new);
        if low.lambda.to_f64() >= high.lambda.to_f64() {
            (schedule.cleanest, schedule.noisiest) = (low, high);
        } else {
            (schedule.cleanest, schedule.noisiest) = (high, low);
        }
        if schedule.cleanest.same(&schedule.noisiest) && low_high_differ(clock) {
            return Err(self.unusable(span, "its two ends are the same level"));
        }
        Ok(schedule)
    }

    fn clock(
        &mut self,
        code: ClockCode,
        args: &mut impl Iterator<Item = Value<A>>,
        span: Span,
    ) -> Result<(Clock, Option<Arc<Schedule<A>>>)> {
        match code {
            ClockCode::Of => {
                let of = args.next();
                let base = self.schedule_value(of.as_ref(), span)?;
                Ok((base.clock, Some(base)))
            }
            ClockCode::Table => match (args.next(), args.next()) {
                (Some(Value::Int(low)), Some(Value::Int(high)))
                    if low < high && high.saturating_sub(low) <= MAX_TABLE =>
                {
                    Ok((Clock::Table { low, high }, None))
                }
                _ => Err(self.unusable(span, "its table needs between 1 and 1,000,000 entries")),
            },
            ClockCode::Interval => {
                let low = args.next().and_then(|value| value.number()).unwrap_or(f64::NAN);
                let high = args.next().and_then(|value| value.number()).unwrap_or(f64::NAN);
                if !(low < high && low.is_finite() && high.is_finite()) {
                    return Err(self.unusable(span, &format!("its clock runs from {low} to {high}")));
                }
                Ok((Clock::Interval { low, high }, None))
            }
        }
    }

    /// Evaluates a table's entries, or some of a curve, and sees that they are monotone.
    fn tabulate(&mut self, schedule: &mut Schedule<A>) -> Result<()> {
        let points: Vec<f64> = match schedule.clock {
            Clock::Table { low, high } => (low..high).map(|k| k as f64).collect(),
            Clock::Interval { low, high } => (0..=32).map(|k| low + (high - low) * f64::from(k) / 32.0).collect(),
        };
        let mut lambdas = Vec::with_capacity(points.len());
        for point in &points {
            let level = self.raw_level(schedule, A::Real::from_f64(*point))?;
            lambdas.push(level.lambda.to_f64());
        }
        let falls = lambdas.windows(2).all(|pair| pair[0] > pair[1]);
        let rises = lambdas.windows(2).all(|pair| pair[0] < pair[1]);
        if !falls && !rises {
            let at = lambdas
                .windows(2)
                .position(|pair| (pair[0] > pair[1]) != (lambdas[0] > lambdas[1]) || pair[0] == pair[1]);
            let at = at.map_or(String::new(), |at| format!(" near clock {}", points[at]));
            return Err(self.unusable(
                schedule.span,
                &format!("the noise must grow or fall all along the clock; it does not{at}"),
            ));
        }
        if let Clock::Table { .. } = schedule.clock {
            schedule.table = lambdas;
        }
        Ok(())
    }

    fn unusable(&self, span: Span, why: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(Code::E0507, span, format!("unusable schedule: {why}")))
    }

    /// The level at a clock; between a table's entries half log-SNR is linear, beyond the ends the clock is held.
    pub(super) fn level_at(&mut self, schedule: &Schedule<A>, u: A::Real) -> Result<Level<A::Real>> {
        let (low, high) = schedule.clock.ends();
        let point = u.to_f64();
        if point.is_nan() {
            let message = "the clock is not a number here";
            return Err(Box::new(Diagnostic::new(Code::E0508, schedule.span, message)));
        }
        let u = if point < low {
            A::Real::from_f64(low)
        } else if point > high {
            A::Real::from_f64(high)
        } else {
            u
        };
        let Clock::Table { low: first, .. } = schedule.clock else {
            return self.raw_level(schedule, u);
        };
        let point = u.to_f64();
        if point.fract() == 0.0 {
            return self.raw_level(schedule, u);
        }
        if schedule.family.is_none() {
            let message = format!("the schedule `{}` has no level between the entries of its table", schedule.name);
            let found = Diagnostic::new(Code::E0508, schedule.span, message);
            return Err(Box::new(found.help("ask for whole clocks, or name its curve: `in vp`, `in ve` or `in flow`")));
        }
        let below = point.floor();
        let at = (below as i64 - first) as usize;
        let pair = schedule.table.get(at).zip(schedule.table.get(at + 1));
        let Some((a, b)) = pair else { return self.raw_level(schedule, A::Real::from_f64(below)) };
        let share = u.clone() - A::Real::from_f64(below);
        let lambda = A::Real::from_f64(*a) + share * A::Real::from_f64(b - a);
        let mut level = self.level_with(schedule, Coordinate::Lambda, lambda)?;
        level.time = Some(u);
        Ok(level)
    }

    fn raw_level(&mut self, schedule: &Schedule<A>, u: A::Real) -> Result<Level<A::Real>> {
        let arg = match schedule.clock {
            Clock::Table { .. } => Value::Int(u.to_f64() as i64),
            Clock::Interval { .. } => Value::Real(u.clone()),
        };
        let mut values = Vec::new();
        for (coordinate, function) in &schedule.coordinates {
            let value = self.apply(function, vec![arg.clone()], schedule.span)?;
            values.push((*coordinate, value.real().unwrap_or_else(|| A::Real::from_f64(f64::NAN))));
        }
        let level = match (&values[..], schedule.family) {
            ([(coordinate, value)], Some(family)) => Level::on(family, *coordinate, value.clone()),
            (values, _) => {
                let get = |wanted| {
                    values.iter().find(|(coordinate, _)| *coordinate == wanted).map(|(_, value)| value.clone())
                };
                match (get(Coordinate::Alpha), get(Coordinate::Sigma)) {
                    (Some(alpha), Some(sigma)) if alpha.to_f64() >= 0.0 && sigma.to_f64() >= 0.0 => {
                        Some(Level::of(alpha, sigma))
                    }
                    _ => None,
                }
            }
        };
        let Some(mut level) = level else {
            let shown: Vec<String> = values.iter().map(|(c, v)| format!("{} = {}", c.name(), v.to_f64())).collect();
            let message = format!("at clock {} no level of the curve has {}", u.to_f64(), shown.join(", "));
            return Err(self.unusable(schedule.span, &message));
        };
        level.time = Some(u);
        Ok(level)
    }

    /// The level of the schedule's curve with this coordinate.
    pub(super) fn level_with(
        &mut self,
        schedule: &Schedule<A>,
        coordinate: Coordinate,
        value: A::Real,
    ) -> Result<Level<A::Real>> {
        if coordinate == Coordinate::Time {
            return self.level_at(schedule, value);
        }
        let point = value.to_f64();
        let found = match schedule.family {
            Some(family) => Level::on(family, coordinate, value),
            None => self.off_curve(schedule, coordinate, value)?,
        };
        found.ok_or_else(|| {
            let curve = match schedule.family {
                Some(family) => format!("`{}`", family.name()),
                None => format!("the schedule `{}`", schedule.name),
            };
            let message = format!("no level of {curve} has {} = {point}", coordinate.name());
            let found = Diagnostic::new(Code::E0508, schedule.span, message);
            Box::new(if coordinate == Coordinate::Rho && point == f64::INFINITY {
                found.help("`ve` has no level without data: start the grid at `level(lambda = -9)`")
            } else if schedule.family.is_none() {
                found.help("a schedule off the three curves has the levels of its own clock alone")
            } else {
                found.help("rho is 0 or more; on `vp` and `flow` alpha and sigma lie between 0 and 1")
            })
        })
    }

    /// A level of a schedule off the three curves, by bisection of its clock.
    fn off_curve(
        &mut self,
        schedule: &Schedule<A>,
        coordinate: Coordinate,
        value: A::Real,
    ) -> Result<Option<Level<A::Real>>> {
        let point = value.to_f64();
        let read = |level: &Level<A::Real>| match coordinate {
            Coordinate::Alpha => level.alpha.to_f64(),
            Coordinate::Sigma => level.sigma.to_f64(),
            Coordinate::Rho => level.rho.to_f64(),
            Coordinate::Lambda | Coordinate::Time => level.lambda.to_f64(),
        };
        let clean = match coordinate {
            Coordinate::Sigma | Coordinate::Rho => point == 0.0,
            Coordinate::Lambda | Coordinate::Time => point == f64::INFINITY,
            Coordinate::Alpha => point == 1.0,
        };
        if clean {
            return Ok(Some(Level::clean()));
        }
        if let Clock::Table { low, high } = schedule.clock {
            for k in low..high {
                let level = self.raw_level(schedule, A::Real::from_f64(k as f64))?;
                if (read(&level) - point).abs() <= 1e-9 * point.abs().max(1.0) {
                    return Ok(Some(level));
                }
            }
            return Ok(None);
        }
        self.bisect(schedule, point, read)
    }

    fn bisect(
        &mut self,
        schedule: &Schedule<A>,
        target: f64,
        read: impl Fn(&Level<A::Real>) -> f64,
    ) -> Result<Option<Level<A::Real>>> {
        let (mut low, mut high) = schedule.clock.ends();
        let at = |machine: &mut Self, u: f64| machine.level_at(schedule, A::Real::from_f64(u));
        let (first, last) = (read(&at(self, low)?), read(&at(self, high)?));
        let rising = first < last;
        if target.is_nan() || target < first.min(last) || target > first.max(last) {
            return Ok(None);
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            let value = read(&at(self, middle)?);
            if (value < target) == rising { low = middle } else { high = middle }
        }
        let (a, b) = (at(self, low)?, at(self, high)?);
        Ok(Some(if (read(&a) - target).abs() <= (read(&b) - target).abs() { a } else { b }))
    }

    /// The clock at a level; beyond the ends it is held.
    pub(super) fn time_of(&mut self, schedule: &Schedule<A>, level: &Level<A::Real>) -> Result<A::Real> {
        if let Some(time) = &level.time {
            return Ok(time.clone());
        }
        let (low, high) = schedule.clock.ends();
        let rising = schedule.cleanest.time.as_ref().is_some_and(|time| time.to_f64() == low);
        let (clean_end, noisy_end) = if rising { (low, high) } else { (high, low) };
        let lambda = level.lambda.to_f64();
        if lambda >= schedule.cleanest.lambda.to_f64() {
            return Ok(A::Real::from_f64(clean_end));
        }
        if lambda <= schedule.noisiest.lambda.to_f64() {
            return Ok(A::Real::from_f64(noisy_end));
        }
        if let Some(inverse) = schedule.inverse.clone() {
            let value = self.apply(&inverse, vec![Value::Real(level.lambda.clone())], schedule.span)?;
            let Some(time) = value.real().filter(|time| time.to_f64().is_finite()) else {
                return Err(self.unusable(schedule.span, "its `inverse` is not a number here"));
            };
            return Ok(time);
        }
        if let Clock::Table { low: first, .. } = schedule.clock {
            return Ok(self.time_in_table(schedule, first, level));
        }
        let found = self.bisect(schedule, lambda, |level| level.lambda.to_f64())?;
        Ok(found.and_then(|level| level.time).unwrap_or_else(|| A::Real::from_f64(clean_end)))
    }

    fn time_in_table(&self, schedule: &Schedule<A>, first: i64, level: &Level<A::Real>) -> A::Real {
        let table = &schedule.table;
        let lambda = level.lambda.to_f64();
        let falling = table.first() > table.last();
        let at = table.partition_point(|entry| if falling { *entry > lambda } else { *entry < lambda });
        let (a, b) = (table[at.saturating_sub(1)], table[at.min(table.len() - 1)]);
        let below = A::Real::from_f64((first + at.saturating_sub(1) as i64) as f64);
        if a == b {
            return below;
        }
        below + (level.lambda.clone() - A::Real::from_f64(a)) / A::Real::from_f64(b - a)
    }

    /// A table's levels, cleanest first.
    pub(super) fn table_levels(&mut self, schedule: &Schedule<A>, span: Span) -> Result<Vec<Arc<Level<A::Real>>>> {
        let Clock::Table { low, high } = schedule.clock else {
            let found = Diagnostic::new(Code::E0301, span, "this schedule is a curve and has no list of levels");
            return Err(Box::new(found.help("only a schedule whose clock runs over whole numbers is a list")));
        };
        let mut levels = Vec::new();
        for k in low..high {
            levels.push(Arc::new(self.raw_level(schedule, A::Real::from_f64(k as f64))?));
        }
        if levels.first().zip(levels.last()).is_some_and(|(a, b)| a.lambda.to_f64() < b.lambda.to_f64()) {
            levels.reverse();
        }
        Ok(levels)
    }

    /// Sees that a schedule's `inverse` undoes its curve.
    pub fn check_inverse(&mut self, schedule: &Arc<Schedule<A>>) -> Result<()> {
        let Some(inverse) = schedule.inverse.clone() else { return Ok(()) };
        let (low, high) = schedule.clock.ends();
        for share in [0.1, 0.35, 0.6, 0.85] {
            let u = low + share * (high - low);
            let level = self.level_at(schedule, A::Real::from_f64(u))?;
            let back = self.apply(&inverse, vec![Value::Real(level.lambda.clone())], schedule.span)?;
            let back = back.number().unwrap_or(f64::NAN);
            if back.is_nan() || (back - u).abs() > 1e-6 * (high - low).max(u.abs()) {
                let message = format!("its `inverse` gives clock {back} where the curve has {u}");
                return Err(self.unusable(schedule.span, &message));
            }
        }
        Ok(())
    }
}

fn low_high_differ(clock: Clock) -> bool {
    let (low, high) = clock.ends();
    low != high
}
