//! Statements and expressions.

use std::sync::Arc;

use super::Text;
use crate::hir::{Block, Bounds, Expr, ExprKind, LambdaId, Local, Reduce, Stmt, StmtKind, Target};

impl Text<'_> {
    /// `l3 h`.
    pub(super) fn local(&self, local: Local) -> String {
        format!("{local} {}", self.frame.locals[local].name)
    }

    /// `l3 h: real step`.
    pub(super) fn declared(&self, local: Local) -> String {
        let info = &self.frame.locals[local];
        format!("{local} {}: {} {}", info.name, info.ty, info.rate)
    }

    /// A block in braces; lines after the first are `depth` deep.
    pub(super) fn block(&self, block: &Block, depth: usize) -> String {
        match (&block.stmts[..], &block.value) {
            ([], None) => "{}".to_owned(),
            ([], Some(value)) => format!("{{ {} }}", self.expr(value, depth)),
            (stmts, value) => {
                let mut lines: Vec<String> = stmts.iter().map(|stmt| self.stmt(stmt, depth + 1)).collect();
                lines.extend(value.iter().map(|value| self.expr(value, depth + 1)));
                braces(&lines, depth)
            }
        }
    }

    /// A statement, without the blanks in front of its first line.
    pub(super) fn stmt(&self, stmt: &Stmt, depth: usize) -> String {
        let expr = |value: &Expr| self.expr(value, depth);
        match &stmt.kind {
            StmtKind::Let(local, value) => format!("let {} = {}", self.declared(*local), expr(value)),
            StmtKind::Var(local, value) => format!("var {} = {}", self.declared(*local), expr(value)),
            StmtKind::Return(value) => format!("return {}", expr(value)),
            StmtKind::For { local, over, body } => {
                format!("for {} in {} {}", self.declared(*local), expr(over), self.block(body, depth))
            }
            StmtKind::Keep(target, value) => {
                let (word, local) = match target {
                    Target::History(local) => ("history", *local),
                    Target::State(local) => ("state", *local),
                    Target::Var(local) => ("var", *local),
                    Target::Stages(local) => ("stages", *local),
                };
                format!("keep {word} {} <- {}", self.local(local), expr(value))
            }
            StmtKind::Give(name, value) => format!("give {name} {}", expr(value)),
            StmtKind::Forget(local) => format!("forget {}", self.local(*local)),
            StmtKind::Emit(name, value) => format!("emit {name} {}", expr(value)),
            StmtKind::Require(value) => format!("require {}", expr(value)),
            StmtKind::Estimate(value) => format!("estimate {}", expr(value)),
            StmtKind::Accept(value) => format!("accept {}", expr(value)),
            StmtKind::Expr(value) => expr(value),
        }
    }

    /// An expression; lines after the first are `depth` deep.
    pub(super) fn expr(&self, expr: &Expr, depth: usize) -> String {
        let one = |value: &Expr| self.expr(value, depth);
        let all = |values: &[Expr]| values.iter().map(one).collect::<Vec<_>>().join(", ");
        match &expr.kind {
            ExprKind::Int(value) => value.to_string(),
            ExprKind::Real(value) => format!("{value:?}"),
            ExprKind::Bool(value) => value.to_string(),
            ExprKind::Str(text) => format!("{text:?}"),
            ExprKind::Choice(name) | ExprKind::Branch(name) => name.to_string(),
            ExprKind::Local(local) => self.local(*local),
            ExprKind::Const(id) => format!("{id} {}", self.hir.consts[*id].name),
            ExprKind::Position(position) => position.name().to_owned(),
            ExprKind::Operator(op, args) => format!("{}({})", op.name(), all(args)),
            ExprKind::And(left, right) => format!("and({}, {})", one(left), one(right)),
            ExprKind::Or(left, right) => format!("or({}, {})", one(left), one(right)),
            ExprKind::Builtin(builtin, args) => format!("{}({})", builtin.name(), all(args)),
            ExprKind::Within(value, bounds) => format!("within({}, {})", one(value), self.bounds(bounds)),
            ExprKind::Coordinate(coordinate, of) => format!("{}({})", coordinate.name(), one(of)),
            ExprKind::Level(coordinate, value) => format!("level({} = {})", coordinate.name(), one(value)),
            ExprKind::List(entries) => format!("[{}]", all(entries)),
            ExprKind::Range { low, high, closed } => format!("{}{}{}", one(low), dots(*closed), one(high)),
            ExprKind::Table(of) => format!("table({})", one(of)),
            ExprKind::Collect { reduce, clauses, condition, element } => {
                let clause = |(local, over): &(Local, Expr)| format!(" for {} in {}", self.declared(*local), one(over));
                let clauses = clauses.iter().map(clause);
                let condition = condition.iter().map(|condition| format!(" if {}", one(condition)));
                collected(*reduce, &one(element), &clauses.chain(condition).collect::<String>())
            }
            ExprKind::ReduceList(reduce, list) => format!("reduce {}({})", reduce.name(), one(list)),
            ExprKind::Integral { local, low, high, body } => {
                format!("integral({} for {} in {}..{})", one(body), self.declared(*local), one(low), one(high))
            }
            ExprKind::Index(base, at) => format!("{}[{}]", one(base), one(at)),
            ExprKind::Slice { base, low, high, closed } => {
                let end = |end: &Option<Box<Expr>>| end.as_ref().map_or(String::new(), |end| one(end));
                format!("{}[{}{}{}]", one(base), end(low), dots(*closed), end(high))
            }
            ExprKind::Tableau { parts, low, order } => {
                let low = low.iter().map(|low| format!("b_low = {}", one(low)));
                let order = order.iter().map(|order| format!("order = {}", one(order)));
                format!("tableau({})", joined(all(&parts[..]), low.chain(order)))
            }
            ExprKind::Field(field, of) => format!("{}.{}", one(of), field.name()),
            ExprKind::Call(id, args) => {
                let args = args.iter().map(|arg| arg.as_ref().map_or("default".to_owned(), one));
                format!("{id} {}({})", self.hir.fns[*id].name, args.collect::<Vec<_>>().join(", "))
            }
            ExprKind::Apply(function, args) => format!("apply({})", joined(one(function), args.iter().map(one))),
            ExprKind::Lambda(lambda) => self.lambda(*lambda, depth),
            ExprKind::Item(id, options) => {
                let item = &self.hir.items[*id];
                let given = item.options.iter().zip(options).filter_map(|(option, given)| {
                    let name = &item.frame.locals[option.local].name;
                    given.as_ref().map(|given| format!("{name} = {}", one(given)))
                });
                format!("{id} {}({})", item.name, given.collect::<Vec<_>>().join(", "))
            }
            ExprKind::RunGrid(grid, n) => format!("run_grid({}, {})", one(grid), one(n)),
            ExprKind::RunSchedule(schedule, u) => format!("run_schedule({}, {})", one(schedule), one(u)),
            ExprKind::Step { sampler, x, t, given } => {
                let given = given.iter().map(|given| format!("given = {}", one(given)));
                format!("step({})", joined(one(sampler), [one(x), one(t)].into_iter().chain(given)))
            }
            ExprKind::Predict { kind, output, x, by, at, args } => {
                let by = by.iter().map(|by| format!("by = {}", one(by)));
                let at = at.iter().map(|at| format!("at = {}", one(at)));
                let view = output.as_deref().unwrap_or(kind.name());
                format!("{view}({})", joined(one(x), by.chain(at).chain(self.passed(args, depth))))
            }
            ExprKind::Network { input, time, args } => {
                format!("network({})", joined(one(input), std::iter::once(one(time)).chain(self.passed(args, depth))))
            }
            ExprKind::If { condition, then, otherwise } => {
                let block = |block: &Block| self.block(block, depth);
                let otherwise = otherwise.iter().map(|otherwise| format!(" else {}", block(otherwise)));
                format!("if {} {}{}", one(condition), block(then), otherwise.collect::<String>())
            }
            ExprKind::Match { value, arms } => {
                let arms = arms.iter().map(|(pattern, block)| {
                    let pattern = pattern.as_ref().map_or("_".to_owned(), |pattern| self.expr(pattern, depth + 1));
                    format!("{pattern} => {}", self.block(block, depth + 1))
                });
                format!("match {} {}", one(value), braces(&arms.collect::<Vec<_>>(), depth))
            }
            ExprKind::Named { value, kind, level } => {
                let level = level.as_ref().map_or(String::new(), |level| format!(" at {}", one(level)));
                format!("named({}, {kind}{level})", one(value))
            }
            ExprKind::Cast { value, kind, level, reason } => {
                let level = level.as_ref().map_or(String::new(), |level| format!(" at {}", one(level)));
                format!("cast({}, {kind}{level}, {reason:?})", one(value))
            }
            ExprKind::Measure(measure, args) => format!("measure {}({})", measure.name(), all(args)),
            ExprKind::Error => "error".to_owned(),
        }
    }

    /// `[0.0, inf)`.
    pub(super) fn bounds(&self, bounds: &Bounds) -> String {
        let end = |end: &Option<(Expr, bool)>, sign: (&'static str, &'static str)| match end {
            Some((value, closed)) => (self.expr(value, 0), if *closed { sign.0 } else { sign.1 }),
            None => (String::new(), sign.1),
        };
        let ((low, opening), (high, closing)) = (end(&bounds.low, ("[", "(")), end(&bounds.high, ("]", ")")));
        format!("{opening}{low}, {high}{closing}")
    }

    fn lambda(&self, lambda: LambdaId, depth: usize) -> String {
        let lambda = &self.frame.lambdas[lambda];
        let params: Vec<String> = lambda.params.iter().map(|param| self.declared(*param)).collect();
        format!("fn({}) {}", params.join(", "), self.block(&lambda.body, depth))
    }

    fn passed(&self, args: &[(Arc<str>, Expr)], depth: usize) -> impl Iterator<Item = String> {
        args.iter().map(move |(name, value)| format!("{name} = {}", self.expr(value, depth)))
    }
}

/// Lines in braces; the closing one is `depth` deep.
pub(super) fn braces(lines: &[String], depth: usize) -> String {
    let lines: String = lines.iter().map(|line| format!("{:1$}{line}\n", "", 2 * (depth + 1))).collect();
    format!("{{\n{lines}{:1$}}}", "", 2 * depth)
}

fn dots(closed: bool) -> &'static str {
    if closed { "..=" } else { ".." }
}

fn collected(reduce: Reduce, element: &str, clauses: &str) -> String {
    match reduce {
        Reduce::List => format!("[{element}{clauses}]"),
        Reduce::Sum | Reduce::Prod | Reduce::Count | Reduce::Min | Reduce::Max => {
            format!("{}({element}{clauses})", reduce.name())
        }
    }
}

fn joined(first: String, rest: impl IntoIterator<Item = String>) -> String {
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(", ")
}
