//! The only functions of floats on the host.
//!
//! Everything goes through `libm`, so that a plan is the same on every machine. Special functions say what they
//! follow; none of them knows anything of samplers.

/// e^z.
pub fn exp(z: f64) -> f64 {
    libm::exp(z)
}

/// e^z - 1.
pub fn expm1(z: f64) -> f64 {
    libm::expm1(z)
}

/// ln z.
pub fn ln(z: f64) -> f64 {
    libm::log(z)
}

/// ln(1 + z).
pub fn ln1p(z: f64) -> f64 {
    libm::log1p(z)
}

/// The square root.
pub fn sqrt(z: f64) -> f64 {
    libm::sqrt(z)
}

/// The sine.
pub fn sin(z: f64) -> f64 {
    libm::sin(z)
}

/// The cosine.
pub fn cos(z: f64) -> f64 {
    libm::cos(z)
}

/// The tangent.
pub fn tan(z: f64) -> f64 {
    libm::tan(z)
}

/// The inverse tangent.
pub fn atan(z: f64) -> f64 {
    libm::atan(z)
}

/// The hyperbolic tangent.
pub fn tanh(z: f64) -> f64 {
    libm::tanh(z)
}

/// a^b; whole exponents by multiplication, so that squares are exact where they can be.
pub fn pow(a: f64, b: f64) -> f64 {
    if b == 2.0 {
        return a * a;
    }
    libm::pow(a, b)
}

/// Round to nearest, halves to even.
pub fn round(z: f64) -> f64 {
    libm::rint(z)
}

/// n!; infinite from 171 on.
pub fn factorial(n: i64) -> f64 {
    (1..=n.min(171)).map(|k| k as f64).product()
}

/// phi_k(z) with phi_0 = e^z and phi_(k+1) = (phi_k - 1/k!) / z (Hochbruck & Ostermann 2010, eq. 2.10).
///
/// Near 0 the recurrence cancels, so the Taylor series is summed there.
pub fn phi(k: i64, z: f64) -> f64 {
    if k <= 0 {
        return exp(z);
    }
    if z.abs() <= 3.0 {
        let mut term = 1.0 / factorial(k);
        let mut sum = term;
        for j in 1..60 {
            term *= z / (k + j) as f64;
            sum += term;
        }
        return sum;
    }
    let mut value = expm1(z) / z;
    if z == f64::NEG_INFINITY {
        value = 0.0;
    }
    for j in 1..k {
        value = (value - 1.0 / factorial(j)) / z;
    }
    value
}

/// The quantile function of the standard normal: Acklam's rational approximation, then two steps of Halley's method
/// on the complementary error function.
pub fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    }
    if p >= 1.0 {
        return if p == 1.0 { f64::INFINITY } else { f64::NAN };
    }
    let mut x = acklam(p);
    for _ in 0..2 {
        let error = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2) - p;
        let u = error * (2.0 * std::f64::consts::PI).sqrt() * exp(x * x / 2.0);
        x -= u / (1.0 + x * u / 2.0);
    }
    x
}

fn acklam(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.383_577_518_672_69e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    let horner = |coefficients: &[f64], z: f64| coefficients.iter().fold(0.0, |sum, c| sum * z + c);
    let tail = |q: f64| horner(&C, q) / (horner(&D, q) * q + 1.0);
    if p < 0.02425 {
        tail(sqrt(-2.0 * ln(p)))
    } else if p > 1.0 - 0.02425 {
        -tail(sqrt(-2.0 * ln1p(-p)))
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

/// The quantile function of a beta distribution, by bisection on the regularised incomplete beta function.
pub fn beta_quantile(u: f64, a: f64, b: f64) -> f64 {
    if !(0.0..=1.0).contains(&u) || a.is_nan() || b.is_nan() || a <= 0.0 || b <= 0.0 {
        return f64::NAN;
    }
    if a == b && u == 0.5 {
        // By symmetry, to the last bit: grids round multiples of it.
        return 0.5;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..1100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if beta_cdf(middle, a, b) < u { low = middle } else { high = middle }
    }
    if u == 0.0 { 0.0 } else { high }
}

/// The regularised incomplete beta function, by Lentz's continued fraction (DLMF 8.17.22).
fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = exp(libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * ln(x) + b * ln1p(-x));
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |z: f64| if z.abs() < TINY { TINY } else { z };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1e-300), "{a} is not {b}");
    }

    #[test]
    fn phi_agrees_with_its_recurrence_where_that_is_stable() {
        for z in [-8.0, -4.0, 3.5, 6.0] {
            close(phi(2, z), (expm1(z) / z - 1.0) / z, 1e-14);
            close(phi(3, z), ((expm1(z) / z - 1.0) / z - 0.5) / z, 1e-13);
        }
        close(phi(1, 1e-12), 1.0 + 5e-13, 1e-15);
        close(phi(3, 0.0), 1.0 / 6.0, 1e-16);
    }

    /// Values of Abramowitz & Stegun, table 26.1, and scipy's `norm.ppf`.
    #[test]
    fn normal_quantiles() {
        close(normal_quantile(0.975), 1.959_963_984_540_054, 1e-15);
        close(normal_quantile(0.5 + 1e-9), 2.506_628_274_631e-9, 1e-6);
        close(normal_quantile(1e-10), -6.361_340_902_404_056, 1e-14);
    }

    /// The arcsine law has a closed form: sin(pi u / 2)^2.
    #[test]
    fn beta_quantiles_of_the_arcsine_law() {
        for u in [0.01, 0.2, 0.5, 0.9] {
            let exact = sin(std::f64::consts::FRAC_PI_2 * u);
            close(beta_quantile(u, 0.5, 0.5), exact * exact, 1e-12);
        }
        close(beta_quantile(0.3, 1.0, 1.0), 0.3, 1e-14);
        assert_eq!(beta_quantile(0.5, 0.6, 0.6), 0.5);
    }
}
