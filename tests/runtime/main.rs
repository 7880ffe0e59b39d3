//! Runs of compiled pipelines as a program that embeds the runtime makes them, against the reference arithmetic: the
//! same program evaluated element by element, without plan, fusion or kernels.

mod denoisers;
mod given_noise;
mod inputs;
mod sharing;
mod starts;
mod steps;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use samp_compiler::arith::NetworkCall;
use samp_compiler::arith::direct::Direct;
use samp_compiler::backend::noise::{Sequence, fill_normal};
use samp_compiler::compile::{self, Request};
use samp_compiler::hir::{Coordinate, Slot};
use samp_compiler::library::std_planned_samplers;
use samp_compiler::machine::{Machine, RunConfig};
use samp_compiler::types::Kind;
use samp_runtime::analytic::Analytic;
use samp_runtime::{
    Call, Compiled, Denoiser, Dtype, Engine, Error, GivenLevel, GivenLevels, HostValue, Pipeline, RunOptions, Start,
};

const SHAPE: [usize; 2] = [2, 3];
const ELEMENTS: usize = 6;
const LAW: Analytic = Analytic::Gauss { mean: 0.3, std: 0.6 };

/// A run: what fills the slots.
#[derive(Clone, Debug)]
struct Case {
    sampler: String,
    schedule: &'static str,
    grid: &'static str,
    model: &'static str,
    guidance: Option<&'static str>,
    steps: usize,
}

impl Case {
    fn of(sampler: &str) -> Case {
        let sampler = sampler.to_owned();
        Case { sampler, schedule: "scaled_linear", grid: "karras", model: "x0", guidance: None, steps: 5 }
    }

    fn slots(&self) -> Vec<(Slot, String)> {
        let mut slots = vec![
            (Slot::Sampler, self.sampler.clone()),
            (Slot::Schedule, self.schedule.to_owned()),
            (Slot::Grid, self.grid.to_owned()),
            (Slot::Model, self.model.to_owned()),
            (Slot::Steps, self.steps.to_string()),
        ];
        slots.extend(self.guidance.map(|guidance| (Slot::Guidance, guidance.to_owned())));
        slots
    }

    fn compile(&self, dtype: Dtype, engine: Engine) -> Compiled {
        let filled =
            self.slots().into_iter().fold(Pipeline::new(), |pipeline, (slot, value)| pipeline.slot(slot, value));
        let compiled = filled.dtype(dtype).engine(engine).compile();
        compiled.unwrap_or_else(|error| panic!("{self:?} compiles: {error}"))
    }

    /// The samples of the reference run after each step.
    fn reference(
        &self,
        x: Vec<f64>,
        denoise: impl FnMut(&[f64], &NetworkCall<f64>) -> Vec<f64>,
        noise: impl FnMut(u32) -> Vec<f64>,
        inputs: &[(&str, Kind, Vec<f64>)],
    ) -> Vec<Vec<f64>> {
        let loader = |path: &str| Err(format!("no file is read here, not even `{path}`"));
        let request = Request { pipeline: None, slots: self.slots(), sets: Vec::new() };
        let compiled = compile::compile(&request, &loader).unwrap_or_else(|error| panic!("{self:?} compiles: {error}"));
        let mut machine = Machine::new(&compiled.program, Direct::<f64, _, _>::new(x.len(), denoise, noise));
        for (name, kind, values) in inputs {
            machine.give_input(&Arc::from(*name), values.clone().into(), *kind);
        }
        let setup = machine.set_up(compiled.pipeline, &RunConfig::default()).expect("the pipeline is set up");
        let mut samples = Vec::new();
        machine.run(&setup, x.into(), |_, _, x| samples.push(x.to_vec())).expect("the reference runs");
        samples
    }
}

/// What a perfect network says of the data.
fn perfect(x: &[f64], call: &NetworkCall<f64>) -> Vec<f64> {
    x.iter().map(|x| LAW.denoised(*x, call.level.alpha, call.level.sigma)).collect()
}

/// The first sample, of about the size that the level asks for.
fn first(compiled: &Compiled) -> Vec<f64> {
    let size = compiled.levels()[0].sigma.hypot(compiled.levels()[0].alpha);
    [0.9, -1.3, 0.2, 1.7, -0.6, 0.05].iter().map(|value| value * size).collect()
}

/// Noise by its draw.
fn noise(draw: u32) -> Vec<f64> {
    (0..ELEMENTS as u32).map(|k| (f64::from(1 + draw * 7 + k * 3) * 0.7).sin() * 1.4).collect()
}

/// The same noise for a run.
fn given_noise() -> Tensor {
    const DRAWS: u32 = 40;
    tensor((0..DRAWS).flat_map(noise).collect(), &[DRAWS as usize, SHAPE[0], SHAPE[1]], Dtype::F64)
}

fn tensor(values: Vec<f64>, shape: &[usize], dtype: Dtype) -> Tensor {
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape has");
    tensor.to_dtype(candle_dtype(dtype)).expect("floats become floats")
}

fn candle_dtype(dtype: Dtype) -> DType {
    match dtype {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
    }
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    flat.expect("a tensor of floats")
}

/// The largest difference, relative to the largest value of the reference or 1.
fn difference(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len(), "as many values");
    let scale = wanted.iter().fold(1.0, |top: f64, value| top.max(value.abs()));
    let off = found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs());
    // NaN is the largest of all differences.
    off.fold(0.0, |top: f64, next| if next.is_nan() { f64::INFINITY } else { top.max(next) }) / scale
}

/// A tensor of the caller where the test has none of its own.
fn input_values(kind: Kind) -> Vec<f64> {
    match kind {
        Kind::Weight => vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
        _ => vec![0.4, -0.8, 0.1, 0.9, -0.2, 0.5],
    }
}

/// The samples of a run after each step.
fn samples(compiled: &Compiled, x: &[f64], denoiser: impl Denoiser, mut options: RunOptions) -> Vec<Vec<f64>> {
    for input in compiled.inputs() {
        let given = || tensor(input_values(input.kind), &SHAPE, compiled.dtype());
        options.inputs.entry(input.name.to_string()).or_insert_with(given);
    }
    let start = Start::sample(tensor(x.to_vec(), &SHAPE, compiled.dtype()), 0);
    let run = compiled.start(start, denoiser, options).expect("the run starts");
    run.map(|step| values(&step.expect("the run goes on").x)).collect()
}

fn with_noise() -> RunOptions {
    RunOptions { noise: Some(given_noise()), threads: 1, ..RunOptions::default() }
}

/// Every sampler of the library with its own options, and some with others.
fn samplers() -> Vec<String> {
    let with_options = [
        "ancestral(base = heun, eta = 0.5)",
        "ancestral(base = dpmpp_2m, eta = 0)",
        "ddim(eta = 0.5)",
        "ddim(eta = 1)",
        "ddpm(variance = large)",
        "dpmpp_2m(form = heun)",
        "dpmpp_2m_sde(eta = 0, form = heun)",
        "dpmpp_2m_sde(eta = 0.5, s_noise = 0.9)",
        "dpmpp_2s(r = 0.3)",
        "edm(churn = 0)",
        "edm(base = dpm_2, s_min = 1)",
        "euler_ancestral(eta = 0.3)",
        "lms(order = 2)",
        "lms(order = 4, end = jump)",
        "unipc(order = 1)",
        "unipc(order = 2, b = bh1)",
        "unipc(order = 4, corrector = false)",
    ];
    // Those that read a branch or another output of the model are in `tests/guidance.rs`.
    std_planned_samplers().chain(with_options).map(str::to_owned).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for sampler in samplers() {
        for (schedule, grid) in [
            ("scaled_linear", "karras"),
            ("scaled_linear", "trailing"),
            ("edm", "karras(high = level(rho = 20))"),
            ("edm", "restart(low = 0.5, high = 3)"),
            ("flow", "karras(high = level(lambda = -4))"),
            ("flow", "exponential(high = level(lambda = -2), low = level(lambda = 2))"),
        ] {
            cases.push(Case { schedule, grid, ..Case::of(&sampler) });
        }
    }
    cases
}

/// The largest difference to the reference over all steps.
fn off(case: &Case, dtype: Dtype, engine: Engine) -> f64 {
    let compiled = case.compile(dtype, engine);
    let x = first(&compiled);
    let found = samples(&compiled, &x, LAW, with_noise());
    let inputs = compiled.inputs();
    let inputs: Vec<_> = inputs.iter().map(|input| (&*input.name, input.kind, input_values(input.kind))).collect();
    let rows = x.chunks(SHAPE[1]).enumerate().map(|(row, x)| {
        let of_row = |all: &[f64]| all[row * SHAPE[1]..][..SHAPE[1]].to_vec();
        let inputs: Vec<_> = inputs.iter().map(|(name, kind, all)| (*name, *kind, of_row(all))).collect();
        case.reference(x.to_vec(), perfect, |draw| of_row(&noise(draw)), &inputs)
    });
    let wanted = rows.reduce(|above, below| above.into_iter().zip(below).map(|(a, b)| [a, b].concat()).collect());
    let wanted = wanted.expect("there are samples");
    assert_eq!(found.len(), wanted.len(), "{case:?} has as many steps");
    found.iter().zip(&wanted).map(|(found, wanted)| difference(found, wanted)).fold(0.0, f64::max)
}

fn all_within(bound: f64, cases: &[Case], dtype: Dtype, engine: Engine) {
    // A Langevin step near the data is as long as what is left of the noise, so it sees the rounding of a difference.
    let near = |case: &Case| if case.sampler == "predictor_corrector" { 30.0 } else { 1.0 };
    let off = cases.iter().map(|case| (case, off(case, dtype, engine) / near(case)));
    let wrong: Vec<String> =
        off.filter(|(_, off)| *off > bound).map(|(case, off)| format!("off by {off:.1e}: {case:?}")).collect();
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn plans_follow_the_reference_in_f64() {
    all_within(1e-11, &cases(), Dtype::F64, Engine::Interp);
}

#[test]
fn plans_follow_the_reference_in_f32() {
    all_within(1e-4, &cases(), Dtype::F32, Engine::best());
}

#[test]
fn compiled_kernels_follow_the_reference_in_f64() {
    all_within(1e-11, &cases(), Dtype::F64, Engine::best());
}

/// AMED-Solver by hand, in the coordinates of its paper. Zhou et al. 2023, arXiv:2312.00094, eq. 10.
#[test]
fn learned_numbers_are_those_of_their_step() {
    const RHO: [f64; 4] = [8.0, 2.5, 0.7, 0.1];
    const LEARNED: [(f64, f64, f64); 3] = [(0.4, 1.1, 0.9), (0.55, 0.95, 1.05), (0.5, 1.0, 1.2)];
    let list = |of: fn((f64, f64, f64)) -> f64| format!("{:?}", LEARNED.map(of));
    let [r, c, a] = [list(|k| k.0), list(|k| k.1), list(|k| k.2)];
    let pipeline = || {
        let levels = GivenLevels { coordinate: Coordinate::Rho, levels: RHO.map(GivenLevel::At).to_vec() };
        let pipeline = Pipeline::new().schedule("edm").grid("karras").model("x0").sampler("amed").steps(3);
        pipeline.levels(levels).dtype(Dtype::F64)
    };
    let compiled = pipeline().set("sampler.r", &r).set("sampler.c", &c).set("sampler.a", &a).compile();
    let compiled = compiled.unwrap_or_else(|error| panic!("{error}"));
    let start = [4.0, -9.0, 0.5, 2.0, 7.0, -1.0];
    let found = samples(&compiled, &start, LAW, RunOptions::default());
    let eps = |x: f64, told: f64| (x - LAW.denoised(x, 1.0, told)) / told;
    for (k, mut x) in start.into_iter().enumerate() {
        for (step, (r, c, a)) in LEARNED.into_iter().enumerate() {
            let (s, t) = (RHO[step], RHO[step + 1]);
            let m = t.powf(r) * s.powf(1.0 - r);
            let y = x + (m - s) * eps(x, s);
            x += c * (t - s) * eps(y, a * m);
            assert!((found[step][k] - x).abs() < 1e-11 * x.abs().max(1.0), "{} is not {x}", found[step][k]);
        }
    }
    let refused = |option: &str, value: &str| match pipeline().set(option, value).compile() {
        Ok(_) => panic!("{option} = {value} is refused"),
        Err(error) => error.to_string(),
    };
    let said = refused("sampler.r", "[0.5, 0.5]");
    assert!(said.contains("E0304") && said.contains("expected a list of 3 for `r`, found one of 2"), "{said}");
    let said = refused("sampler.c", "[1, 2, 1]");
    assert!(said.contains("E0304") && said.contains("`c` is 2, which lies outside (0, 2)"), "{said}");
}

/// On a point of data unadjusted Langevin steps of this length widen the noise by `1 + 4 snr^4`: `(1 - 2 snr^2)^2 + 4
/// snr^2`. Song et al. 2021, arXiv:2011.13456, Algorithms 4 and 5.
#[test]
fn langevin_steps_keep_the_variance_but_for_their_bias() {
    const POINT: Analytic = Analytic::Gauss { mean: 0.0, std: 0.0 };
    let levels = vec![GivenLevel::At(2.0), GivenLevel::At(0.5)];
    let levels = GivenLevels { coordinate: Coordinate::Rho, levels };
    for (snr, sweeps) in [(0.1_f64, 1), (0.5, 1), (0.3, 4)] {
        let sampler = format!("predictor_corrector(base = ddim, snr = {snr}, sweeps = {sweeps})");
        let pipeline = Pipeline::new().schedule("edm").grid("karras").model("x0").sampler(sampler).steps(1);
        let compiled = pipeline.levels(levels.clone()).dtype(Dtype::F64).compile().expect("it compiles");
        let start = Start::noise_from(&Device::Cpu, (1, 90_000), 3, 0, DType::F64).expect("noise");
        let noise = values(&compiled.run(start, POINT).expect("it runs"));
        let found = noise.iter().map(|x| x * x).sum::<f64>() / noise.len() as f64 / 0.25;
        // Its norm is known to each step, which so corrects what the one before has done.
        let expected = (0..sweeps).fold(1.0, |v, _| v * (1.0 - 2.0 * snr * snr / v).powi(2) + 4.0 * snr * snr / v);
        assert!((found - expected).abs() < 0.02, "snr {snr}, {sweeps} sweeps: {found}, not {expected}");
    }
}

/// For a sampler, what lies between two levels that are reached by adding noise is a run of its own.
#[test]
fn laps_are_runs_of_their_own() {
    for sampler in ["heun", "dpmpp_2m", "unipc", "lms", "ancestral(base = dpmpp_2m, eta = 0)"] {
        let case = Case { schedule: "edm", grid: "restart(low = 0.3, high = 4, inner = 3)", ..Case::of(sampler) };
        let compiled = case.compile(Dtype::F64, Engine::Interp);
        let x = first(&compiled);
        let found = samples(&compiled, &x, LAW, with_noise());
        let rho: Vec<f64> = compiled.levels().iter().map(|level| level.sigma / level.alpha).collect();
        let jumps: Vec<usize> = (1..rho.len()).filter(|at| rho[*at] > rho[at - 1]).collect();
        assert_eq!(jumps.len(), 2, "{sampler}");
        let starts: Vec<usize> = [0].into_iter().chain(jumps.clone()).collect();
        let ends = jumps.iter().map(|jump| jump - 1).chain([rho.len() - 1]);
        for (start, end) in starts.into_iter().zip(ends) {
            let x = if start == 0 { x.clone() } else { found[start - 1].clone() };
            let levels = rho[start..=end].iter().map(|rho| GivenLevel::At(*rho)).collect();
            let levels = GivenLevels { coordinate: Coordinate::Rho, levels };
            let alone = Pipeline::new().schedule("edm").model("x0").sampler(sampler).grid("karras").steps(1);
            let alone =
                alone.levels(levels).dtype(Dtype::F64).engine(Engine::Interp).compile().expect("a leg compiles");
            let wanted = samples(&alone, &x, LAW, with_noise());
            for (found, wanted) in found[start..end].iter().zip(&wanted) {
                assert!(difference(found, wanted) < 1e-12, "{sampler}, from level {start}");
            }
        }
        // Adding noise keeps the data and what noise there is: here alpha is 1 everywhere.
        for (draw, jump) in (0..).zip(jumps) {
            let fresh = (rho[jump].powi(2) - rho[jump - 1].powi(2)).sqrt();
            let wanted: Vec<f64> =
                found[jump - 2].iter().zip(noise(draw)).map(|(x, noise)| x + fresh * noise).collect();
            assert!(difference(&found[jump - 1], &wanted) < 1e-12, "{sampler}, at level {jump}");
        }
    }
}

#[test]
fn the_host_is_asked_while_a_run_is_planned() {
    const TEXT: &str = "extern share(k: int, of: real[]) -> real = 1\n\nextern more(k: int) -> real[] = [k]\n\n\
        sampler shared {\n    step x: sample@s -> sample@t {\n        \
        return transfer(x, share(i, [2, 3]) * sum(more(2)) / 2 * x0(x), t)\n    }\n}\n";
    let pipeline = || {
        let base = Pipeline::new().text("mine.samp", TEXT).sampler("mine.samp").schedule("edm").model("x0");
        base.grid("karras(high = level(rho = 20))").steps(2).dtype(Dtype::F64)
    };
    let run = |pipeline: Pipeline| {
        let compiled = pipeline.compile().expect("it compiles");
        samples(&compiled, &first(&compiled), LAW, RunOptions::default()).pop().expect("there are steps")
    };
    let number = |value: f64| move |_: &[HostValue]| Ok(HostValue::Number(value));
    let alone = run(pipeline());
    assert_eq!(run(pipeline().host("share", number(1.0))), alone);
    assert_ne!(run(pipeline().host("share", number(0.5))), alone);
    let told = |args: &[HostValue]| match args {
        [HostValue::Number(k), HostValue::List(of)] if *of == [2.0, 3.0] && *k < 2.0 => Ok(HostValue::Number(1.0)),
        other => Err(format!("{other:?} is not what the text says")),
    };
    assert_eq!(run(pipeline().host("share", told)), alone);
    assert_eq!(run(pipeline().host("more", |_| Ok(HostValue::List(vec![1.5, 0.5])))), alone);
    let refused = |pipeline: Pipeline, why: &str| {
        let error = pipeline.compile().expect_err("the host is wrong").to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(pipeline().host("share", number(f64::NAN)), "the host's `share` gave NaN");
    refused(pipeline().host("share", |_| Err("out of reach".to_owned())), "the host's `share` failed: out of reach");
    refused(pipeline().host("more", number(1.0)), "gave a number, expected a list");
    refused(pipeline().host("shear", number(1.0)), "no `extern` function is called `shear`");
}

#[test]
fn the_host_is_asked_of_tensors_in_a_run() {
    const TEXT: &str = "extern pulled(x: sample@s, t: level, by: real) -> sample@t\n\n\
        sampler drawn {\n    step x: sample@s -> sample@t {\n        \
        return pulled(transfer(x, x0(x), t), t, 0.25)\n    }\n}\n\n\
        sampler drawn_in_ve in ve {\n    step x: sample@s -> sample@t {\n        \
        let y: sample@t = x + (sigma(t) - sigma(s)) * eps(x)\n        \
        return pulled(y, t, 0.25)\n    }\n}\n";
    let pipeline = |sampler: &str| {
        let base = Pipeline::new().text("mine.samp", TEXT).sampler(sampler).schedule("scaled_linear").model("x0");
        base.grid("karras").steps(4).dtype(Dtype::F64)
    };
    // What the host is told is what the text says, in the schedule's own coordinates.
    let pulled = |x: &Tensor, call: &Call| {
        let level = call.argument("t").expect("the level is told");
        assert_eq!(level[1..], [call.level().alpha, call.level().sigma, call.level().lambda]);
        assert_eq!((call.argument("by"), call.branches()), (Some(&[0.25][..]), &[Arc::from("pulled")][..]));
        x.affine(0.75, 0.25 * level[1])
    };
    for sampler in ["mine.samp:drawn", "mine.samp:drawn_in_ve"] {
        let compiled = pipeline(sampler).host_tensor("pulled", pulled).compile();
        let compiled = compiled.unwrap_or_else(|error| panic!("{sampler}: {error}"));
        assert_eq!((compiled.cost().evals, compiled.cost().calls), (4, 4));
        let levels = compiled.levels().to_vec();
        let found = samples(&compiled, &first(&compiled), LAW, RunOptions::default());
        let mut x = first(&compiled);
        for (pair, found) in levels.windows(2).zip(found) {
            for (x, found) in x.iter_mut().zip(found) {
                let data = LAW.denoised(*x, pair[0].alpha, pair[0].sigma);
                let noise = (*x - pair[0].alpha * data) / pair[0].sigma;
                *x = 0.75 * (pair[1].alpha * data + pair[1].sigma * noise) + 0.25 * pair[1].alpha;
                assert!((*x - found).abs() < 1e-11, "{sampler}: {found} is not {x}");
            }
        }
    }
    let refused = |pipeline: Pipeline, why: &str| {
        let error = pipeline.compile().expect_err("the host is wrong").to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(pipeline("mine.samp:drawn"), "the host gives no function `pulled`");
    let number = |_: &[HostValue]| Ok(HostValue::Number(1.0));
    refused(pipeline("mine.samp:drawn").host("pulled", number), "is given with `Pipeline::host_tensor`");
    refused(pipeline("mine.samp:drawn").host_tensor("pushed", pulled), "no `extern` function is called `pushed`");
    let fails = |function: fn(&Tensor, &Call) -> candle_core::Result<Tensor>, why: &str| {
        let compiled = pipeline("mine.samp:drawn").host_tensor("pulled", function).compile().expect("it compiles");
        let start = Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
        let error = compiled.run(start, LAW).expect_err("the host fails").to_string();
        assert!(error.contains(why), "{error}");
    };
    fails(|_, _| candle_core::bail!("nothing stored"), "the host's `pulled` failed at step 1 of 4: nothing stored");
    fails(|x, _| x.narrow(0, 0, 1), "the host's `pulled` returned shape [1, 3] at step 1 of 4, expected shape [2, 3]");
}

/// ReDi goes on from the stored trajectory, with a base that has forgotten. Zhang et al. 2023, arXiv:2302.02285.
#[test]
fn a_stored_trajectory_is_taken_up() {
    let pipeline = |sampler: &str| {
        let base = Pipeline::new().sampler(sampler).schedule("scaled_linear").model("x0").grid("karras").steps(5);
        base.dtype(Dtype::F64)
    };
    let stored = [0.3, -0.1, 0.9, 1.1, -0.7, 0.2];
    let retrieve = move |x: &Tensor, _: &Call| Tensor::from_vec(stored.to_vec(), x.shape(), x.device());
    let compiled = pipeline("redi(k = 2)").host_tensor("retrieve", retrieve).compile().expect("it compiles");
    let found = samples(&compiled, &first(&compiled), LAW, RunOptions::default());
    assert_eq!(found[2], stored);
    let rest: Vec<_> = compiled.levels()[3..].iter().map(|level| level.lambda).collect();
    let levels = rest.iter().map(|lambda| if lambda.is_finite() { GivenLevel::At(*lambda) } else { GivenLevel::Clean });
    let levels = GivenLevels { coordinate: Coordinate::Lambda, levels: levels.collect() };
    let rest = pipeline("dpmpp_2m").levels(levels).compile().expect("it compiles");
    let wanted = samples(&rest, &stored, LAW, RunOptions::default());
    assert!(difference(&found[4], &wanted[1]) < 1e-12);
}

#[test]
fn a_run_that_rises_begins_with_an_image() {
    let compiled = Case { grid: "rising", ..Case::of("ddim") }.compile(Dtype::F64, Engine::Interp);
    let noise = Start::noise_from(&Device::Cpu, (2, 3), 0, 0, DType::F64).expect("a start");
    assert!(matches!(compiled.run(noise, LAW), Err(Error::RisesFromNoise)));
    // What is carried up and down again over the same levels comes back.
    let x = [0.9, -1.3, 0.2, 1.7, -0.6, 0.05];
    let steps = 400;
    let up = Case { grid: "rising(base = karras)", steps, ..Case::of("ddim") }.compile(Dtype::F64, Engine::Interp);
    let top = samples(&up, &x, LAW, RunOptions::default()).pop().expect("there are steps");
    assert!(difference(&top, &x) > 0.1, "it is noise by then");
    let levels = up.levels().iter().rev().map(|level| GivenLevel::At(level.lambda)).collect();
    let down = Pipeline::new().schedule("scaled_linear").model("x0").sampler("ddim").grid("karras").steps(1);
    let levels = GivenLevels { coordinate: Coordinate::Lambda, levels };
    let down = down.levels(levels).dtype(Dtype::F64).compile().expect("the way down compiles");
    let back = samples(&down, &top, LAW, RunOptions::default()).pop().expect("there are steps");
    assert!(difference(&back, &x) < 0.05, "{back:?} is not {x:?}");
}

#[test]
fn every_model_says_the_same() {
    // Undoing a model divides by alpha, which is 0.07 at the noisiest level here; that costs a few digits.
    let models = [("eps", "scaled_linear"), ("v", "scaled_linear"), ("flow", "flow"), ("edm", "edm"), ("edm", "flow")];
    let mut cases = Vec::new();
    for sampler in ["heun", "dpmpp_2m", "unipc", "ddim(eta = 0.5)", "ancestral"] {
        for (model, schedule) in models {
            cases.push(Case { model, schedule, grid: "karras(high = level(rho = 14))", ..Case::of(sampler) });
        }
    }
    all_within(1e-10, &cases, Dtype::F64, Engine::Interp);
}

#[test]
fn one_step_and_many_follow_the_reference() {
    let mut cases = Vec::new();
    for sampler in samplers() {
        cases.extend([1, 2, 12].map(|steps| Case { steps, ..Case::of(&sampler) }));
    }
    all_within(1e-11, &cases, Dtype::F64, Engine::Interp);
}

/// A network whose branches differ: what `uncond` says is a half of what `cond` says.
fn two_branches(x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
    let level = call.level();
    let rows = x.dim(0)? / call.branches().len();
    let mut parts = Vec::new();
    for (at, branch) in call.branches().iter().enumerate() {
        let part = x.narrow(0, at * rows, rows)?;
        let share = if &**branch == "uncond" { 0.5 } else { 1.0 };
        let data: Vec<f64> = values(&part).iter().map(|x| share * LAW.denoised(*x, level.alpha, level.sigma)).collect();
        parts.push(Tensor::from_vec(data, part.shape(), x.device())?.to_dtype(x.dtype())?);
    }
    Tensor::cat(&parts, 0)
}

#[test]
fn guidance_batches_branches_and_follows_the_reference() {
    for guidance in ["plain", "cfg(scale = 3)", "cfg(scale = 1)", "interval(base = cfg(scale = 2), low = 1, high = 5)"]
    {
        for sampler in ["euler", "heun", "dpmpp_2m", "unipc", "ancestral(base = heun)"] {
            let case = Case { guidance: Some(guidance), ..Case::of(sampler) };
            let compiled = case.compile(Dtype::F64, Engine::Interp);
            let x = first(&compiled);
            let found = samples(&compiled, &x, two_branches, with_noise());
            let denoise = |x: &[f64], call: &NetworkCall<f64>| {
                let share = if &*call.branch == "uncond" { 0.5 } else { 1.0 };
                perfect(x, call).iter().map(|data| share * data).collect()
            };
            let wanted = case.reference(x, denoise, noise, &[]);
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!(difference(found, wanted) < 1e-11, "{case:?}");
            }
        }
    }
}

#[test]
fn generated_noise_is_that_of_the_sequence() {
    // The draws of a run are the second stream; the first is the initial noise.
    const STREAM: u32 = 1;
    const SEED: u64 = 11;
    for sampler in ["ddpm", "ancestral", "dpmpp_2m_sde", "edm"] {
        let case = Case::of(sampler);
        let compiled = case.compile(Dtype::F64, Engine::Interp);
        let x = first(&compiled);
        let start = Start::sample(tensor(x.clone(), &SHAPE, Dtype::F64), SEED);
        let found = values(&compiled.run(start, LAW).expect("the run ends"));
        let drawn = |draw: u32| {
            let rows = (0..SHAPE[0] as u32).flat_map(|sample| {
                let mut row = [0f32; SHAPE[1]];
                fill_normal(&mut row, Sequence { seed: SEED, stream: STREAM, draw, sample });
                row.map(f64::from)
            });
            rows.collect()
        };
        let wanted = case.reference(x, perfect, drawn, &[]);
        assert!(difference(&found, wanted.last().expect("there are steps")) < 1e-11, "{sampler}");
    }
}

#[test]
fn samples_do_not_depend_on_the_batch() {
    let compiled = Case::of("ddpm").compile(Dtype::F32, Engine::best());
    let run = |batch: usize, from: u64| {
        let start = Start::noise_from(&Device::Cpu, (batch, 3), 5, from, DType::F32).expect("a start");
        values(&compiled.run(start, LAW).expect("the run ends"))
    };
    let whole = run(5, 0);
    assert_eq!(run(2, 0), whole[..6]);
    assert_eq!(run(3, 2), whole[6..]);
    assert_eq!(run(1, 4), whole[12..]);
}
