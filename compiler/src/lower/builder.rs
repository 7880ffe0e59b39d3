//! Builds one function: values, nested blocks, and the mapping from locals.

use std::collections::HashMap;

use samp_lang::source::Span;

use crate::hir::{Frame, Local};
use crate::ir::program::{Block, Function, Inst, Op, Shape, Value, ValueInfo};
use crate::rate::Rate;

/// How a local is read.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    Value(Value),
    Var(Value),
    History(u32),
    State(u32),
    Input,
}

pub(crate) struct Builder<'h> {
    pub(crate) frame: &'h Frame,
    function: Function,
    open: Vec<Block>,
    map: HashMap<Local, Access>,
    /// A function written in place: locals that it takes from outside, in the order of its last parameters.
    pub(crate) captures: Vec<Local>,
    lambda: bool,
}

impl<'h> Builder<'h> {
    pub(crate) fn new(name: String, frame: &'h Frame) -> Self {
        let function = Function { name, params: Vec::new(), values: Default::default(), body: Block::default() };
        let open = vec![Block::default()];
        Builder { frame, function, open, map: HashMap::new(), captures: Vec::new(), lambda: false }
    }

    /// A function written in place. Histories and states are captured like values: another item may call it.
    pub(crate) fn inner(&self, name: String) -> Self {
        let mut inner = Builder::new(name, self.frame);
        inner.lambda = true;
        for (local, access) in &self.map {
            match access {
                Access::Input => {
                    inner.map.insert(*local, *access);
                }
                Access::Value(_) | Access::Var(_) | Access::History(_) | Access::State(_) => {}
            }
        }
        inner
    }

    pub(crate) fn value(&mut self, shape: Shape, rate: Rate) -> Value {
        self.function.values.push(ValueInfo { shape, rate })
    }

    /// When a value is known.
    pub(crate) fn rate(&self, value: Value) -> Rate {
        self.function.values[value].rate
    }

    pub(crate) fn param(&mut self, local: Local) -> Value {
        let info = &self.frame.locals[local];
        let value = self.value(Shape::from(&info.ty), info.rate);
        self.function.params.push(value);
        self.map.insert(local, Access::Value(value));
        value
    }

    pub(crate) fn bind(&mut self, local: Local, access: Access) {
        self.map.insert(local, access);
    }

    /// How a local is read; in a function written in place a local of the surroundings becomes a parameter.
    pub(crate) fn access(&mut self, local: Local) -> Access {
        if let Some(access) = self.map.get(&local) {
            return *access;
        }
        debug_assert!(self.lambda, "local {local} is bound before it is read");
        let value = self.param(local);
        self.captures.push(local);
        Access::Value(value)
    }

    pub(crate) fn emit(
        &mut self,
        op: Op,
        args: Vec<Value>,
        blocks: Vec<Block>,
        out: (Shape, Rate),
        span: Span,
    ) -> Value {
        let value = self.value(out.0, out.1);
        self.push(Inst { out: Some(value), op, args, blocks, span });
        value
    }

    pub(crate) fn effect(&mut self, op: Op, args: Vec<Value>, blocks: Vec<Block>, span: Span) {
        self.push(Inst { out: None, op, args, blocks, span });
    }

    fn push(&mut self, inst: Inst) {
        self.open.last_mut().expect("a block is open").insts.push(inst);
    }

    /// Builds a block.
    pub(crate) fn block(&mut self, build: impl FnOnce(&mut Self) -> Option<Value>) -> Block {
        self.open.push(Block::default());
        let result = build(self);
        let mut block = self.open.pop().expect("the block that was opened");
        block.result = result;
        block
    }

    pub(crate) fn finish(mut self, result: Option<Value>) -> Function {
        let mut body = self.open.pop().expect("the body");
        body.result = result;
        self.function.body = body;
        self.function
    }
}
