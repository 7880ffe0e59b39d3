//! Reductions of samples through candle's operations, on the device: nothing is read back.
//!
//! For quantiles, candle sorts a row within one block of threads, so only some thousand elements; and it has no view of a number's
//! bits. So the element of a rank is built bit by bit, as arithmetic: its sign, the power of two, then the digits after
//! it, each kept if no more elements than the rank are below what it makes. All steps are exact, and a row takes as
//! many as a number has bits.

use candle_core::{D, DType, Result, Tensor};
use samp_compiler::backend::reduce::whole;
use samp_compiler::ir::op::Reduction;

/// A reduction of each row of `rows` (samples, elements), in f32 or f64: one dimension, in `result`. Of elements among
/// which one is no number, there is no mean, largest or quantile. A zero may lose its sign.
pub(super) fn reduced(how: Reduction, rows: &Tensor, result: DType) -> Result<Tensor> {
    let (samples, elements) = rows.dims2()?;
    let value = match how {
        _ if elements == 0 => {
            return Tensor::full(whole::<f64>(how, &[]) as f32, samples, rows.device())?.to_dtype(result);
        }
        Reduction::Mean => return rows.to_dtype(result)?.mean(D::Minus1),
        Reduction::Max => rows.max_keepdim(D::Minus1)?.to_dtype(result)?,
        Reduction::Quantile(share) => quantile(rows, share, result)?,
    };
    let numbers = count(&rows.eq(rows)?)?;
    let nan = value.zeros_like()?.affine(0.0, f64::NAN)?;
    select(&numbers.eq(&filled(&numbers, elements)?)?, &value, &nan)?.squeeze(1)
}

/// How the numbers of a type are made of powers of two.
struct Format {
    /// The exponent of the smallest normal number.
    least: i32,
    /// The number of binary digits after the leading one.
    digits: i32,
    /// Powers of two whose products are the numbers without such digits; each a power of a float's own type.
    exponents: &'static [i32],
}

impl Format {
    fn of(dtype: DType) -> Result<Format> {
        match dtype {
            DType::F32 => Ok(Format { least: -126, digits: 23, exponents: &[64, 64, 64, 32, 16, 8, 4, 2, 1] }),
            DType::F64 => {
                Ok(Format { least: -1022, digits: 52, exponents: &[512, 512, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1] })
            }
            other => candle_core::bail!("expected rows of f32 or f64, found {other:?}"),
        }
    }
}

/// The quantile of each row of numbers, linear between the two nearest elements in order: (samples, 1).
fn quantile(rows: &Tensor, share: f64, result: DType) -> Result<Tensor> {
    let last = rows.dim(1)? - 1;
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let weight = place - below as f64;
    let low = ranked(rows, below, last)?;
    if weight == 0.0 {
        return low.to_dtype(result);
    }
    let at_most = count(&rows.broadcast_le(&low)?)?;
    let is_many = at_most.ge(&filled(&at_most, below + 2)?)?;
    let infinite = rows.zeros_like()?.affine(0.0, f64::INFINITY)?;
    let above = select(&rows.broadcast_gt(&low)?, rows, &infinite)?;
    let high = select(&is_many, &low, &above.min_keepdim(D::Minus1)?)?.to_dtype(result)?;
    let low = low.to_dtype(result)?;
    &low + (high - &low)?.affine(weight, 0.0)?
}

/// The element of each row that `rank` others come before, of ranks up to `last`: (samples, 1).
fn ranked(rows: &Tensor, rank: usize, last: usize) -> Result<Tensor> {
    let format = Format::of(rows.dtype())?;
    let negatives = count(&rows.lt(&rows.zeros_like()?)?)?;
    let is_negative = negatives.gt(&filled(&negatives, rank)?)?;
    // Of a negative element the size is ranked from the other end.
    let rank = select(&is_negative, &filled(&negatives, last - rank)?, &filled(&negatives, rank)?)?;
    let zero = rows.narrow(1, 0, 1)?.zeros_like()?;
    let number = |number: f64| zero.affine(0.0, number);
    let sign = select(&is_negative, &number(-1.0)?, &number(1.0)?)?;
    let sizes = rows.broadcast_mul(&sign)?;
    let is_at_least = |size: &Tensor| count(&sizes.broadcast_lt(size)?)?.le(&rank);

    let mut power = number(2f64.powi(format.least))?;
    let is_normal = is_at_least(&power)?;
    for exponent in format.exponents {
        let greater = power.affine(2f64.powi(*exponent), 0.0)?;
        power = select(&is_at_least(&greater)?, &greater, &power)?;
    }
    let mut size = select(&is_normal, &power, &zero)?;
    for digit in 1..=format.digits {
        let greater = (&size + power.affine(2f64.powi(-digit), 0.0)?)?;
        size = select(&is_at_least(&greater)?, &greater, &size)?;
    }
    size.mul(&sign)
}

/// How many elements of each row fulfil a condition: (samples, 1).
fn count(condition: &Tensor) -> Result<Tensor> {
    condition.to_dtype(DType::U32)?.sum_keepdim(D::Minus1)
}

/// A count in the place of each of `like`.
fn filled(like: &Tensor, count: usize) -> Result<Tensor> {
    Tensor::full(count as u32, like.shape(), like.device())
}

fn select(condition: &Tensor, yes: &Tensor, no: &Tensor) -> Result<Tensor> {
    condition.where_cond(&yes.contiguous()?, &no.contiguous()?)
}
