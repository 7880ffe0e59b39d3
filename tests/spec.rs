//! `spec.md` against the code: it names every rule of the grammar, its tables are those of the compiler, its examples
//! parse.
//!
//! `UPDATE_SPEC=1 cargo test --test spec` writes the tables again.

use std::fmt::Write as _;
use std::path::PathBuf;

use samp_compiler::builtins::{Accepts, Builtin, Gives};
use samp_lang::diag::{Code, Severity, render};
use samp_lang::parse_module;
use samp_lang::source::SourceMap;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name} is read: {error}"))
}

/// The rules of the grammar that make a pair, in order.
fn rules(grammar: &str) -> Vec<&str> {
    let heads = grammar.lines().filter_map(|line| {
        let (name, rest) = line.split_once('=')?;
        let name = name.trim_end();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let rest = rest.trim_start();
        let is_rule = ["{", "@{", "${", "!{"].iter().any(|open| rest.starts_with(open));
        (is_name && is_rule && !name.ends_with('_')).then_some(name)
    });
    heads.collect()
}

#[test]
fn every_rule_of_the_grammar_is_named() {
    let (spec, grammar) = (read("spec.md"), read("lang/src/samp.pest"));
    let rules = rules(&grammar);
    assert!(rules.len() > 100, "the scan of the grammar finds its rules, not {}", rules.len());
    let missing: Vec<&str> = rules.into_iter().filter(|rule| !spec.contains(&format!("`{rule}`"))).collect();
    assert!(missing.is_empty(), "spec.md does not name {missing:?}");
}

#[test]
fn tables_are_those_of_the_compiler() {
    let old = read("spec.md");
    let mut new = old.clone();
    for (name, table) in [("builtins", builtins()), ("codes", codes())] {
        new = with_table(&new, name, &table);
    }
    if old == new {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_SPEC").is_some_and(|value| value == "1"),
        "the tables of spec.md are stale: run `UPDATE_SPEC=1 cargo test --test spec`"
    );
    std::fs::write(path("spec.md"), new).expect("spec.md is written");
}

#[test]
fn whole_files_parse() {
    let spec = read("spec.md");
    let files: Vec<(usize, String)> =
        blocks(&spec).into_iter().filter(|(_, text)| text.lines().next() == Some("// file")).collect();
    assert!(!files.is_empty(), "spec.md has blocks that begin with `// file`");
    for (line, text) in files {
        let mut sources = SourceMap::default();
        let file = sources.add(format!("spec.md:{line}"), text);
        let (module, diagnostics) = parse_module(&sources, file);
        assert!(diagnostics.is_empty(), "{}", render::short(&diagnostics, &sources));
        assert!(!module.items.is_empty(), "the block at line {line} declares something");
    }
}

/// The ```samp blocks, with the line that each starts behind.
fn blocks(spec: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, text) in spec.lines().enumerate() {
        match &mut open {
            Some(_) if text == "```" => blocks.extend(open.take()),
            Some((_, block)) => *block += &format!("{text}\n"),
            None if text == "```samp" => open = Some((line + 1, String::new())),
            None => {}
        }
    }
    assert!(open.is_none(), "every block of spec.md is closed");
    blocks
}

/// The text with another table between the markers.
fn with_table(spec: &str, name: &str, table: &str) -> String {
    const END: &str = "<!-- end -->";
    let marker = format!("<!-- generated: {name} -->\n");
    let (before, rest) = spec.split_once(&marker).unwrap_or_else(|| panic!("spec.md has the marker of {name}"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("the table of {name} has an end"));
    format!("{before}{marker}{table}{END}{after}")
}

fn builtins() -> String {
    let mut table = String::from("| function | parameters | result | is |\n|---|---|---|---|\n");
    for builtin in Builtin::ALL {
        let params: Vec<&str> = builtin.params().iter().copied().map(accepts).collect();
        let (name, result) = (builtin.name(), gives(builtin.gives()));
        writeln!(table, "| `{name}` | {} | {result} | {} |", params.join(", "), cell(builtin.doc())).expect("a string");
    }
    table
}

fn accepts(accepts: Accepts) -> &'static str {
    match accepts {
        Accepts::Int => "`int`",
        Accepts::Real => "`real`",
        Accepts::Number => "number",
        Accepts::Elementwise => "number or tensor",
        Accepts::Tensor => "tensor",
        Accepts::Reals => "`real[]`",
        Accepts::Matrix => "`real[][]`",
        Accepts::List => "any list",
        Accepts::Level => "`level`",
    }
}

fn gives(gives: Gives) -> &'static str {
    match gives {
        Gives::Int => "`int`",
        Gives::Real => "`real`",
        Gives::Number => "`int` of `int`s, else `real`",
        Gives::ElementwiseNumber => "`tensor`; `int` of `int`s, else `real`",
        Gives::Elementwise => "`tensor` or `real`",
        Gives::Tensor => "`tensor`",
        Gives::Noise => "`noise`",
        Gives::Reals => "`real[]`",
        Gives::Tensors => "`tensor[]`",
        Gives::SameList => "a list like it",
        Gives::Level => "`level`",
    }
}

fn codes() -> String {
    let mut table = String::from("| code | severity | about |\n|---|---|---|\n");
    for code in Code::ALL {
        let severity = match code.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(table, "| {} | {severity} | {} |", code.name(), cell(code.title())).expect("a string");
    }
    table
}

/// A text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
