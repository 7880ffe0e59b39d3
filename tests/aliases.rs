//! Names of other projects: each is something of the library, and a request understands it.

use samp_compiler::hir::Slot;
use samp_compiler::library::std_names;
use samp_compiler::types::ItemSort;
use samp_runtime::{Compiled, Pipeline};

/// A pipeline with a name in the sampler's slot, and what the name does not fill beside it.
fn named(alias: samp_std::Alias) -> Result<Compiled, String> {
    let mut pipeline = Pipeline::new().model("x0").sampler(alias.name).steps(5);
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
