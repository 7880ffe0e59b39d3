//! `sampc list`: the standard library.

use std::process::ExitCode;

use samp_compiler::check::Checker;
use samp_compiler::hir::ItemId;
use samp_compiler::library::{Library, std_names};
use samp_compiler::prove::{Facts, Ready, prove_all};
use samp_compiler::types::ItemSort;
use serde::Serialize;

use crate::args::{Format, ListArgs};
use crate::facts;
use crate::report::Failed;

/// A row of the list.
#[derive(Serialize)]
pub struct Row {
    sort: &'static str,
    name: String,
    about: String,
    paper: Option<String>,
    #[serde(serialize_with = "object")]
    facts: Option<Facts>,
}

/// The facts as `check --format json` gives them.
fn object<S: serde::Serializer>(facts: &Option<Facts>, to: S) -> Result<S::Ok, S::Error> {
    facts.as_ref().map(facts::object).serialize(to)
}

/// Prints the library.
pub fn list(args: &ListArgs) -> Result<ExitCode, Failed> {
    let sorts: Vec<ItemSort> = match &args.sort {
        None => ItemSort::ALL.iter().map(|(sort, _, _)| *sort).collect(),
        Some(name) => {
            let found = ItemSort::from_folder(name).or_else(|| ItemSort::from_name(name));
            let folders: Vec<String> = ItemSort::ALL.iter().map(|(_, _, folder)| format!("`{folder}`")).collect();
            vec![found.ok_or_else(|| {
                Failed::Usage(format!("`{name}` is no part of the library; there are {}", folders.join(", ")))
            })?]
        }
    };
    if args.aliases {
        print_aliases(&sorts);
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    for sort in sorts {
        rows.extend(rows_of(sort));
    }
    match args.format {
        Format::Json => println!("{}", serde_json::to_string(&rows).unwrap_or_default()),
        Format::Short => rows.iter().for_each(|row| println!("{} {}", row.sort, row.name)),
        Format::Human => print(&rows),
    }
    Ok(ExitCode::SUCCESS)
}

/// The items of one sort.
pub fn rows_of(sort: ItemSort) -> Vec<Row> {
    let loader = |_: &str| Err("no files are read here".to_owned());
    let mut checker = Checker::new(Library::new(&loader));
    let mut found = Vec::new();
    let mut ready = Vec::new();
    for name in std_names(sort) {
        let Some(unit) = checker.lib.std(&format!("{}/{name}.samp", sort.folder())) else { continue };
        let Some(item) = checker.named_item(unit, sort, name) else { continue };
        found.push((name, item));
        if sort == ItemSort::Sampler {
            ready.extend(Ready::new(&mut checker, unit, &[item]));
        }
    }
    let mut reports = prove_all(&checker, &ready);
    let row = |(name, item): (&str, ItemId)| {
        let doc = &checker.hir.items[item].doc;
        Row {
            sort: sort.name(),
            name: name.to_owned(),
            about: first_sentence(doc),
            paper: paper(doc),
            facts: reports.iter_mut().find(|report| report.item == item).and_then(|report| report.facts.take()),
        }
    };
    found.into_iter().map(row).collect()
}

/// Names elsewhere, by project.
fn print_aliases(sorts: &[ItemSort]) {
    let named = |here: &str| sorts.iter().any(|sort| here.split('=').next().unwrap_or("").trim() == sort.name());
    let aliases: Vec<_> = samp_std::aliases().filter(|alias| named(alias.here)).collect();
    let width = |of: fn(&samp_std::Alias) -> usize| aliases.iter().map(of).max().unwrap_or(0);
    let (project, name) = (width(|alias| alias.project.len()), width(|alias| alias.name.len()));
    for alias in &aliases {
        println!("{:project$}  {:name$}  {}", alias.project, alias.name, alias.here);
    }
}

fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut sort = "";
    for row in rows {
        if row.sort != sort {
            if !sort.is_empty() {
                println!();
            }
            sort = row.sort;
            match sort {
                "sampler" => println!("{:width$}  order   evals  noise  families    paper       about", "samplers"),
                other => println!("{}", ItemSort::from_name(other).map_or(other, ItemSort::folder)),
            }
        }
        let paper = row.paper.as_deref().unwrap_or("");
        match &row.facts {
            None => println!("{:width$}  {}", row.name, row.about),
            Some(facts) => {
                let (order, families) = (facts::order_cell(facts), facts.families.join(" "));
                let (evals, noise) = (facts.evals.per_step, if facts.draws.of_ten > 0 { "yes" } else { "-" });
                println!(
                    "{:width$}  {order:<6}  {evals:<5}  {noise:<5}  {families:<10}  {paper:<10}  {}",
                    row.name, row.about
                );
            }
        }
    }
}

/// What stands before the first reference.
fn first_sentence(doc: &str) -> String {
    let end = doc.find(". ").map_or(doc.len(), |end| end);
    doc[..end].trim_end_matches('.').to_owned()
}

/// The arXiv number in a text.
fn paper(doc: &str) -> Option<String> {
    let start = doc.find("arXiv:")? + "arXiv:".len();
    let number: String = doc[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    Some(number.trim_end_matches('.').to_owned()).filter(|number| !number.is_empty())
}
