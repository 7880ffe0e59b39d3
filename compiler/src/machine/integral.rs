//! Integrals: Gauss-Legendre quadrature on halves, in any arithmetic.
//!
//! What a rule integrates is smooth between two levels and often a polynomial, which one panel does exactly. Whether
//! more is needed is decided on the points of the numbers.

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::{Machine, Result};
use crate::arith::{Arith, Real};

/// Nodes and weights of the 8-point Gauss-Legendre rule on [-1, 1], positive half (Abramowitz & Stegun, table 25.4).
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// The 4-point rule, which an integral is first compared with.
const COARSE: [(f64, f64); 2] =
    [(0.339_981_043_584_856_3, 0.652_145_154_862_546_1), (0.861_136_311_594_052_6, 0.347_854_845_137_453_9)];

/// The integral of a smooth function: the Gauss-Legendre rule, on halves until it agrees with itself.
pub(super) fn integrate<'p, A: Arith>(
    machine: &mut Machine<'p, A>,
    f: &mut impl FnMut(&mut Machine<'p, A>, A::Real) -> Result<A::Real>,
    low: A::Real,
    high: A::Real,
    span: Span,
) -> Result<A::Real> {
    let whole = panel(machine, f, &low, &high, &GAUSS)?;
    let coarse = panel(machine, f, &low, &high, &COARSE)?;
    // A polynomial of low degree is done already.
    let value = if (whole.value.to_f64() - coarse.value.to_f64()).abs() <= A::Real::NEAR * whole.size {
        whole.value
    } else {
        refine(machine, f, Stretch { low, high, whole, off: f64::INFINITY }, A::Real::SPLITS)?
    };
    if !value.to_f64().is_finite() {
        let found = Diagnostic::new(Code::E0504, span, "this integral is not finite");
        return Err(Box::new(found.help("write the step to or from that end as a case of its own")));
    }
    Ok(value)
}

/// The integral over a panel, and that of the integrand's size.
struct Panel<R> {
    value: R,
    size: f64,
}

/// A part of an integral.
struct Stretch<R> {
    low: R,
    high: R,
    whole: Panel<R>,
    /// By how much halving changed the part that this is half of.
    off: f64,
}

fn refine<'p, A: Arith>(
    machine: &mut Machine<'p, A>,
    f: &mut impl FnMut(&mut Machine<'p, A>, A::Real) -> Result<A::Real>,
    part: Stretch<A::Real>,
    splits: u32,
) -> Result<A::Real> {
    let Stretch { low, high, whole, off: before } = part;
    let middle = (low.clone() + high.clone()) * A::Real::from_f64(0.5);
    let left = panel(machine, f, &low, &middle, &GAUSS)?;
    let right = panel(machine, f, &middle, &high, &GAUSS)?;
    let both = left.value.clone() + right.value.clone();
    let size = left.size + right.size;
    let off = (whole.value.to_f64() - both.to_f64()).abs();
    // What is small already and does not shrink any more is rounding.
    let rounding = off <= 1e-11 * size && off > before / 16.0;
    if splits == 0 || off <= A::Real::NEAR * size || rounding || !both.to_f64().is_finite() {
        return Ok(both);
    }
    let left = refine(machine, f, Stretch { low, high: middle.clone(), whole: left, off }, splits - 1)?;
    Ok(left + refine(machine, f, Stretch { low: middle, high, whole: right, off }, splits - 1)?)
}

fn panel<'p, A: Arith>(
    machine: &mut Machine<'p, A>,
    f: &mut impl FnMut(&mut Machine<'p, A>, A::Real) -> Result<A::Real>,
    low: &A::Real,
    high: &A::Real,
    rule: &[(f64, f64)],
) -> Result<Panel<A::Real>> {
    let half = (high.clone() - low.clone()) * A::Real::from_f64(0.5);
    let centre = (high.clone() + low.clone()) * A::Real::from_f64(0.5);
    let mut total = A::Real::from_f64(0.0);
    let mut size = 0.0;
    for (node, weight) in rule.iter().copied() {
        let shift = half.clone() * A::Real::from_f64(node);
        let (a, b) = (f(machine, centre.clone() - shift.clone())?, f(machine, centre.clone() + shift)?);
        size += weight * (a.to_f64().abs() + b.to_f64().abs());
        total = total + (a + b) * A::Real::from_f64(weight);
    }
    size *= half.to_f64().abs();
    Ok(Panel { value: total * half, size })
}
