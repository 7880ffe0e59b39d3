//! The text form and the verifier.

use proptest::prelude::*;
use samp_compiler::ir::kernel::{Inst, Kernel};
use samp_compiler::ir::kernel_text::parse_kernel;
use samp_compiler::ir::kernel_verify::{VerifyError, verify};
use samp_compiler::ir::op::Op;

use crate::random::measuring;

const STEP: &str = "\
kernel step_0 (loads 2, scalars 2, noises 0) {
  v0 = load 0
  v1 = scalar 0
  v2 = mul v0 v1
  v3 = load 1
  v4 = scalar 1
  v5 = fma v4 v3 v2
  store 0 v5
}
";

proptest! {
    #[test]
    fn printed_kernels_parse_back(kernel in measuring(Op::ALL.to_vec())) {
        prop_assert_eq!(verify(&kernel), Ok(()));
        prop_assert_eq!(parse_kernel(&kernel.to_string()).unwrap(), kernel);
    }

    #[test]
    fn any_text_is_an_answer(text in "\\PC*") {
        let _ = parse_kernel(&text);
    }

    #[test]
    fn damaged_kernels_are_an_answer(
        at in 0..STEP.len(),
        cut in 0usize..12,
        insert in "[ 0-9v={}(),a-z\\-\n.]{0,8}",
    ) {
        let (kept, rest) = STEP.split_at(STEP.floor_char_boundary(at));
        let text = format!("{kept}{insert}{}", rest.chars().skip(cut).collect::<String>());
        if let Ok(kernel) = parse_kernel(&text) {
            let _ = verify(&kernel);
            prop_assert_eq!(parse_kernel(&kernel.to_string()).unwrap(), kernel);
        }
    }
}

#[test]
fn the_text_is_the_kernel() {
    let mut kernel = Kernel::new("step_0");
    let (x, a) = (kernel.load(0), kernel.scalar(0));
    let ax = kernel.apply(Op::Mul, [x, a]);
    let (f, b) = (kernel.load(1), kernel.scalar(1));
    let sum = kernel.apply(Op::Fma, [b, f, ax]);
    kernel.store(sum);
    assert_eq!(kernel.to_string(), STEP);
    assert_eq!(parse_kernel(STEP).unwrap(), kernel);
}

#[test]
fn constants_keep_all_digits() {
    for number in [0.1, -0.0, 1e300, 5e-324, 1.0 / 3.0, 123_456_789.0] {
        let mut kernel = Kernel::new("k");
        let value = kernel.constant(number);
        kernel.store(value);
        assert_eq!(parse_kernel(&kernel.to_string()).unwrap(), kernel);
    }
}

#[test]
fn blank_lines_and_comments_are_skipped() {
    let text = STEP.replace("  v3", "\n  // the network's output\n  v3");
    assert_eq!(parse_kernel(&text), parse_kernel(STEP));
}

#[test]
fn the_key_is_without_the_name() {
    let kernel = parse_kernel(STEP).unwrap();
    let other = parse_kernel(&STEP.replace("step_0", "step_1")).unwrap();
    assert_ne!(kernel, other);
    assert_eq!(kernel.key(), other.key());
    let other = parse_kernel(&STEP.replace("fma v4 v3", "fma v3 v4")).unwrap();
    assert_ne!(kernel.key(), other.key());
}

#[test]
fn errors_name_the_line() {
    let cases = [
        ("", "line 1: expected `kernel`, found the end of the text"),
        ("kernel k {", "line 1: expected `kernel name (loads 0, scalars 0, noises 0) {`, found `kernel k {`"),
        ("kernel k (loads 0, scalars 0, noises 0) {\n\n", "line 2: expected `}`, found the end of the text"),
    ];
    for (text, message) in cases {
        assert_eq!(parse_kernel(text).unwrap_err().to_string(), message);
    }
    let damage = [
        ("mul v0 v1", "mix v0 v1", "line 4: expected an operation, found `mix`"),
        ("mul v0 v1", "mul v0", "line 4: expected 2 operands of `mul`, found 1"),
        ("mul v0 v1", "mul v0 1", "line 4: expected a value like `v3`, found `1`"),
        ("v2 = mul", "v3 = mul", "line 4: expected `v2 = ..`, found `v3`"),
        ("store 0", "store 1", "line 8: expected number 0, found `1`"),
        ("load 0", "load x", "line 2: expected a count, found `x`"),
        ("}\n", "}\nmore\n", "line 10: expected the end, found `more`"),
    ];
    for (from, to, message) in damage {
        let text = STEP.replacen(from, to, 1);
        assert_eq!(parse_kernel(&text).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_verifier_sees_each_broken_invariant() {
    type Change = fn(&mut Kernel);
    let broken = |change: Change| {
        let mut kernel = parse_kernel(STEP).unwrap();
        change(&mut kernel);
        verify(&kernel).unwrap_err()
    };
    let number = |error: &VerifyError| error.to_string()[10..11].parse::<u32>().unwrap();
    let changes: [(u32, Change); 8] = [
        (1, |k| k.name = "two words".to_owned()),
        (2, |k| {
            let last = k.insts.last().map(|(value, _)| value).unwrap();
            k.insts[last].args_mut()[0] = last;
        }),
        (3, |k| {
            let x = k.insts.keys().next().unwrap();
            k.apply(Op::Add, [x]);
        }),
        (4, |k| k.n_loads = 1),
        (5, |k| {
            k.constant(f64::NAN);
        }),
        (6, |k| k.stores.clear()),
        (7, |k| {
            let mut longer = k.clone();
            let value = longer.constant(0.0);
            k.store(value);
        }),
        (8, |k| {
            k.load(5000);
        }),
    ];
    for (invariant, change) in changes {
        assert_eq!(number(&broken(change)), invariant);
    }
}

#[test]
fn operands_are_the_table_s() {
    for &op in Op::ALL {
        assert_eq!(Op::from_name(op.name()), Some(op));
        assert!((1..=3).contains(&op.arity()) && !op.doc().is_empty());
    }
    let kernel = parse_kernel(STEP).unwrap();
    let arities = kernel.insts.values().map(|inst| match inst {
        Inst::Apply { op, args } => op.arity() - args.as_slice().len(),
        leaf => leaf.args().len(),
    });
    assert_eq!(arities.sum::<usize>(), 0);
}
