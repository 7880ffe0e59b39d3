//! One instruction: shapes, rates, and what it leads to.

use super::signature::{Out, Signature, Want};
use super::walk::{Walk, given, leaves};
use super::{Result, fits, rates};
use crate::hir::Operator;
use crate::ir::program::{Block, Inst, Op, Shape, ValueInfo};

impl Walk<'_> {
    /// Invariant 5, of operands.
    pub(super) fn operands(&self, inst: &Inst, signature: &Signature, operands: &[ValueInfo]) -> Result {
        for ((arg, want), operand) in inst.args.iter().zip(&signature.takes).zip(operands) {
            if !want.fits(operand.shape) {
                let (want, found) = (want.describe(), operand.shape.name());
                return self.error(5, format!("expected {want} in `{}`, found `{arg}`, a `{found}`", inst.op.word()));
            }
        }
        match (&inst.op, operands) {
            (Op::Operator(Operator::Eq), [a, b]) if !fits(a.shape, b.shape) && !fits(b.shape, a.shape) => {
                let (a, b) = (a.shape.name(), b.shape.name());
                self.error(5, format!("expected operands of one shape in `eq`, found `{a}` and `{b}`"))
            }
            _ => Ok(()),
        }
    }

    /// Invariants 1 and 11.
    pub(super) fn targets(&self, inst: &Inst, operands: &[ValueInfo]) -> Result {
        let (func, all) = match &inst.op {
            Op::Call(func) | Op::Const(func) => (*func, true),
            Op::Closure(func) => (*func, false),
            Op::Item { item, given } => {
                let Some(item) = self.program.items.get(*item) else {
                    return self.error(1, format!("the program has no `{item}`"));
                };
                let n_given = given.iter().filter(|given| **given).count();
                if given.len() != item.options.len() || n_given != operands.len() {
                    let (name, options, found) = (&item.name, item.options.len(), operands.len());
                    let message = format!("`{name}` has {options} options, {n_given} of them given by {found} values");
                    return self.error(11, message);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let Some(function) = self.program.funcs.get(func) else {
            return self.error(1, format!("the program has no `{func}`"));
        };
        let (wanted, found) = (function.params.len(), operands.len());
        if found > wanted || found < wanted && all {
            return self.error(11, format!("expected {wanted} values for `{func}`, found {found}"));
        }
        // What is captured stands behind what a call gives.
        for (param, operand) in function.params[wanted - found..].iter().zip(operands) {
            let want = function.values.get(*param).map(|info| info.shape);
            if let Some(want) = want.filter(|want| !fits(operand.shape, *want)) {
                let (want, found) = (want.name(), operand.shape.name());
                return self.error(11, format!("`{func}` takes `{want}` as `{param}`, found `{found}`"));
            }
        }
        Ok(())
    }

    /// What replaces a variable is of its shape, and not known later.
    pub(super) fn replaced(&self, inst: &Inst, operands: &[ValueInfo]) -> Result {
        let (Op::Set, [cell, value]) = (&inst.op, operands) else { return Ok(()) };
        if !fits(value.shape, cell.shape) {
            let (want, found) = (cell.shape.name(), value.shape.name());
            return self.error(5, format!("expected `{want}` in a `var` of it, found `{found}`"));
        }
        if rates::is_early(*cell, value.rate) {
            return self.error(6, format!("a `var` at rate `{}` is set at rate `{}`", cell.rate, value.rate));
        }
        Ok(())
    }

    /// What rounds bring is as late as what they run over; how often something is yielded counts for what it makes.
    pub(super) fn rounds(&self, inst: &Inst, operands: &[ValueInfo]) -> Result {
        for operand in operands {
            let of = operand.rate;
            for param in inst.blocks.iter().flat_map(|block| &block.params) {
                if self.function.values.get(*param).is_some_and(|info| rates::is_early(*info, of)) {
                    return self.error(6, format!("`{param}` is brought by what is known at `{of}`"));
                }
            }
            let decides = matches!(inst.op, Op::Each | Op::If | Op::Yield) && inst.out.is_none();
            if let Some(collect) = self.collects.last().filter(|collect| decides && rates::is_early(**collect, of)) {
                let (word, rate) = (inst.op.word(), collect.rate);
                return self.error(6, format!("a `{word}` at rate `{of}` in a `collect` at rate `{rate}`"));
            }
        }
        Ok(())
    }

    /// Invariant 8.
    pub(super) fn chosen(&self, inst: &Inst, out: ValueInfo) -> Result {
        for (at, block) in inst.blocks.iter().enumerate() {
            let never = at == 1 && inst.args.iter().all(|arg| self.truths.contains(arg)) && block.insts.is_empty();
            if block.result.is_none() && (leaves(block) || never) {
                continue;
            }
            self.result(block, out)?;
        }
        Ok(())
    }

    /// The result of a block that its instruction gives.
    pub(super) fn result(&self, block: &Block, out: ValueInfo) -> Result {
        let Some(result) = block.result else {
            return self.error(8, "a block gives no result where one is asked for");
        };
        let Some(info) = self.function.values.get(result) else {
            return self.error(1, format!("the function has no `{result}`"));
        };
        if !fits(info.shape, out.shape) {
            let (want, found) = (out.shape.name(), info.shape.name());
            return self.error(5, format!("expected a block that gives `{want}`, found `{found}`"));
        }
        if rates::is_early(out, info.rate) {
            let (found, rate) = (info.rate, out.rate);
            return self.error(6, format!("a block gives `{result}` at rate `{found}` for a value at rate `{rate}`"));
        }
        Ok(())
    }

    /// Invariant 5, of what is defined.
    pub(super) fn shape(&self, inst: &Inst, gives: Out, operands: &[ValueInfo], out: ValueInfo) -> Result {
        let fits = match gives {
            Out::Effect | Out::Optional => true,
            Out::Value(Want::Any) => self.called(&inst.op).into_iter().all(|have| fits(have, out.shape)),
            Out::Value(want) => want.fits(out.shape),
            Out::Same => operands.first().is_some_and(|operand| fits(operand.shape, out.shape)),
            Out::Combined if operands.iter().any(|of| Want::Tensor.fits(of.shape)) => Want::Tensor.fits(out.shape),
            Out::Combined if operands.iter().all(|of| of.shape == Shape::Int) => {
                matches!(out.shape, Shape::Int | Shape::Real)
            }
            Out::Combined => out.shape == Shape::Real,
        };
        if !fits {
            return self.error(5, format!("`{}` cannot give `{}`", inst.op.word(), out.shape.name()));
        }
        Ok(())
    }

    /// What the function that is called gives.
    fn called(&self, op: &Op) -> Vec<Shape> {
        match op {
            Op::Call(func) | Op::Const(func) => self.program.funcs.get(*func).map(given).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Invariant 6, of what is defined.
    pub(super) fn rate(&self, inst: &Inst, operands: &[ValueInfo], out: ValueInfo) -> Result {
        for (arg, operand) in inst.args.iter().zip(operands) {
            if rates::is_early(out, operand.rate) {
                let (found, rate) = (operand.rate, out.rate);
                let word = inst.op.word();
                return self.error(6, format!("`{word}` at rate `{rate}` is made of `{arg}` at rate `{found}`"));
            }
        }
        Ok(())
    }
}
