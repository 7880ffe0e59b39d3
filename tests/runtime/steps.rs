use super::*;

const TELLS: &str = "\
sampler tells {
    step x: sample@s -> sample@t {
        let d = x0(x)
        emit data = d
        if not last {
            emit twice = 2 * x
        }
        return transfer(x, d, t)
    }
}
";

#[test]
fn steps_come_one_by_one() {
    let compiled = Case::of("dpmpp_2m").compile(Dtype::F64, Engine::Interp);
    let start = || Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
    let run = compiled.start(start(), LAW, RunOptions::default()).expect("the run starts");
    let steps: Vec<_> = run.map(|step| step.expect("the run goes on")).collect();
    assert_eq!(steps.len(), compiled.n_steps());
    for (at, step) in steps.iter().enumerate() {
        assert_eq!((step.index, step.of, step.level), (at, Some(5), compiled.levels()[at + 1]));
    }
    let last = values(&compiled.run(start(), LAW).expect("the run ends"));
    assert_eq!(values(&steps[4].x), last);
    // Each step's sample is a copy: going on has not changed it.
    let whole = samples(&compiled, &first(&compiled), LAW, RunOptions::default());
    assert_eq!(steps.iter().map(|step| values(&step.x)).collect::<Vec<_>>(), whole);
}

#[test]
fn a_run_ends_with_its_first_error() {
    let compiled = Case::of("euler").compile(Dtype::F64, Engine::Interp);
    let start = Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
    let fails = |x: &Tensor, call: &Call| if call.step() == 2 { x.narrow(0, 0, 1) } else { Ok(x.clone()) };
    let mut run = compiled.start(start, fails, RunOptions::default()).expect("the run starts");
    let ends: Vec<bool> = run.by_ref().map(|step| step.is_ok()).collect();
    assert_eq!(ends, [true, true, false]);
    assert!(run.next().is_none());
}

#[test]
fn emitted_tensors_come_with_their_names() {
    let pipeline = Pipeline::new().text("tells.samp", TELLS).sampler("tells.samp");
    let pipeline = pipeline.schedule("scaled_linear").grid("karras").model("x0").steps(3).dtype(Dtype::F64);
    let compiled = pipeline.engine(Engine::Interp).compile().expect("the file is right");
    let x = first(&compiled);
    let start = Start::sample(tensor(x.clone(), &SHAPE, Dtype::F64), 0);
    let mut run = compiled.start(start, LAW, RunOptions::default()).expect("the run starts");
    let mut before = vec![x];
    for step in run.by_ref() {
        before.push(values(&step.expect("the run goes on").x));
    }
    let emitted = |wanted: &str| -> Vec<Vec<f64>> {
        let named = run.emitted().iter().filter(|(name, _)| &**name == wanted);
        named.map(|(_, tensor)| values(tensor)).collect()
    };
    let (data, twice) = (emitted("data"), emitted("twice"));
    assert_eq!((data.len(), twice.len(), run.emitted().len()), (3, 2, 5));
    for (twice, x) in twice.iter().zip(&before) {
        assert_eq!(*twice, x.iter().map(|x| 2.0 * x).collect::<Vec<f64>>());
    }
    assert_eq!(data[2], before[3], "a step to clean ends at the prediction of the data");
}
