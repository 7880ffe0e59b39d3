//! `sampc bench`: what things cost, as ratios in one process.

use std::process::ExitCode;
use std::time::Instant;

use candle_core::{Device, Tensor};
use samp_compiler::hir::Slot;
use samp_runtime::bench::{StepBench, bench_step};
use samp_runtime::{Call, RunOptions, Start};

use crate::args::{BenchArgs, BenchCommand, BenchCompileArgs, BenchRunArgs, BenchStepArgs, Format};
use crate::report::Failed;
use crate::request;

const DEFAULTS: &[(Slot, &str)] = &[
    (Slot::Sampler, "dpmpp_2m"),
    (Slot::Schedule, "scaled_linear"),
    (Slot::Grid, "karras"),
    (Slot::Model, "eps"),
    (Slot::Steps, "20"),
];

/// Measures.
pub fn bench(args: &BenchArgs) -> Result<ExitCode, Failed> {
    match &args.what {
        BenchCommand::Step(args) => step(args),
        BenchCommand::Run(args) => run(args),
        BenchCommand::Compile(args) => compile(args),
    }
}

fn step(args: &BenchStepArgs) -> Result<ExitCode, Failed> {
    if args.elements == 0 || args.threads == 0 || args.rounds == 0 {
        return Err(Failed::Usage("`--elements`, `--threads` and `--rounds` are at least 1".to_owned()));
    }
    let config = StepBench { elements: args.elements, threads: args.threads, rounds: args.rounds };
    let times = bench_step(&config).map_err(|error| Failed::Found(error.to_string()))?;
    let (hand, candle) = (times.share_of_hand(), times.times_candle());
    if args.format == Format::Json {
        let out = serde_json::json!({
            "sampler": args.sampler, "elements": args.elements, "threads": args.threads,
            "ns_per_element": {"fused": times.fused, "hand": times.hand, "candle": times.candle, "copy": times.copy},
            "ratios": {"hand_over_fused": hand, "candle_over_fused": candle, "copy_over_fused": times.copy / times.fused},
        });
        println!("{out}");
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} step, {} elements, {} threads, ns per element (median of {})",
        args.sampler, args.elements, args.threads, args.rounds
    );
    println!("  fused kernel        {:8.3}", times.fused);
    println!("  hand-written loop   {:8.3}   {hand:.2} of its speed", times.hand);
    println!("  memory copy         {:8.3}   {:.2} times the fused step", times.copy, times.copy / times.fused);
    println!("  candle op by op     {:8.3}   {candle:.1} times the fused step", times.candle);
    Ok(ExitCode::SUCCESS)
}

fn run(args: &BenchRunArgs) -> Result<ExitCode, Failed> {
    let compiled = request::with_defaults(&args.slots, DEFAULTS)?.compile()?;
    let shape = (1, args.elements.max(1));
    let output =
        Tensor::ones(shape, candle_core::DType::F32, &Device::Cpu).map_err(|error| Failed::Found(error.to_string()))?;
    // A network that costs nothing: what is left is everything but the model.
    let free = |_: &Tensor, _: &Call| Ok(output.clone());
    let start = Start::noise(&Device::Cpu, shape, 0)?;
    let mut times = Vec::new();
    for _ in 0..args.rounds.max(1) + 1 {
        let begun = Instant::now();
        let run = compiled.start(start.clone(), free, RunOptions { threads: 1, ..RunOptions::default() })?;
        run.finish()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6 / compiled.n_steps() as f64);
    }
    let median = median(&mut times[1..]);
    show(
        args.format,
        "us_per_step",
        median,
        &format!(
            "{} on {} elements, everything but the model: {median:.2} us a step",
            compiled.plan().sampler,
            args.elements
        ),
    );
    Ok(ExitCode::SUCCESS)
}

fn compile(args: &BenchCompileArgs) -> Result<ExitCode, Failed> {
    let pipeline = request::with_defaults(&args.slots, DEFAULTS)?;
    let mut times = Vec::new();
    for _ in 0..args.rounds.max(1) {
        let begun = Instant::now();
        pipeline.compile()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let first = times[0];
    let median = median(&mut times);
    show(
        args.format,
        "ms",
        median,
        &format!("source to plan with compiled kernels: {median:.2} ms, the first {first:.2} ms"),
    );
    Ok(ExitCode::SUCCESS)
}

fn show(format: Format, unit: &str, value: f64, text: &str) {
    match format {
        Format::Json => println!("{}", serde_json::json!({ unit: value })),
        Format::Human | Format::Short => println!("{text}"),
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
