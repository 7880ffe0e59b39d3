//! What tests measure of items: orders, counts, and whether two items do the same.

use std::sync::{Arc, Mutex, PoisonError};

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::conditions::{Bench, Condition, Options, item, levels};
use super::counts;
use super::order;
use crate::arith::direct::Direct;
use crate::arith::trace::Tape;
use crate::arith::{Arith, NetworkCall};
use crate::hir::{Family, Measure};
use crate::ir::plan::Plan;
use crate::ir::program::{ItemBody, ItemRef, RulesCode};
use crate::machine::level::Level;
use crate::machine::{self, ItemValue, Machine, Result, RunConfig, Value};
use crate::types::ItemSort;

/// How far samples that are the same may be from each other, relative to the largest of them or 1.
pub(super) const SAME: f64 = 1e-9;

/// Steps and ends of the runs in which two samplers are compared.
const CONDITIONS: [(usize, bool); 4] = [(1, true), (2, false), (5, true), (8, false)];

/// Elements of a sample in those runs.
const ELEMENTS: usize = 4;

/// Measures items.
pub(super) struct Gauge<'b, 'p> {
    pub(super) bench: &'b Bench<'p>,
    /// What a measure has to say beside its value.
    pub(super) notes: Mutex<Vec<String>>,
}

impl machine::Gauge<Tape> for Gauge<'_, '_> {
    fn measure(&self, measure: Measure, items: &[Arc<ItemValue<Tape>>], span: Span) -> Result<Value<Tape>> {
        let found = items.iter().try_for_each(|item| portable(&item.given)).and_then(|()| match items {
            [one] => self.of_one(measure, one),
            [one, other] => self.same(one, other).map(Value::Bool),
            _ => Err("there is nothing to measure".to_owned()),
        });
        found.map_err(|why| {
            let message = format!("`{}` cannot be measured here: {why}", measure.name());
            Box::new(Diagnostic::new(Code::E0601, span, message))
        })
    }
}

/// Whether the options that are given mean the same in every arithmetic.
fn portable(given: &[Value<Tape>]) -> std::result::Result<(), String> {
    given.iter().try_for_each(|value| match value {
        Value::Int(_) | Value::Real(_) | Value::Bool(_) | Value::Word(_) | Value::None => Ok(()),
        Value::List(list) => portable(list),
        Value::Item(item) => portable(&item.given),
        Value::Level(_) | Value::Closure(_) | Value::Schedule(_) | Value::Tensor(_) => {
            Err("an option is a level or a function, which means nothing without a run".to_owned())
        }
    })
}

/// Options for another arithmetic; see [`portable`].
fn carried<A: Arith<Real = f64>>(bench: &Bench<'_>, given: &[Value<Tape>]) -> Vec<Value<A>> {
    let one = |value: &Value<Tape>| match value {
        Value::Int(value) => Value::Int(*value),
        Value::Real(value) => Value::Real(*value),
        Value::Bool(value) => Value::Bool(*value),
        Value::Word(word) => Value::Word(word.clone()),
        Value::List(list) => Value::List(Arc::new(carried(bench, list))),
        Value::Item(of) => Value::Item(item(of.item, carried(bench, &of.given), bench.program)),
        Value::Level(_) | Value::Closure(_) | Value::Schedule(_) | Value::Tensor(_) | Value::None => Value::None,
    };
    given.iter().map(one).collect()
}

impl Gauge<'_, '_> {
    fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    fn of_one(&self, measure: Measure, one: &ItemValue<Tape>) -> std::result::Result<Value<Tape>, String> {
        let given: Options = one.given.clone();
        let count = |count: u32| Value::Int(i64::from(count));
        match &self.bench.program.items[one.item].body {
            ItemBody::Rules(rules) => self.of_sampler(measure, one.item, rules, given).map(Value::Int),
            ItemBody::Pipeline(_) => {
                let planned = crate::plan::plan_with(self.bench.program, one.item, given, &RunConfig::default());
                let plan = planned.map_err(|error| error.message)?.plan;
                Ok(match measure {
                    Measure::Evals => count(plan.cost.evals),
                    Measure::Calls => count(plan.cost.calls),
                    Measure::Draws => count(plan.cost.draws),
                    Measure::Steps => Value::Int(plan.levels.len() as i64 - 1),
                    Measure::Levels => levels_of(&plan),
                    Measure::Order | Measure::Buffers | Measure::Same => return Err("it is a pipeline".to_owned()),
                })
            }
            ItemBody::Grid(_) | ItemBody::Schedule(_) => Err("it is not run".to_owned()),
        }
    }

    fn of_sampler(
        &self,
        measure: Measure,
        code: ItemRef,
        rules: &RulesCode,
        given: Options,
    ) -> std::result::Result<i64, String> {
        if measure == Measure::Order {
            return order::measured(self.bench, code, rules, given);
        }
        let counts = counts::of(self.bench, code, rules, &given).map_err(|error| error.message)?;
        match measure {
            Measure::Evals => Ok(counts.evals.per_step as i64),
            Measure::Draws => Ok(counts.draws.per_step as i64),
            Measure::Buffers => Ok(i64::from(counts.state.rest)),
            Measure::Order | Measure::Calls | Measure::Steps | Measure::Levels | Measure::Same => {
                Err("it is a sampler".to_owned())
            }
        }
    }

    fn same(&self, one: &ItemValue<Tape>, other: &ItemValue<Tape>) -> std::result::Result<bool, String> {
        let bodies = [one, other].map(|item| &self.bench.program.items[item.item].body);
        match bodies {
            [ItemBody::Rules(first), ItemBody::Rules(second)] => {
                let claimed = |rules: &RulesCode, family| rules.only.is_empty() || rules.only.contains(&family);
                let families = Family::ALL.map(|(family, _)| family);
                for family in families.into_iter().filter(|family| claimed(first, *family) && claimed(second, *family))
                {
                    for (steps, to_clean) in CONDITIONS {
                        let condition = Condition { family, steps, to_clean };
                        let (a, b) = (self.samples(one, condition)?, self.samples(other, condition)?);
                        if let Some(step) = a.iter().zip(&b).position(|(a, b)| distance(a, b) > SAME) {
                            let off = distance(&a[step], &b[step]);
                            self.note(format!(
                                "at step {} of {steps} on `{}` they differ by {off:.2e}",
                                step + 1,
                                family.name()
                            ));
                            return Ok(false);
                        }
                    }
                }
                Ok(true)
            }
            [ItemBody::Grid(_), ItemBody::Grid(_)] => self.same_levels(one, other),
            _ => Err("they are not two samplers or two grids".to_owned()),
        }
    }

    /// The samples after each step, with a model that answers a curved function of the sample and its level.
    fn samples(&self, sampler: &ItemValue<Tape>, condition: Condition) -> std::result::Result<Vec<Vec<f64>>, String> {
        let bench = self.bench;
        let ItemBody::Rules(rules) = &bench.program.items[sampler.item].body else {
            return Err("it is no sampler".to_owned());
        };
        if let Some(name) = rules.inputs.first() {
            return Err(format!("it asks its caller for `{name}`"));
        }
        let answer = |x: &[f64], call: &NetworkCall<f64>| {
            let branch = if &*call.branch == machine::ONLY_BRANCH { 0.3 } else { 0.7 };
            x.iter().map(|x| (0.7 * x + branch).tanh() + 0.2 * call.level.rho.min(9.0).cos()).collect()
        };
        let noise = |draw: u32| {
            (0..ELEMENTS).map(|k| 1.3 * (f64::from(draw) * 2.1 + 0.9 * k as f64 + 0.4).sin()).collect::<Vec<f64>>()
        };
        let mut machine = Machine::new(bench.program, Direct::<f64, _, _>::new(ELEMENTS, answer, noise));
        let levels = levels(condition);
        let (alpha, sigma) = levels.first().map_or((1.0, 1.0), |level| (level.alpha, level.sigma));
        let start = [0.9, -1.1, 0.3, 1.6].map(|z| 0.4 * alpha + sigma * z).to_vec();
        let mut samples = Vec::new();
        let schedule = item(bench.schedule_of(condition.family), Vec::new(), bench.program);
        let run = machine.place(schedule, item(bench.model(), Vec::new(), bench.program)).and_then(|()| {
            let sampler = item(sampler.item, carried(bench, &sampler.given), bench.program);
            machine.run_levels(&sampler, levels, Arc::new(start), |_, _, x| samples.push(x.to_vec()))
        });
        run.map(|_| samples).map_err(|error| error.message)
    }

    fn same_levels(&self, one: &ItemValue<Tape>, other: &ItemValue<Tape>) -> std::result::Result<bool, String> {
        let mut made = Err("no schedule can have both".to_owned());
        for name in ["scaled_linear", "edm", "flow"] {
            for n in [1, 2, 5, 10] {
                let levels = [one, other].map(|grid| {
                    let grid = item(grid.item, grid.given.clone(), self.bench.program);
                    self.bench.levels_on(self.bench.standard(ItemSort::Schedule, name), &grid, n)
                });
                let [Ok(a), Ok(b)] = levels else { continue };
                let alike = |(a, b): (&Arc<Level<f64>>, &Arc<Level<f64>>)| a.same(b) && a.renoised == b.renoised;
                if a.len() != b.len() || !a.iter().zip(&b).all(alike) {
                    let at = a.iter().zip(&b).position(|pair| !alike(pair)).unwrap_or(a.len().min(b.len()));
                    self.note(format!("for {n} steps on `{name}` they differ at level {at}"));
                    return Ok(false);
                }
                made = Ok(true);
            }
        }
        made
    }
}

/// The largest difference, relative to the largest element or 1.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let scale = a.iter().chain(b).fold(1.0, |top: f64, x| top.max(x.abs()));
    let off = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    off.fold(0.0, |top: f64, next| if next.is_nan() { f64::INFINITY } else { top.max(next) }) / scale
}

/// The levels of a plan, each with its clock.
fn levels_of(plan: &Plan) -> Value<Tape> {
    let level = |row: &crate::ir::plan::LevelRow| Level { time: Some(row.time), ..Level::of(row.alpha, row.sigma) };
    Value::List(Arc::new(plan.levels.iter().map(|row| Value::Level(Arc::new(level(row)))).collect()))
}
