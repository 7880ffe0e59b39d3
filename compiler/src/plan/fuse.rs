//! One kernel for one segment: sums as products and fused multiply-adds, operations as they are.
//!
//! Coefficients become scalars of the launch in the order they are met, so that segments that differ only in numbers
//! share a kernel.

use std::collections::HashMap;

use super::cut::{Arg, Expr, Segment, Term};
use crate::arith::trace::Node;
use crate::ir::entities::Value;
use crate::ir::kernel::Kernel;
use crate::ir::op::Op;

/// A kernel and what a launch of it needs.
pub(super) struct Fused {
    pub(super) kernel: Kernel,
    pub(super) loads: Vec<Node>,
    pub(super) scalars: Vec<f64>,
    pub(super) draws: Vec<u32>,
    pub(super) cells: Vec<Node>,
    /// What its reductions give.
    pub(super) reduces: Vec<Node>,
}

struct Fuse<'s> {
    segment: &'s Segment,
    fused: Fused,
    reads: HashMap<Node, Value>,
    cells: HashMap<Node, Value>,
    noises: HashMap<u32, Value>,
    values: HashMap<Node, Value>,
}

/// Makes the kernel of a segment that stores or reduces something: first its tensors, then the feed, once for each
/// branch, then what is reduced.
pub(super) fn fuse(segment: &Segment) -> Fused {
    let kernel = Kernel::new("step");
    let reduces = segment.reduces.iter().map(|(node, ..)| *node).collect();
    let fused = Fused { kernel, loads: Vec::new(), scalars: Vec::new(), draws: Vec::new(), cells: Vec::new(), reduces };
    let mut ctx = Fuse {
        segment,
        fused,
        reads: HashMap::new(),
        cells: HashMap::new(),
        noises: HashMap::new(),
        values: HashMap::new(),
    };
    for node in &segment.stores {
        let value = ctx.value(*node);
        ctx.fused.kernel.store(value);
    }
    if let Some((input, branches)) = segment.feed {
        let value = ctx.value(input);
        (0..branches).for_each(|_| {
            ctx.fused.kernel.store(value);
        });
    }
    for (_, how, arg) in &segment.reduces {
        let value = ctx.arg(arg);
        ctx.fused.kernel.reduce(*how, value);
    }
    ctx.fused
}

impl Fuse<'_> {
    fn value(&mut self, node: Node) -> Value {
        if let Some(value) = self.values.get(&node) {
            return *value;
        }
        let expr = self.segment.exprs.iter().find(|(known, _)| *known == node).map(|(_, expr)| expr.clone());
        let value = match expr {
            Some(Expr::Sum(terms, constant)) => self.sum(&terms, constant),
            Some(Expr::Apply(op, args)) => self.apply(op, &args),
            // What is not computed here is read.
            None => self.load(node),
        };
        self.values.insert(node, value);
        value
    }

    fn sum(&mut self, terms: &[(f64, Term)], constant: f64) -> Value {
        let mut total = (constant != 0.0).then(|| self.scalar(constant));
        for (factor, term) in terms {
            let value = self.term(term);
            total = Some(match total {
                None if *factor == 1.0 => value,
                None => {
                    let factor = self.scalar(*factor);
                    self.fused.kernel.apply(Op::Mul, [factor, value])
                }
                Some(total) => {
                    let factor = self.scalar(*factor);
                    self.fused.kernel.apply(Op::Fma, [factor, value, total])
                }
            });
        }
        total.unwrap_or_else(|| self.fused.kernel.constant(0.0))
    }

    fn apply(&mut self, op: Op, args: &[Arg]) -> Value {
        let values: Vec<Value> = args.iter().map(|arg| self.arg(arg)).collect();
        match values[..] {
            [a] => self.fused.kernel.apply(op, [a]),
            [a, b, ..] => self.fused.kernel.apply(op, [a, b]),
            [] => self.fused.kernel.constant(f64::NAN),
        }
    }

    fn arg(&mut self, arg: &Arg) -> Value {
        match arg {
            Arg::Scalar(value) => self.scalar(*value),
            Arg::Sum(terms, constant) => self.sum(terms, *constant),
        }
    }

    fn term(&mut self, term: &Term) -> Value {
        match term {
            Term::Load(node) => self.load(*node),
            Term::Apply(node) => self.value(*node),
            Term::Cell(node) => self.cell(*node),
            Term::Noise(draw) => {
                if let Some(value) = self.noises.get(draw) {
                    return *value;
                }
                let value = self.fused.kernel.noise(self.fused.draws.len() as u32);
                self.fused.draws.push(*draw);
                self.noises.insert(*draw, value);
                value
            }
        }
    }

    fn load(&mut self, node: Node) -> Value {
        if let Some(value) = self.reads.get(&node) {
            return *value;
        }
        let value = self.fused.kernel.load(self.fused.loads.len() as u32);
        self.fused.loads.push(node);
        self.reads.insert(node, value);
        value
    }

    fn cell(&mut self, node: Node) -> Value {
        if let Some(value) = self.cells.get(&node) {
            return *value;
        }
        let value = self.fused.kernel.cell(self.fused.cells.len() as u32);
        self.fused.cells.push(node);
        self.cells.insert(node, value);
        value
    }

    fn scalar(&mut self, value: f64) -> Value {
        let slot = self.fused.scalars.len() as u32;
        self.fused.scalars.push(value);
        self.fused.kernel.scalar(slot)
    }
}
