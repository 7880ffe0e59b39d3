//! Hints on characters, strings and numbers that no program has.

use super::super::explain::{Failure, cut};
use super::super::tokens::{Kind, Token};
use super::at;
use crate::diag::{Code, Diagnostic};

/// A hint if a character, a string or a number is malformed.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    let found = failure.found()?;
    match found.kind {
        Kind::Stray => Some(stray(failure, found)),
        Kind::OpenStr => Some(
            at(failure, found, "a string is not closed on its line")
                .label("starts here")
                .help("close it with `\"`; a string cannot go on in the next line"),
        ),
        Kind::Number => number(failure, found),
        Kind::Doc => Some(doc(failure, found)),
        Kind::Sign if found.text(failure.input.text) == "." => leading_point(failure, found),
        Kind::Word | Kind::Str | Kind::Sign | Kind::Open | Kind::Close | Kind::Newline => trailing_point(failure),
    }
}

fn stray(failure: &Failure<'_>, found: Token) -> Diagnostic {
    let c = failure.text(0).chars().next().unwrap_or(' ');
    if let Some(name) = letter_name(c) {
        return at(failure, found, format!("`{c}` cannot be part of a program: names have ASCII letters only"))
            .help(format!("write `{name}`"));
    }
    if let Some(sign) = plain_sign(c) {
        return at(failure, found, format!("`{c}` cannot be part of a program")).help(format!("write `{sign}`"));
    }
    match c {
        '#' => at(failure, found, "`#` starts nothing").help("write `//` for a comment"),
        '\\' => at(failure, found, "`\\` cannot be part of a program")
            .help("a line goes on after an operator or a comma, and inside brackets, without a mark"),
        '\u{a0}'
        | '\u{2000}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3000}'
        | '\u{feff}' => {
            unreadable(failure, found, format!("an invisible character, U+{:04X}, stands here", u32::from(c)))
                .help("replace it by a space, or remove it; it may have come with copied text")
        }
        _ if c.is_control() => {
            unreadable(failure, found, format!("a control character, U+{:04X}, stands here", u32::from(c)))
                .help("remove it")
        }
        _ if c.is_alphabetic() => {
            at(failure, found, format!("`{c}` cannot be part of a program: names have ASCII letters only"))
                .help("spell the name with the letters a to z; comments and strings may hold any text")
        }
        _ => at(failure, found, format!("`{c}` cannot be part of a program"))
            .help("comments and strings may hold any text"),
    }
}

/// A character that no one can see.
fn unreadable(failure: &Failure<'_>, found: Token, message: String) -> Diagnostic {
    Diagnostic::new(Code::E0001, failure.span(found), message)
}

/// `2x`, `1_000`, `0x1f`.
fn number(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let text = failure.text(0);
    if text.parse::<f64>().is_ok() {
        return None;
    }
    let plain = text.replace('_', "");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let help = if plain.parse::<f64>().is_ok() {
        format!("write `{}`, without `_`", cut(&plain))
    } else if text.starts_with("0x") || text.starts_with("0b") {
        "write the number with decimal digits".to_owned()
    } else {
        format!("for a product, write `{} * {}`", cut(&text[..digits]), cut(&text[digits..]))
    };
    Some(at(failure, found, format!("`{}` is not a number", cut(text))).help(help))
}

/// `.5`
fn leading_point(failure: &Failure<'_>, found: Token) -> Option<Diagnostic> {
    let next = failure.near(1).filter(|next| next.kind == Kind::Number && next.start == found.end);
    if let Some(next) = next.filter(|_| !failure.after_operand()) {
        let digits = cut(next.text(failure.input.text));
        let span = failure.span(found).to(failure.span(next));
        let message = format!("`.{digits}` is not a number");
        return Some(
            Diagnostic { primary: label(span), ..at(failure, found, message) }.help(format!("write `0.{digits}`")),
        );
    }
    None
}

/// `1.`
fn trailing_point(failure: &Failure<'_>) -> Option<Diagnostic> {
    let (number, point) = (failure.near(-2)?, failure.near(-1)?);
    let adjacent = number.kind == Kind::Number && number.end == point.start && failure.text(-1) == ".";
    if !adjacent {
        return None;
    }
    let digits = cut(failure.text(-2));
    let span = failure.span(number).to(failure.span(point));
    let message = format!("`{digits}.` is not a number");
    Some(Diagnostic { primary: label(span), ..at(failure, number, message) }.help(format!("write `{digits}.0`")))
}

fn label(span: crate::source::Span) -> crate::diag::Label {
    crate::diag::Label { span, text: String::new() }
}

fn doc(failure: &Failure<'_>, found: Token) -> Diagnostic {
    if failure.text(0).starts_with("//!") {
        return at(failure, found, "`//!` describes a file and stands at its top")
            .help("write `///` to describe the next item or member, `//` for a remark");
    }
    at(failure, found, "`///` describes an item, member or option, and none can follow here")
        .help("write `//` for a remark")
}

/// What a sign of mathematics is written as.
fn plain_sign(c: char) -> Option<&'static str> {
    Some(match c {
        '−' | '–' | '—' => "-",
        '×' | '·' | '∗' => "*",
        '÷' | '∕' => "/",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '≈' => "abs(a - b) < tolerance",
        '∞' => "inf",
        '√' => "sqrt(..)",
        '∑' => "sum(..)",
        '∏' => "prod(..)",
        '∫' => "integral(..)",
        '←' => "<-",
        '→' => "->",
        '⇒' => "=>",
        '∈' => "in",
        '¬' => "not",
        '∧' => "and",
        '∨' => "or",
        '²' => "^2",
        '³' => "^3",
        '½' => "1 / 2",
        '…' => "..",
        '“' | '”' | '„' | '‘' | '’' | '\'' => "\"",
        _ => return None,
    })
}

/// What a Greek letter is called.
fn letter_name(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "alpha",
        'β' => "beta",
        'γ' | 'Γ' => "gamma",
        'δ' | 'Δ' => "delta",
        'ε' | 'ϵ' => "eps",
        'ζ' => "zeta",
        'η' => "eta",
        'θ' | 'Θ' => "theta",
        'κ' => "kappa",
        'λ' | 'Λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ν' => "nu",
        'ξ' => "xi",
        'π' => "pi",
        'ρ' => "rho",
        'σ' => "sigma",
        'Σ' => "sum(..)",
        'Π' => "prod(..)",
        'τ' => "tau",
        'φ' | 'ϕ' | 'Φ' => "phi",
        'χ' => "chi",
        'ψ' => "psi",
        'ω' | 'Ω' => "omega",
        _ => return None,
    })
}
