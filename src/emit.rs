//! `sampc emit`: a stage of the compiler as text.

use std::path::Path;
use std::process::ExitCode;

use samp_compiler::backend::{Dtype, clif};
use samp_compiler::check::Checker;
use samp_compiler::compile::{Compiled, Request, compile};
use samp_compiler::hir::{ItemId, Slot};
use samp_compiler::ir::{plan_text, program_text};
use samp_compiler::library::{Library, UnitId, std_names};
use samp_compiler::lower::lower;
use samp_compiler::machine::RunConfig;
use samp_compiler::types::ItemSort;
use samp_compiler::{hir_text, plan};

use crate::args::{EmitArgs, NetworkArg, SlotArgs, Stage};
use crate::report::Failed;
use crate::request;

/// What a sampler is planned with when only a sampler is named.
const DEFAULTS: &[(Slot, &str)] =
    &[(Slot::Schedule, "scaled_linear"), (Slot::Grid, "karras"), (Slot::Model, "eps"), (Slot::Steps, "4")];

/// Prints a stage.
pub fn emit(args: &EmitArgs) -> Result<ExitCode, Failed> {
    let text = match args.stage {
        Stage::Ast | Stage::Hir | Stage::Program => of_file(args)?,
        Stage::Plan | Stage::Kernel | Stage::Clif | Stage::Cuda | Stage::Msl | Stage::Wgsl | Stage::Spirv => {
            of_run(args)?
        }
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn of_file(args: &EmitArgs) -> Result<String, Failed> {
    let loader = |path: &str| samp_runtime::read_text(path);
    let mut checker = Checker::new(Library::new(&loader));
    let unit = open(&mut checker, &args.file)?;
    if args.stage == Stage::Ast {
        return match checker.lib.diagnostics.is_empty() {
            true => Ok(samp_lang::print_module(&checker.lib.module(unit))),
            false => Err(Failed::Diagnostics(checker.all_diagnostics(), checker.lib.sources)),
        };
    }
    let items: Vec<ItemId> = checker.unit(unit);
    if checker.has_errors() {
        return Err(Failed::Diagnostics(checker.all_diagnostics(), checker.lib.sources));
    }
    Ok(match args.stage {
        Stage::Hir => items.iter().map(|item| hir_text::print_item(&checker.hir, *item)).collect::<Vec<_>>().join("\n"),
        _ => program_text::print(&lower(&checker.hir, &items).program),
    })
}

/// A file, or a name of the standard library.
fn open(checker: &mut Checker<'_>, name: &str) -> Result<UnitId, Failed> {
    if name.ends_with(".samp") || Path::new(name).exists() {
        return checker.lib.load(name).map_err(|reason| Failed::Found(format!("cannot read `{name}`: {reason}")));
    }
    for (_, _, folder) in [ItemSort::Sampler, ItemSort::Pipeline]
        .map(|sort| ItemSort::ALL[sort as usize])
        .into_iter()
        .chain(ItemSort::ALL)
    {
        if let Some(unit) = checker.lib.std(&format!("{folder}/{name}.samp")) {
            return Ok(unit);
        }
    }
    Err(Failed::Found(format!("there is no file and no item called `{name}`")))
}

fn of_run(args: &EmitArgs) -> Result<String, Failed> {
    let compiled = compiled(&args.file, &args.slots)?;
    let cast = args.network != NetworkArg::F32;
    let planned = compiled.plan(&RunConfig { cast, ..RunConfig::default() })?;
    let plan::Planned { plan, .. } = planned;
    Ok(match args.stage {
        Stage::Plan => plan_text::print(&plan),
        Stage::Kernel => plan.kernels.values().map(|kernel| format!("{kernel}\n")).collect(),
        Stage::Cuda | Stage::Msl | Stage::Wgsl | Stage::Spirv => device_text::of_plan(args, &plan)?,
        _ => {
            let mut text = String::new();
            for kernel in plan.kernels.values() {
                let code = clif::text(kernel, Dtype::F32).map_err(|error| Failed::Found(error.to_string()))?;
                text.push_str(&format!("; {}\n{code}\n", kernel.name));
            }
            text
        }
    })
}

/// A pipeline as it is, or a sampler with a pipeline around it.
fn compiled(name: &str, slots: &SlotArgs) -> Result<Compiled, Failed> {
    let loader = |path: &str| samp_runtime::read_text(path);
    let mut request = Request { pipeline: None, slots: request::given(slots), sets: request::sets(slots)? };
    if is_pipeline(name, &loader)? {
        request.pipeline = Some(name.to_owned());
    } else {
        let mut filled: Vec<(Slot, String)> =
            DEFAULTS.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
        filled.push((Slot::Sampler, name.to_owned()));
        filled.retain(|(slot, _)| !request.slots.iter().any(|(given, _)| given == slot));
        request.slots.extend(filled);
    }
    Ok(compile(&request, &loader)?)
}

fn is_pipeline(name: &str, loader: &dyn Fn(&str) -> Result<String, String>) -> Result<bool, Failed> {
    let path = name.split_once(".samp").map(|(path, _)| format!("{path}.samp"));
    let Some(path) = path else { return Ok(std_names(ItemSort::Pipeline).any(|known| known == name)) };
    let mut lib = Library::new(loader);
    let unit = lib.load(&path).map_err(|reason| Failed::Found(format!("cannot read `{path}`: {reason}")))?;
    Ok(lib.module(unit).items.iter().any(|item| item.kind.keyword() == "pipeline"))
}

#[cfg(feature = "cube")]
mod device_text {
    use samp_compiler::backend::cube::layout::{Extent, Room, Storage};
    use samp_compiler::backend::cube::{Language, of_plan as kernels};
    use samp_compiler::backend::{BackendError, cube};
    use samp_compiler::ir::plan::Plan;

    use super::{EmitArgs, Failed, Stage};
    use crate::args::NetworkArg;

    /// Whole vectors, as almost all latents are.
    const EXTENT: Extent = Extent { samples: 1, elements: 4 * 64 * 64, room: Room::Aligned };

    pub(super) fn of_plan(args: &EmitArgs, plan: &Plan) -> Result<String, Failed> {
        let failed = |error: BackendError| Failed::Found(error.to_string());
        let language = match args.stage {
            Stage::Cuda => Language::Cuda,
            Stage::Msl => Language::Msl,
            #[cfg(feature = "wgpu")]
            Stage::Spirv => Language::SpirV,
            #[cfg(feature = "wgpu")]
            _ => Language::Wgsl,
            #[cfg(not(feature = "wgpu"))]
            _ => return Err(super::left_out("wgpu")),
        };
        let network = match args.network {
            NetworkArg::F32 => Storage::F32,
            NetworkArg::F16 => Storage::F16,
            NetworkArg::Bf16 => Storage::Bf16,
        };
        let mut texts: Vec<(String, String)> = Vec::new();
        for kernel in kernels(plan, network, EXTENT).map_err(failed)? {
            texts.push((kernel.name().to_owned(), kernel.text(language).map_err(failed)?));
            // Kernels that reduce alike are finished by one function.
            let finish = kernel.finish().filter(|finish| texts.iter().all(|(name, _)| name != finish.name()));
            if let Some(finish) = finish {
                texts.push((finish.name().to_owned(), finish.text(language).map_err(failed)?));
            }
        }
        let text = |(name, code): &(String, String)| {
            format!("// {name}, {} threads a block\n{}\n\n", cube::THREADS, code.trim_end())
        };
        Ok(texts.iter().map(text).collect())
    }
}

#[cfg(not(feature = "cube"))]
mod device_text {
    use samp_compiler::ir::plan::Plan;

    use super::{EmitArgs, Failed, Stage};

    pub(super) fn of_plan(args: &EmitArgs, _: &Plan) -> Result<String, Failed> {
        Err(super::left_out(match args.stage {
            Stage::Wgsl | Stage::Spirv => "wgpu",
            _ => "cube",
        }))
    }
}

#[cfg(not(feature = "wgpu"))]
fn left_out(feature: &str) -> Failed {
    Failed::Found(format!("this stage is not in this build of `sampc`; build it with `--features {feature}`"))
}
