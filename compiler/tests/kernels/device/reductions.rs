//! Reductions on the device: against the CPU's, whatever the sizes, and the same bits in every batch.

use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage, Width};
use samp_compiler::backend::reduce::whole;
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_compiler::ir::op::Reduction;

use super::bench::{self, Inputs};
use crate::random::numbers;

const STATISTICS: &str = "kernel statistics (loads 1, scalars 0, noises 0) {
    v0 = load 0
    v1 = mul v0 v0
    reduce 0 mean v1
    reduce 1 max v0
    reduce 2 quantile 0.25 v0
    reduce 3 mean v0
    reduce 4 quantile 1.0 v1
}";

fn statistics() -> Kernel {
    parse_kernel(STATISTICS).unwrap()
}

fn measured(kernel: &Kernel, storage: Storage, x: &[f32], samples: usize, room: Room) -> Vec<Vec<f32>> {
    let elements = x.len() / samples;
    let layout = Layout::uniform(kernel, storage).fitted(Extent { samples, elements, room });
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples, elements };
    let loads = [x.to_vec()];
    bench::measure(kernel, &layout, &launch, &Inputs { loads: &loads, given: &[], cells: &[] }).1
}

fn finite(n: usize) -> Vec<f32> {
    numbers(n, 3).into_iter().map(|x| if x.abs() < 10.0 && !x.is_subnormal() { x } else { 1.0 }).collect()
}

#[test]
fn statistics_are_the_cpu_s() {
    for (samples, elements) in [(1, 1), (3, 2), (2, 7), (1, 255), (2, 256), (5, 257), (2, 1024), (3, 1025), (2, 70_001)]
    {
        let x = finite(samples * elements);
        for room in [Room::Padded, Room::Any] {
            let found = measured(&statistics(), Storage::F32, &x, samples, room);
            for (sample, x) in x.chunks(elements).enumerate() {
                let squares: Vec<f32> = x.iter().map(|x| x * x).collect();
                let size = x.iter().map(|x| f64::from(x.abs())).sum::<f64>() / elements as f64;
                let expected = [
                    (whole(Reduction::Mean, &squares), 2e-6),
                    (whole(Reduction::Max, x), 0.0),
                    (whole(Reduction::Quantile(0.25), x), 1e-6),
                    (whole(Reduction::Mean, x), 2e-6),
                    (whole(Reduction::Quantile(1.0), &squares), 1e-6),
                ];
                for (slot, (expected, bound)) in expected.into_iter().enumerate() {
                    let off = (f64::from(found[slot][sample]) - expected).abs();
                    let bound = bound * expected.abs().max(size);
                    assert!(off <= bound, "{samples} x {elements}, {room:?}, cell {slot}: {off:e} of {expected:e}");
                }
            }
        }
    }
}

#[test]
fn a_sample_has_the_same_bits_in_every_batch() {
    for (storage, elements) in
        [(Storage::F32, 5), (Storage::F32, 1500), (Storage::F32, 40_001), (Storage::F16, 2056), (Storage::Bf16, 4100)]
    {
        let x: Vec<f32> =
            finite(4 * elements).into_iter().map(|x| super::bounds::rounded(storage, f64::from(x))).collect();
        let whole = measured(&statistics(), storage, &x, 4, Room::Padded);
        for (sample, x) in x.chunks(elements).enumerate() {
            let alone = measured(&statistics(), storage, x, 1, Room::Padded);
            for (whole, alone) in whole.iter().zip(&alone) {
                assert_eq!(whole[sample].to_bits(), alone[0].to_bits(), "{storage:?}, {elements}");
            }
        }
    }
}

/// Quantiles are exact: of equal numbers, of two numbers, of zeros of either sign, and of every rank.
#[test]
fn quantiles_are_elements_where_they_fall_on_one() {
    let x: Vec<f32> = (0..257).map(|i| ((i * 97) % 257) as f32 - 128.0).collect();
    for rank in [0, 1, 63, 64, 128, 255, 256] {
        let mut kernel = Kernel::new("rank");
        let value = kernel.load(0);
        kernel.reduce(Reduction::Quantile(f64::from(rank) / 256.0), value);
        assert_eq!(measured(&kernel, Storage::F32, &x, 1, Room::Padded)[0][0], rank as f32 - 128.0);
        assert_eq!(measured(&kernel, Storage::F32, &[2.5; 300], 1, Room::Padded)[0][0], 2.5);
        let zeros: Vec<f32> = (0..300).map(|i| if i % 2 == 0 { 0.0 } else { -0.0 }).collect();
        assert_eq!(measured(&kernel, Storage::F32, &zeros, 1, Room::Padded)[0][0], 0.0);
    }
}

#[test]
fn not_a_number_is_not_lost() {
    for at in [0, 1, 300, 1022] {
        for sign in [1.0, -1.0] {
            let mut x = finite(2 * 1023);
            x[at] = f32::NAN.copysign(sign);
            let found = measured(&statistics(), Storage::F32, &x, 2, Room::Padded);
            for cell in found {
                assert!(cell[0].is_nan(), "of {at}: {}", cell[0]);
                assert!(!cell[1].is_nan(), "of {at}: {}", cell[1]);
            }
        }
    }
}

#[test]
fn infinite_numbers_are_numbers() {
    let mut x = finite(1000);
    (x[3], x[500]) = (f32::INFINITY, f32::NEG_INFINITY);
    let text = "kernel ends (loads 1, scalars 0, noises 0) {
        v0 = load 0
        reduce 0 max v0
        reduce 1 quantile 0.0 v0
        reduce 2 quantile 1.0 v0
    }";
    let found = measured(&parse_kernel(text).unwrap(), Storage::F32, &x, 1, Room::Padded);
    assert_eq!(found, [[f32::INFINITY], [f32::NEG_INFINITY], [f32::INFINITY]]);
}

/// A cell is of its sample, in vectors and in single elements, beside noise.
#[test]
fn a_cell_is_of_its_sample() {
    let text = "kernel scaled (loads 1, scalars 1, noises 1, cells 2) {
        v0 = load 0
        v1 = cell 0
        v2 = cell 1
        v3 = scalar 0
        v4 = mul v0 v1
        v5 = mul v2 v3
        v6 = add v4 v5
        v7 = noise 0
        store 0 v6
        store 1 v7
    }";
    let kernel = parse_kernel(text).unwrap();
    for (samples, elements, width) in
        [(3, 4, Width::Four), (3, 2048, Width::Four), (3, 7, Width::One), (3, 1031, Width::One)]
    {
        let x = finite(samples * elements);
        let cells = [vec![0.5, -2.0, 8.0], vec![1.0, 2.0, 4.0]];
        let noise = |first_sample: u64, samples: usize| {
            let layout =
                Layout::uniform(&kernel, Storage::F32).fitted(Extent { samples, elements, room: Room::Padded });
            assert_eq!(layout.width, width);
            let launch = GridLaunch { scalars: &[3.0], draws: &[(1, 2)], seed: 9, first_sample, samples, elements };
            let from = first_sample as usize;
            let loads = [x[from * elements..(from + samples) * elements].to_vec()];
            let cells = cells.each_ref().map(|cell| cell[from..from + samples].to_vec());
            bench::measure(&kernel, &layout, &launch, &Inputs { loads: &loads, given: &[], cells: &cells }).0
        };
        let whole = noise(0, 3);
        for (at, (found, x)) in whole[0].iter().zip(&x).enumerate() {
            let sample = at / elements;
            assert_eq!(*found, x * cells[0][sample] + cells[1][sample] * 3.0);
        }
        for sample in 0..3 {
            let alone = noise(sample as u64, 1);
            assert_eq!(alone[1], whole[1][sample * elements..(sample + 1) * elements]);
        }
    }
}
