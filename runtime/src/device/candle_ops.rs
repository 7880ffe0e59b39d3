//! Kernels through candle's own tensor operations: slow, and on every device that candle has.
//!
//! An instruction is one operation of candle, so a kernel is as many launches as it has instructions, each with a new
//! tensor; outputs are copied into the caller's tensors at the end. What candle queues on the device stays queued:
//! nothing here waits for it. Noise is made on the host, bit for bit that of the CPU, and sent to the device.
//!
//! Cells stay on the device too.
//!
//! Results are those of the interpreter, bit for bit (of NaN, only that it is one), with these exceptions: `fma` is
//! rounded twice, `exp`, `ln`, `tanh`, `sin` and `cos` are the device's own, and so is the order in which means are
//! summed; the largest number and a quantile may have a zero of the other sign.

use std::collections::HashSet;

use candle_core::{DType, Device, Tensor};
use samp_compiler::backend::element::Element;
use samp_compiler::backend::launch::{self, LaunchError};
use samp_compiler::backend::noise::Sequence;
use samp_compiler::backend::path::Term;
use samp_compiler::backend::stored::Stored;
use samp_compiler::backend::{Artifact, Dtype};
use samp_compiler::ir::kernel::{Inst, Reduce};
use samp_compiler::ir::op::Op;

use super::operands::{self, candle_dtype};
use super::{Cells, DeviceError, TensorDraw, TensorLaunch, candle_reduce, widest};

/// Runs `artifact`'s kernel on `loads` and writes into `stores`, in slot order, on the device that they are on; gives
/// what the kernel reduces.
///
/// # Errors
///
/// As [`cpu::launch`](super::cpu::launch), on any device, and whatever candle says.
pub fn launch(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<Vec<Cells>, DeviceError> {
    match artifact.dtype() {
        Dtype::F32 => launch_typed::<f32>(artifact, launch, loads, stores),
        Dtype::F64 => launch_typed::<f64>(artifact, launch, loads, stores),
    }
}

/// A value of a kernel.
#[derive(Clone)]
enum Value<T> {
    /// One number for all elements.
    Scalar(T),
    /// A number for each element, in the dtype that the kernel computes in.
    Tensor(Tensor),
}

fn launch_typed<T: Element>(
    artifact: &Artifact,
    launch: &TensorLaunch<'_>,
    loads: &[&Tensor],
    stores: &[&Tensor],
) -> Result<Vec<Cells>, DeviceError> {
    let kernel = artifact.kernel();
    let counts = [loads.len(), stores.len(), launch.scalars.len(), launch.draws.len(), launch.cells.len()];
    launch::check_counts(kernel, counts)?;
    let operands = operands::checked(T::DTYPE, launch, loads, stores)?;
    let n_stores = stores.len();
    let written: HashSet<usize> = operands[..n_stores].iter().map(|operand| operand.storage).collect();
    let compute = candle_dtype(T::DTYPE.into());
    let like = match stores.first().or(loads.first()) {
        Some(like) => (*like).clone(),
        None => Tensor::zeros((1, 1), compute, &Device::Cpu)?,
    };
    let mut values: Vec<Value<T>> = Vec::with_capacity(kernel.insts.len());
    for inst in kernel.insts.values() {
        let value = match inst {
            Inst::Load(slot) => {
                let operand = &operands[n_stores + *slot as usize];
                let load = match written.contains(&operand.storage) {
                    // What is stored first must not show in what is stored next.
                    true => operand.tensor.copy()?,
                    false => operand.tensor.clone(),
                };
                Value::Tensor(load.to_dtype(compute)?)
            }
            Inst::Scalar(slot) => Value::Scalar(T::from_f64(launch.scalars[*slot as usize])),
            Inst::Const(number) => Value::Scalar(T::from_f64(*number)),
            Inst::Noise(slot) => Value::Tensor(match launch.draws[*slot as usize] {
                TensorDraw::Given(tensor) => tensor.clone(),
                TensorDraw::Generated { stream, draw } => {
                    noise::<T>(launch, &[&like], &[Term { stream, draw, factor: 1.0 }])?
                }
                TensorDraw::Path(terms) => noise::<T>(launch, &[&like], terms)?,
            }),
            Inst::Cell(slot) => {
                let cells = launch.cells[*slot as usize].on(like.device())?.to_dtype(compute)?;
                let dims: Vec<usize> =
                    like.dims().iter().enumerate().map(|(at, n)| if at == 0 { *n } else { 1 }).collect();
                Value::Tensor(cells.reshape(dims)?.broadcast_as(like.shape())?.contiguous()?)
            }
            Inst::Apply { op, args } => {
                let args: Vec<Value<T>> =
                    args.as_slice().iter().map(|arg| values[arg.as_u32() as usize].clone()).collect();
                apply(*op, &args)?
            }
        };
        values.push(value);
    }
    let value = |value: &samp_compiler::ir::entities::Value| match &values[value.as_u32() as usize] {
        Value::Scalar(number) => full(*number, like.device())?.broadcast_as(like.shape()),
        Value::Tensor(tensor) => Ok(tensor.clone()),
    };
    let size = operands::samples(loads, stores);
    let reduce = |reduce: &Reduce| {
        let rows = value(&reduce.value)?.contiguous()?.reshape(size)?;
        Ok(Cells::Tensor(candle_reduce::reduced(reduce.how, &rows, widest(rows.device()))?))
    };
    let cells = kernel.reduces.iter().map(reduce).collect::<candle_core::Result<Vec<_>>>()?;
    for (store, stored) in stores.iter().zip(&kernel.stores) {
        write(store, &value(stored)?)?;
    }
    Ok(cells)
}

/// Writes a value into the caller's tensor.
fn write(store: &Tensor, value: &Tensor) -> candle_core::Result<()> {
    let narrow = match operands::stored(store.dtype()) {
        // By way of f32, as everywhere.
        Some(Stored::F16 | Stored::Bf16) => value.to_dtype(DType::F32)?,
        Some(Stored::F32 | Stored::F64) | None => value.clone(),
    };
    let (store, value) = (store.flatten_all()?, narrow.to_dtype(store.dtype())?.contiguous()?.flatten_all()?);
    store.slice_set(&value, 0, 0)
}

/// A sum of multiples of normals, made on the host as the CPU makes it.
pub(super) fn noise<T: Element>(
    launch: &TensorLaunch<'_>,
    stores: &[&Tensor],
    terms: &[Term],
) -> Result<Tensor, DeviceError> {
    let (samples, elements) = operands::samples(&[], stores);
    let TensorLaunch { seed, first_sample, .. } = *launch;
    let mut numbers = vec![T::default(); samples * elements];
    let mut normals = vec![T::default(); elements];
    for (row, numbers) in numbers.chunks_mut(elements.max(1)).enumerate() {
        let sample = u32::try_from(first_sample + row as u64).map_err(|_| LaunchError::TooLarge {
            first_sample,
            samples,
            elements,
        })?;
        let sequence = |term: &Term| Sequence { seed, stream: term.stream, draw: term.draw, sample };
        match terms {
            [term] if term.factor == 1.0 => T::fill_normal(numbers, sequence(term), 0),
            terms => terms.iter().for_each(|term| {
                T::fill_normal(&mut normals, sequence(term), 0);
                T::add_multiple(numbers, T::from_f64(term.factor), &normals);
            }),
        }
    }
    let Some(store) = stores.first() else { return Ok(full(T::default(), &Device::Cpu)?) };
    let (shape, device) = (store.shape(), store.device());
    Ok(match T::DTYPE {
        Dtype::F32 => Tensor::from_vec(numbers.into_iter().map(T::to_f32).collect::<Vec<_>>(), shape, device)?,
        Dtype::F64 => Tensor::from_vec(numbers.into_iter().map(T::to_f64).collect::<Vec<_>>(), shape, device)?,
    })
}

/// A tensor of one number.
fn full<T: Element>(number: T, device: &Device) -> candle_core::Result<Tensor> {
    match T::DTYPE {
        Dtype::F32 => Tensor::full(number.to_f32(), (), device),
        Dtype::F64 => Tensor::full(number.to_f64(), (), device),
    }
}

fn apply<T: Element>(op: Op, args: &[Value<T>]) -> candle_core::Result<Value<T>> {
    let like = args.iter().find_map(|arg| match arg {
        Value::Tensor(tensor) => Some(tensor),
        Value::Scalar(_) => None,
    });
    let Some(like) = like else {
        let number = |k: usize| match args.get(k) {
            Some(Value::Scalar(number)) => *number,
            Some(Value::Tensor(_)) | None => T::default(),
        };
        let [a, b, c] = [0, 1, 2].map(number);
        return Ok(Value::Scalar(match op {
            // Rounded twice, as for tensors.
            Op::Fma => T::apply(Op::Add, [T::apply(Op::Mul, [a, b, c]), c, c]),
            op => T::apply(op, [a, b, c]),
        }));
    };
    let tensor = |k: usize| match &args[k] {
        Value::Tensor(tensor) => Ok(tensor.clone()),
        Value::Scalar(number) => full(*number, like.device())?.broadcast_as(like.shape()),
    };
    Ok(Value::Tensor(match op {
        Op::Add => add(&args[0], &args[1], like)?,
        Op::Sub => tensor(0)?.sub(&tensor(1)?)?,
        Op::Mul => mul(&args[0], &args[1], like)?,
        Op::Div => tensor(0)?.div(&tensor(1)?)?,
        Op::Min => select(tensor(0)?.lt(&tensor(1)?)?, tensor(0)?, tensor(1)?)?,
        Op::Max => select(tensor(0)?.gt(&tensor(1)?)?, tensor(0)?, tensor(1)?)?,
        Op::Fma => {
            let product = match (&args[0], &args[1]) {
                (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(T::apply(Op::Mul, [*a, *b, *b])),
                (a, b) => Value::Tensor(mul(a, b, like)?),
            };
            add(&product, &args[2], like)?
        }
        Op::Neg => tensor(0)?.neg()?,
        Op::Abs => tensor(0)?.abs()?,
        Op::Sqrt => tensor(0)?.sqrt()?,
        Op::Exp => tensor(0)?.exp()?,
        Op::Ln => tensor(0)?.log()?,
        Op::Tanh => tensor(0)?.tanh()?,
        Op::Sin => tensor(0)?.sin()?,
        Op::Cos => tensor(0)?.cos()?,
    }))
}

fn select(condition: Tensor, yes: Tensor, no: Tensor) -> candle_core::Result<Tensor> {
    condition.where_cond(&yes.contiguous()?, &no.contiguous()?)
}

/// A product; with a number it is one `affine`, whose sum with minus zero changes nothing.
fn mul<T: Element>(a: &Value<T>, b: &Value<T>, like: &Tensor) -> candle_core::Result<Tensor> {
    match (a, b) {
        (Value::Tensor(a), Value::Tensor(b)) => a.mul(b),
        (Value::Tensor(tensor), Value::Scalar(number)) | (Value::Scalar(number), Value::Tensor(tensor)) => {
            tensor.affine(number.to_f64(), -0.0)
        }
        (Value::Scalar(a), Value::Scalar(b)) => {
            full(T::apply(Op::Mul, [*a, *b, *b]), like.device())?.broadcast_as(like.shape())
        }
    }
}

/// A sum; with a number it is one `affine`.
fn add<T: Element>(a: &Value<T>, b: &Value<T>, like: &Tensor) -> candle_core::Result<Tensor> {
    match (a, b) {
        (Value::Tensor(a), Value::Tensor(b)) => a.add(b),
        (Value::Tensor(tensor), Value::Scalar(number)) | (Value::Scalar(number), Value::Tensor(tensor)) => {
            tensor.affine(1.0, number.to_f64())
        }
        (Value::Scalar(a), Value::Scalar(b)) => {
            full(T::apply(Op::Add, [*a, *b, *b]), like.device())?.broadcast_as(like.shape())
        }
    }
}
