//! The arithmetics that a program runs in.
//!
//! The interpreter in [`crate::machine`] is generic over [`Arith`]: what a host number is, what a tensor is, and what
//! a model answers. [`trace`] makes the graph of a run, [`direct`] computes with elements, [`affine`] with coefficients
//! on data and draws, [`jet`] and [`solved`] with series in the step length, [`combination`] with numbers that know
//! what is wrong with them and what they tend to.

pub mod affine;
pub mod ball;
pub mod combination;
pub mod direct;
pub mod jet;
pub mod laurent;
pub mod limit;
pub mod real;
pub mod solved;
pub mod trace;

use std::sync::Arc;

pub use real::Real;

use samp_lang::source::Span;

use crate::ir::op::{Op, Reduction};
use crate::machine::level::Level;
use crate::types::Kind;

/// An operand of an elementwise operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand<R, T> {
    /// The same number for every element.
    Scalar(R),
    /// A tensor.
    Tensor(T),
}

/// A call of the network.
#[derive(Clone, Debug)]
pub struct NetworkCall<R> {
    /// The branch.
    pub branch: Arc<str>,
    /// What the network is told of the level.
    pub time: R,
    /// The level of the sample.
    pub level: Level<R>,
    /// What is passed on.
    pub args: Vec<(Arc<str>, Vec<R>)>,
}

/// What is wrong with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFault {
    /// The prediction is not an affine function of the network's output, or of its first part.
    NotAffine,
    /// The network's input is not a multiple of the sample.
    Input,
}

/// What a tensor is named as.
#[derive(Clone, Debug)]
pub struct Naming<R> {
    /// The kind.
    pub kind: Kind,
    /// The level, where the kind has one or the tensor remembers one.
    pub level: Option<Arc<Level<R>>>,
    /// The rule that names it is written in VE coordinates: there alpha is 1 and sigma is rho.
    pub ve: bool,
    /// Where it is named.
    pub span: Span,
    /// The outermost call of a function, in the body of the rule that runs, that led there.
    pub call: Option<Span>,
}

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The expression.
    pub span: Span,
    /// The outermost call of a function, in the body of the rule that runs, that led there.
    pub call: Option<Span>,
}

/// Why a tensor is kept beyond the place where it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In a history or state.
    Stored,
    /// As the result of a nested step.
    Nested,
}

/// A number per sample that is read off tensors, the same for every element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The root of the mean of squares.
    Norm,
    /// The mean.
    Mean,
    /// The standard deviation: the norm of what is left without the mean.
    Std,
    /// The largest magnitude.
    MaxAbs,
    /// The quantile of this share.
    Quantile(f64),
    /// The mean of the products with another tensor.
    Dot,
}

/// What numbers and tensors are.
pub trait Arith: Sized {
    /// A number of the host.
    type Real: Real;
    /// A tensor.
    type Tensor: Clone + std::fmt::Debug;

    /// The sum of multiples of tensors and a constant.
    fn linear(&mut self, terms: &[(Self::Real, &Self::Tensor)], constant: Self::Real) -> Self::Tensor;

    /// An operation that is not linear.
    fn elementwise(&mut self, op: Op, args: &[Operand<Self::Real, Self::Tensor>]) -> Self::Tensor;

    /// Reduces the elements of each sample to one number, which stands for every element.
    fn reduce(&mut self, how: Reduction, tensor: &Self::Tensor) -> Self::Tensor;

    /// A statistic of a tensor, and for [`Statistic::Dot`] of another one.
    fn statistic(&mut self, what: Statistic, a: &Self::Tensor, b: &Self::Tensor) -> Self::Tensor {
        let [a, b] = [a, b].map(Self::Tensor::clone);
        let one = Self::Real::from_f64(1.0);
        match what {
            Statistic::Norm => {
                let mean = self.statistic(Statistic::Dot, &a, &a);
                self.elementwise(Op::Sqrt, &[Operand::Tensor(mean)])
            }
            Statistic::Mean => self.reduce(Reduction::Mean, &a),
            Statistic::Std => {
                let mean = self.reduce(Reduction::Mean, &a);
                let rest = self.linear(&[(one.clone(), &a), (-one, &mean)], Self::Real::from_f64(0.0));
                self.statistic(Statistic::Norm, &rest, &rest)
            }
            Statistic::MaxAbs => {
                let sizes = self.elementwise(Op::Abs, &[Operand::Tensor(a)]);
                self.reduce(Reduction::Max, &sizes)
            }
            Statistic::Quantile(share) => self.reduce(Reduction::Quantile(share), &a),
            Statistic::Dot => {
                let products = self.elementwise(Op::Mul, &[Operand::Tensor(a), Operand::Tensor(b)]);
                self.reduce(Reduction::Mean, &products)
            }
        }
    }

    /// The `draw`-th fresh standard normal.
    fn noise(&mut self, draw: u32) -> Self::Tensor;

    /// The increment of the run's Brownian path from one rho to another as a unit normal; it is the `draw`-th draw.
    fn brownian(&mut self, draw: u32, _from: &Self::Real, _to: &Self::Real) -> Self::Tensor {
        self.noise(draw)
    }

    /// The prediction of the data, for arithmetics that know the perfect model; others are asked through `network`.
    fn denoise(&mut self, x: &Self::Tensor, call: &NetworkCall<Self::Real>) -> Option<Self::Tensor>;

    /// The network's output.
    fn network(&mut self, input: &Self::Tensor, call: NetworkCall<Self::Real>) -> Self::Tensor;

    /// What the host's function gives for a tensor; the call's branch is its name. Nothing where there is no host.
    fn host(&mut self, _input: &Self::Tensor, _call: NetworkCall<Self::Real>) -> Option<Self::Tensor> {
        None
    }

    /// The parts of a network's output that has so many times the channels of its input.
    fn split(&mut self, output: &Self::Tensor, parts: u32) -> Vec<Self::Tensor> {
        vec![output.clone(); parts as usize]
    }

    /// A model has turned the output of `network` into a prediction of this kind at `x`.
    fn predicted(
        &mut self,
        x: &Self::Tensor,
        input: &Self::Tensor,
        output: &Self::Tensor,
        prediction: &Self::Tensor,
        kind: Kind,
    ) -> Result<(), ModelFault>;

    /// A tensor is named as a kind: by an annotation, a `return`, a `<-`, or as the sample of a model call.
    fn named(&mut self, _tensor: &Self::Tensor, _name: &Naming<Self::Real>) {}

    /// A tensor is cast to a kind and believed to be one.
    fn cast(&mut self, tensor: &Self::Tensor, _name: &Naming<Self::Real>) -> Self::Tensor {
        tensor.clone()
    }

    /// Whether options declared `inflation` are taken as 1.
    fn uninflated(&self) -> bool {
        false
    }

    /// A number was computed by the expression at a place.
    fn computed(&mut self, _number: &mut Self::Real, _site: Site) {}

    /// A tensor is about to be made at a place.
    fn at(&mut self, _site: Site) {}

    /// Where a factor that is not finite came into a tensor that is used, and the factor.
    fn unfit(&self, _used: &Self::Tensor) -> Option<(Span, f64)> {
        None
    }

    /// A condition, a level or a count is made of a number.
    fn compared(&mut self, _number: &Self::Real, _site: Site) {}

    /// A tensor lives on beyond the place where it is made.
    fn keep(&mut self, _tensor: &Self::Tensor, _why: Keep) {}

    /// A tensor is told to the observer.
    fn emit(&mut self, _name: &Arc<str>, _tensor: &Self::Tensor) {}
}
