//! The lines of source texts that a diagnostic shows.
//!
//! An [`Excerpt`] is a small text made of those lines alone, so that showing a mistake costs the same in any file.
//! Control characters are replaced (a source text must not steer the terminal), and very long lines are cut.

use std::collections::BTreeSet;
use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::{Diagnostic, Label};
use crate::source::{FileId, SourceFile, SourceMap, Span};

/// Lines shown before and after each label.
pub const CONTEXT_LINES: usize = 1;

/// Labels over more lines than this show only their first line.
const MAX_LABEL_LINES: usize = 8;

/// Longer lines are cut around their labels; in bytes.
const MAX_LINE: usize = 160;

/// What a cut line keeps before and after the start of a label; in bytes.
const KEPT: (usize, usize) = (60, 80);

/// The lines of a text.
pub struct Lines<'a> {
    text: &'a str,
    starts: &'a [usize],
}

impl<'a> Lines<'a> {
    /// The lines of a file.
    pub fn of(file: &'a SourceFile) -> Self {
        Lines { text: &file.text, starts: &file.starts }
    }

    /// The line of a byte, counted from 0.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    /// The bytes of a line, without its end, and without a byte order mark.
    fn range(&self, line: usize) -> Range<usize> {
        let start = self.start(line);
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("");
        let text = text.strip_suffix('\n').unwrap_or(text);
        start..start + text.strip_suffix('\r').unwrap_or(text).len()
    }

    fn start(&self, line: usize) -> usize {
        let mark = if line == 0 && self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        self.starts[line] + mark
    }

    fn is_blank(&self, line: usize) -> bool {
        self.text[self.range(line)].trim().is_empty()
    }

    /// Line and column of a byte, counted from 1; columns count characters.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line(at);
        let before = self.text.get(self.start(line)..at).unwrap_or("");
        (line + 1, before.chars().count() + 1)
    }
}

/// A shown line and where it comes from.
#[derive(Debug)]
struct Row {
    /// Its start in the excerpt.
    start: usize,
    /// Its length in the excerpt, without the newline.
    length: usize,
    /// Its text and line there, counted from 0.
    file: FileId,
    line: usize,
    /// The bytes of that text that are shown, and what the cut put before them.
    shown: Range<usize>,
    cut: usize,
    /// The columns before the shown part.
    column: usize,
}

/// A label with its place in an excerpt.
#[derive(Debug)]
pub struct Placed {
    /// Where in the excerpt.
    pub range: Range<usize>,
    /// What it says.
    pub text: String,
    /// It is the main one.
    pub primary: bool,
}

/// The shown lines of a diagnostic, as one text.
#[derive(Debug)]
pub struct Excerpt {
    text: String,
    rows: Vec<Row>,
    names: Vec<(FileId, String)>,
}

impl Excerpt {
    /// The lines around all labels of a diagnostic, and the labels' places among them.
    pub fn of(diagnostic: &Diagnostic, sources: &SourceMap) -> (Excerpt, Vec<Placed>) {
        let mut excerpt = Excerpt { text: String::new(), rows: Vec::new(), names: Vec::new() };
        let labels: Vec<&Label> = std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary).collect();
        for file in files(&labels) {
            let lines = Lines::of(sources.file(file));
            let spans: Vec<Range<usize>> =
                labels.iter().filter(|label| label.span.file == file).map(|label| shown(&lines, label.span)).collect();
            excerpt.names.push((file, sources.file(file).name.to_string()));
            excerpt.add(file, &lines, &spans);
        }
        let placed = labels.iter().enumerate().filter_map(|(k, label)| {
            let (range, visible) = excerpt.place(sources, label.span);
            let placed = Placed { range, text: label.text.clone(), primary: k == 0 };
            (visible || placed.primary).then_some(placed)
        });
        let placed = placed.collect();
        (excerpt, placed)
    }

    fn add(&mut self, file: FileId, lines: &Lines<'_>, spans: &[Range<usize>]) {
        let mut wanted = BTreeSet::new();
        for span in spans {
            let (first, last) = (lines.line(span.start), lines.line(span.end));
            let around = first.saturating_sub(CONTEXT_LINES)..=(last + CONTEXT_LINES).min(lines.starts.len() - 1);
            wanted.extend(around.filter(|line| (first..=last).contains(line) || !lines.is_blank(*line)));
        }
        for line in wanted {
            self.add_line(file, lines, line, spans);
        }
    }

    fn add_line(&mut self, file: FileId, lines: &Lines<'_>, line: usize, spans: &[Range<usize>]) {
        let whole = lines.range(line);
        let shown = kept(lines.text, &whole, spans);
        let start = self.text.len();
        self.text += if shown.start > whole.start { "…" } else { "" };
        let cut = self.text.len() - start;
        push_plain(&mut self.text, &lines.text[shown.clone()]);
        self.text += if shown.end < whole.end { "…" } else { "" };
        let column = lines.text[whole.start..shown.start].chars().count();
        self.rows.push(Row { start, length: self.text.len() - start, file, line, shown, cut, column });
        self.text.push('\n');
    }

    /// Where a span is in the excerpt, and whether its start is there or was cut away.
    fn place(&self, sources: &SourceMap, span: Span) -> (Range<usize>, bool) {
        let shown = shown(&Lines::of(sources.file(span.file)), span);
        let rows = || self.rows.iter().filter(|row| row.file == span.file);
        let byte = |at: usize| {
            let row = rows().rev().find(|row| row.shown.start <= at).or_else(|| rows().next());
            row.map_or(0, |row| row.start + row.cut + at.clamp(row.shown.start, row.shown.end) - row.shown.start)
        };
        let visible = rows().any(|row| row.shown.contains(&shown.start) || row.shown.end == shown.start);
        let start = byte(shown.start);
        (start..byte(shown.end).max(start), visible)
    }

    /// The row of a byte of the excerpt.
    fn row(&self, at: usize) -> usize {
        self.rows.partition_point(|row| row.start <= at).saturating_sub(1)
    }

    fn follows(&self, k: usize) -> bool {
        let (before, row) = (&self.rows[k - 1], &self.rows[k]);
        before.file == row.file && before.line + 1 == row.line
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if self.rows.is_empty() {
            return Err(MietteError::OutOfBounds);
        }
        let (start, end) = (self.row(span.offset()), self.row(span.offset() + span.len()));
        if !(start + 1..=end).all(|k| self.follows(k)) {
            return Err(MietteError::OutOfBounds);
        }
        let first = (start.saturating_sub(before)..start).rev().take_while(|k| self.follows(k + 1)).last();
        let last = (end + 1..self.rows.len()).take(after).take_while(|k| self.follows(*k)).last();
        let (first, last) = (first.unwrap_or(start), last.unwrap_or(end));
        let (row, past) = (&self.rows[first], self.rows[last].start + self.rows[last].length + 1);
        let data = &self.text.as_bytes()[row.start..past];
        let column = if before == 0 { self.column(span.offset()) } else { 0 };
        let name = self.names.iter().find(|(file, _)| *file == row.file).map_or("", |(_, name)| name);
        Ok(Box::new(MietteSpanContents::new_named(
            name.to_owned(),
            data,
            (row.start, data.len()).into(),
            row.line,
            column,
            last - first + 1,
        )))
    }
}

impl Excerpt {
    /// The column, in the source text, of a byte of the excerpt; counted from 0.
    fn column(&self, at: usize) -> usize {
        let row = &self.rows[self.row(at)];
        let before = self.text.get(row.start + row.cut..at).unwrap_or("");
        row.column + before.chars().count()
    }
}

/// The texts of some labels, in order and once each.
fn files(labels: &[&Label]) -> Vec<FileId> {
    let mut files: Vec<FileId> = Vec::new();
    for label in labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    files
}

/// The bytes that a label marks: inside the text, on whole characters, and not too many lines.
fn shown(lines: &Lines<'_>, span: Span) -> Range<usize> {
    let start = floor(lines.text, span.start as usize);
    let end = floor(lines.text, span.end as usize).max(start);
    if lines.line(end) - lines.line(start) < MAX_LABEL_LINES {
        return start..end;
    }
    start..lines.range(lines.line(start)).end.max(start)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What is shown of a line: all of it, or a part around the first of the labels that is on it.
fn kept(text: &str, line: &Range<usize>, spans: &[Range<usize>]) -> Range<usize> {
    if line.len() <= MAX_LINE {
        return line.clone();
    }
    let marked = spans.iter().map(|span| span.start).find(|at| line.contains(at) || *at == line.end);
    let center = marked.unwrap_or(line.start);
    let start = floor(text, center.saturating_sub(KEPT.0).max(line.start));
    let end = floor(text, (center + KEPT.1).min(line.end));
    start..end
}

/// Adds a text with every control character replaced by as many `?` as it has bytes.
fn push_plain(out: &mut String, text: &str) {
    for c in text.chars() {
        let bidi =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c != '\t' && (c.is_control() || bidi) {
            out.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
}
