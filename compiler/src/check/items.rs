//! Schedules, grids, pipelines, functions, constants, and the options of all items.

use std::sync::Arc;

use samp_lang::ast::{self, Dots, PipelineMember, ScheduleMember};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::scope::{Place, Returned, Role, Scope};
use super::types::{Written, error_expr};
use super::{Checker, did_you_mean};
use crate::hir::{
    Block, Clock, ConstId, Constant, Coordinate, Curve, Expr, Family, FnId, Function, Item, ItemBody, ItemId, Opt,
    Pipeline, Schedule, Slot, Stmt,
};
use crate::library::UnitId;
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

impl Checker<'_> {
    /// Declares options, in order; a default may use the options before it.
    pub(crate) fn options(&mut self, scope: &mut Scope, params: &[ast::Param], rate: Rate) -> Vec<Opt> {
        // Choices are known before any local is named, so that none can hide one.
        for param in params {
            if let Some(ast::Type { kind: ast::TypeKind::Choice(names), .. }) = &param.ty {
                scope.choices.extend(names.iter().map(|name| name.text.clone()));
            }
        }
        // Options are bound once, outside of any step: what they may read is what a grid may.
        let inner = scope.place.options();
        let outer = std::mem::replace(&mut scope.place, inner);
        let options = params.iter().map(|param| self.option(scope, param, rate).0).collect();
        scope.place = outer;
        options
    }

    fn option(&mut self, scope: &mut Scope, param: &ast::Param, rate: Rate) -> (Opt, Option<ast::LevelRef>) {
        let Written { ty, level, bounds } = match &param.ty {
            Some(ty) => self.ty(scope, ty),
            None => {
                let found = Diagnostic::new(Code::E0201, param.name.span, format!("`{}` has no type", param.name.text));
                self.report(found.help("write one: `name: real = 0`"));
                Written { ty: Ty::Error, level: None, bounds: None }
            }
        };
        if scope.place == Place::Fn {
            self.no_bounds(bounds.as_ref(), param.name.span);
        }
        let default = param.default.as_ref().map(|default| {
            let value = self.expr(scope, default, Some(&ty));
            let value = self.coerce(value, &ty);
            if let (Some(bounds), Some(number)) = (&bounds, super::constant(&value))
                && super::outside(bounds, number)
            {
                let message = format!("`{}` is {number}, which lies outside {}", param.name.text, bounds.text);
                self.error(Code::E0304, value.span, message);
            }
            value
        });
        let rate = if matches!(ty, Ty::Tensor(_)) { Rate::Elem } else { rate };
        let inflation = ty == Ty::Real && param.ty.as_ref().is_some_and(is_inflation);
        let local = self.declare(scope, &param.name, ty, rate, Role::Value);
        (Opt { local, doc: param.doc.join(" ").trim().to_owned(), bounds, default, entries: None, inflation }, level)
    }

    pub(crate) fn check_schedule(&mut self, unit: UnitId, doc: &str, item: &ast::Schedule) -> Option<ItemId> {
        let mut scope = Scope::new(unit, Place::Schedule);
        let options = self.options(&mut scope, &item.params, Rate::Plan);
        let curve = self.curve(&mut scope, item.coordinates.as_ref());
        let mut lets = Vec::new();
        let mut clock = None;
        let mut coordinates: Vec<(Coordinate, Expr)> = Vec::new();
        let mut inverse = None;
        // Values that do not depend on the clock are computed before it is named, wherever they stand.
        for member in &item.members {
            match member {
                ScheduleMember::Let(binding) => {
                    let span = binding.name.span;
                    lets.push(Stmt { span, kind: self.let_stmt(&mut scope, binding) });
                }
                ScheduleMember::Require(condition) => {
                    let value = self.condition(&mut scope, condition);
                    lets.push(Stmt { span: condition.span, kind: crate::hir::StmtKind::Require(value) });
                }
                ScheduleMember::Clock { .. } | ScheduleMember::Curve { .. } | ScheduleMember::Inverse { .. } => {}
            }
        }
        let without_clock = scope.names.clone();
        let has_clock = item.members.iter().any(|member| matches!(member, ScheduleMember::Clock { .. }));
        for member in &item.members {
            match member {
                ScheduleMember::Let(_) | ScheduleMember::Require(_) => {}
                ScheduleMember::Clock { name, domain } => {
                    if clock.is_some() {
                        self.error(Code::E0202, name.span, "a schedule has one `clock`");
                        continue;
                    }
                    let (domain, ty) = self.clock(&mut scope, domain)?;
                    let local = self.declare(&mut scope, name, ty, Rate::Plan, Role::Value);
                    scope.used.insert(local);
                    clock = Some((local, domain));
                }
                ScheduleMember::Curve { coordinate, value } => {
                    let found = Coordinate::from_name(&coordinate.text)?;
                    if coordinates.iter().any(|(known, _)| *known == found) {
                        let message = format!("`{}` is given twice", coordinate.text);
                        self.error(Code::E0202, coordinate.span, message);
                        continue;
                    }
                    if clock.is_none() && has_clock {
                        let found = Diagnostic::new(Code::E0201, coordinate.span, "the `clock` comes before the curve");
                        self.report(found.help("write `clock u in [0, 1]` above"));
                    }
                    coordinates.push((found, self.real(&mut scope, value)));
                }
                ScheduleMember::Inverse { name, value } => {
                    let outer = std::mem::replace(&mut scope.names, without_clock.clone());
                    let local = self.declare(&mut scope, name, Ty::Real, Rate::Plan, Role::Value);
                    scope.used.insert(local);
                    let value = self.real(&mut scope, value);
                    scope.names = outer;
                    if inverse.replace((local, value)).is_some() {
                        self.error(Code::E0202, name.span, "a schedule has one `inverse`");
                    }
                }
            }
        }
        let Some((clock, domain)) = clock else {
            let found = Diagnostic::new(
                Code::E0201,
                item.name.span,
                format!("the schedule `{}` has no `clock`", item.name.text),
            );
            self.report(found.help("write `clock u in [0, 1]`"));
            return None;
        };
        if let Some(curve) = curve {
            self.check_curve(item, curve, &coordinates);
        }
        let curve = curve.unwrap_or(Curve::Own);
        self.check_used(&scope);
        let body = ItemBody::Schedule(Box::new(Schedule { curve, lets, clock, domain, coordinates, inverse }));
        Some(self.add_item(scope, ItemSort::Schedule, &item.name, doc, options, body))
    }

    fn curve(&mut self, scope: &mut Scope, name: Option<&ast::Name>) -> Option<Curve> {
        let Some(name) = name else { return Some(Curve::Own) };
        if let Some(local) = scope.find(&name.text) {
            scope.used.insert(local);
            if scope.frame.locals[local].ty == Ty::Item(ItemSort::Schedule) {
                return Some(Curve::Of(local));
            }
        }
        if let Some(family) = Family::from_name(&name.text) {
            return Some(Curve::Family(family));
        }
        let message = format!("`{}` is no curve", name.text);
        self.report(
            Diagnostic::new(Code::E0204, name.span, message)
                .help("curves are `vp`, `ve`, `flow`, and those of options of type `schedule`"),
        );
        None
    }

    fn clock(&mut self, scope: &mut Scope, domain: &ast::Domain) -> Option<(Clock, Ty)> {
        match domain {
            ast::Domain::Interval(interval) => {
                let bounds = self.interval(scope, &Ty::Real, interval);
                let (Some((low, _)), Some((high, _))) = (bounds.low, bounds.high) else { return None };
                Some((Clock::Interval { low, high }, Ty::Real))
            }
            ast::Domain::Range(range) => match (range.dots, &range.low, &range.high) {
                (Dots::HalfOpen, Some(low), Some(high)) => {
                    let (low, high) = (self.int(scope, low), self.int(scope, high));
                    Some((Clock::Table { low, high }, Ty::Int))
                }
                (Dots::Single, Some(of), _) => {
                    let of = self.expr(scope, of, Some(&Ty::Item(ItemSort::Schedule)));
                    let of = self.coerce(of, &Ty::Item(ItemSort::Schedule));
                    Some((Clock::Of(of), Ty::Real))
                }
                _ => {
                    let found = Diagnostic::new(
                        Code::E0301,
                        range.span,
                        "a clock runs over an interval or from `0` up to a count",
                    );
                    self.report(found.help("write `clock u in [0, 1]` or `clock i in 0..1000`"));
                    None
                }
            },
        }
    }

    fn check_curve(&mut self, item: &ast::Schedule, curve: Curve, coordinates: &[(Coordinate, Expr)]) {
        let has = |wanted: Coordinate| coordinates.iter().any(|(coordinate, _)| *coordinate == wanted);
        let (message, help) = match curve {
            Curve::Own if !(has(Coordinate::Alpha) && has(Coordinate::Sigma)) => (
                format!("the schedule `{}` needs both `alpha` and `sigma`", item.name.text),
                "give both, or name its curve: `in vp`, `in ve` or `in flow`",
            ),
            Curve::Family(_) | Curve::Of(_) if coordinates.len() != 1 => (
                format!("the schedule `{}` needs one coordinate, found {}", item.name.text, coordinates.len()),
                "on a curve one of `alpha`, `sigma`, `lambda`, `rho` is enough",
            ),
            Curve::Own | Curve::Family(_) | Curve::Of(_) => return,
        };
        self.report(Diagnostic::new(Code::E0201, item.name.span, message).help(help));
    }

    pub(crate) fn check_grid(&mut self, unit: UnitId, doc: &str, item: &ast::Grid) -> Option<ItemId> {
        let mut scope = Scope::new(unit, Place::Grid);
        let options = self.options(&mut scope, &item.params, Rate::Plan);
        let result = Returned { ty: Ty::Level.list(), level: None };
        let body = self.body(&mut scope, &item.body, &result, &item.name);
        self.check_used(&scope);
        Some(self.add_item(scope, ItemSort::Grid, &item.name, doc, options, ItemBody::Grid(body)))
    }

    /// A body whose `return`s give `result`.
    fn body(&mut self, scope: &mut Scope, body: &ast::Body, result: &Returned, name: &ast::Name) -> Block {
        match body {
            ast::Body::Expr(value) => {
                let value = self.expr(scope, value, Some(&result.ty));
                let value = self.result(scope, value, result);
                Block { stmts: Vec::new(), value: Some(Box::new(value)) }
            }
            ast::Body::Block(block) => self.returning(scope, block, result, name),
        }
    }

    /// A block that must return on every path.
    pub(crate) fn returning(
        &mut self,
        scope: &mut Scope,
        block: &ast::Block,
        result: &Returned,
        name: &ast::Name,
    ) -> Block {
        scope.result = Some(result.clone());
        let (checked, _, _) = self.block(scope, block, Some(&result.ty));
        scope.result = None;
        if !super::stmts::block_returns(&checked) {
            let end = Span { start: block.span.end.saturating_sub(1), ..block.span };
            let found =
                Diagnostic::new(Code::E0205, end, format!("`{}` can reach its end without a `return`", name.text));
            self.report(found.help("the result of a block is always a written `return`"));
        }
        checked
    }

    pub(crate) fn check_pipeline(&mut self, unit: UnitId, doc: &str, item: &ast::Pipeline) -> Option<ItemId> {
        let mut scope = Scope::new(unit, Place::Pipeline);
        let options = self.options(&mut scope, &item.params, Rate::Plan);
        let mut pipeline = Pipeline { inputs: Vec::new(), lets: Vec::new(), slots: Vec::new(), network: None };
        for member in &item.members {
            match member {
                PipelineMember::Input(input) => pipeline.inputs.extend(self.input(&mut scope, input)),
                PipelineMember::Let(binding) => {
                    let span = binding.name.span;
                    pipeline.lets.push(Stmt { span, kind: self.let_stmt(&mut scope, binding) });
                }
                PipelineMember::Slot { slot, value } => self.slot(&mut scope, &mut pipeline, slot, value),
            }
        }
        for needed in [Slot::Schedule, Slot::Grid, Slot::Model, Slot::Sampler, Slot::Steps] {
            if !pipeline.slots.iter().any(|(slot, _)| *slot == needed) {
                let message = format!("the pipeline `{}` has no `{}`", item.name.text, needed.name());
                let help = format!("add a line `{}  ..`", needed.name());
                self.report(Diagnostic::new(Code::E0201, item.name.span, message).help(help));
            }
        }
        self.check_used(&scope);
        Some(self.add_item(scope, ItemSort::Pipeline, &item.name, doc, options, ItemBody::Pipeline(pipeline)))
    }

    fn slot(&mut self, scope: &mut Scope, pipeline: &mut Pipeline, name: &ast::Name, value: &ast::Expr) {
        let Some(slot) = Slot::from_name(&name.text) else {
            let known: Vec<Arc<str>> = Slot::ALL.iter().map(|(_, word)| Arc::from(*word)).collect();
            let mut found = Diagnostic::new(Code::E0203, name.span, format!("a pipeline has no slot `{}`", name.text));
            if let Some(help) = did_you_mean(&name.text, &known) {
                found = found.help(help);
            }
            return self.report(found);
        };
        let twice = pipeline.slots.iter().any(|(known, _)| *known == slot)
            || slot == Slot::Network && pipeline.network.is_some();
        if twice {
            return self.error(Code::E0202, name.span, format!("`{}` is given twice", name.text));
        }
        let want = match slot {
            Slot::Schedule => Ty::Item(ItemSort::Schedule),
            Slot::Grid => Ty::Item(ItemSort::Grid),
            Slot::Model => Ty::Item(ItemSort::Model),
            Slot::Guidance => Ty::Item(ItemSort::Guidance),
            Slot::Sampler => Ty::Item(ItemSort::Sampler),
            Slot::Steps => Ty::Int,
            Slot::Start => Ty::Tensor(Kind::Sample),
            Slot::Network => {
                match &value.kind {
                    ast::ExprKind::Name(name) => pipeline.network = Some(name.clone()),
                    _ => self.error(Code::E0301, value.span, "a network is named by one word"),
                }
                return;
            }
        };
        let place = if slot == Slot::Start { Place::Start } else { Place::Pipeline };
        let outer = std::mem::replace(&mut scope.place, place);
        let value = self.expr(scope, value, Some(&want));
        scope.place = outer;
        let value = self.coerce(value, &want);
        pipeline.slots.push((slot, value));
    }

    /// `input known: sample@clean`.
    pub(crate) fn input(&mut self, scope: &mut Scope, input: &ast::Input) -> Option<crate::hir::Local> {
        let written = self.ty(scope, &input.ty);
        let clean = written.level.as_ref().is_some_and(|level| &*level.name.text == "clean" && level.index.is_none());
        match written.ty {
            Ty::Tensor(Kind::Weight) | Ty::Error => {}
            Ty::Tensor(Kind::Sample) if clean => {}
            _ => {
                let found = Diagnostic::new(Code::E0401, input.ty.span, "an input is a `sample@clean` or a `weight`");
                self.report(found.help("an image is a `sample@clean`, a mask a `weight`"));
            }
        }
        Some(self.declare(scope, &input.name, written.ty, Rate::Elem, Role::Input))
    }

    pub(crate) fn check_fn(&mut self, unit: UnitId, item: &ast::Function) -> FnId {
        self.check_function(unit, item, None)
    }

    /// A function of the host: from numbers to numbers, with what it is where there is no host.
    pub(crate) fn check_extern(&mut self, unit: UnitId, item: &ast::Extern) -> Option<FnId> {
        let (zero, needed) = match &item.otherwise {
            Some(value) => (value.clone(), false),
            // Nothing evaluates it.
            None => (ast::Expr { span: item.name.span, kind: ast::ExprKind::Int(0) }, true),
        };
        let function = ast::Function {
            name: item.name.clone(),
            params: item.params.clone(),
            result: Some(item.result.clone()),
            body: ast::Body::Expr(zero),
        };
        let id = self.check_function(unit, &function, Some(crate::hir::Needed(needed)));
        let checked = &self.hir.fns[id];
        let ty = |param: &Opt| checked.frame.locals[param.local].ty.clone();
        let numbers = |ty: &Ty| match ty {
            Ty::Int | Ty::Real | Ty::Error => true,
            Ty::List(of) => matches!(**of, Ty::Int | Ty::Real),
            _ => false,
        };
        let of_numbers = checked.params.iter().all(|param| numbers(&ty(param)))
            && (matches!(&checked.result, Ty::Real | Ty::Error) || checked.result == Ty::Real.list());
        // Both are told as they are in the schedule's own coordinates, which for v and score are not those of every rule.
        let plain = |ty: &Ty| matches!(ty, Ty::Tensor(kind) if !matches!(kind, Kind::V | Kind::Score));
        let tensors = checked.params.iter().filter(|param| plain(&ty(param))).count();
        let rest =
            checked.params.iter().all(|param| plain(&ty(param)) || numbers(&ty(param)) || ty(param) == Ty::Level);
        if !(of_numbers || tensors == 1 && rest && plain(&checked.result)) {
            let message = "a function of the host of this type is not supported yet";
            let found = Diagnostic::new(Code::E0004, item.name.span, message);
            self.report(found.help(
                "take numbers and lists of them and give a `real` or `real[]`, or take one tensor beside them, and levels, and \
                 give a tensor",
            ));
            return None;
        }
        Some(id)
    }

    fn check_function(&mut self, unit: UnitId, item: &ast::Function, host: Option<crate::hir::Needed>) -> FnId {
        let mut scope = Scope::new(unit, Place::Fn);
        self.not_built_in(&item.name);
        for param in &item.params {
            if let Some(ast::Type { kind: ast::TypeKind::Choice(names), .. }) = &param.ty {
                scope.choices.extend(names.iter().map(|name| name.text.clone()));
            }
        }
        let mut levels = Vec::new();
        let mut params = Vec::new();
        let mut held = Vec::new();
        for param in &item.params {
            let (option, level) = self.option(&mut scope, param, Rate::Step);
            let of = option.local;
            params.push(option);
            let Some(level) = level else { continue };
            let named = crate::hir::Position::from_name(&level.name.text).is_some();
            if level.index.is_none() && !named && scope.find(&level.name.text).is_none() {
                let local = self.declare(&mut scope, &level.name, Ty::Level, Rate::Step, Role::Value);
                scope.used.insert(local);
                levels.push((local, of));
            } else {
                held.push((of, level));
            }
        }
        let held = held
            .into_iter()
            .map(|(of, level)| {
                scope.used.insert(of);
                let Ty::Tensor(kind) = scope.frame.locals[of].ty else {
                    return (of, Kind::Tensor, self.level_ref(&mut scope, &level));
                };
                (of, kind, self.level_ref(&mut scope, &level))
            })
            .collect();
        let mut at = None;
        let (body, result) = match &item.result {
            Some(ty) => {
                let written = self.ty(&mut scope, ty);
                let result = Returned { ty: written.ty, level: written.level };
                if host.is_some() {
                    at = result.level.as_ref().map(|level| self.level_ref(&mut scope, level));
                }
                match host {
                    Some(crate::hir::Needed(true)) => (Block::default(), result.ty),
                    _ => (self.body(&mut scope, &item.body, &result, &item.name), result.ty),
                }
            }
            None => self.inferred(&mut scope, &item.body, &item.name),
        };
        // What stands in for the host need not read all that the host is told.
        if host.is_none() {
            self.check_used(&scope);
        }
        let function = Function {
            host,
            at,
            name: item.name.text.clone(),
            span: item.name.span,
            params,
            levels,
            held,
            frame: scope.frame,
            result,
            body,
        };
        self.hir.fns.push(function)
    }

    fn inferred(&mut self, scope: &mut Scope, body: &ast::Body, name: &ast::Name) -> (Block, Ty) {
        match body {
            ast::Body::Expr(value) => {
                let value = self.expr(scope, value, None);
                let ty = value.ty.clone();
                (Block { stmts: Vec::new(), value: Some(Box::new(value)) }, ty)
            }
            ast::Body::Block(_) => {
                let found = Diagnostic::new(Code::E0201, name.span, format!("`{}` has no result type", name.text));
                self.report(found.help("write it behind `->`: `fn f(z: real) -> real { .. }`"));
                (Block::default(), Ty::Error)
            }
        }
    }

    pub(crate) fn check_const(&mut self, unit: UnitId, item: &ast::Constant) -> ConstId {
        let mut scope = Scope::new(unit, Place::Const);
        let before = self.diagnostics.len();
        self.not_built_in(&item.name);
        let value = match &item.ty {
            None => self.expr(&mut scope, &item.value, None),
            Some(ty) => {
                let written = self.ty(&mut scope, ty);
                self.no_bounds(written.bounds.as_ref(), item.name.span);
                let value = self.expr(&mut scope, &item.value, Some(&written.ty));
                let mut value = self.coerce(value, &written.ty);
                if value.ty != Ty::Error {
                    value.ty = written.ty;
                }
                value
            }
        };
        let value = if value.ty.is_tensor() && value.ty != Ty::Error {
            self.mismatch(&value, "a scalar or a list");
            error_expr(value.span)
        } else {
            value
        };
        self.check_used(&scope);
        let tableau = value.ty == Ty::Tableau && !self.diagnostics[before..].iter().any(Diagnostic::is_error);
        let id = self.hir.consts.push(Constant { name: item.name.text.clone(), value, frame: scope.frame });
        if tableau {
            // What its numbers make of it shows nowhere else.
            let found = crate::prove::tableau_of(&self.hir, id);
            // What it is made of may be wrong already.
            self.diagnostics.extend(found.filter(|found| found.code != Code::E0000));
        }
        id
    }

    /// Reports a function or constant that nothing could ever mean.
    fn not_built_in(&mut self, name: &ast::Name) {
        let text = &*name.text;
        let form = matches!(text, "level" | "tableau" | "network" | "integral" | "pi" | "inf")
            || crate::hir::Reduce::from_name(text).is_some()
            || Coordinate::from_name(text).is_some()
            || Kind::from_name(text).is_some_and(Kind::is_prediction);
        let unsupported = crate::builtins::UNSUPPORTED.iter().any(|(known, _)| *known == text);
        if form || unsupported || crate::builtins::Builtin::from_name(text).is_some() {
            let found = Diagnostic::new(Code::E0103, name.span, format!("`{text}` is built in and cannot be declared"));
            self.report(found.help("give it another name"));
        }
    }

    /// Reports a range where none is looked at.
    pub(crate) fn no_bounds(&mut self, bounds: Option<&crate::hir::Bounds>, span: Span) {
        if let Some(bounds) = bounds {
            let message = format!("the range {} stands where nothing looks at it", bounds.text);
            let found = Diagnostic::new(Code::E0203, span, message);
            self.report(found.help("ranges belong to options of items; elsewhere write `require`"));
        }
    }

    pub(crate) fn add_item(
        &mut self,
        scope: Scope,
        sort: ItemSort,
        name: &ast::Name,
        doc: &str,
        options: Vec<Opt>,
        body: ItemBody,
    ) -> ItemId {
        self.hir.items.push(Item {
            sort,
            name: name.text.clone(),
            span: name.span,
            doc: doc.to_owned(),
            options,
            frame: scope.frame,
            body,
        })
    }
}

/// Whether a type is written `inflation`.
fn is_inflation(ty: &ast::Type) -> bool {
    matches!(&ty.kind, ast::TypeKind::Plain { kind, .. } if &*kind.name.text == "inflation")
}
