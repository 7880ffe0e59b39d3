//! Functions of the host: what the embedding program gives for `extern` functions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::value::Value;
use super::{Machine, Result, internal};
use crate::arith::{Arith, Real};

/// An argument or result of a function of the host.
#[derive(Clone, Debug, PartialEq)]
pub enum HostValue {
    /// A number.
    Number(f64),
    /// A list of numbers.
    List(Vec<f64>),
}

type Function = dyn Fn(&[HostValue]) -> std::result::Result<HostValue, String> + Send + Sync;

/// Functions by their names.
#[derive(Clone, Default)]
pub struct Hosts(BTreeMap<Arc<str>, Arc<Function>>);

impl Hosts {
    /// Gives a function; one of the same name is replaced.
    pub fn give(
        &mut self,
        name: &str,
        function: impl Fn(&[HostValue]) -> std::result::Result<HostValue, String> + Send + Sync + 'static,
    ) {
        self.0.insert(name.into(), Arc::new(function));
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The same names with the same functions behind them.
impl PartialEq for Hosts {
    fn eq(&self, other: &Hosts) -> bool {
        let place = |function: &Arc<Function>| Arc::as_ptr(function).cast::<()>();
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| a.0 == b.0 && place(a.1) == place(b.1))
    }
}

impl<A: Arith> Machine<'_, A> {
    pub(super) fn host(
        &mut self,
        name: &Arc<str>,
        (needed, list): (bool, bool),
        args: &[Value<A>],
        span: Span,
    ) -> Result<Value<A>> {
        let Some(function) = self.hosts.0.get(name).cloned() else {
            if !needed {
                return Ok(Value::None);
            }
            let found = Diagnostic::new(Code::E0505, span, format!("the host gives no function `{name}`"));
            return Err(Box::new(
                found.help(format!("say what it is where there is no host: `extern {name}(..) -> real = ..`")),
            ));
        };
        let told: Option<Vec<HostValue>> = args.iter().map(host_value).collect();
        let told = told.ok_or_else(|| internal(span, "an argument of the host that is no number"))?;
        let wrong = |why: String| Box::new(Diagnostic::new(Code::E0504, span, format!("the host's `{name}` {why}")));
        let number = |value: f64| match value.is_finite() {
            true => Ok(Value::Real(A::Real::from_f64(value))),
            false => Err(wrong(format!("gave {value}"))),
        };
        match function(&told).map_err(|why| wrong(format!("failed: {why}")))? {
            HostValue::Number(value) if !list => number(value),
            HostValue::Number(_) => Err(wrong("gave a number, expected a list".to_owned())),
            HostValue::List(_) if !list => Err(wrong("gave a list, expected a number".to_owned())),
            HostValue::List(values) => {
                self.spend(values.len() as u64, span)?;
                Ok(Value::List(Arc::new(values.into_iter().map(number).collect::<Result<_>>()?)))
            }
        }
    }
}

fn host_value<A: Arith>(value: &Value<A>) -> Option<HostValue> {
    match value {
        Value::List(list) => list.iter().map(Value::number).collect::<Option<_>>().map(HostValue::List),
        value => value.number().map(HostValue::Number),
    }
}
