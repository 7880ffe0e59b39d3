//! Guidance in whole runs: plans, with their reductions, against the reference arithmetic, branch by branch.

use candle_core::{DType, Device, Tensor};
use samp_compiler::arith::NetworkCall;
use samp_compiler::arith::direct::Direct;
use samp_compiler::compile::{self, Request};
use samp_compiler::hir::Slot;
use samp_compiler::machine::{Machine, RunConfig};
use samp_runtime::{Call, Compiled, Dtype, Engine, On, Pipeline, RunOptions, Start};

const ELEMENTS: usize = 40;

/// What a branch of a network that predicts the data says of one element.
fn predicted(branch: &str, x: f64, element: usize, sigma: f64) -> f64 {
    let salt = branch.bytes().fold(0.0, |sum, byte| sum + f64::from(byte));
    let bias = (salt + element as f64 * 0.37).sin();
    (x + bias * (1.0 + sigma)) / (1.0 + sigma * sigma) + 0.1 * bias
}

fn slots(guidance: &str, sampler: &str) -> Vec<(Slot, String)> {
    [
        (Slot::Schedule, "scaled_linear"),
        (Slot::Grid, "karras"),
        (Slot::Model, "x0"),
        (Slot::Guidance, guidance),
        (Slot::Sampler, sampler),
        (Slot::Steps, "4"),
    ]
    .map(|(slot, value)| (slot, value.to_owned()))
    .to_vec()
}

fn compiled(slots: &[(Slot, String)], dtype: Dtype, engine: Engine) -> Compiled {
    let filled = slots.iter().fold(Pipeline::new(), |pipeline, (slot, value)| pipeline.slot(*slot, value.clone()));
    filled.dtype(dtype).engine(engine).compile().unwrap_or_else(|error| panic!("{slots:?} compiles: {error}"))
}

fn start(sample: usize) -> Vec<f64> {
    (0..ELEMENTS).map(|k| 14.0 * ((sample * 17 + k * k) as f64 * 0.61).sin()).collect()
}

fn noise(draw: u32, sample: usize) -> Vec<f64> {
    (0..ELEMENTS).map(|k| 1.4 * ((draw as usize * 7 + sample * 31 + k * 3) as f64 * 0.7).cos()).collect()
}

/// The result of each sample of a run, for all samples at once.
fn run(compiled: &Compiled, samples: &[usize], on: On) -> Vec<Vec<f64>> {
    let dtype = match compiled.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
    };
    let shape = [samples.len(), ELEMENTS];
    let x: Vec<f64> = samples.iter().flat_map(|sample| start(*sample)).collect();
    let x = Tensor::from_vec(x, &shape, &Device::Cpu).and_then(|x| x.to_dtype(dtype)).expect("a start");
    let draws: Vec<f64> =
        (0..40).flat_map(|draw| samples.iter().flat_map(move |sample| noise(draw, *sample))).collect();
    let noise = Tensor::from_vec(draws, &[40, shape[0], shape[1]], &Device::Cpu).expect("noise");
    let options = RunOptions { noise: Some(noise), threads: 1, on, ..RunOptions::default() };
    let denoiser = |x: &Tensor, call: &Call| {
        assert_eq!(call.batch(), shape[0]);
        let rows = call.branches().iter().flat_map(|branch| std::iter::repeat_n(branch.clone(), shape[0]));
        let values = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let mut answers = Vec::new();
        for (branch, row) in rows.zip(values.chunks(ELEMENTS)) {
            answers.extend(row.iter().enumerate().map(|(k, x)| predicted(&branch, *x, k, call.level().sigma)));
        }
        Tensor::from_vec(answers, x.dims(), x.device())?.to_dtype(x.dtype())
    };
    let result = compiled.start(Start::sample(x, 0), denoiser, options).expect("the run starts").finish();
    let result = result.and_then(|x| Ok(x.to_dtype(DType::F64)?.to_vec2())).expect("the run goes on");
    result.expect("rows of numbers")
}

fn reference(slots: &[(Slot, String)], sample: usize) -> Vec<f64> {
    let loader = |path: &str| Err(format!("no file is read here, not even `{path}`"));
    let request = Request { pipeline: None, slots: slots.to_vec(), sets: Vec::new() };
    let compiled = compile::compile(&request, &loader).unwrap_or_else(|error| panic!("{slots:?} compiles: {error}"));
    let denoise = |x: &[f64], call: &NetworkCall<f64>| {
        x.iter().enumerate().map(|(k, x)| predicted(&call.branch, *x, k, call.level.sigma)).collect()
    };
    let direct = Direct::<f64, _, _>::new(ELEMENTS, denoise, |draw| noise(draw, sample));
    let mut machine = Machine::new(&compiled.program, direct);
    let setup = machine.set_up(compiled.pipeline, &RunConfig::default()).expect("the pipeline is set up");
    machine.run(&setup, start(sample).into(), |_, _, _| {}).expect("the reference runs").to_vec()
}

fn difference(found: &[f64], wanted: &[f64]) -> f64 {
    let scale = wanted.iter().fold(1.0, |top: f64, value| top.max(value.abs()));
    let off = found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs());
    off.fold(0.0, |top: f64, next| if next.is_nan() { f64::INFINITY } else { top.max(next) }) / scale
}

/// Guidances with reductions, state, and other guidances inside.
const GUIDANCES: &[&str] = &[
    "alternate(below = 10)",
    "apg",
    "apg(momentum = 0.3, radius = 0.2, parallel = 0.5)",
    "cfg",
    "cfg_norm(scale = 3)",
    "cfg_rescale",
    "clip(base = cfg(scale = 2), low = -0.5)",
    "compose(scale = 2)",
    "dual_cfg",
    "dynamic_threshold",
    "dynamic_threshold(base = apg, share = 0.8)",
    "perp_neg",
    "perturbed(low = 0.5)",
    "scheduled(scales = [3, 1, 2])",
    "interval(base = cfg_rescale, low = 1, high = 10)",
];

const SAMPLERS: &[&str] = &["ddim", "heun", "dpmpp_2m", "euler_ancestral"];

/// Samplers that read a branch of their own.
const BRANCHED: &[&str] = &[
    "cfgpp",
    "cfgpp(base = heun)",
    "ancestral(base = cfgpp(base = dpmpp_2s))",
    "dpmpp_2m_cfgpp",
    "dpmpp_2s_cfgpp_as_shipped",
    "gradient_estimation_cfgpp",
    "res_multistep_cfgpp(eta = 0.5)",
];

fn all_within(bound: f64, dtype: Dtype, engine: Engine, on: On) {
    let guided = GUIDANCES.iter().flat_map(|guidance| SAMPLERS.iter().map(move |sampler| (guidance, sampler)));
    let branched = BRANCHED.iter().flat_map(|sampler| [(&"cfg", sampler), (&"cfg_rescale", sampler)]);
    for (guidance, sampler) in guided.chain(branched) {
        let slots = slots(guidance, sampler);
        let found = run(&compiled(&slots, dtype, engine), &[0, 1, 2], on);
        for (sample, found) in found.iter().enumerate() {
            let off = difference(found, &reference(&slots, sample));
            assert!(off <= bound, "{guidance} under {sampler} is off by {off:.1e}");
        }
    }
}

#[test]
fn guided_runs_follow_the_reference_in_f64() {
    all_within(1e-11, Dtype::F64, Engine::Interp, On::Tensors);
    all_within(1e-11, Dtype::F64, Engine::best(), On::Tensors);
}

#[test]
fn guided_runs_follow_the_reference_in_f32() {
    all_within(2e-5, Dtype::F32, Engine::best(), On::Tensors);
}

#[test]
fn guided_runs_follow_the_reference_through_candle_s_operations() {
    all_within(1e-11, Dtype::F64, Engine::Interp, On::CandleOps);
}

/// A reduction is over one sample: the others of its batch do not matter.
#[test]
fn a_guided_sample_is_the_same_bits_in_every_batch() {
    for guidance in GUIDANCES {
        let compiled = compiled(&slots(guidance, "dpmpp_2m"), Dtype::F32, Engine::best());
        let whole = run(&compiled, &[0, 1, 2], On::Tensors);
        for (sample, whole) in whole.iter().enumerate() {
            assert_eq!(&run(&compiled, &[sample], On::Tensors)[0], whole, "{guidance}, sample {sample}");
        }
    }
}

/// A sample of one element under DDPM with a learned variance, by hand: Nichol & Dhariwal 2021, eq. 15.
#[test]
fn a_learned_variance_lies_between_the_small_and_the_large_one() {
    let mut slots = slots("plain", "ddpm_learned");
    slots.retain(|(slot, _)| *slot != Slot::Model);
    slots.push((Slot::Model, "learned_variance".to_owned()));
    let compiled = compiled(&slots, Dtype::F64, Engine::best());
    let share = |k: usize| (k % 7) as f64 / 6.0;
    let data = 0.25;
    let start = Tensor::from_vec(start(0), (1, ELEMENTS), &Device::Cpu).expect("a start");
    let draws: Vec<f64> = (0..40).flat_map(|draw| noise(draw, 0)).collect();
    let draws = Tensor::from_vec(draws, (40, 1, ELEMENTS), &Device::Cpu).expect("noise");
    let denoiser = |x: &Tensor, call: &Call| {
        assert_eq!((call.parts(), x.dims()), (2, &[1, ELEMENTS][..]));
        let level = call.level();
        let eps = x.affine(1.0 / level.sigma, -level.alpha * data / level.sigma)?;
        let shares: Vec<f64> = (0..ELEMENTS).map(|k| 2.0 * share(k) - 1.0).collect();
        Tensor::cat(&[eps, Tensor::from_vec(shares, (1, ELEMENTS), x.device())?], 1)
    };
    let options = RunOptions { noise: Some(draws), threads: 1, ..RunOptions::default() };
    let run = compiled.start(Start::sample(start.clone(), 0), denoiser, options).expect("the run starts");
    let mut x: Vec<f64> = start.flatten_all().and_then(|x| x.to_vec1()).expect("numbers");
    for (step, found) in run.enumerate() {
        let found: Vec<f64> =
            found.expect("the run goes on").x.flatten_all().and_then(|x| x.to_vec1()).expect("numbers");
        let (s, t) = (compiled.levels()[step], compiled.levels()[step + 1]);
        let fresh = noise(step as u32, 0);
        for (k, x) in x.iter_mut().enumerate() {
            let beta = s.sigma.powi(2) - (s.alpha / t.alpha * t.sigma).powi(2);
            let posterior = (t.sigma / s.sigma).powi(2) * beta;
            let eps = (*x - s.alpha * data) / s.sigma;
            *x = if t.sigma == 0.0 {
                data
            } else {
                let spread = (share(k) * beta.ln() + (1.0 - share(k)) * posterior.ln()).exp().sqrt();
                t.alpha * data + (t.sigma.powi(2) - posterior).sqrt() * eps + spread * fresh[k]
            };
        }
        assert!(difference(&found, &x) < 1e-11, "step {step}");
    }
}
