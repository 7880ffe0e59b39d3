//! Reductions of a sample on the CPU: partial results of blocks, and a finish.
//!
//! Blocks count from the sample's start and are combined in order, so a result depends on the sample's elements alone:
//! not on batch, threads or shards, nor on the engine that computed the elements.

use super::element::Element;
use crate::ir::op::Reduction;

/// Sums side by side in a block, for vector instructions.
const LANES: usize = 8;

/// The partial result of a block: a sum in f64, or the largest. Quantiles have none.
pub(super) fn partial<T: Element>(how: Reduction, block: &[T]) -> f64 {
    match how {
        Reduction::Mean => sum(block),
        Reduction::Max => largest(block.iter().map(|value| value.to_f64())),
        Reduction::Quantile(_) => 0.0,
    }
}

/// The result of a sample from the partial results of its blocks, in order, and from its elements, which only quantiles
/// read and reorder.
pub(super) fn finish<T: Element>(how: Reduction, partials: impl Iterator<Item = f64>, n: usize, all: &mut [T]) -> f64 {
    match how {
        Reduction::Mean => partials.sum::<f64>() / n as f64,
        Reduction::Max => largest(partials),
        Reduction::Quantile(share) => quantile(all, share),
    }
}

/// The reduction of all elements of a sample.
pub fn whole<T: Element>(how: Reduction, all: &[T]) -> f64 {
    let partials = all.chunks(super::BLOCK).map(|block| partial(how, block));
    match how {
        Reduction::Mean | Reduction::Max => finish::<T>(how, partials, all.len(), &mut []),
        Reduction::Quantile(_) => finish(how, partials, all.len(), &mut all.to_vec()),
    }
}

fn sum<T: Element>(block: &[T]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = block.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value.to_f64();
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value.to_f64();
    }
    lanes.iter().sum()
}

/// The largest number, NaN if there is one.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NEG_INFINITY, |most, value| if value > most || value.is_nan() { value } else { most })
}

/// The quantile, linear between the two nearest elements in order; NaN if there is one, or nothing.
fn quantile<T: Element>(all: &mut [T], share: f64) -> f64 {
    let Some(last) = all.len().checked_sub(1).filter(|_| !all.iter().any(|value| value.to_f64().is_nan())) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = (place.floor() as usize).min(last);
    let (_, low, above) = all.select_nth_unstable_by(below, |a, b| a.to_f64().total_cmp(&b.to_f64()));
    let low = low.to_f64();
    let high = above.iter().map(|value| value.to_f64()).fold(f64::INFINITY, f64::min);
    let weight = place - below as f64;
    if weight == 0.0 || above.is_empty() { low } else { low + weight * (high - low) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(whole(Reduction::Quantile(0.0), &values), 1.0);
        assert_eq!(whole(Reduction::Quantile(0.5), &values), 2.5);
        assert_eq!(whole(Reduction::Quantile(1.0), &values), 4.0);
        assert_eq!(whole(Reduction::Quantile(1.0 / 3.0), &values), 2.0);
    }

    #[test]
    fn not_a_number_is_not_lost() {
        for how in [Reduction::Mean, Reduction::Max, Reduction::Quantile(0.5)] {
            for at in 0..3 {
                let mut values = [1.0, 2.0, 3.0];
                values[at] = f64::NAN;
                assert!(whole(how, &values).is_nan(), "{how} of {values:?}");
            }
        }
    }

    #[test]
    fn means_of_many_small_numbers_are_exact_in_f64() {
        let values = vec![0.1f32; 100_000];
        assert!((whole(Reduction::Mean, &values) - f64::from(0.1f32)).abs() < 1e-15);
    }
}
