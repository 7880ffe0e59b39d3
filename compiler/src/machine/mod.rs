//! The interpreter: the meaning of a program, in any arithmetic.
//!
//! A [`Machine`] evaluates functions of a [`Program`]. Host numbers are the arithmetic's, conditions are decided on
//! their points, tensors are made by the arithmetic. It counts its work and gives up with a diagnostic when there is
//! too much of it; nothing a user writes makes it panic or run for ever.

pub mod adaptive;
mod exec;
mod functions;
pub mod host;
mod integral;
mod items;
pub mod ledger;
mod legs;
pub mod level;
mod lists;
mod naming;
mod positions;
mod predict;
pub mod renew;
mod run;
pub mod schedule;
pub(crate) mod tableaux;
pub mod value;

use std::collections::HashMap;
use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

pub use predict::ONLY_BRANCH;
pub use run::{GivenLevel, GivenLevels, RunConfig, Setup};
pub use value::{ItemValue, Tensor, Value};

use crate::arith::{Arith, Real};
use crate::ir::program::{Func, ItemRef, Program};
use crate::types::Kind;
use crate::words::Measure;
use level::Level;
use schedule::Schedule;

/// What went wrong, boxed to keep results small.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// How many instructions and list entries one run may cost.
const MAX_WORK: u64 = 30_000_000;

/// How deep calls may nest.
const MAX_DEPTH: u32 = 48;

/// An interpreter.
pub struct Machine<'p, A: Arith> {
    /// What is run.
    pub program: &'p Program,
    /// What numbers and tensors are.
    pub arith: A,
    pub(crate) at: Place<A>,
    pub(crate) counts: Counts,
    ledger: ledger::Ledger,
    work: u64,
    depth: u32,
    consts: HashMap<Func, Value<A>>,
    instances: Vec<Instance<A>>,
    children: HashMap<ChildKey, usize>,
    answers: Vec<Answer<A>>,
    /// The step that is tried, where steps are found as they go.
    trial: Option<adaptive::Trial<A>>,
    given: Option<A::Tensor>,
    /// What stands for a further output that the model does not give; nothing in a run of a pipeline.
    pub(crate) stand_in: Option<f64>,
    next_id: u32,
    collected: Vec<Vec<Value<A>>>,
    /// Room for the values of functions, used again.
    spare: Vec<Vec<Value<A>>>,
    /// The schedule that is being opened, for messages.
    opening: Arc<str>,
    /// Where the options that are being looked at were given.
    binding: Option<Span>,
    /// The outermost call of a function in the body of the rule that runs.
    called: Option<Span>,
    /// Functions of the host.
    pub(crate) hosts: host::Hosts,
    /// Measures items, where a test asks for it.
    pub(crate) gauge: Option<Arc<dyn Gauge<A> + 'p>>,
}

/// Measures items for tests.
pub(crate) trait Gauge<A: Arith>: Send + Sync {
    /// What is found of these items; an error says why nothing is.
    fn measure(&self, measure: Measure, items: &[Arc<ItemValue<A>>], span: Span) -> Result<Value<A>>;
}

/// What a run has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fresh draws asked for.
    pub draws: u32,
    /// Network calls, branches counted one by one.
    pub networks: u32,
    /// Readings of what differs between schedules at one half log-SNR: the clock and its ends, and levels made from
    /// the clock or, outside VE coordinates, from alpha or sigma.
    pub own_coordinates: u32,
}

/// Where a run is.
pub(crate) struct Place<A: Arith> {
    pub(crate) schedule: Option<Arc<Schedule<A>>>,
    pub(crate) model: Option<Arc<ItemValue<A>>>,
    pub(crate) guidance: Option<Arc<ItemValue<A>>>,
    pub(crate) grid: Arc<Vec<Value<A>>>,
    pub(crate) n: i64,
    pub(crate) i: i64,
    pub(crate) height: i64,
    pub(crate) width: i64,
    pub(crate) inputs: HashMap<Arc<str>, Tensor<A>>,
    /// The rule that runs is written in VE coordinates.
    pub(crate) ve: bool,
    /// Whose state is meant.
    pub(crate) instance: usize,
    /// Named arguments of the guided call that is being answered.
    pub(crate) passed: Vec<(Arc<str>, Vec<A::Real>)>,
    /// The model call that a `network` belongs to.
    pub(crate) call: Option<predict::OpenCall<A>>,
}

/// Whose state a nested item has: that of the item around it, at one place.
type ChildKey = (usize, ItemRef, Span);

/// What a sampler or guidance keeps.
struct Instance<A: Arith> {
    fresh: bool,
    options: Arc<Vec<Value<A>>>,
    item: Option<ItemRef>,
    histories: Vec<Vec<Value<A>>>,
    states: Vec<Value<A>>,
    track: ledger::Track,
}

impl<A: Arith> Clone for Instance<A> {
    fn clone(&self) -> Self {
        let Instance { fresh, options, item, histories, states, track } = self;
        Instance {
            fresh: *fresh,
            options: options.clone(),
            item: *item,
            histories: histories.clone(),
            states: states.clone(),
            track: track.clone(),
        }
    }
}

/// A model call that was made.
struct Answer<A: Arith> {
    sample: u32,
    by: predict::By,
    at: Option<u64>,
    args: Vec<(Arc<str>, Vec<u64>)>,
    kind: Kind,
    data: A::Tensor,
    /// Further outputs of the model.
    outputs: predict::Outputs<A>,
    /// The sample, in the schedule's own coordinates.
    x: A::Tensor,
    level: Arc<Level<A::Real>>,
}

impl<'p, A: Arith> Machine<'p, A> {
    /// An interpreter at the start of a run.
    pub fn new(program: &'p Program, arith: A) -> Self {
        let root = Instance {
            fresh: true,
            options: Arc::default(),
            item: None,
            histories: Vec::new(),
            states: Vec::new(),
            track: ledger::Track::default(),
        };
        Machine {
            program,
            arith,
            at: Place {
                schedule: None,
                model: None,
                guidance: None,
                grid: Arc::default(),
                n: 0,
                i: 0,
                height: 1,
                width: 1,
                inputs: HashMap::new(),
                ve: false,
                instance: 0,
                passed: Vec::new(),
                call: None,
            },
            counts: Counts::default(),
            ledger: ledger::Ledger::default(),
            work: 0,
            depth: 0,
            consts: HashMap::new(),
            instances: vec![root],
            children: HashMap::new(),
            answers: Vec::new(),
            trial: None,
            given: None,
            stand_in: Some(0.5),
            next_id: 0,
            collected: Vec::new(),
            spare: Vec::new(),
            opening: Arc::from(""),
            binding: None,
            called: None,
            hosts: host::Hosts::default(),
            gauge: None,
        }
    }

    /// Counts work, and gives up when there is too much.
    fn spend(&mut self, amount: u64, span: Span) -> Result<()> {
        self.work = self.work.saturating_add(amount);
        if self.work > MAX_WORK {
            let found = Diagnostic::new(Code::E0509, span, "planning this run takes too much work");
            return Err(Box::new(found.help("take fewer steps or rounds, or shorter lists")));
        }
        Ok(())
    }

    /// The schedule of the run, which names and options of a schedule do not have.
    fn schedule_here(&self, span: Span) -> Result<Arc<Schedule<A>>> {
        self.at.schedule.clone().ok_or_else(|| {
            let found = Diagnostic::new(Code::E0508, span, "there are no levels here: no schedule is chosen yet");
            Box::new(found.help("levels can be read in grids, rules and the slots of a pipeline beside its schedule"))
        })
    }

    fn fresh_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    fn tensor(&mut self, data: A::Tensor, kind: Kind, level: Option<Arc<Level<A::Real>>>) -> Tensor<A> {
        Tensor { data, id: self.fresh_id(), kind, level }
    }
}

impl<A: Arith> Value<A> {
    /// A number, whole or real.
    pub fn real(&self) -> Option<A::Real> {
        match self {
            Value::Int(value) => Some(A::Real::from_f64(*value as f64)),
            Value::Real(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// The point of a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Real(value) => Some(value.to_f64()),
            _ => None,
        }
    }
}

/// A bug of ours: a value that the checker should have kept out.
pub(crate) fn internal(span: Span, what: &str) -> Box<Diagnostic> {
    let message = format!("internal error: {what}");
    Box::new(Diagnostic::new(Code::E0000, span, message).help("please report this, with the file"))
}
