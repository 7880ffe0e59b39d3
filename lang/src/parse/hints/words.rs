//! Hints on words: reserved ones, those of other languages, and values that are missing behind a word.

use super::super::explain::{Failure, found_words};
use super::super::grammar::Rule;
use super::super::tokens::{Kind, Token};
use super::{at, first_on_line};
use crate::diag::{Code, Diagnostic};

/// Words that cannot be names.
const RESERVED: &[&str] = &[
    "let", "var", "return", "if", "else", "match", "for", "in", "and", "or", "not", "div", "mod", "as", "because",
    "fn", "true", "false", "none", "emit", "require", "estimate", "accept", "expect",
];

/// A hint if a word stands where it cannot, or if a value is missing behind one.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    match failure.found() {
        Some(found) if found.kind == Kind::Word => word(failure, found),
        Some(found) if found.kind == Kind::Newline || found.kind == Kind::Close => missing(failure),
        None => missing(failure),
        Some(_) => None,
    }
}

fn word(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let text = failure.text(0);
    match text {
        "elif" | "elseif" | "elsif" => {
            Some(at(failure, found, format!("`{text}` is not a word of the language")).help("write `else if`"))
        }
        "if" if failure.after_operand() && !first_on_line(failure) => Some(
            at(failure, found, "an `if` cannot stand behind the value it chooses")
                .help("write `if c { a } else { b }`; in a list, `if` filters behind a `for`"),
        ),
        "then" if failure.expects(Rule::lbrace) => {
            Some(at(failure, found, "`then` is not a word of the language").help("write `if c { a } else { b }`"))
        }
        _ => from_before(failure, found).or_else(|| reserved(failure, found)),
    }
}

/// Mistakes that show in the word before.
fn from_before(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let before = failure.near(-1)?;
    match (failure.text(-2), failure.text(-1)) {
        (_, "lambda") if failure.after_operand() => Some(
            at(failure, before, "`lambda` is the half log-SNR, and makes no function")
                .help(format!("a function is written `fn({}) {{ .. }}`", found.text(failure.input.text))),
        ),
        ("let", "mut") => Some(
            at(failure, before, "`mut` is not a word of the language")
                .help("a name that changes is declared with `var`"),
        ),
        (_, "while") => Some(
            at(failure, before, "there is no `while`")
                .help("repeat with `for j in 0..n { .. }`: the number of rounds is known before the run"),
        ),
        _ => None,
    }
}

fn reserved(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let text = found.text(failure.input.text);
    if let Some(diagnostic) = operand(failure).filter(|_| RESERVED.contains(&text)) {
        return Some(diagnostic);
    }
    let wanted = failure.expects(Rule::name) && !failure.after_operand() && RESERVED.contains(&text);
    wanted.then(|| {
        at(failure, found, format!("expected a name, found `{text}`, which is a word of the language"))
            .label("cannot be a name")
            .help("choose another name")
    })
}

/// A value is missing behind a word, or a brace stands on the next line.
fn missing(failure: &Failure<'_>) -> Option<Diagnostic> {
    if failure.text(-1) == "return" {
        let word = failure.near(-1)?;
        return Some(
            at(failure, word, "`return` has no value")
                .help("every rule and function gives a value: write it behind `return`"),
        );
    }
    if failure.expects(Rule::lbrace) && failure.text(1) == "{" {
        let brace = failure.near(1)?;
        return Some(
            at(failure, brace, "`{` stands on a line of its own")
                .help("put it at the end of the line before: the end of a line ends a statement"),
        );
    }
    operand(failure)
}

/// An operator has nothing behind it.
fn operand(failure: &Failure<'_>) -> Option<Diagnostic> {
    let mut before = failure.tokens.iter().take(failure.found).rev();
    let sign = *before.find(|token| token.kind != Kind::Newline)?;
    let text = sign.text(failure.input.text);
    let operator = matches!(text, "+" | "-" | "*" | "/" | "^" | "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "<-");
    let word = matches!(text, "and" | "or" | "not" | "div" | "mod");
    (!failure.after_operand() && (operator || word)).then(|| {
        let message = format!("expected an expression behind `{text}`, found {}", found_words(failure));
        Diagnostic::new(Code::E0002, failure.span(sign), message).help("write the missing value, or remove the sign")
    })
}
