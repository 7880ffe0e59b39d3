//! `sampc test`: the tests of files, measured.

use std::process::ExitCode;

use samp_compiler::check::Checker;
use samp_compiler::library::{Library, UnitId};
use samp_compiler::prove::{self, Tested};
use samp_lang::diag::render;

use crate::args::{Format, TestArgs};
use crate::check::{files, text_of};
use crate::report::{self, Failed, paint};

/// The tests of a file.
struct OfFile {
    path: String,
    tests: Vec<Tested>,
}

/// Runs every test that is named.
pub fn test(args: &TestArgs) -> Result<ExitCode, Failed> {
    let loader = |path: &str| samp_runtime::read_text(path);
    let mut checker = Checker::new(Library::new(&loader));
    let mut units: Vec<(String, UnitId)> = Vec::new();
    for path in files(&args.paths)? {
        let text = text_of(&path).map_err(|reason| Failed::Found(format!("cannot read `{path}`: {reason}")))?;
        let unit = checker.lib.add(&path, text);
        units.push((path, unit));
    }
    for (_, unit) in &units {
        checker.unit(*unit);
    }
    if checker.has_errors() {
        report::write(&checker.all_diagnostics(), &checker.lib.sources, args.format);
        return Ok(ExitCode::from(1));
    }
    let mut all = Vec::new();
    for (path, unit) in units {
        let tests = checker.tests(unit);
        let tests = prove::test(&mut checker, unit, &tests);
        if !tests.is_empty() {
            all.push(OfFile { path, tests });
        }
    }
    Ok(show(args, &checker, &all))
}

fn show(args: &TestArgs, checker: &Checker<'_>, all: &[OfFile]) -> ExitCode {
    let sources = &checker.lib.sources;
    let tests = || all.iter().flat_map(|file| &file.tests);
    let failed = tests().filter(|test| !test.diagnostics.is_empty()).count();
    match args.format {
        Format::Json => println!("{}", json(checker, all)),
        Format::Short => {
            let found: Vec<_> = tests().flat_map(|test| test.diagnostics.iter().cloned()).collect();
            print!("{}", render::short(&found, sources));
        }
        Format::Human => {
            for file in all {
                println!("{}", file.path);
                for test in &file.tests {
                    let (mark, colour) = if test.diagnostics.is_empty() { ("ok", 32) } else { ("failed", 31) };
                    println!("  {} {}", report::paint_out(&format!("{mark:>6}"), colour), test.name);
                }
            }
            for test in tests().filter(|test| !test.diagnostics.is_empty()) {
                eprintln!("\n{}", paint(&format!("{}:", test.name), 1));
                eprint!("{}", render::human(&test.diagnostics, sources, report::color()));
            }
            eprintln!("{}", summary(all, failed));
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

fn summary(all: &[OfFile], failed: usize) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let tests: usize = all.iter().map(|file| file.tests.len()).sum();
    let claims: usize = all.iter().flat_map(|file| &file.tests).map(|test| test.claims).sum();
    let of = format!("{} with {} in {}", plural(tests, "test"), plural(claims, "claim"), plural(all.len(), "file"));
    match (tests, failed) {
        (0, _) => "there are no tests".to_owned(),
        (_, 0) => format!("{} {of}", paint("passed:", 32)),
        (_, failed) => format!("{} of {of}", paint(&format!("{failed} failed"), 31)),
    }
}

fn json(checker: &Checker<'_>, all: &[OfFile]) -> String {
    let sources = &checker.lib.sources;
    let rows = all.iter().flat_map(|file| {
        file.tests.iter().map(|test| {
            let found: serde_json::Value =
                serde_json::from_str(&render::json(&test.diagnostics, sources)).unwrap_or_default();
            serde_json::json!({
                "file": file.path,
                "test": &*test.name,
                "claims": test.claims,
                "passed": test.diagnostics.is_empty(),
                "diagnostics": found,
            })
        })
    });
    serde_json::json!({ "tests": rows.collect::<Vec<_>>() }).to_string()
}
