//! A program: what `lower` makes of checked items, for any options and any grid.
//!
//! Functions of SSA values with structured control. Values that tensors are made of and values of the host stand side
//! by side; each has its shape and its rate. Items are functions with options in front. The interpreter in
//! [`crate::machine`] gives a program its meaning.

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};
use samp_lang::ast::ClaimKind;
use samp_lang::source::Span;

pub use super::entities::Value;
use crate::builtins::Builtin;
use crate::hir::{Coordinate, Family, Field, Measure, Operator, Position, Reduce, Slot};
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

/// A function of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Func(u32);
entity_impl!(Func, "f");

/// An item of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef(u32);
entity_impl!(ItemRef, "item");

/// Items and the functions that they are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Functions.
    pub funcs: PrimaryMap<Func, Function>,
    /// Items.
    pub items: PrimaryMap<ItemRef, ItemCode>,
}

/// The shape of a value: its type, as far as the interpreter cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole number.
    Int,
    /// A real number.
    Real,
    /// True or false.
    Bool,
    /// A level.
    Level,
    /// Text.
    Str,
    /// One of some names.
    Choice,
    /// A list.
    List,
    /// A function.
    Fn,
    /// An item with options bound.
    Item,
    /// A branch.
    Branch,
    /// An opened schedule.
    Curve,
    /// A tableau.
    Tableau,
    /// A tensor.
    Tensor(Kind),
    /// Nothing.
    None,
}

impl Shape {
    /// The shapes that are no tensors, with their words.
    pub const PLAIN: [(Shape, &'static str); 13] = [
        (Shape::Int, "int"),
        (Shape::Real, "real"),
        (Shape::Bool, "bool"),
        (Shape::Level, "level"),
        (Shape::Str, "text"),
        (Shape::Choice, "choice"),
        (Shape::List, "list"),
        (Shape::Fn, "fn"),
        (Shape::Item, "item"),
        (Shape::Branch, "branch"),
        (Shape::Curve, "curve"),
        (Shape::Tableau, "tableau"),
        (Shape::None, "none"),
    ];

    /// The word of a shape.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Tensor(kind) => kind.name(),
            plain => Shape::PLAIN.iter().find(|(shape, _)| *shape == plain).map_or("none", |(_, word)| word),
        }
    }

    /// The shape of a word.
    pub fn from_name(name: &str) -> Option<Shape> {
        let plain = Shape::PLAIN.iter().find(|(_, word)| *word == name).map(|(shape, _)| *shape);
        plain.or_else(|| Kind::from_name(name).map(Shape::Tensor))
    }
}

impl From<&Ty> for Shape {
    fn from(ty: &Ty) -> Shape {
        match ty {
            Ty::Int => Shape::Int,
            Ty::Real => Shape::Real,
            Ty::Bool => Shape::Bool,
            Ty::Level => Shape::Level,
            Ty::Str => Shape::Str,
            Ty::Choice(_) => Shape::Choice,
            Ty::List(_) => Shape::List,
            Ty::Fn(..) => Shape::Fn,
            Ty::Item(_) => Shape::Item,
            Ty::Branch => Shape::Branch,
            Ty::Tableau => Shape::Tableau,
            Ty::Tensor(kind) => Shape::Tensor(*kind),
            Ty::None | Ty::Never | Ty::Error => Shape::None,
        }
    }
}

/// What is known of a value before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its shape.
    pub shape: Shape,
    /// When it is known.
    pub rate: Rate,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name, for people.
    pub name: String,
    /// Its parameters.
    pub params: Vec<Value>,
    /// All its values.
    pub values: PrimaryMap<Value, ValueInfo>,
    /// What it does.
    pub body: Block,
}

/// Instructions with parameters and a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// What each round brings.
    pub params: Vec<Value>,
    /// What is done.
    pub insts: Vec<Inst>,
    /// What it is worth.
    pub result: Option<Value>,
}

/// An instruction.
#[derive(Clone, Debug)]
pub struct Inst {
    /// The value it defines.
    pub out: Option<Value>,
    /// What it does.
    pub op: Op,
    /// Its operands.
    pub args: Vec<Value>,
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// Where it comes from.
    pub span: Span,
}

impl PartialEq for Inst {
    /// Spans are not part of what an instruction is.
    fn eq(&self, other: &Inst) -> bool {
        (self.out, &self.op, &self.args, &self.blocks) == (other.out, &other.op, &other.args, &other.blocks)
    }
}

/// What an instruction does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A whole number.
    Int(i64),
    /// A real number.
    Real(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Str(Arc<str>),
    /// One of some names.
    Choice(Arc<str>),
    /// A branch.
    Branch(Arc<str>),
    /// Nothing.
    None,
    /// An operator.
    Operator(Operator),
    /// A built-in function.
    Builtin(Builtin),
    /// Where we are.
    Position(Position),
    /// A coordinate of a level or tensor.
    Coordinate(Coordinate),
    /// The level with this coordinate.
    Level(Coordinate),
    /// The level that a tensor remembers.
    LevelOf,
    /// Lies between the two others.
    Within {
        /// The lower end belongs to it.
        closed_low: bool,
        /// The upper end belongs to it.
        closed_high: bool,
    },
    /// A list of the operands.
    List,
    /// Whole numbers from the first operand to the second.
    Range {
        /// The second belongs to it.
        closed: bool,
    },
    /// The levels of a schedule that is a table.
    Table,
    /// An entry of a list.
    Index,
    /// A part of a list.
    Slice {
        /// A lower end is given.
        low: bool,
        /// An upper end is given.
        high: bool,
        /// The upper end belongs to it.
        closed: bool,
    },
    /// One value of a list.
    Reduce(Reduce),
    /// What the block yields, as one value.
    Collect(Reduce),
    /// Hands a value to the innermost `collect`.
    Yield,
    /// Runs the block for each entry of a list.
    Each,
    /// The integral of the block from the first operand to the second.
    Integral,
    /// The first block if the operand holds, else the second.
    If,
    /// A tableau of nodes, weights of stages and weights of the result, and of what else is given.
    Tableau {
        /// Weights of an embedded result are given.
        low: bool,
        /// The order is given.
        order: bool,
    },
    /// A field of a tableau.
    Field(Field),
    /// A call.
    Call(Func),
    /// A call that gives the same every time.
    Const(Func),
    /// A function with captured values.
    Closure(Func),
    /// A call of the first operand.
    Apply,
    /// The operand if it was given, else the block.
    Default,
    /// The first operand, which must lie between the others.
    InRange {
        /// The option.
        option: Arc<str>,
        /// The range as written.
        text: Arc<str>,
        /// A lower end is given, and whether it belongs to the range.
        low: Option<bool>,
        /// An upper end is given, and whether it belongs to the range.
        high: Option<bool>,
    },
    /// The first operand, a list of as many entries as the second says.
    Sized {
        /// The option.
        option: Arc<str>,
    },
    /// A function of the host; nothing where the host gives none.
    Host {
        /// Its name.
        name: Arc<str>,
        /// There is nothing else to take its place.
        needed: bool,
        /// It gives a list.
        list: bool,
    },
    /// A function of the host that takes one tensor and gives one; nothing where the host gives none. Behind the
    /// arguments stands the level of the result, if it has one.
    HostTensor {
        /// Its name.
        name: Arc<str>,
        /// There is nothing else to take its place.
        needed: bool,
        /// The kind of what it gives.
        kind: Kind,
        /// The level is given.
        level: bool,
        /// The names of its parameters.
        params: Vec<Arc<str>>,
    },
    /// What is measured of items.
    Measure(Measure),
    /// An item with some options bound.
    Item {
        /// The item.
        item: ItemRef,
        /// Which options the operands are.
        given: Vec<bool>,
    },
    /// The levels of a grid: the item and a number of steps.
    RunGrid,
    /// The level of a schedule at a clock: the item and the clock.
    RunSchedule,
    /// A schedule from its ends (or base) and functions.
    OpenSchedule(OpenSchedule),
    /// A step: the sampler, the sample, the level, and a prediction if one is given.
    Step {
        /// A prediction is given.
        given: bool,
    },
    /// Makes a nested sampler forget.
    Forget,
    /// A view of a model call: the sample, then what else is given.
    Predict {
        /// The view.
        kind: Kind,
        /// A further output of the model, in place of its prediction.
        output: Option<Arc<str>>,
        /// A branch or guidance is given.
        by: bool,
        /// Another level is given.
        at: bool,
        /// Names of what is passed on.
        args: Vec<Arc<str>>,
    },
    /// The network: its input and time, then what is passed on.
    Network {
        /// Names of what is passed on.
        args: Vec<Arc<str>>,
    },
    /// The operand with its kind named.
    Name {
        /// The kind.
        kind: Kind,
        /// A level is given.
        level: bool,
    },
    /// The operand as another kind, for a reason.
    Cast {
        /// The kind.
        kind: Kind,
        /// A level is given.
        level: bool,
        /// Why.
        reason: Arc<str>,
    },
    /// The entries of a history, newest first.
    History(u32),
    /// Puts one in front.
    Push(u32),
    /// A state.
    State(u32),
    /// Replaces it.
    SetState(u32),
    /// A tensor of the caller.
    Input(Arc<str>),
    /// A value that `set` replaces.
    Var,
    /// What it is now.
    Get,
    /// Replaces the first operand by the second.
    Set,
    /// Gives a further output of a model.
    Give(Arc<str>),
    /// Tells the observer.
    Emit(Arc<str>),
    /// The operand must hold.
    Require,
    /// The block gives the error of the step, where steps are found as they go.
    Estimate,
    /// Whether the step counts.
    Accept,
    /// Leaves the function.
    Return,
}

/// How a schedule is made.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSchedule {
    /// Its curve.
    pub curve: CurveCode,
    /// Its clock.
    pub clock: ClockCode,
    /// What the functions give.
    pub coordinates: Vec<Coordinate>,
    /// The last function is the inverse.
    pub inverse: bool,
}

/// Where a schedule lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurveCode {
    /// On one of the curves.
    Family(Family),
    /// On the curve of the schedule that is the next operand.
    Of,
    /// Anywhere.
    Own,
}

/// The clock of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockCode {
    /// Whole numbers between the first two operands.
    Table,
    /// Real numbers between the first two operands.
    Interval,
    /// That of the schedule that is the first operand.
    Of,
}

/// An item.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemCode {
    /// What it is.
    pub sort: ItemSort,
    /// Its name.
    pub name: Arc<str>,
    /// Where its name stands; not part of what it is.
    pub span: SpanTag,
    /// The names of its options.
    pub options: Vec<Arc<str>>,
    /// Which of them are deliberate factors on noise.
    pub inflation: Vec<usize>,
    /// From given options to all of them, as a list.
    pub bind: Func,
    /// What it does.
    pub body: ItemBody,
}

/// A span that does not count in comparisons.
#[derive(Clone, Copy, Debug)]
pub struct SpanTag(pub Span);

impl PartialEq for SpanTag {
    fn eq(&self, _: &SpanTag) -> bool {
        true
    }
}

/// What an item does; every function takes the options first.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemBody {
    /// Gives the curve.
    Schedule(Func),
    /// Takes `n` too and gives the levels.
    Grid(Func),
    /// A rule.
    Rules(RulesCode),
    /// Slots.
    Pipeline(PipelineCode),
}

/// A model, guidance or sampler.
#[derive(Clone, Debug, PartialEq)]
pub struct RulesCode {
    /// It is written in VE coordinates.
    pub ve: bool,
    /// The kind of its result.
    pub gives: Kind,
    /// Takes the sample, its level and, for samplers, the level to go to.
    pub run: Func,
    /// Names, kinds and depths of histories.
    pub histories: Vec<(Arc<str>, Kind, Func)>,
    /// Names and first values of states.
    pub states: Vec<(Arc<str>, Option<Func>)>,
    /// Tensors of the caller.
    pub inputs: Vec<Arc<str>>,
    /// Branches.
    pub branches: Vec<Arc<str>>,
    /// Further outputs that a model gives, or that a sampler reads.
    pub views: Vec<Arc<str>>,
    /// Families claimed; empty means all.
    pub only: Vec<Family>,
    /// Only consistent.
    pub approximate: bool,
    /// Facts claimed: what, the number, when.
    pub claims: Vec<(ClaimKind, Func, Option<Func>)>,
    /// How it finds its steps, if the grid does not give them.
    pub adaptive: Option<AdaptiveCode>,
}

/// How a sampler finds its own steps.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveCode {
    /// Where `control` stands; not part of what it is.
    pub span: SpanTag,
    /// Each sample has steps of its own.
    pub per_sample: bool,
    /// The coordinate that step lengths are in.
    pub over: Coordinate,
    /// Gives the first step length.
    pub from: Func,
    /// Takes the length and the error of a step and gives the next length.
    pub control: Func,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineCode {
    /// Tensors of the caller.
    pub inputs: Vec<Arc<str>>,
    /// What fills each slot but `start` and `network`.
    pub slots: Vec<(Slot, Func)>,
    /// The sample that a run starts from.
    pub start: Option<Func>,
    /// The network.
    pub network: Option<Arc<str>>,
}

impl Program {
    /// The functions of the host that it calls, by name: whether they are of tensors.
    pub fn hosts(&self) -> BTreeMap<Arc<str>, bool> {
        fn of(block: &Block, into: &mut BTreeMap<Arc<str>, bool>) {
            for inst in &block.insts {
                match &inst.op {
                    Op::Host { name, .. } => drop(into.insert(name.clone(), false)),
                    Op::HostTensor { name, .. } => drop(into.insert(name.clone(), true)),
                    _ => {}
                }
                inst.blocks.iter().for_each(|block| of(block, into));
            }
        }
        let mut names = BTreeMap::new();
        self.funcs.values().for_each(|function| of(&function.body, &mut names));
        names
    }
}

impl Op {
    /// The word that the text form begins with.
    pub fn word(&self) -> &'static str {
        match self {
            Op::Int(_) => "int",
            Op::Real(_) => "real",
            Op::Bool(_) => "bool",
            Op::Str(_) => "text",
            Op::Choice(_) => "choice",
            Op::Branch(_) => "branch",
            Op::None => "none",
            Op::Operator(operator) => operator.name(),
            Op::Builtin(_) => "builtin",
            Op::Position(_) => "position",
            Op::Coordinate(_) => "coordinate",
            Op::Level(_) => "level",
            Op::LevelOf => "level_of",
            Op::Within { .. } => "within",
            Op::List => "list",
            Op::Range { .. } => "range",
            Op::Table => "table",
            Op::Index => "index",
            Op::Slice { .. } => "slice",
            Op::Reduce(_) => "reduce",
            Op::Collect(_) => "collect",
            Op::Yield => "yield",
            Op::Each => "each",
            Op::Integral => "integral",
            Op::If => "if",
            Op::Tableau { .. } => "tableau",
            Op::Field(_) => "field",
            Op::Call(_) => "call",
            Op::Const(_) => "const",
            Op::Closure(_) => "closure",
            Op::Apply => "apply",
            Op::Default => "default",
            Op::InRange { .. } => "in_range",
            Op::Sized { .. } => "sized",
            Op::Item { .. } => "item",
            Op::RunGrid => "run_grid",
            Op::RunSchedule => "run_schedule",
            Op::OpenSchedule(_) => "open_schedule",
            Op::Step { .. } => "step",
            Op::Forget => "forget",
            Op::Predict { .. } => "predict",
            Op::Network { .. } => "network",
            Op::Name { .. } => "name",
            Op::Cast { .. } => "cast",
            Op::History(_) => "history",
            Op::Push(_) => "push",
            Op::State(_) => "state",
            Op::SetState(_) => "set_state",
            Op::Input(_) => "input",
            Op::Var => "var",
            Op::Get => "get",
            Op::Set => "set",
            Op::Give(_) => "give",
            Op::Emit(_) => "emit",
            Op::Require => "require",
            Op::Measure(_) => "measure",
            Op::Estimate => "estimate",
            Op::Accept => "accept",
            Op::Host { .. } => "host",
            Op::HostTensor { .. } => "host_tensor",
            Op::Return => "return",
        }
    }
}
