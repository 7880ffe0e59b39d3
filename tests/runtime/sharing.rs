use super::*;

#[test]
fn nothing_is_left_of_a_run() {
    for sampler in samplers() {
        let compiled = Case::of(&sampler).compile(Dtype::F32, Engine::best());
        let x = first(&compiled);
        let other: Vec<f64> = x.iter().map(|x| -3.0 * x).collect();
        let before = samples(&compiled, &x, LAW, with_noise());
        samples(&compiled, &other, LAW, with_noise());
        assert_eq!(samples(&compiled, &x, LAW, with_noise()), before, "{sampler}");
    }
}

#[test]
fn runs_of_one_pipeline_can_be_interleaved() {
    for sampler in ["dpmpp_2m", "unipc", "lms"] {
        let compiled = Case::of(sampler).compile(Dtype::F64, Engine::Interp);
        let x = first(&compiled);
        let other: Vec<f64> = x.iter().map(|x| 0.5 - x).collect();
        let begin = |x: &[f64]| {
            let start = Start::sample(tensor(x.to_vec(), &SHAPE, Dtype::F64), 0);
            compiled.start(start, LAW, RunOptions::default()).expect("the run starts")
        };
        let both = begin(&x).zip(begin(&other));
        let (left, right): (Vec<_>, Vec<_>) =
            both.map(|(left, right)| (values(&left.expect("a step").x), values(&right.expect("a step").x))).unzip();
        assert_eq!(left, samples(&compiled, &x, LAW, RunOptions::default()));
        assert_eq!(right, samples(&compiled, &other, LAW, RunOptions::default()));
    }
}

#[test]
fn threads_share_a_pipeline() {
    fn shareable<T: Send + Sync>(value: T) -> T {
        value
    }
    let compiled = shareable(Case::of("dpmpp_2m_sde").compile(Dtype::F32, Engine::best()));
    let run = |seed: u64| {
        let start = Start::noise(&Device::Cpu, (2, 3), seed).expect("a start");
        values(&compiled.run(start, LAW).expect("the run ends"))
    };
    let alone: Vec<Vec<f64>> = (0..8).map(run).collect();
    let together: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8).map(|seed| scope.spawn(move || run(seed))).collect();
        running.into_iter().map(|thread| thread.join().expect("the thread ends")).collect()
    });
    assert_eq!(together, alone);
}
