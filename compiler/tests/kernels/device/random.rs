//! Random kernels in random layouts.

use proptest::prelude::*;
use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, NoiseLayout, Room, Storage, StoreLayout, Width};
use samp_compiler::backend::noise::{Sequence, fill_normal};
use samp_compiler::ir::kernel::Kernel;
use samp_compiler::ir::op::Op;

use super::bench::{self, Inputs};
use super::bounds::{self, Bound, NOISE_BUDGET};
use super::compare;
use crate::random::{measuring, numbers};

const SEED: u64 = 0x0123_4567_89ab_cdef;
const FIRST_SAMPLE: u64 = 3;
const SCALARS: [f64; 4] = [0.3, -1.7, 1e-3, 12.5];

/// The choices of a layout; counts are cut to what the kernel has.
#[derive(Clone, Debug)]
struct Choices {
    storages: Vec<Storage>,
    given: Vec<bool>,
    in_place: Vec<bool>,
    room: Room,
}

fn choices() -> impl Strategy<Value = Choices> {
    let storage = prop::sample::select(Storage::ALL.to_vec());
    let room = prop_oneof![3 => Just(Room::Padded), 1 => Just(Room::Aligned)];
    let bools = || prop::collection::vec(prop::bool::weighted(0.3), 4);
    (prop::collection::vec(storage, 12), bools(), bools(), room).prop_map(|(storages, given, in_place, room)| Choices {
        storages,
        given,
        in_place,
        room,
    })
}

fn layout(kernel: &Kernel, choices: &Choices, samples: usize, elements: usize) -> Layout {
    let mut layout = Layout::uniform(kernel, Storage::F32);
    let mut storages = choices.storages.iter().copied().cycle();
    let mut next = || storages.next().unwrap();
    layout.loads.iter_mut().for_each(|load| *load = next());
    for (noise, given) in layout.noises.iter_mut().zip(&choices.given) {
        *noise = if *given { NoiseLayout::Given(next()) } else { NoiseLayout::Generated };
    }
    for (slot, store) in layout.stores.iter_mut().enumerate() {
        let in_place = choices.in_place[slot] && slot < layout.loads.len();
        *store = if in_place { StoreLayout::InPlace(slot) } else { StoreLayout::Own(next()) };
    }
    let fitted = layout.clone().fitted(Extent { samples, elements, room: choices.room });
    // WGSL has no single 16-bit numbers.
    match fitted.has_halves() && fitted.width == Width::One {
        false => fitted,
        true if layout.by_sample() => layout.widened().fitted(Extent { samples, elements, room: Room::Padded }),
        true => layout.fitted(Extent { samples, elements, room: Room::Padded }),
    }
}

/// The rounded numbers of a buffer that only `salt` decides.
fn buffer(storage: Storage, total: usize, salt: u32) -> Vec<f32> {
    numbers(total, salt).into_iter().map(|number| bounds::rounded(storage, number.into())).collect()
}

fn check(kernel: &Kernel, layout: &Layout, samples: usize, elements: usize) -> Result<(), TestCaseError> {
    let total = samples * elements;
    let salted = |(slot, storage): (usize, &Storage)| buffer(*storage, total, slot as u32);
    let loads: Vec<Vec<f32>> = layout.loads.iter().enumerate().map(salted).collect();
    let given = |(slot, noise): (usize, &NoiseLayout)| match noise {
        NoiseLayout::Given(storage) => buffer(*storage, total, 77 + slot as u32),
        NoiseLayout::Generated => Vec::new(),
    };
    let given: Vec<Vec<f32>> = layout.noises.iter().enumerate().map(given).collect();
    let draws = bench::draws(layout, 9);
    let scalars = &SCALARS[..kernel.n_scalars as usize];
    let launch = GridLaunch { scalars, draws: &draws, seed: SEED, first_sample: FIRST_SAMPLE, samples, elements };
    let cells: Vec<Vec<f32>> = (0..layout.n_cells).map(|slot| numbers(samples, 55 + slot as u32)).collect();
    let inputs = Inputs { loads: &loads, given: &given, cells: &cells };
    let noises = noises(layout, &given, samples, elements);
    compare::launch(kernel, layout, &launch, &inputs, &noises).map(drop).map_err(TestCaseError::fail)
}

fn noises(layout: &Layout, given: &[Vec<f32>], samples: usize, elements: usize) -> Vec<Vec<Bound>> {
    let noise = |(slot, noise): (usize, &NoiseLayout)| match noise {
        NoiseLayout::Given(_) => given[slot].iter().map(|number| bounds::exact(*number)).collect(),
        NoiseLayout::Generated => normals(slot as u32, samples, elements)
            .into_iter()
            .map(|value| Bound { value, radius: NOISE_BUDGET })
            .collect(),
    };
    layout.noises.iter().enumerate().map(noise).collect()
}

fn normals(stream: u32, samples: usize, elements: usize) -> Vec<f32> {
    let mut all = vec![0.0; samples * elements];
    for (sample, part) in all.chunks_mut(elements).enumerate() {
        let sample = FIRST_SAMPLE as u32 + sample as u32;
        fill_normal(part, Sequence { seed: SEED, stream, draw: 9, sample });
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_kernels_in_random_layouts(
        kernel in measuring(Op::ALL.to_vec()),
        choices in choices(),
        samples in 1usize..4,
        elements in 1usize..200,
    ) {
        let layout = layout(&kernel, &choices, samples, elements);
        check(&kernel, &layout, samples, elements)?;
    }
}
