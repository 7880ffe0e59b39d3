//! What operations take and give: one arm an operation.

use crate::builtins::{Accepts, Builtin, Gives};
use crate::hir::{Operator, Reduce};
use crate::ir::program::{ClockCode, CurveCode, Op, OpenSchedule, Shape};
use crate::types::Kind;

/// The shapes that may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Any,
    /// This one.
    Only(Shape),
    Number,
    Tensor,
    /// A number or a tensor.
    Elementwise,
    /// A level, or a tensor that remembers one.
    Leveled,
    /// A number or a list of them.
    Passed,
    /// A branch or a guidance.
    Answerer,
}

impl Want {
    pub(super) fn fits(self, shape: Shape) -> bool {
        let number = matches!(shape, Shape::Int | Shape::Real);
        let tensor = matches!(shape, Shape::Tensor(_));
        match self {
            Want::Any => true,
            Want::Only(wanted) => shape == wanted,
            Want::Number => number,
            Want::Tensor => tensor,
            Want::Elementwise => number || tensor,
            Want::Leveled => tensor || shape == Shape::Level,
            Want::Passed => number || shape == Shape::List,
            Want::Answerer => matches!(shape, Shape::Branch | Shape::Item),
        }
    }

    pub(super) fn describe(self) -> String {
        let text = match self {
            Want::Any => "a value",
            Want::Only(shape) => return format!("`{}`", shape.name()),
            Want::Number => "a number",
            Want::Tensor => "a tensor",
            Want::Elementwise => "a number or a tensor",
            Want::Leveled => "a level or a tensor",
            Want::Passed => "a number or a list",
            Want::Answerer => "a branch or a guidance",
        };
        text.to_owned()
    }
}

/// The blocks of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    None,
    /// One that brings nothing.
    Plain,
    /// One that brings a value each round.
    Round,
    /// Two that bring nothing.
    Two,
}

/// What an operation takes and gives.
pub(super) struct Signature {
    pub(super) takes: Vec<Want>,
    /// Any number of further operands.
    pub(super) rest: bool,
    pub(super) blocks: Blocks,
    pub(super) gives: Out,
}

/// What an operation defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// Nothing.
    Effect,
    /// A value.
    Value(Want),
    /// A value of the shape of its first operand.
    Same,
    /// A tensor if an operand is one, else a number that is whole only if all operands are.
    Combined,
    /// A value, or none.
    Optional,
}

const INT: Want = Want::Only(Shape::Int);
const REAL: Want = Want::Only(Shape::Real);
const BOOL: Want = Want::Only(Shape::Bool);
const LEVEL: Want = Want::Only(Shape::Level);
const LIST: Want = Want::Only(Shape::List);
const ITEM: Want = Want::Only(Shape::Item);
const FN: Want = Want::Only(Shape::Fn);

fn value(takes: &[Want], gives: Want) -> Signature {
    Signature { takes: takes.to_vec(), rest: false, blocks: Blocks::None, gives: Out::Value(gives) }
}

fn effect(takes: &[Want]) -> Signature {
    Signature { gives: Out::Effect, ..value(takes, Want::Any) }
}

fn many(takes: &[Want], gives: Want) -> Signature {
    Signature { rest: true, ..value(takes, gives) }
}

/// What `op` takes and gives.
pub(super) fn signature(op: &Op) -> Signature {
    match op {
        Op::Int(_) => value(&[], INT),
        Op::Real(_) => value(&[], REAL),
        Op::Bool(_) => value(&[], BOOL),
        Op::Str(_) => value(&[], Want::Only(Shape::Str)),
        Op::Choice(_) => value(&[], Want::Only(Shape::Choice)),
        Op::Branch(_) => value(&[], Want::Only(Shape::Branch)),
        Op::None => value(&[], Want::Any),
        Op::Operator(op) => operator(*op),
        Op::Builtin(builtin) => built_in(*builtin),
        Op::Position(position) => value(&[], Want::Only(Shape::from(&position.ty()))),
        Op::Coordinate(_) => value(&[Want::Leveled], REAL),
        Op::Level(_) => value(&[Want::Number], LEVEL),
        Op::LevelOf => value(&[Want::Tensor], LEVEL),
        Op::Within { .. } => value(&[Want::Number; 3], BOOL),
        Op::List => many(&[], LIST),
        Op::Range { .. } => value(&[INT, INT], LIST),
        Op::Table => value(&[ITEM], LIST),
        Op::Index => value(&[LIST, INT], Want::Any),
        Op::Slice { low, high, .. } => value(&with(&[LIST], &[(*low, INT), (*high, INT)]), LIST),
        Op::Reduce(reduce) => value(&[LIST], reduced(*reduce)),
        Op::Collect(reduce) => Signature { blocks: Blocks::Plain, ..value(&[], reduced(*reduce)) },
        Op::Yield => effect(&[Want::Any]),
        Op::Each => Signature { blocks: Blocks::Round, ..effect(&[LIST]) },
        Op::Integral => Signature { blocks: Blocks::Round, ..value(&[Want::Number; 2], REAL) },
        Op::If => Signature { blocks: Blocks::Two, gives: Out::Optional, ..value(&[BOOL], Want::Any) },
        Op::Tableau { low, order } => {
            value(&with(&[LIST; 3], &[(*low, LIST), (*order, INT)]), Want::Only(Shape::Tableau))
        }
        Op::Field(field) => value(&[Want::Only(Shape::Tableau)], Want::Only(Shape::from(&field.ty()))),
        Op::Call(_) | Op::Const(_) => many(&[], Want::Any),
        Op::Closure(_) => many(&[], FN),
        Op::Apply => many(&[FN], Want::Any),
        Op::Default => Signature { blocks: Blocks::Plain, gives: Out::Same, ..value(&[Want::Any], Want::Any) },
        Op::InRange { low, high, .. } => {
            let ends = [(low.is_some(), Want::Number), (high.is_some(), Want::Number)];
            Signature { gives: Out::Same, ..value(&with(&[Want::Passed], &ends), Want::Any) }
        }
        Op::Sized { .. } => Signature { gives: Out::Same, ..value(&[LIST, INT], LIST) },
        Op::Item { .. } => many(&[], ITEM),
        Op::HostTensor { kind: given, level, params, .. } => {
            let given_level = if *level { vec![LEVEL] } else { Vec::new() };
            let takes: Vec<Want> = params.iter().map(|_| Want::Any).chain(given_level).collect();
            value(&takes, kind(*given))
        }
        Op::Host { list, .. } => many(&[], if *list { LIST } else { REAL }),
        Op::Measure(measure) => value(&vec![ITEM; measure.arity()], Want::Only(Shape::from(&measure.ty()))),
        Op::RunGrid => value(&[ITEM, INT], LIST),
        Op::RunSchedule => value(&[ITEM, Want::Number], LEVEL),
        Op::OpenSchedule(open) => value(&schedule(open), Want::Only(Shape::Curve)),
        Op::Step { given } => value(&with(&[ITEM, Want::Tensor, LEVEL], &[(*given, Want::Tensor)]), kind(Kind::Sample)),
        Op::Forget => effect(&[ITEM]),
        Op::Predict { kind: view, output: _, by, at, args } => {
            let mut takes = with(&[Want::Tensor], &[(*by, Want::Answerer), (*at, LEVEL)]);
            takes.extend(args.iter().map(|_| Want::Passed));
            value(&takes, kind(*view))
        }
        Op::Network { args } => {
            let mut takes = vec![Want::Tensor, Want::Number];
            takes.extend(args.iter().map(|_| Want::Passed));
            value(&takes, Want::Tensor)
        }
        Op::Name { kind: named, level } | Op::Cast { kind: named, level, .. } => {
            value(&with(&[Want::Tensor], &[(*level, LEVEL)]), kind(*named))
        }
        Op::History(_) => value(&[], LIST),
        Op::Push(_) => effect(&[Want::Tensor]),
        Op::State(_) => value(&[], Want::Any),
        Op::SetState(_) => effect(&[Want::Any]),
        Op::Input(_) => value(&[], Want::Tensor),
        Op::Var | Op::Get => Signature { gives: Out::Same, ..value(&[Want::Any], Want::Any) },
        Op::Set => effect(&[Want::Any; 2]),
        Op::Give(_) | Op::Emit(_) => effect(&[Want::Tensor]),
        Op::Require | Op::Accept => effect(&[BOOL]),
        Op::Estimate => Signature { blocks: Blocks::Plain, ..effect(&[]) },
        Op::Return => effect(&[Want::Any]),
    }
}

fn kind(kind: Kind) -> Want {
    Want::Only(Shape::Tensor(kind))
}

/// The operands that are always there, then those that are given.
fn with(always: &[Want], given: &[(bool, Want)]) -> Vec<Want> {
    let given = given.iter().filter(|(given, _)| *given).map(|(_, want)| *want);
    always.iter().copied().chain(given).collect()
}

fn operator(operator: Operator) -> Signature {
    let combined = |takes: &[Want]| Signature { gives: Out::Combined, ..value(takes, Want::Any) };
    match operator {
        Operator::Add | Operator::Sub | Operator::Mul | Operator::Div => combined(&[Want::Elementwise; 2]),
        Operator::Neg => combined(&[Want::Elementwise]),
        Operator::Widen => value(&[INT], REAL),
        Operator::IntDiv | Operator::Mod => value(&[INT, INT], INT),
        Operator::Pow => value(&[Want::Number; 2], REAL),
        Operator::Concat => value(&[LIST, LIST], LIST),
        Operator::Not => value(&[BOOL], BOOL),
        Operator::Eq => value(&[Want::Any; 2], BOOL),
        Operator::Lt | Operator::Le => value(&[Want::Number; 2], BOOL),
    }
}

fn built_in(builtin: Builtin) -> Signature {
    let takes: Vec<Want> = builtin.params().iter().map(|accepts| accepted(*accepts)).collect();
    let gives = match builtin.gives() {
        Gives::Int => Out::Value(INT),
        Gives::Real => Out::Value(REAL),
        Gives::Number | Gives::ElementwiseNumber | Gives::Elementwise => Out::Combined,
        Gives::Tensor | Gives::Noise => Out::Value(Want::Tensor),
        Gives::Reals | Gives::Tensors => Out::Value(LIST),
        Gives::SameList => Out::Same,
        Gives::Level => Out::Value(LEVEL),
    };
    Signature { gives, ..value(&takes, Want::Any) }
}

fn accepted(accepts: Accepts) -> Want {
    match accepts {
        Accepts::Int => INT,
        Accepts::Real | Accepts::Number => Want::Number,
        Accepts::Elementwise => Want::Elementwise,
        Accepts::Tensor => Want::Tensor,
        Accepts::Reals | Accepts::Matrix | Accepts::List => LIST,
        Accepts::Level => LEVEL,
    }
}

fn reduced(reduce: Reduce) -> Want {
    match reduce {
        Reduce::List => LIST,
        Reduce::Sum => Want::Elementwise,
        Reduce::Count => INT,
        Reduce::Prod | Reduce::Min | Reduce::Max => Want::Number,
    }
}

fn schedule(open: &OpenSchedule) -> Vec<Want> {
    let mut takes = match open.clock {
        ClockCode::Table => vec![INT, INT],
        ClockCode::Interval => vec![Want::Number; 2],
        ClockCode::Of => vec![ITEM],
    };
    match open.curve {
        CurveCode::Of => takes.push(ITEM),
        CurveCode::Family(_) | CurveCode::Own => {}
    }
    takes.extend(open.coordinates.iter().map(|_| FN));
    takes.extend(open.inverse.then_some(FN));
    takes
}
