//! Functions of Laurent series: by the leading term where it is zero or infinite, else by Taylor's series.

use super::super::ball::Ball;
use super::super::real::{Function, Real};
use super::{Laurent, Long, Size, Term};
use crate::math;

/// Terms of a Taylor series.
const TERMS: usize = 6;

impl Laurent {
    /// A function of it.
    pub fn apply(&self, function: Function) -> Laurent {
        if let Laurent::Constant(ball) = self {
            return of_constant(function, *ball);
        }
        let one = || Laurent::number(1.0);
        match function {
            Function::Exp => self.exp(),
            Function::Expm1 => self.taylor(function).unwrap_or_else(|| self.exp() - one()),
            Function::Ln => self.ln(),
            Function::Ln1p => (one() + self.clone()).ln(),
            Function::Sqrt => self.power(&Laurent::number(0.5)),
            Function::Abs => match self.lead() {
                Some(lead) if lead.factor.middle < 0.0 => -self.clone(),
                Some(_) => self.clone(),
                None => Laurent::Unknown,
            },
            Function::Tanh => self.taylor(function).unwrap_or_else(|| {
                let positive = self.lead().is_some_and(|lead| lead.factor.middle > 0.0);
                let size = if positive { self.clone() } else { -self.clone() };
                let decay = size.scaled(Ball::exact(-2.0)).exp();
                let value = (one() - decay.clone()) / (one() + decay);
                if positive { value } else { -value }
            }),
            Function::Atan => self.taylor(function).unwrap_or_else(|| match self.growth() {
                Some(_) => {
                    let end = of_constant(Function::Atan, Ball::exact(f64::MAX.copysign(self.sign())));
                    end - (one() / self.clone()).apply(Function::Atan)
                }
                None => Laurent::Unknown,
            }),
            Function::Sin | Function::Cos | Function::Tan => self.taylor(function).unwrap_or(Laurent::Unknown),
        }
    }

    /// A power of it.
    pub fn power(&self, exponent: &Laurent) -> Laurent {
        let Laurent::Constant(exponent) = exponent else { return (self.ln() * exponent.clone()).exp() };
        let a = exponent.middle;
        if a == 0.0 {
            return Laurent::number(1.0);
        }
        if self.is_zero() {
            return if a > 0.0 { self.clone() } else { Laurent::Unknown };
        }
        let Some(lead) = self.lead() else { return Laurent::Unknown };
        let logs = f64::from(lead.size.logs) * a;
        let value = math::pow(lead.factor.middle, a);
        if logs.fract() != 0.0 || !value.is_finite() {
            return Laurent::Unknown;
        }
        let slope = a * value / (lead.factor.middle.abs() - lead.factor.radius);
        let factor = lead.factor.smooth(value, slope);
        let factor =
            Ball { radius: factor.radius + exponent.radius * value * lead.factor.middle.abs().ln().abs(), ..factor };
        let front = Term { size: Size { power: lead.size.power * a, logs: logs as i32 }.times(Size::ONE), factor };
        let front = Long { terms: vec![front], beyond: Size::NOTHING }.short();
        let mut weights = vec![Ball::exact(1.0)];
        for k in 0..TERMS {
            let last = weights[k];
            weights.push(last * (Ball::exact(a) - Ball::exact(k as f64)) / Ball::exact((k + 1) as f64));
        }
        front * self.rest(lead).power_series(&weights)
    }

    /// phi_k of it.
    pub fn phi(&self, k: i64) -> Laurent {
        match self {
            Laurent::Constant(ball) => {
                let value = Real::phi(&ball.middle, k);
                Laurent::Constant(ball.smooth(value, value.abs().max(Real::phi(&(ball.middle + ball.radius), k))))
            }
            Laurent::Unknown => Laurent::Unknown,
            Laurent::Sum(_) if k == 0 => self.exp(),
            Laurent::Sum(_) => match self.size() {
                Some(size) if size.below(Size::ONE) => {
                    let weights: Vec<Ball> =
                        (0..TERMS as i64).map(|j| Ball::exact(1.0) / Ball::exact(math::factorial(j + k))).collect();
                    self.power_series(&weights)
                }
                _ => {
                    let known = Laurent::Constant(Ball::exact(1.0) / Ball::exact(math::factorial(k - 1)));
                    (self.phi(k - 1) - known) / self.clone()
                }
            },
        }
    }

    fn sign(&self) -> f64 {
        self.lead().map_or(1.0, |lead| lead.factor.middle)
    }

    /// The part that does not shrink: what grows, and the constant.
    fn large(&self) -> Option<(Vec<Term>, Ball, Laurent)> {
        let (terms, beyond) = self.parts()?;
        if !beyond.below(Size::ONE) {
            return None;
        }
        let (mut grows, mut constant, mut small) = (Vec::new(), Ball::ZERO, Vec::new());
        for term in terms {
            match term.size {
                Size::ONE => constant = term.factor,
                size if size.below(Size::ONE) => small.push(term),
                _ => grows.push(term),
            }
        }
        Some((grows, constant, Long { terms: small, beyond }.short()))
    }

    /// e^z: a multiple of L makes a power of eps; what grows faster makes nothing, or more than any power.
    fn exp(&self) -> Laurent {
        let Some((grows, constant, small)) = self.large() else { return Laurent::Unknown };
        let power = match &grows[..] {
            [] => 0.0,
            [term] if term.size == (Size { power: 0.0, logs: 1 }) => -term.factor.middle,
            [term, ..] if term.factor.middle < 0.0 => return Laurent::Constant(Ball::ZERO),
            _ => return Laurent::Unknown,
        };
        let Laurent::Constant(factor) = of_constant(Function::Exp, constant) else { return Laurent::Unknown };
        let size = Size { power, logs: 0 }.times(Size::ONE);
        let front = Long { terms: vec![Term { size, factor }], beyond: Size::NOTHING }.short();
        front * small.power_series(&taylor(Function::Exp, Ball::ZERO))
    }

    fn ln(&self) -> Laurent {
        let Some(lead) = self.lead().filter(|lead| lead.factor.middle > 0.0 && lead.size.logs == 0) else {
            return Laurent::Unknown;
        };
        let term = |logs, factor| Term { size: Size { power: 0.0, logs }, factor };
        let of_eps = (lead.size.power != 0.0).then(|| term(1, Ball::exact(-lead.size.power)));
        let of_eps = Long { terms: of_eps.into_iter().collect(), beyond: Size::NOTHING }.short();
        let weights: Vec<Ball> = (0..=TERMS as i64)
            .map(|k| {
                if k == 0 {
                    Ball::ZERO
                } else {
                    Ball::exact(if k % 2 == 0 { -1.0 } else { 1.0 }) / Ball::exact(k as f64)
                }
            })
            .collect();
        of_eps + of_constant(Function::Ln, lead.factor) + self.rest(lead).power_series(&weights)
    }

    /// By Taylor's series, where it tends to a number.
    fn taylor(&self, function: Function) -> Option<Laurent> {
        let (grows, constant, small) = self.large()?;
        grows.is_empty().then(|| small.power_series(&taylor(function, constant)))
    }
}

/// A function of a number.
fn of_constant(function: Function, z: Ball) -> Laurent {
    if z.radius == 0.0 && z.middle == 0.0 && matches!(function, Function::Sqrt | Function::Abs) {
        return Laurent::Constant(z);
    }
    let value = z.middle.apply(function);
    let least = (z.middle.abs() - z.radius).max(0.0);
    let slope = match function {
        Function::Exp | Function::Expm1 => math::exp(z.middle + z.radius),
        Function::Ln => 1.0 / least,
        Function::Ln1p => 1.0 / (1.0 + z.middle - z.radius),
        Function::Sqrt => 0.5 / math::sqrt(least),
        Function::Abs | Function::Sin | Function::Cos | Function::Atan | Function::Tanh => 1.0,
        Function::Tan => 1.0 + 2.0 * value * value,
    };
    // A point has no use for a slope, which may be infinite there.
    let ball = z.smooth(value, if z.radius == 0.0 { 0.0 } else { slope });
    if value == 0.0 && ball.radius == 0.0 {
        return Laurent::Constant(Ball::ZERO);
    }
    if ball.size().is_finite() { Laurent::Constant(ball) } else { Laurent::Unknown }
}

/// The coefficients of Taylor's series at a number; the functions without a simple rule get the first four.
fn taylor(function: Function, at: Ball) -> Vec<Ball> {
    let value = |function| match of_constant(function, at) {
        Laurent::Constant(ball) => ball,
        Laurent::Sum(_) | Laurent::Unknown => Ball { middle: f64::NAN, radius: f64::INFINITY },
    };
    let number = Ball::exact;
    let inverse = |k: usize| number(1.0) / number(math::factorial(k as i64));
    match function {
        Function::Exp | Function::Expm1 => {
            let factor = if at == Ball::ZERO { number(1.0) } else { value(Function::Exp) };
            let mut weights: Vec<Ball> = (0..TERMS).map(|k| factor * inverse(k)).collect();
            if function == Function::Expm1 {
                weights[0] = value(Function::Expm1);
            }
            weights
        }
        Function::Sin | Function::Cos => {
            let (sin, cos) = (value(Function::Sin), if at == Ball::ZERO { number(1.0) } else { value(Function::Cos) });
            let turn = usize::from(function == Function::Cos);
            let circle = [sin, cos, -sin, -cos];
            (0..TERMS).map(|k| circle[(k + turn) % 4] * inverse(k)).collect()
        }
        Function::Tan | Function::Tanh => {
            // y' = 1 + y^2 and y' = 1 - y^2: y'' = 2 y y', y''' = 2 y'^2 + 2 y y''.
            let sign = if function == Function::Tan { number(1.0) } else { number(-1.0) };
            let y = value(function);
            let first = number(1.0) + sign * y * y;
            let second = number(2.0) * sign * y * first;
            let third = number(2.0) * sign * (first * first + y * second);
            vec![y, first, second * inverse(2), third * inverse(3)]
        }
        Function::Atan => {
            // With d = 1 / (1 + z^2): y' = d, y'' = -2 z d^2, y''' = (6 z^2 - 2) d^3.
            let d = number(1.0) / (number(1.0) + at * at);
            let third = (number(6.0) * at * at - number(2.0)) * d * d * d;
            vec![value(function), d, -(at * d * d), third * inverse(3)]
        }
        Function::Ln | Function::Ln1p | Function::Sqrt | Function::Abs => vec![value(function)],
    }
}
