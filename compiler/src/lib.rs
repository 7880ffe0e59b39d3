//! The meaning of `.samp`: names, types, checks, intermediate representations, passes, backends.
//!
//! Texts and values go in, plans, kernels and diagnostics come out. There is no candle here and no I/O.

pub mod rate;
pub mod tableau;
pub mod types;
pub mod words;
pub mod builtins;
pub mod library;
pub mod hir;
pub mod check;
pub mod ir;
pub mod lower;
pub mod arith;
pub mod backend;
pub mod machine;
pub mod math;
pub mod pass;
pub mod plan;
pub mod compile;
mod elsewhere;
pub mod prove;
pub mod hir_text;
