//! Samplers of the library, compiled, and runs of them.

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir::Slot;
use samp_compiler::library::std_planned_samplers;
use samp_runtime::{Call, Compiled, Pipeline, RunOptions, Start};

/// Samples and elements: an odd number of both, more than a block together.
pub const SHAPE: (usize, usize) = (3, 411);

/// Every sampler of the library that any pipeline can run; the others have tests of their own.
pub fn samplers() -> impl Iterator<Item = &'static str> {
    std_planned_samplers()
}

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

/// A denoiser that is no denoiser: branches differ, and so do its answers to different times.
pub fn answer(x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
    let rows = call.batch();
    let factors: Vec<f64> = (0..call.branches().len()).map(|k| 0.3 + 0.2 * k as f64).collect();
    let answers = factors.iter().enumerate().map(|(k, factor)| {
        let part = x.narrow(0, k * rows, rows)?;
        part.affine(*factor, 1e-3 * call.time().rem_euclid(7.0))
    });
    Tensor::cat(&answers.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

/// The numbers of a tensor.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    flat.expect("a tensor of floats")
}
