//! Backends: from a verified kernel to something that runs on the CPU.
//!
//! [`compile`] takes a [`Kernel`] and gives an [`Artifact`]; [`launch`] runs artifacts on
//! buffers. Two engines have one meaning: the interpreter, which is the reference, and
//! Cranelift, which is fast. Nothing here knows tensors, threads or files.
//!
//! A reduction is made of what the engines store: they know nothing of it.
//!
//! Where the engines may differ: `exp`, `ln`, `tanh`, `sin` and `cos` differ by a few units
//! in the last place, and `fma` is two roundings under Cranelift on a CPU without such an
//! instruction. All else is equal bit for bit.

pub mod clif;
#[cfg(feature = "cube")]
pub mod cube;
pub mod element;
mod elementary;
mod interp;
pub mod launch;
pub mod noise;
pub mod path;
mod poly;
pub mod stored;
pub mod reduce;

use std::ops::Range;

use self::element::Element;
use crate::ir::kernel::Kernel;
use crate::ir::kernel_verify::{VerifyError, verify};

/// Elements that a kernel works on at a time: noise for this many stays in the L1 cache.
pub const BLOCK: usize = 1024;

/// What a kernel computes in; its buffers may hold [other types](stored::Stored).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl Dtype {
    /// The name, as candle and people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
        }
    }

    /// Bytes of one number.
    pub const fn size(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::F64 => 8,
        }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How a kernel is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The reference: slow, obvious, everywhere.
    Interp,
    /// Machine code by Cranelift, on x86-64 and aarch64.
    Clif,
}

impl Engine {
    /// The fastest engine of this machine.
    pub fn best() -> Engine {
        if clif::is_supported() { Engine::Clif } else { Engine::Interp }
    }
}

/// Why a kernel was not compiled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The kernel breaks an invariant.
    #[error("internal error: kernel `{name}` is broken ({error}); please report it")]
    Broken {
        /// The kernel.
        name: String,
        /// What is wrong with it.
        error: VerifyError,
    },
    /// Cranelift does not know this machine.
    #[error("cranelift cannot compile for this machine; use the interpreter")]
    Host,
    /// Cranelift refused.
    #[error("internal error: cranelift cannot compile a kernel ({0}); please report it")]
    Codegen(String),
    /// A device layout that is not the kernel's, or not the device's.
    #[error("the device layout does not fit kernel `{0}`")]
    Layout(String),
    /// cubecl refused.
    #[error("internal error: cubecl cannot compile a kernel ({0}); please report it")]
    Cube(String),
    /// A launch does not fit its kernel.
    #[error(transparent)]
    Launch(#[from] launch::LaunchError),
    /// There is no device, or it failed.
    #[error("the device does not work: {0}")]
    Device(String),
}

/// A compiled kernel. Immutable and free to share between threads.
#[derive(Clone, Debug)]
pub struct Artifact {
    kernel: Kernel,
    dtype: Dtype,
    code: Code,
}

#[derive(Clone, Debug)]
enum Code {
    Interp,
    Clif(clif::Function),
}

/// Compiles one kernel.
///
/// [`Engine::Clif`] makes machine code of F32 kernels and of F64 kernels of exact
/// operations ([`Op::is_exact`](crate::ir::op::Op::is_exact)). What it has no code for runs
/// in the interpreter: F64 kernels with other operations, and any kernel with other
/// operations on a CPU without fused multiply-add. [`Artifact::engine`] tells.
///
/// # Errors
///
/// A kernel that does not verify, a machine that Cranelift does not know, and whatever
/// Cranelift says.
pub fn compile(kernel: &Kernel, engine: Engine, dtype: Dtype) -> Result<Artifact, BackendError> {
    let mut artifacts = compile_all(std::slice::from_ref(kernel), engine, dtype)?;
    artifacts.pop().ok_or_else(|| BackendError::Codegen("no function came back".to_owned()))
}

/// Compiles many kernels, in order, into one block of code; cheaper than one by one.
///
/// # Errors
///
/// As [`compile`], for the first kernel that fails.
pub fn compile_all(kernels: &[Kernel], engine: Engine, dtype: Dtype) -> Result<Vec<Artifact>, BackendError> {
    for kernel in kernels {
        verify(kernel).map_err(|error| BackendError::Broken { name: kernel.name.clone(), error })?;
    }
    let codes = match engine {
        Engine::Interp => kernels.iter().map(|_| Code::Interp).collect(),
        Engine::Clif => compile_clif(kernels, dtype)?,
    };
    let artifact = |(kernel, code): (&Kernel, Code)| Artifact { kernel: kernel.clone(), dtype, code };
    Ok(kernels.iter().zip(codes).map(artifact).collect())
}

fn compile_clif(kernels: &[Kernel], dtype: Dtype) -> Result<Vec<Code>, BackendError> {
    let functions = clif::compile(kernels, dtype)?;
    let code = |function: Option<clif::Function>| function.map_or(Code::Interp, Code::Clif);
    Ok(functions.into_iter().map(code).collect())
}

impl Artifact {
    /// The kernel that this runs.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// What it computes in.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The engine that runs it.
    pub fn engine(&self) -> Engine {
        match self.code {
            Code::Interp => Engine::Interp,
            Code::Clif(_) => Engine::Clif,
        }
    }

    /// Bytes of machine code; none for the interpreter.
    pub fn code_size(&self) -> usize {
        match &self.code {
            Code::Interp => 0,
            Code::Clif(function) => function.code_size(),
        }
    }

    /// Runs elements `range` of `span`.
    ///
    /// # Safety
    ///
    /// `T` is of [`Artifact::dtype`], `span` has a pointer for each load, noise, store and reduced
    /// value of the kernel and a row for each scalar and cell, and every pointer is good for the elements
    /// `range`: to read, and for stores to write. A store's elements are those of a load, or
    /// overlap no other.
    unsafe fn run_span<T: Element>(&self, span: &Span<'_, T>, range: Range<usize>) {
        match &self.code {
            // SAFETY: the same contract.
            Code::Interp => unsafe { interp::run(&self.kernel, span, range) },
            // SAFETY: the same contract.
            Code::Clif(function) => unsafe { function.run(span, range) },
        }
    }
}

/// The operands of a stretch of elements, in slot order.
struct Span<'a, T> {
    /// Loads, then noises, then stores, then values to be reduced.
    pointers: &'a [*mut T],
    /// How many of the pointers are written to: stores and values to be reduced.
    n_stores: usize,
    /// Scalars, then the sample's cells.
    scalars: &'a [Row<T>],
}

/// A scalar as vector code wants it: once for each lane.
type Row<T> = [T; 4];
