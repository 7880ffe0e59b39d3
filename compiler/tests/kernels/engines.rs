//! Machine code against the interpreter, on random kernels.

use proptest::prelude::*;
use samp_compiler::backend::element::Element;
use samp_compiler::backend::launch::{Draw, Launch, Load};
use samp_compiler::backend::{Engine, compile, compile_all};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_compiler::ir::op::Op;

use crate::random::{measuring, numbers};

fn exact_ops() -> Vec<Op> {
    Op::ALL.iter().copied().filter(|op| op.is_exact()).collect()
}

/// What the kernel stores, from buffers that only `salt` decides; in place if asked.
pub fn outputs<T: Element>(
    kernel: &Kernel,
    engine: Engine,
    (samples, elements): (usize, usize),
    in_place: bool,
) -> Vec<Vec<T>> {
    let artifact = compile(kernel, engine, T::DTYPE).unwrap();
    let buffer = |salt: u32| -> Vec<T> {
        let numbers = numbers(samples * elements, salt);
        numbers.into_iter().map(|x| T::from_f64(x.into())).collect()
    };
    let inputs: Vec<Vec<T>> = (0..kernel.n_loads).map(buffer).collect();
    let scalars = [0.3, -1.7, 1e-3, 12.5];
    let draws: Vec<Draw<'_, T>> = (0..kernel.n_noises).map(|stream| Draw::Generated { stream, draw: 9 }).collect();
    let numbers: Vec<Vec<f64>> = (0..3).map(|k| (0..samples).map(|b| 0.7 - (b + k) as f64).collect()).collect();
    let cells: Vec<&[f64]> = numbers.iter().map(Vec::as_slice).collect();
    let launch = Launch {
        scalars: &scalars[..kernel.n_scalars as usize],
        draws: &draws,
        cells: &cells[..kernel.n_cells as usize],
        seed: 1234,
        first_sample: 2,
        samples,
        elements,
    };
    let n_shared = if in_place { inputs.len().min(kernel.stores.len()) } else { 0 };
    let mut outputs: Vec<Vec<T>> = (0..kernel.stores.len())
        .map(|slot| match slot < n_shared {
            true => inputs[slot].clone(),
            false => vec![T::default(); samples * elements],
        })
        .collect();
    let loads: Vec<Load<'_, T>> = inputs
        .iter()
        .enumerate()
        .map(|(slot, input)| match slot < n_shared {
            true => Load::InPlace(slot),
            false => Load::From(input),
        })
        .collect();
    let mut stores: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let reduced = artifact.run(&launch, &loads, &mut stores).unwrap();
    outputs.extend(reduced.into_iter().map(|cell| cell.into_iter().map(T::from_f64).collect()));
    outputs
}

fn assert_same_f32(a: &[Vec<f32>], b: &[Vec<f32>]) {
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    let at = a.iter().flatten().zip(b.iter().flatten()).position(|pair| !same(pair));
    assert_eq!(at, None);
}

fn assert_same_f64(a: &[Vec<f64>], b: &[Vec<f64>]) {
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    let at = a.iter().flatten().zip(b.iter().flatten()).position(|pair| !same(pair));
    assert_eq!(at, None);
}

/// Kernels with `fma` are equal bit for bit only where the CPU has the instruction.
fn fused() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn f32_is_the_interpreter_s(
        kernel in measuring(exact_ops()),
        samples in 1usize..4,
        elements in 1usize..3000,
        in_place: bool,
    ) {
        prop_assume!(fused());
        let shape = (samples, elements);
        let expected = outputs::<f32>(&kernel, Engine::Interp, shape, false);
        let found = outputs::<f32>(&kernel, Engine::best(), shape, in_place);
        assert_same_f32(&expected, &found);
    }

    #[test]
    fn f64_is_the_interpreter_s(
        kernel in measuring(exact_ops()),
        elements in 1usize..3000,
        in_place: bool,
    ) {
        prop_assume!(fused());
        let expected = outputs::<f64>(&kernel, Engine::Interp, (2, elements), false);
        let found = outputs::<f64>(&kernel, Engine::best(), (2, elements), in_place);
        assert_same_f64(&expected, &found);
    }

    #[test]
    fn kernels_of_all_operations_compile_and_run(
        kernel in measuring(Op::ALL.to_vec()),
        elements in 1usize..100,
        in_place: bool,
    ) {
        let apart = outputs::<f32>(&kernel, Engine::best(), (2, elements), false);
        let shared = outputs::<f32>(&kernel, Engine::best(), (2, elements), in_place);
        assert_same_f32(&apart, &shared);
        let apart = outputs::<f64>(&kernel, Engine::best(), (1, elements), false);
        let expected = outputs::<f64>(&kernel, Engine::Interp, (1, elements), false);
        assert_same_f64(&apart, &expected);
    }
}

#[test]
fn min_and_max_give_the_second_operand_of_nan() {
    let text = "kernel bound (loads 2, scalars 0, noises 0) {
        v0 = load 0
        v1 = load 1
        v2 = min v0 v1
        v3 = max v0 v1
        store 0 v2
        store 1 v3
    }";
    let kernel = parse_kernel(text).unwrap();
    for engine in [Engine::Interp, Engine::best()] {
        let artifact = compile(&kernel, engine, samp_compiler::backend::Dtype::F32).unwrap();
        let (a, b) = ([f32::NAN, 1.0, 0.0, -0.0, 2.0], [1.0, f32::NAN, -0.0, 0.0, 3.0]);
        let (mut low, mut high) = ([0.0; 5], [0.0; 5]);
        let launch = Launch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, samples: 1, elements: 5 };
        let loads = [Load::From(a.as_slice()), Load::From(b.as_slice())];
        artifact.run(&launch, &loads, &mut [&mut low, &mut high]).unwrap();
        let bits = |row: [f32; 5]| row.map(f32::to_bits);
        assert_eq!(bits(low)[..1], bits(high)[..1]);
        assert_eq!(bits(low), bits([1.0, low[1], -0.0, 0.0, 2.0]));
        assert_eq!(bits(high), bits([1.0, high[1], -0.0, 0.0, 3.0]));
        assert!(low[1].is_nan() && high[1].is_nan());
    }
}

#[test]
fn f64_with_elementary_functions_is_interpreted() {
    let text = "kernel e (loads 1, scalars 0, noises 0) {
        v0 = load 0
        v1 = exp v0
        store 0 v1
    }";
    let kernel = parse_kernel(text).unwrap();
    let artifact = compile(&kernel, Engine::best(), samp_compiler::backend::Dtype::F64).unwrap();
    assert_eq!(artifact.engine(), Engine::Interp);
}

#[test]
fn code_outlives_its_siblings() {
    let kernel = parse_kernel(
        "kernel twice (loads 1, scalars 0, noises 0) {
        v0 = load 0
        v1 = add v0 v0
        store 0 v1
    }",
    )
    .unwrap();
    let dtype = samp_compiler::backend::Dtype::F32;
    let mut artifacts = compile_all(&vec![kernel; 100], Engine::best(), dtype).unwrap();
    let last = artifacts.pop().unwrap();
    drop(artifacts);
    let mut x = [1.0f32, 2.0, 3.0];
    let launch = Launch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, samples: 3, elements: 1 };
    std::thread::scope(|scope| {
        scope.spawn(|| last.run(&launch, &[Load::InPlace(0)], &mut [&mut x]).unwrap());
    });
    assert_eq!(x, [2.0, 4.0, 6.0]);
}
