//! `sampc check`: every mistake of files, folders or standard input.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use samp_compiler::check::Checker;
use samp_compiler::hir::Hir;
use samp_compiler::library::{Library, UnitId};
use samp_compiler::prove::{Facts, Measured, Moments, OrderFacts, Report, Signature, prove};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use crate::args::{CheckArgs, Format};
use crate::report::{self, Failed, paint};

/// What was found in some files.
struct Outcome {
    files: usize,
    errors: usize,
    warnings: usize,
}

/// Checks everything that is named.
pub fn check(args: &CheckArgs) -> Result<ExitCode, Failed> {
    let paths = files(&args.paths)?;
    let loader = |path: &str| samp_runtime::read_text(path);
    let mut checker = Checker::new(Library::new(&loader));
    let mut diagnostics = Vec::new();
    let mut units = Vec::new();
    for path in &paths {
        match text_of(path) {
            Ok(text) => units.push(checker.lib.add(path, text)),
            Err(reason) => {
                let file = checker.lib.sources.add(path.as_str(), "");
                let span = Span { file, start: 0, end: 0 };
                diagnostics.push(Diagnostic::new(Code::E0001, span, format!("cannot read `{path}`: {reason}")));
            }
        }
    }
    let mut reports = Vec::new();
    for unit in units {
        reports.extend(check_unit(&mut checker, unit));
    }
    diagnostics.extend(checker.all_diagnostics());
    diagnostics.extend(reports.iter().flat_map(|report| report.diagnostics.iter().cloned()));
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    let outcome = Outcome { files: paths.len(), errors, warnings: diagnostics.len() - errors };
    show(args, &checker, &diagnostics, &reports, &outcome);
    Ok(ExitCode::from(u8::from(!diagnostics.is_empty())))
}

/// Checks one file, and runs its items if nothing is wrong with them on paper.
fn check_unit(checker: &mut Checker<'_>, unit: UnitId) -> Vec<Report> {
    let before = count_errors(checker);
    let items = checker.unit(unit);
    if count_errors(checker) > before {
        return Vec::new();
    }
    prove(checker, unit, &items)
}

fn count_errors(checker: &Checker<'_>) -> usize {
    checker.all_diagnostics().iter().filter(|found| found.is_error()).count()
}

fn show(args: &CheckArgs, checker: &Checker<'_>, diagnostics: &[Diagnostic], reports: &[Report], outcome: &Outcome) {
    if args.format == Format::Json {
        println!("{}", json(checker, diagnostics, reports));
        return;
    }
    report::write(diagnostics, &checker.lib.sources, args.format);
    if args.verbose {
        for report in reports {
            facts(&checker.hir, report);
        }
    }
    if args.format == Format::Human {
        eprintln!("{}", summary(outcome));
    }
}

fn summary(outcome: &Outcome) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let files = plural(outcome.files, "file");
    if outcome.errors + outcome.warnings == 0 {
        return format!("{} {files}", paint("clean:", 32));
    }
    let found = format!("{}, {}", plural(outcome.errors, "error"), plural(outcome.warnings, "warning"));
    format!("{} in {files}", paint(&found, if outcome.errors > 0 { 31 } else { 33 }))
}

fn facts(hir: &Hir, report: &Report) {
    let item = &hir.items[report.item];
    let Some(facts) = &report.facts else { return };
    let order = |order: Option<i64>| order.map_or("none claimed".to_owned(), |order| order.to_string());
    println!("{} {}", item.sort, item.name);
    println!("  order        {}", order_of(&facts.order));
    facts.order.notes.iter().for_each(|note| println!("               {note}"));
    if facts.draws > 0 {
        println!("  weak order   {}", order(facts.weak_order));
    }
    if let Some(moments) = &facts.moments {
        let shown = |measured: &Measured| match (measured.order(), &measured.stopped) {
            (Some(order), None) => format!("{order:.2}"),
            (Some(order), Some(why)) => format!("{order:.2} (not decided: {why})"),
            (None, None) => "exact".to_owned(),
            (None, Some(why)) => format!("not decided: {why}"),
        };
        println!(
            "  measured     {} on a smooth mesh, {} on a rough one",
            shown(&moments.smooth),
            shown(&moments.rough)
        );
    }
    match &facts.signature {
        Some(Signature::Exact) => println!("  signature    exact"),
        Some(Signature::Vanishing(order)) => {
            println!("  signature    approximate, with an error that falls at order {order:.2}")
        }
        Some(Signature::NotDecided(why)) => println!("  signature    not decided: {why}"),
        Some(Signature::Wrong) => println!("  signature    wrong"),
        None => {}
    }
    println!("  evals        {} a step, {} in a run of 10", facts.evals, facts.evals_of_ten);
    println!("  draws        {} a step", facts.draws);
    println!("  buffers      {} between steps", facts.buffers);
    println!("  families     {}", facts.families.join(", "));
}

/// Claimed, of the formula, as run.
fn order_of(order: &OrderFacts) -> String {
    let number = |number: Option<i64>| number.map_or("not decided".to_owned(), |number| number.to_string());
    let Some(claimed) = order.claimed else { return "none claimed".to_owned() };
    let mut words = format!("{claimed} claimed, {} by formula", number(order.formula));
    if let Some(run) = &order.as_run {
        let slope = |slope: Option<f64>| slope.map_or("exact".to_owned(), |slope| format!("{slope:.2}"));
        words += &format!(
            ", as run {} on smooth and {} on rough grids of {} steps",
            slope(run.smooth),
            slope(run.rough),
            run.steps
        );
        if let Some(limit) = &run.limit {
            words += &format!(" (tends to {} and {})", limit.smooth, limit.rough);
        }
    }
    words
}

fn json(checker: &Checker<'_>, diagnostics: &[Diagnostic], reports: &[Report]) -> String {
    let found: serde_json::Value =
        serde_json::from_str(&samp_lang::diag::render::json(diagnostics, &checker.lib.sources)).unwrap_or_default();
    let samplers: Vec<serde_json::Value> = reports
        .iter()
        .filter_map(|report| {
            let facts = report.facts.as_ref()?;
            let mut row = serde_json::to_value(facts).unwrap_or_default();
            row["weak_order"] = weak_order(facts);
            Some(serde_json::json!({ "name": &*checker.hir.items[report.item].name, "facts": row }))
        })
        .collect();
    serde_json::json!({ "diagnostics": found, "samplers": samplers }).to_string()
}

/// The weak order that is claimed, and what was measured on each mesh.
fn weak_order(facts: &Facts) -> serde_json::Value {
    let shown = |measured: &Measured| match (measured.order(), &measured.stopped) {
        (Some(order), _) => serde_json::json!(order),
        (None, None) => serde_json::json!("exact"),
        (None, Some(_)) => serde_json::json!("not decided"),
    };
    let measured = |of: fn(&Moments) -> &Measured| facts.moments.as_ref().map(|moments| shown(of(moments)));
    serde_json::json!({ "claimed": facts.weak_order, "smooth": measured(|m| &m.smooth), "rough": measured(|m| &m.rough) })
}

/// The files that arguments name, folders opened, in order.
pub fn files(paths: &[String]) -> Result<Vec<String>, Failed> {
    let mut files = Vec::new();
    for path in paths {
        if path != "-" && Path::new(path).is_dir() {
            let before = files.len();
            collect(Path::new(path), &mut files)
                .map_err(|error| Failed::Usage(format!("cannot read `{path}`: {error}")))?;
            if files.len() == before {
                return Err(Failed::Usage(format!("there are no `.samp` files in `{path}`")));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link could lead back up; only real folders are walked.
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "samp") {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}

pub fn text_of(path: &str) -> Result<String, String> {
    if path != "-" {
        return samp_runtime::read_text(path);
    }
    const MAX_BYTES: u64 = 1 << 20;
    let mut bytes = Vec::new();
    std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}
