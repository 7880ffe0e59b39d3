//! Jets: truncated power series in the length `h` of a step.
//!
//! A [`Jet`] is h^first (c_0 + c_1 h + .. + O(h^known)), as in the calculus of Taylor series that automatic
//! differentiation uses (Griewank & Walther 2008, "Evaluating Derivatives", ch. 13), with negative powers allowed, for
//! a rule may divide a difference by `h` first and multiply by `h` later. Run on levels lambda_0 + c h, a step becomes
//! the series of its result, and the order of the step can be read off.
//!
//! Is a coefficient zero? Each is a [`Ball`]: the computed number with a bound on its error. A ball that leaves zero out
//! is not zero: that is proved. A ball around zero with a radius below [`TINY`] of the series is taken to be zero: the
//! coefficients are analytic functions of levels and problems that were chosen without any relation, so they vanish
//! identically or else, but for accidents of probability zero, are of ordinary size. A wider ball around zero is not
//! decided, and what depends on it is not known.
//!
//! Beside the series runs the plain number at one small `h`, the [`Jet::point`]: conditions are decided on it. A function
//! that has no series in `h`, such as the square root of h, gives a jet of which only the point is known.

mod functions;

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::ball::Ball;

/// How many coefficients are kept: enough for order 5, and for what divisions by `h` cost.
pub const LENGTH: usize = 10;

/// The largest radius, beside the largest coefficient, of a ball around zero that is taken to be zero.
pub const TINY: f64 = 1e-6;

/// The step length of the points: so small that a rule that tells small steps from large ones sees a small one.
pub const STEP: f64 = 1.0 / 128.0;

/// A truncated power series.
#[derive(Clone, Debug, PartialEq)]
pub struct Jet {
    /// The value at `h` = [`STEP`].
    pub point: f64,
    /// The power of `h` of the first coefficient.
    first: i32,
    /// How many coefficients are known.
    known: usize,
    coefficients: [Ball; LENGTH],
}

/// Where a series begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leading {
    /// At this power of `h`.
    Power(i32),
    /// All that is known of it is zero; this power is the first that is not known.
    Beyond(i32),
}

impl Jet {
    /// A number that does not depend on `h`.
    pub fn constant(ball: Ball) -> Jet {
        let mut coefficients = [Ball::ZERO; LENGTH];
        coefficients[0] = ball;
        Jet { point: ball.middle, first: 0, known: if ball.middle.is_finite() { LENGTH } else { 0 }, coefficients }
    }

    /// A polynomial in `h` with coefficients that are meant exactly.
    pub fn polynomial(terms: &[f64]) -> Jet {
        let mut coefficients = [Ball::ZERO; LENGTH];
        for (slot, term) in coefficients.iter_mut().zip(terms) {
            *slot = Ball::exact(*term);
        }
        let point = terms.iter().rev().fold(0.0, |sum, term| sum * STEP + term);
        Jet { point, first: 0, known: LENGTH, coefficients }
    }

    /// A jet of which only the point is known.
    fn unknown(point: f64) -> Jet {
        Jet { point, first: 0, known: 0, coefficients: [Ball::ZERO; LENGTH] }
    }

    fn of(point: f64, first: i32, known: usize, at: impl FnMut(usize) -> Ball) -> Jet {
        let mut coefficients = [Ball::ZERO; LENGTH];
        let known = known.min(LENGTH);
        coefficients[..known].iter_mut().zip((0..known).map(at)).for_each(|(slot, ball)| *slot = ball);
        if coefficients[..known].iter().any(|ball| !ball.size().is_finite()) {
            return Jet::unknown(point);
        }
        Jet { point, first, known, coefficients }
    }

    fn coefficients(&self) -> &[Ball] {
        &self.coefficients[..self.known]
    }

    /// The coefficient of a power of `h`, if it is known.
    pub fn coefficient(&self, power: i32) -> Option<Ball> {
        match usize::try_from(power - self.first) {
            Ok(at) => self.coefficients().get(at).copied(),
            Err(_) => Some(Ball::ZERO),
        }
    }

    /// Zero for every `h`.
    fn is_zero(&self) -> bool {
        self.known > 0 && self.coefficients().iter().all(|ball| *ball == Ball::ZERO)
    }

    /// The largest size of its coefficients.
    pub fn scale(&self) -> f64 {
        self.coefficients().iter().map(|ball| ball.middle.abs()).fold(0.0, f64::max)
    }

    /// Where it begins, beside numbers of the size `scale`.
    pub fn leading(&self, scale: f64) -> Leading {
        for (power, ball) in (self.first..).zip(self.coefficients()) {
            if !ball.may_be_zero() {
                return Leading::Power(power);
            }
            if ball.radius > TINY * scale {
                return Leading::Beyond(power);
            }
        }
        Leading::Beyond(self.first + self.known as i32)
    }

    /// The series without the zeros that it begins with; nothing if nothing else is known of it.
    fn stripped(&self) -> Option<Jet> {
        let Leading::Power(power) = self.leading(self.scale()) else { return None };
        let skip = usize::try_from(power - self.first).ok()?;
        Some(Jet::of(self.point, power, self.known - skip, |k| self.coefficients[k + skip]))
    }

    /// How many coefficients at the start are zero exactly.
    fn zeros(&self) -> usize {
        self.coefficients().iter().take_while(|ball| **ball == Ball::ZERO).count()
    }

    /// The power of the first coefficient that is not known.
    fn end(&self) -> i32 {
        self.first + self.known as i32
    }
}

impl Add for Jet {
    type Output = Jet;

    fn add(self, other: Jet) -> Jet {
        let point = self.point + other.point;
        if self.known == 0 || other.known == 0 {
            return Jet::unknown(point);
        }
        let first = self.first.min(other.first);
        let known = usize::try_from(self.end().min(other.end()) - first).unwrap_or(0);
        Jet::of(point, first, known, |k| {
            let power = first + k as i32;
            self.coefficient(power).unwrap_or(Ball::ZERO) + other.coefficient(power).unwrap_or(Ball::ZERO)
        })
    }
}

impl Neg for Jet {
    type Output = Jet;

    fn neg(mut self) -> Jet {
        self.point = -self.point;
        self.coefficients.iter_mut().for_each(|ball| *ball = -*ball);
        self
    }
}

impl Sub for Jet {
    type Output = Jet;

    fn sub(self, other: Jet) -> Jet {
        self + -other
    }
}

impl Mul for Jet {
    type Output = Jet;

    fn mul(self, other: Jet) -> Jet {
        // Zero makes nothing, of whatever finite number.
        if self.is_zero() && other.point.is_finite() || other.is_zero() && self.point.is_finite() {
            return Jet::constant(Ball::ZERO);
        }
        let point = self.point * other.point;
        if self.known == 0 || other.known == 0 {
            return Jet::unknown(point);
        }
        let (skip, other_skip) = (self.zeros(), other.zeros());
        let (a, b) = (&self.coefficients()[skip..], &other.coefficients()[other_skip..]);
        let first = self.first + other.first + (skip + other_skip) as i32;
        if b[1..].iter().all(|ball| *ball == Ball::ZERO) && other.known == LENGTH {
            return Jet::of(point, first, a.len(), |k| a[k] * b[0]);
        }
        if a[1..].iter().all(|ball| *ball == Ball::ZERO) && self.known == LENGTH {
            return Jet::of(point, first, b.len(), |k| a[0] * b[k]);
        }
        Jet::of(point, first, a.len().min(b.len()), |k| (0..=k).map(|j| a[j] * b[k - j]).fold(Ball::ZERO, Ball::add))
    }
}

impl Div for Jet {
    type Output = Jet;

    /// Zeros in front cancel: the quotient of expm1(h) and h is a series without a pole.
    fn div(self, other: Jet) -> Jet {
        let point = self.point / other.point;
        if self.is_zero() && other.point != 0.0 {
            return Jet::constant(Ball::ZERO);
        }
        let Some(b) = other.stripped() else { return Jet::unknown(point) };
        let Some(a) = self.stripped() else {
            // A numerator of which only zeros are known is a small one.
            let known = self.known.min(b.known);
            return if self.known == 0 {
                Jet::unknown(point)
            } else {
                Jet::of(point, self.first - b.first, known, |_| Ball::ZERO)
            };
        };
        let mut quotient = [Ball::ZERO; LENGTH];
        let known = a.known.min(b.known);
        for k in 0..known {
            let done = (0..k).map(|j| quotient[j] * b.coefficients[k - j]).fold(Ball::ZERO, Ball::add);
            quotient[k] = (a.coefficients[k] - done) / b.coefficients[0];
        }
        Jet::of(point, a.first - b.first, known, |k| quotient[k])
    }
}

#[cfg(test)]
mod tests {
    use super::super::real::{Function, Real};
    use super::*;

    fn h() -> Jet {
        Jet::polynomial(&[0.0, 1.0])
    }

    fn near(jet: &Jet, power: i32, value: f64) {
        let ball = jet.coefficient(power).expect("known");
        assert!((ball.middle - value).abs() <= ball.radius + 1e-14, "h^{power}: {ball:?} is not {value}");
        assert!(ball.radius < 1e-10, "h^{power}: {ball:?} is too wide");
    }

    #[test]
    fn zeros_in_front_cancel() {
        let quotient = h().apply(Function::Expm1) / h();
        for (power, value) in [1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0].into_iter().enumerate() {
            near(&quotient, power as i32, value);
        }
        assert_eq!(quotient.leading(1.0), Leading::Power(0));
    }

    #[test]
    fn a_pole_is_carried_and_goes_away() {
        let pole = Jet::from_f64(1.0) / h();
        assert_eq!(pole.leading(1.0), Leading::Power(-1));
        near(&(pole * h().apply(Function::Sin)), 0, 1.0);
    }

    #[test]
    fn a_decimal_stands_for_what_it_was_rounded_from() {
        let left = Jet::from_f64(1.0) / Jet::from_f64(3.0) - Jet::from_f64(0.333_333_333_333_333_3);
        assert!(matches!(left.leading(1.0), Leading::Beyond(_)));
        let off = Jet::from_f64(1.0) / Jet::from_f64(3.0) - Jet::from_f64(0.3333);
        assert_eq!(off.leading(1.0), Leading::Power(0));
    }

    #[test]
    fn a_root_of_h_has_a_point_and_no_series() {
        let root = h().apply(Function::Sqrt);
        assert_eq!(root.to_f64(), STEP.sqrt());
        assert_eq!(root.leading(1.0), Leading::Beyond(0));
        assert_eq!((Jet::from_f64(0.0) * root).to_f64(), 0.0);
        near(&(h() * h()).apply(Function::Sqrt), 1, 1.0);
    }

    #[test]
    fn functions_undo_each_other() {
        let z = Jet::polynomial(&[0.3, -1.1, 0.4, 0.2]);
        let same =
            |other: Jet| (0..6).for_each(|power| near(&other, power, z.coefficient(power).expect("known").middle));
        same(z.apply(Function::Exp).apply(Function::Ln));
        same(z.apply(Function::Tan).apply(Function::Atan));
        same(z.pow(&Jet::from_f64(1.7)).pow(&(Jet::from_f64(1.0) / Jet::from_f64(1.7))));
        same(z.apply(Function::Expm1) / z.phi(1));
        same((z.phi(1) - Jet::from_f64(1.0)) / z.phi(2));
        let tanh = z.apply(Function::Tanh);
        same(
            ((Jet::from_f64(1.0) + tanh.clone()) / (Jet::from_f64(1.0) - tanh)).apply(Function::Ln)
                * Jet::from_f64(0.5),
        );
    }
}
