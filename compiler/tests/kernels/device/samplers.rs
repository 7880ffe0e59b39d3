//! Every sampler of the library on the device, launch by launch, in lockstep with the interpreter's bounds.

use std::collections::HashMap;

use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Extent, Layout, Room, Storage, Width};
use samp_compiler::backend::noise::{Sequence, fill_normal};
use samp_compiler::compile::{Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::ir::plan::{Fed, LaunchOp, Plan, PlanOp, Source, Target};
use samp_compiler::library::{Asks, std_samplers};
use samp_compiler::machine::RunConfig;

use super::bench::Inputs;
use super::bounds::{self, Bound, NOISE_BUDGET};
use super::compare;

const SEED: u64 = 7;

/// The library's guidance that makes numbers per sample.
const MEASURING: [&str; 5] = ["apg", "cfg_norm", "cfg_rescale", "cfg_zero_star", "dynamic_threshold"];

fn plan(sampler: &str, model: &str, guidance: &str) -> Plan {
    // One that finds its steps is planned a step at a time, between the ends.
    let grid = if std_samplers(Asks::Ends).any(|name| name == sampler) { "ends" } else { "karras" };
    let slots = vec![
        (Slot::Schedule, "scaled_linear".to_owned()),
        (Slot::Grid, grid.to_owned()),
        (Slot::Model, model.to_owned()),
        (Slot::Sampler, sampler.to_owned()),
        (Slot::Steps, "4".to_owned()),
        (Slot::Guidance, guidance.to_owned()),
    ];
    let loader = |_: &str| Err("there is no file".to_owned());
    let request = Request { pipeline: None, slots, sets: Vec::new() };
    let compiled = compile(&request, &loader).unwrap_or_else(|failure| panic!("{sampler}: {failure}"));
    compiled.plan(&RunConfig::default()).unwrap_or_else(|failure| panic!("{sampler}: {failure}")).plan
}

/// A run: buffers on the host, kernels on the device.
struct Follow<'p> {
    plan: &'p Plan,
    samples: usize,
    elements: usize,
    /// What the network takes and gives.
    network: Storage,
    slots: Vec<Vec<f32>>,
    feed: HashMap<u32, Vec<f32>>,
    outputs: HashMap<u32, Vec<Vec<f32>>>,
    cells: Vec<Vec<f32>>,
    launches: usize,
    compared: usize,
    elements_seen: usize,
}

impl Follow<'_> {
    fn source(&self, source: &Source) -> Vec<f32> {
        match source {
            Source::Slot(slot) => self.slots[slot.as_u32() as usize].clone(),
            Source::Output { call, branch } => self.outputs[call][*branch as usize].clone(),
            Source::Part { part, .. } => panic!("part {part} of an output: the network here gives one"),
            // A tensor of the caller: any numbers between 0 and 1.
            Source::Input(_) => (0..self.samples * self.elements).map(|at| (at as f32 * 0.37).sin().abs()).collect(),
        }
    }

    fn launch(&mut self, op: &LaunchOp, name: &str) {
        let kernel = &self.plan.kernels[op.kernel];
        let (samples, elements) = (self.samples, self.elements);
        let extent = Extent { samples, elements, room: Room::Padded };
        let mut layout = Layout::of_launch(kernel, op, self.network).fitted(extent);
        if layout.width == Width::One && layout.has_halves() {
            // No adapter has single numbers of 16 bits.
            layout = layout.widened().fitted(extent);
        }
        let loads: Vec<Vec<f32>> = op.loads.iter().map(|load| self.source(load)).collect();
        let draws: Vec<(u32, u32)> = op.draws.iter().map(|draw| (1, *draw)).collect();
        let launch = GridLaunch { scalars: &op.scalars, draws: &draws, seed: SEED, first_sample: 0, samples, elements };
        let cells: Vec<Vec<f32>> = op.cells.iter().map(|cell| self.cells[cell.as_u32() as usize].clone()).collect();
        let inputs = Inputs { loads: &loads, given: &[], cells: &cells };
        let noises: Vec<Vec<Bound>> = op.draws.iter().map(|draw| self.normals(*draw)).collect();
        let held = compare::launch(kernel, &layout, &launch, &inputs, &noises);
        let held = held.unwrap_or_else(|outside| panic!("{name}, step {}: {outside}", op.step));
        assert_eq!(held.n_free_cells, 0, "{name}: a sampler's numbers are bounded");
        self.compared += held.n_bounded;
        self.elements_seen += held.n_elements;
        for (cell, found) in op.reduces.iter().zip(held.cells) {
            self.cells[cell.as_u32() as usize] = found;
        }
        for (target, found) in op.stores.iter().zip(held.stores) {
            match target {
                Target::Slot(slot) => self.slots[slot.as_u32() as usize] = found,
                Target::Feed(branch) => drop(self.feed.insert(*branch, found)),
            }
        }
        self.launches += 1;
    }

    fn normals(&self, draw: u32) -> Vec<Bound> {
        let mut all = vec![0.0; self.samples * self.elements];
        for (sample, part) in all.chunks_mut(self.elements).enumerate() {
            fill_normal(part, Sequence { seed: SEED, stream: 1, draw, sample: sample as u32 });
        }
        all.into_iter().map(|value| Bound { value, radius: NOISE_BUDGET }).collect()
    }

    /// A network of which only this matters: it is smooth, and every branch differs.
    fn call(&self, fed: &Fed, n_branches: usize) -> Vec<Vec<f32>> {
        let branch = |branch: usize| {
            let input = match fed {
                Fed::Tensor(source) => self.source(source),
                Fed::Feed => self.feed[&(branch as u32)].clone(),
            };
            let output = |x: &f32| bounds::rounded(self.network, f64::from((0.7 * x + 0.1 * branch as f32).sin()));
            input.iter().map(output).collect()
        };
        (0..n_branches).map(branch).collect()
    }
}

fn follow(plan: &Plan, samples: usize, elements: usize, network: Storage, name: &str) {
    let mut start = vec![0.0; samples * elements];
    fill_normal(&mut start, Sequence { seed: SEED, stream: 0, draw: 0, sample: 0 });
    let mut slots = vec![vec![0.0; samples * elements]; plan.n_slots as usize];
    if let Some(slot) = plan.start {
        slots[slot.as_u32() as usize] = start.iter().map(|x| x * plan.levels[0].sigma as f32).collect();
    }
    let mut ctx = Follow {
        plan,
        samples,
        elements,
        network,
        slots,
        feed: HashMap::new(),
        outputs: HashMap::new(),
        cells: vec![Vec::new(); plan.n_cells as usize],
        launches: 0,
        compared: 0,
        elements_seen: 0,
    };
    for op in &plan.ops {
        match op {
            PlanOp::Launch(op) => ctx.launch(op, name),
            PlanOp::Call(op) => {
                let outputs = ctx.call(&op.input, op.branches.len());
                ctx.outputs.insert(op.call, outputs);
            }
            PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => {}
        }
    }
    assert!(ctx.launches > 0, "{name} launches nothing");
    // Bounds are no use where they are infinite.
    assert!(ctx.compared * 100 >= ctx.elements_seen * 99, "{name}: {} of {}", ctx.compared, ctx.elements_seen);
}

#[test]
fn every_sampler_keeps_the_bounds() {
    for sampler in std_samplers(Asks::Nothing).chain(std_samplers(Asks::Ends)) {
        follow(&plan(sampler, "eps", "plain"), 2, 12, Storage::F32, sampler);
        follow(&plan(sampler, "v", "cfg(scale = 3)"), 2, 9, Storage::Bf16, sampler);
    }
    for sampler in std_samplers(Asks::Branch) {
        follow(&plan(sampler, "v", "cfg(scale = 3)"), 2, 9, Storage::Bf16, sampler);
    }
}

#[test]
fn a_network_in_f16_is_fed_f16() {
    for sampler in ["euler", "heun", "dpmpp_2m", "dpmpp_2m_sde"] {
        follow(&plan(sampler, "edm", "cfg(scale = 3)"), 1, 4096, Storage::F16, sampler);
    }
}

/// Guidance that measures samples: reductions of every kind, in launches that also read cells.
#[test]
fn guidance_that_measures_keeps_the_bounds() {
    for guidance in MEASURING {
        let plan = plan("dpmpp_2m", "eps", guidance);
        assert!(plan.n_cells > 0, "{guidance} measures nothing");
        for (samples, elements, network) in [(1, 4096, Storage::F32), (3, 515, Storage::F32), (2, 2056, Storage::F16)] {
            follow(&plan, samples, elements, network, guidance);
        }
    }
}
