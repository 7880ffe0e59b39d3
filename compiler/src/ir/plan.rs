//! A plan: one run of a program, as a straight line of model calls and kernel launches.
//!
//! Every coefficient is a number, every buffer has its place, equal kernels are one. A plan can be printed, verified
//! and looked at before anything runs; the runtime only follows it.

use std::sync::Arc;

use cranelift_entity::{PrimaryMap, entity_impl};

use super::kernel::Kernel;
use crate::arith::trace::{Affine, Increment};

/// A kernel of the plan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KernelId(u32);
entity_impl!(KernelId, "k");

/// A buffer that the run owns, of the size of the sample.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);
entity_impl!(Slot, "s");

/// One number per sample that the run owns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell(u32);
entity_impl!(Cell, "r");

/// A run, ready to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The sampler.
    pub sampler: Arc<str>,
    /// The schedule.
    pub schedule: Arc<str>,
    /// The network that the pipeline names.
    pub network: Option<Arc<str>>,
    /// The levels, first to last.
    pub levels: Vec<LevelRow>,
    /// How many buffers the run owns.
    pub n_slots: u32,
    /// How many cells the run owns.
    pub n_cells: u32,
    /// The buffer that holds the first sample, unless the pipeline makes it itself.
    pub start: Option<Slot>,
    /// How many samples' room the feed has for each sample of the run: the buffer, in the network's dtype, that
    /// launches write for calls of several branches and for networks of another dtype. 0 where no call needs it.
    pub n_feeds: u32,
    /// The caller's tensors that are read.
    pub inputs: Vec<Arc<str>>,
    /// Draws that are increments of the Brownian path, of those that are made, in their order.
    pub paths: Vec<Increment>,
    /// Kernels.
    pub kernels: PrimaryMap<KernelId, Kernel>,
    /// What is done.
    pub ops: Vec<PlanOp>,
    /// What the plan costs.
    pub cost: Cost,
}

/// The coordinates of a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelRow {
    /// The schedule's clock.
    pub time: f64,
    /// The factor of the data.
    pub alpha: f64,
    /// The factor of the noise.
    pub sigma: f64,
    /// ln(alpha / sigma).
    pub lambda: f64,
}

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Evaluations of the network, branches counted one by one.
    pub evals: u32,
    /// Calls of the network; the branches of one sample are one call.
    pub calls: u32,
    /// Draws that are made.
    pub draws: u32,
    /// Kernel launches.
    pub launches: u32,
    /// Latent-sized buffers alive at the peak, network outputs and the feed counted.
    pub peak_buffers: u32,
    /// Latent-sized buffers alive between steps, the sample counted and the feed not.
    pub rest_buffers: u32,
}

/// Where a kernel reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A buffer of the run.
    Slot(Slot),
    /// The output of a call, for one of its branches.
    Output {
        /// The call.
        call: u32,
        /// The branch, by its place in the call.
        branch: u32,
    },
    /// A part of such an output.
    Part {
        /// The call.
        call: u32,
        /// The branch, by its place in the call.
        branch: u32,
        /// The group of channels.
        part: u32,
    },
    /// A tensor of the caller.
    Input(Arc<str>),
}

/// Where a kernel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A buffer of the run.
    Slot(Slot),
    /// The rows of the feed for one branch of the next call.
    Feed(u32),
}

/// What a call is fed.
#[derive(Clone, Debug, PartialEq)]
pub enum Fed {
    /// A tensor as it stands, to a single branch.
    Tensor(Source),
    /// The rows of the feed, one group for each branch, all written by the launch before.
    Feed,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanOp {
    /// Runs a kernel.
    Launch(LaunchOp),
    /// Calls the network.
    Call(CallOp),
    /// Forgets the output of a call.
    Drop {
        /// The call.
        call: u32,
    },
    /// A step is done.
    Step {
        /// Its number, from 0.
        step: u32,
        /// The sample.
        x: Source,
    },
    /// A tensor for the observer.
    Emit {
        /// Its name.
        name: Arc<str>,
        /// The tensor.
        value: Source,
    },
}

/// A kernel with all it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchOp {
    /// The kernel.
    pub kernel: KernelId,
    /// What it reads.
    pub loads: Vec<Source>,
    /// What it writes; a buffer may also be read.
    pub stores: Vec<Target>,
    /// The cells that it reads.
    pub cells: Vec<Cell>,
    /// The cells that its reductions write.
    pub reduces: Vec<Cell>,
    /// Its coefficients.
    pub scalars: Vec<f64>,
    /// The draws that it makes.
    pub draws: Vec<u32>,
    /// The step that it belongs to.
    pub step: u32,
}

/// A call of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOp {
    /// Its number, from 0.
    pub call: u32,
    /// What it is fed.
    pub input: Fed,
    /// The branches, evaluated in one batch.
    pub branches: Vec<Arc<str>>,
    /// What the network is told of the level.
    pub time: f64,
    /// The level of the sample.
    pub level: LevelRow,
    /// How the model turns the output, or its first part, into a prediction.
    pub affine: Affine,
    /// Into how many groups of channels the output is parted; each has the shape of the input.
    pub parts: u32,
    /// Not the network is called but the function of the host that the only branch names.
    pub host: bool,
    /// What is passed on.
    pub args: Vec<(Arc<str>, Vec<f64>)>,
    /// The step that it belongs to.
    pub step: u32,
}
