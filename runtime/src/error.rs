//! What can go wrong when a sampler runs.

use std::sync::Arc;

use samp_compiler::backend::BackendError;
use samp_compiler::compile::Failure;

use crate::device::DeviceError;

/// Why a sampler does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sampler or its pipeline is wrong.
    #[error("{0}")]
    Program(Box<Failure>),
    /// The denoiser failed.
    #[error("the denoiser failed at {}: {source}", place(*step, *steps))]
    Denoiser {
        /// The step, from 0.
        step: usize,
        /// How many there are, unless the sampler finds its own steps.
        steps: Option<usize>,
        /// What it said.
        source: candle_core::Error,
    },
    /// The denoiser gave something else than asked for.
    #[error("the denoiser returned {found} at {}, expected {expected}", place(*step, *steps))]
    DenoiserOutput {
        /// The step, from 0.
        step: usize,
        /// How many there are, unless the sampler finds its own steps.
        steps: Option<usize>,
        /// What it should have been.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A function of the host failed.
    #[error("the host's `{name}` failed at {}: {source}", place(*step, *steps))]
    Host {
        /// The function.
        name: Arc<str>,
        /// The step, from 0.
        step: usize,
        /// How many there are, unless the sampler finds its own steps.
        steps: Option<usize>,
        /// What it said.
        source: Box<candle_core::Error>,
    },
    /// A function of the host gave something else than asked for.
    #[error("the host's `{name}` returned {found} at {}, expected {expected}", place(*step, *steps))]
    HostOutput {
        /// The function.
        name: Arc<str>,
        /// The step, from 0.
        step: usize,
        /// How many there are, unless the sampler finds its own steps.
        steps: Option<usize>,
        /// What it should have been.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A tensor given by the caller does not fit.
    #[error("{what} is {found}, expected {expected}")]
    Tensor {
        /// Which one.
        what: String,
        /// What it should have been.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A tensor of the caller is missing.
    #[error("the input `{0}` is not given")]
    MissingInput(String),
    /// A run that rises begins with noise.
    #[error("the run goes from a cleaner level to a noisier one, and so begins with an image, not with noise")]
    RisesFromNoise,
    /// A run asks for more noise than the caller gave.
    #[error("the run makes draw {draw}, and {given} rows of noise are given")]
    MissingNoise {
        /// The draw, from 0.
        draw: usize,
        /// How many rows there are.
        given: usize,
    },
    /// No grid can be learned from such a pipeline, or for it.
    #[error("the {who} {why}: a grid is learned from a path without noise, on levels that fall")]
    Unteachable {
        /// The teacher or the student.
        who: &'static str,
        /// What it does.
        why: &'static str,
    },
    /// A bug of ours: a plan that is no step.
    #[error("internal error: the plan of a step makes none")]
    NotAdaptive,
    /// A function of the host that nothing calls.
    #[error("no `extern` function is called `{0}`")]
    UnknownHost(String),
    /// A function of the host that was given in another way than it is called.
    #[error("the `extern` function `{name}` is given with `Pipeline::{by}`")]
    OtherHost {
        /// Its name.
        name: String,
        /// How it is given.
        by: &'static str,
    },
    /// There is no such network.
    #[error("there is no network called `{name}`; there are {known}")]
    UnknownNetwork {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A kernel could not be compiled.
    #[error("{0}")]
    Backend(#[from] BackendError),
    /// A kernel could not be run.
    #[error("{0}")]
    Device(#[from] DeviceError),
    /// A tensor operation failed.
    #[error("{0}")]
    Candle(candle_core::Error),
}

/// Where a run is, for people.
fn place(step: usize, steps: Option<usize>) -> String {
    match steps {
        Some(steps) => format!("step {} of {steps}", step + 1),
        None => format!("step {}", step + 1),
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Candle(plain(error))
    }
}

/// An error without the backtrace that candle may put around it: it is for users, not for us.
pub(crate) fn plain(error: candle_core::Error) -> candle_core::Error {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => plain(*inner),
        other => other,
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Program(Box::new(failure))
    }
}
