//! What the tests of the whole system share: files of this repository, and checks of them.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;

use samp_compiler::check::Checker;
use samp_compiler::library::{Library, UnitId};
use samp_compiler::prove::{prove, test};
use samp_lang::diag::Diagnostic;
use samp_lang::source::{FileId, SourceMap};

/// What `sampc check` finds in a text.
pub struct Checked {
    pub sources: SourceMap,
    /// The text itself; diagnostics may lie in other ones.
    pub file: FileId,
    /// In the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// The codes of what was found.
    pub fn codes(&self) -> Vec<&'static str> {
        self.diagnostics.iter().map(|one| one.code.name()).collect()
    }
}

/// Does what `sampc check` and `sampc test` do with a file of this text and name; files that it imports are read from the disk.
pub fn check(name: &str, text: &str) -> Checked {
    let loader = |path: &str| samp_runtime::read_text(path);
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add(name, text);
    let mut found = check_unit(&mut checker, unit);
    found.sort_by_key(|one| (one.primary.span.file, one.primary.span.start, one.primary.span.end, one.code));
    Checked { file: checker.lib.file(unit), sources: checker.lib.sources, diagnostics: found }
}

fn check_unit(checker: &mut Checker<'_>, unit: UnitId) -> Vec<Diagnostic> {
    let items = checker.unit(unit);
    let mut found = checker.all_diagnostics();
    if !checker.has_errors() {
        found.extend(prove(checker, unit, &items).into_iter().flat_map(|report| report.diagnostics));
        let tests = checker.tests(unit);
        found.extend(test(checker, unit, &tests).into_iter().flat_map(|test| test.diagnostics));
    }
    found
}

/// A path of this repository, relative to its root, where tests run.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The `.samp` files of a folder of this repository, by their paths relative to its root, in order.
pub fn samp_files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(folder)).expect("the folder exists");
    let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> =
        names.filter(|name| name.ends_with(".samp")).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has files");
    files
}

/// The text of a file of this repository.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name} is read: {error}"))
}

/// Whether files with expectations are to be written again.
pub fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}

/// A text without its numbers, and these.
pub fn numbers(text: &str) -> (String, Vec<f64>) {
    let (mut words, mut found) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |end| start + end);
        words += &rest[..start];
        words.push('#');
        match rest[start..end].parse() {
            Ok(number) => found.push(number),
            Err(_) => words += &rest[start..end],
        }
        rest = &rest[end..];
    }
    (words + rest, found)
}
