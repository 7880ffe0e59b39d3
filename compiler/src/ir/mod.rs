//! Intermediate representations, their texts and their verifiers.
//!
//! A [`program`] is what items mean, for any options and any grid; a plan is one run of it, a straight line of model
//! calls and kernel launches; a [`kernel`] is elementwise arithmetic on buffers.

pub mod entities;
pub mod kernel;
pub mod kernel_text;
pub mod kernel_verify;
pub mod op;
pub mod plan;
pub mod plan_text;
pub mod plan_verify;
pub mod program;
pub mod program_text;
pub mod program_verify;
