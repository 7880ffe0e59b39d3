//! Kernels on an adapter of `wgpu`, around tensors on the CPU.
//!
//! For machines whose GPU candle does not know: numbers travel to the adapter and back with every launch, so the
//! network and all else stay where they are. What it is good for is running the device code anywhere, a software
//! adapter included.
//!
//! f64 has no device code; such launches run on the CPU.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::{CpuStorage, DType, Storage, Tensor};
use samp_compiler::backend::cube::CubeKernel;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Slot, StoreLayout, Width};
use samp_compiler::backend::cube::wgpu::{Adapter, DeviceBuffer};
use samp_compiler::backend::launch::{check_counts, check_size};
use samp_compiler::backend::{Artifact, BackendError, Dtype};

use super::operands::{self, Operand, candle_dtype};
use super::{Cells, DeviceError, Role, TensorLaunch, cpu, cube};

/// The device functions of one kernel, made when they are first launched.
#[derive(Debug, Default)]
pub struct Functions(Mutex<Vec<Arc<CubeKernel>>>);

/// The adapter of this process: opening one takes a second, and there is no more to it than the hardware.
fn adapter() -> Result<&'static Adapter, BackendError> {
    static ADAPTER: OnceLock<Result<Adapter, BackendError>> = OnceLock::new();
    ADAPTER.get_or_init(Adapter::open).as_ref().map_err(Clone::clone)
}

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order, all of them on the CPU; gives what it
/// reduces.
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
) -> Result<Vec<Cells>, DeviceError> {
    let kernel = artifact.kernel();
    let counts = [loads.len(), stores.len(), launch.scalars.len(), launch.draws.len(), launch.cells.len()];
    check_counts(kernel, counts)?;
    let operands = operands::checked(artifact.dtype(), launch, loads, stores)?;
    operands::on_cpu(&operands)?;
    let shape = operands::samples(loads, stores);
    let extent = Extent { samples: shape.0, elements: shape.1, room: Room::Padded };
    let layout = match artifact.dtype() {
        Dtype::F32 => cube::layout(kernel, &operands, launch, extent),
        Dtype::F64 => None,
    };
    let Some(mut layout) = layout.filter(|_| shape.0 * shape.1 > 0) else {
        return Ok(cpu::launch(artifact, launch, loads, stores)?.into_iter().map(Cells::Host).collect());
    };
    if layout.width == Width::One && layout.has_halves() {
        // No adapter has single numbers of 16 bits. They are converted here instead, on their way.
        layout = layout.widened().fitted(extent);
    }
    let function = functions.get(artifact, layout)?;
    let adapter = adapter()?;
    let slots = function.layout().slots();
    let buffers = slots.iter().map(|slot| match slot {
        Slot::Cell(cell) => {
            let numbers = launch.cells[*cell].host()?;
            check_size("cell", *cell, shape.0, numbers.len())?;
            Ok(adapter.upload(&numbers.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect::<Vec<u8>>()))
        }
        Slot::Partials | Slot::Whole(_) => Ok(adapter.alloc(4 * function.layout().count(*slot, shape.0, shape.1))),
        Slot::Load(load) => upload(adapter, function.layout(), *slot, &operands, Role::Load(*load)),
        Slot::Noise(noise) => upload(adapter, function.layout(), *slot, &operands, Role::Noise(*noise)),
        Slot::Store(_) => {
            let size = function.layout().storage(*slot).size();
            Ok(adapter.alloc(size * function.layout().count(*slot, shape.0, shape.1)))
        }
    });
    let buffers = buffers.collect::<Result<Vec<_>, DeviceError>>()?;
    let draws = cube::draws(launch);
    let grid = cube::grid_launch(launch, &draws, shape);
    adapter.launch(&function, &grid, &buffers.iter().collect::<Vec<_>>())?;
    let cells = match function.finish() {
        None => Vec::new(),
        Some(finish) => {
            let cells = adapter.alloc(4 * finish.hows().len() * shape.0);
            let left = slots.iter().zip(&buffers).filter(|(slot, _)| matches!(slot, Slot::Partials | Slot::Whole(_)));
            let left: Vec<&DeviceBuffer> = left.map(|(_, buffer)| buffer).chain([&cells]).collect();
            adapter.finish(&finish, shape, &left)?;
            let bytes = adapter.read(&cells)?;
            let number = |four: &[u8]| f64::from(f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            let numbers: Vec<f64> = bytes.chunks_exact(4).map(number).collect();
            numbers.chunks(shape.0).map(|numbers| Cells::Host(numbers.to_vec())).collect()
        }
    };
    for (slot, store) in function.layout().stores.iter().enumerate() {
        let written = match store {
            StoreLayout::Own(_) => Slot::Store(slot),
            StoreLayout::InPlace(load) => Slot::Load(*load),
        };
        let at = slots.iter().position(|slot| *slot == written).expect("a layout has a buffer for each store");
        let dtype = candle_dtype(function.layout().storage(written).into());
        write(stores[slot], &adapter.read(&buffers[at])?, dtype)?;
    }
    Ok(cells)
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

/// The adapter's buffer of a load or given noise, with its numbers.
fn upload(
    adapter: &Adapter,
    layout: &Layout,
    slot: Slot,
    operands: &[Operand<'_>],
    role: Role,
) -> Result<DeviceBuffer, DeviceError> {
    let operand = operands.iter().find(|operand| operand.role == role).expect("a layout has the slots of the operands");
    let numbers = operand.tensor.to_dtype(candle_dtype(layout.storage(slot).into()))?;
    Ok(adapter.upload(&bytes(&numbers)?))
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
fn write(store: &Tensor, bytes: &[u8], dtype: DType) -> candle_core::Result<()> {
    let from = Tensor::from_raw_buffer(bytes, dtype, &[store.elem_count()], store.device())?;
    store.flatten_all()?.slice_set(&from.to_dtype(store.dtype())?, 0, 0)
}
