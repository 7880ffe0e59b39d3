//! From the typed tree to a program.
//!
//! Items and functions that an item leads to become functions of SSA values; functions written in place are lifted
//! out with what they capture; `and`, `or` and `match` become `if`. Nothing is evaluated.

mod builder;
mod exprs;
mod items;

use std::collections::HashMap;

use crate::hir::{self, Hir};
use crate::ir::program::{Func, ItemRef, Program};

/// The program of some items and all that they lead to.
pub struct Lowered {
    /// The program.
    pub program: Program,
    /// Where each asked item is in it, in the order asked.
    pub items: Vec<ItemRef>,
    /// Where each asked constant or function is.
    pub values: Vec<Func>,
}

/// A constant, or a function of one number and of what has a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A constant.
    Const(hir::ConstId),
    /// A function.
    Fn(hir::FnId),
}

/// Lowers items and what they lead to.
pub fn lower(hir: &Hir, items: &[hir::ItemId]) -> Lowered {
    lower_with(hir, items, &[])
}

/// Lowers items, constants and functions, and what they lead to.
pub fn lower_with(hir: &Hir, items: &[hir::ItemId], values: &[Named]) -> Lowered {
    let mut ctx =
        Lower { hir, program: Program::default(), items: HashMap::new(), fns: HashMap::new(), consts: HashMap::new() };
    let items = items.iter().map(|item| ctx.item(*item)).collect();
    let values = values
        .iter()
        .map(|value| match value {
            Named::Const(id) => ctx.constant(*id),
            Named::Fn(id) => ctx.of_number(*id),
        })
        .collect();
    Lowered { program: ctx.program, items, values }
}

/// Lowers tests, and items that they are measured with: for each claim of each test the functions of its values.
pub fn lower_tests(hir: &Hir, tests: &[hir::TestId], items: &[hir::ItemId]) -> (Lowered, Vec<Vec<Vec<Func>>>) {
    let mut ctx =
        Lower { hir, program: Program::default(), items: HashMap::new(), fns: HashMap::new(), consts: HashMap::new() };
    let claims = tests.iter().map(|test| ctx.test(&hir.tests[*test])).collect();
    let items = items.iter().map(|item| ctx.item(*item)).collect();
    (Lowered { program: ctx.program, items, values: Vec::new() }, claims)
}

pub(crate) struct Lower<'h> {
    hir: &'h Hir,
    program: Program,
    items: HashMap<hir::ItemId, ItemRef>,
    fns: HashMap<hir::FnId, FnCode>,
    consts: HashMap<hir::ConstId, Func>,
}

/// A function and the functions that give its defaults.
#[derive(Clone)]
pub(crate) struct FnCode {
    run: Func,
    defaults: Vec<Option<Func>>,
}
