//! Items: options, grids, nested samplers, what is kept.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::schedule::Schedule;
use super::value::{ItemValue, Tensor, Value};
use super::{Instance, Machine, Result, internal};
use crate::arith::{Arith, Keep, Real};
use crate::ir::program::{Func, ItemBody, RulesCode};
use crate::types::Kind;

const MAX_DEPTH_OF_HISTORY: i64 = 1000;

impl<'p, A: Arith> Machine<'p, A> {
    /// All options of an item.
    pub(super) fn options(&mut self, item: &Arc<ItemValue<A>>) -> Result<Arc<Vec<Value<A>>>> {
        if let Some(options) = item.options.get() {
            return Ok(options.clone());
        }
        let code = &self.program.items[item.item];
        let outer = (self.binding.replace(item.site), self.at.ve);
        self.at.ve = matches!(&code.body, ItemBody::Rules(rules) if rules.ve);
        let mut given = item.given.clone();
        if self.arith.uninflated() {
            for at in &code.inflation {
                if let Some(value) = given.get_mut(*at) {
                    *value = Value::Real(A::Real::from_f64(1.0));
                }
            }
        }
        let options = self.call(code.bind, given, code.span.0);
        (self.binding, self.at.ve) = outer;
        let Value::List(options) = options? else { return Err(internal(code.span.0, "options that are no list")) };
        Ok(item.options.get_or_init(|| options).clone())
    }

    pub(super) fn of_options(&mut self, options: &[Value<A>], func: Func, span: Span) -> Result<Value<A>> {
        self.call(func, options.to_vec(), span)
    }

    /// The levels of a grid for `n` steps.
    pub(super) fn run_grid(&mut self, grid: &Arc<ItemValue<A>>, n: i64, span: Span) -> Result<Arc<Vec<Value<A>>>> {
        let code = &self.program.items[grid.item];
        let ItemBody::Grid(levels) = &code.body else { return Err(internal(span, "a grid that is none")) };
        let options = self.options(grid)?;
        let outer = std::mem::replace(&mut self.at.n, n);
        let list = self.of_options(&options, *levels, span);
        self.at.n = outer;
        match list? {
            Value::List(list) => Ok(list),
            _ => Err(internal(span, "a grid that gives no list")),
        }
    }

    /// The schedule of a value that is one.
    pub(super) fn schedule_value(&mut self, value: Option<&Value<A>>, span: Span) -> Result<Arc<Schedule<A>>> {
        let Some(Value::Item(item)) = value else { return Err(internal(span, "a schedule that is none")) };
        if let Some(schedule) = item.opened.get() {
            return Ok(schedule.clone());
        }
        let code = &self.program.items[item.item];
        let ItemBody::Schedule(open) = &code.body else { return Err(internal(span, "a schedule that is none")) };
        let options = self.options(item)?;
        let outer = std::mem::replace(&mut self.opening, Arc::from(&*code.name));
        let opened = self.of_options(&options, *open, code.span.0);
        self.opening = outer;
        let Value::Schedule(schedule) = opened? else { return Err(internal(span, "a schedule that is none")) };
        Ok(item.opened.get_or_init(|| schedule).clone())
    }

    pub(super) fn instance(&self) -> &Instance<A> {
        &self.instances[self.at.instance]
    }

    pub(super) fn instance_mut(&mut self) -> &mut Instance<A> {
        &mut self.instances[self.at.instance]
    }

    /// The state of an item, run from here.
    pub(super) fn enter(&mut self, item: &Arc<ItemValue<A>>, code: &RulesCode) -> Result<usize> {
        let key = (self.at.instance, item.item, item.site);
        let options = self.options(item)?;
        if let Some(index) = self.children.get(&key) {
            self.instances[*index].options = options;
            return Ok(*index);
        }
        let index = self.instances.len();
        let instance = self.fresh_instance(item, code, options)?;
        self.instances.push(instance);
        self.children.insert(key, index);
        Ok(index)
    }

    fn fresh_instance(
        &mut self,
        item: &Arc<ItemValue<A>>,
        code: &RulesCode,
        options: Arc<Vec<Value<A>>>,
    ) -> Result<Instance<A>> {
        let mut states = Vec::new();
        for (_, init) in &code.states {
            states.push(match init {
                Some(init) => self.of_options(&options, *init, item.site)?,
                None => Value::None,
            });
        }
        let histories = vec![Vec::new(); code.histories.len()];
        let track = super::ledger::Track::default();
        Ok(Instance { fresh: true, options, item: Some(item.item), histories, states, track })
    }

    /// Makes a nested sampler forget, and what is nested in it.
    pub(super) fn forget(&mut self, value: &Value<A>) {
        let Value::Item(item) = value else { return };
        let key = (self.at.instance, item.item, item.site);
        let mut stale: Vec<usize> = self.children.get(&key).copied().into_iter().collect();
        self.children.remove(&key);
        while let Some(parent) = stale.pop() {
            let inner: Vec<_> =
                self.children.iter().filter(|(key, _)| key.0 == parent).map(|(key, at)| (*key, *at)).collect();
            for (key, at) in inner {
                self.children.remove(&key);
                stale.push(at);
            }
        }
    }

    pub(super) fn push_history(&mut self, index: usize, value: &Value<A>, span: Span) -> Result<Value<A>> {
        let Value::Tensor(tensor) = value else { return Err(internal(span, "a history of no tensors")) };
        let item = self.instance().item.ok_or_else(|| internal(span, "a history of no item"))?;
        let ItemBody::Rules(code) = &self.program.items[item].body else {
            return Err(internal(span, "a history of no rule"));
        };
        let depth = code.histories[index].2;
        let options = self.instance().options.clone();
        let depth = match self.of_options(&options, depth, span)? {
            Value::Int(depth) if (0..=MAX_DEPTH_OF_HISTORY).contains(&depth) => depth as usize,
            other => {
                let found = other.number().unwrap_or(f64::NAN);
                let message = format!("a history holds between 0 and {MAX_DEPTH_OF_HISTORY} entries, not {found}");
                return Err(Box::new(Diagnostic::new(Code::E0503, span, message)));
            }
        };
        self.arith.keep(&tensor.data, Keep::Stored);
        let history = &mut self.instance_mut().histories[index];
        history.insert(0, value.clone());
        history.truncate(depth);
        self.track_push(index);
        Ok(Value::None)
    }

    pub(super) fn empty_state(&self, index: u32, span: Span) -> Box<Diagnostic> {
        let item = self.instance().item.map(|item| &self.program.items[item].body);
        let name = match item {
            Some(ItemBody::Rules(code)) => code.states[index as usize].0.to_string(),
            _ => "state".to_owned(),
        };
        let found = Diagnostic::new(Code::E0502, span, format!("`{name}` is read before anything is kept in it"));
        Box::new(found.help("write the case first: `if first { .. }`, or give it a first value: `state .. = ..`"))
    }

    /// One step of a sampler that another one calls.
    pub(super) fn nested_step(&mut self, args: &[&Value<A>], given: bool, span: Span) -> Result<Value<A>> {
        let (Value::Item(sampler), Value::Tensor(x), Value::Level(t)) = (args[0], args[1], args[2]) else {
            return Err(internal(span, "a step of no sampler"));
        };
        let result = match (given, args.get(3)) {
            (true, Some(Value::Tensor(prediction))) => {
                let outer = self.given.replace(prediction.data.clone());
                let result = self.step(sampler, x, t, span);
                self.given = outer;
                result?
            }
            // What this step was given, its nested step may be the first to ask for.
            _ => self.step(sampler, x, t, span)?,
        };
        self.arith.keep(&result.data, Keep::Nested);
        Ok(Value::Tensor(result))
    }

    /// One step of a sampler, from and to the coordinates of the rule that asks.
    pub(super) fn step(
        &mut self,
        sampler: &Arc<ItemValue<A>>,
        x: &Tensor<A>,
        t: &Arc<Level<A::Real>>,
        span: Span,
    ) -> Result<Tensor<A>> {
        let ItemBody::Rules(code) = &self.program.items[sampler.item].body else {
            return Err(internal(span, "a step of no rule"));
        };
        let Some(s) = x.level.clone() else { return Err(self.no_level(span)) };
        let instance = self.enter(sampler, code)?;
        self.track_step(instance, &s, t, span);
        let outer = (self.at.instance, self.at.ve);
        let called = self.called.take();
        let x = self.change_coordinates(x, code.ve, span)?;
        (self.at.instance, self.at.ve) = (instance, code.ve);
        let mut args = self.instance().options.to_vec();
        args.extend([Value::Tensor(x), Value::Level(s), Value::Level(t.clone())]);
        let result = self.call(code.run, args, span);
        self.called = called;
        if result.is_ok() {
            self.instances[instance].fresh = false;
        }
        let result = match result? {
            Value::Tensor(result) => self.change_coordinates(&result, outer.1, span),
            _ => Err(internal(span, "a step that gives no tensor")),
        };
        (self.at.instance, self.at.ve) = outer;
        result
    }

    /// A sample in the coordinates of another rule.
    pub(super) fn change_coordinates(&mut self, x: &Tensor<A>, ve: bool, span: Span) -> Result<Tensor<A>> {
        if self.at.ve == ve {
            return Ok(x.clone());
        }
        let Some(level) = x.level.clone() else { return Err(self.no_level(span)) };
        if level.alpha.to_f64() == 1.0 {
            return Ok(x.clone());
        }
        if ve && level.is_pure() {
            return Err(self.no_pure(span));
        }
        let one = A::Real::from_f64(1.0);
        let factor = if ve { one / level.alpha.clone() } else { level.alpha.clone() };
        let data = self.arith.linear(&[(factor, &x.data)], A::Real::from_f64(0.0));
        Ok(Tensor { data, id: x.id, kind: Kind::Sample, level: Some(level) })
    }
}
