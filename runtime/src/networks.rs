//! The networks that ship with the runtime, by the name that a pipeline's `network` slot gives.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::denoiser::{Call, Denoiser};
use crate::error::Error;
use crate::models::digits::{self, DigitsNet};

/// Names of the networks.
pub const NAMES: &[&str] = &["digits"];

/// A network with its weights, and what it is asked to draw.
#[derive(Clone)]
pub struct Network {
    net: Arc<DigitsNet>,
    classes: Vec<u32>,
}

impl Network {
    /// The network of this name on a device, with its own weights or those of a file.
    ///
    /// # Errors
    /// If there is none, or its weights do not fit.
    pub fn load(name: &str, weights: Option<&Path>, device: &Device) -> Result<Network, Error> {
        if !NAMES.contains(&name) {
            let known: Vec<String> = NAMES.iter().map(|name| format!("`{name}`")).collect();
            return Err(Error::UnknownNetwork { name: name.to_owned(), known: known.join(", ") });
        }
        let net = match weights {
            Some(path) => DigitsNet::from_file_on(path, device)?,
            None => DigitsNet::shipped_on(device)?,
        };
        Ok(Network { net: Arc::new(net), classes: Vec::new() })
    }

    /// What each sample is to show: sample `k` of the whole run shows class `classes[k % len]`.
    pub fn with_classes(mut self, classes: Vec<u32>) -> Network {
        self.classes = classes;
        self
    }

    /// The shape of one sample.
    pub fn sample_shape(&self) -> [usize; 3] {
        digits::SHAPE
    }

    /// How many classes it knows.
    pub fn n_classes(&self) -> u32 {
        digits::CLASSES
    }

    fn class(&self, sample: u64) -> u32 {
        match self.classes.len() {
            0 => digits::NO_CLASS,
            n => self.classes[(sample % n as u64) as usize],
        }
    }
}

impl Network {
    /// The class of each row of a call.
    fn classes<'c>(&'c self, call: &'c Call) -> impl Iterator<Item = u32> + 'c {
        let rows = move |branch| (0..call.batch() as u64).map(move |row| (branch, call.first_sample() + row));
        call.branches().iter().flat_map(rows).map(|(branch, sample): (&Arc<str>, u64)| match &**branch {
            "uncond" => digits::NO_CLASS,
            _ => self.class(sample),
        })
    }
}

impl Denoiser for Network {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        self.net.forward(x, call.time(), &self.classes(call).collect::<Vec<_>>())
    }

    fn denoise_each(&mut self, inputs: &[&Tensor], calls: &[&Call]) -> candle_core::Result<Vec<Tensor>> {
        let (mut times, mut classes) = (Vec::new(), Vec::new());
        for call in calls {
            classes.extend(self.classes(call));
            times.resize(classes.len(), call.time());
        }
        let output = self.net.forward_each(&Tensor::cat(inputs, 0)?, &times, &classes)?;
        let mut from = 0;
        let parts = inputs.iter().map(|x| {
            let rows = x.dim(0)?;
            from += rows;
            output.narrow(0, from - rows, rows)
        });
        parts.collect()
    }
}
