//! The library's samplers against trajectories of other projects' samplers.
//!
//! The folder `goldens` holds the trajectories and says where they come from. `UPDATE_PARITY=1 cargo test --release
//! --test goldens` writes `docs/parity.md` again.

#[path = "goldens/case.rs"]
mod case;
#[path = "goldens/follow.rs"]
mod follow;
#[path = "goldens/parity.rs"]
mod parity;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use samp_runtime::{Dtype, Engine};

use case::{Case, Goldens, path};
use follow::{How, Outcome, Pair, compile, follow, in_parallel, states};

static GOLDENS: LazyLock<Goldens> = LazyLock::new(Goldens::read);

const EXACT: How = How { model: "x0", dtype: Dtype::F64, engine: Engine::Interp };

/// Fails with the first few cases that do not match.
fn all_match(outcomes: &[Outcome<'_>]) {
    let wrong: Vec<String> = outcomes.iter().filter(|outcome| !outcome.matches()).map(Outcome::describe).collect();
    let shown = wrong.iter().take(12).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    assert!(wrong.is_empty(), "{} of {} cases do not match:\n  {shown}", wrong.len(), outcomes.len());
}

#[test]
fn every_case_matches_in_f64() {
    let outcomes = follow(&GOLDENS, &GOLDENS.cases(), EXACT, |case, _| case.tolerance);
    all_match(&outcomes);
    let matching: BTreeSet<&str> = outcomes.iter().filter(|outcome| outcome.matches()).map(|outcome| outcome.id).collect();
    let page = parity::page(&GOLDENS, &matching);
    let at = path("docs/parity.md");
    if std::env::var_os("UPDATE_PARITY").is_some_and(|value| value == "1") {
        std::fs::write(&at, &page).expect("docs/parity.md is written");
    }
    let stored = std::fs::read_to_string(&at).unwrap_or_default();
    assert!(stored == page, "docs/parity.md is stale: run `UPDATE_PARITY=1 cargo test --release --test goldens`");
}

#[test]
fn coverage_is_current() {
    let coverage = std::fs::read_to_string(path("tests/goldens/COVERAGE.md")).expect("COVERAGE.md is there");
    let counts = parity::counts(&GOLDENS);
    assert!(coverage.contains(&counts), "COVERAGE.md does not say: {counts}");
}

#[test]
fn a_sample_of_cases_matches_in_f32() {
    const EVERY: usize = 1;
    let sample: Vec<(&str, &Case)> = GOLDENS.cases().into_iter().step_by(EVERY).collect();
    let stable: Vec<(&str, &Case)> = sample.iter().copied().filter(|(_, case)| case.f32.is_some()).collect();
    println!("{} of {} cases are skipped: their references are unstable in f32", sample.len() - stable.len(), sample.len());
    let how = How { model: "x0", dtype: Dtype::F32, engine: Engine::best() };
    let allowed = |case: &Case, pair: &Pair| case.f32.unwrap_or(0.0) * pair.scale();
    let outcomes = follow(&GOLDENS, &stable, how, allowed);
    for o in &outcomes { println!("{} {:?}", o.describe(), o.case.f32); }
    all_match(&outcomes);
}

#[test]
fn what_the_network_predicts_does_not_matter() {
    const CASES: usize = 600;
    const BOUND: f64 = 1e-9;
    let cases = GOLDENS.cases();
    let sample: Vec<(&str, &Case)> = cases.iter().copied().step_by(cases.len() / CASES).collect();
    let compared = in_parallel(&sample, |(id, case)| {
        let compiled = compile(case, EXACT).expect("a case compiles");
        let wanted = states(&compiled, case).expect("a case runs");
        // Without data in the sample, noise says nothing of the data, and there is no x / alpha.
        let pure = compiled.levels().iter().any(|level| level.alpha == 0.0);
        let models = ["eps", "edm", "v", "flow"].into_iter().filter(|model| !(pure && matches!(*model, "eps" | "edm")));
        models
            .map(|model| {
                let compiled = compile(case, How { model, ..EXACT }).expect("a case compiles with any model");
                let found = states(&compiled, case).expect("a case runs with any model");
                for (step, (ours, golden)) in found.into_iter().zip(&wanted).enumerate() {
                    let pair = Pair { ours, golden: golden.clone() };
                    let off = pair.difference() / pair.scale();
                    if !(off <= BOUND) { println!("{id}, {} on {} with {model}: off by {off:.1e} after {step} steps", case.sampler, case.schedule); break; }
                }
            })
            .count()
    });
    let runs: usize = compared.into_iter().sum();
    println!("{runs} runs agree with those of the data prediction");
    assert!(runs >= 3 * CASES, "only {runs} runs were compared");
}
