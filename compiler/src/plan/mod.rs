//! From a program with its options and grid to a plan.
//!
//! The program is traced (every scalar in f64, every condition decided), the tape is simplified by the passes, cut at
//! the model calls, and what lies between two calls becomes one kernel. Nothing runs yet.

pub mod adaptive;
mod assign;
mod cut;
mod fuse;

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};

use crate::arith::trace::{Node, NodeKind, Tape};
use crate::ir::plan::{LevelRow, Plan, PlanOp};
use crate::ir::program::{ItemBody, ItemRef, Program};
use crate::machine::level::Level;
use crate::machine::{Machine, Result, RunConfig, Value};
use crate::pass;
use crate::types::Kind;

/// A plan, and what may be wrong with it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// A run traced and simplified, before it is cut.
pub struct Traced {
    /// All its tensors.
    pub tape: Tape,
    /// The levels.
    pub levels: Vec<LevelRow>,
    /// The sampler's name.
    pub sampler: Arc<str>,
    /// The schedule's name.
    pub schedule: Arc<str>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Plans a run of a pipeline. Where a sampler finds its own steps, this is the first that it tries.
pub fn plan(program: &Program, pipeline: ItemRef, config: &RunConfig) -> Result<Planned> {
    plan_with(program, pipeline, Vec::new(), config)
}

/// The same for a pipeline with some options given.
pub(crate) fn plan_with(
    program: &Program,
    pipeline: ItemRef,
    given: Vec<Value<Tape>>,
    config: &RunConfig,
) -> Result<Planned> {
    if let Some(mut run) = adaptive::Adaptive::new(program, pipeline, given.clone(), config)? {
        run.start()?;
        if let Some(first) = run.propose()? {
            return Ok(first.planned);
        }
    }
    of_traced(program, pipeline, trace(program, pipeline, given, config)?, config.cast)
}

/// Simplifies, cuts, fuses and gives buffers.
fn of_traced(program: &Program, pipeline: ItemRef, mut traced: Traced, cast: bool) -> Result<Planned> {
    pass::run_all(&mut traced.tape);
    if traced.tape.unread > 0 {
        let span = program.items[pipeline].span.0;
        let message = format!("{} evaluations of the network are asked for and never used", traced.tape.unread);
        traced
            .warnings
            .push(Diagnostic::new(Code::W0513, span, message).help("they are not made; remove the call from the rule"));
    }
    let segments = cut::cut(&traced.tape, cast);
    let network = match &program.items[pipeline].body {
        ItemBody::Pipeline(code) => code.network.clone(),
        _ => None,
    };
    let warnings = std::mem::take(&mut traced.warnings);
    let plan = assign::assign(&traced, &segments, network);
    if let Some(step) = not_finite(&plan) {
        let span = program.items[pipeline].span.0;
        let message = format!("the coefficients of step {} grow beyond all numbers", step + 1);
        let found = Diagnostic::new(Code::E0504, span, message);
        return Err(Box::new(found.help("take levels that are closer to each other")));
    }
    #[cfg(debug_assertions)]
    crate::ir::plan_verify::verify(&plan).expect("a plan keeps its invariants");
    Ok(Planned { plan, warnings })
}

/// The step of a launch with a coefficient that is not finite.
fn not_finite(plan: &Plan) -> Option<u32> {
    plan.ops.iter().find_map(|op| match op {
        PlanOp::Launch(launch) => launch.scalars.iter().any(|scalar| !scalar.is_finite()).then_some(launch.step),
        PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => None,
    })
}

/// Traces a run of a pipeline.
fn trace(program: &Program, pipeline: ItemRef, given: Vec<Value<Tape>>, config: &RunConfig) -> Result<Traced> {
    let mut machine = Machine::new(program, Tape::default());
    give_inputs(&mut machine, pipeline);
    let mut setup = machine.set_up_with(pipeline, given, config)?;
    let mut warnings = std::mem::take(&mut setup.warnings);
    let start = match &setup.start {
        Some(start) => start.data,
        None => {
            let start = machine.arith.nodes.push(NodeKind::Start);
            machine.arith.start = Some(start);
            start
        }
    };
    machine.run(&setup, start, |tape, _, x| tape.end_step(*x))?;
    warnings.extend(machine.ledger().stale.iter().map(crate::machine::ledger::Stale::warning));
    let times = machine.times(&setup.levels)?;
    let levels = setup.levels.iter().zip(times).map(|(level, time)| row(level, time)).collect();
    let schedule = machine.schedule().map_or_else(|| "".into(), |schedule| Arc::from(&*schedule.name));
    let sampler = program.items[setup.sampler.item].name.clone();
    Ok(Traced { tape: machine.arith, levels, sampler, schedule, warnings })
}

/// A tensor of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: Arc<str>,
    /// What it is: a `sample` without noise, or a `weight`.
    pub kind: Kind,
}

/// The tensors that a run of a pipeline asks its caller for.
pub fn inputs(program: &Program, pipeline: ItemRef) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut add = |name: &Arc<str>, kind| {
        inputs.retain(|known| known.name != *name);
        inputs.push(Input { name: name.clone(), kind });
    };
    if let ItemBody::Pipeline(code) = &program.items[pipeline].body {
        for name in &code.inputs {
            add(name, code.start.map_or(Kind::Sample, |start| input_kind(program, start, name)));
        }
    }
    for item in program.items.values() {
        if let ItemBody::Rules(code) = &item.body {
            for name in &code.inputs {
                // Which of the two an input is, the checker knows; a mask has no level, an image is at `clean`.
                add(name, input_kind(program, code.run, name));
            }
        }
    }
    inputs
}

/// Gives a run the tensors of its caller.
fn give_inputs(machine: &mut Machine<'_, Tape>, pipeline: ItemRef) {
    for Input { name, kind } in inputs(machine.program, pipeline) {
        let node = machine.arith.nodes.push(NodeKind::Input(name.clone()));
        machine.give_input(&name, node, kind);
    }
}

/// Whether an input is an image or a mask.
pub(crate) fn input_kind(program: &Program, run: crate::ir::program::Func, name: &Arc<str>) -> Kind {
    use crate::ir::program::{Block, Op, Shape, Value};
    fn find(block: &Block, name: &Arc<str>) -> Option<Value> {
        block.insts.iter().find_map(|inst| match &inst.op {
            Op::Input(input) if input == name => inst.out,
            _ => inst.blocks.iter().find_map(|block| find(block, name)),
        })
    }
    let function = &program.funcs[run];
    match find(&function.body, name).map(|value| function.values[value].shape) {
        Some(Shape::Tensor(kind)) => kind,
        _ => Kind::Sample,
    }
}

/// The coordinates of a level.
pub(crate) fn row(level: &Level<f64>, time: f64) -> LevelRow {
    LevelRow { time, alpha: level.alpha, sigma: level.sigma, lambda: level.lambda }
}

/// When a tensor can be computed: after how many calls.
pub(crate) type Ready = cranelift_entity::SecondaryMap<Node, u32>;

/// How many latent-sized buffers live between the steps of a run and at its peak, once its passes have run.
pub(crate) fn buffers(tape: &Tape) -> (u32, u32) {
    let n = tape.steps.len() + 1;
    let row = LevelRow { time: 0.0, alpha: 1.0, sigma: 0.0, lambda: f64::INFINITY };
    let traced = Traced {
        tape: tape.clone(),
        levels: vec![row; n],
        sampler: "".into(),
        schedule: "".into(),
        warnings: Vec::new(),
    };
    let segments = cut::cut(&traced.tape, false);
    let cost = assign::assign(&traced, &segments, None).cost;
    (cost.rest_buffers, cost.peak_buffers)
}
