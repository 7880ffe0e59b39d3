use super::*;

fn failure(denoiser: impl Denoiser) -> Error {
    let compiled = Case::of("heun").compile(Dtype::F32, Engine::best());
    let start = Start::noise(&Device::Cpu, (2, 3), 0).expect("a start");
    compiled.run(start, denoiser).expect_err("the denoiser is wrong")
}

#[test]
fn another_shape_is_refused() {
    let error = failure(|x: &Tensor, _: &Call| x.narrow(1, 0, 2));
    assert!(matches!(error, Error::DenoiserOutput { step: 0, steps: Some(5), .. }));
    assert_eq!(error.to_string(), "the denoiser returned shape [2, 2] at step 1 of 5, expected shape [2, 3]");
}

#[test]
fn another_dtype_is_refused() {
    let error = failure(|x: &Tensor, _: &Call| x.to_dtype(DType::F64));
    assert_eq!(error.to_string(), "the denoiser returned dtype f64 at step 1 of 5, expected dtype f32");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error =
            failure(move |x: &Tensor, call: &Call| if call.step() < 2 { Ok(x.clone()) } else { x.affine(0.0, bad) });
        assert!(matches!(error, Error::DenoiserOutput { step: 2, .. }));
        assert_eq!(error.to_string(), "the denoiser returned NaN or infinity at step 3 of 5, expected finite numbers");
    }
}

#[test]
fn an_error_names_the_step() {
    let error = failure(|_: &Tensor, _: &Call| Err(candle_core::Error::Msg("out of paper".to_owned())));
    assert!(matches!(error, Error::Denoiser { step: 0, steps: Some(5), .. }));
    assert_eq!(error.to_string(), "the denoiser failed at step 1 of 5: out of paper");
}

#[test]
fn an_output_of_any_layout_is_read() {
    let case = Case::of("heun");
    let compiled = case.compile(Dtype::F64, Engine::Interp);
    let x = first(&compiled);
    let turned = |x: &Tensor, call: &Call| {
        let mut law = LAW;
        law.denoise(x, call)?.t()?.contiguous()?.t()
    };
    assert_eq!(samples(&compiled, &x, turned, with_noise()), samples(&compiled, &x, LAW, with_noise()));
}

#[test]
fn calls_say_what_is_asked_for() {
    let case = Case { model: "eps", guidance: Some("cfg"), ..Case::of("euler") };
    let compiled = case.compile(Dtype::F32, Engine::best());
    let mut seen = Vec::new();
    let look = |x: &Tensor, call: &Call| {
        let branches: Vec<&str> = call.branches().iter().map(|branch| &**branch).collect();
        // `cfg` names `uncond` first.
        assert_eq!((branches, call.batch(), x.dims()), (vec!["uncond", "cond"], 2, &[4, 3][..]));
        seen.push((call.step(), call.time(), call.level().time));
        Ok(x.clone())
    };
    compiled.run(Start::noise(&Device::Cpu, (2, 3), 0).expect("a start"), look).expect("the run ends");
    let levels = compiled.levels();
    let wanted: Vec<(usize, f64, f64)> = (0..5).map(|k| (k, levels[k].time, levels[k].time)).collect();
    assert_eq!(seen, wanted, "the model `eps` tells its network the time");
}
