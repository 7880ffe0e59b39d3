//! Calls that nothing reads are dropped, with their branches.
//!
//! ```text
//! n1 = output 0.0 (cond)             n1 = output 0.0 (cond)
//! n2 = output 0.1 (uncond)     =>
//! step 0 = 0.5 n1                    step 0 = 0.5 n1
//! ```

use cranelift_entity::SecondaryMap;

use crate::arith::Operand;
use crate::arith::trace::{Batch, Node, NodeKind, Tape};

/// Drops what no step and no observer reads.
pub fn run(tape: &mut Tape) {
    let live = reachable(tape);
    let mut used: Vec<Vec<bool>> = tape.batches.iter().map(|batch| vec![false; batch.branches.len()]).collect();
    for (node, kind) in tape.nodes.iter() {
        if let NodeKind::Output { batch, branch } = kind {
            used[*batch as usize][*branch as usize] |= live[node];
        }
    }
    tape.unread += used.iter().flatten().filter(|used| !**used).count();
    let mut places: Vec<Vec<Option<(u32, u32)>>> = Vec::new();
    let mut batches = Vec::new();
    for (batch, used) in tape.batches.iter().zip(&used) {
        let index = batches.len() as u32;
        let mut branches = Vec::new();
        let mut of_batch = Vec::new();
        for (branch, used) in batch.branches.iter().zip(used) {
            of_batch.push(used.then_some((index, branches.len() as u32)));
            if *used {
                branches.push(branch.clone());
            }
        }
        places.push(of_batch);
        if !branches.is_empty() {
            batches.push(Batch { first: batch.first, branches });
        }
    }
    for (_, kind) in tape.nodes.iter_mut() {
        if let NodeKind::Output { batch, branch } = kind {
            if let Some((new_batch, new_branch)) = places[*batch as usize][*branch as usize] {
                (*batch, *branch) = (new_batch, new_branch);
            } else {
                *kind = NodeKind::Linear { terms: Vec::new(), constant: f64::NAN };
            }
        }
    }
    tape.batches = batches;
}

/// What a step's result or the observer reads.
pub type Live = SecondaryMap<Node, bool>;

/// The tensors that a step's result or the observer reads.
pub fn reachable(tape: &Tape) -> Live {
    let mut live = Live::new();
    let mut work: Vec<Node> = tape.steps.iter().copied().chain(tape.emits.iter().map(|(_, node, _)| *node)).collect();
    while let Some(node) = work.pop() {
        if std::mem::replace(&mut live[node], true) {
            continue;
        }
        match &tape.nodes[node] {
            NodeKind::Linear { terms, .. } => work.extend(terms.iter().map(|(_, term)| *term)),
            NodeKind::Apply { args, .. } => work.extend(args.iter().filter_map(|arg| match arg {
                Operand::Tensor(node) => Some(*node),
                Operand::Scalar(_) => None,
            })),
            NodeKind::Reduce { of, .. } | NodeKind::Part { of, .. } => work.push(*of),
            NodeKind::Output { batch, .. } => work.push(tape.calls[tape.batches[*batch as usize].first].input),
            NodeKind::Network(call) => work.push(tape.calls[*call as usize].input),
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Noise(_) => {}
        }
    }
    live
}
