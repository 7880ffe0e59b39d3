//! The syntax tree: what a `.samp` text says, before anything is known about what it means.
//!
//! One type per rule of the grammar that carries meaning; every node that an error can point at has its [`Span`].
//! Names are not resolved, kinds and types are only names here.

use std::sync::Arc;

use crate::source::{FileId, Span};

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
