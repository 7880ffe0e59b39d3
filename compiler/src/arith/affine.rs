//! Affine forms: a tensor is its coefficients on the data, on independent normal draws, and on 1.
//!
//! Exact for every rule that is made of sums of multiples, whatever the latent's size: all elements are alike. The
//! perfect model has a closed form on point data and on normal data. Operations that are not affine give a form
//! without coefficients, which only a cast mends. What each tensor is named as is compared with what it is.

mod path;

use std::collections::VecDeque;
use std::sync::Arc;

use samp_lang::source::Span;

use super::{Arith, ModelFault, Naming, NetworkCall, Operand, Statistic};
use crate::backend::element::Element;
use crate::ir::op::{Op, Reduction};
use crate::types::Kind;

/// A tensor: `data m + constant + sum noise[k] n_k`, with the data point or mean m and independent normals n_k.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    /// The coefficient of the data point, or of the data's mean.
    pub data: f64,
    /// What is added to every element.
    pub constant: f64,
    /// Coefficients of the atoms; atom 0 is the noise that a run starts from.
    pub noise: Vec<f64>,
    /// It went through an operation that is not affine, and the coefficients mean nothing.
    pub lost: bool,
    /// The addends of the sum that it is, where they are kept.
    pub parts: Vec<Arc<Form>>,
}

impl Form {
    /// A multiple of the data and one of the noise that a run starts from.
    pub fn start(data: f64, noise: f64) -> Form {
        Form { data, noise: vec![noise], ..Form::default() }
    }

    /// The same number for every element.
    pub fn constant(constant: f64) -> Form {
        Form { constant, ..Form::default() }
    }

    /// The root of the sum of squares of the coefficients of noise.
    pub fn noise_norm(&self) -> f64 {
        self.noise.iter().map(|c| c * c).sum::<f64>().sqrt()
    }

    /// The variance.
    pub fn variance(&self) -> f64 {
        self.noise.iter().map(|c| c * c).sum()
    }

    fn is_constant(&self) -> bool {
        !self.lost && self.data == 0.0 && self.noise.iter().all(|c| *c == 0.0)
    }

    fn lost() -> Form {
        Form { lost: true, ..Form::default() }
    }

    /// The sum of multiples of forms and a constant.
    pub fn sum<'f>(terms: impl Iterator<Item = (f64, &'f Form)> + Clone, constant: f64) -> Form {
        let mut total = Form::constant(constant);
        // A factor of zero makes nothing, whatever the tensor holds.
        let terms = terms.filter(|(factor, _)| *factor != 0.0);
        let atoms = terms.clone().map(|(_, form)| form.noise.len()).max().unwrap_or(0);
        total.noise = vec![0.0; atoms];
        for (factor, form) in terms {
            total.data += factor * form.data;
            total.constant += factor * form.constant;
            total.lost |= form.lost;
            for (sum, part) in total.noise.iter_mut().zip(&form.noise) {
                *sum += factor * part;
            }
        }
        total
    }
}

/// What the data are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    /// One point.
    Point,
    /// Normal, with mean m.
    Normal {
        /// Its standard deviation.
        spread: f64,
    },
}

impl Data {
    /// The mean and the deviation over the elements of a latent: any numbers will do, as long as no rule could mean
    /// them. Were the deviation 1, a prediction divided by its own would pass for a prediction.
    fn elements(self) -> (f64, f64) {
        match self {
            Data::Point => (0.3, 0.7),
            Data::Normal { .. } => (0.76, 0.0),
        }
    }
}

/// What is done when a tensor is not what it is named as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing.
    Nothing,
    /// The first deviation is kept; what comes after it may be its consequence.
    First,
    /// The largest one is measured.
    Largest,
}

/// A tensor that is not what it is named as.
#[derive(Clone, Debug)]
pub struct Deviation {
    /// Where it is named.
    pub span: Span,
    /// The call, in the body of the rule, that led there.
    pub call: Option<Span>,
    /// What it is named as.
    pub kind: Kind,
    /// In VE coordinates.
    pub ve: bool,
    /// The step, counted from 0.
    pub step: usize,
    /// The coefficients of data and noise that the kind asks for.
    pub expected: (f64, f64),
    /// What it is.
    pub found: Arc<Form>,
}

/// Computes with affine forms.
#[derive(Clone, Debug)]
pub struct Affine {
    /// What the data are.
    pub data: Data,
    /// What is done with deviations.
    pub watch: Watch,
    /// The step that runs, counted from 0; set by the observer of the run.
    pub step: usize,
    /// The first deviation.
    pub first: Option<Deviation>,
    /// The largest deviation, relative to what is expected.
    pub largest: f64,
    /// Atoms that are given out.
    atoms: usize,
    /// The increments of the Brownian path.
    path: path::Path,
    /// The atom of each draw.
    draws: Vec<Option<usize>>,
    /// Tensors that have lately been named: each is one addend of a sum, whatever it is the sum of.
    names: VecDeque<Arc<Form>>,
}

/// How far a coefficient may be off, relative to those expected. Forms are computed in f64, where a step costs some
/// 1e-16 and an integral 1e-14, but two levels count as one when their half log-SNRs agree to 1e-9; a wrong factor
/// shows at the sizes of steps that rules are run with, 1e-3 or more.
pub const TOLERANCE: f64 = 2e-9;

/// How many named tensors are remembered.
const MOST_NAMES: usize = 16;

impl Affine {
    /// An arithmetic in which only the noise of the start is given out.
    pub fn new(data: Data, watch: Watch) -> Affine {
        Affine {
            data,
            watch,
            step: 0,
            first: None,
            largest: 0.0,
            atoms: 1,
            path: path::Path::default(),
            draws: Vec::new(),
            names: VecDeque::new(),
        }
    }

    fn fresh_atom(&mut self) -> usize {
        self.atoms += 1;
        self.atoms - 1
    }

    fn keeps_parts(&self) -> bool {
        self.watch == Watch::First && self.first.is_none()
    }
}

/// The coefficients of data and noise that a kind asks for, if it asks for any.
pub fn expected(name: &Naming<f64>) -> Option<(f64, f64)> {
    let level = name.level.as_ref().map(|level| match name.ve {
        true => (1.0, level.rho),
        false => (level.alpha, level.sigma),
    });
    match name.kind {
        Kind::Sample => level,
        Kind::X0 => Some((1.0, 0.0)),
        Kind::Eps | Kind::Noise => Some((0.0, 1.0)),
        Kind::V => level.map(|(alpha, sigma)| (-sigma, alpha)),
        Kind::Flow => Some((-1.0, 1.0)),
        // -eps / sigma has the norm 1 / sigma.
        Kind::Score => level.map(|(_, sigma)| (0.0, 1.0 / sigma)),
        Kind::Weight | Kind::Tensor => None,
    }
}

/// How far a form is from these coefficients, relative to them.
pub fn distance(form: &Form, (data, noise): (f64, f64)) -> f64 {
    if form.lost {
        return f64::INFINITY;
    }
    let off = (form.data - data).abs().max((form.noise_norm() - noise).abs()).max(form.constant.abs());
    let off = off / (data.abs() + noise.abs());
    if off.is_nan() { f64::INFINITY } else { off }
}

impl Arith for Affine {
    type Real = f64;
    type Tensor = Arc<Form>;

    fn linear(&mut self, terms: &[(f64, &Arc<Form>)], constant: f64) -> Arc<Form> {
        let mut total = Form::sum(terms.iter().map(|(factor, form)| (*factor, &***form)), constant);
        if self.keeps_parts() && terms.len() > 1 {
            for (factor, form) in terms {
                let named = self.names.iter().any(|name| Arc::ptr_eq(name, form));
                match (*factor, &form.parts[..]) {
                    (1.0, [_, ..]) if !named => total.parts.extend(form.parts.iter().cloned()),
                    (1.0, _) => total.parts.push((*form).clone()),
                    (factor, _) => total.parts.push(Arc::new(Form::sum([(factor, &***form)].into_iter(), 0.0))),
                }
            }
        }
        Arc::new(total)
    }

    fn elementwise(&mut self, op: Op, args: &[Operand<f64, Arc<Form>>]) -> Arc<Form> {
        let plain = |arg: &Operand<f64, Arc<Form>>| match arg {
            Operand::Scalar(value) => Some(*value),
            Operand::Tensor(form) => form.is_constant().then_some(form.constant),
        };
        let numbers: Vec<Option<f64>> = args.iter().map(plain).collect();
        let scaled = |factor: f64, form: &Arc<Form>| Form::sum([(factor, &**form)].into_iter(), 0.0);
        let form = match (op, args, &numbers[..]) {
            (Op::Mul, [Operand::Tensor(form), _], [_, Some(factor)]) => scaled(*factor, form),
            (Op::Mul, [_, Operand::Tensor(form)], [Some(factor), _]) => scaled(*factor, form),
            (Op::Div, [Operand::Tensor(form), _], [_, Some(by)]) if *by != 0.0 => scaled(1.0 / by, form),
            _ => match numbers.into_iter().collect::<Option<Vec<f64>>>() {
                Some(numbers) => {
                    let at = |k: usize| numbers.get(k).copied().unwrap_or(f64::NAN);
                    Form::constant(<f64 as Element>::apply(op, [at(0), at(1), at(2)]))
                }
                None => Form::lost(),
            },
        };
        Arc::new(form)
    }

    fn reduce(&mut self, how: Reduction, form: &Arc<Form>) -> Arc<Form> {
        match how {
            Reduction::Mean => self.statistic(Statistic::Mean, form, form),
            _ if form.is_constant() => form.clone(),
            Reduction::Max | Reduction::Quantile(_) => Arc::new(Form::lost()),
        }
    }

    /// In a large latent a norm is the root of the sum of squares of the coefficients, as no atom is correlated with
    /// another or with the data, whose elements have the mean and deviation of `Data::elements`.
    fn statistic(&mut self, what: Statistic, a: &Arc<Form>, b: &Arc<Form>) -> Arc<Form> {
        if a.lost || b.lost {
            return Arc::new(Form::lost());
        }
        let (mean, spread) = self.data.elements();
        let level = |form: &Form| form.data * mean + form.constant;
        let around = |a: &Form, b: &Form| {
            a.data * b.data * spread * spread + a.noise.iter().zip(&b.noise).map(|(a, b)| a * b).sum::<f64>()
        };
        Arc::new(Form::constant(match what {
            Statistic::Norm => (around(a, a) + level(a) * level(a)).sqrt(),
            Statistic::Mean => level(a),
            Statistic::Std => around(a, a).sqrt(),
            Statistic::Dot => around(a, b) + level(a) * level(b),
            Statistic::MaxAbs if a.is_constant() => a.constant.abs(),
            Statistic::Quantile(_) if a.is_constant() => a.constant,
            Statistic::MaxAbs | Statistic::Quantile(_) => return Arc::new(Form::lost()),
        }))
    }

    fn noise(&mut self, draw: u32) -> Arc<Form> {
        let draw = draw as usize;
        if self.draws.len() <= draw {
            self.draws.resize(draw + 1, None);
        }
        let atom = match self.draws[draw] {
            Some(atom) => atom,
            None => self.fresh_atom(),
        };
        self.draws[draw] = Some(atom);
        Arc::new(unit(atom))
    }

    fn brownian(&mut self, _draw: u32, from: &f64, to: &f64) -> Arc<Form> {
        let atoms = &mut self.atoms;
        let row = self.path.increment(*from, *to, || {
            *atoms += 1;
            *atoms - 1
        });
        let mut noise = vec![0.0; row.iter().map(|(atom, _)| atom + 1).max().unwrap_or(0)];
        row.into_iter().for_each(|(atom, factor)| noise[atom] = factor);
        Arc::new(Form { noise, ..Form::default() })
    }

    /// The perfect model: the mean of the data given the sample. For N(m, s^2) that is
    /// `m + k (x - alpha m)` with `k = alpha s^2 / (alpha^2 s^2 + sigma^2)`; for a point it is the point.
    fn denoise(&mut self, x: &Arc<Form>, call: &NetworkCall<f64>) -> Option<Arc<Form>> {
        let point = Form { data: 1.0, ..Form::default() };
        Some(Arc::new(match self.data {
            Data::Point => point,
            Data::Normal { spread } => {
                let (alpha, sigma) = (call.level.alpha, call.level.sigma);
                let signal = alpha * spread * spread;
                let k = signal / (alpha * signal + sigma * sigma);
                Form::sum([(k, &**x), (1.0 - k * alpha, &point)].into_iter(), 0.0)
            }
        }))
    }

    fn network(&mut self, input: &Arc<Form>, _call: NetworkCall<f64>) -> Arc<Form> {
        input.clone()
    }

    fn predicted(
        &mut self,
        _: &Arc<Form>,
        _: &Arc<Form>,
        _: &Arc<Form>,
        _: &Arc<Form>,
        _: Kind,
    ) -> Result<(), ModelFault> {
        Ok(())
    }

    fn named(&mut self, tensor: &Arc<Form>, name: &Naming<f64>) {
        if self.watch == Watch::Nothing {
            return;
        }
        let Some(expected) = expected(name) else { return };
        if self.names.len() == MOST_NAMES {
            self.names.pop_front();
        }
        self.names.push_back(tensor.clone());
        let off = distance(tensor, expected);
        self.largest = self.largest.max(off);
        if off <= TOLERANCE || self.first.is_some() {
            return;
        }
        let Naming { kind, ve, span, call, .. } = *name;
        self.first = Some(Deviation { span, call, kind, ve, step: self.step, expected, found: tensor.clone() });
    }

    /// On point data a cast is taken at its word: the noise is scaled to what the kind asks for, and where there is
    /// none a fresh atom stands for it. On normal data the tensor goes on as it is, and the moments show what the cast
    /// hides.
    fn cast(&mut self, tensor: &Arc<Form>, name: &Naming<f64>) -> Arc<Form> {
        let (Data::Point, Some((data, wanted))) = (self.data, expected(name)) else { return tensor.clone() };
        let norm = if tensor.lost { 0.0 } else { tensor.noise_norm() };
        let mut form = if norm > 0.0 {
            Form::sum([(wanted / norm, &**tensor)].into_iter(), 0.0)
        } else if wanted > 0.0 {
            let atom = self.fresh_atom();
            Form::sum([(wanted, &unit(atom))].into_iter(), 0.0)
        } else {
            Form::default()
        };
        (form.data, form.constant) = (data, 0.0);
        Arc::new(form)
    }

    fn uninflated(&self) -> bool {
        true
    }
}

/// The form of one atom.
fn unit(atom: usize) -> Form {
    let mut noise = vec![0.0; atom + 1];
    noise[atom] = 1.0;
    Form { noise, ..Form::default() }
}
