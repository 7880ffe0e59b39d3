//! 16-bit numbers: every pattern, every rounding, every pair of types.

use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage, StoreLayout, Width};
use samp_compiler::ir::kernel::Kernel;

use super::bench;
use super::bounds::rounded;

/// A kernel that copies.
fn copy() -> Kernel {
    let mut kernel = Kernel::new("copy");
    let x = kernel.load(0);
    kernel.store(x);
    kernel
}

fn converted(from: Storage, to: Storage, width: Width, numbers: &[f32]) -> Vec<f32> {
    let mut layout = Layout::uniform(&copy(), from);
    layout.stores = vec![StoreLayout::Own(to)];
    layout.width = width;
    let elements = numbers.len();
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements };
    bench::run(&copy(), &layout, &launch, &[numbers.to_vec()], &[]).remove(0)
}

fn assert_same(expected: &[f32], found: &[f32]) {
    for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
        let same = expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan());
        assert!(same, "element {at}: {found:e}, not {expected:e}");
    }
    assert_eq!(expected.len(), found.len());
}

#[test]
fn every_pattern_is_read_exactly() {
    for storage in [Storage::F16, Storage::Bf16] {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let mut numbers = bench::numbers(storage, &bytes);
        // Denormals of f32, which bfloat16 has as well, may be flushed.
        numbers.retain(|number| !number.is_subnormal());
        assert_same(&numbers, &converted(storage, Storage::F32, Width::Eight, &numbers));
    }
}

/// Every number of 16 bits, its neighbours in `f32`, and the middles between two with theirs.
#[test]
fn numbers_are_rounded_to_nearest_ties_to_even() {
    for storage in [Storage::F16, Storage::Bf16] {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let exact = bench::numbers(storage, &bytes);
        let middles = exact.windows(2).map(|pair| (f64::from(pair[0]) / 2.0 + f64::from(pair[1]) / 2.0) as f32);
        let both = exact.iter().copied().chain(middles);
        let mut numbers: Vec<f32> = both.flat_map(|number| [number.next_down(), number, number.next_up()]).collect();
        numbers.extend([65_504.0, 65_519.0, 65_520.0, 65_536.0, f32::MAX, f32::INFINITY, f32::NAN, 1e-30]);
        numbers.extend(numbers.clone().iter().map(|number| -number));
        numbers.retain(|number| !number.is_subnormal());
        let expected: Vec<f32> = numbers.iter().map(|number| rounded(storage, f64::from(*number))).collect();
        for width in [Width::Four, Width::Eight] {
            assert_same(&expected, &converted(Storage::F32, storage, width, &numbers));
        }
    }
}

#[test]
fn every_pair_of_types_and_any_count() {
    for from in Storage::ALL {
        for to in Storage::ALL {
            for elements in [1, 2, 3, 4, 5, 7, 8, 9, 31, 1023, 1025] {
                let numbers = (0..elements).map(|i| rounded(from, f64::from(i) * 0.37 - 3.0)).collect::<Vec<f32>>();
                let expected: Vec<f32> = numbers.iter().map(|number| rounded(to, f64::from(*number))).collect();
                let extent = Extent { samples: 1, elements: elements as usize, room: Room::Padded };
                let width = Layout { stores: vec![StoreLayout::Own(to)], ..Layout::uniform(&copy(), from) }
                    .fitted(extent)
                    .width;
                assert_same(&expected, &converted(from, to, width, &numbers));
            }
        }
    }
}

#[test]
fn a_store_in_place_rounds_to_the_load_s_type() {
    let layout = Layout { stores: vec![StoreLayout::InPlace(0)], ..Layout::uniform(&copy(), Storage::F16) };
    let layout = layout.fitted(Extent { samples: 1, elements: 5, room: Room::Padded });
    let launch = GridLaunch { scalars: &[], draws: &[], seed: 0, first_sample: 0, samples: 1, elements: 5 };
    let numbers = vec![1.0, -2.5, 0.125, 65_504.0, 1e-7];
    let expected: Vec<f32> = numbers.iter().map(|number| rounded(Storage::F16, f64::from(*number))).collect();
    assert_same(&expected, &bench::run(&copy(), &layout, &launch, &[numbers], &[])[0]);
}
