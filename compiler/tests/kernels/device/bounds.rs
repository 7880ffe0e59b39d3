//! What a device may answer: the interpreter's number, and how far from it each operation may lead.
//!
//! Every operation has a budget in units in the last place; what its operands may be off is carried through by its
//! derivative. A result that may be anything (a comparison or a pole within the operands' bounds) is not compared.

use samp_compiler::backend::cube::layout::Storage;
use samp_compiler::backend::element::Element;
use samp_compiler::backend::reduce;
use samp_compiler::ir::kernel::{Inst, Kernel};
use samp_compiler::ir::op::{Op, Reduction};

/// A number of the interpreter, and how far off a device may be.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    pub value: f32,
    /// Infinite where anything goes.
    pub radius: f64,
}

/// Units in the last place that a device may be off in one operation, with exact operands, the first of which is `x`.
///
/// WGSL, section 15.7.4 ("Floating Point Accuracy"), for `div` and `sqrt`. Sums and products are rounded correctly, but
/// an implementation may regroup them (Mesa takes `a + b - a` for `b`), so that a rounding may be missing here and made
/// there: one unit. The elementary functions are our own polynomials: 2 units with fused multiply-adds and as written;
/// otherwise 2 more, for `exp` what WGSL allows, and `sin` and `cos` lose as [`turn_loss`] says.
pub fn budget(op: Op, x: f32) -> f64 {
    match op {
        Op::Min | Op::Max | Op::Neg | Op::Abs => 0.0,
        Op::Add | Op::Sub | Op::Mul => 1.0,
        // Two roundings in place of one; that of the product is added apart.
        Op::Fma => 1.0,
        Op::Div => 2.5,
        Op::Sqrt => 3.0,
        Op::Exp => 3.0 + 2.0 * f64::from(x.abs()),
        Op::Ln | Op::Tanh | Op::Sin | Op::Cos => 4.0,
    }
}

/// Of a normal, in absolute terms: a few units of numbers near 4.
pub const NOISE_BUDGET: f64 = 2e-6;

/// The absolute error of reducing `x` by multiples of a right angle with two roundings a term.
pub fn turn_loss(x: f64) -> f64 {
    x.abs() / f64::from(1 << 22)
}

/// One unit in the last place; at least the smallest normal's.
pub fn ulp(x: f32) -> f64 {
    let size = x.abs().max(f32::MIN_POSITIVE).min(f32::MAX.next_down());
    f64::from(size.next_up()) - f64::from(size)
}

/// What is stored, and then what is reduced, for one element of given loads, scalars, noise and cells.
pub fn evaluate(kernel: &Kernel, loads: &[f32], scalars: &[f64], noises: &[Bound], cells: &[f32]) -> Vec<Bound> {
    let mut values: Vec<Bound> = Vec::with_capacity(kernel.insts.len());
    for inst in kernel.insts.values() {
        let bound = match inst {
            Inst::Load(slot) => exact(loads[*slot as usize]),
            Inst::Scalar(slot) => exact(scalars[*slot as usize] as f32),
            Inst::Const(number) => exact(*number as f32),
            Inst::Noise(slot) => noises[*slot as usize],
            Inst::Cell(slot) => exact(cells[*slot as usize]),
            Inst::Apply { op, args } => {
                let args: Vec<Bound> = args.as_slice().iter().map(|arg| values[arg.as_u32() as usize]).collect();
                apply(*op, &args)
            }
        };
        values.push(bound);
    }
    kernel.results().map(|value| values[value.as_u32() as usize]).collect()
}

/// What a reduction of a sample's values may be, each of which is within its bound: from and to, or twice NaN. Nothing if
/// it may be anything.
///
/// The sum of `n` numbers, however it is made, is off by no more than `n` units of the sum of their sizes; here pairs
/// are added and what a block adds is added to others, so that 64 roundings are plenty.
pub fn reduced(how: Reduction, values: &[Bound]) -> Option<(f64, f64)> {
    if values.iter().any(|bound| bound.radius.is_infinite()) {
        return None;
    }
    let whole = |sign: f64| {
        let moved: Vec<f64> = values.iter().map(|bound| f64::from(bound.value) + sign * bound.radius).collect();
        reduce::whole(how, &moved)
    };
    let (low, high) = (whole(-1.0), whole(1.0));
    let size = values.iter().map(|bound| f64::from(bound.value.abs()) + bound.radius).sum::<f64>();
    if !low.is_finite() || !high.is_finite() {
        return Some((low, high));
    }
    if size >= f64::from(f32::MAX) {
        return None;
    }
    let unit = f64::from(f32::EPSILON);
    let slack = match how {
        Reduction::Mean => 64.0 * unit * size / values.len() as f64,
        Reduction::Max => 0.0,
        // Of the two neighbours, between which three operations lead.
        Reduction::Quantile(_) => 4.0 * unit * (low.abs().max(high.abs())) + 4.0 * unit * (high - low).abs(),
    };
    let slack = slack + f64::from(f32::MIN_POSITIVE);
    Some((low - slack, high + slack))
}

/// A number that a device has as it is, unless it flushes denormals.
pub fn exact(value: f32) -> Bound {
    let radius = if value.is_subnormal() { f64::from(value.abs()) } else { 0.0 };
    Bound { value, radius }
}

fn apply(op: Op, args: &[Bound]) -> Bound {
    let arg = |k: usize| args[k.min(args.len() - 1)];
    let value = f32::apply(op, [arg(0).value, arg(1).value, arg(2).value]);
    let carried = carried(op, [arg(0), arg(1), arg(2)]);
    // An implementation of WGSL may assume that no number is infinite or NaN.
    if !value.is_finite() {
        return Bound { value, radius: f64::INFINITY };
    }
    let mut radius = carried + budget(op, arg(0).value) * ulp(value);
    if op == Op::Fma {
        radius += ulp(arg(0).value * arg(1).value);
    }
    if f64::from(value.abs()) < f64::from(f32::MIN_POSITIVE) + radius && value.to_bits() << 1 != 0 {
        radius += f64::from(f32::MIN_POSITIVE);
    }
    // A number that may overflow may be infinite.
    match radius.is_finite() && f64::from(value.abs()) + radius < f64::from(f32::MAX) {
        true => Bound { value, radius },
        false => Bound { value, radius: f64::INFINITY },
    }
}

/// How far the operands' bounds can move the result.
fn carried(op: Op, [a, b, c]: [Bound; 3]) -> f64 {
    let (x, y) = (f64::from(a.value), f64::from(b.value));
    let (rx, ry) = (a.radius, b.radius);
    let product = || x.abs() * ry + y.abs() * rx + rx * ry;
    let moved = match op {
        Op::Add | Op::Sub => rx + ry,
        Op::Mul => product(),
        Op::Fma => product() + c.radius,
        Op::Div if ry == 0.0 => rx / y.abs(),
        Op::Div if y.abs() > ry => (x.abs() * ry + y.abs() * rx) / (y.abs() * (y.abs() - ry)),
        Op::Div => f64::INFINITY,
        Op::Min | Op::Max if x.is_nan() || y.is_nan() => {
            if rx == 0.0 {
                ry
            } else {
                f64::INFINITY
            }
        }
        Op::Min | Op::Max => rx.max(ry),
        Op::Neg | Op::Abs | Op::Tanh => rx,
        Op::Sqrt if rx == 0.0 => 0.0,
        Op::Sqrt if x > rx => rx / (x.sqrt() + (x - rx).sqrt()),
        Op::Sqrt => f64::INFINITY,
        Op::Exp => x.exp() * rx.exp_m1(),
        Op::Ln if rx == 0.0 => 0.0,
        Op::Ln if x > rx => (x / (x - rx)).ln(),
        Op::Ln => f64::INFINITY,
        Op::Sin | Op::Cos if x.abs() + rx < 1e5 => rx + turn_loss(x),
        Op::Sin | Op::Cos => f64::INFINITY,
    };
    // An unbounded operand times nothing: anything.
    if moved.is_nan() { f64::INFINITY } else { moved }
}

/// Whether a device's number, stored as `storage`, is within the bound; nothing if it is not compared.
pub fn holds(bound: Bound, storage: Storage, found: f32) -> Option<bool> {
    let Bound { value, radius } = bound;
    if radius.is_infinite() {
        return None;
    }
    if value.is_nan() {
        return Some(found.is_nan());
    }
    let low = rounded(storage, f64::from(value) - radius);
    let high = rounded(storage, f64::from(value) + radius);
    Some(low <= found && found <= high)
}

/// The number as it is stored.
pub fn rounded(storage: Storage, number: f64) -> f32 {
    let number = number as f32;
    match storage {
        Storage::F32 => number,
        Storage::F16 => half::f16::from_f32(number).to_f32(),
        Storage::Bf16 => half::bf16::from_f32(number).to_f32(),
    }
}
