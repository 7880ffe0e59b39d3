//! Agreement with the CPU: every operation, number type and odd size, and whole samplers.

use candle_core::{DType, Device, Tensor};
use samp_compiler::backend::{Artifact, Dtype, Engine, compile};
use samp_compiler::ir::kernel::{Args, Kernel};
use samp_compiler::ir::op::{Op, Reduction};
use samp_compiler::library::{Asks, std_samplers};
use samp_runtime::device::{Cells, DeviceKernel, TensorDraw, TensorLaunch};
use samp_runtime::{Call, Compiled, Input, On, Pipeline, RunOptions, Start, Stored};
use serde_json::{Map, json};

use crate::step::pipeline;
use crate::{Config, Part, Result};

/// Units in the last place of f32 by which a device may differ from the CPU's own code: nothing where IEEE 754 says
/// the result. Division and square roots of WGSL are less exact.
fn budget(op: Op, on: On) -> u32 {
    match op {
        Op::Add | Op::Sub | Op::Mul | Op::Min | Op::Max | Op::Neg | Op::Abs => 0,
        Op::Div | Op::Sqrt | Op::Fma if on == On::Tensors => 0,
        Op::Div | Op::Sqrt | Op::Fma => 3,
        Op::Exp | Op::Ln | Op::Tanh | Op::Sin | Op::Cos => 4,
    }
}

const DTYPES: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Types of the buffers, slot by slot and then again: each alone, and all beside each other.
const BUFFERS: [&[DType]; 4] = [&[DType::F32], &[DType::F16], &[DType::BF16], &DTYPES];

/// Samples and elements: odd, less than a vector, more than a block.
const SHAPES: [(usize, usize); 6] = [(1, 1), (1, 7), (3, 5), (2, 1024), (3, 1027), (5, 40_001)];

/// One operation in a kernel with as many scalars and draws as `n`, so that parameters lie in many ways.
fn kernel_of(op: Op, n: u32) -> Kernel {
    let mut kernel = Kernel::new(op.name());
    let loads: Vec<_> = (0..op.arity() as u32).map(|slot| kernel.load(slot)).collect();
    let args = Args::from_slice(&loads).expect("one to three operands");
    let mut value = kernel.apply(op, args);
    kernel.store(value);
    for slot in 0..n {
        let scalar = kernel.scalar(slot);
        value = kernel.apply(Op::Mul, [scalar, loads[0]]);
        kernel.store(value);
        let noise = kernel.noise(slot);
        kernel.store(noise);
    }
    kernel
}

/// Numbers of mixed size and sign, positive enough for most operations; finite in f16.
fn numbers(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + salt * 104_729) % 20_011) as f32 / 2501.0 - 2.0 + 1e-3 * salt as f32).collect()
}

/// What a kernel stores; `offset` rows are skipped before each load, so that views start at odd places.
fn outputs(
    kernel: &DeviceKernel,
    (device, on): (&Device, On),
    shape: (usize, usize),
    dtypes: &[DType],
    offset: usize,
) -> Result<Vec<Tensor>> {
    let (samples, elements) = shape;
    let ir = kernel.artifact().kernel();
    let load = |slot: usize| -> Result<Tensor> {
        let values = numbers((samples + offset) * elements, slot);
        let whole = Tensor::from_vec(values, (samples + offset, elements), &Device::Cpu)?;
        let whole = whole.to_dtype(dtypes[slot % dtypes.len()])?;
        Ok(whole.to_device(device)?.narrow(0, offset, samples)?)
    };
    let loads = (0..ir.n_loads as usize).map(load).collect::<Result<Vec<_>>>()?;
    let store = |slot: usize| Tensor::zeros(shape, dtypes[(slot + 1) % dtypes.len()], device);
    let stores: Vec<Tensor> = (0..ir.stores.len()).map(store).collect::<candle_core::Result<_>>()?;
    let draws: Vec<TensorDraw<'_>> =
        (0..ir.n_noises).map(|stream| TensorDraw::Generated { stream, draw: 3 + stream }).collect();
    let scalars: Vec<f64> = (0..ir.n_scalars).map(|slot| 0.37 + f64::from(slot)).collect();
    let launch =
        TensorLaunch { scalars: &scalars, draws: &draws, cells: &[], seed: 77 << 33 | 5, first_sample: 9, threads: 1 };
    let loads: Vec<&Tensor> = loads.iter().collect();
    kernel.launch(on, &launch, &loads, &stores.iter().collect::<Vec<_>>())?;
    stores.iter().map(|store| Ok(store.to_device(&Device::Cpu)?)).collect()
}

/// The largest distance in units of the last place of what is stored.
fn distance(found: &Tensor, expected: &Tensor) -> Result<u32> {
    let bits = |tensor: &Tensor| -> Result<Vec<(f32, i64)>> {
        let flat = tensor.flatten_all()?;
        let ordered = |bits: i64, sign: i64| if bits & sign == 0 { bits } else { sign - bits };
        Ok(match tensor.dtype() {
            DType::F16 => {
                let values = flat.to_vec1::<half::f16>()?;
                values.iter().map(|x| (x.to_f32(), ordered(i64::from(x.to_bits()), 1 << 15))).collect()
            }
            DType::BF16 => {
                let values = flat.to_vec1::<half::bf16>()?;
                values.iter().map(|x| (x.to_f32(), ordered(i64::from(x.to_bits()), 1 << 15))).collect()
            }
            _ => {
                let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                values.iter().map(|x| (*x, ordered(i64::from(x.to_bits()), 1 << 31))).collect()
            }
        })
    };
    let pairs = bits(found)?.into_iter().zip(bits(expected)?);
    let far = pairs.map(|((a, a_bits), (b, b_bits))| match a == b || (a.is_nan() && b.is_nan()) {
        true => 0,
        false => u32::try_from((a_bits - b_bits).unsigned_abs()).unwrap_or(u32::MAX),
    });
    Ok(far.max().unwrap_or(0))
}

/// Every operation in every number type, at odd sizes, with odd counts of scalars and draws, on views.
pub(crate) fn operations(config: &Config) -> Result<Part> {
    let mut right = true;
    let mut worst = Map::new();
    for op in Op::ALL.iter().copied() {
        let (mut far_op, mut far_noise) = (0, 0);
        // How parameters lie does not depend on the operation.
        for n in if op == Op::Add { 0..=5 } else { 1..=1 } {
            let artifact = |engine| -> Result<Artifact> { Ok(compile(&kernel_of(op, n), engine, Dtype::F32)?) };
            let kernel = DeviceKernel::from(artifact(Engine::best())?);
            for shape in SHAPES {
                for dtypes in BUFFERS {
                    for offset in [0, 1] {
                        let found = outputs(&kernel, (&config.device, config.on), shape, dtypes, offset)?;
                        let expected = outputs(&kernel, (&Device::Cpu, On::Tensors), shape, dtypes, offset)?;
                        far_op = far_op.max(distance(&found[0], &expected[0])?);
                        for (found, expected) in found.iter().zip(&expected).skip(1) {
                            far_noise = far_noise.max(distance(found, expected)?);
                        }
                    }
                }
            }
        }
        let allowed = budget(op, config.on);
        // Normals are made of logarithms and waves.
        let within = far_op <= allowed && far_noise <= 4;
        right &= within;
        println!(
            "  {:5} {far_op} of {allowed} ulp, scalars and noise {far_noise} of 4{}",
            op.name(),
            if within { "" } else { "   OUTSIDE" }
        );
        worst.insert(op.name().to_owned(), json!({"ulp": far_op, "budget": allowed, "noise_ulp": far_noise}));
    }
    Ok(Part::new(right, json!({ "ops": worst })))
}

/// What a kernel reduces of its loads, cells for cell, on a device; one cell is read.
fn reductions_of(
    kernel: &DeviceKernel,
    (device, on): (&Device, On),
    (samples, elements): (usize, usize),
    dtype: DType,
) -> Result<Vec<Vec<f64>>> {
    let load = Tensor::from_vec(numbers(samples * elements, 1), (samples, elements), &Device::Cpu)?;
    let load = load.to_dtype(dtype)?.to_device(device)?;
    let read = Cells::Host((0..samples).map(|sample| 0.25 * sample as f64 - 0.5).collect());
    let launch = TensorLaunch { scalars: &[], draws: &[], cells: &[&read], seed: 0, first_sample: 0, threads: 1 };
    let cells = kernel.launch(on, &launch, &[&load], &[])?;
    let numbers = cells.into_iter().map(|cells| match cells {
        Cells::Host(numbers) => Ok(numbers),
        Cells::Tensor(tensor) => Ok(tensor.to_dtype(DType::F64)?.to_vec1()?),
    });
    numbers.collect()
}

/// Reductions of every kind, in every number type and at odd sizes; and samples alone, which must be the same bits.
pub(crate) fn reductions(config: &Config) -> Result<Part> {
    // Sums of n numbers in f32, pair by pair.
    const BOUND: f64 = 4e-6;
    let mut kernel = Kernel::new("measuring");
    let (x, cell) = (kernel.load(0), kernel.cell(0));
    let (moved, squared) = (kernel.apply(Op::Sub, [x, cell]), kernel.apply(Op::Mul, [x, x]));
    for (how, value) in [
        (Reduction::Mean, moved),
        (Reduction::Mean, squared),
        (Reduction::Max, moved),
        (Reduction::Quantile(0.995), moved),
        (Reduction::Quantile(0.5), squared),
    ] {
        kernel.reduce(how, value);
    }
    let kernel = DeviceKernel::from(compile(&kernel, Engine::best(), Dtype::F32)?);
    let on_device = (&config.device, config.on);
    let (mut worst, mut same) = (0f64, true);
    for shape in SHAPES.into_iter().chain([(2, 1 << 16), (1, 1 << 20)]) {
        for dtype in DTYPES {
            let found = reductions_of(&kernel, on_device, shape, dtype)?;
            let expected = reductions_of(&kernel, (&Device::Cpu, On::Tensors), shape, dtype)?;
            for (a, b) in found.iter().flatten().zip(expected.iter().flatten()) {
                worst = worst.max((a - b).abs() / b.abs().max(1.0));
            }
            // The first sample has the same numbers and cell in any batch.
            let alone = reductions_of(&kernel, on_device, (1, shape.1), dtype)?;
            same &= found.iter().zip(&alone).all(|(whole, alone)| whole[0].to_bits() == alone[0].to_bits());
        }
    }
    let right = worst <= BOUND && same;
    println!(
        "  the farthest {worst:.1e} from the CPU's, bound {BOUND:.0e}; a sample alone has {} bits{}",
        if same { "the same" } else { "OTHER" },
        if right { "" } else { "   OUTSIDE" }
    );
    Ok(Part::new(right, json!({ "worst": worst, "bound": BOUND, "same_bits_alone": same })))
}

/// A denoiser that is no denoiser: branches and outputs differ, and so do its answers to different times.
fn answer(x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
    let rows = call.batch();
    let answers = (0..call.branches().len()).map(|k| {
        let part = x.narrow(0, k * rows, rows)?;
        let parts = (0..call.parts())
            .map(|output| part.affine(0.3 + 0.2 * k as f64 - 0.1 * output as f64, 1e-3 * call.time().rem_euclid(7.0)));
        Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 1)
    });
    Tensor::cat(&answers.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

/// Samples and elements of the runs: single elements, and vectors.
const RUNS: [(usize, usize); 2] = [(3, 1027), (2, 2048)];

fn sample(compiled: &Compiled, shape: (usize, usize), device: &Device, on: On) -> Result<Vec<f32>> {
    let dtype = if compiled.dtype() == Dtype::F64 { DType::F64 } else { DType::F32 };
    let start = Start::noise_from(device, shape, 11, 0, dtype)?;
    let given = |input: &Input| Ok((input.name.to_string(), Tensor::ones(shape, dtype, device)?));
    let inputs = compiled.inputs().iter().map(given).collect::<Result<_>>()?;
    let run = compiled.start(start, answer, RunOptions { on, inputs, ..RunOptions::default() })?;
    Ok(run.finish()?.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// Guidance that makes numbers per sample.
const MEASURING: [&str; 5] = ["apg", "cfg_norm", "cfg_rescale", "cfg_zero_star", "dynamic_threshold"];

/// Samplers whose networks take and give numbers of other types.
const TYPED: [&str; 3] = ["euler", "dpmpp_2m", "dpmpp_2m_sde"];

/// How far a run's last sample may be from the CPU's, of its largest number.
const EXACT: f32 = 2e-5;

/// Every sampler of the library as any pipeline runs it, with its name and bound.
fn pipelines() -> Vec<(String, Pipeline, f32)> {
    const GUIDED: &str = "cfg(scale = 2.5)";
    let named = |sampler: &str, guidance: &str| (format!("{sampler}, {guidance}"), pipeline(sampler, guidance), EXACT);
    let mut pipelines = Vec::new();
    for guidance in ["plain", GUIDED] {
        pipelines.extend(std_samplers(Asks::Nothing).map(|sampler| named(sampler, guidance)));
        pipelines.extend(std_samplers(Asks::Ends).map(|sampler| {
            let (name, pipeline, bound) = named(sampler, guidance);
            // How long a step is follows from an error, a difference of numbers that are near each other.
            (name, pipeline.grid("ends"), 10.0 * bound)
        }));
        for sampler in TYPED {
            // A last bit of f32 may become one of 16 on its way to the network.
            for (network, bound) in [(Stored::F16, 2e-2), (Stored::Bf16, 1e-1)] {
                let (name, pipeline, _) = named(sampler, guidance);
                pipelines.push((format!("{name}, {network}"), pipeline.network_dtype(network), bound));
            }
            let (name, pipeline, bound) = named(sampler, guidance);
            pipelines.push((format!("{name}, f64"), pipeline.dtype(Dtype::F64), bound));
        }
    }
    pipelines.extend(std_samplers(Asks::Branch).map(|sampler| named(sampler, GUIDED)));
    pipelines.extend(std_samplers(Asks::View).map(|sampler| {
        let (name, pipeline, bound) = named(sampler, GUIDED);
        (name, pipeline.model("learned_variance"), bound)
    }));
    pipelines.extend(MEASURING.map(|guidance| named("dpmpp_2m", guidance)));
    pipelines
}

/// Every sampler of the library, guidance that measures and networks of all types, on the device and through candle's
/// operations.
pub(crate) fn samplers(config: &Config) -> Result<Part> {
    let (mut right, mut worst, mut n) = (true, 0f32, 0);
    for (name, pipeline, bound) in pipelines() {
        let compiled = pipeline.compile()?;
        for shape in RUNS {
            let expected = sample(&compiled, shape, &Device::Cpu, On::Tensors)?;
            let size = expected.iter().fold(1f32, |top, x| top.max(x.abs()));
            for on in [config.on, On::CandleOps] {
                let found = sample(&compiled, shape, &config.device, on)?;
                let far = |top: f32, off: f32| if off.is_nan() { f32::INFINITY } else { top.max(off) };
                let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / size).fold(0f32, far);
                if off > bound {
                    println!("  {name}, {shape:?}, {on:?}: {off:e}   OUTSIDE");
                    right = false;
                }
                if bound == EXACT {
                    worst = worst.max(off);
                }
                n += 1;
            }
        }
    }
    println!("  {n} runs, the farthest {worst:.1e} of its largest number from the CPU's, bound {EXACT:.0e}");
    Ok(Part::new(right, json!({ "runs": n, "worst": worst, "bound": EXACT })))
}
