//! Hints on braces that are never closed.

use super::super::explain::{Failure, found_words};
use super::super::tokens::{Kind, Token};
use crate::diag::{Code, Diagnostic};

/// A `{` and the indentation of its line.
#[derive(Clone, Copy)]
struct Open {
    brace: Token,
    indent: usize,
}

/// A hint if the part has more `{` than `}`: the `{` that is probably not closed, told by the indentation.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    let open = unclosed(failure)?;
    if open.start >= failure.at {
        return None;
    }
    let diagnostic = Diagnostic::new(Code::E0002, failure.span(open), "this `{` is never closed");
    let noticed = match failure.found() {
        Some(_) => format!("{} cannot stand inside of it", found_words(failure)),
        None => format!("{} comes before its `}}`", found_words(failure)),
    };
    Some(diagnostic.also(failure.place(), noticed).help("put a `}` where the block ends"))
}

fn unclosed(failure: &Failure<'_>) -> Option<Token> {
    let mut open: Vec<Open> = Vec::new();
    let mut suspect = None;
    let mut indent = 0;
    for (k, token) in failure.tokens.iter().enumerate() {
        let first = k == 0 || failure.tokens[k - 1].kind == Kind::Newline;
        if first {
            indent = spaces_before(failure, *token);
        }
        match token.text(failure.input.text) {
            "{" => open.push(Open { brace: *token, indent }),
            "}" => {
                let last = open.pop()?;
                if first && indent < last.indent {
                    suspect = suspect.or(Some(last.brace));
                }
            }
            _ => {}
        }
    }
    let last = open.last()?;
    suspect.or(Some(last.brace))
}

/// The spaces between the start of the line and its first token.
fn spaces_before(failure: &Failure<'_>, token: Token) -> usize {
    let before = &failure.input.text[..token.start];
    before.len() - before.trim_end_matches([' ', '\t']).len()
}
