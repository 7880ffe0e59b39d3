//! Limits that keep a hostile or broken text from exhausting stack, memory or time.
//!
//! The parser and every later stage walk the tree by recursion. How deep a tree can get is known from the tokens
//! alone: a bracket makes it one deeper until it closes, an operator until its statement or argument ends.

use super::tokens::{Kind, Token};
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// The longest text that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// How deep brackets may nest.
const MAX_BRACKETS: usize = 64;

/// How deep the tree may get: brackets, and operators since the start of each statement or argument around.
const MAX_DEPTH: usize = 500;

/// An open bracket.
struct Frame {
    depth_before: usize,
    brace: bool,
}

/// Refuses a text that is too long to read.
pub fn check_size(file: FileId, text: &str) -> Result<(), Diagnostic> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    let span = Span { file, start: 0, end: 0 };
    let message = format!("the text has {} bytes, and at most {MAX_BYTES} are read", text.len());
    Err(Diagnostic::new(Code::E0001, span, message).help("split it into files, and bring names in with `use`"))
}

/// Refuses tokens whose tree would be too deep.
pub fn check_depth(file: FileId, text: &str, tokens: &[Token]) -> Result<(), Diagnostic> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut depth = 0;
    for (k, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => {
                frames.push(Frame { depth_before: depth + 1, brace: token.text(text) == "{" });
                depth += 1;
            }
            Kind::Close => depth = frames.pop().map_or(0, |frame| frame.depth_before),
            Kind::Newline if ends_statement(text, tokens, k, &frames) => depth = base(&frames),
            Kind::Sign if token.text(text) == "," => depth = base(&frames),
            Kind::Sign => depth += 1,
            Kind::Word if deepens(token.text(text)) => depth += 1,
            Kind::Word | Kind::Newline | Kind::Number | Kind::Str | Kind::OpenStr | Kind::Doc | Kind::Stray => {}
        }
        if frames.len() > MAX_BRACKETS || depth > MAX_DEPTH {
            return Err(too_deep(file, *token, frames.len() > MAX_BRACKETS));
        }
    }
    Ok(())
}

/// The depth at the start of a statement or argument in the innermost bracket.
fn base(frames: &[Frame]) -> usize {
    frames.last().map_or(0, |frame| frame.depth_before)
}

fn too_deep(file: FileId, token: Token, brackets: bool) -> Diagnostic {
    let span = Span { file, start: token.start as u32, end: token.end as u32 };
    if brackets {
        let message = format!("brackets are nested more than {MAX_BRACKETS} deep");
        return Diagnostic::new(Code::E0003, span, message)
            .label("too deep from here")
            .help("name the inner parts with `let`, or move them into a `fn`");
    }
    let message = format!("an expression has more than {MAX_DEPTH} signs, with those around it");
    Diagnostic::new(Code::E0003, span, message)
        .label("too long from here")
        .help("name parts of it with `let`, or use a list and `sum(..)` or `match`")
}

/// Words that put an expression inside another.
fn deepens(word: &str) -> bool {
    matches!(word, "if" | "else" | "match" | "fn" | "not" | "and" | "or" | "div" | "mod" | "for" | "as")
}

/// Whether the newline at `tokens[k]` ends a statement, so that operators before it count no more.
fn ends_statement(text: &str, tokens: &[Token], k: usize, frames: &[Frame]) -> bool {
    if !frames.last().is_none_or(|frame| frame.brace) {
        return false;
    }
    let before = k.checked_sub(1).and_then(|k| tokens.get(k));
    let after = tokens.get(k + 1);
    !before.is_some_and(|token| joins(text, *token)) && !after.is_some_and(|token| joins(text, *token))
}

/// Whether a line goes on at this token, whichever side of the newline it is on.
pub fn joins(text: &str, token: Token) -> bool {
    match token.kind {
        Kind::Sign => true,
        Kind::Word => {
            matches!(token.text(text), "else" | "as" | "because" | "and" | "or" | "not" | "div" | "mod" | "in")
        }
        Kind::Open | Kind::Close | Kind::Number | Kind::Str | Kind::OpenStr => false,
        Kind::Doc | Kind::Newline | Kind::Stray => false,
    }
}
