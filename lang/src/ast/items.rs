//! Items and their members.

use std::sync::Arc;

use super::{Block, Domain, Expr, Kind, Let, Name, Type};
use crate::source::Span;

/// A parameter or option.
#[derive(Clone, Debug)]
pub struct Param {
    /// The `///` lines.
    pub doc: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Its declared type.
    pub ty: Option<Type>,
    /// Its default.
    pub default: Option<Expr>,
}

/// `schedule NAME(..) in .. { .. }`.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name.
    pub name: Name,
    /// Its options.
    pub params: Vec<Param>,
    /// `in vp`, `in base`.
    pub coordinates: Option<Name>,
    /// Its members.
    pub members: Vec<ScheduleMember>,
}

/// A member of a schedule.
#[derive(Clone, Debug)]
pub enum ScheduleMember {
    /// `clock u in [0, 1]`, `clock i in 0..1000`, `clock u in base`.
    Clock {
        /// The clock's name.
        name: Name,
        /// Its values.
        domain: Domain,
    },
    /// `alpha = ..` and the like.
    Curve {
        /// `alpha`, `sigma`, `lambda` or `rho`.
        coordinate: Name,
        /// Its value at the clock.
        value: Expr,
    },
    /// `inverse l = ..`: the clock at a half log-SNR.
    Inverse {
        /// The name of the half log-SNR.
        name: Name,
        /// The clock there.
        value: Expr,
    },
    /// A `let`.
    Let(Let),
    /// A `require`.
    Require(Expr),
}

/// `grid NAME(..) = ..`.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Its name.
    pub name: Name,
    /// Its options.
    pub params: Vec<Param>,
    /// The list of levels.
    pub body: Body,
}

/// A model, guidance or sampler: items that are a rule with members around it.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its name.
    pub name: Name,
    /// Its options.
    pub params: Vec<Param>,
    /// `in ve`.
    pub coordinates: Option<Name>,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member with its `///` lines.
#[derive(Clone, Debug)]
pub struct Member {
    /// The `///` lines.
    pub doc: Vec<String>,
    /// The whole member.
    pub span: Span,
    /// What it says.
    pub kind: MemberKind,
}

/// What a member of a model, guidance or sampler says.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// `step x: sample@s -> sample@t { .. }` or `call x: sample@s -> x0 { .. }`.
    Rule(Rule),
    /// `control h, e { .. }`.
    Control {
        /// The step length.
        step: Name,
        /// The error.
        error: Name,
        /// What decides.
        body: Block,
    },
    /// `history d: x0[2]`.
    History {
        /// Its name.
        name: Name,
        /// The kind of its entries.
        kind: Kind,
        /// How many it holds.
        depth: Expr,
    },
    /// `state y: sample = ..`.
    State {
        /// Its name.
        name: Name,
        /// Its type.
        ty: Type,
        /// Its first value.
        init: Option<Expr>,
    },
    /// `input mask: weight`.
    Input(Input),
    /// `view range: weight`.
    View {
        /// Its name.
        name: Name,
        /// Its kind.
        kind: Kind,
    },
    /// `branch cond, uncond`.
    Branches(Vec<Name>),
    /// `learn r: real[n] in (0, 1) = 0.5`.
    Learn {
        /// Its name.
        name: Name,
        /// Its type.
        ty: Type,
        /// The value before learning.
        init: Expr,
    },
    /// A `let` computed once per step, before the rule.
    Let(Let),
    /// `require ..`.
    Require(Expr),
    /// `adaptive per sample over lambda from 0.05`.
    Adaptive {
        /// `per sample` was written.
        per_sample: bool,
        /// The coordinate that is stepped in.
        over: Name,
        /// The first step length.
        from: Expr,
    },
    /// `approximate`.
    Approximate,
    /// `only flow, vp`.
    Only(Vec<Name>),
    /// `order ..`, `weak order ..`, `evals ..`.
    Claim(Claim),
}

/// `input known: sample@clean`.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Type,
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimKind {
    /// `order`.
    Order,
    /// `weak order`.
    WeakOrder,
    /// `evals`.
    Evals,
}

/// `order 2 when eta == 0`.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What it is about.
    pub kind: ClaimKind,
    /// The claimed number.
    pub value: Expr,
    /// When it holds.
    pub when: Option<Expr>,
}

/// `step x: sample@s -> sample@t { .. }`, `call x: sample@s -> eps { .. }`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `step` or `call`.
    pub word: Name,
    /// The sample's name.
    pub argument: Name,
    /// The kind that comes in.
    pub from: Kind,
    /// The kind that goes out.
    pub to: Kind,
    /// What it does.
    pub body: Block,
}

/// `pipeline NAME { .. }`.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name.
    pub name: Name,
    /// Its options.
    pub params: Vec<Param>,
    /// Its members.
    pub members: Vec<PipelineMember>,
}

/// A member of a pipeline.
#[derive(Clone, Debug)]
pub enum PipelineMember {
    /// `input image: sample@clean`.
    Input(Input),
    /// A `let`.
    Let(Let),
    /// `grid karras`.
    Slot {
        /// Which slot.
        slot: Name,
        /// What fills it.
        value: Expr,
    },
}

/// `fn name(..) -> type = ..`.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its declared result.
    pub result: Option<Type>,
    /// What it computes.
    pub body: Body,
}

/// `const name: type = ..`.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name.
    pub name: Name,
    /// Its declared type.
    pub ty: Option<Type>,
    /// Its value.
    pub value: Expr,
}

/// `extern name(..) -> type`, or with `= ..` behind it.
#[derive(Clone, Debug)]
pub struct Extern {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its result.
    pub result: Type,
    /// What it is where no host gives one.
    pub otherwise: Option<Expr>,
}

/// `test "..." { expect .. }`.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it says it tests.
    pub name: Arc<str>,
    /// Its claims.
    pub expects: Vec<Expr>,
}

/// `{ .. }` or `= ..`.
#[derive(Clone, Debug)]
pub enum Body {
    /// Statements with a written `return`.
    Block(Block),
    /// One expression.
    Expr(Expr),
}
