//! The text form of a plan: printing and parsing.
//!
//! ```text
//! plan ddim on flow {
//!   slots 1 start s0 feed 2
//!   level 0 time 1.0 alpha 0.0 sigma 1.0 lambda -inf
//!   ..
//!   kernel step_0 (loads 2, scalars 2, noises 0) {
//!     ..
//!   }
//!   launch k1 step 0 loads s0 stores f0 f1 scalars draws
//!   call 0 step 0 input feed time 1.0 at time 1.0 alpha 0.0 sigma 1.0 lambda -inf gives flow scale 1.0 skip 0.0 out 1.0
//!     branches cond uncond
//!   launch k0 step 0 loads s0 c0.0 c0.1 stores s0 f0 f1 scalars 1.0 -0.25 0.5 draws
//!   drop 0
//!   step 0 s0
//!   cost evals 4 calls 4 draws 0 launches 4 peak 2 rest 1
//! }
//! ```
//!
//! A run with reductions says `cells 2` after its slots, and its launches name the cells that they read and write at
//! their end: `cells r0 reduces r1`.
//!
//! Numbers print so that they read back as themselves. What [`print()`] makes, [`parse`] reads back as an equal plan;
//! the parser leaves meaning to the verifier.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::{FromStr, SplitWhitespace};
use std::sync::Arc;

use cranelift_entity::PrimaryMap;

use super::kernel_text::{TextError, parse_kernel};
use super::plan::{CallOp, Cell, Cost, Fed, KernelId, LaunchOp, LevelRow, Plan, PlanOp, Slot, Source, Target};
use crate::arith::trace::{Affine, Increment};
use crate::types::Kind;

/// The text of a plan.
pub fn print(plan: &Plan) -> String {
    let mut out = String::new();
    let network = plan.network.as_ref().map(|network| format!(" network {network}")).unwrap_or_default();
    line(&mut out, format_args!("plan {} on {}{network} {{", plan.sampler, plan.schedule));
    let start = plan.start.map(|start| format!(" start {start}")).unwrap_or_default();
    let feed = if plan.n_feeds > 0 { format!(" feed {}", plan.n_feeds) } else { String::new() };
    line(&mut out, format_args!("  slots {}{start}{feed}", plan.n_slots));
    if plan.n_cells > 0 {
        line(&mut out, format_args!("  cells {}", plan.n_cells));
    }
    for input in &plan.inputs {
        line(&mut out, format_args!("  input {input}"));
    }
    for path in &plan.paths {
        line(&mut out, format_args!("  path {} from {:?} to {:?}", path.draw, path.from, path.to));
    }
    for (at, level) in plan.levels.iter().enumerate() {
        line(&mut out, format_args!("  level {at} {}", level_text(level)));
    }
    for kernel in plan.kernels.values() {
        for text in kernel.to_string().trim_end().lines() {
            line(&mut out, format_args!("  {text}"));
        }
    }
    for op in &plan.ops {
        op_text(&mut out, op);
    }
    let cost = &plan.cost;
    line(
        &mut out,
        format_args!(
            "  cost evals {} calls {} draws {} launches {} peak {} rest {}",
            cost.evals, cost.calls, cost.draws, cost.launches, cost.peak_buffers, cost.rest_buffers
        ),
    );
    out.push_str("}\n");
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).and_then(|()| out.write_char('\n')).expect("writing to a string");
}

fn level_text(level: &LevelRow) -> String {
    format!("time {:?} alpha {:?} sigma {:?} lambda {:?}", level.time, level.alpha, level.sigma, level.lambda)
}

fn source_text(source: &Source) -> String {
    match source {
        Source::Slot(slot) => slot.to_string(),
        Source::Output { call, branch } => format!("c{call}.{branch}"),
        Source::Part { call, branch, part } => format!("c{call}.{branch}.{part}"),
        Source::Input(name) => format!("input:{name}"),
    }
}

fn target_text(target: &Target) -> String {
    match target {
        Target::Slot(slot) => slot.to_string(),
        Target::Feed(branch) => format!("f{branch}"),
    }
}

fn fed_text(fed: &Fed) -> String {
    match fed {
        Fed::Tensor(source) => source_text(source),
        Fed::Feed => "feed".to_owned(),
    }
}

fn op_text(out: &mut String, op: &PlanOp) {
    match op {
        PlanOp::Launch(launch) => {
            let loads: String = launch.loads.iter().map(|load| format!(" {}", source_text(load))).collect();
            let stores: String = launch.stores.iter().map(|store| format!(" {}", target_text(store))).collect();
            let scalars: String = launch.scalars.iter().map(|scalar| format!(" {scalar:?}")).collect();
            let draws: String = launch.draws.iter().map(|draw| format!(" {draw}")).collect();
            let cells = |name: &str, cells: &[Cell]| match cells {
                [] => String::new(),
                cells => cells.iter().fold(format!(" {name}"), |text, cell| format!("{text} {cell}")),
            };
            let cells = cells("cells", &launch.cells) + &cells("reduces", &launch.reduces);
            let (kernel, step) = (launch.kernel, launch.step);
            line(
                out,
                format_args!(
                    "  launch {kernel} step {step} loads{loads} stores{stores} scalars{scalars} draws{draws}{cells}"
                ),
            );
        }
        PlanOp::Call(call) => call_text(out, call),
        PlanOp::Drop { call } => line(out, format_args!("  drop {call}")),
        PlanOp::Step { step, x } => line(out, format_args!("  step {step} {}", source_text(x))),
        PlanOp::Emit { name, value } => line(out, format_args!("  emit {name} {}", source_text(value))),
    }
}

fn call_text(out: &mut String, call: &CallOp) {
    let affine = &call.affine;
    line(
        out,
        format_args!(
            "  call {} step {} input {} time {:?} at {} gives {} scale {:?} skip {:?} out {:?}",
            call.call,
            call.step,
            fed_text(&call.input),
            call.time,
            level_text(&call.level),
            affine.gives,
            affine.scale,
            affine.skip,
            affine.out
        ),
    );
    if call.parts != 1 {
        line(out, format_args!("    parts {}", call.parts));
    }
    let branches: String = call.branches.iter().map(|branch| format!(" {branch}")).collect();
    let word = if call.host { "host" } else { "branches" };
    line(out, format_args!("    {word}{branches}"));
    for (name, values) in &call.args {
        let values: String = values.iter().map(|value| format!(" {value:?}")).collect();
        line(out, format_args!("    argument {name}{values}"));
    }
}

/// The plan that `text` describes, unverified.
///
/// # Errors
/// The first line that does not parse.
pub fn parse(text: &str) -> Result<Plan, TextError> {
    let mut parser = Parser { lines: text.lines().enumerate().collect(), at: 0 };
    let plan = parser.plan()?;
    match parser.peek() {
        None => Ok(plan),
        Some((number, text)) => Err(TextError { line: number, message: format!("expected the end, found `{text}`") }),
    }
}

struct Parser<'t> {
    lines: Vec<(usize, &'t str)>,
    at: usize,
}

/// The words of a line, with its number.
struct Words<'t> {
    number: usize,
    words: Peekable<SplitWhitespace<'t>>,
}

impl<'t> Words<'t> {
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, TextError> {
        Err(TextError { line: self.number, message: message.into() })
    }

    fn word(&mut self) -> Result<&'t str, TextError> {
        match self.words.next() {
            Some(word) => Ok(word),
            None => self.fail("the line ends too early"),
        }
    }

    fn expect(&mut self, wanted: &str) -> Result<(), TextError> {
        let word = self.word()?;
        if word == wanted { Ok(()) } else { self.fail(format!("expected `{wanted}`, found `{word}`")) }
    }

    fn number<T: FromStr>(&mut self) -> Result<T, TextError> {
        let word = self.word()?;
        match word.parse() {
            Ok(number) => Ok(number),
            Err(_) => self.fail(format!("`{word}` is no number of this kind")),
        }
    }

    fn named<T: FromStr>(&mut self, name: &str) -> Result<T, TextError> {
        self.expect(name)?;
        self.number()
    }

    /// Words up to one of these, or the end.
    fn until(&mut self, stops: &[&str]) -> Vec<&'t str> {
        let mut words = Vec::new();
        while let Some(word) = self.words.next_if(|word| !stops.contains(word)) {
            words.push(word);
        }
        words
    }

    fn end(&mut self) -> Result<(), TextError> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => self.fail(format!("expected the end of the line, found `{word}`")),
        }
    }

    fn entity(&self, word: &str, prefix: &str) -> Result<u32, TextError> {
        match word.strip_prefix(prefix).and_then(|digits| digits.parse().ok()) {
            Some(number) if number < u32::MAX => Ok(number),
            _ => self.fail(format!("`{word}` does not name one of `{prefix}0`, `{prefix}1`, ..")),
        }
    }

    fn source(&mut self, word: &str) -> Result<Source, TextError> {
        if let Some(name) = word.strip_prefix("input:") {
            return Ok(Source::Input(name.into()));
        }
        if let Some((call, branch)) = word.split_once('.') {
            if let Some((branch, part)) = branch.split_once('.') {
                let number = |text: &str| text.parse().or_else(|_| self.fail(format!("`{word}` names no part")));
                return Ok(Source::Part {
                    call: self.entity(call, "c")?,
                    branch: number(branch)?,
                    part: number(part)?,
                });
            }
            let branch = branch.parse().or_else(|_| self.fail(format!("`{word}` names no branch")))?;
            return Ok(Source::Output { call: self.entity(call, "c")?, branch });
        }
        Ok(Source::Slot(Slot::from_u32(self.entity(word, "s")?)))
    }

    fn target(&self, word: &str) -> Result<Target, TextError> {
        match word.starts_with('f') {
            true => Ok(Target::Feed(self.entity(word, "f")?)),
            false => Ok(Target::Slot(Slot::from_u32(self.entity(word, "s")?))),
        }
    }

    fn level(&mut self) -> Result<LevelRow, TextError> {
        Ok(LevelRow {
            time: self.named("time")?,
            alpha: self.named("alpha")?,
            sigma: self.named("sigma")?,
            lambda: self.named("lambda")?,
        })
    }

    fn numbers<T: FromStr>(&self, words: Vec<&str>) -> Result<Vec<T>, TextError> {
        words.into_iter().map(|word| word.parse().or_else(|_| self.fail(format!("`{word}` is no number")))).collect()
    }
}

impl<'t> Parser<'t> {
    fn peek(&mut self) -> Option<(usize, &'t str)> {
        while self.lines.get(self.at).is_some_and(|(_, line)| line.trim().is_empty()) {
            self.at += 1;
        }
        self.lines.get(self.at).map(|(number, line)| (number + 1, line.trim()))
    }

    fn words(&mut self) -> Result<Words<'t>, TextError> {
        match self.peek() {
            Some((number, line)) => {
                self.at += 1;
                Ok(Words { number, words: line.split_whitespace().peekable() })
            }
            None => Err(TextError { line: self.lines.len(), message: "the text ends too early".to_owned() }),
        }
    }

    fn plan(&mut self) -> Result<Plan, TextError> {
        let mut words = self.words()?;
        words.expect("plan")?;
        let sampler: Arc<str> = words.word()?.into();
        words.expect("on")?;
        let schedule: Arc<str> = words.word()?.into();
        let network = match words.words.next_if_eq(&"network") {
            Some(_) => Some(words.word()?.into()),
            None => None,
        };
        words.expect("{")?;
        let mut words = self.words()?;
        let n_slots = words.named("slots")?;
        let start = match words.words.next_if_eq(&"start") {
            Some(_) => {
                let word = words.word()?;
                Some(Slot::from_u32(words.entity(word, "s")?))
            }
            None => None,
        };
        let n_feeds = match words.words.next_if_eq(&"feed") {
            Some(_) => words.number()?,
            None => 0,
        };
        words.end()?;
        let mut plan = Plan {
            sampler,
            schedule,
            network,
            levels: Vec::new(),
            n_slots,
            n_cells: 0,
            start,
            n_feeds,
            inputs: Vec::new(),
            paths: Vec::new(),
            kernels: PrimaryMap::new(),
            ops: Vec::new(),
            cost: Cost::default(),
        };
        while self.member(&mut plan)? {}
        Ok(plan)
    }

    /// One member of a plan; nothing is left after its closing brace.
    fn member(&mut self, plan: &mut Plan) -> Result<bool, TextError> {
        let Some((_, text)) = self.peek() else { return self.words().map(|_| false) };
        if text.starts_with("kernel ") {
            plan.kernels.push(self.kernel()?);
            return Ok(true);
        }
        let mut words = self.words()?;
        match words.word()? {
            "}" => {
                words.end()?;
                return Ok(false);
            }
            "cells" => plan.n_cells = words.number()?,
            "input" => plan.inputs.push(words.word()?.into()),
            "path" => {
                let draw = words.number()?;
                plan.paths.push(Increment { draw, from: words.named("from")?, to: words.named("to")? });
            }
            "level" => {
                words.number::<usize>()?;
                plan.levels.push(words.level()?);
            }
            "launch" => plan.ops.push(PlanOp::Launch(launch(&mut words)?)),
            "call" => {
                let call = self.call(&mut words)?;
                plan.ops.push(PlanOp::Call(call));
            }
            "drop" => plan.ops.push(PlanOp::Drop { call: words.number()? }),
            "step" => {
                let step = words.number()?;
                let word = words.word()?;
                plan.ops.push(PlanOp::Step { step, x: words.source(word)? });
            }
            "emit" => {
                let name = words.word()?.into();
                let word = words.word()?;
                plan.ops.push(PlanOp::Emit { name, value: words.source(word)? });
            }
            "cost" => {
                plan.cost = Cost {
                    evals: words.named("evals")?,
                    calls: words.named("calls")?,
                    draws: words.named("draws")?,
                    launches: words.named("launches")?,
                    peak_buffers: words.named("peak")?,
                    rest_buffers: words.named("rest")?,
                };
            }
            other => return words.fail(format!("`{other}` is no part of a plan")),
        }
        words.end()?;
        Ok(true)
    }

    fn kernel(&mut self) -> Result<super::kernel::Kernel, TextError> {
        let first = self.at;
        let mut text = String::new();
        loop {
            let Some((_, line)) = self.peek() else {
                return self.words().and_then(|words| words.fail("a kernel has no end"));
            };
            self.at += 1;
            text.push_str(line);
            text.push('\n');
            if line == "}" {
                return parse_kernel(&text).map_err(|error| TextError { line: error.line + first, ..error });
            }
        }
    }

    fn call(&mut self, words: &mut Words<'t>) -> Result<CallOp, TextError> {
        let call = words.number()?;
        let step = words.named("step")?;
        words.expect("input")?;
        let word = words.word()?;
        let input = if word == "feed" { Fed::Feed } else { Fed::Tensor(words.source(word)?) };
        let time = words.named("time")?;
        words.expect("at")?;
        let level = words.level()?;
        words.expect("gives")?;
        let word = words.word()?;
        let Some(gives) = Kind::from_name(word) else { return words.fail(format!("`{word}` is no kind")) };
        let affine =
            Affine { gives, scale: words.named("scale")?, skip: words.named("skip")?, out: words.named("out")? };
        let mut parts = 1;
        let mut list = self.words()?;
        if list.words.next_if_eq(&"parts").is_some() {
            parts = list.number()?;
            list.end()?;
            list = self.words()?;
        }
        let host = list.words.next_if_eq(&"host").is_some();
        if !host {
            list.expect("branches")?;
        }
        let branches = list.words.map(Arc::from).collect();
        let mut args = Vec::new();
        while self.peek().is_some_and(|(_, line)| line.starts_with("argument ")) {
            let mut words = self.words()?;
            words.expect("argument")?;
            let name = words.word()?.into();
            let values = words.until(&[]);
            args.push((name, words.numbers(values)?));
        }
        Ok(CallOp { call, input, branches, time, level, affine, parts, host, args, step })
    }
}

fn launch(words: &mut Words<'_>) -> Result<LaunchOp, TextError> {
    let word = words.word()?;
    let kernel = KernelId::from_u32(words.entity(word, "k")?);
    let step = words.named("step")?;
    words.expect("loads")?;
    let loads = words.until(&["stores"]).into_iter().map(|word| words.source(word)).collect::<Result<_, _>>()?;
    words.expect("stores")?;
    let stores = words.until(&["scalars"]);
    let stores = stores.into_iter().map(|word| words.target(word)).collect::<Result<_, _>>()?;
    words.expect("scalars")?;
    let scalars = words.until(&["draws"]);
    let scalars = words.numbers(scalars)?;
    words.expect("draws")?;
    let draws = words.until(&["cells", "reduces"]);
    let draws = words.numbers(draws)?;
    let mut named = |name: &'static str, stops: &[&str]| match words.words.next_if_eq(&name) {
        Some(_) => words.until(stops).into_iter().map(|word| words.entity(word, "r").map(Cell::from_u32)).collect(),
        None => Ok(Vec::new()),
    };
    let cells = named("cells", &["reduces"])?;
    let reduces = named("reduces", &[])?;
    Ok(LaunchOp { kernel, loads, stores, cells, reduces, scalars, draws, step })
}
