//! The fused step of DPM-Solver++(2M), beside a device copy, candle op by op and PyTorch.

use std::collections::HashMap;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use samp_compiler::backend::stored::Stored;
use samp_compiler::backend::{Engine, compile};
use samp_compiler::hir::Slot;
use samp_compiler::ir::plan::{LaunchOp, PlanOp, Source, Target};
use samp_runtime::device::{DeviceKernel, TensorLaunch};
use samp_runtime::{Compiled, Pipeline};
use serde_json::{Value, json};

use crate::{Config, Part, Result};

/// A pipeline of 20 steps around a sampler.
pub(crate) fn pipeline(sampler: &str, guidance: &str) -> Pipeline {
    Pipeline::new()
        .slot(Slot::Guidance, guidance)
        .schedule("scaled_linear")
        .grid("karras")
        .model("eps")
        .sampler(sampler)
        .steps(20)
}

/// A launch from the middle of a plan, on tensors of its own.
struct Step {
    kernel: DeviceKernel,
    scalars: Vec<f64>,
    loads: Vec<Tensor>,
    stores: Vec<Tensor>,
}

impl Step {
    fn new(compiled: &Compiled, n: usize, device: &Device) -> Result<Step> {
        let plan = compiled.plan();
        let launches = plan.ops.iter().filter_map(|op| match op {
            PlanOp::Launch(launch) => Some(launch),
            PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => None,
        });
        let launches: Vec<&LaunchOp> = launches.collect();
        let op = launches[launches.len() / 2];
        let artifact = compile(&plan.kernels[op.kernel], Engine::best(), compiled.dtype())?;
        let network = match compiled.network_dtype() {
            Stored::F16 => DType::F16,
            Stored::Bf16 => DType::BF16,
            Stored::F32 => DType::F32,
            Stored::F64 => DType::F64,
        };
        // Slots may be read and written; tensors of one slot are one.
        let mut slots = HashMap::new();
        let mut slot = |slot| -> Result<Tensor> {
            if let Some(known) = slots.get(&slot) {
                return Ok(Tensor::clone(known));
            }
            let tensor = Tensor::ones((1, n), DType::F32, device)?;
            slots.insert(slot, tensor.clone());
            Ok(tensor)
        };
        let mut loads = Vec::new();
        for load in &op.loads {
            loads.push(match load {
                Source::Slot(of) => slot(*of)?,
                Source::Output { .. } | Source::Part { .. } | Source::Input(_) => {
                    Tensor::ones((1, n), network, device)?
                }
            });
        }
        let mut stores = Vec::new();
        for store in &op.stores {
            stores.push(match store {
                Target::Slot(of) => slot(*of)?,
                Target::Feed(_) => Tensor::zeros((1, n), network, device)?,
            });
        }
        // Bounded: no round meets huge or denormal numbers.
        let scalars = op.scalars.iter().enumerate().map(|(k, _)| 0.2 + 0.01 * k as f64).collect();
        Ok(Step { kernel: DeviceKernel::from(artifact), scalars, loads, stores })
    }

    fn take(&self, config: &Config) -> Result<()> {
        let launch =
            TensorLaunch { scalars: &self.scalars, draws: &[], cells: &[], seed: 0, first_sample: 0, threads: 16 };
        let (loads, stores): (Vec<&Tensor>, Vec<&Tensor>) = (self.loads.iter().collect(), self.stores.iter().collect());
        self.kernel.launch(config.on, &launch, &loads, &stores)?;
        Ok(())
    }

    /// Each input read once and each output written once.
    fn bytes(&self) -> usize {
        self.loads.iter().chain(&self.stores).map(|t| t.elem_count() * t.dtype().size_in_bytes()).sum()
    }
}

/// The median time of a call, in seconds: batches of calls in the stream, with one wait at the end of each.
fn time(config: &Config, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let (rounds, budget) = if config.quick { (2, 0.01) } else { (9, 0.15) };
    call()?;
    config.device.synchronize()?;
    let begun = Instant::now();
    call()?;
    config.device.synchronize()?;
    let calls = (budget / begun.elapsed().as_secs_f64()).clamp(1.0, 2000.0) as usize;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        config.device.synchronize()?;
        times.push(begun.elapsed().as_secs_f64() / calls as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The driver's own copy of `n` numbers from one place of the device to another.
#[cfg(feature = "cuda")]
fn copy_time(config: &Config, n: usize) -> Result<f64> {
    let Device::Cuda(device) = &config.device else { return copy_time_in_candle(config, n) };
    let (source, mut target) = (device.alloc_zeros::<f32>(n)?, device.alloc_zeros::<f32>(n)?);
    time(config, || Ok(device.memcpy_dtod(&source, &mut target)?))
}

#[cfg(not(feature = "cuda"))]
fn copy_time(config: &Config, n: usize) -> Result<f64> {
    copy_time_in_candle(config, n)
}

fn copy_time_in_candle(config: &Config, n: usize) -> Result<f64> {
    let zeros = || Tensor::zeros(n, DType::F32, &config.device);
    let (source, target) = (zeros()?, zeros()?);
    time(config, || Ok(target.slice_set(&source, 0, 0)?))
}

/// The next `x` and `d`, op by op.
fn candle_step(x: &Tensor, f: &Tensor, d: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let next_d = (x.affine(0.5, 0.0)? + f.affine(0.5, 0.0)?)?;
    let next = ((x.affine(0.9, 0.0)? + f.affine(0.05, 0.0)?)? + d.affine(0.04, 0.0)?)?;
    Ok((next, next_d))
}

/// Times at each size, with what PyTorch took.
pub(crate) fn times(config: &Config) -> Result<Part> {
    let sizes: &[usize] = match config.quick {
        true => &[1 << 14, 10_001],
        false => &[1 << 14, 1 << 20, 1 << 24, 1 << 26],
    };
    let torch = match &config.torch {
        Some(file) => serde_json::from_str(&std::fs::read_to_string(file)?)?,
        None => Value::Null,
    };
    let plain = pipeline("dpmpp_2m", "plain").compile()?;
    let guided = pipeline("dpmpp_2m", "cfg(scale = 3)").network_dtype(Stored::Bf16).compile()?;
    println!(
        "  {:>10} {:>36} {:>11} {:>11} {:>11} {:>11}",
        "elements", "fused us (GB/s, of copy)", "copy us", "candle us", "eager us", "compile us"
    );
    let mut rows = Vec::new();
    for &n in sizes {
        let step = Step::new(&plain, n, &config.device)?;
        let mixed = Step::new(&guided, n, &config.device)?;
        let fused = time(config, || step.take(config))?;
        let fused_mixed = time(config, || mixed.take(config))?;
        let copy = copy_time(config, n)?;
        let state = [&step.loads[0], &step.loads[1], &step.loads[2]];
        let candle = time(config, || Ok(candle_step(state[0], state[1], state[2]).map(drop)?))?;
        let copy_rate = 8.0 * n as f64 / copy;
        let (rate, rate_mixed) = (step.bytes() as f64 / fused, mixed.bytes() as f64 / fused_mixed);
        let of_torch = |name: &str| torch[n.to_string()][name].as_f64();
        let show = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{:.1}", s * 1e6));
        let fused_text = format!("{:.1} ({:.0}, {:.2})", fused * 1e6, rate / 1e9, rate / copy_rate);
        println!(
            "  {n:>10} {fused_text:>36} {:>11} {:>11} {:>11} {:>11}",
            show(Some(copy)),
            show(Some(candle)),
            show(of_torch("eager")),
            show(of_torch("compile"))
        );
        println!(
            "  {:>10} guided, network in bf16: {:.1} us ({:.0} GB/s, {:.2} of copy)",
            "",
            fused_mixed * 1e6,
            rate_mixed / 1e9,
            rate_mixed / copy_rate
        );
        rows.push(json!({
            "elements": n, "bytes": step.bytes(), "fused_s": fused, "copy_s": copy, "candle_s": candle,
            "torch_copy_s": of_torch("copy"),
            "eager_s": of_torch("eager"), "compile_s": of_torch("compile"),
            "of_copy_bandwidth": rate / copy_rate, "times_candle": candle / fused,
            "times_eager": of_torch("eager").map(|s| s / fused), "times_compile": of_torch("compile").map(|s| s / fused),
            "guided_bf16": {"bytes": mixed.bytes(), "fused_s": fused_mixed, "of_copy_bandwidth": rate_mixed / copy_rate},
        }));
    }
    Ok(Part { right: true, json: json!({ "rows": rows }) })
}
