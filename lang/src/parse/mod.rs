//! From text to tree.
//!
//! A text is scanned for its tokens, checked against limits, and read by the grammar in `samp.pest`. Where that fails
//! the text is taken item by item, so that every mistake is reported at once and the good items are kept. Bad input
//! gives diagnostics; it never panics and never takes more than linear time.

mod tokens;
mod limits;
mod grammar;
mod recover;
mod explain;
mod hints;
mod build;
mod items;
mod members;
mod types;
mod stmts;
mod exprs;
mod primary;

use pest::Parser;

use crate::ast::{Expr, Module};
use crate::diag::Diagnostic;
use crate::source::{FileId, SourceMap};
use build::{Builder, doc_text};
use grammar::{Grammar, Parts, Rule};
use recover::Chunk;
use tokens::Token;

/// Most syntax errors that are reported for one text.
const MAX_ERRORS: usize = 100;

/// A text on its way through the parser.
#[derive(Clone, Copy)]
struct Input<'a> {
    file: FileId,
    text: &'a str,
    tokens: &'a [Token],
}

/// Reads a file: its items, and a diagnostic for each item that cannot be read.
///
/// Items that cannot be read are missing in the module.
pub fn parse_module(sources: &SourceMap, file: FileId) -> (Module, Vec<Diagnostic>) {
    let text: &str = &sources.file(file).text;
    let mut module = Module { file, doc: Vec::new(), items: Vec::new() };
    if let Err(diagnostic) = limits::check_size(file, text) {
        return (module, vec![diagnostic]);
    }
    let tokens = tokens::scan(text);
    let input = Input { file, text, tokens: &tokens };
    let whole = recover::whole(input);
    if limits::check_depth(file, text, &tokens).is_ok() && read(input, whole, &mut module).is_ok() {
        return (module, Vec::new());
    }
    module = Module { file, doc: Vec::new(), items: Vec::new() };
    let mut diagnostics = Vec::new();
    let mut failed = false;
    for chunk in recover::chunks(input) {
        if failed && !chunk.starts_item {
            continue;
        }
        failed = match read(input, chunk, &mut module) {
            Ok(()) => false,
            Err(found) => {
                diagnostics.extend(found);
                true
            }
        };
        if diagnostics.len() >= MAX_ERRORS {
            break;
        }
    }
    (module, diagnostics)
}

/// Reads a text that is one expression, such as `ddim(eta = 1)`.
pub fn parse_expr(sources: &SourceMap, file: FileId) -> Result<Expr, Diagnostic> {
    let text: &str = &sources.file(file).text;
    limits::check_size(file, text)?;
    let tokens = tokens::scan(text);
    limits::check_depth(file, text, &tokens)?;
    let input = Input { file, text, tokens: &tokens };
    let whole = recover::whole(input);
    let part = &text[whole.start..whole.end];
    let mut pairs = Grammar::parse(Rule::expression, part).map_err(|error| explain::explain(input, whole, &error))?;
    let mut builder = Builder { file, offset: whole.start, tokens: &tokens, mistakes: Vec::new() };
    let expr = builder.expr(Parts::of(pairs.next().expect("a parse has one root")).need());
    match builder.mistakes.into_iter().next() {
        Some(mistake) => Err(mistake),
        None => Ok(expr),
    }
}

/// Reads the items of a chunk into the module, or says what is wrong in it.
fn read(input: Input<'_>, chunk: Chunk, module: &mut Module) -> Result<(), Vec<Diagnostic>> {
    limits::check_depth(input.file, input.text, chunk.tokens(input)).map_err(|diagnostic| vec![diagnostic])?;
    let part = &input.text[chunk.start..chunk.end];
    let mut pairs = Grammar::parse(Rule::file, part).map_err(|error| vec![explain::explain(input, chunk, &error)])?;
    let mut builder = Builder { file: input.file, offset: chunk.start, tokens: input.tokens, mistakes: Vec::new() };
    let mut items = Vec::new();
    for pair in Parts::of(pairs.next().expect("a parse has one root")) {
        match pair.as_rule() {
            Rule::file_doc => module.doc.push(doc_text(pair.as_str())),
            _ => items.push(builder.item(pair)),
        }
    }
    if !builder.mistakes.is_empty() {
        return Err(builder.mistakes);
    }
    module.items.extend(items);
    Ok(())
}
