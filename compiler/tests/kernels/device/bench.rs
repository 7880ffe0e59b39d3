//! Kernels on the adapter of this machine.

use std::sync::LazyLock;

use samp_compiler::backend::cube::CubeKernel;
use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Layout, NoiseLayout, Slot, Storage, StoreLayout};
use samp_compiler::backend::cube::wgpu::{Adapter, DeviceBuffer};
use samp_compiler::ir::kernel::Kernel;

/// One adapter for all tests. There is no skipping: who asks for this feature has one.
pub fn adapter() -> &'static Adapter {
    static ADAPTER: LazyLock<Adapter> = LazyLock::new(|| Adapter::open().unwrap());
    &ADAPTER
}

/// Numbers as a buffer holds them.
pub fn bytes(storage: Storage, numbers: &[f32]) -> Vec<u8> {
    let two = |bits: Vec<u16>| bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    match storage {
        Storage::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Storage::F16 => two(numbers.iter().map(|number| half::f16::from_f32(*number).to_bits()).collect()),
        Storage::Bf16 => two(numbers.iter().map(|number| half::bf16::from_f32(*number).to_bits()).collect()),
    }
}

/// The numbers of a buffer.
pub fn numbers(storage: Storage, bytes: &[u8]) -> Vec<f32> {
    let two = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    match storage {
        Storage::F32 => {
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
        }
        Storage::F16 => two().map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
        Storage::Bf16 => two().map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
    }
}

/// What a kernel stores, given its loads and given noises; layouts are taken as they are.
pub fn run(
    kernel: &Kernel,
    layout: &Layout,
    launch: &GridLaunch<'_>,
    loads: &[Vec<f32>],
    given: &[Vec<f32>],
) -> Vec<Vec<f32>> {
    measure(kernel, layout, launch, &Inputs { loads, given, cells: &[] }).0
}

/// What a kernel reads.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    pub loads: &'a [Vec<f32>],
    pub given: &'a [Vec<f32>],
    pub cells: &'a [Vec<f32>],
}

/// What a kernel stores and what it reduces, for each reduction a number per sample.
pub fn measure(
    kernel: &Kernel,
    layout: &Layout,
    launch: &GridLaunch<'_>,
    inputs: &Inputs<'_>,
) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let device = adapter();
    let kernel = CubeKernel::new(kernel, layout.clone()).unwrap();
    let (samples, elements) = (launch.samples, launch.elements);
    let buffer = |slot: &Slot| -> DeviceBuffer {
        let storage = layout.storage(*slot);
        match *slot {
            Slot::Load(slot) => device.upload(&bytes(storage, &inputs.loads[slot])),
            Slot::Noise(slot) => device.upload(&bytes(storage, &inputs.given[slot])),
            Slot::Cell(slot) => device.upload(&bytes(storage, &inputs.cells[slot])),
            Slot::Store(_) | Slot::Partials | Slot::Whole(_) => {
                device.upload(&vec![0xff; layout.count(*slot, samples, elements) * storage.size()])
            }
        }
    };
    let slots = layout.slots();
    let buffers: Vec<DeviceBuffer> = slots.iter().map(buffer).collect();
    device.launch(&kernel, launch, &buffers.iter().collect::<Vec<_>>()).unwrap();
    let cells = kernel.finish().map_or(Vec::new(), |finish| {
        let cells = device.alloc(4 * samples * finish.hows().len());
        let left = slots.iter().zip(&buffers).filter(|(slot, _)| matches!(slot, Slot::Partials | Slot::Whole(_)));
        let left: Vec<&DeviceBuffer> = left.map(|(_, buffer)| buffer).chain([&cells]).collect();
        device.finish(&finish, (samples, elements), &left).unwrap();
        let found = numbers(Storage::F32, &device.read(&cells).unwrap());
        found.chunks(samples).map(<[f32]>::to_vec).collect()
    });
    let stored = |(store, place): (usize, &StoreLayout)| {
        let slot = match *place {
            StoreLayout::Own(_) => Slot::Store(store),
            StoreLayout::InPlace(load) => Slot::Load(load),
        };
        let at = slots.iter().position(|known| *known == slot).unwrap();
        numbers(layout.storage(slot), &device.read(&buffers[at]).unwrap())
    };
    (layout.stores.iter().enumerate().map(stored).collect(), cells)
}

/// Stream and draw of every generated noise of a layout: its slot, and one draw for all.
pub fn draws(layout: &Layout, draw: u32) -> Vec<(u32, u32)> {
    let generated = layout.noises.iter().enumerate().filter(|(_, noise)| **noise == NoiseLayout::Generated);
    generated.map(|(slot, _)| (slot as u32, draw)).collect()
}
