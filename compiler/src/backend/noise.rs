//! Noise: Philox4x32-10 counters to standard normals by Box-Muller.
//!
//! The four counter words are (element / 4, draw, sample, stream) and the key is the seed;
//! one counter gives the normals of four neighbouring elements. So a value depends on these
//! numbers alone: not on batch size, chunks, threads or vector width. The integers are those
//! of the Random123 library; the normals are the same bits on every CPU, because every
//! step is exact or correctly rounded by definition (`mul_add` is one rounding with or
//! without an instruction for it).
//!
//! Nothing here keeps state.

use std::f32::consts::FRAC_PI_2;

use super::poly::{self, horner};

/// Names the noise of one sample of one draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence {
    /// The seed of the run: Philox's key, low word first.
    pub seed: u64,
    /// Which noise source.
    pub stream: u32,
    /// Which use of the source: the step of the run, for example.
    pub draw: u32,
    /// Which sample of the whole run, over all batches.
    pub sample: u32,
}

/// The four words of one counter.
pub fn philox(counter: [u32; 4], seed: u64) -> [u32; 4] {
    let lanes = counter.map(|word| [word]);
    philox_lanes(lanes, seed).map(|[word]| word)
}

/// Fills `out` with the normals of the elements 0, 1, ..
pub fn fill_normal(out: &mut [f32], sequence: Sequence) {
    fill_normal_from(out, sequence, 0);
}

/// Fills `out` with the normals of the elements `first`, `first + 1`, ..
///
/// `first` counts in fours: it is rounded down to a multiple of 4.
pub fn fill_normal_from(out: &mut [f32], sequence: Sequence, first: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the CPU has the features; AVX-512 CPUs have AVX2 and FMA.
            return unsafe { fill_avx512(out, sequence, first) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has the features.
            return unsafe { fill_avx2(out, sequence, first) };
        }
    }
    fill_lanes::<8>(out, sequence, first);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn fill_avx512(out: &mut [f32], sequence: Sequence, first: usize) {
    fill_lanes::<32>(out, sequence, first);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fill_avx2(out: &mut [f32], sequence: Sequence, first: usize) {
    fill_lanes::<16>(out, sequence, first);
}

/// `LANES` counters at a time. The loops over lanes become vector code in the callers
/// that enable wide registers.
#[inline(always)]
fn fill_lanes<const LANES: usize>(out: &mut [f32], sequence: Sequence, first: usize) {
    let Sequence { seed, stream, draw, sample } = sequence;
    // 2^32 groups are 64 GiB of f32: the count does not wrap in practice.
    let mut group = (first / 4) as u32;
    for chunk in out.chunks_mut(4 * LANES) {
        let mut groups = [group; LANES];
        for (lane, group) in groups.iter_mut().enumerate() {
            *group = group.wrapping_add(lane as u32);
        }
        let counters = [groups, [draw; LANES], [sample; LANES], [stream; LANES]];
        let words = philox_lanes(counters, seed);
        let normals = normal_lanes(words);
        store_lanes(chunk, &normals);
        group = group.wrapping_add(LANES as u32);
    }
}

/// Element `4 * lane + k` is normal `k` of the lane's counter.
#[inline(always)]
fn store_lanes<const LANES: usize>(chunk: &mut [f32], normals: &[[f32; LANES]; 4]) {
    let (whole, rest) = chunk.as_chunks_mut::<4>();
    let n_whole = whole.len();
    for (lane, four) in whole.iter_mut().enumerate().take(LANES) {
        *four = [normals[0][lane], normals[1][lane], normals[2][lane], normals[3][lane]];
    }
    for (k, value) in rest.iter_mut().enumerate() {
        *value = normals[k][n_whole];
    }
}

// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3:
// the multipliers of Philox4x32 and the Weyl increments of its key.
pub(super) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
pub(super) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
pub(super) const ROUNDS: usize = 10;

#[inline(always)]
fn philox_lanes<const LANES: usize>(counters: [[u32; LANES]; 4], seed: u64) -> [[u32; LANES]; 4] {
    let [mut x0, mut x1, mut x2, mut x3] = counters;
    let (mut k0, mut k1) = (seed as u32, (seed >> 32) as u32);
    for _ in 0..ROUNDS {
        for lane in 0..LANES {
            let p0 = u64::from(x0[lane]) * u64::from(MULTIPLIERS[0]);
            let p1 = u64::from(x2[lane]) * u64::from(MULTIPLIERS[1]);
            x0[lane] = (p1 >> 32) as u32 ^ x1[lane] ^ k0;
            x1[lane] = p1 as u32;
            x2[lane] = (p0 >> 32) as u32 ^ x3[lane] ^ k1;
            x3[lane] = p0 as u32;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [x0, x1, x2, x3]
}

/// Two pairs of normals of four words.
#[inline(always)]
fn normal_lanes<const LANES: usize>(words: [[u32; LANES]; 4]) -> [[f32; LANES]; 4] {
    let mut normals = [[0.0; LANES]; 4];
    for lane in 0..LANES {
        let (a, b) = box_muller(words[0][lane], words[1][lane]);
        let (c, d) = box_muller(words[2][lane], words[3][lane]);
        normals[0][lane] = a;
        normals[1][lane] = b;
        normals[2][lane] = c;
        normals[3][lane] = d;
    }
    normals
}

/// Box and Muller 1958, equation 1: two independent normals of two uniform words.
#[inline(always)]
fn box_muller(a: u32, b: u32) -> (f32, f32) {
    let radius = (-2.0 * ln_unit(unit(a))).sqrt();
    let (sin, cos) = sin_cos_turns(unit(b));
    (radius * cos, radius * sin)
}

/// The middle of one of 2^24 equal parts of (0, 1); the last rounds to 1.
#[inline(always)]
fn unit(word: u32) -> f32 {
    // 24 bits are an exact i32 and f32; vectors convert from i32, not from u32.
    const PART: f32 = 1.0 / 16_777_216.0;
    ((word >> 8) as i32 as f32).mul_add(PART, 0.5 * PART)
}

/// `ln(x)` for normal `x` in (0, 1].
#[inline(always)]
fn ln_unit(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(poly::SQRT_HALF_BITS) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((exponent as u32) << 23)) - 1.0;
    let exponent = exponent as f32;
    let square = f * f;
    let y = horner(f, &poly::LN) * square * f;
    let y = exponent.mul_add(poly::LN_2_LOW, y);
    let y = square.mul_add(-0.5, y);
    exponent.mul_add(poly::LN_2_HIGH, f + y)
}

/// Sine and cosine of `u` whole turns, for `u` in [0, 1].
#[inline(always)]
fn sin_cos_turns(u: f32) -> (f32, f32) {
    let quarters = u * 4.0;
    let shifted = quarters + poly::ROUNDER;
    let quadrant = shifted.to_bits();
    let y = (quarters - (shifted - poly::ROUNDER)) * FRAC_PI_2;
    let z = y * y;
    let sin = (horner(z, &poly::SIN) * z).mul_add(y, y);
    let cos = horner(z, &poly::COS).mul_add(z * z, z.mul_add(-0.5, 1.0));
    let (a, b) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let sin_sign = (quadrant & 2) << 30;
    let cos_sign = (quadrant.wrapping_add(1) & 2) << 30;
    (f32::from_bits(a.to_bits() ^ sin_sign), f32::from_bits(b.to_bits() ^ cos_sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kat_vectors` of Random123, rows `philox4x32 10`.
    #[test]
    fn random123_known_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], 0, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], u64::MAX, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, 0x299f_31d0_a409_3822, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, seed, words) in cases {
            assert_eq!(philox(counter, seed), words);
        }
    }

    const SEQUENCE: Sequence = Sequence { seed: 42, stream: 3, draw: 7, sample: 5 };

    #[test]
    fn vector_widths_agree_bit_for_bit() {
        for n in [1, 3, 4, 63, 64, 65, 1024, 3001] {
            let mut base = vec![0.0; n];
            fill_lanes::<1>(&mut base, SEQUENCE, 0);
            let mut fast = vec![0.0; n];
            fill_normal(&mut fast, SEQUENCE);
            assert!(base.iter().zip(&fast).all(|(a, b)| a.to_bits() == b.to_bits()), "{n}");
        }
    }

    #[test]
    fn avx2_agrees_bit_for_bit() {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let (mut base, mut fast) = ([0.0; 777], [0.0; 777]);
            fill_lanes::<1>(&mut base, SEQUENCE, 400);
            // SAFETY: the CPU has the features.
            unsafe { fill_avx2(&mut fast, SEQUENCE, 400) };
            assert!(base.iter().zip(&fast).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn chunks_do_not_matter() {
        let mut whole = vec![0.0; 3000];
        fill_normal(&mut whole, SEQUENCE);
        for size in [4, 12, 1024] {
            let mut parts = vec![0.0; 3000];
            for (i, part) in parts.chunks_mut(size).enumerate() {
                fill_normal_from(part, SEQUENCE, i * size);
            }
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn every_counter_word_matters() {
        let first = |sequence| {
            let mut out = [0.0; 4];
            fill_normal(&mut out, sequence);
            out
        };
        let base = first(SEQUENCE);
        assert_ne!(base, first(Sequence { seed: SEQUENCE.seed + (1 << 32), ..SEQUENCE }));
        assert_ne!(base, first(Sequence { stream: 4, ..SEQUENCE }));
        assert_ne!(base, first(Sequence { draw: 8, ..SEQUENCE }));
        assert_ne!(base, first(Sequence { sample: 6, ..SEQUENCE }));
    }

    /// Bounds are five standard errors of the estimates.
    #[test]
    fn moments_are_those_of_a_normal() {
        let n = 1 << 20;
        let mut out = vec![0.0; n];
        fill_normal(&mut out, SEQUENCE);
        let moment = |k: i32| out.iter().map(|&z| f64::from(z).powi(k)).sum::<f64>() / n as f64;
        let bound = |variance: f64| 5.0 * (variance / n as f64).sqrt();
        assert!(moment(1).abs() < bound(1.0));
        assert!((moment(2) - 1.0).abs() < bound(2.0));
        assert!(moment(3).abs() < bound(15.0));
        assert!((moment(4) - 3.0).abs() < bound(96.0));
        let lag = out.windows(2).map(|w| f64::from(w[0] * w[1])).sum::<f64>() / n as f64;
        assert!(lag.abs() < bound(1.0));
        let beyond = out.iter().filter(|z| z.abs() > 3.0).count() as f64 / n as f64;
        let expected = 0.002_699_8;
        assert!((beyond - expected).abs() < bound(expected));
    }
}
