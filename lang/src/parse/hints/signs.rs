//! Hints on signs: those of other languages, and `=` in all its wrong places.

use super::super::explain::Failure;
use super::super::grammar::Rule;
use super::super::tokens::{Kind, Token};
use super::{at, first_on_line, last_on_line, statement_before};
use crate::diag::Diagnostic;

/// Words that a condition follows.
const CONDITION_WORDS: &[&str] = &["if", "require", "expect", "when", "accept", "and", "or", "not"];

const SLOTS: &[&str] = &["schedule", "grid", "model", "guidance", "sampler", "steps", "start", "network"];

/// A hint if a sign stands where it cannot.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    let found = failure.found().filter(|found| found.kind == Kind::Sign)?;
    let sign = failure.text(0);
    match sign {
        ";" => Some(semicolon(failure, found)),
        "=" => equals(failure, found),
        ":=" => Some(at(failure, found, "`:=` is not a sign of the language").help(NAMING)),
        "+=" | "-=" | "*=" | "/=" | "++" => Some(
            at(failure, found, format!("`{sign}` is not a sign of the language"))
                .help(format!("a `var` or `state` is changed with `<-`: `x <- x {} ..`", &sign[..1])),
        ),
        "==" if failure.expects(Rule::equals) => {
            Some(at(failure, found, "`==` compares, and here a value is named").help("write `=`"))
        }
        "==" | "!=" | "<" | "<=" | ">" | ">=" if failure.after_operand() => chain(failure, found),
        "<-" if failure.after_operand() => Some(
            at(failure, found, "`<-` keeps a value, and stands only behind the name at the start of a statement")
                .help("for less than a negative value, put a space: `a < -b`"),
        ),
        ":" if failure.expects(Rule::lbrace) || opens_python_block(failure) => {
            Some(at(failure, found, "`:` opens no block").label("expected `{`").help("a block stands in `{` and `}`"))
        }
        "?" => Some(at(failure, found, "`?` is not a sign of the language").help("write `if c { a } else { b }`")),
        _ => foreign(failure, found),
    }
}

const NAMING: &str =
    "`let x = ..` names a new value; `x <- ..` keeps a value in a `var`, `state` or `history` that is declared";

/// Operators under another name.
fn foreign(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let sign = failure.text(0);
    let ours = match sign {
        "**" => "^",
        "&&" | "&" => "and",
        "||" => "or",
        "|" if failure.after_operand() => "or",
        "!" => "not",
        "%" if failure.after_operand() => "mod",
        "::" => ".",
        _ => return None,
    };
    let message = format!("`{sign}` is not a sign of the language");
    Some(at(failure, found, message).help(format!("write `{ours}`")))
}

fn semicolon(failure: &Failure<'_>, found: Token) -> Diagnostic {
    let help = if last_on_line(failure) { "remove it" } else { "put what follows on a line of its own" };
    at(failure, found, "`;` ends nothing: a statement ends with its line").help(help)
}

/// `a < b < c`
fn chain(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let is_comparison = |token: &Token| matches!(token.text(failure.input.text), "==" | "!=" | "<" | "<=" | ">" | ">=");
    let first = statement_before(failure)
        .take_while(|token| !matches!(token.text(failure.input.text), "and" | "or" | "," | "(" | "["))
        .find(is_comparison)?;
    Some(
        at(failure, found, "a comparison has two sides, and this is a third")
            .also(failure.span(first), "the comparison")
            .help("write `a < b and b < c`, or `b in [a, c]`"),
    )
}

/// `if c:`, `for j in l:`.
fn opens_python_block(failure: &Failure<'_>) -> bool {
    let opens = |token: Token| matches!(token.text(failure.input.text), "if" | "else" | "for" | "match");
    last_on_line(failure) && failure.after_operand() && statement_before(failure).any(opens)
}

/// `=` where nothing is named.
fn equals(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let text = failure.input.text;
    if statement_before(failure).any(|token| CONDITION_WORDS.contains(&token.text(text))) {
        return Some(at(failure, found, "`=` names a value, and here two are compared").help("write `==`"));
    }
    let name = failure.near(-1).filter(|token| token.kind == Kind::Word)?;
    let starts = statement_before(failure).count() == 1 && !first_on_line(failure);
    let word = name.text(text);
    if starts && SLOTS.contains(&word) && failure.tokens.iter().any(|token| token.text(text) == "pipeline") {
        let message = format!("the slot `{word}` is filled without `=`");
        return Some(at(failure, found, message).label("remove this").help(format!("write `{word} ..`")));
    }
    starts.then(|| {
        at(failure, name, format!("`{word} = ..` is not a statement")).help(format!(
            "`let {word} = ..` names a new value; `{word} <- ..` keeps one in a `var`, `state` or `history` that \
                 is declared"
        ))
    })
}
