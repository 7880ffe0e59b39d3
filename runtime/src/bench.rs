//! Speed of a fused step, beside what it is up against.
//!
//! [`bench_step`] times one step of DPM-Solver++(2M) in its collapsed form,
//! `d' = a x + b f` and `x' = p x + q f + r d`, with `x'` in place of `x` and `d'` in place
//! of `d`: as a fused kernel, as a loop written by hand, op by op in candle, and, as the
//! bound, a memory copy of as many bytes. The four take turns in one process, so that a
//! noisy machine disturbs them alike, and all steps are on the same tensors, because where
//! memory lies counts; each time is a median.

use std::cell::Cell;
use std::time::Instant;

use candle_core::{CpuStorage, Device, Storage, Tensor};
use rayon::prelude::*;
use samp_compiler::backend::{Artifact, BackendError, Dtype, Engine, compile};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::Op;

use crate::device::cpu::{self, CpuElement, InPlace};
use crate::device::{DeviceError, TensorLaunch};

/// What to time.
#[derive(Clone, Copy, Debug)]
pub struct StepBench {
    /// Numbers of one state tensor, in f32.
    pub elements: usize,
    /// The most threads of the kernel, the hand loop and the copy. Candle decides itself.
    pub threads: usize,
    /// Turns that each contender gets, at least 1.
    pub rounds: usize,
}

/// Medians, in nanoseconds per element.
#[derive(Clone, Copy, Debug)]
pub struct StepTimes {
    /// The fused kernel, on candle tensors.
    pub fused: f64,
    /// The loop written by hand.
    pub hand: f64,
    /// Candle's affine and add, each with a new tensor.
    pub candle: f64,
    /// A copy of 10 bytes an element: 20 bytes of traffic, as the step has.
    pub copy: f64,
    /// Nanoseconds of a whole launch on 16 elements: what a launch costs beside its work.
    pub launch: f64,
}

/// Why there is no time.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The kernel did not compile.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The kernel did not run.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Candle refused.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl StepTimes {
    /// The fused kernel's speed as a share of the hand loop's.
    pub fn share_of_hand(&self) -> f64 {
        self.hand / self.fused
    }

    /// How many times as fast as candle op by op the fused kernel is.
    pub fn times_candle(&self) -> f64 {
        self.candle / self.fused
    }
}

/// `a, b, p, q, r`: bounded, so that no turn meets huge or denormal numbers.
const COEFFICIENTS: [f64; 5] = [0.5, 0.5, 0.9, 0.05, 0.04];

/// Times the step.
///
/// # Errors
///
/// Whatever compiling, running and allocating say.
pub fn bench_step(bench: &StepBench) -> Result<StepTimes, BenchError> {
    let n = bench.elements.max(1);
    let artifact = compile(&step_kernel(), Engine::best(), Dtype::F32)?;
    let tensors = Tensors::new(n)?;
    let (source, mut target) = (numbers(n * 5 / 2, 3), numbers(n * 5 / 2, 4));
    // Small sizes run many times between two looks at the clock.
    let calls = (1_usize << 20).div_ceil(n);

    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..bench.rounds.max(1) {
        times[0].push(time(calls, || tensors.step_fused(&artifact, bench.threads))?);
        times[1].push(time(calls, || tensors.step_by_hand(bench.threads))?);
        times[2].push(time(calls, || tensors.step_in_candle().map(drop))?);
        times[3].push(time(calls, || {
            copy(&source, &mut target, bench.threads);
            Ok(())
        })?);
    }
    let [fused, hand, candle, copy] = times.map(|times| median(times) / n as f64);
    Ok(StepTimes { fused, hand, candle, copy, launch: time_launch(&artifact, bench.rounds)? })
}

fn step_kernel() -> Kernel {
    let mut kernel = Kernel::new("dpmpp_2m");
    let [x, f, d] = [0, 1, 2].map(|slot| kernel.load(slot));
    let [a, b, p, q, r] = [0, 1, 2, 3, 4].map(|slot| kernel.scalar(slot));
    let px = kernel.apply(Op::Mul, [p, x]);
    let px_qf = kernel.apply(Op::Fma, [q, f, px]);
    let next = kernel.apply(Op::Fma, [r, d, px_qf]);
    let bf = kernel.apply(Op::Mul, [b, f]);
    let next_d = kernel.apply(Op::Fma, [a, x, bf]);
    kernel.store(next);
    kernel.store(next_d);
    kernel
}

fn numbers(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i + 331 * salt) % 1000) as f32 * 1e-3 - 0.4).collect()
}

/// The state and the network's output.
struct Tensors {
    x: Tensor,
    f: Tensor,
    d: Tensor,
}

impl Tensors {
    fn new(n: usize) -> candle_core::Result<Tensors> {
        let tensor = |salt| Tensor::from_vec(numbers(n, salt), (1, n), &Device::Cpu);
        Ok(Tensors { x: tensor(0)?, f: tensor(1)?, d: tensor(2)? })
    }

    fn step_fused(&self, artifact: &Artifact, threads: usize) -> Result<(), BenchError> {
        let launch = TensorLaunch { scalars: &COEFFICIENTS, draws: &[], cells: &[], seed: 0, first_sample: 0, threads };
        let Tensors { x, f, d } = self;
        cpu::launch(artifact, &launch, &[x, f, d], &[x, d])?;
        Ok(())
    }

    /// The loop on the tensors' own memory.
    fn step_by_hand(&self, threads: usize) -> Result<(), BenchError> {
        let (guard, _) = self.f.storage_and_layout();
        let Storage::Cpu(f) = &*guard else {
            let error = candle_core::Error::Msg("expected a storage on the cpu".to_owned());
            return Err(error.into());
        };
        let f = f32::numbers(f)?;
        let step = |x: &mut CpuStorage| {
            let x = Cell::new(f32::numbers_mut(x)?);
            self.d.inplace_op1(&InPlace(|d: &mut CpuStorage| {
                step_by_hand(x.take(), f, f32::numbers_mut(d)?, threads);
                Ok(())
            }))
        };
        Ok(self.x.inplace_op1(&InPlace(step))?)
    }

    /// The next `x` and `d`, in new tensors.
    fn step_in_candle(&self) -> Result<(Tensor, Tensor), BenchError> {
        let Tensors { x, f, d } = self;
        let [a, b, p, q, r] = COEFFICIENTS;
        let next_d = (x.affine(a, 0.0)? + f.affine(b, 0.0)?)?;
        let next = ((x.affine(p, 0.0)? + f.affine(q, 0.0)?)? + d.affine(r, 0.0)?)?;
        Ok((next, next_d))
    }
}

fn step_by_hand(x: &mut [f32], f: &[f32], d: &mut [f32], threads: usize) {
    let coefficients = COEFFICIENTS.map(|c| c as f32);
    if threads <= 1 || x.len() < cpu::MIN_THREADED {
        return hand_loop(x, f, d, coefficients);
    }
    let n = x.len().div_ceil(threads);
    let parts = x.par_chunks_mut(n).zip(f.par_chunks(n)).zip(d.par_chunks_mut(n));
    parts.for_each(|((x, f), d)| hand_loop(x, f, d, coefficients));
}

fn hand_loop(x: &mut [f32], f: &[f32], d: &mut [f32], coefficients: [f32; 5]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the CPU has the features.
        return unsafe { hand_loop_avx2(x, f, d, coefficients) };
    }
    hand_loop_inline(x, f, d, coefficients);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn hand_loop_avx2(x: &mut [f32], f: &[f32], d: &mut [f32], coefficients: [f32; 5]) {
    hand_loop_inline(x, f, d, coefficients);
}

#[inline(always)]
fn hand_loop_inline(x: &mut [f32], f: &[f32], d: &mut [f32], [a, b, p, q, r]: [f32; 5]) {
    for ((x, f), d) in x.iter_mut().zip(f).zip(d) {
        let next = r.mul_add(*d, q.mul_add(*f, p * *x));
        *d = a.mul_add(*x, b * *f);
        *x = next;
    }
}

fn copy(source: &[f32], target: &mut [f32], threads: usize) {
    if threads <= 1 || source.len() < cpu::MIN_THREADED {
        target.copy_from_slice(source);
    } else {
        let n = source.len().div_ceil(threads);
        let parts = target.par_chunks_mut(n).zip(source.par_chunks(n));
        parts.for_each(|(target, source)| target.copy_from_slice(source));
    }
    std::hint::black_box(target);
}

fn time_launch(artifact: &Artifact, rounds: usize) -> Result<f64, BenchError> {
    let tensors = Tensors::new(16)?;
    let turn = || time(10_000, || tensors.step_fused(artifact, 1));
    let times = (0..rounds.max(1)).map(|_| turn()).collect::<Result<_, _>>()?;
    Ok(median(times))
}

/// Nanoseconds of one call, over `calls` of them.
fn time(calls: usize, mut call: impl FnMut() -> Result<(), BenchError>) -> Result<f64, BenchError> {
    let start = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / calls as f64)
}

/// The middle of one or more times.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests fail by panic")]
mod tests {
    use super::*;

    #[test]
    fn all_contenders_take_the_same_step() {
        let artifact = compile(&step_kernel(), Engine::best(), Dtype::F32).unwrap();
        let (fused, by_hand) = (Tensors::new(1003).unwrap(), Tensors::new(1003).unwrap());
        let in_candle = fused.step_in_candle().unwrap();
        fused.step_fused(&artifact, 1).unwrap();
        by_hand.step_by_hand(1).unwrap();
        let distance =
            |a: &Tensor, b: &Tensor| -> f32 { (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap() };
        assert!(distance(&fused.x, &by_hand.x) < 1e-6 && distance(&fused.d, &by_hand.d) < 1e-6);
        assert!(distance(&fused.x, &in_candle.0) < 1e-6);
        assert!(distance(&fused.d, &in_candle.1) < 1e-6);
    }

    #[test]
    fn times_are_positive() {
        let times = bench_step(&StepBench { elements: 1 << 18, threads: 2, rounds: 1 }).unwrap();
        let StepTimes { fused, hand, candle, copy, launch } = times;
        assert!([fused, hand, candle, copy, launch].iter().all(|&time| time > 0.0));
        assert!(times.share_of_hand() > 0.0 && times.times_candle() > 0.0);
    }
}
