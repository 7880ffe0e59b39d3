//! Denoisers with a closed form: what a perfect network would answer for data of a known law.
//!
//! They turn the model inside out, so that any model can be run around them: `input = scale x` and
//! `prediction = skip x + out output` are known, and `output` is what makes the prediction right.

use candle_core::{DType, Tensor};
use samp_compiler::types::Kind;

use crate::denoiser::{Call, Denoiser};

/// A law of the data, the same for every element.
#[derive(Clone, Debug, PartialEq)]
pub enum Analytic {
    /// A normal law.
    Gauss {
        /// Its mean.
        mean: f64,
        /// Its standard deviation.
        std: f64,
    },
    /// A mixture of normal laws.
    Mixture(Vec<Component>),
    /// One point.
    Constant(f64),
}

/// A normal law of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    /// Its weight; weights need not sum to 1.
    pub weight: f64,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub std: f64,
}

impl Analytic {
    /// Reads `gauss:MEAN,STD`, `gmm:W,M,S;W,M,S;..` or `constant:C`.
    ///
    /// # Errors
    /// In plain words, with what was expected.
    pub fn parse(text: &str) -> Result<Analytic, String> {
        let expected = "expected `gauss:MEAN,STD`, `gmm:W,M,S;W,M,S;..` or `constant:C`";
        let (name, rest) = text.split_once(':').ok_or_else(|| format!("`{text}` is no denoiser; {expected}"))?;
        let numbers = |part: &str| -> Result<Vec<f64>, String> {
            part.split(',')
                .map(|number| match number.trim().parse::<f64>() {
                    Ok(number) if number.is_finite() => Ok(number),
                    _ => Err(format!("`{number}` is no number; {expected}")),
                })
                .collect()
        };
        let positive = |std: f64| {
            if std >= 0.0 { Ok(std) } else { Err(format!("a standard deviation is 0 or more, found {std}")) }
        };
        match name {
            "gauss" => match numbers(rest)?[..] {
                [mean, std] => Ok(Analytic::Gauss { mean, std: positive(std)? }),
                _ => Err(format!("`gauss` takes two numbers; {expected}")),
            },
            "gmm" => {
                let component = |part: &str| match numbers(part)?[..] {
                    [weight, mean, std] if weight > 0.0 => Ok(Component { weight, mean, std: positive(std)? }),
                    _ => Err(format!(
                        "a component of `gmm` is a positive weight, a mean and a standard deviation; {expected}"
                    )),
                };
                Ok(Analytic::Mixture(rest.split(';').map(component).collect::<Result<_, _>>()?))
            }
            "constant" => match numbers(rest)?[..] {
                [value] => Ok(Analytic::Constant(value)),
                _ => Err(format!("`constant` takes one number; {expected}")),
            },
            _ => Err(format!("`{name}` is no denoiser; {expected}")),
        }
    }

    /// E[x0 | x] where x = alpha x0 + sigma eps.
    pub fn denoised(&self, x: f64, alpha: f64, sigma: f64) -> f64 {
        match self {
            Analytic::Constant(value) => *value,
            Analytic::Gauss { mean, std } => {
                let variance = std * std;
                (alpha * variance * x + sigma * sigma * mean) / (alpha * alpha * variance + sigma * sigma)
            }
            Analytic::Mixture(components) => mixture(components, x, alpha, sigma),
        }
    }
}

/// The network whose predictions are those of a function: E[x0 | x] of x, alpha, sigma and the branch.
pub struct Perfect<F>(pub F);

impl<F: Fn(f64, f64, f64, &str) -> f64> Perfect<F> {
    /// The output that a network would have to give.
    fn output(&self, input: f64, branch: &str, call: &Call) -> f64 {
        let affine = call.affine();
        if affine.out == 0.0 {
            return 0.0;
        }
        let (alpha, sigma) = (call.level().alpha, call.level().sigma);
        let x = input / affine.scale;
        let data = (self.0)(x, alpha, sigma, branch);
        let noise = || (x - alpha * data) / sigma;
        let prediction = match affine.gives {
            Kind::X0 | Kind::Sample | Kind::Noise | Kind::Weight | Kind::Tensor => data,
            Kind::Eps => noise(),
            Kind::V => alpha * noise() - sigma * data,
            Kind::Flow => noise() - data,
            Kind::Score => -noise() / sigma,
        };
        (prediction - affine.skip * x) / affine.out
    }
}

fn mixture(components: &[Component], x: f64, alpha: f64, sigma: f64) -> f64 {
    let parts: Vec<(f64, f64)> = components
        .iter()
        .map(|part| {
            let variance = alpha * alpha * part.std * part.std + sigma * sigma;
            let away = x - alpha * part.mean;
            let log = part.weight.ln() - 0.5 * variance.ln() - away * away / (2.0 * variance);
            (log, part.mean + alpha * part.std * part.std * away / variance)
        })
        .collect();
    let top = parts.iter().map(|(log, _)| *log).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = parts.iter().map(|(log, _)| (log - top).exp()).sum();
    parts.iter().map(|(log, mean)| (log - top).exp() * mean).sum::<f64>() / total
}

impl<F: Fn(f64, f64, f64, &str) -> f64> Denoiser for Perfect<F> {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        let inputs = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let each = inputs.len() / call.branches().len().max(1);
        let branch = |at: usize| call.branches().get(at / each.max(1)).map_or("", |name| &**name);
        let outputs: Vec<f64> =
            inputs.iter().enumerate().map(|(at, input)| self.output(*input, branch(at), call)).collect();
        let output = Tensor::from_vec(outputs, x.shape(), x.device())?.to_dtype(x.dtype())?;
        // Of what else a model reads nothing is known: it is 0.
        match call.parts() {
            0 | 1 => Ok(output),
            parts => Tensor::cat(&[vec![output], vec![x.zeros_like()?; parts - 1]].concat(), 1),
        }
    }
}

impl Denoiser for Analytic {
    fn denoise(&mut self, x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
        Perfect(|x, alpha, sigma, _branch: &str| self.denoised(x, alpha, sigma)).denoise(x, call)
    }
}
