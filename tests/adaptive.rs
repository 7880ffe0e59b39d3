//! Samplers that find their own steps: what a run of them must keep to, whatever its steps are.

mod common;

use candle_core::{DType, Device, Tensor};
use samp_runtime::analytic::Analytic;
use samp_runtime::networks::Network;
use samp_runtime::{Call, Compiled, Denoiser, Dtype, Error, GivenLevel, GivenLevels, Pipeline, RunOptions, Start};

/// Embeds Euler's method in Heun's; `kept` sees that a rejected step leaves no trace.
const EMBEDDED: &str = "
sampler embedded(tolerance: real in (0, inf) = 0.01) {
    adaptive per sample over lambda from 1.5

    step x: sample@s -> sample@t {
        let low: sample@t = transfer(x, x0(x), t)
        let high: sample@t = heun(x, t)
        estimate (high - low) / tolerance
        return high
    }

    control h, e {
        accept e <= 1
        return h * clamp(0.9 / sqrt(max(e, 1e-12)), 0.2, 5)
    }
}

sampler multistep(tolerance: real in (0, inf) = 0.01) {
    adaptive per sample over lambda from 1.5

    step x: sample@s -> sample@t {
        let low: sample@t = transfer(x, x0(x), t)
        let high: sample@t = dpmpp_2m(x, t)
        estimate (high - low) / tolerance
        return high
    }

    control h, e {
        accept e <= 1
        return h * clamp(0.9 / sqrt(max(e, 1e-12)), 0.2, 5)
    }
}
";

/// Always rejects its first attempt, and counts in `control`.
const COUNTING: &str = "
sampler counting {
    adaptive per sample over lambda from 2
    state tries: real = 0

    step x: sample@s -> sample@t {
        estimate 0 * x
        return transfer(x, x0(x), t)
    }

    control h, e {
        tries <- tries + 1
        accept tries >= 2
        return if tries < 2 { h / 2 } else { h }
    }
}
";

/// A law whose probability flow is a scaling about the mean, `(x - alpha m) / std(x)`.
const MEAN: f64 = 0.5;
const STD: f64 = 0.5;

fn law() -> Analytic {
    Analytic::Gauss { mean: MEAN, std: STD }
}

fn pipeline(sampler: &str) -> Pipeline {
    let pipeline = Pipeline::new().text("mine.samp", EMBEDDED).dtype(Dtype::F64);
    pipeline.schedule("scaled_linear").grid("ends").model("x0").sampler(sampler).steps(1)
}

fn compiled(sampler: &str) -> Compiled {
    pipeline(sampler).compile().unwrap_or_else(|error| panic!("{sampler}: {error}"))
}

fn start(rows: usize, first: u64) -> Start {
    Start::noise_from(&Device::Cpu, (rows, 5), 7, first, DType::F64).expect("noise")
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("numbers")
}

/// The exact end of the probability flow from a start, and how far a run is from it.
fn error_of(sampler: &str) -> (f64, usize) {
    let compiled = compiled(sampler);
    let start = start(1, 0);
    let first = compiled.levels()[0];
    let x = values(&start.first(first.sigma).expect("a start"));
    let mut run = compiled.start(start, law(), RunOptions::default()).expect("it starts");
    let steps: Vec<_> = run.by_ref().collect::<Result<_, _>>().expect("it runs");
    let last = steps.last().expect("a step");
    let spread = |alpha: f64, sigma: f64| (alpha * alpha * STD * STD + sigma * sigma).sqrt();
    let exact = x.iter().map(|x| {
        let unit = (x - first.alpha * MEAN) / spread(first.alpha, first.sigma);
        last.level.alpha * MEAN + unit * spread(last.level.alpha, last.level.sigma)
    });
    let worst = values(&last.x).iter().zip(exact).map(|(x, exact)| (x - exact).abs()).fold(0.0, f64::max);
    let [(counted, tried)] = run.attempts().expect("it is adaptive")[..] else { panic!("one sample has one way") };
    assert_eq!((counted, last.progress), (steps.len(), 1.0));
    assert!(tried >= counted);
    (worst, counted)
}

#[test]
fn a_tighter_tolerance_takes_more_steps_and_errs_less() {
    let error_at = |tolerance: f64| error_of(&format!("mine.samp:embedded(tolerance = {tolerance})"));
    let ((rough, few), (fine, many)) = (error_at(0.03), error_at(0.0003));
    assert!(many > 4 * few, "{few} and {many} steps");
    assert!(fine < rough / 20.0 && fine < 1e-3, "{rough} and {fine}");
}

#[test]
fn pairs_of_high_order_need_few_steps_for_a_small_error() {
    for (pair, most) in [("bogacki_shampine", 400), ("cash_karp", 60), ("dormand_prince", 60)] {
        let (error, steps) = error_of(&format!("rk_adaptive(tab = {pair}, rtol = 1e-6, atol = 1e-7)"));
        assert!(error < 1e-4 && steps < most, "{pair}: {error} in {steps} steps");
    }
}

#[test]
fn a_run_goes_on_in_another_thread() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    for (sampler, grid) in [("dpm_adaptive", "ends"), ("dpmpp_2m_sde", "karras")] {
        let compiled = pipeline(sampler).grid(grid).steps(5).compile().unwrap_or_else(|error| panic!("{error}"));
        let begin = || compiled.start(start(2, 0), law(), RunOptions::default()).expect("it starts");
        let alone = values(&begin().finish().expect("it runs"));
        let mut run = sendable(begin());
        run.next().expect("a step").expect("it runs");
        let moved = std::thread::scope(|scope| {
            let thread = scope.spawn(move || values(&run.finish().expect("it runs")));
            thread.join().expect("the thread ends")
        });
        assert_eq!(moved, alone, "{sampler}");
    }
}

#[test]
fn a_sample_is_the_same_in_any_batch() {
    for sampler in ["mine.samp:embedded", "gotta_go_fast"] {
        let compiled = compiled(sampler);
        let together = compiled.run(start(3, 0), law()).expect("it runs");
        for row in 0..3 {
            let alone = compiled.run(start(1, row as u64), law()).expect("it runs");
            assert_eq!(values(&alone), values(&together.get(row).expect("a row")), "{sampler}, row {row}");
        }
    }
}

/// Answers calls together, and counts how it was asked.
#[derive(Default)]
struct Together {
    alone: usize,
    together: Vec<usize>,
    times: usize,
}

impl Denoiser for Together {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        self.alone += 1;
        law().denoise(x, call)
    }

    fn denoise_each(&mut self, inputs: &[&Tensor], calls: &[&Call]) -> candle_core::Result<Vec<Tensor>> {
        self.together.push(calls.len());
        self.times += usize::from(calls.iter().any(|call| call.time() != calls[0].time()));
        inputs.iter().zip(calls).map(|(x, call)| law().denoise(x, call)).collect()
    }
}

#[test]
fn samples_with_steps_of_their_own_are_asked_together() {
    let compiled = compiled("mine.samp:embedded");
    let mut counted = Together::default();
    let denoiser = Shared(&mut counted);
    let together = compiled.run(start(3, 0), denoiser).expect("it runs");
    let (mut most, mut all) = (0, 0);
    for row in 0..3 {
        let mut alone = Together::default();
        let x = compiled.run(start(1, row as u64), Shared(&mut alone)).expect("it runs");
        assert_eq!(values(&x), values(&together.get(row).expect("a row")), "row {row}");
        assert!(alone.together.is_empty());
        (most, all) = (most.max(alone.alone), all + alone.alone);
    }
    assert_eq!(counted.alone + counted.together.iter().sum::<usize>(), all);
    // A sample whose step counts waits for the others.
    assert!(
        counted.alone + counted.together.len() < (most + all) / 2,
        "{:?}, alone {}",
        counted.together,
        counted.alone
    );
    assert!(counted.times > 0, "samples are at levels of their own");
}

/// A denoiser that is looked at after its run.
struct Shared<'d>(&'d mut Together);

impl Denoiser for Shared<'_> {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        self.0.denoise(x, call)
    }

    fn denoise_each(&mut self, inputs: &[&Tensor], calls: &[&Call]) -> candle_core::Result<Vec<Tensor>> {
        self.0.denoise_each(inputs, calls)
    }
}

#[test]
fn a_denoiser_that_answers_too_few_is_said() {
    struct Few;
    impl Denoiser for Few {
        fn denoise(&mut self, x: &Tensor, _: &Call) -> candle_core::Result<Tensor> {
            Ok(x.clone())
        }
        fn denoise_each(&mut self, inputs: &[&Tensor], _: &[&Call]) -> candle_core::Result<Vec<Tensor>> {
            Ok(vec![inputs[0].clone()])
        }
    }
    let error = compiled("mine.samp:embedded").run(start(2, 0), Few).expect_err("one is missing").to_string();
    assert_eq!(error, "the denoiser failed at step 1: it gave too few outputs for 2 calls");
}

#[test]
fn digits_with_steps_of_their_own_are_the_same_in_any_batch() {
    let pipeline = Pipeline::new().text("mine.samp", EMBEDDED).schedule("flow").model("flow(time_scale = 1)").steps(1);
    let pipeline =
        pipeline.grid("ends(high = level(sigma = 0.95), low = level(sigma = 0.2))").guidance("cfg(scale = 2)");
    let compiled = pipeline.sampler("mine.samp:embedded(tolerance = 0.05)").compile().expect("it compiles");
    let network = Network::load("digits", None, &Device::Cpu).expect("it is there").with_classes(vec![3, 8, 1]);
    let run = |rows: usize, first: u64| {
        let start = Start::noise_from(&Device::Cpu, (rows, 1, 28, 28), 5, first, DType::F32).expect("noise");
        let mut run = compiled.start(start, network.clone(), RunOptions::default()).expect("it starts");
        run.by_ref().try_for_each(|step| step.map(|_| ())).expect("it runs");
        (run.attempts().expect("it is adaptive"), run.finish().expect("it has run"))
    };
    let bits = |x: &Tensor| x.flatten_all().and_then(|x| x.to_vec1::<f32>()).expect("numbers");
    let (attempts, together) = run(3, 0);
    for row in 0..3 {
        let (ways, alone) = run(1, row as u64);
        assert_eq!(ways, attempts[row..=row]);
        assert_eq!(bits(&alone), bits(&together.get(row).expect("a row")), "row {row}");
    }
}

/// A multistep rule has a history; what a rejected attempt put into it must be gone. So the run is the run of the same
/// rule over the levels that counted.
#[test]
fn a_rejected_step_leaves_no_trace() {
    let adaptive = compiled("mine.samp:multistep");
    let mut run = adaptive.start(start(1, 0), law(), RunOptions::default()).expect("it starts");
    let steps: Vec<_> = run.by_ref().collect::<Result<_, _>>().expect("it runs");
    let attempts = run.attempts().expect("it is adaptive")[0];
    assert!(attempts.1 > attempts.0, "{attempts:?}: nothing was rejected");
    let lambdas = std::iter::once(adaptive.levels()[0].lambda).chain(steps.iter().map(|step| step.level.lambda));
    let levels = lambdas.map(GivenLevel::At).collect();
    let given = GivenLevels { coordinate: samp_compiler::hir::Coordinate::Lambda, levels };
    let fixed = pipeline("dpmpp_2m").levels(given).compile().expect("it compiles");
    let expected = values(&fixed.run(start(1, 0), law()).expect("it runs"));
    for (x, expected) in values(&steps.last().expect("a step").x).iter().zip(expected) {
        assert!((x - expected).abs() <= 1e-12, "{x} is not {expected}");
    }
}

#[test]
fn what_control_keeps_outlives_a_rejected_step() {
    let pipeline = pipeline("counting.samp").text("counting.samp", COUNTING);
    let compiled = pipeline.compile().unwrap_or_else(|error| panic!("{error}"));
    let mut run = compiled.start(start(1, 0), law(), RunOptions::default()).expect("it starts");
    let steps = run.by_ref().collect::<Result<Vec<_>, _>>().expect("it runs").len();
    assert_eq!(run.attempts(), Some(vec![(steps, steps + 1)]));
}

#[test]
fn a_run_that_does_not_get_on_says_so() {
    let compiled = compiled("mine.samp:embedded(tolerance = 1e-30)");
    let error = compiled.run(start(1, 0), law()).expect_err("no step can be that good").to_string();
    assert!(error.contains("E0511") && error.contains("% of its way"), "{error}");
}

#[test]
fn an_error_that_is_no_number_is_said() {
    let compiled = compiled("mine.samp:embedded");
    let denoiser = |x: &Tensor, _: &Call| x.affine(0.0, f64::NAN);
    let error = compiled.run(start(1, 0), denoiser).expect_err("NaN");
    assert!(matches!(error, Error::DenoiserOutput { step: 0, steps: None, .. }), "{error}");
}

#[test]
fn a_denoiser_that_fails_is_said_with_its_step() {
    let compiled = compiled("mine.samp:embedded");
    let mut calls = 0;
    let denoiser = |x: &Tensor, call: &Call| {
        calls += 1;
        if call.step() == 1 { Err(candle_core::Error::Msg("no".into())) } else { x.affine(0.5, 0.0) }
    };
    let error = compiled.run(start(1, 0), denoiser).expect_err("it fails").to_string();
    assert_eq!(error, "the denoiser failed at step 2: no");
    assert!(calls > 2);
}

#[test]
fn images_are_begun_from_once() {
    let text = "
        pipeline from_an_image {
            input image: sample@clean
            schedule scaled_linear
            grid     ends(high = level(lambda = -0.5))
            model    x0
            sampler  gotta_go_fast
            steps    1
            start    renoise(image, grid[0])
        }
    ";
    let compiled = Pipeline::named("image.samp").text("image.samp", text).dtype(Dtype::F64).compile().expect("right");
    let image = Tensor::full(0.4, (2, 5), &Device::Cpu).expect("an image");
    let run = |rows: usize, first: u64| {
        let inputs = [("image".to_owned(), image.narrow(0, 0, rows).expect("rows"))].into();
        let options = RunOptions { inputs, ..RunOptions::default() };
        let run = compiled.start(start(rows, first), law(), options).expect("it starts");
        values(&run.finish().expect("it runs"))
    };
    let together = run(2, 0);
    assert_eq!(run(1, 0), together[..5]);
    assert_eq!(run(1, 1), together[5..]);
    assert!(together.iter().all(|x| x.abs() < 3.0), "{together:?}");
}
