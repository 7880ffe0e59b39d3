//! Vector operations in Cranelift: the operation table, and what `elementary` is made of.
//!
//! A [`Lanes`] appends instructions to the current block of a function. It works on one
//! float vector type; the integer helpers are for `f32` lanes.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, I32X4, Type};
use cranelift_codegen::ir::{ConstantData, InstBuilder, MemFlagsData, Value};
use cranelift_frontend::FunctionBuilder;

use crate::ir::op::Op;

/// Appends vector instructions.
pub(super) struct Lanes<'a, 'f> {
    pub(super) builder: &'a mut FunctionBuilder<'f>,
    /// The vectors of the kernel.
    pub(super) ty: Type,
    pub(super) has_fma: bool,
}

impl Lanes<'_, '_> {
    /// `op` of as many operands as it has.
    pub(super) fn apply(&mut self, op: Op, args: &[Value]) -> Value {
        let arg = |k: usize| args[k];
        match op {
            Op::Add => self.add(arg(0), arg(1)),
            Op::Sub => self.sub(arg(0), arg(1)),
            Op::Mul => self.mul(arg(0), arg(1)),
            Op::Div => self.div(arg(0), arg(1)),
            Op::Min => self.min(arg(0), arg(1)),
            Op::Max => self.max(arg(0), arg(1)),
            Op::Fma => self.fma(arg(0), arg(1), arg(2)),
            Op::Neg => self.builder.ins().fneg(arg(0)),
            Op::Abs => self.builder.ins().fabs(arg(0)),
            Op::Sqrt => self.builder.ins().sqrt(arg(0)),
            Op::Exp => self.exp(arg(0)),
            Op::Ln => self.ln(arg(0)),
            Op::Tanh => self.tanh(arg(0)),
            Op::Sin => self.sin(arg(0)),
            Op::Cos => self.cos(arg(0)),
        }
    }

    pub(super) fn add(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().fadd(a, b)
    }

    pub(super) fn sub(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().fsub(a, b)
    }

    pub(super) fn mul(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().fmul(a, b)
    }

    pub(super) fn div(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().fdiv(a, b)
    }

    /// `a * b + c`. Without an instruction for it Cranelift would call a library function
    /// for each lane; that CPU rounds twice instead.
    pub(super) fn fma(&mut self, a: Value, b: Value, c: Value) -> Value {
        if self.has_fma {
            return self.builder.ins().fma(a, b, c);
        }
        let product = self.mul(a, b);
        self.add(product, c)
    }

    /// `if a < b { a } else { b }`: one instruction on x86-64.
    pub(super) fn min(&mut self, a: Value, b: Value) -> Value {
        let mask = self.compare(FloatCC::LessThan, a, b);
        self.builder.ins().bitselect(mask, a, b)
    }

    /// `if a > b { a } else { b }`.
    pub(super) fn max(&mut self, a: Value, b: Value) -> Value {
        let mask = self.compare(FloatCC::LessThan, b, a);
        self.builder.ins().bitselect(mask, a, b)
    }

    /// All bits of the lanes where the comparison holds, as floats.
    pub(super) fn compare(&mut self, condition: FloatCC, a: Value, b: Value) -> Value {
        let mask = self.builder.ins().fcmp(condition, a, b);
        self.builder.ins().bitcast(self.ty, MemFlagsData::new(), mask)
    }

    /// `a` where the mask is set, else `b`.
    pub(super) fn select(&mut self, mask: Value, a: Value, b: Value) -> Value {
        self.builder.ins().bitselect(mask, a, b)
    }

    /// The number in every lane, rounded to the lane's type.
    pub(super) fn constant(&mut self, number: f64) -> Value {
        match self.ty {
            F32X4 => self.pool(self.ty, &(number as f32).to_le_bytes()),
            _ => self.pool(self.ty, &number.to_le_bytes()),
        }
    }

    /// The `f32` in every lane.
    pub(super) fn f32(&mut self, number: f32) -> Value {
        self.pool(F32X4, &number.to_le_bytes())
    }

    /// The word in every lane.
    pub(super) fn word(&mut self, word: u32) -> Value {
        self.pool(I32X4, &word.to_le_bytes())
    }

    fn pool(&mut self, ty: Type, lane: &[u8]) -> Value {
        let bytes = lane.repeat(16 / lane.len());
        let constant = self.builder.func.dfg.constants.insert(ConstantData::from(bytes));
        self.builder.ins().vconst(ty, constant)
    }

    /// The bits of `f32` lanes.
    pub(super) fn bits(&mut self, x: Value) -> Value {
        self.builder.ins().bitcast(I32X4, MemFlagsData::new(), x)
    }

    /// The `f32` lanes that have these bits.
    pub(super) fn floats(&mut self, bits: Value) -> Value {
        self.builder.ins().bitcast(F32X4, MemFlagsData::new(), bits)
    }

    /// The polynomial with these coefficients, highest power first.
    pub(super) fn horner(&mut self, x: Value, coefficients: &[f32]) -> Value {
        let mut sum = None;
        for &coefficient in coefficients {
            let constant = self.f32(coefficient);
            sum = Some(match sum {
                None => constant,
                Some(sum) => self.fma(sum, x, constant),
            });
        }
        sum.unwrap_or_else(|| self.f32(0.0))
    }
}
