//! Kernels on a CUDA device against compiled code on the CPU. `benches/gpu/build.sh driver` runs them without one, on a
//! stand-in driver, which also tells what it was asked for.

#![cfg(feature = "cuda")]
#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod common;
#[path = "../../compiler/tests/kernels/random.rs"]
mod random;

use std::sync::LazyLock;

use candle_core::{DType, Device, Tensor};
use common::{SHAPE, answer, mixed, numbers, pipeline};
use proptest::prelude::*;
use samp_compiler::backend::cube::CubeKernel;
use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Layout, Storage};
use samp_compiler::backend::{Dtype, Engine, compile};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::{Op, Reduction};
use samp_compiler::library::std_planned_samplers;
use samp_runtime::device::{Cells, DeviceError, DeviceKernel, TensorDraw, TensorLaunch};
use samp_runtime::{Call, Compiled, RunOptions, Start, Stored};

/// Sums of a block in f32, pair by pair, against sums in f64; and what runs make of them.
const REDUCED: f64 = 2e-5;

const DTYPES: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// The device of all tests: tensors of different devices do not meet.
static CUDA: LazyLock<Device> = LazyLock::new(|| Device::new_cuda(0).expect("a CUDA device, or the stand-in driver"));

/// A denoiser that works on the CPU, so that it rounds the same everywhere.
fn on_the_host(x: &Tensor, call: &Call) -> candle_core::Result<Tensor> {
    answer(&x.to_device(&Device::Cpu)?, call)?.to_device(x.device())
}

/// The last sample of a run from noise.
fn run(compiled: &Compiled, device: &Device) -> Result<Vec<f64>, samp_runtime::Error> {
    let dtype = if compiled.dtype() == Dtype::F64 { DType::F64 } else { DType::F32 };
    // Scaled to the first level on the CPU, like the answers.
    let start = Start::noise_from(&Device::Cpu, SHAPE, 5, 2, dtype)?;
    let first = start.first(compiled.levels()[0].sigma)?.to_device(device)?;
    let mut options = RunOptions::default();
    for input in compiled.inputs() {
        options.inputs.insert(input.name.to_string(), Tensor::ones(SHAPE, dtype, device)?);
    }
    Ok(numbers(&compiled.start(Start::sample(first, 5), on_the_host, options)?.finish()?.to_device(&Device::Cpu)?))
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

fn far(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(1.0, |top: f64, x| top.max(x.abs()));
    let apart = |(a, b): (&f64, &f64)| if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() };
    found.iter().zip(expected).map(apart).fold(0.0, |top: f64, x| if x > top || x.is_nan() { x } else { top }) / size
}

#[test]
fn every_sampler_draws_the_cpu_s_bits() {
    for sampler in std_planned_samplers() {
        for guidance in ["plain", "cfg(scale = 2.5)"] {
            let compiled = pipeline(sampler, guidance).compile().unwrap();
            let (found, expected) = (run(&compiled, &CUDA).unwrap(), run(&compiled, &Device::Cpu).unwrap());
            if compiled.plan().n_cells == 0 {
                assert!(same(&found, &expected), "{sampler}, {guidance}: {:e}", far(&found, &expected));
            } else {
                assert!(far(&found, &expected) <= REDUCED, "{sampler}, {guidance}: {:e}", far(&found, &expected));
            }
        }
    }
}

#[test]
fn guidance_that_measures_draws_what_the_cpu_draws() {
    for sampler in ["euler", "heun", "dpmpp_2m_sde"] {
        for guidance in ["apg", "cfg_norm", "cfg_rescale", "cfg_zero_star", "dynamic_threshold"] {
            let compiled = pipeline(sampler, guidance).compile().unwrap();
            assert!(compiled.plan().n_cells > 0, "{guidance}");
            let off = far(&run(&compiled, &CUDA).unwrap(), &run(&compiled, &Device::Cpu).unwrap());
            assert!(off <= REDUCED, "{sampler}, {guidance}: {off:e}");
        }
    }
}

/// The size of an error is read by the host, and decides on the next step.
#[test]
fn samplers_that_find_their_steps_find_the_cpu_s() {
    for sampler in ["dpm_adaptive", "rk_adaptive(tab = bogacki_shampine)"] {
        let compiled = pipeline(sampler, "plain").grid("ends").compile().unwrap();
        assert!(compiled.is_adaptive());
        let off = far(&run(&compiled, &CUDA).unwrap(), &run(&compiled, &Device::Cpu).unwrap());
        assert!(off <= 1e-4, "{sampler}: {off:e}");
    }
}

/// f64 has no device code of ours: candle's operations are taken, one by one.
#[test]
fn numbers_in_f64_take_candle_s_operations() {
    for sampler in ["euler", "dpmpp_2m_sde"] {
        let compiled = pipeline(sampler, "cfg(scale = 2.5)").dtype(Dtype::F64).compile().unwrap();
        let off = far(&run(&compiled, &CUDA).unwrap(), &run(&compiled, &Device::Cpu).unwrap());
        assert!(off <= 1e-12, "{sampler}: {off:e}");
    }
}

#[test]
fn networks_in_16_bits_are_fed_by_the_kernel() {
    for stored in [Stored::F16, Stored::Bf16] {
        for guidance in ["plain", "cfg(scale = 2.5)"] {
            let compiled = pipeline("dpmpp_2m", guidance).network_dtype(stored).compile().unwrap();
            let (found, expected) = (run(&compiled, &CUDA).unwrap(), run(&compiled, &Device::Cpu).unwrap());
            assert!(same(&found, &expected), "{stored}, {guidance}: {:e}", far(&found, &expected));
        }
    }
}

/// How the tensors of a launch lie.
#[derive(Clone, Copy, Debug)]
struct Lie {
    shape: (usize, usize),
    /// In turn, for loads and for stores.
    dtypes: [DType; 3],
    /// Stores go to the loads of their slots.
    in_place: bool,
    /// Samples before a tensor's first, in the same storage.
    offset: usize,
    given_noise: bool,
}

/// What a kernel stores, and what it reduces, from tensors that only their slots decide.
fn outcome(kernel: &DeviceKernel, device: &Device, lie: Lie) -> Result<(Vec<f64>, Vec<f64>), DeviceError> {
    let Lie { shape: (samples, elements), dtypes, .. } = lie;
    let ir = kernel.artifact().kernel();
    let tensor = |slot: u32, dtype: DType| {
        let rows = samples + lie.offset;
        let values = Tensor::from_vec(random::numbers(rows * elements, slot), (rows, elements), &Device::Cpu)?;
        values.to_dtype(dtype)?.to_device(device)?.narrow(0, lie.offset, samples)
    };
    let loads = (0..ir.n_loads).map(|slot| tensor(slot, dtypes[slot as usize % 3]));
    let loads = loads.collect::<candle_core::Result<Vec<_>>>()?;
    let stores = (0..ir.stores.len()).map(|slot| match loads.get(slot).filter(|_| lie.in_place) {
        Some(load) => Ok(load.clone()),
        None => tensor(100, dtypes[(slot + 1) % 3]),
    });
    let stores = stores.collect::<candle_core::Result<Vec<_>>>()?;
    let given = tensor(200, DType::F32)?;
    let draws: Vec<TensorDraw<'_>> = (0..ir.n_noises)
        .map(|stream| match lie.given_noise && stream == 1 {
            true => TensorDraw::Given(&given),
            false => TensorDraw::Generated { stream, draw: 9 + stream },
        })
        .collect();
    let cell = |k: u32| Cells::Host((0..samples).map(|b| 0.7 - f64::from(k) - b as f64).collect());
    let cells: Vec<Cells> = (0..ir.n_cells).map(cell).collect();
    let launch = TensorLaunch {
        scalars: &[0.3, -1.7, 1e-3, 12.5][..ir.n_scalars as usize],
        draws: &draws,
        cells: &cells.iter().collect::<Vec<_>>(),
        seed: 77 << 33 | 5,
        first_sample: 9,
        threads: 1,
    };
    let made = kernel.launch(
        Default::default(),
        &launch,
        &loads.iter().collect::<Vec<_>>(),
        &stores.iter().collect::<Vec<_>>(),
    )?;
    let host = |tensor: &Tensor| candle_core::Result::Ok(numbers(&tensor.to_device(&Device::Cpu)?));
    let made = made.iter().map(|cells| match cells {
        Cells::Host(numbers) => Ok(numbers.clone()),
        Cells::Tensor(tensor) => host(tensor),
    });
    let made = made.collect::<candle_core::Result<Vec<_>>>()?.concat();
    Ok((stores.iter().map(host).collect::<candle_core::Result<Vec<_>>>()?.concat(), made))
}

fn compiled(kernel: &Kernel) -> DeviceKernel {
    DeviceKernel::from(compile(kernel, Engine::best(), Dtype::F32).unwrap())
}

/// Whether the device stores the CPU's bits, and reduces to its numbers where they are finite.
fn agrees(kernel: &DeviceKernel, lie: Lie) -> Result<(), String> {
    let (found, expected) = (outcome(kernel, &CUDA, lie).unwrap(), outcome(kernel, &Device::Cpu, lie).unwrap());
    let text = || format!("{lie:?}\n{}", kernel.artifact().kernel());
    if let Some(at) = (0..expected.0.len()).find(|at| !same(&found.0[*at..=*at], &expected.0[*at..=*at])) {
        return Err(format!("stored number {at} is {:e}, not {:e}: {}", found.0[at], expected.0[at], text()));
    }
    // One number out of range and sums say nothing.
    for (found, expected) in found.1.iter().zip(&expected.1) {
        let size = expected.abs().max(1.0);
        if expected.is_finite() && size < 1e6 && (found - expected).abs() > 1e-4 * size {
            return Err(format!("{found:e} for {expected:e}: {}", text()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn random_kernels_store_the_cpu_s_bits(
        kernel in random::measuring(Op::ALL.to_vec()),
        samples in 1usize..4,
        elements in prop_oneof![1usize..1500, Just(8), Just(1024), Just(4096)],
        dtypes in prop::array::uniform3(prop::sample::select(DTYPES.to_vec())),
        in_place: bool,
        offset in 0usize..2,
        given_noise: bool,
    ) {
        let lie = Lie { shape: (samples, elements), dtypes, in_place, offset, given_noise };
        prop_assert_eq!(agrees(&compiled(&kernel), lie), Ok(()));
    }
}

/// Two loads, of which one is also stored to, noise that is made and noise that is given; at every width.
#[test]
fn buffers_of_every_type_size_and_place() {
    let kernel = compiled(&mixed());
    for shape in [(1, 1), (3, 5), (1, 7), (2, 1024), (3, 1027), (5, 2052)] {
        for pair in DTYPES.iter().flat_map(|a| DTYPES.iter().map(move |b| [*a, *b, *a])) {
            for (in_place, offset) in [(false, 0), (true, 0), (true, 1)] {
                let lie = Lie { shape, dtypes: pair, in_place, offset, given_noise: true };
                agrees(&kernel, lie).unwrap();
            }
        }
    }
}

/// Cells stay on the device from the launch that makes them to the one that reads them.
#[test]
fn reductions_of_every_type_and_size() {
    let mut kernel = Kernel::new("measuring");
    let (x, cell) = (kernel.load(0), kernel.cell(0));
    let moved = kernel.apply(Op::Sub, [x, cell]);
    for how in [Reduction::Mean, Reduction::Max, Reduction::Quantile(0.3), Reduction::Quantile(0.995)] {
        kernel.reduce(how, moved);
    }
    let kernel = compiled(&kernel);
    for shape in [(1, 1), (3, 5), (2, 1024), (3, 1027), (2, 1028), (1, 70_001)] {
        for dtype in DTYPES {
            let reduced = |device: &Device| {
                let values: Vec<f32> = (0..shape.0 * shape.1).map(|i| (i as f32 * 0.37).sin()).collect();
                let x = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
                let x = x.to_device(device).unwrap();
                let launch = |cells: &[&Cells]| {
                    let launch = TensorLaunch { scalars: &[], draws: &[], cells, seed: 0, first_sample: 0, threads: 1 };
                    kernel.launch(Default::default(), &launch, &[&x], &[]).unwrap()
                };
                let first = launch(&[&Cells::Host((0..shape.0).map(|sample| 0.5 * sample as f64).collect())]);
                let again = launch(&[&first[1]]);
                let host = |cells: &Cells| match cells {
                    Cells::Host(numbers) => numbers.clone(),
                    Cells::Tensor(tensor) => numbers(&tensor.to_device(&Device::Cpu).unwrap()),
                };
                first.iter().chain(&again).flat_map(host).collect::<Vec<f64>>()
            };
            let off = far(&reduced(&CUDA), &reduced(&Device::Cpu));
            assert!(off <= 2e-6, "{shape:?} {dtype:?}: {off:e}");
        }
    }
}

/// A launch copies as many bytes of the struct by value as the text declares: no fewer may be there.
#[test]
fn parameters_are_as_long_as_the_text_says() {
    for (n_scalars, n_noises, n_loads) in [(0, 0, 1), (1, 0, 1), (2, 0, 2), (3, 1, 1), (0, 2, 2), (4, 3, 4)] {
        let mut kernel = Kernel::new("long");
        let mut sum = kernel.load(0);
        for slot in 1..n_loads {
            let load = kernel.load(slot);
            sum = kernel.apply(Op::Add, [sum, load]);
        }
        for slot in 0..n_scalars {
            let scalar = kernel.scalar(slot);
            sum = kernel.apply(Op::Mul, [scalar, sum]);
        }
        for stream in 0..n_noises {
            let noise = kernel.noise(stream);
            sum = kernel.apply(Op::Add, [sum, noise]);
        }
        kernel.store(sum);
        for storage in [Storage::F32, Storage::Bf16] {
            let kernel = CubeKernel::new(&kernel, Layout::uniform(&kernel, storage)).unwrap();
            let (scalars, draws) = (vec![0.5; n_scalars as usize], vec![(1, 2); n_noises as usize]);
            let launch =
                GridLaunch { scalars: &scalars, draws: &draws, seed: 1, first_sample: 0, samples: 2, elements: 64 };
            let info = kernel.grid(&launch).unwrap().cuda_info(kernel.layout().slots().len());
            let text = kernel.cuda().unwrap().source;
            let declared = text.split_once("struct info_st {").unwrap().1.split_once("};").unwrap().0;
            let words =
                declared.split('[').skip(1).map(|rest| rest.split_once(']').unwrap().0.parse::<usize>().unwrap());
            assert_eq!(4 * words.sum::<usize>(), size_of_val(&info[..]), "{declared}");
        }
    }
}

#[test]
fn what_kernels_do_not_take_is_an_error() {
    let mut kernel = Kernel::new("copy");
    let x = kernel.load(0);
    kernel.store(x);
    let kernel = compiled(&kernel);
    let launch = TensorLaunch { scalars: &[], draws: &[], cells: &[], seed: 0, first_sample: 0, threads: 1 };
    let zeros = |device: &Device| Tensor::zeros((2, 3), DType::F32, device).unwrap();
    let run = |load: &Tensor, store: &Tensor| kernel.launch(Default::default(), &launch, &[load], &[store]);
    let turned = Tensor::zeros((3, 2), DType::F32, &CUDA).unwrap().t().unwrap();
    assert!(matches!(run(&turned, &zeros(&CUDA)), Err(DeviceError::NotContiguous(_))));
    assert!(matches!(run(&zeros(&Device::Cpu), &zeros(&CUDA)), Err(DeviceError::Device { .. })));
    let rows = Tensor::zeros((3, 3), DType::F32, &CUDA).unwrap();
    let (low, high) = (rows.narrow(0, 0, 2).unwrap(), rows.narrow(0, 1, 2).unwrap());
    assert!(matches!(run(&low, &high), Err(DeviceError::Overlap(..))));
    assert!(run(&low, &low).is_ok());
}
