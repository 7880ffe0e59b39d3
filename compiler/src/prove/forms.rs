//! Runs in affine forms, which several proofs look at.

use std::sync::Arc;

use samp_lang::diag::Diagnostic;

use super::conditions::{Bench, Options, item};
use crate::arith::affine::{Affine, Form};
use crate::hir::{Coordinate, Family, Hir, ItemId};
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::level::Level;
use crate::machine::{Counts, ItemValue, Machine, Value};
use crate::types::{ItemSort, Kind};

/// Options of an item, for affine forms.
pub(super) type FormOptions = Vec<Value<Affine>>;

/// The items that runs in affine forms share.
pub(super) struct Forms<'b, 'p> {
    pub(super) bench: &'b Bench<'p>,
    schedules: [Arc<ItemValue<Affine>>; 3],
    model: Arc<ItemValue<Affine>>,
}

/// A sampler that is to be run.
#[derive(Clone, Copy)]
pub(super) struct Subject<'s> {
    pub(super) hir: &'s Hir,
    pub(super) id: ItemId,
    pub(super) code: ItemRef,
    pub(super) rules: &'s RulesCode,
}

impl Subject<'_> {
    /// The families that it claims.
    pub(super) fn families(&self) -> Vec<Family> {
        let all = Family::ALL.map(|(family, _)| family);
        all.into_iter().filter(|family| self.rules.only.is_empty() || self.rules.only.contains(family)).collect()
    }
}

/// What a run came to.
pub(super) struct Ran {
    pub(super) arith: Affine,
    pub(super) result: Result<Arc<Form>, Box<Diagnostic>>,
    pub(super) counts: Counts,
    pub(super) work: u64,
}

/// Where and from what a run goes.
pub(super) struct Course {
    pub(super) family: Family,
    pub(super) levels: Vec<Arc<Level<f64>>>,
    pub(super) start: Form,
    /// What every weight is.
    pub(super) weight: f64,
}

impl Course {
    /// A run on point data.
    pub(super) fn of_point(family: Family, levels: Vec<Arc<Level<f64>>>) -> Course {
        let start = levels.first().map_or(Form::default(), |level| Form::start(level.alpha, level.sigma));
        Course { family, levels, start, weight: 1.0 }
    }

    /// A run on data of this spread.
    pub(super) fn of_normal(family: Family, levels: Vec<Arc<Level<f64>>>, spread: f64) -> Course {
        let start =
            levels.first().map_or(Form::default(), |level| Form::start(level.alpha, marginal(level, spread).sqrt()));
        Course { family, levels, start, weight: 1.0 }
    }
}

/// The variance of a sample at a level, of data with this spread.
pub(super) fn marginal(level: &Level<f64>, spread: f64) -> f64 {
    (level.alpha * spread).powi(2) + level.sigma * level.sigma
}

/// Levels of a family with these half log-SNRs.
pub(super) fn levels_at(family: Family, lambdas: impl Iterator<Item = f64>) -> Vec<Arc<Level<f64>>> {
    lambdas.filter_map(|lambda| Level::on(family, Coordinate::Lambda, lambda)).map(Arc::new).collect()
}

impl<'b, 'p> Forms<'b, 'p> {
    pub(super) fn new(bench: &'b Bench<'p>) -> Self {
        let schedules = Family::ALL.map(|(family, _)| item(bench.schedule_of(family), Vec::new(), bench.program));
        let model = item(bench.standard(ItemSort::Model, "x0"), Vec::new(), bench.program);
        Forms { bench, schedules, model }
    }

    /// Options drawn from their ranges; the first are the defaults.
    pub(super) fn draws(&self, hir: &Hir, id: ItemId) -> Vec<FormOptions> {
        let carried = |options: Options| options.iter().map(|value| self.carried(value)).collect();
        self.bench.draws(hir, id).into_iter().map(carried).collect()
    }

    /// A value of an option, which holds no tensors.
    fn carried<A: crate::arith::Arith<Real = f64>>(&self, value: &Value<A>) -> Value<Affine> {
        match value {
            Value::Int(value) => Value::Int(*value),
            Value::Real(value) => Value::Real(*value),
            Value::Bool(value) => Value::Bool(*value),
            Value::Word(word) => Value::Word(word.clone()),
            Value::Level(level) => Value::Level(level.clone()),
            Value::List(list) => Value::List(Arc::new(list.iter().map(|value| self.carried(value)).collect())),
            Value::Item(of) => {
                let given = of.given.iter().map(|value| self.carried(value)).collect();
                Value::Item(item(of.item, given, self.bench.program))
            }
            Value::Closure(of) if of.1.is_empty() => Value::Closure(Arc::new((of.0, Vec::new()))),
            Value::Closure(_) | Value::Schedule(_) | Value::Tensor(_) | Value::None => Value::None,
        }
    }

    /// Runs a sampler.
    pub(super) fn run(&self, subject: Subject<'_>, options: &FormOptions, course: Course, arith: Affine) -> Ran {
        let sampler = item(subject.code, options.clone(), self.bench.program);
        self.go(&sampler, None, Some(subject.rules), course, arith)
    }

    /// Runs Euler's method under a guidance.
    pub(super) fn run_guidance(&self, guidance: ItemRef, options: &FormOptions, course: Course, arith: Affine) -> Ran {
        let sampler = item(self.bench.standard(ItemSort::Sampler, "euler"), Vec::new(), self.bench.program);
        self.go(&sampler, Some(item(guidance, options.clone(), self.bench.program)), None, course, arith)
    }

    fn go(
        &self,
        sampler: &Arc<ItemValue<Affine>>,
        guidance: Option<Arc<ItemValue<Affine>>>,
        rules: Option<&RulesCode>,
        course: Course,
        arith: Affine,
    ) -> Ran {
        let mut machine = Machine::new(self.bench.program, arith);
        let placed = machine.place(self.schedules[course.family as usize].clone(), self.model.clone());
        if let Some(guidance) = guidance {
            machine.guide_by(guidance);
        }
        for name in rules.iter().flat_map(|rules| &rules.inputs) {
            let kind = rules.map_or(Kind::Sample, |rules| crate::plan::input_kind(self.bench.program, rules.run, name));
            let data = match kind {
                Kind::Weight => Form::constant(course.weight),
                _ => Form { data: 1.0, ..Form::default() },
            };
            machine.give_input(name, Arc::new(data), kind);
        }
        machine.stand_in = Some(course.weight);
        let start = Arc::new(course.start);
        let result =
            placed.and_then(|()| machine.run_levels(sampler, course.levels, start, |arith, i, _| arith.step = i + 1));
        let (counts, work) = (machine.counts(), machine.work());
        Ran { arith: machine.arith, result, counts, work }
    }
}
