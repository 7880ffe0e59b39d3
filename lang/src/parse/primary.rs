//! The operands of expressions: numbers, lists, calls' arguments, `if`, `match`, function values.

use std::sync::Arc;

use pest::iterators::Pair;

use super::build::{Builder, string_text};
use super::explain::cut;
use super::grammar::{Parts, Rule};
use crate::ast::*;
use crate::source::Span;

impl Builder<'_> {
    /// An operand without what is called or indexed on it.
    pub fn primary(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => self.number(pair.as_str(), span),
            Rule::string => ExprKind::Str(string_text(&pair)),
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::none => ExprKind::None,
            Rule::name => ExprKind::Name(Arc::from(pair.as_str())),
            Rule::group => self.expr(Parts::of(pair).need()).kind,
            Rule::list => self.list(Parts::of(pair)),
            Rule::if_expr => return self.if_expr(&mut Parts::of(pair), span),
            Rule::match_expr => self.match_expr(Parts::of(pair)),
            Rule::lambda => {
                let mut parts = Parts::of(pair);
                ExprKind::Lambda { params: self.params(&mut parts), body: self.block(parts.need()) }
            }
            other => unreachable!("an operand is no {other:?}"),
        };
        Expr { span, kind }
    }

    fn number(&mut self, text: &str, span: Span) -> ExprKind {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return ExprKind::Int(self.whole(text, span));
        }
        let value = text.parse::<f64>().unwrap_or(f64::INFINITY);
        if value.is_infinite() {
            let message = format!("`{}` is too large for a `real`", cut(text));
            self.mistake(span, message, "the largest is 1.8e308; write `inf` for infinity");
        }
        ExprKind::Real(value)
    }

    fn whole(&mut self, text: &str, span: Span) -> i64 {
        text.parse().unwrap_or_else(|_| {
            let message = format!("`{}` is too large for an `int`", cut(text));
            let help = "the largest is 9223372036854775807; a `real` is written with a point or an exponent: `1e20`";
            self.mistake(span, message, help);
            0
        })
    }

    fn list(&mut self, mut parts: Parts<'_>) -> ExprKind {
        let Some(first) = parts.next() else { return ExprKind::List(Vec::new()) };
        let first = self.expr(first);
        if let Some(clauses) = parts.optional(Rule::comprehension) {
            return ExprKind::Comprehension(Box::new(self.comprehension(first, Parts::of(clauses))));
        }
        let rest = parts.map(|pair| self.expr(pair));
        ExprKind::List(std::iter::once(first).chain(rest).collect())
    }

    fn comprehension(&mut self, element: Expr, mut parts: Parts<'_>) -> Comprehension {
        let mut clauses = Vec::new();
        while let Some(pair) = parts.optional(Rule::each) {
            let mut each = Parts::of(pair);
            clauses.push(Each { name: self.name(each.need()), range: self.range(each.need()) });
        }
        Comprehension { element, clauses, condition: parts.next().map(|pair| self.expr(pair)) }
    }

    /// An argument of a call.
    pub fn arg(&mut self, pair: Pair<'_, Rule>) -> Arg {
        let mut parts = Parts::of(pair);
        if let Some(named) = parts.optional(Rule::named) {
            let mut named = Parts::of(named);
            return Arg::Named(self.name(named.need()), self.expr(named.need()));
        }
        let value = self.expr(parts.need());
        match parts.next() {
            Some(clauses) => Arg::Each(self.comprehension(value, Parts::of(clauses))),
            None => Arg::Positional(value),
        }
    }

    /// An `if`; every `else if` is an `if` that is the only value of a block.
    fn if_expr(&mut self, parts: &mut Parts<'_>, span: Span) -> Expr {
        let condition = Box::new(self.expr(parts.need()));
        let then = self.block(parts.need());
        parts.pass(Rule::kw_else);
        let start = parts.start().map_or(span.start, |start| (start + self.offset) as u32);
        let otherwise = match parts.peek() {
            Some(Rule::block) => Some(self.block(parts.need())),
            Some(Rule::expr) => Some(single(self.if_expr(parts, Span { start, ..span }))),
            _ => None,
        };
        Expr { span, kind: ExprKind::If { condition, then, otherwise } }
    }

    fn match_expr(&mut self, mut parts: Parts<'_>) -> ExprKind {
        let value = Box::new(self.expr(parts.need()));
        ExprKind::Match { value, arms: parts.map(|pair| self.arm(pair)).collect() }
    }

    fn arm(&mut self, pair: Pair<'_, Rule>) -> Arm {
        let mut parts = Parts::of(pair);
        let pattern = parts.need();
        let span = self.span(&pattern);
        let pattern = self.pattern(pattern);
        let body = parts.need();
        let body = match body.as_rule() {
            Rule::block => self.block(body),
            _ => single(self.expr(body)),
        };
        Arm { pattern, span, body }
    }

    fn pattern(&mut self, pair: Pair<'_, Rule>) -> Pattern {
        let span = self.span(&pair);
        let pair = Parts::of(pair).need();
        let text = pair.as_str();
        match pair.as_rule() {
            Rule::boolean => Pattern::Bool(text == "true"),
            Rule::number if text.bytes().all(|byte| byte.is_ascii_digit()) => Pattern::Int(self.whole(text, span)),
            Rule::number => {
                let message = format!("`{text}` is no pattern: patterns are whole numbers, choices, bools and `_`");
                self.mistake(span, message, "compare reals with `if`");
                Pattern::Rest
            }
            _ if text == "_" => Pattern::Rest,
            _ => Pattern::Choice(Arc::from(text)),
        }
    }
}

/// A block of one value.
fn single(value: Expr) -> Block {
    let span = value.span;
    Block { span, stmts: vec![Stmt { span, kind: StmtKind::Expr(value) }] }
}
