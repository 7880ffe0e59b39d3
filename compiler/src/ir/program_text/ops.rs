//! What an operation is told, in the text: everything between its word and its operands.
//!
//! [`told`] writes and [`op`] reads; a new operation needs an arm in both.

use std::sync::Arc;

use super::TextError;
use super::lex::{Cursor, is_word};
use crate::builtins::Builtin;
use crate::hir::{Coordinate, Family, Field, Measure, Operator, Position, Reduce};
use crate::ir::program::{ClockCode, CurveCode, Op, OpenSchedule};
use crate::types::Kind;

/// A name as it stands in the text.
pub(super) fn name(name: &str) -> String {
    if is_word(name) { name.to_owned() } else { format!("{name:?}") }
}

/// What stands behind the word of an operation, with a blank in front of each piece.
pub(super) fn told(op: &Op) -> String {
    match op {
        Op::Int(value) => format!(" {value}"),
        // Debug prints the shortest text that reads back as the same number.
        Op::Real(value) => format!(" {value:?}"),
        Op::Bool(value) => format!(" {value}"),
        Op::Str(text) => format!(" {text:?}"),
        Op::Choice(word) | Op::Branch(word) | Op::Input(word) | Op::Give(word) | Op::Emit(word) => {
            format!(" {}", name(word))
        }
        Op::HostTensor { name: host, needed, kind, level, params } => {
            let flags = flags(&[("needed", *needed), ("level", *level)]);
            format!(" {} {kind}{}{flags}", name(host), names(params))
        }
        Op::Host { name: host, needed, list } => {
            format!(" {}{}", name(host), flags(&[("needed", *needed), ("list", *list)]))
        }
        Op::Measure(measure) => format!(" {}", measure.name()),
        Op::Builtin(builtin) => format!(" {}", builtin.name()),
        Op::Position(position) => format!(" {}", position.name()),
        Op::Coordinate(coordinate) | Op::Level(coordinate) => format!(" {}", coordinate.name()),
        Op::Within { closed_low, closed_high } => format!(" {} {}", end(*closed_low), end(*closed_high)),
        Op::Range { closed } => format!(" {}", end(*closed)),
        Op::Slice { low, high, closed } => flags(&[("low", *low), ("high", *high), ("closed", *closed)]),
        Op::Reduce(reduce) | Op::Collect(reduce) => format!(" {}", reduce.name()),
        Op::Tableau { low, order } => flags(&[("low", *low), ("order", *order)]),
        Op::Field(field) => format!(" {}", field.name()),
        Op::Call(func) | Op::Const(func) | Op::Closure(func) => format!(" {func}"),
        Op::InRange { option, text, low, high } => {
            format!(" {} {text:?} {} {}", name(option), some_end(*low), some_end(*high))
        }
        Op::Sized { option } => format!(" {}", name(option)),
        Op::Item { item, given } => {
            let given: Vec<&str> = given.iter().map(|given| if *given { "given" } else { "_" }).collect();
            format!(" {item} [{}]", given.join(" "))
        }
        Op::OpenSchedule(open) => schedule(open),
        Op::Step { given } => flags(&[("given", *given)]),
        Op::Predict { kind, output, by, at, args } => {
            let output = output.as_deref().map_or(String::new(), |output| format!(" output {}", name(output)));
            format!(" {kind}{output}{}{}", flags(&[("by", *by), ("at", *at)]), names(args))
        }
        Op::Network { args } => names(args),
        Op::Name { kind, level } => format!(" {kind}{}", flags(&[("level", *level)])),
        Op::Cast { kind, level, reason } => format!(" {kind}{} {reason:?}", flags(&[("level", *level)])),
        Op::History(index) | Op::Push(index) | Op::State(index) | Op::SetState(index) => format!(" {index}"),
        Op::None | Op::Operator(_) | Op::LevelOf | Op::List | Op::Table | Op::Index | Op::Yield => String::new(),
        Op::Each | Op::Integral | Op::If | Op::Apply | Op::Default | Op::RunGrid | Op::RunSchedule => String::new(),
        Op::Forget | Op::Var | Op::Get | Op::Set | Op::Return => String::new(),
        Op::Require | Op::Estimate | Op::Accept => String::new(),
    }
}

fn end(closed: bool) -> &'static str {
    if closed { "closed" } else { "open" }
}

fn some_end(closed: Option<bool>) -> &'static str {
    closed.map_or("free", end)
}

fn flags(flags: &[(&str, bool)]) -> String {
    let set: Vec<&str> = flags.iter().filter(|(_, set)| *set).map(|(word, _)| *word).collect();
    format!(" [{}]", set.join(" "))
}

fn names(names: &[Arc<str>]) -> String {
    let names: Vec<String> = names.iter().map(|word| name(word)).collect();
    format!(" [{}]", names.join(" "))
}

fn schedule(open: &OpenSchedule) -> String {
    let curve = match open.curve {
        CurveCode::Family(family) => family.name(),
        CurveCode::Of => "of",
        CurveCode::Own => "own",
    };
    let clock = match open.clock {
        ClockCode::Table => "table",
        ClockCode::Interval => "interval",
        ClockCode::Of => "of",
    };
    let coordinates: Vec<&str> = open.coordinates.iter().map(|coordinate| coordinate.name()).collect();
    format!(" {curve} {clock} [{}]{}", coordinates.join(" "), flags(&[("inverse", open.inverse)]))
}

/// The operation of a word, with what it is told.
pub(super) fn op(word: &str, text: &mut Cursor) -> Result<Op, TextError> {
    Ok(match word {
        "int" => Op::Int(text.word("a whole number", |word| word.parse().ok())?),
        "real" => Op::Real(text.word("a number", |word| word.parse().ok())?),
        "bool" => Op::Bool(text.word("`true` or `false`", |word| word.parse().ok())?),
        "text" => Op::Str(text.quoted()?.into()),
        "choice" => Op::Choice(text.name()?.into()),
        "branch" => Op::Branch(text.name()?.into()),
        "none" => Op::None,
        "builtin" => Op::Builtin(text.word("a built-in function", Builtin::from_name)?),
        "position" => Op::Position(text.word("a position", Position::from_name)?),
        "coordinate" => Op::Coordinate(coordinate(text)?),
        "level" => Op::Level(coordinate(text)?),
        "level_of" => Op::LevelOf,
        "within" => Op::Within { closed_low: read_end(text)?, closed_high: read_end(text)? },
        "list" => Op::List,
        "range" => Op::Range { closed: read_end(text)? },
        "table" => Op::Table,
        "index" => Op::Index,
        "slice" => {
            let [low, high, closed] = read_flags(text, ["low", "high", "closed"])?;
            Op::Slice { low, high, closed }
        }
        "reduce" => Op::Reduce(text.word("a reader of a list", Reduce::from_name)?),
        "collect" => Op::Collect(text.word("a reader of a list", Reduce::from_name)?),
        "yield" => Op::Yield,
        "each" => Op::Each,
        "integral" => Op::Integral,
        "if" => Op::If,
        "tableau" => {
            let [low, order] = read_flags(text, ["low", "order"])?;
            Op::Tableau { low, order }
        }
        "field" => Op::Field(text.word("a field of a tableau", Field::from_name)?),
        "call" => Op::Call(text.id("f")?),
        "const" => Op::Const(text.id("f")?),
        "closure" => Op::Closure(text.id("f")?),
        "apply" => Op::Apply,
        "default" => Op::Default,
        "in_range" => {
            let (option, range) = (text.name()?.into(), text.quoted()?.into());
            Op::InRange { option, text: range, low: read_some_end(text)?, high: read_some_end(text)? }
        }
        "sized" => Op::Sized { option: text.name()?.into() },
        "item" => Op::Item { item: text.id("item")?, given: read_given(text)? },
        "run_grid" => Op::RunGrid,
        "run_schedule" => Op::RunSchedule,
        "open_schedule" => Op::OpenSchedule(read_schedule(text)?),
        "step" => {
            let [given] = read_flags(text, ["given"])?;
            Op::Step { given }
        }
        "forget" => Op::Forget,
        "predict" => {
            let kind = kind(text)?;
            let output = if text.keyword("output") { Some(text.name()?.into()) } else { None };
            let [by, at] = read_flags(text, ["by", "at"])?;
            Op::Predict { kind, output, by, at, args: read_names(text)? }
        }
        "network" => Op::Network { args: read_names(text)? },
        "name" => {
            let kind = kind(text)?;
            let [level] = read_flags(text, ["level"])?;
            Op::Name { kind, level }
        }
        "cast" => {
            let kind = kind(text)?;
            let [level] = read_flags(text, ["level"])?;
            Op::Cast { kind, level, reason: text.quoted()?.into() }
        }
        "history" => Op::History(index(text)?),
        "push" => Op::Push(index(text)?),
        "state" => Op::State(index(text)?),
        "set_state" => Op::SetState(index(text)?),
        "input" => Op::Input(text.name()?.into()),
        "var" => Op::Var,
        "get" => Op::Get,
        "set" => Op::Set,
        "give" => Op::Give(text.name()?.into()),
        "emit" => Op::Emit(text.name()?.into()),
        "require" => Op::Require,
        "host_tensor" => {
            let (name, kind) = (text.name()?.into(), kind(text)?);
            let params = read_names(text)?;
            let [needed, level] = read_flags(text, ["needed", "level"])?;
            Op::HostTensor { name, needed, kind, level, params }
        }
        "host" => {
            let name = text.name()?.into();
            let [needed, list] = read_flags(text, ["needed", "list"])?;
            Op::Host { name, needed, list }
        }
        "measure" => Op::Measure(text.word("a measure", Measure::from_name)?),
        "estimate" => Op::Estimate,
        "accept" => Op::Accept,
        "return" => Op::Return,
        word => match Operator::from_name(word) {
            Some(operator) => Op::Operator(operator),
            None => return text.error(format!("expected an operation, found `{word}`")),
        },
    })
}

fn coordinate(text: &mut Cursor) -> Result<Coordinate, TextError> {
    text.word("a coordinate", Coordinate::from_name)
}

/// A kind of tensors.
pub(super) fn kind(text: &mut Cursor) -> Result<Kind, TextError> {
    text.word("a kind of tensors", Kind::from_name)
}

fn index(text: &mut Cursor) -> Result<u32, TextError> {
    text.word("a number", |word| word.parse().ok())
}

fn read_end(text: &mut Cursor) -> Result<bool, TextError> {
    text.word("`closed` or `open`", |word| match word {
        "closed" => Some(true),
        "open" => Some(false),
        _ => None,
    })
}

fn read_some_end(text: &mut Cursor) -> Result<Option<bool>, TextError> {
    if text.keyword("free") { Ok(None) } else { read_end(text).map(Some) }
}

/// Words in brackets, each of which is there or not, in this order.
fn read_flags<const N: usize>(text: &mut Cursor, words: [&str; N]) -> Result<[bool; N], TextError> {
    text.expect_sign('[')?;
    let found = words.map(|word| text.keyword(word));
    text.expect_sign(']')?;
    Ok(found)
}

fn read_names(text: &mut Cursor) -> Result<Vec<Arc<str>>, TextError> {
    text.expect_sign('[')?;
    text.until(']', None, |text| text.name().map(Arc::from))
}

fn read_given(text: &mut Cursor) -> Result<Vec<bool>, TextError> {
    text.expect_sign('[')?;
    text.until(']', None, |text| {
        text.word("`given` or `_`", |word| match word {
            "given" => Some(true),
            "_" => Some(false),
            _ => None,
        })
    })
}

fn read_schedule(text: &mut Cursor) -> Result<OpenSchedule, TextError> {
    let curve = text.word("a curve", |word| match word {
        "of" => Some(CurveCode::Of),
        "own" => Some(CurveCode::Own),
        word => Family::from_name(word).map(CurveCode::Family),
    })?;
    let clock = text.word("a clock", |word| match word {
        "table" => Some(ClockCode::Table),
        "interval" => Some(ClockCode::Interval),
        "of" => Some(ClockCode::Of),
        _ => None,
    })?;
    text.expect_sign('[')?;
    let coordinates = text.until(']', None, coordinate)?;
    let [inverse] = read_flags(text, ["inverse"])?;
    Ok(OpenSchedule { curve, clock, coordinates, inverse })
}
