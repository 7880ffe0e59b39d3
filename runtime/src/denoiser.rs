//! Denoisers: what a run asks for predictions.

use std::sync::Arc;

use candle_core::Tensor;
use samp_compiler::arith::trace::Affine;
use samp_compiler::ir::plan::{CallOp, LevelRow};

/// What a denoiser is told beside its input.
#[derive(Clone, Debug)]
pub struct Call {
    op: Arc<CallOp>,
    batch: usize,
    first_sample: u64,
    step: usize,
}

impl Call {
    pub(crate) fn new(op: &CallOp, batch: usize, first_sample: u64, step: usize) -> Self {
        Call { op: Arc::new(op.clone()), batch, first_sample, step }
    }

    /// What the model's `network(input, time)` gives as time, in the network's own unit.
    pub fn time(&self) -> f64 {
        self.op.time
    }

    /// The level of the sample: its clock, alpha, sigma and half log-SNR.
    pub fn level(&self) -> LevelRow {
        self.op.level
    }

    /// The branches, in the order of the input's rows: the first `batch` rows are the first branch, and so on.
    pub fn branches(&self) -> &[Arc<str>] {
        &self.op.branches
    }

    /// How many samples there are; the input has `batch * branches` rows.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The number of the first sample in the whole run; others follow it.
    pub fn first_sample(&self) -> u64 {
        self.first_sample
    }

    /// The step, from 0.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Named arguments of the model call, such as `guidance` in `flow(x, cond, guidance = 3.5)`.
    pub fn argument(&self, name: &str) -> Option<&[f64]> {
        self.op.args.iter().find(|(known, _)| **known == *name).map(|(_, values)| &values[..])
    }

    /// How many times the channels of its input (dimension 1) the output has: 2 where the model reads a second output
    /// from them, such as a learned variance.
    pub fn parts(&self) -> usize {
        self.op.parts as usize
    }

    /// Whether both may be made together: they differ in levels, times and values of arguments alone.
    pub(crate) fn goes_with(&self, other: &Call) -> bool {
        let names = |call: &Call| call.op.args.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        self.op.branches == other.op.branches && self.op.parts == other.op.parts && names(self) == names(other)
    }

    /// How the model turns the output, or the first of its parts, into a prediction: `input = scale x`, `prediction =
    /// skip x + out output`.
    pub fn affine(&self) -> Affine {
        self.op.affine
    }
}

/// A denoiser: a network, or a closure around one.
///
/// The input has shape `[batch * branches, ..]`, the network's dtype and the state's device; the output must have the
/// same, but for [`Call::parts`] times the channels. The input's storage is written again after the call: a denoiser that keeps it must copy it.
pub trait Denoiser {
    /// The network's output.
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor>;

    /// The outputs of calls that may be made together, one for each input: samples with steps of their own are at levels
    /// of their own. All have the same branches, parts and names of arguments, and inputs of one shape.
    ///
    /// A network that takes a time for each row may answer them at once; as it stands here, one is asked after the
    /// other. A sample must come out as it does alone.
    fn denoise_each(&mut self, inputs: &[&Tensor], calls: &[&Call]) -> candle_core::Result<Vec<Tensor>> {
        inputs.iter().zip(calls).map(|(x, call)| self.denoise(x, call)).collect()
    }
}

impl<F> Denoiser for F
where
    F: FnMut(&Tensor, &Call) -> candle_core::Result<Tensor>,
{
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        self(x, call)
    }
}
