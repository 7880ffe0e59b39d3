//! The interpreter: the reference meaning of a kernel.
//!
//! It evaluates the instructions one after the other, each for a block of elements, in the
//! dtype of the launch. Constants and scalars are rounded once, at the door. It is written
//! to be read; other backends are tested against it.

use std::ops::Range;

use super::element::Element;
use super::{BLOCK, Span};
use crate::ir::kernel::{Inst, Kernel};

/// Runs elements `range` of `span`.
///
/// # Safety
///
/// As `Artifact::run_span`.
pub(super) unsafe fn run<T: Element>(kernel: &Kernel, span: &Span<'_, T>, range: Range<usize>) {
    let mut rows = vec![[T::default(); BLOCK]; kernel.insts.len()];
    for first in range.clone().step_by(BLOCK) {
        let n = BLOCK.min(range.end - first);
        for (value, inst) in &kernel.insts {
            let (earlier, rest) = rows.split_at_mut(value.as_u32() as usize);
            let row = &mut rest[0][..n];
            match inst {
                // SAFETY: the pointer is good for `range`; a load has the slot's pointer.
                Inst::Load(slot) => unsafe { read(span, *slot, first, row) },
                // SAFETY: the same; noises stand after the loads.
                Inst::Noise(slot) => unsafe { read(span, kernel.n_loads + slot, first, row) },
                Inst::Scalar(slot) => row.fill(span.scalars[*slot as usize][0]),
                Inst::Cell(slot) => row.fill(span.scalars[(kernel.n_scalars + slot) as usize][0]),
                Inst::Const(number) => row.fill(T::from_f64(*number)),
                Inst::Apply { op, args } => {
                    let args = args.as_slice();
                    let arg = |k: usize| &earlier[args[k.min(args.len() - 1)].as_u32() as usize];
                    let (a, b, c) = (arg(0), arg(1), arg(2));
                    for (i, out) in row.iter_mut().enumerate() {
                        *out = T::apply(*op, [a[i], b[i], c[i]]);
                    }
                }
            }
        }
        // All loads of the block are done, so that stores may overwrite what was loaded.
        for (slot, value) in kernel.results().enumerate() {
            let row = &rows[value.as_u32() as usize][..n];
            let pointer = span.pointers[span.pointers.len() - span.n_stores + slot];
            // SAFETY: a store's pointer is good to write for `range`, and no row is in it.
            unsafe { pointer.add(first).copy_from_nonoverlapping(row.as_ptr(), n) };
        }
    }
}

/// Fills `row` from pointer `index`, element `first` on.
///
/// # Safety
///
/// The pointer is good to read for the elements `first..first + row.len()`.
unsafe fn read<T: Element>(span: &Span<'_, T>, index: u32, first: usize, row: &mut [T]) {
    let pointer = span.pointers[index as usize];
    // SAFETY: the caller's promise; `row` is the interpreter's own memory.
    unsafe { row.as_mut_ptr().copy_from_nonoverlapping(pointer.add(first), row.len()) };
}
