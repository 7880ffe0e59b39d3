//! Expressions. The grammar gives flat lists of operands and operators; here they become a tree.

use pest::iterators::{Pair, Pairs};

use super::build::{Builder, string_text};
use super::grammar::{Parts, Rule};
use crate::ast::*;
use crate::source::Span;

impl Builder<'_> {
    /// An expression, with its cast.
    pub fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let mut parts = pair.into_inner();
        let value = self.or(&mut parts);
        let Some(cast) = parts.next() else { return value };
        let span = value.span.to(self.span(&cast));
        let mut parts = Parts::of(cast);
        let kind = self.kind(parts.need());
        let reason = string_text(&parts.need());
        Expr { span, kind: ExprKind::Cast { value: Box::new(value), kind, reason } }
    }

    fn or(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let mut left = self.and(parts);
        while take(parts, Rule::kw_or).is_some() {
            left = binary(BinaryOp::Or, left, self.and(parts));
        }
        left
    }

    fn and(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let mut left = self.not(parts);
        while take(parts, Rule::kw_and).is_some() {
            left = binary(BinaryOp::And, left, self.not(parts));
        }
        left
    }

    fn not(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        match take(parts, Rule::kw_not) {
            Some(word) => unary(UnaryOp::Not, self.span(&word), self.not(parts)),
            None => self.comparison(parts),
        }
    }

    fn comparison(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let left = self.sum(need(parts));
        if let Some(sign) = take(parts, Rule::cmp) {
            return binary(operator(sign.as_str()), left, self.sum(need(parts)));
        }
        let Some(within) = take(parts, Rule::within) else { return left };
        let interval = self.interval(Parts::of(within).need());
        let span = left.span.to(interval.span);
        Expr { span, kind: ExprKind::Within { value: Box::new(left), interval } }
    }

    /// Arithmetic: everything that binds tighter than a comparison.
    pub fn sum(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let parts = &mut pair.into_inner();
        let mut left = self.product(parts);
        while let Some(sign) = take(parts, Rule::add).or_else(|| take(parts, Rule::lead_add)) {
            left = binary(operator(sign.as_str()), left, self.product(parts));
        }
        left
    }

    fn product(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let mut left = self.unary(parts);
        while let Some(sign) = take(parts, Rule::mul) {
            left = binary(operator(sign.as_str()), left, self.unary(parts));
        }
        left
    }

    fn unary(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        match take(parts, Rule::minus) {
            Some(sign) => unary(UnaryOp::Neg, self.span(&sign), self.unary(parts)),
            None => self.power(parts),
        }
    }

    fn power(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let base = self.postfix(parts);
        match take(parts, Rule::pow) {
            Some(_) => binary(BinaryOp::Pow, base, self.unary(parts)),
            None => base,
        }
    }

    fn postfix(&mut self, parts: &mut Pairs<'_, Rule>) -> Expr {
        let mut value = self.primary(need(parts));
        while let Some(next) = take_postfix(parts) {
            let span = value.span.to(self.span(&next));
            value = Expr { span, kind: self.postfix_kind(value, next) };
        }
        value
    }

    fn postfix_kind(&mut self, value: Expr, pair: Pair<'_, Rule>) -> ExprKind {
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        let value = Box::new(value);
        match rule {
            Rule::call => ExprKind::Call { callee: value, args: parts.map(|pair| self.arg(pair)).collect() },
            Rule::index => ExprKind::Index { base: value, index: self.range(parts.need()) },
            _ => ExprKind::Field { base: value, name: self.name(parts.need()) },
        }
    }
}

fn need<'i>(parts: &mut Pairs<'i, Rule>) -> Pair<'i, Rule> {
    parts.next().expect("the grammar puts an operand here")
}

fn take<'i>(parts: &mut Pairs<'i, Rule>, rule: Rule) -> Option<Pair<'i, Rule>> {
    let found = parts.peek().is_some_and(|pair| pair.as_rule() == rule);
    if found { parts.next() } else { None }
}

fn take_postfix<'i>(parts: &mut Pairs<'i, Rule>) -> Option<Pair<'i, Rule>> {
    take(parts, Rule::call).or_else(|| take(parts, Rule::index)).or_else(|| take(parts, Rule::field))
}

fn unary(op: UnaryOp, sign: Span, value: Expr) -> Expr {
    Expr { span: sign.to(value.span), kind: ExprKind::Unary { op, value: Box::new(value) } }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { span, kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) } }
}

fn operator(sign: &str) -> BinaryOp {
    match sign {
        "==" => BinaryOp::Eq,
        "!=" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        "<=" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" => BinaryOp::Ge,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "div" => BinaryOp::IntDiv,
        "mod" => BinaryOp::Mod,
        other => unreachable!("the grammar has no operator {other}"),
    }
}
