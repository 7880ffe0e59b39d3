//! How a kernel lies on a device: the number types of its buffers and what one thread works on.

use super::THREADS;
use crate::backend::BackendError;
use crate::backend::stored::Stored;
use crate::ir::kernel::Kernel;
use crate::ir::op::Reduction;
use crate::ir::plan::{LaunchOp, Source, Target};

/// The number type of a buffer in device memory: a [`Stored`] but `f64`. Arithmetic is in `f32` always; what is stored is rounded to nearest,
/// ties to even.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// bfloat16: the upper half of a binary32.
    Bf16,
}

impl From<Storage> for Stored {
    fn from(storage: Storage) -> Stored {
        match storage {
            Storage::F32 => Stored::F32,
            Storage::F16 => Stored::F16,
            Storage::Bf16 => Stored::Bf16,
        }
    }
}

impl Storage {
    /// Every storage.
    pub const ALL: [Storage; 3] = [Storage::F32, Storage::F16, Storage::Bf16];

    /// The device's storage of these numbers; none for `f64`.
    pub const fn of(stored: Stored) -> Option<Storage> {
        match stored {
            Stored::F32 => Some(Storage::F32),
            Stored::F16 => Some(Storage::F16),
            Stored::Bf16 => Some(Storage::Bf16),
            Stored::F64 => None,
        }
    }

    /// Bytes of one number.
    pub const fn size(self) -> usize {
        match self {
            Storage::F32 => 4,
            Storage::F16 | Storage::Bf16 => 2,
        }
    }
}

/// Where the numbers of a noise slot come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoiseLayout {
    /// Philox normals, made in the kernel.
    Generated,
    /// A buffer of the caller.
    Given(Storage),
}

/// Where a store slot goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreLayout {
    /// A buffer of its own, which overlaps no other.
    Own(Storage),
    /// The very buffer of this load slot.
    InPlace(usize),
}

/// What a kernel leaves of a value that it reduces, for [`Finish`](super::reduce::Finish).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceLayout {
    /// A number for each block of threads.
    Partial,
    /// All elements.
    Whole,
}

impl ReduceLayout {
    /// What a reduction is finished from.
    pub const fn of(how: Reduction) -> ReduceLayout {
        match how {
            Reduction::Mean | Reduction::Max => ReduceLayout::Partial,
            Reduction::Quantile(_) => ReduceLayout::Whole,
        }
    }
}

/// How many neighbouring elements a thread works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One: any count, any alignment.
    One,
    /// Four: 16 bytes of `f32`.
    Four,
    /// Eight: 16 bytes of `f16` or `bf16`.
    Eight,
}

impl Width {
    /// The number of elements.
    pub const fn elements(self) -> usize {
        match self {
            Width::One => 1,
            Width::Four => 4,
            Width::Eight => 8,
        }
    }
}

/// How generated noise counts the elements of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counting {
    /// A sample has a multiple of four elements: one counter gives four neighbours.
    ByFour,
    /// Any count: each element asks for its own counter.
    ByOne,
}

/// A buffer parameter of the device function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The buffer of this load slot, which a store may write as well.
    Load(usize),
    /// The given noise of this slot.
    Noise(usize),
    /// The buffer of this store slot.
    Store(usize),
    /// The cell of this slot: a number per sample.
    Cell(usize),
    /// The partial results of blocks, of all reductions that have any.
    Partials,
    /// All elements of the value of this reduction.
    Whole(usize),
}

/// All that the text of a device function depends on, beside the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// The buffer of each load slot.
    pub loads: Vec<Storage>,
    /// The source of each noise slot.
    pub noises: Vec<NoiseLayout>,
    /// The place of each store slot.
    pub stores: Vec<StoreLayout>,
    /// The elements of a thread.
    pub width: Width,
    /// How noise counts them.
    pub counting: Counting,
    /// How many cells are read.
    pub n_cells: usize,
    /// What is left of each value that is reduced.
    pub reduces: Vec<ReduceLayout>,
}

/// The buffers of a launch, as far as they decide on a [`Width`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many samples.
    pub samples: usize,
    /// How many elements a sample has.
    pub elements: usize,
    /// What is known of the buffers' ends.
    pub room: Room,
}

/// What is known of the memory of all buffers of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// They start at multiples of 16 bytes and may be read and written up to the next.
    Padded,
    /// They start at multiples of 16 bytes and end where their numbers do.
    Aligned,
    /// Nothing but the alignment of their numbers.
    Any,
}

impl Layout {
    /// All buffers of one type and apart, all noise generated, one element a thread.
    pub fn uniform(kernel: &Kernel, storage: Storage) -> Layout {
        Layout {
            loads: vec![storage; kernel.n_loads as usize],
            noises: vec![NoiseLayout::Generated; kernel.n_noises as usize],
            stores: vec![StoreLayout::Own(storage); kernel.stores.len()],
            width: Width::One,
            counting: Counting::ByOne,
            n_cells: kernel.n_cells as usize,
            reduces: kernel.reduces.iter().map(|reduce| ReduceLayout::of(reduce.how)).collect(),
        }
    }

    /// Whether a block of threads works on one sample: its cells belong to a sample, and so does what it reduces.
    /// Then a sample is cut into blocks in the same way in every batch.
    pub fn by_sample(&self) -> bool {
        self.n_cells > 0 || !self.reduces.is_empty()
    }

    /// The same with all buffers in `f32`.
    #[must_use]
    pub fn widened(mut self) -> Layout {
        self.loads.fill(Storage::F32);
        for noise in &mut self.noises {
            match noise {
                NoiseLayout::Given(storage) => *storage = Storage::F32,
                NoiseLayout::Generated => {}
            }
        }
        for store in &mut self.stores {
            match store {
                StoreLayout::Own(storage) => *storage = Storage::F32,
                StoreLayout::InPlace(_) => {}
            }
        }
        self
    }

    /// The layout of a plan's launch: a state in `f32` around a network of the type `network`, in place wherever a
    /// buffer that is read is written.
    pub fn of_launch(kernel: &Kernel, op: &LaunchOp, network: Storage) -> Layout {
        let load = |source: &Source| match source {
            Source::Output { .. } | Source::Part { .. } => network,
            Source::Slot(_) | Source::Input(_) => Storage::F32,
        };
        let store = |target: &Target| match target {
            Target::Feed(_) => StoreLayout::Own(network),
            Target::Slot(slot) => {
                let load = op.loads.iter().position(|load| *load == Source::Slot(*slot));
                load.map_or(StoreLayout::Own(Storage::F32), StoreLayout::InPlace)
            }
        };
        Layout {
            loads: op.loads.iter().map(load).collect(),
            stores: op.stores.iter().map(store).collect(),
            ..Layout::uniform(kernel, Storage::F32)
        }
    }

    /// The same, with the widest access that buffers of this extent allow.
    #[must_use]
    pub fn fitted(mut self, extent: Extent) -> Layout {
        let total = extent.samples.saturating_mul(extent.elements);
        let by_four = extent.elements.is_multiple_of(4);
        self.counting = if by_four { Counting::ByFour } else { Counting::ByOne };
        let widest = if self.has_halves() { Width::Eight } else { Width::Four };
        // No vector may lie in two samples.
        let count = if self.by_sample() { extent.elements } else { total };
        self.width = match extent.room {
            Room::Padded if !self.by_sample() => widest,
            Room::Any => Width::One,
            // Noise by single elements is slow enough: it needs no wide loads.
            Room::Padded | Room::Aligned if self.n_generated() > 0 && !by_four => Width::One,
            Room::Padded | Room::Aligned if count.is_multiple_of(widest.elements()) => widest,
            Room::Padded | Room::Aligned if count.is_multiple_of(4) => Width::Four,
            Room::Padded | Room::Aligned => Width::One,
        };
        if self.width == Width::One {
            self.counting = Counting::ByOne;
        }
        self
    }

    /// The buffer parameters in order: loads, given noises, stores that are not in place, cells, partial results and
    /// values that are reduced as a whole.
    pub fn slots(&self) -> Vec<Slot> {
        let given = |(slot, noise): (usize, &NoiseLayout)| match noise {
            NoiseLayout::Given(_) => Some(Slot::Noise(slot)),
            NoiseLayout::Generated => None,
        };
        let own = |(slot, store): (usize, &StoreLayout)| match store {
            StoreLayout::Own(_) => Some(Slot::Store(slot)),
            StoreLayout::InPlace(_) => None,
        };
        let mut slots: Vec<Slot> = (0..self.loads.len()).map(Slot::Load).collect();
        slots.extend(self.noises.iter().enumerate().filter_map(given));
        slots.extend(self.stores.iter().enumerate().filter_map(own));
        slots.extend((0..self.n_cells).map(Slot::Cell));
        slots.extend(self.reduces.contains(&ReduceLayout::Partial).then_some(Slot::Partials));
        slots.extend(self.wholes().map(Slot::Whole));
        slots
    }

    /// The reductions that need all elements.
    pub(super) fn wholes(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.reduces.len()).filter(|slot| self.reduces[*slot] == ReduceLayout::Whole)
    }

    /// How many reductions have partial results.
    pub(super) fn n_partial(&self) -> usize {
        self.reduces.len() - self.wholes().count()
    }

    /// How many neighbouring numbers of a buffer parameter a thread reads or writes.
    #[cfg(feature = "wgpu")]
    pub(super) fn width_of(&self, slot: Slot) -> Width {
        match slot {
            Slot::Load(_) | Slot::Noise(_) | Slot::Store(_) | Slot::Whole(_) => self.width,
            Slot::Cell(_) | Slot::Partials => Width::One,
        }
    }

    /// How many numbers the buffer of a parameter holds, in a launch on so many samples of so many elements.
    pub fn count(&self, slot: Slot, samples: usize, elements: usize) -> usize {
        match slot {
            Slot::Load(_) | Slot::Noise(_) | Slot::Store(_) | Slot::Whole(_) => samples * elements,
            Slot::Cell(_) => samples,
            Slot::Partials => self.n_partial() * samples * self.blocks_of(elements),
        }
    }

    /// The blocks of threads of a sample, where they work [by sample](Layout::by_sample).
    pub(super) fn blocks_of(&self, elements: usize) -> usize {
        elements.div_ceil(self.width.elements()).div_ceil(THREADS as usize)
    }

    /// The number type of a buffer parameter.
    ///
    /// # Panics
    ///
    /// On a slot that is not among [`Layout::slots`].
    pub fn storage(&self, slot: Slot) -> Storage {
        match slot {
            Slot::Load(slot) => self.loads[slot],
            Slot::Noise(slot) => match self.noises[slot] {
                NoiseLayout::Given(storage) => storage,
                NoiseLayout::Generated => unreachable!("generated noise has no buffer"),
            },
            Slot::Store(slot) => self.store_storage(slot),
            Slot::Cell(_) | Slot::Partials | Slot::Whole(_) => Storage::F32,
        }
    }

    /// The number type that a store slot rounds to.
    pub(super) fn store_storage(&self, slot: usize) -> Storage {
        match self.stores[slot] {
            StoreLayout::Own(storage) => storage,
            StoreLayout::InPlace(load) => self.loads[load],
        }
    }

    /// How many registers hold what a thread reads of all its buffers.
    pub(super) fn n_registers_read(&self) -> usize {
        let registers = |slot: &Slot| match slot {
            Slot::Load(_) | Slot::Noise(_) => (self.storage(*slot).size() * self.width.elements()).div_ceil(4),
            Slot::Cell(_) => 1,
            Slot::Store(_) | Slot::Partials | Slot::Whole(_) => 0,
        };
        self.slots().iter().map(registers).sum()
    }

    /// How many noise slots are generated.
    pub fn n_generated(&self) -> usize {
        self.noises.iter().filter(|noise| **noise == NoiseLayout::Generated).count()
    }

    /// Whether a buffer has numbers of 16 bits.
    pub fn has_halves(&self) -> bool {
        self.slots().iter().any(|slot| self.storage(*slot).size() == 2)
    }

    /// Whether the layout is one of `kernel`: as many slots, each load the place of one store at most.
    pub(super) fn check(&self, kernel: &Kernel) -> Result<(), BackendError> {
        let mut taken = vec![false; self.loads.len()];
        let counts = self.loads.len() == kernel.n_loads as usize
            && self.noises.len() == kernel.n_noises as usize
            && self.stores.len() == kernel.stores.len()
            && self.n_cells == kernel.n_cells as usize;
        let reduces = kernel.reduces.iter().map(|reduce| ReduceLayout::of(reduce.how));
        let counts = counts && reduces.eq(self.reduces.iter().copied());
        let apart = self.stores.iter().all(|store| match store {
            StoreLayout::Own(_) => true,
            StoreLayout::InPlace(load) => taken.get_mut(*load).is_some_and(|taken| !std::mem::replace(taken, true)),
        });
        match counts && apart {
            true => Ok(()),
            false => Err(BackendError::Layout(kernel.name.clone())),
        }
    }
}
