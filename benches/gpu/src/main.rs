//! `samp-gpu`: agreement and speed of the kernels on a device, in one call.
//!
//! ```text
//! samp-gpu cuda|wgpu|cpu [--quick] [--only PART] [--torch FILE] [--out FOLDER]
//! samp-gpu nvrtc
//! ```
//!
//! It checks every operation, number type and odd size and whole samplers against the CPU, times the fused step beside
//! a copy and candle's operations, counts launches and waits of a run, and draws digits. `--torch` takes what
//! `torch_step.py` printed into the table; `--out` is where pictures and `gpu.json` go; `--quick` is for trying it out,
//! `--only` for one part.
//! `nvrtc` compiles kernels of the library for two architectures, without a device. The status is 1 if anything is
//! outside its budget or, on a GPU, short of its figure.

mod agree;
mod calls;
mod digits;
mod figures;
mod run;
mod step;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use candle_core::Device;
use samp_runtime::On;
use serde_json::{Map, Value};

use figures::Figure;

/// Whatever goes wrong: this program only reports it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked for.
struct Config {
    device: Device,
    on: On,
    quick: bool,
    only: Option<String>,
    torch: Option<PathBuf>,
    out: PathBuf,
}

impl Config {
    /// Whether what is measured is held against its figure.
    fn is_judged(&self) -> bool {
        self.device.is_cuda() && !self.quick
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match main_of(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main_of(args: &[String]) -> Result<bool> {
    let Some((what, rest)) = args.split_first() else { return Err("name a device: cuda, wgpu or cpu".into()) };
    if what == "nvrtc" {
        return nvrtc();
    }
    let config = config(what, rest)?;
    std::fs::create_dir_all(&config.out)?;
    let mut report = Map::new();
    let mut right = true;
    let mut figures = Vec::new();
    for (name, part) in PARTS.iter().filter(|(name, _)| config.only.as_ref().is_none_or(|only| only == name)) {
        println!("== {name}");
        let begun = Instant::now();
        match part(&config) {
            Ok(part) => {
                right &= part.right;
                figures.extend(part.figures);
                report.insert((*name).to_owned(), part.json);
            }
            Err(error) => {
                println!("  failed: {error}");
                right = false;
                report.insert((*name).to_owned(), Value::String(error.to_string()));
            }
        }
        println!("  ({:.0} s)", begun.elapsed().as_secs_f64());
        report.insert("figures".to_owned(), figures.iter().map(Figure::json).collect());
        // After each part: what is found stays found if a later one runs out of time.
        std::fs::write(config.out.join("gpu.json"), serde_json::to_string_pretty(&report)?)?;
    }
    if config.is_judged() {
        println!("== figures");
        figures.iter().for_each(|figure| println!("{}", figure.line()));
        right &= figures.iter().all(Figure::holds);
    }
    println!("== {}", if right { "all within budget" } else { "something is outside its budget" });
    Ok(right)
}

/// What one part found.
struct Part {
    right: bool,
    json: Value,
    /// What it has to reach on a GPU; elsewhere times say nothing.
    figures: Vec<Figure>,
}

impl Part {
    /// A part that is right or wrong.
    fn new(right: bool, json: Value) -> Part {
        Part { right, json, figures: Vec::new() }
    }
}

/// A part of the program.
type Check = fn(&Config) -> Result<Part>;

/// The parts, in order: what is right before what is fast, but for what can only be measured first.
const PARTS: &[(&str, Check)] = &[
    ("first run", run::first),
    ("operations", agree::operations),
    ("reductions", agree::reductions),
    ("samplers", agree::samplers),
    ("run", run::steps),
    ("step", step::times),
    ("digits", digits::pictures),
];

fn config(device: &str, rest: &[String]) -> Result<Config> {
    let (device, on) = match device {
        "cpu" => (Device::Cpu, On::Tensors),
        "cuda" => {
            // Without the backtrace that candle adds.
            let device = Device::new_cuda(0).map_err(|error| {
                let reason = error.to_string();
                format!("there is no NVIDIA device: {}", reason.lines().next().unwrap_or_default())
            });
            (device?, On::Tensors)
        }
        #[cfg(feature = "wgpu")]
        "wgpu" => (Device::Cpu, On::Wgpu),
        other => return Err(format!("no device `{other}` in this build").into()),
    };
    let mut config = Config { device, on, quick: false, only: None, torch: None, out: PathBuf::from(".") };
    let mut rest = rest.iter();
    while let Some(flag) = rest.next() {
        match flag.as_str() {
            "--quick" => config.quick = true,
            "--only" => match rest.next() {
                Some(part) if PARTS.iter().any(|(name, _)| name == part) => config.only = Some(part.clone()),
                _ => return Err("`--only` takes the name of a part".into()),
            },
            "--torch" => config.torch = rest.next().map(PathBuf::from),
            "--out" => config.out = rest.next().ok_or("`--out` takes a folder")?.into(),
            other => return Err(format!("unknown flag `{other}`").into()),
        }
    }
    Ok(config)
}

/// Compiles the kernels of a guided sampler with NVRTC, for two architectures.
#[cfg(feature = "cuda")]
fn nvrtc() -> Result<bool> {
    use samp_compiler::backend::cube::CubeKernel;
    use samp_compiler::backend::cube::layout::{Layout, Storage};
    use samp_runtime::device::cuda::compile_for;

    let compiled = step::pipeline("dpmpp_2m_sde", "cfg(scale = 3)").compile()?;
    for kernel in compiled.plan().kernels.values() {
        for storage in [Storage::F32, Storage::Bf16] {
            let kernel = CubeKernel::new(kernel, Layout::uniform(kernel, storage))?;
            for capability in [(8, 0), (9, 0)] {
                let ptx = compile_for(&kernel.cuda()?.source, capability)?;
                println!("{} for {}.{}: {} bytes of PTX", kernel.name(), capability.0, capability.1, ptx.len());
            }
        }
    }
    Ok(true)
}

#[cfg(not(feature = "cuda"))]
fn nvrtc() -> Result<bool> {
    Err("this build is without `cuda`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole program, on the device that is always there.
    #[test]
    fn the_cpu_agrees_with_itself() {
        let out = std::env::temp_dir().join(format!("samp-gpu-{}", std::process::id()));
        let args = ["cpu", "--quick", "--out", out.to_str().expect("a plain path")].map(str::to_owned);
        assert!(main_of(&args).expect("every part runs"));
        let report = std::fs::read_to_string(out.join("gpu.json")).expect("the report is written");
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        for (name, _) in PARTS {
            assert!(report[name].is_object(), "{name}: {}", report[name]);
        }
        std::fs::remove_dir_all(&out).expect("the folder goes");
    }

    #[test]
    fn mistakes_are_errors() {
        for args in [&[][..], &["abacus"], &["cpu", "--fast"], &["cpu", "--out"], &["cpu", "--only", "all"]] {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            assert!(main_of(&args).is_err(), "{args:?}");
        }
    }
}
