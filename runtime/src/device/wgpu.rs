//! Kernels on an adapter of `wgpu`, around tensors on the CPU.
//!
//! For machines whose GPU candle does not know: numbers travel to the adapter and back with every launch, so the
//! network and all else stay where they are. What it is good for is running the device code anywhere, a software
//! adapter included.
//!
//! f64 has no device code; such launches run on the CPU.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{CpuStorage, Storage, Tensor};
use samp_compiler::backend::cube::CubeKernel;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Slot, StoreLayout};
use samp_compiler::backend::cube::wgpu::{Adapter, DeviceBuffer};
use samp_compiler::backend::launch::check_counts;
use samp_compiler::backend::{Artifact, BackendError, Dtype};

use super::operands::{self, Operand};
use super::{DeviceError, Role, TensorLaunch, cpu, cube};

/// The device functions of one kernel, made when they are first launched.
#[derive(Debug, Default)]
pub struct Functions(Mutex<Vec<Arc<CubeKernel>>>);

/// The adapter of this process: opening one takes a second, and there is no more to it than the hardware.
fn adapter() -> Result<&'static Adapter, BackendError> {
    static ADAPTER: OnceLock<Result<Adapter, BackendError>> = OnceLock::new();
    ADAPTER.get_or_init(Adapter::open).as_ref().map_err(Clone::clone)
}

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order, all of them on the CPU.
///
/// # Errors
///
/// As [`cpu::launch`], and if there is no adapter or it fails.
pub fn launch(
    functions: &Functions,
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<(), DeviceError> {
    let kernel = artifact.kernel();
    let counts = [loads.len(), stores.len(), launch.scalars.len(), launch.draws.len(), launch.cells.len()];
    check_counts(kernel, counts)?;
    let operands = operands::checked(artifact.dtype(), launch, loads, stores)?;
    operands::on_cpu(&operands)?;
    let shape = operands::samples(loads, stores);
    let extent = Extent { samples: shape.0, elements: shape.1, room: Room::Padded };
    let layout = match artifact.dtype() {
        Dtype::F32 => cube::layout(&operands, launch, extent),
        Dtype::F64 => None,
    };
    let Some(layout) = layout.filter(|_| shape.0 * shape.1 > 0) else {
        return cpu::launch(artifact, launch, loads, stores).map(|_| ());
    };
    let function = functions.get(artifact, layout)?;
    let adapter = adapter()?;
    let slots = function.layout().slots();
    let buffers = slots.iter().map(|slot| buffer(adapter, *slot, &operands)).collect::<Result<Vec<_>, _>>()?;
    let draws = cube::draws(launch);
    let grid = cube::grid_launch(launch, &draws, shape);
    adapter.launch(&function, &grid, &buffers.iter().collect::<Vec<_>>())?;
    for (slot, store) in function.layout().stores.iter().enumerate() {
        let written = match store {
            StoreLayout::Own(_) => Slot::Store(slot),
            StoreLayout::InPlace(load) => Slot::Load(*load),
        };
        let at = slots.iter().position(|slot| *slot == written).expect("a layout has a buffer for each store");
        write(stores[slot], &adapter.read(&buffers[at])?)?;
    }
    Ok(())
}

impl Functions {
    fn get(&self, artifact: &Artifact, layout: Layout) -> Result<Arc<CubeKernel>, DeviceError> {
        // What is under the lock is whole at any time, also if another thread panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = known.iter().find(|kernel| *kernel.layout() == layout) {
            return Ok(Arc::clone(kernel));
        }
        let kernel = Arc::new(CubeKernel::new(artifact.kernel(), layout)?);
        known.push(Arc::clone(&kernel));
        Ok(kernel)
    }
}

/// The adapter's buffer of a slot, with the numbers of a load or given noise.
fn buffer(adapter: &Adapter, slot: Slot, operands: &[Operand<'_>]) -> candle_core::Result<DeviceBuffer> {
    let role = match slot {
        Slot::Load(slot) => Role::Load(slot),
        Slot::Noise(slot) => Role::Noise(slot),
        Slot::Store(slot) => Role::Store(slot),
    };
    let operand = operands.iter().find(|operand| operand.role == role).expect("a layout has the slots of the operands");
    match slot {
        Slot::Load(_) | Slot::Noise(_) => Ok(adapter.upload(&bytes(operand.tensor)?)),
        Slot::Store(_) => {
            let size = operand.tensor.elem_count() * operand.tensor.dtype().size_in_bytes();
            Ok(adapter.alloc(size))
        }
    }
}

/// The numbers of a contiguous tensor on the CPU, as they are in memory.
fn bytes(tensor: &Tensor) -> candle_core::Result<Vec<u8>> {
    let (guard, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*guard else { candle_core::bail!("expected a storage on the cpu") };
    let range = layout.start_offset()..layout.start_offset() + layout.shape().elem_count();
    fn of<N: Copy, const B: usize>(numbers: &[N], bytes: impl Fn(N) -> [u8; B]) -> Vec<u8> {
        numbers.iter().flat_map(|number| bytes(*number)).collect()
    }
    Ok(match storage {
        CpuStorage::F16(numbers) => of(&numbers[range], half::f16::to_le_bytes),
        CpuStorage::BF16(numbers) => of(&numbers[range], half::bf16::to_le_bytes),
        CpuStorage::F32(numbers) => of(&numbers[range], f32::to_le_bytes),
        other => candle_core::bail!("found a storage of {:?}", candle_core::backend::BackendStorage::dtype(other)),
    })
}

/// Writes what an adapter gave back into the caller's tensor.
fn write(store: &Tensor, bytes: &[u8]) -> candle_core::Result<()> {
    let from = Tensor::from_raw_buffer(bytes, store.dtype(), &[store.elem_count()], store.device())?;
    store.flatten_all()?.slice_set(&from, 0, 0)
}
