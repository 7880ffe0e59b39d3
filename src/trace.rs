//! `sampc trace`: every step of a sampler on a denoiser with a closed form.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use candle_core::{DType, Device, Tensor};
use samp_compiler::hir::{Coordinate, Slot};
use samp_compiler::ir::plan::PlanOp;
use samp_runtime::analytic::Analytic;
use samp_runtime::{Compiled, Dtype, Engine, GivenLevel, GivenLevels, RunOptions, Start};

use crate::args::{BackendArg, DtypeArg, Format, TraceArgs};
use crate::report::{Failed, warn};
use crate::tensors::load;
use crate::{output, request};

/// What is run where flags say nothing. Around a closed form the model makes no difference.
const DEFAULTS: &[(Slot, &str)] = &[
    (Slot::Sampler, "euler"),
    (Slot::Schedule, "scaled_linear"),
    (Slot::Grid, "karras"),
    (Slot::Model, "x0"),
    (Slot::Steps, "10"),
];

/// Runs a sampler and writes its steps.
pub fn trace(args: &TraceArgs) -> Result<ExitCode, Failed> {
    let law = Analytic::parse(&args.denoiser).map_err(|why| Failed::Usage(format!("`--denoiser`: {why}")))?;
    let mut pipeline = request::with_defaults(&args.slots, DEFAULTS)?;
    if let Some(levels) = &args.levels {
        pipeline = pipeline.levels(levels_of(levels)?);
    }
    if let Some(path) = &args.output {
        output::check(path)?;
    }
    let dtype = match args.dtype {
        DtypeArg::F64 => Dtype::F64,
        DtypeArg::F32 => Dtype::F32,
    };
    let engine = match args.backend {
        Some(BackendArg::Interp) => Engine::Interp,
        Some(BackendArg::Clif) => Engine::Clif,
        None => Engine::best(),
    };
    let compiled = pipeline.dtype(dtype).engine(engine).compile()?;
    let (warnings, sources) = compiled.warnings();
    warn(warnings, sources);
    let start = start(args, dtype)?;
    let noise = args.noise.as_deref().map(|path| load(path, Some("noise"))).transpose()?;
    let options = RunOptions { noise, ..RunOptions::default() };
    let mut rows = vec![first_row(&start, &compiled)?];
    let run = compiled.start(start, law, options)?;
    for step in run {
        rows.push(step?.x);
    }
    let x = Tensor::stack(&rows, 0).map_err(candle)?;
    if let Some(path) = &args.output {
        output::write(path, &safetensors(&compiled, &x)?)?;
    }
    summary(args, &compiled, &x)?;
    Ok(ExitCode::SUCCESS)
}

fn candle(error: candle_core::Error) -> Failed {
    Failed::Found(error.to_string())
}

/// `rho:14.61,9.2,0`.
fn levels_of(text: &str) -> Result<GivenLevels, Failed> {
    let wrong = |why: String| Failed::Usage(format!("`--levels {text}`: {why}; write `rho:14.61,9.2,0`"));
    let (name, list) = text.split_once(':').ok_or_else(|| wrong("no coordinate is named".to_owned()))?;
    let coordinate = Coordinate::from_name(name.trim()).ok_or_else(|| wrong(format!("`{name}` is no coordinate")))?;
    let level = |word: &str| match word.trim() {
        "clean" => Ok(GivenLevel::Clean),
        "pure" => Ok(GivenLevel::Pure),
        number => match number.parse::<f64>() {
            Ok(value) if !value.is_nan() => Ok(GivenLevel::At(value)),
            _ => Err(wrong(format!("`{number}` is no number"))),
        },
    };
    let levels = list.split(',').map(level).collect::<Result<Vec<_>, _>>()?;
    Ok(GivenLevels { coordinate, levels })
}

fn start(args: &TraceArgs, dtype: Dtype) -> Result<Start, Failed> {
    let dtype = match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
    };
    if let Some(path) = &args.init {
        let x = load(path, Some("x"))?.to_dtype(dtype).map_err(candle)?;
        return Ok(Start::sample(x, args.seed));
    }
    let elements = args.shape.iter().try_fold(1usize, |total, size| total.checked_mul(*size));
    if args.shape.is_empty() || elements.is_none_or(|elements| elements == 0 || elements > 1 << 28) {
        return Err(Failed::Usage(
            "`--shape` is a list of sizes such as `1,4,8,8`, with at most 2^28 elements".to_owned(),
        ));
    }
    Ok(Start::noise_from(&Device::Cpu, args.shape.clone(), args.seed, 0, dtype)?)
}

/// The sample that the run starts from.
fn first_row(start: &Start, compiled: &Compiled) -> Result<Tensor, Failed> {
    start.first(compiled.levels()[0].sigma).map_err(candle)
}

/// Evaluations and draws of each step.
fn spent(compiled: &Compiled) -> (Vec<u32>, Vec<u32>) {
    let mut evals = vec![0; compiled.n_steps()];
    let mut draws = vec![0; compiled.n_steps()];
    let mut seen = HashSet::new();
    for op in &compiled.plan().ops {
        match op {
            PlanOp::Call(call) if call.host => {}
            PlanOp::Call(call) => evals[call.step as usize] += call.branches.len() as u32,
            // A draw that is made again counts where it was made first.
            PlanOp::Launch(launch) => {
                let fresh = launch.draws.iter().filter(|draw| seen.insert(**draw)).count();
                draws[launch.step as usize] += fresh as u32;
            }
            PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => {}
        }
    }
    (evals, draws)
}

fn safetensors(compiled: &Compiled, x: &Tensor) -> Result<Vec<u8>, Failed> {
    let levels: Vec<f64> =
        compiled.levels().iter().flat_map(|row| [row.time, row.alpha, row.sigma, row.lambda]).collect();
    let levels = Tensor::from_vec(levels, (compiled.levels().len(), 4), &Device::Cpu).map_err(candle)?;
    let (evals, draws) = spent(compiled);
    let steps = compiled.n_steps();
    let tensors = HashMap::from([
        ("x".to_owned(), x.clone()),
        ("levels".to_owned(), levels),
        ("evals".to_owned(), Tensor::from_vec(evals, steps, &Device::Cpu).map_err(candle)?),
        ("draws".to_owned(), Tensor::from_vec(draws, steps, &Device::Cpu).map_err(candle)?),
    ]);
    safetensors::serialize(&tensors, None).map_err(|error| Failed::Found(error.to_string()))
}

fn summary(args: &TraceArgs, compiled: &Compiled, x: &Tensor) -> Result<(), Failed> {
    let steps = compiled.n_steps();
    let cost = compiled.cost();
    let moments = |row: usize| -> Result<(f64, f64), Failed> {
        let values =
            x.get(row).and_then(|x| x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()).map_err(candle)?;
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        Ok((mean, (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt()))
    };
    if args.format == Format::Json {
        let (mean, std) = moments(steps)?;
        let levels: Vec<serde_json::Value> = compiled
            .levels()
            .iter()
            .map(|row| serde_json::json!({"time": row.time, "alpha": row.alpha, "sigma": row.sigma, "lambda": number(row.lambda)}))
            .collect();
        let (evals, draws) = spent(compiled);
        let out = serde_json::json!({
            "sampler": &*compiled.plan().sampler, "schedule": &*compiled.plan().schedule, "steps": steps,
            "evals": cost.evals, "calls": cost.calls, "draws": cost.draws, "launches": cost.launches,
            "peak_buffers": cost.peak_buffers, "rest_buffers": cost.rest_buffers,
            "evals_per_step": evals, "draws_per_step": draws, "levels": levels,
            "final": {"mean": mean, "std": std},
        });
        println!("{out}");
        return Ok(());
    }
    println!(
        "{} on {}, {steps} steps: {} evaluations, {} draws, {} launches",
        compiled.plan().sampler,
        compiled.plan().schedule,
        cost.evals,
        cost.draws,
        cost.launches
    );
    if args.format == Format::Human {
        println!(
            "{:>5} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}",
            "level", "time", "alpha", "sigma", "lambda", "mean", "std"
        );
        for (at, row) in compiled.levels().iter().enumerate() {
            let (mean, std) = moments(at)?;
            println!(
                "{at:>5} {:>12.6} {:>12.6} {:>12.6} {:>12.6} {mean:>12.6} {std:>12.6}",
                row.time, row.alpha, row.sigma, row.lambda
            );
        }
    }
    Ok(())
}

/// JSON has no infinity.
fn number(value: f64) -> serde_json::Value {
    if value.is_finite() { value.into() } else { value.to_string().into() }
}
