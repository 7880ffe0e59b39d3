//! A kernel as a device function: its parameters, and the body that cubecl's `define` asks for.
//!
//! Parameters are the buffers of [`Layout::slots`], then by value: the scalars, the number of threads that have work,
//! if blocks work by sample the threads and blocks of a sample and the blocks of all, and if noise is generated the
//! elements of a sample, the first sample's index, the seed's two words, and the stream and draw of each generated
//! noise.
//!
//! What is reduced leaves the function as [`ReduceLayout`] says; `reduce` has the rest.

use std::sync::Arc;

use cubecl::ir::settings::{ExecutionMode, KernelSettings};
use cubecl::ir::{AddressType, DeviceProperties, ElemType, Scope, TargetProperties};
use cubecl::prelude::*;

use super::halves;
use super::lanes::{Float, Vectors};
use super::layout::{Counting, Layout, NoiseLayout, ReduceLayout, Slot, Storage, StoreLayout, Width};
use super::noise::{self, Stream};
use super::reduce::{self, Row};
use super::{THREADS, leaf};
use crate::backend::element::Element;
use crate::backend::elementary::Lanes;
use crate::ir::entities::Value;
use crate::ir::kernel::{Inst, Kernel};
use crate::ir::op::Op;

/// What the text may use beyond the common language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dialect {
    /// Nothing.
    Plain,
    /// PTX instructions.
    Ptx,
}

/// A kernel for cubecl.
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) kernel: Arc<Kernel>,
    pub(super) layout: Layout,
    pub(super) dialect: Dialect,
    pub(super) device: Arc<DeviceProperties>,
    pub(super) target: Arc<TargetProperties>,
}

impl Definition {
    pub(super) fn settings(&self) -> KernelSettings {
        let threads = *CubeDim::new_1d(THREADS);
        KernelSettings::new(threads, ExecutionMode::Unchecked, AddressType::U32).kernel_name(&self.name)
    }
}

impl KernelMetadata for Definition {
    fn name(&self) -> &'static str {
        "samp"
    }

    /// The name tells kernels and layouts apart.
    fn id(&self) -> KernelId {
        let settings = self.settings();
        KernelId::new::<Definition>()
            .address_type(settings.address_type)
            .cube_dim(settings.cube_dim)
            .mode(settings.execution_mode)
            .info((self.name.clone(), self.dialect))
    }

    fn address_type(&self) -> ElemType {
        AddressType::U32.unsigned_type()
    }
}

impl CubeKernel for Definition {
    fn define(&self) -> KernelDefinition {
        let mut builder = KernelBuilder::new(self.settings());
        builder.runtime_properties(self.target.as_ref().clone());
        builder.device_properties(&self.device);
        match self.layout.width {
            Width::One => body::<Const<1>>(self, &mut builder),
            Width::Four | Width::Eight => body::<Const<4>>(self, &mut builder),
        }
        builder.build()
    }
}

/// The parameter of a buffer.
enum Buffer<N: Size> {
    Numbers(NativeExpand<[Vector<f32, N>]>),
    /// Four numbers of 16 bits.
    Pairs(NativeExpand<[Vector<u32, Const<2>>]>),
    /// Eight numbers of 16 bits.
    Fours(NativeExpand<[Vector<u32, Const<4>>]>),
    /// Numbers of 16 bits one by one.
    Halves(NativeExpand<[Vector<u16, Const<1>>]>),
    /// A number per sample.
    Cells(NativeExpand<[f32]>),
    /// Partial results.
    Partials(NativeExpand<[f32]>),
}

impl<N: Size> Buffer<N> {
    fn declare(builder: &mut KernelBuilder, slot: Slot, storage: Storage, width: Width) -> Buffer<N> {
        let arg = BufferCompilationArg { inplace: None };
        match slot {
            Slot::Cell(_) => return Buffer::Cells(<[f32] as LaunchArg>::expand(&arg, builder)),
            Slot::Partials => return Buffer::Partials(<[f32] as LaunchArg>::expand(&arg, builder)),
            Slot::Load(_) | Slot::Noise(_) | Slot::Store(_) | Slot::Whole(_) => {}
        }
        match (storage, width) {
            (Storage::F32, _) => Buffer::Numbers(<[Vector<f32, N>] as LaunchArg>::expand(&arg, builder)),
            (_, Width::One) => Buffer::Halves(<[Vector<u16, Const<1>>] as LaunchArg>::expand(&arg, builder)),
            (_, Width::Four) => Buffer::Pairs(<[Vector<u32, Const<2>>] as LaunchArg>::expand(&arg, builder)),
            (_, Width::Eight) => Buffer::Fours(<[Vector<u32, Const<4>>] as LaunchArg>::expand(&arg, builder)),
        }
    }
}

/// What a thread read of a buffer. Numbers of 16 bits stay as they are until a part needs them: they take half the
/// registers.
enum Input<N: Size> {
    /// By part.
    Numbers(Vec<Float<N>>),
    /// Four numbers of 16 bits, by part.
    Pairs(Vec<[NativeExpand<u32>; 2]>),
    /// One number of 16 bits.
    Half(NativeExpand<u32>),
}

/// The parameters by value.
struct Arguments {
    scalars: Vec<NativeExpand<f32>>,
    threads: NativeExpand<u32>,
    by_sample: Option<BySample>,
    noise: Option<NoiseArguments>,
}

/// How blocks of threads lie in samples.
struct BySample {
    /// Threads of a sample.
    threads: NativeExpand<u32>,
    /// Blocks of a sample.
    blocks: NativeExpand<u32>,
    /// Blocks of all samples.
    n_blocks: NativeExpand<u32>,
}

struct NoiseArguments {
    elements: NativeExpand<u32>,
    first_sample: NativeExpand<u32>,
    seed: [NativeExpand<u32>; 2],
    /// Stream and draw of each generated noise.
    sources: Vec<[NativeExpand<u32>; 2]>,
}

impl Arguments {
    fn declare(builder: &mut KernelBuilder, definition: &Definition) -> Arguments {
        let n_scalars = definition.kernel.n_scalars;
        let scalars = (0..n_scalars).map(|_| <f32 as LaunchArg>::expand(&Default::default(), builder)).collect();
        let mut word = || <u32 as LaunchArg>::expand(&Default::default(), builder);
        let threads = word();
        let by_sample = definition.layout.by_sample();
        let by_sample = by_sample.then(|| BySample { threads: word(), blocks: word(), n_blocks: word() });
        let n_generated = definition.layout.n_generated();
        let noise = (n_generated > 0).then(|| NoiseArguments {
            elements: word(),
            first_sample: word(),
            seed: [word(), word()],
            sources: (0..n_generated).map(|_| [word(), word()]).collect(),
        });
        Arguments { scalars, threads, by_sample, noise }
    }
}

fn body<N: Size>(definition: &Definition, builder: &mut KernelBuilder) {
    let layout = &definition.layout;
    let slots = layout.slots();
    let mut buffers: Vec<(Slot, Buffer<N>)> = Vec::with_capacity(slots.len());
    for slot in slots {
        buffers.push((slot, Buffer::declare(builder, slot, layout.storage(slot), layout.width)));
    }
    let arguments = Arguments::declare(builder, definition);
    let scope = &builder.scope;
    let place = Place::new(scope, &arguments);
    let partial = layout.reduces.iter().zip(&definition.kernel.reduces);
    let partial = partial.filter(|(left, _)| **left == ReduceLayout::Partial);
    let mut rows: Vec<(Value, Row)> =
        partial.map(|(_, reduce)| (reduce.value, Row::new(scope, reduce.how, &place.unit))).collect();
    if_expand(scope, place.has_work, |scope| {
        let body = Body { definition, arguments: &arguments, thread: &place.thread, sample: place.sample.as_ref() };
        let inputs = body.inputs(scope, &buffers);
        let parts: Vec<Vec<Float<N>>> =
            (0..body.n_parts()).map(|part| body.values(scope, &inputs, &buffers, part)).collect();
        body.store(scope, &mut buffers, &parts);
        for (value, row) in &mut rows {
            let values: Vec<Float<N>> = parts.iter().map(|part| part[index(*value)]).collect();
            row.put(scope, &place.unit, &values, layout.width.elements() / body.n_parts());
        }
    });
    let partials = buffers.iter_mut().find_map(|(_, buffer)| match buffer {
        Buffer::Partials(buffer) => Some(buffer),
        Buffer::Numbers(_) | Buffer::Pairs(_) | Buffer::Fours(_) | Buffer::Halves(_) | Buffer::Cells(_) => None,
    });
    if let (Some(partials), Some(by_sample)) = (partials, &arguments.by_sample) {
        for (k, (_, row)) in rows.into_iter().enumerate() {
            let partial = row.fold(scope, &place.unit);
            reduce::write_partial::expand(scope, partials, place.unit, by_sample.n_blocks, k as u32, partial);
        }
    }
}

/// Where a thread is.
struct Place {
    /// The thread's number among those that have work.
    thread: NativeExpand<u32>,
    /// The thread's number in its block.
    unit: NativeExpand<u32>,
    /// The sample that the block works on, counted from the launch's first.
    sample: Option<NativeExpand<u32>>,
    has_work: NativeExpand<bool>,
}

impl Place {
    fn new(scope: &Scope, arguments: &Arguments) -> Place {
        let unit = leaf::unit::expand(scope);
        let Some(BySample { threads, blocks, .. }) = &arguments.by_sample else {
            let thread = leaf::thread::expand(scope);
            let has_work = leaf::below::expand(scope, thread, arguments.threads);
            return Place { thread, unit, sample: None, has_work };
        };
        let block = leaf::block::expand(scope);
        let sample = leaf::quotient::expand(scope, block, *blocks);
        let within = leaf::remainder::expand(scope, block, *blocks);
        let within = leaf::along::expand(scope, within, THREADS, unit);
        let thread = leaf::times_plus::expand(scope, sample, *threads, within);
        let has_work = leaf::both_below::expand(scope, within, *threads, thread, arguments.threads);
        Place { thread, unit, sample: Some(sample), has_work }
    }
}

/// The work of one thread: one vector of elements, or two beside each other.
struct Body<'a> {
    definition: &'a Definition,
    arguments: &'a Arguments,
    thread: &'a NativeExpand<u32>,
    sample: Option<&'a NativeExpand<u32>>,
}

impl Body<'_> {
    fn n_parts(&self) -> usize {
        match self.definition.layout.width {
            Width::One | Width::Four => 1,
            Width::Eight => 2,
        }
    }

    fn place(&self, scope: &Scope, part: usize) -> NativeExpand<u32> {
        match self.n_parts() {
            1 => *self.thread,
            n_parts => leaf::place::expand(scope, *self.thread, n_parts as u32, part as u32),
        }
    }

    /// What is read of every buffer.
    fn inputs<N: Size>(&self, scope: &Scope, buffers: &[(Slot, Buffer<N>)]) -> Vec<(Slot, Input<N>)> {
        let is_read = |slot: &Slot| match *slot {
            Slot::Load(load) => self.reads(|inst| matches!(inst, Inst::Load(slot) if *slot as usize == load)),
            Slot::Noise(noise) => self.reads(|inst| matches!(inst, Inst::Noise(slot) if *slot as usize == noise)),
            Slot::Store(_) | Slot::Cell(_) | Slot::Partials | Slot::Whole(_) => false,
        };
        let read = buffers.iter().filter(|(slot, _)| is_read(slot));
        read.map(|(slot, buffer)| (*slot, self.input(scope, buffer))).collect()
    }

    fn reads(&self, is_read: impl Fn(&Inst) -> bool) -> bool {
        self.definition.kernel.insts.values().any(is_read)
    }

    fn input<N: Size>(&self, scope: &Scope, buffer: &Buffer<N>) -> Input<N> {
        let thread = *self.thread;
        match buffer {
            Buffer::Numbers(buffer) => {
                let read = |part| leaf::read::expand(scope, buffer, self.place(scope, part));
                Input::Numbers((0..self.n_parts()).map(read).collect())
            }
            Buffer::Pairs(buffer) => {
                let words = leaf::read::expand(scope, buffer, thread);
                Input::Pairs(vec![[0, 1].map(|k| leaf::lane::expand(scope, words, k))])
            }
            Buffer::Fours(buffer) => {
                let words = leaf::read::expand(scope, buffer, thread);
                Input::Pairs([[0, 1], [2, 3]].map(|pair| pair.map(|k| leaf::lane::expand(scope, words, k))).into())
            }
            Buffer::Halves(buffer) => {
                let half = leaf::lane::expand(scope, leaf::read::expand(scope, buffer, thread), 0);
                Input::Half(leaf::widen::expand(scope, half))
            }
            Buffer::Cells(_) | Buffer::Partials(_) => unreachable!("cells and partial results are no loads"),
        }
    }

    /// The numbers of one part of what was read of a buffer.
    fn numbers<N: Size>(&self, ctx: &mut Vectors<'_, N>, slot: Slot, input: &Input<N>, part: usize) -> Float<N> {
        let (storage, dialect) = (self.definition.layout.storage(slot), self.definition.dialect);
        match input {
            Input::Numbers(parts) => parts[part],
            Input::Pairs(parts) => halves::unpack(ctx, dialect, storage, parts[part]),
            Input::Half(word) if (dialect, storage) == (Dialect::Ptx, Storage::F16) => {
                ctx.splat(&leaf::ptx_from_f16::expand(ctx.scope, *word))
            }
            Input::Half(word) => {
                let word = ctx.splat(word);
                halves::to_float(ctx, storage, &word)
            }
        }
    }

    /// Every value of the kernel, of the elements of one part.
    fn values<N: Size>(
        &self,
        scope: &Scope,
        inputs: &[(Slot, Input<N>)],
        buffers: &[(Slot, Buffer<N>)],
        part: usize,
    ) -> Vec<Float<N>> {
        let mut ctx = Vectors::<N>::new(scope);
        // Before anything is widened: noise takes the most registers.
        let generated = self.definition.layout.noises.iter().enumerate().map(|(slot, noise)| match noise {
            NoiseLayout::Generated => {
                let is_read = self.reads(|inst| matches!(inst, Inst::Noise(of) if *of as usize == slot));
                is_read.then(|| self.normals(&mut ctx, slot, part))
            }
            NoiseLayout::Given(_) => None,
        });
        let generated: Vec<Option<Float<N>>> = generated.collect();
        let mut values: Vec<Float<N>> = Vec::with_capacity(self.definition.kernel.insts.len());
        let input = |ctx: &mut Vectors<'_, N>, wanted: Slot| {
            let found = inputs.iter().find(|(slot, _)| *slot == wanted);
            let (_, input) = found.expect("every slot that is read was read");
            self.numbers(ctx, wanted, input, part)
        };
        let known = known(&self.definition.kernel);
        for inst in self.definition.kernel.insts.values() {
            let value = match inst {
                Inst::Load(slot) => input(&mut ctx, Slot::Load(*slot as usize)),
                Inst::Scalar(slot) => ctx.splat(&self.arguments.scalars[*slot as usize]),
                Inst::Const(number) => self.constant(&mut ctx, *number as f32),
                Inst::Cell(slot) => self.cell(&ctx, buffers, *slot as usize),
                Inst::Noise(slot) => match generated[*slot as usize] {
                    Some(normals) => normals,
                    None => input(&mut ctx, Slot::Noise(*slot as usize)),
                },
                Inst::Apply { op, args } => match known[values.len()] {
                    Some(number) => self.constant(&mut ctx, number),
                    None => {
                        let arg = |value: &Value| match known[index(*value)] {
                            // The steps to a finite result of a literal may lead past others.
                            Some(number) if !op.is_exact() => self.hidden(&mut ctx, number),
                            Some(_) | None => values[index(*value)],
                        };
                        let args: Vec<Float<N>> = args.as_slice().iter().map(arg).collect();
                        match op {
                            // cubecl takes `x - x` of single numbers for zero, whatever `x` is, and in C++ it takes
                            // vectors apart before that.
                            Op::Sub => {
                                let minus = ctx.apply(Op::Neg, &args[1..]);
                                ctx.apply(Op::Add, &[args[0], minus])
                            }
                            _ => ctx.apply(*op, &args),
                        }
                    }
                },
            };
            values.push(value);
        }
        values
    }

    /// A literal. cubecl takes zero times anything for zero, a zero may lose its sign, and WGSL refuses what is not finite,
    /// also as the result of literals.
    fn constant<N: Size>(&self, ctx: &mut Vectors<'_, N>, number: f32) -> Float<N> {
        match number != 0.0 && number.is_finite() {
            true => ctx.f32(number),
            false => self.hidden(ctx, number),
        }
    }

    /// A number that no compiler knows: its bits, with those of a word that has none.
    fn hidden<N: Size>(&self, ctx: &mut Vectors<'_, N>, number: f32) -> Float<N> {
        let (word, threads) = (ctx.word(number.to_bits()), ctx.splat(&self.arguments.threads));
        let zero = ctx.shift_right(&threads, 31);
        let zero = ctx.shift_right(&zero, 1);
        let word = ctx.word_or(&word, &zero);
        ctx.floats(&word)
    }

    /// The sample's number of a cell, in every lane.
    fn cell<N: Size>(&self, ctx: &Vectors<'_, N>, buffers: &[(Slot, Buffer<N>)], slot: usize) -> Float<N> {
        let buffer = buffers.iter().find_map(|(known, buffer)| match buffer {
            Buffer::Cells(buffer) if *known == Slot::Cell(slot) => Some(buffer),
            _ => None,
        });
        let (Some(buffer), Some(sample)) = (buffer, self.sample) else {
            unreachable!("a layout with cells has buffers for them and works by sample")
        };
        ctx.splat(&reduce::read_number::expand(ctx.scope, buffer, *sample))
    }

    /// The normals of a generated noise slot.
    fn normals<N: Size>(&self, ctx: &mut Vectors<'_, N>, slot: usize, part: usize) -> Float<N> {
        let scope = ctx.scope;
        let noise = self.arguments.noise.as_ref().expect("generated noise has arguments");
        let before = &self.definition.layout.noises[..slot];
        let source = before.iter().filter(|noise| **noise == NoiseLayout::Generated).count();
        let [stream, draw] = &noise.sources[source];
        let stream = Stream { seed: noise.seed.each_ref(), stream, draw };
        let place = self.place(scope, part);
        let split = |place: NativeExpand<u32>, per_sample: NativeExpand<u32>| {
            let sample = leaf::quotient::expand(scope, place, per_sample);
            let sample = leaf::plus::expand(scope, sample, noise.first_sample);
            (leaf::remainder::expand(scope, place, per_sample), sample)
        };
        if self.definition.layout.counting == Counting::ByFour {
            let four = leaf::single_word::expand(scope, 4);
            let per_sample = leaf::quotient::expand(scope, noise.elements, four);
            let (group, sample) = split(place, per_sample);
            return noise::four(ctx, &group, &sample, &stream);
        }
        let lanes = self.definition.layout.width.elements() / self.n_parts();
        let mut words: Vec<(NativeExpand<u32>, NativeExpand<u32>)> = Vec::with_capacity(lanes);
        for lane in 0..lanes {
            let first = leaf::place::expand(scope, place, lanes as u32, 0);
            let offset = leaf::single_word::expand(scope, lane as u32);
            words.push(split(leaf::plus::expand(scope, first, offset), noise.elements));
        }
        let (element, sample) = match &words[..] {
            [a, b, c, d] => {
                let four = |a, b, c, d| leaf::four::expand::<u32, N>(scope, a, b, c, d);
                let [a, b, c, d] = [a, b, c, d].map(Clone::clone);
                (four(a.0, b.0, c.0, d.0), four(a.1, b.1, c.1, d.1))
            }
            words => (ctx.splat(&words[0].0), ctx.splat(&words[0].1)),
        };
        noise::single(ctx, &element, &sample, &stream)
    }

    fn store<N: Size>(&self, scope: &Scope, buffers: &mut [(Slot, Buffer<N>)], parts: &[Vec<Float<N>>]) {
        let layout = &self.definition.layout;
        let kernel = &self.definition.kernel;
        let stores = kernel.stores.iter().enumerate().map(|(store, value)| {
            let slot = match layout.stores[store] {
                StoreLayout::Own(_) => Slot::Store(store),
                StoreLayout::InPlace(load) => Slot::Load(load),
            };
            (slot, *value)
        });
        let wholes = layout.wholes().map(|reduce| (Slot::Whole(reduce), kernel.reduces[reduce].value));
        for (wanted, value) in stores.chain(wholes) {
            let found = buffers.iter_mut().find(|(slot, _)| *slot == wanted);
            let (_, buffer) = found.expect("every store has a buffer");
            let values: Vec<&Float<N>> = parts.iter().map(|part| &part[index(value)]).collect();
            self.output(scope, buffer, layout.storage(wanted), &values);
        }
    }

    fn output<N: Size>(&self, scope: &Scope, buffer: &mut Buffer<N>, storage: Storage, values: &[&Float<N>]) {
        let dialect = self.definition.dialect;
        let mut ctx = Vectors::<N>::new(scope);
        let thread = *self.thread;
        match buffer {
            Buffer::Numbers(buffer) => {
                for (part, value) in values.iter().enumerate() {
                    leaf::write::expand(scope, buffer, self.place(scope, part), *(*value));
                }
            }
            Buffer::Pairs(buffer) => {
                let [low, high] = halves::pack(&mut ctx, dialect, storage, values[0]);
                let words = leaf::pair::expand(scope, low, high);
                leaf::write::expand(scope, buffer, thread, words);
            }
            Buffer::Fours(buffer) => {
                let [[a, b], [c, d]] = [0, 1].map(|part| halves::pack(&mut ctx, dialect, storage, values[part]));
                let words = leaf::four::expand(scope, a, b, c, d);
                leaf::write::expand(scope, buffer, thread, words);
            }
            Buffer::Halves(buffer) => {
                let mut one = Vectors::<Const<1>>::new(scope);
                let number = one.splat(&leaf::lane::expand(scope, *values[0], 0));
                let half = halves::pack_one(&mut one, dialect, storage, &number);
                leaf::write::expand(scope, buffer, thread, one.splat(&half));
            }
            Buffer::Cells(_) | Buffer::Partials(_) => unreachable!("cells and partial results are no stores"),
        }
    }
}

/// The values that exact operations make of literals alone: what every compiler would make of them.
fn known(kernel: &Kernel) -> Vec<Option<f32>> {
    let mut known: Vec<Option<f32>> = Vec::with_capacity(kernel.insts.len());
    for inst in kernel.insts.values() {
        known.push(match inst {
            Inst::Const(number) => Some(*number as f32),
            Inst::Load(_) | Inst::Scalar(_) | Inst::Noise(_) | Inst::Cell(_) => None,
            Inst::Apply { op, .. } if !op.is_exact() => None,
            Inst::Apply { op, args } => {
                let arg = |k: usize| known[index(*args.as_slice().get(k).unwrap_or(&args.as_slice()[0]))];
                arg(0).zip(arg(1)).zip(arg(2)).map(|((a, b), c)| f32::apply(*op, [a, b, c]))
            }
        });
    }
    known
}

fn index(value: Value) -> usize {
    value.as_u32() as usize
}
