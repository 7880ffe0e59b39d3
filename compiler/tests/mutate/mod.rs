//! Mutants of a text: every place of a step or function that a person gets wrong, changed by itself.

use samp_lang::ast::{
    Arg, BinaryOp, Block, Body, Dots, Expr, ExprKind, ItemKind, MemberKind, Range, StmtKind, UnaryOp,
};
use samp_lang::parse_module;
use samp_lang::source::{SourceMap, Span};

/// A kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// `alpha(s)` for `alpha(t)`, and the other way round, for each coordinate.
    Level,
    /// `+` for `-`, or the sign of a factor.
    Sign,
    /// `a * b` or `a / b` without one of its factors.
    Factor,
    /// `a + b` without one of its terms.
    Term,
    /// `a * b` for `a / b`, and the other way round.
    Inverse,
    /// `d[1]` for `d[0]`, or a slice that is one longer.
    Index,
    /// 3 for 2.
    Number,
    /// `eps(x)` for `x0(x)`, and the other way round.
    View,
    /// `x0(x)` for `x0(y)`.
    Sample,
    /// Without `sqrt`, or without `^2`.
    Power,
    /// `exp` for `expm1`, `min` for `max`.
    Function,
    /// A case that is never taken.
    Case,
}

impl Change {
    pub const ALL: [Change; 12] = [
        Change::Level,
        Change::Sign,
        Change::Factor,
        Change::Term,
        Change::Inverse,
        Change::Index,
        Change::Number,
        Change::View,
        Change::Sample,
        Change::Power,
        Change::Function,
        Change::Case,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Change::Level => "level: `s` for `t`",
            Change::Sign => "sign",
            Change::Factor => "factor dropped",
            Change::Term => "term dropped",
            Change::Inverse => "`*` for `/`",
            Change::Index => "history or list off by one",
            Change::Number => "number off by one",
            Change::View => "`eps` for `x0`",
            Change::Sample => "model asked at another sample",
            Change::Power => "root or square dropped",
            Change::Function => "`exp` for `expm1`, `min` for `max`",
            Change::Case => "case left out",
        }
    }
}

/// A wrong version of a text.
pub struct Mutant {
    pub change: Change,
    /// The line of the change, from 1.
    pub line: usize,
    /// What stood there, and what stands there now.
    pub from: String,
    pub to: String,
    /// The whole text.
    pub text: String,
}

/// All mutants of the rules and functions of a text.
pub fn mutants(text: &str) -> Vec<Mutant> {
    let mut sources = SourceMap::default();
    let file = sources.add("original.samp", text);
    let (module, found) = parse_module(&sources, file);
    assert!(found.is_empty(), "the original is read");
    let mut sites = Sites { text, found: Vec::new(), names: Vec::new() };
    for item in &module.items {
        match &item.kind {
            ItemKind::Sampler(rules) => {
                for member in &rules.members {
                    match &member.kind {
                        MemberKind::Rule(rule) => {
                            sites.names = vec![rule.argument.text.to_string()];
                            sites.block(&rule.body);
                        }
                        MemberKind::Let(one) => sites.expr(&one.value),
                        _ => {}
                    }
                }
            }
            ItemKind::Fn(function) => match &function.body {
                Body::Block(block) => sites.block(block),
                Body::Expr(expr) => sites.expr(expr),
            },
            _ => {}
        }
    }
    let mutant = |(change, span, to): (Change, Span, String)| {
        let (start, end) = (span.start as usize, span.end as usize);
        Mutant {
            change,
            line: text[..start].matches('\n').count() + 1,
            from: text[start..end].to_owned(),
            text: format!("{}{to}{}", &text[..start], &text[end..]),
            to,
        }
    };
    sites.found.into_iter().map(mutant).collect()
}

struct Sites<'t> {
    text: &'t str,
    found: Vec<(Change, Span, String)>,
    /// Samples that the model can be asked about so far.
    names: Vec<String>,
}

impl Sites<'_> {
    fn of(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn add(&mut self, change: Change, span: Span, to: impl Into<String>) {
        self.found.push((change, span, to.into()));
    }

    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Let(one) | StmtKind::Var(one) => {
                    self.expr(&one.value);
                    let is_sample = one.ty.as_ref().is_some_and(|ty| self.of(ty.span).starts_with("sample"));
                    if is_sample {
                        self.names.push(one.name.text.to_string());
                    }
                }
                StmtKind::Return(value) | StmtKind::Expr(value) | StmtKind::Store { value, .. } => self.expr(value),
                StmtKind::For { range, body, .. } => {
                    self.range(range);
                    self.block(body);
                }
                StmtKind::Require(_)
                | StmtKind::Stages { .. }
                | StmtKind::Emit { .. }
                | StmtKind::Estimate(_)
                | StmtKind::Accept(_) => {}
            }
        }
    }

    fn range(&mut self, range: &Range) {
        for end in range.low.iter().chain(&range.high) {
            self.expr(end);
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int(value) => self.add(Change::Number, expr.span, (value + 1).to_string()),
            ExprKind::Real(value) => self.add(Change::Number, expr.span, (value + 0.25).to_string()),
            ExprKind::Str(_) | ExprKind::Bool(_) | ExprKind::None | ExprKind::Name(_) => {}
            ExprKind::List(entries) => entries.iter().for_each(|entry| self.expr(entry)),
            ExprKind::Comprehension(each) => {
                self.expr(&each.element);
                each.clauses.iter().for_each(|clause| self.range(&clause.range));
            }
            ExprKind::Call { callee, args } => self.call(expr, callee, args),
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::If { condition, then, otherwise } => {
                self.add(Change::Case, condition.span, "false");
                self.block(then);
                otherwise.iter().for_each(|block| self.block(block));
            }
            ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| self.block(&arm.body)),
            ExprKind::Lambda { body, .. } => self.block(body),
            ExprKind::Unary { op, value } => {
                if *op == UnaryOp::Neg {
                    self.add(Change::Sign, expr.span, format!("({})", self.of(value.span)));
                }
                self.expr(value);
            }
            ExprKind::Binary { op, left, right } => self.binary(expr, *op, left, right),
            ExprKind::Within { value, .. } => self.expr(value),
            ExprKind::Cast { value, .. } => self.expr(value),
        }
    }

    fn binary(&mut self, expr: &Expr, op: BinaryOp, left: &Expr, right: &Expr) {
        let (a, b) = (self.of(left.span).to_owned(), self.of(right.span).to_owned());
        match op {
            BinaryOp::Add => {
                self.add(Change::Sign, expr.span, format!("({a} - {b})"));
                self.add(Change::Term, expr.span, format!("({a})"));
                self.add(Change::Term, expr.span, format!("({b})"));
            }
            BinaryOp::Sub => {
                self.add(Change::Sign, expr.span, format!("({a} + {b})"));
                self.add(Change::Term, expr.span, format!("({a})"));
            }
            BinaryOp::Mul => {
                self.add(Change::Factor, expr.span, format!("({a})"));
                self.add(Change::Factor, expr.span, format!("({b})"));
                self.add(Change::Inverse, expr.span, format!("({a} / ({b}))"));
            }
            BinaryOp::Div => {
                self.add(Change::Factor, expr.span, format!("({a})"));
                self.add(Change::Inverse, expr.span, format!("({a} * ({b}))"));
            }
            BinaryOp::Pow => self.add(Change::Power, expr.span, format!("({a})")),
            BinaryOp::Or | BinaryOp::And => {
                self.add(Change::Case, expr.span, format!("({a})"));
                self.add(Change::Case, expr.span, format!("({b})"));
                return;
            }
            // A condition is left out as a whole.
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => return,
            BinaryOp::IntDiv | BinaryOp::Mod => {}
        }
        self.expr(left);
        self.expr(right);
    }

    fn call(&mut self, expr: &Expr, callee: &Expr, args: &[Arg]) {
        let name = self.of(callee.span).to_owned();
        let first = match args.first() {
            Some(Arg::Positional(first)) => Some(first),
            _ => None,
        };
        match (&*name, first) {
            ("alpha" | "sigma" | "lambda" | "rho" | "time", Some(level)) => {
                let other = match self.of(level.span) {
                    "s" => Some("t"),
                    "t" => Some("s"),
                    _ => None,
                };
                if let Some(other) = other {
                    self.add(Change::Level, level.span, other);
                }
            }
            ("x0" | "eps", Some(sample)) => {
                self.add(Change::View, callee.span, if name == "x0" { "eps" } else { "x0" });
                let known = self.of(sample.span).to_owned();
                for other in self.names.clone().into_iter().filter(|other| *other != known) {
                    self.add(Change::Sample, sample.span, other);
                }
            }
            ("sqrt", Some(inner)) => self.add(Change::Power, expr.span, format!("({})", self.of(inner.span))),
            ("expm1", _) => self.add(Change::Function, callee.span, "exp"),
            ("min", _) => self.add(Change::Function, callee.span, "max"),
            ("max", _) => self.add(Change::Function, callee.span, "min"),
            ("phi1", _) => self.add(Change::Function, callee.span, "phi2"),
            ("phi2", _) => self.add(Change::Function, callee.span, "phi1"),
            _ => {}
        }
        for arg in args {
            match arg {
                Arg::Positional(value) | Arg::Named(_, value) => {
                    // The level that a nested step or a move goes to.
                    if matches!(&*name, "transfer" | "renoise" | "base" | "below") && self.of(value.span) == "t" {
                        self.add(Change::Level, value.span, "s");
                    }
                    self.expr(value);
                }
                Arg::Each(each) => {
                    self.expr(&each.element);
                    each.clauses.iter().for_each(|clause| self.range(&clause.range));
                }
            }
        }
    }

    fn index(&mut self, base: &Expr, index: &Range) {
        self.expr(base);
        match (index.dots, &index.low, &index.high) {
            (Dots::Single, Some(at), _) => match &at.kind {
                ExprKind::Int(value) => {
                    self.add(Change::Index, at.span, (value + 1).to_string());
                    if *value > 0 {
                        self.add(Change::Index, at.span, (value - 1).to_string());
                    }
                }
                _ => {
                    let next = format!("{} + 1", self.of(at.span));
                    self.add(Change::Index, at.span, next);
                }
            },
            (_, low, Some(high)) => {
                let (more, less) = (format!("({}) + 1", self.of(high.span)), format!("({}) - 1", self.of(high.span)));
                self.add(Change::Index, high.span, more);
                self.add(Change::Index, high.span, less);
                low.iter().for_each(|low| self.expr(low));
            }
            (_, Some(low), None) => {
                let more = format!("({}) + 1", self.of(low.span));
                self.add(Change::Index, low.span, more);
            }
            (_, None, None) => {}
        }
    }
}
