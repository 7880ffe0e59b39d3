//! Values of the interpreter.

use std::sync::{Arc, OnceLock};

use samp_lang::source::Span;

use super::level::Level;
use super::schedule::Schedule;
use crate::arith::Arith;
use crate::ir::program::{Func, ItemRef};
use crate::types::Kind;

/// A value.
pub enum Value<A: Arith> {
    /// A whole number.
    Int(i64),
    /// A real number.
    Real(A::Real),
    /// True or false.
    Bool(bool),
    /// Text, one of some names, or a branch.
    Word(Arc<str>),
    /// A level.
    Level(Arc<Level<A::Real>>),
    /// A list.
    List(Arc<Vec<Value<A>>>),
    /// A function with what it captured.
    Closure(Arc<(Func, Vec<Value<A>>)>),
    /// An item with options bound.
    Item(Arc<ItemValue<A>>),
    /// An opened schedule.
    Schedule(Arc<Schedule<A>>),
    /// A tensor.
    Tensor(Tensor<A>),
    /// Nothing, or an option that is not given.
    None,
}

impl<A: Arith> Clone for Value<A> {
    fn clone(&self) -> Self {
        match self {
            Value::Int(value) => Value::Int(*value),
            Value::Real(value) => Value::Real(value.clone()),
            Value::Bool(value) => Value::Bool(*value),
            Value::Word(value) => Value::Word(value.clone()),
            Value::Level(value) => Value::Level(value.clone()),
            Value::List(value) => Value::List(value.clone()),
            Value::Closure(value) => Value::Closure(value.clone()),
            Value::Item(value) => Value::Item(value.clone()),
            Value::Schedule(value) => Value::Schedule(value.clone()),
            Value::Tensor(value) => Value::Tensor(value.clone()),
            Value::None => Value::None,
        }
    }
}

impl<A: Arith> Value<A> {
    /// An item.
    pub fn item(&self) -> Option<Arc<ItemValue<A>>> {
        match self {
            Value::Item(item) => Some(item.clone()),
            _ => None,
        }
    }
}

/// A tensor, with what is known of it.
pub struct Tensor<A: Arith> {
    /// What it is in the arithmetic.
    pub data: A::Tensor,
    /// Which tensor it is: model calls at one tensor are one call.
    pub id: u32,
    /// Its kind.
    pub kind: Kind,
    /// The level it is at, or was predicted at.
    pub level: Option<Arc<Level<A::Real>>>,
}

impl<A: Arith> Clone for Tensor<A> {
    fn clone(&self) -> Self {
        Tensor { data: self.data.clone(), id: self.id, kind: self.kind, level: self.level.clone() }
    }
}

/// An item with some options bound.
pub struct ItemValue<A: Arith> {
    /// The item.
    pub item: ItemRef,
    /// Its options as given.
    pub given: Vec<Value<A>>,
    /// Where it was bound; calls from one place share state.
    pub site: Span,
    /// All its options, once they are asked for.
    pub options: OnceLock<Arc<Vec<Value<A>>>>,
    /// The schedule that it is, once it is opened.
    pub opened: OnceLock<Arc<Schedule<A>>>,
}
