//! Kernels on an adapter of wgpu, against compiled code on the CPU. Mesa's lavapipe is adapter enough.

#![cfg(feature = "wgpu")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{answer, distance, farthest, leave, mixed, numbers, pipeline, pipelines};
use samp_compiler::backend::{Dtype, Engine, compile};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::{Op, Reduction};
use samp_runtime::device::{Cells, DeviceKernel, TensorDraw, TensorLaunch};
use samp_runtime::{On, RunOptions, Stored};

/// How far a sample of five steps in f32 may be from the CPU's, of the largest number: adapters may round `fma` twice.
const BOUND: f64 = 2e-5;

fn on_adapter() -> RunOptions {
    RunOptions { on: On::Wgpu, ..RunOptions::default() }
}

#[test]
fn every_sampler_draws_what_the_cpu_draws() {
    for (name, pipeline) in pipelines() {
        let compiled = pipeline.compile().unwrap();
        let off = distance(&compiled, answer, on_adapter());
        assert!(off <= leave(&compiled) * BOUND, "{name}: {off:e}");
    }
}

/// Numbers per sample are made and read on the adapter, in vectors and, at an odd count, by single elements.
#[test]
fn guidance_that_measures_draws_what_the_cpu_draws() {
    for sampler in ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde"] {
        for guidance in ["apg", "cfg_norm", "cfg_rescale", "cfg_zero_star", "dynamic_threshold"] {
            let compiled = pipeline(sampler, guidance).compile().unwrap();
            assert!(compiled.plan().n_cells > 0, "{guidance}");
            let off = distance(&compiled, answer, on_adapter());
            assert!(off <= BOUND, "{sampler}, {guidance}: {off:e}");
        }
    }
}

/// Reductions in every number type, at odd and even counts; and a cell that is read.
#[test]
fn reductions_of_every_type_and_size() {
    let mut kernel = Kernel::new("measuring");
    let (x, cell) = (kernel.load(0), kernel.cell(0));
    let moved = kernel.apply(Op::Sub, [x, cell]);
    for how in [Reduction::Mean, Reduction::Max, Reduction::Quantile(0.3)] {
        kernel.reduce(how, moved);
    }
    kernel.store(moved);
    let kernel = DeviceKernel::from(compile(&kernel, Engine::best(), Dtype::F32).unwrap());
    for shape in [(1, 1), (3, 5), (2, 1024), (3, 1027), (2, 1028)] {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let outcome = |on: On| {
                let values: Vec<f32> = (0..shape.0 * shape.1).map(|i| (i as f32 * 0.37).sin()).collect();
                let x = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let stored = Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
                let read = Cells::Host((0..shape.0).map(|sample| 0.5 * sample as f64).collect());
                let launch =
                    TensorLaunch { scalars: &[], draws: &[], cells: &[&read], seed: 0, first_sample: 0, threads: 1 };
                let cells = kernel.launch(on, &launch, &[&x], &[&stored]).unwrap();
                let cells = cells.iter().flat_map(|cells| match cells {
                    Cells::Host(numbers) => numbers.clone(),
                    Cells::Tensor(tensor) => numbers(tensor),
                });
                (cells.collect::<Vec<f64>>(), numbers(&stored))
            };
            let (expected, found) = (outcome(On::Tensors), outcome(On::Wgpu));
            assert_eq!(expected.0.len(), 3 * shape.0);
            let off = farthest(&found.0, &expected.0);
            assert!(off <= 2e-6, "{shape:?} {dtype:?}: {:?}, not {:?}", found.0, expected.0);
            assert_eq!(farthest(&found.1, &expected.1), 0.0, "{shape:?} {dtype:?}");
        }
    }
}

/// A network in 16 bits rounds what it is fed, so a last bit of f32 may become one of 16.
#[test]
fn networks_in_16_bits_are_fed_by_the_kernel() {
    for (stored, dtype, bound) in [(Stored::F16, DType::F16, 2e-2), (Stored::Bf16, DType::BF16, 1e-1)] {
        let compiled = pipeline("dpmpp_2m", "cfg(scale = 2.5)").network_dtype(stored).compile().unwrap();
        let checked = |x: &Tensor, call: &samp_runtime::Call| {
            assert_eq!(x.dtype(), dtype);
            answer(x, call)
        };
        let off = distance(&compiled, checked, on_adapter());
        assert!(off <= bound, "{stored}: {off:e}");
    }
}

/// Odd counts, buffers of every type, in place and apart, with noise made and given.
#[test]
fn buffers_of_every_type_and_size() {
    let kernel = DeviceKernel::from(compile(&mixed(), Engine::best(), Dtype::F32).unwrap());
    let dtypes = [DType::F32, DType::F16, DType::BF16];
    for shape in [(1, 1), (3, 5), (2, 1024), (3, 1027)] {
        for pair in dtypes.iter().flat_map(|a| dtypes.iter().map(move |b| (*a, *b))) {
            let outputs = |on: On| {
                let n = shape.0 * shape.1;
                let values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
                let values = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
                let (x, y) = (values.to_dtype(pair.0).unwrap(), values.to_dtype(pair.1).unwrap());
                let other = Tensor::zeros(shape, pair.1, &Device::Cpu).unwrap();
                let own = values.affine(0.5, 0.25).unwrap();
                let draws = [TensorDraw::Generated { stream: 1, draw: 7 }, TensorDraw::Given(&own)];
                let launch =
                    TensorLaunch { scalars: &[0.75], draws: &draws, cells: &[], seed: 3, first_sample: 5, threads: 1 };
                kernel.launch(on, &launch, &[&x, &y], &[&x, &other]).unwrap();
                [numbers(&x), numbers(&other)].concat()
            };
            let (expected, found) = (outputs(On::Tensors), outputs(On::Wgpu));
            let off = farthest(&found, &expected);
            // A last bit of f32 before rounding to 16 bits is at most one unit there.
            let bound = if pair == (DType::F32, DType::F32) { 2e-6 } else { 4e-2 };
            assert!(off <= bound, "{shape:?} {pair:?}: {off:e}");
        }
    }
}
