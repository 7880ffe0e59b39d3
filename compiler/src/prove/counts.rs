//! What a run costs, and what of it is wasted.
//!
//! The sampler's own run is traced: every model call, draw and buffer of it is there to be counted, step by step, and
//! `evals` claims are held against the count. Four things cost and give nothing: a call whose answer no result reads, a
//! call that asks again what was asked in the same step, a draw in the sample at the clean level, an entry of a history
//! that is never read. A call, or an entry, is reported only where it is wasted with every choice of the options: a
//! factor that is zero by default is no mistake.

use std::collections::HashSet;

use samp_lang::ast::ClaimKind;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::conditions::{Bench, Condition, Options, Trace, item, levels};
use super::facts;
use super::forms::Subject;
use crate::arith::trace::{NodeKind, Tape, TapeCall};
use crate::arith::{Operand, trace::Node};
use crate::backend::element::Element;
use crate::hir::{Family, ItemBody};
use crate::ir::program::{ItemRef, RulesCode};
use crate::machine::ledger::Asked;
use crate::machine::{Machine, Result, Value};
use crate::math;
use crate::pass;

/// What the steps of a run of ten cost.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PerStep {
    /// In the middle of the run.
    pub per_step: usize,
    /// In the whole run.
    pub of_ten: usize,
    /// In each step.
    pub by_step: Vec<usize>,
}

/// Latent-sized buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct State {
    /// Alive between steps, the sample counted.
    pub rest: u32,
    /// Alive at the peak, the sample and the network's outputs counted.
    pub peak: u32,
}

/// What a sampler costs.
pub(super) struct Counts {
    pub(super) evals: PerStep,
    pub(super) draws: PerStep,
    pub(super) state: State,
}

/// The run that is counted, and the shorter one that is made with every choice of the options.
const STEPS: usize = 10;
const FEW: usize = 5;

/// Counts what a run of ten steps costs with these options: to the clean level, or, where a rule wants no such grid, to
/// one with noise.
pub(super) fn of(bench: &Bench<'_>, code: ItemRef, rules: &RulesCode, options: &Options) -> Result<Counts> {
    let go = |to_clean| run(bench, code, rules, options, (STEPS, to_clean));
    let run = go(true).or_else(|error| go(false).map_err(|_| error))?;
    let (evals, draws) = (run.evals(), run.draws());
    let mut tape = run.trace.tape;
    pass::run_all(&mut tape);
    let (rest, peak) = crate::plan::buffers(&tape);
    Ok(Counts { evals: per_step(evals), draws: per_step(draws), state: State { rest, peak } })
}

fn per_step(by_step: Vec<usize>) -> PerStep {
    PerStep { per_step: by_step[STEPS / 2], of_ten: by_step.iter().sum(), by_step }
}

/// A traced run, collapsed and shared.
struct Run {
    trace: Trace,
    condition: Condition,
    live: pass::dead::Live,
}

fn run(
    bench: &Bench<'_>,
    code: ItemRef,
    rules: &RulesCode,
    options: &Options,
    (steps, to_clean): (usize, bool),
) -> Result<Run> {
    let family = rules.only.first().copied().unwrap_or(Family::Vp);
    let condition = Condition { family, steps, to_clean };
    let mut trace = bench.trace(code, rules, options.clone(), condition)?;
    pass::collapse_affine::run(&mut trace.tape);
    pass::share::run(&mut trace.tape);
    let live = pass::dead::reachable(&trace.tape);
    Ok(Run { trace, condition, live })
}

impl Run {
    /// The node of each call.
    fn outputs(&self) -> Vec<Option<Node>> {
        let mut outputs = vec![None; self.trace.tape.calls.len()];
        for (node, kind) in self.trace.tape.nodes.iter() {
            if let NodeKind::Network(call) = kind {
                outputs[*call as usize] = Some(node);
            }
        }
        outputs
    }

    /// Calls whose answers reach a result or the observer.
    fn read(&self) -> Vec<bool> {
        self.outputs().iter().map(|node| node.is_some_and(|node| self.live[node])).collect()
    }

    /// Evaluations made in each step: what equal calls ask is made once, and what nothing reads is not made.
    fn evals(&self) -> Vec<usize> {
        let mut by_step = vec![0; self.condition.steps];
        let calls = &self.trace.tape.calls;
        let read = self.read();
        for asked in &self.trace.ledger.calls {
            let at = asked.number as usize;
            let known = (0..at).any(|before| read[before] && pass::batch::asks_the_same(&calls[before], &calls[at]));
            by_step[asked.step] += usize::from(read[at] && !known);
        }
        by_step
    }

    /// Draws made in each step: those with a factor.
    fn draws(&self) -> Vec<usize> {
        let mut by_step = vec![0; self.condition.steps];
        for (node, kind) in self.trace.tape.nodes.iter() {
            if let NodeKind::Noise(draw) = kind
                && self.live[node]
                && let Some(asked) = self.draw(*draw)
            {
                by_step[asked.step] += 1;
            }
        }
        by_step
    }

    fn draw(&self, number: u32) -> Option<&Asked> {
        self.trace.ledger.draws.iter().find(|asked| asked.number == number)
    }

    /// Calls that nothing reads.
    fn unread(&self) -> Vec<&Asked> {
        let read = self.read();
        let calls = &self.trace.tape.calls;
        let merged = |at: usize| {
            let same = |other: usize| read[other] && pass::batch::asks_the_same(&calls[other], &calls[at]);
            (0..calls.len()).any(same)
        };
        let unread = |asked: &&Asked| !read[asked.number as usize] && !merged(asked.number as usize);
        self.trace.ledger.calls.iter().filter(unread).collect()
    }

    /// Calls that ask again, in one step, what an earlier one asked.
    fn doubled(&self) -> Vec<(&Asked, &Asked)> {
        let tape = &self.trace.tape;
        let probes = [values(tape, 0.3), values(tape, 1.9)];
        let close = |a: &TapeCall, b: &TapeCall| {
            let near = |values: &Vec<f64>| {
                let (a, b) = (values[a.input.as_u32() as usize], values[b.input.as_u32() as usize]);
                (a - b).abs() <= 1e-9 * (a.abs() + b.abs())
            };
            let times = (a.call.time - b.call.time).abs() <= 1e-9 * (a.call.time.abs() + b.call.time.abs());
            times && a.call.branch == b.call.branch && a.call.args == b.call.args && probes.iter().all(near)
        };
        let calls = &self.trace.ledger.calls;
        let pairs = calls.iter().enumerate().flat_map(|(at, later)| {
            let before = calls[..at].iter().filter(|earlier| earlier.step == later.step);
            before.map(move |earlier| (earlier, later))
        });
        let of = |asked: &Asked| &tape.calls[asked.number as usize];
        pairs.filter(|(earlier, later)| close(of(earlier), of(later))).collect()
    }

    /// Pairs at two places of the text: one place that is met twice, in a sampler that is run twice, has no other name.
    fn doubled_places(&self) -> Vec<Pair> {
        let places = self.doubled().into_iter().map(|(earlier, later)| (earlier.place, later.place));
        places.filter(|(earlier, later)| earlier.0 != later.0).collect()
    }

    fn asked(&self) -> Vec<Place> {
        self.trace.ledger.calls.iter().map(|asked| asked.place).collect()
    }

    /// Draws of the last step that stand in a sample at the clean level, unless a cast says why.
    fn on_clean(&self) -> Vec<&Asked> {
        let asked = self.condition.to_clean && !self.trace.ledger.cast_at_clean;
        let Some(last) = self.trace.tape.steps.last().copied().filter(|_| asked) else { return Vec::new() };
        let mut work = vec![last];
        let mut seen = HashSet::new();
        let mut draws: Vec<&Asked> = Vec::new();
        while let Some(node) = work.pop() {
            if !seen.insert(node) {
                continue;
            }
            match &self.trace.tape.nodes[node] {
                NodeKind::Noise(draw) => draws.extend(self.draw(*draw)),
                NodeKind::Linear { terms, .. } => work.extend(terms.iter().map(|(_, term)| *term)),
                NodeKind::Apply { args, .. } => work.extend(args.iter().filter_map(|arg| match arg {
                    Operand::Tensor(node) => Some(*node),
                    Operand::Scalar(_) => None,
                })),
                // What a model is asked about may hold noise, and so may what only measures it.
                NodeKind::Reduce { .. } => {}
                NodeKind::Network(_) | NodeKind::Output { .. } | NodeKind::Part { .. } => {}
                NodeKind::Start | NodeKind::Input(_) => {}
            }
        }
        draws.retain(|asked| asked.step + 1 == self.condition.steps);
        draws
    }
}

/// Every tensor of a run as a number: numbers without a pattern for what goes in, a smooth function for the network.
fn values(tape: &Tape, seed: f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(tape.nodes.len());
    let at = |values: &Vec<f64>, node: Node| values.get(node.as_u32() as usize).copied().unwrap_or(f64::NAN);
    for kind in tape.nodes.values() {
        let value = match kind {
            NodeKind::Start => math::sin(1.3 + seed),
            NodeKind::Input(name) => math::sin(name.bytes().map(f64::from).sum::<f64>() + seed),
            NodeKind::Noise(draw) => math::sin(1.7 * f64::from(*draw) + 2.1 * seed),
            NodeKind::Network(index) => {
                let TapeCall { input, call, .. } = &tape.calls[*index as usize];
                let branch: f64 = call.branch.bytes().map(f64::from).sum();
                math::sin(1.3 * at(&values, *input) + 0.7 * call.time + branch + seed)
            }
            NodeKind::Linear { terms, constant } => {
                constant + terms.iter().map(|(factor, term)| factor * at(&values, *term)).sum::<f64>()
            }
            NodeKind::Apply { op, args } => {
                let mut numbers = [f64::NAN; 3];
                for (number, arg) in numbers.iter_mut().zip(args) {
                    *number = match arg {
                        Operand::Scalar(value) => *value,
                        Operand::Tensor(node) => at(&values, *node),
                    };
                }
                <f64 as Element>::apply(*op, numbers)
            }
            // Of other elements than this one: another number, not negative where none of them is.
            NodeKind::Reduce { of, .. } => {
                let own = at(&values, *of);
                0.6 * own + 0.2 * own.abs()
            }
            NodeKind::Part { of, part } => math::sin(at(&values, *of) + 0.9 * f64::from(*part)),
            NodeKind::Output { .. } => f64::NAN,
        };
        values.push(value);
    }
    values
}

/// Places of the text, with the draws of the options that come by, and those of them that show a thing there.
struct Tally<K> {
    rows: Vec<(K, usize, usize)>,
}

impl<K: PartialEq + Copy> Tally<K> {
    fn new() -> Self {
        Tally { rows: Vec::new() }
    }

    /// With these options all of `came` came by, and `shown` show the thing.
    fn add(&mut self, came: &[K], shown: &[K]) {
        for key in came {
            if !self.rows.iter().any(|(known, ..)| known == key) {
                self.rows.push((*key, 0, 0));
            }
        }
        for (key, asked, hit) in &mut self.rows {
            *asked += usize::from(came.contains(key));
            *hit += usize::from(shown.contains(key));
        }
    }

    /// Where every draw that came by shows it.
    fn always(&self) -> impl Iterator<Item = K> + '_ {
        self.rows.iter().filter(|(_, asked, hit)| hit >= asked).map(|(key, ..)| *key)
    }
}

/// Where a call or a draw stands, and the call of a function that led there.
type Place = (Span, Option<Span>);

/// Two calls, the earlier first.
type Pair = (Place, Place);

/// Looks for waste, and holds `evals` claims against the count.
pub(super) fn warnings(bench: &Bench<'_>, subject: Subject<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut unread: Tally<Place> = Tally::new();
    let mut doubled: Tally<Pair> = Tally::new();
    let mut histories: Tally<usize> = Tally::new();
    let mut deepest = vec![0; subject.rules.histories.len()];
    let mut on_clean: Vec<Place> = Vec::new();
    let mut stale = Vec::new();
    let mut claimed = false;
    for (at, options) in bench.draws(subject.hir, subject.id).iter().enumerate() {
        let go = |steps, to_clean| run(bench, subject.code, subject.rules, options, (steps, to_clean)).ok();
        let mut runs: Vec<Run> = [true, false].into_iter().filter_map(|to_clean| go(FEW, to_clean)).collect();
        let asked: Vec<Place> = runs.iter().flat_map(Run::asked).collect();
        unread.add(&asked, &in_all(&runs, |run| places(&run.unread())));
        doubled.add(&pairs(&runs), &in_all(&runs, Run::doubled_places));
        if at == 0 {
            runs.extend(go(STEPS, true));
        }
        let (full, shallow) = depths(bench, subject, options, &runs, &mut deepest);
        histories.add(&full, &shallow);
        for run in &runs {
            add_new(&mut on_clean, run.on_clean().iter().map(|asked| asked.place));
            add_new(&mut stale, run.trace.ledger.stale.iter().copied());
            // Claims know nothing of the level that a run ends at: the usual one counts, where it can be run.
            let usual = run.condition.to_clean || !runs[0].condition.to_clean;
            if usual
                && !claimed
                && let Some(wrong) = claim(bench, subject, options, run)
            {
                found.push(wrong);
                claimed = true;
            }
        }
    }
    found.extend(unread.always().map(|(span, call)| {
        let message = "the answer of this model call is never used";
        let help = "it is not made; remove it, or use what it says in the sample that is returned";
        called(Diagnostic::new(Code::W0513, span, message).help(help), call)
    }));
    found.extend(doubled.always().map(|((first, _), (span, call))| {
        let message = "this model call asks what was asked before: the same sample at the same level";
        let help = "name the prediction with `let` where it is first asked for, and use the name";
        called(Diagnostic::new(Code::W0514, span, message).also(first, "asked here").help(help), call)
    }));
    found.extend(on_clean.into_iter().map(|(span, call)| {
        let message = "this draw adds noise to the sample at `clean`, the end of the run";
        let help = "write the case first: `if t == clean { .. }` returns the sample without fresh noise";
        called(Diagnostic::new(Code::W0515, span, message).help(help), call)
    }));
    found.extend(histories.always().filter_map(|index| too_deep(subject, index, deepest[index])));
    found.extend(stale.iter().map(crate::machine::ledger::Stale::warning));
    found
}

fn places(asked: &[&Asked]) -> Vec<Place> {
    asked.iter().map(|asked| asked.place).collect()
}

/// Calls that stand in one step of some run.
fn pairs(runs: &[Run]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for run in runs {
        let calls = &run.trace.ledger.calls;
        for (at, later) in calls.iter().enumerate() {
            let before = calls[..at].iter().filter(|earlier| earlier.step == later.step);
            add_new(&mut pairs, before.map(|earlier| (earlier.place, later.place)));
        }
    }
    pairs
}

/// What every run shows: at the clean level a factor may be zero for once, and a longer run may end there.
fn in_all<T: PartialEq>(runs: &[Run], shown: impl Fn(&Run) -> Vec<T>) -> Vec<T> {
    let mut all = runs.iter().map(shown);
    let mut common = all.next().unwrap_or_default();
    for other in all {
        common.retain(|one| other.contains(one));
    }
    common
}

fn add_new<T: PartialEq>(to: &mut Vec<T>, more: impl Iterator<Item = T>) {
    for one in more {
        if !to.contains(&one) {
            to.push(one);
        }
    }
}

fn called(found: Diagnostic, call: Option<Span>) -> Diagnostic {
    match call {
        Some(call) if call != found.primary.span && found.secondary.is_empty() => found.also(call, "called here"),
        Some(_) | None => found,
    }
}

/// Histories that were filled in these runs, and those of them that were not read to their end; `deepest` keeps how far
/// each was ever read.
fn depths(
    bench: &Bench<'_>,
    subject: Subject<'_>,
    options: &Options,
    runs: &[Run],
    deepest: &mut [usize],
) -> (Vec<usize>, Vec<usize>) {
    let (mut full, mut shallow) = (Vec::new(), Vec::new());
    let mut machine = Machine::new(bench.program, Tape::default());
    let sampler = item(subject.code, options.clone(), bench.program);
    for (index, (_, _, depth)) in subject.rules.histories.iter().enumerate() {
        let Ok(Value::Int(depth)) = machine.of_item(&sampler, *depth) else { continue };
        let mine = |run: &Run| -> Vec<(usize, usize)> {
            let depths = run.trace.depths.iter().filter(|one| one.item == subject.code && one.history == index);
            depths.map(|one| (one.held, one.read)).collect()
        };
        let seen: Vec<(usize, usize)> = runs.iter().flat_map(mine).collect();
        let read = seen.iter().map(|(_, read)| *read).max().unwrap_or(0);
        deepest[index] = deepest[index].max(read);
        if seen.iter().any(|(held, _)| *held as i64 == depth) && depth > 0 {
            full.push(index);
            if (read as i64) < depth {
                shallow.push(index);
            }
        }
    }
    (full, shallow)
}

fn too_deep(subject: Subject<'_>, index: usize, read: usize) -> Option<Diagnostic> {
    let checked = &subject.hir.items[subject.id];
    let ItemBody::Rules(rules) = &checked.body else { return None };
    let history = rules.histories.get(index)?;
    let local = &checked.frame.locals[history.local];
    // That nothing of it is read, its name shows.
    let entries = match read {
        0 => return None,
        1 => "its newest entry is".to_owned(),
        read => format!("{read} entries are"),
    };
    let message = format!("the history `{}` is deeper than it is read: only {entries} ever used", local.name);
    let help = format!("write `history {}: {}[{read}]`", local.name, history.kind);
    Some(Diagnostic::new(Code::W0516, local.span, message).help(help))
}

/// The first step whose evaluations are not those that are claimed.
fn claim(bench: &Bench<'_>, subject: Subject<'_>, options: &Options, run: &Run) -> Option<Diagnostic> {
    if !subject.rules.claims.iter().any(|(kind, ..)| *kind == ClaimKind::Evals) {
        return None;
    }
    let ItemBody::Rules(rules) = &subject.hir.items[subject.id].body else { return None };
    let steps = run.condition.steps;
    let made = run.evals();
    let mut machine = Machine::new(bench.program, Tape::default());
    let sampler = item(subject.code, options.clone(), bench.program);
    let grid = levels(run.condition);
    for (i, made_here) in made.iter().enumerate() {
        machine.stand_at(i, &grid);
        let claim = facts::claim_here(&mut machine, &sampler, subject.rules, ClaimKind::Evals);
        let Some((claimed, line)) = claim.filter(|(claimed, _)| *claimed != *made_here as i64) else { continue };
        let plural = if claimed == 1 { "" } else { "s" };
        let message = format!("expected {claimed} evaluation{plural} in step {} of {steps}, found {made_here}", i + 1);
        let list: Vec<String> = made.iter().map(usize::to_string).collect();
        let help = format!(
            "its {steps} steps make {} evaluations; a line for each case, the first that holds counts: `evals {made_here} when {}`",
            list.join(", "),
            if i + 1 == steps { "i + 1 == n".to_owned() } else { format!("i == {i}") }
        );
        return Some(
            Diagnostic::new(Code::E0422, rules.claims.get(line?)?.value.span, message).label("claimed here").help(help),
        );
    }
    None
}
