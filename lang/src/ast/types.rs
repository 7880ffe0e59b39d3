//! Types, kinds and ranges.

use super::{Expr, Name};
use crate::source::Span;

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type {
    /// Where it stands.
    pub span: Span,
    /// What it says.
    pub kind: TypeKind,
}

/// What a type says.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `fn(real) -> real`.
    Fn {
        /// Its parameters.
        params: Vec<Type>,
        /// Its result.
        result: Box<Type>,
    },
    /// `bh1 | bh2`.
    Choice(Vec<Name>),
    /// `real in [0, 1]`, `level[]`, `sample@s`, `x0[]`.
    Plain {
        /// The word, with its level.
        kind: Kind,
        /// `[]` or `[n]`, outermost last.
        extents: Vec<Option<Expr>>,
        /// `in ..`.
        domain: Option<Domain>,
    },
}

/// The values an option or a clock may take.
#[derive(Clone, Debug)]
pub enum Domain {
    /// `[0, 1)`.
    Interval(Interval),
    /// `1..=4`; a single expression is the clock of another schedule.
    Range(Range),
}

/// A kind name with its level: `sample@t`, `x0`.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The whole.
    pub span: Span,
    /// The word.
    pub name: Name,
    /// The level behind `@`.
    pub level: Option<LevelRef>,
}

/// The level of a kind: a name, or an entry of the grid.
#[derive(Clone, Debug)]
pub struct LevelRef {
    /// The name.
    pub name: Name,
    /// `[i + 2]`.
    pub index: Option<Box<Range>>,
}

/// `[0, 1)`.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Where it stands.
    pub span: Span,
    /// The lower end belongs to it.
    pub closed_low: bool,
    /// The lower end.
    pub low: Box<Expr>,
    /// The upper end.
    pub high: Box<Expr>,
    /// The upper end belongs to it.
    pub closed_high: bool,
}

/// `a..b`, `a..=b`, `a..`, `..b`, or one expression.
#[derive(Clone, Debug)]
pub struct Range {
    /// Where it stands.
    pub span: Span,
    /// The lower end, or the single expression.
    pub low: Option<Box<Expr>>,
    /// The dots.
    pub dots: Dots,
    /// The upper end.
    pub high: Option<Box<Expr>>,
}

/// How a range is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dots {
    /// No dots: one expression.
    Single,
    /// `..`: without the upper end.
    HalfOpen,
    /// `..=`: with it.
    Closed,
}
