//! The syntax tree: what a `.samp` text says, before anything is known about what it means.
//!
//! One type per rule of the grammar that carries meaning; every node that an error can point at has its [`Span`].
//! Names are not resolved, kinds and types are only names here.

mod exprs;
mod items;
mod stmts;
mod types;

use std::sync::Arc;

use crate::source::{FileId, Span};

pub use exprs::*;
pub use items::*;
pub use stmts::*;
pub use types::*;

/// A name as written.
#[derive(Clone, Debug)]
pub struct Name {
    /// The word.
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Module {
    /// The text it was read from.
    pub file: FileId,
    /// The `//!` lines, without the marks.
    pub doc: Vec<String>,
    /// Items in the order they stand; items that did not parse are missing here and reported.
    pub items: Vec<Item>,
}

/// One item with its `///` lines.
#[derive(Clone, Debug)]
pub struct Item {
    /// The `///` lines, without the marks.
    pub doc: Vec<String>,
    /// The whole item.
    pub span: Span,
    /// What it declares.
    pub kind: ItemKind,
}

/// What an item declares.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// `use std.samplers.{ddim}`.
    Use(Use),
    /// A curve in the (alpha, sigma) plane and a clock.
    Schedule(Schedule),
    /// A list of levels.
    Grid(Grid),
    /// How the network is called.
    Model(Rules),
    /// How branches of a call combine.
    Guidance(Rules),
    /// A step rule.
    Sampler(Rules),
    /// One of each.
    Pipeline(Pipeline),
    /// A function.
    Fn(Function),
    /// A constant.
    Const(Constant),
    /// A function of the host.
    Extern(Extern),
    /// Claims to measure.
    Test(Test),
}

impl ItemKind {
    /// The declared name; `use` and `test` have none.
    pub fn name(&self) -> Option<&Name> {
        match self {
            ItemKind::Use(_) | ItemKind::Test(_) => None,
            ItemKind::Schedule(item) => Some(&item.name),
            ItemKind::Grid(item) => Some(&item.name),
            ItemKind::Model(item) | ItemKind::Guidance(item) | ItemKind::Sampler(item) => Some(&item.name),
            ItemKind::Pipeline(item) => Some(&item.name),
            ItemKind::Fn(item) => Some(&item.name),
            ItemKind::Const(item) => Some(&item.name),
            ItemKind::Extern(item) => Some(&item.name),
        }
    }

    /// The word that introduces the item.
    pub fn keyword(&self) -> &'static str {
        match self {
            ItemKind::Use(_) => "use",
            ItemKind::Schedule(_) => "schedule",
            ItemKind::Grid(_) => "grid",
            ItemKind::Model(_) => "model",
            ItemKind::Guidance(_) => "guidance",
            ItemKind::Sampler(_) => "sampler",
            ItemKind::Pipeline(_) => "pipeline",
            ItemKind::Fn(_) => "fn",
            ItemKind::Const(_) => "const",
            ItemKind::Extern(_) => "extern",
            ItemKind::Test(_) => "test",
        }
    }
}

/// `use FROM.{a, b}`.
#[derive(Clone, Debug)]
pub struct Use {
    /// Where the names come from.
    pub from: UseFrom,
    /// The span of the source that is named.
    pub from_span: Span,
    /// The names brought in.
    pub names: Vec<Name>,
}

/// Where a `use` looks.
#[derive(Clone, Debug)]
pub enum UseFrom {
    /// A dotted path, such as `std.samplers`.
    Path(Vec<Name>),
    /// A file, relative to the one that names it.
    File(Arc<str>),
}
