//! Equal tensors become one.
//!
//! ```text
//! n5 = 0.5 n0             n5 = 0.5 n0
//! n6 = 0.5 n0       =>
//! n7 = mul n5 n6          n7 = mul n5 n5
//! ```

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;

use crate::arith::Operand;
use crate::arith::trace::{Node, NodeKind, Tape};
use crate::ir::op::{Op, Reduction};

/// What makes two tensors equal.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Linear(Vec<(u64, Node)>, u64),
    Apply(Op, Vec<(u64, Option<Node>)>),
    Reduce((u8, u64), Node),
    Output(u32, u32),
    Part(Node, u32),
}

/// Shares equal sums and operations; leaves are equal only to themselves.
pub fn run(tape: &mut Tape) {
    let mut seen: HashMap<Key, Node> = HashMap::new();
    let mut names: SecondaryMap<Node, Node> = SecondaryMap::new();
    for node in tape.nodes.keys() {
        names[node] = match key(&tape.nodes[node], &names) {
            Some(key) => *seen.entry(key).or_insert(node),
            None => node,
        };
    }
    super::collapse_affine::rename(tape, |node| names[node]);
}

fn key(kind: &NodeKind, names: &SecondaryMap<Node, Node>) -> Option<Key> {
    match kind {
        NodeKind::Linear { terms, constant } => {
            let terms = terms.iter().map(|(factor, node)| (factor.to_bits(), names[*node])).collect();
            Some(Key::Linear(terms, constant.to_bits()))
        }
        NodeKind::Apply { op, args } => {
            let args = args.iter().map(|arg| match arg {
                Operand::Scalar(value) => (value.to_bits(), None),
                Operand::Tensor(node) => (0, Some(names[*node])),
            });
            Some(Key::Apply(*op, args.collect()))
        }
        NodeKind::Reduce { how, of } => {
            let how = match how {
                Reduction::Mean => (0, 0),
                Reduction::Max => (1, 0),
                Reduction::Quantile(share) => (2, share.to_bits()),
            };
            Some(Key::Reduce(how, names[*of]))
        }
        NodeKind::Part { of, part } => Some(Key::Part(names[*of], *part)),
        NodeKind::Output { batch, branch } => Some(Key::Output(*batch, *branch)),
        NodeKind::Start | NodeKind::Input(_) | NodeKind::Noise(_) | NodeKind::Network(_) => None,
    }
}
