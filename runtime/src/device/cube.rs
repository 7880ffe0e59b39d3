//! Launches as the cubecl backend wants them: how the tensors of a launch lie, and the parameters by value.

use candle_core::Tensor;
use samp_compiler::backend::Dtype;
use samp_compiler::backend::cube::launch::GridLaunch;
#[cfg(feature = "cuda")]
use samp_compiler::backend::cube::layout::Room;
use samp_compiler::backend::cube::layout::{Extent, Layout, NoiseLayout, Storage, StoreLayout};
#[cfg(feature = "cuda")]
use samp_compiler::backend::reduce::whole;
use samp_compiler::backend::stored::Stored;
use samp_compiler::ir::kernel::Kernel;

use super::operands::{Operand, stored};
use super::{Cells, DeviceError, Role, TensorDraw, TensorLaunch, candle_ops};

/// The layout of a launch on checked operands, or nothing for what device functions do not do: numbers in f64, two
/// loads in the place of one store, and increments of a Brownian path that are not given.
pub(super) fn layout(
    kernel: &Kernel,
    operands: &[Operand<'_>],
    launch: &TensorLaunch<'_>,
    extent: Extent,
) -> Option<Layout> {
    let mut loads = Vec::new();
    let mut stores = Vec::new();
    for operand in operands {
        let storage = storage(operand)?;
        match operand.role {
            Role::Load(_) => loads.push(storage),
            Role::Store(_) => {
                let mut same = operands.iter().filter_map(|other| match other.role {
                    Role::Load(load) if other.storage == operand.storage && other.range == operand.range => Some(load),
                    Role::Load(_) | Role::Store(_) | Role::Noise(_) => None,
                });
                stores.push(match (same.next(), same.next()) {
                    (None, _) => StoreLayout::Own(storage),
                    (Some(load), None) => StoreLayout::InPlace(load),
                    (Some(_), Some(_)) => return None,
                });
            }
            Role::Noise(_) => {}
        }
    }
    let noises = launch.draws.iter().map(|draw| match draw {
        TensorDraw::Generated { .. } => Some(NoiseLayout::Generated),
        TensorDraw::Given(_) => Some(NoiseLayout::Given(Storage::F32)),
        // A sum of many draws, which is made by other means.
        TensorDraw::Path(_) => None,
    });
    let noises = noises.collect::<Option<Vec<_>>>()?;
    Some(Layout { loads, noises, stores, ..Layout::uniform(kernel, Storage::F32) }.fitted(extent))
}

/// A launch with increments of the Brownian path as given noise: device functions make single draws alone. They are
/// made on the host, as the CPU makes them, in the shape of `like`'s first, and sent to its device. In f64 there are no
/// device functions.
pub(super) fn with_paths_given(
    compute: Dtype,
    launch: &TensorLaunch<'_>,
    like: &[&Tensor],
    then: impl Fn(&TensorLaunch<'_>) -> Result<Vec<Cells>, DeviceError>,
) -> Result<Vec<Cells>, DeviceError> {
    let paths = launch.draws.iter().map(|draw| match draw {
        TensorDraw::Path(terms) if compute == Dtype::F32 => candle_ops::noise::<f32>(launch, like, terms).map(Some),
        TensorDraw::Path(_) | TensorDraw::Generated { .. } | TensorDraw::Given(_) => Ok(None),
    });
    let paths = paths.collect::<Result<Vec<_>, _>>()?;
    let draws = launch.draws.iter().zip(&paths).map(|(draw, path)| path.as_ref().map_or(*draw, TensorDraw::Given));
    let draws: Vec<TensorDraw<'_>> = draws.collect();
    then(&TensorLaunch { draws: &draws, ..*launch })
}

/// What a kernel makes of samples without elements, and of no samples.
#[cfg(feature = "cuda")]
pub(super) fn cells_of_nothing(kernel: &Kernel, samples: usize) -> Vec<Cells> {
    let cells = kernel.reduces.iter().map(|reduce| Cells::Host(vec![whole::<f32>(reduce.how, &[]); samples]));
    cells.collect()
}

/// What is known of the operands' memory, if their storages start at multiples of 16 bytes.
#[cfg(feature = "cuda")]
pub(super) fn room(operands: &[Operand<'_>]) -> Room {
    let aligned = |operand: &Operand<'_>| {
        stored(operand.tensor.dtype()).is_some_and(|stored| (operand.range.0 * stored.size()).is_multiple_of(16))
    };
    if operands.iter().all(aligned) { Room::Aligned } else { Room::Any }
}

/// Stream and draw of each generated noise.
pub(super) fn draws(launch: &TensorLaunch<'_>) -> Vec<(u32, u32)> {
    let generated = |draw: &TensorDraw<'_>| match *draw {
        TensorDraw::Generated { stream, draw } => Some((stream, draw)),
        TensorDraw::Given(_) | TensorDraw::Path(_) => None,
    };
    launch.draws.iter().filter_map(generated).collect()
}

/// The launch without its buffers.
pub(super) fn grid_launch<'a>(
    launch: &TensorLaunch<'a>,
    draws: &'a [(u32, u32)],
    (samples, elements): (usize, usize),
) -> GridLaunch<'a> {
    let TensorLaunch { scalars, seed, first_sample, .. } = *launch;
    GridLaunch { scalars, draws, seed, first_sample, samples, elements }
}

fn storage(operand: &Operand<'_>) -> Option<Storage> {
    match stored(operand.tensor.dtype())? {
        Stored::F16 => Some(Storage::F16),
        Stored::Bf16 => Some(Storage::Bf16),
        Stored::F32 => Some(Storage::F32),
        Stored::F64 => None,
    }
}
