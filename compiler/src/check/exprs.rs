//! Expressions: names, operators, conditions, lists.

use std::sync::Arc;

use samp_lang::ast::{self, BinaryOp, Dots, UnaryOp};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::scope::{Deferred, Role, Scope};
use super::types::{error_expr, named};
use super::{Checked, Checker, did_you_mean, one_of};
use crate::builtins::{Accepts, Builtin};
use crate::hir::{Block, Expr, ExprKind, Field, FnId, Lambda, Local, LocalInfo, Operator, Position};
use crate::library::Namespace;
use crate::rate::Rate;
use crate::types::{Kind, Ty};

impl Checker<'_> {
    /// Checks an expression. `want` is what the place asks for; it decides what a bare name may mean.
    pub(crate) fn expr(&mut self, scope: &mut Scope, expr: &ast::Expr, want: Option<&Ty>) -> Expr {
        let span = expr.span;
        match &expr.kind {
            ast::ExprKind::Int(value) => make(span, Ty::Int, Rate::Const, ExprKind::Int(*value)),
            ast::ExprKind::Real(value) => make(span, Ty::Real, Rate::Const, ExprKind::Real(*value)),
            ast::ExprKind::Str(text) => make(span, Ty::Str, Rate::Const, ExprKind::Str(text.clone())),
            ast::ExprKind::Bool(value) => make(span, Ty::Bool, Rate::Const, ExprKind::Bool(*value)),
            ast::ExprKind::None => {
                let found = Diagnostic::new(
                    Code::E0301,
                    span,
                    "`none` stands only behind `<-`, to make a nested sampler forget",
                );
                self.report(found);
                error_expr(span)
            }
            ast::ExprKind::Name(name) => self.name(scope, name, span, want),
            ast::ExprKind::List(entries) => self.list(scope, entries, span, want),
            ast::ExprKind::Comprehension(inner) => self.collect(scope, inner, crate::hir::Reduce::List, span, want),
            ast::ExprKind::Call { callee, args } => self.call(scope, callee, args, span, want),
            ast::ExprKind::Index { base, index } => self.index(scope, base, index, span),
            ast::ExprKind::Field { base, name } => self.field(scope, base, name, span),
            ast::ExprKind::If { condition, then, otherwise } => {
                self.if_expr(scope, condition, then, otherwise.as_ref(), span, want)
            }
            ast::ExprKind::Match { value, arms } => self.match_expr(scope, value, arms, span, want),
            ast::ExprKind::Lambda { params, body } => self.lambda(scope, params, body, span, want),
            ast::ExprKind::Unary { op, value } => self.unary(scope, *op, value, span),
            ast::ExprKind::Binary { op, left, right } => self.binary(scope, *op, left, right, span),
            ast::ExprKind::Within { value, interval } => self.within(scope, value, interval, span),
            ast::ExprKind::Cast { value, kind, reason } => self.cast(scope, value, kind, reason, span),
        }
    }

    fn name(&mut self, scope: &mut Scope, name: &Arc<str>, span: Span, want: Option<&Ty>) -> Expr {
        if let Some(local) = scope.find(name) {
            return self.local(scope, local, span, want);
        }
        if let Some(Ty::Choice(names)) = want
            && names.contains(name)
        {
            return make(span, Ty::Choice(Arc::new([name.clone()])), Rate::Const, ExprKind::Choice(name.clone()));
        }
        if let Some(position) = Position::from_name(name).filter(|position| scope.place.has(*position)) {
            return make(span, position.ty(), position.rate(), ExprKind::Position(position));
        }
        if let Some(Ty::Item(sort)) = want {
            if let Some(item) = self.item_named(scope, *sort, name, span) {
                return self.bind_item(scope, item, &[], span);
            }
            self.no_such_item(scope, *sort, name, span);
            return error_expr(span);
        }
        if let Some(Ty::Fn(params, _)) = want
            && let Some(function) = self.named_function(scope, name, span, params)
        {
            return function;
        }
        if let Some(Ty::Choice(names)) = want {
            let known: Vec<Arc<str>> = names.to_vec();
            let message = format!("expected {}, found `{name}`", one_of(names.iter().map(|name| &**name)));
            let mut found = Diagnostic::new(Code::E0305, span, message);
            if let Some(help) = did_you_mean(name, &known) {
                found = found.help(help);
            }
            self.report(found);
            return error_expr(span);
        }
        if scope.choices.contains(name) {
            return make(span, Ty::Choice(Arc::new([name.clone()])), Rate::Const, ExprKind::Choice(name.clone()));
        }
        match &**name {
            "pi" => return make(span, Ty::Real, Rate::Const, ExprKind::Real(std::f64::consts::PI)),
            "inf" => return make(span, Ty::Real, Rate::Const, ExprKind::Real(f64::INFINITY)),
            _ => {}
        }
        self.global(scope, name, span)
    }

    fn global(&mut self, scope: &mut Scope, name: &Arc<str>, span: Span) -> Expr {
        let Some(target) = self.lib.find(scope.unit, Namespace::Value, name) else {
            let extra = self.names(scope.unit, Namespace::Value);
            self.unknown_name(scope, name, span, extra);
            return error_expr(span);
        };
        match self.reference(target, Some(span)) {
            Some(Checked::Const(id)) => {
                let ty = self.hir.consts[id].value.ty.clone();
                make(span, ty, Rate::Const, ExprKind::Const(id))
            }
            Some(Checked::Fn(_)) => {
                let found = Diagnostic::new(Code::E0301, span, format!("`{name}` is a function and not called"));
                self.report(found.help(format!("call it, `{name}(..)`, or wrap it: `fn(r) {{ {name}(r) }}`")));
                error_expr(span)
            }
            Some(Checked::Item(_) | Checked::Test(_) | Checked::Wrong) | None => error_expr(span),
        }
    }

    /// The name of a function where a function is asked for: `fn(r) { name(r) }`.
    fn named_function(&mut self, scope: &mut Scope, name: &Arc<str>, span: Span, wanted: &[Ty]) -> Option<Expr> {
        if let Some(builtin) = Builtin::from_name(name) {
            let scalar = |accepts: &Accepts| matches!(accepts, Accepts::Real | Accepts::Number | Accepts::Elementwise);
            let fits = builtin.params().len() == wanted.len() && builtin.params().iter().all(scalar);
            let reals = wanted.iter().all(|ty| *ty == Ty::Real);
            return (fits && reals)
                .then(|| self.wrapped(scope, wanted, Ty::Real, span, |args| ExprKind::Builtin(builtin, args)));
        }
        let target = self.lib.find(scope.unit, Namespace::Value, name)?;
        let Some(Checked::Fn(id)) = self.reference(target, Some(span)) else { return None };
        if !self.fits_call(id, wanted) {
            return None;
        }
        let (result, rest) = (self.hir.fns[id].result.clone(), self.hir.fns[id].params.len() - wanted.len());
        Some(self.wrapped(scope, wanted, result, span, |args| {
            ExprKind::Call(id, args.into_iter().map(Some).chain((0..rest).map(|_| None)).collect())
        }))
    }

    /// Whether a function can be called with arguments of these types alone.
    pub(crate) fn fits_call(&self, id: FnId, wanted: &[Ty]) -> bool {
        let function = &self.hir.fns[id];
        let fits = |(at, param): (usize, &crate::hir::Opt)| match wanted.get(at) {
            Some(ty) => ty.fits(&function.frame.locals[param.local].ty),
            None => param.default.is_some(),
        };
        wanted.len() <= function.params.len() && function.params.iter().enumerate().all(fits)
    }

    fn wrapped(
        &mut self,
        scope: &mut Scope,
        wanted: &[Ty],
        result: Ty,
        span: Span,
        call: impl FnOnce(Vec<Expr>) -> ExprKind,
    ) -> Expr {
        let rate = scope.place.rate();
        let mut params = Vec::new();
        let mut args = Vec::new();
        for (at, ty) in wanted.iter().enumerate() {
            let name: Arc<str> = format!("_{at}").into();
            let local = scope.frame.locals.push(LocalInfo { name, span, ty: ty.clone(), rate: ty.rate(rate) });
            scope.roles.push(Role::Value);
            params.push(local);
            args.push(make(span, ty.clone(), rate, ExprKind::Local(local)));
        }
        let value = make(span, result.clone(), rate, call(args));
        let body = Block { stmts: Vec::new(), value: Some(Box::new(value)) };
        let lambda = scope.frame.lambdas.push(Lambda { params, body });
        make(span, Ty::Fn(wanted.to_vec(), Box::new(result)), Rate::Const, ExprKind::Lambda(lambda))
    }

    /// `tab.c`.
    fn field(&mut self, scope: &mut Scope, base: &ast::Expr, name: &ast::Name, span: Span) -> Expr {
        let of = self.expr(scope, base, None);
        if of.ty == Ty::Error {
            return error_expr(span);
        }
        if of.ty != Ty::Tableau {
            self.mismatch(&of, "a tableau, which has fields");
            return error_expr(span);
        }
        let Some(field) = Field::from_name(&name.text) else {
            let known: Vec<Arc<str>> = Field::ALL.iter().map(|(_, word)| Arc::from(*word)).collect();
            let found = Diagnostic::new(Code::E0303, name.span, format!("a tableau has no field `{}`", name.text));
            self.report(found.help(format!("its fields: {}", super::all_of(known.iter().map(|name| &**name)))));
            return error_expr(span);
        };
        make(span, field.ty(), of.rate, ExprKind::Field(field, Box::new(of)))
    }

    fn local(&mut self, scope: &mut Scope, local: Local, span: Span, want: Option<&Ty>) -> Expr {
        scope.used.insert(local);
        if let Role::Deferred(index) = scope.role(local) {
            let Some(Ty::Fn(params, _)) = want else {
                let name = &scope.frame.locals[local].name;
                let found = Diagnostic::new(Code::E0301, span, format!("`{name}` is a function and not called"));
                self.report(found.help(format!("call it: `{name}(..)`")));
                return error_expr(span);
            };
            self.make_deferred(scope, index, params.clone());
        }
        if scope.role(local) == Role::View {
            let name = &scope.frame.locals[local].name;
            let found = Diagnostic::new(Code::E0301, span, format!("`{name}` is an output of the model"));
            self.report(
                found.help(format!("a sampler asks for it at a sample, `{name}(x)`; a model gives it: `{name} <- e`")),
            );
            return error_expr(span);
        }
        let info = &scope.frame.locals[local];
        make(span, info.ty.clone(), info.rate, ExprKind::Local(local))
    }

    fn list(&mut self, scope: &mut Scope, entries: &[ast::Expr], span: Span, want: Option<&Ty>) -> Expr {
        let inner = match want {
            Some(Ty::List(of)) => Some(&**of),
            _ => None,
        };
        let entries: Vec<Expr> = entries
            .iter()
            .map(|entry| {
                let value = self.expr(scope, entry, inner);
                if inner == Some(&Ty::Real) { self.coerce(value, &Ty::Real) } else { value }
            })
            .collect();
        let mut ty = inner.cloned();
        for entry in &entries {
            ty = match ty {
                None => Some(entry.ty.clone()),
                Some(ty) => match ty.join(&entry.ty) {
                    Some(ty) => Some(ty),
                    None => {
                        self.mismatch(entry, &super::types::describe(&ty));
                        Some(Ty::Error)
                    }
                },
            };
        }
        let rate = rate_of(&entries);
        make(span, ty.unwrap_or(Ty::Error).list(), rate, ExprKind::List(entries))
    }

    fn index(&mut self, scope: &mut Scope, base: &ast::Expr, index: &ast::Range, span: Span) -> Expr {
        let base = self.expr(scope, base, None);
        let Ty::List(of) = base.ty.clone() else {
            self.mismatch(&base, "a list");
            return error_expr(span);
        };
        let low = index.low.as_ref().map(|low| Box::new(self.int(scope, low)));
        let high = index.high.as_ref().map(|high| Box::new(self.int(scope, high)));
        let mut rate = base.rate;
        for end in low.iter().chain(&high) {
            rate = rate.max(end.rate);
        }
        let base = Box::new(base);
        match (index.dots, low) {
            (Dots::Single, Some(at)) => make(span, *of, rate, ExprKind::Index(base, at)),
            (dots, low) => {
                let closed = dots == Dots::Closed;
                make(span, base.ty.clone(), rate, ExprKind::Slice { base, low, high, closed })
            }
        }
    }

    /// A whole number.
    pub(crate) fn int(&mut self, scope: &mut Scope, expr: &ast::Expr) -> Expr {
        let value = self.expr(scope, expr, Some(&Ty::Int));
        self.coerce(value, &Ty::Int)
    }

    /// A real number.
    pub(crate) fn real(&mut self, scope: &mut Scope, expr: &ast::Expr) -> Expr {
        let value = self.expr(scope, expr, Some(&Ty::Real));
        self.coerce(value, &Ty::Real)
    }

    /// A condition on scalars.
    pub(crate) fn condition(&mut self, scope: &mut Scope, expr: &ast::Expr) -> Expr {
        let value = self.expr(scope, expr, Some(&Ty::Bool));
        if value.ty.is_tensor() && value.ty != Ty::Error {
            self.condition_on_tensor(value.span);
            return error_expr(value.span);
        }
        self.coerce(value, &Ty::Bool)
    }

    fn condition_on_tensor(&mut self, span: Span) {
        let found = Diagnostic::new(Code::E0307, span, "a condition cannot depend on what a tensor holds");
        self.report(
            found.help("conditions are on scalars and levels; per element use `min`, `max`, `clamp` or `blend`"),
        );
    }

    fn if_expr(
        &mut self,
        scope: &mut Scope,
        condition: &ast::Expr,
        then: &ast::Block,
        otherwise: Option<&ast::Block>,
        span: Span,
        want: Option<&Ty>,
    ) -> Expr {
        let condition = Box::new(self.condition(scope, condition));
        let (then, then_ty, then_rate) = self.block(scope, then, want);
        let (otherwise, else_ty, else_rate) = match otherwise {
            Some(block) => {
                let (block, ty, rate) = self.block(scope, block, want);
                (Some(block), ty, rate)
            }
            None => (None, Ty::None, Rate::Const),
        };
        let ty = if otherwise.is_none() { Ty::None } else { self.join(span, &then_ty, &else_ty) };
        let rate = condition.rate.max(then_rate).max(else_rate);
        make(span, ty, rate, ExprKind::If { condition, then, otherwise })
    }

    fn join(&mut self, span: Span, a: &Ty, b: &Ty) -> Ty {
        a.join(b).unwrap_or_else(|| {
            let (a, b) = (super::types::describe(a), super::types::describe(b));
            self.error(Code::E0301, span, format!("one branch gives {a}, another {b}"));
            Ty::Error
        })
    }

    fn match_expr(
        &mut self,
        scope: &mut Scope,
        value: &ast::Expr,
        arms: &[ast::Arm],
        span: Span,
        want: Option<&Ty>,
    ) -> Expr {
        let value = Box::new(self.expr(scope, value, None));
        if value.ty.is_tensor() && value.ty != Ty::Error {
            self.condition_on_tensor(value.span);
            return error_expr(span);
        }
        let mut ty = Ty::Never;
        let mut rate = value.rate;
        let mut left: Vec<Arc<str>> = match &value.ty {
            Ty::Choice(names) => names.to_vec(),
            Ty::Bool => vec!["true".into(), "false".into()],
            Ty::Error => Vec::new(),
            _ => vec!["_".into()],
        };
        let mut checked = Vec::new();
        for arm in arms {
            let pattern = self.pattern(&value.ty, arm, &mut left);
            let (block, arm_ty, arm_rate) = self.block(scope, &arm.body, want);
            ty = self.join(arm.span, &ty, &arm_ty);
            rate = rate.max(arm_rate);
            checked.push((pattern, block));
        }
        if let Some(missing) = left.first() {
            let message = if &**missing == "_" {
                "`match` without a `_`".to_owned()
            } else {
                format!("`match` leaves out {}", one_of(left.iter().map(|name| &**name)))
            };
            self.report(Diagnostic::new(Code::E0208, span, message).help("add an arm, or `_ => ..` for the rest"));
        }
        make(span, ty, rate, ExprKind::Match { value, arms: checked })
    }

    fn pattern(&mut self, ty: &Ty, arm: &ast::Arm, left: &mut Vec<Arc<str>>) -> Option<Expr> {
        let span = arm.span;
        let (pattern, word): (Expr, Arc<str>) = match &arm.pattern {
            ast::Pattern::Rest => {
                left.clear();
                return None;
            }
            ast::Pattern::Int(value) => (make(span, Ty::Int, Rate::Const, ExprKind::Int(*value)), "".into()),
            ast::Pattern::Bool(value) => (
                make(span, Ty::Bool, Rate::Const, ExprKind::Bool(*value)),
                if *value { "true" } else { "false" }.into(),
            ),
            ast::Pattern::Choice(name) => {
                let ty = Ty::Choice(Arc::new([name.clone()]));
                (make(span, ty, Rate::Const, ExprKind::Choice(name.clone())), name.clone())
            }
        };
        left.retain(|name| *name != word);
        if !pattern.ty.fits(ty) {
            match (&pattern.ty, ty) {
                (Ty::Choice(_), Ty::Choice(names)) => {
                    let message = format!("`{word}` is none of {}", one_of(names.iter().map(|name| &**name)));
                    self.error(Code::E0305, span, message);
                }
                _ => self.mismatch(&pattern, &super::types::describe(ty)),
            }
        }
        Some(pattern)
    }

    fn lambda(
        &mut self,
        scope: &mut Scope,
        params: &[ast::Param],
        body: &ast::Block,
        span: Span,
        want: Option<&Ty>,
    ) -> Expr {
        let types: Option<Vec<Ty>> = match want {
            Some(Ty::Fn(wanted, _)) => Some(wanted.clone()),
            _ => {
                let types: Vec<Option<Ty>> =
                    params.iter().map(|param| param.ty.as_ref().map(|ty| self.ty(scope, ty).ty)).collect();
                types.into_iter().collect()
            }
        };
        let lambda = scope.frame.lambdas.push(Lambda::default());
        let index = scope.deferred.len();
        let names = scope.names.clone();
        scope.deferred.push(Deferred { params: params.to_vec(), body: body.clone(), names, lambda, made: None });
        let Some(types) = types else {
            return make(
                span,
                Ty::Fn(vec![Ty::Error; params.len()], Box::new(Ty::Error)),
                Rate::Const,
                ExprKind::Lambda(lambda),
            );
        };
        let (ty, rate) = self.make_deferred(scope, index, types);
        make(span, ty, rate, ExprKind::Lambda(lambda))
    }

    /// Checks a function written in place for these argument types.
    pub(crate) fn make_deferred(&mut self, scope: &mut Scope, index: usize, types: Vec<Ty>) -> (Ty, Rate) {
        let deferred = &scope.deferred[index];
        let mut wanted = types;
        if let Some((made, result, rate)) = &deferred.made {
            let joined: Option<Vec<Ty>> = made.iter().zip(&wanted).map(|(a, b)| a.join(b)).collect();
            match joined {
                Some(joined) if joined != *made => wanted = joined,
                _ => return (Ty::Fn(made.clone(), Box::new(result.clone())), *rate),
            }
        }
        let (params, body, lambda) = (deferred.params.clone(), deferred.body.clone(), deferred.lambda);
        if params.len() != wanted.len() {
            let span = body.span;
            self.error(
                Code::E0302,
                span,
                format!("expected {}, found one of {}", super::types::describe_fn(wanted.len()), params.len()),
            );
            return (Ty::Error, Rate::Const);
        }
        let outer = std::mem::replace(&mut scope.names, deferred.names.clone());
        let result = scope.result.take();
        let in_lambda = std::mem::replace(&mut scope.in_lambda, true);
        let rate = scope.place.rate();
        let locals: Vec<Local> = params
            .iter()
            .zip(&wanted)
            .map(|(param, ty)| self.declare(scope, &param.name, ty.clone(), rate, Role::Value))
            .collect();
        scope.used.extend(
            locals
                .iter()
                .filter(|local| scope.frame.locals[**local].name.starts_with('_'))
                .copied()
                .collect::<Vec<_>>(),
        );
        let (block, ty, rate) = self.block(scope, &body, None);
        scope.names = outer;
        scope.result = result;
        scope.in_lambda = in_lambda;
        scope.frame.lambdas[lambda] = Lambda { params: locals, body: block };
        scope.deferred[index].made = Some((wanted.clone(), ty.clone(), rate));
        (Ty::Fn(wanted, Box::new(ty)), rate)
    }

    fn unary(&mut self, scope: &mut Scope, op: UnaryOp, value: &ast::Expr, span: Span) -> Expr {
        match op {
            UnaryOp::Not => {
                let value = self.condition(scope, value);
                make(span, Ty::Bool, value.rate, ExprKind::Operator(Operator::Not, vec![value]))
            }
            UnaryOp::Neg => {
                let value = self.expr(scope, value, None);
                let ty = match &value.ty {
                    Ty::Tensor(_) => Ty::Tensor(Kind::Tensor),
                    ty if ty.is_number() => ty.clone(),
                    _ => {
                        self.not_arithmetic(&value);
                        return error_expr(span);
                    }
                };
                make(span, ty, value.rate, ExprKind::Operator(Operator::Neg, vec![value]))
            }
        }
    }

    fn binary(&mut self, scope: &mut Scope, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let left = Box::new(self.condition(scope, left));
                let right = Box::new(self.condition(scope, right));
                let rate = left.rate.max(right.rate);
                let kind = if op == BinaryOp::And { ExprKind::And(left, right) } else { ExprKind::Or(left, right) };
                make(span, Ty::Bool, rate, kind)
            }
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                self.comparison(scope, op, left, right, span)
            }
            _ => {
                let left = self.expr(scope, left, None);
                let want = if let Ty::List(_) = left.ty { Some(left.ty.clone()) } else { None };
                let right = self.expr(scope, right, want.as_ref());
                self.arithmetic(op, left, right, span)
            }
        }
    }

    fn comparison(&mut self, scope: &mut Scope, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> Expr {
        let left = self.expr(scope, left, None);
        let want = if let Ty::Choice(_) = left.ty { Some(left.ty.clone()) } else { None };
        let right = self.expr(scope, right, want.as_ref());
        let rate = left.rate.max(right.rate);
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return make(span, Ty::Bool, rate, ExprKind::Error);
        }
        if left.ty.is_tensor() || right.ty.is_tensor() {
            self.condition_on_tensor(span);
            return make(span, Ty::Bool, Rate::Step, ExprKind::Error);
        }
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        let numbers = left.ty.is_number() && right.ty.is_number();
        let same = match (&left.ty, &right.ty) {
            (Ty::Choice(a), Ty::Choice(b)) => a.iter().any(|name| b.contains(name)),
            (Ty::Bool, Ty::Bool) | (Ty::Level, Ty::Level) => true,
            _ => false,
        };
        if !(numbers || equality && same) {
            let message = format!(
                "`{}` cannot compare {} with {}",
                op.sign(),
                super::types::describe(&left.ty),
                super::types::describe(&right.ty)
            );
            let mut found = Diagnostic::new(Code::E0301, span, message);
            if left.ty == Ty::Level && right.ty == Ty::Level {
                found = found.help("levels are only equal or not; compare a coordinate, such as `rho(s) > rho(t)`");
            }
            self.report(found);
            return make(span, Ty::Bool, rate, ExprKind::Error);
        }
        let operator = |op, left, right| ExprKind::Operator(op, vec![left, right]);
        let kind = match op {
            BinaryOp::Lt => operator(Operator::Lt, left, right),
            BinaryOp::Le => operator(Operator::Le, left, right),
            BinaryOp::Gt => operator(Operator::Lt, right, left),
            BinaryOp::Ge => operator(Operator::Le, right, left),
            BinaryOp::Ne => {
                let equal = make(span, Ty::Bool, rate, operator(Operator::Eq, left, right));
                ExprKind::Operator(Operator::Not, vec![equal])
            }
            _ => operator(Operator::Eq, left, right),
        };
        make(span, Ty::Bool, rate, kind)
    }

    fn arithmetic(&mut self, op: BinaryOp, left: Expr, right: Expr, span: Span) -> Expr {
        if left.ty == Ty::Error || right.ty == Ty::Error {
            return error_expr(span);
        }
        let rate = left.rate.max(right.rate);
        if let (BinaryOp::Add, Ty::List(_), Ty::List(_)) = (op, &left.ty, &right.ty) {
            let ty = self.join(span, &left.ty, &right.ty);
            return make(span, ty, rate, ExprKind::Operator(Operator::Concat, vec![left, right]));
        }
        for operand in [&left, &right] {
            if !operand.ty.is_number() && !operand.ty.is_tensor() {
                self.not_arithmetic(operand);
                return error_expr(span);
            }
        }
        let tensor = left.ty.is_tensor() || right.ty.is_tensor();
        let ints = left.ty == Ty::Int && right.ty == Ty::Int;
        let (operator, ty) = match op {
            BinaryOp::Add => (Operator::Add, None),
            BinaryOp::Sub => (Operator::Sub, None),
            BinaryOp::Mul => (Operator::Mul, None),
            BinaryOp::Div => (Operator::Div, Some(Ty::Real)),
            BinaryOp::Pow => (Operator::Pow, Some(Ty::Real)),
            BinaryOp::IntDiv => (Operator::IntDiv, Some(Ty::Int)),
            BinaryOp::Mod => (Operator::Mod, Some(Ty::Int)),
            BinaryOp::Or
            | BinaryOp::And
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge => {
                return error_expr(span);
            }
        };
        if tensor && matches!(op, BinaryOp::Pow | BinaryOp::IntDiv | BinaryOp::Mod) {
            let message = format!("`{}` is for numbers, found a tensor", op.sign());
            self.report(Diagnostic::new(Code::E0301, span, message).help("multiply the tensor by itself for a square"));
            return error_expr(span);
        }
        if matches!(op, BinaryOp::IntDiv | BinaryOp::Mod) && !ints {
            let operand = if left.ty == Ty::Int { &right } else { &left };
            self.mismatch(operand, "a whole number");
            return error_expr(span);
        }
        let ty = if tensor { Ty::Tensor(Kind::Tensor) } else { ty.unwrap_or(if ints { Ty::Int } else { Ty::Real }) };
        make(span, ty, rate, ExprKind::Operator(operator, vec![left, right]))
    }

    fn not_arithmetic(&mut self, value: &Expr) {
        if value.ty == Ty::Error {
            return;
        }
        let message = format!("expected a number or a tensor, found {}", super::types::describe(&value.ty));
        let mut found = Diagnostic::new(Code::E0301, value.span, message);
        if value.ty == Ty::Level {
            found = found.help("there is no arithmetic on levels; take a coordinate: `alpha(..)`, `sigma(..)`, `lambda(..)`, `rho(..)` or `time(..)`");
        }
        self.report(found);
    }

    fn within(&mut self, scope: &mut Scope, value: &ast::Expr, interval: &ast::Interval, span: Span) -> Expr {
        let value = self.real(scope, value);
        let bounds = self.interval(scope, &Ty::Real, interval);
        let mut rate = value.rate;
        for (end, _) in bounds.low.iter().chain(&bounds.high) {
            rate = rate.max(end.rate);
        }
        make(span, Ty::Bool, rate, ExprKind::Within(Box::new(value), Box::new(bounds)))
    }

    fn cast(&mut self, scope: &mut Scope, value: &ast::Expr, kind: &ast::Kind, reason: &Arc<str>, span: Span) -> Expr {
        let value = self.expr(scope, value, None);
        let Some(to) = Kind::from_name(&kind.name.text) else {
            self.error(Code::E0101, kind.name.span, format!("`{}` is no kind of tensor", kind.name.text));
            return error_expr(span);
        };
        if !value.ty.is_tensor() {
            self.mismatch(&value, "a tensor");
            return error_expr(span);
        }
        if reason.trim().is_empty() {
            self.report(
                Diagnostic::new(Code::E0201, kind.span, "a cast must say why")
                    .help("write the reason between the quotes"),
            );
        }
        let level = kind.level.as_ref().map(|level| Box::new(self.level_ref(scope, level)));
        let value = Box::new(value);
        make(span, Ty::Tensor(to), Rate::Elem, ExprKind::Cast { value, kind: to, level, reason: reason.clone() })
    }

    /// A tensor of a kind, with its kind named at no level.
    pub(crate) fn tensor(&mut self, scope: &mut Scope, expr: &ast::Expr, kind: Kind) -> Expr {
        let value = self.expr(scope, expr, None);
        let value = self.coerce(value, &Ty::Tensor(kind));
        if kind == Kind::Tensor || value.ty == Ty::Error || value.ty == Ty::Tensor(kind) {
            return value;
        }
        named(value, kind, None)
    }
}

/// An expression.
pub(crate) fn make(span: Span, ty: Ty, rate: Rate, kind: ExprKind) -> Expr {
    let rate = ty.rate(rate);
    Expr { span, ty, rate, kind }
}

/// When the last of these is known.
pub(crate) fn rate_of<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Rate {
    exprs.into_iter().map(|expr| expr.rate).max().unwrap_or(Rate::Const)
}
