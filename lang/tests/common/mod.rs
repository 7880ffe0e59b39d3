//! What the tests of the parser share.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};

use samp_lang::ast::Module;
use samp_lang::diag::Diagnostic;
use samp_lang::parse_module;
use samp_lang::source::{FileId, SourceMap};

/// A parsed text.
pub struct Parsed {
    pub sources: SourceMap,
    pub file: FileId,
    pub module: Module,
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// The names of the items that were read.
    pub fn names(&self) -> Vec<String> {
        let name = |item: &samp_lang::ast::Item| item.kind.name().map_or("-".to_owned(), |name| name.text.to_string());
        self.module.items.iter().map(name).collect()
    }

    /// The codes of what was reported.
    pub fn codes(&self) -> Vec<&'static str> {
        self.diagnostics.iter().map(|one| one.code.name()).collect()
    }
}

/// Parses a text under a name.
pub fn parse(name: &str, text: &str) -> Parsed {
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    let (module, diagnostics) = parse_module(&sources, file);
    Parsed { sources, file, module, diagnostics }
}

/// The texts of `tests/<folder>`, with their names, in order.
pub fn texts(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the folder exists")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| (file_name(path), std::fs::read_to_string(path).expect("texts are UTF-8"))).collect()
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}
