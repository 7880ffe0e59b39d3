//! Kernels, from text to numbers: the interpreter is the oracle for machine code.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

#[cfg(feature = "wgpu")]
mod device;
mod elementary;
mod engines;
mod launches;
mod random;
mod reductions;
mod text;
