//! The options that orders are checked with: each choice, each whole number of a short range, ends of real ranges.

use crate::arith::Arith;
use crate::arith::trace::Tape;
use crate::hir::{Bounds, Hir, ItemId};
use crate::ir::program::ItemRef;
use crate::machine::{Machine, Value};
use crate::prove::conditions::{Bench, item};
use crate::types::Ty;

/// The largest number of whole numbers that are all tried.
const MANY: i64 = 8;

/// Options to run with.
pub(in crate::prove) struct Draw {
    pub(in crate::prove) options: Vec<Value<Tape>>,
    /// Those that are not the first draw's, as written.
    pub(in crate::prove) words: String,
}

/// The defaults first, then one option at a time.
pub(in crate::prove) fn of(bench: &Bench<'_>, hir: &Hir, id: ItemId, code: ItemRef) -> Vec<Draw> {
    let options = &hir.items[id].options;
    let all = bench.draws(hir, id);
    let Some(base) = all.first().cloned() else { return Vec::new() };
    let mut machine = Machine::new(bench.program, Tape::default());
    let with_defaults = item(code, base.clone(), bench.program);
    let mut draws = vec![Draw { options: base.clone(), words: String::new() }];
    for (at, option) in options.iter().enumerate() {
        let local = &hir.items[id].frame.locals[option.local];
        let whole = if local.ty == Ty::Int { range(option.bounds.as_ref()) } else { None };
        let values: Vec<Value<Tape>> = match whole {
            Some((low, high)) => (low..=high).map(Value::Int).collect(),
            None => all[1..].iter().filter(|draw| !same(&draw[at], &base[at])).map(|draw| draw[at].clone()).collect(),
        };
        let default = machine.option(&with_defaults, at).unwrap_or(Value::None);
        for value in values.into_iter().filter(|value| !same(value, &default)) {
            let words = format!("{} = {}", local.name, written(bench, &value));
            let mut options = base.clone();
            options[at] = value;
            draws.push(Draw { options, words });
        }
    }
    draws
}

/// The ends of a short range of whole numbers.
fn range(bounds: Option<&Bounds>) -> Option<(i64, i64)> {
    let bounds = bounds?;
    let end = |end: &Option<(crate::hir::Expr, bool)>| {
        let (expr, closed) = end.as_ref()?;
        Some((crate::check::constant(expr)? as i64, *closed))
    };
    let ((low, closed_low), (high, closed_high)) = (end(&bounds.low)?, end(&bounds.high)?);
    let (low, high) = (low + i64::from(!closed_low), high - i64::from(!closed_high));
    (low <= high && high.saturating_sub(low) < MANY).then_some((low, high))
}

fn same(a: &Value<Tape>, b: &Value<Tape>) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Real(a), Value::Real(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Word(a), Value::Word(b)) => a == b,
        (Value::Item(a), Value::Item(b)) => a.item == b.item,
        _ => false,
    }
}

fn written(bench: &Bench<'_>, value: &Value<Tape>) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Word(value) => value.to_string(),
        Value::Item(value) => bench.program.items[value.item].name.to_string(),
        Value::None | Value::Level(_) | Value::List(_) | Value::Closure(_) | Value::Schedule(_) | Value::Tensor(_) => {
            bench.name_of(value).unwrap_or("..").to_owned()
        }
    }
}

/// Options in another arithmetic.
pub(in crate::prove) fn options_in<A: Arith>(bench: &Bench<'_>, options: &[Value<Tape>]) -> Vec<Value<A>> {
    options.iter().map(|value| value_in(bench, value)).collect()
}

fn value_in<A: Arith>(bench: &Bench<'_>, value: &Value<Tape>) -> Value<A> {
    use crate::arith::Real;
    match value {
        Value::Int(value) => Value::Int(*value),
        Value::Real(value) => Value::Real(A::Real::from_f64(*value)),
        Value::Bool(value) => Value::Bool(*value),
        Value::Word(value) => Value::Word(value.clone()),
        Value::List(list) => {
            Value::List(std::sync::Arc::new(list.iter().map(|value| value_in(bench, value)).collect()))
        }
        Value::Item(inner) => Value::Item(item(inner.item, options_in(bench, &inner.given), bench.program)),
        // A function of the program, which captures nothing.
        Value::Closure(of) if of.1.is_empty() => Value::Closure(std::sync::Arc::new((of.0, Vec::new()))),
        // Draws are of the kinds above.
        Value::None | Value::Level(_) | Value::Closure(_) | Value::Schedule(_) | Value::Tensor(_) => Value::None,
    }
}
