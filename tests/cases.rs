//! Every file of `tests/cases` through the stages: syntax tree, program, plan, kernels.
//!
//! A case is a file with a pipeline, or with one sampler, which is then planned for three steps of `karras` on
//! `scaled_linear` around a network that predicts the noise. To add one, add the file, run `cargo insta test --accept
//! --test cases` or set `INSTA_UPDATE=always`, and read the snapshots.

mod common;

use samp_compiler::check::Checker;
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::{ItemId, Slot};
use samp_compiler::ir::{plan_text, plan_verify, program_text, program_verify};
use samp_compiler::library::Library;
use samp_compiler::lower::lower;
use samp_compiler::machine::RunConfig;
use samp_compiler::plan::Planned;
use samp_compiler::types::ItemSort;

/// What a sampler is planned with.
const DEFAULTS: &[(Slot, &str)] =
    &[(Slot::Schedule, "scaled_linear"), (Slot::Grid, "karras"), (Slot::Model, "eps"), (Slot::Steps, "3")];

fn loader(path: &str) -> Result<String, String> {
    samp_runtime::read_text(path)
}

fn ast(name: &str) -> String {
    let mut lib = Library::new(&loader);
    let unit = lib.load(name).expect("the case is read");
    samp_lang::print_module(&lib.module(unit))
}

fn program(name: &str) -> String {
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.load(name).expect("the case is read");
    let items: Vec<ItemId> = checker.unit(unit);
    assert!(!checker.has_errors(), "{name} is right: {:?}", checker.all_diagnostics());
    let program = lower(&checker.hir, &items).program;
    let found = program_verify::verify(&program);
    assert!(found.is_ok(), "the program of {name} keeps its invariants: {found:?}");
    program_text::print(&program)
}

fn planned(name: &str) -> Planned {
    let mut lib = Library::new(&loader);
    let unit = lib.load(name).expect("the case is read");
    let is_pipeline = lib.module(unit).items.iter().any(|item| item.kind.keyword() == ItemSort::Pipeline.name());
    let mut request = Request::default();
    if is_pipeline {
        request.pipeline = Some(name.to_owned());
    } else {
        request.slots = DEFAULTS.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
        request.slots.push((Slot::Sampler, name.to_owned()));
    }
    let compiled = compile(&request, &loader).unwrap_or_else(|failure| panic!("{name} is right: {failure}"));
    let mut config = RunConfig::default();
    for (host, _) in compiled.program.hosts().iter().filter(|(_, of_tensors)| **of_tensors) {
        config.hosts.give_tensor(host);
    }
    compiled.plan(&config).unwrap_or_else(|failure| panic!("{name} is planned: {failure}"))
}

/// The plan as text, with its warnings in front.
fn plan(name: &str) -> String {
    let planned = planned(name);
    let found = plan_verify::verify(&planned.plan);
    assert!(found.is_ok(), "the plan of {name} keeps its invariants: {found:?}");
    let warnings = planned.warnings.iter().map(|one| format!("// {} {}\n", one.code.name(), one.message));
    warnings.chain([plan_text::print(&planned.plan)]).collect()
}

fn kernels(name: &str) -> String {
    planned(name).plan.kernels.values().map(|kernel| format!("{kernel}\n")).collect()
}

fn snapshots(stage: &str, text: fn(&str) -> String) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in common::samp_files("tests/cases") {
            let case = name.rsplit('/').next().and_then(|file| file.strip_suffix(".samp")).expect("a `.samp` file");
            insta::assert_snapshot!(format!("{case}.{stage}"), text(&name));
        }
    });
}

#[test]
fn cases_are_clean() {
    for name in common::samp_files("tests/cases") {
        let found = common::check(&name, &common::read(&name));
        let errors: Vec<_> = found.diagnostics.iter().filter(|one| one.is_error()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn syntax_trees() {
    snapshots("ast", ast);
}

#[test]
fn programs() {
    snapshots("program", program);
}

#[test]
fn plans() {
    snapshots("plan", plan);
}

#[test]
fn kernel_texts() {
    snapshots("kernel", kernels);
}
