//! The pipeline `digits` from end to end, on the device and on the CPU.

use std::io::Write;
use std::time::Instant;

use candle_core::{Device, Tensor};
use samp_runtime::networks::Network;
use samp_runtime::{On, Pipeline, RunOptions, Start};
use serde_json::json;

use crate::{Config, Part, Result};

/// How far a pixel in [-1, 1] may be from the CPU's: a tenth of a grey level would do, the network's sums differ.
const BOUND: f32 = 0.02;

/// Draws one of each digit; gives their pixels and the seconds of the second run.
fn draw(device: &Device, on: On, steps: usize) -> Result<(Vec<f32>, f64)> {
    let compiled = Pipeline::named("digits").steps(steps).size(28, 28).compile()?;
    let network = Network::load("digits", None, device)?.with_classes((0..10).collect());
    let run = || -> Result<Tensor> {
        let start = Start::noise(device, (10, 1, 28, 28), 7)?;
        let run = compiled.start(start, network.clone(), RunOptions { on, ..RunOptions::default() })?;
        Ok(run.finish()?.to_device(&Device::Cpu)?)
    };
    if !device.is_cpu() {
        run()?;
    }
    let begun = Instant::now();
    let samples = run()?;
    Ok((samples.flatten_all()?.to_vec1()?, begun.elapsed().as_secs_f64()))
}

/// Ten digits in a row, as PGM.
fn write(path: &std::path::Path, pixels: &[f32]) -> Result<()> {
    let mut file = std::fs::File::create(path)?;
    writeln!(file, "P5 280 28 255")?;
    let grey = |x: f32| ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
    let rows = (0..28).flat_map(|y| (0..280).map(move |x| (x / 28) * 784 + y * 28 + x % 28));
    let bytes: Vec<u8> = rows.map(|at| grey(pixels[at])).collect();
    Ok(file.write_all(&bytes)?)
}

/// Draws and compares.
pub(crate) fn pictures(config: &Config) -> Result<Part> {
    let steps = if config.quick { 2 } else { 20 };
    let (found, seconds) = draw(&config.device, config.on, steps)?;
    let (expected, seconds_cpu) = draw(&Device::Cpu, On::Tensors, steps)?;
    std::fs::create_dir_all(&config.out)?;
    write(&config.out.join("digits-device.pgm"), &found)?;
    write(&config.out.join("digits-cpu.pgm"), &expected)?;
    let off = found.iter().zip(&expected).fold(0f32, |top, (a, b)| top.max((a - b).abs()));
    println!("  {seconds:.3} s, {seconds_cpu:.3} s on the CPU; pixels differ by at most {off:.1e}, bound {BOUND}");
    let json = json!({ "device_s": seconds, "cpu_s": seconds_cpu, "largest_difference": off, "bound": BOUND });
    Ok(Part::new(off <= BOUND, json))
}
