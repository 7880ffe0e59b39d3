//! The ids of the kernel IR.
//!
//! An id is a newtype over `u32` that indexes a `PrimaryMap`; its text form shows the
//! Rust name in small: `Value(3)` prints as `v3`. Ids carry no data and never outlive
//! the map they index.

use cranelift_entity::entity_impl;

/// The result of one instruction of a [`Kernel`](super::kernel::Kernel).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);

entity_impl!(Value, "v");
