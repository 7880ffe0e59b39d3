//! Expressions.

use super::Tree;
use crate::ast::*;

impl Tree {
    /// An expression.
    pub fn expr(&mut self, expr: &Expr) {
        self.node(heading(&expr.kind), expr.span);
        self.inside(|tree| tree.expr_parts(&expr.kind));
    }

    fn expr_parts(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Str(_) | ExprKind::Bool(_) => {}
            ExprKind::None | ExprKind::Name(_) => {}
            ExprKind::List(values) => values.iter().for_each(|value| self.expr(value)),
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension),
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                args.iter().for_each(|arg| self.arg(arg));
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.range(index);
            }
            ExprKind::Field { base, name } => {
                self.expr(base);
                self.name("name", name);
            }
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                otherwise.iter().for_each(|block| self.part("else", |tree| tree.block(block)));
            }
            ExprKind::Match { value, arms } => {
                self.expr(value);
                arms.iter().for_each(|arm| self.arm(arm));
            }
            ExprKind::Lambda { params, body } => {
                self.params(params);
                self.block(body);
            }
            ExprKind::Unary { op: _, value } => self.expr(value),
            ExprKind::Binary { op: _, left, right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Within { value, interval } => {
                self.expr(value);
                self.interval(interval);
            }
            ExprKind::Cast { value, kind, reason: _ } => {
                self.expr(value);
                self.kind(kind);
            }
        }
    }

    fn arg(&mut self, arg: &Arg) {
        match arg {
            Arg::Positional(value) => self.expr(value),
            Arg::Named(name, value) => self.named("named", name, value),
            Arg::Each(comprehension) => self.comprehension(comprehension),
        }
    }

    fn comprehension(&mut self, comprehension: &Comprehension) {
        self.expr(&comprehension.element);
        for each in &comprehension.clauses {
            self.name("for", &each.name);
            self.inside(|tree| tree.range(&each.range));
        }
        comprehension.condition.iter().for_each(|condition| self.part("if", |tree| tree.expr(condition)));
    }

    fn arm(&mut self, arm: &Arm) {
        let pattern = match &arm.pattern {
            Pattern::Int(value) => value.to_string(),
            Pattern::Bool(value) => value.to_string(),
            Pattern::Choice(name) => name.to_string(),
            Pattern::Rest => "_".to_owned(),
        };
        self.node(format_args!("arm {pattern}"), arm.span);
        self.inside(|tree| tree.block(&arm.body));
    }
}

/// The word of an expression, with its value if it has no parts.
fn heading(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Int(value) => format!("int {value}"),
        ExprKind::Real(value) => format!("real {value:?}"),
        ExprKind::Str(text) => format!("string {text:?}"),
        ExprKind::Bool(value) => format!("bool {value}"),
        ExprKind::None => "none".to_owned(),
        ExprKind::Name(name) => format!("name {name}"),
        ExprKind::List(_) => "list".to_owned(),
        ExprKind::Comprehension(_) => "comprehension".to_owned(),
        ExprKind::Call { .. } => "call".to_owned(),
        ExprKind::Index { .. } => "index".to_owned(),
        ExprKind::Field { .. } => "field".to_owned(),
        ExprKind::If { .. } => "if".to_owned(),
        ExprKind::Match { .. } => "match".to_owned(),
        ExprKind::Lambda { .. } => "function".to_owned(),
        ExprKind::Unary { op: UnaryOp::Neg, .. } => "unary -".to_owned(),
        ExprKind::Unary { op: UnaryOp::Not, .. } => "unary not".to_owned(),
        ExprKind::Binary { op, .. } => format!("binary {}", op.sign()),
        ExprKind::Within { .. } => "within".to_owned(),
        ExprKind::Cast { reason, .. } => format!("cast because {reason:?}"),
    }
}
