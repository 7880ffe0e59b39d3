//! The CPU device: artifacts on candle's own CPU buffers, in place.
//!
//! [`launch`] locks the storages of all its tensors, each once: those with a store for
//! writing, through candle's in-place operations, the others for reading. Locks are taken
//! in address order, so that launches on several threads cannot wait for each other. A
//! load may be the very tensor of a store (or a view of just that memory); the kernel then
//! works in place.
//!
//! Clones of a tensor share its storage and see what is written: the caller owns the
//! tensors that it stores to.

use std::cell::Cell;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Storage, Tensor};
use rayon::prelude::*;
use samp_compiler::backend::element::Element;
use samp_compiler::backend::launch::{Bound, Draw, Launch, LaunchError};
use samp_compiler::backend::{Artifact, Dtype};

use super::{DeviceError, Role, TensorDraw, TensorLaunch};

/// Below this many elements, threads cost more than they bring.
pub const MIN_THREADED: usize = 100_000;

/// Runs `artifact` on `loads` and writes into `stores`, in slot order.
///
/// # Errors
///
/// Tensors on another device, of another dtype or shape, not contiguous, or in overlapping
/// memory; counts other than the kernel's.
pub fn launch(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<(), DeviceError> {
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
) -> Result<(), DeviceError> {
    let mut operands = operands(launch, loads, stores);
    for operand in &operands {
        operand.check::<T>(stores)?;
    }
    operands.sort_by_key(|operand| (operand.storage, operand.order()));
    check_overlaps(&operands)?;

    let pointers = Pointers::<T>::new(loads.len(), launch.draws.len(), stores.len());
    let outcome = Cell::new(Ok(()));
    lock_all(&operands, &pointers, &|| {
        // SAFETY: all storages are locked, and all pointers set and checked.
        outcome.set(unsafe { run(artifact, launch, stores, &pointers) });
    })?;
    Ok(outcome.into_inner()?)
}

/// A tensor of a launch.
struct Operand<'a> {
    role: Role,
    tensor: &'a Tensor,
    /// The address of its storage, which names it: views and clones have the same.
    storage: usize,
    /// Its numbers in the storage, from and to.
    range: (usize, usize),
}

fn operands<'a>(launch: &TensorLaunch<'a>, loads: &[&'a Tensor], stores: &[&'a Tensor]) -> Vec<Operand<'a>> {
    let given = |draw: &TensorDraw<'a>| match *draw {
        TensorDraw::Given(tensor) => Some(tensor),
        TensorDraw::Generated { .. } => None,
    };
    let mut operands = Vec::with_capacity(loads.len() + stores.len() + launch.draws.len());
    for (slot, tensor) in stores.iter().enumerate() {
        operands.push(Operand::new(Role::Store(slot), tensor));
    }
    for (slot, tensor) in loads.iter().enumerate() {
        operands.push(Operand::new(Role::Load(slot), tensor));
    }
    for (slot, draw) in launch.draws.iter().enumerate() {
        operands.extend(given(draw).map(|tensor| Operand::new(Role::Noise(slot), tensor)));
    }
    operands
}

impl<'a> Operand<'a> {
    fn new(role: Role, tensor: &'a Tensor) -> Operand<'a> {
        let (storage, layout) = tensor.storage_and_layout();
        let start = layout.start_offset();
        Operand {
            role,
            tensor,
            storage: std::ptr::from_ref::<Storage>(&storage).addr(),
            range: (start, start + layout.shape().elem_count()),
        }
    }

    /// Stores come first in their storage.
    fn order(&self) -> (usize, usize) {
        match self.role {
            Role::Store(slot) => (0, slot),
            Role::Load(slot) => (1, slot),
            Role::Noise(slot) => (2, slot),
        }
    }

    fn check<T: CpuElement>(&self, stores: &[&Tensor]) -> Result<(), DeviceError> {
        let (role, tensor) = (self.role, self.tensor);
        if !matches!(tensor.device(), Device::Cpu) {
            let found = format!("{:?}", tensor.device().location());
            return Err(DeviceError::Device { role, expected: "cpu", found });
        }
        if tensor.dtype() != T::CANDLE {
            let (expected, found) = (T::DTYPE, tensor.dtype().as_str());
            return Err(DeviceError::Dtype { role, expected, found });
        }
        if let Some(first) = stores.first()
            && first.dims() != tensor.dims()
        {
            let (expected, found) = (first.dims().to_vec(), tensor.dims().to_vec());
            return Err(DeviceError::Shape { role, expected, found });
        }
        match tensor.is_contiguous() {
            true => Ok(()),
            false => Err(DeviceError::NotContiguous(role)),
        }
    }

    /// Whether one writing and the other using their memory could be told apart.
    fn conflicts(&self, other: &Operand<'_>) -> bool {
        let overlap = self.range.0 < other.range.1 && other.range.0 < self.range.1;
        match (self.role, other.role) {
            (Role::Store(_), Role::Store(_) | Role::Noise(_)) => overlap,
            (Role::Noise(_), Role::Store(_)) => overlap,
            (Role::Store(_), Role::Load(_)) | (Role::Load(_), Role::Store(_)) => overlap && self.range != other.range,
            (Role::Load(_) | Role::Noise(_), Role::Load(_) | Role::Noise(_)) => false,
        }
    }
}

fn check_overlaps(sorted: &[Operand<'_>]) -> Result<(), DeviceError> {
    for group in sorted.chunk_by(|a, b| a.storage == b.storage) {
        for (i, a) in group.iter().enumerate() {
            if let Some(b) = group[i + 1..].iter().find(|b| a.conflicts(b)) {
                return Err(DeviceError::Overlap(a.role, b.role));
            }
        }
    }
    Ok(())
}

/// Where each slot's numbers are, as found while locking.
struct Pointers<T> {
    loads: Vec<Cell<*mut T>>,
    noises: Vec<Cell<*mut T>>,
    stores: Vec<Cell<*mut T>>,
}

impl<T: CpuElement> Pointers<T> {
    fn new(n_loads: usize, n_noises: usize, n_stores: usize) -> Pointers<T> {
        let none = |n| vec![Cell::new(std::ptr::null_mut()); n];
        Pointers { loads: none(n_loads), noises: none(n_noises), stores: none(n_stores) }
    }

    /// Notes the place of each operand in the storage with these numbers.
    fn set(&self, group: &[Operand<'_>], numbers: *mut T, len: usize) -> candle_core::Result<()> {
        for operand in group {
            if operand.range.1 > len {
                candle_core::bail!("{} is outside its storage", operand.role);
            }
            let pointer = numbers.wrapping_add(operand.range.0);
            match operand.role {
                Role::Store(slot) => self.stores[slot].set(pointer),
                Role::Load(slot) => self.loads[slot].set(pointer),
                Role::Noise(slot) => self.noises[slot].set(pointer),
            }
        }
        Ok(())
    }
}

/// Locks the storages of `sorted` one inside the other, then calls `then`.
fn lock_all<T: CpuElement>(sorted: &[Operand<'_>], pointers: &Pointers<T>, then: &dyn Fn()) -> candle_core::Result<()> {
    let Some(first) = sorted.first() else {
        then();
        return Ok(());
    };
    let n = sorted.iter().take_while(|operand| operand.storage == first.storage).count();
    let (group, rest) = sorted.split_at(n);
    match first.role {
        Role::Store(_) => first.tensor.inplace_op1(&InPlace(|storage: &mut CpuStorage| {
            let numbers = T::numbers_mut(storage)?;
            pointers.set(group, numbers.as_mut_ptr(), numbers.len())?;
            lock_all(rest, pointers, then)
        })),
        Role::Load(_) | Role::Noise(_) => {
            let (guard, _) = first.tensor.storage_and_layout();
            let Storage::Cpu(storage) = &*guard else { candle_core::bail!("expected a storage on the cpu") };
            // Only read from: no store is in this storage.
            let numbers = T::numbers(storage)?;
            pointers.set(group, numbers.as_ptr().cast_mut(), numbers.len())?;
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
/// and given noise has its pointer, good for the numbers of `stores[0]`'s shape; and
/// `check_overlaps` found no conflict.
unsafe fn run<T: CpuElement>(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    stores: &[&Tensor],
    pointers: &Pointers<T>,
) -> Result<(), LaunchError> {
    let dims = stores.first().map_or(&[][..], |store| store.dims());
    let (samples, elements) = match dims {
        [] => (1, 1),
        [samples, rest @ ..] => (*samples, rest.iter().product()),
    };
    let draw = |(draw, pointer): (&TensorDraw<'_>, &Cell<*mut T>)| match *draw {
        TensorDraw::Generated { stream, draw } => Draw::Generated { stream, draw },
        // SAFETY: the pointer is of a locked storage, has this many numbers, and no store
        // overlaps it.
        TensorDraw::Given(_) => Draw::Given(unsafe { std::slice::from_raw_parts(pointer.get(), samples * elements) }),
    };
    let draws: Vec<Draw<'_, T>> = launch.draws.iter().zip(&pointers.noises).map(draw).collect();
    let TensorLaunch { scalars, seed, first_sample, threads, .. } = *launch;
    let launch = Launch { scalars, draws: &draws, seed, first_sample, samples, elements };
    let loads: Vec<*const T> = pointers.loads.iter().map(|p| p.get().cast_const()).collect();
    let stores: Vec<*mut T> = pointers.stores.iter().map(Cell::get).collect();
    // SAFETY: the caller's promise is that of `bind`.
    let bound = unsafe { artifact.bind(&launch, &loads, &stores)? };
    let threads = if samples * elements < MIN_THREADED { 1 } else { threads };
    // SAFETY: nothing else runs on the buffers: they are locked.
    unsafe { run_blocks(&bound, threads) };
    Ok(())
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

/// A number type that candle has CPU buffers of.
pub(crate) trait CpuElement: Element {
    /// Candle's name of the type.
    const CANDLE: DType;

    /// The numbers of a storage of this type.
    fn numbers(storage: &CpuStorage) -> candle_core::Result<&[Self]>;

    /// The numbers of a storage of this type, to write.
    fn numbers_mut(storage: &mut CpuStorage) -> candle_core::Result<&mut [Self]>;
}

macro_rules! cpu_element {
    ($ty:ty, $variant:ident) => {
        impl CpuElement for $ty {
            const CANDLE: DType = DType::$variant;

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
