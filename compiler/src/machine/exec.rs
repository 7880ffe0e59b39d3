//! Instructions.

use std::sync::{Arc, OnceLock};

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;
use smallvec::SmallVec;

use super::value::{ItemValue, Tensor, Value};
use super::{MAX_DEPTH, Machine, Result, internal};
use crate::arith::{Arith, Keep, Real};
use crate::ir::program::{Block, Func, Inst, Op, Value as Reg};

/// Operands of an instruction, where they lie.
type Args<'f, A> = SmallVec<[&'f Value<A>; 3]>;

fn owned<A: Arith>(args: &[&Value<A>]) -> Vec<Value<A>> {
    args.iter().copied().cloned().collect()
}

/// Values of a running function.
pub(super) struct Frame<A: Arith> {
    values: Vec<Value<A>>,
}

impl<A: Arith> Frame<A> {
    fn get(&self, reg: Reg) -> &Value<A> {
        &self.values[reg.as_u32() as usize]
    }

    fn set(&mut self, reg: Reg, value: Value<A>) {
        self.values[reg.as_u32() as usize] = value;
    }
}

/// Where control goes.
enum Flow<A: Arith> {
    Next,
    Return(Value<A>),
}

impl<'p, A: Arith> Machine<'p, A> {
    /// Calls a function of the program.
    pub(super) fn call(
        &mut self,
        func: Func,
        args: impl IntoIterator<Item = Value<A>>,
        span: Span,
    ) -> Result<Value<A>> {
        if self.depth >= MAX_DEPTH {
            let found = Diagnostic::new(Code::E0106, span, "calls nest too deep here");
            return Err(Box::new(found.help("an item must not lead back to itself")));
        }
        self.depth += 1;
        let program = self.program;
        let function = &program.funcs[func];
        let mut frame = Frame { values: self.spare.pop().unwrap_or_default() };
        frame.values.resize(function.values.len(), Value::None);
        for (param, arg) in function.params.iter().zip(args) {
            frame.set(*param, arg);
        }
        let worth = self.worth(&mut frame, &function.body);
        self.depth -= 1;
        frame.values.clear();
        self.spare.push(frame.values);
        worth
    }

    /// Calls a function value.
    pub(super) fn apply(&mut self, function: &Value<A>, mut args: Vec<Value<A>>, span: Span) -> Result<Value<A>> {
        let Value::Closure(closure) = function else { return Err(internal(span, "a call of no function")) };
        args.extend(closure.1.iter().cloned());
        self.call(closure.0, args, span)
    }

    /// What a block without a `return` is worth.
    pub(super) fn worth(&mut self, frame: &mut Frame<A>, block: &Block) -> Result<Value<A>> {
        match self.block(frame, block)? {
            Flow::Return(value) => Ok(value),
            Flow::Next => Ok(block.result.map_or(Value::None, |result| frame.get(result).clone())),
        }
    }

    fn block(&mut self, frame: &mut Frame<A>, block: &Block) -> Result<Flow<A>> {
        for inst in &block.insts {
            self.spend(1, inst.span)?;
            if let Flow::Return(value) = self.inst(frame, inst)? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::Next)
    }

    fn inst(&mut self, frame: &mut Frame<A>, inst: &Inst) -> Result<Flow<A>> {
        let span = inst.span;
        match &inst.op {
            Op::Return => return Ok(Flow::Return(frame.get(inst.args[0]).clone())),
            Op::If => return self.if_inst(frame, inst),
            Op::Each => return self.each(frame, inst),
            Op::Estimate => self.estimate(frame, inst)?,
            Op::Set => frame.set(inst.args[0], frame.get(inst.args[1]).clone()),
            Op::Default => {
                let given = frame.get(inst.args[0]).clone();
                let value = match given {
                    Value::None => {
                        if let Flow::Return(value) = self.block(frame, &inst.blocks[0])? {
                            return Ok(Flow::Return(value));
                        }
                        inst.blocks[0].result.map_or(Value::None, |result| frame.get(result).clone())
                    }
                    given => given,
                };
                self.define(frame, inst, value);
            }
            Op::Collect(reduce) => {
                self.collected.push(Vec::new());
                let flow = self.block(frame, &inst.blocks[0]);
                let values = self.collected.pop().unwrap_or_default();
                if let Flow::Return(value) = flow? {
                    return Ok(Flow::Return(value));
                }
                let value = self.reduce(*reduce, values, span)?;
                self.define(frame, inst, value);
            }
            Op::Integral => {
                let value = self.integral(frame, inst)?;
                self.define(frame, inst, value);
            }
            _ => {
                let args: Args<'_, A> = inst.args.iter().map(|arg| frame.get(*arg)).collect();
                let value = self.simple(&inst.op, &args, span)?;
                drop(args);
                self.define(frame, inst, value);
            }
        }
        Ok(Flow::Next)
    }

    fn define(&mut self, frame: &mut Frame<A>, inst: &Inst, mut value: Value<A>) {
        // A literal, and what is only read, was not computed here.
        if let Value::Real(number) = &mut value
            && !matches!(inst.op, Op::Real(_) | Op::Get | Op::Var | Op::State(_) | Op::Index)
        {
            self.arith.computed(number, self.site(inst.span));
        }
        if let Some(out) = inst.out {
            frame.set(out, value);
        }
    }

    fn if_inst(&mut self, frame: &mut Frame<A>, inst: &Inst) -> Result<Flow<A>> {
        let Value::Bool(holds) = frame.get(inst.args[0]) else {
            return Err(internal(inst.span, "a condition that is none"));
        };
        let block = &inst.blocks[usize::from(!*holds)];
        if let Flow::Return(value) = self.block(frame, block)? {
            return Ok(Flow::Return(value));
        }
        if let (Some(out), Some(result)) = (inst.out, block.result) {
            frame.set(out, frame.get(result).clone());
        }
        Ok(Flow::Next)
    }

    fn each(&mut self, frame: &mut Frame<A>, inst: &Inst) -> Result<Flow<A>> {
        let Value::List(list) = frame.get(inst.args[0]).clone() else {
            return Err(internal(inst.span, "a loop over no list"));
        };
        let block = &inst.blocks[0];
        for entry in list.iter() {
            self.spend(1, inst.span)?;
            self.track_read(entry, inst.span);
            if let Some(param) = block.params.first() {
                frame.set(*param, entry.clone());
            }
            if let Flow::Return(value) = self.block(frame, block)? {
                return Ok(Flow::Return(value));
            }
        }
        Ok(Flow::Next)
    }

    fn simple(&mut self, op: &Op, args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        Ok(match op {
            Op::Int(value) => Value::Int(*value),
            Op::Real(value) => Value::Real(A::Real::from_f64(*value)),
            Op::Bool(value) => Value::Bool(*value),
            Op::Str(word) | Op::Choice(word) | Op::Branch(word) => Value::Word(word.clone()),
            Op::None => Value::None,
            Op::Operator(operator) => self.operator(*operator, args, span)?,
            Op::Builtin(builtin) => self.builtin(*builtin, args, span)?,
            Op::Position(position) => self.position(*position, span)?,
            Op::Coordinate(coordinate) => self.coordinate(*coordinate, args[0], span)?,
            Op::Level(coordinate) => self.make_level(*coordinate, args[0], span)?,
            Op::LevelOf => match args[0] {
                Value::Tensor(Tensor { level: Some(level), .. }) => Value::Level(level.clone()),
                _ => return Err(self.no_level(span)),
            },
            Op::Within { closed_low, closed_high } => {
                let [value, low, high] = self.numbers(args, span)?;
                let above = value > low || *closed_low && value == low;
                let below = value < high || *closed_high && value == high;
                Value::Bool(above && below)
            }
            Op::List => {
                self.spend(args.len() as u64, span)?;
                Value::List(Arc::new(owned(args)))
            }
            Op::Range { closed } => self.range(args, *closed, span)?,
            Op::Table => {
                let schedule = self.schedule_value(args.first().copied(), span)?;
                let levels = self.table_levels(&schedule, span)?;
                self.spend(levels.len() as u64, span)?;
                Value::List(Arc::new(levels.into_iter().map(Value::Level).collect()))
            }
            Op::Index => {
                let value = self.index(args, span)?;
                self.track_read(&value, span);
                value
            }
            Op::Slice { low, high, closed } => self.slice(args, *low, *high, *closed, span)?,
            Op::Reduce(reduce) => match args[0] {
                Value::List(list) => self.reduce(*reduce, list.to_vec(), span)?,
                _ => return Err(internal(span, "a reduction of no list")),
            },
            Op::Yield => {
                self.spend(1, span)?;
                let collected = self.collected.last_mut().ok_or_else(|| internal(span, "a yield outside"))?;
                collected.extend(args.iter().copied().cloned());
                Value::None
            }
            Op::Tableau { low, order } => self.tableau(owned(args), *low, *order, span)?,
            Op::Field(field) => self.field(args[0], *field, span)?,
            Op::Call(func) => {
                let outer = self.called;
                self.called = outer.or(Some(span));
                let value = self.call(*func, args.iter().copied().cloned(), span);
                self.called = outer;
                value?
            }
            Op::Const(func) => {
                if let Some(value) = self.consts.get(func) {
                    return Ok(value.clone());
                }
                let value = self.call(*func, Vec::new(), span)?;
                self.consts.insert(*func, value.clone());
                value
            }
            Op::Closure(func) => Value::Closure(Arc::new((*func, owned(args)))),
            Op::Apply => {
                let (function, args) = args.split_first().ok_or_else(|| internal(span, "a call of nothing"))?;
                self.apply(function, owned(args), span)?
            }
            Op::InRange { option, text, low, high } => self.in_range(args, option, text, *low, *high, span)?,
            Op::Sized { option } => self.sized(args, option, span)?,
            Op::Item { item, given } => {
                let mut args = args.iter().copied();
                let mut next = |given: &bool| given.then(|| args.next()).flatten().cloned().unwrap_or(Value::None);
                let given = given.iter().map(&mut next).collect();
                Value::Item(Arc::new(ItemValue {
                    item: *item,
                    given,
                    site: span,
                    options: OnceLock::new(),
                    opened: OnceLock::new(),
                }))
            }
            Op::HostTensor { name, needed, kind, level, params } => {
                self.host_tensor(name, *needed, (*kind, *level), params, args, span)?
            }
            Op::Host { name, needed, list } => self.host(name, (*needed, *list), args, span)?,
            Op::Measure(measure) => {
                let items: Vec<_> = args.iter().filter_map(|arg| arg.item()).collect();
                let gauge = self.gauge.clone().ok_or_else(|| internal(span, "a measure outside of a test"))?;
                gauge.measure(*measure, &items, span)?
            }
            Op::RunGrid => match (args[0], args[1]) {
                (Value::Item(grid), Value::Int(n)) => Value::List(self.run_grid(grid, *n, span)?),
                _ => return Err(internal(span, "a grid that is none")),
            },
            Op::RunSchedule => {
                let schedule = self.schedule_value(args.first().copied(), span)?;
                let u = args[1].real().ok_or_else(|| internal(span, "a clock that is none"))?;
                Value::Level(Arc::new(self.level_at(&schedule, u)?))
            }
            Op::OpenSchedule(code) => {
                let name = self.opening.clone();
                Value::Schedule(Arc::new(self.open_schedule(code, owned(args), &name, span)?))
            }
            Op::Step { given } => self.nested_step(args, *given, span)?,
            Op::Forget => {
                self.forget(args[0]);
                Value::None
            }
            Op::Predict { kind, output, by, at, args: names } => {
                self.predict((*kind, output.as_ref()), *by, *at, names, args, span)?
            }
            Op::Network { args: names } => self.network(names, args, span)?,
            Op::Name { kind, level } => self.name(args, *kind, *level, span)?,
            Op::Cast { kind, level, .. } => self.cast(args, *kind, *level, span)?,
            Op::History(index) => Value::List(Arc::new(self.instance().histories[*index as usize].clone())),
            Op::Push(index) => self.push_history(*index as usize, args[0], span)?,
            Op::State(index) => match &self.instance().states[*index as usize] {
                Value::None => return Err(self.empty_state(*index, span)),
                value => value.clone(),
            },
            Op::SetState(index) => {
                if let Value::Tensor(tensor) = args[0] {
                    self.arith.keep(&tensor.data, Keep::Stored);
                }
                let value = args[0].clone();
                self.note_replaced(*index, &value);
                self.instance_mut().states[*index as usize] = value;
                Value::None
            }
            Op::Input(name) => match self.at.inputs.get(name) {
                Some(tensor) => Value::Tensor(tensor.clone()),
                None => return Err(internal(span, "an input that no run gives")),
            },
            Op::Var | Op::Get => args[0].clone(),
            Op::Give(name) => {
                if let Value::Tensor(tensor) = args[0] {
                    self.give_output(name, tensor.data.clone());
                }
                Value::None
            }
            Op::Emit(name) => {
                if let Value::Tensor(tensor) = args[0] {
                    self.arith.emit(name, &tensor.data);
                }
                Value::None
            }
            Op::Require => match args[0] {
                Value::Bool(true) => Value::None,
                _ => return Err(Box::new(Diagnostic::new(Code::E0505, span, "this requirement is not met"))),
            },
            Op::Accept => match args[0] {
                Value::Bool(holds) => self.accept(*holds, span)?,
                _ => return Err(internal(span, "a decision that is none")),
            },
            Op::Estimate | Op::Return | Op::If | Op::Each | Op::Set | Op::Default | Op::Collect(_) | Op::Integral => {
                return Err(internal(span, "control in the wrong place"));
            }
        })
    }

    fn integral(&mut self, frame: &mut Frame<A>, inst: &Inst) -> Result<Value<A>> {
        let ends = (frame.get(inst.args[0]).real(), frame.get(inst.args[1]).real());
        let (Some(low), Some(high)) = ends else { return Err(internal(inst.span, "an integral between no numbers")) };
        self.decides(&[frame.get(inst.args[0]), frame.get(inst.args[1])], inst.span);
        if !low.to_f64().is_finite() || !high.to_f64().is_finite() {
            let message = format!("an integral needs finite ends, found {} and {}", low.to_f64(), high.to_f64());
            let found = Diagnostic::new(Code::E0504, inst.span, message);
            return Err(Box::new(found.help("write the step to or from that end as a case of its own")));
        }
        let block = &inst.blocks[0];
        let mut evaluate = |machine: &mut Machine<'p, A>, at: A::Real| -> Result<A::Real> {
            if let Some(param) = block.params.first() {
                frame.set(*param, Value::Real(at));
            }
            machine.block(frame, block)?;
            let value = block.result.and_then(|result| frame.get(result).real());
            value.ok_or_else(|| internal(inst.span, "an integrand that is no number"))
        };
        let value = super::integral::integrate(self, &mut evaluate, low, high, inst.span)?;
        Ok(Value::Real(value))
    }
}
