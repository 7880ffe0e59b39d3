//! Every file of `tests/errors` holds mistakes, and under the line of each the diagnostic that it gives:
//!
//! ```text
//!         let sigma = rho(t) - rho(s)
//!     //      ^^^^^ E0103 `sigma` is a coordinate of levels and cannot be declared
//!     //      also 4:9 the first one
//!     //      help: give it another name, such as `noise_scale`
//! ```
//!
//! The carets stand under the primary place, one for an empty one; a place that goes on in later lines is marked
//! `^..9:6`, with its end. Where a line of comment cannot reach the place, its columns stand in place of the carets:
//! `// 1..8 E0002 ..`. What lies in another file stands at the end, behind that file's name.
//! `UPDATE_EXPECT=1 cargo test --test errors` writes these comments again; read them before you commit them.

mod common;

use std::collections::BTreeSet;

use common::Checked;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

#[test]
fn files_give_the_diagnostics_they_name() {
    let mut stale = Vec::new();
    for name in common::samp_files("tests/errors") {
        let text = common::read(&name);
        let plain = Plain::of(&text);
        if common::updates() {
            let written = with_expectations(&plain, &common::check(&name, &plain.text()), Lines::Plain);
            std::fs::write(common::path(&name), written).expect("the file is written");
        }
        let text = common::read(&name);
        let plain = Plain::of(&text);
        let wanted = with_expectations(&plain, &common::check(&name, &text), Lines::Annotated);
        if wanted != text {
            stale.push(format!("{name} gives\n{wanted}"));
        }
    }
    assert!(stale.is_empty(), "{}\n{} files give other diagnostics than they name", stale.join("\n"), stale.len());
}

#[test]
fn every_file_is_wrong() {
    for name in common::samp_files("tests/errors") {
        let checked = common::check(&name, &common::read(&name));
        assert!(!checked.diagnostics.is_empty(), "{name} holds no mistake");
    }
}

#[test]
fn every_code_has_a_file() {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for name in common::samp_files("tests/errors") {
        found.extend(common::check(&name, &common::read(&name)).codes());
    }
    assert!(!found.contains("E0000"), "no file leads to an internal error");
    let missing: Vec<&str> =
        Code::ALL.iter().map(|code| code.name()).filter(|code| *code != "E0000" && !found.contains(code)).collect();
    assert!(missing.is_empty(), "no file of tests/errors gives {missing:?}");
}

#[test]
fn diagnostics_keep_to_the_house_style() {
    for name in common::samp_files("tests/errors") {
        for one in common::check(&name, &common::read(&name)).diagnostics {
            let message = &one.message;
            assert!(!message.ends_with('.') && !message.contains('\n'), "{name}: {message}");
            assert!(message.chars().next().is_some_and(|first| !first.is_uppercase()), "{name}: {message}");
            assert!(message.matches('`').count() % 2 == 0, "{name}: {message}");
            assert!(one.secondary.len() <= 2, "{name}: {message} points at {} more places", one.secondary.len());
        }
    }
}

/// The lines of a file without its expectations.
struct Plain<'t> {
    /// Each with its place among all lines, from 0.
    lines: Vec<(usize, &'t str)>,
}

impl<'t> Plain<'t> {
    fn of(text: &'t str) -> Self {
        let mut lines = Vec::new();
        let mut inside = false;
        for (at, line) in text.split('\n').enumerate() {
            inside = is_expectation(line) || inside && is_more(line);
            if !inside {
                lines.push((at, line));
            }
        }
        Plain { lines }
    }

    fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
    }
}

/// Whether a line is the first of an expectation: a comment with marks or a place, then a code.
fn is_expectation(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix("//") else { return false };
    let mut words = rest.split_whitespace();
    let marks = |word: &str| word.starts_with('^') || word.contains("..") || word.contains(".samp:");
    words.next().is_some_and(marks) && words.next().is_some_and(|word| Code::from_name(word).is_some())
}

fn is_more(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix("//").map(str::trim_start);
    rest.is_some_and(|rest| rest.starts_with("also ") || rest.starts_with("help: "))
}

/// Which lines a check has counted.
#[derive(Clone, Copy)]
enum Lines {
    /// Those of the text without expectations.
    Plain,
    /// Those of the whole text.
    Annotated,
}

/// A place in the text without expectations: the line, and columns, all from 0.
#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

/// The text with the expectations that these diagnostics are.
fn with_expectations(plain: &Plain<'_>, checked: &Checked, lines: Lines) -> String {
    let place = |at: u32| -> Place {
        let span = Span { file: checked.file, start: at, end: at };
        let (line, column) = checked.sources.position(span);
        let line = match lines {
            Lines::Plain => line - 1,
            Lines::Annotated => plain.lines.iter().position(|(place, _)| *place == line - 1).unwrap_or(usize::MAX),
        };
        Place { line, column: column - 1 }
    };
    let (here, elsewhere): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        checked.diagnostics.iter().partition(|one| one.primary.span.file == checked.file);
    // How many lines of expectations stand before each line, which moves what labels point at.
    let height = |one: &Diagnostic| 1 + one.secondary.len() + usize::from(one.help.is_some());
    let above = |line: usize| -> usize {
        here.iter().filter(|one| place(one.primary.span.start).line < line).map(|one| height(one)).sum()
    };
    let show = |span: Span| -> String {
        if span.file != checked.file {
            let (line, column) = checked.sources.position(span);
            return format!("{}:{line}:{column}", checked.sources.file(span.file).name);
        }
        let place = place(span.start);
        format!("{}:{}", place.line + above(place.line) + 1, place.column + 1)
    };
    let mut out: Vec<String> = Vec::new();
    for (at, (_, line)) in plain.lines.iter().enumerate() {
        let last = at + 1 == plain.lines.len();
        if !(last && line.is_empty()) {
            out.push((*line).to_owned());
        }
        for one in here.iter().filter(|one| place(one.primary.span.start).line == at) {
            let (from, to) = (place(one.primary.span.start), place(one.primary.span.end));
            let marks = if from.line == to.line {
                "^".repeat((to.column - from.column).max(1))
            } else {
                format!("^..{}:{}", to.line + above(to.line) + 1, to.column + 1)
            };
            let indent = line.chars().count() - line.trim_start().chars().count();
            let mut mark = |slashes: usize, marks: &str| {
                let lead = format!("{}//", " ".repeat(slashes));
                let pad = " ".repeat(from.column.saturating_sub(slashes + 2).max(1));
                out.push(format!("{lead}{pad}{marks} {} {}", one.code.name(), one.message));
                out.extend(more(one, &show).into_iter().map(|text| format!("{lead}{pad}{text}")));
            };
            match from.column {
                0..=1 => mark(0, &format!("{}..{}", from.column + 1, to.column + 1)),
                column if column >= indent + 3 => mark(indent, &marks),
                column => mark(column.saturating_sub(4), &marks),
            }
        }
        if last {
            for one in &elsewhere {
                out.push(format!("// {} {} {}", show(one.primary.span), one.code.name(), one.message));
                out.extend(more(one, &show).into_iter().map(|text| format!("// {text}")));
            }
            out.push(String::new());
        }
    }
    out.join("\n")
}

/// Further places and help.
fn more(one: &Diagnostic, show: &dyn Fn(Span) -> String) -> Vec<String> {
    let also = one.secondary.iter().map(|label| format!("also {} {}", show(label.span), label.text));
    also.chain(one.help.iter().map(|help| format!("help: {help}"))).collect()
}
