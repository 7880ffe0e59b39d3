//! The arithmetic of problems with a known answer: a tensor is the state of several of them at once.
//!
//! Every deterministic sampler solves dz / dlambda = D - z for z = x / alpha, whatever the schedule (Lu et al. 2022,
//! arXiv:2211.01095, eq. 8, in z). A [`Problem`] gives D and the solution z(lambda) in closed form, so the model can be
//! answered at any sample and the truth is known at any level. Numbers are any [`Real`]: f64 for runs, jets for series.
//!
//! A draw with a factor other than zero makes a tensor noisy, and so does everything made of it: such a run has no
//! order in this sense.

use std::sync::Arc;

use super::real::{Function, Real};
use super::{Arith, ModelFault, NetworkCall, Operand};
use crate::ir::op::{Op, Reduction};
use crate::machine::level::Level;
use crate::types::Kind;

/// A problem whose solution is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Problem {
    /// Normal data of this mean and deviation, on the trajectory that ends at `mean + deviation * end`. D is linear in
    /// the sample, with a factor that changes with lambda.
    Gaussian {
        /// The mean of the data.
        mean: f64,
        /// Its deviation.
        deviation: f64,
        /// The trajectory.
        end: f64,
    },
    /// D is a polynomial in lambda - `from`, whatever the sample: what a rule does there is to integrate.
    Quadrature {
        /// Where it starts.
        from: f64,
        /// Its solution there.
        start: f64,
        /// Coefficients of D.
        weights: [f64; 6],
    },
    /// D = z + curve g z^power with g = 1 + 0.7 u - 0.4 u^2, u = lambda - `from`: Bernoulli's equation, a guard for what
    /// linear problems do not see.
    Bernoulli {
        /// Where it starts.
        from: f64,
        /// Its solution there.
        start: f64,
        /// How far it is from linear.
        curve: f64,
        /// 2 or more.
        power: i32,
    },
}

impl Problem {
    /// The solution at a level, over alpha.
    pub fn exact<R: Real>(&self, level: &Level<R>) -> R {
        let real = R::from_f64;
        match *self {
            Problem::Gaussian { mean, deviation, end } => {
                let spread = real(deviation) * real(deviation) + level.rho.clone() * level.rho.clone();
                real(mean) + real(end) * spread.apply(Function::Sqrt)
            }
            Problem::Quadrature { from, start, weights } => {
                let u = level.lambda.clone() - real(from);
                // y' + y = D has the polynomial solution y = D - D' + D'' - ..
                let mut solution = weights;
                let mut derivative = weights;
                for _ in 1..weights.len() {
                    derivative = differentiate(derivative).map(|weight| -weight);
                    solution.iter_mut().zip(derivative).for_each(|(sum, weight)| *sum += weight);
                }
                horner(&solution, &u) + real(start - solution[0]) * (-u).apply(Function::Exp)
            }
            Problem::Bernoulli { from, start, curve, power } => {
                let u = level.lambda.clone() - real(from);
                // With w = z^(1 - power): w' = (1 - power) curve g.
                let degree = f64::from(power - 1);
                let grown = real(degree * curve) * horner(&[0.0, 1.0, 0.35, -0.4 / 3.0], &u);
                let w = real(start).pow(&real(-degree)) - grown;
                w.pow(&real(-1.0 / degree))
            }
        }
    }

    /// The prediction of the data at a sample over alpha.
    pub fn denoise<R: Real>(&self, z: &R, level: &Level<R>) -> R {
        let real = R::from_f64;
        match *self {
            Problem::Gaussian { mean, deviation, .. } => {
                let variance = real(deviation) * real(deviation);
                let share = variance.clone() / (variance + level.rho.clone() * level.rho.clone());
                real(mean) + share * (z.clone() - real(mean))
            }
            Problem::Quadrature { from, weights, .. } => horner(&weights, &(level.lambda.clone() - real(from))),
            Problem::Bernoulli { from, curve, power, .. } => {
                let g = horner(&[1.0, 0.7, -0.4], &(level.lambda.clone() - real(from)));
                let bent = (1..power).fold(z.clone(), |product, _| product * z.clone());
                z.clone() + real(curve) * g * bent
            }
        }
    }
}

fn differentiate(weights: [f64; 6]) -> [f64; 6] {
    std::array::from_fn(|k| weights.get(k + 1).map_or(0.0, |weight| weight * (k + 1) as f64))
}

fn horner<R: Real>(weights: &[f64], u: &R) -> R {
    weights.iter().rev().fold(R::from_f64(0.0), |sum, weight| sum * u.clone() + R::from_f64(*weight))
}

/// The states of the problems.
#[derive(Clone, Debug)]
pub struct States<R> {
    /// One per problem.
    pub parts: Arc<[R]>,
    /// A draw is in it.
    pub noisy: bool,
}

/// Computes with the states of problems.
pub struct Solved {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl Solved {
    /// The solutions at a level: as a sample, or in VE coordinates over alpha.
    pub fn exact<R: Real>(&self, level: &Level<R>, ve: bool) -> States<R> {
        let scaled = |z: R| if ve { z } else { level.alpha.clone() * z };
        States { parts: self.problems.iter().map(|problem| scaled(problem.exact(level))).collect(), noisy: false }
    }
}

/// [`Solved`] with numbers of one kind.
pub struct SolvedIn<R> {
    /// The problems.
    pub solved: Solved,
    /// The kind of numbers.
    pub real: std::marker::PhantomData<R>,
}

impl<R: Real> Arith for SolvedIn<R> {
    type Real = R;
    type Tensor = States<R>;

    fn linear(&mut self, terms: &[(R, &States<R>)], constant: R) -> States<R> {
        // A factor of zero makes nothing, whatever the tensor holds.
        let used: Vec<_> = terms.iter().filter(|(factor, _)| factor.to_f64() != 0.0).collect();
        let at = |k: usize| {
            let mut sum = used.iter().map(|(factor, states)| match factor.to_f64() {
                1.0 => states.parts[k].clone(),
                _ => factor.clone() * states.parts[k].clone(),
            });
            let first = sum.next().unwrap_or_else(|| R::from_f64(0.0));
            let total = sum.fold(first, |total, term| total + term);
            if constant.to_f64() == 0.0 { total } else { total + constant.clone() }
        };
        let parts = (0..self.solved.problems.len()).map(at).collect();
        States { parts, noisy: used.iter().any(|(_, states)| states.noisy) }
    }

    fn elementwise(&mut self, op: Op, args: &[Operand<R, States<R>>]) -> States<R> {
        let at = |k: usize| {
            let values = args.iter().map(|arg| match arg {
                Operand::Scalar(value) => value.clone(),
                Operand::Tensor(states) => states.parts[k].clone(),
            });
            evaluate(op, &values.collect::<Vec<R>>())
        };
        let noisy = args.iter().any(|arg| matches!(arg, Operand::Tensor(States { noisy: true, .. })));
        States { parts: (0..self.solved.problems.len()).map(at).collect(), noisy }
    }

    /// The problems are the elements.
    fn reduce(&mut self, how: Reduction, states: &States<R>) -> States<R> {
        let mut parts = states.parts.to_vec();
        let n = parts.len();
        parts.sort_by(|a, b| a.to_f64().total_cmp(&b.to_f64()));
        let zero = || R::from_f64(0.0);
        let last = || parts.last().cloned().unwrap_or_else(zero);
        let value = match how {
            Reduction::Mean => parts.iter().cloned().fold(zero(), |sum, part| sum + part) / R::from_f64(n as f64),
            Reduction::Max => last(),
            Reduction::Quantile(share) => {
                let place = share * n.saturating_sub(1) as f64;
                let low = parts.get(place.floor() as usize).cloned().unwrap_or_else(last);
                let high = parts.get(place.floor() as usize + 1).cloned().unwrap_or_else(last);
                low.clone() + R::from_f64(place - place.floor()) * (high - low)
            }
        };
        States { parts: vec![value; n].into(), noisy: states.noisy }
    }

    fn noise(&mut self, _draw: u32) -> States<R> {
        States { parts: self.solved.problems.iter().map(|_| R::from_f64(0.0)).collect(), noisy: true }
    }

    fn denoise(&mut self, x: &States<R>, call: &NetworkCall<R>) -> Option<States<R>> {
        let level = &call.level;
        let part = |(problem, x): (&Problem, &R)| problem.denoise(&(x.clone() / level.alpha.clone()), level);
        Some(States { parts: self.solved.problems.iter().zip(x.parts.iter()).map(part).collect(), noisy: x.noisy })
    }

    fn network(&mut self, input: &States<R>, _call: NetworkCall<R>) -> States<R> {
        input.clone()
    }

    fn predicted(
        &mut self,
        _: &States<R>,
        _: &States<R>,
        _: &States<R>,
        _: &States<R>,
        _: Kind,
    ) -> Result<(), ModelFault> {
        Ok(())
    }
}

/// An operation on numbers.
fn evaluate<R: Real>(op: Op, args: &[R]) -> R {
    let at = |k: usize| args.get(k).cloned().unwrap_or_else(|| R::from_f64(f64::NAN));
    let (a, b) = (at(0), at(1));
    let less = a.to_f64() < b.to_f64();
    match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        Op::Min => {
            if less {
                a
            } else {
                b
            }
        }
        Op::Max => {
            if less {
                b
            } else {
                a
            }
        }
        Op::Fma => a * b + at(2),
        Op::Neg => -a,
        Op::Abs => a.apply(Function::Abs),
        Op::Sqrt => a.apply(Function::Sqrt),
        Op::Exp => a.apply(Function::Exp),
        Op::Ln => a.apply(Function::Ln),
        Op::Tanh => a.apply(Function::Tanh),
        Op::Sin => a.apply(Function::Sin),
        Op::Cos => a.apply(Function::Cos),
    }
}
