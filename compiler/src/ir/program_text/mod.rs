//! The text form of a program: printing and parsing.
//!
//! ```text
//! item0 grid given(levels) {
//!   bind f0
//!   levels f1
//! }
//!
//! fn f0 grid.given.options(v0: list plan) {
//!   v1: list plan = list v0
//!   result v1
//! }
//! ```
//!
//! One statement a line; blank lines and lines that start with `//` are skipped. A line that defines a value says its
//! shape and its rate. An operation stands before what it is told, then its operands, then its blocks in braces, with
//! what each round brings in front: `each v4 (v5: int plan) {`. The last line of a block may be its `result`. Names
//! that are not words stand in quotes.
//!
//! [`parse`] reads what [`print()`] writes back as an equal program; spans are not part of the text. It never panics,
//! and leaves meaning (is `v9` defined?) to the verifier.

mod print;
mod parse;
mod ops;
mod lex;

pub use parse::parse;
pub use print::print;

/// A line that is not program text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}
