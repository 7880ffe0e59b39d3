//! Writes the CUDA text of every kernel of the library into a folder, for `benches/gpu/nvrtc.py`.
//!
//! `cargo run --release -p samp-compiler --features cube --example cuda_texts -- FOLDER`

use std::error::Error;
use std::path::Path;

use samp_compiler::backend::cube::layout::{Extent, Room, Storage};
use samp_compiler::backend::cube::of_plan;
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::library::std_planned_samplers;
use samp_compiler::machine::RunConfig;

/// Whole vectors, and counts that allow none.
const EXTENTS: [(&str, Extent); 2] = [
    ("wide", Extent { samples: 1, elements: 4 * 64 * 64, room: Room::Aligned }),
    ("single", Extent { samples: 1, elements: 4 * 64 * 64 + 1, room: Room::Aligned }),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder")?;
    for sampler in std_planned_samplers() {
        for guidance in [None, Some("cfg(scale = 3)")] {
            write(sampler, guidance, Path::new(&folder))?;
        }
    }
    Ok(())
}

fn write(sampler: &str, guidance: Option<&str>, folder: &Path) -> Result<(), Box<dyn Error>> {
    let contents = [
        (Slot::Schedule, "scaled_linear"),
        (Slot::Grid, "karras"),
        (Slot::Model, "eps"),
        (Slot::Sampler, sampler),
        (Slot::Steps, "4"),
    ];
    let mut slots: Vec<(Slot, String)> = contents.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
    slots.extend(guidance.map(|guidance| (Slot::Guidance, guidance.to_owned())));
    let loader = |_: &str| Err("there is no file".to_owned());
    let compiled = compile(&Request { pipeline: None, slots, sets: Vec::new() }, &loader).map_err(|e| e.to_string())?;
    let plan = compiled.plan(&RunConfig::default()).map_err(|e| e.to_string())?.plan;
    for network in Storage::ALL {
        for (width, extent) in EXTENTS {
            let folder = folder.join(width);
            std::fs::create_dir_all(&folder)?;
            for kernel in of_plan(&plan, network, extent)? {
                std::fs::write(folder.join(format!("{}.cu", kernel.name())), kernel.cuda()?)?;
            }
        }
    }
    Ok(())
}
