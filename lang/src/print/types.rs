//! Types, kinds, intervals and ranges.

use super::Tree;
use crate::ast::*;

impl Tree {
    /// A type.
    pub fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Fn { params, result } => {
                self.node("fn type", ty.span);
                self.inside(|tree| {
                    params.iter().for_each(|param| tree.ty(param));
                    tree.part("result", |tree| tree.ty(result));
                });
            }
            TypeKind::Choice(names) => {
                self.node("choice type", ty.span);
                self.inside(|tree| names.iter().for_each(|name| tree.name("choice", name)));
            }
            TypeKind::Plain { kind, extents, domain } => {
                self.node("type", ty.span);
                self.inside(|tree| {
                    tree.kind(kind);
                    extents.iter().for_each(|extent| tree.extent(extent.as_ref()));
                    domain.iter().for_each(|domain| tree.domain(domain));
                });
            }
        }
    }

    fn extent(&mut self, extent: Option<&Expr>) {
        match extent {
            Some(length) => self.part("list of", |tree| tree.expr(length)),
            None => self.line("list"),
        }
    }

    /// A kind with its level.
    pub fn kind(&mut self, kind: &Kind) {
        self.node(format_args!("kind {}", kind.name.text), kind.span);
        let Some(level) = &kind.level else { return };
        self.inside(|tree| {
            tree.name("level", &level.name);
            tree.inside(|tree| level.index.iter().for_each(|index| tree.range(index)));
        });
    }

    /// What follows `in`.
    pub fn domain(&mut self, domain: &Domain) {
        match domain {
            Domain::Interval(interval) => self.interval(interval),
            Domain::Range(range) => self.range(range),
        }
    }

    /// An interval.
    pub fn interval(&mut self, interval: &Interval) {
        let open = if interval.closed_low { "[" } else { "(" };
        let close = if interval.closed_high { "]" } else { ")" };
        self.node(format_args!("interval {open}{close}"), interval.span);
        self.inside(|tree| {
            tree.expr(&interval.low);
            tree.expr(&interval.high);
        });
    }

    /// A range; a single expression is itself.
    pub fn range(&mut self, range: &Range) {
        let dots = match range.dots {
            Dots::Single => "single",
            Dots::HalfOpen => "..",
            Dots::Closed => "..=",
        };
        self.node(format_args!("range {dots}"), range.span);
        self.inside(|tree| {
            range.low.iter().for_each(|low| tree.part("low", |tree| tree.expr(low)));
            range.high.iter().for_each(|high| tree.part("high", |tree| tree.expr(high)));
        });
    }
}
