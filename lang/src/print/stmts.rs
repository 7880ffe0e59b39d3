//! Blocks and statements.

use super::Tree;
use crate::ast::*;

impl Tree {
    /// A block.
    pub fn block(&mut self, block: &Block) {
        self.node("block", block.span);
        self.inside(|tree| block.stmts.iter().for_each(|stmt| tree.stmt(stmt)));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Let(binding) => self.binding("let", binding),
            StmtKind::Var(binding) => self.binding("var", binding),
            StmtKind::Return(value) => self.with_value("return", stmt, value),
            StmtKind::For { name, range, body } => {
                self.node(format_args!("for {}", name.text), stmt.span);
                self.inside(|tree| {
                    tree.range(range);
                    tree.block(body);
                });
            }
            StmtKind::Stages { name, kind } => {
                self.name("stages", name);
                self.inside(|tree| tree.kind(kind));
            }
            StmtKind::Emit { name, value } => self.named("emit", name, value),
            StmtKind::Estimate(value) => self.with_value("estimate", stmt, value),
            StmtKind::Accept(value) => self.with_value("accept", stmt, value),
            StmtKind::Require(value) => self.with_value("require", stmt, value),
            StmtKind::Store { name, value } => self.named("store", name, value),
            StmtKind::Expr(value) => self.expr(value),
        }
    }

    fn with_value(&mut self, word: &str, stmt: &Stmt, value: &Expr) {
        self.node(word, stmt.span);
        self.inside(|tree| tree.expr(value));
    }

    /// What `let` and `var` say.
    pub fn binding(&mut self, word: &str, binding: &Let) {
        self.name(word, &binding.name);
        self.inside(|tree| {
            binding.ty.iter().for_each(|ty| tree.ty(ty));
            tree.expr(&binding.value);
        });
    }
}
