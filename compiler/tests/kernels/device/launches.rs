//! Noise, batches and mistakes on the device.

use samp_compiler::backend::cube::CubeKernel;
use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage, StoreLayout, Width};
use samp_compiler::backend::noise::{Sequence, fill_normal};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::kernel_text::parse_kernel;

use super::bench;
use super::bounds::NOISE_BUDGET;

fn noise_alone() -> Kernel {
    let mut kernel = Kernel::new("noise");
    let noise = kernel.noise(0);
    kernel.store(noise);
    kernel
}

fn normals(first_sample: u64, samples: usize, elements: usize, room: Room) -> Vec<f32> {
    let kernel = noise_alone();
    let layout = Layout::uniform(&kernel, Storage::F32).fitted(Extent { samples, elements, room });
    let launch = GridLaunch { scalars: &[], draws: &[(6, 3)], seed: 99 << 40 | 5, first_sample, samples, elements };
    bench::run(&kernel, &layout, &launch, &[], &[]).remove(0)
}

#[test]
fn generated_noise_is_the_sequence() {
    for (samples, elements) in [(1, 4096), (3, 1028), (3, 1027), (5, 1), (2, 6)] {
        for room in [Room::Padded, Room::Aligned, Room::Any] {
            let found = normals(5, samples, elements, room);
            let mut worst = 0.0f64;
            for (sample, found) in found.chunks(elements).enumerate() {
                let mut expected = vec![0.0; elements];
                let sequence = Sequence { seed: 99 << 40 | 5, stream: 6, draw: 3, sample: 5 + sample as u32 };
                fill_normal(&mut expected, sequence);
                let errors = expected.iter().zip(found).map(|(a, b)| f64::from((a - b).abs()));
                worst = errors.fold(worst, f64::max);
            }
            println!("{samples} x {elements}, {room:?}: {worst:e}");
            assert!(worst <= NOISE_BUDGET, "{samples} x {elements}, {room:?}: {worst:e}");
        }
    }
}

#[test]
fn batches_and_widths_do_not_matter() {
    for elements in [1, 7, 8, 1024, 1501] {
        let whole = normals(0, 4, elements, Room::Padded);
        assert_eq!(whole, normals(0, 4, elements, Room::Any));
        for (sample, part) in whole.chunks(elements).enumerate() {
            assert_eq!(normals(sample as u64, 1, elements, Room::Padded), part);
        }
    }
}

#[test]
fn nothing_to_do_is_fine() {
    for (samples, elements) in [(0, 5), (5, 0), (0, 0)] {
        assert!(normals(0, samples, elements, Room::Padded).is_empty());
    }
}

/// More blocks than an axis takes: the rest lie along the second.
#[test]
fn seventeen_million_threads() {
    let text = "kernel twice (loads 1, scalars 0, noises 0) {\n v0 = load 0\n v1 = add v0 v0\n store 0 v1\n}";
    let kernel = parse_kernel(text).unwrap();
    let elements = 17_000_003;
    let numbers: Vec<f32> = (0..elements).map(|i| (i % 8191) as f32).collect();
    let layout = Layout { stores: vec![StoreLayout::InPlace(0)], ..Layout::uniform(&kernel, Storage::F32) };
    assert_eq!(layout.width, Width::One);
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements };
    let found = bench::run(&kernel, &layout, &launch, std::slice::from_ref(&numbers), &[]).remove(0);
    assert!(numbers.iter().zip(&found).all(|(x, y)| x + x == *y));
}

#[test]
fn mistakes_are_errors() {
    let kernel = parse_kernel("kernel one (loads 1, scalars 1, noises 1) {\n v0 = load 0\n store 0 v0\n}").unwrap();
    let layout = Layout::uniform(&kernel, Storage::F32);
    let good = GridLaunch { scalars: &[1.0], draws: &[(0, 0)], seed: 0, first_sample: 0, samples: 2, elements: 4 };
    let device = bench::adapter();
    let (a, b, short) = (device.alloc(32), device.alloc(32), device.alloc(28));
    let error = |layout: &Layout, launch: &GridLaunch<'_>, buffers: &[&_]| {
        let compiled = CubeKernel::new(&kernel, layout.clone());
        compiled.and_then(|compiled| device.launch(&compiled, launch, buffers)).unwrap_err().to_string()
    };
    assert_eq!(error(&layout, &good, &[&a]), "expected 2 buffers, found 1");
    assert_eq!(error(&layout, &good, &[&a, &short]), "expected 8 numbers in store 0, found 7");
    assert_eq!(error(&layout, &GridLaunch { scalars: &[], ..good }, &[&a, &b]), "expected 1 scalars, found 0");
    assert_eq!(error(&layout, &GridLaunch { draws: &[], ..good }, &[&a, &b]), "expected 1 noises, found 0");
    let far = GridLaunch { first_sample: (1 << 32) - 1, ..good };
    assert_eq!(error(&layout, &far, &[&a, &b]), "2 samples from 4294967295 on of 4 elements are too many");
    let huge = GridLaunch { elements: usize::MAX, ..good };
    assert!(error(&layout, &huge, &[&a, &b]).ends_with("are too many"));
    let misfit = "the device layout does not fit kernel `one`";
    assert_eq!(error(&Layout { loads: Vec::new(), ..layout.clone() }, &good, &[&a, &b]), misfit);
    assert_eq!(error(&Layout { stores: vec![StoreLayout::InPlace(1)], ..layout.clone() }, &good, &[&a, &b]), misfit);
    let halves = Layout { width: Width::One, ..Layout::uniform(&kernel, Storage::F16) };
    assert_eq!(error(&halves, &good, &[&a, &b]), misfit);
}
