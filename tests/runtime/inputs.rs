use std::collections::HashMap;

use super::*;

const INPAINT: &str = "\
sampler inpaint(base: sampler = euler) {
    input known: sample@clean
    input mask: weight

    step x: sample@s -> sample@t {
        let y = base(x, t)
        if t == clean {
            return blend(mask, known, y)
        }
        return blend(mask, renoise(known, t), y)
    }
}
";

fn compiled(dtype: Dtype) -> Compiled {
    let pipeline = Pipeline::new().text("inpaint.samp", INPAINT).sampler("inpaint.samp");
    let pipeline = pipeline.schedule("scaled_linear").grid("karras").model("x0").steps(4);
    pipeline.dtype(dtype).engine(Engine::best()).compile().expect("the file is right")
}

fn inputs(known: Tensor, mask: Tensor) -> RunOptions {
    let inputs = HashMap::from([("known".to_owned(), known), ("mask".to_owned(), mask)]);
    RunOptions { inputs, ..with_noise() }
}

fn known() -> Vec<f64> {
    vec![0.5, -0.5, 0.25, 0.75, -1.0, 1.0]
}

#[test]
fn what_the_mask_keeps_is_kept() {
    let compiled = compiled(Dtype::F64);
    let mask = vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let x = first(&compiled);
    let options = inputs(tensor(known(), &SHAPE, Dtype::F64), tensor(mask.clone(), &SHAPE, Dtype::F64));
    let found = samples(&compiled, &x, LAW, options);
    let last = found.last().expect("there are steps");
    for ((found, known), mask) in last.iter().zip(known()).zip(mask) {
        assert!((mask == 0.0) != (*found == known), "{found} {known} {mask}");
    }
}

#[test]
fn a_missing_input_is_named() {
    let compiled = compiled(Dtype::F32);
    let start = Start::noise(&Device::Cpu, &SHAPE, 0).expect("a start");
    let error = compiled.run(start, LAW).expect_err("no input is given");
    assert!(matches!(&error, Error::MissingInput(name) if name == "known" || name == "mask"), "{error}");
}

#[test]
fn an_input_must_fit() {
    let compiled = compiled(Dtype::F32);
    let start = || Start::noise(&Device::Cpu, &SHAPE, 0).expect("a start");
    let fits = tensor(known(), &SHAPE, Dtype::F32);
    let wide = tensor(known(), &[1, 6], Dtype::F32);
    let error = compiled.start(start(), LAW, inputs(fits.clone(), wide)).err().expect("a mask of another shape");
    assert_eq!(error.to_string(), "the input `mask` is [1, 6] of f32, expected [2, 3] of f32");
    let double = tensor(known(), &SHAPE, Dtype::F64);
    let error = compiled.start(start(), LAW, inputs(double, fits)).err().expect("an image of another dtype");
    assert_eq!(error.to_string(), "the input `known` is [2, 3] of f64, expected [2, 3] of f32");
}
