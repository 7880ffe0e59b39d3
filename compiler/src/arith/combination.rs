//! Tensors as combinations of what a step is made of: the sample, predictions, draws; with numbers that show faults.
//!
//! A tensor is a sum of multiples of [`Atom`]s. Every carried sample, every answer of the model, every draw is one of
//! its own, so what a rule does with them is seen factor by factor, and nothing cancels that does not cancel on all
//! data. What is wrong with a factor shows when the tensor is used; the tensors that only a dead one is made of do not.

use std::sync::Arc;

use super::laurent::{Laurent, Size};
use super::limit::{Fault, Number, What};
use super::real::Real;
use super::{Arith, ModelFault, NetworkCall, Operand, Site};
use crate::ir::op::{Op, Reduction};
use crate::machine::level::Level;
use crate::types::Kind;

/// What a combination is made of.
#[derive(Clone, Debug)]
pub enum Atom {
    /// A carried sample, after so many steps.
    Sample {
        /// Its level.
        level: Level<Number>,
        /// It is in VE coordinates.
        ve: bool,
    },
    /// An answer of the model.
    Answer {
        /// The level that it was asked at.
        level: Level<Number>,
        /// The step that it was asked in, from 0.
        step: usize,
        /// The tensor that it was asked at.
        at: Arc<Combination>,
    },
    /// A draw.
    Draw(u32),
    /// A tensor of the caller, or what an operation that is not linear gives: of ordinary size.
    Other,
}

/// A tensor.
#[derive(Clone, Debug)]
pub struct Combination {
    /// Factors and atoms, no atom twice.
    pub terms: Vec<(usize, Number)>,
    /// The constant.
    pub constant: Number,
    /// What is wrong with something that it was made of by an operation that is not linear.
    pub fault: Option<Arc<Fault>>,
}

/// A use of something wrong.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is wrong.
    pub fault: Arc<Fault>,
    /// The step, from 0.
    pub step: usize,
    /// It is the factor of a tensor, not a number of a condition or level.
    pub weighs: bool,
    /// The result of the step, if that is what is wrong.
    pub result: Option<Arc<Combination>>,
    /// The sample of the step, as an atom.
    pub sample: Option<usize>,
    /// How it grows, where the numbers themselves are finite.
    pub growth: Option<Size>,
}

/// Computes with combinations.
pub struct Combinations {
    /// The atoms so far.
    pub atoms: Vec<Atom>,
    /// The step that runs, from 0.
    pub step: usize,
    /// The first use of something wrong.
    pub found: Option<Found>,
    /// Levels lie close to an end, where growth counts and not the size of the f64.
    pub close: bool,
    /// The sample of the step.
    sample: Option<usize>,
    site: Option<Site>,
}

impl Combinations {
    /// An arithmetic without atoms.
    pub fn new(close: bool) -> Self {
        Combinations { atoms: Vec::new(), step: 0, found: None, close, sample: None, site: None }
    }

    /// A tensor that is one atom.
    pub fn atom(&mut self, atom: Atom) -> Arc<Combination> {
        self.atoms.push(atom);
        let terms = vec![(self.atoms.len() - 1, Number::from_f64(1.0))];
        Arc::new(Combination { terms, constant: Number::from_f64(0.0), fault: None })
    }

    /// The sample that a step starts from.
    pub fn start(&mut self, level: Level<Number>) -> Arc<Combination> {
        self.sample = Some(self.atoms.len());
        self.atom(Atom::Sample { level, ve: false })
    }

    /// Notes what is wrong with the result of a step.
    pub fn judge(&mut self, result: &Arc<Combination>) {
        let Some(fault) = self.wrong(result) else { return };
        let growth = self.growth(result);
        let found =
            Found { fault, step: self.step, weighs: true, result: Some(result.clone()), sample: self.sample, growth };
        self.found.get_or_insert(found);
    }

    /// Notes a number that is not one. Close to an end f64 rounds to nothing what a series tells apart.
    fn note(&mut self, number: &Number, site: Site) {
        if self.close || !number.is_bad() || number.point.is_infinite() {
            return;
        }
        let fault = number.fault.clone().unwrap_or_else(|| Fault::new(What::NoValue, vec![number.operand()], None));
        let _ = fault.site.set(site);
        let found = Found { fault, step: self.step, weighs: false, result: None, sample: self.sample, growth: None };
        self.found.get_or_insert(found);
    }

    /// What is wrong with a tensor.
    fn wrong(&self, of: &Combination) -> Option<Arc<Fault>> {
        if of.fault.is_some() {
            return of.fault.clone();
        }
        let numbers = || of.terms.iter().map(|(_, factor)| factor).chain([&of.constant]);
        let made = |factor: &Number| {
            factor.fault.clone().unwrap_or_else(|| Fault::new(What::NoValue, vec![factor.operand()], None))
        };
        if self.close {
            self.growth(of)?;
            // The factor that grows fastest says why.
            let growing = numbers().filter(|factor| factor.near.growth().is_some());
            let worst = growing.min_by(|a, b| power(&a.near).total_cmp(&power(&b.near)))?;
            return Some(made(worst));
        }
        if let Some(bad) = numbers().find(|factor| factor.point.is_nan()).or_else(|| numbers().find(|f| f.is_bad())) {
            return Some(made(bad));
        }
        let large = numbers().find(|factor| factor.point.abs() > f64::from(f32::MAX))?;
        let fault = Fault::new(What::TooLarge, vec![large.operand()], large.fault.clone());
        if let Some(site) = large.site {
            let _ = fault.site.set(site);
        }
        Some(fault)
    }

    /// How a tensor grows: every sample is `alpha data + sigma noise`, and a prediction of ordinary size. Where there is
    /// hardly any noise to remove, a prediction is its sample over alpha, but for `sigma / alpha` times a noise.
    fn growth(&self, of: &Combination) -> Option<Size> {
        let mut factors: Vec<(usize, Laurent)> = of.terms.iter().map(|(atom, by)| (*atom, by.near.clone())).collect();
        let mut data = of.constant.near.clone();
        let mut sizes = Vec::new();
        // An answer comes after everything that it was asked at.
        while let Some(last) = (0..factors.len()).max_by_key(|at| factors[*at].0) {
            let (atom, factor) = factors.swap_remove(last);
            match &self.atoms[atom] {
                Atom::Sample { level, ve } => {
                    let one = Laurent::number(1.0);
                    let (alpha, sigma) =
                        if *ve { (&one, &level.rho.near) } else { (&level.alpha.near, &level.sigma.near) };
                    data = data + factor.clone() * alpha.clone();
                    sizes.push(factor * sigma.clone());
                }
                Atom::Answer { level, at, .. } if level.sigma.near.limit() == Some(0.0) => {
                    sizes.push(factor.clone() * level.rho.near.clone());
                    let of_sample = factor / level.alpha.near.clone();
                    for (atom, by) in &at.terms {
                        let product = of_sample.clone() * by.near.clone();
                        match factors.iter_mut().find(|(known, _)| known == atom) {
                            Some((_, total)) => *total = total.clone() + product,
                            None => factors.push((*atom, product)),
                        }
                    }
                }
                Atom::Answer { .. } | Atom::Draw(_) | Atom::Other => sizes.push(factor),
            }
        }
        sizes.push(data);
        let powers = sizes.iter().filter_map(Laurent::growth).filter(|size| size.power < 0.0);
        powers.min_by(|a, b| a.power.total_cmp(&b.power))
    }
}

fn power(of: &Laurent) -> f64 {
    of.growth().map_or(0.0, |size| size.power)
}

impl Arith for Combinations {
    type Real = Number;
    type Tensor = Arc<Combination>;

    fn linear(&mut self, terms: &[(Number, &Arc<Combination>)], constant: Number) -> Arc<Combination> {
        let mut sum = Combination { terms: Vec::new(), constant, fault: None };
        let stamped = |mut number: Number, site: Option<Site>| {
            if let Some(site) = site {
                stamp(&mut number, site);
            }
            number
        };
        for (factor, tensor) in terms {
            let factor = &weighing(factor, self.site);
            sum.fault = sum.fault.or_else(|| tensor.fault.clone());
            for (atom, by) in &tensor.terms {
                let product = match by.point == 1.0 && by.near == Laurent::number(1.0) {
                    true => factor.clone(),
                    false => stamped(factor.clone() * by.clone(), self.site),
                };
                match sum.terms.iter_mut().find(|(known, _)| known == atom) {
                    Some((_, total)) => *total = stamped(total.clone() + product, self.site),
                    None => sum.terms.push((*atom, product)),
                }
            }
            if !tensor.constant.is_zero() {
                let product = factor.clone() * tensor.constant.clone();
                sum.constant = stamped(sum.constant + product, self.site);
            }
        }
        Arc::new(sum)
    }

    fn elementwise(&mut self, _op: Op, args: &[Operand<Number, Arc<Combination>>]) -> Arc<Combination> {
        let of = |arg: &Operand<Number, Arc<Combination>>| match arg {
            Operand::Scalar(number) => number.is_bad().then(|| number.fault.clone()).flatten(),
            Operand::Tensor(tensor) => self.wrong(tensor),
        };
        let fault = args.iter().find_map(of);
        let made = self.atom(Atom::Other);
        Arc::new(Combination { fault, ..(*made).clone() })
    }

    fn reduce(&mut self, _how: Reduction, tensor: &Arc<Combination>) -> Arc<Combination> {
        let fault = self.wrong(tensor);
        let made = self.atom(Atom::Other);
        Arc::new(Combination { fault, ..(*made).clone() })
    }

    fn noise(&mut self, draw: u32) -> Arc<Combination> {
        self.atom(Atom::Draw(draw))
    }

    fn denoise(&mut self, x: &Arc<Combination>, call: &NetworkCall<Number>) -> Option<Arc<Combination>> {
        let fault = self.wrong(x);
        let answer = self.atom(Atom::Answer { level: call.level.clone(), step: self.step, at: x.clone() });
        Some(Arc::new(Combination { fault, ..(*answer).clone() }))
    }

    fn network(&mut self, input: &Arc<Combination>, _call: NetworkCall<Number>) -> Arc<Combination> {
        let fault = self.wrong(input);
        let answer = self.atom(Atom::Other);
        Arc::new(Combination { fault, ..(*answer).clone() })
    }

    fn predicted(
        &mut self,
        _: &Arc<Combination>,
        _: &Arc<Combination>,
        _: &Arc<Combination>,
        _: &Arc<Combination>,
        _: Kind,
    ) -> Result<(), ModelFault> {
        Ok(())
    }

    fn computed(&mut self, number: &mut Number, site: Site) {
        stamp(number, site);
    }

    fn at(&mut self, site: Site) {
        self.site = Some(site);
    }

    fn compared(&mut self, number: &Number, site: Site) {
        self.note(number, site);
    }
}

/// A number that weighs a tensor. A coordinate does no harm by being infinite, where it is a factor is what is wrong.
fn weighing(factor: &Number, site: Option<Site>) -> Number {
    let mut factor = factor.clone();
    if let (Some(fault), Some(site)) = (&factor.fault, site)
        && fault.what == What::Infinite
        && fault.site.get().is_some_and(|known| *known != site)
    {
        let weighs = Fault::new(What::Infinite, vec![factor.operand()], Some(fault.clone()));
        let _ = weighs.site.set(site);
        factor.fault = Some(weighs);
    }
    factor
}

/// A number that was computed at a place.
fn stamp(number: &mut Number, site: Site) {
    number.site = Some(site);
    if number.fault.is_none() {
        let grows = number.near.growth().is_some_and(|size| size.power < 0.0);
        let what = if number.point.is_infinite() { Some(What::Infinite) } else { grows.then_some(What::Grows) };
        number.fault = what.map(|what| Fault::new(what, vec![number.operand()], None));
    }
    let Some(fault) = &number.fault else { return };
    if fault.site.set(site).is_ok() {
        // What one expression made infinite and no number is wrong for the first reason.
        if let Some(from) = fault.from.as_ref().filter(|from| from.site.get() == Some(&site)) {
            number.fault = Some(from.clone());
        }
    }
}
