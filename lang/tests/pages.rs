//! Every code has a page of the same form.

use samp_lang::diag::Code;

const SECTIONS: &[&str] = &["## What it means", "## Why it is an error", "## Example", "## Use instead"];

#[test]
fn pages_have_one_form() {
    for code in Code::ALL.iter().filter(|code| **code != Code::E0000) {
        let page = code.page();
        let title = format!("# {}: {}\n", code.name(), code.title());
        assert!(page.starts_with(&title), "{} starts with {title}", code.name());
        let headings: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, SECTIONS, "{}", code.name());
        assert_eq!(page.matches("```samp\n").count(), 2, "{} has two programs", code.name());
        assert_eq!(page.matches("```\n").count(), 2, "{} closes two programs", code.name());
    }
}

#[test]
fn codes_are_found_by_name() {
    assert_eq!(Code::from_name("e0002"), Some(Code::E0002));
    assert_eq!(Code::from_name("E9999"), None);
}
