//! Kernels as text for a device's compiler. No device, driver or toolkit is asked.

use std::collections::HashMap;
use std::sync::Arc;

use cubecl::Compiler;
use cubecl::ir::features::Features;
use cubecl::ir::{DeviceIdentity, DeviceProperties, HardwareProperties, MemoryDeviceProperties, VectorSize};
use cubecl::prelude::*;
use cubecl_cpp::shared::{CompilationOptions, CppCompiler};
use cubecl_cpp::target::Cuda;

use super::emit::Dialect;
use super::reduce::Finish;
use super::{CubeKernel, THREADS};
use crate::backend::BackendError;

/// A language that device functions are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// CUDA C++.
    Cuda,
    /// Metal's.
    Msl,
    /// WebGPU's.
    #[cfg(feature = "wgpu")]
    Wgsl,
    /// Vulkan's: the bytes of a module in hexadecimal, 32 a line.
    #[cfg(feature = "wgpu")]
    SpirV,
}

/// CUDA C++ and what its launch needs beside parameters and threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaText {
    /// The text; it includes no header.
    pub source: String,
    /// Bytes of shared memory that a block asks for.
    pub shared_bytes: usize,
}

/// The texts of a device function, by what it is defined as for a dialect.
macro_rules! texts {
    ($function:ty, $define:expr, $blocks:expr) => {
        impl $function {
            /// The text in a language.
            ///
            /// # Errors
            ///
            /// Those of the language.
            pub fn text(&self, language: Language) -> Result<String, BackendError> {
                match language {
                    Language::Cuda => Ok(self.cuda()?.source),
                    Language::Msl => self.msl(),
                    #[cfg(feature = "wgpu")]
                    Language::Wgsl => self.wgsl(),
                    #[cfg(feature = "wgpu")]
                    Language::SpirV => Ok(hexadecimal(&self.spirv()?)),
                }
            }

            /// CUDA C++ for NVRTC, with the options of [`CUDA_OPTIONS`](super::CUDA_OPTIONS).
            ///
            /// # Errors
            ///
            /// Whatever cubecl says.
            pub fn cuda(&self) -> Result<CudaText, BackendError> {
                let mut options = CompilationOptions::default();
                // The parameters by value are one struct in constant memory, not a buffer.
                options.supports_features.grid_constants = true;
                let kernel = define_kernel(&$define(self, Dialect::Ptx)).map_err(refused)?;
                let compiled = CppCompiler::<Cuda>::default().compile(kernel, &options).map_err(refused)?;
                let source = with_blocks(renumbered(&compiled.source), $blocks(self));
                Ok(CudaText { source, shared_bytes: compiled.shared_memory_size })
            }

            /// Metal's language.
            ///
            /// # Errors
            ///
            /// Whatever cubecl says.
            pub fn msl(&self) -> Result<String, BackendError> {
                let kernel = define_kernel(&$define(self, Dialect::Plain)).map_err(refused)?;
                let compiled = cubecl_cpp::MslCompiler::default().compile(kernel, &Default::default());
                Ok(compiled.map_err(refused)?.to_string())
            }

            /// WGSL, as every adapter takes it.
            ///
            /// # Errors
            ///
            /// A kernel of single 16-bit numbers, which WGSL has no type for, and whatever cubecl says.
            #[cfg(feature = "wgpu")]
            pub fn wgsl(&self) -> Result<String, BackendError> {
                self.check_wgsl()?;
                let kernel = define_kernel(&$define(self, Dialect::Plain)).map_err(refused)?;
                let compiled = cubecl::wgpu::WgslCompiler.compile(kernel, &Default::default());
                Ok(compiled.map_err(refused)?.to_string())
            }

            /// SPIR-V, word by word: the WGSL after the compiler with which `wgpu` feeds Vulkan.
            ///
            /// # Errors
            ///
            /// Those of WGSL.
            #[cfg(feature = "wgpu")]
            pub fn spirv(&self) -> Result<Vec<u32>, BackendError> {
                spirv_of(&self.wgsl()?)
            }
        }
    };
}

texts!(
    CubeKernel,
    |kernel: &CubeKernel, dialect| kernel.definition(dialect, offline_properties(), Arc::default()),
    |kernel: &CubeKernel| (kernel.layout.n_registers_read() > MANY_READ).then_some(2)
);
texts!(Finish, |finish: &Finish, _| finish.definition(offline_properties(), Arc::default()), |_: &Finish| None);

/// Registers of what a thread reads, 16 bytes of 8 buffers, up to which the device's compiler is left to itself.
const MANY_READ: usize = 32;

/// The text with the number of blocks that are to run beside each other on a processor, if there is one. Left to itself,
/// NVRTC aims at so many blocks that a kernel of many buffers spills; for two it has 128 registers a thread.
fn with_blocks(text: String, blocks: Option<u32>) -> String {
    let bounds = |blocks: &str| format!("__launch_bounds__({THREADS}{blocks})");
    match blocks {
        Some(blocks) => text.replace(&bounds(""), &bounds(&format!(", {blocks}"))),
        None => text,
    }
}

/// The text with its variables `v0, v1, ..` in the order in which they appear. cubecl numbers those of shared memory in
/// an order of the moment, and the text is a key of caches.
fn renumbered(text: &str) -> String {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(next.len_utf8()));
        rest = after;
        let (prefix, name) = word.split_at(if word.starts_with("info_v") { 5 } else { 0 });
        match name.strip_prefix('v').filter(|digits| digits.parse::<u32>().is_ok()) {
            Some(digits) => {
                let n = known.len();
                let number = *known.entry(digits).or_insert(n);
                result.push_str(&format!("{prefix}v{number}"));
            }
            None => result.push_str(word),
        }
    }
    result
}

#[cfg(feature = "wgpu")]
fn spirv_of(wgsl: &str) -> Result<Vec<u32>, BackendError> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    let module = naga::front::wgsl::parse_str(wgsl).map_err(refused)?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).map_err(refused)?;
    naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None).map_err(refused)
}

/// As `xxd -r -p` reads it.
#[cfg(feature = "wgpu")]
fn hexadecimal(words: &[u32]) -> String {
    let line = |words: &[u32]| words.iter().map(|word| format!("{:08x}", word.swap_bytes())).collect::<String>();
    words.chunks(8).map(|words| line(words) + "\n").collect()
}

fn refused(error: impl std::fmt::Debug) -> BackendError {
    BackendError::Cube(format!("{error:?}"))
}

/// A device with the types of every CUDA device. Nothing of it shows in the text.
fn offline_properties() -> Arc<DeviceProperties> {
    let hardware = HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: 32,
        plane_size_max: 32,
        max_bindings: 1024,
        max_shared_memory_size: 48 * 1024,
        max_cube_count: (i32::MAX as u32, u16::MAX as u32, u16::MAX as u32),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: None,
        num_tensor_cores: None,
        min_tensor_cores_dim: None,
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: VectorSize::MAX,
        cube_mma_reserved_shared_memory: 0,
    };
    let mut properties = DeviceProperties::new(
        Features::default(),
        MemoryDeviceProperties::new(u64::MAX, 256),
        hardware,
        cubecl::profile::TimingMethod::Device,
        DeviceIdentity { name: "offline".into(), fingerprint: "offline".into(), physical: None },
    );
    cubecl_cpp::register_supported_types(&mut properties);
    Arc::new(properties)
}
