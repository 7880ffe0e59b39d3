//! The conditions that items are run under: schedules, step counts, options.

use std::sync::{Arc, OnceLock};

use samp_lang::diag::{Code, Diagnostic};

use super::tableaux::is_family;
use crate::arith::Arith;
use crate::arith::trace::{NodeKind, Tape};
use crate::hir::{Expr, ExprKind, Family, Hir, ItemId};
use crate::ir::program::{Func, ItemRef, Program, RulesCode};
use crate::lower::Named;
use crate::machine::ledger::{Depth, Ledger};
use crate::machine::level::Level;
use crate::machine::tableaux::is_pair;
use crate::machine::{ItemValue, Machine, Result, Value};
use crate::types::{ItemSort, Ty};

/// Items of the standard library that others are run with, in the order that [`Bench`] wants them.
pub(super) const STANDARD: &[(ItemSort, &str)] = &[
    (ItemSort::Schedule, "cosine"),
    (ItemSort::Schedule, "edm"),
    (ItemSort::Schedule, "flow"),
    (ItemSort::Model, "x0"),
    (ItemSort::Sampler, "euler"),
    (ItemSort::Sampler, "heun"),
    (ItemSort::Grid, "uniform"),
    (ItemSort::Guidance, "plain"),
    (ItemSort::Schedule, "scaled_linear"),
];

/// Half log-SNRs between which samplers are run.
const NOISY: f64 = -2.5;
const CLEAN: f64 = 3.0;

/// A run of a sampler: a family, a number of steps, where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) family: Family,
    pub(super) steps: usize,
    pub(super) to_clean: bool,
}

pub(super) type Options = Vec<Value<Tape>>;

/// A run that was traced.
pub(super) struct Trace {
    pub(super) tape: Tape,
    pub(super) ledger: Ledger,
    pub(super) depths: Vec<Depth>,
}

/// What items are run on.
pub(super) struct Bench<'p> {
    pub(super) program: &'p Program,
    standard: &'p [ItemRef],
    /// Tableaux by name, those of constants with their value.
    tableaux: Vec<(Arc<str>, Value<Tape>)>,
}

impl<'p> Bench<'p> {
    pub(super) fn new(program: &'p Program, standard: &'p [ItemRef], tableaux: Vec<(Arc<str>, Named, Func)>) -> Self {
        let mut machine = Machine::new(program, Tape::default());
        let value = |(name, named, func)| match named {
            Named::Const(_) => machine.value_of(func).ok().map(|value| (name, value)),
            Named::Fn(_) => Some((name, Value::Closure(Arc::new((func, Vec::new()))))),
        };
        Bench { program, standard, tableaux: tableaux.into_iter().filter_map(value).collect() }
    }

    /// The name of a value that is a tableau.
    pub(super) fn name_of(&self, value: &Value<Tape>) -> Option<&str> {
        let same = |known: &Value<Tape>| match (known, value) {
            (Value::Closure(a), Value::Closure(b)) => a.0 == b.0,
            (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        self.tableaux.iter().find(|(_, known)| same(known)).map(|(name, _)| &**name)
    }

    pub(super) fn standard(&self, sort: ItemSort, name: &str) -> ItemRef {
        let at = STANDARD.iter().position(|known| *known == (sort, name)).expect("the table names it");
        self.standard[at]
    }

    /// The model that items are run with.
    pub(super) fn model(&self) -> ItemRef {
        self.standard(ItemSort::Model, "x0")
    }

    pub(super) fn schedule_of(&self, family: Family) -> ItemRef {
        self.standard(
            ItemSort::Schedule,
            match family {
                Family::Vp => "cosine",
                Family::Ve => "edm",
                Family::Flow => "flow",
            },
        )
    }

    /// A machine on a schedule, with the standard model.
    pub(super) fn machine(&self, schedule: ItemRef) -> Result<Machine<'p, Tape>> {
        let mut machine = Machine::new(self.program, Tape::lenient());
        machine.place(
            item(schedule, Vec::new(), self.program),
            item(self.standard(ItemSort::Model, "x0"), Vec::new(), self.program),
        )?;
        Ok(machine)
    }

    /// A machine with the tensors that a rule wants of its caller.
    pub(super) fn machine_for(&self, rules: &RulesCode, family: Family) -> Result<Machine<'p, Tape>> {
        let mut machine = self.machine(self.schedule_of(family))?;
        for name in &rules.inputs {
            let kind = crate::plan::input_kind(self.program, rules.run, name);
            let node = machine.arith.nodes.push(NodeKind::Input(name.clone()));
            machine.give_input(name, node, kind);
        }
        Ok(machine)
    }

    /// Runs a sampler under a condition.
    pub(super) fn trace(
        &self,
        code: ItemRef,
        rules: &RulesCode,
        options: Options,
        condition: Condition,
    ) -> Result<Trace> {
        let mut machine = self.machine_for(rules, condition.family)?;
        let levels = levels(condition);
        let sampler = item(code, options, self.program);
        let start = machine.arith.nodes.push(NodeKind::Start);
        machine.arith.start = Some(start);
        machine.run_levels(&sampler, levels, start, |tape, _, x| tape.end_step(*x))?;
        let (ledger, depths) = (machine.ledger().clone(), machine.depths());
        Ok(Trace { tape: machine.arith, ledger, depths })
    }

    /// Runs a sampler under all conditions and with options drawn from their ranges.
    pub(super) fn sampler(&self, hir: &Hir, id: ItemId, code: ItemRef, rules: &RulesCode) -> Vec<Diagnostic> {
        let draws = self.draws(hir, id);
        let mut found = Vec::new();
        for family in Family::ALL.map(|(family, _)| family) {
            if !rules.only.is_empty() && !rules.only.contains(&family) {
                continue;
            }
            for (at, options) in draws.iter().enumerate() {
                for (steps, to_clean) in [(1, true), (1, false), (2, true), (3, false), (5, true)] {
                    // The default is run everywhere, other options where most cases of a rule are met.
                    if at > 0 && !matches!((steps, to_clean), (1, true) | (5, true)) {
                        continue;
                    }
                    let condition = Condition { family, steps, to_clean };
                    if let Err(error) = self.trace(code, rules, options.clone(), condition) {
                        found.extend(is_fault(&error).then_some(*error));
                    }
                }
            }
        }
        found
    }

    /// Opens a schedule and looks at its inverse.
    pub(super) fn schedule(&self, code: ItemRef) -> Vec<Diagnostic> {
        if self.needs_options(code) {
            return Vec::new();
        }
        let mut machine = Machine::new(self.program, Tape::default());
        let opened = machine.place(
            item(code, Vec::new(), self.program),
            item(self.standard(ItemSort::Model, "x0"), Vec::new(), self.program),
        );
        let checked = opened.and_then(|()| match machine.schedule() {
            Some(schedule) => machine.check_inverse(&schedule),
            None => Ok(()),
        });
        checked.err().into_iter().map(|error| *error).collect()
    }

    /// Makes a grid on several schedules; one that none of them can have is wrong.
    pub(super) fn grid(&self, hir: &Hir, id: ItemId, code: ItemRef) -> Vec<Diagnostic> {
        let options = self.draws(hir, id).into_iter().next().unwrap_or_default();
        let mut first = None;
        for name in ["scaled_linear", "edm", "flow"] {
            let made = self.machine(self.standard(ItemSort::Schedule, name)).and_then(|mut machine| {
                for n in [1, 2, 10] {
                    machine.levels_of(&item(code, options.clone(), self.program), n)?;
                }
                Ok(())
            });
            match made {
                Ok(()) => return Vec::new(),
                Err(error) => first = first.or(is_fault(&error).then_some(*error)),
            }
        }
        first.into_iter().collect()
    }

    /// The levels of a grid on a schedule.
    pub(super) fn levels_on(
        &self,
        schedule: ItemRef,
        grid: &Arc<ItemValue<Tape>>,
        n: i64,
    ) -> Result<Vec<Arc<Level<f64>>>> {
        self.machine(schedule)?.levels_of(grid, n)
    }

    /// Asks a model on every family; one that none can ask is wrong, and so is one that is not affine.
    pub(super) fn asked(&self, code: ItemRef) -> Vec<Diagnostic> {
        if self.needs_options(code) {
            return Vec::new();
        }
        let mut first = None;
        for family in Family::ALL.map(|(family, _)| family) {
            let mut machine = Machine::new(self.program, Tape::default());
            let schedule = item(self.schedule_of(family), Vec::new(), self.program);
            let asked = machine.place(schedule, item(code, Vec::new(), self.program)).and_then(|()| {
                let start = machine.arith.nodes.push(NodeKind::Start);
                let sampler = item(self.standard(ItemSort::Sampler, "euler"), Vec::new(), self.program);
                let levels = levels(Condition { family, steps: 2, to_clean: true });
                machine.run_levels(&sampler, levels, start, |tape, _, x| tape.end_step(*x))
            });
            match asked {
                Ok(_) => return Vec::new(),
                Err(error) if error.code == Code::E0405 => return vec![*error],
                Err(error) => first = first.or(Some(*error)),
            }
        }
        first.into_iter().collect()
    }

    /// Runs Euler's method under a guidance.
    pub(super) fn guidance(&self, hir: &Hir, id: ItemId, code: ItemRef) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for options in self.draws(hir, id) {
            for family in Family::ALL.map(|(family, _)| family) {
                let run = self.machine(self.schedule_of(family)).and_then(|mut machine| {
                    machine.guide_by(item(code, options.clone(), self.program));
                    let start = machine.arith.nodes.push(NodeKind::Start);
                    let sampler = item(self.standard(ItemSort::Sampler, "euler"), Vec::new(), self.program);
                    let levels = levels(Condition { family, steps: 3, to_clean: true });
                    machine.run_levels(&sampler, levels, start, |tape, _, x| tape.end_step(*x))
                });
                if let Err(error) = run {
                    found.extend(is_fault(&error).then_some(*error));
                }
            }
        }
        found
    }

    fn needs_options(&self, code: ItemRef) -> bool {
        // Binding without options fails only for want of one: the checker has seen the defaults.
        let program = self.program;
        let function = &program.funcs[program.items[code].bind];
        let defaults = function.body.insts.iter().filter(|inst| inst.op == crate::ir::program::Op::Default).count();
        defaults < program.items[code].options.len()
    }

    /// Options to run an item with: the defaults, then one option at a time at the ends of its range or at another of
    /// its choices.
    pub(super) fn draws(&self, hir: &Hir, id: ItemId) -> Vec<Options> {
        let checked = &hir.items[id];
        let mut base: Options = Vec::new();
        let mut others: Vec<(usize, Value<Tape>)> = Vec::new();
        for (at, option) in checked.options.iter().enumerate() {
            let ty = &checked.frame.locals[option.local].ty;
            let mut values = self.values(ty, option.bounds.as_ref());
            // Where the default has an embedded result, the rule may read it.
            if option.default.as_ref().is_some_and(|default| self.is_pair(hir, default)) {
                values.retain(is_pair);
            }
            if option.default.is_some() {
                base.push(Value::None);
            } else {
                base.push(if values.is_empty() { Value::None } else { values.remove(0) });
            }
            // Another sampler is tried only where none is the default; a deliberate factor changes nothing that is looked at.
            let fixed =
                option.inflation || option.entries.is_some() || option.default.is_some() && matches!(ty, Ty::Item(_));
            if !fixed {
                others.extend(values.into_iter().map(|value| (at, value)));
            }
        }
        let mut draws = vec![base.clone()];
        for (at, value) in others {
            let mut options = base.clone();
            options[at] = value;
            draws.push(options);
        }
        draws
    }

    /// Whether an expression names a tableau with an embedded result.
    fn is_pair(&self, hir: &Hir, default: &Expr) -> bool {
        let ExprKind::Const(id) = default.kind else { return false };
        let named = &hir.consts[id].name;
        self.tableaux.iter().any(|(name, value)| name == named && is_pair(value))
    }

    fn tableaux_that(&self, fits: fn(&Value<Tape>) -> bool) -> Options {
        self.tableaux.iter().map(|(_, value)| value).filter(|value| fits(value)).cloned().collect()
    }

    fn values(&self, ty: &Ty, bounds: Option<&crate::hir::Bounds>) -> Options {
        match ty {
            Ty::Bool => vec![Value::Bool(true), Value::Bool(false)],
            Ty::Choice(names) => names.iter().map(|name| Value::Word(name.clone())).collect(),
            Ty::Int => ends(bounds).into_iter().map(|end| Value::Int(end as i64)).collect(),
            Ty::Real => ends(bounds).into_iter().map(Value::Real).collect(),
            Ty::List(of) if **of == Ty::Real => {
                let inside = |number: &f64| bounds.is_none_or(|bounds| !crate::check::outside(bounds, *number));
                let mut numbers: Vec<f64> = [4.0, 1.0, 0.25, 0.0].into_iter().filter(inside).collect();
                if numbers.is_empty() {
                    numbers = ends(bounds);
                }
                vec![Value::List(Arc::new(numbers.into_iter().map(Value::Real).collect()))]
            }
            Ty::Tableau => self.tableaux_that(|value| matches!(value, Value::List(_))),
            ty if is_family(ty) => self.tableaux_that(|value| matches!(value, Value::Closure(_))),
            Ty::Item(sort) => STANDARD
                .iter()
                .zip(self.standard)
                .filter(|((known, _), _)| known == sort)
                .map(|(_, code)| Value::Item(item(*code, Vec::new(), self.program)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Numbers at the ends of a range that are small enough to run, and one inside.
fn ends(bounds: Option<&crate::hir::Bounds>) -> Vec<f64> {
    let Some(bounds) = bounds else { return vec![1.0] };
    let end = |end: &Option<(Expr, bool)>| {
        let (expr, closed) = end.as_ref()?;
        Some((crate::check::constant(expr)?, *closed))
    };
    let (low, high) = (end(&bounds.low), end(&bounds.high));
    let mut values = Vec::new();
    let inside = |number: f64| number.is_finite() && number.abs() <= 64.0;
    values.extend(low.filter(|(_, closed)| *closed).map(|(low, _)| low).filter(|low| inside(*low)));
    values.extend(high.filter(|(_, closed)| *closed).map(|(high, _)| high).filter(|high| inside(*high)));
    if let (Some((low, _)), Some((high, _))) = (low, high)
        && low.is_finite()
        && high.is_finite()
        && (low.fract() != 0.0 || high - low <= 1.0)
    {
        values.push(0.5 * (low + high));
    }
    values
}

/// An item with options as given.
pub(super) fn item<A: Arith>(code: ItemRef, mut given: Vec<Value<A>>, program: &Program) -> Arc<ItemValue<A>> {
    let item = &program.items[code];
    given.resize(item.options.len(), Value::None);
    Arc::new(ItemValue { item: code, given, site: item.span.0, options: OnceLock::new(), opened: OnceLock::new() })
}

/// The k-th of n half log-SNRs: at unequal distances that grow, so that nothing is right by symmetry.
pub(super) fn between(k: usize, n: usize) -> f64 {
    let share = k as f64 / n as f64;
    NOISY + (CLEAN - NOISY) * share * (0.7 + 0.3 * share)
}

/// Levels at unequal distances in half log-SNR.
pub(super) fn levels(condition: Condition) -> Vec<Arc<Level<f64>>> {
    let n = condition.steps;
    let at = |k: usize| match k == n && condition.to_clean {
        true => Some(Level::clean()),
        false => Level::on(condition.family, crate::hir::Coordinate::Lambda, between(k, n)),
    };
    (0..=n).filter_map(at).map(Arc::new).collect()
}

/// Whether an error is the rule's; one that says what the rule needs of a grid or a caller is not.
pub(super) fn is_fault(error: &Diagnostic) -> bool {
    error.code != Code::E0505
}
