//! Named tensors of one weights file, each checked against the shape that the network expects.
//!
//! Takes the bytes of a safetensors file with f16 or f32 tensors and gives f32 layers on a device.
//! Every failure is an error that names the tensor; tensors that nobody asks for are left alone.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, bail, safetensors};
use candle_nn::{GroupNorm, Linear};

use super::conv::Conv;

const NORM_GROUPS: usize = 8;
const NORM_EPSILON: f64 = 1e-5;

/// The tensors of one file by name.
pub(super) struct Weights(HashMap<String, Tensor>);

impl Weights {
    /// Reads a whole safetensors file.
    ///
    /// # Errors
    /// When the bytes are cut short or are no safetensors file.
    pub(super) fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        match safetensors::load_buffer(bytes, device) {
            Ok(tensors) => Ok(Self(tensors)),
            Err(cause) => bail!(
                "expected a complete safetensors file, found {} bytes that do not read as one: {cause}",
                bytes.len()
            ),
        }
    }

    /// The tensor of that name as f32.
    ///
    /// # Errors
    /// When it is missing, has another shape, or holds neither f16 nor f32.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let Some(tensor) = self.0.get(name) else {
            bail!("tensor `{name}` is missing, expected one of shape {shape:?}");
        };
        if tensor.dims() != shape {
            bail!("tensor `{name}` has shape {:?}, expected {shape:?}", tensor.dims());
        }
        match tensor.dtype() {
            DType::F16 | DType::F32 => tensor.to_dtype(DType::F32),
            other => bail!("tensor `{name}` holds {}, expected f16 or f32", other.as_str()),
        }
    }

    /// A fully connected layer: `NAME.weight` `[outputs, inputs]` and `NAME.bias` `[outputs]`.
    pub(super) fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = self.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Linear::new(weight, Some(bias)))
    }

    /// A group normalization: `NAME.weight` and `NAME.bias`, both `[channels]`.
    pub(super) fn norm(&self, name: &str, channels: usize) -> Result<GroupNorm> {
        let weight = self.tensor(&format!("{name}.weight"), &[channels])?;
        let bias = self.tensor(&format!("{name}.bias"), &[channels])?;
        GroupNorm::new(weight, bias, channels, NORM_GROUPS, NORM_EPSILON)
    }

    /// A 3x3 convolution that steps by one pixel.
    pub(super) fn conv3(&self, name: &str, inputs: usize, outputs: usize) -> Result<Conv> {
        self.conv(name, [outputs, inputs, 3, 3], 1)
    }

    /// A 3x3 convolution that steps by two pixels: it halves the picture.
    pub(super) fn halving(&self, name: &str, inputs: usize, outputs: usize) -> Result<Conv> {
        self.conv(name, [outputs, inputs, 3, 3], 2)
    }

    /// A 1x1 convolution: one matrix over the channels of each pixel.
    pub(super) fn conv1(&self, name: &str, inputs: usize, outputs: usize) -> Result<Conv> {
        self.conv(name, [outputs, inputs, 1, 1], 1)
    }

    fn conv(&self, name: &str, shape: [usize; 4], stride: usize) -> Result<Conv> {
        let weight = self.tensor(&format!("{name}.weight"), &shape)?;
        let bias = self.tensor(&format!("{name}.bias"), &shape[..1])?;
        Conv::new(&weight, &bias, stride)
    }
}
