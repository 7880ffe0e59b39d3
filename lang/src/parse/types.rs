//! Types, kinds, and the intervals and ranges that bound them.

use pest::iterators::Pair;

use super::build::Builder;
use super::grammar::{Parts, Rule};
use crate::ast::*;

impl Builder<'_> {
    /// A type.
    pub fn ty(&mut self, pair: Pair<'_, Rule>) -> Type {
        let span = self.span(&pair);
        let pair = Parts::of(pair).need();
        let rule = pair.as_rule();
        let parts = Parts::of(pair);
        let kind = match rule {
            Rule::fn_type => self.fn_type(parts),
            Rule::choice => TypeKind::Choice(self.names(parts)),
            _ => self.plain(parts),
        };
        Type { span, kind }
    }

    fn fn_type(&mut self, parts: Parts<'_>) -> TypeKind {
        let mut types: Vec<Type> = parts.map(|pair| self.ty(pair)).collect();
        let result = types.pop().expect("a function type has a result");
        TypeKind::Fn { params: types, result: Box::new(result) }
    }

    fn plain(&mut self, mut parts: Parts<'_>) -> TypeKind {
        let kind = self.kind(parts.need());
        let mut extents = Vec::new();
        while let Some(pair) = parts.optional(Rule::extent) {
            extents.push(Parts::of(pair).next().map(|pair| self.expr(pair)));
        }
        TypeKind::Plain { kind, extents, domain: parts.next().map(|pair| self.domain(pair)) }
    }

    /// A kind with its level.
    pub fn kind(&mut self, pair: Pair<'_, Rule>) -> Kind {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let name = self.name(parts.need());
        Kind { span, name, level: parts.next().map(|pair| self.level(pair)) }
    }

    fn level(&mut self, pair: Pair<'_, Rule>) -> LevelRef {
        let mut parts = Parts::of(pair);
        let name = self.name(parts.need());
        let index = parts.next().map(|pair| Box::new(self.range(Parts::of(pair).need())));
        LevelRef { name, index }
    }

    /// What follows `in` in a type or a clock.
    pub fn domain(&mut self, pair: Pair<'_, Rule>) -> Domain {
        match pair.as_rule() {
            Rule::interval => Domain::Interval(self.interval(pair)),
            _ => Domain::Range(self.range(pair)),
        }
    }

    /// An interval.
    pub fn interval(&mut self, pair: Pair<'_, Rule>) -> Interval {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        Interval {
            span,
            closed_low: parts.need().as_str() == "[",
            low: Box::new(self.sum(parts.need())),
            high: Box::new(self.sum(parts.need())),
            closed_high: parts.need().as_str() == "]",
        }
    }

    /// A range, or a single expression.
    pub fn range(&mut self, pair: Pair<'_, Rule>) -> Range {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let low = parts.optional(Rule::sum).map(|pair| Box::new(self.sum(pair)));
        let dots = match parts.peek() {
            Some(Rule::closed) => Dots::Closed,
            Some(Rule::half_open) => Dots::HalfOpen,
            _ => Dots::Single,
        };
        parts.next();
        Range { span, low, dots, high: parts.next().map(|pair| Box::new(self.sum(pair))) }
    }
}
