use super::*;

#[test]
fn too_few_rows_are_refused_before_the_run() {
    let compiled = Case::of("ddpm").compile(Dtype::F64, Engine::Interp);
    let start = Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
    let noise = given_noise().narrow(0, 0, 3).expect("three rows");
    let options = RunOptions { noise: Some(noise), ..RunOptions::default() };
    let never = |_: &Tensor, _: &Call| -> candle_core::Result<Tensor> { panic!("no call is made") };
    let error = compiled.start(start, never, options).err().expect("four draws are made");
    assert!(matches!(error, Error::MissingNoise { draw: 3, given: 3 }), "{error}");
}

#[test]
fn rows_of_another_size_are_refused() {
    let compiled = Case::of("ddpm").compile(Dtype::F64, Engine::Interp);
    let start = Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
    let noise = tensor(vec![0.0; 70], &[10, 7], Dtype::F64);
    let options = RunOptions { noise: Some(noise), ..RunOptions::default() };
    let error = compiled.start(start, LAW, options).err().expect("seven elements are not six");
    assert_eq!(error.to_string(), "a row of the noise is 7, expected 6 elements");
}

#[test]
fn a_run_without_draws_takes_any_noise() {
    let compiled = Case::of("euler").compile(Dtype::F64, Engine::Interp);
    let start = || Start::sample(tensor(first(&compiled), &SHAPE, Dtype::F64), 0);
    let options = RunOptions { noise: Some(given_noise()), ..RunOptions::default() };
    let given = compiled.start(start(), LAW, options).and_then(|run| run.finish()).expect("the run ends");
    assert_eq!(values(&given), values(&compiled.run(start(), LAW).expect("the run ends")));
}
