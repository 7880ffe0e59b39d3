//! The function of a kernel: an entry that loads what stays, and one loop.
//!
//! ```text
//! entry(pointers, scalars, start, end):  load base pointers and scalars; i = start in bytes
//! turn(i):                               the kernel on `unroll` vectors at i; i += turn
//!                                        again while i < end
//! ```
//!
//! There is at least one turn and no tail: the caller pads. Each vector is loaded, computed
//! and stored before the next, so that a store may be a load's own buffer.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, Type};
use cranelift_codegen::ir::{self, AbiParam, BlockArg, Function, InstBuilder, MemFlagsData};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_entity::SecondaryMap;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::MAX_WIDTH;
use super::lanes::Vectors;
use crate::backend::Dtype;
use crate::ir::entities::Value;
use crate::ir::kernel::{Inst, Kernel};

/// Bytes of one vector.
const VECTOR: usize = 16;

/// How a kernel is laid out.
pub(super) struct Style {
    dtype: Dtype,
    /// Vectors of one turn.
    unroll: usize,
    has_fma: bool,
    target: TargetFrontendConfig,
}

impl Style {
    /// Unrolls small kernels, whose loop would else cost; large ones would only get long.
    pub(super) fn of(kernel: &Kernel, dtype: Dtype, has_fma: bool, target: TargetFrontendConfig) -> Style {
        let unroll = match kernel.insts.values().map(weight).sum::<usize>() {
            0..=32 => 4,
            33..=64 => 2,
            _ => 1,
        };
        Style { dtype, unroll, has_fma, target }
    }

    /// Elements of one turn.
    pub(super) fn width(&self) -> usize {
        let width = self.unroll * VECTOR / self.dtype.size();
        debug_assert!(width <= MAX_WIDTH, "the widest is four vectors of f32");
        width
    }

    fn vector_type(&self) -> Type {
        match self.dtype {
            Dtype::F32 => F32X4,
            Dtype::F64 => F64X2,
        }
    }

    /// Bytes from one scalar's row to the next: rows have four numbers.
    fn row(&self) -> usize {
        4 * self.dtype.size()
    }
}

/// About how many machine instructions an instruction is.
fn weight(inst: &Inst) -> usize {
    match inst {
        Inst::Scalar(_) | Inst::Cell(_) | Inst::Const(_) => 0,
        Inst::Load(_) | Inst::Noise(_) => 1,
        Inst::Apply { op, .. } if op.is_exact() => 1,
        Inst::Apply { .. } => 24,
    }
}

/// The signature that `Entry` names in Rust.
pub(super) fn signature(style: &Style) -> ir::Signature {
    let mut signature = ir::Signature::new(style.target.default_call_conv);
    signature.params = vec![AbiParam::new(style.target.pointer_type()); 4];
    signature
}

/// Writes the body of `function`, which has its signature.
pub(super) fn emit(function: &mut Function, context: &mut FunctionBuilderContext, kernel: &Kernel, style: &Style) {
    let mut builder = FunctionBuilder::new(function, context);
    let [entry, turn, exit] = [(); 3].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    let i = builder.append_block_param(turn, style.target.pointer_type());

    builder.switch_to_block(entry);
    let held = emit_entry(&mut builder, entry, kernel, style);
    builder.ins().jump(turn, &[BlockArg::Value(held.start)]);

    builder.switch_to_block(turn);
    for k in 0..style.unroll {
        let mut lanes = Vectors { builder: &mut builder, ty: style.vector_type(), has_fma: style.has_fma };
        emit_vector(&mut lanes, kernel, &held, At { i, offset: (k * VECTOR) as i32 });
    }
    let next = builder.ins().iadd_imm_s(i, (style.unroll * VECTOR) as i64);
    let more = builder.ins().icmp(IntCC::UnsignedLessThan, next, held.end);
    builder.ins().brif(more, turn, &[BlockArg::Value(next)], exit, &[]);

    builder.switch_to_block(exit);
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    builder.finalize(style.target);
}

/// What the loop keeps.
struct Held {
    /// To loads, noises, stores and reduced values.
    pointers: Vec<ir::Value>,
    /// Scalars, then cells, as vectors.
    scalars: Vec<ir::Value>,
    /// The first byte of every buffer.
    start: ir::Value,
    /// The byte after the last.
    end: ir::Value,
}

/// Loads what the loop keeps.
fn emit_entry(builder: &mut FunctionBuilder<'_>, entry: ir::Block, kernel: &Kernel, style: &Style) -> Held {
    let params = builder.block_params(entry).to_vec();
    let (pointers, rows, start, end) = (params[0], params[1], params[2], params[3]);
    let mut load = |ty: Type, base: ir::Value, offset: usize| builder.ins().load(ty, flags(), base, offset as i32);
    let n_pointers = (kernel.n_loads + kernel.n_noises) as usize + kernel.results().count();
    let (pointer, vector) = (style.target.pointer_type(), style.vector_type());
    let pointer_size = pointer.bytes() as usize;
    let pointers = (0..n_pointers).map(|k| load(pointer, pointers, k * pointer_size)).collect();
    let n_rows = (kernel.n_scalars + kernel.n_cells) as usize;
    let scalars = (0..n_rows).map(|k| load(vector, rows, k * style.row())).collect();
    let shift = i64::from(style.dtype.size().trailing_zeros());
    let (start, end) = (builder.ins().ishl_imm_u(start, shift), builder.ins().ishl_imm_u(end, shift));
    Held { pointers, scalars, start, end }
}

/// A place in every buffer: byte `i` and a constant offset.
#[derive(Clone, Copy)]
struct At {
    i: ir::Value,
    offset: i32,
}

/// The kernel on one vector of elements.
fn emit_vector(lanes: &mut Vectors<'_, '_>, kernel: &Kernel, held: &Held, at: At) {
    let mut values: SecondaryMap<Value, Option<ir::Value>> = SecondaryMap::new();
    for (value, inst) in &kernel.insts {
        let vector = match inst {
            Inst::Load(slot) => load(lanes, held.pointers[*slot as usize], at),
            Inst::Noise(slot) => load(lanes, held.pointers[(kernel.n_loads + slot) as usize], at),
            Inst::Scalar(slot) => held.scalars[*slot as usize],
            Inst::Cell(slot) => held.scalars[(kernel.n_scalars + slot) as usize],
            Inst::Const(number) => lanes.constant(*number),
            Inst::Apply { op, args } => {
                let args = args.as_slice().iter();
                let args: Vec<ir::Value> = args.filter_map(|&arg| values[arg]).collect();
                lanes.apply(*op, &args)
            }
        };
        values[value] = Some(vector);
    }
    let first_store = (kernel.n_loads + kernel.n_noises) as usize;
    for (slot, value) in kernel.results().enumerate() {
        if let Some(vector) = values[value] {
            let address = lanes.builder.ins().iadd(held.pointers[first_store + slot], at.i);
            lanes.builder.ins().store(flags(), vector, address, at.offset);
        }
    }
}

fn load(lanes: &mut Vectors<'_, '_>, base: ir::Value, at: At) -> ir::Value {
    let address = lanes.builder.ins().iadd(base, at.i);
    lanes.builder.ins().load(lanes.ty, flags(), address, at.offset)
}

/// Good memory without alignment.
fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}
