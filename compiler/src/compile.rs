//! From a request to a program: a pipeline, with slots and options replaced.
//!
//! A request names a pipeline of the standard library or of a file, or fills all slots itself. What it replaces is
//! `.samp` text too, so a mistake in it is shown like any other.

use std::sync::Arc;

use samp_lang::ast::{self, ItemKind, PipelineMember};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::{SourceMap, Span};
use samp_lang::{parse_expr, suggest};

use crate::check::Checker;
use crate::elsewhere;
use crate::hir::Slot;
use crate::ir::program::{ItemRef, Program};
use crate::library::{Library, Loader, UnitId, std_names};
use crate::lower::lower;
use crate::machine::RunConfig;
use crate::plan::adaptive::Adaptive;
use crate::plan::{Planned, plan};
use crate::types::ItemSort;

/// What a caller wants to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// A pipeline: `digits`, `mine.samp`, `mine.samp:name`. Without one every slot must be given.
    pub pipeline: Option<String>,
    /// Slots with other contents: an expression such as `ddim(eta = 1)`, or a file such as `mine.samp`.
    pub slots: Vec<(Slot, String)>,
    /// Options with other values: `sampler.eta` or `scale` of the pipeline itself, and an expression.
    pub sets: Vec<(String, String)>,
}

/// A program that is right as far as can be seen without a run.
#[derive(Debug)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// The pipeline in it.
    pub pipeline: ItemRef,
    /// The texts that it came from.
    pub sources: SourceMap,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

/// Mistakes, and the texts they are in.
#[derive(Debug)]
pub struct Failure {
    /// The mistakes.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts.
    pub sources: SourceMap,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&samp_lang::diag::render::short(&self.diagnostics, &self.sources))
    }
}

impl std::error::Error for Failure {}

/// Compiles what a request asks for.
pub fn compile(request: &Request, loader: &Loader<'_>) -> Result<Compiled, Failure> {
    let mut ctx = Assemble { checker: Checker::new(Library::new(loader)), own: Vec::new() };
    let made = ctx.assemble(&elsewhere::translated(request));
    let Assemble { mut checker, own } = ctx;
    checker.diagnostics.extend(own);
    let (Some(pipeline), false) = (made, checker.has_errors()) else {
        return Err(Failure { diagnostics: checker.all_diagnostics(), sources: checker.lib.sources });
    };
    let lowered = lower(&checker.hir, &[pipeline]);
    let warnings = checker.all_diagnostics();
    Ok(Compiled { program: lowered.program, pipeline: lowered.items[0], sources: checker.lib.sources, warnings })
}

impl Compiled {
    /// Whether the pipeline's sampler finds its own steps.
    pub fn is_adaptive(&self, config: &RunConfig) -> bool {
        matches!(Adaptive::new(&self.program, self.pipeline, Vec::new(), config), Ok(Some(_)))
    }

    /// Plans a run.
    pub fn plan(&self, config: &RunConfig) -> Result<Planned, Failure> {
        plan(&self.program, self.pipeline, config)
            .map_err(|found| Failure { diagnostics: vec![*found], sources: self.sources.clone() })
    }
}

struct Assemble<'l> {
    checker: Checker<'l>,
    own: Vec<Diagnostic>,
}

impl Assemble<'_> {
    fn assemble(&mut self, request: &Request) -> Option<crate::hir::ItemId> {
        let lib = &mut self.checker.lib;
        let unit = lib.add("<command>", "");
        let at = Span { file: lib.file(unit), start: 0, end: 0 };
        let mut pipeline = match &request.pipeline {
            Some(name) => self.base(unit, name)?,
            None => ast::Pipeline {
                name: ast::Name { text: "run".into(), span: at },
                params: Vec::new(),
                members: Vec::new(),
            },
        };
        let mut failed = false;
        for (slot, value) in &request.slots {
            match self.slot_value(unit, *slot, value) {
                Some(expr) => replace_slot(&mut pipeline, *slot, expr),
                None => failed = true,
            }
        }
        for (path, value) in &request.sets {
            failed |= self.set(&mut pipeline, path, value).is_none();
        }
        if failed {
            return None;
        }
        let made = self.checker.pipeline(unit, &pipeline);
        if !request.slots.is_empty() {
            // An option that only the replaced slot has read is no mistake.
            let options: Vec<Span> = pipeline.params.iter().map(|param| param.name.span).collect();
            let unread = |one: &Diagnostic| one.code == Code::W0107 && options.contains(&one.primary.span);
            self.checker.diagnostics.retain(|one| !unread(one));
        }
        made
    }

    fn report(&mut self, code: Code, span: Span, message: String, help: Option<String>) {
        let found = Diagnostic::new(code, span, message);
        self.own.push(match help {
            Some(help) => found.help(help),
            None => found,
        });
    }

    /// A text of the command line, and its span.
    fn text(&mut self, name: &str, text: &str) -> Span {
        let file = self.checker.lib.sources.add(format!("<{name}>"), text);
        Span { file, start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) }
    }

    /// The pipeline that a request begins with.
    fn base(&mut self, unit: UnitId, name: &str) -> Option<ast::Pipeline> {
        if let Some((path, item)) = file_and_item(name) {
            return self.base_of_file(unit, path, item, name);
        }
        let Some(found) = self.checker.lib.std(&format!("pipelines/{name}.samp")) else {
            let span = self.text("pipeline", name);
            let near =
                suggest::nearest(name, std_names(ItemSort::Pipeline)).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| {
                let names: Vec<String> = std_names(ItemSort::Pipeline).map(|name| format!("`{name}`")).collect();
                format!("pipelines are {}, and those of files: `mine.samp`", names.join(", "))
            });
            self.report(Code::E0101, span, format!("there is no pipeline called `{name}`"), Some(help));
            return None;
        };
        self.checker.lib.link(unit, found);
        self.pipelines(found).into_iter().next()
    }

    fn base_of_file(&mut self, unit: UnitId, path: &str, item: Option<&str>, name: &str) -> Option<ast::Pipeline> {
        let file = self.open(path, "pipeline", name)?;
        self.checker.lib.link(unit, file);
        self.checker.lib.check_names(file);
        let pipelines = self.pipelines(file);
        let known: Vec<Arc<str>> = pipelines.iter().map(|pipeline| pipeline.name.text.clone()).collect();
        let found = match item {
            Some(item) => pipelines.into_iter().find(|pipeline| *pipeline.name.text == *item),
            None if known.len() == 1 => pipelines.into_iter().next(),
            None => None,
        };
        if found.is_none() && !self.checker.has_errors() {
            self.one_of_file("pipeline", path, name, &known);
        }
        found
    }

    fn one_of_file(&mut self, sort: &str, path: &str, value: &str, known: &[Arc<str>]) {
        let span = self.text(sort, value);
        let (message, help) = match known {
            [] => (format!("`{path}` declares no {sort}"), None),
            known => {
                let names: Vec<String> = known.iter().map(|name| format!("`{path}:{name}`")).collect();
                (format!("`{path}` declares {} {sort}s", known.len()), Some(format!("name one: {}", names.join(", "))))
            }
        };
        self.report(Code::E0101, span, message, help);
    }

    fn pipelines(&self, unit: UnitId) -> Vec<ast::Pipeline> {
        let module = self.checker.lib.module(unit);
        let pipelines = module.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Pipeline(pipeline) => Some(pipeline.clone()),
            _ => None,
        });
        pipelines.collect()
    }

    fn open(&mut self, path: &str, what: &str, value: &str) -> Option<UnitId> {
        match self.checker.lib.load(path) {
            Ok(unit) => Some(unit),
            Err(reason) => {
                let span = self.text(what, value);
                self.report(Code::E0001, span, format!("cannot read `{path}`: {reason}"), None);
                None
            }
        }
    }

    /// What a slot is to hold: an expression, or the item of a file.
    fn slot_value(&mut self, unit: UnitId, slot: Slot, value: &str) -> Option<ast::Expr> {
        let flag = format!("--{}", slot.name());
        let Some((path, item)) = file_and_item(value) else {
            let span = self.text(&flag, value);
            return match parse_expr(&self.checker.lib.sources, span.file) {
                Ok(expr) => Some(expr),
                Err(found) => {
                    // What is no expression may be another project's name, misspelt.
                    match elsewhere::nearest(value) {
                        Some(help) => {
                            let message = format!("there is no {} called `{value}`", slot.name());
                            self.report(Code::E0101, span, message, Some(help));
                        }
                        None => self.own.push(found),
                    }
                    None
                }
            };
        };
        let (item, args) = match item {
            Some(item) => item.split_once('(').map_or((Some(item), ""), |(name, _)| (Some(name), &item[name.len()..])),
            None => (None, ""),
        };
        let file = self.open(path, &flag, value)?;
        self.checker.lib.link(unit, file);
        self.checker.lib.check_names(file);
        let sort = slot.name();
        let module = self.checker.lib.module(file);
        let known: Vec<Arc<str>> = module
            .items
            .iter()
            .filter(|item| item.kind.keyword() == sort)
            .filter_map(|item| item.kind.name().map(|name| name.text.clone()))
            .collect();
        let found = match item {
            Some(item) => known.iter().find(|name| ***name == *item).cloned(),
            None if known.len() == 1 => known.first().cloned(),
            None => None,
        };
        let Some(found) = found else {
            if !self.checker.has_errors() {
                self.one_of_file(sort, path, value, &known);
            }
            return None;
        };
        let span = self.text(&flag, &format!("{found}{args}"));
        match parse_expr(&self.checker.lib.sources, span.file) {
            Ok(expr) => Some(expr),
            Err(found) => {
                self.own.push(found);
                None
            }
        }
    }

    /// `sampler.eta=0.5`: an option of what a slot holds; `scale=3`: an option of the pipeline.
    fn set(&mut self, pipeline: &mut ast::Pipeline, path: &str, value: &str) -> Option<()> {
        let text = format!("{path}={value}");
        let whole = self.text(&format!("--set {path}"), &text);
        // The value is parsed from its own text and shown there.
        let span = self.text(&format!("--set {path}"), value);
        let value = match parse_expr(&self.checker.lib.sources, span.file) {
            Ok(value) => value,
            Err(found) => {
                self.own.push(found);
                return None;
            }
        };
        let words: Vec<&str> = path.split('.').collect();
        let of_pipeline = |word: &str| word == &*pipeline.name.text;
        let name_span = Span { end: u32::try_from(path.len()).unwrap_or(u32::MAX), ..whole };
        match words[..] {
            [option] => self.set_option(pipeline, option, value, name_span),
            [of, option] if of_pipeline(of) => self.set_option(pipeline, option, value, name_span),
            [slot, option] => match Slot::from_name(slot) {
                Some(slot) => self.set_in_slot(pipeline, slot, option, value, name_span),
                None => {
                    let slots: Vec<String> = Slot::ALL.iter().map(|(_, word)| format!("`{word}.`")).collect();
                    let help = format!("options are set as `slot.option=value`, with one of {}", slots.join(", "));
                    self.report(Code::E0303, name_span, format!("`{slot}` is no slot of a pipeline"), Some(help));
                    None
                }
            },
            _ => {
                let help = Some("write `--set sampler.eta=0.5`".to_owned());
                self.report(Code::E0303, name_span, format!("`{path}` names no option"), help);
                None
            }
        }
    }

    fn set_option(&mut self, pipeline: &mut ast::Pipeline, option: &str, value: ast::Expr, span: Span) -> Option<()> {
        if let Some(param) = pipeline.params.iter_mut().find(|param| *param.name.text == *option) {
            param.default = Some(value);
            return Some(());
        }
        let known: Vec<&str> = pipeline.params.iter().map(|param| &*param.name.text).collect();
        let help = match suggest::nearest(option, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("to set an option of the sampler write `--set sampler.{option}=..`"),
        };
        let message = format!("the pipeline `{}` has no option `{option}`", pipeline.name.text);
        self.report(Code::E0303, span, message, Some(help));
        None
    }

    fn set_in_slot(
        &mut self,
        pipeline: &mut ast::Pipeline,
        slot: Slot,
        option: &str,
        value: ast::Expr,
        span: Span,
    ) -> Option<()> {
        let found = pipeline.members.iter_mut().find_map(|member| match member {
            PipelineMember::Slot { slot: name, value } if *name.text == *slot.name() => Some(value),
            _ => None,
        });
        let Some(expr) = found else {
            let message = format!("the pipeline `{}` has no `{}` to set options of", pipeline.name.text, slot.name());
            self.report(Code::E0303, span, message, Some(format!("give one: `--{} ..`", slot.name())));
            return None;
        };
        if let ast::ExprKind::Name(_) = &expr.kind {
            expr.kind = ast::ExprKind::Call { callee: Box::new(expr.clone()), args: Vec::new() };
        }
        let ast::ExprKind::Call { args, .. } = &mut expr.kind else {
            let message = format!("`{}` holds no item with options", slot.name());
            self.report(Code::E0303, span, message, None);
            return None;
        };
        args.retain(|arg| !matches!(arg, ast::Arg::Named(name, _) if *name.text == *option));
        let start = span.start + u32::try_from(slot.name().len() + 1).unwrap_or(0);
        let name = ast::Name { text: option.into(), span: Span { start, ..span } };
        args.push(ast::Arg::Named(name, value));
        Some(())
    }
}

/// `mine.samp` or `mine.samp:name`.
fn file_and_item(value: &str) -> Option<(&str, Option<&str>)> {
    let end = value.find(".samp")? + ".samp".len();
    match &value[end..] {
        "" => Some((value, None)),
        rest => rest.strip_prefix(':').map(|item| (&value[..end], Some(item))),
    }
}

fn replace_slot(pipeline: &mut ast::Pipeline, slot: Slot, value: ast::Expr) {
    for member in &mut pipeline.members {
        if let PipelineMember::Slot { slot: name, value: old } = member
            && *name.text == *slot.name()
        {
            *old = value;
            return;
        }
    }
    let name = ast::Name { text: slot.name().into(), span: value.span };
    pipeline.members.push(PipelineMember::Slot { slot: name, value });
}
