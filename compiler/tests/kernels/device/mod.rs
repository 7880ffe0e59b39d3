//! cubecl's kernels on an adapter of this machine, against the interpreter.

mod bench;
mod bounds;
mod compare;
mod elementary;
mod launches;
mod random;
mod reductions;
mod samplers;
mod storage;
