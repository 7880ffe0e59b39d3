//! Lays a run out: launches and calls in order, kernels shared, buffers given by how long tensors live.

use std::collections::HashMap;
use std::sync::Arc;

use super::cut::{CutKind, Segments};
use super::fuse::{Fused, fuse};
use super::{Traced, row};
use crate::arith::trace::{Node, NodeKind, Tape};
use crate::ir::kernel::{Kernel, KernelKey};
use crate::ir::plan::{CallOp, Cell, Cost, Fed, KernelId, LaunchOp, Plan, PlanOp, Slot, Source, Target};

/// The order of things, before buffers are given.
enum Event {
    Launch { fused: Box<Fused>, stores: Vec<Node>, feeds: u32, step: u32 },
    Call { batch: u32, fed: bool, step: u32 },
    Step(u32),
    Emit(usize),
}

/// Makes the plan.
pub(super) fn assign(traced: &Traced, segments: &Segments, network: Option<Arc<str>>) -> Plan {
    let tape = &traced.tape;
    let events = events(tape, segments);
    let n_feeds = segments.segments.iter().filter_map(|segment| segment.feed).map(|(_, branches)| branches).max();
    let n_feeds = n_feeds.unwrap_or(0);
    let mut lay = Layout::new(tape, &events, n_feeds);
    for (at, event) in events.iter().enumerate() {
        lay.event(at, event);
    }
    Plan {
        sampler: traced.sampler.clone(),
        schedule: traced.schedule.clone(),
        network,
        levels: traced.levels.clone(),
        n_slots: lay.n_slots,
        n_cells: lay.n_cells,
        start: lay.start,
        n_feeds,
        inputs: inputs(tape),
        paths: tape.paths.iter().filter(|path| lay.drawn.contains(&path.draw)).copied().collect(),
        kernels: lay.kernels,
        ops: lay.ops,
        cost: lay.cost,
    }
}

fn inputs(tape: &Tape) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for kind in tape.nodes.values() {
        if let NodeKind::Input(name) = kind
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }
    names
}

fn events(tape: &Tape, segments: &Segments) -> Vec<Event> {
    let steps_of_batches = steps_of_batches(tape);
    let mut events = Vec::new();
    let mut step = 0;
    for (index, segment) in segments.segments.iter().enumerate() {
        let feeds = segment.feed.map_or(0, |(_, branches)| branches);
        if !segment.stores.is_empty() || !segment.reduces.is_empty() || feeds > 0 {
            let fused = Box::new(fuse(segment));
            events.push(Event::Launch { fused, stores: segment.stores.clone(), feeds, step });
        }
        events.extend(told(tape, segments, index));
        if let Some(CutKind::Call(batch)) = segments.cuts.get(index) {
            step = steps_of_batches[*batch as usize];
            events.push(Event::Call { batch: *batch, fed: feeds > 0, step });
        }
    }
    events
}

/// Ends of steps and tensors for the observer after a segment, in the order that the rule has them.
fn told(tape: &Tape, segments: &Segments, index: usize) -> Vec<Event> {
    let here = |node: Node| segments.ready[node] as usize == index;
    let mut told: Vec<((usize, bool), Event)> = Vec::new();
    for (at, (_, node, steps_done)) in tape.emits.iter().enumerate() {
        if here(*node) {
            told.push(((*steps_done, false), Event::Emit(at)));
        }
    }
    for (at, x) in tape.steps.iter().enumerate() {
        if here(*x) {
            told.push(((at, true), Event::Step(at as u32)));
        }
    }
    told.sort_by_key(|(place, _)| *place);
    told.into_iter().map(|(_, event)| event).collect()
}

/// The step that each batch of calls belongs to.
fn steps_of_batches(tape: &Tape) -> Vec<u32> {
    let step_of = |call: usize| tape.step_calls.partition_point(|done| *done <= call) as u32;
    tape.batches.iter().map(|batch| step_of(batch.first)).collect()
}

struct Layout<'t> {
    tape: &'t Tape,
    /// The last event that reads each tensor.
    last_read: HashMap<Node, usize>,
    /// The last event that reads each batch's outputs; that of its call where none does.
    last_output: Vec<Option<usize>>,
    /// The batches whose outputs each event is the last to read.
    dead_outputs: Vec<Vec<u32>>,
    live_outputs: u32,
    n_feeds: u32,
    slots: HashMap<Node, Slot>,
    free: Vec<Slot>,
    n_slots: u32,
    cells: HashMap<Node, Cell>,
    free_cells: Vec<Cell>,
    n_cells: u32,
    start: Option<Slot>,
    kernels: cranelift_entity::PrimaryMap<KernelId, Kernel>,
    known: HashMap<KernelKey, KernelId>,
    ops: Vec<PlanOp>,
    cost: Cost,
    drawn: std::collections::HashSet<u32>,
}

impl<'t> Layout<'t> {
    fn new(tape: &'t Tape, events: &[Event], n_feeds: u32) -> Self {
        let mut lay = Layout {
            tape,
            last_read: HashMap::new(),
            last_output: vec![None; tape.batches.len()],
            dead_outputs: vec![Vec::new(); events.len()],
            live_outputs: 0,
            n_feeds,
            slots: HashMap::new(),
            free: Vec::new(),
            n_slots: 0,
            cells: HashMap::new(),
            free_cells: Vec::new(),
            n_cells: 0,
            start: None,
            kernels: cranelift_entity::PrimaryMap::new(),
            known: HashMap::new(),
            ops: Vec::new(),
            cost: Cost::default(),
            drawn: std::collections::HashSet::new(),
        };
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Launch { fused, stores, .. } => {
                    fused.loads.iter().chain(&fused.cells).for_each(|node| lay.read(*node, at));
                    // A tensor that nothing reads again dies where it is made.
                    stores.iter().chain(&fused.reduces).for_each(|node| lay.read(*node, at));
                }
                Event::Call { batch, fed, .. } => {
                    if !fed {
                        lay.read(tape.calls[tape.batches[*batch as usize].first].input, at);
                    }
                    lay.last_output[*batch as usize] = Some(at);
                }
                Event::Step(step) => lay.read(tape.steps[*step as usize], at),
                Event::Emit(emit) => lay.read(tape.emits[*emit].1, at),
            }
        }
        // The result of the run is read by the caller.
        if let Some(result) = tape.steps.last() {
            lay.read(*result, events.len());
        }
        for (batch, last) in (0..).zip(&lay.last_output) {
            // What the caller reads lives beyond the last event.
            if let Some(dead) = last.and_then(|last| lay.dead_outputs.get_mut(last)) {
                dead.push(batch);
            }
        }
        if let Some(start) = tape.start.filter(|start| lay.last_read.contains_key(start)) {
            let slot = lay.take();
            lay.start = Some(slot);
            lay.slots.insert(start, slot);
        }
        lay
    }

    fn read(&mut self, node: Node, at: usize) {
        let last = self.last_read.entry(node).or_insert(at);
        *last = at.max(*last);
        let output = if let NodeKind::Part { of, .. } = self.tape.nodes[node] { of } else { node };
        if let NodeKind::Output { batch, .. } = self.tape.nodes[output] {
            let last = &mut self.last_output[batch as usize];
            *last = Some(at).max(*last);
        }
    }

    fn take(&mut self) -> Slot {
        self.free.sort_unstable();
        if self.free.is_empty() {
            self.n_slots += 1;
            return Slot::from_u32(self.n_slots - 1);
        }
        self.free.remove(0)
    }

    fn take_cell(&mut self) -> Cell {
        self.free_cells.sort_unstable();
        if self.free_cells.is_empty() {
            self.n_cells += 1;
            return Cell::from_u32(self.n_cells - 1);
        }
        self.free_cells.remove(0)
    }

    fn event(&mut self, at: usize, event: &Event) {
        match event {
            Event::Launch { fused, stores, feeds, step } => self.launch(at, fused, stores, *feeds, *step),
            Event::Call { batch, fed, step } => self.call(*batch, *fed, *step),
            Event::Step(step) => {
                let x = self.source(self.tape.steps[*step as usize]);
                self.cost.rest_buffers = self.cost.rest_buffers.max(self.live_slots() + self.live_outputs);
                self.ops.push(PlanOp::Step { step: *step, x });
            }
            Event::Emit(emit) => {
                let (name, node, _) = &self.tape.emits[*emit];
                let value = self.source(*node);
                self.ops.push(PlanOp::Emit { name: name.clone(), value });
            }
        }
        self.release(at);
    }

    fn launch(&mut self, at: usize, fused: &Fused, stores: &[Node], feeds: u32, step: u32) {
        let loads = fused.loads.iter().map(|node| self.source(*node)).collect();
        // A buffer that is read here for the last time may be written here: a kernel reads an element before it
        // writes it.
        for node in &fused.loads {
            if self.last_read.get(node) == Some(&at) {
                self.free.extend(self.slots.remove(node));
            }
        }
        let slots = stores.iter().map(|node| {
            let slot = self.take();
            self.slots.insert(*node, slot);
            Target::Slot(slot)
        });
        let stores: Vec<Target> = slots.chain((0..feeds).map(Target::Feed)).collect();
        self.cost.peak_buffers = self.cost.peak_buffers.max(self.live_buffers());
        self.cost.launches += 1;
        self.drawn.extend(&fused.draws);
        self.cost.draws = self.drawn.len() as u32;
        let kernel = self.kernel(fused);
        let cell = |node| *self.cells.get(node).expect("a cell lives from where it is made to where it is last read");
        let cells = fused.cells.iter().map(cell).collect();
        let reduces = fused
            .reduces
            .iter()
            .map(|node| {
                let cell = self.take_cell();
                self.cells.insert(*node, cell);
                cell
            })
            .collect();
        let (scalars, draws) = (fused.scalars.clone(), fused.draws.clone());
        self.ops.push(PlanOp::Launch(LaunchOp { kernel, loads, stores, cells, reduces, scalars, draws, step }));
    }

    fn kernel(&mut self, fused: &Fused) -> KernelId {
        let key = fused.kernel.key();
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let mut kernel = fused.kernel.clone();
        kernel.name = format!("step_{}", self.kernels.len());
        let id = self.kernels.push(kernel);
        self.known.insert(key, id);
        id
    }

    fn call(&mut self, batch: u32, fed: bool, step: u32) {
        let group = &self.tape.batches[batch as usize];
        let first = &self.tape.calls[group.first];
        let branches = group.branches.clone();
        if !first.host {
            self.cost.calls += 1;
            self.cost.evals += branches.len() as u32;
        }
        self.live_outputs += branches.len() as u32;
        self.cost.peak_buffers = self.cost.peak_buffers.max(self.live_buffers());
        self.ops.push(PlanOp::Call(CallOp {
            call: batch,
            input: if fed { Fed::Feed } else { Fed::Tensor(self.source(first.input)) },
            branches,
            time: first.call.time,
            level: row(&first.call.level, first.call.level.time.unwrap_or(f64::NAN)),
            affine: first.affine,
            parts: first.parts,
            host: first.host,
            args: first.call.args.clone(),
            step,
        }));
    }

    fn live_buffers(&self) -> u32 {
        self.live_slots() + self.live_outputs + self.n_feeds
    }

    fn live_slots(&self) -> u32 {
        self.slots.len() as u32
    }

    fn release(&mut self, at: usize) {
        let dead: Vec<Node> =
            self.slots.keys().copied().filter(|node| self.last_read.get(node).is_none_or(|last| *last <= at)).collect();
        for node in dead {
            self.free.extend(self.slots.remove(&node));
        }
        let last_read = &self.last_read;
        let free_cells = &mut self.free_cells;
        self.cells.retain(|node, cell| {
            let live = last_read.get(node).is_some_and(|last| *last > at);
            if !live {
                free_cells.push(*cell);
            }
            live
        });
        for batch in std::mem::take(&mut self.dead_outputs[at]) {
            self.live_outputs -= self.tape.batches[batch as usize].branches.len() as u32;
            self.ops.push(PlanOp::Drop { call: batch });
        }
    }

    fn source(&self, node: Node) -> Source {
        match &self.tape.nodes[node] {
            NodeKind::Input(name) => Source::Input(name.clone()),
            NodeKind::Output { batch, branch } => Source::Output { call: *batch, branch: *branch },
            NodeKind::Part { of, part } => match self.source(*of) {
                Source::Output { call, branch } => Source::Part { call, branch, part: *part },
                whole @ (Source::Slot(_) | Source::Input(_) | Source::Part { .. }) => whole,
            },
            NodeKind::Start
            | NodeKind::Noise(_)
            | NodeKind::Network(_)
            | NodeKind::Linear { .. }
            | NodeKind::Apply { .. }
            | NodeKind::Reduce { .. } => Source::Slot(
                *self.slots.get(&node).expect("a tensor has a buffer from where it is made to where it is last read"),
            ),
        }
    }
}
