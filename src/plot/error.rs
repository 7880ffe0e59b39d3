//! Errors of samplers against their model calls.
//!
//! Rules that draw nothing are run from samples of a mixture and compared with its probability flow. As soon as one of
//! the rules draws noise, all are compared by the law of what they make of normal data, which affine forms give exactly,
//! so that no curve carries the noise of sampling. A rule that finds its own steps is run with its error estimates
//! multiplied by growing factors.

use std::cell::Cell;

use candle_core::{Device, Tensor};
use samp_compiler::backend::Engine;
use samp_compiler::compile::{self, Request};
use samp_compiler::hir::Slot;
use samp_compiler::ir::plan::LevelRow;
use samp_compiler::machine::RunConfig;
use samp_compiler::prove::law;
use samp_runtime::analytic::{Analytic, Component};
use samp_runtime::{Call, Compiled, Denoiser, Dtype, Pipeline, RunOptions, Start};

use crate::args::PlotErrorArgs;
use crate::chart::{Chart, Curve};
use crate::plot::problem::{components, quantiles};
use crate::report::Failed;

/// The fewest steps that are taken.
const FIRST: f64 = 4.0;

/// Equal steps of half log-SNR without the last one to `clean`, whose order is 1 for every rule.
const EVEN: (&str, &str) = (
    "even.samp",
    "//! Equal steps of half log-SNR.\n\n\
    grid even(high: level = noisiest, low: level = cleanest) =\n    \
    [level(lambda = l) for l in linspace(lambda(high), lambda(low), n + 1)]\n",
);

/// How many samples a run carries.
const SAMPLES: usize = 128;

const MIXTURE: &str = "gmm:3,-1.2,0.3;4,0.3,0.4;3,1.5,0.25";
/// Mean and deviations of the normal data that laws are compared on; the error of one may change its sign on the way.
const MEAN: f64 = 0.7;
const SPREADS: [f64; 4] = [0.25, 0.5, 0.75, 1.5];

/// The curves of all samplers.
pub fn chart(args: &PlotErrorArgs) -> Result<Chart, Failed> {
    let runs: Vec<Runs> = args.samplers.iter().map(|name| runs(name, args)).collect::<Result<_, Failed>>()?;
    let random = runs.iter().find(|runs| runs.compiled.iter().any(|(_, compiled)| compiled.cost().draws > 0));
    let problem = problem(args.denoiser.as_deref(), random)?;
    let curves = runs.iter().map(|runs| {
        let points = match &problem {
            Problem::Flow(data, parts) => runs.of_flow(data, parts, args.calls),
            Problem::Laws(normals) => runs.of_laws(normals, args),
        }?;
        match points.is_empty() {
            true => Err(Failed::Found(format!("`{}` takes no {FIRST} steps in {} calls", runs.name, args.calls))),
            false => Ok(Curve { name: runs.name.clone(), points }),
        }
    });
    let Words { what, label, on, law } = problem.words();
    let steps = args.grid.as_deref().map_or("equal steps of half log-SNR that end above clean".to_owned(), |grid| {
        format!("steps of the grid {grid}")
    });
    let title = format!("Error on {on}, schedule {}", args.schedule);
    let about = format!("{what}, against model calls, on {law}, schedule {}, in {steps}.", args.schedule);
    Ok(Chart::errors(title, about, label.to_owned(), curves.collect::<Result<_, Failed>>()?))
}

/// What is compared, and on which data.
enum Problem {
    /// Samples, with the exact flow.
    Flow(Analytic, Vec<Component>),
    /// Laws, on normal data of these means and standard deviations.
    Laws(Vec<(f64, f64)>),
}

/// The words for it.
struct Words {
    what: &'static str,
    label: &'static str,
    on: &'static str,
    law: String,
}

fn problem(given: Option<&str>, random: Option<&Runs>) -> Result<Problem, Failed> {
    if given.is_none() && random.is_some() {
        return Ok(Problem::Laws(SPREADS.map(|std| (MEAN, std)).to_vec()));
    }
    let data = Analytic::parse(given.unwrap_or(MIXTURE));
    let data = data.map_err(|why| Failed::Usage(format!("`--denoiser`: {why}")))?;
    let parts = components(&data);
    if parts.iter().any(|part| part.std == 0.0) {
        return Err(Failed::Usage("`--denoiser`: the exact flow needs standard deviations above 0".to_owned()));
    }
    match (&parts[..], random) {
        (_, None) => Ok(Problem::Flow(data, parts)),
        ([one], Some(_)) => Ok(Problem::Laws(vec![(one.mean, one.std)])),
        (_, Some(runs)) => Err(Failed::Usage(format!(
            "`--denoiser`: `{}` draws noise, and its law is known on normal data only; write `gauss:0.7,0.5`",
            runs.name
        ))),
    }
}

impl Problem {
    fn words(&self) -> Words {
        let of_flow = |on, law| {
            let what = "Root mean square distance of the result from the exact flow";
            Words { what, label: "root mean square error", on, law }
        };
        match self {
            Problem::Flow(_, parts) => match &parts[..] {
                [one] => of_flow("normal data", format!("normal data of mean {} and deviation {}", one.mean, one.std)),
                parts => of_flow("a mixture of normal laws", format!("a mixture of {} normal laws", parts.len())),
            },
            Problem::Laws(normals) => {
                let mean = normals.first().map_or(0.0, |(mean, _)| *mean);
                let stds: Vec<String> = normals.iter().map(|(_, std)| std.to_string()).collect();
                Words {
                    what: "Root mean square of the 2-Wasserstein distances of the law of the result from the exact law",
                    label: "distance of laws",
                    on: "normal data",
                    law: format!("normal data of mean {mean} and deviation {}", stds.join(", ")),
                }
            }
        }
    }
}

/// A sampler with growing numbers of steps, or as it is if it finds its own.
struct Runs {
    name: String,
    compiled: Vec<(usize, Compiled)>,
}

/// Two numbers of steps for each doubling.
fn counts() -> impl Iterator<Item = usize> {
    (0..).map(|k| (FIRST * 2f64.powf(f64::from(k) / 2.0)).round() as usize)
}

fn slots(name: &str, args: &PlotErrorArgs, steps: usize) -> Vec<(Slot, String)> {
    let grid = args.grid.as_deref().unwrap_or(EVEN.0);
    let filled = [(Slot::Sampler, name), (Slot::Schedule, &*args.schedule), (Slot::Grid, grid), (Slot::Model, "x0")];
    let steps = (Slot::Steps, steps.to_string());
    filled.into_iter().map(|(slot, value)| (slot, value.to_owned())).chain([steps]).collect()
}

fn runs(name: &str, args: &PlotErrorArgs) -> Result<Runs, Failed> {
    let mut compiled = Vec::new();
    for steps in counts() {
        let fill = |pipeline: Pipeline, (slot, value)| pipeline.slot(slot, value);
        let pipeline = slots(name, args, steps).into_iter().fold(Pipeline::new().text(EVEN.0, EVEN.1), fill);
        // Few elements and many kernels: compiling would take longer than running.
        let one = pipeline.dtype(Dtype::F64).engine(Engine::Interp).compile()?;
        if let Some(input) = one.inputs().first() {
            return Err(Failed::Found(format!("`{name}` asks for the input `{}`, which no curve has", input.name)));
        }
        let adaptive = one.is_adaptive();
        if adaptive && one.cost().draws > 0 {
            return Err(Failed::Found(format!(
                "`{name}` draws noise and finds its own steps, so the law of its result is not known"
            )));
        }
        if one.cost().evals > args.calls {
            break;
        }
        compiled.push((steps, one));
        if adaptive {
            break;
        }
    }
    Ok(Runs { name: name.to_owned(), compiled })
}

impl Runs {
    /// Calls and distances from the exact flow.
    fn of_flow(&self, data: &Analytic, parts: &[Component], calls: u32) -> Result<Vec<(f64, f64)>, Failed> {
        if let [(_, compiled)] = &self.compiled[..]
            && compiled.is_adaptive()
        {
            // From a third of what the rule asks for on, until it is too dear.
            let errors = (-2..=40).map(|k| run(compiled, data, parts, 10f64.powf(f64::from(k) / 4.0)));
            let dear = |found: &Result<(f64, f64), Failed>| matches!(found, Ok((made, _)) if *made > f64::from(calls));
            return errors.take_while(|found| !dear(found)).collect();
        }
        self.compiled.iter().map(|(_, compiled)| run(compiled, data, parts, 1.0)).collect()
    }

    /// Calls and distances of the laws on normal data.
    fn of_laws(&self, normals: &[(f64, f64)], args: &PlotErrorArgs) -> Result<Vec<(f64, f64)>, Failed> {
        let mut points = Vec::new();
        for (steps, one) in &self.compiled {
            if one.is_adaptive() {
                let why = "finds its own steps, so its law cannot be compared with that of rules that draw noise";
                return Err(Failed::Found(format!("`{}` {why}", self.name)));
            }
            let loader = |path: &str| match path == EVEN.0 {
                true => Ok(EVEN.1.to_owned()),
                false => samp_runtime::read_text(path),
            };
            let request = Request { slots: slots(&self.name, args, *steps), ..Request::default() };
            let compiled = compile::compile(&request, &loader)?;
            let mut squares = 0.0;
            for normal in normals {
                let law = law(&compiled, &RunConfig::default(), *normal)?;
                let law = law.ok_or_else(|| Failed::Found(format!("`{}` makes no normal law of one", self.name)))?;
                squares += law.distance().powi(2);
            }
            points.push((f64::from(one.cost().evals), (squares / normals.len() as f64).sqrt()));
        }
        Ok(points)
    }
}

/// A denoiser that counts its calls, one for each branch.
struct Counted<'c>(&'c Analytic, &'c Cell<u32>);

impl Denoiser for Counted<'_> {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        self.1.set(self.1.get() + call.branches().len() as u32);
        self.0.clone().denoise(x, call)
    }
}

/// The calls of one run, and its distance from the exact flow.
fn run(compiled: &Compiled, data: &Analytic, parts: &[Component], strictness: f64) -> Result<(f64, f64), Failed> {
    let candle = |error: candle_core::Error| Failed::Found(error.to_string());
    let spread = |level: &LevelRow| quantiles(parts, SAMPLES, (level.alpha, level.sigma));
    let start = Tensor::from_vec(spread(&compiled.levels()[0]), (1, SAMPLES), &Device::Cpu).map_err(candle)?;
    let (calls, options) = (Cell::new(0), RunOptions { strictness, ..RunOptions::default() });
    // Where a rule finds its own steps only they tell the last level.
    let mut last = None;
    for step in compiled.start(Start::sample(start, 0), Counted(data, &calls), options)? {
        last = Some(step?);
    }
    let Some(last) = last else { return Err(Failed::Found("a run made no step".to_owned())) };
    let x = last.x.flatten_all().and_then(|x| x.to_vec1::<f64>()).map_err(candle)?;
    let squares = x.iter().zip(spread(&last.level)).map(|(x, exact)| (x - exact) * (x - exact));
    Ok((f64::from(calls.get()), (squares.sum::<f64>() / SAMPLES as f64).sqrt()))
}
