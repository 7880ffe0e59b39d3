//! Kernels on an adapter of wgpu, against compiled code on the CPU. Mesa's lavapipe is adapter enough.

#![cfg(feature = "wgpu")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;

use candle_core::{DType, Device, Tensor};
use common::{answer, numbers, pipeline, run, samplers};
use samp_compiler::backend::{Dtype, Engine, compile};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::Op;
use samp_runtime::device::{DeviceKernel, TensorDraw, TensorLaunch};
use samp_runtime::{On, RunOptions, Stored};

/// How far a sample of five steps in f32 may be from the CPU's, of the largest number: adapters may round `fma` twice.
const BOUND: f64 = 2e-5;

fn on_adapter() -> RunOptions {
    RunOptions { on: On::Wgpu, ..RunOptions::default() }
}

#[test]
fn every_sampler_draws_what_the_cpu_draws() {
    for sampler in samplers() {
        for guidance in ["plain", "cfg(scale = 2.5)"] {
            let compiled = pipeline(sampler, guidance).compile().unwrap();
            let expected = numbers(&run(&compiled, answer, RunOptions::default()));
            let found = numbers(&run(&compiled, answer, on_adapter()));
            let size = expected.iter().fold(1.0, |top: f64, x| top.max(x.abs()));
            let off = found.iter().zip(&expected).fold(0.0, |top: f64, (a, b)| top.max((a - b).abs()));
            assert!(off <= BOUND * size, "{sampler}, {guidance}: {off:e} of {size}");
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
        let expected = numbers(&run(&compiled, checked, RunOptions::default()));
        let found = numbers(&run(&compiled, checked, on_adapter()));
        let size = expected.iter().fold(1.0, |top: f64, x| top.max(x.abs()));
        let off = found.iter().zip(&expected).fold(0.0, |top: f64, (a, b)| top.max((a - b).abs()));
        assert!(off <= bound * size, "{stored}: {off:e} of {size}");
    }
}

/// Odd counts, buffers of every type, in place and apart, with noise made and given.
#[test]
fn buffers_of_every_type_and_size() {
    let mut kernel = Kernel::new("mixed");
    let (x, y) = (kernel.load(0), kernel.load(1));
    let (a, noise, given) = (kernel.scalar(0), kernel.noise(0), kernel.noise(1));
    let sum = kernel.apply(Op::Add, [x, y]);
    let scaled = kernel.apply(Op::Mul, [a, sum]);
    let noisy = kernel.apply(Op::Add, [y, noise]);
    let both = kernel.apply(Op::Sub, [noisy, given]);
    kernel.store(scaled);
    kernel.store(both);
    let kernel = DeviceKernel::from(compile(&kernel, Engine::best(), Dtype::F32).unwrap());
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
            let off = found.iter().zip(&expected).fold(0.0, |top: f64, (a, b)| top.max((a - b).abs()));
            // A last bit of f32 before rounding to 16 bits is at most one unit there.
            let bound = if pair == (DType::F32, DType::F32) { 2e-6 } else { 4e-2 };
            assert!(off <= bound, "{shape:?} {pair:?}: {off:e}");
        }
    }
}
