//! Expressions.

use std::sync::Arc;

use super::{Block, Interval, Kind, Name, Param, Range};
use crate::source::Span;

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it says.
    pub kind: ExprKind,
}

/// What an expression says.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A whole number, written without point and exponent.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// `"text"`.
    Str(Arc<str>),
    /// `true`, `false`.
    Bool(bool),
    /// `none`.
    None,
    /// A name.
    Name(Arc<str>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `[e for j in ..]`.
    Comprehension(Box<Comprehension>),
    /// `f(a, b = c)`.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// Its arguments.
        args: Vec<Arg>,
    },
    /// `a[j]`, `a[1..]`.
    Index {
        /// The list.
        base: Box<Expr>,
        /// The place, or the slice.
        index: Range,
    },
    /// `tab.order`.
    Field {
        /// The record.
        base: Box<Expr>,
        /// The field.
        name: Name,
    },
    /// `if c { .. } else { .. }`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// When it holds.
        then: Block,
        /// When not: a block, or another `if` as the block's only value.
        otherwise: Option<Block>,
    },
    /// `match e { .. }`.
    Match {
        /// What is looked at.
        value: Box<Expr>,
        /// The arms, tried in order.
        arms: Vec<Arm>,
    },
    /// `fn(r) { .. }`.
    Lambda {
        /// Its parameters.
        params: Vec<Param>,
        /// What it computes.
        body: Block,
    },
    /// `-e`, `not e`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        value: Box<Expr>,
    },
    /// `a + b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `e in [a, b)`.
    Within {
        /// What is looked at.
        value: Box<Expr>,
        /// Where it may lie.
        interval: Interval,
    },
    /// `e as sample@t because ".."`.
    Cast {
        /// What is renamed.
        value: Box<Expr>,
        /// Its new kind.
        kind: Kind,
        /// Why.
        reason: Arc<str>,
    },
}

/// One `for` clause.
#[derive(Clone, Debug)]
pub struct Each {
    /// The name.
    pub name: Name,
    /// What it runs over.
    pub range: Range,
}

/// `e for j in .. for k in .. if ..`.
#[derive(Clone, Debug)]
pub struct Comprehension {
    /// The value for each round.
    pub element: Expr,
    /// The `for` clauses, outermost first.
    pub clauses: Vec<Each>,
    /// The filter.
    pub condition: Option<Expr>,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Arg {
    /// By place.
    Positional(Expr),
    /// By name.
    Named(Name, Expr),
    /// `sum(e for j in ..)`.
    Each(Comprehension),
}

/// One arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// What is matched.
    pub pattern: Pattern,
    /// Where the pattern stands.
    pub span: Span,
    /// The value.
    pub body: Block,
}

/// A pattern of a `match`.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A whole number.
    Int(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A choice.
    Choice(Arc<str>),
    /// `_`.
    Rest,
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`.
    Neg,
    /// `not`.
    Not,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`.
    Or,
    /// `and`.
    And,
    /// `==`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `div`.
    IntDiv,
    /// `mod`.
    Mod,
    /// `^`.
    Pow,
}

impl BinaryOp {
    /// The operator as written.
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::IntDiv => "div",
            BinaryOp::Mod => "mod",
            BinaryOp::Pow => "^",
        }
    }
}
