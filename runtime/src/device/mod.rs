//! Devices: compiled kernels on candle tensors.
//!
//! A device takes a kernel, a [`TensorLaunch`] and tensors, and writes the kernel's outputs into
//! tensors that the caller owns. The CPU and CUDA devices allocate no tensor and copy none.
//! The first dimension of a tensor counts samples; the rest are the elements of one.

pub mod candle_ops;
mod candle_reduce;
pub mod cpu;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod cube;
#[cfg(feature = "cuda")]
pub mod cuda;
pub(crate) mod operands;
pub mod ptx_cache;
#[cfg(feature = "wgpu")]
pub mod wgpu;

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};
use samp_compiler::backend::launch::LaunchError;
use samp_compiler::backend::path::Term;
use samp_compiler::backend::{Artifact, BackendError, Dtype};

/// What runs the kernels of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum On {
    /// The best for the device that the tensors are on: compiled code on the CPU and, with the feature `cuda`, on CUDA
    /// devices; candle's operations elsewhere.
    #[default]
    Tensors,
    /// Candle's operations, on any device.
    CandleOps,
    /// An adapter of `wgpu`, for tensors on the CPU.
    #[cfg(feature = "wgpu")]
    Wgpu,
}

/// A number per sample, where the launch that made it left it.
#[derive(Clone, Debug)]
pub enum Cells {
    /// On the host.
    Host(Vec<f64>),
    /// On a device: one dimension, in f64 where the device has it.
    Tensor(Tensor),
}

impl Cells {
    /// The numbers on the host; waits for the device if they are there.
    fn host(&self) -> candle_core::Result<Cow<'_, [f64]>> {
        match self {
            Cells::Host(numbers) => Ok(Cow::Borrowed(numbers)),
            Cells::Tensor(tensor) => Ok(Cow::Owned(tensor.to_dtype(DType::F64)?.to_vec1()?)),
        }
    }

    /// The numbers on a device.
    fn on(&self, device: &Device) -> candle_core::Result<Tensor> {
        match self {
            Cells::Host(numbers) => {
                Tensor::new(&numbers[..], &Device::Cpu)?.to_dtype(widest(device))?.to_device(device)
            }
            Cells::Tensor(tensor) => tensor.to_device(device),
        }
    }
}

/// The widest float of a device.
fn widest(device: &Device) -> DType {
    match device {
        Device::Cpu | Device::Cuda(_) => DType::F64,
        Device::Metal(_) => DType::F32,
    }
}

/// A compiled kernel, with what devices make of it when they first run it.
#[derive(Debug)]
pub struct DeviceKernel {
    artifact: Artifact,
    #[cfg(feature = "cuda")]
    cuda: cuda::Functions,
    #[cfg(feature = "wgpu")]
    wgpu: wgpu::Functions,
}

impl From<Artifact> for DeviceKernel {
    fn from(artifact: Artifact) -> DeviceKernel {
        DeviceKernel {
            artifact,
            #[cfg(feature = "cuda")]
            cuda: cuda::Functions::default(),
            #[cfg(feature = "wgpu")]
            wgpu: wgpu::Functions::default(),
        }
    }
}

impl DeviceKernel {
    /// What runs on the CPU.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Runs the kernel on `loads` and writes into `stores`, in slot order; gives what it reduces.
    ///
    /// # Errors
    ///
    /// As [`cpu::launch`], and whatever the device says.
    pub fn launch(
        &self,
        on: On,
        launch: &TensorLaunch<'_>,
        loads: &[&Tensor],
        stores: &[&Tensor],
    ) -> Result<Vec<Cells>, DeviceError> {
        let device = stores.first().or(loads.first()).map_or(&Device::Cpu, |like| like.device());
        let cpu = || Ok(cpu::launch(&self.artifact, launch, loads, stores)?.into_iter().map(Cells::Host).collect());
        match (on, device) {
            (On::Tensors, Device::Cpu) => cpu(),
            #[cfg(feature = "cuda")]
            (On::Tensors, Device::Cuda(device)) => {
                let like = [stores, loads].concat();
                cube::with_paths_given(self.artifact.dtype(), launch, &like, |launch| {
                    cuda::launch(&self.cuda, device, &self.artifact, launch, loads, stores)
                })
            }
            #[cfg(not(feature = "cuda"))]
            (On::Tensors, Device::Cuda(_)) => candle_ops::launch(&self.artifact, launch, loads, stores),
            (On::Tensors, Device::Metal(_)) | (On::CandleOps, _) => {
                candle_ops::launch(&self.artifact, launch, loads, stores)
            }
            #[cfg(feature = "wgpu")]
            (On::Wgpu, _) => {
                let like = [stores, loads].concat();
                cube::with_paths_given(self.artifact.dtype(), launch, &like, |launch| {
                    wgpu::launch(&self.wgpu, &self.artifact, launch, loads, stores)
                })
            }
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
    /// The cells in slot order, each with a number per sample.
    pub cells: &'a [&'a Cells],
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
    /// An increment of the Brownian path.
    Path(&'a [Term]),
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
    /// A tensor of another shape than the first store, or than the first load where there is no store.
    #[error("expected {role} of shape {expected:?}, found {found:?}")]
    Shape {
        /// Which tensor.
        role: Role,
        /// The shape of the first one.
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
    /// The kernel has no code for the device, or the device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Candle refused.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
