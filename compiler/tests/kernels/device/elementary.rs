//! The accuracy of every operation on the device, over all floats.

use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage};
use samp_compiler::ir::kernel::{Args, Kernel};
use samp_compiler::ir::op::{Op, Reduction};

use super::bench::{self, Inputs};
use super::bounds::{self, holds};
use crate::elementary::{all_floats, angles};

/// `op` of loads.
fn one(op: Op) -> Kernel {
    let mut kernel = Kernel::new("one");
    let loads = [0, 1, 2].map(|slot| if (slot as usize) < op.arity() { Some(kernel.load(slot)) } else { None });
    let loads: Vec<_> = loads.into_iter().flatten().collect();
    let value = kernel.apply(op, Args::from_slice(&loads).unwrap());
    kernel.store(value);
    kernel
}

/// What is out of bounds.
fn check(op: Op, loads: &[Vec<f32>]) -> Vec<String> {
    let kernel = one(op);
    let (samples, elements) = (1, loads[0].len());
    let layout = Layout::uniform(&kernel, Storage::F32).fitted(Extent { samples, elements, room: Room::Padded });
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples, elements };
    let found = bench::run(&kernel, &layout, &launch, loads, &[]);
    let (mut worst, mut wrong) = (0.0f64, Vec::new());
    for (at, found) in found[0].iter().enumerate() {
        let args: Vec<f32> = loads.iter().map(|load| load[at]).collect();
        let bound = bounds::evaluate(&kernel, &args, &[], &[], &[])[0];
        // Alone, an operation gives what IEEE 754 says of special numbers as well.
        if args.iter().all(|arg| !arg.is_subnormal()) && !bound.value.is_finite() {
            let same = bound.value == *found || (bound.value.is_nan() && found.is_nan());
            assert!(same, "{op:?} of {args:?}: {found:e}, not {:e}", bound.value);
        }
        let is_off = holds(bound, Storage::F32, *found) == Some(false);
        wrong.extend(is_off.then(|| format!("{op:?} of {args:?}: {found:e}, not {bound:?}")));
        let is_normal = bound.radius.is_finite() && bound.value.is_normal();
        if is_normal && !args.iter().any(|arg| arg.is_subnormal()) {
            worst = worst.max((f64::from(*found) - f64::from(bound.value)).abs() / bounds::ulp(bound.value));
        }
    }
    println!("{}: {worst:.2} ulp of {elements}", op.name());
    wrong
}

/// All floats against themselves in another order, and against special ones.
fn operands(arity: usize) -> Vec<Vec<f32>> {
    let first = all_floats();
    let turned = |by: usize| first.iter().cycle().skip(by).take(first.len()).copied().collect::<Vec<f32>>();
    let all = [first.clone(), turned(123_457), turned(54_321)];
    all.into_iter().take(arity).collect()
}

#[test]
fn every_operation_keeps_its_budget() {
    let mut wrong = Vec::new();
    for &op in Op::ALL {
        let found = match op {
            Op::Sin | Op::Cos => check(op, &[angles(1e4)]),
            _ => check(op, &operands(op.arity())),
        };
        wrong.extend(found.into_iter().take(5));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// NaN, signed zeros, infinities and denormals meet each other in every operation of two.
#[test]
fn special_numbers_meet() {
    let special =
        [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-40];
    let pairs = special.iter().flat_map(|a| special.iter().map(move |b| (*a, *b)));
    let (a, b): (Vec<f32>, Vec<f32>) = pairs.unzip();
    for op in [Op::Add, Op::Sub, Op::Mul, Op::Min, Op::Max] {
        assert_eq!(check(op, &[a.clone(), b.clone()]), Vec::<String>::new());
    }
}

/// The second operand's sign too, which a comparison of numbers does not see.
#[test]
fn minimum_and_maximum_of_zeros_are_the_second() {
    for op in [Op::Min, Op::Max] {
        let kernel = one(op);
        let layout = Layout::uniform(&kernel, Storage::F32);
        let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements: 2 };
        let found = bench::run(&kernel, &layout, &launch, &[vec![0.0, -0.0], vec![-0.0, 0.0]], &[]);
        assert_eq!(found[0].iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [1 << 31, 0], "{op:?}");
    }
}

#[test]
fn constants_arrive_bit_for_bit() {
    let numbers = [0.1, -0.0, 1.0 / 3.0, f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE), 16_777_217.0, -2.5e-30];
    let mut kernel = Kernel::new("constants");
    let x = kernel.load(0);
    kernel.store(x);
    for number in numbers {
        let value = kernel.constant(number);
        kernel.store(value);
    }
    let layout = Layout::uniform(&kernel, Storage::F32);
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements: 1 };
    let found = bench::run(&kernel, &layout, &launch, &[vec![1.0]], &[]);
    for (number, found) in numbers.iter().zip(&found[1..]) {
        assert_eq!(found[0].to_bits(), (*number as f32).to_bits(), "{number}");
    }
}

/// No language writes these, and none may compute them from literals.
#[test]
fn literals_may_give_no_number() {
    let mut kernel = Kernel::new("literals");
    let x = kernel.load(0);
    kernel.store(x);
    let [minus, huge, zero] = [-2.0, 1e38, 0.0].map(|number| kernel.constant(number));
    let root = kernel.apply(Op::Sqrt, [minus]);
    let infinite = kernel.apply(Op::Mul, [huge, huge]);
    let below = kernel.apply(Op::Ln, [zero]);
    let shrunk = kernel.apply(Op::Div, [minus, infinite]);
    let sum = kernel.apply(Op::Add, [shrunk, x]);
    // On the way to these lies what is chosen for other operands.
    let finite = [Op::Exp, Op::Ln, Op::Tanh, Op::Sin, Op::Cos].map(|op| {
        let two = kernel.constant(2.0);
        kernel.apply(op, [two])
    });
    for value in [root, infinite, below, sum].into_iter().chain(finite) {
        kernel.store(value);
    }
    kernel.reduce(Reduction::Max, infinite);
    let layout = Layout::uniform(&kernel, Storage::F32);
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements: 1 };
    let (loads, none) = ([vec![1.0]], &[][..]);
    let (found, reduced) =
        bench::measure(&kernel, &layout, &launch, &Inputs { loads: &loads, given: none, cells: none });
    assert!(found[1][0].is_nan());
    assert_eq!([found[2][0], found[3][0], found[4][0]], [f32::INFINITY, f32::NEG_INFINITY, 1.0]);
    for (found, expected) in
        found[5..].iter().zip([2.0f32.exp(), 2.0f32.ln(), 2.0f32.tanh(), 2.0f32.sin(), 2.0f32.cos()])
    {
        assert!((found[0] - expected).abs() <= 1e-6, "{}, not {expected}", found[0]);
    }
    assert_eq!(reduced, [[f32::INFINITY]]);
}
