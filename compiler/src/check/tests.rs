//! Tests: claims that are measured by `sampc test`.

use samp_lang::ast::{self, BinaryOp};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::Checker;
use super::calls::Args;
use super::exprs::{make, rate_of};
use super::scope::{Place, Scope};
use super::types::error_expr;
use crate::hir::{Expect, Expr, ExprKind, Measure, Test, TestId};
use crate::library::{Namespace, UnitId};
use crate::types::{ItemSort, Ty};

impl Checker<'_> {
    pub(crate) fn check_test(&mut self, unit: UnitId, span: Span, test: &ast::Test) -> TestId {
        let mut scope = Scope::new(unit, Place::Test);
        let expects = test.expects.iter().map(|claim| self.expect(&mut scope, claim)).collect();
        self.check_used(&scope);
        self.hir.tests.push(Test { name: test.name.clone(), span, frame: scope.frame, expects })
    }

    /// A comparison is kept as two values, which a test that fails shows.
    fn expect(&mut self, scope: &mut Scope, claim: &ast::Expr) -> Expect {
        let span = claim.span;
        if let ast::ExprKind::Binary { op, left, right } = &claim.kind
            && matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge)
        {
            let values = vec![self.expr(scope, left, None), self.expr(scope, right, None)];
            let types = (&values[0].ty, &values[1].ty);
            let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
            let alike = match types {
                (a, b) if a.is_number() && b.is_number() => true,
                (Ty::Bool, Ty::Bool) | (Ty::Level, Ty::Level) => equality,
                (Ty::List(a), Ty::List(b)) => equality && is_plain(a) && is_plain(b) && a.join(b).is_some(),
                _ => false,
            };
            if !alike && *types.0 != Ty::Error && *types.1 != Ty::Error {
                let (left, right) = (super::types::describe(types.0), super::types::describe(types.1));
                let message = format!("`{}` cannot compare {left} with {right}", op.sign());
                self.report(Diagnostic::new(Code::E0301, span, message));
            }
            return Expect { span, op: Some(*op), values };
        }
        let value = self.condition(scope, claim);
        Expect { span, op: None, values: vec![value] }
    }

    /// `order(unipc(order = 3))`, `same(euler, ddim)`.
    pub(crate) fn measure(&mut self, scope: &mut Scope, measure: Measure, args: &Args<'_>, span: Span) -> Expr {
        let name = measure.name();
        if !self.only_positional(name, args) || !self.count(name, measure.arity(), args.positional.len(), span) {
            return error_expr(span);
        }
        let Some(sort) = self.measured_sort(scope, measure, &args.positional) else { return error_expr(span) };
        let want = Ty::Item(sort);
        let values: Vec<Expr> = args
            .positional
            .iter()
            .map(|arg| {
                let value = self.expr(scope, arg, Some(&want));
                self.coerce(value, &want)
            })
            .collect();
        let rate = rate_of(&values);
        make(span, measure.ty(), rate, ExprKind::Measure(measure, values))
    }

    /// The first of the sorts that can be measured in which every argument names an item.
    fn measured_sort(&mut self, scope: &Scope, measure: Measure, args: &[&ast::Expr]) -> Option<ItemSort> {
        let mut fitting = measure.sorts().to_vec();
        for arg in args {
            let Some(name) = item_name(arg) else {
                let found = Diagnostic::new(Code::E0301, arg.span, measures(measure));
                self.report(found.help("name the item, with options in brackets: `ddim(eta = 1)`"));
                return None;
            };
            let known = sorts(&fitting);
            fitting.retain(|sort| self.lib.find(scope.unit, Namespace::Item(*sort), name).is_some());
            if fitting.is_empty() {
                let message = format!("there is no {known} called `{name}`");
                self.report(Diagnostic::new(Code::E0101, arg.span, message).help(measures(measure)));
                return None;
            }
        }
        fitting.first().copied()
    }
}

/// The name of an item, alone or with options.
fn item_name(arg: &ast::Expr) -> Option<&str> {
    let callee = match &arg.kind {
        ast::ExprKind::Call { callee, .. } => &callee.kind,
        kind => kind,
    };
    match callee {
        ast::ExprKind::Name(name) => Some(name),
        _ => None,
    }
}

fn sorts(sorts: &[ItemSort]) -> String {
    sorts.iter().map(|sort| sort.name()).collect::<Vec<_>>().join(" or ")
}

fn measures(measure: Measure) -> String {
    format!("`{}` measures a {}", measure.name(), sorts(measure.sorts()))
}

/// Lists of these can be compared.
fn is_plain(ty: &Ty) -> bool {
    ty.is_number() || matches!(ty, Ty::Bool | Ty::Level)
}
