//! Cuts a tape at its model calls and decides which tensors get buffers.
//!
//! Segment `k` is what lies between call `k - 1` and call `k`. A tensor that a later segment reads is either read
//! from a buffer, if it is kept (the result of a step, history, state) or not linear, or it is computed again from
//! what it is a sum of. Segments are looked at from the last to the first, so each knows what later ones read.

use cranelift_entity::SecondaryMap;

use super::Ready;
use crate::arith::Operand;
use crate::arith::trace::{Node, NodeKind, Tape};
use crate::pass::collapse_affine::Sum;

/// A tensor inside a segment.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// Read: a buffer, a call's output, a tensor of the caller.
    Load(Node),
    /// A draw.
    Noise(u32),
    /// Computed here, not linear.
    Apply(Node),
}

/// What a segment computes.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// Tensors that get buffers.
    pub(super) stores: Vec<Node>,
    /// What the next call is fed through the feed, and for how many branches.
    pub(super) feed: Option<(Node, u32)>,
    /// Sums and operations computed here.
    pub(super) exprs: Vec<(Node, Expr)>,
}

/// A tensor of a segment, in terms of what the segment reads.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    /// A sum.
    Sum(Vec<(f64, Term)>, f64),
    /// An operation.
    Apply(crate::ir::op::Op, Vec<Arg>),
}

/// An operand of an operation.
#[derive(Clone, Debug)]
pub(super) enum Arg {
    Scalar(f64),
    Sum(Vec<(f64, Term)>, f64),
}

/// Everything the plan is made from.
pub(super) struct Segments {
    pub(super) segments: Vec<Segment>,
    pub(super) ready: Ready,
}

struct Cut<'t> {
    tape: &'t Tape,
    ready: Ready,
    kept: SecondaryMap<Node, bool>,
    wanted: Vec<Vec<Node>>,
}

/// Cuts a tape. Calls of several branches, and all calls if the network's dtype is another (`cast`), are fed what the
/// segment before writes for them; the others read a tensor as it stands.
pub(super) fn cut(tape: &Tape, cast: bool) -> Segments {
    let ready = ready(tape);
    let mut kept: SecondaryMap<Node, bool> = SecondaryMap::new();
    for node in tape.kept.iter().chain(&tape.steps) {
        kept[*node] = true;
    }
    let calls = tape.batches.len();
    let mut ctx = Cut { tape, ready, kept, wanted: vec![Vec::new(); calls + 1] };
    for node in tape.steps.iter().chain(tape.emits.iter().map(|(_, node, _)| node)) {
        ctx.want(*node, ctx.ready[*node]);
    }
    let mut segments = vec![Segment::default(); calls + 1];
    for (index, batch) in tape.batches.iter().enumerate() {
        let (input, branches) = (tape.calls[batch.first].input, batch.branches.len() as u32);
        match cast || branches > 1 {
            true => segments[index].feed = Some((input, branches)),
            false => ctx.want_input(input, index as u32),
        }
    }
    for index in (0..=calls).rev() {
        ctx.segment(index as u32, &mut segments[index]);
    }
    Segments { segments, ready: ctx.ready }
}

/// After how many calls each tensor is computed: as late as the rule makes it, so that what needs no model call is not
/// made, and kept, long before it is read.
fn ready(tape: &Tape) -> Ready {
    let mut ready = Ready::new();
    let mut made = 0;
    for (node, kind) in tape.nodes.iter() {
        ready[node] = match kind {
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Noise(_) => 0,
            NodeKind::Output { batch, .. } => batch + 1,
            NodeKind::Network(call) => call + 1,
            NodeKind::Linear { .. } | NodeKind::Apply { .. } => made,
        };
        made = made.max(ready[node]);
    }
    ready
}

impl Cut<'_> {
    fn is_leaf(&self, node: Node) -> bool {
        match self.tape.nodes[node] {
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Output { .. } | NodeKind::Network(_) => true,
            NodeKind::Noise(_) | NodeKind::Linear { .. } | NodeKind::Apply { .. } => false,
        }
    }

    /// Asks for a buffer, filled in the given segment.
    fn want(&mut self, node: Node, segment: u32) {
        if !self.is_leaf(node) && !self.wanted[segment as usize].contains(&node) {
            self.wanted[segment as usize].push(node);
        }
    }

    /// The input of a call: the buffer of a kept tensor, or one made just before the call.
    fn want_input(&mut self, input: Node, call: u32) {
        if self.kept[input] || matches!(self.tape.nodes[input], NodeKind::Apply { .. }) {
            self.want(input, self.ready[input]);
        } else {
            self.want(input, call);
        }
    }

    fn segment(&mut self, index: u32, segment: &mut Segment) {
        if let Some((input, _)) = segment.feed {
            self.compute_feed(input, index, &mut segment.exprs);
        }
        segment.stores = std::mem::take(&mut self.wanted[index as usize]);
        for node in &segment.stores {
            self.compute(*node, index, &mut segment.exprs);
        }
        // Tensors in the order they were made, so that like segments make like kernels.
        segment.stores.sort_unstable();
    }

    /// What a call is fed: read, where an earlier segment keeps it, and computed here otherwise.
    fn compute_feed(&mut self, input: Node, at: u32, exprs: &mut Vec<(Node, Expr)>) {
        let stays = self.kept[input] || matches!(self.tape.nodes[input], NodeKind::Apply { .. });
        if stays && self.ready[input] < at {
            self.want(input, self.ready[input]);
        } else if !self.is_leaf(input) {
            self.compute(input, at, exprs);
        }
    }

    /// Puts a tensor in terms of what segment `at` reads, operations that it needs first.
    fn compute(&mut self, node: Node, at: u32, exprs: &mut Vec<(Node, Expr)>) {
        if exprs.iter().any(|(known, _)| *known == node) {
            return;
        }
        let expr = match self.tape.nodes[node].clone() {
            NodeKind::Apply { op, args } => {
                let args = args
                    .iter()
                    .map(|arg| match arg {
                        Operand::Scalar(value) => Arg::Scalar(*value),
                        Operand::Tensor(node) => {
                            let (terms, constant) = self.sum(&[(1.0, *node)], 0.0, at, exprs);
                            Arg::Sum(terms, constant)
                        }
                    })
                    .collect();
                Expr::Apply(op, args)
            }
            NodeKind::Linear { terms, constant } => {
                let (terms, constant) = self.sum(&terms, constant, at, exprs);
                Expr::Sum(terms, constant)
            }
            NodeKind::Noise(_)
            | NodeKind::Start
            | NodeKind::Input(_)
            | NodeKind::Output { .. }
            | NodeKind::Network(_) => {
                let (terms, constant) = self.sum(&[(1.0, node)], 0.0, at, exprs);
                Expr::Sum(terms, constant)
            }
        };
        exprs.push((node, expr));
    }

    /// A sum in terms of what segment `at` reads.
    fn sum(
        &mut self,
        terms: &[(f64, Node)],
        constant: f64,
        at: u32,
        exprs: &mut Vec<(Node, Expr)>,
    ) -> (Vec<(f64, Term)>, f64) {
        let mut sum = Sum::new(constant);
        for (factor, node) in terms {
            self.expand(*factor, *node, at, &mut sum);
        }
        let (terms, constant) = sum.parts();
        let terms = terms.into_iter().map(|(factor, node)| (factor, self.term(node, at, exprs))).collect();
        (terms, constant)
    }

    fn expand(&mut self, factor: f64, node: Node, at: u32, sum: &mut Sum) {
        match &self.tape.nodes[node] {
            NodeKind::Linear { terms, constant } if !(self.kept[node] && self.ready[node] < at) => {
                sum.add_constant(factor * constant);
                for (inner, term) in terms.clone() {
                    self.expand(factor * inner, term, at, sum);
                }
            }
            _ => sum.add(factor, node),
        }
    }

    fn term(&mut self, node: Node, at: u32, exprs: &mut Vec<(Node, Expr)>) -> Term {
        match self.tape.nodes[node] {
            NodeKind::Noise(draw) => Term::Noise(draw),
            NodeKind::Apply { .. } if self.ready[node] == at => {
                self.compute(node, at, exprs);
                Term::Apply(node)
            }
            NodeKind::Apply { .. } | NodeKind::Linear { .. } => {
                self.want(node, self.ready[node]);
                Term::Load(node)
            }
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Output { .. } | NodeKind::Network(_) => Term::Load(node),
        }
    }
}
