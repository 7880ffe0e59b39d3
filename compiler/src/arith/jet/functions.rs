//! Functions of jets, by the recurrences of their differential equations (Griewank & Walther 2008, table 13.2).

use super::super::ball::Ball;
use super::super::real::{Function, Real};
use super::{Jet, LENGTH, Leading};
use crate::math;

/// Terms of the Taylor series of phi_k, enough for arguments up to 3.
const PHI_TERMS: i64 = 40;

impl Jet {
    /// The coefficients of h^0, h^1, ..; nothing if there are negative powers, or nothing is known.
    fn regular(&self) -> Option<Jet> {
        if self.known == 0 {
            return None;
        }
        if self.first == 0 {
            return Some(self.clone());
        }
        let known = usize::try_from(self.end()).ok().filter(|known| *known > 0)?;
        let poles = (self.first..0).filter_map(|power| self.coefficient(power));
        if poles.into_iter().any(|ball| !ball.may_be_zero()) {
            return None;
        }
        Some(Jet::of(self.point, 0, known, |k| self.coefficient(k as i32).unwrap_or(Ball::ZERO)))
    }

    /// y with y' = x' f(y) and y_0 = `start`, where `rate` gives the k-th coefficient of f(y) from those of y so far.
    fn solved(&self, point: f64, start: Ball, rate: impl Fn(usize, &[Ball; LENGTH]) -> Ball) -> Jet {
        let mut y = [Ball::ZERO; LENGTH];
        let mut f = [Ball::ZERO; LENGTH];
        y[0] = start;
        for k in 1..self.known {
            f[k - 1] = rate(k - 1, &y);
            let sum =
                (1..=k).map(|j| Ball::exact(j as f64) * self.coefficients[j] * f[k - j]).fold(Ball::ZERO, |a, b| a + b);
            y[k] = sum / Ball::exact(k as f64);
        }
        Jet::of(point, 0, self.known, |k| y[k])
    }

    fn exp(&self) -> Jet {
        let point = math::exp(self.point);
        let Some(x) = self.regular() else { return Jet::unknown(point) };
        let c = x.coefficients[0];
        let value = math::exp(c.middle);
        let start = if c == Ball::ZERO { Ball::exact(1.0) } else { c.smooth(value, value * (1.0 + c.radius)) };
        x.solved(point, start, |k, y| y[k])
    }

    fn ln(&self) -> Jet {
        let point = math::ln(self.point);
        let Some(x) = self.regular().filter(|x| x.coefficients[0].middle - x.coefficients[0].radius > 0.0) else {
            return Jet::unknown(point);
        };
        let c = x.coefficients[0];
        let start =
            if c == Ball::exact(1.0) { Ball::ZERO } else { c.smooth(math::ln(c.middle), 1.0 / (c.middle - c.radius)) };
        let mut y = [Ball::ZERO; LENGTH];
        y[0] = start;
        for k in 1..x.known {
            let done =
                (1..k).map(|j| Ball::exact(j as f64) * y[j] * x.coefficients[k - j]).fold(Ball::ZERO, |a, b| a + b);
            y[k] = (x.coefficients[k] - done / Ball::exact(k as f64)) / c;
        }
        Jet::of(point, 0, x.known, |k| y[k])
    }

    /// Sine and cosine.
    fn sin_cos(&self) -> (Jet, Jet) {
        let (sin, cos) = (math::sin(self.point), math::cos(self.point));
        let Some(x) = self.regular() else { return (Jet::unknown(sin), Jet::unknown(cos)) };
        let c = x.coefficients[0];
        let (mut s, mut o) = ([Ball::ZERO; LENGTH], [Ball::ZERO; LENGTH]);
        s[0] = if c == Ball::ZERO { c } else { c.smooth(math::sin(c.middle), 1.0) };
        o[0] = if c == Ball::ZERO { Ball::exact(1.0) } else { c.smooth(math::cos(c.middle), 1.0) };
        for k in 1..x.known {
            let part = |of: &[Ball; LENGTH]| {
                let sum = (1..=k)
                    .map(|j| Ball::exact(j as f64) * x.coefficients[j] * of[k - j])
                    .fold(Ball::ZERO, |a, b| a + b);
                sum / Ball::exact(k as f64)
            };
            (s[k], o[k]) = (part(&o), -part(&s));
        }
        (Jet::of(sin, 0, x.known, |k| s[k]), Jet::of(cos, 0, x.known, |k| o[k]))
    }

    /// The integral of x' times `rate`, from `start`.
    fn atan(&self) -> Jet {
        let point = math::atan(self.point);
        let Some(x) = self.regular() else { return Jet::unknown(point) };
        let rate = Jet::from_f64(1.0) / (Jet::from_f64(1.0) + x.clone() * x.clone());
        let c = x.coefficients[0];
        let start = if c == Ball::ZERO { c } else { c.smooth(math::atan(c.middle), 1.0) };
        let Some(rate) = rate.regular() else { return Jet::unknown(point) };
        x.solved(point, start, |k, _| rate.coefficients[k])
    }

    /// A power that does not depend on `h`, by the recurrence of J. C. P. Miller (Knuth, TAOCP 2, 4.7, eq. 9).
    fn power(&self, exponent: f64) -> Jet {
        let point = math::pow(self.point, exponent);
        let Some(x) = self.stripped() else {
            let zero = self.is_zero() && exponent > 0.0;
            return if zero { Jet::constant(Ball::ZERO) } else { Jet::unknown(point) };
        };
        let first = f64::from(x.first) * exponent;
        let c = x.coefficients[0];
        let whole = exponent.fract() == 0.0;
        if first.fract() != 0.0 || first.abs() > 1e6 || !whole && c.middle <= 0.0 {
            return Jet::unknown(point);
        }
        let value = math::pow(c.middle, exponent);
        let slope = exponent.abs() * value.abs() / (c.middle.abs() - c.radius);
        let mut y = [Ball::ZERO; LENGTH];
        y[0] = if c == Ball::exact(1.0) { c } else { c.smooth(value, slope) };
        for k in 1..x.known {
            let term = |j: usize| Ball::written(exponent * j as f64 - (k - j) as f64) * x.coefficients[j] * y[k - j];
            let sum = (1..=k).map(term).fold(Ball::ZERO, |a, b| a + b);
            y[k] = sum / (Ball::exact(k as f64) * c);
        }
        Jet::of(point, first as i32, x.known, |k| y[k])
    }

    /// The exponent, where it is a number.
    fn as_number(&self) -> Option<f64> {
        let mut rest = self.coefficients().iter().skip(1);
        (self.known == LENGTH && self.first == 0 && rest.all(|ball| *ball == Ball::ZERO))
            .then(|| self.coefficients[0].middle)
    }
}

impl Real for Jet {
    fn from_f64(value: f64) -> Jet {
        Jet::constant(Ball::written(value))
    }

    fn to_f64(&self) -> f64 {
        self.point
    }

    fn apply(&self, function: Function) -> Jet {
        let one = || Jet::from_f64(1.0);
        let mut value = match function {
            Function::Exp => self.exp(),
            Function::Expm1 => self.exp() - one(),
            Function::Ln => self.ln(),
            Function::Ln1p => (one() + self.clone()).ln(),
            Function::Sqrt => self.power(0.5),
            Function::Abs if self.point < 0.0 => -self.clone(),
            Function::Abs => self.clone(),
            Function::Sin => self.sin_cos().0,
            Function::Cos => self.sin_cos().1,
            Function::Tan => {
                let (sin, cos) = self.sin_cos();
                sin / cos
            }
            Function::Atan => self.atan(),
            Function::Tanh => {
                let twice = (self.clone() + self.clone()).exp();
                (twice.clone() - one()) / (twice + one())
            }
        };
        // The point is the plain function's, which keeps its digits near zero.
        value.point = self.point.apply(function);
        value
    }

    fn pow(&self, exponent: &Jet) -> Jet {
        let mut value = match exponent.as_number() {
            Some(0.0) => Jet::from_f64(1.0),
            Some(1.0) => self.clone(),
            Some(2.0) => self.clone() * self.clone(),
            Some(number) => self.power(number),
            None => (self.ln() * exponent.clone()).exp(),
        };
        value.point = math::pow(self.point, exponent.point);
        value
    }

    fn phi(&self, k: i64) -> Jet {
        let point = math::phi(k, self.point);
        let Some(x) = self.regular() else { return Jet::unknown(point) };
        let start = x.coefficients[0];
        let mut value = if k <= 0 {
            x.exp()
        } else if start.size() <= 3.0 {
            let terms = if matches!(x.leading(0.0), Leading::Power(0)) { PHI_TERMS } else { LENGTH as i64 };
            let term = |j: i64| Jet::constant(Ball::exact(1.0) / Ball::exact(math::factorial(j + k)));
            (0..terms).rev().fold(Jet::constant(Ball::ZERO), |sum, j| sum * x.clone() + term(j))
        } else {
            let first = x.apply(Function::Expm1) / x.clone();
            let next = |value: Jet, j: i64| {
                (value - Jet::constant(Ball::exact(1.0) / Ball::exact(math::factorial(j)))) / x.clone()
            };
            (1..k).fold(first, next)
        };
        value.point = point;
        value
    }
}
