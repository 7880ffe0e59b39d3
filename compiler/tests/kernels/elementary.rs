//! Accuracy of the elementary functions of machine code, in units in the last place.

use samp_compiler::backend::launch::Launch;
use samp_compiler::backend::{Dtype, Engine, compile};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::Op;

/// The distance from `found` to `exact` in units in the last place of the rounded result;
/// for denormal results, in units of the smallest normal's.
fn ulps(found: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if found == rounded || (found.is_nan() && rounded.is_nan()) {
        return 0.0;
    }
    if !found.is_finite() || !rounded.is_finite() {
        return f64::INFINITY;
    }
    let size = rounded.abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(size.next_up()) - f64::from(size);
    (f64::from(found) - exact).abs() / unit
}

fn evaluate(op: Op, engine: Engine, numbers: &[f32]) -> Vec<f32> {
    let mut kernel = Kernel::new("one");
    let x = kernel.load(0);
    let y = kernel.apply(op, [x]);
    kernel.store(y);
    let artifact = compile(&kernel, engine, Dtype::F32).unwrap();
    assert_eq!(artifact.engine(), engine);
    let mut out = vec![0.0; numbers.len()];
    let launch =
        Launch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, samples: 1, elements: numbers.len() };
    artifact.run(&launch, &[numbers.into()], &mut [&mut out]).unwrap();
    out
}

/// Every `STRIDE`th float, both signs, and the special ones.
pub fn all_floats() -> Vec<f32> {
    const STRIDE: usize = 4999;
    let mut numbers: Vec<f32> = (0..=u32::MAX).step_by(STRIDE).map(f32::from_bits).collect();
    let special = [0.0, 1.0, 0.625, 88.72283, 88.722_84, 87.33, 103.97, 104.5, 1e-40];
    numbers.extend(special.iter().flat_map(|&x| [x, -x]));
    numbers.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE]);
    numbers
}

fn worst(op: Op, exact: fn(f64) -> f64, numbers: &[f32]) -> (f64, f32) {
    let found = evaluate(op, Engine::Clif, numbers);
    let error = |(&x, &y): (&f32, &f32)| (ulps(y, exact(f64::from(x))), x);
    let errors = numbers.iter().zip(&found).map(error);
    errors.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

fn check(op: Op, exact: fn(f64) -> f64, numbers: &[f32], budget: f64) {
    if Engine::best() == Engine::Interp {
        println!("skipped: no machine code here");
        return;
    }
    let (error, at) = worst(op, exact, numbers);
    println!("{}: {error:.3} ulp at {at:e} of {}", op.name(), numbers.len());
    assert!(error <= budget, "{}: {error} ulp at {at:e}", op.name());
}

#[test]
fn exp_over_all_floats() {
    check(Op::Exp, libm::exp, &all_floats(), 1.5);
}

#[test]
fn ln_over_all_floats() {
    check(Op::Ln, libm::log, &all_floats(), 1.5);
}

#[test]
fn tanh_over_all_floats() {
    check(Op::Tanh, libm::tanh, &all_floats(), 2.0);
}

pub fn angles(bound: f32) -> Vec<f32> {
    let mut numbers = all_floats();
    numbers.retain(|x| x.abs() <= bound);
    // Even steps, and the floats next to multiples of a right angle: the hard cases.
    numbers.extend((0..200_000).map(|i| (i as f32 / 100_000.0 - 1.0) * bound));
    let right = std::f64::consts::FRAC_PI_2;
    let turns = (f64::from(bound) / right) as u32;
    numbers.extend((1..turns).map(|k| (f64::from(k) * right) as f32));
    numbers
}

#[test]
fn sin_and_cos_up_to_1e5() {
    check(Op::Sin, libm::sin, &angles(1e5), 2.0);
    check(Op::Cos, libm::cos, &angles(1e5), 2.0);
}

#[test]
fn sin_and_cos_stay_in_bounds_beyond() {
    for op in [Op::Sin, Op::Cos] {
        for (x, y) in all_floats().iter().zip(evaluate(op, Engine::best(), &all_floats())) {
            assert!(y.abs() <= 1.0 || !x.is_finite(), "{} of {x:e} is {y:e}", op.name());
        }
        let out = evaluate(op, Engine::best(), &[f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
        assert!(out.iter().all(|y| y.is_nan()));
    }
}

#[test]
fn exact_operations_are_exact() {
    let numbers = all_floats();
    for op in [Op::Neg, Op::Abs, Op::Sqrt] {
        let expected = evaluate(op, Engine::Interp, &numbers);
        let found = evaluate(op, Engine::best(), &numbers);
        for (a, b) in expected.iter().zip(&found) {
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        }
    }
}
