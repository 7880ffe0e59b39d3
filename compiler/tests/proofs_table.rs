//! The table of orders of an independent model in multiple precision, reproduced by the proofs for each sampler that the
//! library has: the order of the formula, as run on a smooth and on a rough mesh, and the weak order.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use samp_compiler::check::Checker;
use samp_compiler::library::{Library, std_names};
use samp_compiler::prove::{Facts, prove};
use samp_compiler::types::ItemSort;

/// A deterministic sampler: its name, a part of its text and what stands in its place, the order of its formula, and
/// the slopes of the reference as run, on a smooth and on a rough mesh.
type Row = (&'static str, &'static str, &'static str, i64, f64, f64);

const ORDERS: &[Row] = &[
    ("ddim", "", "", 1, 1.00, 1.00),
    ("euler", "", "", 1, 1.00, 1.00),
    ("heun", "", "", 2, 2.00, 2.00),
    ("dpm_2", "", "", 2, 2.00, 2.00),
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
const MISSING: &[&str] = &["amed", "euler_maruyama"];

fn facts(name: &str, from: &str, to: &str) -> Facts {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/samplers");
    let text = std::fs::read_to_string(folder.join(name).with_extension("samp")).unwrap();
    assert!(text.contains(from), "{name} has `{from}`");
    let text = if from.is_empty() { text } else { text.replacen(from, to, 1) };
    let loader = |_: &str| Err("no files are read here".to_owned());
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add("row.samp", text);
    let items = checker.unit(unit);
    let reports = prove(&mut checker, unit, &items);
    reports.into_iter().find_map(|report| report.facts).unwrap_or_else(|| panic!("{name} runs"))
}

#[test]
fn orders_are_those_of_the_table() {
    let mut wrong = Vec::new();
    for (name, from, to, formula, smooth, rough) in ORDERS {
        let order = facts(name, from, to).order;
        let limit = order.as_run.as_ref().and_then(|run| run.limit).map(|limit| (limit.smooth, limit.rough));
        // Slopes of the table lie near their limit, or a little above where a high order has a low start.
        let expected = ((smooth + 0.1).floor() as i64, (rough + 0.1).floor() as i64);
        if order.formula != Some(*formula) || limit != Some(expected) {
            wrong.push(format!(
                "{name} {to}: formula {:?} for {formula}, runs tend to {limit:?} for {expected:?}",
                order.formula
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn weak_orders_are_those_of_the_table() {
    let mut wrong = Vec::new();
    for (name, from, to, smooth, rough) in WEAK {
        let moments = facts(name, from, to).moments.unwrap_or_else(|| panic!("{name} draws"));
        for (found, expected) in [(&moments.smooth, smooth), (&moments.rough, rough)] {
            if found.variance.is_none_or(|order| (order - expected).abs() > 0.15) {
                wrong.push(format!("{name} {to}: variance of order {:?}, {expected} in the table", found.variance));
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
