//! Proofs in affine forms: signatures, moments, one rule on several schedules.
//!
//! Samplers of the library pass, so do right but unusual ones in `proofs/right`; each file of `proofs/mutants` is a
//! wrong version of a right sampler and is refused with the code (and with a part of the help) of its first line.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

use std::path::{Path, PathBuf};

use samp_compiler::check::Checker;
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::library::Library;
use samp_compiler::machine::RunConfig;
use samp_compiler::prove::{Moments, Report, Signature, law, prove};
use samp_lang::diag::{Code, Diagnostic, render};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The `.samp` files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "samp"));
    files.sort();
    assert!(!files.is_empty(), "{} holds samplers", folder.display());
    files
}

/// What is found in a text, with the report of each item, and all of it as text.
fn check(name: &str, text: &str) -> (Vec<Diagnostic>, Vec<Report>, String) {
    let loader = |path: &str| Err(format!("no file `{path}`"));
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add(name, text);
    let items = checker.unit(unit);
    let mut found = checker.all_diagnostics();
    let mut reports = Vec::new();
    if found.iter().all(|one| !one.is_error()) {
        reports = prove(&mut checker, unit, &items);
        found.extend(reports.iter().flat_map(|report| report.diagnostics.iter().cloned()));
    }
    let shown = render::human(&found, &checker.lib.sources, false);
    (found, reports, shown)
}

fn check_file(path: &Path) -> (Vec<Diagnostic>, Vec<Report>, String) {
    check(&path.file_name().unwrap().to_string_lossy(), &std::fs::read_to_string(path).unwrap())
}

fn moments(reports: &[Report]) -> Option<Moments> {
    reports.iter().find_map(|report| report.facts.as_ref()?.moments.clone())
}

#[test]
fn the_library_passes() {
    for sort in ["samplers", "guidance", "models"] {
        for path in files(&folder("../samples").join(sort)) {
            let (found, reports, shown) = check_file(&path);
            assert!(found.is_empty(), "{}:\n{shown}", path.display());
            for facts in reports.iter().filter_map(|report| report.facts.as_ref()) {
                let vanishes = facts.approximate && matches!(facts.signature, Some(Signature::Vanishing(_)));
                assert!(vanishes || facts.signature == Some(Signature::Exact), "{}: {facts:?}", path.display());
            }
        }
    }
}

#[test]
fn right_but_unusual_samplers_pass() {
    for path in files(&folder("tests/proofs/right")) {
        let (found, _, shown) = check_file(&path);
        assert!(found.is_empty(), "{}:\n{shown}", path.display());
    }
}

/// The first line of a mutant: `// expect: E0412 a part of the help`.
#[test]
fn mutants_are_refused() {
    let mut survivors = Vec::new();
    for path in files(&folder("tests/proofs/mutants")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().next().unwrap();
        let expect =
            line.strip_prefix("// expect: ").unwrap_or_else(|| panic!("{} says what it expects", path.display()));
        let (code, help) = expect.split_once(' ').unwrap_or((expect, ""));
        let (found, _, shown) = check_file(&path);
        let hit = found.iter().any(|one| one.code.name() == code && one.help.as_deref().unwrap_or("").contains(help));
        if !hit || found.iter().any(|one| one.is_error() && one.code.name() != code) {
            survivors.push(format!("{} expects `{expect}`:\n{shown}", path.display()));
        }
    }
    assert!(survivors.is_empty(), "{} mutants are not refused as expected:\n{}", survivors.len(), survivors.join("\n"));
}

#[test]
fn weak_orders_are_those_of_the_literature() {
    for (name, from, to, order) in ORDERS {
        let text = std::fs::read_to_string(folder("../samples/samplers").join(name).with_extension("samp")).unwrap();
        let text = text.replace("samplers.{euler}", "samplers.{dpmpp_2s}");
        assert!(text.contains(from), "{name} has `{from}`");
        let (found, reports, shown) = check(name, &text.replace(from, to));
        assert!(found.is_empty(), "{name}:\n{shown}");
        let moments = moments(&reports).unwrap_or_else(|| panic!("{name} draws"));
        for measured in [&moments.smooth, &moments.rough] {
            assert_eq!(measured.stopped, None, "{name} is decided");
            assert_eq!(measured.mean, None, "{name}: the mean is exact");
            let variance = measured.variance.unwrap();
            assert!(
                (variance - order).abs() < 0.15,
                "{name}: order {variance}, expected {order}: {:?}",
                measured.errors
            );
        }
    }
}

#[test]
fn a_claim_that_is_one_too_high_falls() {
    for (name, from, to, order) in ORDERS {
        let text = std::fs::read_to_string(folder("../samples/samplers").join(name).with_extension("samp")).unwrap();
        let (claimed, higher) =
            (format!("weak order {}", text.matches("weak order 2").count() + 1), order.round() + 1.0);
        let text = text.replace("samplers.{euler}", "samplers.{dpmpp_2s}").replace(from, to);
        let (found, _, shown) = check(name, &text.replace(&claimed, &format!("weak order {higher}")));
        assert!(found.iter().any(|one| one.code.name() == "E0414"), "{name}:\n{shown}");
    }
}

/// The published third-order rule with a wrong sign, on steps that alternate 1:2: errors of another implementation.
#[test]
fn the_wrong_sign_in_a_third_order_sde_solver_diverges() {
    let (_, reports, _) = check_file(&folder("tests/proofs/mutants/sde_3m_sign.samp"));
    let moments = moments(&reports).unwrap();
    for ((_, error, _), known) in moments.rough.errors.iter().zip([0.027, 0.052, 0.147, 0.364, 0.735, 1.26]) {
        assert!((error - known).abs() < 0.006, "{error} is {known}");
    }
}

/// Langevin steps that are not adjusted lead to V with V = V (1 - 2 r^2 P / V)^2 + 4 r^2 P^2 / V, where P is the variance
/// of the level: V = P (1 + r^2), on every schedule and whatever the base left.
#[test]
fn langevin_steps_lead_to_the_variance_of_their_fixed_point() {
    for (schedule, snr) in [("vp", 0.6), ("ve", 0.55), ("flow", 0.58)] {
        let slots = [
            (Slot::Sampler, format!("predictor_corrector(snr = {snr}, sweeps = 10)")),
            (Slot::Schedule, schedule.to_owned()),
            (Slot::Grid, "even.samp".to_owned()),
            (Slot::Model, "x0".to_owned()),
            (Slot::Steps, "3".to_owned()),
        ];
        let even = |_: &str| Ok("grid even = [level(lambda = l) for l in linspace(-2, 2, n + 1)]\n".to_owned());
        let compiled = compile(&Request { slots: slots.into(), ..Request::default() }, &even).unwrap();
        let found = law(&compiled, &RunConfig::default(), (0.7, 0.5)).unwrap().unwrap();
        let ratio = (found.std.0 / found.std.1).powi(2);
        assert!((ratio - (1.0 + snr * snr)).abs() < 1e-9, "{schedule}: {ratio}");
        assert!((found.mean.0 - found.mean.1).abs() < 1e-6, "{schedule}: {:?}", found.mean);
    }
}

#[test]
fn an_approximation_falls_at_first_order() {
    let (_, reports, _) = check_file(&folder("tests/proofs/right/euler_maruyama.samp"));
    let facts = reports[0].facts.as_ref().unwrap();
    assert!(matches!(facts.signature, Some(Signature::Vanishing(order)) if (order - 1.0).abs() < 0.2), "{facts:?}");
}

/// The first program of a page shows its mistake, the second is clean.
#[test]
fn pages_show_what_they_explain() {
    const CODES: [Code; 12] = [
        Code::E0412,
        Code::E0413,
        Code::E0414,
        Code::E0415,
        Code::E0416,
        Code::E0421,
        Code::E0422,
        Code::E0431,
        Code::W0514,
        Code::W0515,
        Code::W0516,
        Code::W0517,
    ];
    for code in CODES {
        let blocks: Vec<&str> =
            code.page().split("```samp\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let (found, _, shown) = check("page.samp", blocks[0]);
        assert!(!found.is_empty() && found.iter().all(|one| one.code == code), "{}:\n{shown}", code.name());
        let (found, _, shown) = check("page.samp", blocks[1]);
        assert!(found.is_empty(), "{}:\n{shown}", code.name());
    }
}

/// What is shown is where a person looks, in the file that is checked.
#[test]
fn a_deviation_inside_the_prelude_is_shown_at_its_call() {
    let text = "sampler s {\n    step x: sample@s -> sample@t {\n        let d = 2 * x0(x)\n        return transfer(x, d, t)\n    }\n}\n";
    let (found, _, shown) = check("s.samp", text);
    assert!(shown.contains("return transfer(x, d, t)") && !shown.contains("prelude"), "{shown}");
    assert_eq!(found.len(), 1, "{shown}");
}
/// From measurements of the same rules in another implementation of the method, on N(0.7, 0.5^2).
/// Name, a part of its text, what stands in its place, order of the variance.
const ORDERS: &[(&str, &str, &str, f64)] = &[
    ("ddim", "= 0)", "= 1)", 0.99),
    ("ddpm", "= small)", "= small)", 0.99),
    ("euler_ancestral", "weak order 1", "weak order 1", 0.99),
    ("ancestral", "base: sampler = euler", "base: sampler = dpmpp_2s", 1.99),
    ("edm", "= 40", "= 8", 1.99),
    ("dpmpp_2m_sde", "heun = midpoint", "heun = midpoint", 1.99),
    ("dpmpp_2m_sde", "heun = midpoint", "heun = heun", 1.99),
];
