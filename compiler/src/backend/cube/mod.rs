//! The cubecl backend: kernels for devices, from one definition.
//!
//! A [`CubeKernel`] is a kernel with a [`Layout`]: the number types of its buffers and how wide a thread works. It
//! gives [CUDA C++](CubeKernel::cuda), [MSL](CubeKernel::msl) and with the feature `wgpu` WGSL, as text; and with that
//! feature [`wgpu`] runs it on any adapter. What a launch passes by value is made by [`launch`].
//!
//! Only this folder names cubecl. `leaf` holds the operations, `lanes` the operation table in them, `halves` the
//! 16-bit numbers, `noise` the generator, `emit` the function around them, `reduce` what becomes of reductions.
//!
//! # Meaning
//!
//! That of the interpreter in F32: the operations, the order of loads and stores, noise. The elementary functions and
//! the normals take the very steps of the CPU's machine code, so on a device with IEEE 754 arithmetic and fused
//! multiply-adds (CUDA with [`CUDA_OPTIONS`]) results are those of Cranelift bit for bit. Other devices may round
//! `fma` twice, flush denormals, and be a few units in the last place off in `div` and `sqrt`.

mod emit;
mod halves;
mod lanes;
pub mod launch;
pub mod layout;
mod leaf;
mod noise;
pub mod reduce;
mod text;
#[cfg(feature = "wgpu")]
pub mod wgpu;

use std::sync::Arc;

use cubecl::ir::{DeviceProperties, TargetProperties};

use self::emit::{Definition, Dialect};
use self::layout::{Extent, Layout, Storage};
pub use self::text::{CudaText, Language};
use super::BackendError;
use crate::ir::kernel::Kernel;
use crate::ir::kernel_verify::verify;
use crate::ir::plan::{Plan, PlanOp};

/// Threads of a block; blocks lie along one axis.
pub const THREADS: u32 = 256;

/// The options that give CUDA text its meaning: no contraction of products and sums. Add the architecture.
pub const CUDA_OPTIONS: &[&str] = &["--fmad=false"];

/// A verified kernel with its layout. Immutable and cheap to clone.
#[derive(Clone, Debug)]
pub struct CubeKernel {
    name: String,
    kernel: Arc<Kernel>,
    layout: Layout,
}

impl CubeKernel {
    /// A kernel that fits its layout.
    ///
    /// # Errors
    ///
    /// A kernel that does not verify, or a layout of other slots than the kernel's.
    pub fn new(kernel: &Kernel, layout: Layout) -> Result<CubeKernel, BackendError> {
        verify(kernel).map_err(|error| BackendError::Broken { name: kernel.name.clone(), error })?;
        layout.check(kernel)?;
        Ok(CubeKernel { name: function_name(kernel, &layout), kernel: Arc::new(kernel.clone()), layout })
    }

    /// The name of the device function: that of the kernel and a digest of all that the text depends on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn definition(&self, dialect: Dialect, device: Arc<DeviceProperties>, target: Arc<TargetProperties>) -> Definition {
        let CubeKernel { name, kernel, layout } = self.clone();
        Definition { name, kernel, layout, dialect, device, target }
    }

    #[cfg(feature = "wgpu")]
    fn check_wgsl(&self) -> Result<(), BackendError> {
        match self.layout.has_halves() && self.layout.width == layout::Width::One {
            true => Err(BackendError::Layout(self.kernel.name.clone())),
            false => Ok(()),
        }
    }
}

/// The device functions of a plan, each once, in the order of their first launch.
///
/// # Errors
///
/// As [`CubeKernel::new`].
pub fn of_plan(plan: &Plan, network: Storage, extent: Extent) -> Result<Vec<CubeKernel>, BackendError> {
    let mut kernels: Vec<CubeKernel> = Vec::new();
    for op in &plan.ops {
        match op {
            PlanOp::Launch(op) => {
                let kernel = &plan.kernels[op.kernel];
                let kernel = CubeKernel::new(kernel, Layout::of_launch(kernel, op, network).fitted(extent))?;
                if kernels.iter().all(|known| known.name != kernel.name) {
                    kernels.push(kernel);
                }
            }
            PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => {}
        }
    }
    Ok(kernels)
}

fn function_name(kernel: &Kernel, layout: &Layout) -> String {
    let key = format!("{:?} {layout:?}", kernel.key());
    let word: String = kernel.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("samp_{word}_{:016x}", fnv(key.as_bytes()))
}

/// FNV-1a in 64 bits: the same digest in every build, unlike the standard library's.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
