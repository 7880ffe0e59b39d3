//! The syntax tree as text, one node a line: its word, its name or value, and its bytes in the text.
//!
//! ```text
//! sampler euler 0..97
//!   rule step x 20..95
//!     from: kind sample 28..36
//! ```

mod items;
mod types;
mod stmts;
mod exprs;

use std::fmt::{Display, Write};

use crate::ast::Module;
use crate::source::Span;

/// The tree of a file as indented text.
pub fn print_module(module: &Module) -> String {
    let mut tree = Tree { out: String::new(), depth: 0 };
    tree.line("module");
    tree.inside(|tree| {
        tree.docs(&module.doc);
        for item in &module.items {
            tree.item(item);
        }
    });
    tree.out
}

/// The text so far, and how deep the next line is.
struct Tree {
    out: String,
    depth: usize,
}

impl Tree {
    /// A line without a place.
    fn line(&mut self, text: impl Display) {
        let indent = self.depth * 2;
        writeln!(self.out, "{:indent$}{text}", "").expect("writing to a string does not fail");
    }

    /// A line for a node and its place.
    fn node(&mut self, text: impl Display, span: Span) {
        self.line(format_args!("{text} {span}"));
    }

    /// Lines one deeper.
    fn inside(&mut self, write: impl FnOnce(&mut Tree)) {
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    /// A heading and the lines below it.
    fn part(&mut self, heading: impl Display, write: impl FnOnce(&mut Tree)) {
        self.line(heading);
        self.inside(write);
    }

    fn docs(&mut self, lines: &[String]) {
        for line in lines {
            self.line(format_args!("doc {line:?}"));
        }
    }
}
