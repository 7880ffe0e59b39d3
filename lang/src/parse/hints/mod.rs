//! Messages for mistakes that are easy to name, most of them habits from other languages.

mod characters;
mod signs;
mod words;
mod places;
mod braces;

use super::explain::Failure;
use super::tokens::{Kind, Token};
use crate::diag::{Code, Diagnostic};

/// A better message than what was expected and found, if the mistake is a known one.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    characters::hint(failure)
        .or_else(|| signs::hint(failure))
        .or_else(|| words::hint(failure))
        .or_else(|| braces::hint(failure))
        .or_else(|| places::hint(failure))
}

/// A syntax error at a token.
fn at(failure: &Failure<'_>, token: Token, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::E0002, failure.span(token), message)
}

/// The tokens of the statement before what was found, nearest first.
fn statement_before<'a>(failure: &Failure<'a>) -> impl Iterator<Item = Token> + use<'a> {
    let text = failure.input.text;
    let before = &failure.tokens[..failure.found.min(failure.tokens.len())];
    before
        .iter()
        .rev()
        .copied()
        .take_while(move |token| token.kind != Kind::Newline && !matches!(token.text(text), "{" | "}"))
}

/// Whether what was found is the first of its line.
fn first_on_line(failure: &Failure<'_>) -> bool {
    failure.near(-1).is_none_or(|token| matches!(token.kind, Kind::Newline | Kind::Doc))
}

/// Whether nothing stands behind what was found on its line.
fn last_on_line(failure: &Failure<'_>) -> bool {
    failure.near(1).is_none_or(|token| token.kind == Kind::Newline)
}
