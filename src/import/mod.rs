//! Scheduler configurations of diffusers as pipelines.
//!
//! One meaning with `tests/goldens`, whose rules say how a scheduler's run is followed here: tests hold both together.

mod classes;
mod config;
mod expression;
mod levels;

use std::fmt;

use classes::Run;
use config::Config;

const LEFT_OFF: &str = "Diffusers' last step has length zero and changes nothing; it is left off.";
const TOLD_WHOLE: &str = "Diffusers tells the network whole time steps; here it is told the exact ones.";

/// A pipeline's slots, as text.
#[derive(Debug)]
pub struct Imported {
    /// The class that the configuration is of.
    pub class: String,
    pub schedule: String,
    pub grid: String,
    pub model: String,
    /// Where it is not `plain`.
    pub guidance: Option<String>,
    pub sampler: String,
    pub steps: usize,
    /// What a reader of the pipeline should know.
    pub notes: Vec<&'static str>,
    /// The name of a network, if there is to be one.
    pub network: Option<String>,
}

/// Reads a configuration for a run of `steps` steps.
///
/// # Errors
///
/// Names the first key that cannot be honoured, its value, and what is supported.
pub fn import(text: &str, steps: usize, network: Option<&str>) -> Result<Imported, String> {
    let config = Config::read(text)?;
    let class = classes::find(&config.class)?;
    if let Some(key) = class.lacks.iter().find(|key| config.has(key)) {
        return Err(config.refusal(key, "only `false`"));
    }
    let levels::Grid { text: grid, closed } = levels::grid(&config, &class.levels, steps)?;
    let told = levels::are_told_whole(&config, &class.levels)?.then_some(TOLD_WHOLE);
    let notes = closed.then_some(LEFT_OFF).into_iter().chain(class.note).chain(told).collect();
    let imported = Imported {
        class: config.class.clone(),
        schedule: levels::schedule(&config, &class.levels)?,
        grid,
        model: classes::model(&config, class)?,
        guidance: classes::guidance(&config, class)?,
        sampler: (class.sampler)(&config, class, Run { n: steps, closed })?,
        steps: steps - usize::from(closed),
        notes,
        network: network.map(str::to_owned),
    };
    config.all_is_read()?;
    Ok(imported)
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Imported { class, schedule, grid, model, guidance, sampler, steps, notes, network } = self;
        writeln!(f, "//! Imported from a configuration of diffusers' {class}.")?;
        for note in notes {
            writeln!(f, "//! {note}")?;
        }
        writeln!(f, "\npipeline {} {{", classes::item_name(class))?;
        if let Some(network) = network {
            writeln!(f, "    network  {network}")?;
        }
        writeln!(f, "    schedule {schedule}\n    grid     {grid}\n    model    {model}")?;
        if let Some(guidance) = guidance {
            writeln!(f, "    guidance {guidance}")?;
        }
        writeln!(f, "    sampler  {sampler}\n    steps    {steps}\n}}")
    }
}
