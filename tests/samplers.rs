//! The tables of samplers in `README.md` and `docs/samplers.md`: what `sampc list` proves, never what a hand wrote.
//!
//! `UPDATE_SAMPLERS=1 cargo test --release --test samplers` writes them again.

mod common;

use std::fmt::Write;
use std::process::Command;

use serde_json::Value;

const START: &str = "<!-- samplers -->\n";
const END: &str = "<!-- end -->";

fn rows() -> Vec<Value> {
    let done = Command::new(env!("CARGO_BIN_EXE_sampc")).args(["list", "samplers", "--format", "json"]).output();
    let text = done.expect("the command runs").stdout;
    serde_json::from_slice(&text).expect("the list is JSON")
}

/// A number as it is, and `-` for nothing.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(word) => word.clone(),
        other => other.to_string(),
    }
}

/// The order of the formula, or the weak order that is claimed and measured.
fn order(facts: &Value) -> String {
    match (&facts["order"]["claimed"], &facts["weak_order"]["claimed"]) {
        (Value::Null, Value::Null) => "-".to_owned(),
        (Value::Null, weak) if facts["weak_order"]["smooth"].is_number() => format!("weak {weak}"),
        (Value::Null, _) => "not decided".to_owned(),
        (_, _) if facts["order"]["formula"].is_null() => "not decided".to_owned(),
        (_, _) => cell(&facts["order"]["formula"]),
    }
}

/// What runs tend to: one number, or that of smooth and that of rough grids.
fn as_run(facts: &Value) -> String {
    let limit = &facts["order"]["as_run"]["tends_to"];
    let (smooth, rough) = (cell(&limit["smooth"]), cell(&limit["rough"]));
    if smooth == rough { smooth } else { format!("{smooth}, {rough}") }
}

fn families(facts: &Value) -> String {
    let words: Vec<String> = facts["families"].as_array().into_iter().flatten().map(cell).collect();
    words.join(", ")
}

fn noise(facts: &Value) -> &'static str {
    if facts["draws"]["of_ten"] == 0 { "-" } else { "yes" }
}

/// The short table of `README.md`.
fn short(rows: &[Value]) -> String {
    let mut table = "| sampler | order | as run | evaluations a step | noise |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let facts = &row["facts"];
        let evals = cell(&facts["evals"]["per_step"]);
        writeln!(
            table,
            "| `{}` | {} | {} | {evals} | {} |",
            cell(&row["name"]),
            order(facts),
            as_run(facts),
            noise(facts)
        )
        .expect("a string takes text");
    }
    table
}

/// The whole of `docs/samplers.md`.
fn long(rows: &[Value]) -> String {
    let mut page = "# Samplers of the library\n\nEvery figure is proved or counted by running the sampler, as `sampc list` does; none is claimed. *Order* is that of the\nformula, *as run* what whole runs tend to, on smooth and on rough grids where these differ. *Buffers* are of the latent's\nsize, between steps and at the peak. This page is written and held by `tests/samplers.rs`.\n\n".to_owned();
    page += "| sampler | about | order | as run | evaluations a step | in ten steps | draws a step | buffers | families | paper |\n|---|---|---|---|---|---|---|---|---|---|\n";
    for row in rows {
        let facts = &row["facts"];
        let buffers = format!("{}, {}", cell(&facts["state"]["rest"]), cell(&facts["state"]["peak"]));
        let cells = [
            format!("`{}`", cell(&row["name"])),
            cell(&row["about"]).replace('|', "\\|"),
            order(facts),
            as_run(facts),
            cell(&facts["evals"]["per_step"]),
            cell(&facts["evals"]["of_ten"]),
            cell(&facts["draws"]["per_step"]),
            buffers,
            families(facts),
            cell(&row["paper"]),
        ];
        writeln!(page, "| {} |", cells.join(" | ")).expect("a string takes text");
    }
    page
}

#[test]
fn tables_are_those_of_the_proofs() {
    let rows = rows();
    assert!(rows.iter().all(|row| row["facts"].is_object()), "every sampler of the library is run");
    let readme = common::read("README.md");
    let start = readme.find(START).expect("README.md has a place for the table") + START.len();
    let end = start + readme[start..].find(END).expect("the place has an end");
    let mended = format!("{}{}{}", &readme[..start], short(&rows), &readme[end..]);
    if std::env::var_os("UPDATE_SAMPLERS").is_some_and(|value| value == "1") {
        std::fs::write(common::path("README.md"), &mended).expect("the file is written");
        std::fs::write(common::path("docs/samplers.md"), long(&rows)).expect("the file is written");
    }
    assert!(common::read("README.md") == mended, "the table in README.md: UPDATE_SAMPLERS=1 writes it again");
    assert!(common::read("docs/samplers.md") == long(&rows), "docs/samplers.md: UPDATE_SAMPLERS=1 writes it again");
}

/// The keys that the specification documents, on a sampler that fills all of them.
#[test]
fn check_gives_every_key() {
    let path = common::path("samples/samplers/dpmpp_2m_sde.samp");
    let done = Command::new(env!("CARGO_BIN_EXE_sampc")).args(["check", "--format", "json"]).arg(path).output();
    let found: Value = serde_json::from_slice(&done.expect("the command runs").stdout).expect("the report is JSON");
    let sampler = &found["samplers"][0];
    assert_eq!(sampler["name"], "dpmpp_2m_sde");
    assert_eq!(sampler["order"]["claimed"], 2);
    assert_eq!(sampler["order"]["formula"], 2);
    assert_eq!(sampler["order"]["as_run"]["tends_to"]["smooth"], 2);
    assert!(sampler["order"]["as_run"]["rough"].as_f64().is_some_and(|slope| (slope - 2.0).abs() < 0.2));
    assert_eq!(sampler["weak_order"]["claimed"], 2);
    assert!(sampler["weak_order"]["smooth"].as_f64().is_some_and(|order| (order - 2.0).abs() < 0.15));
    assert_eq!(sampler["signature"]["verdict"], "exact");
    for (counted, per_step) in [("evals", 1), ("draws", 1)] {
        assert_eq!(sampler[counted]["per_step"], per_step);
        let by_step: Vec<u64> =
            sampler[counted]["by_step"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        assert_eq!(
            (by_step.len(), by_step.iter().sum::<u64>()),
            (10, sampler[counted]["of_ten"].as_u64().unwrap_or(0))
        );
    }
    assert!(sampler["state"]["rest"].as_u64() <= sampler["state"]["peak"].as_u64());
    assert_eq!(sampler["families"], serde_json::json!(["vp", "ve", "flow"]));
    assert_eq!(sampler["approximate"], false);
}
