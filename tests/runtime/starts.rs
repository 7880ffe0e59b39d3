use super::*;

#[test]
fn the_start_must_have_the_dtype_of_the_state() {
    let compiled = Case::of("euler").compile(Dtype::F64, Engine::Interp);
    let start = Start::noise(&Device::Cpu, &SHAPE, 0).expect("a start");
    let error = compiled.run(start, LAW).expect_err("f32 is no f64");
    assert_eq!(error.to_string(), "the start is [2, 3] of f32, expected [2, 3] of f64");
}

#[test]
fn a_scalar_is_no_start() {
    assert!(matches!(Start::noise(&Device::Cpu, (), 0), Err(Error::Tensor { .. })));
    let compiled = Case::of("euler").compile(Dtype::F32, Engine::best());
    let scalar = Tensor::new(1f32, &Device::Cpu).expect("a scalar");
    assert!(matches!(compiled.run(Start::sample(scalar, 0), LAW), Err(Error::Tensor { .. })));
}

#[test]
fn noise_is_scaled_to_the_first_level() {
    let compiled = Case { schedule: "edm", ..Case::of("euler") }.compile(Dtype::F32, Engine::best());
    let start = Start::noise(&Device::Cpu, (1, 4), 9).expect("a start");
    let mut row = [0f32; 4];
    fill_normal(&mut row, Sequence { seed: 9, stream: 0, draw: 0, sample: 0 });
    let x = start.first(compiled.levels()[0].sigma).expect("it is scaled");
    assert_eq!(values(&x), row.map(|value| f64::from(value * 80.0)));
}

#[test]
fn the_callers_own_sample_is_left_alone() {
    let compiled = Case::of("dpmpp_2m").compile(Dtype::F32, Engine::best());
    let x = tensor(vec![0.5; ELEMENTS], &SHAPE, Dtype::F32);
    compiled.run(Start::sample(x.clone(), 0), LAW).expect("the run ends");
    assert_eq!(values(&x), [0.5; ELEMENTS]);
}
