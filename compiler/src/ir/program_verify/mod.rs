//! The invariants of a program.
//!
//! 1. Functions, items and values that are named exist.
//! 2. Every value of a function is defined once: by the function's parameters, by an instruction, or by what a block
//!    brings. A function's body brings nothing of its own.
//! 3. A value is used below its definition and inside the block that defines it. The result of a block is read inside
//!    it, at its end.
//! 4. An operation has as many operands and blocks as its signature says; one that gives a value defines it, one
//!    that does something defines none.
//! 5. Operands and results have shapes that the operation can take and give. A value that is handed on
//!    (to a function, a variable, out of a block) may be a whole number where a real one is meant, and a tensor of
//!    another kind.
//! 6. Nothing is known before what it is made of: an instruction's rate is not earlier than that of its operands, of
//!    the results of its blocks and of what its blocks yield; what a round brings is not earlier than the list. What is
//!    at rate `elem` does not count. A tensor is at rate `elem`; a number, condition, level or word is not.
//! 7. What `var` makes is read by `get` and replaced by `set` alone.
//! 8. An `if` that gives a value has it from both blocks, save those that leave the function and the one behind
//!    `bool true` that never runs.
//! 9. `yield` stands in a `collect`; nothing leaves a function from inside an `integral`.
//! 10. Histories and states are named in the rule that declares them, and in no function that it calls or hands on.
//! 11. A call gives a function as many values as it has parameters, of their shapes; `item` says of every option
//!     whether it is given.
//! 12. An item's functions take what their part asks for (its options first) and give it back in the right shape.
//!
//! The interpreter does not panic on a program that has these. The verifier changes nothing.

mod walk;
mod values;
mod signature;
mod rates;
mod items;

use std::fmt;

use crate::ir::program::{Func, Program, Shape, Value};

/// The first broken invariant of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The number of the invariant.
    pub invariant: u32,
    /// The function it is broken in; none where an item is wrong.
    pub function: Option<Func>,
    /// The value that is defined where it is broken, or last above it.
    pub value: Option<Value>,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}", self.invariant)?;
        if let Some(function) = self.function {
            write!(f, ", in `{function}`")?;
        }
        if let Some(value) = self.value {
            write!(f, " at `{value}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for VerifyError {}

type Result<T = ()> = std::result::Result<T, VerifyError>;

/// Checks all invariants.
///
/// # Errors
///
/// The first that does not hold.
pub fn verify(program: &Program) -> Result {
    for (func, function) in &program.funcs {
        walk::function(program, func, function)?;
    }
    for (id, item) in &program.items {
        items::item(program, id, item)?;
    }
    items::kept(program)
}

/// Whether a value of one shape may stand where another is asked for.
fn fits(have: Shape, want: Shape) -> bool {
    match (have, want) {
        (Shape::Int, Shape::Real) | (Shape::Tensor(_), Shape::Tensor(_)) => true,
        _ => have == want,
    }
}
