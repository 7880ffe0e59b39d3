//! Items, functions and constants.

use samp_lang::ast::ClaimKind;

use super::Text;
use super::exprs::braces;
use crate::hir::{
    Adaptive, Claim, Clock, ConstId, Constant, Control, Curve, FnId, Function, Item, ItemBody, ItemId, Opt, Pipeline,
    Rules, Schedule, Stmt,
};

impl Text<'_> {
    /// An item and its members, one a line.
    pub(super) fn item(&self, id: ItemId, item: &Item) -> String {
        let mut lines: Vec<String> = item.options.iter().map(|option| self.option("option", option)).collect();
        let tail = match &item.body {
            ItemBody::Schedule(schedule) => {
                lines.extend(self.schedule(schedule));
                self.curve(schedule.curve)
            }
            ItemBody::Grid(body) => {
                lines.push(format!("levels {}", self.block(body, 1)));
                String::new()
            }
            ItemBody::Rules(rules) => {
                lines.extend(self.rules(rules));
                if rules.ve { " in ve".to_owned() } else { String::new() }
            }
            ItemBody::Pipeline(pipeline) => {
                lines.extend(self.pipeline(pipeline));
                String::new()
            }
        };
        let (sort, name) = (item.sort, &item.name);
        format!("{}{id} {sort} {name}{tail} {}\n", doc(&item.doc, ""), braces(&lines, 0))
    }

    /// A function: its parameters, the levels that they bind, what it computes.
    pub(super) fn function(&self, id: FnId, function: &Function) -> String {
        let mut lines: Vec<String> = function.params.iter().map(|param| self.option("param", param)).collect();
        for (level, of) in &function.levels {
            lines.push(format!("level {} of {}", self.declared(*level), self.local(*of)));
        }
        lines.push(format!("body {}", self.block(&function.body, 1)));
        format!("{id} {} -> {} {}\n", function.name, function.result, braces(&lines, 0))
    }

    /// A constant.
    pub(super) fn constant(&self, id: ConstId, constant: &Constant) -> String {
        let value = &constant.value;
        format!("{id} {}: {} {} = {}\n", constant.name, value.ty, value.rate, self.expr(value, 0))
    }

    fn option(&self, word: &str, option: &Opt) -> String {
        let bounds = option.bounds.as_ref().map_or(String::new(), |bounds| format!(" in {}", self.bounds(bounds)));
        let default = option.default.as_ref().map_or(String::new(), |default| format!(" = {}", self.expr(default, 1)));
        let entries = option.entries.as_ref().map_or(String::new(), |entries| format!("[{}]", self.expr(entries, 1)));
        format!("{}{word} {}{entries}{bounds}{default}", doc(&option.doc, "  "), self.declared(option.local))
    }

    fn lets(&self, lets: &[Stmt]) -> impl Iterator<Item = String> {
        lets.iter().map(|stmt| self.stmt(stmt, 1))
    }

    fn schedule(&self, schedule: &Schedule) -> Vec<String> {
        let mut lines: Vec<String> = self.lets(&schedule.lets).collect();
        let domain = match &schedule.domain {
            Clock::Table { low, high } => format!("{}..{}", self.expr(low, 1), self.expr(high, 1)),
            Clock::Interval { low, high } => format!("[{}, {}]", self.expr(low, 1), self.expr(high, 1)),
            Clock::Of(of) => self.expr(of, 1),
        };
        lines.push(format!("clock {} in {domain}", self.declared(schedule.clock)));
        for (coordinate, value) in &schedule.coordinates {
            lines.push(format!("{} = {}", coordinate.name(), self.expr(value, 1)));
        }
        if let Some((local, value)) = &schedule.inverse {
            lines.push(format!("inverse {} = {}", self.declared(*local), self.expr(value, 1)));
        }
        lines
    }

    fn curve(&self, curve: Curve) -> String {
        match curve {
            Curve::Family(family) => format!(" in {}", family.name()),
            Curve::Of(local) => format!(" in {}", self.local(local)),
            Curve::Own => String::new(),
        }
    }

    fn rules(&self, rules: &Rules) -> Vec<String> {
        let mut lines: Vec<String> = rules.claims.iter().map(|claim| self.claim(claim)).collect();
        lines.extend(rules.approximate.then(|| "approximate".to_owned()));
        lines.extend(rules.only.iter().map(|family| format!("only {}", family.name())));
        lines.extend(rules.branches.iter().map(|branch| format!("branch {branch}")));
        lines.extend(rules.views.iter().map(|(view, kind)| format!("view {view}: {kind}")));
        lines.extend(rules.inputs.iter().map(|input| format!("input {}", self.declared(*input))));
        for history in &rules.histories {
            lines.push(format!("history {} depth {}", self.declared(history.local), self.expr(&history.depth, 1)));
        }
        for state in &rules.states {
            let init = state.init.as_ref().map_or(String::new(), |init| format!(" = {}", self.expr(init, 1)));
            lines.push(format!("state {}{init}", self.declared(state.local)));
        }
        lines.extend(rules.adaptive.iter().flat_map(|adaptive| self.adaptive(adaptive)));
        lines.extend(self.lets(&rules.lets));
        let (x, s) = (self.declared(rules.x), self.declared(rules.s));
        let t = rules.t.map_or(String::new(), |t| format!(" to {}", self.declared(t)));
        lines.push(format!("rule {x} at {s}{t} gives {} {}", rules.gives, self.block(&rules.body, 1)));
        lines
    }

    fn adaptive(&self, adaptive: &Adaptive) -> [String; 2] {
        let each = if adaptive.per_sample { " per sample" } else { "" };
        let Control { step, error, body, .. } = &adaptive.control;
        [
            format!("adaptive{each} over {} from {}", adaptive.over.name(), self.expr(&adaptive.from, 1)),
            format!("control {}, {} {}", self.declared(*step), self.declared(*error), self.block(body, 1)),
        ]
    }

    fn claim(&self, claim: &Claim) -> String {
        let word = match claim.kind {
            ClaimKind::Order => "order",
            ClaimKind::WeakOrder => "weak order",
            ClaimKind::Evals => "evals",
        };
        let when = claim.when.as_ref().map_or(String::new(), |when| format!(" when {}", self.expr(when, 1)));
        format!("{word} {}{when}", self.expr(&claim.value, 1))
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Vec<String> {
        let inputs = pipeline.inputs.iter().map(|input| format!("input {}", self.declared(*input)));
        let slots = pipeline.slots.iter().map(|(slot, value)| format!("{} = {}", slot.name(), self.expr(value, 1)));
        let network = pipeline.network.iter().map(|network| format!("network {network}"));
        inputs.chain(self.lets(&pipeline.lets)).chain(slots).chain(network).collect()
    }
}

/// Documentation as lines above what it is about.
fn doc(doc: &str, indent: &str) -> String {
    doc.lines().map(|line| format!("/// {}\n{indent}", line.trim())).collect()
}
