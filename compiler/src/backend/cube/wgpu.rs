//! Kernels on an adapter of `wgpu`: Vulkan, Metal or DX12, software adapters included.
//!
//! Buffers belong to the adapter and are padded to whole vectors, so kernels run with [`Room::Padded`] layouts
//! whatever their counts. Launches and uploads are put in a queue; only [`Adapter::read`] waits.
//!
//! [`Room::Padded`]: super::layout::Room::Padded

use cubecl::device::Device;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::wgpu::WgpuDeviceKind;

use super::CubeKernel as Function;
use super::emit::Dialect;
use super::launch::{Grid, GridLaunch};
use super::layout::{Layout, Slot, Storage, Width};
use super::reduce::Finish;
use crate::backend::BackendError;
use crate::backend::launch::LaunchError;

/// Buffers end at multiples of this: the widest access of a thread, eight `f32`.
const PADDING: usize = 32;

/// The most blocks along an axis that every adapter takes.
const MAX_BLOCKS: u32 = 65_535;

/// An adapter and its queue. Cheap to clone.
#[derive(Clone)]
pub struct Adapter {
    client: Client,
}

/// Memory of an adapter.
#[derive(Clone, Debug)]
pub struct DeviceBuffer {
    handle: Handle,
    bytes: usize,
}

impl DeviceBuffer {
    /// Its size in bytes, without padding.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Adapter({})", self.client.name())
    }
}

impl Adapter {
    /// The adapter that `wgpu` likes best; a software one if there is no other.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn open() -> Result<Adapter, BackendError> {
        let device = Device::wgpu(WgpuDeviceKind::DefaultDevice);
        let device = device.map_err(|error| BackendError::Device(error.to_string()))?;
        Ok(Adapter { client: device.client() })
    }

    /// Copies bytes to the adapter.
    pub fn upload(&self, bytes: &[u8]) -> DeviceBuffer {
        let mut padded = bytes.to_vec();
        padded.resize(padded_size(bytes.len()), 0);
        DeviceBuffer { handle: self.client.create_from_slice(&padded), bytes: bytes.len() }
    }

    /// Memory of this size, with anything in it.
    pub fn alloc(&self, bytes: usize) -> DeviceBuffer {
        DeviceBuffer { handle: self.client.empty(padded_size(bytes)), bytes }
    }

    /// Waits for all that was put in the queue, and copies a buffer back.
    ///
    /// # Errors
    ///
    /// A launch that wrote the buffer failed, or the adapter is lost.
    pub fn read(&self, buffer: &DeviceBuffer) -> Result<Vec<u8>, BackendError> {
        let bytes = self.client.read_one(buffer.handle.clone());
        let bytes = bytes.map_err(|error| BackendError::Device(format!("{error:?}")))?;
        Ok(bytes[..buffer.bytes].to_vec())
    }

    /// Puts a launch in the queue, on buffers in the order of [`Layout::slots`](super::layout::Layout::slots).
    ///
    /// # Errors
    ///
    /// Counts and sizes other than the kernel's and the launch's, a layout that WGSL has no types for.
    pub fn launch(
        &self,
        kernel: &Function,
        launch: &GridLaunch<'_>,
        buffers: &[&DeviceBuffer],
    ) -> Result<(), BackendError> {
        kernel.check_wgsl()?;
        let grid = kernel.grid(launch)?;
        let slots = kernel.layout().slots();
        if slots.len() != buffers.len() {
            return Err(LaunchError::Count { kind: "buffers", expected: slots.len(), found: buffers.len() }.into());
        }
        let client = &self.client;
        let definition =
            kernel.definition(Dialect::Plain, client.properties_shared(), client.target_properties_shared());
        let mut launcher = KernelLauncher::new(definition.settings());
        for (slot, buffer) in slots.iter().zip(buffers) {
            let storage = kernel.layout().storage(*slot);
            check_size(*slot, kernel.layout(), launch, buffer)?;
            let size = vector_size(kernel.layout().width_of(*slot), storage);
            // SAFETY: the buffer holds the launch's numbers, padded to whole vectors; no thread goes further.
            let buffer = unsafe { BufferArg::from_raw_parts(buffer.handle.clone(), padded_size(buffer.bytes) / size) };
            launcher.register_buffer(buffer, size);
        }
        self.enqueue(launcher, grid, definition);
        Ok(())
    }

    /// Puts what finishes a launch's reductions in the queue: the partial results, if there are any, the values that are
    /// reduced as a whole, and memory for as many cells as there are reductions and samples.
    ///
    /// # Errors
    ///
    /// Another number of buffers than [`Finish::n_buffers`], cells of another size.
    pub fn finish(
        &self,
        finish: &Finish,
        (samples, elements): (usize, usize),
        buffers: &[&DeviceBuffer],
    ) -> Result<(), BackendError> {
        let grid = finish.grid(samples, elements)?;
        if finish.n_buffers() != buffers.len() {
            return Err(
                LaunchError::Count { kind: "buffers", expected: finish.n_buffers(), found: buffers.len() }.into()
            );
        }
        let (expected, found) = (grid.blocks as usize * 4, buffers.last().map_or(0, |cells| cells.bytes));
        if expected != found {
            return Err(LaunchError::Size { kind: "cell", slot: 0, expected: expected / 4, found: found / 4 }.into());
        }
        let client = &self.client;
        let definition = finish.definition(client.properties_shared(), client.target_properties_shared());
        let mut launcher = KernelLauncher::new(definition.settings());
        for buffer in buffers {
            // SAFETY: the function reads and writes what the kernel's layout says is there.
            let arg = unsafe { BufferArg::from_raw_parts(buffer.handle.clone(), padded_size(buffer.bytes) / 4) };
            launcher.register_buffer(arg, 4);
        }
        self.enqueue(launcher, grid, definition);
        Ok(())
    }

    fn enqueue(&self, mut launcher: KernelLauncher, grid: Grid, definition: impl CubeKernel + 'static) {
        for scalar in grid.scalars {
            launcher.register_scalar(scalar);
        }
        for word in grid.words {
            launcher.register_scalar(word);
        }
        if grid.blocks > 0 {
            let count = CubeCount::Static(grid.blocks.min(MAX_BLOCKS), grid.blocks.div_ceil(MAX_BLOCKS), 1);
            launcher.launch(count, definition, &self.client);
        } else {
            launcher.discard();
        }
    }
}

fn padded_size(bytes: usize) -> usize {
    bytes.next_multiple_of(PADDING).max(PADDING)
}

/// Bytes of one element of the buffer's parameter.
fn vector_size(width: Width, storage: Storage) -> usize {
    match (storage, width) {
        (_, Width::One) => storage.size(),
        (Storage::F32, Width::Four | Width::Eight) => 16,
        (Storage::F16 | Storage::Bf16, Width::Four) => 8,
        (Storage::F16 | Storage::Bf16, Width::Eight) => 16,
    }
}

fn check_size(slot: Slot, layout: &Layout, launch: &GridLaunch<'_>, buffer: &DeviceBuffer) -> Result<(), LaunchError> {
    let size = layout.storage(slot).size();
    let (expected, found) = (layout.count(slot, launch.samples, launch.elements), buffer.bytes / size);
    if buffer.bytes == expected * size {
        return Ok(());
    }
    let (kind, slot) = match slot {
        Slot::Load(slot) => ("load", slot),
        Slot::Noise(slot) => ("noise", slot),
        Slot::Store(slot) => ("store", slot),
        Slot::Cell(slot) => ("cell", slot),
        Slot::Partials => ("partial results", 0),
        Slot::Whole(slot) => ("reduction", slot),
    };
    Err(LaunchError::Size { kind, slot, expected, found })
}
