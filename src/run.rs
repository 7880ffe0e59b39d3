//! `sampc run`: pictures.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use samp_runtime::networks::Network;
use samp_runtime::{Compiled, On, Pipeline, RunOptions, Start};

use crate::args::RunArgs;
use crate::inputs::Inputs;
use crate::report::{Failed, warn};
use crate::{device, output, picture, request, tensors};

/// Pictures of each class when nothing else is asked for.
const PER_CLASS: usize = 8;

/// Parts of a picture that the progress bar tells apart.
const PARTS: f64 = 1000.0;

/// Runs a pipeline and writes its pictures.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failed> {
    let begun = Instant::now();
    if args.batch == 0 {
        return Err(Failed::Usage("`--batch` is at least 1".to_owned()));
    }
    if args.count == Some(0) {
        return Err(Failed::Usage("`--count` is at least 1".to_owned()));
    }
    output::check(&args.output)?;
    args.emit.as_deref().map_or(Ok(()), output::check)?;
    let pipeline = request::fill(Pipeline::named(&args.pipeline), &args.slots)?;
    let compiled = pipeline.size(28, 28).compile()?;
    let (warnings, sources) = compiled.warnings();
    warn(warnings, sources);
    let (device, on) = device::open(args.device)?;
    let network = network(args, &compiled, &device)?;
    let (classes, columns) = classes(args, network.n_classes())?;
    let count = args.count.unwrap_or(classes.len()).max(1);
    let network = network.with_classes(classes);
    let inputs = Inputs::read(&args.inputs, &compiled, network.sample_shape(), count)?;
    let Drawn { samples, emitted, tried } = draw(args, &compiled, &network, &inputs, count, (&device, on))?;
    if is_safetensors(&args.output) {
        tensors::write(&args.output, &HashMap::from([("samples".to_owned(), samples)]))?;
    } else {
        output::write(&args.output, &picture::png(&samples, columns)?)?;
    }
    if let Some(path) = &args.emit {
        tensors::write(path, &emitted)?;
    }
    println!(
        "{count} picture{} in {:.1} s: {} on {}, {}, seed {} -> {}",
        if count == 1 { "" } else { "s" },
        begun.elapsed().as_secs_f64(),
        compiled.plan().sampler,
        compiled.plan().schedule,
        cost(&compiled, &tried),
        args.seed,
        args.output.display(),
    );
    Ok(ExitCode::SUCCESS)
}

fn network(args: &RunArgs, compiled: &Compiled, device: &Device) -> Result<Network, Failed> {
    let Some(name) = args.network.as_deref().or(compiled.network()) else {
        let message = format!("the pipeline `{}` names no network; name one: `--network digits`", args.pipeline);
        return Err(Failed::Usage(message));
    };
    Network::load(name, args.weights.as_deref(), device).map_err(|error| match error {
        unknown @ samp_runtime::Error::UnknownNetwork { .. } => Failed::Usage(unknown.to_string()),
        other => Failed::Found(other.to_string()),
    })
}

/// The class of each picture, and how many stand in a row.
fn classes(args: &RunArgs, known: u32) -> Result<(Vec<u32>, usize), Failed> {
    if let Some(class) = args.class.iter().find(|class| **class >= known) {
        return Err(Failed::Usage(format!("`--class {class}` is none of 0 to {}", known - 1)));
    }
    if args.class.is_empty() {
        let rows = args.count.map_or(PER_CLASS, |count| count.div_ceil(known as usize));
        let all = (0..rows).flat_map(|_| 0..known).collect();
        return Ok((all, known as usize));
    }
    let columns = if args.class.len() > 1 { args.class.len() } else { PER_CLASS };
    Ok((args.class.clone(), columns))
}

/// What a picture has cost: planned, or as it was found.
fn cost(compiled: &Compiled, tried: &[(usize, usize)]) -> String {
    if !compiled.is_adaptive() {
        return format!("{} steps, {} evaluations each", compiled.n_steps(), compiled.cost().evals);
    }
    let most = |of: fn(&(usize, usize)) -> usize| tried.iter().map(of).max().unwrap_or(0);
    format!("up to {} steps found in {} attempts", most(|(steps, _)| *steps), most(|(_, attempts)| *attempts))
}

/// What a run made.
struct Drawn {
    samples: Tensor,
    /// What the sampler told by name: one tensor, or several in the order that they were told in.
    emitted: HashMap<String, Tensor>,
    /// How many steps count and were tried, where the sampler finds its own.
    tried: Vec<(usize, usize)>,
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors")
}

fn draw(
    args: &RunArgs,
    compiled: &Compiled,
    network: &Network,
    inputs: &Inputs,
    count: usize,
    (device, on): (&Device, On),
) -> Result<Drawn, Failed> {
    let bar = progress(args, compiled, count);
    let failed = |error: candle_core::Error| Failed::Found(error.to_string());
    let mut parts = Vec::new();
    let mut tried = Vec::new();
    let mut emitted: Vec<(Arc<str>, Vec<Tensor>)> = Vec::new();
    let mut done = 0;
    while done < count {
        let batch = args.batch.min(count - done);
        let [channels, height, width] = network.sample_shape();
        let start = Start::noise_from(device, (batch, channels, height, width), args.seed, done as u64, DType::F32)?;
        let options = RunOptions {
            inputs: inputs.rows(done, batch, device)?,
            threads: args.threads,
            on,
            ..RunOptions::default()
        };
        let mut run = compiled.start(start, network.clone(), options)?;
        let mut last = None;
        for step in run.by_ref() {
            let step = step?;
            bar.set_position(((done as f64 + batch as f64 * step.progress) * PARTS) as u64);
            last = Some(step.x);
        }
        for (at, (name, tensor)) in run.emitted().iter().enumerate() {
            match emitted.get_mut(at) {
                Some((_, parts)) => parts.push(tensor.clone()),
                None => emitted.push((name.clone(), vec![tensor.clone()])),
            }
        }
        parts.extend(last);
        tried.extend(run.attempts().unwrap_or_default());
        done += batch;
    }
    bar.finish_and_clear();
    let whole =
        |parts: &[Tensor]| Tensor::cat(parts, 0).and_then(|whole| whole.to_device(&Device::Cpu)).map_err(failed);
    let mut told: HashMap<String, Vec<Tensor>> = HashMap::new();
    for (name, parts) in emitted {
        told.entry(name.to_string()).or_default().push(whole(&parts)?);
    }
    let together = |(name, parts): (String, Vec<Tensor>)| match &parts[..] {
        [one] => Ok((name, one.clone())),
        parts => Ok((name, Tensor::stack(parts, 0).map_err(failed)?)),
    };
    let emitted = told.into_iter().map(together).collect::<Result<_, Failed>>()?;
    Ok(Drawn { samples: whole(&parts)?, emitted, tried })
}

fn progress(args: &RunArgs, compiled: &Compiled, count: usize) -> ProgressBar {
    let bar = ProgressBar::new((count as f64 * PARTS) as u64);
    if args.quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{msg} [{bar:40.cyan/dim}] {percent:>3} %  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─"));
    bar.set_message(match compiled.is_adaptive() {
        true => format!("{count} pictures"),
        false => format!("{count} x {} steps", compiled.n_steps()),
    });
    bar
}
