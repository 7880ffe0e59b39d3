//! Kernels on candle CPU tensors: aliasing, threads and mistakes.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use candle_core::{D, DType, Device, Tensor};
use samp_compiler::backend::{Artifact, Dtype, Engine, compile};
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_runtime::device::{TensorDraw, TensorLaunch, cpu};

const MIX: &str = "kernel mix (loads 2, scalars 2, noises 0) {
    v0 = load 0
    v1 = load 1
    v2 = scalar 0
    v3 = scalar 1
    v4 = mul v2 v0
    v5 = fma v3 v1 v4
    v6 = sub v0 v1
    store 0 v5
    store 1 v6
}";

const NOISY: &str = "kernel noisy (loads 1, scalars 0, noises 1) {
    v0 = load 0
    v1 = noise 0
    v2 = add v0 v1
    store 0 v2
}";

const DRAW: TensorDraw<'static> = TensorDraw::Generated { stream: 0, draw: 4 };

fn artifact(text: &str, dtype: Dtype) -> Artifact {
    compile(&parse_kernel(text).unwrap(), Engine::best(), dtype).unwrap()
}

fn plain(scalars: &[f64]) -> TensorLaunch<'_> {
    TensorLaunch { scalars, draws: &[], cells: &[], seed: 7, first_sample: 0, threads: 1 }
}

fn range(shape: (usize, usize), dtype: DType) -> Tensor {
    let n = (shape.0 * shape.1) as f64;
    let numbers = Tensor::arange(0.0, n, &Device::Cpu).unwrap();
    numbers.reshape(shape).unwrap().to_dtype(dtype).unwrap()
}

fn zeros(shape: (usize, usize)) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.flatten_all().unwrap();
    flat.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

#[test]
fn outputs_are_written_into_their_tensors() {
    for (dtype, candle) in [(Dtype::F32, DType::F32), (Dtype::F64, DType::F64)] {
        let (x, y) = (range((2, 5), candle), range((2, 5), candle));
        let sum = Tensor::zeros((2, 5), candle, &Device::Cpu).unwrap();
        let difference = Tensor::ones((2, 5), candle, &Device::Cpu).unwrap();
        let mix = artifact(MIX, dtype);
        cpu::launch(&mix, &plain(&[2.0, 3.0]), &[&x, &y], &[&sum, &difference]).unwrap();
        let expected: Vec<f64> = numbers(&x).iter().map(|x| 5.0 * x).collect();
        assert_eq!(numbers(&sum), expected);
        assert_eq!(numbers(&difference), [0.0; 10]);
    }
}

#[test]
fn both_outputs_may_be_in_place() {
    let (x, y) = (range((2, 5), DType::F32), (range((2, 5), DType::F32) * 2.0).unwrap());
    let (before_x, before_y) = (numbers(&x), numbers(&y));
    let mix = artifact(MIX, Dtype::F32);
    cpu::launch(&mix, &plain(&[2.0, 3.0]), &[&x, &y], &[&x, &y]).unwrap();
    let pairs = || before_x.iter().zip(&before_y);
    assert_eq!(numbers(&x), pairs().map(|(x, y)| 2.0 * x + 3.0 * y).collect::<Vec<_>>());
    assert_eq!(numbers(&y), pairs().map(|(x, y)| x - y).collect::<Vec<_>>());
}

#[test]
fn crossed_and_repeated_operands_work() {
    let x = range((2, 5), DType::F32);
    let y = zeros((2, 5));
    let mix = artifact(MIX, Dtype::F32);
    let twice = x.clone();
    cpu::launch(&mix, &plain(&[1.0, 1.0]), &[&x, &twice], &[&y, &x]).unwrap();
    assert_eq!(numbers(&x), [0.0; 10]);
    assert_eq!(numbers(&y)[9], 18.0);
}

#[test]
fn views_of_one_storage_may_be_apart() {
    let whole = range((4, 5), DType::F32);
    let (top, bottom) = (whole.narrow(0, 0, 2).unwrap(), whole.narrow(0, 2, 2).unwrap());
    let mix = artifact(MIX, Dtype::F32);
    cpu::launch(&mix, &plain(&[1.0, 0.0]), &[&bottom, &bottom], &[&top, &zeros((2, 5))]).unwrap();
    assert_eq!(numbers(&top), numbers(&bottom));
    cpu::launch(&mix, &plain(&[0.0, 0.0]), &[&top, &top], &[&top, &bottom]).unwrap();
    assert_eq!(numbers(&whole), [0.0; 20]);
}

#[test]
fn threads_do_not_change_a_bit() {
    let shape = (3, 70_001);
    let noisy = artifact(NOISY, Dtype::F32);
    let run = |threads| {
        let x = range(shape, DType::F32);
        let launch = TensorLaunch { draws: &[DRAW], threads, ..plain(&[]) };
        cpu::launch(&noisy, &launch, &[&x], &[&x]).unwrap();
        numbers(&x)
    };
    let one = run(1);
    for threads in [0, 2, 3, 64, usize::MAX] {
        assert!(one == run(threads), "{threads} threads");
    }
}

#[test]
fn a_batch_is_its_samples() {
    let noisy = artifact(NOISY, Dtype::F32);
    let run = |first_sample, samples| {
        let x = zeros((samples, 1500));
        let launch = TensorLaunch { draws: &[DRAW], first_sample, ..plain(&[]) };
        cpu::launch(&noisy, &launch, &[&x], &[&x]).unwrap();
        numbers(&x)
    };
    let whole = run(10, 3);
    for sample in 0..3 {
        assert_eq!(whole[1500 * sample..][..1500], run(10 + sample as u64, 1));
    }
}

#[test]
fn noise_may_be_a_tensor() {
    let noisy = artifact(NOISY, Dtype::F32);
    let (x, noise) = (range((2, 3), DType::F32), range((2, 3), DType::F32));
    let draws = [TensorDraw::Given(&noise)];
    let launch = TensorLaunch { draws: &draws, ..plain(&[]) };
    cpu::launch(&noisy, &launch, &[&x], &[&x]).unwrap();
    assert_eq!(numbers(&x), numbers(&(&noise * 2.0).unwrap()));
    let error = cpu::launch(&noisy, &launch, &[&x], &[&noise]).unwrap_err();
    assert!(error.to_string().starts_with("store 0 and noise 0 share memory"));
}

#[test]
fn any_rank_is_fine() {
    let noisy = artifact(NOISY, Dtype::F32);
    let launch = TensorLaunch { draws: &[DRAW], ..plain(&[]) };
    for shape in [vec![], vec![3], vec![2, 3, 4, 5], vec![0, 3]] {
        let x = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        cpu::launch(&noisy, &launch, &[&x], &[&x]).unwrap();
        assert!(numbers(&x).iter().all(|&z| z != 0.0));
    }
}

#[test]
fn launches_on_the_same_tensors_do_not_lock_each_other_out() {
    let (x, y) = (range((2, 500), DType::F32), range((2, 500), DType::F32));
    let mix = artifact(MIX, Dtype::F32);
    std::thread::scope(|scope| {
        for (a, b) in [(&x, &y), (&y, &x)] {
            let mix = &mix;
            scope.spawn(move || {
                for _ in 0..500 {
                    cpu::launch(mix, &plain(&[0.5, 0.5]), &[a, b], &[a, b]).unwrap();
                }
            });
        }
    });
}

#[test]
fn mistakes_are_errors() {
    let mix = artifact(MIX, Dtype::F32);
    let x = range((2, 5), DType::F32);
    let out = zeros((2, 5));
    let error = |loads: &[&Tensor], stores: &[&Tensor]| {
        cpu::launch(&mix, &plain(&[1.0, 1.0]), loads, stores).unwrap_err().to_string()
    };
    let whole_numbers = x.to_dtype(DType::U32).unwrap();
    assert_eq!(error(&[&x, &whole_numbers], &[&x, &out]), "expected load 1 of f32, found u32");
    let long = zeros((2, 6));
    assert_eq!(error(&[&x, &x], &[&x, &long]), "expected store 1 of shape [2, 5], found [2, 6]");
    let turned = zeros((5, 2)).t().unwrap();
    assert!(error(&[&turned, &x], &[&x, &out]).starts_with("expected load 0 to be contiguous"));
    let flat = out.sum_keepdim(D::Minus1).unwrap().broadcast_as((2, 5)).unwrap();
    assert!(error(&[&x, &x], &[&x, &flat]).starts_with("expected store 1 to be contiguous"));
    assert!(error(&[&x, &x], &[&out, &out]).starts_with("store 0 and store 1 share memory"));
    let whole = zeros((3, 5));
    let (top, bottom) = (whole.narrow(0, 0, 2).unwrap(), whole.narrow(0, 1, 2).unwrap());
    assert!(error(&[&top, &x], &[&bottom, &out]).starts_with("store 0 and load 0 share memory"));
    assert_eq!(error(&[&x], &[&x, &out]), "expected 2 loads, found 1");
    assert_eq!(error(&[&x, &x], &[]), "expected 2 stores, found 0");
}
