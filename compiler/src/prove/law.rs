//! The law of a pipeline's result on normal data, exactly.

use std::sync::Arc;

use samp_lang::diag::Diagnostic;

use super::forms::marginal;
use crate::arith::affine::{Affine, Data, Form, Watch};
use crate::compile::{Compiled, Failure};
use crate::machine::{Machine, RunConfig};

/// What a run makes of data N(mean, std^2), started from what these are at its first level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// The mean of the result, and what it should be.
    pub mean: (f64, f64),
    /// The standard deviation of the result, and what it should be.
    pub std: (f64, f64),
}

impl Law {
    /// The 2-Wasserstein distance between the two normal laws.
    pub fn distance(&self) -> f64 {
        (self.mean.0 - self.mean.1).hypot(self.std.0 - self.std.1)
    }
}

/// Runs a pipeline in affine forms; nothing if the rule is not affine around a perfect model.
///
/// # Errors
/// What is wrong with the run.
pub fn law(compiled: &Compiled, config: &RunConfig, (mean, std): (f64, f64)) -> Result<Option<Law>, Failure> {
    let failure = |found: Box<Diagnostic>| Failure { diagnostics: vec![*found], sources: compiled.sources.clone() };
    let mut machine = Machine::new(&compiled.program, Affine::new(Data::Normal { spread: std }, Watch::Nothing));
    let setup = machine.set_up(compiled.pipeline, config).map_err(failure)?;
    let (first, last) = (setup.levels[0].clone(), setup.levels[setup.levels.len() - 1].clone());
    let start = Form::start(first.alpha, marginal(&first, std).sqrt());
    let form = machine.run(&setup, Arc::new(start), |_, _, _| {}).map_err(failure)?;
    Ok((!form.lost).then(|| Law {
        mean: (form.data * mean + form.constant, last.alpha * mean),
        std: (form.variance().sqrt(), marginal(&last, std).sqrt()),
    }))
}
