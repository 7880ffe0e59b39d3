//! `exp`, `ln`, `tanh`, `sin` and `cos` of `f32` vectors, for every backend that makes code.
//!
//! Range reduction and a polynomial each, without branches or calls, from the exact operations that [`Lanes`] asks
//! for. Errors, against the exact result over all `f32`: at most 2 units in the last place, zeros, infinities, NaN and
//! denormals included; for `sin` and `cos` up to `|x| = 1e5`. Beyond that, `sin` and `cos` lose accuracy: slowly up to
//! `6e6`, and further out they are only some number in [-1, 1]. Of infinity they are NaN.
//!
//! These figures rest on fused multiply-adds and on denormals: where a device has none, the reductions of `sin` and
//! `cos` lose about `|x| / 2^24`, and the rest 1 unit.

use super::poly;

/// Appends operations on vectors of `f32`, of 32-bit words and of truths.
pub(super) trait Lanes {
    /// A vector of `f32`.
    type Float: Clone;
    /// A vector of 32-bit words; arithmetic wraps.
    type Word: Clone;
    /// What a comparison gives.
    type Mask;

    /// The number in every lane; finite.
    fn f32(&mut self, number: f32) -> Self::Float;
    /// The word in every lane.
    fn word(&mut self, word: u32) -> Self::Word;

    fn add(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    fn sub(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    fn mul(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    fn div(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    /// `a * b + c`, rounded once where the device can.
    fn fma(&mut self, a: &Self::Float, b: &Self::Float, c: &Self::Float) -> Self::Float;
    /// `a` if it is less than `b`, else `b`.
    fn min(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    /// `a` if it is greater than `b`, else `b`.
    fn max(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Float;
    fn abs(&mut self, a: &Self::Float) -> Self::Float;
    fn sqrt(&mut self, a: &Self::Float) -> Self::Float;

    fn less(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Mask;
    fn at_most(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Mask;
    fn equal(&mut self, a: &Self::Float, b: &Self::Float) -> Self::Mask;
    /// Where the words are equal.
    fn same(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Mask;
    /// `a` where the mask holds, else `b`.
    fn select(&mut self, mask: Self::Mask, a: &Self::Float, b: &Self::Float) -> Self::Float;

    fn bits(&mut self, a: &Self::Float) -> Self::Word;
    fn floats(&mut self, a: &Self::Word) -> Self::Float;
    /// The words as signed integers, to the nearest `f32`.
    fn signed_to_float(&mut self, a: &Self::Word) -> Self::Float;
    fn word_add(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Word;
    fn word_sub(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Word;
    fn word_and(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Word;
    fn word_or(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Word;
    fn word_xor(&mut self, a: &Self::Word, b: &Self::Word) -> Self::Word;
    fn shift_left(&mut self, a: &Self::Word, by: u32) -> Self::Word;
    /// Shifts in copies of the sign.
    fn shift_right_signed(&mut self, a: &Self::Word, by: u32) -> Self::Word;
}

/// The polynomial with these coefficients, highest power first.
pub(super) fn horner<L: Lanes, const N: usize>(ctx: &mut L, x: &L::Float, coefficients: &[f32; N]) -> L::Float {
    let mut sum = ctx.f32(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        let coefficient = ctx.f32(coefficient);
        sum = ctx.fma(&sum, x, &coefficient);
    }
    sum
}

/// `exp(x) = 2^n exp(r)`, `r = x - n ln 2`.
pub(super) fn exp<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    // Between the bounds lie all results but zero and infinity. NaN stays: it is the second operand.
    let (low, high) = (ctx.f32(-104.0), ctx.f32(89.0));
    let x = ctx.min(&high, x);
    let x = ctx.max(&low, &x);

    let (log2_e, rounder) = (ctx.f32(std::f32::consts::LOG2_E), ctx.f32(poly::ROUNDER));
    let shifted = ctx.fma(&x, &log2_e, &rounder);
    let (n_word, n) = whole(ctx, &shifted);
    let (high, low) = (ctx.f32(-poly::LN_2_HIGH), ctx.f32(-poly::LN_2_LOW));
    let r = ctx.fma(&n, &high, &x);
    let r = ctx.fma(&n, &low, &r);
    let p = horner(ctx, &r, &poly::EXP);
    let square = ctx.mul(&r, &r);
    let p = ctx.fma(&p, &square, &r);
    let one = ctx.f32(1.0);
    let p = ctx.add(&p, &one);

    // 2^n in two factors: n goes from -150 to 128, beyond the exponents of f32.
    let half = ctx.shift_right_signed(&n_word, 1);
    let rest = ctx.word_sub(&n_word, &half);
    let (half, rest) = (power_of_two(ctx, &half), power_of_two(ctx, &rest));
    let y = ctx.mul(&p, &half);
    ctx.mul(&y, &rest)
}

/// The integer that was rounded to when [`ROUNDER`](poly::ROUNDER) was added, as a word and as a number.
///
/// Not by subtracting it again: a device's compiler may hold `x + c - c` for `x`.
pub(super) fn whole<L: Lanes>(ctx: &mut L, shifted: &L::Float) -> (L::Word, L::Float) {
    let (bits, zero) = (ctx.bits(shifted), ctx.word(poly::ROUNDER.to_bits()));
    let word = ctx.word_sub(&bits, &zero);
    let number = ctx.signed_to_float(&word);
    (word, number)
}

/// `2^n` for integers `n` in the range of normal exponents.
fn power_of_two<L: Lanes>(ctx: &mut L, n: &L::Word) -> L::Float {
    let bias = ctx.word(127);
    let exponent = ctx.word_add(n, &bias);
    let bits = ctx.shift_left(&exponent, 23);
    ctx.floats(&bits)
}

/// `ln(x) = e ln 2 + ln(1 + f)`, `x = 2^e (1 + f)`.
pub(super) fn ln<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    // Denormals are scaled by 2^23 first.
    let (tiny, scale) = (ctx.f32(f32::MIN_POSITIVE), ctx.f32(8_388_608.0));
    let scaled = ctx.mul(x, &scale);
    let is_tiny = ctx.less(x, &tiny);
    let normal = ctx.select(is_tiny, &scaled, x);
    let (correction, zero) = (ctx.f32(-23.0), ctx.f32(0.0));
    let is_tiny = ctx.less(x, &tiny);
    let correction = ctx.select(is_tiny, &correction, &zero);

    let (e, f) = exponent_and_rest(ctx, &normal);
    let e = ctx.add(&e, &correction);
    let y = ln_sum(ctx, &e, &f);
    ln_limits(ctx, x, &y)
}

/// `ln(x)` of normal, positive `x`.
#[cfg(feature = "cube")]
pub(super) fn ln_normal<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    let (e, f) = exponent_and_rest(ctx, x);
    ln_sum(ctx, &e, &f)
}

/// `e` and `f` of `x = 2^e (1 + f)`, `sqrt(1/2) <= 1 + f < sqrt(2)`.
fn exponent_and_rest<L: Lanes>(ctx: &mut L, x: &L::Float) -> (L::Float, L::Float) {
    let (bits, offset) = (ctx.bits(x), ctx.word(poly::SQRT_HALF_BITS));
    let above = ctx.word_sub(&bits, &offset);
    let e = ctx.shift_right_signed(&above, 23);
    let shifted = ctx.shift_left(&e, 23);
    let mantissa = ctx.word_sub(&bits, &shifted);
    let (mantissa, one) = (ctx.floats(&mantissa), ctx.f32(1.0));
    let f = ctx.sub(&mantissa, &one);
    (ctx.signed_to_float(&e), f)
}

/// `e ln 2 + ln(1 + f)`.
fn ln_sum<L: Lanes>(ctx: &mut L, e: &L::Float, f: &L::Float) -> L::Float {
    let p = horner(ctx, f, &poly::LN);
    let square = ctx.mul(f, f);
    let y = ctx.mul(&p, &square);
    let y = ctx.mul(&y, f);
    let (low, high) = (ctx.f32(poly::LN_2_LOW), ctx.f32(poly::LN_2_HIGH));
    let y = ctx.fma(e, &low, &y);
    let minus_half = ctx.f32(-0.5);
    let y = ctx.fma(&minus_half, &square, &y);
    let y = ctx.add(f, &y);
    ctx.fma(e, &high, &y)
}

/// `y`, but the limits where `x` is infinite, zero, negative or NaN.
///
/// They are made from the bits of `x`: a device's language may have no infinite numbers.
fn ln_limits<L: Lanes>(ctx: &mut L, x: &L::Float, y: &L::Float) -> L::Float {
    let bits = ctx.bits(x);
    let (zero, largest) = (ctx.f32(0.0), ctx.f32(f32::MAX));
    let minus_inf = ctx.word(f32::NEG_INFINITY.to_bits());
    let minus_inf = ctx.word_or(&bits, &minus_inf);
    let minus_inf = ctx.floats(&minus_inf);
    let nan = ctx.word(f32::NAN.to_bits());
    let nan = ctx.word_or(&bits, &nan);
    let nan = ctx.floats(&nan);
    let is_inf = ctx.less(&largest, x);
    let y = ctx.select(is_inf, x, y);
    let is_zero = ctx.equal(x, &zero);
    let y = ctx.select(is_zero, &minus_inf, &y);
    let has_logarithm = ctx.at_most(&zero, x);
    ctx.select(has_logarithm, &y, &nan)
}

/// `tanh(a) = 1 - 2 / (exp(2 a) + 1)`, or a polynomial for small `a`; then the sign.
pub(super) fn tanh<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    let a = ctx.abs(x);
    let bound = ctx.f32(poly::TANH_ONE);
    let bounded = ctx.min(&bound, &a);
    let twice = ctx.add(&bounded, &bounded);
    let exp = exp(ctx, &twice);
    let (one, two) = (ctx.f32(1.0), ctx.f32(2.0));
    let divisor = ctx.add(&exp, &one);
    let quotient = ctx.div(&two, &divisor);
    let large = ctx.sub(&one, &quotient);

    let z = ctx.mul(&a, &a);
    let p = horner(ctx, &z, &poly::TANH);
    let p = ctx.mul(&p, &z);
    let small = ctx.fma(&p, &a, &a);

    let limit = ctx.f32(poly::TANH_SMALL);
    let is_small = ctx.less(&a, &limit);
    let y = ctx.select(is_small, &small, &large);
    // `y` has no sign yet: take that of `x`.
    let (y, x, sign) = (ctx.bits(&y), ctx.bits(x), ctx.word(1 << 31));
    let sign = ctx.word_and(&x, &sign);
    let y = ctx.word_or(&y, &sign);
    ctx.floats(&y)
}

/// The sine of radians.
pub(super) fn sin<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    sin_ahead(ctx, x, 0)
}

/// `cos(x) = sin(x + pi / 2)`: the next quadrant's sine.
pub(super) fn cos<L: Lanes>(ctx: &mut L, x: &L::Float) -> L::Float {
    sin_ahead(ctx, x, 1)
}

/// The sine of `x` plus `ahead` right angles.
fn sin_ahead<L: Lanes>(ctx: &mut L, x: &L::Float, ahead: u32) -> L::Float {
    let (per_right_angle, rounder) = (ctx.f32(std::f32::consts::FRAC_2_PI), ctx.f32(poly::ROUNDER));
    // `x` in right angles, to the nearest integer, plus `ROUNDER`.
    let shifted = ctx.fma(x, &per_right_angle, &rounder);
    let (_, n) = whole(ctx, &shifted);
    let mut y = x.clone();
    for part in poly::HALF_PI {
        let part = ctx.f32(-part);
        y = ctx.fma(&n, &part, &y);
    }
    // Only huge arguments are out of bounds here; NaN stays, as the second operand.
    let (low, high) = (ctx.f32(-0.8), ctx.f32(0.8));
    let y = ctx.min(&high, &y);
    let y = ctx.max(&low, &y);

    let z = ctx.mul(&y, &y);
    let p = horner(ctx, &z, &poly::SIN);
    let p = ctx.mul(&p, &z);
    let sin = ctx.fma(&p, &y, &y);
    let p = horner(ctx, &z, &poly::COS);
    let (one, minus_half) = (ctx.f32(1.0), ctx.f32(-0.5));
    let cos = ctx.fma(&minus_half, &z, &one);
    let square = ctx.mul(&z, &z);
    let cos = ctx.fma(&p, &square, &cos);

    let (bits, ahead) = (ctx.bits(&shifted), ctx.word(ahead));
    let quadrant = ctx.word_add(&bits, &ahead);
    let y = turned(ctx, &quadrant, &sin, &cos);
    let (magnitude, largest) = (ctx.abs(x), ctx.f32(f32::MAX));
    let is_infinite = ctx.less(&largest, &magnitude);
    let (bits, nan) = (ctx.bits(x), ctx.word(f32::NAN.to_bits()));
    let nan = ctx.word_or(&bits, &nan);
    let nan = ctx.floats(&nan);
    ctx.select(is_infinite, &nan, &y)
}

/// The sine of an angle in this quadrant whose rest has the sine and cosine `sin` and `cos`: bit 0 of the quadrant
/// chooses, bit 1 is the sign.
pub(super) fn turned<L: Lanes>(ctx: &mut L, quadrant: &L::Word, sin: &L::Float, cos: &L::Float) -> L::Float {
    let (zero, one, two) = (ctx.word(0), ctx.word(1), ctx.word(2));
    let odd = ctx.word_and(quadrant, &one);
    let is_even = ctx.same(&odd, &zero);
    let y = ctx.select(is_even, sin, cos);
    let sign = ctx.word_and(quadrant, &two);
    let sign = ctx.shift_left(&sign, 30);
    let y = ctx.bits(&y);
    let y = ctx.word_xor(&y, &sign);
    ctx.floats(&y)
}
