//! Items: what their functions take and give, and what is kept between steps.

use std::collections::BTreeMap;

use super::{Result, VerifyError, fits, walk};
use crate::hir::Slot;
use crate::ir::program::{Block, Func, ItemBody, ItemCode, ItemRef, Op, PipelineCode, Program, RulesCode, Shape};
use crate::types::{ItemSort, Kind};

/// Checks an item: invariants 1 and 12.
pub(super) fn item(program: &Program, id: ItemRef, item: &ItemCode) -> Result {
    let part = Part { program, id, item };
    part.sort()?;
    part.options("options", item.bind, Shape::List)?;
    match &item.body {
        ItemBody::Schedule(open) => part.options("curve", *open, Shape::Curve),
        ItemBody::Grid(levels) => part.options("levels", *levels, Shape::List),
        ItemBody::Rules(rules) => part.rules(rules),
        ItemBody::Pipeline(pipeline) => part.pipeline(pipeline),
    }
}

struct Part<'p> {
    program: &'p Program,
    id: ItemRef,
    item: &'p ItemCode,
}

impl Part<'_> {
    fn error<T>(&self, invariant: u32, function: Option<Func>, message: String) -> Result<T> {
        let message = format!("`{}`, {} `{}`: {message}", self.id, self.item.sort, self.item.name);
        Err(VerifyError { invariant, function, value: None, message })
    }

    fn sort(&self) -> Result {
        let fits = match &self.item.body {
            ItemBody::Schedule(_) => self.item.sort == ItemSort::Schedule,
            ItemBody::Grid(_) => self.item.sort == ItemSort::Grid,
            ItemBody::Rules(_) => matches!(self.item.sort, ItemSort::Model | ItemSort::Guidance | ItemSort::Sampler),
            ItemBody::Pipeline(_) => self.item.sort == ItemSort::Pipeline,
        };
        if fits { Ok(()) } else { self.error(12, None, "its body is that of another sort".to_owned()) }
    }

    /// A function of the options.
    fn options(&self, what: &str, func: Func, gives: Shape) -> Result {
        self.function(what, func, &[], Some(gives))
    }

    /// A function of the options and what its part asks for beside them; it may have to give a shape.
    fn function(&self, what: &str, func: Func, takes: &[Shape], gives: Option<Shape>) -> Result {
        let Some(function) = self.program.funcs.get(func) else {
            return self.error(1, None, format!("the program has no `{func}`"));
        };
        let params = function.params.iter().filter_map(|param| function.values.get(*param));
        let params: Vec<Shape> = params.map(|info| info.shape).collect();
        let n_options = self.item.options.len();
        if params.len() != n_options + takes.len() {
            let message = format!("expected {n_options} options and {} more parameters of its {what}", takes.len());
            return self.error(12, Some(func), message);
        }
        if params[n_options..] != *takes {
            let wanted: Vec<&str> = takes.iter().map(|shape| shape.name()).collect();
            let wanted = wanted.join(", ");
            return self.error(12, Some(func), format!("expected `{wanted}` behind the options of its {what}"));
        }
        let Some(gives) = gives else { return Ok(()) };
        if let Some(found) = walk::given(function).into_iter().find(|found| !fits(*found, gives)) {
            let (gives, found) = (gives.name(), found.name());
            return self.error(12, Some(func), format!("expected its {what} to give `{gives}`, found `{found}`"));
        }
        Ok(())
    }

    fn rules(&self, rules: &RulesCode) -> Result {
        let (sample, gives) = (Shape::Tensor(Kind::Sample), Shape::Tensor(rules.gives));
        match self.item.sort {
            ItemSort::Sampler => {
                self.function("step", rules.run, &[sample, Shape::Level, Shape::Level], Some(gives))?
            }
            ItemSort::Model | ItemSort::Guidance | ItemSort::Schedule | ItemSort::Grid | ItemSort::Pipeline => {
                self.function("call", rules.run, &[sample, Shape::Level], Some(gives))?;
            }
        }
        for (_, _, depth) in &rules.histories {
            self.options("depth", *depth, Shape::Int)?;
        }
        for init in rules.states.iter().filter_map(|(_, init)| *init) {
            self.function("first value", init, &[], None)?;
        }
        if let Some(adaptive) = &rules.adaptive {
            self.options("first step length", adaptive.from, Shape::Real)?;
            self.function("control", adaptive.control, &[Shape::Real; 2], Some(Shape::Real))?;
        }
        for (_, value, when) in &rules.claims {
            self.options("claim", *value, Shape::Int)?;
            when.map_or(Ok(()), |when| self.options("condition", when, Shape::Bool))?;
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &PipelineCode) -> Result {
        for (slot, func) in &pipeline.slots {
            let gives = match slot {
                Slot::Steps => Shape::Int,
                Slot::Schedule | Slot::Grid | Slot::Model | Slot::Guidance | Slot::Sampler => Shape::Item,
                Slot::Start | Slot::Network => {
                    return self.error(12, Some(*func), format!("`{}` stands among the slots", slot.name()));
                }
            };
            self.options(slot.name(), *func, gives)?;
        }
        match pipeline.start {
            Some(start) => self.options("start", start, Shape::Tensor(Kind::Sample)),
            None => Ok(()),
        }
    }
}

/// Checks that histories and states are named where they are declared: invariant 10.
pub(super) fn kept(program: &Program) -> Result {
    let mut declared: BTreeMap<Func, (usize, usize)> = BTreeMap::new();
    for item in program.items.values() {
        if let ItemBody::Rules(rules) = &item.body {
            declared.insert(rules.run, (rules.histories.len(), rules.states.len()));
            declared.extend(rules.adaptive.iter().map(|adaptive| (adaptive.control, (0, rules.states.len()))));
        }
    }
    for (func, function) in &program.funcs {
        let (histories, states) = declared.get(&func).copied().unwrap_or_default();
        if let Some(message) = out_of_range(&function.body, histories, states) {
            return Err(VerifyError { invariant: 10, function: Some(func), value: None, message });
        }
    }
    Ok(())
}

fn out_of_range(block: &Block, histories: usize, states: usize) -> Option<String> {
    block.insts.iter().find_map(|inst| {
        let named = match inst.op {
            Op::History(index) | Op::Push(index) => Some(("history", index, histories)),
            Op::State(index) | Op::SetState(index) => Some(("state", index, states)),
            _ => None,
        };
        let wrong = named.filter(|(_, index, n)| *index as usize >= *n);
        let wrong = wrong.map(|(what, index, n)| format!("{what} {index} is named where {n} are declared"));
        wrong.or_else(|| inst.blocks.iter().find_map(|block| out_of_range(block, histories, states)))
    })
}
