//! Every text of `tests/trees` as its tree.

mod common;

use common::parse;

#[test]
fn trees_are_printed() {
    insta::glob!("trees/*.samp", |path| {
        let text = std::fs::read_to_string(path).expect("texts are UTF-8");
        let parsed = parse("tree.samp", &text);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(samp_lang::print_module(&parsed.module));
        });
    });
}
