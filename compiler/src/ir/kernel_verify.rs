//! The invariants of a kernel.
//!
//! 1. The name is a word of letters, digits, `_`, `.` and `-`.
//! 2. An operand is defined above its use.
//! 3. An operation has as many operands as the table says.
//! 4. The slot of a load, scalar, noise or cell is below the declared count.
//! 5. A constant is finite.
//! 6. There is at least one store or reduction.
//! 7. A stored or reduced value is defined.
//! 8. Counts stay in bounds: [`MAX_SLOTS`] loads, scalars, noises, cells, stores and reductions
//!    each, [`MAX_INSTS`] instructions.
//! 9. The share of a quantile is in [0, 1].
//!
//! Every pass keeps these, and a backend does not panic on a kernel that has them.
//! The verifier changes nothing.

use cranelift_entity::EntityRef;

use super::entities::Value;
use super::kernel::{Inst, Kernel};
use super::op::Reduction;

/// The most loads, scalars, noises, cells, stores or reductions that a kernel may have, each.
pub const MAX_SLOTS: u32 = 1024;

/// The most instructions that a kernel may have.
pub const MAX_INSTS: usize = 16_384;

/// The first broken invariant of a kernel.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// Invariant 1.
    #[error("invariant 1: expected a word as the kernel's name, found `{0}`")]
    Name(String),
    /// Invariant 2: the user, then the operand.
    #[error("invariant 2: `{0}` uses `{1}`, which is not defined above it")]
    OperandOrder(Value, Value),
    /// Invariant 3.
    #[error("invariant 3: `{value}` gives `{op}` {found} operands, expected {expected}")]
    Arity {
        /// The instruction.
        value: Value,
        /// The name of its operation.
        op: &'static str,
        /// The operands that the table asks for.
        expected: usize,
        /// The operands that are there.
        found: usize,
    },
    /// Invariant 4.
    #[error("invariant 4: `{value}` is {kind} {slot}, but only {declared} are declared")]
    Slot {
        /// The instruction.
        value: Value,
        /// `load`, `scalar`, `noise` or `cell`.
        kind: &'static str,
        /// Its slot.
        slot: u32,
        /// The count that the kernel declares.
        declared: u32,
    },
    /// Invariant 5.
    #[error("invariant 5: `{0}` is the constant {1}, expected a finite number")]
    Const(Value, f64),
    /// Invariant 6.
    #[error("invariant 6: expected at least one store or reduction, found none")]
    NoStore,
    /// Invariant 7: the place among stores and reductions, then the value.
    #[error("invariant 7: result {0} is of `{1}`, which is not defined")]
    Store(usize, Value),
    /// Invariant 8: what there is too much of, and the bound.
    #[error("invariant 8: expected at most {1} {0}")]
    TooMany(&'static str, usize),
    /// Invariant 9: the reduction, then the share.
    #[error("invariant 9: reduction {0} is a quantile of share {1}")]
    Share(usize, f64),
}

/// Checks all invariants.
///
/// # Errors
///
/// The first that does not hold.
pub fn verify(kernel: &Kernel) -> Result<(), VerifyError> {
    verify_name(&kernel.name)?;
    verify_counts(kernel)?;
    for (value, inst) in &kernel.insts {
        verify_inst(kernel, value, inst)?;
    }
    verify_stores(kernel)
}

fn verify_name(name: &str) -> Result<(), VerifyError> {
    let is_word_char = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || !name.chars().all(is_word_char) {
        return Err(VerifyError::Name(name.to_owned()));
    }
    Ok(())
}

fn verify_counts(kernel: &Kernel) -> Result<(), VerifyError> {
    let slots = MAX_SLOTS as usize;
    let counts = [
        ("loads", kernel.n_loads as usize, slots),
        ("scalars", kernel.n_scalars as usize, slots),
        ("noises", kernel.n_noises as usize, slots),
        ("cells", kernel.n_cells as usize, slots),
        ("stores", kernel.stores.len(), slots),
        ("reductions", kernel.reduces.len(), slots),
        ("instructions", kernel.insts.len(), MAX_INSTS),
    ];
    match counts.into_iter().find(|&(_, count, bound)| count > bound) {
        Some((what, _, bound)) => Err(VerifyError::TooMany(what, bound)),
        None => Ok(()),
    }
}

fn verify_inst(kernel: &Kernel, value: Value, inst: &Inst) -> Result<(), VerifyError> {
    if let Some(&arg) = inst.args().iter().find(|&&arg| arg >= value) {
        return Err(VerifyError::OperandOrder(value, arg));
    }
    match *inst {
        Inst::Load(slot) => verify_slot(value, "load", slot, kernel.n_loads),
        Inst::Scalar(slot) => verify_slot(value, "scalar", slot, kernel.n_scalars),
        Inst::Noise(slot) => verify_slot(value, "noise", slot, kernel.n_noises),
        Inst::Cell(slot) => verify_slot(value, "cell", slot, kernel.n_cells),
        Inst::Const(number) if number.is_finite() => Ok(()),
        Inst::Const(number) => Err(VerifyError::Const(value, number)),
        Inst::Apply { op, args } => {
            let (expected, found) = (op.arity(), args.as_slice().len());
            if expected == found {
                return Ok(());
            }
            Err(VerifyError::Arity { value, op: op.name(), expected, found })
        }
    }
}

fn verify_slot(value: Value, kind: &'static str, slot: u32, declared: u32) -> Result<(), VerifyError> {
    if slot < declared {
        return Ok(());
    }
    Err(VerifyError::Slot { value, kind, slot, declared })
}

fn verify_stores(kernel: &Kernel) -> Result<(), VerifyError> {
    if kernel.results().next().is_none() {
        return Err(VerifyError::NoStore);
    }
    if let Some((slot, value)) = kernel.results().enumerate().find(|(_, value)| value.index() >= kernel.insts.len()) {
        return Err(VerifyError::Store(slot, value));
    }
    let bad_share = |how: Reduction| match how {
        Reduction::Quantile(share) if !(0.0..=1.0).contains(&share) => Some(share),
        Reduction::Quantile(_) | Reduction::Mean | Reduction::Max => None,
    };
    match kernel.reduces.iter().enumerate().find_map(|(slot, reduce)| Some((slot, bad_share(reduce.how)?))) {
        Some((slot, share)) => Err(VerifyError::Share(slot, share)),
        None => Ok(()),
    }
}
