//! Cuts a tape at its model calls and reductions, and decides which tensors get buffers.
//!
//! Segment `k` is what lies between cut `k - 1` and cut `k`. A cut is a model call, or the reductions that can be made at
//! one time: they read what the segment before them computes, and all elements of a sample must be there before the
//! next segment reads a cell. A tensor that a later segment reads is either read from a buffer, if it is kept (the
//! result of a step, history, state) or not linear, or it is computed again from what it is a sum of. Segments are
//! looked at from the last to the first, so each knows what later ones read.

use cranelift_entity::SecondaryMap;

use super::Ready;
use crate::arith::Operand;
use crate::arith::trace::{Node, NodeKind, Tape};
use crate::ir::op::Reduction;
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
    /// A number per sample.
    Cell(Node),
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
    /// Reductions at the end of the segment, with what they reduce.
    pub(super) reduces: Vec<(Node, Reduction, Arg)>,
}

/// What ends a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutKind {
    /// This batch of model calls.
    Call(u32),
    /// Reductions.
    Reduce,
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
    /// What ends each segment but the last.
    pub(super) cuts: Vec<CutKind>,
    pub(super) ready: Ready,
}

struct Cut<'t> {
    tape: &'t Tape,
    ready: Ready,
    kept: SecondaryMap<Node, bool>,
    /// Made of cells and numbers alone: computed again wherever it is read.
    of_cells: SecondaryMap<Node, bool>,
    wanted: Vec<Vec<Node>>,
    reduces: Vec<Vec<Node>>,
}

/// Cuts a tape. Calls of several branches, and all calls if the network's dtype is another (`cast`), are fed what the
/// segment before writes for them; the others read a tensor as it stands.
pub(super) fn cut(tape: &Tape, cast: bool) -> Segments {
    let Order { ready, cuts, reduces } = order(tape);
    let mut kept: SecondaryMap<Node, bool> = SecondaryMap::new();
    for node in tape.kept.iter().chain(&tape.steps) {
        kept[*node] = true;
    }
    let of_cells = of_cells(tape, &kept);
    let mut ctx = Cut { tape, ready, kept, of_cells, wanted: vec![Vec::new(); cuts.len() + 1], reduces };
    for node in tape.steps.iter().chain(tape.emits.iter().map(|(_, node, _)| node)) {
        ctx.want(*node, ctx.ready[*node]);
    }
    let mut segments = vec![Segment::default(); cuts.len() + 1];
    for (index, cut) in cuts.iter().enumerate() {
        let CutKind::Call(batch) = cut else { continue };
        let batch = &tape.batches[*batch as usize];
        let (input, branches) = (tape.calls[batch.first].input, batch.branches.len() as u32);
        match cast || branches > 1 {
            true => segments[index].feed = Some((input, branches)),
            false => ctx.want_input(input, index as u32),
        }
    }
    for index in (0..=cuts.len()).rev() {
        ctx.segment(index as u32, &mut segments[index]);
    }
    Segments { segments, cuts, ready: ctx.ready }
}

/// The order of a run.
struct Order {
    /// After how many cuts each tensor is computed.
    ready: Ready,
    cuts: Vec<CutKind>,
    /// The reductions at each cut.
    reduces: Vec<Vec<Node>>,
}

/// Puts calls and reductions in order. A tensor is computed as late as the rule makes it between its calls, so that what
/// needs no model call is not made, and kept, long before it is read; among the reductions between two calls as early
/// as can be, so that those which do not read each other are made at one time.
fn order(tape: &Tape) -> Order {
    let live = crate::pass::dead::reachable(tape);
    let mut ready = Ready::new();
    let mut cuts: Vec<CutKind> = Vec::new();
    let mut reduces: Vec<Vec<Node>> = vec![Vec::new()];
    // The first segment behind the last call, and the first in which the observer may be told something.
    let (mut called, mut told) = (0, 0);
    let mut observed: SecondaryMap<Node, bool> = SecondaryMap::new();
    for node in tape.steps.iter().chain(tape.emits.iter().map(|(_, node, _)| node)) {
        observed[*node] = true;
    }
    for (node, kind) in tape.nodes.iter() {
        ready[node] = match kind {
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Noise(_) => 0,
            NodeKind::Output { batch, .. } => {
                let known = cuts.iter().position(|cut| *cut == CutKind::Call(*batch));
                known.map_or_else(
                    || {
                        cuts.push(CutKind::Call(*batch));
                        reduces.push(Vec::new());
                        called = cuts.len() as u32;
                        called
                    },
                    |at| at as u32 + 1,
                )
            }
            NodeKind::Part { of, .. } => ready[*of],
            NodeKind::Linear { .. } | NodeKind::Apply { .. } | NodeKind::Network(_) => {
                operands(kind).map(|node| ready[node]).fold(called, u32::max)
            }
            NodeKind::Reduce { of, .. } if live[node] => {
                let from = ready[*of].max(called) as usize;
                let at = (from..cuts.len()).find(|at| cuts[*at] == CutKind::Reduce).unwrap_or_else(|| {
                    cuts.push(CutKind::Reduce);
                    reduces.push(Vec::new());
                    cuts.len() - 1
                });
                reduces[at].push(node);
                at as u32 + 1
            }
            NodeKind::Reduce { .. } => called,
        };
        if observed[node] {
            // In the order that the rule has them.
            told = told.max(ready[node]);
            ready[node] = told;
        }
    }
    Order { ready, cuts, reduces }
}

fn reads_buffers(exprs: &[(Node, Expr)], reduces: &[(Node, Reduction, Arg)]) -> bool {
    let loads = |terms: &[(f64, Term)]| terms.iter().any(|(_, term)| matches!(term, Term::Load(_)));
    let arg = |arg: &Arg| match arg {
        Arg::Sum(terms, _) => loads(terms),
        Arg::Scalar(_) => false,
    };
    let expr = |(_, expr): &(Node, Expr)| match expr {
        Expr::Sum(terms, _) => loads(terms),
        Expr::Apply(_, args) => args.iter().any(arg),
    };
    exprs.iter().any(expr) || reduces.iter().any(|(.., reduced)| arg(reduced))
}

/// The tensors that a tensor is made of.
fn operands(kind: &NodeKind) -> impl Iterator<Item = Node> + '_ {
    let (terms, args) = match kind {
        NodeKind::Linear { terms, .. } => (&terms[..], &[][..]),
        NodeKind::Apply { args, .. } => (&[][..], &args[..]),
        NodeKind::Start
        | NodeKind::Input(_)
        | NodeKind::Noise(_)
        | NodeKind::Network(_)
        | NodeKind::Output { .. }
        | NodeKind::Part { .. }
        | NodeKind::Reduce { .. } => (&[][..], &[][..]),
    };
    terms.iter().map(|(_, node)| *node).chain(args.iter().filter_map(|arg| match arg {
        Operand::Tensor(node) => Some(*node),
        Operand::Scalar(_) => None,
    }))
}

/// Which tensors are numbers per sample; what is kept has a buffer all the same, for it would drag on what it is made of.
fn of_cells(tape: &Tape, kept: &SecondaryMap<Node, bool>) -> SecondaryMap<Node, bool> {
    let mut of_cells: SecondaryMap<Node, bool> = SecondaryMap::new();
    for (node, kind) in tape.nodes.iter() {
        of_cells[node] = match kind {
            NodeKind::Reduce { .. } => true,
            NodeKind::Linear { .. } | NodeKind::Apply { .. } => {
                !kept[node] && operands(kind).all(|operand| of_cells[operand])
            }
            NodeKind::Start
            | NodeKind::Input(_)
            | NodeKind::Noise(_)
            | NodeKind::Network(_)
            | NodeKind::Output { .. }
            | NodeKind::Part { .. } => false,
        };
    }
    of_cells
}

impl Cut<'_> {
    fn is_leaf(&self, node: Node) -> bool {
        match self.tape.nodes[node] {
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Output { .. } | NodeKind::Network(_) => true,
            NodeKind::Part { .. } => true,
            NodeKind::Noise(_) | NodeKind::Linear { .. } | NodeKind::Apply { .. } | NodeKind::Reduce { .. } => false,
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
        for node in std::mem::take(&mut self.reduces[index as usize]) {
            let NodeKind::Reduce { how, of } = self.tape.nodes[node] else { continue };
            let (terms, constant) = self.sum(&[(1.0, of)], 0.0, index, &mut segment.exprs);
            segment.reduces.push((node, how, Arg::Sum(terms, constant)));
        }
        // A launch learns its size from its buffers: where it has none, what it reduces gets one.
        if segment.stores.is_empty()
            && let Some((node, ..)) = segment.reduces.first()
            && let NodeKind::Reduce { of, .. } = self.tape.nodes[*node]
            && !reads_buffers(&segment.exprs, &segment.reduces)
        {
            self.compute(of, index, &mut segment.exprs);
            segment.stores.push(of);
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
            | NodeKind::Network(_)
            | NodeKind::Part { .. }
            | NodeKind::Reduce { .. } => {
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
            NodeKind::Reduce { .. } => Term::Cell(node),
            NodeKind::Apply { .. } if self.ready[node] == at || self.of_cells[node] => {
                self.compute(node, at, exprs);
                Term::Apply(node)
            }
            NodeKind::Apply { .. } | NodeKind::Linear { .. } => {
                self.want(node, self.ready[node]);
                Term::Load(node)
            }
            NodeKind::Start | NodeKind::Input(_) | NodeKind::Output { .. } | NodeKind::Network(_) => Term::Load(node),
            NodeKind::Part { .. } => Term::Load(node),
        }
    }
}
