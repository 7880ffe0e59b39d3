//! How diagnostics come out: order, places, strange texts.

mod common;

use common::parse;
use insta::assert_snapshot;
use samp_lang::diag::{Code, Diagnostic, render};
use samp_lang::source::{SourceMap, Span};

/// A span of the first occurrence of `part`.
fn find(sources: &SourceMap, file: samp_lang::source::FileId, part: &str) -> Span {
    let start = sources.file(file).text.find(part).expect("the part is in the text");
    Span { file, start: start as u32, end: (start + part.len()) as u32 }
}

#[test]
fn diagnostics_come_in_the_order_of_their_places() {
    let mut sources = SourceMap::default();
    let (a, b) = (sources.add("a.samp", "one\ntwo\n"), sources.add("b.samp", "three\n"));
    let diagnostics = [
        Diagnostic::new(Code::E0101, find(&sources, b, "three"), "third"),
        Diagnostic::new(Code::W0107, find(&sources, a, "two"), "second"),
        Diagnostic::new(Code::E0102, find(&sources, a, "one"), "first"),
    ];
    assert_snapshot!(render::short(&diagnostics, &sources), @r#"
    a.samp:1:1: error[E0102]: first
    a.samp:2:1: warning[W0107]: second
    b.samp:1:1: error[E0101]: third
    "#);
}

#[test]
fn labels_in_two_files_are_both_shown() {
    let mut sources = SourceMap::default();
    let (a, b) = (sources.add("a.samp", "grid one = [clean]\n"), sources.add("b.samp", "// here\ngrid one = [pure]\n"));
    let diagnostic = Diagnostic::new(Code::E0102, find(&sources, b, "one"), "`one` is declared twice")
        .label("again here")
        .also(find(&sources, a, "one"), "first here")
        .help("rename one of them");
    assert_snapshot!(render::human(&[diagnostic], &sources, false), @r#"
    error[E0102]: `one` is declared twice
       ╭─[b.samp:2:6]
     1 │ // here
     2 │ grid one = [pure]
       ·      ─┬─
       ·       ╰── again here
       ╰────
       ╭─[a.samp:1:6]
     1 │ grid one = [clean]
       ·      ─┬─
       ·       ╰── first here
       ╰────
      help: rename one of them
    "#);
}

#[test]
fn a_warning_says_so() {
    let mut sources = SourceMap::default();
    let file = sources.add("a.samp", "let unused = 1");
    let diagnostic = Diagnostic::new(Code::W0107, find(&sources, file, "unused"), "`unused` is never used");
    assert_snapshot!(render::human(&[diagnostic], &sources, false), @r#"
    warning[W0107]: `unused` is never used
       ╭─[a.samp:1:5]
     1 │ let unused = 1
       ·     ──────
       ╰────
    "#);
}

#[test]
fn tabs_and_wide_characters_keep_the_columns() {
    let mut sources = SourceMap::default();
    let file = sources.add("a.samp", "\tlet s = f(\"幅\", \t wrong) // é\n");
    let diagnostic = Diagnostic::new(Code::E0101, find(&sources, file, "wrong"), "unknown name `wrong`").label("here");
    assert_snapshot!(render::human(&[diagnostic], &sources, false), @r#"
    error[E0101]: unknown name `wrong`
       ╭─[a.samp:1:19]
     1 │     let s = f("幅",      wrong) // é
       ·                          ──┬──
       ·                            ╰── here
       ╰────
    "#);
}

#[test]
fn a_span_over_many_lines_shows_its_first() {
    let mut sources = SourceMap::default();
    let text: String = (1..30).map(|k| format!("line {k}\n")).collect();
    let file = sources.add("a.samp", text);
    let long = Diagnostic::new(Code::E0501, find(&sources, file, "line 3"), "over many lines").label("from here");
    let long = Diagnostic {
        primary: samp_lang::diag::Label { span: Span { end: 150, ..long.primary.span }, ..long.primary },
        ..long
    };
    let short =
        Diagnostic::new(Code::E0501, find(&sources, file, "line 2\nline 3\nline 4"), "over three").label("these");
    assert_snapshot!(render::human(&[long, short], &sources, false), @r#"
    error[E0501]: over three
       ╭─[a.samp:2:1]
     1 │     line 1
     2 │ ╭─▶ line 2
     3 │ │   line 3
     4 │ ├─▶ line 4
       · ╰──── these
     5 │     line 5
       ╰────

    error[E0501]: over many lines
       ╭─[a.samp:3:1]
     2 │ line 2
     3 │ line 3
       · ───┬──
       ·    ╰── from here
     4 │ line 4
       ╰────
    "#);
}

#[test]
fn ends_of_files_have_a_place() {
    let mut sources = SourceMap::default();
    let (empty, blank) = (sources.add("empty.samp", ""), sources.add("blank.samp", "grid a = [clean]\n\n"));
    let end = Span { file: blank, start: 18, end: 18 };
    let diagnostics = [
        Diagnostic::new(Code::E0201, Span { file: empty, start: 0, end: 0 }, "nothing here").label("here"),
        Diagnostic::new(Code::E0201, end, "nothing after it").label("here"),
    ];
    assert_snapshot!(render::human(&diagnostics, &sources, false), @r#"
    error[E0201]: nothing here
       ╭─[empty.samp:1:1]
     1 │
       · ▲
       · ╰── here
       ╰────

    error[E0201]: nothing after it
       ╭─[blank.samp:3:1]
     3 │
       · ▲
       · ╰── here
       ╰────
    "#);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let parsed = parse("a.samp", "const a = \u{1b}[31m \u{202e}\r1 // \u{7}\n");
    let shown = render::human(&parsed.diagnostics, &parsed.sources, false);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r', '\u{7}']), "{shown:?}");
}

#[test]
fn color_only_adds_color() {
    for (name, text) in common::texts("errors") {
        let parsed = parse(&name, &text);
        let colored = render::human(&parsed.diagnostics, &parsed.sources, true);
        assert!(colored.contains("\u{1b}["), "{name}");
        assert_eq!(without_color(&colored), render::human(&parsed.diagnostics, &parsed.sources, false), "{name}");
    }
}

fn without_color(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn json_has_all_fields() {
    let parsed = parse("a.samp", "const a = 1 +\n");
    assert_snapshot!(render::json(&parsed.diagnostics, &parsed.sources), @r#"
    [
      {
        "code": "E0002",
        "severity": "error",
        "message": "expected an expression behind `+`, found the end of the file",
        "file": "a.samp",
        "line": 1,
        "column": 13,
        "end_line": 1,
        "end_column": 14,
        "byte_start": 12,
        "byte_end": 13,
        "help": "write the missing value, or remove the sign",
        "labels": [
          {
            "text": "",
            "primary": true,
            "file": "a.samp",
            "line": 1,
            "column": 13,
            "end_line": 1,
            "end_column": 14,
            "byte_start": 12,
            "byte_end": 13
          }
        ]
      }
    ]
    "#);
}

#[test]
fn no_diagnostics_are_no_text() {
    let sources = SourceMap::default();
    assert_eq!(render::human(&[], &sources, true), "");
    assert_eq!(render::short(&[], &sources), "");
    assert_eq!(render::json(&[], &sources), "[]\n");
}
