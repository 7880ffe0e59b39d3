//! Placeholder.
/// x
pub fn print_item(hir: &crate::hir::Hir, item: crate::hir::ItemId) -> String { format!("{:?}", hir.items[item]) }
