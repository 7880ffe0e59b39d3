//! Random kernels that verify.

use proptest::prelude::*;
use samp_compiler::ir::entities::Value;
use samp_compiler::ir::kernel::{Args, Inst, Kernel};
use samp_compiler::ir::op::{Op, Reduction};

/// One choice of the generator; indices are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Choice {
    Load(u32),
    Scalar(u32),
    Noise(u32),
    Cell(u32),
    Const(f64),
    Apply(Op, [usize; 3]),
}

/// Kernels of `ops` with up to 4 loads, scalars, noises and stores.
#[allow(dead_code, reason = "the tests of a crate may need only one of the two")]
pub fn kernels(ops: Vec<Op>) -> impl Strategy<Value = Kernel> {
    measuring(ops).prop_map(|mut kernel| {
        for inst in kernel.insts.values_mut().filter(|inst| matches!(inst, Inst::Cell(_))) {
            *inst = Inst::Const(0.5);
        }
        kernel.n_cells = 0;
        kernel.reduces.clear();
        kernel
    })
}

/// Kernels of `ops` with up to 4 loads, scalars, noises, cells, stores and reductions.
#[allow(dead_code, reason = "the tests of a crate may need only one of the two")]
pub fn measuring(ops: Vec<Op>) -> impl Strategy<Value = Kernel> {
    let choice = prop_oneof![
        2 => (0u32..4).prop_map(Choice::Load),
        1 => (0u32..4).prop_map(Choice::Scalar),
        1 => (0u32..2).prop_map(Choice::Noise),
        1 => (0u32..3).prop_map(Choice::Cell),
        1 => (-4.0..4.0).prop_map(Choice::Const),
        8 => (prop::sample::select(ops), any::<[usize; 3]>()).prop_map(|(op, args)| Choice::Apply(op, args)),
    ];
    let choices = prop::collection::vec(choice, 1..40);
    let stores = prop::collection::vec(any::<usize>(), 1..4);
    let how = prop_oneof![Just(Reduction::Mean), Just(Reduction::Max), (0.0..=1.0).prop_map(Reduction::Quantile)];
    let reduces = prop::collection::vec((how, any::<usize>()), 0..4);
    (choices, stores, reduces).prop_map(|(choices, stores, reduces)| build(&choices, &stores, &reduces))
}

fn build(choices: &[Choice], stores: &[usize], reduces: &[(Reduction, usize)]) -> Kernel {
    let mut kernel = Kernel::new("random");
    let mut values: Vec<Value> = vec![kernel.load(0)];
    for choice in choices {
        let value = match choice {
            Choice::Load(slot) => kernel.load(*slot),
            Choice::Scalar(slot) => kernel.scalar(*slot),
            Choice::Noise(slot) => kernel.noise(*slot),
            Choice::Cell(slot) => kernel.cell(*slot),
            Choice::Const(number) => kernel.constant(*number),
            Choice::Apply(op, args) => {
                let args = args.map(|arg| values[arg % values.len()]);
                kernel.apply(*op, Args::from_slice(&args[..op.arity()]).unwrap())
            }
        };
        values.push(value);
    }
    // Late values, so that most of the kernel counts.
    let late = |choice: &usize| values[values.len() - 1 - choice % values.len().min(4)];
    for store in stores {
        kernel.store(late(store));
    }
    for (how, reduce) in reduces {
        kernel.reduce(*how, late(reduce));
    }
    kernel
}

/// Numbers of mixed size and sign, with the special ones among them.
pub fn numbers(n: usize, salt: u32) -> Vec<f32> {
    let special = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, 1e30, -1e-20];
    let number = |i: usize| {
        let mut word = (i as u32).wrapping_mul(0x9E37_79B9) ^ salt.wrapping_mul(0x85EB_CA6B);
        word = (word ^ (word >> 15)).wrapping_mul(0x2C1B_3C6D);
        word ^= word >> 13;
        match word % 37 {
            0 => special[(word / 37) as usize % special.len()],
            _ => (word >> 8) as f32 / 8_388_608.0 * 4.0 - 4.0,
        }
    };
    (0..n).map(number).collect()
}
