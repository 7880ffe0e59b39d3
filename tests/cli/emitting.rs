use super::*;

#[test]
fn every_stage_is_shown() {
    let desk = Desk::new();
    desk.write("mine.samp", EULER);
    let stages = [
        ("ast", "sampler mine"),
        ("hir", "sampler mine"),
        ("program", "sampler mine"),
        ("plan", "step"),
        ("kernel", "kernel"),
        ("clif", "function"),
    ];
    for (stage, says) in stages {
        let text = desk.run(&["emit", "mine.samp", "--stage", stage]).well().out;
        assert!(text.contains(says), "{stage}:\n{text}");
        assert_eq!(text, desk.run(&["emit", "mine.samp", "--stage", stage]).well().out, "{stage} is always the same");
        for name in ["dpmpp_2m", "digits", "edm"] {
            assert!(!desk.run(&["emit", name, "--stage", stage]).well().out.is_empty(), "{stage} of {name}");
        }
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn every_device_s_text_is_shown() {
    let desk = Desk::new();
    for (stage, says) in [("cuda", "extern \"C\" __global__"), ("msl", "[[kernel]]"), ("wgsl", "@compute")] {
        for network in ["f32", "f16", "bf16"] {
            let args = ["emit", "dpmpp_2m_sde", "--stage", stage, "--network", network];
            let text = desk.run(&args).well().out;
            assert!(text.contains(says) && text.contains("samp_step_"), "{stage}:\n{text}");
            // cubecl gives MSL's parameters in an order of the moment.
            assert!(stage == "msl" || text == desk.run(&args).well().out, "{stage} is always the same");
        }
    }
    // What finishes the reductions is shown behind the kernels that reduce; SPIR-V by its bytes.
    let measuring = ["emit", "euler", "--guidance", "dynamic_threshold", "--stage"];
    for (stage, says) in [("cuda", "samp_finish_quantile_"), ("spirv", "\n03022307")] {
        let text = desk.run(&[&measuring[..], &[stage]].concat()).well().out;
        assert!(text.contains(says) && text.contains("// samp_finish_quantile_"), "{stage}:\n{text}");
    }
}

#[test]
fn a_network_of_another_dtype_is_fed_by_the_kernel() {
    let desk = Desk::new();
    let plan =
        |args: &[&str]| desk.run(&[&["emit", "euler", "--stage", "plan", "--steps", "3"], args].concat()).well().out;
    let fed = |text: &str| text.lines().filter(|line| line.contains("input feed")).count();
    let written = |text: &str| {
        text.lines().filter(|line| line.trim_start().starts_with("launch")).filter(|line| line.contains(" f0")).count()
    };
    let plain = plan(&[]);
    assert_eq!((fed(&plain), written(&plain)), (0, 0), "the sample itself");
    let narrow = plan(&["--network", "bf16"]);
    assert_eq!((fed(&narrow), written(&narrow)), (3, 3));
    let guided = plan(&["--guidance", "cfg(scale = 3)"]);
    assert_eq!((fed(&guided), written(&guided)), (3, 3));
    assert_eq!(guided.matches(" f0 f1 ").count(), 3, "{guided}");
}

#[cfg(not(feature = "cube"))]
#[test]
fn a_build_without_devices_names_the_feature() {
    let desk = Desk::new();
    for (stage, feature) in [("cuda", "cube"), ("msl", "cube"), ("wgsl", "wgpu"), ("spirv", "wgpu")] {
        desk.run(&["emit", "euler", "--stage", stage]).fails(1, &format!("build it with `--features {feature}`"));
    }
}

#[test]
fn what_is_wrong_has_no_stage() {
    let desk = Desk::new();
    desk.run(&["emit", "nowhere.samp", "--stage", "ast"]).fails(1, "cannot read `nowhere.samp`: there is no such file");
    desk.run(&["emit", "bogacki", "--stage", "hir"]).fails(1, "there is no file and no item called `bogacki`");
    desk.run(&["emit", "bogacki", "--stage", "plan"]).fails(1, "there is no sampler called `bogacki`");
    desk.run(&["emit", "euler", "--stage", "llvm"]).fails(2, "invalid value 'llvm'");
    desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta=2"])
        .fails(1, "`eta` is 2, which lies outside [0, 1]");
    desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta"]).fails(2, "`--set sampler.eta` sets nothing");
    desk.write("learned.json", "[0.4, 0.5, 0.6]\n");
    let args = ["emit", "amed", "--stage", "plan", "--steps", "3", "--set", "sampler.r=@learned.json"];
    assert_eq!(desk.run(&args).well().out, desk.run(&[&args[..7], &["sampler.r=[0.4, 0.5, 0.6]"]].concat()).well().out);
    desk.run(&["emit", "ddim", "--stage", "plan", "--set", "sampler.eta=@nothing"]).fails(1, "nothing: ");
    desk.write("broken.samp", "sampler broken {\n");
    for stage in ["ast", "hir", "program", "plan"] {
        desk.run(&["emit", "broken.samp", "--stage", stage]).fails(1, "error[E0002]");
    }
}
