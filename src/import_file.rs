//! `sampc import`: a scheduler configuration of diffusers as a pipeline.

use std::fs;
use std::process::ExitCode;

use crate::args::ImportArgs;
use crate::report::Failed;
use crate::{import, output};

/// Prints or writes the pipeline of a configuration.
pub fn import(args: &ImportArgs) -> Result<ExitCode, Failed> {
    let shown = args.config.display();
    let text =
        fs::read_to_string(&args.config).map_err(|error| Failed::Found(format!("cannot read `{shown}`: {error}")))?;
    let imported = import::import(&text, args.steps as usize, args.network.as_deref())
        .map_err(|why| Failed::Found(format!("cannot import `{shown}`: {why}")))?;
    match &args.output {
        Some(path) => output::write(path, imported.to_string().as_bytes())?,
        None => print!("{imported}"),
    }
    Ok(ExitCode::SUCCESS)
}
