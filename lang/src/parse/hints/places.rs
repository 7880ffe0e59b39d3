//! Hints on things in the wrong place: what stands where an item, a member or a slot should.

use super::super::explain::{Failure, cut};
use super::super::grammar::Rule;
use super::super::recover::ITEM_WORDS;
use super::super::tokens::{Kind, Token};
use super::at;
use crate::diag::Diagnostic;
use crate::suggest::nearest;

const MEMBERS: &[&str] = &[
    "step",
    "call",
    "control",
    "history",
    "state",
    "input",
    "view",
    "branch",
    "learn",
    "let",
    "require",
    "adaptive",
    "approximate",
    "only",
    "order",
    "evals",
];

const SCHEDULE_MEMBERS: &[&str] = &["clock", "alpha", "sigma", "lambda", "rho", "inverse", "let", "require"];

const SLOTS: &[&str] =
    &["schedule", "grid", "model", "guidance", "sampler", "steps", "start", "network", "input", "let"];

const STATEMENTS: &[&str] = &["return", "for", "if", "var", "match", "emit", "estimate", "accept", "stages"];

/// What other languages call items.
const ITEMS_ELSEWHERE: &[(&str, &str)] = &[
    ("def", "fn"),
    ("function", "fn"),
    ("func", "fn"),
    ("fun", "fn"),
    ("class", "sampler"),
    ("struct", "sampler"),
    ("import", "use"),
    ("from", "use"),
    ("include", "use"),
    ("let", "const"),
    ("var", "const"),
    ("solver", "sampler"),
    ("scheduler", "schedule"),
    ("network", "model"),
    ("denoiser", "model"),
];

/// What a part of the text holds.
struct Place {
    /// What was expected, with its article.
    expected: &'static str,
    /// The words that can start it.
    words: &'static [&'static str],
    /// Where it stands.
    inside: &'static str,
}

/// A hint if something that cannot start an item, a member or a slot stands in the place of one.
pub fn hint(failure: &Failure<'_>) -> Option<Diagnostic> {
    let place = place(failure)?;
    let Some(found) = failure.found() else { return after_doc(failure) };
    match found.kind {
        Kind::Word => Some(word(failure, found, &place)),
        Kind::Close if failure.text(0) == "}" && failure.expects(Rule::EOI) => {
            Some(at(failure, found, "`}` closes nothing").help("remove it, or look for a `}` too many above"))
        }
        Kind::Close => after_doc(failure),
        Kind::Number | Kind::Str | Kind::OpenStr | Kind::Sign => None,
        Kind::Open | Kind::Doc | Kind::Newline | Kind::Stray => None,
    }
}

fn place(failure: &Failure<'_>) -> Option<Place> {
    let expects = |rules: &[Rule]| rules.iter().any(|rule| failure.expects(*rule));
    if expects(&[Rule::file, Rule::item, Rule::kw_sampler]) {
        return Some(Place { expected: "an item", words: ITEM_WORDS, inside: "a file" });
    }
    if expects(&[Rule::member, Rule::kw_history]) {
        return Some(Place { expected: "a member", words: MEMBERS, inside: "a model, guidance or sampler" });
    }
    if expects(&[Rule::schedule_member, Rule::kw_clock]) {
        return Some(Place { expected: "a member", words: SCHEDULE_MEMBERS, inside: "a schedule" });
    }
    let slot = expects(&[Rule::pipeline_member, Rule::slot_name]);
    slot.then_some(Place { expected: "a slot", words: SLOTS, inside: "a pipeline" })
}

fn word(failure: &Failure<'_>, found: Token, place: &Place) -> Diagnostic {
    let text = cut(failure.text(0));
    let wrong = at(failure, found, format!("expected {}, found `{text}`", place.expected));
    let elsewhere = ITEMS_ELSEWHERE.iter().find(|(theirs, ours)| *theirs == text && place.words.contains(ours));
    if let Some((_, ours)) = elsewhere {
        return wrong.help(format!("write `{ours}`"));
    }
    if place.expected == "an item" && inner_word(&text) {
        return outside(failure, found, &text);
    }
    if STATEMENTS.contains(&text.as_str()) {
        return wrong.help("statements stand in a rule (`step`, `call`), in `control` or in a `fn`");
    }
    if failure.text(1) == "=" {
        return wrong.help(format!("name a value with `let {text} = ..`; options stand in brackets behind the name"));
    }
    if let Some(meant) = nearest(&text, place.words.iter().copied()) {
        return wrong.label(format!("did you mean `{meant}`?")).help(format!("write `{meant}`"));
    }
    wrong.help(format!("{} holds {}", place.inside, list(place.words)))
}

/// Words that stand inside of items.
fn inner_word(text: &str) -> bool {
    let inner = MEMBERS.contains(&text) || SCHEDULE_MEMBERS.contains(&text) || STATEMENTS.contains(&text);
    inner || matches!(text, "steps" | "start")
}

fn outside(failure: &Failure<'_>, found: Token, text: &str) -> Diagnostic {
    let closed = failure.tokens.iter().take(failure.found).rev().find(|token| token.kind == Kind::Close).copied();
    let diagnostic = at(failure, found, format!("`{text}` stands outside of any item"));
    match closed {
        Some(brace) => diagnostic
            .also(failure.span(brace), "the item before is closed here")
            .help("a `}` above may be one too many"),
        None => diagnostic.help("it belongs between the braces of an item, such as `sampler name { .. }`"),
    }
}

/// `///` with nothing behind it.
fn after_doc(failure: &Failure<'_>) -> Option<Diagnostic> {
    let mut before = failure.tokens.iter().take(failure.found).rev();
    let doc = before.find(|token| token.kind != Kind::Newline).filter(|token| token.kind == Kind::Doc)?;
    Some(at(failure, *doc, "`///` describes what follows, and nothing follows").help("write `//` for a remark"))
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
