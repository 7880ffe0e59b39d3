//! What buffers hold, whatever a kernel computes in: loads are widened, stores are rounded.
//!
//! A state in f32 around a network in bf16 is one kernel with mixed buffers. f16 and bf16 are converted from and to
//! f32, rounded to the nearest, ties to even; an f64 kernel rounds to f32 first. On the CPU this happens block by
//! block, so that it is in the cache when the kernel works on it.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::element::Element;
use super::{BLOCK, Dtype};

/// The number type of one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stored {
    /// IEEE 754 binary16.
    F16,
    /// The upper half of binary32.
    Bf16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl Stored {
    /// Every type.
    pub const ALL: [Stored; 4] = [Stored::F16, Stored::Bf16, Stored::F32, Stored::F64];

    /// The name, as candle and people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Stored::F16 => "f16",
            Stored::Bf16 => "bf16",
            Stored::F32 => "f32",
            Stored::F64 => "f64",
        }
    }

    /// Bytes of one number.
    pub const fn size(self) -> usize {
        match self {
            Stored::F16 | Stored::Bf16 => 2,
            Stored::F32 => 4,
            Stored::F64 => 8,
        }
    }
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Dtype> for Stored {
    fn from(dtype: Dtype) -> Stored {
        match dtype {
            Dtype::F32 => Stored::F32,
            Dtype::F64 => Stored::F64,
        }
    }
}

/// Where a buffer is and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its first number.
    pub pointer: *mut u8,
    /// What it holds.
    pub stored: Stored,
}

impl Place {
    /// A buffer of what the kernel computes in.
    pub fn of<T: Element>(pointer: *mut T) -> Place {
        Place { pointer: pointer.cast(), stored: T::DTYPE.into() }
    }

    /// The place of number `index`.
    pub(super) fn at(self, index: usize) -> *mut u8 {
        self.pointer.wrapping_add(index * self.stored.size())
    }
}

/// Fills `row`, at most a block, from numbers of another type.
///
/// # Safety
///
/// `from` is aligned and good to read for `row.len()` numbers of the type `stored`, apart from `row`.
pub(super) unsafe fn widen<T: Element>(row: &mut [T], from: *const u8, stored: Stored) {
    let mut wide = [0f32; BLOCK];
    let wide = &mut wide[..row.len()];
    // SAFETY: the caller's promise, for each type.
    unsafe {
        match stored {
            Stored::F16 => std::slice::from_raw_parts(from.cast::<f16>(), row.len()).convert_to_f32_slice(wide),
            Stored::Bf16 => std::slice::from_raw_parts(from.cast::<bf16>(), row.len()).convert_to_f32_slice(wide),
            Stored::F32 => wide.copy_from_slice(std::slice::from_raw_parts(from.cast(), row.len())),
            Stored::F64 => {
                let numbers = std::slice::from_raw_parts(from.cast::<f64>(), row.len());
                row.iter_mut().zip(numbers).for_each(|(to, from)| *to = T::from_f64(*from));
                return;
            }
        }
    }
    row.iter_mut().zip(wide).for_each(|(to, from)| *to = T::from_f32(*from));
}

/// Writes `row`, at most a block, as numbers of another type.
///
/// # Safety
///
/// `to` is aligned and good to write for `row.len()` numbers of the type `stored`, apart from `row`.
pub(super) unsafe fn narrow<T: Element>(row: &[T], to: *mut u8, stored: Stored) {
    let mut narrow = [0f32; BLOCK];
    let narrow = &mut narrow[..row.len()];
    narrow.iter_mut().zip(row).for_each(|(to, from)| *to = from.to_f32());
    // SAFETY: the caller's promise, for each type.
    unsafe {
        match stored {
            Stored::F16 => std::slice::from_raw_parts_mut(to.cast::<f16>(), row.len()).convert_from_f32_slice(narrow),
            Stored::Bf16 => std::slice::from_raw_parts_mut(to.cast::<bf16>(), row.len()).convert_from_f32_slice(narrow),
            Stored::F32 => std::slice::from_raw_parts_mut(to.cast(), row.len()).copy_from_slice(narrow),
            Stored::F64 => {
                let numbers = std::slice::from_raw_parts_mut(to.cast::<f64>(), row.len());
                numbers.iter_mut().zip(row).for_each(|(to, from)| *to = from.to_f64());
            }
        }
    }
}
