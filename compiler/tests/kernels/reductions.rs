//! Reductions: one number per sample, whatever the batch, the blocks and the threads; and cells, which read them.

use samp_compiler::backend::launch::{Launch, LaunchError};
use samp_compiler::backend::stored::Place;
use samp_compiler::backend::{Artifact, BLOCK, Dtype, Engine, compile};
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_compiler::ir::kernel_verify::{VerifyError, verify};

use crate::random::numbers;

const STATISTICS: &str = "kernel statistics (loads 1, scalars 0, noises 0) {
    v0 = load 0
    v1 = mul v0 v0
    reduce 0 mean v1
    reduce 1 max v0
    reduce 2 quantile 0.25 v0
}";

const SCALED: &str = "kernel scaled (loads 1, scalars 1, noises 0, cells 1) {
    v0 = load 0
    v1 = scalar 0
    v2 = cell 0
    v3 = mul v1 v0
    v4 = mul v2 v3
    store 0 v4
}";

fn artifact(text: &str, engine: Engine) -> Artifact {
    compile(&parse_kernel(text).unwrap(), engine, Dtype::F32).unwrap()
}

fn launch<'a>(scalars: &'a [f64], cells: &'a [&'a [f64]], samples: usize, elements: usize) -> Launch<'a, f32> {
    Launch { scalars, draws: &[], cells, seed: 0, first_sample: 0, samples, elements }
}

fn finite(n: usize) -> Vec<f32> {
    numbers(n, 3).into_iter().map(|x| if x.abs() < 10.0 { x } else { 1.0 }).collect()
}

#[test]
fn statistics_are_those_of_the_elements() {
    let elements = 3 * BLOCK + 17;
    let x = finite(2 * elements);
    for engine in [Engine::Interp, Engine::best()] {
        let found = artifact(STATISTICS, engine).run(&launch(&[], &[], 2, elements), &[(&*x).into()], &mut []).unwrap();
        for (sample, x) in x.chunks(elements).enumerate() {
            let mean = x.iter().map(|x| f64::from(x * x)).sum::<f64>() / elements as f64;
            assert!((found[0][sample] - mean).abs() <= 1e-13 * mean);
            let mut sorted: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(Some(&found[1][sample]), sorted.last());
            let place = 0.25 * (elements - 1) as f64;
            let (low, high) = (sorted[place as usize], sorted[place as usize + 1]);
            assert!((found[2][sample] - (low + place.fract() * (high - low))).abs() < 1e-15);
        }
    }
}

#[test]
fn a_sample_has_the_same_bits_in_every_batch() {
    for elements in [1, 7, 1024, 1500, 5000] {
        let x = finite(4 * elements);
        let artifact = artifact(STATISTICS, Engine::best());
        let whole = artifact.run(&launch(&[], &[], 4, elements), &[(&*x).into()], &mut []).unwrap();
        for (sample, x) in x.chunks(elements).enumerate() {
            let alone = artifact.run(&launch(&[], &[], 1, elements), &[x.into()], &mut []).unwrap();
            for (whole, alone) in whole.iter().zip(&alone) {
                assert_eq!(whole[sample].to_bits(), alone[0].to_bits());
            }
        }
    }
}

#[test]
fn blocks_and_threads_do_not_matter() {
    let elements = 5 * BLOCK + 13;
    let x = finite(2 * elements);
    let artifact = artifact(STATISTICS, Engine::best());
    let launch = launch(&[], &[], 2, elements);
    let whole = artifact.run(&launch, &[(&*x).into()], &mut []).unwrap();
    // SAFETY: the buffer has the launch's size.
    let bound = unsafe { artifact.bind(&launch, &[Place::of(x.as_ptr().cast_mut())], &[]) }.unwrap();
    std::thread::scope(|scope| {
        for block in (0..bound.n_blocks()).rev() {
            let bound = &bound;
            // SAFETY: each block runs once, in buffers that outlive the scope.
            scope.spawn(move || unsafe { bound.run(block..block + 1) });
        }
    });
    assert_eq!(bound.finish(), whole);
}

#[test]
fn a_cell_is_of_its_sample() {
    for elements in [3, BLOCK + 5] {
        let x = finite(3 * elements);
        for engine in [Engine::Interp, Engine::best()] {
            let mut out = vec![0.0; x.len()];
            let cells = [0.5, -2.0, 8.0];
            let cells = [&cells[..]];
            let launch = launch(&[3.0], &cells, 3, elements);
            artifact(SCALED, engine).run(&launch, &[(&*x).into()], &mut [&mut out]).unwrap();
            for (at, (found, x)) in out.iter().zip(&x).enumerate() {
                assert_eq!(*found, 3.0 * x * cells[0][at / elements] as f32);
            }
        }
    }
}

#[test]
fn cells_of_another_number_are_refused() {
    let scaled = artifact(SCALED, Engine::best());
    let (x, mut out) = ([0.0; 4], [0.0; 4]);
    let mut run = |cells: &[&[f64]]| scaled.run(&launch(&[1.0], cells, 2, 2), &[(&x[..]).into()], &mut [&mut out]);
    assert_eq!(run(&[]), Err(LaunchError::Count { kind: "cells", expected: 1, found: 0 }));
    assert_eq!(run(&[&[1.0]]), Err(LaunchError::Size { kind: "cell", slot: 0, expected: 2, found: 1 }));
}

#[test]
fn broken_reductions_do_not_verify() {
    let broken = |from: &str, to: &str| verify(&parse_kernel(&STATISTICS.replace(from, to)).unwrap()).err();
    assert!(matches!(broken("quantile 0.25", "quantile 1.5"), Some(VerifyError::Share(2, 1.5))));
    assert!(matches!(broken("quantile 0.25", "quantile NaN"), Some(VerifyError::Share(2, _))));
    assert!(matches!(broken("mean v1", "mean v9"), Some(VerifyError::Store(0, _))));
    let cell = SCALED.replace("cells 1", "cells 0");
    assert!(matches!(verify(&parse_kernel(&cell).unwrap()), Err(VerifyError::Slot { kind: "cell", .. })));
}
