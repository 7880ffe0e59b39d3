//! Kernels through candle's operations, against the interpreter.
//!
//! All operations that IEEE 754 defines are equal bit for bit once `fma` is taken apart; the others are within
//! [`ULPS`] of the interpreter, which rounds the result of f64.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;
#[path = "../../compiler/tests/kernels/random.rs"]
mod random;

use candle_core::{DType, Device, Tensor};
use common::{answer, distance, leave, numbers, pipelines};
use proptest::prelude::*;
use samp_compiler::backend::{Artifact, Dtype, Engine, compile};
use samp_compiler::ir::kernel::{Inst, Kernel};
use samp_compiler::ir::op::{Op, Reduction};
use samp_runtime::device::{Cells, DeviceError, TensorDraw, TensorLaunch, candle_ops, cpu};
use samp_runtime::{On, RunOptions};

/// How far candle's elementary functions on the CPU, in f32, may be from the nearest number, in units of the last
/// place: they are the C library's, and half a unit is the best there is.
const ULPS: u32 = 2;

const DTYPES: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

type Launcher = fn(&Artifact, &TensorLaunch<'_>, &[&Tensor], &[&Tensor]) -> Result<(), DeviceError>;

fn by_candle(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<(), DeviceError> {
    candle_ops::launch(artifact, launch, loads, stores).map(|_| ())
}

fn by_code(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<(), DeviceError> {
    cpu::launch(artifact, launch, loads, stores).map(|_| ())
}

/// What a kernel stores, from buffers that only `salt` and their place decide.
fn outputs(
    launcher: Launcher,
    artifact: &Artifact,
    shape: (usize, usize),
    dtypes: [DType; 3],
    in_place: bool,
) -> Vec<Vec<f64>> {
    let kernel = artifact.kernel();
    let buffer = |slot: u32, dtype: DType| {
        let values = random::numbers(shape.0 * shape.1, slot);
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    };
    let loads: Vec<Tensor> = (0..kernel.n_loads).map(|slot| buffer(slot, dtypes[slot as usize % 3])).collect();
    let stores: Vec<Tensor> = (0..kernel.stores.len())
        .map(|slot| match loads.get(slot).filter(|_| in_place) {
            Some(load) => load.clone(),
            None => Tensor::zeros(shape, dtypes[slot % 3], &Device::Cpu).unwrap(),
        })
        .collect();
    let draws: Vec<TensorDraw<'_>> =
        (0..kernel.n_noises).map(|stream| TensorDraw::Generated { stream, draw: 9 }).collect();
    let cells: Vec<Cells> = (0..kernel.n_cells)
        .map(|k| Cells::Host((0..shape.0).map(|b| 0.7 - f64::from(k) - b as f64).collect()))
        .collect();
    let launch = TensorLaunch {
        cells: &cells.iter().collect::<Vec<_>>(),
        scalars: &[0.3, -1.7, 1e-3, 12.5][..kernel.n_scalars as usize],
        draws: &draws,
        seed: 1234,
        first_sample: 2,
        threads: 1,
    };
    let loads: Vec<&Tensor> = loads.iter().collect();
    let stores: Vec<&Tensor> = stores.iter().collect();
    launcher(artifact, &launch, &loads, &stores).unwrap();
    stores.into_iter().map(numbers).collect()
}

/// The kernel with every `fma` as a product and a sum.
fn without_fma(kernel: &Kernel) -> Kernel {
    let mut apart = Kernel::new("apart");
    (apart.n_loads, apart.n_scalars, apart.n_noises) = (kernel.n_loads, kernel.n_scalars, kernel.n_noises);
    apart.n_cells = kernel.n_cells;
    let mut names = Vec::new();
    for inst in kernel.insts.values() {
        let mut inst = inst.clone();
        inst.args_mut().iter_mut().for_each(|arg| *arg = names[arg.as_u32() as usize]);
        names.push(match &inst {
            Inst::Apply { op: Op::Fma, args } => {
                let [a, b, c] = *args.as_slice() else { panic!("three operands") };
                let product = apart.apply(Op::Mul, [a, b]);
                apart.apply(Op::Add, [product, c])
            }
            _ => apart.insts.push(inst),
        });
    }
    apart.stores = kernel.stores.iter().map(|value| names[value.as_u32() as usize]).collect();
    for reduce in &kernel.reduces {
        apart.reduce(reduce.how, names[reduce.value.as_u32() as usize]);
    }
    apart
}

fn same(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    let same = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
    a.iter().flatten().zip(b.iter().flatten()).all(same)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn exact_operations_are_the_interpreter_s(
        kernel in random::measuring(Op::ALL.iter().copied().filter(|op| op.is_exact()).collect()),
        samples in 1usize..4,
        elements in 1usize..1500,
        dtypes in prop::array::uniform3(prop::sample::select(DTYPES.to_vec())),
        compute in prop::sample::select(vec![Dtype::F32, Dtype::F64]),
        in_place: bool,
    ) {
        let fused = compile(&kernel, Engine::Interp, compute).unwrap();
        let apart = compile(&without_fma(&kernel), Engine::Interp, compute).unwrap();
        let shape = (samples, elements);
        let found = outputs(by_candle, &fused, shape, dtypes, in_place);
        let expected = outputs(by_code, &apart, shape, dtypes, false);
        prop_assert!(same(&found, &expected), "{kernel}");
    }

    #[test]
    fn machine_code_takes_buffers_of_any_type(
        kernel in random::measuring(Op::ALL.iter().copied().filter(|op| op.is_exact()).collect()),
        samples in 1usize..4,
        elements in 1usize..1500,
        dtypes in prop::array::uniform3(prop::sample::select(DTYPES.to_vec())),
        compute in prop::sample::select(vec![Dtype::F32, Dtype::F64]),
        in_place: bool,
    ) {
        let kernel = without_fma(&kernel);
        let machine = compile(&kernel, Engine::best(), compute).unwrap();
        let interp = compile(&kernel, Engine::Interp, compute).unwrap();
        let shape = (samples, elements);
        let found = outputs(by_code, &machine, shape, dtypes, in_place);
        let expected = outputs(by_code, &interp, shape, dtypes, false);
        prop_assert!(same(&found, &expected), "{kernel}");
    }
}

/// What a kernel that only reduces makes of rows, in the order of its reductions.
fn reduced(
    reduce: impl Fn(&Artifact, &TensorLaunch<'_>, &[&Tensor]) -> Vec<Cells>,
    hows: &[Reduction],
    compute: Dtype,
    rows: &Tensor,
) -> Vec<f64> {
    let mut kernel = Kernel::new("reducing");
    let x = kernel.load(0);
    for how in hows {
        kernel.reduce(*how, x);
    }
    let artifact = compile(&kernel, Engine::Interp, compute).unwrap();
    let launch = TensorLaunch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, threads: 1 };
    let numbers = |cells: Cells| match cells {
        Cells::Host(numbers) => numbers,
        Cells::Tensor(tensor) => numbers(&tensor),
    };
    reduce(&artifact, &launch, &[rows]).into_iter().flat_map(numbers).collect()
}

/// Numbers of all sizes and signs, infinities, zeros, and many that are equal; seldom one that is none.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => any::<f32>().prop_filter("a number", |x| !x.is_nan()).prop_map(f64::from),
        4 => -2.0..2.0f64,
        4 => prop::sample::select(vec![0.0, -0.0, 1.0, -1.0, 1e-45, -1e-310, f64::INFINITY, f64::NEG_INFINITY]),
        1 => any::<f64>().prop_filter("a number", |x| !x.is_nan()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Quantiles are found by exact steps, so they are the interpreter's; maxima are no less exact.
    #[test]
    fn quantiles_and_maxima_are_the_interpreter_s(
        numbers in prop::collection::vec(any_number(), 0..600),
        nan in prop::option::weighted(0.1, any::<prop::sample::Index>()),
        samples in 1usize..4,
        shares in prop::array::uniform3(prop_oneof![0.0..=1.0f64, Just(0.0), Just(0.5), Just(1.0)]),
        compute in prop::sample::select(vec![Dtype::F32, Dtype::F64]),
    ) {
        let mut numbers = numbers;
        if let Some(nan) = nan.filter(|_| !numbers.is_empty()) {
            *nan.get_mut(&mut numbers) = f64::NAN;
        }
        let elements = numbers.len().div_ceil(samples);
        numbers.resize(samples * elements, 0.25);
        let rows = Tensor::from_vec(numbers, (samples, elements), &Device::Cpu).unwrap();
        let rows = if compute == Dtype::F32 { rows.to_dtype(DType::F32).unwrap() } else { rows };
        let hows: Vec<Reduction> = shares.map(Reduction::Quantile).into_iter().chain([Reduction::Max]).collect();
        let found = reduced(|a, l, x| candle_ops::launch(a, l, x, &[]).unwrap(), &hows, compute, &rows);
        let expected =
            reduced(|a, l, x| cpu::launch(a, l, x, &[]).unwrap().into_iter().map(Cells::Host).collect(), &hows, compute, &rows);
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        prop_assert!(found.len() == 4 * samples && found.iter().zip(&expected).all(same), "{found:?}, not {expected:?}");
    }
}

#[test]
fn elementary_functions_are_within_their_budget() {
    for op in Op::ALL.iter().copied().filter(|op| !op.is_exact()) {
        let mut kernel = Kernel::new(op.name());
        let x = kernel.load(0);
        let y = kernel.apply(op, [x]);
        kernel.store(y);
        let artifact = compile(&kernel, Engine::Interp, Dtype::F32).unwrap();
        let f32s = [DType::F32; 3];
        let found = outputs(by_candle, &artifact, (3, 5001), f32s, false);
        let expected = outputs(by_code, &artifact, (3, 5001), f32s, false);
        for (found, expected) in found[0].iter().zip(&expected[0]) {
            let (found, expected) = (*found as f32, *expected as f32);
            let far = found.to_bits().abs_diff(expected.to_bits());
            let equal = found == expected || (found.is_nan() && expected.is_nan());
            assert!(equal || far <= ULPS, "{}: {found:e} for {expected:e}", op.name());
        }
    }
}

#[test]
fn noise_is_the_cpu_s_to_the_bit() {
    let mut kernel = Kernel::new("noise");
    let noise = kernel.noise(0);
    kernel.store(noise);
    for dtype in [Dtype::F32, Dtype::F64] {
        let artifact = compile(&kernel, Engine::best(), dtype).unwrap();
        for shape in [(1, 1), (2, 3), (3, 1025), (5, 4097)] {
            for stored in DTYPES {
                let found = outputs(by_candle, &artifact, shape, [stored; 3], false);
                assert_eq!(found, outputs(by_code, &artifact, shape, [stored; 3], false));
            }
        }
    }
}

#[test]
fn every_sampler_draws_what_compiled_code_draws() {
    for (name, pipeline) in pipelines() {
        for (dtype, bound) in [(Dtype::F32, 2e-5), (Dtype::F64, 1e-12)] {
            let compiled = pipeline.clone().dtype(dtype).compile().unwrap();
            let on = RunOptions { on: On::CandleOps, ..RunOptions::default() };
            let off = distance(&compiled, answer, on);
            assert!(off <= leave(&compiled) * bound, "{name}, {dtype}: {off:e}");
        }
    }
}

#[test]
fn mistakes_are_errors() {
    let mut kernel = Kernel::new("copy");
    let x = kernel.load(0);
    kernel.store(x);
    let artifact = compile(&kernel, Engine::best(), Dtype::F32).unwrap();
    let zeros = |dtype| Tensor::zeros((2, 3), dtype, &Device::Cpu).unwrap();
    let launch = TensorLaunch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, threads: 1 };
    let error = |loads: &[&Tensor], stores: &[&Tensor]| {
        candle_ops::launch(&artifact, &launch, loads, stores).unwrap_err().to_string()
    };
    assert_eq!(error(&[], &[&zeros(DType::F32)]), "expected 1 loads, found 0");
    let bytes = zeros(DType::U8);
    assert_eq!(error(&[&bytes], &[&zeros(DType::F32)]), "expected load 0 of f32, found u8");
    let turned = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap().t().unwrap();
    assert!(error(&[&turned], &[&zeros(DType::F32)]).starts_with("expected load 0 to be contiguous"));
}
