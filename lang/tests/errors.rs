//! Every text of `tests/errors` as the user sees its mistakes; one mistake a file, the file's name says which.

mod common;

use common::parse;
use samp_lang::diag::render;

#[test]
fn mistakes_are_shown() {
    insta::glob!("errors/*.samp", |path| {
        let text = std::fs::read_to_string(path).expect("texts are UTF-8");
        let parsed = parse(&common::file_name(path), &text);
        assert!(!parsed.diagnostics.is_empty(), "no mistake found in {}", path.display());
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(render::human(&parsed.diagnostics, &parsed.sources, false));
        });
    });
}

#[test]
fn every_mistake_has_help() {
    for (name, text) in common::texts("errors") {
        for diagnostic in parse(&name, &text).diagnostics {
            assert!(diagnostic.help.is_some(), "{name}: `{}` has no help", diagnostic.message);
        }
    }
}
