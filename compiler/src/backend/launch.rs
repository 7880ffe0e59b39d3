//! Launches: an artifact on buffers, block by block.
//!
//! A [`Launch`] gives everything but the buffers. [`Artifact::run`] takes slices and is
//! safe; [`Artifact::bind`] takes pointers, for callers that lock and alias their memory
//! themselves, and gives a [`Bound`] whose blocks can be run in any order and on any
//! thread: an element's result depends on its own inputs only, so blocks change nothing.
//! When all blocks are done, [`Bound::finish`] gives what the kernel reduces.
//!
//! Buffers hold `samples * elements` numbers, sample after sample; a cell one per sample.
//!
//! # Aliasing
//!
//! A store may be the very buffer of one or more loads (same address, same length): the
//! launch then works in place. Apart from that, a store overlaps no load, no given noise
//! and no other store.
//!
//! # Other types
//!
//! Buffers of another type than the kernel computes in go through the cache block by block, as
//! [`stored`](super::stored) says.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::element::Element;
use super::noise::Sequence;
use super::path::Term;
use super::stored::{Place, Stored, narrow, widen};
use super::{Artifact, BLOCK, Dtype, Row, Span, reduce};
use crate::ir::kernel::Kernel;
use crate::ir::op::Reduction;

/// What a kernel is run with, apart from its loads and stores.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a, T> {
    /// The scalars in slot order; rounded once to `T`.
    pub scalars: &'a [f64],
    /// The noise sources in slot order.
    pub draws: &'a [Draw<'a, T>],
    /// The cells in slot order, each with a number per sample; rounded once to `T`.
    pub cells: &'a [&'a [f64]],
    /// The seed of all generated noise.
    pub seed: u64,
    /// The index, in the whole run, of the first sample here; all are below 2^32.
    pub first_sample: u64,
    /// How many samples.
    pub samples: usize,
    /// How many elements a sample has.
    pub elements: usize,
}

/// Where the numbers of a noise slot come from.
#[derive(Clone, Copy, Debug)]
pub enum Draw<'a, T> {
    /// Philox normals.
    Generated {
        /// Which noise source of the run.
        stream: u32,
        /// Which use of that source.
        draw: u32,
    },
    /// An increment of the Brownian path.
    Path(&'a [Term]),
    /// The caller's own numbers, as many as a buffer has.
    Given(&'a [T]),
}

/// The numbers of a load slot, for [`Artifact::run`].
#[derive(Clone, Copy, Debug)]
pub enum Load<'a, T> {
    /// A buffer that is only read.
    From(&'a [T]),
    /// What store `0, 1, ..` holds before the launch: works in place.
    InPlace(usize),
}

impl<'a, T> From<&'a [T]> for Load<'a, T> {
    fn from(slice: &'a [T]) -> Load<'a, T> {
        Load::From(slice)
    }
}

/// Why a launch did not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The buffers are of another type than the artifact.
    #[error("expected {expected} buffers, found {found}")]
    Dtype {
        /// The artifact's.
        expected: Dtype,
        /// The launch's.
        found: Dtype,
    },
    /// Not as many loads, stores, scalars, noises or cells as the kernel has.
    #[error("expected {expected} {kind}, found {found}")]
    Count {
        /// `loads`, `stores`, `scalars`, `noises` or `cells`.
        kind: &'static str,
        /// The kernel's.
        expected: usize,
        /// The launch's.
        found: usize,
    },
    /// A buffer of another size.
    #[error("expected {expected} numbers in {kind} {slot}, found {found}")]
    Size {
        /// `load`, `store`, `noise` or `cell`.
        kind: &'static str,
        /// Its slot.
        slot: usize,
        /// `samples * elements`, and `samples` of a cell.
        expected: usize,
        /// The buffer's.
        found: usize,
    },
    /// A load in place of a store that is not there.
    #[error("load {load} is in place of store {store}, which is not there")]
    InPlace {
        /// The load's slot.
        load: usize,
        /// The store's slot.
        store: usize,
    },
    /// `samples * elements` is no size of memory, or a sample index is 2^32 or more.
    #[error("{samples} samples from {first_sample} on of {elements} elements are too many")]
    TooLarge {
        /// The index of the first sample.
        first_sample: u64,
        /// Samples of the launch.
        samples: usize,
        /// Elements of each.
        elements: usize,
    },
}

/// A checked launch on buffers.
#[derive(Debug)]
pub struct Bound<'a, T> {
    artifact: &'a Artifact,
    launch: Launch<'a, T>,
    scalars: Vec<Row<T>>,
    /// Loads, then noises (dangling where generated), then stores, then values to be reduced (dangling where their
    /// blocks are reduced at once); of those in `casts`, the buffers are there.
    pointers: Vec<*mut T>,
    /// Buffers of other types, with their place among the pointers.
    casts: Vec<(usize, Place)>,
    /// The bits of partial results: of each reduction, of each sample, of each block.
    partials: Vec<AtomicU64>,
    /// All elements of the values that are reduced as a whole; the last of the pointers go there.
    wholes: Vec<Vec<T>>,
}

// SAFETY: the pointers are used by `Bound::run` alone, whose contract covers threads.
unsafe impl<T: Element> Send for Bound<'_, T> {}
// SAFETY: the same.
unsafe impl<T: Element> Sync for Bound<'_, T> {}

impl Artifact {
    /// Runs the whole launch on slices, and gives the output cells: for each reduction, a number per sample.
    ///
    /// # Errors
    ///
    /// Buffers that do not fit the kernel or the launch.
    pub fn run<T: Element>(
        &self,
        launch: &Launch<'_, T>,
        loads: &[Load<'_, T>],
        stores: &mut [&mut [T]],
    ) -> Result<Vec<Vec<f64>>, LaunchError> {
        let total = total(launch)?;
        for (slot, store) in stores.iter().enumerate() {
            check_size("store", slot, total, store.len())?;
        }
        let stores: Vec<Place> = stores.iter_mut().map(|store| Place::of(store.as_mut_ptr())).collect();
        let mut pointers = Vec::with_capacity(loads.len());
        for (slot, load) in loads.iter().enumerate() {
            pointers.push(match *load {
                Load::From(slice) => {
                    check_size("load", slot, total, slice.len())?;
                    Place::of(slice.as_ptr().cast_mut())
                }
                Load::InPlace(store) => match stores.get(store) {
                    Some(place) => *place,
                    None => return Err(LaunchError::InPlace { load: slot, store }),
                },
            });
        }
        // SAFETY: all slices have the launch's size; a shared slice cannot overlap a `&mut`
        // one, nor two `&mut` ones each other.
        let bound = unsafe { self.bind(launch, &pointers, &stores)? };
        // SAFETY: the slices are borrowed for all of this call, and this is the only run.
        unsafe { bound.run(0..bound.n_blocks()) };
        Ok(bound.finish())
    }

    /// Checks a launch on buffers and readies it to run.
    ///
    /// # Errors
    ///
    /// Another dtype, other counts than the kernel's, given noise of another size.
    ///
    /// # Safety
    ///
    /// Each place is aligned and good for `samples * elements` numbers of its type, loads to
    /// read and stores to write, as long as the result is used, and they alias as the module
    /// allows, those of different types not at all.
    pub unsafe fn bind<'a, T: Element>(
        &'a self,
        launch: &Launch<'a, T>,
        loads: &[Place],
        stores: &[Place],
    ) -> Result<Bound<'a, T>, LaunchError> {
        check_kind(self, launch, loads.len(), stores.len())?;
        let total = total(launch)?;
        let mut pointers = Vec::with_capacity(loads.len() + launch.draws.len() + stores.len());
        pointers.extend(loads.iter().map(|load| load.pointer.cast()));
        for (slot, draw) in launch.draws.iter().enumerate() {
            pointers.push(match draw {
                Draw::Generated { .. } | Draw::Path(_) => std::ptr::dangling_mut(),
                Draw::Given(slice) => {
                    check_size("noise", slot, total, slice.len())?;
                    slice.as_ptr().cast_mut()
                }
            });
        }
        pointers.extend(stores.iter().map(|store| store.pointer.cast()));
        let stores_at = pointers.len() - stores.len();
        let places = loads.iter().enumerate().chain((stores_at..).zip(stores));
        let casts = places.filter(|(_, place)| place.stored != Stored::from(T::DTYPE)).map(|(at, place)| (at, *place));
        let casts = casts.collect();
        let mut wholes = Vec::new();
        for reduce in &self.kernel.reduces {
            pointers.push(match reduce.how {
                Reduction::Mean | Reduction::Max => std::ptr::dangling_mut(),
                Reduction::Quantile(_) => {
                    let mut whole = vec![T::default(); total];
                    let pointer = whole.as_mut_ptr();
                    wholes.push(whole);
                    pointer
                }
            });
        }
        let n_partials = self.kernel.reduces.len() * launch.samples * launch.elements.div_ceil(BLOCK);
        let partials = std::iter::repeat_with(AtomicU64::default).take(n_partials).collect();
        let mut scalars: Vec<Row<T>> = launch.scalars.iter().map(|&scalar| [T::from_f64(scalar); 4]).collect();
        scalars.resize(scalars.len() + launch.cells.len(), Row::default());
        Ok(Bound { artifact: self, launch: *launch, scalars, pointers, casts, partials, wholes })
    }
}

impl<T: Element> Bound<'_, T> {
    /// How many blocks there are to run.
    pub fn n_blocks(&self) -> usize {
        let Launch { samples, elements, .. } = self.launch;
        match self.by_sample() {
            true => samples * elements.div_ceil(BLOCK),
            false => (samples * elements).div_ceil(BLOCK),
        }
    }

    /// Runs these blocks.
    ///
    /// # Safety
    ///
    /// The contract of [`Artifact::bind`] still holds. No block runs twice, nobody else
    /// writes the buffers, and nobody reads the stores meanwhile; other threads may run
    /// other blocks.
    pub unsafe fn run(&self, blocks: Range<usize>) {
        let blocks = blocks.start..blocks.end.min(self.n_blocks());
        if blocks.is_empty() {
            return;
        }
        if self.by_sample() || !self.casts.is_empty() {
            // SAFETY: the same contract.
            return unsafe { self.run_staged(blocks) };
        }
        let total = self.launch.samples * self.launch.elements;
        let range = blocks.start * BLOCK..total.min(blocks.end * BLOCK);
        // SAFETY: the range is inside the buffers, which `bind` was promised to be good and
        // of the kernel's counts and dtype.
        unsafe { self.artifact.run_span(&self.span(&self.pointers, &self.scalars), range) };
    }

    /// What the kernel reduces, once all blocks have run: for each reduction, a number per sample.
    pub fn finish(self) -> Vec<Vec<f64>> {
        let Bound { artifact, launch, partials, mut wholes, .. } = self;
        let Launch { samples, elements, .. } = launch;
        let per_sample = elements.div_ceil(BLOCK);
        let mut wholes = wholes.iter_mut();
        let cell = |(slot, how): (usize, Reduction)| {
            let mut whole = match how {
                Reduction::Mean | Reduction::Max => None,
                Reduction::Quantile(_) => wholes.next(),
            };
            let of_sample = |sample: usize| {
                let first = (slot * samples + sample) * per_sample;
                let partials = partials[first..first + per_sample].iter();
                let partials = partials.map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)));
                let all = match &mut whole {
                    Some(whole) => &mut whole[sample * elements..(sample + 1) * elements],
                    None => &mut [],
                };
                reduce::finish(how, partials, elements, all)
            };
            (0..samples).map(of_sample).collect()
        };
        artifact.kernel.reduces.iter().map(|reduce| reduce.how).enumerate().map(cell).collect()
    }

    /// Where a block begins: its sample, the first element there, and how many there are. A block with noise, cells or
    /// reductions is of one sample, since these count from the sample's start; others run on over all samples.
    fn block(&self, block: usize) -> (usize, usize, usize) {
        let Launch { samples, elements, .. } = self.launch;
        let (sample, first, end) = match self.by_sample() {
            true => {
                let per_sample = elements.div_ceil(BLOCK);
                (block / per_sample, block % per_sample * BLOCK, elements)
            }
            false => (0, block * BLOCK, samples * elements),
        };
        (sample, first, BLOCK.min(end - first))
    }

    /// Runs blocks with noise, cells, reductions or other types, which are made and converted in the cache.
    ///
    /// # Safety
    ///
    /// As [`Bound::run`].
    unsafe fn run_staged(&self, blocks: Range<usize>) {
        let n_loads = self.artifact.kernel.n_loads as usize;
        let stores_at = n_loads + self.launch.draws.len();
        let mut noises = vec![[T::default(); BLOCK]; self.launch.draws.len()];
        let mut rows = vec![[T::default(); BLOCK]; self.casts.len()];
        let reduces = &self.artifact.kernel.reduces;
        let mut values = vec![[T::default(); BLOCK]; reduces.len()];
        let values_at = self.pointers.len() - reduces.len();
        let mut pointers = self.pointers.clone();
        let mut scalars = self.scalars.clone();
        for block in blocks {
            let (sample, first, n) = self.block(block);
            let start = sample * self.launch.elements + first;
            for (pointer, base) in pointers.iter_mut().zip(&self.pointers) {
                // Wrapping, for those that dangle or are of another type; all others stay inside their buffers.
                *pointer = base.wrapping_add(start);
            }
            for (slot, draw) in self.launch.draws.iter().enumerate() {
                let row = &mut noises[slot];
                match *draw {
                    Draw::Given(_) => continue,
                    Draw::Generated { stream, draw } => {
                        T::fill_normal(&mut row[..n], self.sequence(stream, draw, sample), first);
                    }
                    Draw::Path(terms) => self.fill_path(&mut row[..n], terms, sample, first),
                }
                pointers[n_loads + slot] = row.as_mut_ptr();
            }
            for ((at, place), row) in self.casts.iter().zip(&mut rows) {
                if *at < stores_at {
                    // SAFETY: the block is inside the buffer, which is good to read.
                    unsafe { widen(&mut row[..n], place.at(start), place.stored) };
                }
                pointers[*at] = row.as_mut_ptr();
            }
            for (slot, reduce) in reduces.iter().enumerate() {
                match reduce.how {
                    Reduction::Mean | Reduction::Max => pointers[values_at + slot] = values[slot].as_mut_ptr(),
                    Reduction::Quantile(_) => {}
                }
            }
            for (row, cell) in scalars[self.launch.scalars.len()..].iter_mut().zip(self.launch.cells) {
                *row = [T::from_f64(cell[sample]); 4];
            }
            // SAFETY: every pointer is now good for `n` numbers: of a buffer from `start`
            // on, or of a row, which no other pointer overlaps.
            unsafe { self.artifact.run_span(&self.span(&pointers, &scalars), 0..n) };
            for (slot, reduce) in reduces.iter().enumerate() {
                let partial = reduce::partial(reduce.how, &values[slot][..n]);
                // A block of a kernel that reduces is of one sample.
                let place = slot * self.partials.len() / reduces.len() + block;
                self.partials[place].store(partial.to_bits(), Ordering::Relaxed);
            }
            for ((at, place), row) in self.casts.iter().zip(&rows) {
                if *at >= stores_at {
                    // SAFETY: the block is inside the buffer, which is good to write.
                    unsafe { narrow(&row[..n], place.at(start), place.stored) };
                }
            }
        }
    }

    /// The sum of multiples of normals, in the order of the terms.
    fn fill_path(&self, row: &mut [T], terms: &[Term], sample: usize, first: usize) {
        let mut normals = [T::default(); BLOCK];
        let normals = &mut normals[..row.len()];
        row.fill(T::default());
        for term in terms {
            T::fill_normal(normals, self.sequence(term.stream, term.draw, sample), first);
            T::add_multiple(row, T::from_f64(term.factor), normals);
        }
    }

    /// Whether a block is of one sample.
    fn by_sample(&self) -> bool {
        let kernel = &self.artifact.kernel;
        let generates = self.launch.draws.iter().any(|draw| matches!(draw, Draw::Generated { .. } | Draw::Path(_)));
        generates || kernel.n_cells > 0 || !kernel.reduces.is_empty()
    }

    fn sequence(&self, stream: u32, draw: u32, sample: usize) -> Sequence {
        // `total` has seen that all sample indices fit.
        let sample = (self.launch.first_sample + sample as u64) as u32;
        Sequence { seed: self.launch.seed, stream, draw, sample }
    }

    fn span<'s>(&'s self, pointers: &'s [*mut T], scalars: &'s [Row<T>]) -> Span<'s, T> {
        Span { pointers, n_stores: self.artifact.kernel.results().count(), scalars }
    }
}

/// The numbers in one buffer.
fn total<T>(launch: &Launch<'_, T>) -> Result<usize, LaunchError> {
    let Launch { first_sample, samples, elements, .. } = *launch;
    let error = LaunchError::TooLarge { first_sample, samples, elements };
    let end = first_sample.checked_add(samples as u64);
    if end.is_none_or(|end| end > 1 << 32) {
        return Err(error);
    }
    let bytes = samples.checked_mul(elements).and_then(|n| n.checked_mul(size_of::<T>()));
    match bytes {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(samples * elements),
        _ => Err(error),
    }
}

fn check_kind<T: Element>(
    artifact: &Artifact,
    launch: &Launch<'_, T>,
    n_loads: usize,
    n_stores: usize,
) -> Result<(), LaunchError> {
    let (expected, found) = (artifact.dtype, T::DTYPE);
    if expected != found {
        return Err(LaunchError::Dtype { expected, found });
    }
    check_counts(&artifact.kernel, [n_loads, n_stores, launch.scalars.len(), launch.draws.len(), launch.cells.len()])?;
    let samples = |(slot, cell): (usize, &&[f64])| check_size("cell", slot, launch.samples, cell.len());
    launch.cells.iter().enumerate().try_for_each(samples)
}

/// Checks that a launch gives a kernel as many loads, stores, scalars, noises and cells as it takes.
///
/// # Errors
///
/// [`LaunchError::Count`] for the first that differs.
pub fn check_counts(kernel: &Kernel, [loads, stores, scalars, noises, cells]: [usize; 5]) -> Result<(), LaunchError> {
    check_count("loads", kernel.n_loads as usize, loads)?;
    check_count("stores", kernel.stores.len(), stores)?;
    check_count("scalars", kernel.n_scalars as usize, scalars)?;
    check_count("noises", kernel.n_noises as usize, noises)?;
    check_count("cells", kernel.n_cells as usize, cells)
}

fn check_count(kind: &'static str, expected: usize, found: usize) -> Result<(), LaunchError> {
    if expected == found {
        return Ok(());
    }
    Err(LaunchError::Count { kind, expected, found })
}

/// Checks how many numbers a buffer or cell has.
///
/// # Errors
///
/// Another number of them.
pub fn check_size(kind: &'static str, slot: usize, expected: usize, found: usize) -> Result<(), LaunchError> {
    if expected == found {
        return Ok(());
    }
    Err(LaunchError::Size { kind, slot, expected, found })
}
