//! Names of other projects: each is something of the library, and a request understands it.

mod common;

use samp_compiler::hir::Slot;
use samp_compiler::library::std_names;
use samp_compiler::types::ItemSort;
use samp_runtime::{Compiled, Pipeline};

/// A pipeline with a name in the sampler's slot, and what the name does not fill beside it.
fn named(alias: samp_std::Alias) -> Result<Compiled, String> {
    // Rules with CFG++ ask for a branch of the guidance.
    let mut pipeline = Pipeline::new().model("x0").guidance("cfg").sampler(alias.name).steps(5);
    for (slot, usual) in [(Slot::Schedule, "scaled_linear"), (Slot::Grid, "uniform")] {
        if alias.slots().all(|(name, _)| name != slot.name()) {
            pipeline = pipeline.slot(slot, usual);
        }
    }
    pipeline.compile().map_err(|error| error.to_string())
}

#[test]
fn every_alias_is_something_of_the_library() {
    let mut wrong = Vec::new();
    for alias in samp_std::aliases() {
        assert!(alias.slots().next().is_some(), "{} fills nothing", alias.name);
        for (slot, here) in alias.slots() {
            let sort = ItemSort::from_name(slot).unwrap_or_else(|| panic!("{}: `{slot}` is no slot", alias.name));
            let item = here.split('(').next().unwrap_or(here);
            if !std_names(sort).any(|name| name == item) {
                wrong.push(format!("{} is {here}, and there is no {slot} `{item}`", alias.name));
            }
        }
        let plays = alias.slots().any(|(slot, _)| slot == "sampler");
        if let (true, Err(error)) = (plays, named(alias)) {
            wrong.push(format!("{}: {error}", alias.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_unique() {
    let mut names: Vec<String> = samp_std::aliases().map(|alias| alias.name.to_lowercase()).collect();
    names.sort();
    let before = names.len();
    names.dedup();
    assert_eq!(before, names.len(), "a name stands twice");
}

#[test]
fn an_alias_fills_the_slots_that_it_means() {
    let named = Pipeline::named("digits").sampler("dpm++ 2m karras").compile().expect("right");
    assert_eq!(&*named.plan().sampler, "dpmpp_2m");
    let own = Pipeline::named("digits").sampler("dpmpp_2m").grid("karras").compile().expect("right");
    assert_eq!(named.levels(), own.levels());
    // A grid that is given counts more than the one in the name.
    let given = Pipeline::named("digits").sampler("DPM++ 2M Karras").grid("uniform").compile().expect("right");
    let uniform = Pipeline::named("digits").sampler("dpmpp_2m").grid("uniform").compile().expect("right");
    assert_eq!(given.levels(), uniform.levels());
}

#[test]
fn our_own_names_come_first() {
    let compiled = Pipeline::named("digits").sampler("ddim").compile().expect("right");
    assert_eq!((&*compiled.plan().sampler, compiled.n_steps()), ("ddim", 20));
}

/// A sampler's name and that of its base, without other options.
fn rule(expression: &str) -> (&str, Option<&str>) {
    let end = |text: &str| text.find(['(', ')', ',']).unwrap_or(text.len());
    let base = expression.split_once("base = ").map(|(_, base)| &base[..end(base)]);
    (&expression[..end(expression)], base)
}

/// What a name of ComfyUI means is what gives the runs of ComfyUI's function of that name.
#[test]
fn names_of_comfyui_are_what_its_runs_agree_with() {
    let mut compared = 0;
    for alias in samp_std::aliases().filter(|alias| alias.project == "comfyui") {
        let path = common::path(&format!("tests/goldens/cases/comfy__sample_{}.json", alias.name));
        let (Ok(text), Some((_, here))) = (std::fs::read_to_string(path), alias.slots().next()) else { continue };
        let cases: serde_json::Value = serde_json::from_str(&text).expect("cases are JSON");
        let cases = cases["cases"].as_array().expect("there are cases");
        let runs: Vec<_> = cases.iter().filter_map(|case| case["sampler"].as_str()).map(rule).collect();
        assert!(runs.contains(&rule(here)), "{} is {here}, and its runs are those of {runs:?}", alias.name);
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}
