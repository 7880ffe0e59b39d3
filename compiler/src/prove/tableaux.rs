//! Constants that are tableaux: whether their parts fit, and whether they are of the order that they claim.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};

use crate::arith::trace::Tape;
use crate::check::{Checked, Checker};
use crate::hir::{ConstId, ExprKind, Hir, ItemId};
use crate::library::{Namespace, UnitId};
use crate::lower::{Named, lower_with};
use crate::machine::tableaux::{claimed_order, coefficients};
use crate::machine::{Machine, Value};
use crate::types::Ty;

/// The tableaux that a file's samplers are run with: its own, those that it uses, and the library's. Functions of the
/// step length are among them. None, where no sampler has an option for one.
pub(super) fn named(checker: &mut Checker<'_>, unit: UnitId, items: &[ItemId]) -> Vec<(Arc<str>, Named)> {
    let asks = |item: &ItemId| {
        let item = &checker.hir.items[*item];
        let ty = |option: &crate::hir::Opt| &item.frame.locals[option.local].ty;
        item.options.iter().any(|option| *ty(option) == Ty::Tableau || is_family(ty(option)))
    };
    if !items.iter().any(asks) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for name in checker.lib.names(unit, Namespace::Value) {
        let Some(target) = checker.lib.find(unit, Namespace::Value, &name) else { continue };
        match checker.reference(target, None) {
            Some(Checked::Const(id)) if checker.hir.consts[id].value.ty == Ty::Tableau => {
                found.push((name, Named::Const(id)));
            }
            Some(Checked::Fn(id))
                if checker.hir.fns[id].result == Ty::Tableau && checker.fits_call(id, &[Ty::Real]) =>
            {
                found.push((name, Named::Fn(id)));
            }
            _ => {}
        }
    }
    found
}

/// Whether a type is that of a tableau whose entries depend on a number.
pub(super) fn is_family(ty: &Ty) -> bool {
    matches!(ty, Ty::Fn(params, result) if params[..] == [Ty::Real] && **result == Ty::Tableau)
}

/// What is wrong with a constant that is a tableau.
///
/// A tableau whose entries depend on the step length has other conditions; a sampler that runs it shows them.
pub(crate) fn tableau_of(hir: &Hir, id: ConstId) -> Option<Diagnostic> {
    let lowered = lower_with(hir, &[], &[Named::Const(id)]);
    let value: Value<Tape> = match Machine::new(&lowered.program, Tape::default()).value_of(*lowered.values.first()?) {
        Ok(value) => value,
        Err(found) => return Some(*found),
    };
    let (tableau, order) = (coefficients(&value)?, claimed_order(&value)?);
    let uneven = tableau.uneven_row();
    let message = match &uneven {
        Some(_) => "expected rows of `a` that sum to the nodes `c`".to_owned(),
        None => format!("expected a tableau of order {order}, found one of order {}", tableau.order()),
    };
    let missed = uneven.or_else(|| tableau.missed(1..=order))?;
    let expr = &hir.consts[id].value;
    let span = match &expr.kind {
        ExprKind::Tableau { order: Some(order), .. } => order.span,
        _ => expr.span,
    };
    Some(Diagnostic::new(Code::E0423, span, message).label("claimed here").help(missed.to_string()))
}
