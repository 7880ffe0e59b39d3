//! A run of 20 steps around a network that costs nothing: host time, launches and waits; and what a first run costs.

use std::time::Instant;

use candle_core::{DType, Tensor};
use samp_compiler::ir::plan::PlanOp;
use samp_runtime::{Call, Compiled, On, RunOptions, Start};
use serde_json::json;

use crate::calls::{LAUNCHES, OTHERS, WAITS, count};
use crate::figures::{Bound, FIRST, FIRST_KEPT, Figure, HOST};
use crate::step::pipeline;
use crate::{Config, Part, Result};

const ELEMENTS: usize = 1 << 14;

/// Seconds until the last launch is in the stream, and until all is done.
fn run(config: &Config, on: On, compiled: &Compiled, outputs: &[Tensor]) -> Result<(f64, f64)> {
    let start = Start::noise(&config.device, (1, ELEMENTS), 1)?;
    let free = |_: &Tensor, call: &Call| Ok(outputs[call.branches().len() - 1].clone());
    let run = compiled.start(start, free, RunOptions { on, threads: 1, ..RunOptions::default() })?;
    config.device.synchronize()?;
    let begun = Instant::now();
    let last = run.finish()?;
    let queued = begun.elapsed().as_secs_f64();
    config.device.synchronize()?;
    drop(last);
    Ok((queued, begun.elapsed().as_secs_f64()))
}

/// What the free network answers to one branch and to two.
fn outputs(config: &Config) -> Result<Vec<Tensor>> {
    let ones = |branches| Tensor::ones((branches, ELEMENTS), DType::F32, &config.device);
    Ok(vec![ones(1)?, ones(2)?])
}

/// Host time, launches and waits.
pub(crate) fn steps(config: &Config) -> Result<Part> {
    let outputs = outputs(config)?;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for (sampler, guidance) in [
        ("dpmpp_2m", "plain"),
        ("dpmpp_2m", "cfg(scale = 3)"),
        ("dpmpp_2m_sde", "plain"),
        ("dpmpp_2m", "cfg_rescale"),
        ("dpmpp_2m", "dynamic_threshold"),
    ] {
        let compiled = pipeline(sampler, guidance).compile()?;
        run(config, config.on, &compiled, &outputs)?;
        let rounds = if config.quick { 3 } else { 31 };
        let mut times = (0..rounds).map(|_| run(config, config.on, &compiled, &outputs)).collect::<Result<Vec<_>>>()?;
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (queued, done) = times[times.len() / 2];

        let start = Start::noise(&config.device, (1, ELEMENTS), 1)?;
        let free = |_: &Tensor, call: &Call| Ok(outputs[call.branches().len() - 1].clone());
        let options = RunOptions { on: config.on, threads: 1, ..RunOptions::default() };
        let started = compiled.start(start, free, options)?;
        let before = [LAUNCHES, WAITS, OTHERS].map(count);
        let last = started.finish()?;
        let after = [LAUNCHES, WAITS, OTHERS].map(count);
        drop(last);
        let made: Vec<Option<u64>> = before.iter().zip(after).map(|(b, a)| Some(a? - (*b)?)).collect();
        let (n, planned) = (compiled.n_steps() as f64, compiled.cost().launches + finishes(&compiled));
        println!(
            "  {sampler}, {guidance}: {:.1} us of the host a step, {:.1} us in all; {planned} launches planned, the driver \
             was asked for {}, for {} waits and {} copies or allocations",
            queued / n * 1e6,
            done / n * 1e6,
            text(made[0]),
            text(made[1]),
            text(made[2]),
        );
        let figure = |what: &str, found, bound| Figure::new(format!("{sampler}, {guidance}: {what}"), found, bound);
        let number = |count: Option<u64>| count.map(|count| count as f64);
        figures.push(figure("s of the host a step", Some(queued / n), Bound::AtMost(HOST)));
        figures.push(figure("launches of a run", number(made[0]), Bound::AtMost(f64::from(planned))));
        figures.push(figure("waits of a run", number(made[1]), Bound::AtMost(0.0)));
        rows.push(json!({
            "sampler": sampler, "guidance": guidance, "elements": ELEMENTS, "host_s_per_step": queued / n,
            "s_per_step": done / n, "planned_launches": planned, "launches": made[0], "waits": made[1],
            "others": made[2],
        }));
    }
    Ok(Part { right: true, json: json!({ "rows": rows }), figures })
}

/// Launches that reduce are each followed by a small one, which a plan does not count.
fn finishes(compiled: &Compiled) -> u32 {
    let reduces = |op: &&PlanOp| match op {
        PlanOp::Launch(launch) => !compiled.plan().kernels[launch.kernel].reduces.is_empty(),
        PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => false,
    };
    compiled.plan().ops.iter().filter(reduces).count() as u32
}

fn text(count: Option<u64>) -> String {
    count.map_or("(not counted)".to_owned(), |count| count.to_string())
}

/// The first run of a pipeline with nothing kept on disk, and one with it. The first of all parts: loading NVRTC is of a
/// first run.
pub(crate) fn first(config: &Config) -> Result<Part> {
    let outputs = outputs(config)?;
    // A model's own start: candle's code is on the device.
    run(config, On::CandleOps, &pipeline("dpmpp_2m_sde", "cfg(scale = 3)").compile()?, &outputs)?;
    let folder = std::env::temp_dir().join(format!("samp-cache-{}", std::process::id()));
    let before = std::env::var_os("SAMP_CACHE");
    // SAFETY: no other thread of this program reads or writes the environment.
    unsafe { std::env::set_var("SAMP_CACHE", &folder) };
    let mut seconds = Vec::new();
    for _ in 0..2 {
        // Compiled anew: functions that are in memory belong to a compiled pipeline.
        let compiled = pipeline("dpmpp_2m_sde", "cfg(scale = 3)").compile()?;
        let (_, done) = run(config, config.on, &compiled, &outputs)?;
        let (_, again) = run(config, config.on, &compiled, &outputs)?;
        seconds.push(done - again);
    }
    // SAFETY: the same.
    unsafe {
        match before {
            Some(before) => std::env::set_var("SAMP_CACHE", before),
            None => std::env::remove_var("SAMP_CACHE"),
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    println!("  kernels not kept on disk: {:.3} s above a later run; kept: {:.3} s", seconds[0], seconds[1]);
    let figures = vec![
        Figure::new("first run, kernels not kept, s", Some(seconds[0]), Bound::AtMost(FIRST)),
        Figure::new("first run, kernels kept, s", Some(seconds[1]), Bound::AtMost(FIRST_KEPT)),
    ];
    Ok(Part { right: true, json: json!({ "cold_s": seconds[0], "kept_s": seconds[1] }), figures })
}
