//! Hostile and broken texts: no panic, no exhausted stack, no hang.

mod common;

use std::time::{Duration, Instant};

use common::{Parsed, parse, texts};
use samp_lang::diag::render;

/// Far more than any text takes, far less than what a user would call a hang.
const PATIENCE: Duration = Duration::from_secs(20);

fn timed(name: &str, text: &str) -> Parsed {
    let start = Instant::now();
    let parsed = parse(name, text);
    assert!(start.elapsed() < PATIENCE, "{name} took {:?}", start.elapsed());
    parsed
}

/// `const x = ` with an operand inside `depth` openings and closings.
fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("const x = {}{inner}{}\n", open.repeat(depth), close.repeat(depth))
}

/// Ways to put an expression in another.
const NESTS: &[(&str, &str)] = &[
    ("(", ")"),
    ("[", "]"),
    ("f(", ")"),
    ("f(a = ", ")"),
    ("a[", "]"),
    ("if a { ", " } else { b }"),
    ("if ", " { a } else { b }"),
    ("match a { b => ", " }"),
    ("fn(r) { ", " }"),
    ("fn(a: real in (0, ", ")) { a }"),
    ("fn(a = ", ") { a }"),
    ("- ", ""),
    ("not ", ""),
    ("a^", ""),
    ("a + ", ""),
    ("a +\n", ""),
    ("a or ", ""),
    ("if a { b } else ", ""),
    ("", ".a"),
    ("", "()"),
    ("", "[0]"),
];

#[test]
fn depth_is_limited() {
    for (open, close) in NESTS {
        let parsed = timed(open, &nested(open, "if a { b }", close, 10_000));
        assert_eq!(parsed.codes(), ["E0003"], "{open} {close}");
    }
}

#[test]
fn depth_below_the_limit_is_fast() {
    for (open, close) in NESTS {
        for inner in ["if a { b }", "1 1", "]", ""] {
            let start = Instant::now();
            let parsed = timed(open, &nested(open, inner, close, 31));
            assert!(start.elapsed() < Duration::from_secs(2), "{open} {inner} {close} took {:?}", start.elapsed());
            assert!(inner != "if a { b }" || parsed.diagnostics.is_empty(), "{open} {:?}", parsed.diagnostics);
        }
    }
}

#[test]
fn types_are_limited() {
    let text = format!("const x: {}real = 1\n", "fn() -> ".repeat(10_000));
    assert_eq!(timed("types", &text).codes(), ["E0003"]);
}

#[test]
fn size_is_limited() {
    for text in ["(", " ", "a", "\n", "{\n"].map(|part| part.repeat(10 << 20)) {
        assert_eq!(timed("size", &text).codes(), ["E0001"]);
    }
}

#[test]
fn long_texts_take_linear_time() {
    for part in ["(", ")", "{", "}\n", " ", "\n", "a", "9", "\"", "\"\n", "$", ",", "///\n", "//!\n", "//\n", "fn\n"] {
        let parsed = timed(part, &part.repeat((1 << 20) / part.len()));
        assert!(parsed.diagnostics.len() <= 101, "{part}");
        let start = Instant::now();
        render::human(&parsed.diagnostics, &parsed.sources, false);
        assert!(start.elapsed() < PATIENCE, "{part} took {:?} to show", start.elapsed());
    }
}

#[test]
fn heads_without_ends_take_linear_time() {
    for head in ["sampler a {\n", "grid a (\n", "grid a = [\n", "fn f(x: real) -> real = x x\n", "test \"a\" {\n"] {
        timed(head, &head.repeat(50_000));
    }
}

#[test]
fn blank_lines_in_nests_take_linear_time() {
    for (open, close) in [("(", ")"), ("if a {\n", "\n}"), ("[", "]")] {
        let text = format!("const x = {}1{}{}\n", open.repeat(60), "\n".repeat(500_000), close.repeat(60));
        timed(open, &text);
    }
}

/// A small generator of numbers; the same ones in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

const PIECES: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "\n", "\"", "=", "==", "<-", "->", "@", ",", "..", ".", "-", "^", "not ", "if ",
    "else ", "fn", "let ", "return ", "for ", "in ", "///", "//", "σ", "\u{0}", "\r", "\t", "0", "1e9", "sampler ",
    ";",
];

/// Deletes, repeats, swaps or adds a little.
fn mutate(text: &str, numbers: &mut Numbers) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=numbers.below(4) {
        let (at, length) = (numbers.below(chars.len()), 1 + numbers.below(12));
        let end = (at + length).min(chars.len());
        match numbers.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let copy = chars[at..end].to_vec();
                chars.splice(at..at, copy);
            }
            2 if end > at => chars.swap(at, end - 1),
            _ => {
                let piece = PIECES[numbers.below(PIECES.len())];
                chars.splice(at..at, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn broken_texts_never_panic() {
    let corpus = texts("corpus");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let (name, text) = &corpus[round % corpus.len()];
        let text = mutate(text, &mut numbers);
        let parsed = timed(name, &text);
        for diagnostic in &parsed.diagnostics {
            let span = diagnostic.primary.span;
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{name} {span}\n{text}");
        }
        render::human(&parsed.diagnostics, &parsed.sources, round % 2 == 0);
        render::json(&parsed.diagnostics, &parsed.sources);
        samp_lang::print_module(&parsed.module);
    }
}
