//! The resolved and typed tree: every name is bound, every expression has a type and a rate.
//!
//! The checker makes it from the syntax tree and `lower` turns it into a [`crate::ir::program::Program`]. Items and
//! functions have one table of locals each; functions written inside them share it.

use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};
use samp_lang::ast::{BinaryOp, ClaimKind};
use samp_lang::source::Span;

use crate::builtins::Builtin;
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};
pub use crate::words::{Coordinate, Family, Field, Measure, Operator, Position, Reduce, Slot};

/// A named value of an item or function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Local(u32);
entity_impl!(Local, "l");

/// An item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(u32);
entity_impl!(ItemId, "item");

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FnId(u32);
entity_impl!(FnId, "fn");

/// A constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConstId(u32);
entity_impl!(ConstId, "const");

/// A test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TestId(u32);
entity_impl!(TestId, "test");

/// Everything that was checked.
#[derive(Debug, Default)]
pub struct Hir {
    /// Items.
    pub items: PrimaryMap<ItemId, Item>,
    /// Functions.
    pub fns: PrimaryMap<FnId, Function>,
    /// Constants.
    pub consts: PrimaryMap<ConstId, Constant>,
    /// Tests.
    pub tests: PrimaryMap<TestId, Test>,
}

/// A named value.
#[derive(Clone, Debug)]
pub struct LocalInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub span: Span,
    /// Its type.
    pub ty: Ty,
    /// When it is known.
    pub rate: Rate,
}

/// A function written in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LambdaId(u32);
entity_impl!(LambdaId, "lambda");

/// What an item or function names inside.
#[derive(Debug, Default)]
pub struct Frame {
    /// Named values.
    pub locals: PrimaryMap<Local, LocalInfo>,
    /// Functions written in place.
    pub lambdas: PrimaryMap<LambdaId, Lambda>,
}

/// A function written in place.
#[derive(Debug, Default)]
pub struct Lambda {
    /// Its parameters.
    pub params: Vec<Local>,
    /// What it computes; empty if it is never called.
    pub body: Block,
}

/// An item.
#[derive(Debug)]
pub struct Item {
    /// What it is.
    pub sort: ItemSort,
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands.
    pub span: Span,
    /// The first paragraph of its documentation.
    pub doc: String,
    /// Its options.
    pub options: Vec<Opt>,
    /// What it names inside.
    pub frame: Frame,
    /// What it does.
    pub body: ItemBody,
}

/// An option of an item, or a parameter of a function.
#[derive(Debug)]
pub struct Opt {
    /// Its local.
    pub local: Local,
    /// Its documentation.
    pub doc: String,
    /// The values it may take.
    pub bounds: Option<Bounds>,
    /// The value it has when none is given.
    pub default: Option<Expr>,
    /// How many numbers it holds, where it is learned as a list.
    pub entries: Option<Expr>,
    /// It is a deliberate factor on noise, which proofs take as 1.
    pub inflation: bool,
}

/// An interval of numbers.
#[derive(Debug)]
pub struct Bounds {
    /// As written.
    pub text: Arc<str>,
    /// The lower end and whether it belongs to the interval.
    pub low: Option<(Expr, bool)>,
    /// The upper end and whether it belongs to the interval.
    pub high: Option<(Expr, bool)>,
}

/// What an item does.
#[derive(Debug)]
pub enum ItemBody {
    /// A curve.
    Schedule(Box<Schedule>),
    /// A list of levels.
    Grid(Block),
    /// A rule.
    Rules(Box<Rules>),
    /// Slots.
    Pipeline(Pipeline),
}

/// A curve and its clock.
#[derive(Debug)]
pub struct Schedule {
    /// The curve in the plane, where it is one of the three.
    pub curve: Curve,
    /// Values computed once.
    pub lets: Vec<Stmt>,
    /// The clock's name.
    pub clock: Local,
    /// The clock's values.
    pub domain: Clock,
    /// Coordinates as functions of the clock.
    pub coordinates: Vec<(Coordinate, Expr)>,
    /// The clock as a function of the half log-SNR.
    pub inverse: Option<(Local, Expr)>,
}

/// Where a schedule lies in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// On one of the three curves.
    Family(Family),
    /// On the curve of the schedule in this option.
    Of(Local),
    /// Both alpha and sigma are given.
    Own,
}

/// The values of a clock.
#[derive(Debug)]
pub enum Clock {
    /// Whole numbers: the schedule is a table.
    Table {
        /// The first.
        low: Expr,
        /// One past the last.
        high: Expr,
    },
    /// Real numbers.
    Interval {
        /// The cleanest end.
        low: Expr,
        /// The noisiest end.
        high: Expr,
    },
    /// The clock of another schedule.
    Of(Expr),
}

/// A model, guidance or sampler.
#[derive(Debug)]
pub struct Rules {
    /// It is written in VE coordinates.
    pub ve: bool,
    /// The sample that comes in.
    pub x: Local,
    /// The level it is at.
    pub s: Local,
    /// The level that the result must be at; for samplers.
    pub t: Option<Local>,
    /// The kind of the result.
    pub gives: Kind,
    /// Where the result's kind is written.
    pub gives_span: Span,
    /// Values computed before the rule.
    pub lets: Vec<Stmt>,
    /// Predictions kept from step to step.
    pub histories: Vec<History>,
    /// Values kept from step to step.
    pub states: Vec<State>,
    /// Tensors of the caller.
    pub inputs: Vec<Local>,
    /// Branches.
    pub branches: Vec<Arc<str>>,
    /// Further outputs: those that a model gives, or that a sampler reads.
    pub views: Vec<(Arc<str>, Kind)>,
    /// The rule.
    pub body: Block,
    /// The families claimed; empty means all.
    pub only: Vec<Family>,
    /// The rule is only consistent.
    pub approximate: bool,
    /// Facts claimed.
    pub claims: Vec<Claim>,
    /// How it finds its steps, if the grid does not give them.
    pub adaptive: Option<Adaptive>,
}

/// How a sampler finds its own steps.
#[derive(Debug)]
pub struct Adaptive {
    /// Where it says so.
    pub span: Span,
    /// Each sample has steps of its own.
    pub per_sample: bool,
    /// The coordinate that step lengths are in.
    pub over: Coordinate,
    /// The first step length.
    pub from: Expr,
    /// What decides.
    pub control: Control,
}

/// Decides from the length and the error of a step whether it counts, and how long the next one is.
#[derive(Debug)]
pub struct Control {
    /// Where it stands.
    pub span: Span,
    /// The step length.
    pub step: Local,
    /// The error.
    pub error: Local,
    /// What gives the next length.
    pub body: Block,
}

/// A fact that is claimed.
#[derive(Debug)]
pub struct Claim {
    /// What about.
    pub kind: ClaimKind,
    /// The number.
    pub value: Expr,
    /// When.
    pub when: Option<Expr>,
}

/// A ring of predictions.
#[derive(Debug)]
pub struct History {
    /// Its name.
    pub local: Local,
    /// The kind of its entries.
    pub kind: Kind,
    /// How many it holds.
    pub depth: Expr,
}

/// A value kept between steps.
#[derive(Debug)]
pub struct State {
    /// Its name.
    pub local: Local,
    /// Its first value.
    pub init: Option<Expr>,
}

/// One of each.
#[derive(Debug)]
pub struct Pipeline {
    /// Tensors of the caller.
    pub inputs: Vec<Local>,
    /// Values computed first.
    pub lets: Vec<Stmt>,
    /// What fills the slots; `network` is kept aside.
    pub slots: Vec<(Slot, Expr)>,
    /// The name of the network.
    pub network: Option<Arc<str>>,
}

/// A function of scalars, levels and tensors.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands.
    pub span: Span,
    /// Its parameters.
    pub params: Vec<Opt>,
    /// Locals that hold the level of a parameter: `x: sample@s` binds `s`.
    pub levels: Vec<(Local, Local)>,
    /// Parameters that must be at a level that is known otherwise: `x: sample@clean`.
    pub held: Vec<(Local, Kind, Expr)>,
    /// What it names inside.
    pub frame: Frame,
    /// What it gives.
    pub result: Ty,
    /// What it computes; its `return`s are named by the declared result.
    pub body: Block,
    /// The host may give it; and whether it must, `body` being empty.
    pub host: Option<Needed>,
    /// The level of the tensor that the host gives.
    pub at: Option<Expr>,
}

/// Whether a function of the host must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed(pub bool);

/// A constant.
#[derive(Debug)]
pub struct Constant {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Expr,
    /// What it names inside.
    pub frame: Frame,
}

/// Claims to measure.
#[derive(Debug)]
pub struct Test {
    /// What it says it tests.
    pub name: Arc<str>,
    /// Where it begins.
    pub span: Span,
    /// What it names inside.
    pub frame: Frame,
    /// What it claims.
    pub expects: Vec<Expect>,
}

/// A claim of a test.
#[derive(Debug)]
pub struct Expect {
    /// Where it stands.
    pub span: Span,
    /// The comparison, of two values; a condition alone is one value.
    pub op: Option<BinaryOp>,
    /// The values.
    pub values: Vec<Expr>,
}

/// Statements and a value.
#[derive(Debug, Default)]
pub struct Block {
    /// What is done.
    pub stmts: Vec<Stmt>,
    /// What it is worth.
    pub value: Option<Box<Expr>>,
}

/// What keeps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A history, by its local.
    History(Local),
    /// A state.
    State(Local),
    /// A `var`.
    Var(Local),
    /// The stages of a step.
    Stages(Local),
}

/// A statement.
#[derive(Debug)]
pub struct Stmt {
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub kind: StmtKind,
}

/// What a statement does.
#[derive(Debug)]
pub enum StmtKind {
    /// Names a value.
    Let(Local, Expr),
    /// Names a value that may be replaced.
    Var(Local, Expr),
    /// Gives the result.
    Return(Expr),
    /// Repeats.
    For {
        /// The round.
        local: Local,
        /// What it runs over.
        over: Expr,
        /// What is repeated.
        body: Block,
    },
    /// Keeps a value.
    Keep(Target, Expr),
    /// Gives a further output of a model.
    Give(Arc<str>, Expr),
    /// Makes a nested sampler forget.
    Forget(Local),
    /// Tells the observer.
    Emit(Arc<str>, Expr),
    /// Demands.
    Require(Expr),
    /// The error of a step, in units of what is tolerated.
    Estimate(Expr),
    /// Whether a step counts.
    Accept(Expr),
    /// Evaluates for its `return`s.
    Expr(Expr),
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// Its type.
    pub ty: Ty,
    /// When it is known.
    pub rate: Rate,
    /// What it says.
    pub kind: ExprKind,
}

/// What an expression says.
#[derive(Debug)]
pub enum ExprKind {
    /// A whole number.
    Int(i64),
    /// A real number.
    Real(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Str(Arc<str>),
    /// One of the names of a choice.
    Choice(Arc<str>),
    /// A branch.
    Branch(Arc<str>),
    /// A named value.
    Local(Local),
    /// A constant.
    Const(ConstId),
    /// Where we are.
    Position(Position),
    /// An operator.
    Operator(Operator, Vec<Expr>),
    /// Both, the second only if the first holds.
    And(Box<Expr>, Box<Expr>),
    /// Either, the second only if the first does not hold.
    Or(Box<Expr>, Box<Expr>),
    /// A built-in function.
    Builtin(Builtin, Vec<Expr>),
    /// Lies in an interval.
    Within(Box<Expr>, Box<Bounds>),
    /// A coordinate of a level, or of the level that a tensor remembers.
    Coordinate(Coordinate, Box<Expr>),
    /// The level with this coordinate.
    Level(Coordinate, Box<Expr>),
    /// A written list.
    List(Vec<Expr>),
    /// A range of whole numbers.
    Range {
        /// The first.
        low: Box<Expr>,
        /// The last, or one past it.
        high: Box<Expr>,
        /// Whether `high` belongs to it.
        closed: bool,
    },
    /// The levels of a schedule that is a table.
    Table(Box<Expr>),
    /// Values for each round of nested loops.
    Collect {
        /// What is done with them.
        reduce: Reduce,
        /// The loops, outermost first.
        clauses: Vec<(Local, Expr)>,
        /// The filter.
        condition: Option<Box<Expr>>,
        /// The value.
        element: Box<Expr>,
    },
    /// A list read as one value.
    ReduceList(Reduce, Box<Expr>),
    /// An integral.
    Integral {
        /// The variable.
        local: Local,
        /// From.
        low: Box<Expr>,
        /// To.
        high: Box<Expr>,
        /// The integrand.
        body: Box<Expr>,
    },
    /// An entry.
    Index(Box<Expr>, Box<Expr>),
    /// A part of a list, clipped to it.
    Slice {
        /// The list.
        base: Box<Expr>,
        /// From.
        low: Option<Box<Expr>>,
        /// To.
        high: Option<Box<Expr>>,
        /// Whether `high` belongs to it.
        closed: bool,
    },
    /// The coefficients of a Runge-Kutta method.
    Tableau {
        /// Nodes, weights of stages in stages, weights of stages in the result.
        parts: Box<[Expr; 3]>,
        /// Weights of an embedded result.
        low: Option<Box<Expr>>,
        /// The order that is claimed.
        order: Option<Box<Expr>>,
    },
    /// A field of a tableau.
    Field(Field, Box<Expr>),
    /// A call of a function.
    Call(FnId, Vec<Option<Expr>>),
    /// A call of a value that is a function.
    Apply(Box<Expr>, Vec<Expr>),
    /// A function written in place.
    Lambda(LambdaId),
    /// An item with options bound, in the order of its options.
    Item(ItemId, Vec<Option<Expr>>),
    /// The levels of a grid for so many steps.
    RunGrid(Box<Expr>, Box<Expr>),
    /// The level of a schedule at a clock.
    RunSchedule(Box<Expr>, Box<Expr>),
    /// One step of a sampler.
    Step {
        /// The sampler.
        sampler: Box<Expr>,
        /// The sample.
        x: Box<Expr>,
        /// The level to go to.
        t: Box<Expr>,
        /// What its first model call answers.
        given: Option<Box<Expr>>,
    },
    /// A view of a model call.
    Predict {
        /// The view.
        kind: Kind,
        /// A further output of the model, in place of its prediction.
        output: Option<Arc<str>>,
        /// The sample.
        x: Box<Expr>,
        /// A branch or a guidance, where one is named.
        by: Option<Box<Expr>>,
        /// Another level that the network is told.
        at: Option<Box<Expr>>,
        /// Passed on to the network.
        args: Vec<(Arc<str>, Expr)>,
    },
    /// The network itself.
    Network {
        /// What it is fed.
        input: Box<Expr>,
        /// The level it is told.
        time: Box<Expr>,
        /// Other arguments.
        args: Vec<(Arc<str>, Expr)>,
    },
    /// `if`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// When it holds.
        then: Block,
        /// When not.
        otherwise: Option<Block>,
    },
    /// `match`, as conditions tried in order.
    Match {
        /// What is looked at.
        value: Box<Expr>,
        /// Patterns and values; `None` matches everything.
        arms: Vec<(Option<Expr>, Block)>,
    },
    /// Names the kind of a tensor; its level and signature must be right.
    Named {
        /// The tensor.
        value: Box<Expr>,
        /// Its kind.
        kind: Kind,
        /// Its level.
        level: Option<Box<Expr>>,
    },
    /// Names the kind of a tensor, whatever it is.
    Cast {
        /// The tensor.
        value: Box<Expr>,
        /// Its kind.
        kind: Kind,
        /// Its level.
        level: Option<Box<Expr>>,
        /// Why.
        reason: Arc<str>,
    },
    /// What is measured of items.
    Measure(Measure, Vec<Expr>),
    /// Already reported.
    Error,
}
