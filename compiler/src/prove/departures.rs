//! What a rule does against the check, and says so: casts with their reasons, and calls that tell the network another
//! level than the sample's. Looked for in the rule and in the functions that it calls.

use std::collections::HashSet;

use crate::ir::program::{Block, Func, Op, Program};

/// The departures of a rule, in the order of the program, each once.
pub(super) fn of(program: &Program, run: Func) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([run]);
    let mut work = vec![run];
    while let Some(func) = work.pop() {
        look(&program.funcs[func].body, &mut found, &mut |called| {
            if seen.insert(called) {
                work.push(called);
            }
        });
    }
    found
}

fn look(block: &Block, found: &mut Vec<String>, called: &mut impl FnMut(Func)) {
    for inst in &block.insts {
        let departure = match &inst.op {
            Op::Cast { kind, reason, .. } => Some(format!("a cast to `{kind}`: {reason}")),
            Op::Predict { at: true, .. } => Some("a model call `at` another level than the sample's".to_owned()),
            _ => None,
        };
        found.extend(departure.filter(|departure| !found.contains(departure)));
        if let Op::Call(func) | Op::Closure(func) = &inst.op {
            called(*func);
        }
        inst.blocks.iter().for_each(|block| look(block, found, called));
    }
}
