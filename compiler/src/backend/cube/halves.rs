//! 16-bit numbers: binary16 and bfloat16 in words of two, to `f32` and back.
//!
//! Words, not the 16-bit types of the device: WGSL has no bfloat16 and not every adapter has binary16, and CUDA's need
//! headers that a machine with NVRTC may lack. CUDA converts by PTX instructions, anything else by integer
//! arithmetic, rounding to nearest, ties to even. Both give a NaN for a NaN, and numbers too large are infinite.

use cubecl::prelude::*;

use super::emit::Dialect;
use super::lanes::{Float, Vectors, Word};
use super::layout::Storage;
use super::leaf;
use crate::backend::elementary::Lanes;

/// The numbers whose bits are in the low halves of `bits`.
pub(super) fn to_float<N: Size>(ctx: &mut Vectors<'_, N>, storage: Storage, bits: &Word<N>) -> Float<N> {
    match storage {
        Storage::F32 => ctx.floats(bits),
        Storage::F16 => from_f16(ctx, bits),
        Storage::Bf16 => {
            let bits = ctx.shift_left(bits, 16);
            ctx.floats(&bits)
        }
    }
}

/// The bits of the rounded numbers, in the low halves.
pub(super) fn from_float<N: Size>(ctx: &mut Vectors<'_, N>, storage: Storage, number: &Float<N>) -> Word<N> {
    match storage {
        Storage::F32 => ctx.bits(number),
        Storage::F16 => to_f16(ctx, number),
        Storage::Bf16 => to_bf16(ctx, number),
    }
}

/// Four numbers out of two words.
pub(super) fn unpack<N: Size>(
    ctx: &mut Vectors<'_, N>,
    dialect: Dialect,
    storage: Storage,
    words: [NativeExpand<u32>; 2],
) -> Float<N> {
    let scope = ctx.scope;
    let mut one = Vectors::<Const<1>>::new(scope);
    let halves = words.map(|word| {
        let word = one.splat(&word);
        let (mask, high) = (one.word(0xffff), one.shift_right(&word, 16));
        [one.word_and(&word, &mask), high].map(|half| leaf::lane::expand(scope, half, 0))
    });
    let [[a, b], [c, d]] = halves;
    if dialect == Dialect::Ptx && storage == Storage::F16 {
        let [a, b, c, d] = [a, b, c, d].map(|half| leaf::ptx_from_f16::expand(scope, half));
        return leaf::four::expand(scope, a, b, c, d);
    }
    let bits = leaf::four::expand(scope, a, b, c, d);
    to_float(ctx, storage, &bits)
}

/// Four numbers into two words.
pub(super) fn pack<N: Size>(
    ctx: &mut Vectors<'_, N>,
    dialect: Dialect,
    storage: Storage,
    number: &Float<N>,
) -> [NativeExpand<u32>; 2] {
    let scope = ctx.scope;
    if dialect == Dialect::Ptx && storage != Storage::F32 {
        let lane = |k: usize| leaf::lane::expand(scope, *number, k);
        return [[lane(0), lane(1)], [lane(2), lane(3)]].map(|[low, high]| ptx_pack(scope, storage, low, high));
    }
    let bits = from_float(ctx, storage, number);
    let lane = |k: usize| leaf::lane::expand(scope, bits, k);
    let mut one = Vectors::<Const<1>>::new(scope);
    [[lane(0), lane(1)], [lane(2), lane(3)]].map(|[low, high]| {
        let (low, high) = (one.splat(&low), one.splat(&high));
        let high = one.shift_left(&high, 16);
        leaf::lane::expand(scope, one.word_or(&low, &high), 0)
    })
}

/// One number, which is alone in its 16 bits.
pub(super) fn pack_one(
    ctx: &mut Vectors<'_, Const<1>>,
    dialect: Dialect,
    storage: Storage,
    number: &Float<Const<1>>,
) -> NativeExpand<u16> {
    let scope = ctx.scope;
    let word = match dialect {
        Dialect::Ptx => {
            let number = leaf::lane::expand(scope, *number, 0);
            ptx_pack(scope, storage, number, number)
        }
        Dialect::Plain => leaf::lane::expand(scope, from_float(ctx, storage, number), 0),
    };
    leaf::narrow::expand(scope, word)
}

fn ptx_pack(
    scope: &cubecl::ir::Scope,
    storage: Storage,
    low: NativeExpand<f32>,
    high: NativeExpand<f32>,
) -> NativeExpand<u32> {
    match storage {
        Storage::Bf16 => leaf::ptx_to_bf16::expand(scope, low, high),
        Storage::F16 | Storage::F32 => leaf::ptx_to_f16::expand(scope, low, high),
    }
}

/// Denormals by integers, so that a device which flushes them keeps them.
fn from_f16<N: Size>(ctx: &mut Vectors<'_, N>, bits: &Word<N>) -> Float<N> {
    let (rest, sign) = (ctx.word(0x7fff), ctx.word(0x8000));
    let (rest, sign) = (ctx.word_and(bits, &rest), ctx.word_and(bits, &sign));
    let shifted = ctx.shift_left(&rest, 13);
    let (bias, all_ones) = (ctx.word(112 << 23), ctx.word(0x7f80_0000));
    let normal = ctx.word_add(&shifted, &bias);
    let infinite = ctx.word_or(&shifted, &all_ones);
    let count = ctx.signed_to_float(&rest);
    let unit = ctx.f32(1.0 / 16_777_216.0);
    let small = ctx.mul(&count, &unit);
    let small = ctx.bits(&small);
    let (normals, infinities) = (ctx.word(0x0400), ctx.word(0x7c00));
    let finite = ctx.choose_less(&rest, &normals, &small, &normal);
    let magnitude = ctx.choose_less(&rest, &infinities, &finite, &infinite);
    let sign = ctx.shift_left(&sign, 16);
    let bits = ctx.word_or(&magnitude, &sign);
    ctx.floats(&bits)
}

fn to_f16<N: Size>(ctx: &mut Vectors<'_, N>, number: &Float<N>) -> Word<N> {
    let bits = ctx.bits(number);
    let mask = ctx.word(0x7fff_ffff);
    let rest = ctx.word_and(&bits, &mask);

    // The last bit that stays decides ties; the exponent's bias goes from 127 to 15.
    let odd = ctx.shift_right(&rest, 13);
    let one = ctx.word(1);
    let odd = ctx.word_and(&odd, &one);
    let rebias = ctx.word((0u32.wrapping_sub(112 << 23)).wrapping_add(0xfff));
    let normal = ctx.word_add(&rest, &rebias);
    let normal = ctx.word_add(&normal, &odd);
    let normal = ctx.shift_right(&normal, 13);

    // Added to one half, a number below 2^-14 is rounded to the denormals' unit, 2^-24.
    let half = ctx.f32(0.5);
    let magnitude = ctx.floats(&rest);
    let shifted = ctx.add(&magnitude, &half);
    let (shifted, half) = (ctx.bits(&shifted), ctx.word(0.5f32.to_bits()));
    let small = ctx.word_sub(&shifted, &half);

    let (smallest, largest, infinity) = (ctx.word(113 << 23), ctx.word(0x477f_f000), ctx.word(0x7f80_0001));
    let (infinite, nan) = (ctx.word(0x7c00), ctx.word(0x7e00));
    let value = ctx.choose_less(&rest, &smallest, &small, &normal);
    let value = ctx.choose_less(&rest, &largest, &value, &infinite);
    let value = ctx.choose_less(&rest, &infinity, &value, &nan);
    with_sign(ctx, &bits, &value)
}

fn to_bf16<N: Size>(ctx: &mut Vectors<'_, N>, number: &Float<N>) -> Word<N> {
    let bits = ctx.bits(number);
    let mask = ctx.word(0x7fff_ffff);
    let rest = ctx.word_and(&bits, &mask);
    let odd = ctx.shift_right(&rest, 16);
    let one = ctx.word(1);
    let odd = ctx.word_and(&odd, &one);
    let almost_half = ctx.word(0x7fff);
    let value = ctx.word_add(&rest, &almost_half);
    let value = ctx.word_add(&value, &odd);
    let value = ctx.shift_right(&value, 16);
    let (infinity, nan) = (ctx.word(0x7f80_0001), ctx.word(0x7fc0));
    let value = ctx.choose_less(&rest, &infinity, &value, &nan);
    with_sign(ctx, &bits, &value)
}

/// `value` with the sign of the `f32` that has these bits.
fn with_sign<N: Size>(ctx: &mut Vectors<'_, N>, bits: &Word<N>, value: &Word<N>) -> Word<N> {
    let (sign, mask) = (ctx.shift_right(bits, 16), ctx.word(0x8000));
    let sign = ctx.word_and(&sign, &mask);
    ctx.word_or(value, &sign)
}
