//! Tensors of the caller: images and masks from files.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use image::ImageFormat;
use samp_compiler::types::Kind;
use samp_runtime::{Compiled, Input};

use crate::report::Failed;
use crate::tensors;

/// The inputs of a run, each with one sample for all or one for each.
pub struct Inputs {
    tensors: HashMap<String, Tensor>,
}

impl Inputs {
    /// Reads what the command line names, `NAME=FILE` each.
    pub fn read(given: &[String], compiled: &Compiled, shape: [usize; 3], count: usize) -> Result<Inputs, Failed> {
        let mut tensors = HashMap::new();
        for input in given {
            let Some((name, path)) = input.split_once('=') else {
                let message = format!("`--input {input}` names no file; write `--input mask=mask.png`");
                return Err(Failed::Usage(message));
            };
            let Some(wanted) = compiled.inputs().iter().find(|known| *known.name == *name) else {
                let known: Vec<String> = compiled.inputs().iter().map(|input| format!("`{}`", input.name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Failed::Usage(format!("there is no input called `{name}`; the pipeline asks for {known}")));
            };
            tensors.insert(name.to_owned(), read(path, wanted, shape, count)?);
        }
        match compiled.inputs().iter().find(|input| !tensors.contains_key(&*input.name)) {
            None => Ok(Inputs { tensors }),
            Some(Input { name, .. }) => {
                let message = format!("the input `{name}` is not given; name a file: `--input {name}={name}.png`");
                Err(Failed::Usage(message))
            }
        }
    }

    /// The inputs of `batch` samples, from the sample `first` of the run on.
    pub fn rows(&self, first: usize, batch: usize, device: &Device) -> Result<HashMap<String, Tensor>, Failed> {
        let part = |tensor: &Tensor| {
            let rows = match tensor.dim(0)? {
                1 => tensor.repeat((batch, 1, 1, 1))?,
                _ => tensor.narrow(0, first, batch)?.contiguous()?,
            };
            rows.to_device(device)
        };
        let failed = |error: candle_core::Error| Failed::Found(error.to_string());
        self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), part(tensor).map_err(failed)?))).collect()
    }
}

/// An image or mask `[1 or count, channels, height, width]`.
fn read(path: &str, input: &Input, shape: [usize; 3], count: usize) -> Result<Tensor, Failed> {
    let failed = |error: candle_core::Error| Failed::Found(format!("`{path}`: {error}"));
    let bytes = std::fs::read(path).map_err(|error| Failed::Found(format!("cannot read `{path}`: {error}")))?;
    let tensor = match image::guess_format(&bytes) {
        Ok(ImageFormat::Png) => picture(path, &bytes, input.kind, shape)?,
        _ => tensors::load(path.as_ref(), None)?.to_dtype(DType::F32).map_err(failed)?,
    };
    let [channels, height, width] = shape;
    let tensor = match *tensor.dims() {
        [rows, columns] => tensor.reshape((1, 1, rows, columns)).map_err(failed)?,
        _ => tensor,
    };
    match *tensor.dims() {
        [samples, c, h, w] if [c, h, w] == shape && (samples == 1 || samples == count) => {}
        _ => {
            let message = format!(
                "the input `{}` is {:?}, expected [1 or {count}, {channels}, {height}, {width}]",
                input.name,
                tensor.dims()
            );
            return Err(Failed::Found(message));
        }
    }
    if input.kind == Kind::Weight {
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(failed)?;
        if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            let message = format!("the input `{}` is a weight and holds {value}, expected 0 to 1", input.name);
            return Err(Failed::Found(message));
        }
    }
    Ok(tensor)
}

/// A PNG in grey, black being -1 in an image and 0 in a mask; one of a multiple of the size is averaged.
fn picture(path: &str, bytes: &[u8], kind: Kind, [channels, height, width]: [usize; 3]) -> Result<Tensor, Failed> {
    let grey = image::load_from_memory_with_format(bytes, ImageFormat::Png)
        .map_err(|error| Failed::Found(format!("`{path}` is no picture: {error}")))?
        .to_luma8();
    let (columns, rows) = (grey.width() as usize, grey.height() as usize);
    let zoom = columns / width;
    if zoom == 0 || (columns, rows) != (zoom * width, zoom * height) {
        let message = format!("`{path}` is {columns} x {rows} pixels, expected {width} x {height} or a multiple of it");
        return Err(Failed::Found(message));
    }
    let value = |at: usize| {
        let (x, y) = (at % width * zoom, at / width * zoom);
        let cell =
            (0..zoom * zoom).map(|k| f64::from(grey.get_pixel((x + k % zoom) as u32, (y + k / zoom) as u32).0[0]));
        let share = cell.sum::<f64>() / (zoom * zoom) as f64 / 255.0;
        (if kind == Kind::Weight { share } else { 2.0 * share - 1.0 }) as f32
    };
    let plane: Vec<f32> = (0..height * width).map(value).collect();
    let made = Tensor::from_vec(plane.repeat(channels), (1, channels, height, width), &Device::Cpu);
    made.map_err(|error| Failed::Found(format!("`{path}`: {error}")))
}
