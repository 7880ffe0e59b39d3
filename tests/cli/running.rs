use super::*;

const SMALL: [&str; 6] = ["run", "--count", "1", "--steps", "1", "-q"];

fn small(desk: &Desk, args: &[&str]) -> Done {
    desk.run(&[&SMALL[..], args].concat())
}

#[test]
fn one_step_draws_a_picture() {
    let desk = Desk::new();
    let done = small(&desk, &["--class", "3", "-o", "three.png"]).well();
    assert!(done.out.starts_with("1 picture in ") && done.out.contains("dpmpp_2m on flow, 1 steps"), "{}", done.out);
    assert!(desk.bytes("three.png").starts_with(b"\x89PNG"));
    assert_eq!(desk.files(), ["three.png"]);
    small(&desk, &[]).well();
    assert_eq!(desk.files(), ["out.png", "three.png"]);
}

/// The device code on any adapter draws the processor's picture, give or take a grey; also with guidance that measures.
#[cfg(feature = "wgpu")]
#[test]
fn an_adapter_draws_the_same_picture() {
    let desk = Desk::new();
    for guidance in ["cfg(scale = 2)", "dynamic_threshold"] {
        let pixels = |device: &str| {
            let name = format!("{device}.png");
            let args = ["run", "digits", "--count", "4", "--steps", "8", "--seed", "5", "--guidance", guidance, "-q"];
            desk.run(&[&args[..], &["--device", device, "-o", &name]].concat()).well();
            image::open(desk.path().join(name)).expect("a picture").into_luma8().into_raw()
        };
        let (found, expected) = (pixels("wgpu"), pixels("cpu"));
        assert_eq!(found.len(), expected.len());
        let far = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(1), "{guidance}: pixels differ by {far:?}");
        assert!(expected.iter().any(|grey| *grey > 200), "there is something to see");
    }
}

#[test]
fn options_that_are_wrong_are_shown_where_they_are_written() {
    let desk = Desk::new();
    for (set, says) in [
        ("sampler.form=huen", "error[E0305]: expected `midpoint` or `heun`, found `huen`"),
        ("sampler.eta=1", "error[E0303]: the sampler `dpmpp_2m` has no option `eta`"),
        ("grid.high=3", "error[E0301]: expected a level, found a whole number"),
        ("model.time_scale=true", "error[E0301]: expected a number, found a condition"),
        ("scal=3", "error[E0303]: the pipeline `digits` has no option `scal`"),
        ("scale=-1", "error[E0304]: `scale` is -1, which lies outside [0, inf)"),
        ("scale=inf", "error[E0304]: `scale` is inf, which lies outside [0, inf)"),
        ("scale=", "error[E0002]"),
        ("scale=1 2", "error[E0002]"),
        ("scale=unknown", "error[E0101]: nothing is called `unknown` here"),
        ("solver.eta=1", "error[E0303]: `solver` is no slot of a pipeline"),
        ("a.b.c=1", "error[E0303]: `a.b.c` names no option"),
        ("start.x=1", "error[E0303]: the pipeline `digits` has no `start` to set options of"),
        ("steps.x=1", "error[E0303]: `steps` holds no item with options"),
    ] {
        small(&desk, &["--set", set]).fails(1, says);
    }
    small(&desk, &["--set", "scale"]).fails(2, "`--set scale` sets nothing");
    assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
}

#[test]
fn options_are_set() {
    let desk = Desk::new();
    small(&desk, &["--set", "scale=1", "--set", "sampler.form=heun", "--set", "digits.scale=3"]).well();
    small(&desk, &["--sampler", "ddim(eta = 0.5)", "--set", "sampler.eta=1"]).well();
    // No word of `scale`, which only the guidance of the pipeline has read.
    small(&desk, &["--guidance", "plain"]).well();
}

#[test]
fn slots_that_are_wrong_are_shown_where_they_are_written() {
    let desk = Desk::new();
    for (flag, value, says) in [
        ("--sampler", "eulr", "error[E0101]: there is no sampler called `eulr`"),
        ("--sampler", "DPM++ 2M Karas", "did you mean `DPM++ 2M Karras`, as a1111 calls it?"),
        ("--sampler", "ddim(eta = 2)", "error[E0304]: `eta` is 2, which lies outside [0, 1]"),
        ("--sampler", "ddim(", "error[E0002]"),
        ("--sampler", "", "error[E0002]"),
        ("--sampler", "3", "error[E0301]: expected a sampler, found a whole number"),
        ("--sampler", "karras", "error[E0101]: there is no sampler called `karras`"),
        ("--sampler", "nowhere.samp", "error[E0001]: cannot read `nowhere.samp`: there is no such file"),
        ("--schedule", "flwo", "did you mean `flow`?"),
        ("--grid", "given(sigmas = [1, 1])", "error[E0506]: levels 0 and 1 of the grid are the same"),
        ("--grid", "given(sigmas = [])", "error[E0510]: a grid needs at least two levels, found 0"),
        ("--grid", "given", "error[E0302]: the grid `given` needs its option `sigmas`"),
    ] {
        desk.run(&["run", "-q", "--steps", "2", flag, value]).fails(1, says);
    }
    desk.run(&["run", "--steps", "-3"]).fails(1, "between 1 and 100000 steps, found -3");
    desk.run(&["run", "--steps", "0"]).fails(1, "error[E0510]: a run takes between 1 and 100000 steps, found 0");
    desk.run(&["run", "digit"]).fails(1, "help: did you mean `digits`?");
    desk.run(&["run", "flowers"]).fails(1, "pipelines are `digits`, `digits_img2img`,");
    desk.run(&["run", "nowhere.samp"]).fails(1, "cannot read `nowhere.samp`: there is no such file");
    assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
}

#[test]
fn samplers_come_from_files() {
    let desk = Desk::new();
    desk.write("mine.samp", EULER);
    assert!(small(&desk, &["--sampler", "mine.samp"]).well().out.contains("mine on flow"));
    small(&desk, &["--sampler", "mine.samp:mine(share = 0.5)"]).well();
    small(&desk, &["--sampler", "mine.samp", "--set", "sampler.share=0.5"]).well();
    small(&desk, &["--sampler", "mine.samp", "--set", "sampler.share=2"])
        .fails(1, "`share` is 2, which lies outside [0, 1]");
    small(&desk, &["--sampler", "mine.samp:yours"]).fails(1, "error[E0101]: `mine.samp` declares 1 sampler");
    small(&desk, &["--grid", "mine.samp"]).fails(1, "error[E0101]: `mine.samp` declares no grid");
    desk.write("two.samp", format!("{EULER}\n{}", EULER.replace("mine", "other")));
    small(&desk, &["--sampler", "two.samp"]).fails(1, "name one: `two.samp:mine`, `two.samp:other`");
    small(&desk, &["--sampler", "two.samp:other"]).well();
    desk.write("wrong.samp", EULER.replace("x0(x)", "x0(y)"));
    small(&desk, &["--sampler", "wrong.samp"]).fails(1, "nothing is called `y` here");
}

#[test]
fn pipelines_come_from_files() {
    let desk = Desk::new();
    let text = "pipeline one {\n    network  digits\n    schedule flow\n    grid     uniform_open\n    \
                model    flow(time_scale = 1)\n    sampler  euler\n    steps    2\n}\n";
    desk.write("mine.samp", text);
    assert!(desk.run(&["run", "mine.samp", "--count", "1", "-q"]).well().out.contains("euler on flow, 2 steps"));
    desk.run(&["run", "mine.samp:one", "--count", "1", "-q", "--guidance", "cfg(scale = 2)"]).well();
    desk.run(&["run", "mine.samp:two"]).fails(1, "`mine.samp` declares 1 pipeline");
    desk.write("none.samp", "");
    desk.run(&["run", "none.samp"]).fails(1, "`none.samp` declares no pipeline");
    desk.write("bare.samp", text.replace("    network  digits\n", ""));
    desk.run(&["run", "bare.samp"]).fails(2, "the pipeline `bare.samp` names no network; name one: `--network digits`");
    desk.run(&["run", "bare.samp", "--network", "digits", "--count", "1", "-q"]).well();
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let desk = Desk::new();
    small(&desk, &["--class", "11"]).fails(2, "`--class 11` is none of 0 to 9");
    small(&desk, &["--class", "1,x"]).fails(2, "invalid value 'x'");
    small(&desk, &["--batch", "0"]).fails(2, "`--batch` is at least 1");
    desk.run(&["run", "--count", "0"]).fails(2, "`--count` is at least 1");
    small(&desk, &["--network", "faces"]).fails(2, "there is no network called `faces`; there are `digits`");
    small(&desk, &["--input", "mask"]).fails(2, "`--input mask` names no file");
    small(&desk, &["--input", "mask=nowhere"]).fails(2, "there is no input called `mask`; the pipeline asks for none");
    small(&desk, &["--sampler", "inpaint", "--input", "mask=nowhere"]).fails(1, "cannot read `nowhere`");
    desk.run(&["run", "--schedule", "edm", "--steps", "2", "-q"]).fails(1, "the denoiser failed at step 1 of 2");
    assert!(desk.files().is_empty(), "a run that fails writes nothing: {:?}", desk.files());
}

/// A picture of one grey.
fn picture(desk: &Desk, name: &str, size: (u32, u32), grey: u8) {
    let pixels = image::GrayImage::from_pixel(size.0, size.1, image::Luma([grey]));
    pixels.save(desk.path().join(name)).expect("a picture");
}

#[test]
fn a_run_keeps_what_the_mask_keeps() {
    let desk = Desk::new();
    picture(&desk, "known.png", (28, 28), 255);
    picture(&desk, "mask.png", (56, 56), 0);
    let painted = ["run", "digits_inpaint", "--input", "known=known.png", "--input", "mask=mask.png", "-q"];
    let few = ["--count", "3", "--batch", "2", "--steps", "2", "-o", "out.safetensors"];
    desk.run(&[&painted[..], &few[..]].concat()).well();
    let bytes = desk.bytes("out.safetensors");
    let samples = &candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("tensors")["samples"];
    assert_eq!(samples.dims(), [3, 1, 28, 28]);
    let values = samples.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("numbers");
    assert!(values.iter().all(|value| *value == 1.0), "nothing of the picture is made anew");
    // The samples of a run are an input of another, one for each.
    let again = ["run", "digits_img2img", "--input", "image=out.safetensors", "-q", "--set", "strength=0.1"];
    desk.run(&[&again[..], &["--count", "3", "--batch", "2", "--steps", "1"]].concat()).well();
    desk.run(&[&again[..], &["--count", "2", "--steps", "1"]].concat())
        .fails(1, "the input `image` is [3, 1, 28, 28], expected [1 or 2, 1, 28, 28]");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    let paint = |inputs: &[&str]| desk.run(&[&["run", "digits_inpaint", "-q"], inputs].concat());
    paint(&[]).fails(2, "the input `known` is not given");
    picture(&desk, "odd.png", (28, 30), 0);
    paint(&["--input", "known=odd.png"]).fails(1, "`odd.png` is 28 x 30 pixels, expected 28 x 28 or a multiple");
    desk.write("none.png", b"\x89PNG\r\n\x1a\nno picture");
    paint(&["--input", "known=none.png"]).fails(1, "`none.png` is no picture");
    let much = Tensor::full(2f32, (28, 28), &Device::Cpu).expect("a tensor");
    much.save_safetensors("mask", desk.path().join("mask")).expect("a file");
    paint(&["--input", "mask=mask"]).fails(1, "the input `mask` is a weight and holds 2, expected 0 to 1");
    assert_eq!(desk.files(), ["mask", "none.png", "odd.png"]);
}

#[test]
fn what_a_sampler_tells_is_written() {
    let desk = Desk::new();
    let told = ["--sampler", "record(at = [0, 1])", "--emit", "told.safetensors", "--count", "3", "--batch", "2"];
    desk.run(&[&["run", "--steps", "2", "-q"], &told[..]].concat()).well();
    let bytes = desk.bytes("told.safetensors");
    let told = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).expect("tensors");
    let shapes = ["start", "end", "knot"].map(|name| told[name].dims().to_vec());
    assert_eq!(shapes, [vec![3, 1, 28, 28], vec![3, 1, 28, 28], vec![2, 3, 1, 28, 28]]);
    assert_eq!(told.len(), 3);
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    small(&desk, &["--weights", "nowhere"]).fails(1, "nowhere: cannot read the weights");
    let shipped = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/runtime/weights/digits.safetensors"));
    let shipped = shipped.expect("the weights ship with the runtime");
    desk.write("short", &shipped[..shipped.len() / 2]);
    small(&desk, &["--weights", "short"]).fails(1, "expected a complete safetensors file");
    desk.write("text", "no weights");
    small(&desk, &["--weights", "text"]).fails(1, "expected a complete safetensors file");
    let mut tensors = candle_core::safetensors::load_buffer(&shipped, &Device::Cpu).expect("the weights are whole");
    let wrong = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).expect("a tensor");
    tensors.insert("l1.weight".to_owned(), wrong);
    candle_core::safetensors::save(&tensors, desk.path().join("wrong")).expect("a file");
    small(&desk, &["--weights", "wrong"]).fails(1, "`l1.weight`");
    tensors.remove("l1.weight");
    candle_core::safetensors::save(&tensors, desk.path().join("missing")).expect("a file");
    small(&desk, &["--weights", "missing"]).fails(1, "tensor `l1.weight` is missing, expected one of shape [128, 32]");
    assert_eq!(desk.files(), ["missing", "short", "text", "wrong"]);
    desk.write("own", &shipped);
    small(&desk, &["--weights", "own"]).well();
}

#[test]
fn outputs_that_cannot_be_written_are_refused() {
    let desk = Desk::new();
    desk.write("folder/inside", "");
    small(&desk, &["-o", "folder"]).fails(1, "cannot write `folder`: it is a folder");
    small(&desk, &["-o", "none/p.png"]).fails(1, "cannot write `none/p.png`: there is no folder `none`");
    small(&desk, &["-o", "folder/inside/p.png"]).fails(1, "cannot write `folder/inside/p.png`");
    if cfg!(target_os = "linux") {
        small(&desk, &["-o", "/proc/p.png"]).fails(1, "cannot write `/proc/p.png`");
    }
    assert_eq!(desk.files(), ["folder"]);
}

#[test]
fn an_old_picture_survives_a_run_that_fails() {
    let desk = Desk::new();
    desk.write("p.png", "old");
    desk.run(&["run", "--schedule", "edm", "--steps", "2", "-q", "-o", "p.png"]).fails(1, "the denoiser failed");
    assert_eq!((desk.bytes("p.png"), desk.files()), (b"old".to_vec(), vec!["p.png".to_owned()]));
}

#[test]
fn pictures_do_not_depend_on_batch_and_threads() {
    let mut desk = Desk::new();
    let mut draw = |args: &[&str], rayon: Option<&'static str>| {
        desk.env = rayon.map(|threads| ("RAYON_NUM_THREADS", threads)).into_iter().collect();
        let base = ["run", "--count", "5", "--steps", "3", "--sampler", "ddim(eta = 1)", "-q", "-o", "p.png"];
        desk.run(&[&base[..], args].concat()).well();
        desk.bytes("p.png")
    };
    let first = draw(&["--batch", "1"], None);
    for args in [
        &["--batch", "3"][..],
        &["--batch", "20"],
        &["--threads", "1"],
        &["--threads", "2"],
        &["--threads", "1000", "--batch", "2"],
    ] {
        assert!(draw(args, None) == first, "{args:?} draws other pictures");
    }
    for threads in ["1", "2"] {
        assert!(draw(&[], Some(threads)) == first, "RAYON_NUM_THREADS={threads} draws other pictures");
    }
    assert!(draw(&["--seed", "4"], None) != first, "another seed draws other pictures");
}
