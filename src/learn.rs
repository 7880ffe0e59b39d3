//! `sampc learn`: what a pipeline leaves open, found with its network.

use std::fmt::Write;
use std::process::ExitCode;

use candle_core::{DType, Device};
use samp_runtime::learn::Teacher;
use samp_runtime::networks::Network;
use samp_runtime::{Pipeline, Start};

use crate::args::{LearnArgs, LearnCommand, LearnGridArgs, SlotArgs};
use crate::report::{Failed, warn};
use crate::{output, request};

/// Learns what is asked for.
pub fn learn(args: &LearnArgs) -> Result<ExitCode, Failed> {
    match &args.what {
        LearnCommand::Grid(args) => grid(args),
    }
}

/// Searches grids of some numbers of steps, and writes them as a grid in a file.
fn grid(args: &LearnGridArgs) -> Result<ExitCode, Failed> {
    let Some(least) = args.slots.steps.and_then(|steps| usize::try_from(steps).ok()).filter(|steps| *steps > 0) else {
        return Err(Failed::Usage("`--steps` says how many steps the grid is to have, at least 1".to_owned()));
    };
    let most = args.to.unwrap_or(least);
    if most < least || most > args.fine {
        let message = format!("`--to` is at least `--steps`, {least}, and at most `--fine`, {}", args.fine);
        return Err(Failed::Usage(message));
    }
    args.output.as_deref().map_or(Ok(()), output::check)?;
    let student = request::fill(Pipeline::named(&args.pipeline), &args.slots)?;
    let compiled = student.clone().size(28, 28).compile()?;
    let (warnings, sources) = compiled.warnings();
    warn(warnings, sources);
    let Some(name) = args.network.as_deref().or(compiled.network()) else {
        let message = format!("the pipeline `{}` names no network; name one: `--network digits`", args.pipeline);
        return Err(Failed::Usage(message));
    };
    let network = Network::load(name, args.weights.as_deref(), &Device::Cpu)?;
    let classes = (0..network.n_classes()).collect();
    let [channels, height, width] = network.sample_shape();
    let mut network = network.with_classes(classes);
    let student = student.size(height, width);
    let start = Start::noise_from(&Device::Cpu, (args.count, channels, height, width), args.seed, 0, DType::F32)?;
    let of_teacher = SlotArgs {
        sampler: Some(args.teacher.clone()),
        steps: Some(args.fine as i64),
        sets: args.slots.sets.iter().filter(|set| !set.starts_with("sampler.")).cloned().collect(),
        ..args.slots.clone()
    };
    let teacher = request::fill(Pipeline::named(&args.pipeline), &of_teacher)?.size(height, width);
    let teacher = Teacher::walk(&teacher, start, &mut network)?;
    let costs = teacher.costs(&student, &mut network)?;
    let mut tables = String::new();
    let mut measured = String::new();
    for steps in least..=most {
        let found = teacher.search(&costs, &student, (steps, &args.growth), &mut network)?;
        let Some((nodes, found)) = found else {
            let known = teacher.levels().len() - 1;
            return Err(Failed::Found(format!("the teacher walks {known} steps, and {steps} are asked for")));
        };
        let rhos: Vec<String> = nodes.iter().map(|node| rho(&teacher, *node)).collect();
        row(&mut tables, &rhos);
        let own = teacher.distance(&student.clone().steps(steps), &mut network)?;
        write!(measured, "//! {steps:>5} {found:>12.6} {own:>12.6}").ok();
        for grid in &args.against {
            let other = teacher.distance(&student.clone().grid(grid).steps(steps), &mut network)?;
            write!(measured, " {other:>12.6}").ok();
        }
        measured.push('\n');
    }
    let plan = compiled.plan();
    let head = format!(
        "//! Levels for the pipeline `{}`, found by `sampc learn grid`: Chen et al. 2024, arXiv:2405.11326.\n\
        //! Student `{}`, teacher `{}` in {} steps, {} samples of seed {}. Root mean square distances of the ends:\n//!\n\
        //! {:>5} {:>12} {:>12}",
        args.pipeline, plan.sampler, args.teacher, args.fine, args.count, args.seed, "steps", "found", "own grid",
    );
    let others: String = args.against.iter().map(|grid| format!(" {grid:>12}")).collect();
    let text = format!(
        "{head}{others}\n{measured}\nconst levels: real[][] = [\n{tables}]\n\ngrid found = gits(n, tables = levels)\n"
    );
    match &args.output {
        Some(path) => {
            output::write(path, text.as_bytes())?;
            print!("{}", measured.replace("//! ", ""));
        }
        None => print!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The level of a node as its `rho`, in the words of a file.
fn rho(teacher: &Teacher, node: usize) -> String {
    let level = teacher.levels()[node];
    match level.alpha {
        0.0 => "inf".to_owned(),
        alpha => (level.sigma / alpha).to_string(),
    }
}

/// A list of numbers, on as many lines as it takes.
fn row(out: &mut String, numbers: &[String]) {
    const WIDTH: usize = 118;
    let mut line = "    [".to_owned();
    for (at, number) in numbers.iter().enumerate() {
        let end = if at + 1 == numbers.len() { "]," } else { "," };
        if line.len() + number.len() + 3 > WIDTH {
            *out += line.trim_end();
            *out += "\n";
            line = "        ".to_owned();
        }
        line += &format!("{number}{end} ");
    }
    *out += line.trim_end();
    *out += "\n";
}
