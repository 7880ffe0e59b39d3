//! The number types that kernels run in.
//!
//! [`Element`] gives the interpreter the meaning of every operation, and the rest of the
//! backend conversions. Elementary functions of `f32` are those of `f64`, rounded; `math`
//! makes them the same on every platform.

use super::Dtype;
use super::noise::{self, Sequence};
use crate::ir::op::Op;
use crate::math;

/// `f32` or `f64`.
pub trait Element: Copy + std::fmt::Debug + Default + Send + Sync + sealed::Sealed + 'static {
    /// The name of the type as data.
    const DTYPE: Dtype;

    /// The nearest number.
    fn from_f64(number: f64) -> Self;

    /// The same number, widened.
    fn to_f64(self) -> f64;

    /// The same number.
    fn from_f32(number: f32) -> Self;

    /// The nearest number.
    fn to_f32(self) -> f32;

    /// `op` of its operands; operands beyond its arity are not looked at.
    fn apply(op: Op, args: [Self; 3]) -> Self;

    /// Standard normals for the elements from `first` on; `first` is a multiple of 4.
    fn fill_normal(out: &mut [Self], sequence: Sequence, first: usize);

    /// Adds `factor` times `numbers` to `out`, element by element.
    fn add_multiple(out: &mut [Self], factor: Self, numbers: &[Self]);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn from_f64(number: f64) -> f32 {
        number as f32
    }

    fn to_f64(self) -> f64 {
        self.into()
    }

    fn from_f32(number: f32) -> f32 {
        number
    }

    fn to_f32(self) -> f32 {
        self
    }

    fn apply(op: Op, [a, b, c]: [f32; 3]) -> f32 {
        match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            Op::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Op::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            Op::Fma => a.mul_add(b, c),
            Op::Neg => -a,
            Op::Abs => a.abs(),
            Op::Sqrt => a.sqrt(),
            Op::Exp => math::exp(a.into()) as f32,
            Op::Ln => math::ln(a.into()) as f32,
            Op::Tanh => math::tanh(a.into()) as f32,
            Op::Sin => math::sin(a.into()) as f32,
            Op::Cos => math::cos(a.into()) as f32,
        }
    }

    fn fill_normal(out: &mut [f32], sequence: Sequence, first: usize) {
        noise::fill_normal_from(out, sequence, first);
    }

    fn add_multiple(out: &mut [f32], factor: f32, numbers: &[f32]) {
        out.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += factor * number);
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn from_f64(number: f64) -> f64 {
        number
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn from_f32(number: f32) -> f64 {
        number.into()
    }

    fn to_f32(self) -> f32 {
        self as f32
    }

    fn apply(op: Op, [a, b, c]: [f64; 3]) -> f64 {
        match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            Op::Min => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Op::Max => {
                if a > b {
                    a
                } else {
                    b
                }
            }
            Op::Fma => a.mul_add(b, c),
            Op::Neg => -a,
            Op::Abs => a.abs(),
            Op::Sqrt => a.sqrt(),
            Op::Exp => math::exp(a),
            Op::Ln => math::ln(a),
            Op::Tanh => math::tanh(a),
            Op::Sin => math::sin(a),
            Op::Cos => math::cos(a),
        }
    }

    /// The normals of `f32`, widened.
    fn fill_normal(out: &mut [f64], sequence: Sequence, first: usize) {
        let mut narrow = [0.0; 256];
        for (index, chunk) in out.chunks_mut(narrow.len()).enumerate() {
            let narrow = &mut narrow[..chunk.len()];
            noise::fill_normal_from(narrow, sequence, first + index * 256);
            for (wide, &narrow) in chunk.iter_mut().zip(narrow.iter()) {
                *wide = narrow.into();
            }
        }
    }

    fn add_multiple(out: &mut [f64], factor: f64, numbers: &[f64]) {
        out.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += factor * number);
    }
}
