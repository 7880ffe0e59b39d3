//! The checker: from syntax trees to the typed tree, reporting every mistake on the way.
//!
//! Items are checked when first named, so that a check of one file looks only at what the file needs. What is
//! reported once is typed `Ty::Error`, which fits everywhere: no consequence of a mistake is reported.

mod adaptive;
mod calls;
mod comprehensions;
mod exprs;
mod items;
mod predictions;
mod rules;
mod scope;
mod stmts;
mod tests;
mod types;

pub(crate) use calls::{constant, outside};

use std::collections::HashMap;
use std::sync::Arc;

use samp_lang::ast::{self, ItemKind};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use crate::hir::{ConstId, FnId, Hir, ItemId, TestId};
use crate::library::{ItemRef, Library, Namespace, UnitId};
use crate::types::ItemSort;

/// What a checked name turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Checked {
    Item(ItemId),
    Fn(FnId),
    Const(ConstId),
    Test(TestId),
    /// Reported.
    Wrong,
}

enum Progress {
    Running(Span),
    Done(Checked),
}

/// The checker and all it has made so far.
pub struct Checker<'l> {
    /// The files.
    pub lib: Library<'l>,
    /// The typed tree.
    pub hir: Hir,
    /// What was wrong with meanings; what was wrong with texts is in the library.
    pub diagnostics: Vec<Diagnostic>,
    progress: HashMap<ItemRef, Progress>,
}

impl<'l> Checker<'l> {
    /// A checker of these files.
    pub fn new(lib: Library<'l>) -> Self {
        Checker { lib, hir: Hir::default(), diagnostics: Vec::new(), progress: HashMap::new() }
    }

    /// Checks every item of a file and gives those that can be run.
    pub fn unit(&mut self, unit: UnitId) -> Vec<ItemId> {
        self.lib.check_names(unit);
        let module = self.lib.module(unit);
        let mut items = Vec::new();
        let before = self.diagnostics.len();
        for index in 0..module.items.len() {
            if let Some(Checked::Item(item)) = self.reference(ItemRef { unit, index }, None) {
                items.push(item);
            }
        }
        self.drop_consequences(unit, before);
        items
    }

    /// The tests of a file, checked.
    pub fn tests(&mut self, unit: UnitId) -> Vec<TestId> {
        let module = self.lib.module(unit);
        let all = (0..module.items.len()).filter_map(|index| match self.reference(ItemRef { unit, index }, None) {
            Some(Checked::Test(test)) => Some(test),
            _ => None,
        });
        all.collect()
    }

    /// An item that did not parse is missing: names that are not found may be its, and are no mistakes of their own.
    fn drop_consequences(&mut self, unit: UnitId, before: usize) {
        let file = self.lib.file(unit);
        let broken = self
            .lib
            .diagnostics
            .iter()
            .any(|found| found.primary.span.file == file && matches!(found.code, Code::E0002 | Code::E0003));
        if broken {
            let kept = self.diagnostics.split_off(before);
            let kept = kept.into_iter().filter(|found| !matches!(found.code, Code::E0101 | Code::W0107));
            self.diagnostics.extend(kept);
        }
    }

    /// Finds and checks an item by name.
    pub fn named_item(&mut self, unit: UnitId, sort: ItemSort, name: &str) -> Option<ItemId> {
        let found = self.lib.find(unit, Namespace::Item(sort), name)?;
        match self.reference(found, None)? {
            Checked::Item(item) => Some(item),
            Checked::Fn(_) | Checked::Const(_) | Checked::Test(_) | Checked::Wrong => None,
        }
    }

    /// Checks an item of a file that is not in any text: a pipeline put together by a caller.
    pub fn pipeline(&mut self, unit: UnitId, pipeline: &ast::Pipeline) -> Option<ItemId> {
        self.check_pipeline(unit, "", pipeline)
    }

    /// Every diagnostic so far, texts first.
    pub fn all_diagnostics(&self) -> Vec<Diagnostic> {
        self.lib.diagnostics.iter().chain(&self.diagnostics).cloned().collect()
    }

    /// Whether anything found so far forbids a run.
    pub fn has_errors(&self) -> bool {
        self.lib.diagnostics.iter().chain(&self.diagnostics).any(Diagnostic::is_error)
    }

    /// Whether nothing found so far, in a file or in those that it uses, forbids to run its items.
    pub fn is_sound(&self, unit: UnitId) -> bool {
        let files = self.lib.reach(unit);
        let mut all = self.lib.diagnostics.iter().chain(&self.diagnostics);
        !all.any(|found| found.is_error() && files.contains(&found.primary.span.file))
    }

    /// Checks what a reference points at, once. `used` is where it is named.
    pub(crate) fn reference(&mut self, target: ItemRef, used: Option<Span>) -> Option<Checked> {
        match self.progress.get(&target) {
            Some(Progress::Done(done)) => return Some(*done),
            Some(Progress::Running(declared)) => {
                let (declared, span) = (*declared, used.unwrap_or(*declared));
                let found = Diagnostic::new(Code::E0106, span, "this leads back to where it is used")
                    .also(declared, "declared here")
                    .help("write the repetition as a `for`, or give the option another default");
                self.diagnostics.push(found);
                return Some(Checked::Wrong);
            }
            None => {}
        }
        let module = self.lib.module(target.unit);
        let item = &module.items[target.index];
        let span = item.kind.name().map_or(item.span, |name| name.span);
        self.progress.insert(target, Progress::Running(span));
        let before = self.diagnostics.len();
        let done = self.check_item(target.unit, &module, item);
        self.drop_unused(item.span, before);
        self.progress.insert(target, Progress::Done(done.unwrap_or(Checked::Wrong)));
        done
    }

    fn check_item(&mut self, unit: UnitId, module: &ast::Module, item: &ast::Item) -> Option<Checked> {
        let doc = if item.doc.is_empty() { module.doc.join(" ") } else { item.doc.join(" ") };
        let doc = doc.trim();
        match &item.kind {
            ItemKind::Use(_) => None,
            ItemKind::Schedule(item) => self.check_schedule(unit, doc, item).map(Checked::Item),
            ItemKind::Grid(item) => self.check_grid(unit, doc, item).map(Checked::Item),
            ItemKind::Model(item) => self.check_rules(unit, doc, ItemSort::Model, item).map(Checked::Item),
            ItemKind::Guidance(item) => self.check_rules(unit, doc, ItemSort::Guidance, item).map(Checked::Item),
            ItemKind::Sampler(item) => self.check_rules(unit, doc, ItemSort::Sampler, item).map(Checked::Item),
            ItemKind::Pipeline(item) => self.check_pipeline(unit, doc, item).map(Checked::Item),
            ItemKind::Fn(item) => Some(Checked::Fn(self.check_fn(unit, item))),
            ItemKind::Const(item) => Some(Checked::Const(self.check_const(unit, item))),
            ItemKind::Extern(item) => self.check_extern(unit, item).map(Checked::Fn),
            ItemKind::Test(test) => Some(Checked::Test(self.check_test(unit, item.span.at_start(), test))),
        }
    }

    /// A name may be unused because of a mistake near it: an item with errors has no warnings of that.
    fn drop_unused(&mut self, item: Span, before: usize) {
        let inside = |found: &Diagnostic| {
            let span = found.primary.span;
            span.file == item.file && item.start <= span.start && span.end <= item.end
        };
        if self.diagnostics[before..].iter().any(|found| found.is_error() && inside(found)) {
            let found = self.diagnostics.split_off(before);
            self.diagnostics.extend(found.into_iter().filter(|found| found.code != Code::W0107 || !inside(found)));
        }
    }

    /// Names that could have been meant; none once so many mistakes are found that comparing would take long.
    pub(crate) fn names(&mut self, unit: UnitId, space: Namespace) -> Vec<Arc<str>> {
        const MANY: usize = 100;
        if self.diagnostics.len() < MANY { self.lib.names(unit, space) } else { Vec::new() }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::new(code, span, message));
    }
}

/// The names of a list, for messages: `a`, `b` or `c`.
pub(crate) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "or")
}

/// The names of a list, for messages: `a`, `b` and `c`.
pub(crate) fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "and")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
    }
}

/// The help of a misspelt name.
pub(crate) fn did_you_mean(name: &str, known: &[Arc<str>]) -> Option<String> {
    samp_lang::suggest::nearest(name, known.iter().map(|known| &**known)).map(|near| format!("did you mean `{near}`?"))
}
