//! The operation table in cubecl, and what `elementary` is made of.

use std::marker::PhantomData;

use cubecl::ir::Scope;
use cubecl::prelude::*;

use super::leaf;
use crate::backend::elementary::{self, Lanes};
use crate::ir::op::Op;

/// A vector of `f32` in the making.
pub(super) type Float<N> = NativeExpand<Vector<f32, N>>;
/// A vector of words in the making.
pub(super) type Word<N> = NativeExpand<Vector<u32, N>>;

/// Appends operations on vectors of `N` to a kernel.
pub(super) struct Vectors<'a, N> {
    pub(super) scope: &'a Scope,
    size: PhantomData<N>,
}

impl<'a, N: Size> Vectors<'a, N> {
    pub(super) fn new(scope: &'a Scope) -> Vectors<'a, N> {
        Vectors { scope, size: PhantomData }
    }

    /// `op` of as many operands as it has.
    pub(super) fn apply(&mut self, op: Op, args: &[Float<N>]) -> Float<N> {
        let arg = |k: usize| &args[k];
        match op {
            Op::Add => self.add(arg(0), arg(1)),
            Op::Sub => self.sub(arg(0), arg(1)),
            Op::Mul => self.mul(arg(0), arg(1)),
            Op::Div => self.div(arg(0), arg(1)),
            Op::Min => self.min(arg(0), arg(1)),
            Op::Max => self.max(arg(0), arg(1)),
            Op::Fma => self.fma(arg(0), arg(1), arg(2)),
            Op::Neg => leaf::neg::expand(self.scope, *arg(0)),
            Op::Abs => self.abs(arg(0)),
            Op::Sqrt => self.sqrt(arg(0)),
            Op::Exp => elementary::exp(self, arg(0)),
            Op::Ln => elementary::ln(self, arg(0)),
            Op::Tanh => elementary::tanh(self, arg(0)),
            Op::Sin => elementary::sin(self, arg(0)),
            Op::Cos => elementary::cos(self, arg(0)),
        }
    }

    /// The scalar in every lane.
    pub(super) fn splat<E: Scalar>(&self, scalar: &NativeExpand<E>) -> NativeExpand<Vector<E, N>> {
        leaf::splat::expand::<E, N>(self.scope, *scalar)
    }

    /// `a` where `x` is less than `y`, else `b`; as unsigned words.
    pub(super) fn choose_less(&self, x: &Word<N>, y: &Word<N>, a: &Word<N>, b: &Word<N>) -> Word<N> {
        let mask = leaf::word_less::expand(self.scope, *x, *y);
        leaf::choose::expand(self.scope, mask, *a, *b)
    }

    /// Shifts in zeros.
    pub(super) fn shift_right(&mut self, a: &Word<N>, by: u32) -> Word<N> {
        let by = self.word(by);
        leaf::shift_right::expand(self.scope, *a, by)
    }

    /// The low and the high word of the product.
    pub(super) fn word_product(&self, a: &Word<N>, b: &Word<N>) -> (Word<N>, Word<N>) {
        let low = leaf::word_mul::expand(self.scope, *a, *b);
        (low, leaf::word_mul_high::expand(self.scope, *a, *b))
    }
}

macro_rules! expansions {
    ($($name:ident = $leaf:ident($($arg:ident),*): $from:ident -> $to:ty;)*) => {
        $(
            fn $name(&mut self, $($arg: &$from<N>),*) -> $to {
                leaf::$leaf::expand(self.scope, $($arg.clone()),*)
            }
        )*
    };
}

impl<N: Size> Lanes for Vectors<'_, N> {
    type Float = Float<N>;
    type Word = Word<N>;
    type Mask = NativeExpand<Vector<bool, N>>;

    fn f32(&mut self, number: f32) -> Float<N> {
        leaf::number::expand::<N>(self.scope, number)
    }

    fn word(&mut self, word: u32) -> Word<N> {
        leaf::word::expand::<N>(self.scope, word)
    }

    expansions! {
        add = add(a, b): Float -> Float<N>;
        sub = sub(a, b): Float -> Float<N>;
        mul = mul(a, b): Float -> Float<N>;
        div = div(a, b): Float -> Float<N>;
        fma = multiply_add(a, b, c): Float -> Float<N>;
        abs = abs(a): Float -> Float<N>;
        sqrt = sqrt(a): Float -> Float<N>;
        less = less(a, b): Float -> Self::Mask;
        at_most = at_most(a, b): Float -> Self::Mask;
        equal = equal(a, b): Float -> Self::Mask;
        same = same(a, b): Word -> Self::Mask;
        bits = bits(a): Float -> Word<N>;
        floats = floats(a): Word -> Float<N>;
        signed_to_float = signed_to_float(a): Word -> Float<N>;
        word_add = word_add(a, b): Word -> Word<N>;
        word_sub = word_sub(a, b): Word -> Word<N>;
        word_and = word_and(a, b): Word -> Word<N>;
        word_or = word_or(a, b): Word -> Word<N>;
        word_xor = word_xor(a, b): Word -> Word<N>;
    }

    /// Not the device's own minimum, which has other ideas of NaN and of signed zeros.
    fn min(&mut self, a: &Float<N>, b: &Float<N>) -> Float<N> {
        let mask = self.less(a, b);
        self.select(mask, a, b)
    }

    fn max(&mut self, a: &Float<N>, b: &Float<N>) -> Float<N> {
        let mask = self.less(b, a);
        self.select(mask, a, b)
    }

    fn select(&mut self, mask: Self::Mask, a: &Float<N>, b: &Float<N>) -> Float<N> {
        leaf::choose::expand(self.scope, mask, *a, *b)
    }

    fn shift_left(&mut self, a: &Word<N>, by: u32) -> Word<N> {
        let by = self.word(by);
        leaf::shift_left::expand(self.scope, *a, by)
    }

    fn shift_right_signed(&mut self, a: &Word<N>, by: u32) -> Word<N> {
        leaf::shift_right_signed::expand(self.scope, *a, by.cast_signed())
    }
}
