//! The page of a sampler, and which others stand in its picture.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use crate::cell;
use crate::common::read;

/// What a page is made of.
pub struct Page<'p> {
    /// The row of `sampc list`.
    pub row: &'p Value,
    /// The lines of `sampc check -v`: a word, and what there is to say.
    pub lines: &'p [(String, String)],
    /// What the picture shows and the samplers in it, or why there is none.
    pub picture: Result<(String, Vec<String>), String>,
}

/// The name of a row.
pub fn name(row: &Value) -> &str {
    row["name"].as_str().expect("samplers have names")
}

/// The lines that say what a step costs.
const COSTS: &[&str] = &["evals", "draws", "state"];

impl Page<'_> {
    /// The page as Markdown.
    pub fn text(&self) -> String {
        let name = name(self.row);
        let file = format!("samples/samplers/{name}.samp");
        let text = read(&file);
        let about: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let rule: Vec<&str> = text.lines().skip(about.len()).collect();
        let mut page = format!("# `{name}`\n\n{}\n\n", about.join("\n"));
        for paper in papers(&about.join(" ")) {
            say(&mut page, format_args!("- Paper: [arXiv:{paper}](https://arxiv.org/abs/{paper})"));
        }
        say(&mut page, format_args!("- File: [{file}](../../{file})"));
        say(&mut page, format_args!("\n## The rule\n\n```samp\n{}\n```", rule.join("\n").trim()));
        let shared = of_the_prelude(&rule.join("\n"));
        if !shared.is_empty() {
            say(&mut page, format_args!("\nOf the [prelude](../../samples/prelude.samp):\n\n```samp\n{shared}\n```"));
        }
        page += "\n## As proved\n\n";
        page += &self.table(false);
        page += "\n## Cost of a step\n\n";
        page += &self.table(true);
        let names = names_elsewhere(name);
        if !names.is_empty() {
            page += "\n## Names elsewhere\n\n| project | name | what it is here |\n|---|---|---|\n";
        }
        for (project, name, here) in names {
            say(&mut page, format_args!("| {project} | {name} | `{here}` |"));
        }
        page += "\n## Error against model calls\n\n";
        match &self.picture {
            Err(why) => say(&mut page, format_args!("No picture: {why}.")),
            Ok((about, peers)) => {
                say(&mut page, format_args!("![Error of {name} against model calls]({name}.svg)\n\n{about}"));
                let links: Vec<String> = peers.iter().map(|peer| format!("[`{peer}`]({peer}.md)")).collect();
                if !links.is_empty() {
                    say(&mut page, format_args!("Beside it: {}.", links.join(", ")));
                }
            }
        }
        say(&mut page, format_args!("\n[All samplers](../samplers.md)"));
        page
    }

    fn table(&self, costs: bool) -> String {
        let mut table = "| what | found |\n|---|---|\n".to_owned();
        for (word, text) in self.lines.iter().filter(|(word, _)| COSTS.contains(&word.as_str()) == costs) {
            say(&mut table, format_args!("| {word} | {} |", text.replace('|', "\\|")));
        }
        table
    }
}

/// What a rule takes from the prelude, directly or by way of another function of it, in the order of the prelude.
fn of_the_prelude(rule: &str) -> String {
    let prelude = read("samples/prelude.samp");
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let declared = |line: &str| ["fn ", "const "].iter().find_map(|word| Some(line.strip_prefix(word)?.to_owned()));
    // Of functions without a blank line between them each is a line.
    let whole = prelude.split("\n\n").flat_map(|block| match block.matches("\nfn ").count() {
        0 | 1 => vec![block.trim()],
        _ => block.lines().collect(),
    });
    let items: Vec<(String, &str)> = whole
        .filter_map(|block| {
            let name = block.lines().find_map(declared)?;
            Some((name.chars().take_while(|c| is_name(*c)).collect(), block))
        })
        .collect();
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut texts = vec![rule];
    while let Some(text) = texts.pop() {
        let words: BTreeSet<&str> = text.split(|c| !is_name(c)).collect();
        let own = |name: &str| rule.contains(&format!("fn {name}(")) || rule.contains(&format!("let {name} "));
        for (name, block) in items.iter().filter(|(name, _)| words.contains(name.as_str()) && !own(name)) {
            if wanted.insert(name) {
                texts.push(block);
            }
        }
    }
    let texts: Vec<&str> =
        items.iter().filter(|(name, _)| wanted.contains(name.as_str())).map(|(_, text)| *text).collect();
    texts.join("\n\n")
}

fn say(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("a string takes text");
}

/// The arXiv numbers in a text, in order.
fn papers(about: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for rest in about.split("arXiv:").skip(1) {
        let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let number = number.trim_end_matches('.').to_owned();
        if !found.contains(&number) {
            found.push(number);
        }
    }
    found
}

/// Names of other projects for a sampler, or for one with it as its base: the project, the name, and what it is here.
fn names_elsewhere(name: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let of = |alias: &samp_std::Alias| {
        alias.slots().any(|(slot, here)| slot == "sampler" && (head(here) == name || base(here) == Some(name)))
    };
    samp_std::aliases().filter(of).map(|alias| (alias.project, alias.name, alias.here)).collect()
}

/// The item of an expression.
fn head(expression: &str) -> &str {
    expression.split(['(', ')', ',']).next().unwrap_or(expression).trim()
}

fn base(expression: &str) -> Option<&str> {
    expression.split_once("base = ").map(|(_, base)| head(base))
}

/// How well a sampler is known: how many projects have a name of their own for it, and how many names there are.
fn fame(name: &str) -> (usize, usize) {
    let of = |alias: &samp_std::Alias| alias.slots().any(|(slot, here)| slot == "sampler" && head(here) == name);
    let projects: Vec<&str> = samp_std::aliases().filter(of).map(|alias| alias.project).collect();
    (projects.iter().collect::<BTreeSet<_>>().len(), projects.len())
}

/// The order that is proved of a formula, or the weak order of a rule that draws noise.
fn order(row: &Value) -> &Value {
    let facts = &row["facts"];
    match facts["draws"]["of_ten"] == 0 && facts["weak_order"]["claimed"].is_null() {
        true => &facts["order"]["formula"],
        false => &facts["weak_order"]["claimed"],
    }
}

/// Who stands beside a sampler: of those that it can be compared with, the best known of its order and its evaluations a
/// step, of its order at other evaluations, of other orders at its evaluations, and of order 1 at one evaluation.
pub fn peers(row: &Value, others: &[&Value]) -> Vec<String> {
    let evals = |row: &Value| cell(&row["facts"]["evals"]["per_step"]);
    let like = |other: &Value| (order(other) == order(row), evals(other) == evals(row));
    let plain = |other: &Value| *order(other) == 1 && evals(other) == "1";
    let kinds: [&dyn Fn(&Value) -> bool; 4] = [
        &|other| like(other) == (true, true),
        &|other| like(other) == (true, false),
        &|other| like(other) == (false, true) && order(other).is_number(),
        &plain,
    ];
    let mut found: Vec<String> = Vec::new();
    for kind in kinds {
        let fit = others.iter().filter(|other| kind(other) && name(other) != name(row));
        let best = fit.map(|other| name(other)).min_by_key(|name| {
            let (projects, names) = fame(name);
            (usize::MAX - projects, usize::MAX - names, name.to_owned())
        });
        found.extend(best.filter(|best| !found.iter().any(|known| known == best)).map(str::to_owned));
    }
    found
}
