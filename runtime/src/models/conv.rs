//! 2-D convolution of one picture: its patches as columns, times the kernel as a matrix.
//!
//! candle's own convolution lays patches and kernel out anew, scattered, in every call. Here the
//! kernel is laid out once, and patches are copied by whole runs of a picture's row.
//! Only single pictures on the CPU, so that no result can depend on what else is in a batch. On other devices it is
//! candle's convolution, of whole batches.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// A convolution with square kernel, zero padding of half the kernel, and bias.
pub(super) struct Conv {
    /// `[outputs, inputs, kernel, kernel]`
    kernel: Tensor,
    /// The same as `[outputs, inputs * kernel * kernel]`.
    weight: Tensor,
    /// `[outputs, 1]`
    bias: Tensor,
    patches: Patches,
}

impl Conv {
    /// Takes `weight` `[outputs, inputs, kernel, kernel]` and `bias` `[outputs]`.
    pub(super) fn new(weight: &Tensor, bias: &Tensor, stride: usize) -> Result<Self> {
        let (outputs, inputs, kernel, _) = weight.dims4()?;
        Ok(Self {
            kernel: weight.clone(),
            weight: weight.reshape((outputs, inputs * kernel * kernel))?,
            bias: bias.reshape((outputs, 1))?,
            patches: Patches { kernel, stride },
        })
    }

    /// `[1, inputs, height, width]` to `[1, outputs, height / stride, width / stride]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if !x.device().is_cpu() {
            return self.forward_batch(x);
        }
        let (_, inputs, height, width) = x.dims4()?;
        let columns = if self.patches.kernel == 1 {
            x.reshape((inputs, height * width))?
        } else {
            x.apply_op1_no_bwd(&self.patches)?
        };
        let outputs = self.weight.dim(0)?;
        self.weight.matmul(&columns)?.broadcast_add(&self.bias)?.reshape((
            1,
            outputs,
            self.patches.steps(height),
            self.patches.steps(width),
        ))
    }
}

impl Conv {
    /// The same for any number of pictures, by candle's own convolution.
    fn forward_batch(&self, x: &Tensor) -> Result<Tensor> {
        let Patches { kernel, stride } = self.patches;
        let bias = self.bias.reshape((1, self.bias.dim(0)?, 1, 1))?;
        x.conv2d(&self.kernel, kernel / 2, stride, 1, 1)?.broadcast_add(&bias)
    }
}

/// Lays out what each output pixel sees as one column.
struct Patches {
    kernel: usize,
    stride: usize,
}

impl Patches {
    /// How many output pixels `length` input pixels give.
    fn steps(&self, length: usize) -> usize {
        length.div_ceil(self.stride)
    }

    /// Copies what kernel cell `cell` sees along one picture row, `into` one value an output pixel.
    fn copy_row(&self, row: &[f32], cell: usize, into: &mut [f32]) {
        let padding = self.kernel / 2;
        let first = padding.saturating_sub(cell).div_ceil(self.stride);
        let source = first * self.stride + cell - padding;
        let seen = (row.len() - source).div_ceil(self.stride).min(into.len() - first);
        let into = &mut into[first..first + seen];
        if self.stride == 1 {
            into.copy_from_slice(&row[source..source + seen]);
        } else {
            let strided = row[source..].iter().step_by(self.stride);
            into.iter_mut().zip(strided).for_each(|(to, from)| *to = *from);
        }
    }
}

impl CustomOp1 for Patches {
    fn name(&self) -> &'static str {
        "patches"
    }

    /// `[1, inputs, height, width]` to `[inputs * kernel * kernel, output pixels]`.
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (1, inputs, height, width) = layout.shape().dims4()? else {
            bail!("internal error: patches of more than one picture");
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("internal error: patches of a picture that is not contiguous");
        };
        let picture = &storage.as_slice::<f32>()?[start..end];
        let (rows, columns) = (self.steps(height), self.steps(width));
        let n_cells = inputs * self.kernel * self.kernel;
        let mut patches = vec![0f32; n_cells * rows * columns];
        for (cell, plane) in patches.chunks_exact_mut(rows * columns).enumerate() {
            let (cell, cell_x) = (cell / self.kernel, cell % self.kernel);
            let (channel, cell_y) = (cell / self.kernel, cell % self.kernel);
            let channel = &picture[channel * height * width..(channel + 1) * height * width];
            for (y, into) in plane.chunks_exact_mut(columns).enumerate() {
                let source = (y * self.stride + cell_y).checked_sub(self.kernel / 2);
                if let Some(source) = source.filter(|&row| row < height) {
                    self.copy_row(&channel[source * width..(source + 1) * width], cell_x, into);
                }
            }
        }
        Ok((CpuStorage::F32(patches), Shape::from((n_cells, rows * columns))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn agrees_with_candles_convolution() -> Result<()> {
        for (kernel, stride) in [(1, 1), (3, 1), (3, 2)] {
            let x = Tensor::randn(0f32, 1.0, (1, 3, 7, 6), &Device::Cpu)?;
            let weight = Tensor::randn(0f32, 1.0, (4, 3, kernel, kernel), &Device::Cpu)?;
            let bias = Tensor::randn(0f32, 1.0, 4, &Device::Cpu)?;
            let conv = Conv::new(&weight, &bias, stride)?;
            let (ours, theirs) = (conv.forward(&x)?, conv.forward_batch(&x)?);
            let difference = (ours - theirs)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(difference < 1e-5, "kernel {kernel}, stride {stride}: {difference}");
        }
        Ok(())
    }
}
