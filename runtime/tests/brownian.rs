//! Increments of the Brownian path in runs: one path, whatever the grid, the batch, the threads and what runs kernels.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir::Coordinate;
use samp_runtime::analytic::Analytic;
use samp_runtime::{Compiled, Dtype, Engine, GivenLevel, GivenLevels, On, Pipeline, RunOptions, Start};

/// Ends at the start plus the path's way from the first level to the last.
const WALK: &str = r#"
sampler walk in ve {
    step x: sample@s -> sample@t {
        return x + sqrt(rho(s) - rho(t)) * brownian(s, t) as sample@t because "the path alone is looked at"
    }
}
"#;
const LAW: Analytic = Analytic::Gauss { mean: 0.3, std: 0.6 };
const SEED: u64 = 77;

fn walk(rhos: &[f64], dtype: Dtype, engine: Engine) -> Compiled {
    let levels = rhos.iter().map(|rho| GivenLevel::At(*rho)).collect();
    let levels = GivenLevels { coordinate: Coordinate::Rho, levels };
    let pipeline = Pipeline::new().schedule("edm").grid("uniform").model("x0").steps(rhos.len() - 1).levels(levels);
    pipeline.text("walk.samp", WALK).sampler("walk.samp").dtype(dtype).engine(engine).compile().unwrap()
}

fn end(compiled: &Compiled, shape: &[usize], options: RunOptions) -> Vec<f64> {
    let dtype = if compiled.dtype() == Dtype::F32 { DType::F32 } else { DType::F64 };
    let x = Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    let end = compiled.start(Start::sample(x, SEED), LAW, options).unwrap().finish().unwrap();
    end.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn a_finer_grid_walks_the_same_path() {
    let fine: Vec<f64> = (0..=40).map(|k| 8.0 * (0.5f64 / 8.0).powf(f64::from(k) / 40.0)).collect();
    for (dtype, bound) in [(Dtype::F64, 1e-6), (Dtype::F32, 1e-5)] {
        let whole = end(&walk(&[8.0, 0.5], dtype, Engine::best()), &[3, 50], RunOptions::default());
        for grid in [&[8.0, 3.1, 0.5][..], &[8.0, 4.0, 2.0, 1.0, 0.5], &fine] {
            let parts = end(&walk(grid, dtype, Engine::best()), &[3, 50], RunOptions::default());
            assert!(largest(&whole, &parts) < bound, "{grid:?}: {}", largest(&whole, &parts));
        }
    }
}

#[test]
fn increments_have_the_law_of_a_path() {
    let samples = 40_000;
    let ways = [&[8.0, 3.0][..], &[3.0, 0.5], &[8.0, 0.5]];
    let ends: Vec<Vec<f64>> =
        ways.map(|way| end(&walk(way, Dtype::F32, Engine::best()), &[1, samples], RunOptions::default())).to_vec();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / samples as f64;
    for (a, x) in ways.iter().zip(&ends) {
        for (b, y) in ways.iter().zip(&ends) {
            let overlap = (a[0].min(b[0]) - a[1].max(b[1])).max(0.0);
            // Five standard errors of a mean of products.
            let bound = 5.0 * (2.0 * (a[0] - a[1]) * (b[0] - b[1]) / samples as f64).sqrt();
            assert!((product(x, y) - overlap).abs() < bound, "{a:?} and {b:?}: {}", product(x, y));
        }
    }
}

#[test]
fn a_sample_is_the_same_in_any_batch() {
    let compiled = walk(&[8.0, 3.0, 0.5], Dtype::F32, Engine::best());
    let three = end(&compiled, &[3, 1100], RunOptions::default());
    let one = end(&compiled, &[1, 1100], RunOptions::default());
    assert_eq!(three[..1100], one[..]);
    assert_ne!(three[1100..2200], one[..]);
}

#[test]
fn threads_and_engines_do_not_matter() {
    let shape = [2, 60_000];
    for dtype in [Dtype::F32, Dtype::F64] {
        let compiled = walk(&[8.0, 3.0, 0.5], dtype, Engine::best());
        let with = |threads| end(&compiled, &shape, RunOptions { threads, ..RunOptions::default() });
        let one = with(1);
        assert_eq!(one, with(4));
        assert_eq!(one, end(&walk(&[8.0, 3.0, 0.5], dtype, Engine::Interp), &shape, RunOptions::default()));
        let by_candle = end(&compiled, &shape, RunOptions { on: On::CandleOps, ..RunOptions::default() });
        assert!(largest(&one, &by_candle) < 1e-5);
    }
}

#[test]
fn noise_of_the_caller_stands_in_its_place() {
    let compiled = walk(&[8.0, 3.0, 0.5], Dtype::F64, Engine::best());
    let noise = Tensor::from_vec(vec![1.0, 2.0, 3.0, 5.0], (2, 1, 2), &Device::Cpu).unwrap();
    let found = end(&compiled, &[1, 2], RunOptions { noise: Some(noise), ..RunOptions::default() });
    let wanted: Vec<f64> = [(1.0, 3.0), (2.0, 5.0)].map(|(a, b)| 5f64.sqrt() * a + 2.5f64.sqrt() * b).to_vec();
    assert!(largest(&found, &wanted) < 1e-12);
}
