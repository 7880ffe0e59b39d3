//! The tables of samplers in `README.md` and `docs/samplers.md`, and the pages and pictures in `docs/samplers`: what
//! `sampc` proves and measures, never what a hand wrote.
//!
//! `UPDATE_SAMPLERS=1 cargo test --release --test samplers` writes them again.

#[allow(dead_code, reason = "pages need a part of it")]
#[path = "../src/chart/mod.rs"]
mod chart;
mod common;
#[path = "samplers/error.rs"]
mod error;
#[path = "samplers/page.rs"]
mod page;

use std::collections::{BTreeMap, BTreeSet};

use std::fmt::Write;
use std::process::Command;
use std::sync::OnceLock;

use error::{Run, Told};
use page::{Page, name};
use serde_json::Value;

const START: &str = "<!-- samplers -->\n";
const END: &str = "<!-- end -->";

/// The samplers of the library with their facts, which are proved once.
fn rows() -> &'static [Value] {
    static ROWS: OnceLock<Vec<Value>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let done = Command::new(env!("CARGO_BIN_EXE_sampc")).args(["list", "samplers", "--format", "json"]).output();
        let text = done.expect("the command runs").stdout;
        serde_json::from_slice(&text).expect("the list is JSON")
    })
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
        let (name, evals) = (name(row), cell(&facts["evals"]["per_step"]));
        writeln!(
            table,
            "| [`{name}`](docs/samplers/{name}.md) | {} | {} | {evals} | {} |",
            order(facts),
            as_run(facts),
            noise(facts)
        )
        .expect("a string takes text");
    }
    table
}

const INTRODUCTION: &str = "# Samplers of the library

Every figure is proved or counted by running the sampler, as `sampc list` does; none is claimed. *Order* is that of the
formula, *as run* what whole runs tend to, on smooth and on rough grids where these differ. *Buffers* are of the latent's
size, between steps and at the peak.

Each sampler has a page with its rule, its proofs and its error against model calls, as `sampc plot error` measures it. In
its picture stand beside it the best known rules of its order and evaluations a step, of its order at other evaluations, of
another order at its evaluations, and of order 1 at one evaluation; a rule is the better known, the more projects have a name
of their own for it. This page and all others are written and held by `tests/samplers.rs`.

";

/// The whole of `docs/samplers.md`.
fn long(rows: &[Value]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "| sampler | about | order | as run | evaluations a step | in ten steps | draws a step | buffers | families | paper |\n|---|---|---|---|---|---|---|---|---|---|\n";
    for row in rows {
        let facts = &row["facts"];
        let buffers = format!("{}, {}", cell(&facts["state"]["rest"]), cell(&facts["state"]["peak"]));
        let cells = [
            format!("[`{0}`](samplers/{0}.md)", name(row)),
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

fn updates() -> bool {
    std::env::var_os("UPDATE_SAMPLERS").is_some_and(|value| value == "1")
}

#[test]
fn tables_are_those_of_the_proofs() {
    let rows = rows();
    assert!(rows.iter().all(|row| row["facts"].is_object()), "every sampler of the library is run");
    let readme = common::read("README.md");
    let start = readme.find(START).expect("README.md has a place for the table") + START.len();
    let end = start + readme[start..].find(END).expect("the place has an end");
    let mended = format!("{}{}{}", &readme[..start], short(rows), &readme[end..]);
    if updates() {
        std::fs::write(common::path("README.md"), &mended).expect("the file is written");
        std::fs::write(common::path("docs/samplers.md"), long(rows)).expect("the file is written");
    }
    assert!(common::read("README.md") == mended, "the table in README.md: UPDATE_SAMPLERS=1 writes it again");
    assert!(common::read("docs/samplers.md") == long(rows), "docs/samplers.md: UPDATE_SAMPLERS=1 writes it again");
}

/// What `sampc check -v` says of each sampler: a word, and what there is to say.
fn lines() -> BTreeMap<String, Vec<(String, String)>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
    let done = command.args(["check", "-v"]).arg(common::path("samples/samplers")).output().expect("the command runs");
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut of = String::new();
    for line in String::from_utf8(done.stdout).expect("it is text").lines() {
        if let Some(name) = line.strip_prefix("sampler ") {
            name.clone_into(&mut of);
            continue;
        }
        let (word, text) = line.split_at_checked(15).unwrap_or((line, ""));
        let known = all.entry(of.clone()).or_default();
        match known.last_mut() {
            // A line without a word goes on.
            Some((_, before)) if word.trim().is_empty() => *before += &format!("; {}", text.trim()),
            _ => known.push((word.trim().to_owned(), text.trim().to_owned())),
        }
    }
    all
}

/// The schedule that a sampler is drawn on.
fn schedule(row: &Value) -> &'static str {
    if families(&row["facts"]) == "flow" { "flow(largest = 0.99)" } else { "vp" }
}

/// All pages and pictures, by file.
fn pages(rows: &[Value]) -> BTreeMap<String, String> {
    let run = |row: &Value| -> Run { (name(row).to_owned(), schedule(row)) };
    let mut told: BTreeMap<Run, Told> = BTreeMap::new();
    error::measure(rows.iter().map(run).collect(), &mut told);
    let mut drawn: Vec<(&Value, Vec<String>)> = Vec::new();
    for row in rows {
        let compared = told[&run(row)].compared();
        let family = if schedule(row) == "vp" { "vp" } else { "flow" };
        let fits = |other: &&Value| {
            let known = families(&other["facts"]).split(", ").any(|known| known == family);
            known && told[&run(other)].compared() == compared
        };
        let others: Vec<&Value> = rows.iter().filter(fits).collect();
        drawn.push((row, if compared.is_some() { page::peers(row, &others) } else { Vec::new() }));
    }
    let pairs = drawn.iter().flat_map(|(row, peers)| peers.iter().map(|peer| (peer.clone(), schedule(row))));
    let missing: BTreeSet<Run> = pairs.filter(|run| !told.contains_key(run)).collect();
    error::measure(missing.into_iter().collect(), &mut told);
    let lines = lines();
    let mut pages = BTreeMap::new();
    for (row, peers) in drawn {
        let own = told[&run(row)].answer();
        let beside: Vec<(&String, &Value)> = (peers.iter())
            .filter_map(|peer| Some((peer, told[&(peer.clone(), schedule(row))].answer().ok()?)))
            .collect();
        let picture = own.map(|own| {
            let all: Vec<&Value> = std::iter::once(own).chain(beside.iter().map(|(_, told)| *told)).collect();
            pages.insert(format!("{}.svg", name(row)), error::picture(&all));
            (cell(&own["about"]), beside.iter().map(|(peer, _)| (*peer).clone()).collect())
        });
        let page = Page { row, lines: &lines[name(row)], picture };
        pages.insert(format!("{}.md", name(row)), page.text());
    }
    pages
}

#[test]
fn pages_are_those_of_the_samplers() {
    let folder = common::path("docs/samplers");
    let pages = pages(rows());
    if updates() {
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir(&folder).expect("the folder is made");
        for (file, text) in &pages {
            std::fs::write(folder.join(file), text).expect("the file is written");
        }
    }
    let there = std::fs::read_dir(&folder).expect("the folder is there");
    let there = there.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
    let expected: BTreeSet<String> = pages.keys().cloned().collect();
    assert_eq!(there.collect::<BTreeSet<String>>(), expected, "UPDATE_SAMPLERS=1 writes the folder again");
    for (file, text) in &pages {
        let kept = common::read(&format!("docs/samplers/{file}"));
        let same = if file.ends_with(".svg") { error::same(&kept, text) } else { kept == *text };
        assert!(same, "docs/samplers/{file}: UPDATE_SAMPLERS=1 writes it again");
        assert!(text.len() < 15_000, "docs/samplers/{file} has {} bytes", text.len());
    }
    // These read what an update has just written.
    command_draws_the_picture_of_a_page();
    pictures_that_differ_are_told_apart();
}

/// The picture of a page is what the command draws when it is asked for the same samplers.
fn command_draws_the_picture_of_a_page() {
    let folder = tempfile::TempDir::new().expect("a folder for the picture");
    let page = common::read("docs/samplers/dpmpp_2m.md");
    let beside = page.lines().find_map(|line| line.strip_prefix("Beside it: ")).expect("it has peers");
    let peers = beside.split("[`").skip(1).filter_map(|rest| rest.split('`').next());
    let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
    command.args(["plot", "error", "dpmpp_2m"]).args(peers).current_dir(folder.path());
    assert!(command.output().expect("the command runs").status.success());
    let drawn = std::fs::read_to_string(folder.path().join("plot.svg")).expect("it is written");
    assert!(error::same(&drawn, &common::read("docs/samplers/dpmpp_2m.svg")));
}

/// A picture with another curve, or other words, is another one.
fn pictures_that_differ_are_told_apart() {
    let kept = common::read("docs/samplers/euler.svg");
    let moved = kept.replacen('L', "L9", 1);
    assert!(error::same(&kept, &kept) && !error::same(&kept, &moved));
    assert!(!error::same(&kept, &kept.replace("euler", "heun")));
    assert!(!error::same(&kept, &common::read("docs/samplers/heun.svg")));
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
