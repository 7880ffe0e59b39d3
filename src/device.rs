//! The device that `--device` names.

use candle_core::Device;
use samp_runtime::On;

use crate::args::DeviceArg;
use crate::report::Failed;

/// Opens a device; says how to build for it where this build cannot.
pub fn open(device: DeviceArg) -> Result<(Device, On), Failed> {
    let opened = match device {
        DeviceArg::Cpu => return Ok((Device::Cpu, On::Tensors)),
        DeviceArg::Cuda if cfg!(feature = "cuda") => Device::new_cuda(0),
        DeviceArg::Metal if cfg!(feature = "metal") => Device::new_metal(0),
        #[cfg(feature = "wgpu")]
        DeviceArg::Wgpu => return Ok((Device::Cpu, On::Wgpu)),
        DeviceArg::Cuda => return Err(missing("cuda")),
        DeviceArg::Metal => return Err(missing("metal")),
        #[cfg(not(feature = "wgpu"))]
        DeviceArg::Wgpu => return Err(missing("wgpu")),
    };
    let device = opened.map_err(|error| Failed::Found(format!("the device does not open: {error}")))?;
    Ok((device, On::Tensors))
}

fn missing(feature: &str) -> Failed {
    let build = format!("cargo install --path . --features {feature}");
    Failed::Usage(format!("this `sampc` was built without `{feature}`; build it with `{build}`"))
}
