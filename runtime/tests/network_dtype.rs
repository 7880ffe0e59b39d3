//! Networks of another dtype than the state: the conversions are part of the kernels and change nothing else.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;

use std::cell::Cell;

use candle_core::{DType, Tensor};
use common::{answer, numbers, pipeline, pipelines, run};
use samp_runtime::{Call, Dtype, RunOptions, Stored};

/// A state in one dtype around a network in another.
const PAIRS: [(Dtype, Stored, DType); 6] = [
    (Dtype::F32, Stored::F16, DType::F16),
    (Dtype::F32, Stored::Bf16, DType::BF16),
    (Dtype::F32, Stored::F64, DType::F64),
    (Dtype::F64, Stored::F32, DType::F32),
    (Dtype::F64, Stored::F16, DType::F16),
    (Dtype::F64, Stored::Bf16, DType::BF16),
];

/// By way of f32, as kernels do it.
fn converted(x: &Tensor, dtype: DType) -> candle_core::Result<Tensor> {
    match dtype {
        DType::F16 | DType::BF16 => x.to_dtype(DType::F32)?.to_dtype(dtype),
        dtype => x.to_dtype(dtype),
    }
}

#[test]
fn conversions_in_the_kernel_are_those_around_the_network() {
    for (name, pipeline) in pipelines() {
        for (dtype, stored, candle) in PAIRS {
            let pipeline = pipeline.clone().dtype(dtype);
            let inside = pipeline.clone().network_dtype(stored).compile().unwrap();
            let around = pipeline.compile().unwrap();
            let found = run(
                &inside,
                |x: &Tensor, call: &Call| {
                    assert_eq!(x.dtype(), candle);
                    answer(x, call)
                },
                RunOptions::default(),
            );
            let expected = run(
                &around,
                |x: &Tensor, call: &Call| answer(&converted(x, candle)?, call)?.to_dtype(x.dtype()),
                RunOptions::default(),
            );
            assert_eq!(numbers(&found), numbers(&expected), "{name}, {dtype} around {stored}");
        }
    }
}

#[test]
fn an_output_of_the_states_dtype_is_refused() {
    let compiled = pipeline("euler", "plain").network_dtype(Stored::Bf16).compile().unwrap();
    let start = samp_runtime::Start::noise(&candle_core::Device::Cpu, common::SHAPE, 1).unwrap();
    let error = compiled.run(start, |x: &Tensor, _: &Call| x.to_dtype(DType::F32)).unwrap_err();
    assert_eq!(error.to_string(), "the denoiser returned dtype f32 at step 1 of 5, expected dtype bf16");
}

#[test]
fn every_branch_is_fed_the_same() {
    let compiled = pipeline("heun", "cfg(scale = 3)").compile().unwrap();
    let calls = Cell::new(0);
    run(
        &compiled,
        |x: &Tensor, call: &Call| {
            calls.set(calls.get() + 1);
            let rows = call.batch();
            assert_eq!((call.branches().len(), x.dim(0)?), (2, 2 * rows));
            assert_eq!(numbers(&x.narrow(0, 0, rows)?), numbers(&x.narrow(0, rows, rows)?));
            answer(x, call)
        },
        RunOptions::default(),
    );
    assert_eq!(calls.get(), 9);
}
