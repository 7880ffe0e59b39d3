//! Launches: noise, blocks, batches and mistakes.

use samp_compiler::backend::launch::{Draw, Launch, LaunchError, Load};
use samp_compiler::backend::noise::{Sequence, fill_normal};
use samp_compiler::backend::stored::Place;
use samp_compiler::backend::{Artifact, BLOCK, BackendError, Dtype, Engine, compile};
use samp_compiler::ir::kernel_text::parse_kernel;

use crate::random::numbers;

const NOISY: &str = "kernel noisy (loads 1, scalars 1, noises 2) {
    v0 = load 0
    v1 = scalar 0
    v2 = noise 0
    v3 = fma v1 v2 v0
    v4 = noise 1
    v5 = add v3 v4
    store 0 v5
    store 1 v2
}";

const DRAWS: [Draw<'static, f32>; 2] = [Draw::Generated { stream: 0, draw: 3 }, Draw::Generated { stream: 1, draw: 3 }];

fn noisy(engine: Engine) -> Artifact {
    compile(&parse_kernel(NOISY).unwrap(), engine, Dtype::F32).unwrap()
}

fn launch(first_sample: u64, samples: usize, elements: usize) -> Launch<'static, f32> {
    Launch { scalars: &[0.5], draws: &DRAWS, cells: &[], seed: 99, first_sample, samples, elements }
}

fn finite(n: usize) -> Vec<f32> {
    numbers(n, 1).into_iter().map(|x| if x.is_finite() { x } else { 1.0 }).collect()
}

fn run(engine: Engine, launch: &Launch<'_, f32>, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut out, mut noise) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    noisy(engine).run(launch, &[x.into()], &mut [&mut out, &mut noise]).unwrap();
    (out, noise)
}

#[test]
fn generated_noise_is_the_sequence() {
    let elements = 2 * BLOCK + 77;
    let x = finite(3 * elements);
    for engine in [Engine::Interp, Engine::best()] {
        let (_, noise) = run(engine, &launch(5, 3, elements), &x);
        for (sample, found) in noise.chunks(elements).enumerate() {
            let mut expected = vec![0.0; elements];
            let sample = 5 + sample as u32;
            fill_normal(&mut expected, Sequence { seed: 99, stream: 0, draw: 3, sample });
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn batches_do_not_matter() {
    for elements in [1, 7, 1024, 1500] {
        let x = finite(4 * elements);
        let (whole, _) = run(Engine::best(), &launch(0, 4, elements), &x);
        for (sample, x) in x.chunks(elements).enumerate() {
            let (alone, _) = run(Engine::best(), &launch(sample as u64, 1, elements), x);
            assert_eq!(alone, whole[sample * elements..][..elements]);
        }
    }
}

#[test]
fn blocks_and_threads_do_not_matter() {
    let elements = 5 * BLOCK + 13;
    let x = finite(2 * elements);
    let launch = launch(0, 2, elements);
    let (whole, _) = run(Engine::best(), &launch, &x);
    let artifact = noisy(Engine::best());
    let (mut out, mut noise) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let stores = [out.as_mut_ptr(), noise.as_mut_ptr()].map(Place::of);
    let loads = [Place::of(x.as_ptr().cast_mut())];
    // SAFETY: all buffers have the launch's size and none overlap.
    let bound = unsafe { artifact.bind(&launch, &loads, &stores) }.unwrap();
    assert_eq!(bound.n_blocks(), 12);
    std::thread::scope(|scope| {
        for block in (0..12).rev() {
            let bound = &bound;
            // SAFETY: each block runs once, in buffers that outlive the scope.
            scope.spawn(move || unsafe { bound.run(block..block + 1) });
        }
    });
    assert_eq!(out, whole);
}

#[test]
fn given_noise_is_used() {
    let elements = BLOCK + 5;
    let x = finite(elements);
    let mut given = vec![0.0; elements];
    fill_normal(&mut given, Sequence { seed: 99, stream: 1, draw: 3, sample: 0 });
    let (expected, _) = run(Engine::best(), &launch(0, 1, elements), &x);
    let draws = [DRAWS[0], Draw::Given(&given)];
    let (mixed, _) = run(Engine::best(), &Launch { draws: &draws, ..launch(0, 1, elements) }, &x);
    assert_eq!(mixed, expected);
    let mut both = vec![0.0; elements];
    fill_normal(&mut both, Sequence { seed: 99, stream: 0, draw: 3, sample: 0 });
    let draws = [Draw::Given(both.as_slice()), Draw::Given(&given)];
    let (all, _) = run(Engine::best(), &Launch { draws: &draws, ..launch(0, 1, elements) }, &x);
    assert_eq!(all, expected);
}

#[test]
fn f64_noise_is_f32_noise() {
    let artifact = compile(&parse_kernel(NOISY).unwrap(), Engine::best(), Dtype::F64).unwrap();
    let x = vec![0.0; 1500];
    let (mut out, mut wide) = (vec![0.0; 1500], vec![0.0; 1500]);
    let draws = [Draw::Generated { stream: 0, draw: 3 }, Draw::Generated { stream: 1, draw: 3 }];
    let launch =
        Launch { scalars: &[0.5], draws: &draws, cells: &[], seed: 99, first_sample: 0, samples: 1, elements: 1500 };
    artifact.run(&launch, &[Load::From(x.as_slice())], &mut [&mut out, &mut wide]).unwrap();
    let mut narrow = vec![0.0; 1500];
    fill_normal(&mut narrow, Sequence { seed: 99, stream: 0, draw: 3, sample: 0 });
    assert!(narrow.iter().zip(&wide).all(|(&a, &b)| f64::from(a) == b));
}

#[test]
fn nothing_to_do_is_fine() {
    for (samples, elements) in [(0, 5), (5, 0), (0, 0)] {
        let (out, _) = run(Engine::best(), &launch(0, samples, elements), &[]);
        assert!(out.is_empty());
    }
}

#[test]
fn mistakes_are_errors() {
    let artifact = noisy(Engine::best());
    let x = [0.0f32; 8];
    let run = |launch: &Launch<'_, f32>, loads: &[Load<'_, f32>], sizes: &[usize]| {
        let mut buffers: Vec<Vec<f32>> = sizes.iter().map(|&n| vec![0.0; n]).collect();
        let mut stores: Vec<&mut [f32]> = buffers.iter_mut().map(Vec::as_mut_slice).collect();
        artifact.run(launch, loads, &mut stores).unwrap_err().to_string()
    };
    let good = launch(0, 2, 4);
    let load = Load::From(x.as_slice());
    assert_eq!(run(&good, &[], &[8, 8]), "expected 1 loads, found 0");
    assert_eq!(run(&good, &[load], &[8]), "expected 2 stores, found 1");
    assert_eq!(run(&good, &[load], &[8, 7]), "expected 8 numbers in store 1, found 7");
    let short = Load::From(&x[..3]);
    assert_eq!(run(&good, &[short], &[8, 8]), "expected 8 numbers in load 0, found 3");
    let error = run(&good, &[Load::InPlace(2)], &[8, 8]);
    assert_eq!(error, "load 0 is in place of store 2, which is not there");
    let error = run(&Launch { scalars: &[], ..good }, &[load], &[8, 8]);
    assert_eq!(error, "expected 1 scalars, found 0");
    let draws = [DRAWS[0], Draw::Given(&x[..2])];
    let error = run(&Launch { draws: &draws, ..good }, &[load], &[8, 8]);
    assert_eq!(error, "expected 8 numbers in noise 1, found 2");
    let error = run(&Launch { samples: usize::MAX, ..good }, &[load], &[8, 8]);
    assert!(error.ends_with("are too many"));
    let error = run(&Launch { first_sample: (1 << 32) - 1, ..good }, &[load], &[8, 8]);
    assert_eq!(error, "2 samples from 4294967295 on of 4 elements are too many");
}

#[test]
fn another_dtype_is_an_error() {
    let artifact = noisy(Engine::best());
    let launch =
        Launch::<f64> { scalars: &[0.0], draws: &[], cells: &[], seed: 0, first_sample: 0, samples: 0, elements: 0 };
    let error = artifact.run(&launch, &[], &mut []).unwrap_err();
    assert_eq!(error, LaunchError::Dtype { expected: Dtype::F32, found: Dtype::F64 });
}

#[test]
fn a_broken_kernel_is_an_error() {
    let kernel = parse_kernel("kernel none (loads 0, scalars 0, noises 0) {\n}").unwrap();
    let error = compile(&kernel, Engine::best(), Dtype::F32).unwrap_err();
    assert!(matches!(error, BackendError::Broken { .. }));
}
