//! One function: its values, blocks and variables, instruction by instruction.

use std::collections::BTreeSet;

use super::signature::{Blocks, Out, Signature, signature};
use super::{Result, VerifyError, rates};
use crate::ir::program::{Block, Func, Function, Inst, Op, Program, Shape, Value, ValueInfo};

/// Checks a function on its own, and its calls.
pub(super) fn function(program: &Program, func: Func, function: &Function) -> Result {
    let mut walk = Walk {
        program,
        func,
        function,
        at: None,
        defined: BTreeSet::new(),
        visible: BTreeSet::new(),
        cells: BTreeSet::new(),
        truths: BTreeSet::new(),
        collects: Vec::new(),
        in_integral: false,
    };
    if !function.body.params.is_empty() {
        return walk.error(2, "expected a body that brings nothing of its own");
    }
    for param in &function.params {
        walk.define(*param)?;
    }
    walk.block(&function.body)?;
    match function.values.keys().find(|value| !walk.defined.contains(value)) {
        Some(value) => walk.error(2, format!("expected a definition of `{value}`, found none")),
        None => Ok(()),
    }
}

/// What a function gives: the shapes of its result and of what leaves it.
pub(super) fn given(function: &Function) -> Vec<Shape> {
    let mut values: Vec<Value> = function.body.result.into_iter().collect();
    returned(&function.body, &mut values);
    values.into_iter().filter_map(|value| function.values.get(value).map(|info| info.shape)).collect()
}

fn returned(block: &Block, values: &mut Vec<Value>) {
    for inst in &block.insts {
        if inst.op == Op::Return {
            values.extend(inst.args.first());
        }
        inst.blocks.iter().for_each(|block| returned(block, values));
    }
}

/// Whether every way through the block leaves the function.
pub(super) fn leaves(block: &Block) -> bool {
    block.insts.last().is_some_and(|inst| match &inst.op {
        Op::Return => true,
        Op::If => inst.blocks.iter().all(leaves),
        _ => false,
    })
}

/// A way through a function.
pub(super) struct Walk<'p> {
    pub(super) program: &'p Program,
    pub(super) function: &'p Function,
    func: Func,
    /// The last definition that was reached.
    at: Option<Value>,
    defined: BTreeSet<Value>,
    visible: BTreeSet<Value>,
    /// What `var` makes.
    cells: BTreeSet<Value>,
    /// What `bool true` makes.
    pub(super) truths: BTreeSet<Value>,
    /// What the `collect`s around make, innermost last.
    pub(super) collects: Vec<ValueInfo>,
    in_integral: bool,
}

impl Walk<'_> {
    pub(super) fn error<T>(&self, invariant: u32, message: impl Into<String>) -> Result<T> {
        Err(VerifyError { invariant, function: Some(self.func), value: self.at, message: message.into() })
    }

    /// What is known of a value that is used here.
    fn used(&self, value: Value) -> Result<ValueInfo> {
        let Some(info) = self.function.values.get(value) else {
            return self.error(1, format!("the function has no `{value}`"));
        };
        if !self.visible.contains(&value) {
            return self.error(3, format!("`{value}` is used where it is not defined"));
        }
        Ok(*info)
    }

    fn define(&mut self, value: Value) -> Result<ValueInfo> {
        let Some(info) = self.function.values.get(value) else {
            return self.error(1, format!("the function has no `{value}`"));
        };
        if !self.defined.insert(value) {
            return self.error(2, format!("`{value}` is defined twice"));
        }
        if !rates::is_possible(*info) {
            let (shape, rate) = (info.shape.name(), info.rate);
            return self.error(6, format!("`{value}` is a `{shape}` at rate `{rate}`"));
        }
        self.visible.insert(value);
        Ok(*info)
    }

    /// Checks a block; what it defines is forgotten at its end.
    fn block(&mut self, block: &Block) -> Result {
        let mut own = block.params.clone();
        for param in &block.params {
            self.define(*param)?;
        }
        for inst in &block.insts {
            self.at = inst.out.or(self.at);
            self.inst(inst)?;
            own.extend(inst.out);
        }
        if let Some(result) = block.result {
            self.used(result)?;
            self.no_cell(result)?;
        }
        for value in own {
            self.visible.remove(&value);
        }
        Ok(())
    }

    fn inst(&mut self, inst: &Inst) -> Result {
        let signature = signature(&inst.op);
        let operands: Vec<ValueInfo> = inst.args.iter().map(|arg| self.used(*arg)).collect::<Result<_>>()?;
        self.counts(inst, &signature)?;
        self.operands(inst, &signature, &operands)?;
        self.cells(inst)?;
        self.place(inst)?;
        self.targets(inst, &operands)?;
        self.replaced(inst, &operands)?;
        let out = inst.out.and_then(|out| self.function.values.get(out).copied());
        self.blocks(inst, &operands, out)?;
        let Some(value) = inst.out else { return Ok(()) };
        let out = self.define(value)?;
        self.shape(inst, signature.gives, &operands, out)?;
        self.rate(inst, &operands, out)?;
        match inst.op {
            Op::Var => self.cells.insert(value),
            Op::Bool(true) => self.truths.insert(value),
            _ => false,
        };
        Ok(())
    }

    fn counts(&self, inst: &Inst, signature: &Signature) -> Result {
        let (word, found, expected) = (inst.op.word(), inst.args.len(), signature.takes.len());
        if found < expected || found > expected && !signature.rest {
            return self.error(4, format!("expected {expected} operands of `{word}`, found {found}"));
        }
        let brought: &[usize] = match signature.blocks {
            Blocks::None => &[],
            Blocks::Plain => &[0],
            Blocks::Round => &[1],
            Blocks::Two => &[0, 0],
        };
        if !inst.blocks.iter().map(|block| block.params.len()).eq(brought.iter().copied()) {
            return self.error(4, format!("expected `{word}` to have blocks that bring {brought:?} values"));
        }
        let fits = match signature.gives {
            Out::Effect => inst.out.is_none(),
            Out::Value(_) | Out::Same | Out::Combined => inst.out.is_some(),
            Out::Optional => true,
        };
        if !fits {
            let what = if inst.out.is_some() { "no value, found one" } else { "a value, found none" };
            return self.error(4, format!("expected `{word}` to define {what}"));
        }
        Ok(())
    }

    /// Invariant 7.
    fn cells(&self, inst: &Inst) -> Result {
        let cell = match (&inst.op, &inst.args[..]) {
            (Op::Get | Op::Set, [cell, ..]) => Some(*cell),
            _ => None,
        };
        if let Some(cell) = cell.filter(|cell| !self.cells.contains(cell)) {
            return self.error(7, format!("expected what a `var` makes in `{}`, found `{cell}`", inst.op.word()));
        }
        inst.args.iter().skip(usize::from(cell.is_some())).try_for_each(|arg| self.no_cell(*arg))
    }

    fn no_cell(&self, value: Value) -> Result {
        if self.cells.contains(&value) {
            return self.error(7, format!("`{value}` is a `var`, and is not read by `get`"));
        }
        Ok(())
    }

    /// Invariant 9.
    fn place(&self, inst: &Inst) -> Result {
        match inst.op {
            Op::Yield if self.collects.is_empty() => self.error(9, "a `yield` outside of a `collect`"),
            Op::Return if self.in_integral => self.error(9, "a `return` inside an `integral`"),
            _ => Ok(()),
        }
    }

    fn blocks(&mut self, inst: &Inst, operands: &[ValueInfo], out: Option<ValueInfo>) -> Result {
        let integral = inst.op == Op::Integral;
        let outer = self.in_integral;
        self.in_integral = outer || integral;
        if let (Op::Collect(_), Some(out)) = (&inst.op, out) {
            self.collects.push(out);
        }
        self.rounds(inst, operands)?;
        for block in &inst.blocks {
            self.block(block)?;
            self.at = inst.out.or(self.at);
        }
        if let Op::Collect(_) = inst.op {
            self.collects.pop();
        }
        self.in_integral = outer;
        let Some(out) = out else { return Ok(()) };
        match &inst.op {
            Op::If => self.chosen(inst, out),
            Op::Default | Op::Integral => inst.blocks.iter().try_for_each(|block| self.result(block, out)),
            _ => Ok(()),
        }
    }
}
