//! Comprehensions, what reads them, and integrals.

use samp_lang::ast::{self, Dots};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::Checker;
use super::exprs::make;
use super::scope::{Role, Scope};
use super::types::error_expr;
use crate::hir::{Expr, ExprKind, Reduce};
use crate::rate::Rate;
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// `[e for j in ..]`, or the same inside `sum(..)` and its like.
    pub(crate) fn collect(
        &mut self,
        scope: &mut Scope,
        inner: &ast::Comprehension,
        reduce: Reduce,
        span: Span,
        want: Option<&Ty>,
    ) -> Expr {
        let want = match want {
            Some(Ty::List(of)) if reduce == Reduce::List => Some((**of).clone()),
            _ => None,
        };
        let depth = scope.names.len();
        let outer = scope.result.take();
        let mut rate = Rate::Const;
        let mut clauses = Vec::new();
        for each in &inner.clauses {
            let over = self.over(scope, &each.range);
            rate = rate.max(over.rate);
            let ty = match &over.ty {
                Ty::List(of) => (**of).clone(),
                _ => Ty::Error,
            };
            let local = self.declare(scope, &each.name, ty, over.rate, Role::Value);
            scope.used.insert(local);
            clauses.push((local, over));
        }
        let condition = inner.condition.as_ref().map(|condition| Box::new(self.condition(scope, condition)));
        let element = self.expr(scope, &inner.element, want.as_ref());
        scope.names.truncate(depth);
        scope.result = outer;
        rate = rate.max(element.rate).max(condition.as_ref().map_or(Rate::Const, |c| c.rate));
        let ty = self.reduced(reduce, &element);
        let element = Box::new(element);
        make(span, ty, rate, ExprKind::Collect { reduce, clauses, condition, element })
    }

    /// What a `for` runs over: a range of whole numbers, or a list.
    pub(crate) fn over(&mut self, scope: &mut Scope, range: &ast::Range) -> Expr {
        match (range.dots, &range.low, &range.high) {
            (Dots::Single, Some(list), _) => {
                let list = self.expr(scope, list, None);
                if list.ty == Ty::Item(crate::types::ItemSort::Schedule) {
                    let (span, rate) = (list.span, list.rate);
                    return make(span, Ty::Level.list(), rate, ExprKind::Table(Box::new(list)));
                }
                if !matches!(list.ty, Ty::List(_)) {
                    self.mismatch(&list, "a list or a range");
                    return error_expr(range.span);
                }
                list
            }
            (dots, Some(low), Some(high)) => {
                let (low, high) = (self.int(scope, low), self.int(scope, high));
                let rate = low.rate.max(high.rate);
                let (low, high, closed) = (Box::new(low), Box::new(high), dots == Dots::Closed);
                make(range.span, Ty::Int.list(), rate, ExprKind::Range { low, high, closed })
            }
            _ => {
                self.error(Code::E0301, range.span, "a loop needs both ends of its range");
                error_expr(range.span)
            }
        }
    }

    fn reduced(&mut self, reduce: Reduce, element: &Expr) -> Ty {
        if element.ty == Ty::Error {
            return if reduce == Reduce::List { Ty::Error.list() } else { Ty::Error };
        }
        let number = element.ty.is_number();
        match reduce {
            Reduce::List => element.ty.clone().list(),
            Reduce::Count => {
                if element.ty != Ty::Bool {
                    self.mismatch(element, "a condition");
                }
                Ty::Int
            }
            Reduce::Sum if element.ty.is_tensor() => Ty::Tensor(Kind::Tensor),
            Reduce::Sum | Reduce::Prod | Reduce::Min | Reduce::Max => {
                if !number {
                    self.mismatch(element, "a number");
                    return Ty::Error;
                }
                element.ty.clone()
            }
        }
    }

    /// `sum(list)` and its like.
    pub(crate) fn reduce_list(&mut self, scope: &mut Scope, reduce: Reduce, list: &ast::Expr, span: Span) -> Expr {
        let list = self.expr(scope, list, None);
        let Ty::List(of) = list.ty.clone() else {
            self.mismatch(&list, "a list");
            return error_expr(span);
        };
        let element = Expr { span: list.span, ty: *of, rate: list.rate, kind: ExprKind::Error };
        let ty = self.reduced(reduce, &element);
        let rate = list.rate;
        make(span, ty, rate, ExprKind::ReduceList(reduce, Box::new(list)))
    }

    /// `integral(f(r) for r in a..b)`.
    pub(crate) fn integral(&mut self, scope: &mut Scope, args: &[ast::Arg], span: Span) -> Expr {
        let [ast::Arg::Each(inner)] = args else {
            return self.bad_integral(span);
        };
        let ([each], None) = (&inner.clauses[..], &inner.condition) else {
            return self.bad_integral(span);
        };
        let (Dots::HalfOpen, Some(low), Some(high)) = (each.range.dots, &each.range.low, &each.range.high) else {
            return self.bad_integral(span);
        };
        let (low, high) = (Box::new(self.real(scope, low)), Box::new(self.real(scope, high)));
        let mut rate = low.rate.max(high.rate);
        let depth = scope.names.len();
        let local = self.declare(scope, &each.name, Ty::Real, rate, Role::Value);
        scope.used.insert(local);
        let outer = scope.result.take();
        let body = Box::new(self.real(scope, &inner.element));
        scope.result = outer;
        scope.names.truncate(depth);
        rate = rate.max(body.rate);
        make(span, Ty::Real, rate, ExprKind::Integral { local, low, high, body })
    }

    fn bad_integral(&mut self, span: Span) -> Expr {
        let found = Diagnostic::new(Code::E0302, span, "an integral has one variable that runs between two numbers");
        self.report(found.help("write `integral(f(r) for r in a..b)`"));
        error_expr(span)
    }
}
