//! Data whose probability flow is known: in one dimension it keeps the order of samples, so it takes quantiles to
//! quantiles.

use std::f64::consts::FRAC_1_SQRT_2;

use samp_runtime::analytic::{Analytic, Component};

/// A law of the data as a mixture of normal laws.
pub fn components(law: &Analytic) -> Vec<Component> {
    let normal = |mean, std| vec![Component { weight: 1.0, mean, std }];
    match law {
        Analytic::Gauss { mean, std } => normal(*mean, *std),
        Analytic::Mixture(parts) => parts.clone(),
        Analytic::Constant(value) => normal(*value, 0.0),
    }
}

/// Samples of `alpha x0 + sigma eps`, evenly spread over the law.
pub fn quantiles(parts: &[Component], n: usize, (alpha, sigma): (f64, f64)) -> Vec<f64> {
    let normals: Vec<Component> = parts
        .iter()
        .map(|part| Component { mean: alpha * part.mean, std: (alpha * part.std).hypot(sigma), ..*part })
        .collect();
    (0..n).map(|k| quantile(&normals, (k as f64 + 0.5) / n as f64)).collect()
}

/// Where a law has this much of itself below it. Bisection; the smaller tail is compared, so that no digits are lost.
fn quantile(normals: &[Component], share: f64) -> f64 {
    let total: f64 = normals.iter().map(|normal| normal.weight).sum();
    let upper = share > 0.5;
    let goal = if upper { 1.0 - share } else { share };
    let tail = |x: f64| {
        let one = |normal: &Component| {
            let z = (x - normal.mean) / normal.std * FRAC_1_SQRT_2;
            normal.weight / total * 0.5 * libm::erfc(if upper { z } else { -z })
        };
        normals.iter().map(one).sum::<f64>()
    };
    let mut low = normals.iter().map(|normal| normal.mean - 40.0 * normal.std).fold(f64::INFINITY, f64::min);
    let mut high = normals.iter().map(|normal| normal.mean + 40.0 * normal.std).fold(f64::NEG_INFINITY, f64::max);
    for _ in 0..80 {
        let middle = low + (high - low) / 2.0;
        if (tail(middle) < goal) == upper { high = middle } else { low = middle }
    }
    low + (high - low) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_normal_law_are_those_of_tables() {
        let normals = [Component { weight: 2.0, mean: 2.0, std: 1.25 }];
        for (share, z) in [(0.5, 0.0), (0.025, -1.959_963_984_540_054), (0.975, 1.959_963_984_540_054)] {
            let found = quantile(&normals, share);
            assert!((found - (2.0 + 1.25 * z)).abs() < 1e-12, "{share}: {found}");
        }
    }
}
