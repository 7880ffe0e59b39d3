//! Vector operations in Cranelift: the operation table, and what `elementary` is made of.
//!
//! A [`Vectors`] appends instructions to the current block of a function. It works on one
//! float vector type; words are for `f32` lanes.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, I32X4, Type};
use cranelift_codegen::ir::{ConstantData, InstBuilder, MemFlagsData, Value};
use cranelift_frontend::FunctionBuilder;

use crate::backend::elementary::{self, Lanes};
use crate::ir::op::Op;

/// Appends vector instructions.
pub(super) struct Vectors<'a, 'f> {
    pub(super) builder: &'a mut FunctionBuilder<'f>,
    /// The vectors of the kernel.
    pub(super) ty: Type,
    pub(super) has_fma: bool,
}

impl Vectors<'_, '_> {
    /// `op` of as many operands as it has.
    pub(super) fn apply(&mut self, op: Op, args: &[Value]) -> Value {
        let arg = |k: usize| &args[k];
        match op {
            Op::Add => self.add(arg(0), arg(1)),
            Op::Sub => self.sub(arg(0), arg(1)),
            Op::Mul => self.mul(arg(0), arg(1)),
            Op::Div => self.div(arg(0), arg(1)),
            Op::Min => self.min(arg(0), arg(1)),
            Op::Max => self.max(arg(0), arg(1)),
            Op::Fma => self.fma(arg(0), arg(1), arg(2)),
            Op::Neg => self.builder.ins().fneg(*arg(0)),
            Op::Abs => self.abs(arg(0)),
            Op::Sqrt => self.sqrt(arg(0)),
            Op::Exp => elementary::exp(self, arg(0)),
            Op::Ln => elementary::ln(self, arg(0)),
            Op::Tanh => elementary::tanh(self, arg(0)),
            Op::Sin => elementary::sin(self, arg(0)),
            Op::Cos => elementary::cos(self, arg(0)),
        }
    }

    /// All bits of the lanes where the comparison holds, as floats.
    fn compare(&mut self, condition: FloatCC, a: Value, b: Value) -> Value {
        let mask = self.builder.ins().fcmp(condition, a, b);
        self.builder.ins().bitcast(self.ty, MemFlagsData::new(), mask)
    }

    /// The number in every lane, rounded to the lane's type.
    pub(super) fn constant(&mut self, number: f64) -> Value {
        match self.ty {
            F32X4 => self.pool(self.ty, &(number as f32).to_le_bytes()),
            _ => self.pool(self.ty, &number.to_le_bytes()),
        }
    }

    fn pool(&mut self, ty: Type, lane: &[u8]) -> Value {
        let bytes = lane.repeat(16 / lane.len());
        let constant = self.builder.func.dfg.constants.insert(ConstantData::from(bytes));
        self.builder.ins().vconst(ty, constant)
    }
}

/// A mask is all bits of its lanes, as floats.
impl Lanes for Vectors<'_, '_> {
    type Float = Value;
    type Word = Value;
    type Mask = Value;

    fn f32(&mut self, number: f32) -> Value {
        self.pool(F32X4, &number.to_le_bytes())
    }

    fn word(&mut self, word: u32) -> Value {
        self.pool(I32X4, &word.to_le_bytes())
    }

    fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().fadd(*a, *b)
    }

    fn sub(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().fsub(*a, *b)
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().fmul(*a, *b)
    }

    fn div(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().fdiv(*a, *b)
    }

    /// Without an instruction for it Cranelift would call a library function for each lane; that CPU rounds twice
    /// instead.
    fn fma(&mut self, a: &Value, b: &Value, c: &Value) -> Value {
        if self.has_fma {
            return self.builder.ins().fma(*a, *b, *c);
        }
        let product = self.mul(a, b);
        self.add(&product, c)
    }

    /// One instruction on x86-64.
    fn min(&mut self, a: &Value, b: &Value) -> Value {
        let mask = self.compare(FloatCC::LessThan, *a, *b);
        self.builder.ins().bitselect(mask, *a, *b)
    }

    fn max(&mut self, a: &Value, b: &Value) -> Value {
        let mask = self.compare(FloatCC::LessThan, *b, *a);
        self.builder.ins().bitselect(mask, *a, *b)
    }

    fn abs(&mut self, a: &Value) -> Value {
        self.builder.ins().fabs(*a)
    }

    fn sqrt(&mut self, a: &Value) -> Value {
        self.builder.ins().sqrt(*a)
    }

    fn less(&mut self, a: &Value, b: &Value) -> Value {
        self.compare(FloatCC::LessThan, *a, *b)
    }

    fn at_most(&mut self, a: &Value, b: &Value) -> Value {
        self.compare(FloatCC::LessThanOrEqual, *a, *b)
    }

    fn equal(&mut self, a: &Value, b: &Value) -> Value {
        self.compare(FloatCC::Equal, *a, *b)
    }

    fn same(&mut self, a: &Value, b: &Value) -> Value {
        let mask = self.builder.ins().icmp(IntCC::Equal, *a, *b);
        self.floats(&mask)
    }

    fn select(&mut self, mask: Value, a: &Value, b: &Value) -> Value {
        self.builder.ins().bitselect(mask, *a, *b)
    }

    fn bits(&mut self, a: &Value) -> Value {
        self.builder.ins().bitcast(I32X4, MemFlagsData::new(), *a)
    }

    fn floats(&mut self, a: &Value) -> Value {
        self.builder.ins().bitcast(F32X4, MemFlagsData::new(), *a)
    }

    fn signed_to_float(&mut self, a: &Value) -> Value {
        self.builder.ins().fcvt_from_sint(F32X4, *a)
    }

    fn word_add(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().iadd(*a, *b)
    }

    fn word_sub(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().isub(*a, *b)
    }

    fn word_and(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().band(*a, *b)
    }

    fn word_or(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().bor(*a, *b)
    }

    fn word_xor(&mut self, a: &Value, b: &Value) -> Value {
        self.builder.ins().bxor(*a, *b)
    }

    fn shift_left(&mut self, a: &Value, by: u32) -> Value {
        self.builder.ins().ishl_imm_u(*a, i64::from(by))
    }

    fn shift_right_signed(&mut self, a: &Value, by: u32) -> Value {
        self.builder.ins().sshr_imm_u(*a, i64::from(by))
    }
}
