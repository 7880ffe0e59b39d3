//! Reductions on a device: what a kernel leaves of a value, and the second, small function that finishes it.
//!
//! A block of threads works on one sample. For a mean or a largest number it folds its threads' numbers pairwise into
//! a partial result; [`Finish`] folds the partial results of a sample in order. For a quantile the kernel stores the
//! value's elements, and [`Finish`] finds the element of that rank by counting: four rounds, each of which counts how
//! many of the elements that are left have each value of the next 8 bits. How a sample is cut depends on its number of
//! elements and the kernel's [`Layout`](super::layout::Layout), so a result does not depend on the batch or on which
//! block runs first; nothing but whole numbers is added atomically.
//!
//! Numbers are compared as words in their order ([`key()`]), for a device may assume that no number is NaN. The key of
//! every NaN is above all others.

use std::sync::Arc;

use cubecl::ir::settings::{ExecutionMode, KernelSettings};
use cubecl::ir::{AddressType, DeviceProperties, ElemType, Scope, TargetProperties};
use cubecl::prelude::*;

use super::lanes::Float;
use super::launch::Grid;
use super::layout::ReduceLayout;
use super::{CubeKernel as Function, THREADS, fnv, leaf};
use crate::backend::launch::LaunchError;
use crate::ir::op::Reduction;

// The functions below are written for blocks of 256 threads, a thread for each value of 8 bits.
const _: () = assert!(THREADS == 256);

/// A number for each thread of a block, to be folded into one.
pub(super) enum Row {
    Sums(NativeExpand<Shared<[f32]>>),
    Keys(NativeExpand<Shared<[u32]>>),
}

impl Row {
    /// A row of what changes nothing.
    pub(super) fn new(scope: &Scope, how: Reduction, unit: &NativeExpand<u32>) -> Row {
        match how {
            Reduction::Mean => Row::Sums(sum_row::expand(scope, *unit)),
            Reduction::Max | Reduction::Quantile(_) => Row::Keys(key_row::expand(scope, *unit)),
        }
    }

    /// The thread's own number: of all its elements, `lanes` in each vector.
    pub(super) fn put<N: Size>(&mut self, scope: &Scope, unit: &NativeExpand<u32>, values: &[Float<N>], lanes: usize) {
        let numbers = values.iter().flat_map(|value| (0..lanes).map(|k| leaf::lane::expand(scope, *value, k)));
        match self {
            Row::Sums(row) => {
                let sum = folded(numbers.collect(), |a, b| sum::expand(scope, a, b));
                put_sum::expand(scope, row, *unit, sum);
            }
            Row::Keys(row) => {
                let keys = numbers.map(|number| key::expand(scope, number)).collect();
                put_key::expand(scope, row, *unit, folded(keys, |a, b| larger::expand(scope, a, b)));
            }
        }
    }

    /// The block's number, once every thread has put its own.
    pub(super) fn fold(mut self, scope: &Scope, unit: &NativeExpand<u32>) -> NativeExpand<f32> {
        match &mut self {
            Row::Sums(row) => fold_sums::expand(scope, row, *unit),
            Row::Keys(row) => number::expand(scope, fold_keys::expand(scope, row, *unit)),
        }
    }
}

/// Neighbours first.
fn folded<T: Copy>(mut numbers: Vec<T>, two: impl Fn(T, T) -> T) -> T {
    while numbers.len() > 1 {
        numbers = numbers.chunks(2).map(|pair| pair[1..].iter().fold(pair[0], |a, b| two(a, *b))).collect();
    }
    numbers[0]
}

#[cube]
fn sum(a: f32, b: f32) -> f32 {
    a + b
}

#[cube]
fn larger(a: u32, b: u32) -> u32 {
    select(a < b, b, a)
}

/// A word whose order among words is the number's among numbers.
#[cube]
fn key(number: f32) -> u32 {
    let bits = u32::reinterpret(number);
    let size = bits & 0x7fff_ffffu32;
    let turned = select(bits == size, bits | 0x8000_0000u32, !bits);
    select(size > 0x7f80_0000u32, 0xffff_ffffu32, turned)
}

/// The number of a key.
#[cube]
fn number(key: u32) -> f32 {
    let bits = select(key < 0x8000_0000u32, !key, key & 0x7fff_ffffu32);
    f32::reinterpret(select(key == 0xffff_ffffu32, 0x7fc0_0000u32, bits))
}

#[cube]
fn sum_row(unit: u32) -> Shared<[f32]> {
    let mut row = Shared::<[f32]>::new_slice(256usize);
    row[unit as usize] = 0.0f32;
    row
}

#[cube]
fn key_row(unit: u32) -> Shared<[u32]> {
    let mut row = Shared::<[u32]>::new_slice(256usize);
    row[unit as usize] = 0u32;
    row
}

#[cube]
fn put_sum(row: &mut Shared<[f32]>, unit: u32, number: f32) {
    row[unit as usize] = number;
}

#[cube]
fn put_key(row: &mut Shared<[u32]>, unit: u32, key: u32) {
    row[unit as usize] = key;
}

#[cube]
fn fold_sums(row: &mut Shared<[f32]>, unit: u32) -> f32 {
    sync_cube();
    #[unroll]
    for k in 0..8u32 {
        let half = comptime!(128u32 >> k);
        if unit < half {
            row[unit as usize] += row[(unit + half) as usize];
        }
        sync_cube();
    }
    row[0]
}

#[cube]
fn fold_keys(row: &mut Shared<[u32]>, unit: u32) -> u32 {
    sync_cube();
    #[unroll]
    for k in 0..8u32 {
        let half = comptime!(128u32 >> k);
        if unit < half {
            row[unit as usize] = larger(row[unit as usize], row[(unit + half) as usize]);
        }
        sync_cube();
    }
    row[0]
}

#[cube]
pub(super) fn read_number(numbers: &[f32], at: u32) -> f32 {
    numbers[at as usize]
}

/// The partial result of a block, behind those of `before` reductions.
#[cube]
pub(super) fn write_partial(partials: &mut [f32], unit: u32, n_blocks: u32, #[comptime] before: u32, partial: f32) {
    let block = CUBE_POS as u32;
    if unit == 0 && block < n_blocks {
        partials[(n_blocks * before + block) as usize] = partial;
    }
}

/// The mean of a sample from the partial sums from `first` on.
#[cube]
fn mean(partials: &[f32], cells: &mut [f32], at: u32, first: u32, blocks: u32, count: f32) {
    let unit = UNIT_POS;
    let mut row = sum_row(unit);
    let mut block = unit;
    while block < blocks {
        row[unit as usize] += partials[(first + block) as usize];
        block += 256u32;
    }
    let sum = fold_sums(&mut row, unit);
    if unit == 0 {
        cells[at as usize] = sum / count;
    }
}

/// The largest number of a sample from the partial results from `first` on.
#[cube]
fn max(partials: &[f32], cells: &mut [f32], at: u32, first: u32, blocks: u32) {
    let unit = UNIT_POS;
    let mut row = key_row(unit);
    let mut block = unit;
    while block < blocks {
        row[unit as usize] = larger(row[unit as usize], key(partials[(first + block) as usize]));
        block += 256u32;
    }
    let most = fold_keys(&mut row, unit);
    if unit == 0 {
        cells[at as usize] = number(most);
    }
}

/// The quantile of the `n` elements from `first` on: the element of rank `below` and a share of the way to the next.
#[cube]
fn quantile(all: &[f32], cells: &mut [f32], at: u32, first: u32, n: u32, below: u32, share: f32) {
    let unit = UNIT_POS;
    let counts = Shared::<[Atomic<u32>]>::new_slice(256usize);
    // The digits found so far, the rank among the elements that have them, and how many there are.
    let mut found = Shared::<[u32]>::new_slice(3usize);
    if unit == 0 {
        found[0] = 0u32;
        found[1] = below;
        found[2] = n;
    }
    #[unroll]
    for round in 0..4u32 {
        let shift = comptime!(24u32 - 8u32 * round);
        counts[unit as usize].store(0u32);
        sync_cube();
        let prefix = found[0];
        let rank = found[1];
        let mut element = unit;
        while element < n {
            let key = key(all[(first + element) as usize]);
            // Whether all digits above this one are those found.
            let is_left = if comptime!(round == 0) { true.runtime() } else { (key ^ prefix) >> (shift + 8u32) == 0u32 };
            if is_left {
                counts[((key >> shift) & 255u32) as usize].fetch_add(1u32);
            }
            element += 256u32;
        }
        sync_cube();
        let mut before = 0u32;
        let mut digit = 0u32;
        while digit < unit {
            before += counts[digit as usize].load();
            digit += 1u32;
        }
        let here = counts[unit as usize].load();
        if before <= rank && rank < before + here {
            found[0] = prefix | (unit << shift);
            found[1] = rank - before;
            found[2] = here;
        }
        sync_cube();
    }
    let low = found[0];
    // The least key above, which is the next element unless there is another one like `low`; and the largest of all,
    // which tells whether one is no number.
    let mut least = Shared::<[u32]>::new_slice(256usize);
    let mut most = Shared::<[u32]>::new_slice(256usize);
    let mut next = 0xffff_ffffu32.runtime();
    let mut top = 0u32.runtime();
    let mut element = unit;
    while element < n {
        let key = key(all[(first + element) as usize]);
        next = select(low < key && key < next, key, next);
        top = larger(top, key);
        element += 256u32;
    }
    // The least is the largest of what is turned around.
    least[unit as usize] = !next;
    most[unit as usize] = top;
    let next = !fold_keys(&mut least, unit);
    let top = fold_keys(&mut most, unit);
    if unit == 0 {
        let is_repeated = found[1] + 1u32 < found[2];
        let high = select(is_repeated || share == 0.0f32, low, next);
        let low = number(low);
        let high = number(high);
        let between = select(low == high, low, low + share * (high - low));
        cells[at as usize] = select(top == 0xffff_ffffu32, number(top), between);
    }
}

/// The function that finishes what a kernel reduces: a block of threads for each reduction and sample.
///
/// Its buffers are in order the partial results, if any reduction has them, the elements of each value that is reduced
/// as a whole, and the cells: for each reduction, a number per sample. Then by value: the number of elements, and of
/// each quantile the share of the way to the next element, in `f32`; then samples, blocks of a sample, elements of a
/// sample and the rank of each quantile.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    name: String,
    hows: Vec<Reduction>,
    width: usize,
}

impl Function {
    /// What finishes the kernel's reductions; nothing if it has none.
    pub fn finish(&self) -> Option<Finish> {
        let hows: Vec<Reduction> = self.kernel().reduces.iter().map(|reduce| reduce.how).collect();
        let words: Vec<&str> = hows.iter().map(|how| word(*how)).collect();
        // The shares of quantiles are parameters.
        let name = format!("samp_finish_{}_{:016x}", words.join("_"), fnv(words.join(" ").as_bytes()));
        (!hows.is_empty()).then(|| Finish { name, hows, width: self.layout().width.elements() })
    }
}

fn word(how: Reduction) -> &'static str {
    match how {
        Reduction::Mean => "mean",
        Reduction::Max => "max",
        Reduction::Quantile(_) => "quantile",
    }
}

impl Finish {
    /// The name of the device function.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How each cell is made.
    pub fn hows(&self) -> &[Reduction] {
        &self.hows
    }

    /// How many buffers it takes.
    pub fn n_buffers(&self) -> usize {
        usize::from(self.has_partials()) + self.n_wholes() + 1
    }

    fn has_partials(&self) -> bool {
        self.n_wholes() < self.hows.len()
    }

    fn n_wholes(&self) -> usize {
        self.hows.iter().filter(|how| ReduceLayout::of(**how) == ReduceLayout::Whole).count()
    }

    /// The parameters by value after a launch on so many samples of so many elements, which are at least one.
    ///
    /// # Errors
    ///
    /// More cells or elements than a word counts.
    pub fn grid(&self, samples: usize, elements: usize) -> Result<Grid, LaunchError> {
        let error = LaunchError::TooLarge { first_sample: 0, samples, elements };
        let word = |n: usize| u32::try_from(n).map_err(|_| error.clone());
        let blocks = elements.div_ceil(self.width).div_ceil(THREADS as usize);
        let mut scalars = vec![elements as f32];
        let mut words = vec![word(samples)?, word(blocks)?, word(elements)?];
        for how in &self.hows {
            if let Reduction::Quantile(share) = how {
                let place = share * (elements - 1) as f64;
                let below = (place.floor() as usize).min(elements - 1);
                scalars.push((place - below as f64) as f32);
                words.push(word(below)?);
            }
        }
        let cells = samples.saturating_mul(self.hows.len());
        Ok(Grid { blocks: word(cells)?, scalars, words })
    }

    #[cfg(feature = "wgpu")]
    pub(super) fn check_wgsl(&self) -> Result<(), crate::backend::BackendError> {
        Ok(())
    }

    pub(super) fn definition(&self, device: Arc<DeviceProperties>, target: Arc<TargetProperties>) -> FinishDefinition {
        FinishDefinition { finish: self.clone(), device, target }
    }
}

/// [`Finish`] for cubecl.
pub(super) struct FinishDefinition {
    finish: Finish,
    device: Arc<DeviceProperties>,
    target: Arc<TargetProperties>,
}

impl FinishDefinition {
    pub(super) fn settings(&self) -> KernelSettings {
        let threads = *CubeDim::new_1d(THREADS);
        KernelSettings::new(threads, ExecutionMode::Unchecked, AddressType::U32).kernel_name(&self.finish.name)
    }
}

impl KernelMetadata for FinishDefinition {
    fn name(&self) -> &'static str {
        "samp_finish"
    }

    fn id(&self) -> KernelId {
        let settings = self.settings();
        KernelId::new::<FinishDefinition>()
            .address_type(settings.address_type)
            .cube_dim(settings.cube_dim)
            .mode(settings.execution_mode)
            .info(self.finish.name.clone())
    }

    fn address_type(&self) -> ElemType {
        AddressType::U32.unsigned_type()
    }
}

impl CubeKernel for FinishDefinition {
    fn define(&self) -> KernelDefinition {
        let mut builder = KernelBuilder::new(self.settings());
        builder.runtime_properties(self.target.as_ref().clone());
        builder.device_properties(&self.device);
        let hows = &self.finish.hows;
        let arg = BufferCompilationArg { inplace: None };
        let mut buffer = || <[f32] as LaunchArg>::expand(&arg, &mut builder);
        let partials = self.finish.has_partials().then(&mut buffer);
        let wholes: Vec<NativeExpand<[f32]>> = (0..self.finish.n_wholes()).map(|_| buffer()).collect();
        let mut cells = buffer();
        let mut scalar = || <f32 as LaunchArg>::expand(&Default::default(), &mut builder);
        let count = scalar();
        let shares: Vec<NativeExpand<f32>> = wholes.iter().map(|_| scalar()).collect();
        let mut word = || <u32 as LaunchArg>::expand(&Default::default(), &mut builder);
        let (samples, blocks, elements) = (word(), word(), word());
        let ranks: Vec<NativeExpand<u32>> = wholes.iter().map(|_| word()).collect();

        let scope = &builder.scope;
        let block = leaf::block::expand(scope);
        let reduction = leaf::quotient::expand(scope, block, samples);
        let sample = leaf::remainder::expand(scope, block, samples);
        let (mut n_partials, mut n_wholes) = (0, 0);
        for (k, how) in hows.iter().enumerate() {
            let is_this = leaf::is::expand(scope, reduction, k as u32);
            if_expand(scope, is_this, |scope| match (how, &partials) {
                (Reduction::Quantile(_), _) => {
                    let first = leaf::product::expand(scope, sample, elements);
                    let (all, rank, share) = (&wholes[n_wholes], ranks[n_wholes], shares[n_wholes]);
                    quantile::expand(scope, all, &mut cells, block, first, elements, rank, share);
                }
                (_, None) => unreachable!("means and largest numbers have partial results"),
                (how, Some(partials)) => {
                    let first = first_partial::expand(scope, sample, samples, blocks, n_partials);
                    match how {
                        Reduction::Mean => mean::expand(scope, partials, &mut cells, block, first, blocks, count),
                        _ => max::expand(scope, partials, &mut cells, block, first, blocks),
                    }
                }
            });
            match ReduceLayout::of(*how) {
                ReduceLayout::Partial => n_partials += 1,
                ReduceLayout::Whole => n_wholes += 1,
            }
        }
        builder.build()
    }
}

/// Where the partial results of a sample begin, behind those of `before` reductions.
#[cube]
fn first_partial(sample: u32, samples: u32, blocks: u32, #[comptime] before: u32) -> u32 {
    (samples * before + sample) * blocks
}
