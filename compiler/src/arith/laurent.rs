//! Laurent series with logarithms, at an end of a schedule: what a number tends to, or how fast it grows.
//!
//! Near the level without noise sigma is a small number eps, near the level without data alpha is. What a rule computes
//! there is a sum of terms `c eps^p L^q` with L = ln(1 / eps), real p and whole q: half log-SNR is L plus a constant, its
//! exponential a power of eps again (Gruntz 1996, "On computing limits in a symbolic manipulation system", ch. 2, for
//! the scales that such sums are compared on). Terms are kept from the largest on, up to `LENGTH` of them; what is
//! left out is at most of the size of `Long::beyond`.
//!
//! Coefficients are [`Ball`]s, so a number that does not depend on eps is an interval that encloses it. A ball around
//! zero that rounding alone explains is zero; a wider one is not known, and neither is anything below it.

mod functions;

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

use super::ball::Ball;

/// How many terms are kept.
const LENGTH: usize = 10;

/// The largest radius, beside the numbers that were added, of a ball around zero that is zero.
const TINY: f64 = 1e-9;

/// How large `eps^power L^logs` is; the largest comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// The power of eps.
    pub power: f64,
    /// The power of L.
    pub logs: i32,
}

impl Size {
    /// Of numbers that do not depend on eps.
    pub const ONE: Size = Size { power: 0.0, logs: 0 };
    /// Smaller than anything.
    const NOTHING: Size = Size { power: f64::INFINITY, logs: 0 };
    /// Larger than anything.
    const ANYTHING: Size = Size { power: f64::NEG_INFINITY, logs: 0 };

    /// Whether it is the smaller one.
    pub fn below(self, other: Size) -> bool {
        self.compare(other) == Ordering::Greater
    }

    /// Larger sizes are less.
    fn compare(self, other: Size) -> Ordering {
        self.power.total_cmp(&other.power).then(other.logs.cmp(&self.logs))
    }

    fn times(self, other: Size) -> Size {
        let power = self.power + other.power;
        // Exponents come from logarithms and back: one near a simple fraction is that fraction.
        let simple = (power * 5040.0).round() / 5040.0;
        let power = if (power - simple).abs() < 1e-9 { simple } else { (power * 1e9).round() / 1e9 };
        // Adding 0 makes -0 a plain 0: sizes are compared bit by bit.
        Size { power: power + 0.0, logs: self.logs.saturating_add(other.logs) }
    }
}

/// A term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Its size.
    pub size: Size,
    /// Its coefficient, which is not zero.
    pub factor: Ball,
}

/// A number near an end.
#[derive(Clone, Debug, PartialEq)]
pub enum Laurent {
    /// It does not depend on eps.
    Constant(Ball),
    /// A sum of terms.
    Sum(Arc<Long>),
    /// Nothing is known of it.
    Unknown,
}

/// A sum of terms, the largest first, and what is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Long {
    terms: Vec<Term>,
    beyond: Size,
}

impl Laurent {
    /// The small number.
    pub fn eps() -> Laurent {
        let size = Size { power: 1.0, logs: 0 };
        Long { terms: vec![Term { size, factor: Ball::exact(1.0) }], beyond: Size::NOTHING }.short()
    }

    /// A number.
    pub fn number(value: f64) -> Laurent {
        if value.is_finite() { Laurent::Constant(Ball::exact(value)) } else { Laurent::Unknown }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Laurent::Constant(ball) if ball.middle == 0.0)
    }

    /// The largest term; nothing if it is zero or not known.
    pub fn lead(&self) -> Option<Term> {
        match self {
            Laurent::Constant(ball) => (!ball.may_be_zero()).then_some(Term { size: Size::ONE, factor: *ball }),
            Laurent::Sum(long) => long.terms.first().copied(),
            Laurent::Unknown => None,
        }
    }

    /// What it tends to, if it is known to tend to a number.
    pub fn limit(&self) -> Option<f64> {
        match self {
            Laurent::Constant(ball) => Some(ball.middle),
            Laurent::Unknown => None,
            Laurent::Sum(long) => match long.terms.first() {
                Some(term) if term.size == Size::ONE => Some(term.factor.middle),
                Some(term) => term.size.below(Size::ONE).then_some(0.0),
                None => long.beyond.below(Size::ONE).then_some(0.0),
            },
        }
    }

    /// How it grows, if it is known to grow without bound.
    pub fn growth(&self) -> Option<Size> {
        self.lead().map(|term| term.size).filter(|size| Size::ONE.below(*size))
    }

    /// Its terms and what is left out; `constant` has room for the one term of a constant.
    fn view<'t>(&'t self, constant: &'t mut Option<Term>) -> Option<(&'t [Term], Size)> {
        match self {
            Laurent::Constant(ball) => {
                let is_zero = ball.middle == 0.0 && ball.may_be_zero();
                *constant = (!is_zero).then_some(Term { size: Size::ONE, factor: *ball });
                Some((constant.as_slice(), Size::NOTHING))
            }
            Laurent::Sum(long) => Some((&long.terms, long.beyond)),
            Laurent::Unknown => None,
        }
    }

    fn parts(&self) -> Option<(Vec<Term>, Size)> {
        self.view(&mut None).map(|(terms, beyond)| (terms.to_vec(), beyond))
    }

    fn scaled(&self, factor: Ball) -> Laurent {
        match self {
            Laurent::Constant(ball) => Laurent::Constant(*ball * factor),
            _ if factor.middle == 0.0 => Laurent::Constant(Ball::ZERO),
            Laurent::Sum(long) => {
                let terms = long.terms.iter().map(|term| Term { factor: term.factor * factor, ..*term }).collect();
                Long { terms, beyond: long.beyond }.short()
            }
            Laurent::Unknown => Laurent::Unknown,
        }
    }

    /// It over its largest term, less 1: small.
    fn rest(&self, lead: Term) -> Laurent {
        let mut constant = None;
        let Some((terms, beyond)) = self.view(&mut constant) else { return Laurent::Unknown };
        let back = |size: Size| size.times(Size { power: -lead.size.power, logs: -lead.size.logs });
        let terms =
            terms[1..].iter().map(|term| Term { size: back(term.size), factor: term.factor / lead.factor }).collect();
        Long { terms, beyond: back(beyond) }.short()
    }

    /// The sum of `weights[k] z^k` of a small number.
    fn power_series(&self, weights: &[Ball]) -> Laurent {
        let Some((first, rest)) = weights.split_first() else { return Laurent::Constant(Ball::ZERO) };
        if self.is_zero() {
            return Laurent::Constant(*first);
        }
        let mut sum = Laurent::Constant(*first);
        let mut power = Laurent::number(1.0);
        for weight in rest {
            power = power * self.clone();
            sum = sum + power.scaled(*weight);
        }
        // What is left out is of the size of the next power.
        let next = power * self.clone();
        let Some(size) = next.size() else { return Laurent::Unknown };
        sum.cut(size)
    }

    /// The size of the largest term, or of what is left out.
    fn size(&self) -> Option<Size> {
        let mut constant = None;
        let (terms, beyond) = self.view(&mut constant)?;
        Some(terms.first().map_or(beyond, |term| term.size))
    }

    fn cut(self, at: Size) -> Laurent {
        let Some((terms, beyond)) = self.parts() else { return Laurent::Unknown };
        Long { terms, beyond: if beyond.below(at) { at } else { beyond } }.short()
    }
}

impl Long {
    /// Sorted and cut to length, and a constant where it is one.
    fn short(mut self) -> Laurent {
        if self.beyond == Size::ANYTHING || self.terms.iter().any(|term| !term.factor.size().is_finite()) {
            return Laurent::Unknown;
        }
        self.terms.retain(|term| self.beyond.below(term.size));
        if let Some(cut) = self.terms.get(LENGTH) {
            self.beyond = cut.size;
            self.terms.truncate(LENGTH);
        }
        match (&self.terms[..], self.beyond == Size::NOTHING) {
            ([], true) => Laurent::Constant(Ball::ZERO),
            ([term], true) if term.size == Size::ONE => Laurent::Constant(term.factor),
            _ => Laurent::Sum(Arc::new(self)),
        }
    }
}

/// The sum of two coefficients; nothing if it is zero, an error if that is not known.
fn sum(a: Ball, b: Ball) -> Result<Option<Ball>, ()> {
    let total = a + b;
    match total.may_be_zero() {
        false => Ok(Some(total)),
        true if total.radius <= TINY * (a.middle.abs() + b.middle.abs()) => Ok(None),
        true => Err(()),
    }
}

/// The sum of terms in any order; those of one size are added in the order given.
fn total(mut terms: Vec<Term>, mut beyond: Size) -> Laurent {
    terms.sort_by(|a, b| a.size.compare(b.size));
    let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
    for same in terms.chunk_by(|a, b| a.size == b.size) {
        let size = same[0].size;
        let factor = same[1..].iter().try_fold(Some(same[0].factor), |total, term| match total {
            Some(total) => sum(total, term.factor),
            None => Ok(Some(term.factor)),
        });
        match factor {
            Ok(factor) => merged.extend(factor.map(|factor| Term { size, factor })),
            Err(()) => {
                // Nothing below it is known either.
                beyond = if beyond.below(size) { size } else { beyond };
                break;
            }
        }
    }
    Long { terms: merged, beyond }.short()
}

impl Add for Laurent {
    type Output = Laurent;

    fn add(self, other: Laurent) -> Laurent {
        if let (Laurent::Constant(a), Laurent::Constant(b)) = (&self, &other) {
            return match sum(*a, *b) {
                Ok(total) => Laurent::Constant(total.unwrap_or(Ball::ZERO)),
                Err(()) => Laurent::Unknown,
            };
        }
        let (mut one, mut two) = (None, None);
        let (Some((a, beyond_a)), Some((b, beyond_b))) = (self.view(&mut one), other.view(&mut two)) else {
            return Laurent::Unknown;
        };
        let beyond = if beyond_a.below(beyond_b) { beyond_b } else { beyond_a };
        total([a, b].concat(), beyond)
    }
}

impl Neg for Laurent {
    type Output = Laurent;

    fn neg(self) -> Laurent {
        match self {
            Laurent::Constant(ball) => Laurent::Constant(-ball),
            other => other.scaled(Ball::exact(-1.0)),
        }
    }
}

impl Sub for Laurent {
    type Output = Laurent;

    fn sub(self, other: Laurent) -> Laurent {
        self + -other
    }
}

impl Mul for Laurent {
    type Output = Laurent;

    fn mul(self, other: Laurent) -> Laurent {
        if let (Laurent::Constant(a), Laurent::Constant(b)) = (&self, &other) {
            return Laurent::Constant(*a * *b);
        }
        if self.is_zero() || other.is_zero() {
            return Laurent::Constant(Ball::ZERO);
        }
        match (&self, &other) {
            (Laurent::Constant(factor), series) | (series, Laurent::Constant(factor)) => return series.scaled(*factor),
            _ => {}
        }
        let (mut one, mut two) = (None, None);
        let (Some((a, beyond_a)), Some((b, beyond_b))) = (self.view(&mut one), other.view(&mut two)) else {
            return Laurent::Unknown;
        };
        let left_out = |terms: &[Term], rest: Size, others: Size| {
            let size = terms.first().map_or(rest, |term| term.size);
            if others == Size::NOTHING { others } else { size.times(others) }
        };
        let (x, y) = (left_out(a, beyond_a, beyond_b), left_out(b, beyond_b, beyond_a));
        let beyond = if x.below(y) { y } else { x };
        let times = |x: &Term, y: &Term| Term { size: x.size.times(y.size), factor: x.factor * y.factor };
        let products = a.iter().flat_map(|x| b.iter().map(move |y| times(x, y)));
        total(products.filter(|term| beyond.below(term.size)).collect(), beyond)
    }
}

impl Div for Laurent {
    type Output = Laurent;

    fn div(self, other: Laurent) -> Laurent {
        if let (Laurent::Constant(a), Laurent::Constant(b)) = (&self, &other) {
            return if b.may_be_zero() { Laurent::Unknown } else { Laurent::Constant(*a / *b) };
        }
        self * other.power(&Laurent::number(-1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::real::Function;

    fn number(value: f64) -> Laurent {
        Laurent::number(value)
    }

    fn near(of: &Laurent, limit: f64) {
        let found = of.limit().unwrap_or_else(|| panic!("{of:?} has a limit"));
        assert!((found - limit).abs() < 1e-12, "{of:?} tends to {limit}");
    }

    /// Half log-SNR near the clean end, less that of rho = 2.
    fn h() -> Laurent {
        -Laurent::eps().apply(Function::Ln) + number(2.0).apply(Function::Ln)
    }

    #[test]
    fn a_logarithm_comes_back_as_a_power() {
        let ratio = (-h()).apply(Function::Exp) / Laurent::eps();
        near(&ratio, 0.5);
        near(&-(-h()).apply(Function::Expm1), 1.0);
    }

    #[test]
    fn a_power_beats_a_logarithm() {
        near(&(Laurent::eps() * h()), 0.0);
        near(&((-h()).apply(Function::Expm1) / h()), 0.0);
        let growth = ((-h()).apply(Function::Expm1) * h()).growth();
        assert_eq!(growth, Some(Size { power: 0.0, logs: 1 }));
    }

    #[test]
    fn poles_cancel() {
        let root = (number(4.0) + Laurent::eps()).apply(Function::Sqrt);
        near(&((root - number(2.0)) / Laurent::eps()), 0.25);
        let pole = number(1.0) / Laurent::eps();
        assert_eq!(pole.growth(), Some(Size { power: -1.0, logs: 0 }));
        near(&(pole * Laurent::eps().apply(Function::Sin)), 1.0);
    }

    #[test]
    fn quotients_of_logarithms_tend_to_one() {
        near(&(h() / (h() + number(3.0))), 1.0);
        near(&(number(1.0) / h()), 0.0);
    }

    #[test]
    fn functions_far_out() {
        near(&h().apply(Function::Tanh), 1.0);
        near(&(number(1.0) / Laurent::eps()).apply(Function::Atan), std::f64::consts::FRAC_PI_2);
        near(&(-number(1.0) / Laurent::eps()).apply(Function::Exp), 0.0);
        near(&(-h()).phi(2), 0.0);
        near(&Laurent::eps().phi(2), 0.5);
        assert_eq!(h().apply(Function::Sin), Laurent::Unknown);
    }

    #[test]
    fn what_rounding_leaves_is_zero() {
        assert!((number(0.1) + number(0.2) - number(0.3)).is_zero());
        assert!(!(number(0.1) + number(0.2) - number(0.3000001)).is_zero());
        let third = number(1.0) / number(3.0);
        assert!((third.clone() + third.clone() + third - number(1.0)).is_zero());
    }
}
