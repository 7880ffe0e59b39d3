//! Sums of sums become sums over leaves and kept tensors.
//!
//! ```text
//! n3 = 2 n0 + 1 n1        n3 = 2 n0 + 1 n1
//! n4 = 3 n3 - 6 n0   =>   n4 = 3 n1
//! ```
//!
//! A kept tensor stays a term of its own: it may have a buffer. A factor that is only what rounding left of larger
//! ones is zero.

use cranelift_entity::SecondaryMap;

use crate::arith::Operand;
use crate::arith::trace::{Node, NodeKind, Tape};

/// What rounding may leave of a sum, relative to the sum of magnitudes.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

/// Collapses every sum of a tape.
pub fn run(tape: &mut Tape) {
    let mut kept: SecondaryMap<Node, bool> = SecondaryMap::new();
    for node in tape.kept.iter().chain(&tape.steps) {
        kept[*node] = true;
    }
    for node in tape.nodes.keys() {
        let NodeKind::Linear { terms, constant } = &tape.nodes[node] else { continue };
        let mut sum = Sum::new(*constant);
        for (factor, term) in terms {
            match &tape.nodes[*term] {
                // Earlier sums are collapsed already, so one level is enough.
                NodeKind::Linear { terms, constant } if !kept[*term] => {
                    sum.add_constant(factor * constant);
                    for (inner, leaf) in terms {
                        sum.add(factor * inner, *leaf);
                    }
                }
                _ => sum.add(*factor, *term),
            }
        }
        tape.nodes[node] = sum.finish();
    }
    forward(tape);
}

/// Sums that have become a tensor itself are read as that tensor.
fn forward(tape: &mut Tape) {
    let mut names: SecondaryMap<Node, Node> = SecondaryMap::new();
    for node in tape.nodes.keys() {
        names[node] = match &tape.nodes[node] {
            NodeKind::Linear { terms, constant: 0.0 } => match terms[..] {
                [(1.0, same)] => names[same],
                _ => node,
            },
            _ => node,
        };
    }
    rename(tape, |node| names[node]);
}

/// Gives every mention of a tensor another name.
pub(super) fn rename(tape: &mut Tape, name: impl Fn(Node) -> Node) {
    for kind in tape.nodes.values_mut() {
        match kind {
            NodeKind::Linear { terms, .. } => terms.iter_mut().for_each(|(_, node)| *node = name(*node)),
            NodeKind::Apply { args, .. } => {
                for arg in args {
                    if let Operand::Tensor(node) = arg {
                        *node = name(*node);
                    }
                }
            }
            NodeKind::Reduce { of, .. } | NodeKind::Part { of, .. } => *of = name(*of),
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Noise(_) => {}
            NodeKind::Network(_) | NodeKind::Output { .. } => {}
        }
    }
    tape.kept.iter_mut().chain(&mut tape.steps).for_each(|node| *node = name(*node));
    for call in &mut tape.calls {
        call.input = name(call.input);
        call.x = name(call.x);
    }
    tape.emits.iter_mut().for_each(|(_, node, _)| *node = name(*node));
    if let Some(start) = &mut tape.start {
        *start = name(*start);
    }
}

/// A sum that is being put together.
pub(crate) struct Sum {
    terms: Vec<(f64, f64, Node)>,
    constant: f64,
}

impl Sum {
    pub(crate) fn new(constant: f64) -> Self {
        Sum { terms: Vec::new(), constant }
    }

    pub(crate) fn add_constant(&mut self, constant: f64) {
        self.constant += constant;
    }

    pub(crate) fn add(&mut self, factor: f64, node: Node) {
        match self.terms.iter_mut().find(|(_, _, known)| *known == node) {
            Some((sum, size, _)) => {
                *sum += factor;
                *size += factor.abs();
            }
            None => self.terms.push((factor, factor.abs(), node)),
        }
    }

    /// The terms that are left, by tensor, and the constant.
    pub(crate) fn parts(mut self) -> (Vec<(f64, Node)>, f64) {
        self.terms.retain(|(factor, size, _)| !factor.is_finite() || factor.abs() > ROUNDING * size);
        self.terms.sort_by_key(|(_, _, node)| *node);
        (self.terms.into_iter().map(|(factor, _, node)| (factor, node)).collect(), self.constant)
    }

    fn finish(self) -> NodeKind {
        let (terms, constant) = self.parts();
        NodeKind::Linear { terms, constant }
    }
}
