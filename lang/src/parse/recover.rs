//! The bounds of items in a text that does not parse as a whole.
//!
//! A new chunk starts at a line that starts an item, even where a missing `}` leaves brackets open, and at a line in
//! the first column that continues nothing. The grammar then reads each chunk on its own.

use super::Input;
use super::limits::joins;
use super::tokens::{Kind, Token};

/// The words that introduce items.
pub const ITEM_WORDS: &[&str] =
    &["use", "schedule", "grid", "model", "guidance", "sampler", "pipeline", "fn", "const", "extern", "test"];

/// How far the head of an item is looked at, in tokens.
const LONGEST_HEAD: usize = 500;

/// A part of a text that is read on its own.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// It starts as an item does; if not, it may be the rest of a broken item before it.
    pub starts_item: bool,
}

impl Chunk {
    /// The tokens inside.
    pub fn tokens<'a>(&self, input: Input<'a>) -> &'a [Token] {
        let first = input.tokens.partition_point(|token| token.start < self.start);
        let past = input.tokens.partition_point(|token| token.start < self.end);
        input.tokens.get(first..past).unwrap_or(&[])
    }
}

/// The whole text, without a byte order mark.
pub fn whole(input: Input<'_>) -> Chunk {
    let start = if input.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    Chunk { start, end: input.text.len(), starts_item: true }
}

/// The text cut at every line that starts an item.
pub fn chunks(input: Input<'_>) -> Vec<Chunk> {
    let mut chunks = vec![whole(input)];
    let mut depth: usize = 0;
    let mut doc_start = None;
    for (k, token) in input.tokens.iter().enumerate() {
        if k > 0 && token.kind != Kind::Doc && starts_chunk(input, k, depth) {
            let start = doc_start.unwrap_or(token.start);
            cut(&mut chunks, start, starts_item(input, k));
            depth = 0;
        }
        match token.kind {
            Kind::Doc => doc_start = doc_start.or(Some(token.start)),
            Kind::Newline => {}
            Kind::Open => (depth, doc_start) = (depth + 1, None),
            Kind::Close => (depth, doc_start) = (depth.saturating_sub(1), None),
            Kind::Word | Kind::Number | Kind::Str | Kind::OpenStr | Kind::Sign | Kind::Stray => doc_start = None,
        }
    }
    chunks
}

fn cut(chunks: &mut Vec<Chunk>, start: usize, starts_item: bool) {
    let last = chunks.last_mut().expect("the first chunk is there from the start");
    if start <= last.start {
        return;
    }
    let end = std::mem::replace(&mut last.end, start);
    chunks.push(Chunk { start, end, starts_item });
}

fn starts_chunk(input: Input<'_>, k: usize, depth: usize) -> bool {
    let token = input.tokens[k];
    if !first_on_line(input, k) || matches!(token.kind, Kind::Newline | Kind::Open) {
        return false;
    }
    let first_column = input.text[..token.start].ends_with('\n');
    let head = (depth == 0 || first_column) && is_head(input, k);
    head || depth == 0 && first_column && !continues(input, k)
}

/// Whether `tokens[k]` is the first of its line.
pub fn first_on_line(input: Input<'_>, k: usize) -> bool {
    let before = k.checked_sub(1).map(|k| input.tokens[k]);
    before.is_none_or(|token| matches!(token.kind, Kind::Newline | Kind::Doc))
}

/// Whether `tokens[k]`, first of its line, goes on with the line before.
fn continues(input: Input<'_>, k: usize) -> bool {
    let before = input.tokens[..k].iter().rev().find(|token| token.kind != Kind::Newline);
    joins(input.text, input.tokens[k]) || before.is_some_and(|token| joins(input.text, *token))
}

fn starts_item(input: Input<'_>, k: usize) -> bool {
    let word = input.tokens[k].text(input.text);
    let is_word = input.tokens[k].kind == Kind::Word;
    ITEM_WORDS.contains(&word) || is_word && crate::suggest::nearest(word, ITEM_WORDS.iter().copied()).is_some()
}

/// Whether an item's head stands here, and not a slot of a pipeline or a use of the word as a name.
fn is_head(input: Input<'_>, k: usize) -> bool {
    let word = input.tokens[k].text(input.text);
    if !ITEM_WORDS.contains(&word) {
        return false;
    }
    let end = input.tokens.len().min(k + LONGEST_HEAD);
    let tokens = &input.tokens[k + 1..end];
    let kind = |k: usize| tokens.get(k).map(|token| token.kind);
    match word {
        "use" | "test" => matches!(kind(0), Some(Kind::Str)) || word == "use" && kind(0) == Some(Kind::Word),
        "fn" | "const" | "extern" => kind(0) == Some(Kind::Word),
        _ => kind(0) == Some(Kind::Word) && opens_body(input, &tokens[1..]),
    }
}

/// Whether options, coordinates and then `{` or `=` follow.
fn opens_body(input: Input<'_>, tokens: &[Token]) -> bool {
    let mut depth: usize = 0;
    for token in tokens {
        match (token.text(input.text), depth) {
            ("{" | "=", 0) => return true,
            ("(" | "[" | "{", _) => depth += 1,
            (")" | "]" | "}", 0) => return false,
            (")" | "]" | "}", _) => depth -= 1,
            (_, 0) if token.kind != Kind::Word => return false,
            (_, _) => {}
        }
    }
    false
}
