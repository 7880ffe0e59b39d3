//! Invariant 6: nothing is known before what it is made of.

use crate::ir::program::{Shape, ValueInfo};
use crate::rate::Rate;

/// Whether a value is said to be known before something it is made of, which is known at `of`.
///
/// What is at rate `elem` does not count. A tensor made of it is at that rate anyhow, and nothing reads the content of
/// a tensor into a host value: a coordinate is that of the level that a tensor remembers, a length is that of a list.
pub(super) fn is_early(made: ValueInfo, of: Rate) -> bool {
    made.rate < of && of != Rate::Elem
}

/// Whether a value of this shape can be at its rate.
pub(super) fn is_possible(value: ValueInfo) -> bool {
    match value.shape {
        Shape::Tensor(_) => value.rate == Rate::Elem,
        Shape::Int | Shape::Real | Shape::Bool | Shape::Level | Shape::Str | Shape::Choice => value.rate != Rate::Elem,
        Shape::Branch | Shape::Curve | Shape::Tableau => value.rate != Rate::Elem,
        // These may hold tensors.
        Shape::List | Shape::Fn | Shape::Item | Shape::None => true,
    }
}
