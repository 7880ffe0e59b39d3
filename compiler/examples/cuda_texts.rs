//! Writes the CUDA text of every kernel of the library into a folder, for `benches/gpu/nvrtc.py`.
//!
//! `cargo run --release -p samp-compiler --features cube --example cuda_texts -- FOLDER`

use std::error::Error;
use std::path::Path;

use samp_compiler::backend::cube::layout::{Extent, ReduceLayout, Room, Slot as Buffer, Storage};
use samp_compiler::backend::cube::of_plan;
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::library::{Asks, std_samplers};
use samp_compiler::machine::RunConfig;

/// Whole vectors, and counts that allow none.
const EXTENTS: [(&str, Extent); 2] = [
    ("wide", Extent { samples: 1, elements: 4 * 64 * 64, room: Room::Aligned }),
    ("single", Extent { samples: 1, elements: 4 * 64 * 64 + 1, room: Room::Aligned }),
];

/// Guidance that makes numbers per sample.
const MEASURING: [&str; 5] = ["apg", "cfg_norm", "cfg_rescale", "cfg_zero_star", "dynamic_threshold"];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder")?;
    let (plain, guided) = ((Slot::Guidance, "plain"), (Slot::Guidance, "cfg(scale = 3)"));
    let of = |asks, slots: &[(Slot, &'static str)]| -> Vec<Vec<(Slot, &'static str)>> {
        std_samplers(asks).map(|sampler| [&[(Slot::Sampler, sampler)], slots].concat()).collect()
    };
    let mut cases = Vec::new();
    for guidance in [plain, guided] {
        cases.extend(of(Asks::Nothing, &[guidance]));
        cases.extend(of(Asks::Ends, &[guidance, (Slot::Grid, "ends")]));
        cases.push(vec![(Slot::Sampler, "rk(tab = dormand_prince)"), guidance]);
        cases.push(vec![(Slot::Sampler, "rk_adaptive(tab = dormand_prince)"), guidance, (Slot::Grid, "ends")]);
    }
    cases.extend(of(Asks::Branch, &[guided]));
    cases.extend(of(Asks::View, &[guided, (Slot::Model, "learned_variance")]));
    cases.extend(MEASURING.map(|guidance| vec![(Slot::Sampler, "dpmpp_2m"), (Slot::Guidance, guidance)]));
    for case in cases {
        write(&case, Path::new(&folder)).map_err(|error| format!("{case:?}: {error}"))?;
    }
    Ok(())
}

/// The texts of a pipeline that has these slots.
fn write(case: &[(Slot, &str)], folder: &Path) -> Result<(), Box<dyn Error>> {
    let usual = [(Slot::Schedule, "scaled_linear"), (Slot::Grid, "karras"), (Slot::Model, "eps"), (Slot::Steps, "4")];
    let slots = usual.iter().chain(case).map(|(slot, value)| (*slot, (*value).to_owned())).collect();
    let loader = |_: &str| Err("there is no file".to_owned());
    let compiled = compile(&Request { pipeline: None, slots, sets: Vec::new() }, &loader).map_err(|e| e.to_string())?;
    let plan = compiled.plan(&RunConfig::default()).map_err(|e| e.to_string())?.plan;
    for network in Storage::ALL {
        for (width, extent) in EXTENTS {
            for kernel in of_plan(&plan, network, extent)? {
                // Cells and partial results are single numbers in any kernel.
                let layout = kernel.layout();
                let n_single = layout.slots().iter().filter(|slot| matches!(slot, Buffer::Cell(_))).count();
                let n_single = n_single + layout.reduces.iter().filter(|left| **left == ReduceLayout::Partial).count();
                write_text(folder, width, kernel.name(), n_single, &kernel.cuda()?.source)?;
                if let Some(finish) = kernel.finish() {
                    write_text(folder, "finish", finish.name(), 0, &finish.cuda()?.source)?;
                }
            }
        }
    }
    Ok(())
}

/// The first line tells how many accesses may be of single numbers.
fn write_text(folder: &Path, group: &str, name: &str, n_single: usize, text: &str) -> std::io::Result<()> {
    let folder = folder.join(group);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{name}.cu")), format!("// single: {n_single}\n{text}"))
}
