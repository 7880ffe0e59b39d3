//! Calls: functions, built-in forms, items.

use std::sync::Arc;

use samp_lang::ast;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::exprs::{make, rate_of};
use super::scope::{Place, Role, Scope};
use super::types::error_expr;
use super::{Checked, Checker, did_you_mean};
use crate::builtins::{Accepts, Builtin, Gives, UNSUPPORTED};
use crate::hir::{Bounds, Coordinate, Expr, ExprKind, Field, FnId, ItemId, Measure, Operator, Position, Reduce};
use crate::library::Namespace;
use crate::rate::Rate;
use crate::types::{ItemSort, Kind, Ty};

/// Arguments by how they are given.
pub(crate) struct Args<'a> {
    pub(crate) positional: Vec<&'a ast::Expr>,
    pub(crate) named: Vec<(&'a ast::Name, &'a ast::Expr)>,
    pub(crate) each: Vec<&'a ast::Comprehension>,
}

impl<'a> Args<'a> {
    fn new(args: &'a [ast::Arg]) -> Self {
        let mut split = Args { positional: Vec::new(), named: Vec::new(), each: Vec::new() };
        for arg in args {
            match arg {
                ast::Arg::Positional(value) => split.positional.push(value),
                ast::Arg::Named(name, value) => split.named.push((name, value)),
                ast::Arg::Each(each) => split.each.push(each),
            }
        }
        split
    }
}

/// The sorts of items that can be run from a rule or a grid, in the order of looking.
const RUNNABLE: [ItemSort; 3] = [ItemSort::Sampler, ItemSort::Grid, ItemSort::Schedule];

impl Checker<'_> {
    /// Checks a call.
    pub(crate) fn call(
        &mut self,
        scope: &mut Scope,
        callee: &ast::Expr,
        args: &[ast::Arg],
        span: Span,
        want: Option<&Ty>,
    ) -> Expr {
        let split = Args::new(args);
        let ast::ExprKind::Name(name) = &callee.kind else {
            let function = self.expr(scope, callee, None);
            return self.apply(scope, function, &split, span);
        };
        if let Some(local) = scope.find(name) {
            scope.used.insert(local);
            if let Role::Deferred(index) = scope.role(local) {
                return self.call_deferred(scope, local, index, &split, span);
            }
            if let (Role::View, Ty::Tensor(kind)) = (scope.role(local), &scope.frame.locals[local].ty) {
                let kind = *kind;
                return self.output(scope, name, kind, &split, span);
            }
            let info = &scope.frame.locals[local];
            let value = make(callee.span, info.ty.clone(), info.rate, ExprKind::Local(local));
            return self.apply(scope, value, &split, span);
        }
        if let Some(Ty::Item(sort)) = want
            && let Some(item) = self.item_named(scope, *sort, name, callee.span)
        {
            self.no_positional(&split, span);
            return self.bind_item(scope, item, &split.named, span);
        }
        if let Some(Ty::Item(sort)) = want {
            self.no_such_item(scope, *sort, name, callee.span);
            return error_expr(span);
        }
        if let Some(found) = self.form(scope, name, callee.span, &split, args, span) {
            return found;
        }
        if let Some(builtin) = Builtin::from_name(name) {
            if builtin == Builtin::Renoised && !matches!(scope.place, Place::Grid | Place::Fn) {
                let found = Diagnostic::new(Code::E0101, callee.span, "`renoised` means something only in a grid");
                self.report(found.help("in a rule add the noise itself: `renoise(x, l)`"));
                return error_expr(span);
            }
            return self.builtin(scope, builtin, &split, span);
        }
        if let Some((_, help)) = UNSUPPORTED.iter().find(|(known, _)| **known == **name) {
            let found = Diagnostic::new(Code::E0004, callee.span, format!("`{name}` is not supported yet"));
            self.report(found.help(*help));
            return error_expr(span);
        }
        if let Some(target) = self.lib.find(scope.unit, Namespace::Value, name) {
            return match self.reference(target, Some(callee.span)) {
                Some(Checked::Fn(id)) => self.call_fn(scope, id, &split, span),
                Some(Checked::Const(id)) => {
                    let ty = self.hir.consts[id].value.ty.clone();
                    let value = make(callee.span, ty, Rate::Const, ExprKind::Const(id));
                    self.apply(scope, value, &split, span)
                }
                Some(Checked::Item(_) | Checked::Test(_) | Checked::Wrong) | None => error_expr(span),
            };
        }
        let position = Position::from_name(name).is_some_and(|position| scope.place.has(position));
        if position || matches!(&**name, "pi" | "inf") {
            let value = self.expr(scope, callee, None);
            return self.apply(scope, value, &split, span);
        }
        self.call_item(scope, name, callee.span, &split, span)
    }

    fn form(
        &mut self,
        scope: &mut Scope,
        name: &str,
        at: Span,
        split: &Args<'_>,
        args: &[ast::Arg],
        span: Span,
    ) -> Option<Expr> {
        if let Some(coordinate) = Coordinate::from_name(name) {
            return Some(self.coordinate(scope, coordinate, split, span));
        }
        if let Some(kind) = Kind::from_name(name).filter(|kind| kind.is_prediction()) {
            return Some(self.predict(scope, kind, split, span));
        }
        if let Some(measure) = Measure::from_name(name).filter(|_| scope.place == Place::Test) {
            return Some(self.measure(scope, measure, split, span));
        }
        match name {
            "tableau" => return Some(self.tableau(scope, split, span)),
            "level" => return Some(self.make_level(scope, split, span)),
            "network" => return Some(self.network(scope, split, at, span)),
            "integral" => return Some(self.integral(scope, args, span)),
            _ => {}
        }
        let reduce = Reduce::from_name(name).filter(|reduce| *reduce != Reduce::List)?;
        match (&split.each[..], &split.positional[..]) {
            ([each], []) => Some(self.collect(scope, each, reduce, span, None)),
            ([], [list]) => Some(self.reduce_list(scope, reduce, list, span)),
            _ if matches!(reduce, Reduce::Min | Reduce::Max) => None,
            _ => {
                let found = Diagnostic::new(Code::E0302, span, format!("`{name}` reads one list"));
                self.report(found.help(format!("write `{name}(e for j in ..)` or `{name}(list)`")));
                Some(error_expr(span))
            }
        }
    }

    /// `tableau(c = .., a = .., b = ..)`.
    fn tableau(&mut self, scope: &mut Scope, args: &Args<'_>, span: Span) -> Expr {
        self.no_positional(args, span);
        let mut values: [Option<Expr>; 5] = Default::default();
        let mut wrong = !args.positional.is_empty() || !args.each.is_empty();
        for (word, value) in &args.named {
            let Some(field) = Field::from_name(&word.text) else {
                let known: Vec<Arc<str>> = Field::ALL.iter().map(|(_, word)| Arc::from(*word)).collect();
                self.unknown_argument("a tableau", "field", word, &known);
                wrong = true;
                continue;
            };
            if values[field as usize].is_some() {
                self.error(Code::E0302, word.span, format!("`{}` is given twice", word.text));
            }
            let ty = field.ty();
            let value = self.expr(scope, value, Some(&ty));
            values[field as usize] = Some(self.coerce(value, &ty));
        }
        let rate = rate_of(values.iter().flatten());
        let [c, a, b, low, order] = values;
        let (Some(c), Some(a), Some(b)) = (c, a, b) else {
            if !wrong {
                let found =
                    Diagnostic::new(Code::E0302, span, "a tableau needs its nodes `c` and its weights `a` and `b`");
                self.report(found.help("write `tableau(c = [0, 1], a = [[], [1]], b = [1 / 2, 1 / 2])`"));
            }
            return error_expr(span);
        };
        let (low, order) = (low.map(Box::new), order.map(Box::new));
        make(span, Ty::Tableau, rate, ExprKind::Tableau { parts: Box::new([c, a, b]), low, order })
    }

    fn builtin(&mut self, scope: &mut Scope, builtin: Builtin, args: &Args<'_>, span: Span) -> Expr {
        let params = builtin.params();
        if !self.only_positional(builtin.name(), args)
            || !self.count(builtin.name(), params.len(), args.positional.len(), span)
        {
            return error_expr(span);
        }
        let values: Vec<Expr> =
            params.iter().zip(&args.positional).map(|(accepts, arg)| self.builtin_arg(scope, *accepts, arg)).collect();
        if values.iter().any(|value| value.ty == Ty::Error) {
            return error_expr(span);
        }
        let tensor = values.iter().any(|value| value.ty.is_tensor());
        let number = if values.iter().all(|value| value.ty == Ty::Int) { Ty::Int } else { Ty::Real };
        let ty = match builtin.gives() {
            Gives::Int => Ty::Int,
            Gives::Real => Ty::Real,
            Gives::Number => number,
            Gives::ElementwiseNumber if tensor => Ty::Tensor(Kind::Tensor),
            Gives::ElementwiseNumber => number,
            Gives::Elementwise if tensor => Ty::Tensor(Kind::Tensor),
            Gives::Elementwise => Ty::Real,
            Gives::Tensor => Ty::Tensor(Kind::Tensor),
            Gives::Tensors => Ty::Tensor(Kind::Tensor).list(),
            Gives::Noise => Ty::Tensor(Kind::Noise),
            Gives::Reals => Ty::Real.list(),
            Gives::SameList => values[0].ty.clone(),
            Gives::Level => Ty::Level,
        };
        if let (Builtin::Dedup, Some(Ty::List(of))) = (builtin, values.first().map(|value| &value.ty))
            && !matches!(**of, Ty::Int | Ty::Real | Ty::Level | Ty::Bool | Ty::Choice(_) | Ty::Error)
        {
            self.mismatch(&values[0], "a list of numbers or levels");
            return error_expr(span);
        }
        let ty = if builtin == Builtin::Blend { self.blended(&values) } else { ty };
        let rate = rate_of(&values);
        make(span, ty, rate, ExprKind::Builtin(builtin, values))
    }

    fn blended(&mut self, values: &[Expr]) -> Ty {
        match values {
            [mask, a, b] => {
                if mask.ty != Ty::Tensor(Kind::Weight) {
                    self.mismatch(mask, "a mask of kind `weight`");
                }
                a.ty.join(&b.ty).unwrap_or(Ty::Error)
            }
            _ => Ty::Error,
        }
    }

    fn builtin_arg(&mut self, scope: &mut Scope, accepts: Accepts, arg: &ast::Expr) -> Expr {
        let value = match accepts {
            Accepts::Int => return self.int(scope, arg),
            Accepts::Real => return self.real(scope, arg),
            Accepts::Reals => self.expr(scope, arg, Some(&Ty::Real.list())),
            Accepts::Level => self.expr(scope, arg, Some(&Ty::Level)),
            _ => self.expr(scope, arg, None),
        };
        let fits = match accepts {
            Accepts::Int | Accepts::Real => true,
            Accepts::Number => value.ty.is_number(),
            Accepts::Elementwise => value.ty.is_number() || value.ty.is_tensor(),
            Accepts::Tensor => value.ty.is_tensor(),
            Accepts::Reals => value.ty.fits(&Ty::Real.list()),
            Accepts::Matrix => value.ty.fits(&Ty::Real.list().list()),
            Accepts::List => matches!(value.ty, Ty::List(_) | Ty::Error),
            Accepts::Level => matches!(value.ty, Ty::Level | Ty::Error),
        };
        if !fits {
            let what = match accepts {
                Accepts::Int | Accepts::Real | Accepts::Number => "a number",
                Accepts::Elementwise => "a number or a tensor",
                Accepts::Tensor => "a tensor",
                Accepts::Reals => "a list of numbers",
                Accepts::Matrix => "a list of lists of numbers",
                Accepts::List => "a list",
                Accepts::Level => "a level",
            };
            self.mismatch(&value, what);
            return error_expr(value.span);
        }
        value
    }

    fn call_fn(&mut self, scope: &mut Scope, id: FnId, args: &Args<'_>, span: Span) -> Expr {
        let function = &self.hir.fns[id];
        let name = function.name.clone();
        let result = function.result.clone();
        let params: Vec<(Arc<str>, Ty, bool)> = function
            .params
            .iter()
            .map(|param| {
                let info = &function.frame.locals[param.local];
                (info.name.clone(), info.ty.clone(), param.default.is_some())
            })
            .collect();
        let levels: Vec<usize> = function
            .levels
            .iter()
            .filter_map(|(_, of)| function.params.iter().position(|param| param.local == *of))
            .collect();
        self.no_each(args, span);
        if args.positional.len() > params.len() {
            self.count(&name, params.len(), args.positional.len(), span);
            return error_expr(span);
        }
        let mut unknown = false;
        let mut values: Vec<Option<Expr>> = Vec::new();
        for (at, (_, ty, _)) in params.iter().enumerate() {
            let given = args.positional.get(at).map(|arg| self.fn_arg(scope, arg, ty, levels.contains(&at)));
            values.push(given);
        }
        for (word, value) in &args.named {
            let Some(at) = params.iter().position(|(name, ..)| *name == word.text) else {
                let known: Vec<Arc<str>> = params.iter().map(|(name, ..)| name.clone()).collect();
                self.unknown_argument(&format!("`{name}`"), "argument", word, &known);
                unknown = true;
                continue;
            };
            if values[at].is_some() {
                self.error(Code::E0302, word.span, format!("`{}` is given twice", word.text));
            }
            values[at] = Some(self.fn_arg(scope, value, &params[at].1, levels.contains(&at)));
        }
        for ((param, _, has_default), value) in params.iter().zip(&values) {
            if value.is_none() && !has_default {
                // The unknown one was probably meant for it.
                if !unknown {
                    self.error(Code::E0302, span, format!("`{name}` needs its argument `{param}`"));
                }
                return error_expr(span);
            }
        }
        let rate = rate_of(values.iter().flatten());
        make(span, result, rate, ExprKind::Call(id, values))
    }

    fn fn_arg(&mut self, scope: &mut Scope, arg: &ast::Expr, ty: &Ty, binds_level: bool) -> Expr {
        match ty {
            Ty::Tensor(Kind::Sample) if binds_level => self.sample(scope, arg),
            Ty::Tensor(kind) => self.tensor(scope, arg, *kind),
            ty => {
                let value = self.expr(scope, arg, Some(ty));
                self.coerce(value, ty)
            }
        }
    }

    fn call_deferred(
        &mut self,
        scope: &mut Scope,
        local: crate::hir::Local,
        index: usize,
        args: &Args<'_>,
        span: Span,
    ) -> Expr {
        let name = scope.frame.locals[local].name.clone();
        let values: Vec<Expr> = args.positional.iter().map(|arg| self.expr(scope, arg, None)).collect();
        let expected = scope.deferred[index].params.len();
        if !self.only_positional(&name, args) || !self.count(&name, expected, values.len(), span) {
            return error_expr(span);
        }
        let types = values.iter().map(|value| value.ty.clone()).collect();
        let (ty, rate) = self.make_deferred(scope, index, types);
        let Ty::Fn(params, result) = ty.clone() else { return error_expr(span) };
        let values: Vec<Expr> = values.into_iter().zip(&params).map(|(value, ty)| self.coerce(value, ty)).collect();
        let rate = rate.max(rate_of(&values));
        let function = Box::new(make(span, ty, Rate::Const, ExprKind::Local(local)));
        make(span, *result, rate, ExprKind::Apply(function, values))
    }

    fn apply(&mut self, scope: &mut Scope, value: Expr, args: &Args<'_>, span: Span) -> Expr {
        match value.ty.clone() {
            Ty::Error => error_expr(span),
            Ty::Fn(params, result) => {
                if !self.only_positional("this function", args)
                    || !self.count("this function", params.len(), args.positional.len(), span)
                {
                    return error_expr(span);
                }
                let mut values = Vec::new();
                for (arg, ty) in args.positional.iter().zip(&params) {
                    let value = self.expr(scope, arg, Some(ty));
                    values.push(self.coerce(value, ty));
                }
                let rate = value.rate.max(rate_of(&values));
                make(span, *result, rate, ExprKind::Apply(Box::new(value), values))
            }
            Ty::Item(sort) => self.run_item(scope, sort, value, args, span),
            _ => {
                let message = format!("{} cannot be called", super::types::describe(&value.ty));
                let mut found = Diagnostic::new(Code::E0306, value.span, message);
                if value.ty.is_number() {
                    found = found.help("multiplication is written `*`");
                }
                self.report(found);
                error_expr(span)
            }
        }
    }

    fn call_item(&mut self, scope: &mut Scope, name: &Arc<str>, at: Span, args: &Args<'_>, span: Span) -> Expr {
        if self.lib.is_missing(scope.unit, name) {
            return error_expr(span);
        }
        let mut found: Vec<ItemSort> = Vec::new();
        for sort in RUNNABLE {
            if self.lib.find(scope.unit, Namespace::Item(sort), name).is_some() {
                found.push(sort);
            }
        }
        let sort = match found[..] {
            [] => {
                let mut extra: Vec<Arc<str>> = Builtin::ALL.iter().map(|builtin| builtin.name().into()).collect();
                extra.extend(["level", "tableau", "integral", "sum", "prod", "count"].map(Arc::from));
                extra.extend(
                    Kind::ALL.iter().filter(|(kind, _)| kind.is_prediction()).map(|(_, word)| Arc::from(*word)),
                );
                extra.extend(Coordinate::ALL.iter().map(|(_, word)| Arc::from(*word)));
                extra.extend(self.names(scope.unit, Namespace::Value));
                self.unknown_name(scope, name, at, extra);
                return error_expr(span);
            }
            [sort] => sort,
            _ if args.positional.len() == 2 => found[0],
            _ => *found.iter().find(|sort| **sort != ItemSort::Sampler).unwrap_or(&found[0]),
        };
        let Some(item) = self.item_named(scope, sort, name, at) else { return error_expr(span) };
        let given = args.named.iter().filter(|(name, _)| !(sort == ItemSort::Sampler && &*name.text == "given"));
        let named: Vec<(&ast::Name, &ast::Expr)> = given.copied().collect();
        let value = self.bind_item(scope, item, &named, at);
        let rest = args.named.iter().filter(|(name, _)| sort == ItemSort::Sampler && &*name.text == "given");
        let rest = Args { positional: args.positional.clone(), named: rest.copied().collect(), each: Vec::new() };
        self.no_each(args, span);
        self.run_item(scope, sort, value, &rest, span)
    }

    fn run_item(&mut self, scope: &mut Scope, sort: ItemSort, value: Expr, args: &Args<'_>, span: Span) -> Expr {
        let given = args.named.iter().find(|(name, _)| sort == ItemSort::Sampler && &*name.text == "given");
        for (name, _) in &args.named {
            if given.is_none_or(|(known, _)| known.span != name.span) {
                let found = Diagnostic::new(Code::E0303, name.span, format!("`{}` cannot be given here", name.text));
                self.report(found.help("options of an item handed on are bound where it is handed on"));
            }
        }
        match sort {
            ItemSort::Grid => {
                if !self.count("a grid", 1, args.positional.len(), span) {
                    return error_expr(span);
                }
                let n = self.int(scope, args.positional[0]);
                let rate = value.rate.max(n.rate);
                make(span, Ty::Level.list(), rate, ExprKind::RunGrid(Box::new(value), Box::new(n)))
            }
            ItemSort::Schedule => {
                if !self.count("a schedule", 1, args.positional.len(), span) {
                    return error_expr(span);
                }
                let u = self.real(scope, args.positional[0]);
                let rate = value.rate.max(u.rate);
                make(span, Ty::Level, rate, ExprKind::RunSchedule(Box::new(value), Box::new(u)))
            }
            ItemSort::Sampler => {
                if !self.count("a step of a sampler", 2, args.positional.len(), span) {
                    return error_expr(span);
                }
                let x = Box::new(self.sample(scope, args.positional[0]));
                let t = self.expr(scope, args.positional[1], Some(&Ty::Level));
                let t = Box::new(self.coerce(t, &Ty::Level));
                let given = given.map(|(_, value)| Box::new(self.tensor(scope, value, Kind::X0)));
                make(
                    span,
                    Ty::Tensor(Kind::Sample),
                    Rate::Elem,
                    ExprKind::Step { sampler: Box::new(value), x, t, given },
                )
            }
            ItemSort::Model | ItemSort::Guidance | ItemSort::Pipeline => {
                let message = format!("a {sort} cannot be called");
                let mut found = Diagnostic::new(Code::E0306, value.span, message);
                if sort == ItemSort::Guidance {
                    found = found.help("name it in a model call: `x0(x, base)`");
                }
                self.report(found);
                error_expr(span)
            }
        }
    }

    /// Reports that no item of this sort has the name, unless that was reported where the item or its import stands.
    pub(crate) fn no_such_item(&mut self, scope: &Scope, sort: ItemSort, name: &str, span: Span) {
        let there = self.lib.find(scope.unit, Namespace::Item(sort), name).is_some();
        if there || self.lib.is_missing(scope.unit, name) {
            return;
        }
        let known = self.names(scope.unit, Namespace::Item(sort));
        let found = Diagnostic::new(Code::E0101, span, format!("there is no {sort} called `{name}`"));
        let elsewhere = || crate::elsewhere::meaning(sort, name);
        let help = elsewhere().or_else(|| did_you_mean(name, &known));
        self.report(
            found.help(help.unwrap_or_else(|| format!("`sampc list {}` names those of the library", sort.folder()))),
        );
    }

    /// Finds an item by name and checks it.
    pub(crate) fn item_named(&mut self, scope: &Scope, sort: ItemSort, name: &str, span: Span) -> Option<ItemId> {
        let found = self.lib.find(scope.unit, Namespace::Item(sort), name)?;
        match self.reference(found, Some(span))? {
            Checked::Item(item) => Some(item),
            Checked::Fn(_) | Checked::Const(_) | Checked::Test(_) | Checked::Wrong => None,
        }
    }

    /// Binds options of an item by name.
    pub(crate) fn bind_item(
        &mut self,
        scope: &mut Scope,
        item: ItemId,
        named: &[(&ast::Name, &ast::Expr)],
        span: Span,
    ) -> Expr {
        let checked = &self.hir.items[item];
        let (sort, name) = (checked.sort, checked.name.clone());
        let options: Vec<(Arc<str>, Ty, bool)> = checked
            .options
            .iter()
            .map(|option| {
                let info = &checked.frame.locals[option.local];
                (info.name.clone(), info.ty.clone(), option.default.is_some())
            })
            .collect();
        let mut unknown = false;
        let mut values: Vec<Option<Expr>> = options.iter().map(|_| None).collect();
        for (word, value) in named {
            let Some(at) = options.iter().position(|(name, ..)| *name == word.text) else {
                let known: Vec<Arc<str>> = options.iter().map(|(name, ..)| name.clone()).collect();
                self.unknown_argument(&format!("the {sort} `{name}`"), "option", word, &known);
                unknown = true;
                continue;
            };
            if values[at].is_some() {
                self.error(Code::E0302, word.span, format!("`{}` is given twice", word.text));
            }
            let ty = &options[at].1;
            let value = self.expr(scope, value, Some(ty));
            let value = self.coerce(value, ty);
            self.check_bounds(item, at, &value);
            values[at] = Some(value);
        }
        for ((option, ty, has_default), value) in options.iter().zip(&values) {
            if value.is_none() && !has_default {
                if !unknown {
                    let message = format!("the {sort} `{name}` needs its option `{option}`");
                    let help = format!("give it: `{name}({option} = ..)`, {}", super::types::describe(ty));
                    self.report(Diagnostic::new(Code::E0302, span, message).help(help));
                }
                return error_expr(span);
            }
        }
        let rate = rate_of(values.iter().flatten());
        make(span, Ty::Item(sort), rate, ExprKind::Item(item, values))
    }

    /// Reports a written number that lies outside the option's range; other values are looked at on the plan.
    fn check_bounds(&mut self, item: ItemId, at: usize, value: &Expr) {
        let option = &self.hir.items[item].options[at];
        let (Some(bounds), Some(number)) = (&option.bounds, constant(value)) else { return };
        if outside(bounds, number) {
            let info = &self.hir.items[item].frame.locals[option.local];
            let message = format!("`{}` is {number}, which lies outside {}", info.name, bounds.text);
            let declared = info.span;
            self.report(Diagnostic::new(Code::E0304, value.span, message).also(declared, "declared here"));
        }
    }

    fn unknown_argument(&mut self, of: &str, what: &str, word: &ast::Name, known: &[Arc<str>]) {
        let message = format!("{of} has no {what} `{}`", word.text);
        let mut found = Diagnostic::new(Code::E0303, word.span, message);
        found = match did_you_mean(&word.text, known) {
            Some(help) => found.help(help),
            None if known.is_empty() => found.help(format!("it has no {what}s")),
            None => found.help(format!("its {what}s: {}", super::all_of(known.iter().map(|name| &**name)))),
        };
        self.report(found);
    }

    /// Reports a wrong number of arguments.
    pub(crate) fn count(&mut self, name: &str, expected: usize, found: usize, span: Span) -> bool {
        if expected == found {
            return true;
        }
        let name = if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
        let plural = if expected == 1 { "" } else { "s" };
        self.error(Code::E0302, span, format!("{name} takes {expected} argument{plural}, found {found}"));
        false
    }

    /// Reports arguments by name and comprehensions; gives whether there are none.
    pub(crate) fn only_positional(&mut self, name: &str, args: &Args<'_>) -> bool {
        let quoted = if name.contains(' ') { name.to_owned() } else { format!("`{name}`") };
        for (word, _) in &args.named {
            let message = format!("{quoted} has no argument called `{}`", word.text);
            self.report(Diagnostic::new(Code::E0303, word.span, message).help("give it by place"));
        }
        if let Some(each) = args.each.first() {
            self.no_each_at(each.element.span);
        }
        args.named.is_empty() && args.each.is_empty()
    }

    fn no_positional(&mut self, args: &Args<'_>, span: Span) {
        if let Some(arg) = args.positional.first() {
            let found = Diagnostic::new(Code::E0302, arg.span, "options are given by name");
            self.report(found.help("write `option = value`"));
        }
        self.no_each(args, span);
    }

    fn no_each(&mut self, args: &Args<'_>, span: Span) {
        if !args.each.is_empty() {
            self.no_each_at(span);
        }
    }

    fn no_each_at(&mut self, span: Span) {
        let found = Diagnostic::new(Code::E0301, span, "expected a value, found a comprehension");
        self.report(found.help("put it in brackets to make a list: `[e for j in ..]`"));
    }
}

/// The number that is written, if it is one.
pub(crate) fn constant(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value as f64),
        ExprKind::Real(value) => Some(*value),
        ExprKind::Operator(Operator::Neg, args) => Some(-constant(&args[0])?),
        ExprKind::Operator(Operator::Div, args) => Some(constant(&args[0])? / constant(&args[1])?),
        ExprKind::Operator(Operator::Mul, args) => Some(constant(&args[0])? * constant(&args[1])?),
        _ => None,
    }
}

/// Whether a number lies outside bounds that are written as numbers.
pub(crate) fn outside(bounds: &Bounds, number: f64) -> bool {
    let end = |end: &Option<(Expr, bool)>| end.as_ref().and_then(|(value, closed)| Some((constant(value)?, *closed)));
    let below = end(&bounds.low).is_some_and(|(low, closed)| number < low || number == low && !closed);
    let above = end(&bounds.high).is_some_and(|(high, closed)| number > high || number == high && !closed);
    below || above || number.is_nan()
}
