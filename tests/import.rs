//! `sampc import`: configurations of diffusers against the goldens of its schedulers, and as their users have them.

#[path = "../src/import/mod.rs"]
mod import;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use samp_runtime::Pipeline;
use serde_json::{Value, json};

/// Keys that goldens set to what cannot be imported.
const REFUSED: [&str; 18] = [
    "algorithm_type",
    "beta_schedule",
    "final_sigmas_type",
    "interpolation_type",
    "invert_sigmas",
    "lambda_min_clipped",
    "lower_order_final",
    "prediction_type",
    "set_alpha_to_one",
    "solver_order",
    "thresholding",
    "time_shift_type",
    "timestep_scaling",
    "timestep_type",
    "use_beta_sigmas",
    "use_exponential_sigmas",
    "use_flow_sigmas",
    "use_karras_sigmas",
];

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).expect("a file of the goldens");
    serde_json::from_str(&text).expect("it is JSON")
}

/// The levels of an imported pipeline, as (time, alpha, sigma).
fn levels(imported: &import::Imported, size: usize) -> Result<Vec<(f64, f64, f64)>, String> {
    let pipeline = Pipeline::new().schedule(&*imported.schedule).grid(&*imported.grid).model(&*imported.model);
    let pipeline = pipeline.sampler(&*imported.sampler).steps(imported.steps).size(size, size);
    let compiled = pipeline.compile().map_err(|error| error.to_string())?;
    Ok(compiled.levels().iter().map(|level| (level.time, level.alpha, level.sigma)).collect())
}

/// What is wrong with an import, where the same run of the reference is compared in the goldens.
fn wrong(imported: &import::Imported, case: &Value) -> Option<String> {
    if case["sampler"].as_str() != Some(&imported.sampler) {
        return Some(format!("the sampler is {}, expected {}", imported.sampler, case["sampler"]));
    }
    if case["guidance"].as_str() != imported.guidance.as_deref() {
        return Some(format!("the guidance is {}, expected {:?}", case["guidance"], imported.guidance));
    }
    // What the network predicts is of no concern to the levels, and not all rules can divide by alpha at pure noise.
    let plain =
        import::Imported { model: "x0".to_owned(), sampler: "euler".to_owned(), network: None, ..clone(imported) };
    let found = match levels(&plain, 64) {
        Ok(found) => found,
        Err(why) => return Some(why),
    };
    let expected = case["levels"].as_array().expect("a list of levels");
    // A last step of length zero is left off in the goldens.
    if expected.len() > found.len() || case["partial"].is_null() && expected.len() != found.len() {
        return Some(format!("{} levels, expected {}", found.len(), expected.len()));
    }
    for (at, (&(time, alpha, sigma), expected)) in found.iter().zip(expected).enumerate() {
        let (found, expected) = match (expected.as_f64(), expected.as_str(), case["coordinate"].as_str()) {
            (None, Some("clean"), _) => (sigma, 0.0),
            (None, Some(_), _) => (alpha, 0.0),
            (Some(expected), _, Some("time")) => (time, expected),
            (Some(expected), _, Some("rho")) => (sigma / alpha, expected),
            (expected, ..) => (sigma, expected.expect("a level")),
        };
        let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
        if !close {
            return Some(format!(
                "level {at} is {found}, expected {expected}; {} {}",
                imported.schedule, imported.grid
            ));
        }
    }
    None
}

fn clone(of: &import::Imported) -> import::Imported {
    import::Imported {
        class: of.class.clone(),
        schedule: of.schedule.clone(),
        grid: of.grid.clone(),
        model: of.model.clone(),
        guidance: of.guidance.clone(),
        sampler: of.sampler.clone(),
        steps: of.steps,
        notes: of.notes.clone(),
        network: of.network.clone(),
    }
}

#[test]
fn imports_agree_with_the_goldens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let (mut agree, mut refused, mut bad) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for file in std::fs::read_dir(folder.join("data")).expect("the goldens") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.starts_with("diffusers__") || !name.ends_with(".json") {
            continue;
        }
        let (data, mapped) = (read(&path), read(&folder.join("cases").join(&name)));
        let class = data["sampler"].as_str().expect("a class");
        let cases = mapped["cases"].as_array().expect("cases").iter();
        let by_id: BTreeMap<&str, &Value> = cases.map(|case| (case["id"].as_str().unwrap_or(""), case)).collect();
        for entry in data["cases"].as_array().expect("cases") {
            let case = by_id[entry["id"].as_str().expect("an id")];
            // What is given at a call, and not in a configuration, cannot be imported.
            if !case["left_out"].is_null() || entry["set_timesteps"] != json!({}) || entry["step_kwargs"] != json!({}) {
                continue;
            }
            let mut config = entry["config"].clone();
            config["_class_name"] = json!(class);
            let steps = entry["num_inference_steps"].as_u64().expect("a number of steps") as usize;
            match import::import(&config.to_string(), steps, None) {
                Err(why) if why.starts_with("`_class_name`") => {}
                Err(why) => *refused.entry((class.to_owned(), why)).or_insert(0) += 1,
                Ok(imported) => match wrong(&imported, case) {
                    None => *agree.entry(class.to_owned()).or_insert(0) += 1,
                    Some(why) => bad.push(format!("{class} {config} of {steps}: {why}")),
                },
            }
        }
    }
    println!("{agree:#?}");
    refused.iter().for_each(|((class, why), count)| println!("{count:4} {class}: {why}"));
    assert!(bad.is_empty(), "{} imports differ:\n  {}", bad.len(), bad.join("\n  "));
    for (class, why) in refused.keys() {
        assert!(REFUSED.iter().any(|key| why.starts_with(&format!("`{key}` is"))), "{class}: {why}");
    }
    // All but TCD, whose goldens give gamma at each call.
    assert!(agree.len() == 24 && agree.values().sum::<usize>() > 750, "every class is compared: {agree:?}");
}

const PNDM: &str = r#"{"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "num_train_timesteps": 1000,
    "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "leading",
    "trained_betas": null}"#;
const SDXL: &str = r#"{"_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "interpolation_type": "linear",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": false,
    "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": null,
    "use_karras_sigmas": false}"#;
const SD3: &str = r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.29.0.dev0",
    "num_train_timesteps": 1000, "shift": 3.0}"#;
const FLUX: &str = r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "_diffusers_version": "0.30.0.dev0",
    "base_image_seq_len": 256, "base_shift": 0.5, "max_image_seq_len": 4096, "max_shift": 1.15,
    "num_train_timesteps": 1000, "shift": 3.0, "use_dynamic_shifting": true}"#;

/// Runs the command in a folder; its exit code, what it printed, and its errors.
fn sampc(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
    let done = command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the command runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// Imports a configuration on the command line, checks what is written, and gives the levels of its plan.
fn imported(config: &str, size: usize) -> Vec<(f64, f64, f64)> {
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("scheduler_config.json"), config).expect("a file");
    let (code, out, err) = sampc(folder.path(), &["import", "scheduler_config.json", "-o", "mine.samp"]);
    assert!(code == Some(0) && out.is_empty() && err.is_empty(), "{out}{err}");
    let (code, _, err) = sampc(folder.path(), &["check", "mine.samp"]);
    assert!(code == Some(0) && !err.contains("warning"), "{err}");
    let text = std::fs::read_to_string(folder.path().join("mine.samp")).expect("it is written");
    let (code, out, _) = sampc(folder.path(), &["import", "scheduler_config.json"]);
    assert!(code == Some(0) && out == text, "what is printed is what is written");
    levels(&import::import(config, 20, None).expect("it is imported"), size).expect("it has a plan")
}

#[test]
fn stable_diffusion_1() {
    let times: Vec<f64> = imported(PNDM, 64).iter().map(|level| level.0).collect();
    let expected: Vec<f64> = (0..20).map(|k| 951.0 - 50.0 * k as f64).chain([0.0]).collect();
    assert_eq!(times, expected);
}

#[test]
fn stable_diffusion_xl() {
    let levels = imported(SDXL, 128);
    let times: Vec<f64> = levels[..20].iter().map(|level| level.0).collect();
    assert_eq!(times, (0..20).map(|k| 951.0 - 50.0 * k as f64).collect::<Vec<_>>());
    assert_eq!(levels[20].2, 0.0);
}

/// Twenty equal steps of sigma from 1 to `low`, shifted by `by`, then 0.
fn shifted(low: f64, by: f64) -> Vec<f64> {
    let even = (0..20).map(|k| 1.0 + (low - 1.0) * f64::from(k) / 19.0);
    even.map(|sigma| by * sigma / (1.0 + (by - 1.0) * sigma)).chain([0.0]).collect()
}

fn close(levels: &[(f64, f64, f64)], expected: &[f64]) {
    assert_eq!(levels.len(), expected.len());
    for (level, expected) in levels.iter().zip(expected) {
        assert!((level.2 - expected).abs() < 1e-12, "{} is not {expected}", level.2);
    }
}

#[test]
fn stable_diffusion_3() {
    close(&imported(SD3, 128), &shifted(0.003 / 1.002, 3.0));
}

#[test]
fn flux() {
    // 1024 x 1024 pixels: 128 x 128 latents are 4096 tokens, for which mu is `max_shift`.
    close(&imported(FLUX, 128), &shifted(0.001, 1.15_f64.exp()));
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let cases = [
        (r#"{"_class_name": "PickleScheduler"}"#, "`_class_name` is `PickleScheduler`"),
        (r#"{"_class_name": "DDIMScheduler", "clip_sample": 1}"#, "`clip_sample` is `1`"),
        (r#"{"_class_name": "EulerDiscreteScheduler", "beta_schedule": "soft"}"#, "`beta_schedule` is `soft`"),
        (r#"{"_class_name": "EulerDiscreteScheduler", "beta_start": "low"}"#, "`beta_start` is `low`"),
        (r#"{"_class_name": "EulerDiscreteScheduler", "warp": 3}"#, "`warp` is `3`"),
        (r#"{"_class_name": "EulerDiscreteScheduler", "warp": null}"#, "`warp` is `null`"),
        (r#"{"_class_name": "EulerDiscreteScheduler", "trained_betas": [0.1]}"#, "`trained_betas` is `[0.1]`"),
        (r#"{"_class_name": "LMSDiscreteScheduler", "clip_sample": true}"#, "`clip_sample` is `true`"),
        ("[]", "no JSON object"),
        ("{", "not JSON"),
        ("{}", "no `_class_name`"),
    ];
    for (config, says) in cases {
        std::fs::write(folder.path().join("a.json"), config).expect("a file");
        let (code, out, err) = sampc(folder.path(), &["import", "a.json"]);
        assert!(code == Some(1) && out.is_empty() && err.contains(says), "{config}: {err}");
    }
    let config = r#"{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}"#;
    assert!(import::import(config, 20, Some("mine")).expect("it is imported").to_string().contains("network  mine"));
}

/// A configuration as a model repository has it, and the slots that it must give, or what must refuse it.
#[derive(serde::Deserialize)]
struct Published {
    of: String,
    steps: usize,
    config: Value,
    #[serde(default)]
    gives: Vec<String>,
    refused: Option<String>,
}

fn published() -> Vec<Published> {
    serde_json::from_str(include_str!("import/published.json")).expect("a list of configurations")
}

#[test]
fn published_configurations_are_read_or_refused_with_the_key() {
    let mut wrong = Vec::new();
    for Published { of, steps, config, gives, refused } in published() {
        match (import::import(&config.to_string(), steps, None), refused) {
            (Err(why), Some(expected)) if why.starts_with(&expected) => {}
            (Ok(imported), None) => {
                let text = imported.to_string();
                let missing: Vec<_> = gives.iter().filter(|slot| !text.contains(&format!("    {slot}\n"))).collect();
                let slots = text.lines().filter(|line| line.starts_with("    ")).count();
                if !missing.is_empty() || slots != gives.len() {
                    wrong.push(format!("{of}: {missing:?} in\n{text}"));
                } else if let Err(why) = levels(&imported, 64) {
                    wrong.push(format!("{of}: {why}"));
                }
            }
            (found, expected) => wrong.push(format!("{of}: {found:?}, expected {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The levels of a published configuration, as rho on a table or EDM, or sigma on flow, against a formula for step k.
fn follows(name: &str, last: f64, formula: impl Fn(f64) -> f64) {
    let list = published();
    let Published { steps, config, .. } = list.iter().find(|published| published.of == name).expect("it is there");
    let imported = import::import(&config.to_string(), *steps, None).expect("it is imported");
    let levels = levels(&imported, 64).expect("it has a plan");
    let flow = imported.schedule.starts_with("flow");
    let found: Vec<f64> = levels.iter().map(|&(_, alpha, sigma)| if flow { sigma } else { sigma / alpha }).collect();
    let noisy = if last == 0.0 { &found[..found.len() - 1] } else { &found };
    assert!((found[found.len() - 1] - last).abs() < 1e-12, "{name}");
    for (k, found) in noisy.iter().enumerate() {
        let expected = formula(k as f64);
        assert!((found - expected).abs() < 1e-9 * expected, "{name}: level {k} is {found}, expected {expected}");
    }
}

#[test]
fn levels_of_published_configurations_are_those_of_diffusers() {
    let karras = |low: f64, high: f64, n: f64| {
        let (low, high) = (low.powf(1.0 / 7.0), high.powf(1.0 / 7.0));
        move |k: f64| (high + k / (n - 1.0) * (low - high)).powi(7)
    };
    follows("Wan 2.1", 0.0, |k| {
        let sigma = 1.0 - 0.999 * k / 50.0;
        (3.0 * sigma / (1.0 + 2.0 * sigma)).min(1.0 - 1e-6)
    });
    follows("Sana", 0.0, |k| {
        let sigma = 0.999 * (20.0 - k) / 20.0;
        3.0 * sigma / (1.0 + 2.0 * sigma)
    });
    follows("Cosmos 1.0", 0.002, karras(0.002, 80.0, 36.0));
    follows("Stable Video Diffusion", 0.0, karras(0.002, 700.0, 25.0));
    follows("Stable Audio Open", 0.0, |k| 500.0 * (0.3_f64 / 500.0).powf(k / 99.0));
}
