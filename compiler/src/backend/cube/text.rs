//! Kernels as text for a device's compiler. No device, driver or toolkit is asked.

use std::sync::Arc;

use cubecl::Compiler;
use cubecl::ir::features::Features;
use cubecl::ir::{DeviceIdentity, DeviceProperties, HardwareProperties, MemoryDeviceProperties, VectorSize};
use cubecl::prelude::*;
use cubecl_cpp::shared::{CompilationOptions, CppCompiler};
use cubecl_cpp::target::Cuda;

use super::CubeKernel;
use super::emit::{Definition, Dialect};
use crate::backend::BackendError;

impl CubeKernel {
    /// CUDA C++ for NVRTC, with the options of [`CUDA_OPTIONS`](super::CUDA_OPTIONS); it includes no header.
    ///
    /// # Errors
    ///
    /// Whatever cubecl says.
    pub fn cuda(&self) -> Result<String, BackendError> {
        let mut options = CompilationOptions::default();
        // The parameters by value are one struct in constant memory, not a buffer.
        options.supports_features.grid_constants = true;
        let kernel = define(&self.offline(Dialect::Ptx))?;
        let compiled = CppCompiler::<Cuda>::default().compile(kernel, &options).map_err(refused)?;
        Ok(compiled.source)
    }

    /// Metal's language.
    ///
    /// # Errors
    ///
    /// Whatever cubecl says.
    pub fn msl(&self) -> Result<String, BackendError> {
        let kernel = define(&self.offline(Dialect::Plain))?;
        let compiled = cubecl_cpp::MslCompiler::default().compile(kernel, &Default::default()).map_err(refused)?;
        Ok(compiled.to_string())
    }

    /// WGSL, as every adapter takes it.
    ///
    /// # Errors
    ///
    /// A kernel of single 16-bit numbers, which WGSL has no type for, and whatever cubecl says.
    #[cfg(feature = "wgpu")]
    pub fn wgsl(&self) -> Result<String, BackendError> {
        self.check_wgsl()?;
        let kernel = define(&self.offline(Dialect::Plain))?;
        let compiled = cubecl::wgpu::WgslCompiler.compile(kernel, &Default::default()).map_err(refused)?;
        Ok(compiled.to_string())
    }

    fn offline(&self, dialect: Dialect) -> Definition {
        self.definition(dialect, offline_properties(), Arc::default())
    }
}

fn define(definition: &Definition) -> Result<KernelDefinition, BackendError> {
    define_kernel(definition).map_err(refused)
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
