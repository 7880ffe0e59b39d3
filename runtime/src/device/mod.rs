//! Devices: compiled kernels on candle tensors.
//!
//! A device takes an artifact, a [`TensorLaunch`] and tensors, and writes the kernel's
//! outputs into tensors that the caller owns. It allocates no tensor and copies none.
//! The first dimension of a tensor counts samples; the rest are the elements of one.

pub mod candle_ops;
pub mod cpu;
pub(crate) mod operands;

use candle_core::{Device, Tensor};
use samp_compiler::backend::launch::LaunchError;
use samp_compiler::backend::{Artifact, Dtype};

/// What runs the kernels of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum On {
    /// The best for the device that the tensors are on: compiled code on the CPU, candle's operations elsewhere.
    #[default]
    Tensors,
    /// Candle's operations, on any device.
    CandleOps,
}

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order.
///
/// # Errors
///
/// As [`cpu::launch`].
pub fn launch(
    on: On,
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<(), DeviceError> {
    let device = stores.first().map_or(&Device::Cpu, |store| store.device());
    match (on, device) {
        (On::Tensors, Device::Cpu) => cpu::launch(artifact, launch, loads, stores),
        (On::CandleOps, _) | (On::Tensors, Device::Cuda(_) | Device::Metal(_)) => {
            candle_ops::launch(artifact, launch, loads, stores)
        }
    }
}

/// What a kernel is run with, apart from its loads and stores.
#[derive(Clone, Copy, Debug)]
pub struct TensorLaunch<'a> {
    /// The scalars in slot order.
    pub scalars: &'a [f64],
    /// The noise sources in slot order.
    pub draws: &'a [TensorDraw<'a>],
    /// The seed of all generated noise.
    pub seed: u64,
    /// The index, in the whole run, of the first sample here.
    pub first_sample: u64,
    /// The most threads to use; the result is the same for any number.
    pub threads: usize,
}

/// Where the numbers of a noise slot come from.
#[derive(Clone, Copy, Debug)]
pub enum TensorDraw<'a> {
    /// Philox normals.
    Generated {
        /// Which noise source of the run.
        stream: u32,
        /// Which use of that source.
        draw: u32,
    },
    /// The caller's own numbers, of the shape of the outputs.
    Given(&'a Tensor),
}

/// Which tensor of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The store of this slot.
    Store(usize),
    /// The load of this slot.
    Load(usize),
    /// The given noise of this slot.
    Noise(usize),
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Role::Store(slot) => write!(f, "store {slot}"),
            Role::Load(slot) => write!(f, "load {slot}"),
            Role::Noise(slot) => write!(f, "noise {slot}"),
        }
    }
}

/// Why a kernel did not run on tensors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A tensor on another device.
    #[error("expected {role} on {expected}, found it on {found}")]
    Device {
        /// Which tensor.
        role: Role,
        /// The device that runs the kernel.
        expected: String,
        /// The tensor's device.
        found: String,
    },
    /// A tensor that holds no floats, or noise of another type than the kernel computes in.
    #[error("expected {role} of {expected}, found {found}")]
    Dtype {
        /// Which tensor.
        role: Role,
        /// What the kernel computes in.
        expected: Dtype,
        /// The tensor's type.
        found: &'static str,
    },
    /// A tensor of another shape than the first store.
    #[error("expected {role} of shape {expected:?}, found {found:?}")]
    Shape {
        /// Which tensor.
        role: Role,
        /// The shape of store 0.
        expected: Vec<usize>,
        /// The tensor's shape.
        found: Vec<usize>,
    },
    /// A tensor whose numbers are not one after the other.
    #[error("expected {0} to be contiguous; call `.contiguous()` on it")]
    NotContiguous(Role),
    /// Two tensors in the same memory where that would change the result.
    #[error("{0} and {1} share memory; a load may be exactly a store's tensor, all else apart")]
    Overlap(Role, Role),
    /// The launch does not fit the kernel.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// Candle refused.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
