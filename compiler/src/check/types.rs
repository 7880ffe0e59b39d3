//! Types as written, and the fit of a value to a type.

use std::sync::Arc;

use samp_lang::ast::{self, Dots, TypeKind};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::scope::Scope;
use super::{Checker, did_you_mean, one_of};
use crate::hir::{Bounds, Expr, ExprKind};
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

/// A type with what may stand beside it.
pub(crate) struct Written {
    pub(crate) ty: Ty,
    pub(crate) level: Option<ast::LevelRef>,
    pub(crate) bounds: Option<Bounds>,
}

impl Checker<'_> {
    /// Reads a type.
    pub(crate) fn ty(&mut self, scope: &mut Scope, written: &ast::Type) -> Written {
        let plain = |ty| Written { ty, level: None, bounds: None };
        match &written.kind {
            TypeKind::Fn { params, result } => {
                let params = params.iter().map(|param| self.ty(scope, param).ty).collect();
                plain(Ty::Fn(params, Box::new(self.ty(scope, result).ty)))
            }
            TypeKind::Choice(names) => {
                let names: Arc<[Arc<str>]> = names.iter().map(|name| name.text.clone()).collect();
                scope.choices.extend(names.iter().cloned());
                plain(Ty::Choice(names))
            }
            TypeKind::Plain { kind, extents, domain } => {
                let mut ty = self.plain_ty(&kind.name);
                if let (Some(level), false) = (&kind.level, matches!(ty, Ty::Tensor(kind) if kind.has_level()))
                    && ty != Ty::Error
                {
                    let message = format!("`{}` has no level", kind.name.text);
                    let found = Diagnostic::new(Code::E0301, level.name.span, message);
                    self.report(found.help("only `sample`, `v` and `score` are at a level"));
                }
                for _ in extents {
                    ty = ty.list();
                }
                let bounds = domain.as_ref().and_then(|domain| self.bounds(scope, &ty, domain));
                Written { ty, level: kind.level.clone(), bounds }
            }
        }
    }

    fn plain_ty(&mut self, name: &ast::Name) -> Ty {
        match &*name.text {
            "int" => Ty::Int,
            "real" | "inflation" => Ty::Real,
            "bool" => Ty::Bool,
            "level" => Ty::Level,
            "tableau" => Ty::Tableau,
            text => match (Kind::from_name(text), ItemSort::from_name(text)) {
                (Some(kind), _) => Ty::Tensor(kind),
                (None, Some(sort)) => Ty::Item(sort),
                (None, None) => {
                    let known = ["int", "real", "bool", "level", "inflation", "tableau"].into_iter();
                    let kinds = Kind::ALL.iter().map(|(_, word)| *word);
                    let sorts = ItemSort::ALL.iter().map(|(_, word, _)| *word);
                    let known: Vec<Arc<str>> = known.chain(kinds).chain(sorts).map(Arc::from).collect();
                    let mut found = Diagnostic::new(Code::E0101, name.span, format!("`{text}` is no type"));
                    let help = did_you_mean(text, &known);
                    found = found.help(help.unwrap_or_else(|| {
                        "types are `int`, `real`, `bool`, `level`, kinds of tensors and sorts of items".to_owned()
                    }));
                    self.report(found);
                    Ty::Error
                }
            },
        }
    }

    fn bounds(&mut self, scope: &mut Scope, ty: &Ty, domain: &ast::Domain) -> Option<Bounds> {
        match domain {
            ast::Domain::Interval(interval) => Some(self.interval(scope, ty, interval)),
            ast::Domain::Range(range) => {
                let text: Arc<str> = self.lib.sources.text(range.span).into();
                if range.dots == Dots::Single {
                    self.error(Code::E0301, range.span, "a range of values needs two ends, such as `1..=4`");
                    return None;
                }
                let low = range.low.as_ref().map(|low| (self.number(scope, low, ty), true));
                let closed = range.dots == Dots::Closed;
                let high = range.high.as_ref().map(|high| (self.number(scope, high, ty), closed));
                Some(Bounds { text, low, high })
            }
        }
    }

    /// Reads an interval of numbers.
    pub(crate) fn interval(&mut self, scope: &mut Scope, ty: &Ty, interval: &ast::Interval) -> Bounds {
        let mut inner = ty;
        while let Ty::List(of) = inner {
            inner = of;
        }
        let wide = if *inner == Ty::Int { Ty::Real } else { inner.clone() };
        let low = self.number(scope, &interval.low, &wide);
        let high = self.number(scope, &interval.high, &wide);
        Bounds {
            text: self.lib.sources.text(interval.span).into(),
            low: Some((low, interval.closed_low)),
            high: Some((high, interval.closed_high)),
        }
    }

    fn number(&mut self, scope: &mut Scope, expr: &ast::Expr, ty: &Ty) -> Expr {
        let value = self.expr(scope, expr, Some(ty));
        if !value.ty.is_number() {
            self.mismatch(&value, "a number");
            return error_expr(value.span);
        }
        value
    }

    /// Makes a value stand where `want` is asked for, or reports that it cannot.
    pub(crate) fn coerce(&mut self, value: Expr, want: &Ty) -> Expr {
        if value.ty == Ty::Int && *want == Ty::Real {
            return widen(value);
        }
        if value.ty.fits(want) {
            return value;
        }
        match (&value.ty, want) {
            (Ty::Tensor(have), Ty::Tensor(want)) => self.wrong_kind(value.span, *have, *want),
            (Ty::Real, Ty::Int) => {
                let found = Diagnostic::new(Code::E0301, value.span, "expected a whole number, found a real");
                self.report(found.help("round it: `floor(..)`, `round(..)`, or divide with `div`"));
            }
            (Ty::Tensor(_), Ty::Level) => {
                let found = Diagnostic::new(Code::E0301, value.span, "expected a level, found a tensor");
                self.report(found.help("the level of a sample is the name behind `@` in its type"));
            }
            (Ty::Choice(_), Ty::Choice(names)) => {
                let want = one_of(names.iter().map(|name| &**name));
                self.error(Code::E0305, value.span, format!("expected {want}, found {}", describe(&value.ty)));
            }
            _ => {
                let want = describe(want);
                self.mismatch(&value, &want);
            }
        }
        error_expr(value.span)
    }

    /// Reports that something else was expected.
    pub(crate) fn mismatch(&mut self, value: &Expr, want: &str) {
        if value.ty == Ty::Error {
            return;
        }
        let have = describe(&value.ty);
        let mut found = Diagnostic::new(Code::E0301, value.span, format!("expected {want}, found {have}"));
        if value.ty == Ty::None && matches!(value.kind, ExprKind::If { .. }) {
            found = found.help("an `if` that is a value needs an `else`");
        }
        self.report(found);
    }

    /// Reports a tensor of the wrong kind.
    pub(crate) fn wrong_kind(&mut self, span: Span, have: Kind, want: Kind) {
        let message = format!("expected a tensor of kind `{want}`, found `{have}`");
        let mut found = Diagnostic::new(Code::E0401, span, message);
        let help = match (have, want) {
            (Kind::Eps | Kind::V | Kind::Flow | Kind::Score, Kind::Sample) => {
                Some("a prediction is no sample: `transfer(x, x0(x), t)` carries `x` to `t`".to_owned())
            }
            (Kind::Sample, want) if want.is_prediction() => Some(format!("`{want}(..)` asks the model for it")),
            (have, want) if have.is_prediction() && want.is_prediction() => {
                Some(format!("ask for the view that is meant: `{want}(x)` in place of `{have}(x)`"))
            }
            _ => None,
        };
        if let Some(help) = help {
            found = found.help(help);
        }
        self.report(found);
    }

    /// The level behind an `@`.
    pub(crate) fn level_ref(&mut self, scope: &mut Scope, level: &ast::LevelRef) -> Expr {
        let name = ast::Expr { span: level.name.span, kind: ast::ExprKind::Name(level.name.text.clone()) };
        let expr = match &level.index {
            None => name,
            Some(index) => ast::Expr {
                span: level.name.span.to(index.span),
                kind: ast::ExprKind::Index { base: Box::new(name), index: (**index).clone() },
            },
        };
        let value = self.expr(scope, &expr, Some(&Ty::Level));
        self.coerce(value, &Ty::Level)
    }

    /// Names the kind of a tensor as its type says; other values only have to fit.
    pub(crate) fn annotate(&mut self, scope: &mut Scope, value: Expr, ty: &Ty, level: Option<&ast::LevelRef>) -> Expr {
        let value = self.coerce(value, ty);
        let Ty::Tensor(kind) = *ty else { return value };
        if value.ty == Ty::Error || kind == Kind::Tensor {
            return value;
        }
        let level = level.map(|level| Box::new(self.level_ref(scope, level)));
        named(value, kind, level)
    }
}

/// A whole number as a real.
fn widen(value: Expr) -> Expr {
    let (span, rate) = (value.span, value.rate);
    let kind = match value.kind {
        ExprKind::Int(number) => ExprKind::Real(number as f64),
        _ => ExprKind::Operator(crate::hir::Operator::Widen, vec![value]),
    };
    Expr { span, ty: Ty::Real, rate, kind }
}

/// An expression with its kind named.
pub(crate) fn named(value: Expr, kind: Kind, level: Option<Box<Expr>>) -> Expr {
    let (span, rate) = (value.span, Rate::Elem);
    Expr { span, ty: Ty::Tensor(kind), rate, kind: ExprKind::Named { value: Box::new(value), kind, level } }
}

/// What stands where a mistake was reported.
pub(crate) fn error_expr(span: Span) -> Expr {
    Expr { span, ty: Ty::Error, rate: Rate::Const, kind: ExprKind::Error }
}

/// A type in words.
pub(crate) fn describe(ty: &Ty) -> String {
    match ty {
        Ty::Int => "a whole number".to_owned(),
        Ty::Real => "a number".to_owned(),
        Ty::Bool => "a condition".to_owned(),
        Ty::Level => "a level".to_owned(),
        Ty::Str => "text".to_owned(),
        Ty::Choice(names) => format!("the choice {}", one_of(names.iter().map(|name| &**name))),
        Ty::List(of) => format!("a list of {}", plural(of)),
        Ty::Fn(params, _) => describe_fn(params.len()),
        Ty::Item(sort) => format!("a {sort}"),
        Ty::Branch => "a branch".to_owned(),
        Ty::Tableau => "a tableau".to_owned(),
        Ty::Tensor(Kind::Tensor) => "a tensor".to_owned(),
        Ty::Tensor(kind) => format!("a tensor of kind `{kind}`"),
        Ty::None => "`none`".to_owned(),
        Ty::Never => "nothing".to_owned(),
        Ty::Error => "something".to_owned(),
    }
}

/// A function in words.
pub(crate) fn describe_fn(params: usize) -> String {
    match params {
        1 => "a function of one argument".to_owned(),
        n => format!("a function of {n} arguments"),
    }
}

fn plural(ty: &Ty) -> String {
    match ty {
        Ty::Int => "whole numbers".to_owned(),
        Ty::Real => "numbers".to_owned(),
        Ty::Level => "levels".to_owned(),
        Ty::Tensor(_) => "tensors".to_owned(),
        Ty::List(_) => "lists".to_owned(),
        other => format!("`{other}`"),
    }
}
