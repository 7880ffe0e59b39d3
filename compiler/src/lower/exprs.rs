//! Expressions and statements.

use samp_lang::source::Span;

use super::Lower;
use super::builder::{Access, Builder};
use crate::hir::{self, Bounds, Expr, ExprKind, Operator, Stmt, StmtKind, Target};
use crate::ir::program::{Block, Op, Shape, Value};
use crate::rate::Rate;

type Out = (Shape, Rate);

impl Lower<'_> {
    pub(crate) fn expr(&mut self, b: &mut Builder<'_>, expr: &Expr) -> Value {
        let span = expr.span;
        let out = (Shape::from(&expr.ty), expr.rate);
        match &expr.kind {
            ExprKind::Int(value) => b.emit(Op::Int(*value), vec![], vec![], out, span),
            ExprKind::Real(value) => b.emit(Op::Real(*value), vec![], vec![], out, span),
            ExprKind::Bool(value) => b.emit(Op::Bool(*value), vec![], vec![], out, span),
            ExprKind::Str(value) => b.emit(Op::Str(value.clone()), vec![], vec![], out, span),
            ExprKind::Choice(name) => b.emit(Op::Choice(name.clone()), vec![], vec![], out, span),
            ExprKind::Branch(name) => b.emit(Op::Branch(name.clone()), vec![], vec![], out, span),
            ExprKind::Local(local) => self.local(b, *local, out, span),
            ExprKind::Const(id) => {
                let func = self.constant(*id);
                b.emit(Op::Const(func), vec![], vec![], out, span)
            }
            ExprKind::Position(position) => b.emit(Op::Position(*position), vec![], vec![], out, span),
            ExprKind::Operator(op, args) => {
                let args = self.exprs(b, args);
                b.emit(Op::Operator(*op), args, vec![], out, span)
            }
            ExprKind::And(left, right) => {
                let left = self.expr(b, left);
                let then = b.block(|b| Some(self.expr(b, right)));
                let no = b.block(|b| Some(b.emit(Op::Bool(false), vec![], vec![], (Shape::Bool, Rate::Const), span)));
                b.emit(Op::If, vec![left], vec![then, no], out, span)
            }
            ExprKind::Or(left, right) => {
                let left = self.expr(b, left);
                let yes = b.block(|b| Some(b.emit(Op::Bool(true), vec![], vec![], (Shape::Bool, Rate::Const), span)));
                let otherwise = b.block(|b| Some(self.expr(b, right)));
                b.emit(Op::If, vec![left], vec![yes, otherwise], out, span)
            }
            ExprKind::Measure(measure, args) => {
                let args = self.exprs(b, args);
                b.emit(Op::Measure(*measure), args, vec![], out, span)
            }
            ExprKind::Builtin(builtin, args) => {
                let args = self.exprs(b, args);
                b.emit(Op::Builtin(*builtin), args, vec![], out, span)
            }
            ExprKind::Within(value, bounds) => self.within(b, value, bounds, out, span),
            ExprKind::Coordinate(coordinate, of) => {
                let of = self.expr(b, of);
                b.emit(Op::Coordinate(*coordinate), vec![of], vec![], out, span)
            }
            ExprKind::Level(coordinate, value) => {
                let value = self.expr(b, value);
                b.emit(Op::Level(*coordinate), vec![value], vec![], out, span)
            }
            ExprKind::List(entries) => {
                let entries = self.exprs(b, entries);
                b.emit(Op::List, entries, vec![], out, span)
            }
            ExprKind::Range { low, high, closed } => {
                let args = vec![self.expr(b, low), self.expr(b, high)];
                b.emit(Op::Range { closed: *closed }, args, vec![], out, span)
            }
            ExprKind::Table(of) => {
                let of = self.expr(b, of);
                b.emit(Op::Table, vec![of], vec![], out, span)
            }
            ExprKind::Collect { reduce, clauses, condition, element } => {
                let body = b.block(|b| {
                    self.clauses(b, clauses, condition.as_deref(), element, span);
                    None
                });
                b.emit(Op::Collect(*reduce), vec![], vec![body], out, span)
            }
            ExprKind::ReduceList(reduce, list) => {
                let list = self.expr(b, list);
                b.emit(Op::Reduce(*reduce), vec![list], vec![], out, span)
            }
            ExprKind::Integral { local, low, high, body } => {
                let args = vec![self.expr(b, low), self.expr(b, high)];
                let param = b.value(Shape::Real, expr.rate);
                b.bind(*local, Access::Value(param));
                let mut block = b.block(|b| Some(self.expr(b, body)));
                block.params = vec![param];
                b.emit(Op::Integral, args, vec![block], out, span)
            }
            ExprKind::Index(base, at) => {
                let args = vec![self.expr(b, base), self.expr(b, at)];
                b.emit(Op::Index, args, vec![], out, span)
            }
            ExprKind::Slice { base, low, high, closed } => {
                let mut args = vec![self.expr(b, base)];
                args.extend(low.iter().map(|low| self.expr(b, low)));
                args.extend(high.iter().map(|high| self.expr(b, high)));
                let op = Op::Slice { low: low.is_some(), high: high.is_some(), closed: *closed };
                b.emit(op, args, vec![], out, span)
            }
            ExprKind::Tableau { parts, low, order } => {
                let mut args = self.exprs(b, &parts[..]);
                args.extend(low.iter().chain(order).map(|part| self.expr(b, part)));
                b.emit(Op::Tableau { low: low.is_some(), order: order.is_some() }, args, vec![], out, span)
            }
            ExprKind::Field(field, of) => {
                let of = self.expr(b, of);
                b.emit(Op::Field(*field), vec![of], vec![], out, span)
            }
            ExprKind::Call(id, args) => self.call(b, *id, args, out, span),
            ExprKind::Apply(function, args) => {
                let mut all = vec![self.expr(b, function)];
                all.extend(self.exprs(b, args));
                b.emit(Op::Apply, all, vec![], out, span)
            }
            ExprKind::Lambda(lambda) => self.lambda(b, *lambda, out, span),
            ExprKind::Item(item, options) => {
                let item = self.item(*item);
                let given = options.iter().map(Option::is_some).collect();
                let args = options.iter().flatten().map(|option| self.expr(b, option)).collect();
                b.emit(Op::Item { item, given }, args, vec![], out, span)
            }
            ExprKind::RunGrid(grid, n) => {
                let args = vec![self.expr(b, grid), self.expr(b, n)];
                b.emit(Op::RunGrid, args, vec![], out, span)
            }
            ExprKind::RunSchedule(schedule, u) => {
                let args = vec![self.expr(b, schedule), self.expr(b, u)];
                b.emit(Op::RunSchedule, args, vec![], out, span)
            }
            ExprKind::Step { sampler, x, t, given } => {
                let mut args = vec![self.expr(b, sampler), self.expr(b, x), self.expr(b, t)];
                args.extend(given.iter().map(|given| self.expr(b, given)));
                b.emit(Op::Step { given: given.is_some() }, args, vec![], out, span)
            }
            ExprKind::Predict { kind, output, x, by, at, args } => {
                let mut all = vec![self.expr(b, x)];
                all.extend(by.iter().chain(at).map(|arg| self.expr(b, arg)));
                all.extend(args.iter().map(|(_, arg)| self.expr(b, arg)));
                let names = args.iter().map(|(name, _)| name.clone()).collect();
                let (by, at) = (by.is_some(), at.is_some());
                let op = Op::Predict { kind: *kind, output: output.clone(), by, at, args: names };
                b.emit(op, all, vec![], out, span)
            }
            ExprKind::Network { input, time, args } => {
                let mut all = vec![self.expr(b, input), self.expr(b, time)];
                all.extend(args.iter().map(|(_, arg)| self.expr(b, arg)));
                let names = args.iter().map(|(name, _)| name.clone()).collect();
                b.emit(Op::Network { args: names }, all, vec![], out, span)
            }
            ExprKind::If { condition, then, otherwise } => {
                let condition = self.expr(b, condition);
                let then = self.block(b, then);
                let otherwise = otherwise.as_ref().map(|block| self.block(b, block)).unwrap_or_default();
                self.choose(b, condition, then, otherwise, out, span)
            }
            ExprKind::Match { value, arms } => {
                let value = self.expr(b, value);
                self.arms(b, value, arms, out, span)
            }
            ExprKind::Named { value, kind, level } => {
                let mut args = vec![self.expr(b, value)];
                args.extend(level.iter().map(|level| self.expr(b, level)));
                b.emit(Op::Name { kind: *kind, level: level.is_some() }, args, vec![], out, span)
            }
            ExprKind::Cast { value, kind, level, reason } => {
                let mut args = vec![self.expr(b, value)];
                args.extend(level.iter().map(|level| self.expr(b, level)));
                let op = Op::Cast { kind: *kind, level: level.is_some(), reason: reason.clone() };
                b.emit(op, args, vec![], out, span)
            }
            ExprKind::Error => b.emit(Op::None, vec![], vec![], out, span),
        }
    }

    fn exprs(&mut self, b: &mut Builder<'_>, exprs: &[Expr]) -> Vec<Value> {
        exprs.iter().map(|expr| self.expr(b, expr)).collect()
    }

    fn local(&mut self, b: &mut Builder<'_>, local: hir::Local, out: Out, span: Span) -> Value {
        match b.access(local) {
            Access::Value(value) => value,
            Access::Var(cell) => b.emit(Op::Get, vec![cell], vec![], out, span),
            Access::History(index) => b.emit(Op::History(index), vec![], vec![], out, span),
            Access::State(index) => b.emit(Op::State(index), vec![], vec![], out, span),
            Access::Input => {
                let name = b.frame.locals[local].name.clone();
                b.emit(Op::Input(name), vec![], vec![], out, span)
            }
        }
    }

    fn within(&mut self, b: &mut Builder<'_>, value: &Expr, bounds: &Bounds, out: Out, span: Span) -> Value {
        let mut args = vec![self.expr(b, value)];
        args.extend(bounds.low.iter().chain(&bounds.high).map(|(end, _)| self.expr(b, end)));
        let closed = |end: &Option<(Expr, bool)>| end.as_ref().is_some_and(|(_, closed)| *closed);
        let op = Op::Within { closed_low: closed(&bounds.low), closed_high: closed(&bounds.high) };
        b.emit(op, args, vec![], out, span)
    }

    fn clauses(
        &mut self,
        b: &mut Builder<'_>,
        clauses: &[(hir::Local, Expr)],
        condition: Option<&Expr>,
        element: &Expr,
        span: Span,
    ) {
        if let Some(((local, over), rest)) = clauses.split_first() {
            let list = self.expr(b, over);
            let info = &b.frame.locals[*local];
            let param = b.value(Shape::from(&info.ty), info.rate);
            b.bind(*local, Access::Value(param));
            let mut block = b.block(|b| {
                self.clauses(b, rest, condition, element, span);
                None
            });
            block.params = vec![param];
            return b.effect(Op::Each, vec![list], vec![block], span);
        }
        let Some(condition) = condition else {
            let value = self.expr(b, element);
            return b.effect(Op::Yield, vec![value], vec![], span);
        };
        let holds = self.expr(b, condition);
        let then = b.block(|b| {
            let value = self.expr(b, element);
            b.effect(Op::Yield, vec![value], vec![], span);
            None
        });
        b.effect(Op::If, vec![holds], vec![then, Block::default()], span);
    }

    fn call(&mut self, b: &mut Builder<'_>, id: hir::FnId, args: &[Option<Expr>], out: Out, span: Span) -> Value {
        let code = self.function(id);
        let mut values: Vec<Value> = Vec::new();
        for (arg, default) in args.iter().zip(&code.defaults) {
            let value = match (arg, default) {
                (Some(arg), _) => self.expr(b, arg),
                (None, Some(default)) => {
                    let value = self.hir.fns[id].params[values.len()].default.as_ref();
                    let shape = value.map_or(Shape::None, |value| Shape::from(&value.ty));
                    let rate = values.iter().map(|value| b.rate(*value).min(Rate::Step)).max();
                    b.emit(Op::Call(*default), values.clone(), vec![], (shape, rate.unwrap_or(Rate::Const)), span)
                }
                (None, None) => b.emit(Op::None, vec![], vec![], (Shape::None, Rate::Const), span),
            };
            values.push(value);
        }
        b.emit(Op::Call(code.run), values, vec![], out, span)
    }

    fn lambda(&mut self, b: &mut Builder<'_>, lambda: hir::LambdaId, out: Out, span: Span) -> Value {
        let code = &b.frame.lambdas[lambda];
        let mut inner = b.inner(format!("{lambda}"));
        for param in &code.params {
            inner.param(*param);
        }
        let result = self.stmts(&mut inner, &code.body);
        let captures = inner.captures.clone();
        let func = self.program.funcs.push(inner.finish(result));
        let captured: Vec<Value> = captures
            .into_iter()
            .map(|local| {
                let info = &b.frame.locals[local];
                let out = (Shape::from(&info.ty), info.rate);
                self.local(b, local, out, span)
            })
            .collect();
        // A function that is checked at its first call has the rate `const` where it is written.
        let rate = captured.iter().map(|value| b.rate(*value)).fold(out.1, Rate::max);
        b.emit(Op::Closure(func), captured, vec![], (out.0, rate), span)
    }

    fn choose(
        &mut self,
        b: &mut Builder<'_>,
        condition: Value,
        then: Block,
        otherwise: Block,
        out: Out,
        span: Span,
    ) -> Value {
        let blocks = vec![then, otherwise];
        if out.0 == Shape::None {
            b.effect(Op::If, vec![condition], blocks, span);
            return condition;
        }
        b.emit(Op::If, vec![condition], blocks, out, span)
    }

    fn arms(
        &mut self,
        b: &mut Builder<'_>,
        value: Value,
        arms: &[(Option<Expr>, hir::Block)],
        out: Out,
        span: Span,
    ) -> Value {
        // The checker has seen that the arms cover every value, so the last one needs no condition.
        let block = match arms {
            [] => return b.emit(Op::None, vec![], vec![], out, span),
            [(None, block), ..] | [(Some(_), block)] => block,
            [(Some(pattern), block), rest @ ..] => {
                let pattern = self.expr(b, pattern);
                let rate = b.rate(value).max(b.rate(pattern));
                let equal = b.emit(Op::Operator(Operator::Eq), vec![value, pattern], vec![], (Shape::Bool, rate), span);
                let then = self.block(b, block);
                let otherwise = b.block(|b| {
                    let value = self.arms(b, value, rest, out, span);
                    (out.0 != Shape::None).then_some(value)
                });
                return self.choose(b, equal, then, otherwise, out, span);
            }
        };
        let always = b.emit(Op::Bool(true), vec![], vec![], (Shape::Bool, Rate::Const), span);
        let then = self.block(b, block);
        self.choose(b, always, then, Block::default(), out, span)
    }

    fn block(&mut self, b: &mut Builder<'_>, block: &hir::Block) -> Block {
        b.block(|b| self.stmts(b, block))
    }

    pub(crate) fn stmts(&mut self, b: &mut Builder<'_>, block: &hir::Block) -> Option<Value> {
        for stmt in &block.stmts {
            self.stmt(b, stmt);
        }
        block.value.as_ref().map(|value| self.expr(b, value))
    }

    pub(crate) fn stmt(&mut self, b: &mut Builder<'_>, stmt: &Stmt) {
        let span = stmt.span;
        match &stmt.kind {
            StmtKind::Let(local, value) => {
                let value = self.expr(b, value);
                b.bind(*local, Access::Value(value));
            }
            StmtKind::Var(local, value) => {
                let info = &b.frame.locals[*local];
                let out = (Shape::from(&info.ty), info.rate);
                let value = self.expr(b, value);
                let cell = b.emit(Op::Var, vec![value], vec![], out, span);
                b.bind(*local, Access::Var(cell));
            }
            StmtKind::Return(value) => {
                let value = self.expr(b, value);
                b.effect(Op::Return, vec![value], vec![], span);
            }
            StmtKind::For { local, over, body } => {
                let list = self.expr(b, over);
                let info = &b.frame.locals[*local];
                let param = b.value(Shape::from(&info.ty), info.rate);
                b.bind(*local, Access::Value(param));
                let mut block = self.block(b, body);
                block.params = vec![param];
                block.result = None;
                b.effect(Op::Each, vec![list], vec![block], span);
            }
            StmtKind::Keep(target, value) => {
                let value = self.expr(b, value);
                self.keep(b, *target, value, span);
            }
            StmtKind::Forget(local) => {
                let info = &b.frame.locals[*local];
                let out = (Shape::from(&info.ty), info.rate);
                let item = self.local(b, *local, out, span);
                b.effect(Op::Forget, vec![item], vec![], span);
            }
            StmtKind::Give(name, value) => {
                let value = self.expr(b, value);
                b.effect(Op::Give(name.clone()), vec![value], vec![], span);
            }
            StmtKind::Emit(name, value) => {
                let value = self.expr(b, value);
                b.effect(Op::Emit(name.clone()), vec![value], vec![], span);
            }
            StmtKind::Require(condition) => {
                let value = self.expr(b, condition);
                b.effect(Op::Require, vec![value], vec![], condition.span);
            }
            StmtKind::Estimate(value) => {
                let block = b.block(|b| Some(self.expr(b, value)));
                b.effect(Op::Estimate, vec![], vec![block], span);
            }
            StmtKind::Accept(condition) => {
                let value = self.expr(b, condition);
                b.effect(Op::Accept, vec![value], vec![], condition.span);
            }
            StmtKind::Expr(value) => {
                self.expr(b, value);
            }
        }
    }

    fn keep(&mut self, b: &mut Builder<'_>, target: Target, value: Value, span: Span) {
        let local = match target {
            Target::History(local) | Target::State(local) | Target::Var(local) | Target::Stages(local) => local,
        };
        match b.access(local) {
            Access::Var(cell) if matches!(target, Target::Stages(_)) => {
                let out = (Shape::List, Rate::Elem);
                let all = b.emit(Op::Get, vec![cell], vec![], out, span);
                let one = b.emit(Op::List, vec![value], vec![], out, span);
                let more = b.emit(Op::Operator(Operator::Concat), vec![all, one], vec![], out, span);
                b.effect(Op::Set, vec![cell, more], vec![], span);
            }
            Access::History(index) => b.effect(Op::Push(index), vec![value], vec![], span),
            Access::State(index) => b.effect(Op::SetState(index), vec![value], vec![], span),
            Access::Var(cell) | Access::Value(cell) => b.effect(Op::Set, vec![cell, value], vec![], span),
            Access::Input => {}
        }
    }

    /// The option, its default, and its range.
    pub(crate) fn bound(&mut self, b: &mut Builder<'_>, option: &hir::Opt, given: Value) -> Value {
        let info = b.frame.locals[option.local].clone();
        let out = (Shape::from(&info.ty), info.rate);
        let mut value = given;
        if let Some(default) = &option.default {
            let block = b.block(|b| Some(self.expr(b, default)));
            value = b.emit(Op::Default, vec![given], vec![block], out, info.span);
        }
        if let Some(entries) = &option.entries {
            let args = vec![value, self.expr(b, entries)];
            value = b.emit(Op::Sized { option: info.name.clone() }, args, vec![], out, info.span);
        }
        if let Some(bounds) = &option.bounds {
            let mut args = vec![value];
            args.extend(bounds.low.iter().chain(&bounds.high).map(|(end, _)| self.expr(b, end)));
            let closed = |end: &Option<(Expr, bool)>| end.as_ref().map(|(_, closed)| *closed);
            let (low, high) = (closed(&bounds.low), closed(&bounds.high));
            let op = Op::InRange { option: info.name.clone(), text: bounds.text.clone(), low, high };
            value = b.emit(op, args, vec![], out, info.span);
        }
        value
    }
}
