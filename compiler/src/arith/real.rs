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
    /// How often the parts of an integral are halved at most.
    const SPLITS: u32 = 14;

    /// How near two values of an integral must come, beside the integral of the integrand's size.
    const NEAR: f64 = 1e-14;

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

/// Solves a small dense system by Gaussian elimination with partial pivoting; nothing if it is singular.
pub fn solve<R: Real>(mut matrix: Vec<Vec<R>>, mut right: Vec<R>) -> Option<Vec<R>> {
    let n = right.len();
    let size = |value: &R| value.to_f64().abs();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| size(&matrix[*a][column]).total_cmp(&size(&matrix[*b][column])))?;
        let best = size(&matrix[pivot][column]);
        if best == 0.0 || !best.is_finite() {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let (done, rest) = matrix.split_at_mut(column + 1);
        for (row, known) in rest.iter_mut().zip(column + 1..) {
            let factor = row[column].clone() / done[column][column].clone();
            for (entry, above) in row.iter_mut().zip(&done[column]).skip(column) {
                *entry = entry.clone() - factor.clone() * above.clone();
            }
            right[known] = right[known].clone() - factor * right[column].clone();
        }
    }
    for row in (0..n).rev() {
        let known = (row + 1..n).fold(R::from_f64(0.0), |sum, k| sum + matrix[row][k].clone() * right[k].clone());
        right[row] = (right[row].clone() - known) / matrix[row][row].clone();
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_systems() {
        let solution = solve(vec![vec![0.0, 2.0], vec![1.0, 1.0]], vec![4.0, 3.0]).expect("regular");
        assert_eq!(solution, vec![1.0, 2.0]);
        assert!(solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], vec![1.0, 1.0]).is_none());
    }
}
