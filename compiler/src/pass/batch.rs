//! Branches asked at one sample become one call, and a branch asked twice is asked once.
//!
//! ```text
//! n1 = network 0 (cond at n0)            n1 = network 0 branch 0 (cond, uncond at n0)
//! n2 = network 1 (uncond at n0)    =>    n2 = network 0 branch 1
//! ```
//!
//! Two calls are at one sample when they are fed the same tensor and told the same; what feeds the later one was
//! there for the earlier one, so it can always be moved up.

use std::sync::Arc;

use crate::arith::trace::{Batch, NodeKind, Tape, TapeCall};

/// Groups the calls of a tape.
pub fn run(tape: &mut Tape) {
    let mut batches: Vec<Batch> = Vec::new();
    let mut places: Vec<(u32, u32)> = Vec::new();
    for (index, call) in tape.calls.iter().enumerate() {
        let known = batches.iter().position(|batch| same(&tape.calls[batch.first], call));
        let batch = known.unwrap_or_else(|| {
            batches.push(Batch { first: index, branches: Vec::new() });
            batches.len() - 1
        });
        let branches = &mut batches[batch].branches;
        let branch = branches.iter().position(|branch| **branch == *call.call.branch).unwrap_or_else(|| {
            branches.push(Arc::clone(&call.call.branch));
            branches.len() - 1
        });
        places.push((batch as u32, branch as u32));
    }
    for kind in tape.nodes.values_mut() {
        if let NodeKind::Network(index) = kind {
            *kind = NodeKind::Output { batch: places[*index as usize].0, branch: places[*index as usize].1 };
        }
    }
    tape.batches = batches;
    // A branch that was asked twice is one tensor now.
    super::share::run(tape);
}

/// Whether a call is answered by another one: the same branch, asked at one sample.
pub fn asks_the_same(a: &TapeCall, b: &TapeCall) -> bool {
    same(a, b) && a.call.branch == b.call.branch
}

fn same(a: &TapeCall, b: &TapeCall) -> bool {
    let one = a.host == b.host && (!a.host || a.call.branch == b.call.branch);
    one && a.input == b.input && a.call.time.to_bits() == b.call.time.to_bits() && a.call.args == b.call.args
}
