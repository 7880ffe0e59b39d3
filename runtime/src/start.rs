//! What a run starts from.

use candle_core::{DType, Device, Shape, Tensor};
use samp_compiler::backend::noise::{Sequence, fill_normal};

use crate::error::Error;

/// Initial noise and step noise are different streams.
pub(crate) const INITIAL_STREAM: u32 = 0;
/// The stream of the draws of a run.
pub(crate) const STEP_STREAM: u32 = 1;

/// What a run starts from: noise, or a sample at the first level.
#[derive(Clone, Debug)]
pub struct Start {
    pub(crate) x: Tensor,
    /// `x` is a standard normal and is scaled to the first level.
    pub(crate) unit: bool,
    pub(crate) seed: u64,
    pub(crate) first_sample: u64,
}

impl Start {
    /// Standard normal noise of shape `[batch, ..]` in f32. Sample `k` depends on the seed and `k` alone, whatever the
    /// batch.
    pub fn noise(device: &Device, shape: impl Into<Shape>, seed: u64) -> Result<Start, Error> {
        Start::noise_from(device, shape, seed, 0, DType::F32)
    }

    /// As [`Start::noise`], for samples from `first_sample` on, in f32 or f64.
    pub fn noise_from(
        device: &Device,
        shape: impl Into<Shape>,
        seed: u64,
        first_sample: u64,
        dtype: DType,
    ) -> Result<Start, Error> {
        let shape = shape.into();
        let (batch, elements) = rows(&shape)?;
        let mut values = vec![0f32; batch * elements];
        for (row, values) in values.chunks_mut(elements.max(1)).enumerate() {
            let sample = u32::try_from(first_sample + row as u64).map_err(|_| Error::Tensor {
                what: "the sample index".to_owned(),
                expected: "less than 2^32".to_owned(),
                found: (first_sample + row as u64).to_string(),
            })?;
            fill_normal(values, Sequence { seed, stream: INITIAL_STREAM, draw: 0, sample });
        }
        let x = Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?;
        Ok(Start { x, unit: true, seed, first_sample })
    }

    /// A sample at the first level of the grid, in the schedule's own coordinates. `seed` is for the draws of the run.
    pub fn sample(x: Tensor, seed: u64) -> Start {
        Start { x, unit: false, seed, first_sample: 0 }
    }

    /// The first sample of a run whose first level has this sigma.
    ///
    /// # Errors
    /// If candle fails.
    pub fn first(&self, sigma: f64) -> candle_core::Result<Tensor> {
        if self.unit { self.x.affine(sigma, 0.0) } else { self.x.copy() }
    }
}

/// Samples and elements per sample of a shape.
pub(crate) fn rows(shape: &Shape) -> Result<(usize, usize), Error> {
    match shape.dims() {
        [] => Err(Error::Tensor {
            what: "the shape of the start".to_owned(),
            expected: "[batch, ..]".to_owned(),
            found: "a scalar".to_owned(),
        }),
        [batch, rest @ ..] => Ok((*batch, rest.iter().product())),
    }
}
