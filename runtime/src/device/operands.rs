//! The tensors of a launch: what they must be, whatever the device.

use candle_core::{DType, Device, Storage, Tensor};
use samp_compiler::backend::Dtype;
use samp_compiler::backend::stored::Stored;

use super::{DeviceError, Role, TensorDraw, TensorLaunch};

/// A tensor of a launch.
pub(super) struct Operand<'a> {
    pub(super) role: Role,
    pub(super) tensor: &'a Tensor,
    /// The address of its storage, which names it: views and clones have the same.
    pub(super) storage: usize,
    /// Its numbers in the storage, from and to.
    pub(super) range: (usize, usize),
}

/// All operands of a launch, checked: stores, loads, given noise, each in slot order.
///
/// # Errors
///
/// Tensors on different devices, of another shape than the first store, of no type that kernels know, not contiguous,
/// or in overlapping memory; noise of another type than the kernel computes in.
pub(super) fn checked<'a>(
    compute: Dtype,
    launch: &TensorLaunch<'a>,
    loads: &[&'a Tensor],
    stores: &[&'a Tensor],
) -> Result<Vec<Operand<'a>>, DeviceError> {
    let given = |draw: &TensorDraw<'a>| match *draw {
        TensorDraw::Given(tensor) => Some(tensor),
        TensorDraw::Generated { .. } | TensorDraw::Path(_) => None,
    };
    let mut operands = Vec::with_capacity(loads.len() + stores.len() + launch.draws.len());
    for (slot, tensor) in stores.iter().enumerate() {
        operands.push(Operand::new(Role::Store(slot), tensor));
    }
    for (slot, tensor) in loads.iter().enumerate() {
        operands.push(Operand::new(Role::Load(slot), tensor));
    }
    for (slot, draw) in launch.draws.iter().enumerate() {
        operands.extend(given(draw).map(|tensor| Operand::new(Role::Noise(slot), tensor)));
    }
    let first = operands.first().map(|first| first.tensor);
    for operand in &operands {
        operand.check(compute, first.unwrap_or(operand.tensor))?;
    }
    check_overlaps(&operands)?;
    Ok(operands)
}

impl<'a> Operand<'a> {
    fn new(role: Role, tensor: &'a Tensor) -> Operand<'a> {
        let (storage, layout) = tensor.storage_and_layout();
        let start = layout.start_offset();
        Operand {
            role,
            tensor,
            storage: std::ptr::from_ref::<Storage>(&storage).addr(),
            range: (start, start + layout.shape().elem_count()),
        }
    }

    fn check(&self, compute: Dtype, first: &Tensor) -> Result<(), DeviceError> {
        let (role, tensor) = (self.role, self.tensor);
        if !first.device().same_device(tensor.device()) {
            let (expected, found) = (name(first.device()), name(tensor.device()));
            return Err(DeviceError::Device { role, expected, found });
        }
        let known = match role {
            Role::Noise(_) => tensor.dtype() == candle_dtype(compute.into()),
            Role::Store(_) | Role::Load(_) => stored(tensor.dtype()).is_some(),
        };
        if !known {
            let found = tensor.dtype().as_str();
            return Err(DeviceError::Dtype { role, expected: compute, found });
        }
        if first.dims() != tensor.dims() {
            let (expected, found) = (first.dims().to_vec(), tensor.dims().to_vec());
            return Err(DeviceError::Shape { role, expected, found });
        }
        match tensor.is_contiguous() {
            true => Ok(()),
            false => Err(DeviceError::NotContiguous(role)),
        }
    }

    /// Whether one writing and the other using their memory could be told apart.
    fn conflicts(&self, other: &Operand<'_>) -> bool {
        let overlap = self.range.0 < other.range.1 && other.range.0 < self.range.1;
        match (self.role, other.role) {
            (Role::Store(_), Role::Store(_) | Role::Noise(_)) => overlap,
            (Role::Noise(_), Role::Store(_)) => overlap,
            (Role::Store(_), Role::Load(_)) | (Role::Load(_), Role::Store(_)) => overlap && self.range != other.range,
            (Role::Load(_) | Role::Noise(_), Role::Load(_) | Role::Noise(_)) => false,
        }
    }
}

/// There are a handful of operands: every pair is looked at.
fn check_overlaps(operands: &[Operand<'_>]) -> Result<(), DeviceError> {
    for (i, a) in operands.iter().enumerate() {
        if let Some(b) = operands[i + 1..].iter().find(|b| a.storage == b.storage && a.conflicts(b)) {
            return Err(DeviceError::Overlap(a.role, b.role));
        }
    }
    Ok(())
}

/// Refuses operands that are not on the CPU.
///
/// # Errors
///
/// Of the first that is elsewhere.
pub(super) fn on_cpu(operands: &[Operand<'_>]) -> Result<(), DeviceError> {
    // They are all on one device.
    match operands.first() {
        Some(first) if !first.tensor.device().is_cpu() => {
            let (expected, found) = (name(&Device::Cpu), name(first.tensor.device()));
            Err(DeviceError::Device { role: first.role, expected, found })
        }
        Some(_) | None => Ok(()),
    }
}

/// Samples of a launch and elements of each, by the shape of its tensors.
pub(super) fn samples(loads: &[&Tensor], stores: &[&Tensor]) -> (usize, usize) {
    match stores.first().or(loads.first()).map_or(&[][..], |like| like.dims()) {
        [] => (1, 1),
        [samples, rest @ ..] => (*samples, rest.iter().product()),
    }
}

/// What a tensor of this type holds, for kernels.
pub(crate) fn stored(dtype: DType) -> Option<Stored> {
    Stored::ALL.into_iter().find(|stored| candle_dtype(*stored) == dtype)
}

/// Candle's name of a type.
pub(crate) fn candle_dtype(stored: Stored) -> DType {
    match stored {
        Stored::F16 => DType::F16,
        Stored::Bf16 => DType::BF16,
        Stored::F32 => DType::F32,
        Stored::F64 => DType::F64,
    }
}

fn name(device: &Device) -> String {
    match device {
        Device::Cpu => "the cpu".to_owned(),
        device => format!("{:?}", device.location()).to_lowercase(),
    }
}
