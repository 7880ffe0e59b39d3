//! The shipped denoiser: a class-conditional flow-matching U-Net for 28x28 handwritten digits.
//!
//! Takes noisy pictures `z = (1 - t) x + t n`, the time `t` and a class for each row, and gives the
//! velocity `n - x` (Lipman et al. 2023, arXiv:2210.02747, eq. 23 with sigma_min = 0, time reversed).
//! Pixels of `x` lie in [-1, 1] and noise `n` is a standard normal.
//! Runs in f32, on the CPU row by row and elsewhere whole batches at once. It never draws noise, never steps, and never
//! mixes rows of a batch.

use std::f64::consts::LN_10;
use std::path::Path;

use candle_core::{DType, Device, Module, Result, Tensor, bail};
use candle_nn::{GroupNorm, Linear};
use rayon::prelude::*;

use super::conv::Conv;
use super::weights::Weights;

/// How many classes there are: class `k` is the digit `k`.
pub const CLASSES: u32 = 10;

/// The class index for “no class given”, the unconditional branch of guidance.
pub const NO_CLASS: u32 = 10;

/// Channels, height and width of one sample.
pub const SHAPE: [usize; 3] = [1, 28, 28];

const WIDTH: usize = 32;
const EMBEDDING: usize = 4 * WIDTH;
const N_FREQUENCIES: usize = WIDTH / 2;

/// How far a time may lie outside [0, 1] before it is a mistake and not rounding.
const TIME_SLACK: f64 = 1e-6;

static SHIPPED: &[u8] = include_bytes!("../../weights/digits.safetensors");

/// The network with its weights, immutable once loaded; share it freely between threads.
///
/// On the CPU rows run in parallel on rayon's threads (`RAYON_NUM_THREADS`), each computed by itself in the
/// same way, so a row's result is the same to the last bit in every batch and with any threads.
pub struct DigitsNet {
    device: Device,
    frequencies: Tensor,
    time_in: Linear,
    time_out: Linear,
    classes: Tensor,
    input: Conv,
    down_28: Res,
    to_14: Conv,
    down_14: Res,
    to_7: Conv,
    middle_in: Res,
    middle_out: Res,
    from_7: Conv,
    up_14: Res,
    from_14: Conv,
    up_28: Res,
    output_norm: GroupNorm,
    output: Conv,
}

impl DigitsNet {
    /// The network with the weights that ship inside this crate.
    ///
    /// # Errors
    /// Only when the crate was built with a damaged weights file.
    pub fn shipped() -> Result<Self> {
        Self::from_bytes(SHIPPED)
    }

    /// As [`DigitsNet::shipped`], on a device.
    ///
    /// # Errors
    /// As there, and when the device fails.
    pub fn shipped_on(device: &Device) -> Result<Self> {
        Self::build(SHIPPED, device).or_else(|cause| bail!("digits weights: {cause}"))
    }

    /// The network with the weights in a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read or is not of this network's form; the message opens with the path.
    pub fn from_file(path: &Path) -> Result<Self> {
        Self::from_file_on(path, &Device::Cpu)
    }

    /// As [`DigitsNet::from_file`], on a device.
    ///
    /// # Errors
    /// As there, and when the device fails.
    pub fn from_file_on(path: &Path, device: &Device) -> Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Self::build(&bytes, device).or_else(|cause| bail!("{}: {cause}", path.display())),
            Err(cause) => bail!("{}: cannot read the weights: {cause}", path.display()),
        }
    }

    /// The network with the weights in the bytes of a safetensors file, f16 or f32.
    ///
    /// # Errors
    /// When the bytes are cut short, or a tensor is missing or has another shape; the message names
    /// the tensor, the shape found and the shape expected.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::build(bytes, &Device::Cpu).or_else(|cause| bail!("digits weights: {cause}"))
    }

    /// The velocity at `x` `[rows, 1, 28, 28]` f32, of the same shape.
    ///
    /// `time` in [0, 1], give or take 1e-6 for rounding, holds for all rows: 1 is noise, 0 is data.
    /// `classes` has one entry a row, a digit or [`NO_CLASS`]. No rows give no rows.
    ///
    /// # Errors
    /// When `x` has another shape, dtype or device, `time` lies outside [0, 1], or `classes` has
    /// another length or an index past [`NO_CLASS`].
    pub fn forward(&self, x: &Tensor, time: f64, classes: &[u32]) -> Result<Tensor> {
        check_time(time)?;
        self.told(x, &vec![self.embed_time(time)?; classes.len()], classes)
    }

    /// As [`DigitsNet::forward`], with a time for each row.
    ///
    /// # Errors
    /// As there, and when there is not one time a row.
    pub fn forward_each(&self, x: &Tensor, times: &[f64], classes: &[u32]) -> Result<Tensor> {
        if times.len() != classes.len() {
            bail!("the digits network takes one time a row, found {} for {} rows", times.len(), classes.len());
        }
        times.iter().try_for_each(|time| check_time(*time))?;
        let times = times.iter().map(|time| self.embed_time(*time)).collect::<Result<Vec<_>>>()?;
        self.told(x, &times, classes)
    }

    /// The velocity, with the embedding of the time of each row.
    fn told(&self, x: &Tensor, times: &[Tensor], classes: &[u32]) -> Result<Tensor> {
        check_pictures(x, &self.device)?;
        check_classes(classes, x.dim(0)?)?;
        if classes.is_empty() {
            return Ok(x.clone());
        }
        let x = x.contiguous()?;
        if !self.device.is_cpu() {
            return self.batch(&x, &Tensor::cat(times, 0)?, classes);
        }
        let rows = classes
            .par_iter()
            .zip(times)
            .enumerate()
            .map(|(row, (&class, time))| {
                let class = self.classes.narrow(0, class as usize, 1)?;
                self.row(&x.narrow(0, row, 1)?, &(time + class)?)
            })
            .collect::<Result<Vec<_>>>()?;
        Tensor::cat(&rows, 0)
    }

    /// All rows at once.
    fn batch(&self, x: &Tensor, times: &Tensor, classes: &[u32]) -> Result<Tensor> {
        let classes = Tensor::from_slice(classes, classes.len(), &self.device)?;
        self.row(x, &(self.classes.index_select(&classes, 0)? + times)?)
    }

    fn build(bytes: &[u8], device: &Device) -> Result<Self> {
        let weights = Weights::from_bytes(bytes, device)?;
        let (c, c2, c3) = (WIDTH, 2 * WIDTH, 3 * WIDTH);
        Ok(Self {
            device: device.clone(),
            frequencies: frequencies()?,
            time_in: weights.linear("l1", c, EMBEDDING)?,
            time_out: weights.linear("l2", EMBEDDING, EMBEDDING)?,
            classes: weights.tensor("y.weight", &[CLASSES as usize + 1, EMBEDDING])?,
            input: weights.conv3("cin", SHAPE[0], c)?,
            down_28: Res::new(&weights, "d0", c, c)?,
            to_14: weights.halving("dn0", c, c2)?,
            down_14: Res::new(&weights, "d1", c2, c2)?,
            to_7: weights.halving("dn1", c2, c3)?,
            middle_in: Res::new(&weights, "m0", c3, c3)?,
            middle_out: Res::new(&weights, "m1", c3, c3)?,
            from_7: weights.conv3("up1", c3, c2)?,
            up_14: Res::new(&weights, "u1", 2 * c2, c2)?,
            from_14: weights.conv3("up0", c2, c)?,
            up_28: Res::new(&weights, "u0", 2 * c, c)?,
            output_norm: weights.norm("on", c)?,
            output: weights.conv3("oc", c, SHAPE[0])?,
        })
    }

    /// The embedding of the time alone, `[1, EMBEDDING]`, before a class is added.
    fn embed_time(&self, time: f64) -> Result<Tensor> {
        let angles = (&self.frequencies * time)?;
        let waves = Tensor::cat(&[angles.cos()?, angles.sin()?], 1)?.to_dtype(DType::F32)?.to_device(&self.device)?;
        self.time_out.forward(&self.time_in.forward(&waves)?.silu()?)
    }

    /// One row, or on other devices than the CPU any number: `x` `[rows, 1, 28, 28]` and the embedding of the time and
    /// class of each.
    fn row(&self, x: &Tensor, embedding: &Tensor) -> Result<Tensor> {
        let embedding = embedding.silu()?;
        let at_28 = self.down_28.forward(&self.input.forward(x)?, &embedding)?;
        let at_14 = self.down_14.forward(&self.to_14.forward(&at_28)?, &embedding)?;
        let at_7 = self.middle_in.forward(&self.to_7.forward(&at_14)?, &embedding)?;
        let at_7 = self.middle_out.forward(&at_7, &embedding)?;
        let up = self.from_7.forward(&at_7.upsample_nearest2d(14, 14)?)?;
        let up = self.up_14.forward(&Tensor::cat(&[&up, &at_14], 1)?, &embedding)?;
        let up = self.from_14.forward(&up.upsample_nearest2d(28, 28)?)?;
        let up = self.up_28.forward(&Tensor::cat(&[&up, &at_28], 1)?, &embedding)?;
        self.output.forward(&self.output_norm.forward(&up)?.silu()?)
    }
}

/// A residual block of two convolutions, told the time and class between them.
struct Res {
    norm_in: GroupNorm,
    conv_in: Conv,
    embedding: Linear,
    norm_out: GroupNorm,
    conv_out: Conv,
    /// Matches the channels of the input to those of the output, where they differ.
    skip: Option<Conv>,
}

impl Res {
    fn new(weights: &Weights, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let skip = (inputs != outputs).then(|| weights.conv1(&format!("{name}.sk"), inputs, outputs)).transpose()?;
        Ok(Self {
            norm_in: weights.norm(&format!("{name}.n1"), inputs)?,
            conv_in: weights.conv3(&format!("{name}.c1"), inputs, outputs)?,
            embedding: weights.linear(&format!("{name}.e"), EMBEDDING, outputs)?,
            norm_out: weights.norm(&format!("{name}.n2"), outputs)?,
            conv_out: weights.conv3(&format!("{name}.c2"), outputs, outputs)?,
            skip,
        })
    }

    fn forward(&self, x: &Tensor, embedding: &Tensor) -> Result<Tensor> {
        let told = self.embedding.forward(embedding)?.unsqueeze(2)?.unsqueeze(3)?;
        let inner = self.conv_in.forward(&self.norm_in.forward(x)?.silu()?)?.broadcast_add(&told)?;
        let inner = self.conv_out.forward(&self.norm_out.forward(&inner)?.silu()?)?;
        match &self.skip {
            Some(skip) => skip.forward(x)? + inner,
            None => x + inner,
        }
    }
}

/// `1000 * 10000^(-k / N_FREQUENCIES)`, `[1, N_FREQUENCIES]` in f64: a thousand full units of time
/// in radians, as in Vaswani et al. 2017 (arXiv:1706.03762), section 3.5.
fn frequencies() -> Result<Tensor> {
    let index = Tensor::arange(0f64, N_FREQUENCIES as f64, &Device::Cpu)?.unsqueeze(0)?;
    (index * (-4.0 * LN_10 / N_FREQUENCIES as f64))?.exp()? * 1000.0
}

fn check_pictures(x: &Tensor, device: &Device) -> Result<()> {
    let dims = x.dims();
    if dims.len() != 4 || dims[1..] != SHAPE {
        bail!("the digits network takes samples of shape [rows, 1, 28, 28], found {dims:?}");
    }
    if x.dtype() != DType::F32 {
        bail!("the digits network takes f32 samples, found {}", x.dtype().as_str());
    }
    if !x.device().same_device(device) {
        let (expected, found) = (device.location(), x.device().location());
        bail!("the digits network is on {expected:?}, found samples on {found:?}");
    }
    Ok(())
}

fn check_time(time: f64) -> Result<()> {
    if !(-TIME_SLACK..=1.0 + TIME_SLACK).contains(&time) {
        bail!("the digits network takes a time between 0 and 1, found {time}");
    }
    Ok(())
}

fn check_classes(classes: &[u32], n_rows: usize) -> Result<()> {
    if classes.len() != n_rows {
        bail!("the digits network takes one class a row, found {} for {n_rows} rows", classes.len());
    }
    if let Some(class) = classes.iter().find(|&&class| class > NO_CLASS) {
        bail!("the digits network takes classes 0 to 9, or {NO_CLASS} for none, found {class}");
    }
    Ok(())
}
