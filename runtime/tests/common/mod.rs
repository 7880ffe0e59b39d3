//! Samplers of the library, compiled, and runs of them.

#![allow(dead_code, reason = "each test uses a part")]

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir::Slot;
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::Op;
use samp_compiler::library::{Asks, std_samplers};
use samp_runtime::{Call, Compiled, Pipeline, RunOptions, Start};

/// Samples and elements: an odd number of both, more than a block together.
pub const SHAPE: (usize, usize) = (3, 411);

/// A pipeline of five steps around a sampler.
pub fn pipeline(sampler: &str, guidance: &str) -> Pipeline {
    Pipeline::new()
        .slot(Slot::Guidance, guidance)
        .schedule("scaled_linear")
        .grid("karras")
        .model("edm")
        .sampler(sampler)
        .steps(5)
}

/// A pipeline around every sampler of the library, plain and guided where it runs so, each with its name.
pub fn pipelines() -> Vec<(String, Pipeline)> {
    const GUIDED: &str = "cfg(scale = 2.5)";
    let named = |sampler: &str, guidance| (format!("{sampler}, {guidance}"), pipeline(sampler, guidance));
    let mut pipelines = Vec::new();
    for guidance in ["plain", GUIDED] {
        pipelines.extend(std_samplers(Asks::Nothing).map(|sampler| named(sampler, guidance)));
        pipelines.extend(std_samplers(Asks::Ends).map(|sampler| {
            let (name, pipeline) = named(sampler, guidance);
            (name, pipeline.grid("ends"))
        }));
    }
    pipelines.extend(std_samplers(Asks::Branch).map(|sampler| named(sampler, GUIDED)));
    pipelines.extend(std_samplers(Asks::View).map(|sampler| {
        let (name, pipeline) = named(sampler, GUIDED);
        (name, pipeline.model("learned_variance"))
    }));
    pipelines
}

/// Two loads, one number, noise that is made and noise that is given; two stores.
pub fn mixed() -> Kernel {
    let mut kernel = Kernel::new("mixed");
    let (x, y) = (kernel.load(0), kernel.load(1));
    let (a, noise, given) = (kernel.scalar(0), kernel.noise(0), kernel.noise(1));
    let sum = kernel.apply(Op::Add, [x, y]);
    let scaled = kernel.apply(Op::Mul, [a, sum]);
    let noisy = kernel.apply(Op::Add, [y, noise]);
    let both = kernel.apply(Op::Sub, [noisy, given]);
    kernel.store(scaled);
    kernel.store(both);
    kernel
}

/// How far the last sample of a run is from that of compiled code on the CPU, of the largest number.
pub fn distance(
    compiled: &Compiled,
    denoiser: impl Fn(&Tensor, &Call) -> candle_core::Result<Tensor>,
    options: RunOptions,
) -> f64 {
    let expected = numbers(&run(compiled, &denoiser, RunOptions::default()));
    let size = expected.iter().fold(1.0, |top: f64, x| top.max(x.abs()));
    farthest(&numbers(&run(compiled, &denoiser, options)), &expected) / size
}

/// How many times its bound a run may be off: how long a step is that is found follows from an error, a difference of
/// numbers that are near each other.
pub fn leave(compiled: &Compiled) -> f64 {
    if compiled.is_adaptive() { 10.0 } else { 1.0 }
}

/// The largest difference; infinite where one is no number.
pub fn farthest(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |top, off| if off.is_nan() { f64::INFINITY } else { top.max(off) })
}

/// The last sample of a run from noise.
pub fn run(
    compiled: &Compiled,
    denoiser: impl FnMut(&Tensor, &Call) -> candle_core::Result<Tensor>,
    mut options: RunOptions,
) -> Tensor {
    let dtype = if compiled.dtype() == samp_runtime::Dtype::F64 { DType::F64 } else { DType::F32 };
    let start = Start::noise_from(&Device::Cpu, SHAPE, 5, 2, dtype).expect("a start");
    for input in compiled.inputs() {
        options.inputs.insert(input.name.to_string(), Tensor::ones(SHAPE, dtype, &Device::Cpu).expect("a tensor"));
    }
    compiled.start(start, denoiser, options).and_then(|run| run.finish()).expect("the run goes through")
}

/// A denoiser that is no denoiser: branches and outputs differ, and so do its answers to different times.
pub fn answer(x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
    let rows = call.batch();
    let answers = (0..call.branches().len()).map(|k| {
        let part = x.narrow(0, k * rows, rows)?;
        let parts = (0..call.parts())
            .map(|output| part.affine(0.3 + 0.2 * k as f64 - 0.1 * output as f64, 1e-3 * call.time().rem_euclid(7.0)));
        Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 1)
    });
    Tensor::cat(&answers.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

/// The numbers of a tensor.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    flat.expect("a tensor of floats")
}
