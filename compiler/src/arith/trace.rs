//! Tracing: a tensor is a node of the graph of a run.
//!
//! What comes out is a [`Tape`]: every operation on tensors in the order it was made, with host numbers put in.

use std::collections::HashMap;
use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};

use samp_lang::source::Span;

use super::{Arith, Keep, ModelFault, NetworkCall, Operand, Site};
use crate::ir::op::{Op, Reduction};
use crate::types::Kind;

/// A tensor of a run.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);
entity_impl!(Node, "n");

/// What a tensor of a run is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// The sample that the run starts from.
    Start,
    /// A tensor of the caller.
    Input(Arc<str>),
    /// A fresh draw.
    Noise(u32),
    /// The output of a network call.
    Network(u32),
    /// The same, once calls are batched.
    Output {
        /// The batch.
        batch: u32,
        /// The branch, by its place in the batch.
        branch: u32,
    },
    /// A part of a network's output: one of several equal groups of its channels.
    Part {
        /// The output.
        of: Node,
        /// Which part.
        part: u32,
    },
    /// A sum of multiples and a constant.
    Linear {
        /// Factors and tensors; no factor is zero, no tensor stands twice.
        terms: Vec<(f64, Node)>,
        /// The constant.
        constant: f64,
    },
    /// An operation that is not linear.
    Apply {
        /// The operation.
        op: Op,
        /// Its operands.
        args: Vec<Operand<f64, Node>>,
    },
    /// A number per sample, the same for every element.
    Reduce {
        /// How the elements are reduced.
        how: Reduction,
        /// Of what.
        of: Node,
    },
}

/// A draw that is an increment of the run's Brownian path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Increment {
    /// Which draw.
    pub draw: u32,
    /// The rho that it goes from.
    pub from: f64,
    /// The rho that it goes to.
    pub to: f64,
}

/// A network call of a run.
#[derive(Clone, Debug)]
pub struct TapeCall {
    /// What the network is fed.
    pub input: Node,
    /// The sample that is asked about.
    pub x: Node,
    /// Its branch, time, level and what is passed on.
    pub call: NetworkCall<f64>,
    /// The model that turns the output, or its first part, into a prediction.
    pub affine: Affine,
    /// Into how many groups of channels the output is parted; each has the shape of the input.
    pub parts: u32,
    /// It is a function of the host that is called, by the name that stands for the branch.
    pub host: bool,
}

/// How a model turns a network's output into a prediction: `input = scale x`, `prediction = skip x + out output`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// What the prediction is of.
    pub gives: Kind,
    /// The factor of the sample in the network's input.
    pub scale: f64,
    /// The factor of the sample in the prediction.
    pub skip: f64,
    /// The factor of the output in the prediction.
    pub out: f64,
}

/// Calls at one sample.
#[derive(Clone, Debug)]
pub struct Batch {
    /// One of the calls: all are fed and told the same.
    pub first: usize,
    /// Their branches.
    pub branches: Vec<Arc<str>>,
}

/// All tensors of a run.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// What they are.
    pub nodes: PrimaryMap<Node, NodeKind>,
    /// Draws that are increments of the Brownian path, with the rho that they go from and to.
    pub paths: Vec<Increment>,
    /// Tensors that live beyond the place where they are made.
    pub kept: Vec<Node>,
    /// Network calls in order.
    pub calls: Vec<TapeCall>,
    /// Samples after each step.
    pub steps: Vec<Node>,
    /// How many calls were made before each step's end.
    pub step_calls: Vec<usize>,
    /// Tensors told to the observer, with the number of steps done.
    pub emits: Vec<(Arc<str>, Node, usize)>,
    /// The sample that the run starts from.
    pub start: Option<Node>,
    /// Calls at one sample, once they are batched.
    pub batches: Vec<Batch>,
    /// Evaluations that were asked for and that nothing reads.
    pub unread: usize,
    /// Whether tensors with factors that are not finite are let pass: another proof looks at them.
    pub lenient: bool,
    /// Tensors with a factor that is not finite, and those made of them: where it came in, and the factor.
    unfit: HashMap<Node, (Span, f64)>,
    /// The first of them that the observer was told.
    unfit_emit: Option<(Span, f64)>,
    /// Where a tensor is about to be made.
    site: Option<Site>,
}

impl Tape {
    /// A tape for a proof that does not look at numbers.
    pub fn lenient() -> Tape {
        Tape { lenient: true, ..Tape::default() }
    }

    /// A node that is unfit for use if any of these is.
    fn passed_on(&mut self, node: Node, of: impl IntoIterator<Item = Node>) -> Node {
        if let Some(unfit) = of.into_iter().find_map(|of| self.unfit.get(&of).copied()) {
            self.unfit.insert(node, unfit);
        }
        node
    }

    /// Notes that a step has ended with this sample.
    pub fn end_step(&mut self, x: Node) {
        self.steps.push(x);
        self.step_calls.push(self.calls.len());
    }

    /// A tensor as a sum of multiples of `of`, if it is one.
    fn in_terms_of(&self, node: Node, of: &[Node]) -> Option<Vec<f64>> {
        if let Some(at) = of.iter().position(|known| *known == node) {
            return Some((0..of.len()).map(|k| if k == at { 1.0 } else { 0.0 }).collect());
        }
        let NodeKind::Linear { terms, constant } = &self.nodes[node] else { return None };
        if *constant != 0.0 {
            return None;
        }
        let mut total = vec![0.0; of.len()];
        for (factor, term) in terms {
            for (sum, part) in total.iter_mut().zip(self.in_terms_of(*term, of)?) {
                *sum += factor * part;
            }
        }
        Some(total)
    }
}

impl Arith for Tape {
    type Real = f64;
    type Tensor = Node;

    fn linear(&mut self, terms: &[(f64, &Node)], constant: f64) -> Node {
        let bad = terms.iter().map(|(factor, _)| *factor).chain([constant]).find(|factor| !factor.is_finite());
        if let (Some(bad), Some(site)) = (bad, self.site) {
            let node = self.nodes.push(NodeKind::Linear { terms: Vec::new(), constant: 0.0 });
            self.unfit.insert(node, (site.span, bad));
            return node;
        }
        let mut merged: Vec<(f64, Node)> = Vec::with_capacity(terms.len());
        for (factor, node) in terms {
            match merged.iter_mut().find(|(_, known)| known == *node) {
                Some((sum, _)) => *sum += factor,
                None => merged.push((*factor, **node)),
            }
        }
        merged.retain(|(factor, _)| *factor != 0.0);
        if let ([(1.0, node)], 0.0, true) = (&merged[..], constant, self.unfit.is_empty()) {
            return *node;
        }
        let node = self.nodes.push(NodeKind::Linear { terms: merged, constant });
        self.passed_on(node, terms.iter().map(|(_, term)| **term))
    }

    fn elementwise(&mut self, op: Op, args: &[Operand<f64, Node>]) -> Node {
        let node = self.nodes.push(NodeKind::Apply { op, args: args.to_vec() });
        let tensors = args.iter().filter_map(|arg| match arg {
            Operand::Tensor(tensor) => Some(*tensor),
            Operand::Scalar(_) => None,
        });
        self.passed_on(node, tensors)
    }

    fn reduce(&mut self, how: Reduction, tensor: &Node) -> Node {
        let node = self.nodes.push(NodeKind::Reduce { how, of: *tensor });
        self.passed_on(node, [*tensor])
    }

    fn noise(&mut self, draw: u32) -> Node {
        self.nodes.push(NodeKind::Noise(draw))
    }

    fn brownian(&mut self, draw: u32, from: &f64, to: &f64) -> Node {
        self.paths.push(Increment { draw, from: *from, to: *to });
        self.noise(draw)
    }

    fn denoise(&mut self, _x: &Node, _call: &NetworkCall<f64>) -> Option<Node> {
        None
    }

    fn network(&mut self, input: &Node, call: NetworkCall<f64>) -> Node {
        let index = u32::try_from(self.calls.len()).expect("the interpreter's work is bounded");
        let affine = Affine { gives: Kind::X0, scale: f64::NAN, skip: f64::NAN, out: f64::NAN };
        self.calls.push(TapeCall { input: *input, x: *input, call, affine, parts: 1, host: false });
        let node = self.nodes.push(NodeKind::Network(index));
        self.passed_on(node, [*input])
    }

    fn host(&mut self, input: &Node, call: NetworkCall<f64>) -> Option<Node> {
        let node = self.network(input, call);
        if let Some(call) = self.calls.last_mut() {
            call.host = true;
            call.affine = Affine { gives: Kind::Tensor, scale: 1.0, skip: 0.0, out: 1.0 };
        }
        Some(node)
    }

    fn split(&mut self, output: &Node, parts: u32) -> Vec<Node> {
        if let NodeKind::Network(index) = self.nodes[*output] {
            self.calls[index as usize].parts = parts;
        }
        (0..parts).map(|part| self.nodes.push(NodeKind::Part { of: *output, part })).collect()
    }

    fn predicted(
        &mut self,
        x: &Node,
        input: &Node,
        output: &Node,
        prediction: &Node,
        kind: Kind,
    ) -> Result<(), ModelFault> {
        let scale = self.in_terms_of(*input, &[*x]).ok_or(ModelFault::Input)?;
        let first = NodeKind::Part { of: *output, part: 0 };
        let split = self.nodes.keys().rev().take_while(|node| node > output).find(|node| self.nodes[*node] == first);
        let factors = self.in_terms_of(*prediction, &[*x, split.unwrap_or(*output)]).ok_or(ModelFault::NotAffine)?;
        let NodeKind::Network(index) = self.nodes[*output] else { return Err(ModelFault::NotAffine) };
        let call = &mut self.calls[index as usize];
        call.x = *x;
        call.affine = Affine { gives: kind, scale: scale[0], skip: factors[0], out: factors[1] };
        Ok(())
    }

    fn at(&mut self, site: Site) {
        self.site = Some(site);
    }

    fn unfit(&self, used: &Node) -> Option<(Span, f64)> {
        if self.lenient { None } else { self.unfit.get(used).copied().or(self.unfit_emit) }
    }

    fn keep(&mut self, tensor: &Node, _why: Keep) {
        if self.kept.last() != Some(tensor) {
            self.kept.push(*tensor);
        }
    }

    fn emit(&mut self, name: &Arc<str>, tensor: &Node) {
        self.unfit_emit = self.unfit_emit.or_else(|| self.unfit.get(tensor).copied());
        self.emits.push((name.clone(), *tensor, self.steps.len()));
    }
}
