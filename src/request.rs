//! From flags to a pipeline.

use samp_compiler::hir::Slot;
use samp_runtime::Pipeline;

use crate::args::SlotArgs;
use crate::report::Failed;

/// Puts flags into a pipeline.
pub fn fill(mut pipeline: Pipeline, slots: &SlotArgs) -> Result<Pipeline, Failed> {
    for (slot, value) in given(slots) {
        pipeline = pipeline.slot(slot, value);
    }
    for (option, value) in sets(slots)? {
        pipeline = pipeline.set(option, value);
    }
    Ok(pipeline)
}

/// Options that flags set; `@FILE` stands for what is in a file, such as numbers that were learned.
pub fn sets(slots: &SlotArgs) -> Result<Vec<(String, String)>, Failed> {
    let set = |set: &String| {
        let Some((option, value)) = set.split_once('=') else {
            return Err(Failed::Usage(format!("`--set {set}` sets nothing; write `--set sampler.eta=0.5`")));
        };
        let value = match value.trim().strip_prefix('@') {
            Some(path) => samp_runtime::read_text(path).map_err(|why| Failed::Found(format!("{path}: {why}")))?,
            None => value.to_owned(),
        };
        Ok((option.trim().to_owned(), value.trim().to_owned()))
    };
    slots.sets.iter().map(set).collect()
}

/// Slots that flags fill.
pub fn given(slots: &SlotArgs) -> Vec<(Slot, String)> {
    let text = |slot, value: &Option<String>| value.clone().map(|value| (slot, value));
    [
        text(Slot::Sampler, &slots.sampler),
        text(Slot::Schedule, &slots.schedule),
        text(Slot::Grid, &slots.grid),
        text(Slot::Model, &slots.model),
        text(Slot::Guidance, &slots.guidance),
        slots.steps.map(|steps| (Slot::Steps, steps.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A pipeline whose slots are filled by flags, or else by these.
pub fn with_defaults(slots: &SlotArgs, defaults: &[(Slot, &str)]) -> Result<Pipeline, Failed> {
    let mut pipeline = Pipeline::new();
    for (slot, value) in defaults {
        pipeline = pipeline.slot(*slot, *value);
    }
    fill(pipeline, slots)
}
