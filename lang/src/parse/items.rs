//! Items: what a file declares.

use pest::iterators::Pair;

use super::build::{Builder, docs, string_text};
use super::grammar::{Parts, Rule};
use crate::ast::*;

impl Builder<'_> {
    /// An item with its documentation; its span starts at its word.
    pub fn item(&mut self, pair: Pair<'_, Rule>) -> Item {
        let mut parts = Parts::of(pair);
        let doc = docs(&mut parts);
        let pair = parts.need();
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let parts = Parts::of(pair);
        let kind = match rule {
            Rule::use_item => ItemKind::Use(self.use_item(parts)),
            Rule::schedule => ItemKind::Schedule(self.schedule(parts)),
            Rule::grid => ItemKind::Grid(self.grid(parts)),
            Rule::model => ItemKind::Model(self.rules(parts)),
            Rule::guidance => ItemKind::Guidance(self.rules(parts)),
            Rule::sampler => ItemKind::Sampler(self.rules(parts)),
            Rule::pipeline => ItemKind::Pipeline(self.pipeline(parts)),
            Rule::function => ItemKind::Fn(self.function(parts)),
            Rule::constant => ItemKind::Const(self.constant(parts)),
            Rule::extern_fn => ItemKind::Extern(self.extern_fn(parts)),
            Rule::test => ItemKind::Test(self.test(parts)),
            other => unreachable!("an item is no {other:?}"),
        };
        Item { doc, span, kind }
    }

    fn use_item(&mut self, mut parts: Parts<'_>) -> Use {
        let from = parts.need();
        let from_span = self.span(&from);
        let from = match from.as_rule() {
            Rule::string => UseFrom::File(string_text(&from)),
            _ => UseFrom::Path(self.names(Parts::of(from))),
        };
        Use { from, from_span, names: self.names(parts) }
    }

    fn schedule(&mut self, mut parts: Parts<'_>) -> Schedule {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        let coordinates = self.coordinates(&mut parts);
        let members = parts.map(|pair| self.schedule_member(pair)).collect();
        Schedule { name, params, coordinates, members }
    }

    fn schedule_member(&mut self, pair: Pair<'_, Rule>) -> ScheduleMember {
        let mut parts = Parts::of(pair);
        docs(&mut parts);
        let pair = parts.need();
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        match rule {
            Rule::clock => ScheduleMember::Clock { name: self.name(parts.need()), domain: self.domain(parts.need()) },
            Rule::curve => {
                ScheduleMember::Curve { coordinate: self.name(parts.need()), value: self.expr(parts.need()) }
            }
            Rule::inverse => ScheduleMember::Inverse { name: self.name(parts.need()), value: self.expr(parts.need()) },
            Rule::let_stmt => ScheduleMember::Let(self.binding(parts)),
            Rule::require => ScheduleMember::Require(self.expr(parts.need())),
            other => unreachable!("a member of a schedule is no {other:?}"),
        }
    }

    fn grid(&mut self, mut parts: Parts<'_>) -> Grid {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        Grid { name, params, body: self.body(parts.need()) }
    }

    fn rules(&mut self, mut parts: Parts<'_>) -> Rules {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        let coordinates = self.coordinates(&mut parts);
        let members = Parts::of(parts.need()).map(|pair| self.member(pair)).collect();
        Rules { name, params, coordinates, members }
    }

    fn pipeline(&mut self, mut parts: Parts<'_>) -> Pipeline {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        let members = parts.map(|pair| self.pipeline_member(pair)).collect();
        Pipeline { name, params, members }
    }

    fn pipeline_member(&mut self, pair: Pair<'_, Rule>) -> PipelineMember {
        let mut parts = Parts::of(pair);
        docs(&mut parts);
        let pair = parts.need();
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        match rule {
            Rule::input => PipelineMember::Input(self.input(parts)),
            Rule::let_stmt => PipelineMember::Let(self.binding(parts)),
            Rule::slot => PipelineMember::Slot { slot: self.name(parts.need()), value: self.expr(parts.need()) },
            other => unreachable!("a member of a pipeline is no {other:?}"),
        }
    }

    fn function(&mut self, mut parts: Parts<'_>) -> Function {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        let result = parts.optional(Rule::r#type).map(|pair| self.ty(pair));
        Function { name, params, result, body: self.body(parts.need()) }
    }

    fn constant(&mut self, mut parts: Parts<'_>) -> Constant {
        let name = self.name(parts.need());
        let ty = parts.optional(Rule::r#type).map(|pair| self.ty(pair));
        Constant { name, ty, value: self.expr(parts.need()) }
    }

    fn extern_fn(&mut self, mut parts: Parts<'_>) -> Extern {
        let name = self.name(parts.need());
        let params = self.params(&mut parts);
        let result = self.ty(parts.need());
        Extern { name, params, result, otherwise: parts.next().map(|pair| self.expr(pair)) }
    }

    fn test(&mut self, mut parts: Parts<'_>) -> Test {
        let name = string_text(&parts.need());
        let expects = parts.map(|pair| self.expr(Parts::of(pair).need())).collect();
        Test { name, expects }
    }

    /// The parameters that stand next, if there are brackets.
    pub fn params(&mut self, parts: &mut Parts<'_>) -> Vec<Param> {
        let Some(pair) = parts.optional(Rule::params) else { return Vec::new() };
        Parts::of(pair).map(|pair| self.param(pair)).collect()
    }

    fn param(&mut self, pair: Pair<'_, Rule>) -> Param {
        let mut parts = Parts::of(pair);
        let doc = docs(&mut parts);
        let name = self.name(parts.need());
        let ty = parts.optional(Rule::r#type).map(|pair| self.ty(pair));
        let default = parts.optional(Rule::expr).map(|pair| self.expr(pair));
        Param { doc, name, ty, default }
    }

    fn coordinates(&mut self, parts: &mut Parts<'_>) -> Option<Name> {
        parts.optional(Rule::coordinates).map(|pair| self.name(Parts::of(pair).need()))
    }

    fn body(&mut self, pair: Pair<'_, Rule>) -> Body {
        match pair.as_rule() {
            Rule::block => Body::Block(self.block(pair)),
            _ => Body::Expr(self.expr(pair)),
        }
    }
}
