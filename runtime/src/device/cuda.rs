//! The CUDA device: kernels on candle's own buffers, in candle's own stream.
//!
//! The text of a kernel is compiled by NVRTC for the device at hand and kept on disk ([`PtxCache`]). A launch locks
//! the storages of its tensors as the CPU device does, takes their addresses and puts one kernel in the stream: it
//! copies nothing, allocates nothing and waits for nothing. Storages start at multiples of 256 bytes, as the driver
//! gives them.
//!
//! A kernel that reduces is followed by a small one that finishes its reductions. Between them lies memory that is taken
//! and given back in the order of the stream; the cells stay on the device, for the kernels that read them.
//!
//! f64 has no device code; such launches go through candle's operations.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg, SyncOnDrop,
};
use candle_core::cuda_backend::cudarc::nvrtc::{self, CompileError, CompileOptions, Ptx, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice, DeviceId};
use candle_core::op::BackpropOp;
use candle_core::{CpuStorage, CudaStorage, DType, Device, InplaceOp1, Layout as TensorLayout, Storage, Tensor};
use samp_compiler::backend::cube::launch::Grid;
use samp_compiler::backend::cube::layout::{Extent, Layout, Slot};
use samp_compiler::backend::cube::reduce::Finish;
use samp_compiler::backend::cube::{CUDA_OPTIONS, CubeKernel, CudaText, THREADS};
use samp_compiler::backend::launch::{check_counts, check_size};
use samp_compiler::backend::{Artifact, Dtype};

use super::operands::{self, Operand};
use super::ptx_cache::{Key, PtxCache};
use super::{Cells, DeviceError, Role, TensorLaunch, candle_ops, cube};

/// The device functions of one kernel, made when they are first launched.
#[derive(Debug, Default)]
pub struct Functions(Mutex<Vec<(DeviceId, Arc<Function>)>>);

#[derive(Debug)]
struct Function {
    kernel: CubeKernel,
    code: Code,
    /// What finishes the kernel's reductions.
    finish: Option<(Finish, Code)>,
}

/// A function on the device.
#[derive(Debug)]
struct Code {
    function: CudaFunction,
    shared_bytes: u32,
}

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order, on the CUDA device that they are on; gives
/// what it reduces.
///
/// # Errors
///
/// As [`cpu::launch`](super::cpu::launch), and whatever NVRTC and the driver say.
pub fn launch(
    functions: &Functions,
    device: &CudaDevice,
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<Vec<Cells>, DeviceError> {
    let kernel = artifact.kernel();
    let counts = [loads.len(), stores.len(), launch.scalars.len(), launch.draws.len(), launch.cells.len()];
    check_counts(kernel, counts)?;
    let mut operands = operands::checked(artifact.dtype(), launch, loads, stores)?;
    let shape = operands::samples(loads, stores);
    if shape.0 * shape.1 == 0 {
        return Ok(cube::cells_of_nothing(kernel, shape.0));
    }
    let extent = Extent { samples: shape.0, elements: shape.1, room: cube::room(&operands) };
    let layout = match artifact.dtype() {
        Dtype::F32 => cube::layout(kernel, &operands, launch, extent),
        Dtype::F64 => None,
    };
    let Some(layout) = layout else { return candle_ops::launch(artifact, launch, loads, stores) };
    let function = functions.get(device, artifact, layout)?;
    let draws = cube::draws(launch);
    let grid = function.kernel.grid(&cube::grid_launch(launch, &draws, shape))?;
    let slots = function.kernel.layout().slots();
    let finish = match &function.finish {
        Some((finish, code)) => Some((code, finish.grid(shape.0, shape.1)?, finish)),
        None => None,
    };
    let cells = launch.cells.iter().enumerate().map(|(slot, cells)| cell(cells, slot, shape.0, device));
    let cells = cells.collect::<Result<Vec<_>, DeviceError>>()?;
    let left = slots.iter().filter(|slot| matches!(slot, Slot::Partials | Slot::Whole(_)));
    let left = left.map(|slot| scratch(device, function.kernel.layout().count(*slot, shape.0, shape.1)));
    let left = left.collect::<candle_core::Result<Vec<_>>>()?;
    let made = finish.as_ref().map(|(_, grid, _)| scratch(device, grid.blocks as usize)).transpose()?;

    // A stable sort: stores stay first in their storage.
    operands.sort_by_key(|operand| operand.storage);
    let addresses = Addresses::new(loads.len(), launch.draws.len(), stores.len());
    let stream = device.cuda_stream();
    lock_all(&operands, &addresses, &stream, &|| {
        let guards: Vec<_> = cells.iter().map(|cell| cell.storage_and_layout()).collect();
        let cells = guards.iter().map(|(storage, layout)| {
            let Storage::Cuda(storage) = &**storage else { candle_core::bail!("expected cells on a CUDA device") };
            let (start, used) = address(storage, &stream)?;
            Ok((start + (layout.start_offset() * size_of::<f32>()) as u64, used))
        });
        let cells = cells.collect::<candle_core::Result<Vec<_>>>()?;
        let left: Vec<_> = left.iter().map(|slice| slice.device_ptr(&stream)).collect();
        let mut left_over = left.iter();
        let buffers = slots.iter().map(|slot| match *slot {
            Slot::Load(slot) => addresses.loads[slot].get(),
            Slot::Noise(slot) => addresses.noises[slot].get(),
            Slot::Store(slot) => addresses.stores[slot].get(),
            Slot::Cell(slot) => cells[slot].0,
            Slot::Partials | Slot::Whole(_) => left_over.next().expect("each has memory").0,
        });
        let buffers: Vec<u64> = buffers.collect();
        // SAFETY: the parameters are those that the kernel's text declares, in its order; each address is of a locked
        // storage or memory on this device with the numbers of the launch, and `checked` found no conflict among them.
        unsafe { enqueue(&stream, &function.code, &buffers, &grid)? };
        if let (Some((code, grid, _)), Some(made)) = (&finish, &made) {
            let made = made.device_ptr(&stream);
            let buffers: Vec<u64> = left.iter().chain([&made]).map(|(address, _)| *address).collect();
            // SAFETY: the same; what the kernel left is there before this begins, as both are in one stream.
            unsafe { enqueue(&stream, code, &buffers, grid)? };
        }
        Ok(())
    })?;
    let Some(made) = made else { return Ok(Vec::new()) };
    let made = Storage::Cuda(CudaStorage::wrap_cuda_slice(made, device.clone()));
    let made = Tensor::from_storage(made, kernel.reduces.len() * shape.0, BackpropOp::none(), false);
    let cells = (0..kernel.reduces.len()).map(|slot| Ok(Cells::Tensor(made.narrow(0, slot * shape.0, shape.0)?)));
    cells.collect()
}

/// A cell as kernels read it: a number of f32 for each sample, on the device.
fn cell(cells: &Cells, slot: usize, samples: usize, device: &CudaDevice) -> Result<Tensor, DeviceError> {
    let cells = cells.on(&Device::Cuda(device.clone()))?.to_dtype(DType::F32)?.contiguous()?;
    check_size("cell", slot, samples, cells.elem_count())?;
    Ok(cells)
}

/// Memory for so many numbers, with anything in it; candle gives it back in the order of the stream.
fn scratch(device: &CudaDevice, n: usize) -> candle_core::Result<CudaSlice<f32>> {
    // SAFETY: it is written before it is read, by the functions that it is for.
    unsafe { device.alloc::<f32>(n) }
}

/// Puts a function in the stream.
///
/// # Safety
///
/// The buffers and the grid's numbers are what the function declares, and it may read and write there.
unsafe fn enqueue(stream: &CudaStream, code: &Code, buffers: &[u64], grid: &Grid) -> candle_core::Result<()> {
    let info = grid.cuda_info(buffers.len());
    let mut builder = stream.launch_builder(&code.function);
    for buffer in buffers {
        builder.arg(buffer);
    }
    // The struct of parameters by value: the driver copies as many bytes as the function declares.
    builder.arg(&info[0]);
    let shared_mem_bytes = code.shared_bytes;
    let config = LaunchConfig { grid_dim: (grid.blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes };
    // SAFETY: the caller's promise.
    unsafe { builder.launch(config) }.map(drop).map_err(candle_core::Error::wrap)
}

impl Functions {
    /// The function for a layout on a device.
    fn get(&self, device: &CudaDevice, artifact: &Artifact, layout: Layout) -> Result<Arc<Function>, DeviceError> {
        // What is under the lock is whole at any time, also if another thread panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = device.id();
        if let Some((_, function)) = known.iter().find(|(of, f)| *of == id && *f.kernel.layout() == layout) {
            return Ok(Arc::clone(function));
        }
        let kernel = CubeKernel::new(artifact.kernel(), layout)?;
        let finish = match kernel.finish() {
            Some(finish) => {
                let code = load(device, finish.name(), &finish.cuda()?)?;
                Some((finish, code))
            }
            None => None,
        };
        let function = Arc::new(Function { code: load(device, kernel.name(), &kernel.cuda()?)?, kernel, finish });
        known.push((id, Arc::clone(&function)));
        Ok(function)
    }
}

/// The device function of a text: kept on disk or compiled.
fn load(device: &CudaDevice, name: &str, text: &CudaText) -> Result<Code, DeviceError> {
    let context = Arc::clone(device.cuda_stream().context());
    let (major, minor) = context.compute_capability().map_err(candle_core::Error::wrap)?;
    let CudaText { source, shared_bytes } = text;
    let shared_bytes = u32::try_from(*shared_bytes).expect("a block's shared memory is small");
    let options = options(major, minor);
    let versions = versions();
    let key = Key { text: source, options: &options, versions: &versions };
    let cache = PtxCache::of_user();
    let function = |ptx: String| {
        let module = context.load_module(Ptx::from_src(ptx))?;
        module.load_function(name)
    };
    // A driver that refuses what is kept gets it compiled anew.
    if let Some(function) = cache.as_ref().and_then(|cache| cache.get(&key)).and_then(|ptx| function(ptx).ok()) {
        return Ok(Code { function, shared_bytes });
    }
    let ptx = compile(source, options.clone())?;
    if let Some(cache) = &cache {
        cache.put(&key, &ptx);
    }
    Ok(Code { function: function(ptx).map_err(candle_core::Error::wrap)?, shared_bytes })
}

/// The PTX of a kernel's text for a compute capability. It needs NVRTC, and no device.
///
/// # Errors
///
/// What NVRTC says of the text.
pub fn compile_for(text: &str, (major, minor): (i32, i32)) -> Result<String, DeviceError> {
    compile(text, options(major, minor))
}

fn compile(text: &str, options: Vec<String>) -> Result<String, DeviceError> {
    let options = CompileOptions { options, ..CompileOptions::default() };
    let ptx = compile_ptx_with_opts(text, options).map_err(|error| match error {
        CompileError::CompileError { nvrtc, log, .. } => {
            candle_core::Error::Msg(format!("NVRTC refuses a kernel ({nvrtc:?}): {}", log.to_string_lossy()))
        }
        other => candle_core::Error::wrap(other),
    })?;
    Ok(ptx.to_src())
}

fn options(major: i32, minor: i32) -> Vec<String> {
    let architecture = format!("--gpu-architecture=compute_{major}{minor}");
    CUDA_OPTIONS.iter().map(|option| (*option).to_owned()).chain([architecture]).collect()
}

/// Everything but the text that decides on the code. The text tells cubecl's version by itself.
fn versions() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: two integers to write to.
    let _ = unsafe { nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
    format!("samp-{} nvrtc-{major}.{minor}", env!("CARGO_PKG_VERSION"))
}

/// Where each slot's numbers are, as found while locking.
struct Addresses {
    loads: Vec<Cell<u64>>,
    noises: Vec<Cell<u64>>,
    stores: Vec<Cell<u64>>,
}

impl Addresses {
    fn new(n_loads: usize, n_noises: usize, n_stores: usize) -> Addresses {
        let none = |n| vec![Cell::new(0); n];
        Addresses { loads: none(n_loads), noises: none(n_noises), stores: none(n_stores) }
    }

    /// Notes the place of each operand in the storage that starts at this address.
    fn set(&self, group: &[Operand<'_>], start: u64) {
        for operand in group {
            let address = start + (operand.range.0 * operand.tensor.dtype().size_in_bytes()) as u64;
            match operand.role {
                Role::Store(slot) => self.stores[slot].set(address),
                Role::Load(slot) => self.loads[slot].set(address),
                Role::Noise(slot) => self.noises[slot].set(address),
            }
        }
    }
}

/// Locks the storages of `sorted` one inside the other, then calls `then`. While it does, candle knows of the use of
/// each: the stream waits for other streams that write them, and they for this one.
fn lock_all(
    sorted: &[Operand<'_>],
    addresses: &Addresses,
    stream: &CudaStream,
    then: &dyn Fn() -> candle_core::Result<()>,
) -> candle_core::Result<()> {
    let Some(first) = sorted.first() else { return then() };
    let n = sorted.iter().take_while(|operand| operand.storage == first.storage).count();
    let (group, rest) = sorted.split_at(n);
    match first.role {
        Role::Store(_) => first.tensor.inplace_op1(&InPlace(|storage: &mut CudaStorage| {
            let (start, _used) = address_mut(storage, stream)?;
            addresses.set(group, start);
            lock_all(rest, addresses, stream, then)
        })),
        Role::Load(_) | Role::Noise(_) => {
            let (guard, _) = first.tensor.storage_and_layout();
            let Storage::Cuda(storage) = &*guard else { candle_core::bail!("expected a storage on a CUDA device") };
            let (start, _used) = address(storage, stream)?;
            addresses.set(group, start);
            lock_all(rest, addresses, stream, then)
        }
    }
}

/// Gives candle's in-place operations a closure.
struct InPlace<F>(F);

impl<F: Fn(&mut CudaStorage) -> candle_core::Result<()>> InplaceOp1 for InPlace<F> {
    fn name(&self) -> &'static str {
        "samp-kernel"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &TensorLayout) -> candle_core::Result<()> {
        candle_core::bail!("expected a storage on a CUDA device")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, _: &TensorLayout) -> candle_core::Result<()> {
        (self.0)(storage)
    }
}

/// Where a storage's numbers are, to be read as long as the second value lives.
fn address<'a>(storage: &'a CudaStorage, stream: &'a CudaStream) -> candle_core::Result<(u64, SyncOnDrop<'a>)> {
    fn of<'a, N>(slice: &'a CudaSlice<N>, stream: &'a CudaStream) -> (u64, SyncOnDrop<'a>) {
        slice.device_ptr(stream)
    }
    Ok(match &storage.slice {
        CudaStorageSlice::F16(slice) => of(slice, stream),
        CudaStorageSlice::BF16(slice) => of(slice, stream),
        CudaStorageSlice::F32(slice) => of(slice, stream),
        _ => candle_core::bail!("expected a storage of f16, bf16 or f32"),
    })
}

/// Where a storage's numbers are, to be written as long as the second value lives.
fn address_mut<'a>(storage: &'a mut CudaStorage, stream: &'a CudaStream) -> candle_core::Result<(u64, SyncOnDrop<'a>)> {
    fn of<'a, N>(slice: &'a mut CudaSlice<N>, stream: &'a CudaStream) -> (u64, SyncOnDrop<'a>) {
        slice.device_ptr_mut(stream)
    }
    Ok(match &mut storage.slice {
        CudaStorageSlice::F16(slice) => of(slice, stream),
        CudaStorageSlice::BF16(slice) => of(slice, stream),
        CudaStorageSlice::F32(slice) => of(slice, stream),
        _ => candle_core::bail!("expected a storage of f16, bf16 or f32"),
    })
}
