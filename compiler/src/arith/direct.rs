//! Direct computation: a tensor is its elements, in f32 or f64.
//!
//! The simplest meaning a run can have, and the oracle for plans and backends: no plan, no kernels, no fusion. The
//! model is a function from a sample and its level to the prediction of the data.

use super::{Arith, ModelFault, NetworkCall, Operand};
use crate::backend::element::Element;
use crate::backend::reduce;
use crate::ir::op::{Op, Reduction};
use crate::types::Kind;

/// Computes with elements; each operation is done in f64 and rounded once.
pub struct Direct<E, D, N> {
    /// From a sample and its call to the prediction of the data.
    pub denoiser: D,
    /// The `draw`-th normal tensor.
    pub noise: N,
    /// Elements of a sample.
    pub elements: usize,
    /// The element type.
    pub element: std::marker::PhantomData<E>,
}

impl<E, D, N> Direct<E, D, N>
where
    E: Element,
    D: FnMut(&[E], &NetworkCall<f64>) -> Vec<E>,
    N: FnMut(u32) -> Vec<E>,
{
    /// An arithmetic with this model and noise.
    pub fn new(elements: usize, denoiser: D, noise: N) -> Self {
        Direct { denoiser, noise, elements, element: std::marker::PhantomData }
    }
}

impl<E, D, N> Arith for Direct<E, D, N>
where
    E: Element,
    D: FnMut(&[E], &NetworkCall<f64>) -> Vec<E>,
    N: FnMut(u32) -> Vec<E>,
{
    type Real = f64;
    type Tensor = std::sync::Arc<Vec<E>>;

    fn linear(&mut self, terms: &[(f64, &Self::Tensor)], constant: f64) -> Self::Tensor {
        let at = |k: usize| {
            // A factor of zero makes nothing, whatever the tensor holds.
            let used = terms.iter().filter(|(factor, _)| *factor != 0.0);
            E::from_f64(used.map(|(factor, tensor)| factor * tensor[k].to_f64()).sum::<f64>() + constant)
        };
        (0..self.elements).map(at).collect::<Vec<E>>().into()
    }

    fn elementwise(&mut self, op: Op, args: &[Operand<f64, Self::Tensor>]) -> Self::Tensor {
        let at = |k: usize| {
            let values: Vec<f64> = args
                .iter()
                .map(|arg| match arg {
                    Operand::Scalar(value) => *value,
                    Operand::Tensor(tensor) => tensor[k].to_f64(),
                })
                .collect();
            E::from_f64(f64::apply(op, operands(&values)))
        };
        (0..self.elements).map(at).collect::<Vec<E>>().into()
    }

    fn reduce(&mut self, how: Reduction, tensor: &Self::Tensor) -> Self::Tensor {
        vec![E::from_f64(reduce::whole(how, tensor)); self.elements].into()
    }

    fn noise(&mut self, draw: u32) -> Self::Tensor {
        (self.noise)(draw).into()
    }

    fn denoise(&mut self, x: &Self::Tensor, call: &NetworkCall<f64>) -> Option<Self::Tensor> {
        Some((self.denoiser)(x, call).into())
    }

    fn network(&mut self, input: &Self::Tensor, _call: NetworkCall<f64>) -> Self::Tensor {
        input.clone()
    }

    fn predicted(
        &mut self,
        _: &Self::Tensor,
        _: &Self::Tensor,
        _: &Self::Tensor,
        _: &Self::Tensor,
        _: Kind,
    ) -> Result<(), ModelFault> {
        Ok(())
    }
}

/// Operands for the table of operations; those beyond an operation's arity are not looked at.
fn operands(values: &[f64]) -> [f64; 3] {
    std::array::from_fn(|at| values.get(at).copied().unwrap_or(f64::NAN))
}
