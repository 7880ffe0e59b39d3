use std::collections::HashMap;

use super::*;

fn tensors(desk: &Desk, name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load_buffer(&desk.bytes(name), &Device::Cpu).expect("a safetensors file")
}

fn store(desk: &Desk, file: &str, name: &str, shape: &[usize]) {
    let tensor = Tensor::zeros(shape, DType::F64, &Device::Cpu).expect("a tensor");
    let tensors = HashMap::from([(name.to_owned(), tensor)]);
    candle_core::safetensors::save(&tensors, desk.path().join(file)).expect("a file");
}

#[test]
fn the_output_holds_every_step() {
    let desk = Desk::new();
    desk.run(&["trace", "--sampler", "heun", "--steps", "3", "--shape", "2,3", "-o", "t.safetensors"]).well();
    let all = tensors(&desk, "t.safetensors");
    let mut shapes: Vec<(&str, &[usize])> = all.iter().map(|(name, tensor)| (&**name, tensor.dims())).collect();
    shapes.sort();
    assert_eq!(shapes, [("draws", &[3][..]), ("evals", &[3]), ("levels", &[4, 4]), ("x", &[4, 2, 3])]);
    let counts = |name: &str| all[name].to_vec1::<u32>().expect("whole numbers");
    assert_eq!((counts("evals"), counts("draws")), (vec![2, 2, 1], vec![0, 0, 0]));
    assert_eq!((all["x"].dtype(), all["levels"].dtype()), (DType::F64, DType::F64));
    let levels = all["levels"].to_vec2::<f64>().expect("numbers");
    assert_eq!(levels[3], [0.0, 1.0, 0.0, f64::INFINITY], "the last level is clean");
    assert!(levels.windows(2).all(|pair| pair[0][3] < pair[1][3]), "half log-SNR rises: {levels:?}");
    assert_eq!(desk.files(), ["t.safetensors"]);
}

#[test]
fn draws_are_counted_and_the_seed_decides_them() {
    let desk = Desk::new();
    let run = |seed: &str, file: &str| {
        let args = [
            "trace",
            "--sampler",
            "ddpm",
            "--steps",
            "3",
            "--shape",
            "2,3",
            "--dtype",
            "f32",
            "--seed",
            seed,
            "-o",
            file,
        ];
        desk.run(&args).well();
        desk.bytes(file)
    };
    let (first, again, other) = (run("7", "a"), run("7", "b"), run("8", "c"));
    assert!(first == again && first != other);
    let all = tensors(&desk, "a");
    assert_eq!(all["draws"].to_vec1::<u32>().expect("whole numbers"), [1, 1, 0], "the last draw has the factor 0");
    assert_eq!(all["x"].dtype(), DType::F32);
}

#[test]
fn a_draw_that_is_made_again_counts_once() {
    let desk = Desk::new();
    let restarted = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/restart_with_var.samp");
    desk.run(&["trace", "--sampler", restarted, "--steps", "3", "--shape", "1,2", "-o", "t"]).well();
    let all = tensors(&desk, "t");
    assert_eq!(all["draws"].to_vec1::<u32>().expect("whole numbers"), [1, 1, 0]);
}

#[test]
fn summaries_have_three_forms() {
    let desk = Desk::new();
    let human = desk.run(&["trace", "--steps", "2"]).well().out;
    assert!(
        human.starts_with("euler on scaled_linear, 2 steps: 2 evaluations") && human.lines().count() == 5,
        "{human}"
    );
    assert_eq!(desk.run(&["trace", "--steps", "2", "--format", "short"]).well().out.lines().count(), 1);
    let json = desk.run(&["trace", "--sampler", "lms", "--steps", "2", "--format", "json"]).well().out;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["sampler"], &json["evals"], &json["levels"][2]["sigma"]),
        (&"lms".into(), &2.into(), &0.0.into())
    );
}

#[test]
fn levels_are_given_in_any_coordinate() {
    let desk = Desk::new();
    for levels in [
        "rho:14.6,3,0",
        "time:999,500.5,clean",
        "lambda:-2,0,3",
        "sigma:0.9,0.5",
        "alpha:0.1,0.5,1",
        "rho:pure,1,clean",
    ] {
        desk.run(&["trace", "--levels", levels]).well();
    }
    desk.run(&["trace", "--levels", "lambda:-2,0,3", "--sampler", "dpmpp_2m"]).well();
}

#[test]
fn levels_that_are_none_are_refused() {
    let desk = Desk::new();
    desk.run(&["trace", "--levels", "14,1,0"]).fails(2, "no coordinate is named; write `rho:14.61,9.2,0`");
    desk.run(&["trace", "--levels", "snr:14,1,0"]).fails(2, "`snr` is no coordinate");
    desk.run(&["trace", "--levels", "rho:14,x,0"]).fails(2, "`x` is no number");
    desk.run(&["trace", "--levels", "rho:14,nan,0"]).fails(2, "`nan` is no number");
    desk.run(&["trace", "--levels", "rho:14,,0"]).fails(2, "`` is no number");
    desk.run(&["trace", "--levels", "rho:14"]).fails(1, "a grid needs at least two levels, found 1");
    desk.run(&["trace", "--levels", "rho:14,1,1"]).fails(1, "levels 1 and 2 of the grid are the same");
    desk.run(&["trace", "--levels", "rho:-1,0"]).fails(1, "no level of `vp` has rho = -1");
    desk.run(&["trace", "--schedule", "edm", "--levels", "rho:pure,1"]).fails(1, "error[E0508]");
}

#[test]
fn laws_that_are_none_are_refused() {
    let desk = Desk::new();
    for (law, says) in [
        ("gauss", "`gauss` is no denoiser"),
        ("laplace:0,1", "`laplace` is no denoiser"),
        ("gauss:0", "`gauss` takes two numbers"),
        ("gauss:0,-1", "a standard deviation is 0 or more"),
        ("gauss:0,wide", "`wide` is no number"),
        ("constant:inf", "`inf` is no number"),
        ("gmm:1,0,1;0,1,1", "a component of `gmm` is a positive weight"),
    ] {
        desk.run(&["trace", "--denoiser", law]).fails(2, says);
    }
    desk.run(&["trace", "--denoiser", "gmm:1,-1,0.1;2,1,0.2"]).well();
}

#[test]
fn tensors_of_the_caller_must_fit() {
    let desk = Desk::new();
    store(&desk, "x.safetensors", "x", &[2, 3]);
    store(&desk, "y.safetensors", "y", &[2, 3]);
    store(&desk, "noise.safetensors", "noise", &[2, 2, 3]);
    store(&desk, "rows.safetensors", "noise", &[2, 7]);
    desk.write("no.safetensors", "not a tensor");
    let trace = |args: &[&str]| desk.run(&[&["trace", "--sampler", "ddpm", "--steps", "4"][..], args].concat());
    desk.run(&["trace", "--steps", "2", "--init", "x.safetensors"]).well();
    trace(&["--init", "y.safetensors"]).fails(1, "`y.safetensors` should hold a tensor `x`, it holds `y`");
    trace(&["--init", "nowhere"]).fails(1, "cannot read `nowhere`");
    trace(&["--init", "no.safetensors"]).fails(1, "`no.safetensors` is no safetensors file");
    trace(&["--shape", "2,3", "--noise", "x.safetensors"]).fails(1, "should hold a tensor `noise`, it holds `x`");
    trace(&["--shape", "2,3", "--noise", "noise.safetensors"])
        .fails(1, "the run makes draw 2, and 2 rows of noise are given");
    trace(&["--shape", "2,3", "--noise", "rows.safetensors"]).fails(1, "a row of the noise is 7, expected 6 elements");
    trace(&["--shape", "2,3", "--steps", "3", "--noise", "noise.safetensors"])
        .fails(2, "'--steps <N>' cannot be used multiple times");
    desk.run(&["trace", "--sampler", "ddpm", "--steps", "3", "--shape", "2,3", "--noise", "noise.safetensors"]).well();
}

#[test]
fn shapes_that_are_none_are_refused() {
    let desk = Desk::new();
    for shape in ["0", "2,0", "1000000,1000000", "4294967296,4294967296,4294967296"] {
        desk.run(&["trace", "--shape", shape]).fails(2, "`--shape` is a list of sizes");
    }
    desk.run(&["trace", "--shape", "2,x"]).fails(2, "invalid value 'x'");
    desk.run(&["trace", "--shape", "1", "--steps", "2"]).well();
}

#[test]
fn outputs_that_cannot_be_written_are_refused() {
    let desk = Desk::new();
    desk.write("folder/inside", "");
    desk.run(&["trace", "-o", "folder"]).fails(1, "cannot write `folder`: it is a folder");
    desk.run(&["trace", "-o", "none/t"]).fails(1, "cannot write `none/t`: there is no folder `none`");
}
