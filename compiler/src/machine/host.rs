//! Functions of the host: what the embedding program gives for `extern` functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::Value;
use super::{Machine, Result, internal};
use crate::arith::{Arith, NetworkCall, Real};
use crate::types::Kind;

/// An argument or result of a function of the host.
#[derive(Clone, Debug, PartialEq)]
pub enum HostValue {
    /// A number.
    Number(f64),
    /// A list of numbers.
    List(Vec<f64>),
}

type Function = dyn Fn(&[HostValue]) -> std::result::Result<HostValue, String> + Send + Sync;

/// Functions by their names, and the names of those that the runtime calls with tensors.
#[derive(Clone, Default)]
pub struct Hosts(BTreeMap<Arc<str>, Arc<Function>>, BTreeSet<Arc<str>>);

impl Hosts {
    /// Gives a function; one of the same name is replaced.
    pub fn give(
        &mut self,
        name: &str,
        function: impl Fn(&[HostValue]) -> std::result::Result<HostValue, String> + Send + Sync + 'static,
    ) {
        self.0.insert(name.into(), Arc::new(function));
    }

    /// Says that the runtime has a function of tensors of this name.
    pub fn give_tensor(&mut self, name: &str) {
        self.1.insert(name.into());
    }

    /// The names of all, and whether they are of tensors.
    pub fn names(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.0.keys().map(|name| (name, false)).chain(self.1.iter().map(|name| (name, true)))
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The same names with the same functions behind them.
impl PartialEq for Hosts {
    fn eq(&self, other: &Hosts) -> bool {
        let place = |function: &Arc<Function>| Arc::as_ptr(function).cast::<()>();
        self.1 == other.1
            && self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| a.0 == b.0 && place(a.1) == place(b.1))
    }
}

impl<A: Arith> Machine<'_, A> {
    pub(super) fn host(
        &mut self,
        name: &Arc<str>,
        (needed, list): (bool, bool),
        args: &[&Value<A>],
        span: Span,
    ) -> Result<Value<A>> {
        let Some(function) = self.hosts.0.get(name).cloned() else {
            if !needed {
                return Ok(Value::None);
            }
            return Err(not_given(name, span));
        };
        let told: Option<Vec<HostValue>> = args.iter().copied().map(host_value).collect();
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

impl<A: Arith> Machine<'_, A> {
    /// What the runtime will ask the host's function of a tensor, in the schedule's own coordinates: numbers and levels
    /// are known now, and a level is told as its clock, alpha, sigma and half log-SNR.
    pub(super) fn host_tensor(
        &mut self,
        name: &Arc<str>,
        needed: bool,
        (kind, has_level): (Kind, bool),
        params: &[Arc<str>],
        args: &[&Value<A>],
        span: Span,
    ) -> Result<Value<A>> {
        if !self.hosts.1.contains(name) {
            return if needed { Err(not_given(name, span)) } else { Ok(Value::None) };
        }
        let mut input = None;
        let mut told = Vec::new();
        for (param, value) in params.iter().zip(args) {
            let numbers = match value {
                Value::Tensor(x) => {
                    input = Some(match x.kind {
                        Kind::Sample => self.change_coordinates(x, false, span)?,
                        _ => x.clone(),
                    });
                    continue;
                }
                Value::Level(level) => self.told(level, span)?,
                Value::List(list) => list.iter().filter_map(Value::real).collect(),
                value => value.real().into_iter().collect(),
            };
            if let Some(bad) = numbers.iter().find(|number| number.to_f64().is_nan()) {
                let message = format!("the host's `{name}` would be told {} as `{param}`", bad.to_f64());
                return Err(Box::new(Diagnostic::new(Code::E0504, span, message)));
            }
            told.push((param.clone(), numbers));
        }
        let input = input.ok_or_else(|| internal(span, "a function of no tensor"))?;
        let level = input.level.clone().unwrap_or_else(|| Arc::new(Level::clean()));
        let time = self.told(&level, span)?.swap_remove(0);
        let level = Level { time: Some(time.clone()), ..(*level).clone() };
        let call = NetworkCall { branch: name.clone(), time, level, args: told };
        let Some(data) = self.arith.host(&input.data, call) else { return Err(not_given(name, span)) };
        let level = match args.last() {
            Some(Value::Level(level)) if has_level => Some(level.clone()),
            _ => None,
        };
        let given = self.tensor(data, kind, level);
        if kind != Kind::Sample {
            return Ok(Value::Tensor(given));
        }
        let ve = std::mem::replace(&mut self.at.ve, false);
        let given = self.change_coordinates(&given, ve, span);
        self.at.ve = ve;
        Ok(Value::Tensor(given?))
    }

    fn told(&mut self, level: &Level<A::Real>, span: Span) -> Result<Vec<A::Real>> {
        let schedule = self.schedule_here(span)?;
        let time = self.time_of(&schedule, level)?;
        Ok(vec![time, level.alpha.clone(), level.sigma.clone(), level.lambda.clone()])
    }
}

fn not_given(name: &str, span: Span) -> Box<Diagnostic> {
    let found = Diagnostic::new(Code::E0505, span, format!("the host gives no function `{name}`"));
    Box::new(found.help(format!(
        "the program that embeds the sampler gives it; or say what it is where there is none: `extern {name}(..) -> .. = ..`"
    )))
}

fn host_value<A: Arith>(value: &Value<A>) -> Option<HostValue> {
    match value {
        Value::List(list) => list.iter().map(Value::number).collect::<Option<_>>().map(HostValue::List),
        value => value.number().map(HostValue::Number),
    }
}
