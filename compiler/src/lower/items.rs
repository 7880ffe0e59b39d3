//! Items, functions and constants.

use super::builder::{Access, Builder};
use super::{FnCode, Lower};
use crate::hir::{self, Clock, Curve, Expr, Frame, Item, ItemBody, Local, Opt};
use crate::ir::program::{
    self as ir, AdaptiveCode, ClockCode, CurveCode, Func, ItemCode, ItemRef, Op, PipelineCode, RulesCode, Shape,
    SpanTag,
};
use crate::rate::Rate;
use crate::types::Ty;

impl<'h> Lower<'h> {
    /// Where an item is in the program.
    pub(crate) fn item(&mut self, id: hir::ItemId) -> ItemRef {
        if let Some(item) = self.items.get(&id) {
            return *item;
        }
        let item = &self.hir.items[id];
        let bind = self.bind(item);
        let body = match &item.body {
            ItemBody::Schedule(schedule) => ir::ItemBody::Schedule(self.schedule(item, schedule)),
            ItemBody::Grid(body) => ir::ItemBody::Grid(self.grid(item, body)),
            ItemBody::Rules(rules) => ir::ItemBody::Rules(self.rules(item, rules)),
            ItemBody::Pipeline(pipeline) => ir::ItemBody::Pipeline(self.pipeline(item, pipeline)),
        };
        let options = item.options.iter().map(|option| item.frame.locals[option.local].name.clone()).collect();
        let inflation =
            item.options.iter().enumerate().filter(|(_, option)| option.inflation).map(|(at, _)| at).collect();
        let span = SpanTag(item.span);
        let code = ItemCode { sort: item.sort, name: item.name.clone(), span, options, inflation, bind, body };
        let place = self.program.items.push(code);
        self.items.insert(id, place);
        place
    }

    /// From given options to all of them.
    fn bind(&mut self, item: &'h Item) -> Func {
        let mut b = Builder::new(format!("{}.{}.options", item.sort, item.name), &item.frame);
        let given: Vec<_> = item.options.iter().map(|option| b.param(option.local)).collect();
        let mut values = Vec::new();
        for (option, given) in item.options.iter().zip(given) {
            let value = self.bound(&mut b, option, given);
            b.bind(option.local, Access::Value(value));
            values.push(value);
        }
        let list = b.emit(Op::List, values, vec![], (Shape::List, Rate::Plan), item.span);
        self.program.funcs.push(b.finish(Some(list)))
    }

    fn builder(&self, item: &'h Item, part: &str) -> Builder<'h> {
        let mut b = Builder::new(format!("{}.{}.{part}", item.sort, item.name), &item.frame);
        for option in &item.options {
            b.param(option.local);
        }
        b
    }

    fn schedule(&mut self, item: &'h Item, schedule: &'h hir::Schedule) -> Func {
        let mut b = self.builder(item, "open");
        for stmt in &schedule.lets {
            self.stmt(&mut b, stmt);
        }
        let mut args = Vec::new();
        let clock = match &schedule.domain {
            Clock::Table { low, high } => {
                args.extend([self.expr(&mut b, low), self.expr(&mut b, high)]);
                ClockCode::Table
            }
            Clock::Interval { low, high } => {
                args.extend([self.expr(&mut b, low), self.expr(&mut b, high)]);
                ClockCode::Interval
            }
            Clock::Of(of) => {
                args.push(self.expr(&mut b, of));
                ClockCode::Of
            }
        };
        let curve = match schedule.curve {
            Curve::Family(family) => CurveCode::Family(family),
            Curve::Own => CurveCode::Own,
            Curve::Of(local) => {
                if let Access::Value(value) = b.access(local) {
                    args.push(value);
                }
                CurveCode::Of
            }
        };
        let mut coordinates = Vec::new();
        for (coordinate, value) in &schedule.coordinates {
            coordinates.push(*coordinate);
            args.push(self.scalar_fn(&mut b, coordinate.name(), schedule.clock, value));
        }
        if let Some((local, value)) = &schedule.inverse {
            args.push(self.scalar_fn(&mut b, "inverse", *local, value));
        }
        let open = ir::OpenSchedule { curve, clock, coordinates, inverse: schedule.inverse.is_some() };
        let out = b.emit(Op::OpenSchedule(open), args, vec![], (Shape::Curve, Rate::Plan), item.span);
        self.program.funcs.push(b.finish(Some(out)))
    }

    /// A function of one scalar, with what it captures.
    fn scalar_fn(&mut self, b: &mut Builder<'h>, name: &str, param: Local, value: &Expr) -> ir::Value {
        let mut inner = b.inner(name.to_owned());
        inner.param(param);
        let result = self.expr(&mut inner, value);
        let captures = inner.captures.clone();
        let func = self.program.funcs.push(inner.finish(Some(result)));
        let captured = captures
            .into_iter()
            .filter_map(|local| match b.access(local) {
                Access::Value(value) => Some(value),
                Access::Var(_) | Access::History(_) | Access::State(_) | Access::Input => None,
            })
            .collect();
        b.emit(Op::Closure(func), captured, vec![], (Shape::Fn, Rate::Plan), value.span)
    }

    fn grid(&mut self, item: &'h Item, body: &hir::Block) -> Func {
        let mut b = self.builder(item, "levels");
        let result = self.stmts(&mut b, body);
        self.program.funcs.push(b.finish(result))
    }

    fn rules(&mut self, item: &'h Item, rules: &'h hir::Rules) -> RulesCode {
        let name = |local: Local| item.frame.locals[local].name.clone();
        let mut b = self.builder(item, "run");
        for local in [Some(rules.x), Some(rules.s), rules.t].into_iter().flatten() {
            b.param(local);
        }
        for (index, history) in (0..).zip(&rules.histories) {
            b.bind(history.local, Access::History(index));
        }
        for (index, state) in (0..).zip(&rules.states) {
            b.bind(state.local, Access::State(index));
        }
        for input in &rules.inputs {
            b.bind(*input, Access::Input);
        }
        for stmt in &rules.lets {
            self.stmt(&mut b, stmt);
        }
        let result = self.stmts(&mut b, &rules.body);
        let run = self.program.funcs.push(b.finish(result));
        let histories = rules
            .histories
            .iter()
            .map(|history| (name(history.local), history.kind, self.of_options(item, "depth", &history.depth)))
            .collect();
        let states = rules
            .states
            .iter()
            .map(|state| (name(state.local), state.init.as_ref().map(|init| self.of_options(item, "init", init))))
            .collect();
        let claims = rules
            .claims
            .iter()
            .map(|claim| {
                let value = self.of_options(item, "claim", &claim.value);
                (claim.kind, value, claim.when.as_ref().map(|when| self.of_options(item, "when", when)))
            })
            .collect();
        RulesCode {
            ve: rules.ve,
            gives: rules.gives,
            run,
            histories,
            states,
            inputs: rules.inputs.iter().map(|input| name(*input)).collect(),
            branches: rules.branches.clone(),
            views: rules.views.iter().map(|(view, _)| view.clone()).collect(),
            only: rules.only.clone(),
            approximate: rules.approximate,
            claims,
            adaptive: rules.adaptive.as_ref().map(|adaptive| self.adaptive(item, rules, adaptive)),
        }
    }

    fn adaptive(&mut self, item: &'h Item, rules: &'h hir::Rules, adaptive: &'h hir::Adaptive) -> AdaptiveCode {
        let from = self.of_options(item, "from", &adaptive.from);
        let mut b = self.builder(item, "control");
        b.param(adaptive.control.step);
        b.param(adaptive.control.error);
        for (index, state) in (0..).zip(&rules.states) {
            b.bind(state.local, Access::State(index));
        }
        let result = self.stmts(&mut b, &adaptive.control.body);
        let control = self.program.funcs.push(b.finish(result));
        let span = SpanTag(adaptive.control.span);
        AdaptiveCode { span, per_sample: adaptive.per_sample, over: adaptive.over, from, control }
    }

    fn of_options(&mut self, item: &'h Item, part: &str, value: &Expr) -> Func {
        let mut b = self.builder(item, part);
        let result = self.expr(&mut b, value);
        self.program.funcs.push(b.finish(Some(result)))
    }

    fn pipeline(&mut self, item: &'h Item, pipeline: &'h hir::Pipeline) -> PipelineCode {
        let mut slots = Vec::new();
        let mut start = None;
        for (slot, value) in &pipeline.slots {
            let mut b = self.builder(item, slot.name());
            for input in &pipeline.inputs {
                b.bind(*input, Access::Input);
            }
            for stmt in &pipeline.lets {
                self.stmt(&mut b, stmt);
            }
            let result = self.expr(&mut b, value);
            let func = self.program.funcs.push(b.finish(Some(result)));
            if *slot == hir::Slot::Start {
                start = Some(func);
            } else {
                slots.push((*slot, func));
            }
        }
        let inputs = pipeline.inputs.iter().map(|input| item.frame.locals[*input].name.clone()).collect();
        PipelineCode { inputs, slots, start, network: pipeline.network.clone() }
    }

    /// The functions of the values of each claim.
    pub(crate) fn test(&mut self, test: &'h hir::Test) -> Vec<Vec<Func>> {
        let value = |value: &'h Expr| {
            let mut b = Builder::new("expect".to_owned(), &test.frame);
            let result = self.expr(&mut b, value);
            self.program.funcs.push(b.finish(Some(result)))
        };
        let mut value = value;
        test.expects.iter().map(|expect| expect.values.iter().map(&mut value).collect()).collect()
    }

    pub(crate) fn function(&mut self, id: hir::FnId) -> FnCode {
        if let Some(code) = self.fns.get(&id) {
            return code.clone();
        }
        let function = &self.hir.fns[id];
        let mut defaults = Vec::new();
        for (at, param) in function.params.iter().enumerate() {
            defaults.push(self.fn_default(&function.name, &function.frame, &function.params[..at], param));
        }
        let mut b = Builder::new(function.name.to_string(), &function.frame);
        let values: Vec<_> = function.params.iter().map(|param| (param.local, b.param(param.local))).collect();
        for (level, of) in &function.levels {
            if let Some((_, value)) = values.iter().find(|(local, _)| local == of) {
                let level_value = b.emit(Op::LevelOf, vec![*value], vec![], (Shape::Level, Rate::Step), function.span);
                b.bind(*level, Access::Value(level_value));
            }
        }
        for (param, kind, level) in &function.held {
            let Access::Value(value) = b.access(*param) else { continue };
            let level = self.expr(&mut b, level);
            let op = Op::Name { kind: *kind, level: true };
            let held = b.emit(op, vec![value, level], vec![], (Shape::Tensor(*kind), Rate::Elem), function.span);
            b.bind(*param, Access::Value(held));
        }
        let result = match function.host {
            None => self.stmts(&mut b, &function.body),
            Some(hir::Needed(needed)) => {
                let mut args: Vec<_> = values.iter().map(|(_, value)| *value).collect();
                let (op, rate) = match function.result {
                    Ty::Tensor(kind) => {
                        args.extend(function.at.iter().map(|level| self.expr(&mut b, level)));
                        let of = |param: &hir::Opt| function.frame.locals[param.local].name.clone();
                        let params = function.params.iter().map(of).collect();
                        let (name, level) = (function.name.clone(), function.at.is_some());
                        (Op::HostTensor { name, needed, kind, level, params }, Rate::Elem)
                    }
                    _ => {
                        let list = matches!(function.result, Ty::List(_));
                        (Op::Host { name: function.name.clone(), needed, list }, Rate::Step)
                    }
                };
                let out = (Shape::from(&function.result), rate);
                let given = b.emit(op, args, vec![], out, function.span);
                let otherwise = (!needed).then(|| b.block(|b| self.stmts(b, &function.body)));
                Some(match otherwise {
                    Some(block) => b.emit(Op::Default, vec![given], vec![block], out, function.span),
                    None => given,
                })
            }
        };
        let run = self.program.funcs.push(b.finish(result));
        let code = FnCode { run, defaults };
        self.fns.insert(id, code.clone());
        code
    }

    /// The function of one number that calls this one with it, and with defaults.
    pub(crate) fn of_number(&mut self, id: hir::FnId) -> Func {
        let function = &self.hir.fns[id];
        let span = function.span;
        let mut frame = Frame::default();
        let info = hir::LocalInfo { name: "z".into(), span, ty: Ty::Real, rate: Rate::Step };
        let local = frame.locals.push(info);
        let mut b = Builder::new(format!("{}.of", function.name), &frame);
        b.param(local);
        let of = Expr { span, ty: Ty::Real, rate: Rate::Step, kind: hir::ExprKind::Local(local) };
        let mut args = vec![Some(of)];
        args.extend(function.params.iter().skip(1).map(|_| None));
        let (ty, rate) = (function.result.clone(), Rate::Step);
        let call = Expr { span, ty, rate, kind: hir::ExprKind::Call(id, args) };
        let result = self.expr(&mut b, &call);
        self.program.funcs.push(b.finish(Some(result)))
    }

    fn fn_default(&mut self, name: &str, frame: &'h Frame, before: &[Opt], param: &'h Opt) -> Option<Func> {
        let default = param.default.as_ref()?;
        let mut b = Builder::new(format!("{name}.default"), frame);
        for param in before {
            b.param(param.local);
        }
        let result = self.expr(&mut b, default);
        Some(self.program.funcs.push(b.finish(Some(result))))
    }

    pub(crate) fn constant(&mut self, id: hir::ConstId) -> Func {
        if let Some(func) = self.consts.get(&id) {
            return *func;
        }
        let constant = &self.hir.consts[id];
        let mut b = Builder::new(constant.name.to_string(), &constant.frame);
        let result = self.expr(&mut b, &constant.value);
        let func = self.program.funcs.push(b.finish(Some(result)));
        self.consts.insert(id, func);
        func
    }
}
