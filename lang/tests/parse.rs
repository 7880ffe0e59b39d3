//! Texts that parse, texts that half parse, and the limits.

mod common;

use common::{parse, texts};
use samp_lang::ast::{Arg, ExprKind, ItemKind};
use samp_lang::parse_expr;
use samp_lang::source::SourceMap;

#[test]
fn corpus_parses() {
    for (name, text) in texts("corpus") {
        let parsed = parse(&name, &text);
        assert!(parsed.diagnostics.is_empty(), "{name}: {:?}", parsed.diagnostics);
        assert!(!parsed.module.items.is_empty(), "{name} has items");
    }
}

#[test]
fn an_empty_text_is_an_empty_module() {
    for text in ["", "\n", "  \r\n\t\n", "// a remark", "\u{feff}", "//! only words\n"] {
        let parsed = parse("empty.samp", text);
        assert_eq!(parsed.codes(), Vec::<&str>::new(), "{text:?}");
        assert!(parsed.module.items.is_empty());
    }
}

#[test]
fn line_ends_tabs_and_byte_order_marks_do_not_matter() {
    for (name, text) in texts("corpus") {
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n").replace("    ", "\t"));
        let (plain, other) = (parse(&name, &text), parse(&name, &windows));
        assert_eq!(other.codes(), Vec::<&str>::new(), "{name}");
        assert_eq!(without_spans(&plain), without_spans(&other), "{name}");
    }
}

/// The tree without its numbers of bytes.
fn without_spans(parsed: &common::Parsed) -> Vec<String> {
    let tree = samp_lang::print_module(&parsed.module);
    let is_span = |word: &&str| !word.contains("..") || word.chars().any(|c| !c.is_ascii_digit() && c != '.');
    tree.lines().map(|line| line.split(' ').filter(is_span).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn indented_items_parse() {
    let parsed = parse("indented.samp", "    grid a = [clean]\n\n    grid b = [pure]\n");
    assert_eq!(parsed.names(), ["a", "b"]);
}

#[test]
fn every_broken_item_is_reported_and_good_items_are_kept() {
    let text = "\
grid a = [clean\n
grid b = [clean]\n
sampler c {
    step x: sample@s -> sample@t {
        return x x
    }
}

/// Kept.
fn d(x: real) -> real = x

const e = = 1
";
    let parsed = parse("three.samp", text);
    assert_eq!(parsed.codes(), ["E0002", "E0002", "E0002"]);
    assert_eq!(parsed.names(), ["b", "d"]);
    assert_eq!(parsed.module.items[1].doc, ["Kept."]);
}

#[test]
fn a_broken_item_is_reported_once() {
    for text in [
        "sampler a {\n    step x: sample@s -> sample@t {\n        return x\n    }\n    }\n    order 1\n}\n",
        "sampler a {\n    )\n}\n}\n}\n",
        "sampler a\n{\n    order 1\n}\n",
        "fn f(x: real) -> real {\n    if x > 0 {\n        return 1\n    return 2\n}\n",
        "grid a = [\n    clean\n}\n",
    ] {
        assert_eq!(parse("once.samp", text).codes(), ["E0002"], "{text}");
    }
}

#[test]
fn a_missing_brace_does_not_hide_the_next_item() {
    let text = "sampler a {\n    order 1\n\nsampler b {\n    order 1\n}\n\ngrid c(x: real) = [clean]\n";
    let parsed = parse("brace.samp", text);
    assert_eq!(parsed.codes(), ["E0002"]);
    assert_eq!(parsed.names(), ["b", "c"]);
}

#[test]
fn words_of_members_may_be_names() {
    let text = "fn f(order: int, step: real, state: real, steps: int) -> real {\n    let input = order * step\n    \
                return input + state + steps + test + grid[0] + only + evals3\n}\n";
    assert_eq!(parse("words.samp", text).codes(), Vec::<&str>::new());
}

#[test]
fn words_end_where_they_end() {
    for text in ["sampler a {\n    orders 1\n}\n", "pipeline a {\n    grids b\n}\n", "fns f(x) = x\n"] {
        assert_eq!(parse("words.samp", text).codes(), ["E0002"], "{text}");
    }
}

#[test]
fn an_expression_is_read_alone() {
    let mut sources = SourceMap::default();
    let file = sources.add("<--sampler>", "ddim(eta = 1)");
    let expr = parse_expr(&sources, file).expect("it parses");
    let ExprKind::Call { args, .. } = expr.kind else { panic!("a call was written") };
    assert!(matches!(&args[..], [Arg::Named(name, _)] if &*name.text == "eta"));
    for text in ["", "ddim(", "1 2", "1e999", "grid a = [clean]"] {
        let file = sources.add("<--sampler>", text);
        assert_eq!(parse_expr(&sources, file).expect_err("it is no expression").code.name(), "E0002", "{text}");
    }
}

#[test]
fn spans_hold_no_spaces_and_no_comments() {
    let text = "const a = 1 + f(2)   // a remark\n\n\nconst b = g   \n";
    let parsed = parse("spans.samp", text);
    let shown = |k: usize| match &parsed.module.items[k].kind {
        ItemKind::Const(item) => {
            (parsed.sources.text(item.value.span), parsed.sources.text(parsed.module.items[k].span))
        }
        other => panic!("a constant was written, not {}", other.keyword()),
    };
    assert_eq!(shown(0), ("1 + f(2)", "const a = 1 + f(2)"));
    assert_eq!(shown(1), ("g", "const b = g"));
}
