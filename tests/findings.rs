//! The rules of `docs/findings`: each is refused, for the reason that the text gives.

mod common;

use common::{check, read, samp_files};

#[test]
fn every_finding_is_refused_as_told() {
    let text = read("docs/findings.md");
    let files = samp_files("docs/findings");
    assert_eq!(files.len(), 5);
    for file in files {
        let name = file.rsplit('/').next().unwrap_or(&file);
        let row = text.lines().find(|line| line.starts_with(&format!("| [`{name}`]")));
        let row = row.unwrap_or_else(|| panic!("{name} has a row in the table"));
        let codes = check(&file, &read(&file)).codes();
        assert!(codes.len() == 1 && row.ends_with(&format!("| {} |", codes[0])), "{name}: {codes:?}");
    }
}
