//! Scheduler configurations of diffusers as pipelines.
//!
//! One meaning with `tests/goldens`, whose rules say how a scheduler's run is followed here: tests hold both together.

mod classes;
mod config;
mod expression;
mod levels;

use std::fmt;

use config::Config;

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
    let imported = Imported {
        class: config.class.clone(),
        schedule: levels::schedule(&config, &class.levels)?,
        grid: levels::grid(&config, &class.levels, steps)?,
        model: classes::model(&config, &class.levels)?,
        guidance: classes::guidance(&config, class)?,
        sampler: (class.sampler)(&config, class, steps)?,
        steps,
        network: network.map(str::to_owned),
    };
    config.all_is_read()?;
    Ok(imported)
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Imported { class, schedule, grid, model, guidance, sampler, steps, network } = self;
        writeln!(f, "//! Imported from a configuration of diffusers' {class}, for {steps} steps.")?;
        if let Some(note) = classes::find(class).ok().and_then(|class| class.note) {
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
