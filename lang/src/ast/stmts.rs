//! Statements.

use super::{Expr, Kind, Name, Range, Type};
use crate::source::Span;

/// `{ .. }`.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it stands, with its braces.
    pub span: Span,
    /// Its statements.
    pub stmts: Vec<Stmt>,
}

/// `let name: type = ..`.
#[derive(Clone, Debug)]
pub struct Let {
    /// The name.
    pub name: Name,
    /// Its declared type.
    pub ty: Option<Type>,
    /// Its value.
    pub value: Expr,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub kind: StmtKind,
}

/// What a statement does.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let`.
    Let(Let),
    /// `var`.
    Var(Let),
    /// `return e`.
    Return(Expr),
    /// `for j in 0..n { .. }`.
    For {
        /// The loop's name.
        name: Name,
        /// What it runs over.
        range: Range,
        /// What is repeated.
        body: Block,
    },
    /// `stages k: eps`.
    Stages {
        /// Its name.
        name: Name,
        /// The kind of its entries.
        kind: Kind,
    },
    /// `emit name = e`.
    Emit {
        /// The name told to the observer.
        name: Name,
        /// The value.
        value: Expr,
    },
    /// `estimate e`.
    Estimate(Expr),
    /// `accept e`.
    Accept(Expr),
    /// `require e`.
    Require(Expr),
    /// `name <- e`.
    Store {
        /// What keeps it.
        name: Name,
        /// The value.
        value: Expr,
    },
    /// An expression: the value of a block, or an `if` with returns in it.
    Expr(Expr),
}
