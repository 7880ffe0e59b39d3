//! The table of orders of an independent model in multiple precision, reproduced by `sampc check --format json` for each
//! sampler that the library has: the order of the formula, as run on a smooth and on a rough mesh, and the weak order.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use std::process::Command;

use samp_compiler::library::std_names;
use samp_compiler::types::ItemSort;
use serde_json::Value;

/// A deterministic sampler: its name, a part of its text and what stands in its place, the order of its formula, and
/// the slopes of the reference as run, on a smooth and on a rough mesh.
type Row = (&'static str, &'static str, &'static str, i64, f64, f64);

const ORDERS: &[Row] = &[
    ("ddim", "", "", 1, 1.00, 1.00),
    ("euler", "", "", 1, 1.00, 1.00),
    ("heun", "", "", 2, 2.00, 2.00),
    ("dpm_2", "", "", 2, 2.00, 2.00),
    ("amed", "(0, 1) = 0.5", "(0, 1) = 0.4", 1, 0.99, 0.99),
    ("dpm_solver", "order: int in 1..=3 = 3", "order: int in 1..=3 = 2", 2, 2.00, 2.00),
    ("dpm_solver", "", "", 3, 3.00, 3.01),
    ("dpmpp_2s", "", "", 2, 2.00, 2.00),
    ("dpmpp_3s", "", "", 3, 3.00, 2.99),
    ("dpmpp_2m", "", "", 2, 2.00, 2.00),
    ("exp_heun", "", "", 2, 2.00, 2.00),
    ("exp_rk", "", "", 2, 2.00, 2.00),
    ("res_multistep", "", "", 2, 2.00, 2.00),
    ("dpmpp_3m_as_shipped", "", "", 2, 1.99, 2.00),
    ("dpmpp_3m", "", "", 3, 2.04, 2.02),
    ("lms", "= 4,", "= 2,", 2, 2.00, 2.00),
    ("lms", "= 4,", "= 3,", 3, 2.16, 2.36),
    ("lms", "", "", 4, 2.02, 2.06),
    ("ipndm", "= 4,", "= 2,", 1, 2.00, 1.01),
    ("ipndm", "", "", 1, 2.00, 1.00),
    ("deis", "", "", 3, 1.99, 2.01),
    ("gradient_estimation", "", "", 1, 1.00, 0.99),
    ("heunpp2", "= balanced)", "= shipped)", 1, 1.00, 1.00),
];

/// A stochastic sampler: its name, a part of its text and what stands in its place, and the order of its variance on
/// both meshes.
const WEAK: &[(&str, &str, &str, f64, f64)] = &[
    ("ddim", "= 0)", "= 1)", 0.99, 0.99),
    ("ddpm", "", "", 0.99, 0.99),
    ("euler_ancestral", "", "", 0.99, 0.99),
    ("edm", "= 40", "= 8", 1.99, 2.00),
    ("dpmpp_2m_sde", "", "", 2.00, 1.98),
    ("dpmpp_2m_sde", "= midpoint", "= heun", 2.00, 1.99),
    ("dpmpp_sde", "", "", 2.04, 2.04),
    ("seeds_2", "", "", 2.00, 1.99),
    ("er_sde", "", "", 2.02, 2.03),
];

/// Samplers of the table that the library lacks; one that comes moves up. `gotta_go_fast` finds its own steps and has no
/// order on a mesh; `sa_solver` is dear and runs out of the bound.
const MISSING: &[&str] = &["euler_maruyama"];

/// What the command says of a sampler of the library, with a part of its text replaced.
fn facts(name: &str, from: &str, to: &str) -> Value {
    let text = std::fs::read_to_string(format!("{}/samples/samplers/{name}.samp", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(text.contains(from), "{name} has `{from}`");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("row.samp");
    std::fs::write(&file, if from.is_empty() { text } else { text.replacen(from, to, 1) }).unwrap();
    let done =
        Command::new(env!("CARGO_BIN_EXE_sampc")).args(["check", "--format", "json"]).arg(file).output().unwrap();
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    answer["samplers"][0].clone()
}

#[test]
fn orders_are_those_of_the_table() {
    let mut wrong = Vec::new();
    for (name, from, to, formula, smooth, rough) in ORDERS {
        let order = &facts(name, from, to)["order"];
        // Slopes of the table lie near their limit, or a little above where a high order has a low start.
        let expected = [smooth, rough].map(|slope| (slope + 0.1).floor() as i64);
        let limit = &order["as_run"]["tends_to"];
        if order["formula"] != *formula || limit["smooth"] != expected[0] || limit["rough"] != expected[1] {
            wrong.push(format!("{name} {to}: {formula} and {expected:?} in the table, found {order}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn weak_orders_are_those_of_the_table() {
    let mut wrong = Vec::new();
    for (name, from, to, smooth, rough) in WEAK {
        let found = &facts(name, from, to)["weak_order"];
        for (mesh, expected) in [("smooth", smooth), ("rough", rough)] {
            if found[mesh].as_f64().is_none_or(|order| (order - expected).abs() > 0.15) {
                wrong.push(format!("{name} {to}: {expected} in the table on a {mesh} mesh, found {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_missing_is_missing() {
    let library: Vec<&str> = std_names(ItemSort::Sampler).collect();
    let came: Vec<&&str> = MISSING.iter().filter(|name| library.contains(name)).collect();
    assert!(came.is_empty(), "{came:?} came to the library: give each its row");
}
