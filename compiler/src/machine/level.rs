//! Levels: points of a schedule, with all coordinates that follow from the curve.

use std::sync::Arc;

use crate::arith::Real;
use crate::arith::real::Function;
use crate::hir::{Coordinate, Family};

/// How close two half log-SNRs are to be one level.
const SAME_LAMBDA: f64 = 1e-9;

/// A level.
#[derive(Clone, Debug)]
pub struct Level<R> {
    /// The factor of the data.
    pub alpha: R,
    /// The factor of the noise.
    pub sigma: R,
    /// sigma / alpha.
    pub rho: R,
    /// ln(alpha / sigma).
    pub lambda: R,
    /// The clock, where it is known already.
    pub time: Option<R>,
    /// In a grid: it is reached by adding noise, not by a step.
    pub renoised: bool,
}

impl<R: Real> Level<R> {
    /// The level of no noise.
    pub fn clean() -> Self {
        let real = R::from_f64;
        Level {
            alpha: real(1.0),
            sigma: real(0.0),
            rho: real(0.0),
            lambda: real(f64::INFINITY),
            time: None,
            renoised: false,
        }
    }

    /// The level of no data, if the curve has one.
    pub fn pure(family: Family) -> Option<Self> {
        let real = R::from_f64;
        match family {
            Family::Ve => None,
            Family::Vp | Family::Flow => Some(Level {
                alpha: real(0.0),
                sigma: real(1.0),
                rho: real(f64::INFINITY),
                lambda: real(f64::NEG_INFINITY),
                time: None,
                renoised: false,
            }),
        }
    }

    /// The level with these factors.
    pub fn of(alpha: R, sigma: R) -> Self {
        if sigma.to_f64() == 0.0 && alpha.to_f64() == 1.0 {
            return Level::clean();
        }
        let rho = sigma.clone() / alpha.clone();
        let lambda = -rho.apply(Function::Ln);
        Level { alpha, sigma, rho, lambda, time: None, renoised: false }
    }

    /// The level on a curve with this coordinate; nothing if the curve does not reach it. `time` is the business of
    /// the schedule.
    pub fn on(family: Family, coordinate: Coordinate, value: R) -> Option<Self> {
        let point = value.to_f64();
        if point.is_nan() {
            return None;
        }
        match coordinate {
            Coordinate::Lambda => Self::with_lambda(family, value),
            Coordinate::Rho => match point {
                0.0 => Some(Level::clean()),
                f64::INFINITY => Level::pure(family),
                _ if point < 0.0 => None,
                _ => Some(Self::with_rho(family, value)),
            },
            Coordinate::Sigma => Self::with_sigma(family, value),
            Coordinate::Alpha => Self::with_alpha(family, value),
            Coordinate::Time => None,
        }
    }

    fn with_lambda(family: Family, lambda: R) -> Option<Self> {
        match lambda.to_f64() {
            f64::INFINITY => return Some(Level::clean()),
            f64::NEG_INFINITY => return Level::pure(family),
            _ => {}
        }
        let one = || R::from_f64(1.0);
        let two = || R::from_f64(2.0);
        let exp = |z: R| z.apply(Function::Exp);
        let rho = exp(-lambda.clone());
        let (alpha, sigma) = match family {
            Family::Ve => (one(), rho.clone()),
            Family::Vp => (
                one() / (one() + exp(-(two() * lambda.clone()))).apply(Function::Sqrt),
                one() / (one() + exp(two() * lambda.clone())).apply(Function::Sqrt),
            ),
            Family::Flow => (one() / (one() + rho.clone()), one() / (one() + exp(lambda.clone()))),
        };
        Some(Level { alpha, sigma, rho, lambda, time: None, renoised: false })
    }

    fn with_rho(family: Family, rho: R) -> Self {
        let one = || R::from_f64(1.0);
        let alpha = match family {
            Family::Ve => one(),
            Family::Vp => one() / (one() + rho.clone() * rho.clone()).apply(Function::Sqrt),
            Family::Flow => one() / (one() + rho.clone()),
        };
        let lambda = -rho.apply(Function::Ln);
        Level { sigma: alpha.clone() * rho.clone(), alpha, rho, lambda, time: None, renoised: false }
    }

    fn with_sigma(family: Family, sigma: R) -> Option<Self> {
        let point = sigma.to_f64();
        if point == 0.0 {
            return Some(Level::clean());
        }
        let top = if family == Family::Ve { f64::MAX } else { 1.0 };
        if !(point > 0.0 && point <= top) {
            return None;
        }
        if point == 1.0 && family != Family::Ve {
            return Level::pure(family);
        }
        let alpha = match family {
            Family::Ve => return Some(Self::with_rho(family, sigma)),
            Family::Vp => other_leg(&sigma),
            Family::Flow => R::from_f64(1.0) - sigma.clone(),
        };
        Some(Self::of(alpha, sigma))
    }

    fn with_alpha(family: Family, alpha: R) -> Option<Self> {
        let point = alpha.to_f64();
        if !(0.0..=1.0).contains(&point) || family == Family::Ve {
            return None;
        }
        if point == 1.0 {
            return Some(Level::clean());
        }
        if point == 0.0 {
            return Level::pure(family);
        }
        let sigma = match family {
            Family::Ve => return None,
            Family::Vp => other_leg(&alpha),
            Family::Flow => R::from_f64(1.0) - alpha.clone(),
        };
        Some(Self::of(alpha, sigma))
    }

    /// The level itself, once a run is at it.
    pub fn reached(self: &Arc<Self>) -> Arc<Self> {
        if self.renoised { Arc::new(Level { renoised: false, ..(**self).clone() }) } else { self.clone() }
    }

    /// Whether this is the level of no noise.
    pub fn is_clean(&self) -> bool {
        self.sigma.to_f64() == 0.0
    }

    /// Whether this is the level of no data.
    pub fn is_pure(&self) -> bool {
        self.alpha.to_f64() == 0.0
    }

    /// Whether two levels are one.
    pub fn same(&self, other: &Self) -> bool {
        if self.is_clean() || other.is_clean() {
            return self.is_clean() && other.is_clean();
        }
        if self.is_pure() || other.is_pure() {
            return self.is_pure() && other.is_pure();
        }
        (self.lambda.to_f64() - other.lambda.to_f64()).abs() <= SAME_LAMBDA
    }

    /// In words, for messages.
    pub fn describe(&self) -> String {
        if self.is_clean() {
            return "`clean`".to_owned();
        }
        if self.is_pure() {
            return "`pure`".to_owned();
        }
        // Rounded first, and zero added: there is no `-0.000000`.
        format!("lambda = {:.6}", (self.lambda.to_f64() * 1e6).round() / 1e6 + 0.0)
    }
}

/// sqrt(1 - z^2), without losing digits near z = 1.
fn other_leg<R: Real>(z: &R) -> R {
    let one = || R::from_f64(1.0);
    ((one() - z.clone()) * (one() + z.clone())).apply(Function::Sqrt)
}
