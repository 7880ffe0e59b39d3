//! Numbers that know what went wrong with them, and what they tend to at an end of the schedule.
//!
//! A [`Number`] is the f64 that a run computes, beside it a [`Laurent`] series that encloses it, and the [`Fault`] that
//! made it infinite or not a number. Conditions are decided on the f64, so a run takes the branches that it takes in
//! f64. A fault is passed on with the number and shows only where the number is used: what is computed and dropped does
//! no harm, and neither does an infinity that a later operation takes back (`1 / inf` is 0).

use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::{Arc, OnceLock};

use super::Site;
use super::ball::Ball;
use super::laurent::{Laurent, Size};
use super::real::{Function, Real};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A number over zero.
    OverZero,
    /// A number over one that is zero but for rounding.
    OverRounding,
    /// 0 / 0.
    ZeroOverZero,
    /// inf / inf.
    InfiniteOverInfinite,
    /// 0 inf.
    ZeroTimesInfinite,
    /// inf - inf.
    InfiniteLessInfinite,
    /// ln 0.
    LogOfZero,
    /// ln of a negative number.
    LogOfNegative,
    /// The root of a negative number.
    RootOfNegative,
    /// A power that is not a number.
    Power,
    /// A function that has no value there.
    NoValue,
    /// Finite numbers make an infinite one.
    Overflow,
    /// A coordinate of a level is infinite.
    Infinite,
    /// It grows without bound towards an end.
    Grows,
    /// It is too large for an element.
    TooLarge,
}

impl What {
    /// Whether the number is wrong even if it is finite.
    fn is_hard(self) -> bool {
        matches!(self, What::OverRounding)
    }
}

/// A number that went into an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operand {
    /// Its value.
    pub value: f64,
    /// Where it was computed.
    pub site: Option<Site>,
}

/// An operation that made a number infinite, or none.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What went wrong.
    pub what: What,
    /// With what.
    pub operands: Vec<Operand>,
    /// What had made an operand infinite.
    pub from: Option<Arc<Fault>>,
    /// Where, once the interpreter has told.
    pub site: OnceLock<Site>,
}

impl Fault {
    /// Something wrong.
    pub fn new(what: What, operands: Vec<Operand>, from: Option<Arc<Fault>>) -> Arc<Fault> {
        Arc::new(Fault { what, operands, from, site: OnceLock::new() })
    }
}

/// A number.
#[derive(Clone, Debug)]
pub struct Number {
    /// What a run in f64 computes.
    pub point: f64,
    /// What encloses it, or what it is near an end.
    pub near: Laurent,
    /// Why it is infinite, not a number, or growing.
    pub fault: Option<Arc<Fault>>,
    /// Where it was computed.
    pub site: Option<Site>,
}

impl Number {
    /// A number without a past.
    pub fn new(point: f64, near: Laurent) -> Number {
        Number { point, near, fault: None, site: None }
    }

    /// Whether a tensor cannot be weighed with it.
    pub fn is_bad(&self) -> bool {
        !self.point.is_finite() || self.fault.as_ref().is_some_and(|fault| fault.what.is_hard())
    }

    /// As an operand.
    pub fn operand(&self) -> Operand {
        Operand { value: self.point, site: self.site }
    }

    /// Zero, and nothing else near an end.
    pub fn is_zero(&self) -> bool {
        self.point == 0.0 && self.near.is_zero() && self.fault.is_none()
    }

    /// The result of an operation: what is wrong with an operand is wrong with it, unless it is cured, or else what the
    /// operation itself does.
    fn of(point: f64, near: Laurent, operands: &[&Number], what: impl Fn(&[f64]) -> What) -> Number {
        let plain = point.is_finite() && matches!(near, Laurent::Constant(_));
        if plain && operands.iter().all(|operand| operand.fault.is_none()) {
            return Number::new(point, near);
        }
        let mut faults = operands.iter().filter_map(|operand| operand.fault.as_ref());
        let hard = faults.clone().find(|fault| fault.what.is_hard());
        let inherited = |holds: fn(f64) -> bool| {
            operands.iter().filter(|operand| holds(operand.point)).find_map(|operand| operand.fault.clone())
        };
        let shown = || operands.iter().map(|operand| operand.operand()).collect();
        let values = || operands.iter().map(|operand| operand.point).collect::<Vec<f64>>();
        let fault = if let Some(hard) = hard {
            Some(hard.clone())
        } else if point.is_nan() {
            match operands.iter().any(|operand| operand.point.is_nan()) {
                true => inherited(f64::is_nan),
                false => Some(Fault::new(what(&values()), shown(), inherited(f64::is_infinite))),
            }
        } else if point.is_infinite() {
            match operands.iter().any(|operand| operand.point.is_infinite()) {
                true => inherited(f64::is_infinite),
                false => Some(Fault::new(what(&values()), shown(), None)),
            }
        } else if let Some(size) = near.growth() {
            let before = operands.iter().any(|operand| operand.near.growth().is_some_and(|of| of.power < 0.0));
            match (size.power < 0.0, before) {
                (true, false) => Some(Fault::new(What::Grows, shown(), None)),
                (true, true) => faults.find(|fault| fault.what == What::Grows).cloned(),
                (false, _) => None,
            }
        } else {
            None
        };
        Number { point, near, fault, site: None }
    }
}

impl Real for Number {
    /// Asked is whether it is finite and how it grows, not its last digits.
    const SPLITS: u32 = 3;
    const NEAR: f64 = 1e-6;

    fn from_f64(value: f64) -> Number {
        let near = if value.is_finite() { Laurent::Constant(Ball::written(value)) } else { Laurent::Unknown };
        Number::new(value, near)
    }

    fn to_f64(&self) -> f64 {
        self.point
    }

    fn apply(&self, function: Function) -> Number {
        let point = self.point.apply(function);
        Number::of(point, self.near.apply(function), &[self], |values| match function {
            Function::Ln | Function::Ln1p if point.is_infinite() => What::LogOfZero,
            Function::Ln | Function::Ln1p => What::LogOfNegative,
            Function::Sqrt => What::RootOfNegative,
            _ if values[0].is_finite() => What::Overflow,
            _ => What::NoValue,
        })
    }

    fn pow(&self, exponent: &Number) -> Number {
        let point = self.point.pow(&exponent.point);
        let near = self.near.power(&exponent.near);
        Number::of(point, near, &[self, exponent], |values| match values {
            [0.0, _] => What::OverZero,
            _ if point.is_infinite() => What::Overflow,
            _ => What::Power,
        })
    }

    fn phi(&self, k: i64) -> Number {
        Number::of(Real::phi(&self.point, k), self.near.phi(k), &[self], |_| What::Overflow)
    }
}

impl Add for Number {
    type Output = Number;

    fn add(self, other: Number) -> Number {
        let near = self.near.clone() + other.near.clone();
        Number::of(self.point + other.point, near, &[&self, &other], |values| {
            match values.iter().all(|v| v.is_finite()) {
                true => What::Overflow,
                false => What::InfiniteLessInfinite,
            }
        })
    }
}

impl Neg for Number {
    type Output = Number;

    fn neg(self) -> Number {
        Number { point: -self.point, near: -self.near, ..self }
    }
}

impl Sub for Number {
    type Output = Number;

    fn sub(self, other: Number) -> Number {
        let near = self.near.clone() - other.near.clone();
        Number::of(self.point - other.point, near, &[&self, &other], |values| {
            match values.iter().all(|v| v.is_finite()) {
                true => What::Overflow,
                false => What::InfiniteLessInfinite,
            }
        })
    }
}

impl Mul for Number {
    type Output = Number;

    fn mul(self, other: Number) -> Number {
        let near = self.near.clone() * other.near.clone();
        Number::of(self.point * other.point, near, &[&self, &other], |values| match values.contains(&0.0) {
            true => What::ZeroTimesInfinite,
            false => What::Overflow,
        })
    }
}

impl Div for Number {
    type Output = Number;

    fn div(self, other: Number) -> Number {
        let near = self.near.clone() / other.near.clone();
        let mut quotient =
            Number::of(self.point / other.point, near, &[&self, &other], |values| match (values[0], values[1]) {
                (0.0, 0.0) => What::ZeroOverZero,
                (_, 0.0) => What::OverZero,
                (a, _) if a.is_finite() => What::Overflow,
                _ => What::InfiniteOverInfinite,
            });
        if other.near.is_zero() && other.point != 0.0 && other.point.is_finite() && quotient.fault.is_none() {
            quotient.fault = Some(Fault::new(What::OverRounding, vec![self.operand(), other.operand()], None));
        }
        quotient
    }
}

/// How something grows, in words: of what it is a power near the end where `small` is small.
pub fn growth(size: Size, small: &str) -> String {
    let log = |logs| match logs {
        1 => format!("ln(1 / {small})"),
        logs => format!("ln(1 / {small})^{logs}"),
    };
    let power = match size.power {
        -1.0 => format!("1 / {small}"),
        power => format!("1 / {small}^{}", -power),
    };
    match (size.power < 0.0, size.logs > 0) {
        (true, true) => format!("{power} {}", log(size.logs)),
        (true, false) => power,
        (false, _) => log(size.logs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Number {
        Number::from_f64(value)
    }

    #[test]
    fn a_fault_is_the_first_operation_that_makes_no_number() {
        let infinite = number(1.0) / number(0.0);
        assert_eq!(infinite.fault.as_ref().map(|fault| fault.what), Some(What::OverZero));
        let none = infinite.clone() * number(0.0);
        let fault = (none + number(1.0)).fault.expect("it is not a number");
        assert_eq!(fault.what, What::ZeroTimesInfinite);
        assert_eq!(fault.from.as_ref().map(|from| from.what), Some(What::OverZero));
        assert!((number(1.0) / infinite).fault.is_none());
    }

    #[test]
    fn what_rounding_leaves_is_no_divisor() {
        let left = number(0.1) + number(0.2) - number(0.3);
        assert!(left.point != 0.0);
        let quotient = number(1.0) / left;
        assert!(quotient.point.is_finite() && quotient.is_bad());
        assert!(!(number(1.0) / (number(0.3) - number(0.2))).is_bad());
    }

    #[test]
    fn growth_shows_where_floats_are_finite() {
        let small = Number::new(1e-40, Laurent::eps());
        let fault = (number(2.0) / small.clone()).fault.expect("it grows");
        assert_eq!(fault.what, What::Grows);
        assert!((number(2.0) / small.clone() * small).fault.is_none());
    }
}
