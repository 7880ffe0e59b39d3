//! Lists: entries, slices, ranges, sums and the like.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::value::Value;
use super::{Machine, Result, internal};
use crate::arith::Arith;
use crate::builtins::Builtin;
use crate::hir::{Operator, Reduce};

impl<'p, A: Arith> Machine<'p, A> {
    pub(super) fn index(&mut self, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        let (Value::List(list), Value::Int(at)) = (args[0], args[1]) else {
            return Err(internal(span, "an index of no list"));
        };
        let found = usize::try_from(*at).ok().and_then(|at| list.get(at));
        found.cloned().ok_or_else(|| {
            let predictions = list.iter().any(|value| matches!(value, Value::Tensor(_)));
            let history = predictions || list.is_empty() && self.instance().histories.iter().any(Vec::is_empty);
            let many = match list.len() {
                0 => "nothing is there yet".to_owned(),
                1 => "one entry is there".to_owned(),
                n => format!("{n} entries are there"),
            };
            // Where an item keeps no history, a list of predictions is that of its stages.
            let stages = history && self.instance().histories.is_empty();
            let (code, message) = if history {
                let of = if stages { "stages" } else { "history" };
                (Code::E0501, format!("entry {at} of the {of} is read, and {many}"))
            } else {
                (Code::E0503, format!("entry {at} of a list is read, and {many}"))
            };
            let found = Diagnostic::new(code, span, message);
            Box::new(if stages {
                found.help("stages stand in the order in which `<-` has put them there, from 0")
            } else if history {
                found.help("write the case first: `if first { .. }`, or ask `len(..)`")
            } else {
                found.help("entries count from 0; the last one is `list[len(list) - 1]`")
            })
        })
    }

    pub(super) fn slice(
        &mut self,
        args: &[&Value<A>],
        low: bool,
        high: bool,
        closed: bool,
        span: Span,
    ) -> Result<Value<A>> {
        let Value::List(list) = args[0] else { return Err(internal(span, "a slice of no list")) };
        let mut ends = args[1..].iter();
        let mut end = |given: bool| match (given, ends.next()) {
            (true, Some(Value::Int(end))) => Some(*end),
            _ => None,
        };
        let (low, high) = if low { (end(true), end(high)) } else { (None, end(high)) };
        let size = list.len() as i64;
        let from = low.unwrap_or(0).clamp(0, size);
        let to = high.map_or(size, |high| high.saturating_add(i64::from(closed)).clamp(0, size)).max(from);
        self.spend((to - from) as u64, span)?;
        Ok(Value::List(Arc::new(list[from as usize..to as usize].to_vec())))
    }

    pub(super) fn range(&mut self, args: &[&Value<A>], closed: bool, span: Span) -> Result<Value<A>> {
        let (Value::Int(low), Value::Int(high)) = (args[0], args[1]) else {
            return Err(internal(span, "a range of no numbers"));
        };
        let high = high.saturating_add(i64::from(closed));
        self.spend(high.saturating_sub(*low).max(0) as u64, span)?;
        Ok(Value::List(Arc::new((*low..high).map(Value::Int).collect())))
    }

    pub(super) fn reduce(&mut self, reduce: Reduce, values: Vec<Value<A>>, span: Span) -> Result<Value<A>> {
        let operator = match reduce {
            Reduce::List => return Ok(Value::List(Arc::new(values))),
            Reduce::Count => {
                return Ok(Value::Int(values.iter().filter(|value| matches!(value, Value::Bool(true))).count() as i64));
            }
            Reduce::Sum => Some(Operator::Add),
            Reduce::Prod => Some(Operator::Mul),
            Reduce::Min | Reduce::Max => None,
        };
        let mut values = values.into_iter();
        let Some(mut total) = values.next() else {
            return match reduce {
                Reduce::Prod => Ok(Value::Int(1)),
                Reduce::Min | Reduce::Max => Err(Box::new(Diagnostic::new(
                    Code::E0503,
                    span,
                    "the list is empty and has no smallest or largest entry",
                ))),
                Reduce::List | Reduce::Sum | Reduce::Count => Ok(Value::Int(0)),
            };
        };
        for value in values {
            self.spend(1, span)?;
            total = match operator {
                Some(operator) => self.operator(operator, &[&total, &value], span)?,
                None => {
                    let builtin = if reduce == Reduce::Min { Builtin::Min } else { Builtin::Max };
                    self.builtin(builtin, &[&total, &value], span)?
                }
            };
        }
        Ok(total)
    }
}
