//! `sampc check`: every mistake of files, folders or standard input.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use samp_compiler::check::Checker;
use samp_compiler::hir::Hir;
use samp_compiler::library::{Library, UnitId};
use samp_compiler::prove::{Ready, Report, prove_all};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use crate::args::{CheckArgs, Format};
use crate::facts;
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
    let ready: Vec<Ready> = units.into_iter().filter_map(|unit| check_unit(&mut checker, unit)).collect();
    let reports = prove_all(&checker, &ready);
    diagnostics.extend(checker.all_diagnostics());
    diagnostics.extend(reports.iter().flat_map(|report| report.diagnostics.iter().cloned()));
    let errors = diagnostics.iter().filter(|found| found.is_error()).count();
    let outcome = Outcome { files: paths.len(), errors, warnings: diagnostics.len() - errors };
    show(args, &checker, &diagnostics, &reports, &outcome);
    Ok(ExitCode::from(u8::from(!diagnostics.is_empty())))
}

/// Checks one file; its items can be run if nothing is wrong with them on paper.
fn check_unit(checker: &mut Checker<'_>, unit: UnitId) -> Option<Ready> {
    let items = checker.unit(unit);
    Ready::new(checker, unit, &items)
}

fn show(args: &CheckArgs, checker: &Checker<'_>, diagnostics: &[Diagnostic], reports: &[Report], outcome: &Outcome) {
    if args.format == Format::Json {
        println!("{}", json(checker, diagnostics, reports));
        return;
    }
    report::write(diagnostics, &checker.lib.sources, args.format);
    if args.verbose {
        for report in reports {
            show_facts(&checker.hir, report);
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

fn show_facts(hir: &Hir, report: &Report) {
    let item = &hir.items[report.item];
    let Some(facts) = &report.facts else { return };
    println!("{} {}", item.sort, item.name);
    for (word, text) in facts::lines(facts) {
        println!("  {word:<12} {text}");
    }
}

fn json(checker: &Checker<'_>, diagnostics: &[Diagnostic], reports: &[Report]) -> String {
    let found: serde_json::Value =
        serde_json::from_str(&samp_lang::diag::render::json(diagnostics, &checker.lib.sources)).unwrap_or_default();
    let samplers: Vec<serde_json::Value> = reports
        .iter()
        .filter_map(|report| {
            let facts = report.facts.as_ref()?;
            let mut row = facts::object(facts);
            row["name"] = (&*checker.hir.items[report.item].name).into();
            Some(row)
        })
        .collect();
    serde_json::json!({ "diagnostics": found, "samplers": samplers }).to_string()
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
