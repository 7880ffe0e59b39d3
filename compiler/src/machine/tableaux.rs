//! Tableaux: a value that is a list of its fields.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::value::Value;
use super::{Machine, Result, internal};
use crate::arith::Arith;
use crate::hir::Field;
use crate::tableau::{HIGHEST, Tableau};

/// The most stages.
const MOST_STAGES: usize = 64;

impl<'p, A: Arith> Machine<'p, A> {
    /// Puts a tableau together, of parts that fit.
    pub(super) fn tableau(&mut self, args: Vec<Value<A>>, low: bool, order: bool, span: Span) -> Result<Value<A>> {
        let mut given = args.into_iter();
        let mut next = |given_too: bool| if given_too { given.next().unwrap_or(Value::None) } else { Value::None };
        let fields = vec![next(true), next(true), next(true), next(low), next(order)];
        let stages = match &fields[Field::C as usize] {
            Value::List(nodes) => nodes.len(),
            _ => return Err(internal(span, "a tableau without nodes")),
        };
        if !(1..=MOST_STAGES).contains(&stages) {
            return Err(unusable(span, format!("a tableau has between 1 and {MOST_STAGES} stages, not {stages}")));
        }
        for field in [Field::A, Field::B, Field::BLow] {
            if let Value::List(entries) = &fields[field as usize]
                && entries.len() != stages
            {
                let (name, found) = (field.name(), entries.len());
                return Err(unusable(span, format!("`c` has {stages} entries and `{name}` has {found}")));
            }
        }
        if let Value::List(rows) = &fields[Field::A as usize] {
            for (at, row) in rows.iter().enumerate() {
                let found = if let Value::List(row) = row { row.len() } else { 0 };
                if found != at {
                    let message =
                        format!("row {at} of `a` has {found} entries, and {at} stages stand before stage {at}");
                    return Err(unusable(span, message));
                }
            }
        }
        if let Value::Int(order) = &fields[Field::Order as usize]
            && !(1..=HIGHEST as i64).contains(order)
        {
            return Err(unusable(span, format!("the order of a tableau is 1 to {HIGHEST}, not {order}")));
        }
        self.spend((stages * stages) as u64, span)?;
        Ok(Value::List(Arc::new(fields)))
    }

    /// A field of a tableau; an order that is not claimed is counted.
    pub(super) fn field(&mut self, tableau: &Value<A>, field: Field, span: Span) -> Result<Value<A>> {
        let Value::List(fields) = tableau else { return Err(internal(span, "a field of no tableau")) };
        match (&fields[field as usize], field) {
            (Value::None, Field::Order) => {
                let tableau = coefficients(tableau).ok_or_else(|| internal(span, "a tableau that is none"))?;
                self.spend(300 * (tableau.b.len() * tableau.b.len()) as u64, span)?;
                Ok(Value::Int(tableau.order() as i64))
            }
            (Value::None, _) => {
                let found = unusable(span, format!("this tableau has no `{}`", field.name()));
                Err(Box::new(found.help("give it the weights of an embedded result: `tableau(.., b_low = ..)`")))
            }
            (value, _) => Ok(value.clone()),
        }
    }
}

/// The coefficients of a value that is a tableau.
pub(crate) fn coefficients<A: Arith>(value: &Value<A>) -> Option<Tableau> {
    let Value::List(fields) = value else { return None };
    let [c, a, b, ..] = &fields[..] else { return None };
    let Value::List(rows) = a else { return None };
    let a = rows.iter().map(numbers).collect::<Option<_>>()?;
    Some(Tableau { c: numbers(c)?, a, b: numbers(b)? })
}

/// Whether a value is a tableau with an embedded result.
pub(crate) fn is_pair<A: Arith>(value: &Value<A>) -> bool {
    matches!(value, Value::List(fields) if matches!(fields.get(Field::BLow as usize), Some(Value::List(_))))
}

/// The order that a value that is a tableau claims.
pub(crate) fn claimed_order<A: Arith>(value: &Value<A>) -> Option<usize> {
    let Value::List(fields) = value else { return None };
    match fields.get(Field::Order as usize) {
        Some(Value::Int(order)) => usize::try_from(*order).ok(),
        _ => None,
    }
}

fn numbers<A: Arith>(value: &Value<A>) -> Option<Vec<f64>> {
    let Value::List(list) = value else { return None };
    list.iter().map(Value::number).collect()
}

fn unusable(span: Span, message: String) -> Box<Diagnostic> {
    let help = "stage j is at `c[j]`, weighs the stages before it by row j of `a`, and counts `b[j]` in the result";
    Box::new(Diagnostic::new(Code::E0520, span, message).help(help))
}
