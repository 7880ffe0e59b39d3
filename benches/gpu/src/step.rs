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
use serde_json::{Map, Value, json};

use crate::figures::{Bound, Figure, LARGE, OF_COPY, TIMES_CANDLE, TIMES_COMPILE, TIMES_EAGER};
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

/// The next `x` and the prediction of the data that the step after it reads, op by op as they are written.
fn candle_step(x: &Tensor, f: &Tensor, d: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let data = (x - f.affine(0.6, 0.0)?)?.affine(1.0 / 0.8, 0.0)?;
    let slope = (data.affine(1.5, 0.0)? - d.affine(0.5, 0.0)?)?;
    Ok(((x.affine(0.9, 0.0)? + slope.affine(0.1, 0.0)?)?, data))
}

/// The same behind guidance, around a network in bf16: `f` has the outputs of both branches, and the input of the next
/// call goes to both.
fn candle_guided(x: &Tensor, f: &Tensor, d: &Tensor) -> candle_core::Result<(Tensor, Tensor, Tensor)> {
    let n = x.dim(0)?;
    let (plain, given) = (f.narrow(0, 0, n)?.to_dtype(DType::F32)?, f.narrow(0, n, n)?.to_dtype(DType::F32)?);
    let guided = (&plain + (given - &plain)?.affine(3.0, 0.0)?)?;
    let (next, data) = candle_step(x, &guided, d)?;
    let input = next.to_dtype(DType::BF16)?;
    Ok((next, data, Tensor::cat(&[&input, &input], 0)?))
}

/// The seconds of one step in its ways.
struct Times {
    name: &'static str,
    bytes: usize,
    fused: f64,
    candle: f64,
    eager: Option<f64>,
    compile: Option<f64>,
}

impl Times {
    fn line(&self, copy_rate: f64) -> String {
        let micros = |seconds: Option<f64>| seconds.map_or("-".to_owned(), |s| format!("{:.1}", s * 1e6));
        let rate = self.rate();
        let fused = format!("{:.1} ({:.0}, {:.2})", self.fused * 1e6, rate / 1e9, rate / copy_rate);
        let others = [Some(self.candle), self.eager, self.compile].map(micros);
        format!("{:>7} {fused:>28} {:>11} {:>11} {:>11}", self.name, others[0], others[1], others[2])
    }

    fn rate(&self) -> f64 {
        self.bytes as f64 / self.fused
    }

    /// What is to be reached at `n` elements, with a copy at so many bytes a second. Op by op, the plain step moves some
    /// four times the bytes of the fused one, so no more is to be had there: ratios are held against those of the
    /// guided step.
    fn figures(&self, n: usize, copy_rate: f64) -> Vec<Figure> {
        if n < LARGE {
            return Vec::new();
        }
        let figure = |what: &str, found, least| {
            Figure::new(format!("{} step, {} M elements: {what}", self.name, n >> 20), found, Bound::AtLeast(least))
        };
        let times = |seconds: Option<f64>| seconds.map(|seconds| seconds / self.fused);
        let mut figures = vec![
            figure("of the bytes a second of a copy", Some(self.rate() / copy_rate), OF_COPY),
            figure("times torch.compile's speed", times(self.compile), TIMES_COMPILE),
        ];
        if self.name == "guided" {
            figures.push(figure("times candle's speed op by op", times(Some(self.candle)), TIMES_CANDLE));
            figures.push(figure("times PyTorch's speed, eager", times(self.eager), TIMES_EAGER));
        }
        figures
    }

    fn json(&self, copy_rate: f64) -> Value {
        json!({
            "bytes": self.bytes, "fused_s": self.fused, "candle_s": self.candle, "eager_s": self.eager,
            "compile_s": self.compile, "of_copy_bandwidth": self.rate() / copy_rate,
            "times_candle": self.candle / self.fused, "times_eager": self.eager.map(|s| s / self.fused),
            "times_compile": self.compile.map(|s| s / self.fused),
        })
    }
}

/// Times at each size, with what PyTorch took.
pub(crate) fn times(config: &Config) -> Result<Part> {
    let sizes: &[usize] = match config.quick {
        true => &[1 << 14, 10_001],
        false => &[1 << 14, 1 << 20, 1 << 24, 1 << 26],
    };
    let torch = match &config.torch {
        // A line for each size, with those before it.
        Some(file) => serde_json::from_str(std::fs::read_to_string(file)?.lines().last().unwrap_or("null"))?,
        None => Value::Null,
    };
    let plain = pipeline("dpmpp_2m", "plain").compile()?;
    let guided = pipeline("dpmpp_2m", "cfg(scale = 3)").network_dtype(Stored::Bf16).compile()?;
    println!(
        "  {:>10} {:>9} {:>7} {:>28} {:>11} {:>11} {:>11}",
        "elements", "copy us", "step", "fused us (GB/s, of copy)", "candle us", "eager us", "compile us"
    );
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for &n in sizes {
        let copy = copy_time(config, n)?;
        let copy_rate = 8.0 * n as f64 / copy;
        let of_torch = |name: &str, way: &str| torch[n.to_string()][name][way].as_f64();
        let ones = |rows, dtype| Tensor::ones((rows, n), dtype, &config.device);
        let times = |name: &'static str, compiled: &Compiled| -> Result<Times> {
            let step = Step::new(compiled, n, &config.device)?;
            let fused = time(config, || step.take(config))?;
            let bytes = step.bytes();
            drop(step);
            let (x, d) = (ones(1, DType::F32)?, ones(1, DType::F32)?);
            let candle = match name {
                "guided" => {
                    let f = ones(2, DType::BF16)?;
                    time(config, || Ok(candle_guided(&x, &f, &d).map(drop)?))?
                }
                _ => {
                    let f = ones(1, DType::F32)?;
                    time(config, || Ok(candle_step(&x, &f, &d).map(drop)?))?
                }
            };
            let (eager, compile) = (of_torch(name, "eager"), of_torch(name, "compile"));
            Ok(Times { name, bytes, fused, candle, eager, compile })
        };
        let both = [times("plain", &plain)?, times("guided", &guided)?];
        let mut row = Map::new();
        row.insert("elements".to_owned(), n.into());
        row.insert("copy_s".to_owned(), copy.into());
        row.insert("torch_copy_s".to_owned(), torch[n.to_string()]["copy"].clone());
        for times in &both {
            println!("  {n:>10} {:>9.1} {}", copy * 1e6, times.line(copy_rate));
            figures.extend(times.figures(n, copy_rate));
            row.insert(times.name.to_owned(), times.json(copy_rate));
        }
        rows.push(row);
    }
    Ok(Part { right: true, json: json!({ "rows": rows }), figures })
}
