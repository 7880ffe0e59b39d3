//! Levels, their coordinates, and model calls.

use std::sync::Arc;

use samp_lang::ast;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::calls::Args;
use super::exprs::make;
use super::scope::{Place, Scope};
use super::types::error_expr;
use super::{Checker, did_you_mean};
use crate::hir::{Coordinate, Expr, ExprKind};
use crate::library::Namespace;
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

impl Checker<'_> {
    /// `alpha(s)`, `lambda(d[1])`.
    pub(crate) fn coordinate(
        &mut self,
        scope: &mut Scope,
        coordinate: Coordinate,
        args: &Args<'_>,
        span: Span,
    ) -> Expr {
        self.only_positional(coordinate.name(), args);
        if !self.count(coordinate.name(), 1, args.positional.len(), span) {
            return error_expr(span);
        }
        let of = self.expr(scope, args.positional[0], Some(&Ty::Level));
        if of.ty != Ty::Level && !of.ty.is_tensor() {
            self.mismatch(&of, "a level, or a tensor that remembers one");
            return error_expr(span);
        }
        let rate = if of.ty.is_tensor() { Rate::Step } else { of.rate };
        make(span, Ty::Real, rate, ExprKind::Coordinate(coordinate, Box::new(of)))
    }

    /// `level(rho = ..)`.
    pub(crate) fn make_level(&mut self, scope: &mut Scope, args: &Args<'_>, span: Span) -> Expr {
        let ([(name, value)], []) = (&args.named[..], &args.positional[..]) else {
            let found = Diagnostic::new(Code::E0302, span, "`level` takes one coordinate, by name");
            self.report(found.help("write `level(lambda = ..)`, or `rho`, `sigma`, `alpha`, `time`"));
            return error_expr(span);
        };
        let Some(coordinate) = Coordinate::from_name(&name.text) else {
            let known: Vec<Arc<str>> = Coordinate::ALL.iter().map(|(_, word)| Arc::from(*word)).collect();
            let mut found =
                Diagnostic::new(Code::E0303, name.span, format!("`{}` is no coordinate of a level", name.text));
            found = found.help(
                did_you_mean(&name.text, &known)
                    .unwrap_or_else(|| format!("coordinates are {}", super::all_of(known.iter().map(|n| &**n)))),
            );
            self.report(found);
            return error_expr(span);
        };
        if scope.place == Place::Schedule {
            self.error(Code::E0508, span, "a schedule cannot make levels of itself; use the clock");
            return error_expr(span);
        }
        let value = self.real(scope, value);
        let rate = value.rate;
        make(span, Ty::Level, rate, ExprKind::Level(coordinate, Box::new(value)))
    }

    /// `network(input, time)` in a model.
    pub(crate) fn network(&mut self, scope: &mut Scope, args: &Args<'_>, at: Span, span: Span) -> Expr {
        if scope.place != Place::Model {
            let found = Diagnostic::new(Code::E0101, at, "`network` means something only in a model");
            self.report(found.help("ask the model for a prediction: `x0(x)`, `eps(x)`, `v(x)`, `flow(x)`"));
            return error_expr(span);
        }
        if !self.count("network", 2, args.positional.len(), span) {
            return error_expr(span);
        }
        let input = self.expr(scope, args.positional[0], None);
        if !input.ty.is_tensor() {
            self.mismatch(&input, "a tensor");
        }
        let time = Box::new(self.real(scope, args.positional[1]));
        let args = self.passed_on(scope, &args.named);
        make(span, Ty::Tensor(Kind::Tensor), Rate::Elem, ExprKind::Network { input: Box::new(input), time, args })
    }

    /// `x0(x)`, `eps(x, uncond)`, `v(x, at = l)`.
    pub(crate) fn predict(&mut self, scope: &mut Scope, kind: Kind, args: &Args<'_>, span: Span) -> Expr {
        if matches!(
            scope.place,
            Place::Const | Place::Grid | Place::Schedule | Place::Pipeline | Place::Start | Place::Model | Place::Test
        ) {
            let message = format!("`{kind}` is a model call, and there is no model here");
            self.error(Code::E0101, span, message);
            return error_expr(span);
        }
        if args.positional.is_empty() || args.positional.len() > 2 || !args.each.is_empty() {
            self.count(kind.name(), 1, args.positional.len(), span);
            return error_expr(span);
        }
        let x = Box::new(self.sample(scope, args.positional[0]));
        let by = args.positional.get(1).map(|by| Box::new(self.by(scope, by)));
        if by.is_none() && scope.place == Place::Guidance {
            let found = Diagnostic::new(Code::E0302, span, format!("`{kind}` in a guidance names a branch"));
            self.report(
                found.help("declare `branch cond` and write `x0(x, cond)`, or hand on to a guidance: `x0(x, base)`"),
            );
        }
        let mut at = None;
        let mut rest = Vec::new();
        for (name, value) in &args.named {
            if &*name.text == "at" {
                let level = self.expr(scope, value, Some(&Ty::Level));
                at = Some(Box::new(self.coerce(level, &Ty::Level)));
            } else {
                rest.push((*name, *value));
            }
        }
        let args = self.passed_on(scope, &rest);
        make(span, Ty::Tensor(kind), Rate::Elem, ExprKind::Predict { kind, output: None, x, by, at, args })
    }

    /// `range(x)`: a further output of the model, of the branch `cond` or of the one that is named.
    pub(crate) fn output(
        &mut self,
        scope: &mut Scope,
        name: &Arc<str>,
        kind: Kind,
        args: &Args<'_>,
        span: Span,
    ) -> Expr {
        let asked = self.predict(scope, kind, args, span);
        let ExprKind::Predict { kind, x, by, at, args, .. } = asked.kind else { return error_expr(span) };
        if let Some(by) = by.as_ref().filter(|by| !matches!(by.ty, Ty::Branch | Ty::Error)) {
            let found = Diagnostic::new(Code::E0301, by.span, format!("`{name}` is of a branch, not of a guidance"));
            self.report(found.help("name a branch, or none for `cond`"));
            return error_expr(span);
        }
        let output = Some(name.clone());
        make(span, Ty::Tensor(kind), Rate::Elem, ExprKind::Predict { kind, output, x, by, at, args })
    }

    /// A sample that knows its level.
    pub(crate) fn sample(&mut self, scope: &mut Scope, expr: &ast::Expr) -> Expr {
        let value = self.expr(scope, expr, None);
        match &value.ty {
            Ty::Error | Ty::Tensor(Kind::Sample) => value,
            Ty::Tensor(Kind::Tensor) => {
                let found = Diagnostic::new(
                    Code::E0403,
                    value.span,
                    "a sample at a known level is needed here, found a tensor",
                );
                self.report(found.help("name it first: `let y: sample@m = ..`, with the level `m` it is at"));
                error_expr(value.span)
            }
            Ty::Tensor(kind) => {
                self.wrong_kind(value.span, *kind, Kind::Sample);
                error_expr(value.span)
            }
            _ => {
                self.mismatch(&value, "a sample");
                error_expr(value.span)
            }
        }
    }

    /// The branch or guidance of a model call.
    fn by(&mut self, scope: &mut Scope, expr: &ast::Expr) -> Expr {
        let span = expr.span;
        if let ast::ExprKind::Name(name) = &expr.kind {
            if scope.branches.contains(name) {
                return make(span, Ty::Branch, Rate::Const, ExprKind::Branch(name.clone()));
            }
            let guidance = scope.find(name).is_some()
                || self.lib.find(scope.unit, Namespace::Item(ItemSort::Guidance), name).is_some();
            if !guidance {
                let known = scope.branches.clone();
                let mut found = Diagnostic::new(Code::E0404, span, format!("no branch `{name}` is declared here"));
                found = match did_you_mean(name, &known) {
                    Some(help) => found.help(help),
                    None if scope.place == Place::Fn => found.help("functions name no branches; a rule does"),
                    None => found.help(format!("declare it: `branch {name}`")),
                };
                self.report(found);
                return error_expr(span);
            }
        }
        let value = self.expr(scope, expr, Some(&Ty::Item(ItemSort::Guidance)));
        self.coerce(value, &Ty::Item(ItemSort::Guidance))
    }

    fn passed_on(&mut self, scope: &mut Scope, named: &[(&ast::Name, &ast::Expr)]) -> Vec<(Arc<str>, Expr)> {
        let mut args = Vec::new();
        for (name, value) in named {
            let value = self.expr(scope, value, None);
            let number = value.ty.is_number() || value.ty.fits(&Ty::Real.list());
            if !number {
                self.mismatch(&value, "a number or a list of numbers");
            }
            args.push((name.text.clone(), value));
        }
        args
    }
}
