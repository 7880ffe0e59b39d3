//! Placeholder.
/// x
pub fn print(p: &super::program::Program) -> String { format!("{p:?}") }
