//! `exp`, `ln`, `tanh`, `sin` and `cos` of four `f32` at once.
//!
//! Range reduction and a polynomial each, without branches or calls. Errors, against the
//! exact result over all `f32`: at most 2 units in the last place, zeros, infinities, NaN
//! and denormals included; for `sin` and `cos` up to `|x| = 1e5`. Beyond that, `sin` and
//! `cos` lose accuracy: slowly up to `6e6`, and further out they are only some number in
//! [-1, 1]. Of infinity they are NaN.
//!
//! All need fused multiply-adds: the kernels of a CPU without them do not come here.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value};

use super::lanes::Lanes;
use crate::backend::poly;

impl Lanes<'_, '_> {
    /// `exp(x) = 2^n exp(r)`, `r = x - n ln 2`.
    pub(super) fn exp(&mut self, x: Value) -> Value {
        // Between the bounds lie all results but zero and infinity. NaN stays: it is the
        // second operand.
        let (low, high) = (self.f32(-104.0), self.f32(89.0));
        let x = self.min(high, x);
        let x = self.max(low, x);

        let (log2_e, rounder) = (self.f32(std::f32::consts::LOG2_E), self.f32(poly::ROUNDER));
        let shifted = self.fma(x, log2_e, rounder);
        let n = self.sub(shifted, rounder);
        let (high, low) = (self.f32(-poly::LN_2_HIGH), self.f32(-poly::LN_2_LOW));
        let r = self.fma(n, high, x);
        let r = self.fma(n, low, r);
        let p = self.horner(r, &poly::EXP);
        let square = self.mul(r, r);
        let p = self.fma(p, square, r);
        let one = self.f32(1.0);
        let p = self.add(p, one);

        // 2^n in two factors: n goes from -150 to 128, beyond the exponents of f32.
        let (n, zero) = (self.bits(shifted), self.word(poly::ROUNDER.to_bits()));
        let n = self.builder.ins().isub(n, zero);
        let half = self.builder.ins().sshr_imm_u(n, 1);
        let rest = self.builder.ins().isub(n, half);
        let (half, rest) = (self.power_of_two(half), self.power_of_two(rest));
        let y = self.mul(p, half);
        self.mul(y, rest)
    }

    /// `2^n` for integers `n` in the range of normal exponents.
    fn power_of_two(&mut self, n: Value) -> Value {
        let bias = self.word(127);
        let exponent = self.builder.ins().iadd(n, bias);
        let bits = self.builder.ins().ishl_imm_u(exponent, 23);
        self.floats(bits)
    }

    /// `ln(x) = e ln 2 + ln(1 + f)`, `x = 2^e (1 + f)`.
    pub(super) fn ln(&mut self, x: Value) -> Value {
        // Denormals are scaled by 2^23 first.
        let (tiny, scale) = (self.f32(f32::MIN_POSITIVE), self.f32(8_388_608.0));
        let is_tiny = self.compare(FloatCC::LessThan, x, tiny);
        let scaled = self.mul(x, scale);
        let normal = self.select(is_tiny, scaled, x);
        let (correction, zero) = (self.f32(-23.0), self.f32(0.0));
        let correction = self.select(is_tiny, correction, zero);

        let bits = self.bits(normal);
        let offset = self.word(poly::SQRT_HALF_BITS);
        let above = self.builder.ins().isub(bits, offset);
        let e = self.builder.ins().sshr_imm_u(above, 23);
        let shifted = self.builder.ins().ishl_imm_u(e, 23);
        let mantissa = self.builder.ins().isub(bits, shifted);
        let mantissa = self.floats(mantissa);
        let one = self.f32(1.0);
        let f = self.sub(mantissa, one);
        let e = self.builder.ins().fcvt_from_sint(self.ty, e);
        let e = self.add(e, correction);

        let p = self.horner(f, &poly::LN);
        let square = self.mul(f, f);
        let y = self.mul(p, square);
        let y = self.mul(y, f);
        let (low, high) = (self.f32(poly::LN_2_LOW), self.f32(poly::LN_2_HIGH));
        let y = self.fma(e, low, y);
        let minus_half = self.f32(-0.5);
        let y = self.fma(minus_half, square, y);
        let y = self.add(f, y);
        let y = self.fma(e, high, y);
        self.ln_limits(x, y)
    }

    /// `y`, but the limits where `x` is infinite, zero, negative or NaN.
    fn ln_limits(&mut self, x: Value, y: Value) -> Value {
        let (zero, inf) = (self.f32(0.0), self.f32(f32::INFINITY));
        let (minus_inf, nan) = (self.f32(f32::NEG_INFINITY), self.f32(f32::NAN));
        let is_inf = self.compare(FloatCC::Equal, x, inf);
        let y = self.select(is_inf, inf, y);
        let is_zero = self.compare(FloatCC::Equal, x, zero);
        let y = self.select(is_zero, minus_inf, y);
        let is_outside = self.compare(FloatCC::UnorderedOrLessThan, x, zero);
        self.select(is_outside, nan, y)
    }

    /// `tanh(a) = 1 - 2 / (exp(2 a) + 1)`, or a polynomial for small `a`; then the sign.
    pub(super) fn tanh(&mut self, x: Value) -> Value {
        let a = self.builder.ins().fabs(x);
        let bound = self.f32(poly::TANH_ONE);
        let bounded = self.min(bound, a);
        let twice = self.add(bounded, bounded);
        let exp = self.exp(twice);
        let (one, two) = (self.f32(1.0), self.f32(2.0));
        let divisor = self.add(exp, one);
        let quotient = self.div(two, divisor);
        let large = self.sub(one, quotient);

        let z = self.mul(a, a);
        let p = self.horner(z, &poly::TANH);
        let p = self.mul(p, z);
        let small = self.fma(p, a, a);

        let limit = self.f32(poly::TANH_SMALL);
        let is_small = self.compare(FloatCC::LessThan, a, limit);
        let y = self.select(is_small, small, large);
        // `y` has no sign yet: take that of `x`.
        let minus_zero = self.f32(-0.0);
        let sign = self.builder.ins().band(x, minus_zero);
        self.builder.ins().bor(y, sign)
    }

    pub(super) fn sin(&mut self, x: Value) -> Value {
        let quadrant = self.quadrant(x);
        self.sin_from(x, quadrant, 0)
    }

    /// `cos(x) = sin(x + pi / 2)`: the next quadrant's sine.
    pub(super) fn cos(&mut self, x: Value) -> Value {
        let quadrant = self.quadrant(x);
        self.sin_from(x, quadrant, 1)
    }

    /// `x` in right angles, to the nearest integer, plus `ROUNDER`.
    fn quadrant(&mut self, x: Value) -> Value {
        let per_right_angle = self.f32(std::f32::consts::FRAC_2_PI);
        let rounder = self.f32(poly::ROUNDER);
        self.fma(x, per_right_angle, rounder)
    }

    /// The sine of `x` plus `ahead` right angles.
    fn sin_from(&mut self, x: Value, shifted: Value, ahead: u32) -> Value {
        let rounder = self.f32(poly::ROUNDER);
        let n = self.sub(shifted, rounder);
        let mut y = x;
        for part in poly::HALF_PI {
            let part = self.f32(-part);
            y = self.fma(n, part, y);
        }
        // Only huge arguments are out of bounds here; NaN stays, as the second operand.
        let (low, high) = (self.f32(-0.8), self.f32(0.8));
        let y = self.min(high, y);
        let y = self.max(low, y);

        let z = self.mul(y, y);
        let p = self.horner(z, &poly::SIN);
        let p = self.mul(p, z);
        let sin = self.fma(p, y, y);
        let p = self.horner(z, &poly::COS);
        let (one, minus_half) = (self.f32(1.0), self.f32(-0.5));
        let cos = self.fma(minus_half, z, one);
        let square = self.mul(z, z);
        let cos = self.fma(p, square, cos);

        let (bits, ahead) = (self.bits(shifted), self.word(ahead));
        let quadrant = self.builder.ins().iadd(bits, ahead);
        // Bit 0, moved to the sign and spread over the lane, chooses; bit 1 is the sign.
        let odd = self.builder.ins().ishl_imm_u(quadrant, 31);
        let odd = self.builder.ins().sshr_imm_u(odd, 31);
        let odd = self.floats(odd);
        let y = self.select(odd, cos, sin);
        let two = self.word(2);
        let sign = self.builder.ins().band(quadrant, two);
        let sign = self.builder.ins().ishl_imm_u(sign, 30);
        let y = self.bits(y);
        let y = self.builder.ins().bxor(y, sign);
        self.floats(y)
    }
}
