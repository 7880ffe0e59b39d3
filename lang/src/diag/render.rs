//! Diagnostics as text: for people, one a line, and as JSON.
//!
//! Diagnostics come out in the order of their places, whatever the order they were found in.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::excerpt::{CONTEXT_LINES, Excerpt, Lines, Placed};
use super::{Diagnostic, Severity};
use crate::source::{SourceMap, Span};

/// The width that messages and help are wrapped at.
const WIDTH: usize = 100;

/// More diagnostics than these are not shown to people.
const MOST: usize = 100;

/// Diagnostics for people: each with the lines it is about, and a blank line between them. The first hundred are shown.
pub fn human(diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    let shown = sorted(diagnostics).into_iter().take(MOST).map(|one| report(one, sources, color));
    let mut reports: Vec<String> = shown.collect();
    if diagnostics.len() > MOST {
        reports.push(format!("and {} more: `--format short` shows each in one line\n", diagnostics.len() - MOST));
    }
    reports.join("\n")
}

/// One line a diagnostic: `file:line:col: error[E0101]: message`.
pub fn short(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut out = String::new();
    for diagnostic in sorted(diagnostics) {
        let span = diagnostic.primary.span;
        let file = sources.file(span.file);
        let (line, column) = Lines::of(file).position(span.start as usize);
        out += &format!("{}:{line}:{column}: {}: {}\n", file.name, title(diagnostic), diagnostic.message);
    }
    out
}

/// A JSON array with one object a diagnostic.
///
/// Lines and columns count from 1 and columns count characters; bytes count from 0.
pub fn json(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let rows: Vec<JsonDiagnostic<'_>> =
        sorted(diagnostics).into_iter().map(|one| JsonDiagnostic::of(one, sources)).collect();
    let mut text = serde_json::to_string_pretty(&rows).expect("plain structs have a JSON form");
    text.push('\n');
    text
}

/// By file, place and code.
fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|one| (one.primary.span.file, one.primary.span.start, one.primary.span.end, one.code));
    sorted
}

/// `error[E0101]`.
fn title(diagnostic: &Diagnostic) -> String {
    let word = match diagnostic.code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{word}[{}]", diagnostic.code.name())
}

/// What miette needs to know of a diagnostic.
#[derive(Debug)]
struct Shown<'a> {
    diagnostic: &'a Diagnostic,
    excerpt: Excerpt,
    labels: Vec<Placed>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.code.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display + 'b>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().map(|label| {
            let text = Some(label.text.clone()).filter(|text| !text.is_empty());
            let span = (label.range.start, label.range.len());
            if label.primary {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}

fn report(diagnostic: &Diagnostic, sources: &SourceMap, color: bool) -> String {
    let (excerpt, labels) = Excerpt::of(diagnostic, sources);
    let mut theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    theme.characters.error = format!("{}:", title(diagnostic));
    theme.characters.warning = theme.characters.error.clone();
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_links(false)
        .with_context_lines(CONTEXT_LINES)
        .without_syntax_highlighting();
    let mut text = String::new();
    handler
        .render_report(&mut text, &Shown { diagnostic, excerpt, labels })
        .expect("writing to a string does not fail");
    // The handler indents its first line and ends empty lines with a space; a report does neither.
    let lines = text.strip_prefix("  ").unwrap_or(&text).lines();
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[derive(serde::Serialize)]
struct JsonDiagnostic<'a> {
    code: &'static str,
    severity: Severity,
    message: &'a str,
    #[serde(flatten)]
    place: JsonPlace<'a>,
    help: Option<&'a str>,
    labels: Vec<JsonLabel<'a>>,
}

#[derive(serde::Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    byte_start: u32,
    byte_end: u32,
}

#[derive(serde::Serialize)]
struct JsonLabel<'a> {
    text: &'a str,
    primary: bool,
    #[serde(flatten)]
    place: JsonPlace<'a>,
}

impl<'a> JsonDiagnostic<'a> {
    fn of(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Self {
        let primary = std::iter::once((&diagnostic.primary, true));
        let labels = primary.chain(diagnostic.secondary.iter().map(|label| (label, false)));
        let labels = labels.map(|(label, primary)| JsonLabel {
            text: &label.text,
            primary,
            place: JsonPlace::of(label.span, sources),
        });
        JsonDiagnostic {
            code: diagnostic.code.name(),
            severity: diagnostic.code.severity(),
            message: &diagnostic.message,
            place: JsonPlace::of(diagnostic.primary.span, sources),
            help: diagnostic.help.as_deref(),
            labels: labels.collect(),
        }
    }
}

impl<'a> JsonPlace<'a> {
    fn of(span: Span, sources: &'a SourceMap) -> Self {
        let file = sources.file(span.file);
        let lines = Lines::of(file);
        let (line, column) = lines.position(span.start as usize);
        let (end_line, end_column) = lines.position(span.end as usize);
        JsonPlace { file: &file.name, line, column, end_line, end_column, byte_start: span.start, byte_end: span.end }
    }
}
