//! The CPU device: artifacts on candle's own CPU buffers, in place.
//!
//! [`launch`] locks the storages of all its tensors, each once: those with a store for
//! writing, through candle's in-place operations, the others for reading. Locks are taken
//! in address order, so that launches on several threads cannot wait for each other. A
//! load may be the very tensor of a store (or a view of just that memory); the kernel then
//! works in place.
//!
//! Buffers may hold other types than the kernel computes in.
//!
//! Clones of a tensor share its storage and see what is written: the caller owns the
//! tensors that it stores to.

use std::cell::Cell;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, InplaceOp1, Layout, Storage, Tensor};
use rayon::prelude::*;
use samp_compiler::backend::element::Element;
use samp_compiler::backend::launch::{Bound, Draw, Launch, LaunchError};
use samp_compiler::backend::stored::{Place, Stored};
use samp_compiler::backend::{Artifact, Dtype};

use super::operands::{self, Operand};
use super::{DeviceError, Role, TensorDraw, TensorLaunch};

/// Below this many elements, threads cost more than they bring.
pub const MIN_THREADED: usize = 100_000;

/// Runs `artifact` on `loads` and writes into `stores`, in slot order; gives what the kernel reduces, for each
/// reduction a number per sample.
///
/// # Errors
///
/// Tensors that are not on the CPU, of another shape than the first store, of no float type,
/// not contiguous, or in overlapping memory; noise of another type than the artifact's;
/// counts other than the kernel's.
pub fn launch(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<Vec<Vec<f64>>, DeviceError> {
    match artifact.dtype() {
        Dtype::F32 => launch_typed::<f32>(artifact, launch, loads, stores),
        Dtype::F64 => launch_typed::<f64>(artifact, launch, loads, stores),
    }
}

fn launch_typed<T: CpuElement>(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<Vec<Vec<f64>>, DeviceError> {
    let mut operands = operands::checked(artifact.dtype(), launch, loads, stores)?;
    operands::on_cpu(&operands)?;
    // A stable sort: stores stay first in their storage.
    operands.sort_by_key(|operand| operand.storage);

    let pointers = Pointers::new(loads.len(), launch.draws.len(), stores.len());
    let cells = launch.cells.iter().map(|cells| cells.host()).collect::<candle_core::Result<Vec<_>>>()?;
    let cells: Vec<&[f64]> = cells.iter().map(|cells| &**cells).collect();
    let size = operands::samples(loads, stores);
    let outcome = Cell::new(Ok(Vec::new()));
    lock_all(&operands, &pointers, &|| {
        // SAFETY: all storages are locked, and all pointers set and checked.
        outcome.set(unsafe { run::<T>(artifact, launch, &cells, size, &pointers) });
    })?;
    Ok(outcome.into_inner()?)
}

/// Where each slot's numbers are, as found while locking.
struct Pointers {
    loads: Vec<Cell<Place>>,
    noises: Vec<Cell<Place>>,
    stores: Vec<Cell<Place>>,
}

impl Pointers {
    fn new(n_loads: usize, n_noises: usize, n_stores: usize) -> Pointers {
        let none = |n| vec![Cell::new(Place { pointer: std::ptr::null_mut(), stored: Stored::F32 }); n];
        Pointers { loads: none(n_loads), noises: none(n_noises), stores: none(n_stores) }
    }

    /// Notes the place of each operand in the storage with these numbers.
    fn set(&self, group: &[Operand<'_>], (numbers, len): (Place, usize)) -> candle_core::Result<()> {
        for operand in group {
            if operand.range.1 > len {
                candle_core::bail!("{} is outside its storage", operand.role);
            }
            let Place { pointer, stored } = numbers;
            let place = Place { pointer: pointer.wrapping_add(operand.range.0 * stored.size()), stored };
            match operand.role {
                Role::Store(slot) => self.stores[slot].set(place),
                Role::Load(slot) => self.loads[slot].set(place),
                Role::Noise(slot) => self.noises[slot].set(place),
            }
        }
        Ok(())
    }
}

/// Locks the storages of `sorted` one inside the other, then calls `then`.
fn lock_all(sorted: &[Operand<'_>], pointers: &Pointers, then: &dyn Fn()) -> candle_core::Result<()> {
    let Some(first) = sorted.first() else {
        then();
        return Ok(());
    };
    let n = sorted.iter().take_while(|operand| operand.storage == first.storage).count();
    let (group, rest) = sorted.split_at(n);
    match first.role {
        Role::Store(_) => first.tensor.inplace_op1(&InPlace(|storage: &mut CpuStorage| {
            pointers.set(group, place_mut(storage)?)?;
            lock_all(rest, pointers, then)
        })),
        Role::Load(_) | Role::Noise(_) => {
            let (guard, _) = first.tensor.storage_and_layout();
            let Storage::Cpu(storage) = &*guard else { candle_core::bail!("expected a storage on the cpu") };
            // Only read from: no store is in this storage.
            pointers.set(group, place(storage)?)?;
            lock_all(rest, pointers, then)
        }
    }
}

/// Gives candle's in-place operations a closure.
pub(crate) struct InPlace<F>(pub(crate) F);

impl<F: Fn(&mut CpuStorage) -> candle_core::Result<()>> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        "samp-kernel"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
        (self.0)(storage)
    }
}

/// Runs the artifact on what the pointers show.
///
/// # Safety
///
/// The storages of all operands are locked, those of stores for writing; every load, store
/// and given noise has its pointer, good for this many samples and elements of each; and
/// `check_overlaps` found no conflict.
unsafe fn run<T: CpuElement>(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    cells: &[&[f64]],
    (samples, elements): (usize, usize),
    pointers: &Pointers,
) -> Result<Vec<Vec<f64>>, LaunchError> {
    let draws = launch.draws.iter().zip(&pointers.noises).map(|(draw, place)| match *draw {
        TensorDraw::Generated { stream, draw } => Draw::Generated { stream, draw },
        TensorDraw::Path(terms) => Draw::Path(terms),
        // SAFETY: the pointer is of a locked storage, has this many numbers, and no store
        // overlaps it.
        TensorDraw::Given(_) => Draw::Given(unsafe {
            std::slice::from_raw_parts(place.get().pointer.cast_const().cast(), samples * elements)
        }),
    });
    let draws: Vec<Draw<'_, T>> = draws.collect();
    let TensorLaunch { scalars, seed, first_sample, threads, .. } = *launch;
    let launch = Launch { scalars, draws: &draws, cells, seed, first_sample, samples, elements };
    let loads: Vec<Place> = pointers.loads.iter().map(Cell::get).collect();
    let stores: Vec<Place> = pointers.stores.iter().map(Cell::get).collect();
    // SAFETY: the caller's promise is that of `bind`.
    let bound = unsafe { artifact.bind(&launch, &loads, &stores)? };
    let threads = if samples * elements < MIN_THREADED { 1 } else { threads };
    // SAFETY: nothing else runs on the buffers: they are locked.
    unsafe { run_blocks(&bound, threads) };
    Ok(bound.finish())
}

/// Runs every block once, in `threads` even parts.
///
/// # Safety
///
/// As `Bound::run`, for all blocks.
unsafe fn run_blocks<T: Element>(bound: &Bound<'_, T>, threads: usize) {
    let n_blocks = bound.n_blocks();
    let n_parts = threads.clamp(1, n_blocks.max(1));
    if n_parts == 1 {
        // SAFETY: the caller's promise.
        return unsafe { bound.run(0..n_blocks) };
    }
    (0..n_parts).into_par_iter().for_each(|part| {
        let blocks = part * n_blocks / n_parts..(part + 1) * n_blocks / n_parts;
        // SAFETY: the parts are disjoint.
        unsafe { bound.run(blocks) };
    });
}

/// Where a storage's numbers are, and how many there are; only to be read.
fn place(storage: &CpuStorage) -> candle_core::Result<(Place, usize)> {
    fn of<N>(numbers: &[N], stored: Stored) -> (Place, usize) {
        (Place { pointer: numbers.as_ptr().cast_mut().cast(), stored }, numbers.len())
    }
    Ok(match storage {
        CpuStorage::F16(numbers) => of(numbers, Stored::F16),
        CpuStorage::BF16(numbers) => of(numbers, Stored::Bf16),
        CpuStorage::F32(numbers) => of(numbers, Stored::F32),
        CpuStorage::F64(numbers) => of(numbers, Stored::F64),
        other => candle_core::bail!("found a storage of {:?}", other.dtype()),
    })
}

/// Where a storage's numbers are, and how many there are, to write.
fn place_mut(storage: &mut CpuStorage) -> candle_core::Result<(Place, usize)> {
    fn of<N>(numbers: &mut [N], stored: Stored) -> (Place, usize) {
        (Place { pointer: numbers.as_mut_ptr().cast(), stored }, numbers.len())
    }
    Ok(match storage {
        CpuStorage::F16(numbers) => of(numbers, Stored::F16),
        CpuStorage::BF16(numbers) => of(numbers, Stored::Bf16),
        CpuStorage::F32(numbers) => of(numbers, Stored::F32),
        CpuStorage::F64(numbers) => of(numbers, Stored::F64),
        other => candle_core::bail!("found a storage of {:?}", other.dtype()),
    })
}

/// A number type that candle has CPU buffers of.
pub(crate) trait CpuElement: Element {
    /// The numbers of a storage of this type.
    fn numbers(storage: &CpuStorage) -> candle_core::Result<&[Self]>;

    /// The numbers of a storage of this type, to write.
    fn numbers_mut(storage: &mut CpuStorage) -> candle_core::Result<&mut [Self]>;
}

macro_rules! cpu_element {
    ($ty:ty, $variant:ident) => {
        impl CpuElement for $ty {
            fn numbers(storage: &CpuStorage) -> candle_core::Result<&[$ty]> {
                match storage {
                    CpuStorage::$variant(numbers) => Ok(numbers),
                    other => candle_core::bail!("found a storage of {:?}", other.dtype()),
                }
            }

            fn numbers_mut(storage: &mut CpuStorage) -> candle_core::Result<&mut [$ty]> {
                match storage {
                    CpuStorage::$variant(numbers) => Ok(numbers),
                    other => candle_core::bail!("found a storage of {:?}", other.dtype()),
                }
            }
        }
    };
}

cpu_element!(f32, F32);
cpu_element!(f64, F64);
