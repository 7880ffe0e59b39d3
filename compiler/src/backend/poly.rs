//! The constants of the `f32` elementary functions, in one place.
//!
//! The polynomials are those of the Cephes library (S. Moshier, single precision),
//! evaluated by fused multiply-adds. Coefficients stand highest power first. Noise
//! evaluates them in Rust, machine code by the same steps in vectors.

/// `x + ROUNDER - ROUNDER` is `x` to the nearest integer, for `|x| < 2^22`; before the
/// subtraction the low bits are that integer.
pub(super) const ROUNDER: f32 = 12_582_912.0;

/// The bits of `sqrt(1/2)`: below this, a mantissa counts to the next lower exponent.
pub(super) const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

/// `ln 2`, leading bits.
pub(super) const LN_2_HIGH: f32 = 0.693_359_4;
/// `ln 2`, the rest.
pub(super) const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `ln(1 + f) = f - f^2 / 2 + f^3 P(f)` for `sqrt(1/2) <= 1 + f < sqrt(2)`.
#[expect(clippy::excessive_precision, reason = "as published")]
pub(super) const LN: [f32; 9] = [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
];

/// `exp(r) = 1 + r + r^2 P(r)` for `|r| <= ln(2) / 2`.
#[expect(clippy::excessive_precision, reason = "as published")]
pub(super) const EXP: [f32; 6] =
    [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1];

/// `tanh(a) = a + a z P(z)`, `z = a^2`, for `|a| <= TANH_SMALL`.
#[expect(clippy::excessive_precision, reason = "as published")]
pub(super) const TANH: [f32; 5] =
    [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];
/// Above this, `tanh` is by `exp`.
pub(super) const TANH_SMALL: f32 = 0.625;
/// Above this, `tanh` is 1.
pub(super) const TANH_ONE: f32 = 10.0;

/// `sin(y) = y + y z P(z)`, `z = y^2`, for `|y| <= pi / 4`.
#[expect(clippy::excessive_precision, reason = "as published")]
pub(super) const SIN: [f32; 3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];

/// `cos(y) = 1 - z / 2 + z^2 P(z)`, `z = y^2`, for `|y| <= pi / 4`.
#[expect(clippy::excessive_precision, reason = "as published")]
pub(super) const COS: [f32; 3] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];

/// `pi / 2` in three parts, each the nearest `f32` to what the earlier leave (Cody and
/// Waite 1980, with fused multiply-adds).
pub(super) const HALF_PI: [f32; 3] = [1.570_796_4, -4.371_139e-8, -1.715_124_5e-15];

/// The polynomial at `x`.
#[inline(always)]
pub(super) fn horner<const N: usize>(x: f32, coefficients: &[f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, coefficient);
    }
    sum
}
