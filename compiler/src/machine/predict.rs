//! Model calls: views, branches, guidance, the network.

use std::sync::Arc;

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::level::Level;
use super::value::{ItemValue, Tensor, Value};
use super::{Answer, Machine, Result, internal};
use crate::arith::{Arith, ModelFault, NetworkCall, Real};
use crate::ir::program::ItemBody;
use crate::types::Kind;

/// Who answers a model call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum By {
    /// The pipeline's guidance, or its only branch.
    Default,
    /// A branch.
    Branch(Arc<str>),
    /// A guidance, by its state.
    Guidance(usize),
    /// The prediction that a step of this state was given.
    Given(usize),
}

/// A model that is being asked.
pub(crate) struct OpenCall<A: Arith> {
    branch: Arc<str>,
    level: Arc<Level<A::Real>>,
    args: Vec<(Arc<str>, Vec<A::Real>)>,
    /// Input and output of its network.
    network: Option<(A::Tensor, A::Tensor)>,
    /// Which tensor that output is, until it is parted.
    whole: Option<u32>,
    /// Its further outputs.
    outputs: Outputs<A>,
}

/// Further outputs of a model, by name.
pub(crate) type Outputs<A> = Vec<(Arc<str>, <A as Arith>::Tensor)>;

/// What a model call gives: what the prediction is of, the prediction, further outputs.
type Answered<A> = (Kind, <A as Arith>::Tensor, Outputs<A>);

/// The branch of a pipeline without guidance.
pub const ONLY_BRANCH: &str = "cond";

impl<'p, A: Arith> Machine<'p, A> {
    pub(super) fn predict(
        &mut self,
        (kind, output): (Kind, Option<&Arc<str>>),
        by: bool,
        at: bool,
        names: &[Arc<str>],
        args: &[&Value<A>],
        span: Span,
    ) -> Result<Value<A>> {
        let mut rest = args.iter().copied();
        let Some(Value::Tensor(x)) = rest.next() else { return Err(internal(span, "a prediction at no tensor")) };
        let who = if by { rest.next() } else { None };
        let told = match (at, if at { rest.next() } else { None }) {
            (true, Some(Value::Level(level))) => Some(level.clone()),
            _ => None,
        };
        let mut passed: Vec<(Arc<str>, Vec<A::Real>)> = names.iter().cloned().zip(rest.map(reals)).collect();
        // What was passed to a guidance goes on to the calls that it makes.
        passed.extend(self.at.passed.iter().cloned());
        let Some(level) = told.clone().or_else(|| x.level.clone()) else { return Err(self.no_level(span)) };
        let naming = self.naming(x, span);
        self.arith.named(&x.data, &naming);
        let by = match (output, &who) {
            // A further output is of a branch, never of a combination of them.
            (Some(_), None) if self.at.guidance.is_some() => By::Branch(ONLY_BRANCH.into()),
            (Some(_), None) => By::Default,
            _ => self.by(who, x.id)?,
        };
        let index = match self.known(x.id, &by, told.as_deref(), &passed) {
            Some(index) => index,
            None => self.answer(x, &level, by, told.as_deref(), who, passed, span)?,
        };
        let data = match output {
            Some(output) => self.output(index, output, span)?,
            None => self.view(index, kind, span)?,
        };
        Ok(Value::Tensor(self.tensor(data, kind, Some(level))))
    }

    /// A further output of an answer. Where no model was run, a number in the middle stands for it.
    fn output(&mut self, index: usize, name: &Arc<str>, span: Span) -> Result<A::Tensor> {
        if let Some((_, data)) = self.answers[index].outputs.iter().find(|(known, _)| known == name) {
            return Ok(data.clone());
        }
        let declared = self.at.model.as_ref().is_some_and(|model| match &self.program.items[model.item].body {
            ItemBody::Rules(code) => code.views.contains(name),
            _ => false,
        });
        if let Some(weight) = self.stand_in.or(declared.then_some(0.5)) {
            return Ok(self.arith.linear(&[], A::Real::from_f64(weight)));
        }
        let model = self.at.model.as_ref().map_or("", |model| &*self.program.items[model.item].name);
        let message = format!("the model `{model}` gives no `{name}`");
        let found = Diagnostic::new(Code::E0408, span, message);
        Err(Box::new(found.help("choose a model with that output, such as `learned_variance`")))
    }

    /// Takes a further output of the model that is being asked.
    pub(super) fn give_output(&mut self, name: &Arc<str>, data: A::Tensor) {
        if let Some(open) = &mut self.at.call {
            open.outputs.push((name.clone(), data));
        }
    }

    /// The parts of the network's output, in the model that is being asked.
    pub(super) fn split(&mut self, output: &Tensor<A>, parts: i64, span: Span) -> Result<Value<A>> {
        let Some(parts) = u32::try_from(parts).ok().filter(|parts| (1..=64).contains(parts)) else {
            let message = format!("an output is parted into 1 to 64 groups of channels, found {parts}");
            return Err(Box::new(Diagnostic::new(Code::E0504, span, message)));
        };
        let whole = self.at.call.as_mut().and_then(|open| open.whole.take_if(|whole| *whole == output.id));
        if whole.is_none() {
            let found = Diagnostic::new(Code::E0405, span, "`split` parts the output of the network, once");
            return Err(Box::new(found.help("write `let f = split(network(x, time(s)), 2)` in a model")));
        }
        let data = match parts {
            1 => vec![output.data.clone()],
            parts => self.arith.split(&output.data, parts),
        };
        let parts = data.into_iter().map(|data| Value::Tensor(self.tensor(data, Kind::Tensor, None)));
        Ok(Value::List(Arc::new(parts.collect())))
    }

    fn by(&mut self, who: Option<&Value<A>>, sample: u32) -> Result<By> {
        let given = By::Given(self.at.instance);
        let answered = self.answers.iter().any(|answer| answer.sample == sample && answer.by == given);
        Ok(match who {
            None if self.given.is_some() || answered => given,
            None => By::Default,
            Some(Value::Word(branch)) => By::Branch(branch.clone()),
            Some(Value::Item(item)) => match &self.program.items[item.item].body {
                ItemBody::Rules(code) => By::Guidance(self.enter(item, code)?),
                _ => By::Default,
            },
            Some(_) => By::Default,
        })
    }

    fn known(
        &self,
        sample: u32,
        by: &By,
        at: Option<&Level<A::Real>>,
        args: &[(Arc<str>, Vec<A::Real>)],
    ) -> Option<usize> {
        let (at, args) = (at.map(key), args_key(args));
        self.answers
            .iter()
            .rposition(|answer| answer.sample == sample && answer.by == *by && answer.at == at && answer.args == args)
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; the pieces of a model call")]
    fn answer(
        &mut self,
        x: &Tensor<A>,
        level: &Arc<Level<A::Real>>,
        by: By,
        at: Option<&Level<A::Real>>,
        who: Option<&Value<A>>,
        args: Vec<(Arc<str>, Vec<A::Real>)>,
        span: Span,
    ) -> Result<usize> {
        let own = Tensor { level: Some(level.clone()), ..self.change_coordinates(x, false, span)? };
        let outer = std::mem::replace(&mut self.at.ve, false);
        let answered = self.ask(&own, level, &by, who, &args, span);
        self.at.ve = outer;
        let (kind, data, outputs) = answered?;
        let (at, args) = (at.map(key), args_key(&args));
        let (x, level, sample) = (own.data, level.clone(), x.id);
        self.answers.push(Answer { sample, by, at, args, kind, data, outputs, x, level });
        // Only the newest calls can be asked again in a step; older ones are dropped.
        if self.answers.len() > 256 {
            self.answers.drain(..128);
        }
        Ok(self.answers.len() - 1)
    }

    fn ask(
        &mut self,
        x: &Tensor<A>,
        level: &Arc<Level<A::Real>>,
        by: &By,
        who: Option<&Value<A>>,
        args: &[(Arc<str>, Vec<A::Real>)],
        span: Span,
    ) -> Result<Answered<A>> {
        match (by, who) {
            (By::Given(_), _) => match self.given.take() {
                Some(given) => Ok((Kind::X0, given, Vec::new())),
                None => Err(internal(span, "a prediction that was given and is gone")),
            },
            (By::Branch(branch), _) => self.ask_model(x, level, branch.clone(), args, span),
            (By::Guidance(_), Some(Value::Item(guidance))) => self.guide(&guidance.clone(), x, level, args, span),
            (By::Default | By::Guidance(_), _) => match self.at.guidance.clone() {
                Some(guidance) => self.guide(&guidance, x, level, args, span),
                None => self.ask_model(x, level, ONLY_BRANCH.into(), args, span),
            },
        }
    }

    fn guide(
        &mut self,
        guidance: &Arc<ItemValue<A>>,
        x: &Tensor<A>,
        level: &Arc<Level<A::Real>>,
        passed: &[(Arc<str>, Vec<A::Real>)],
        span: Span,
    ) -> Result<Answered<A>> {
        let ItemBody::Rules(code) = &self.program.items[guidance.item].body else {
            return Err(internal(span, "a guidance that is none"));
        };
        let instance = self.enter(guidance, code)?;
        let outer = std::mem::replace(&mut self.at.instance, instance);
        let inner = self.change_coordinates(x, code.ve, span)?;
        self.at.ve = code.ve;
        let mut args = self.instance().options.to_vec();
        args.extend([Value::Tensor(inner), Value::Level(level.clone())]);
        let outer_passed = std::mem::replace(&mut self.at.passed, passed.to_vec());
        let called = self.called.take();
        let result = self.call(code.run, args, span);
        self.called = called;
        self.at.passed = outer_passed;
        self.at.ve = false;
        self.instances[instance].fresh = false;
        self.at.instance = outer;
        match result? {
            Value::Tensor(result) => {
                let data = self.rescale_prediction(result.data, code.gives, code.ve, level);
                Ok((code.gives, data, Vec::new()))
            }
            _ => Err(internal(span, "a guidance that gives no tensor")),
        }
    }

    /// A prediction of a rule in the schedule's own coordinates: in VE, v and score are of alpha = 1.
    fn rescale_prediction(&mut self, data: A::Tensor, kind: Kind, ve: bool, level: &Level<A::Real>) -> A::Tensor {
        let factor = match kind {
            Kind::V if ve => level.alpha.clone(),
            Kind::Score if ve => A::Real::from_f64(1.0) / level.alpha.clone(),
            _ => return data,
        };
        self.arith.linear(&[(factor, &data)], A::Real::from_f64(0.0))
    }

    fn ask_model(
        &mut self,
        x: &Tensor<A>,
        level: &Arc<Level<A::Real>>,
        branch: Arc<str>,
        args: &[(Arc<str>, Vec<A::Real>)],
        span: Span,
    ) -> Result<Answered<A>> {
        let asked = self.asked(self.counts.networks, span);
        self.ledger.calls.push(asked);
        self.counts.networks += 1;
        let schedule = self.schedule_here(span)?;
        let time = self.time_of(&schedule, level)?;
        let level = &Arc::new(Level { time: Some(time.clone()), ..(**level).clone() });
        let call = NetworkCall { branch: branch.clone(), time, level: (**level).clone(), args: args.to_vec() };
        if let Some(data) = self.arith.denoise(&x.data, &call) {
            return Ok((Kind::X0, data, Vec::new()));
        }
        let Some(model) = self.at.model.clone() else { return Err(internal(span, "no model to ask")) };
        let item = &self.program.items[model.item];
        let ItemBody::Rules(code) = &item.body else { return Err(internal(span, "a model that is none")) };
        let options = self.options(&model)?;
        let inner = self.change_coordinates(x, code.ve, span)?;
        self.at.ve = code.ve;
        let open = OpenCall {
            branch,
            level: level.clone(),
            args: args.to_vec(),
            network: None,
            whole: None,
            outputs: Vec::new(),
        };
        let outer = self.at.call.replace(open);
        let mut all = options.to_vec();
        all.extend([Value::Tensor(inner), Value::Level(level.clone())]);
        let result = self.call(code.run, all, span);
        self.at.ve = false;
        let call = std::mem::replace(&mut self.at.call, outer);
        let Value::Tensor(result) = result? else { return Err(internal(span, "a model that gives no tensor")) };
        let data = self.rescale_prediction(result.data, code.gives, code.ve, level);
        let (network, outputs) = call.map_or((None, Vec::new()), |call| (call.network, call.outputs));
        let Some((input, output)) = network else {
            let found = Diagnostic::new(
                Code::E0405,
                item.span.0,
                format!("the model `{}` does not call its network", item.name),
            );
            return Err(Box::new(found.help("call it once: `network(x, time(s))`")));
        };
        let fault = self.arith.predicted(&x.data, &input, &output, &data, code.gives);
        fault.map_err(|fault| {
            let (message, help) = match fault {
                ModelFault::NotAffine => (
                    format!("the model `{}` is not affine in its network's output", item.name),
                    "a prediction is a sum of multiples of the sample and of the network's output, or of the first part of it",
                ),
                ModelFault::Input => (
                    format!("the model `{}` feeds its network something else than a multiple of the sample", item.name),
                    "scale the sample, and put everything else into the prediction",
                ),
            };
            Box::new(Diagnostic::new(Code::E0405, item.span.0, message).help(help))
        })?;
        Ok((code.gives, data, outputs))
    }

    pub(super) fn network(&mut self, names: &[Arc<str>], args: &[&Value<A>], span: Span) -> Result<Value<A>> {
        let (Value::Tensor(input), Some(time)) = (args[0], args[1].real()) else {
            return Err(internal(span, "a network of no tensor"));
        };
        if !time.to_f64().is_finite() {
            let message = format!("the network would be told the time {}", time.to_f64());
            let found = Diagnostic::new(Code::E0504, span, message);
            return Err(Box::new(found.help("a network cannot be asked at this level: end the grid before it")));
        }
        let passed: Vec<(Arc<str>, Vec<A::Real>)> =
            names.iter().cloned().zip(args[2..].iter().copied().map(reals)).collect();
        let Some(open) = &self.at.call else { return Err(internal(span, "a network outside a model")) };
        if open.network.is_some() {
            let found = Diagnostic::new(Code::E0405, span, "a model calls its network once");
            return Err(Box::new(found.help("name the output with `let` and use it twice")));
        }
        let mut all = open.args.clone();
        all.extend(passed);
        let call = NetworkCall { branch: open.branch.clone(), time, level: (*open.level).clone(), args: all };
        let output = self.arith.network(&input.data, call);
        let output = self.tensor(output, Kind::Tensor, None);
        if let Some(open) = &mut self.at.call {
            open.network = Some((input.data.clone(), output.data.clone()));
            open.whole = Some(output.id);
        }
        Ok(Value::Tensor(output))
    }

    /// A model call seen as a kind, in the coordinates of the rule that asks.
    fn view(&mut self, index: usize, kind: Kind, span: Span) -> Result<A::Tensor> {
        let answer = &self.answers[index];
        let (native, data, x, level) = (answer.kind, answer.data.clone(), answer.x.clone(), answer.level.clone());
        if native == kind && (!kind.has_level() || !self.at.ve) {
            return Ok(data);
        }
        let (alpha, sigma) = (level.alpha.clone(), level.sigma.clone());
        match kind {
            Kind::X0 => self.as_x0(native, &data, &x, &level, span),
            Kind::Eps => self.as_eps(native, &data, &x, &level, span),
            Kind::Flow | Kind::V | Kind::Score => {
                let eps = self.as_eps(native, &data, &x, &level, span)?;
                let (alpha, sigma) =
                    if self.at.ve { (A::Real::from_f64(1.0), level.rho.clone()) } else { (alpha, sigma) };
                if kind == Kind::Score {
                    return self.mix(&[(-(A::Real::from_f64(1.0) / sigma), &eps)], span);
                }
                let x0 = self.as_x0(native, &data, &x, &level, span)?;
                let (a, b) =
                    if kind == Kind::V { (alpha, -sigma) } else { (A::Real::from_f64(1.0), A::Real::from_f64(-1.0)) };
                self.mix(&[(a, &eps), (b, &x0)], span)
            }
            Kind::Sample | Kind::Noise | Kind::Weight | Kind::Tensor => Err(internal(span, "a view that is none")),
        }
    }

    /// A prediction seen as the data.
    fn as_x0(
        &mut self,
        native: Kind,
        data: &A::Tensor,
        x: &A::Tensor,
        level: &Level<A::Real>,
        span: Span,
    ) -> Result<A::Tensor> {
        if matches!(native, Kind::Eps | Kind::Score) && level.is_pure() {
            let message =
                format!("a model that predicts `{native}` says nothing of the data at the level without data");
            let found = Diagnostic::new(Code::E0406, span, message);
            return Err(Box::new(
                found.help("start the grid below `pure`, or use a model that predicts `x0`, `v` or `flow`"),
            ));
        }
        match native {
            Kind::X0 => Ok(data.clone()),
            Kind::Score => {
                let eps = self.mix(&[(-level.sigma.clone(), data)], span)?;
                self.as_x0(Kind::Eps, &eps, x, level, span)
            }
            _ => {
                let (_, of_eps, determinant) = equations(native, level);
                let of_x = of_eps / determinant.clone();
                self.mix(&[(of_x, x), (-(level.sigma.clone() / determinant), data)], span)
            }
        }
    }

    /// A prediction seen as the noise.
    fn as_eps(
        &mut self,
        native: Kind,
        data: &A::Tensor,
        x: &A::Tensor,
        level: &Level<A::Real>,
        span: Span,
    ) -> Result<A::Tensor> {
        if native == Kind::X0 && level.is_clean() {
            let found = Diagnostic::new(Code::E0406, span, "there is no noise to predict at `clean`");
            return Err(Box::new(found.help("end the run there, or start a rising grid at `cleanest`")));
        }
        match native {
            Kind::Eps => Ok(data.clone()),
            Kind::Score => self.mix(&[(-level.sigma.clone(), data)], span),
            _ => {
                let (of_x0, _, determinant) = equations(native, level);
                let of_x = -(of_x0 / determinant.clone());
                self.mix(&[(of_x, x), (level.alpha.clone() / determinant, data)], span)
            }
        }
    }

    fn mix(&mut self, terms: &[(A::Real, &A::Tensor)], span: Span) -> Result<A::Tensor> {
        if terms.iter().any(|(factor, _)| !factor.to_f64().is_finite()) {
            let found = Diagnostic::new(Code::E0406, span, "this view of the model call does not exist at this level");
            return Err(Box::new(found.help("ask for another view, such as `x0(x)`")));
        }
        Ok(self.arith.linear(terms, A::Real::from_f64(0.0)))
    }
}

/// A prediction as `a x0 + b eps`, and the determinant `alpha b - sigma a` of that with `x = alpha x0 + sigma eps`: the
/// data are `(b x - sigma prediction) / determinant`, the noise `(alpha prediction - a x) / determinant`.
fn equations<R: Real>(kind: Kind, level: &Level<R>) -> (R, R, R) {
    let one = || R::from_f64(1.0);
    let (a, b) = match kind {
        Kind::V => (-level.sigma.clone(), level.alpha.clone()),
        Kind::Flow => (-one(), one()),
        Kind::Eps => (R::from_f64(0.0), one()),
        Kind::X0 | Kind::Score | Kind::Sample | Kind::Noise | Kind::Weight | Kind::Tensor => (one(), R::from_f64(0.0)),
    };
    let determinant = level.alpha.clone() * b.clone() - level.sigma.clone() * a.clone();
    (a, b, determinant)
}

fn key<R: Real>(level: &Level<R>) -> u64 {
    level.lambda.to_f64().to_bits()
}

fn args_key<R: Real>(args: &[(Arc<str>, Vec<R>)]) -> Vec<(Arc<str>, Vec<u64>)> {
    args.iter()
        .map(|(name, values)| (name.clone(), values.iter().map(|value| value.to_f64().to_bits()).collect()))
        .collect()
}

fn reals<A: Arith>(value: &Value<A>) -> Vec<A::Real> {
    match value {
        Value::List(list) => list.iter().filter_map(Value::real).collect(),
        value => value.real().into_iter().collect(),
    }
}
