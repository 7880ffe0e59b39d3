//! Kernels, from text to numbers: the interpreter is the oracle for machine code.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod elementary;
mod engines;
mod launches;
mod random;
mod text;
