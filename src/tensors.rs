//! Safetensors files.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::output;
use crate::report::Failed;

/// A tensor of a safetensors file: the named one, or the only one.
pub fn load(path: &Path, name: Option<&str>) -> Result<Tensor, Failed> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| Failed::Found(format!("cannot read `{shown}`: {error}")))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| Failed::Found(format!("`{shown}` is no safetensors file: {error}")))?;
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    let found = match name {
        Some(name) => tensors.get(name),
        None if names.len() == 1 => tensors.values().next(),
        None => None,
    };
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let wanted = name.map_or("one tensor".to_owned(), |name| format!("a tensor `{name}`"));
        Failed::Found(format!("`{shown}` should hold {wanted}, it holds {}", names.join(", ")))
    })
}

/// Writes tensors by their names.
pub fn write(path: &Path, tensors: &HashMap<String, Tensor>) -> Result<(), Failed> {
    let bytes = safetensors::serialize(tensors, None).map_err(|error| Failed::Found(error.to_string()))?;
    output::write(path, &bytes)
}
