//! Blocks and statements.

use pest::iterators::Pair;

use super::build::Builder;
use super::grammar::{Parts, Rule};
use crate::ast::*;

impl Builder<'_> {
    /// `{ .. }`.
    pub fn block(&mut self, pair: Pair<'_, Rule>) -> Block {
        let span = self.span(&pair);
        Block { span, stmts: Parts::of(pair).map(|pair| self.stmt(pair)).collect() }
    }

    fn stmt(&mut self, pair: Pair<'_, Rule>) -> Stmt {
        let span = self.span(&pair);
        let pair = Parts::of(pair).need();
        Stmt { span, kind: self.stmt_kind(pair) }
    }

    fn stmt_kind(&mut self, pair: Pair<'_, Rule>) -> StmtKind {
        let rule = pair.as_rule();
        if rule == Rule::expr {
            return StmtKind::Expr(self.expr(pair));
        }
        let mut parts = Parts::of(pair);
        match rule {
            Rule::let_stmt => StmtKind::Let(self.binding(parts)),
            Rule::var_stmt => StmtKind::Var(self.binding(parts)),
            Rule::return_stmt => StmtKind::Return(self.expr(parts.need())),
            Rule::for_stmt => self.for_stmt(parts),
            Rule::stages => StmtKind::Stages { name: self.name(parts.need()), kind: self.kind(parts.need()) },
            Rule::emit => StmtKind::Emit { name: self.name(parts.need()), value: self.expr(parts.need()) },
            Rule::estimate => StmtKind::Estimate(self.expr(parts.need())),
            Rule::accept => StmtKind::Accept(self.expr(parts.need())),
            Rule::require => StmtKind::Require(self.expr(parts.need())),
            Rule::store => StmtKind::Store { name: self.name(parts.need()), value: self.expr(parts.need()) },
            other => unreachable!("a statement is no {other:?}"),
        }
    }

    fn for_stmt(&mut self, mut parts: Parts<'_>) -> StmtKind {
        let name = self.name(parts.need());
        let range = self.range(parts.need());
        StmtKind::For { name, range, body: self.block(parts.need()) }
    }

    /// What `let` and `var` say.
    pub fn binding(&mut self, mut parts: Parts<'_>) -> Let {
        let name = self.name(parts.need());
        let ty = parts.optional(Rule::r#type).map(|pair| self.ty(pair));
        Let { name, ty, value: self.expr(parts.need()) }
    }
}
