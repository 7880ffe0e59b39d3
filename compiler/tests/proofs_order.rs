//! Orders of accuracy: what formulas are proved to be, and what is refused.
//!
//! `proofs/right` holds samplers whose claims hold, `proofs/order/wrong` mutants that claim too much. The table in
//! this file is what the literature and an independent model in multiple precision say of each.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use std::path::Path;

use samp_compiler::check::Checker;
use samp_compiler::library::Library;
use samp_compiler::prove::{OrderFacts, prove};
use samp_compiler::types::ItemSort;
use samp_lang::diag::Diagnostic;

fn check(path: &Path) -> Vec<(String, OrderFacts, Vec<Diagnostic>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let loader = |_: &str| Err("no files are read here".to_owned());
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add(path.to_str().unwrap(), text);
    let items = checker.unit(unit);
    let wrong: Vec<String> = checker.all_diagnostics().iter().map(|found| found.message.clone()).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
    let reports = prove(&mut checker, unit, &items);
    let name = |item| checker.hir.items[item].name.to_string();
    reports
        .into_iter()
        .map(|report| {
            (name(report.item), report.facts.map(|facts| facts.order).unwrap_or_default(), report.diagnostics)
        })
        .collect()
}

fn wrong() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs/order/wrong");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A sampler, the order of its formula, and what its runs tend to on smooth and on rough grids.
type Row = (&'static str, i64, (i64, i64));

/// The library. `unipc` ends in a first-order step, which the table that it is compared with leaves out.
const LIBRARY: &[Row] = &[
    ("abnorsett", 4, (2, 2)),
    ("corrected", 3, (3, 3)),
    ("ddim", 1, (1, 1)),
    ("deis", 3, (2, 2)),
    ("dpm_2", 2, (2, 2)),
    ("dpm_adaptive", 3, (3, 3)),
    ("dpm_fast", 3, (2, 2)),
    ("dpm_2_flow", 2, (2, 2)),
    ("dpm_solver", 3, (3, 3)),
    ("dpm_solver_multistep", 2, (2, 2)),
    ("dpmpp_2m", 2, (2, 2)),
    ("dpmpp_2m_sde", 2, (2, 2)),
    ("dpmpp_2s", 2, (2, 2)),
    ("dpmpp_3m", 3, (2, 2)),
    ("dpmpp_3m_as_shipped", 2, (2, 2)),
    ("dpmpp_3m_sde", 3, (2, 2)),
    ("dpmpp_3s", 3, (3, 3)),
    ("dpmpp_sde", 2, (2, 2)),
    ("euler", 1, (1, 1)),
    ("exp_heun", 2, (2, 2)),
    ("exp_rk", 2, (2, 2)),
    ("gradient_estimation", 1, (1, 1)),
    ("heun", 2, (2, 2)),
    ("heun_flow", 2, (2, 2)),
    ("heun_in_clock", 2, (2, 2)),
    ("heunpp2", 2, (2, 2)),
    ("ipndm", 1, (2, 1)),
    ("ipndm_as_shipped", 1, (2, 1)),
    ("lawson", 4, (4, 4)),
    ("lms", 4, (2, 2)),
    ("lms_flow", 4, (2, 2)),
    ("pec", 4, (3, 3)),
    ("pndm", 1, (2, 1)),
    ("res_multistep", 2, (2, 2)),
    ("rk", 3, (3, 3)),
    ("rk_adaptive", 3, (3, 3)),
    ("rk_decaying", 2, (2, 2)),
    ("sa_solver", 4, (3, 3)),
    ("sa_solver_noise", 4, (3, 3)),
    ("seeds_2", 2, (2, 2)),
    ("seeds_3", 3, (3, 3)),
    ("singlestep", 2, (2, 2)),
    ("unipc", 4, (2, 2)),
];

/// Samplers in `proofs/right`.
const RIGHT: &[Row] = &[
    ("deis", 3, (2, 2)),
    ("dpmpp_3m", 3, (2, 2)),
    ("gradient_estimation", 1, (1, 1)),
    ("gradient_estimation_adams", 1, (2, 1)),
    ("heunpp2", 1, (1, 1)),
    ("ipndm", 1, (2, 1)),
    ("pndm", 1, (2, 1)),
    ("seeds_2", 2, (2, 2)),
];

fn holds(row: &Row, facts: &OrderFacts, found: &[Diagnostic]) {
    let (name, formula, (smooth, rough)) = row;
    let codes: Vec<&str> = found.iter().map(|found| found.code.name()).collect();
    assert!(codes.is_empty(), "{name}: {codes:?}");
    assert_eq!(facts.claimed, Some(*formula), "{name}");
    assert_eq!(facts.formula, Some(*formula), "{name}");
    let run = facts.as_run.as_ref().unwrap();
    let limit = run.limit.unwrap();
    assert_eq!((limit.smooth, limit.rough), (*smooth, *rough), "{name}");
    for (slope, limit) in [(run.smooth, *smooth), (run.rough, *rough)] {
        // In few steps the higher terms of a high-order rule with a low start are still seen.
        let low_start = run.steps < 128 || *formula > limit;
        let (slope, above) = (slope.unwrap(), if low_start { 1.5 } else { 0.3 });
        assert!(slope > limit as f64 - 0.15 && slope < limit as f64 + above, "{name}: slope {slope}, limit {limit}");
    }
    assert_eq!(facts.notes, Vec::<String>::new(), "{name}");
}

#[test]
fn orders_of_the_library() {
    for row in LIBRARY {
        let (facts, found) = of_library(row.0);
        holds(row, &facts, &found);
    }
}

#[test]
fn right_samplers_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs/right");
    for row in RIGHT {
        let all = check(&folder.join(row.0).with_extension("samp"));
        let (_, facts, found) = all.iter().find(|(name, ..)| name == row.0).unwrap();
        holds(row, facts, found);
    }
}

#[test]
fn wrong_claims_are_refused() {
    let files = wrong();
    assert!(files.len() >= 15);
    for file in files {
        let found: Vec<Diagnostic> = check(&file).into_iter().flat_map(|(_, _, found)| found).collect();
        let codes: Vec<&str> = found.iter().filter(|one| one.is_error()).map(|one| one.code.name()).collect();
        // A stage at the wrong level also makes a rule that depends on the family, which is found first.
        let expected = if file.ends_with("stage_at_wrong_level.samp") { "E0416" } else { "E0421" };
        assert!(!codes.is_empty() && codes.iter().all(|code| *code == expected), "{}: {codes:?}", file.display());
    }
}

/// The finding that the table is known for: the rule as shipped is of order 2, with the cause in the weights.
#[test]
fn the_third_order_multistep_rule_as_shipped_is_of_order_two() {
    let file = wrong().into_iter().find(|file| file.ends_with("dpmpp_3m_shipped.samp")).unwrap();
    let (_, facts, found) = check(&file).remove(0);
    assert_eq!((facts.claimed, facts.formula), (Some(3), Some(2)));
    assert_eq!(found[0].message, "expected a formula of order 3, found one of order 2 on `vp`");
    assert!(found[0].help.as_ref().unwrap().contains("h^3, not h^4"));
}

fn of_library(name: &str) -> (OrderFacts, Vec<Diagnostic>) {
    let loader = |_: &str| Err(String::new());
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.std(&format!("samplers/{name}.samp")).unwrap();
    let item = checker.named_item(unit, ItemSort::Sampler, name).unwrap();
    let report = prove(&mut checker, unit, &[item]).pop().unwrap();
    (report.facts.map(|facts| facts.order).unwrap_or_default(), report.diagnostics)
}

/// What a proof cannot decide it says, and it never says that a claim holds: a sampler, and what is said.
const NOT_DECIDED: &[(&str, &str)] = &[
    (
        "sampler asks {\n    order 1\n    input known: sample@clean\n    input mask: weight\n
    step x: sample@s -> sample@t {
        let y = transfer(x, x0(x), t)
        return blend(mask, y, transfer(x, known as x0 because \"it is the data\", t))\n    }\n}\n",
        "not decided: it asks its caller for a tensor",
    ),
    (
        "sampler picky {\n    order 1\n    require lambda(t) > lambda(s) + 0.1\n
    step x: sample@s -> sample@t {\n        return transfer(x, x0(x), t)\n    }\n}\n",
        "not decided: it needs another grid than short, unequal steps",
    ),
    (
        "sampler noisy {\n    order 1\n
    step x: sample@s -> sample@t {
        let y = transfer(x, x0(x), below(s, t, 0.5))
        if t == clean {\n            return y\n        }
        return renoise(y, t)\n    }\n}\n",
        "not decided: it draws noise",
    ),
    // Errors of the two samples that the leapfrog carries swing for ever.
    (
        "sampler leapfrog in ve {\n    order 1\n    state old: sample\n
    step x: sample@s -> sample@t {
        if first or t == clean {\n            old <- x\n            return transfer(x, x0(x), t)\n        }
        let y: sample@t = old + (sigma(t) - sigma(old)) * eps(x)\n        old <- x\n        return y\n    }\n}\n",
        "not decided on `vp`: errors in what it carries from step to step do not settle",
    ),
    // What is left of the exponential begins at h^7: little of the series of the quotient is known.
    (
        "use std.samplers.{dpmpp_3m}\n\nsampler clouded {\n    order 3\n
    step x: sample@s -> sample@t {
        let y = dpmpp_3m(x, t)\n        let h = lambda(t) - lambda(s)
        if t == clean or not (h in (0, 3)) {\n            return y\n        }
        let rest = expm1(h) - sum(h^k / factorial(k) for k in 1..=6)
        let z: sample@t = rest / rest * y\n        return z\n    }\n}\n",
        "not decided on `vp`: known to be 2 or more, 3 is claimed",
    ),
];

#[test]
fn what_is_not_decided_is_said() {
    for (text, says) in NOT_DECIDED {
        let (facts, found) = of_text(text);
        let codes: Vec<&str> = found.iter().map(|found| found.code.name()).collect();
        assert_eq!((codes.len(), facts.formula), (0, None), "{text}{codes:?}{:?}", facts.notes);
        assert!(facts.claimed.is_some());
        assert!(facts.notes.iter().any(|note| note.contains(says)), "{text}{:?}", facts.notes);
    }
}

/// Weights of the past that sum to 1.1 let every error grow.
#[test]
fn a_rule_that_grows_does_not_converge() {
    let text = "sampler grows in ve {\n    order 1\n    state old: sample\n
    step x: sample@s -> sample@t {
        if first {\n            old <- x\n            return transfer(x, x0(x), t)\n        }
        let far: sample@t = transfer(old, x0(x), t)\n        let near: sample@t = transfer(x, x0(x), t)\n        old <- x
        return 2.5 * near - 1.5 * far\n    }\n}\n";
    let (_, found) = of_text(text);
    assert!(found.len() == 1 && found[0].message.contains("runs do not converge"), "{found:?}");
}

/// Where steps are short, nothing is left of the exponential in f64, and 0 / 0 is no number.
#[test]
fn a_rule_without_numbers_on_short_steps_is_refused() {
    let text = "use std.samplers.{dpmpp_2m}\n\nsampler lost {\n    order 2\n
    step x: sample@s -> sample@t {
        let y = dpmpp_2m(x, t)\n        let h = lambda(t) - lambda(s)
        if t == clean or not (h in (0, 3)) {\n            return y\n        }
        let rest = expm1(h) - sum(h^k / factorial(k) for k in 1..=7)
        let z: sample@t = rest / rest * y\n        return z\n    }\n}\n";
    let (_, found) = of_text(text);
    assert!(found.len() == 1 && found[0].message.contains("end in no number on smooth grids"), "{found:?}");
}

fn of_text(text: &str) -> (OrderFacts, Vec<Diagnostic>) {
    let loader = |_: &str| Err("no files are read here".to_owned());
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add("text.samp", text);
    let items = checker.unit(unit);
    let wrong: Vec<String> = checker.all_diagnostics().iter().map(|found| found.message.clone()).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {text}");
    let report = prove(&mut checker, unit, &items).pop().unwrap();
    let facts = report.facts.map(|facts| facts.order).unwrap_or_default();
    (facts, report.diagnostics)
}
