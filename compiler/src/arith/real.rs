//! Numbers of the host.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// e^z.
    Exp,
    /// e^z - 1.
    Expm1,
    /// ln z.
    Ln,
    /// ln(1 + z).
    Ln1p,
    /// The square root.
    Sqrt,
    /// The absolute value.
    Abs,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// The tangent.
    Tan,
    /// The inverse tangent.
    Atan,
    /// The hyperbolic tangent.
    Tanh,
}

/// A number: f64, or something richer with a point value that conditions are decided on.
pub trait Real:
    Clone + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// A plain number.
    fn from_f64(value: f64) -> Self;

    /// The number that conditions look at.
    fn to_f64(&self) -> f64;

    /// A function of it.
    fn apply(&self, function: Function) -> Self;

    /// A power of it.
    fn pow(&self, exponent: &Self) -> Self;

    /// phi_k of it.
    fn phi(&self, k: i64) -> Self;
}

impl Real for f64 {
    fn from_f64(value: f64) -> f64 {
        value
    }

    fn to_f64(&self) -> f64 {
        *self
    }

    fn apply(&self, function: Function) -> f64 {
        let z = *self;
        match function {
            Function::Exp => math::exp(z),
            Function::Expm1 => math::expm1(z),
            Function::Ln => math::ln(z),
            Function::Ln1p => math::ln1p(z),
            Function::Sqrt => math::sqrt(z),
            Function::Abs => z.abs(),
            Function::Sin => math::sin(z),
            Function::Cos => math::cos(z),
            Function::Tan => math::tan(z),
            Function::Atan => math::atan(z),
            Function::Tanh => math::tanh(z),
        }
    }

    fn pow(&self, exponent: &f64) -> f64 {
        math::pow(*self, *exponent)
    }

    fn phi(&self, k: i64) -> f64 {
        math::phi(k, *self)
    }
}
