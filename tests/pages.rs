//! The pages of `sampc explain`: each example gives the mistake of its page and no other, and what is to be used
//! instead is clean.

mod common;

use std::collections::BTreeSet;

use samp_lang::diag::{Code, render};

/// The two programs of a page: the example, and what to use instead.
fn programs(code: Code) -> (String, String) {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in code.page().lines() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => *block += &format!("{line}\n"),
            None if line == "```samp" => open = Some(String::new()),
            None => {}
        }
    }
    let mut blocks = blocks.into_iter();
    let (Some(example), Some(instead), None) = (blocks.next(), blocks.next(), blocks.next()) else {
        panic!("the page of {} has two programs", code.name());
    };
    (example, instead)
}

fn codes() -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied().filter(|code| *code != Code::E0000)
}

#[test]
fn examples_give_their_code() {
    let mut wrong = Vec::new();
    for code in codes() {
        let found = common::check(&format!("{}.samp", code.name()), &programs(code).0);
        let codes: BTreeSet<&str> = found.codes().into_iter().collect();
        if codes != BTreeSet::from([code.name()]) {
            wrong.push(format!(
                "{} gives {codes:?}\n{}",
                code.name(),
                render::short(&found.diagnostics, &found.sources)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_to_use_instead_is_clean() {
    let mut wrong = Vec::new();
    for code in codes() {
        let found = common::check(&format!("{}.samp", code.name()), &programs(code).1);
        if !found.diagnostics.is_empty() {
            wrong.push(render::short(&found.diagnostics, &found.sources));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
