//! Statements and blocks.

use samp_lang::ast;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::exprs::make;
use super::scope::{Place, Role, Scope};
use super::types::error_expr;
use super::{Checker, did_you_mean};
use crate::hir::{Block, Expr, ExprKind, Stmt, StmtKind, Target};
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

impl Checker<'_> {
    /// Checks a block with names of its own; its type is that of its last expression.
    pub(crate) fn block(&mut self, scope: &mut Scope, block: &ast::Block, want: Option<&Ty>) -> (Block, Ty, Rate) {
        let depth = scope.names.len();
        let mut checked = Block::default();
        let mut ty = Ty::None;
        let mut rate = Rate::Const;
        let mut ended: Option<Span> = None;
        for (at, stmt) in block.stmts.iter().enumerate() {
            if let Some(end) = ended.take() {
                let found = Diagnostic::new(Code::E0206, stmt.span, "this never runs");
                self.report(found.also(end, "every path has returned by here").help("remove it, or move it up"));
                break;
            }
            let last = at + 1 == block.stmts.len();
            if let (true, ast::StmtKind::Expr(value)) = (last, &stmt.kind) {
                let value = self.expr(scope, value, want);
                ty = if always_returns_expr(&value) { Ty::Never } else { value.ty.clone() };
                rate = rate.max(value.rate);
                if matches!(value.ty, Ty::None | Ty::Never) {
                    checked.stmts.push(Stmt { span: stmt.span, kind: StmtKind::Expr(value) });
                } else {
                    checked.value = Some(Box::new(value));
                }
                break;
            }
            let Some(stmt) = self.stmt(scope, stmt) else {
                if last {
                    ty = Ty::Error;
                }
                continue;
            };
            if always_returns(&stmt) {
                ended = Some(stmt.span);
                ty = Ty::Never;
            }
            checked.stmts.push(stmt);
        }
        scope.names.truncate(depth);
        (checked, ty, rate)
    }

    fn stmt(&mut self, scope: &mut Scope, stmt: &ast::Stmt) -> Option<Stmt> {
        let span = stmt.span;
        let kind = match &stmt.kind {
            ast::StmtKind::Let(binding) => self.let_stmt(scope, binding),
            ast::StmtKind::Var(binding) => self.var_stmt(scope, binding),
            ast::StmtKind::Return(value) => self.return_stmt(scope, value, span)?,
            ast::StmtKind::For { name, range, body } => {
                let over = self.over(scope, range);
                let ty = match &over.ty {
                    Ty::List(of) => (**of).clone(),
                    _ => Ty::Error,
                };
                scope.nested(|scope| {
                    let local = self.declare(scope, name, ty, over.rate, Role::Value);
                    scope.used.insert(local);
                    let (body, _, _) = self.block(scope, body, None);
                    StmtKind::For { local, over, body }
                })
            }
            ast::StmtKind::Store { name, value } => self.store(scope, name, value)?,
            ast::StmtKind::Emit { name, value } => {
                let value = self.expr(scope, value, None);
                if !value.ty.is_tensor() {
                    self.mismatch(&value, "a tensor");
                }
                StmtKind::Emit(name.text.clone(), value)
            }
            ast::StmtKind::Require(value) => StmtKind::Require(self.condition(scope, value)),
            ast::StmtKind::Expr(value) => {
                let value = self.expr(scope, value, None);
                if !matches!(value.ty, Ty::None | Ty::Never | Ty::Error)
                    && !matches!(value.kind, ExprKind::If { .. } | ExprKind::Match { .. })
                {
                    let found = Diagnostic::new(Code::E0301, span, "the value of this line is not used");
                    self.report(found.help("name it with `let`, keep it with `<-`, or `return` it"));
                }
                StmtKind::Expr(value)
            }
            ast::StmtKind::Stages { name, kind } => self.stages(scope, name, kind),
            ast::StmtKind::Estimate(value) => self.estimate(scope, value, span)?,
            ast::StmtKind::Accept(value) => self.accept(scope, value, span)?,
        };
        Some(Stmt { span, kind })
    }

    /// `let name: type = value`.
    pub(crate) fn let_stmt(&mut self, scope: &mut Scope, binding: &ast::Let) -> StmtKind {
        let value = self.bound_value(scope, binding);
        let role = match value.kind {
            ExprKind::Lambda(lambda) => {
                let index = scope.deferred.iter().position(|deferred| deferred.lambda == lambda);
                index.filter(|index| scope.deferred[*index].made.is_none()).map_or(Role::Value, Role::Deferred)
            }
            _ => Role::Value,
        };
        let local = self.declare(scope, &binding.name, value.ty.clone(), value.rate, role);
        StmtKind::Let(local, value)
    }

    fn var_stmt(&mut self, scope: &mut Scope, binding: &ast::Let) -> StmtKind {
        let value = self.bound_value(scope, binding);
        let ty = match &value.ty {
            Ty::Int if binding.ty.is_none() => Ty::Int,
            ty => ty.clone(),
        };
        let local = self.declare(scope, &binding.name, ty, value.rate.max(Rate::Step), Role::Var);
        StmtKind::Var(local, value)
    }

    fn bound_value(&mut self, scope: &mut Scope, binding: &ast::Let) -> Expr {
        let value = match &binding.ty {
            None => self.expr(scope, &binding.value, None),
            Some(ty) => {
                let written = self.ty(scope, ty);
                self.no_bounds(written.bounds.as_ref(), binding.name.span);
                let value = self.expr(scope, &binding.value, Some(&written.ty));
                let mut value = self.annotate(scope, value, &written.ty, written.level.as_ref());
                if value.ty == Ty::Int && written.ty == Ty::Real {
                    value.ty = Ty::Real;
                }
                value
            }
        };
        if matches!(value.ty, Ty::None | Ty::Never) {
            self.mismatch(&value, "a value");
            return error_expr(value.span);
        }
        value
    }

    fn return_stmt(&mut self, scope: &mut Scope, value: &ast::Expr, span: Span) -> Option<StmtKind> {
        let Some(result) = scope.result.clone() else {
            let found = Diagnostic::new(Code::E0205, span, "`return` stands in rules, grids and `fn` items only");
            self.report(found.help("the value of `fn(..) { .. }`, `if` and `match` is their last expression"));
            self.expr(scope, value, None);
            return None;
        };
        let value = self.expr(scope, value, Some(&result.ty));
        Some(StmtKind::Return(self.result(scope, value, &result)))
    }

    /// A value that is returned, with its kind named.
    pub(crate) fn result(&mut self, scope: &mut Scope, value: Expr, result: &super::scope::Returned) -> Expr {
        let value = self.coerce(value, &result.ty);
        let Ty::Tensor(kind) = result.ty else { return value };
        if value.ty == Ty::Error {
            return value;
        }
        let level = result.level.as_ref().map(|level| Box::new(self.level_ref(scope, level)));
        super::types::named(value, kind, level)
    }

    /// `stages k: eps`: a list that grows by `<-`.
    fn stages(&mut self, scope: &mut Scope, name: &ast::Name, kind: &ast::Kind) -> StmtKind {
        let of = match Kind::from_name(&kind.name.text) {
            Some(of) if of.is_prediction() || of == Kind::Tensor => of,
            _ => {
                let message = format!("stages are predictions, not `{}`", kind.name.text);
                self.report(Diagnostic::new(Code::E0401, kind.span, message).help("write `stages k: eps`, or `x0`"));
                Kind::Tensor
            }
        };
        let ty = Ty::Tensor(of).list();
        let empty = make(kind.span, ty.clone(), Rate::Elem, ExprKind::List(Vec::new()));
        StmtKind::Var(self.declare(scope, name, ty, Rate::Elem, Role::Stages), empty)
    }

    fn store(&mut self, scope: &mut Scope, name: &ast::Name, value: &ast::Expr) -> Option<StmtKind> {
        let Some(local) = scope.find(&name.text) else {
            let known: Vec<_> = scope.names.iter().map(|(name, _)| name.clone()).collect();
            let mut found = Diagnostic::new(Code::E0101, name.span, format!("nothing is called `{}` here", name.text));
            found = match did_you_mean(&name.text, &known) {
                Some(help) => found.help(help),
                None => found.help("`<-` keeps a value in a `history`, `state` or `var`; `let` names one"),
            };
            self.report(found);
            return None;
        };
        if scope.in_lambda {
            let found = Diagnostic::new(Code::E0308, name.span, "a function written in place keeps nothing");
            self.report(found.help("give the value back, and keep it where the function is called"));
            return None;
        }
        let info = scope.frame.locals[local].clone();
        if let ast::ExprKind::None = value.kind {
            scope.used.insert(local);
            if info.ty == Ty::Item(ItemSort::Sampler) {
                return Some(StmtKind::Forget(local));
            }
            let found =
                Diagnostic::new(Code::E0308, name.span, format!("`{}` is no sampler and cannot forget", name.text));
            self.report(found);
            return None;
        }
        let (target, want) = match scope.role(local) {
            Role::History => {
                let Ty::List(of) = &info.ty else { return None };
                (Target::History(local), (**of).clone())
            }
            Role::State => (Target::State(local), info.ty.clone()),
            Role::Var => (Target::Var(local), info.ty.clone()),
            Role::Stages => {
                let Ty::List(of) = &info.ty else { return None };
                (Target::Stages(local), (**of).clone())
            }
            Role::View if scope.place == Place::Model => {
                let value = self.tensor(scope, value, Kind::Tensor);
                return Some(StmtKind::Give(name.text.clone(), value));
            }
            Role::Value | Role::Input | Role::View | Role::Deferred(_) => {
                let found = Diagnostic::new(Code::E0308, name.span, format!("`{}` cannot be replaced", name.text));
                self.report(found.also(info.span, "declared here").help("declare it with `var`, `state` or `history`"));
                return None;
            }
        };
        if scope.place == Place::Model && !matches!(target, Target::Var(_) | Target::Stages(_)) {
            self.error(Code::E0308, name.span, format!("a model keeps nothing, and so not `{}`", name.text));
            return None;
        }
        let value = self.expr(scope, value, Some(&want));
        let value = self.coerce(value, &want);
        let value = match want {
            Ty::Tensor(kind) if kind != Kind::Tensor && value.ty != Ty::Error && value.ty != Ty::Tensor(kind) => {
                super::types::named(value, kind, None)
            }
            _ => value,
        };
        Some(StmtKind::Keep(target, value))
    }
}

/// Whether control never passes this statement.
pub(crate) fn always_returns(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Return(_) => true,
        StmtKind::Expr(value) => always_returns_expr(value),
        StmtKind::Let(..) | StmtKind::Var(..) | StmtKind::For { .. } | StmtKind::Keep(..) => false,
        StmtKind::Give(..) | StmtKind::Forget(_) | StmtKind::Emit(..) | StmtKind::Require(_) => false,
        StmtKind::Estimate(_) | StmtKind::Accept(_) => false,
    }
}

fn always_returns_expr(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::If { then, otherwise: Some(otherwise), .. } => block_returns(then) && block_returns(otherwise),
        ExprKind::Match { arms, .. } => !arms.is_empty() && arms.iter().all(|(_, block)| block_returns(block)),
        _ => false,
    }
}

/// Whether control never passes the end of this block.
pub(crate) fn block_returns(block: &Block) -> bool {
    block.stmts.last().is_some_and(always_returns) || block.value.as_deref().is_some_and(always_returns_expr)
}
