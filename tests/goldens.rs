//! The library's samplers against trajectories of other projects' samplers.
//!
//! The folder `goldens` holds the trajectories and says where they come from. `UPDATE_PARITY=1 cargo test --release
//! --test goldens` writes `docs/parity.md` again.

#[path = "goldens/case.rs"]
mod case;
#[path = "goldens/follow.rs"]
mod follow;
#[path = "goldens/loops.rs"]
mod loops;
#[path = "goldens/parity.rs"]
mod parity;
#[path = "goldens/tables.rs"]
mod tables;

use std::sync::LazyLock;

use samp_runtime::{Dtype, Engine};

use case::{Case, Goldens, path};
use follow::{How, Outcome, Pair, follow};
use loops::Loops;
use tables::Tables;

static GOLDENS: LazyLock<Goldens> = LazyLock::new(Goldens::read);
static LOOPS: LazyLock<Loops> = LazyLock::new(Loops::read);
static TABLES: LazyLock<Tables> = LazyLock::new(Tables::read);

const EXACT: How = How { model: "x0", dtype: Dtype::F64, engine: Engine::Interp };

/// Fails with the first cases that do not match.
fn all_match(outcomes: &[Outcome<'_>]) {
    let wrong: Vec<String> = outcomes.iter().filter(|outcome| !outcome.matches()).map(Outcome::describe).collect();
    let shown = wrong.iter().take(60).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    assert!(wrong.is_empty(), "{} of {} cases do not match:\n  {shown}", wrong.len(), outcomes.len());
}

#[test]
fn every_case_matches() {
    let outcomes = follow(&GOLDENS, &GOLDENS.cases(), EXACT, |case, _| case.tolerance);
    let page = parity::page(&GOLDENS, &outcomes)
        + &parity::loops(&LOOPS, &LOOPS.outcomes(EXACT))
        + &TABLES.page(&TABLES.outcomes());
    let at = path("docs/parity.md");
    if std::env::var_os("UPDATE_PARITY").is_some_and(|value| value == "1") {
        std::fs::write(&at, &page).expect("docs/parity.md is written");
    }
    all_match(&outcomes);
    let stored = std::fs::read_to_string(&at).unwrap_or_default();
    assert!(stored == page, "docs/parity.md is stale: run `UPDATE_PARITY=1 cargo test --release --test goldens`");
}

#[test]
fn every_loop_of_another_projects_tests_ends_as_it_states() {
    for engine in [Engine::Interp, Engine::best()] {
        let outcomes = LOOPS.outcomes(How { engine, ..EXACT });
        let wrong: Vec<_> = outcomes.iter().filter_map(|(id, why)| Some(format!("{id}: {}", why.as_ref()?))).collect();
        assert!(
            wrong.is_empty(),
            "{} of {} loops end otherwise:\n  {}",
            wrong.len(),
            outcomes.len(),
            wrong.join("\n  ")
        );
    }
}

#[test]
fn every_table_matches() {
    let outcomes = TABLES.outcomes();
    let wrong: Vec<_> = outcomes.iter().filter_map(|(key, why)| Some(format!("{key}: {}", why.as_ref()?))).collect();
    assert!(wrong.is_empty(), "{} of {} tables differ:\n  {}", wrong.len(), outcomes.len(), wrong.join("\n  "));
}

#[test]
fn every_case_matches_in_machine_code() {
    let how = How { engine: Engine::best(), ..EXACT };
    all_match(&follow(&GOLDENS, &GOLDENS.cases(), how, |case, _| case.tolerance));
}

#[test]
fn every_case_matches_in_f32() {
    let (stable, unstable): (Vec<_>, Vec<_>) = GOLDENS.cases().into_iter().partition(|entry| entry.case.f32.is_some());
    println!("{} cases are skipped: their references are unstable in f32", unstable.len());
    let how = How { dtype: Dtype::F32, engine: Engine::best(), ..EXACT };
    let allowed = |case: &Case, pair: &Pair| case.f32.unwrap_or(0.0) * pair.scale();
    all_match(&follow(&GOLDENS, &stable, how, allowed));
}

#[test]
fn every_case_matches_whatever_the_network_predicts() {
    const BOUND: f64 = 1e-9;
    for model in ["eps", "v", "flow", "edm"] {
        let mut cases = GOLDENS.cases();
        if matches!(model, "eps" | "edm") {
            cases.retain(|entry| !entry.case.reaches_pure());
        }
        assert!(cases.len() > 500, "most cases have data at all levels");
        all_match(&follow(&GOLDENS, &cases, How { model, ..EXACT }, |_, pair| BOUND * pair.scale()));
    }
}
