//! What all tree builders share: spans, names, documentation, and mistakes that the grammar cannot see.

use std::sync::Arc;

use pest::iterators::Pair;

use super::grammar::{Parts, Rule};
use super::tokens::{Kind, Token};
use crate::ast::Name;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// Builds the tree of a text or a part of it.
pub struct Builder<'a> {
    /// The text's number.
    pub file: FileId,
    /// Where the parsed part starts in the text.
    pub offset: usize,
    /// The tokens of the whole text.
    pub tokens: &'a [Token],
    /// Mistakes found while building.
    pub mistakes: Vec<Diagnostic>,
}

impl Builder<'_> {
    /// The span of a pair, from its first token to its last.
    ///
    /// A pair itself may reach over spaces, comments and ends of lines that the grammar has skipped.
    pub fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let (start, end) = (pair.as_span().start() + self.offset, pair.as_span().end() + self.offset);
        self.tighten(start, end)
    }

    /// The tokens between two bytes.
    fn tighten(&self, start: usize, end: usize) -> Span {
        let first = self.tokens.partition_point(|token| token.start < start);
        let past = self.tokens.partition_point(|token| token.end <= end);
        let inside = self.tokens.get(first..past).unwrap_or(&[]);
        let solid = |token: &&Token| token.kind != Kind::Newline;
        let start = inside.iter().find(solid).map_or(start, |token| token.start);
        let end = inside.iter().rev().find(solid).map_or(end, |token| token.end);
        Span { file: self.file, start: start as u32, end: end as u32 }
    }

    /// A name.
    pub fn name(&self, pair: Pair<'_, Rule>) -> Name {
        Name { text: Arc::from(pair.as_str()), span: self.span(&pair) }
    }

    /// All that is left, as names.
    pub fn names(&self, parts: Parts<'_>) -> Vec<Name> {
        parts.map(|pair| self.name(pair)).collect()
    }

    /// Notes a mistake.
    pub fn mistake(&mut self, span: Span, message: String, help: &str) {
        self.mistakes.push(Diagnostic::new(Code::E0002, span, message).help(help));
    }
}

/// The `///` lines that stand next, without the marks.
pub fn docs(parts: &mut Parts<'_>) -> Vec<String> {
    std::iter::from_fn(|| parts.optional(Rule::doc)).map(|pair| doc_text(pair.as_str())).collect()
}

/// A documentation line without its mark.
pub fn doc_text(line: &str) -> String {
    let text = line.get(3..).unwrap_or("").trim_end();
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

/// What is between the quotes.
pub fn string_text(pair: &Pair<'_, Rule>) -> Arc<str> {
    Arc::from(pair.as_str().trim_matches('"'))
}
