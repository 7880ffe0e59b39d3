//! Runs compiled samplers around candle denoisers.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use samp_runtime::{Call, Pipeline, Start};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Checked, planned and compiled here, all of it; a pipeline is immutable and can be shared.
//! let pipeline = Pipeline::new()
//!     .schedule("scaled_linear")
//!     .grid("karras")
//!     .model("eps")
//!     .sampler("dpmpp_2m")
//!     .steps(20)
//!     .compile()?;
//!
//! // A closure is a denoiser. `call` says what the network is told: its time, level, branches.
//! let start = Start::noise(&Device::Cpu, (1, 4, 8, 8), 42)?;
//! let image = pipeline.run(start, |x: &Tensor, call: &Call| x.affine(0.5, call.time() * 1e-3))?;
//! assert_eq!(image.dims(), [1, 4, 8, 8]);
//! # Ok(())
//! # }
//! ```
//!
//! Everything that changes lives in a [`Run`], one per picture: a [`Compiled`] pipeline is `Send + Sync`, and a
//! [`Run`] is `Send` if its denoiser is.

mod adaptive;
pub mod analytic;
pub mod bench;
mod denoiser;
pub mod device;
mod error;
mod kernels;
pub mod learn;
pub mod models;
pub mod networks;
mod pipeline;
mod run;
mod start;

pub use denoiser::{Call, Denoiser};
pub use device::On;
pub use error::Error;
pub use pipeline::{Compiled, Pipeline, read_text};
pub use run::{Run, RunOptions, Step};
pub use samp_compiler::backend::stored::Stored;
pub use samp_compiler::backend::{Dtype, Engine};
pub use samp_compiler::compile::Failure;
pub use samp_compiler::machine::host::HostValue;
pub use samp_compiler::machine::{GivenLevel, GivenLevels};
pub use samp_compiler::plan::Input;
pub use start::Start;
