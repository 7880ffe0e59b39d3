//! A kernel: pure elementwise SSA from buffers to buffers, and reductions of what it computes.
//!
//! A [`Kernel`] says what one element of the outputs is, given the same element of the
//! inputs, the scalars of the launch, the cells of the sample, and noise. It knows no shapes, dtypes or devices and
//! has no control flow. A cell is one number per sample: a launch reduces values to cells, and later launches read
//! them. It is built with [`Kernel::load`], [`Kernel::apply`],
//! [`Kernel::store`] and friends, checked by [`kernel_verify`](super::kernel_verify), and
//! printed by [`kernel_text`](super::kernel_text).
//!
//! All loads of an element happen before its stores, so a store may go to a buffer that is
//! also loaded.

use cranelift_entity::PrimaryMap;

use super::entities::Value;
use super::op::{Op, Reduction};

/// One elementwise function of buffers, scalars and noise.
///
/// The fields are public: passes rewrite them and the verifier is the judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// The name: for people and profiles, without meaning.
    pub name: String,
    /// How many input buffers a launch gives.
    pub n_loads: u32,
    /// How many scalars a launch gives.
    pub n_scalars: u32,
    /// How many noise sources a launch gives.
    pub n_noises: u32,
    /// How many cells a launch gives.
    pub n_cells: u32,
    /// The instructions in order; an operand is defined above its use.
    pub insts: PrimaryMap<Value, Inst>,
    /// The value that goes to output buffer 0, 1, ..
    pub stores: Vec<Value>,
    /// What goes to output cell 0, 1, ..
    pub reduces: Vec<Reduce>,
}

/// One number per sample, made of a value's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reduce {
    /// How they are reduced.
    pub how: Reduction,
    /// The value.
    pub value: Value,
}

/// The definition of one [`Value`].
#[derive(Clone, Debug, PartialEq)]
pub enum Inst {
    /// The element of this input buffer.
    Load(u32),
    /// This scalar of the launch.
    Scalar(u32),
    /// A standard normal of this noise source.
    Noise(u32),
    /// The number of this cell that belongs to the sample, rounded once to the dtype of the launch.
    Cell(u32),
    /// A number, rounded once to the dtype of the launch.
    Const(f64),
    /// An operation on earlier values.
    Apply {
        /// What to compute.
        op: Op,
        /// The operands; their number is [`Op::arity`].
        args: Args,
    },
}

impl Inst {
    /// The operands; none for the leaves.
    pub fn args(&self) -> &[Value] {
        match self {
            Inst::Load(_) | Inst::Scalar(_) | Inst::Noise(_) | Inst::Cell(_) | Inst::Const(_) => &[],
            Inst::Apply { args, .. } => args.as_slice(),
        }
    }

    /// The operands, to be renamed.
    pub fn args_mut(&mut self) -> &mut [Value] {
        match self {
            Inst::Load(_) | Inst::Scalar(_) | Inst::Noise(_) | Inst::Cell(_) | Inst::Const(_) => &mut [],
            Inst::Apply { args, .. } => args.as_mut_slice(),
        }
    }
}

/// One to three operands. Made `from` an array of values, so that no operation can get
/// more operands than the table allows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Args {
    /// Slots from `n_args` on repeat the first operand.
    values: [Value; 3],
    n_args: u8,
}

impl Args {
    /// The operands as a list of 1 to 3 values, or nothing for another number.
    pub fn from_slice(values: &[Value]) -> Option<Args> {
        match *values {
            [a] => Some([a].into()),
            [a, b] => Some([a, b].into()),
            [a, b, c] => Some([a, b, c].into()),
            _ => None,
        }
    }

    /// The operands in order.
    pub fn as_slice(&self) -> &[Value] {
        &self.values[..usize::from(self.n_args)]
    }

    /// The operands in order, to be renamed.
    pub fn as_mut_slice(&mut self) -> &mut [Value] {
        &mut self.values[..usize::from(self.n_args)]
    }
}

impl From<[Value; 1]> for Args {
    fn from([a]: [Value; 1]) -> Args {
        Args { values: [a, a, a], n_args: 1 }
    }
}

impl From<[Value; 2]> for Args {
    fn from([a, b]: [Value; 2]) -> Args {
        Args { values: [a, b, a], n_args: 2 }
    }
}

impl From<[Value; 3]> for Args {
    fn from(values: [Value; 3]) -> Args {
        Args { values, n_args: 3 }
    }
}

impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// What a kernel computes, without its name: equal keys may share one compiled kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelKey(pub(super) String);

/// Building. Slot counts grow with use, and values come only from this kernel's own
/// instructions, so what is left to get wrong is an operand count; the verifier sees that.
impl Kernel {
    /// A kernel without instructions.
    pub fn new(name: impl Into<String>) -> Kernel {
        Kernel {
            name: name.into(),
            n_loads: 0,
            n_scalars: 0,
            n_noises: 0,
            n_cells: 0,
            insts: PrimaryMap::new(),
            stores: Vec::new(),
            reduces: Vec::new(),
        }
    }

    /// The element of input buffer `slot`.
    pub fn load(&mut self, slot: u32) -> Value {
        self.n_loads = self.n_loads.max(slot.saturating_add(1));
        self.insts.push(Inst::Load(slot))
    }

    /// Scalar `slot` of the launch.
    pub fn scalar(&mut self, slot: u32) -> Value {
        self.n_scalars = self.n_scalars.max(slot.saturating_add(1));
        self.insts.push(Inst::Scalar(slot))
    }

    /// A standard normal of noise source `slot`.
    pub fn noise(&mut self, slot: u32) -> Value {
        self.n_noises = self.n_noises.max(slot.saturating_add(1));
        self.insts.push(Inst::Noise(slot))
    }

    /// The number of cell `slot` that belongs to the sample.
    pub fn cell(&mut self, slot: u32) -> Value {
        self.n_cells = self.n_cells.max(slot.saturating_add(1));
        self.insts.push(Inst::Cell(slot))
    }

    /// A number known now.
    pub fn constant(&mut self, number: f64) -> Value {
        self.insts.push(Inst::Const(number))
    }

    /// `op` of `args`: `kernel.apply(Op::Mul, [a, b])`.
    pub fn apply(&mut self, op: Op, args: impl Into<Args>) -> Value {
        self.insts.push(Inst::Apply { op, args: args.into() })
    }

    /// Sends `value` to the next output buffer and returns that buffer's number.
    pub fn store(&mut self, value: Value) -> usize {
        self.stores.push(value);
        self.stores.len() - 1
    }

    /// Reduces `value` into the next output cell and returns that cell's number.
    pub fn reduce(&mut self, how: Reduction, value: Value) -> usize {
        self.reduces.push(Reduce { how, value });
        self.reduces.len() - 1
    }

    /// All values that leave the kernel: those of stores, then those of reductions.
    pub fn results(&self) -> impl Iterator<Item = Value> + '_ {
        self.stores.iter().copied().chain(self.reduces.iter().map(|reduce| reduce.value))
    }
}
