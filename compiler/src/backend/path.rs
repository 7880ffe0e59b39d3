//! A Brownian path as a function: any increment is a sum of multiples of counted normals.
//!
//! The path W over rho is put together octave by octave. Over `[2^e, 2^(e + 1)]` it is the construction of Levy and
//! Ciesielski: with u the share of the octave that is done, `W(rho) - W(2^e)` is `2^(e/2)` times
//! `u z_0 + sum over k < DEPTH of 2^(-k/2) tent(v_k) z_(2^k + j_k)`, where j_k is the dyadic interval of depth k that u
//! lies in, v_k the share of it that is done, and `tent(v) = min(v, 1 - v)` (Karatzas & Shreve 1991, "Brownian Motion
//! and Stochastic Calculus", section 2.3; Kidger et al. 2021, arXiv:2105.13493, for the tree as a function of a seed).
//! The z are normals of the [noise generator](super::noise), one counter each, so the path depends on the seed, the
//! sample and the element alone: neither on the grid nor on the order of asking. Below the last depth it is linear.
//!
//! The coefficients are host numbers in f64. Where two levels share a node, its parts cancel in them.

/// How deep an octave is halved: 2^-24 of it is the path's resolution.
const DEPTH: u32 = 24;

/// The stream of the normals of octave 0; those of octave e are e streams on.
const STREAM: u32 = 0x8000_0000;

/// A multiple of one counted normal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// The octave, as a stream.
    pub stream: u32,
    /// The node in it, as a draw.
    pub draw: u32,
    /// The factor.
    pub factor: f64,
}

/// The increment of the path from rho = `from` to rho = `to`, over its standard deviation: positive where the path is
/// higher at `from`. Both are finite, not negative, and not the same; what is outside of that has no terms.
pub fn increment(from: f64, to: f64) -> Vec<Term> {
    let mut terms = Vec::new();
    if ![from, to].iter().all(|rho| rho.is_finite() && *rho >= 0.0) || from == to {
        return terms;
    }
    let (low, high) = (from.min(to), from.max(to));
    let sign = if from > to { 1.0 } else { -1.0 };
    // Below the octave 2^-BELOW of the upper end the path adds less than rounding to an increment from zero.
    const BELOW: i32 = 60;
    let last = octave(high);
    let first = octave(low).max(last - BELOW);
    for e in first..=last {
        let of = |rho: f64| (rho / power(e) - 1.0).clamp(0.0, 1.0);
        octave_terms(e, of(low), of(high), sign, &mut terms);
    }
    let norm = terms.iter().map(|term| term.factor * term.factor).sum::<f64>().sqrt();
    terms.iter_mut().for_each(|term| term.factor /= norm);
    terms
}

/// What an octave adds between the shares `low` and `high` of it.
fn octave_terms(e: i32, low: f64, high: f64, sign: f64, terms: &mut Vec<Term>) {
    let scale = sign * power(e).sqrt();
    let stream = STREAM.wrapping_add_signed(e);
    let mut add = |draw: u32, factor: f64| {
        if factor != 0.0 {
            terms.push(Term { stream, draw, factor: scale * factor });
        }
    };
    add(0, high - low);
    for k in 0..DEPTH {
        let parts = f64::from(1_u32 << k);
        let node = |u: f64| {
            let at = (u * parts).floor().min(parts - 1.0);
            let v = u * parts - at;
            // Both ends of an octave are those of its neighbours, where every tent is zero.
            ((1_u32 << k) + at as u32, v.min(1.0 - v) / parts.sqrt())
        };
        let ((left, below), (right, above)) = (node(low), node(high));
        if left == right {
            add(left, above - below);
        } else {
            add(left, -below);
            add(right, above);
        }
    }
}

/// The e with `2^e <= rho < 2^(e + 1)`; for zero the smallest.
fn octave(rho: f64) -> i32 {
    if rho < f64::MIN_POSITIVE {
        return -1022;
    }
    ((rho.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// 2^e of a normal number.
fn power(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The covariance of two increments.
    fn covariance(a: &[Term], b: &[Term]) -> f64 {
        let known: HashMap<(u32, u32), f64> = a.iter().map(|term| ((term.stream, term.draw), term.factor)).collect();
        b.iter().filter_map(|term| Some(known.get(&(term.stream, term.draw))? * term.factor)).sum()
    }

    #[test]
    fn increments_are_unit_normals_that_overlap_as_a_path_does() {
        let points = [14.6, 9.1, 8.0, 5.3, 3.0, 1.7, 1.0, 0.4, 0.03, 0.0];
        for (at, a) in points.iter().enumerate() {
            for b in &points[at + 1..] {
                let x = increment(*a, *b);
                assert!((covariance(&x, &x) - 1.0).abs() < 1e-12);
                for (at, c) in points.iter().enumerate() {
                    for d in &points[at + 1..] {
                        let overlap = (a.min(*c) - b.max(*d)).max(0.0) / ((a - b) * (c - d)).sqrt();
                        let found = covariance(&x, &increment(*c, *d));
                        assert!((found - overlap).abs() < 1e-6, "{a}..{b} and {c}..{d}: {found} is {overlap}");
                    }
                }
            }
        }
    }

    #[test]
    fn increments_add_up() {
        for (a, b, c) in [(14.6, 8.0, 1.3), (1.5, 1.3, 1.2), (80.0, 0.7, 0.0)] {
            let mut total: HashMap<(u32, u32), f64> = HashMap::new();
            for (from, to, sign) in [(a, b, 1.0), (b, c, 1.0), (a, c, -1.0)] {
                for term in increment(from, to) {
                    *total.entry((term.stream, term.draw)).or_default() += sign * f64::sqrt(from - to) * term.factor;
                }
            }
            let left = total.values().map(|factor| factor * factor).sum::<f64>().sqrt();
            assert!(left < 1e-6 * f64::sqrt(a - c), "{a}, {b}, {c}: {left} is left over");
        }
    }

    #[test]
    fn turned_round_it_is_negative() {
        let turned: Vec<Term> = increment(2.0, 0.7).iter().map(|term| Term { factor: -term.factor, ..*term }).collect();
        assert_eq!(increment(0.7, 2.0), turned);
    }

    #[test]
    fn what_is_no_interval_has_no_terms() {
        for (from, to) in [(1.0, 1.0), (f64::INFINITY, 1.0), (-1.0, 1.0), (f64::NAN, 1.0)] {
            assert_eq!(increment(from, to), []);
        }
        assert!(increment(1e-300, 0.0).len() > 10);
        assert!(increment(f64::MAX, 1e300).iter().all(|term| term.factor.is_finite()));
    }
}
