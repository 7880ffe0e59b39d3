//! The syntax of `.samp`: source texts, the grammar, the syntax tree, diagnostics.
//!
//! Text goes in, an [`ast::Module`] and [`diag::Diagnostic`]s come out. There are no numerics here and no I/O.

pub mod source;
pub mod ast;
pub mod diag;
mod parse;
mod print;
pub mod suggest;

pub use parse::{parse_expr, parse_module};
pub use print::print_module;
