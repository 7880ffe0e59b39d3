//! Passes over the tape of a run, in the order of [`PASSES`].

pub mod batch;
pub mod collapse_affine;
pub mod dead;
pub mod share;

use crate::arith::trace::Tape;

/// A pass.
pub struct Pass {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// Does it.
    pub run: fn(&mut Tape),
}

/// All passes, in order.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "collapse_affine",
        doc: "sums of sums become sums over leaves and kept tensors",
        run: collapse_affine::run,
    },
    Pass { name: "share", doc: "equal tensors become one", run: share::run },
    Pass { name: "batch", doc: "branches asked at one sample become one call", run: batch::run },
    Pass { name: "dead", doc: "calls that nothing reads are dropped", run: dead::run },
];

/// Runs every pass.
pub fn run_all(tape: &mut Tape) {
    for pass in PASSES {
        (pass.run)(tape);
    }
}
