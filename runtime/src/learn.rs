//! Grids that fit a network: the levels whose steps lead least astray from the path of a teacher.
//!
//! Chen et al. 2024, arXiv:2405.11326, section 4 (GITS). A teacher walks a fine grid. From each of its samples the student
//! takes one step to every later level; the root mean square of what lies between the end of that step and the teacher's
//! own sample there is the step's cost. A grid costs the sum of its steps, so the best grid of a number of steps is a
//! shortest path, which dynamic programming finds. Distances are in the schedule's own coordinates.

use std::collections::BTreeSet;

use candle_core::{DType, Tensor};
use samp_compiler::hir::Coordinate;
use samp_compiler::ir::plan::LevelRow;
use samp_compiler::machine::{GivenLevel, GivenLevels};

use crate::denoiser::{Call, Denoiser};
use crate::error::Error;
use crate::kernels::Kernels;
use crate::pipeline::{Compiled, Pipeline};
use crate::run::RunOptions;
use crate::start::Start;

/// The path of a teacher: its levels, and its samples there.
#[derive(Clone, Debug)]
pub struct Teacher {
    levels: Vec<LevelRow>,
    path: Vec<Tensor>,
    start: Start,
}

impl Teacher {
    /// Walks a pipeline from a start.
    ///
    /// # Errors
    /// [`Error::Unteachable`] if it draws noise, finds its own steps, asks for tensors or rises; and as a run.
    pub fn walk(pipeline: &Pipeline, start: Start, denoiser: &mut impl Denoiser) -> Result<Teacher, Error> {
        let compiled = pipeline.compile()?;
        plain(&compiled, "teacher")?;
        let levels = compiled.levels().to_vec();
        if levels.windows(2).any(|pair| pair[1].lambda <= pair[0].lambda) {
            return Err(Error::Unteachable { who: "teacher", why: "walks a grid that rises" });
        }
        let mut path = vec![start.first(levels[0].sigma)?];
        for step in compiled.start(start.clone(), by(denoiser), RunOptions::default())? {
            path.push(step?.x);
        }
        Ok(Teacher { levels, path, start })
    }

    /// Its levels.
    pub fn levels(&self) -> &[LevelRow] {
        &self.levels
    }

    /// Its samples at these levels.
    pub fn path(&self) -> &[Tensor] {
        &self.path
    }

    /// The cost of each step that the student may take between two levels of the teacher. The student's own grid does not
    /// matter.
    ///
    /// # Errors
    /// As [`Teacher::walk`].
    pub fn costs(&self, student: &Pipeline, denoiser: &mut impl Denoiser) -> Result<Costs, Error> {
        let first = student.clone().levels(self.given(&[0, 1])).compile()?;
        plain(&first, "student")?;
        let program = student.assemble()?;
        let mut kernels = Kernels::of(&first);
        let last = self.levels.len() - 1;
        let mut costs = Vec::with_capacity(last + 1);
        for from in 0..last {
            let mut row = vec![f64::INFINITY; from + 1];
            // The first call of a step is the same wherever the step leads.
            let mut first_call = None;
            for to in from + 1..=last {
                let config = student.config_at(self.given(&[from, to]));
                let plan = program.plan(&config).map_err(Error::from)?.plan;
                let artifacts = kernels.compile(&plan)?;
                let step = first.step(plan, artifacts);
                let start = Start { x: self.path[from].clone(), unit: false, ..self.start.clone() };
                let end = step.run(start, |x: &Tensor, call: &Call| remembered(&mut first_call, denoiser, x, call))?;
                row.push(distance(&end, &self.path[to])?);
            }
            costs.push(row);
        }
        costs.push(Vec::new());
        Ok(Costs(costs))
    }

    /// How far a student ends from the teacher: the root mean square over all elements.
    ///
    /// # Errors
    /// As a run.
    pub fn distance(&self, student: &Pipeline, denoiser: &mut impl Denoiser) -> Result<f64, Error> {
        let end = student.compile()?.run(self.start.clone(), by(denoiser))?;
        distance(&end, &self.path[self.path.len() - 1])
    }

    /// The levels of the grid of so many steps that leads nearest to the teacher's end, and how near. What costs least in
    /// sum need not end nearest, so the best grid for each growth is walked, and so is the student's own grid, on the
    /// teacher's levels. Nothing if the teacher takes fewer steps.
    ///
    /// # Errors
    /// As a run.
    pub fn search(
        &self,
        costs: &Costs,
        student: &Pipeline,
        (steps, growths): (usize, &[f64]),
        denoiser: &mut impl Denoiser,
    ) -> Result<Option<(Vec<usize>, f64)>, Error> {
        let own = student.clone().steps(steps).compile()?;
        let best = growths.iter().filter_map(|growth| Some(costs.best(steps, *growth)?.0));
        let ways: BTreeSet<Vec<usize>> = best.chain(self.nearest(own.levels())).collect();
        let mut nearest: Option<(Vec<usize>, f64)> = None;
        for nodes in ways {
            let distance = self.distance(&student.clone().levels(self.given(&nodes)), denoiser)?;
            if nearest.as_ref().is_none_or(|(_, least)| distance < *least) {
                nearest = Some((nodes, distance));
            }
        }
        Ok(nearest)
    }

    /// Its levels nearest to those of a grid, from its first to its last; nothing where two fall on one.
    fn nearest(&self, levels: &[LevelRow]) -> Option<Vec<usize>> {
        let [_, inner @ .., _] = levels else { return None };
        let last = self.levels.len() - 1;
        let gap = |level: &LevelRow, node: usize| (self.levels[node].lambda - level.lambda).abs();
        let node = |level| (1..last).min_by(|a, b| gap(level, *a).total_cmp(&gap(level, *b)));
        let mut nodes = vec![0];
        for level in inner {
            nodes.push(node(level)?);
        }
        nodes.push(last);
        nodes.windows(2).all(|pair| pair[0] < pair[1]).then_some(nodes)
    }

    /// Some of its levels, to be put in place of a grid.
    pub fn given(&self, nodes: &[usize]) -> GivenLevels {
        let level = |node: &usize| match self.levels[*node] {
            LevelRow { sigma: 0.0, .. } => GivenLevel::Clean,
            LevelRow { alpha: 0.0, .. } => GivenLevel::Pure,
            LevelRow { alpha, sigma, .. } => GivenLevel::At(sigma / alpha),
        };
        GivenLevels { coordinate: Coordinate::Rho, levels: nodes.iter().map(level).collect() }
    }
}

/// What each step costs that leads from one level to a later one.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs(Vec<Vec<f64>>);

impl Costs {
    /// Costs by the levels that a step leads from and to; only those are read that lead onward.
    pub fn new(costs: Vec<Vec<f64>>) -> Costs {
        Costs(costs)
    }

    /// What the step between two levels costs; infinite where it does not lead onward, or is not known.
    pub fn of(&self, from: usize, to: usize) -> f64 {
        let known = self.0.get(from).filter(|_| from < to).and_then(|row| row.get(to));
        known.copied().unwrap_or(f64::INFINITY)
    }

    /// The levels of the best grid from the first to the last in so many steps, and what it costs, where step `m` from 0
    /// counts `growth^m` times. Of equal grids the one that stays nearest to its start. Nothing if there are not so many
    /// levels.
    pub fn best(&self, steps: usize, growth: f64) -> Option<(Vec<usize>, f64)> {
        let last = self.0.len().checked_sub(1)?;
        if steps == 0 || steps > last {
            return None;
        }
        // ways[k][from]: the least that `k` steps from there to the end cost, and where the first one leads.
        let mut ways: Vec<Vec<(f64, usize)>> = vec![vec![(f64::INFINITY, last); last + 1]];
        ways[0][last] = (0.0, last);
        for k in 1..=steps {
            let way = |from: usize| {
                let onward = (from + 1..=last).map(|to| (self.of(from, to) + growth * ways[k - 1][to].0, to));
                onward.fold((f64::INFINITY, last), |best, next| if next.0 < best.0 { next } else { best })
            };
            ways.push((0..=last).map(way).collect());
        }
        let total = ways[steps][0].0;
        let mut nodes = vec![0];
        for k in (1..=steps).rev() {
            nodes.push(ways[k][nodes[nodes.len() - 1]].1);
        }
        total.is_finite().then_some((nodes, total))
    }
}

fn plain(compiled: &Compiled, who: &'static str) -> Result<(), Error> {
    let why = match compiled {
        one if one.is_adaptive() => "finds its own steps",
        one if !one.inputs().is_empty() => "asks for tensors",
        one if one.cost().draws > 0 => "draws noise",
        _ => return Ok(()),
    };
    Err(Error::Unteachable { who, why })
}

fn by(denoiser: &mut impl Denoiser) -> impl FnMut(&Tensor, &Call) -> candle_core::Result<Tensor> {
    |x, call| denoiser.denoise(x, call)
}

/// An answer of the network, and what was asked.
struct Answer {
    x: Vec<f64>,
    time: u64,
    output: Tensor,
}

/// Asks, unless the first question is asked again.
fn remembered(
    first: &mut Option<Answer>,
    denoiser: &mut impl Denoiser,
    x: &Tensor,
    call: &Call,
) -> candle_core::Result<Tensor> {
    let (asked, time) = (numbers(x)?, call.time().to_bits());
    match first {
        Some(answer) if answer.time == time && answer.x == asked => answer.output.copy(),
        Some(_) => denoiser.denoise(x, call),
        None => {
            let output = denoiser.denoise(x, call)?;
            *first = Some(Answer { x: asked, time, output: output.copy()? });
            Ok(output)
        }
    }
}

fn distance(a: &Tensor, b: &Tensor) -> Result<f64, Error> {
    let (a, b) = (numbers(a)?, numbers(b)?);
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
    Ok((squares / a.len().max(1) as f64).sqrt())
}

fn numbers(tensor: &Tensor) -> candle_core::Result<Vec<f64>> {
    tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random; the same ones each time.
    fn some(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 40) as f64 / (1u64 << 24) as f64
    }

    /// Every way from the first to the last of `levels` in so many steps.
    fn all(levels: usize, steps: usize) -> Vec<Vec<usize>> {
        let inner: Vec<usize> = (1..levels - 1).collect();
        let sets = (0..1usize << inner.len()).filter(|set| set.count_ones() as usize == steps - 1);
        let way = |set: usize| {
            let chosen = inner.iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1).map(|(_, node)| *node);
            std::iter::once(0).chain(chosen).chain([levels - 1]).collect()
        };
        sets.map(way).collect()
    }

    #[test]
    fn the_best_grid_is_the_best_of_all_grids() {
        let mut seed = 7;
        for levels in 2..=9 {
            let costs: Vec<Vec<f64>> = (0..levels).map(|_| (0..levels).map(|_| some(&mut seed)).collect()).collect();
            for (steps, growth) in (1..levels).flat_map(|steps| [(steps, 1.0_f64), (steps, 1.15), (steps, 0.5)]) {
                let cost = |way: &Vec<usize>| {
                    let steps = way.windows(2).enumerate();
                    steps.map(|(m, pair)| growth.powi(m as i32) * costs[pair[0]][pair[1]]).sum::<f64>()
                };
                let ways = all(levels, steps);
                let best = ways.iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("there is a way");
                let (nodes, total) = Costs::new(costs.clone()).best(steps, growth).expect("there is a way");
                assert_eq!(&nodes, best);
                assert!((total - cost(best)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn there_are_no_grids_of_more_steps_than_levels() {
        let costs = Costs::new(vec![vec![1.0; 3]; 3]);
        assert_eq!(costs.best(3, 1.0), None);
        assert_eq!(costs.best(0, 1.0), None);
        assert_eq!(costs.best(2, 1.0).map(|(nodes, _)| nodes), Some(vec![0, 1, 2]));
    }
}
