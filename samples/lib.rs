//! The standard library of `.samp`, as text.
//!
//! One algorithm per file; the folder says what it is. [`FILES`] is made from the folders at build time.

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of a file, such as `samplers/ddim.samp`.
pub fn text(path: &str) -> Option<&'static str> {
    FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok().map(|at| FILES[at].1)
}
