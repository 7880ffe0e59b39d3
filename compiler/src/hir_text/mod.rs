//! The text of the typed tree, for people: what the checker understood.
//!
//! One statement a line, every name with its number and, where it is declared, its type and rate:
//!
//! ```text
//! let l3 h: real step = sub(lambda(l2 t), lambda(l1 s))
//! ```
//!
//! It is deterministic and is not read back.

mod exprs;
mod items;

use crate::hir::{Frame, Hir, ItemId};

/// The text of an item.
pub fn print_item(hir: &Hir, item: ItemId) -> String {
    let code = &hir.items[item];
    Text { hir, frame: &code.frame }.item(item, code)
}

/// The text of everything that was checked: constants, functions, items, each in the order of their numbers.
pub fn print_hir(hir: &Hir) -> String {
    let consts = hir.consts.iter().map(|(id, constant)| Text { hir, frame: &constant.frame }.constant(id, constant));
    let fns = hir.fns.iter().map(|(id, function)| Text { hir, frame: &function.frame }.function(id, function));
    let items = hir.items.keys().map(|item| print_item(hir, item));
    let parts: Vec<String> = consts.chain(fns).chain(items).collect();
    parts.join("\n")
}

/// What the names of a text mean.
struct Text<'h> {
    hir: &'h Hir,
    frame: &'h Frame,
}
