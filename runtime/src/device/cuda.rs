//! The CUDA device: kernels on candle's own buffers, in candle's own stream.
//!
//! The text of a kernel is compiled by NVRTC for the device at hand and kept on disk ([`PtxCache`]). A launch locks
//! the storages of its tensors as the CPU device does, takes their addresses and puts one kernel in the stream: it
//! copies nothing, allocates nothing and waits for nothing. Storages start at multiples of 256 bytes, as the driver
//! gives them.
//!
//! f64 has no device code; such launches go through candle's operations.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg, SyncOnDrop,
};
use candle_core::cuda_backend::cudarc::nvrtc::{self, CompileError, CompileOptions, Ptx, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice, DeviceId};
use candle_core::{CpuStorage, CudaStorage, Device, InplaceOp1, Layout as TensorLayout, Storage, Tensor};
use samp_compiler::backend::cube::layout::{Extent, Layout, Slot};
use samp_compiler::backend::cube::{CUDA_OPTIONS, CubeKernel, THREADS};
use samp_compiler::backend::launch::check_counts;
use samp_compiler::backend::{Artifact, Dtype};

use super::operands::{self, Operand};
use super::ptx_cache::{Key, PtxCache};
use super::{DeviceError, Role, TensorLaunch, candle_ops, cube};

/// The device functions of one kernel, made when they are first launched.
#[derive(Debug, Default)]
pub struct Functions(Mutex<Vec<(DeviceId, Arc<Function>)>>);

#[derive(Debug)]
struct Function {
    kernel: CubeKernel,
    function: CudaFunction,
}

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order, on the CUDA device that they are on.
///
/// # Errors
///
/// As [`cpu::launch`](super::cpu::launch), and whatever NVRTC and the driver say.
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
    let mut operands = operands::checked(artifact.dtype(), launch, loads, stores)?;
    let Some(Device::Cuda(device)) = stores.first().map(|store| store.device()) else { return Ok(()) };
    let shape = operands::samples(loads, stores);
    if shape.0 * shape.1 == 0 {
        return Ok(());
    }
    let extent = Extent { samples: shape.0, elements: shape.1, room: cube::room(&operands) };
    let layout = match artifact.dtype() {
        Dtype::F32 => cube::layout(&operands, launch, extent),
        Dtype::F64 => None,
    };
    let Some(layout) = layout else {
        // A kernel that measures does not come here, so there is nothing that it gives back.
        return candle_ops::launch(artifact, launch, loads, stores).map(|_| ());
    };
    let function = functions.get(device, artifact, layout)?;
    let draws = cube::draws(launch);
    let grid = function.kernel.grid(&cube::grid_launch(launch, &draws, shape))?;
    let info = function.kernel.cuda_info(&grid);
    let slots = function.kernel.layout().slots();

    // A stable sort: stores stay first in their storage.
    operands.sort_by_key(|operand| operand.storage);
    let addresses = Addresses::new(loads.len(), launch.draws.len(), stores.len());
    let stream = device.cuda_stream();
    lock_all(&operands, &addresses, &stream, &|| {
        let buffers: Vec<u64> = slots.iter().map(|slot| addresses.of(*slot).get()).collect();
        let mut builder = stream.launch_builder(&function.function);
        for buffer in &buffers {
            builder.arg(buffer);
        }
        // The struct of parameters by value: the driver copies as many bytes as the function declares.
        builder.arg(&info[0]);
        let config = LaunchConfig { grid_dim: (grid.blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the parameters are those that the kernel's text declares, in its order; each address is of a locked
        // storage on this device with the numbers of the launch, and `checked` found no conflict among them.
        unsafe { builder.launch(config) }.map(drop).map_err(candle_core::Error::wrap)
    })?;
    Ok(())
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
        let function = Arc::new(Function { function: load(device, &kernel)?, kernel });
        known.push((id, Arc::clone(&function)));
        Ok(function)
    }
}

/// The device function of a kernel: kept on disk or compiled.
fn load(device: &CudaDevice, kernel: &CubeKernel) -> Result<CudaFunction, DeviceError> {
    let context = Arc::clone(device.cuda_stream().context());
    let (major, minor) = context.compute_capability().map_err(candle_core::Error::wrap)?;
    let text = kernel.cuda()?;
    let options = options(major, minor);
    let versions = versions();
    let key = Key { text: &text, options: &options, versions: &versions };
    let cache = PtxCache::of_user();
    let function = |ptx: String| {
        let module = context.load_module(Ptx::from_src(ptx))?;
        module.load_function(kernel.name())
    };
    // A driver that refuses what is kept gets it compiled anew.
    if let Some(function) = cache.as_ref().and_then(|cache| cache.get(&key)).and_then(|ptx| function(ptx).ok()) {
        return Ok(function);
    }
    let ptx = compile(&text, options.clone())?;
    if let Some(cache) = &cache {
        cache.put(&key, &ptx);
    }
    Ok(function(ptx).map_err(candle_core::Error::wrap)?)
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

    fn of(&self, slot: Slot) -> &Cell<u64> {
        match slot {
            Slot::Load(slot) => &self.loads[slot],
            Slot::Noise(slot) => &self.noises[slot],
            Slot::Store(slot) => &self.stores[slot],
        }
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
