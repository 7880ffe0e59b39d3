//! The files of a compilation and the items in them.
//!
//! Texts of the user come from the caller; texts of the standard library are parsed when first named, which keeps a
//! check of one file fast. A name is looked for in its own file, then among what the file `use`s, then in the
//! standard library: items by their folder, functions and constants in the prelude.

use std::collections::HashMap;
use std::sync::Arc;

use samp_lang::ast::{ItemKind, Module, Name, Use, UseFrom};
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::{FileId, SourceMap};
use samp_lang::{parse_module, suggest};

use crate::types::ItemSort;

/// Reads the text of a file that a `use` names.
pub type Loader<'l> = dyn Fn(&str) -> Result<String, String> + 'l;

/// A file of the compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitId(usize);

/// An item of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef {
    /// The file.
    pub unit: UnitId,
    /// Its place among the file's items.
    pub index: usize,
}

/// Where a name is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Items of one sort.
    Item(ItemSort),
    /// Functions, constants and functions of the host.
    Value,
}

impl Namespace {
    fn of(item: &ItemKind) -> Option<Namespace> {
        match item {
            ItemKind::Use(_) | ItemKind::Test(_) => None,
            ItemKind::Schedule(_) => Some(Namespace::Item(ItemSort::Schedule)),
            ItemKind::Grid(_) => Some(Namespace::Item(ItemSort::Grid)),
            ItemKind::Model(_) => Some(Namespace::Item(ItemSort::Model)),
            ItemKind::Guidance(_) => Some(Namespace::Item(ItemSort::Guidance)),
            ItemKind::Sampler(_) => Some(Namespace::Item(ItemSort::Sampler)),
            ItemKind::Pipeline(_) => Some(Namespace::Item(ItemSort::Pipeline)),
            ItemKind::Fn(_) | ItemKind::Const(_) | ItemKind::Extern(_) => Some(Namespace::Value),
        }
    }
}

struct Unit {
    file: FileId,
    path: Arc<str>,
    std: bool,
    module: Arc<Module>,
    names: HashMap<(Namespace, Arc<str>), usize>,
    uses: Option<Vec<(Arc<str>, Vec<ItemRef>)>>,
    links: Vec<UnitId>,
}

/// All files, and what was wrong with their texts.
pub struct Library<'l> {
    /// The texts.
    pub sources: SourceMap,
    /// What was wrong with them.
    pub diagnostics: Vec<Diagnostic>,
    units: Vec<Unit>,
    by_path: HashMap<Arc<str>, UnitId>,
    loader: &'l Loader<'l>,
}

const PRELUDE: &str = "prelude.samp";
const TABLEAUX: &str = "tableaux/";

impl<'l> Library<'l> {
    /// A library with nothing of the user in it yet.
    pub fn new(loader: &'l Loader<'l>) -> Self {
        Library {
            sources: SourceMap::default(),
            diagnostics: Vec::new(),
            units: Vec::new(),
            by_path: HashMap::new(),
            loader,
        }
    }

    /// The file of a unit and those that it uses, directly or not.
    pub fn reach(&self, unit: UnitId) -> Vec<FileId> {
        let mut units = vec![unit];
        let mut at = 0;
        while let Some(here) = units.get(at).map(|unit| &self.units[unit.0]) {
            let used = here.uses.iter().flatten().flat_map(|(_, items)| items.iter().map(|item| item.unit));
            for unit in used.chain(here.links.iter().copied()) {
                if !units.contains(&unit) {
                    units.push(unit);
                }
            }
            at += 1;
        }
        units.into_iter().map(|unit| self.file(unit)).collect()
    }

    /// Takes in a text of the user.
    pub fn add(&mut self, path: &str, text: impl Into<Arc<str>>) -> UnitId {
        if let Some(unit) = self.by_path.get(path) {
            return *unit;
        }
        self.add_unit(path, text.into(), false)
    }

    /// A file of the standard library, such as `samplers/ddim.samp`.
    pub fn std(&mut self, path: &str) -> Option<UnitId> {
        let key = format!("std/{path}");
        if let Some(unit) = self.by_path.get(key.as_str()) {
            return Some(*unit);
        }
        let text = samp_std::text(path)?;
        Some(self.add_unit(&key, text.into(), true))
    }

    /// The tree of a file.
    pub fn module(&self, unit: UnitId) -> Arc<Module> {
        self.units[unit.0].module.clone()
    }

    /// The text's number.
    pub fn file(&self, unit: UnitId) -> FileId {
        self.units[unit.0].file
    }

    /// Whether the file belongs to the standard library.
    pub fn is_std(&self, unit: UnitId) -> bool {
        self.units[unit.0].std
    }

    /// Finds what a name means in a file.
    pub fn find(&mut self, unit: UnitId, space: Namespace, name: &str) -> Option<ItemRef> {
        if let Some(found) = self.own(unit, space, name) {
            return Some(found);
        }
        if let Some(found) = self.used(unit, space, name) {
            return Some(found);
        }
        for link in self.units[unit.0].links.clone() {
            if let Some(found) = self.own(link, space, name).or_else(|| self.used(link, space, name)) {
                return Some(found);
            }
        }
        match space {
            Namespace::Item(sort) => {
                let unit = self.std(&format!("{}/{name}.samp", sort.folder()))?;
                self.own(unit, space, name)
            }
            Namespace::Value => {
                let prelude = self.std(PRELUDE)?;
                self.own(prelude, space, name)
                    .or_else(|| self.tableaux().into_iter().find_map(|unit| self.own(unit, space, name)))
            }
        }
    }

    /// The files of Runge-Kutta tableaux, whose names every file sees.
    fn tableaux(&mut self) -> Vec<UnitId> {
        let paths = samp_std::FILES.iter().map(|(path, _)| *path).filter(|path| path.starts_with(TABLEAUX));
        paths.filter_map(|path| self.std(path)).collect()
    }

    /// Lets a text see the names of a file as its own.
    pub fn link(&mut self, unit: UnitId, to: UnitId) {
        self.units[unit.0].links.push(to);
    }

    /// Reads a file of the user through the loader.
    pub fn load(&mut self, path: &str) -> Result<UnitId, String> {
        if let Some(found) = self.by_path.get(path) {
            return Ok(*found);
        }
        let text = (self.loader)(path)?;
        Ok(self.add(path, text))
    }

    /// Names that could have been meant.
    pub fn names(&mut self, unit: UnitId, space: Namespace) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let own = |unit: &Unit| -> Vec<Arc<str>> {
            unit.names.keys().filter(|(found, _)| *found == space).map(|(_, name)| name.clone()).collect()
        };
        names.extend(own(&self.units[unit.0]));
        for (name, targets) in self.uses(unit) {
            if targets.iter().any(|target| self.space(*target) == Some(space)) {
                names.push(name);
            }
        }
        match space {
            Namespace::Item(sort) => names.extend(std_names(sort).map(Arc::from)),
            Namespace::Value => {
                let units: Vec<UnitId> = self.std(PRELUDE).into_iter().chain(self.tableaux()).collect();
                names.extend(units.into_iter().flat_map(|unit| own(&self.units[unit.0])));
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Whether a file names this in a `use` that found nothing, which is reported already.
    pub fn is_missing(&mut self, unit: UnitId, name: &str) -> bool {
        self.uses(unit).iter().any(|(used, targets)| &**used == name && targets.is_empty())
    }

    /// Reports names declared twice in a file, and imports that cannot be found.
    pub fn check_names(&mut self, unit: UnitId) {
        let module = self.module(unit);
        let mut seen: HashMap<(Namespace, &str), &Name> = HashMap::new();
        for item in &module.items {
            let (Some(space), Some(name)) = (Namespace::of(&item.kind), item.kind.name()) else { continue };
            if let Some(first) = seen.insert((space, &name.text), name) {
                let message = format!("{} `{}` is declared twice", item.kind.keyword(), name.text);
                self.diagnostics.push(
                    Diagnostic::new(Code::E0102, name.span, message)
                        .also(first.span, "first declared here")
                        .help("give one of them another name"),
                );
            }
        }
        self.uses(unit);
    }

    fn add_unit(&mut self, path: &str, text: Arc<str>, std: bool) -> UnitId {
        let path: Arc<str> = path.into();
        let file = self.sources.add(path.clone(), text);
        let (module, mut diagnostics) = parse_module(&self.sources, file);
        self.diagnostics.append(&mut diagnostics);
        let mut names = HashMap::new();
        for (index, item) in module.items.iter().enumerate() {
            if let (Some(space), Some(name)) = (Namespace::of(&item.kind), item.kind.name()) {
                names.entry((space, name.text.clone())).or_insert(index);
            }
        }
        let id = UnitId(self.units.len());
        self.units.push(Unit {
            file,
            path: path.clone(),
            std,
            module: Arc::new(module),
            names,
            uses: None,
            links: Vec::new(),
        });
        self.by_path.insert(path, id);
        id
    }

    fn own(&self, unit: UnitId, space: Namespace, name: &str) -> Option<ItemRef> {
        let index = self.units[unit.0].names.get(&(space, Arc::from(name)))?;
        Some(ItemRef { unit, index: *index })
    }

    fn used(&mut self, unit: UnitId, space: Namespace, name: &str) -> Option<ItemRef> {
        let targets = self.uses(unit).into_iter().find(|(used, _)| &**used == name)?.1;
        targets.into_iter().find(|target| self.space(*target) == Some(space))
    }

    fn space(&self, target: ItemRef) -> Option<Namespace> {
        Namespace::of(&self.units[target.unit.0].module.items[target.index].kind)
    }

    fn uses(&mut self, unit: UnitId) -> Vec<(Arc<str>, Vec<ItemRef>)> {
        if let Some(uses) = &self.units[unit.0].uses {
            return uses.clone();
        }
        self.units[unit.0].uses = Some(Vec::new());
        let module = self.module(unit);
        let mut uses = Vec::new();
        for item in &module.items {
            if let ItemKind::Use(item) = &item.kind {
                self.resolve_use(unit, item, &mut uses);
            }
        }
        self.units[unit.0].uses = Some(uses.clone());
        uses
    }

    fn resolve_use(&mut self, unit: UnitId, item: &Use, uses: &mut Vec<(Arc<str>, Vec<ItemRef>)>) {
        match &item.from {
            UseFrom::Path(path) => {
                let words: Vec<&str> = path.iter().map(|name| &*name.text).collect();
                let sort = match words[..] {
                    ["std", folder] => ItemSort::from_folder(folder),
                    _ => None,
                };
                let Some(sort) = sort else {
                    let folders: Vec<String> = ItemSort::ALL.iter().map(|(_, _, f)| format!("`std.{f}`")).collect();
                    let message = format!("`{}` names no part of the standard library", words.join("."));
                    let help = format!("use one of {}, or a file in quotes", folders.join(", "));
                    self.diagnostics.push(Diagnostic::new(Code::E0104, item.from_span, message).help(help));
                    uses.extend(item.names.iter().map(|name| (name.text.clone(), Vec::new())));
                    return;
                };
                for name in &item.names {
                    self.use_std(sort, name, uses);
                }
            }
            UseFrom::File(path) => self.use_file(unit, path, item, uses),
        }
    }

    fn use_std(&mut self, sort: ItemSort, name: &Name, uses: &mut Vec<(Arc<str>, Vec<ItemRef>)>) {
        let unit = self.std(&format!("{}/{}.samp", sort.folder(), name.text));
        match unit.and_then(|unit| self.own(unit, Namespace::Item(sort), &name.text)) {
            Some(found) => uses.push((name.text.clone(), vec![found])),
            None => {
                let message = format!("the standard library has no {sort} `{}`", name.text);
                let mut found = Diagnostic::new(Code::E0104, name.span, message);
                if let Some(near) = suggest::nearest(&name.text, std_names(sort)) {
                    found = found.help(format!("did you mean `{near}`?"));
                }
                self.diagnostics.push(found);
                uses.push((name.text.clone(), Vec::new()));
            }
        }
    }

    fn use_file(&mut self, unit: UnitId, path: &str, item: &Use, uses: &mut Vec<(Arc<str>, Vec<ItemRef>)>) {
        let target = match self.open(unit, path) {
            Ok(target) => target,
            Err(reason) => {
                let message = format!("cannot read `{path}`: {reason}");
                let found = Diagnostic::new(Code::E0104, item.from_span, message);
                self.diagnostics.push(found.help("the path is relative to the file that names it"));
                uses.extend(item.names.iter().map(|name| (name.text.clone(), Vec::new())));
                return;
            }
        };
        if target == unit {
            let found = Diagnostic::new(Code::E0104, item.from_span, "this file imports itself");
            self.diagnostics.push(found.help("names of a file are in scope in it: remove this line"));
            return;
        }
        for name in &item.names {
            let names = &self.units[target.0].names;
            let mut found: Vec<usize> =
                names.iter().filter(|((_, text), _)| *text == name.text).map(|(_, index)| *index).collect();
            found.sort_unstable();
            // An item that cannot be read is reported in its own file.
            let file = self.units[target.0].file;
            let broken = self.diagnostics.iter().any(|one| {
                one.primary.span.file == file && matches!(one.code, Code::E0001 | Code::E0002 | Code::E0003)
            });
            if found.is_empty() && !broken {
                let near = suggest::nearest(&name.text, names.keys().map(|(_, text)| &**text)).map(str::to_owned);
                let message = format!("`{path}` declares no `{}`", name.text);
                let mut missing = Diagnostic::new(Code::E0104, name.span, message);
                if let Some(near) = near {
                    missing = missing.help(format!("did you mean `{near}`?"));
                }
                self.diagnostics.push(missing);
            }
            uses.push((name.text.clone(), found.into_iter().map(|index| ItemRef { unit: target, index }).collect()));
        }
    }

    fn open(&mut self, unit: UnitId, path: &str) -> Result<UnitId, String> {
        let from = &self.units[unit.0];
        let full = normal_path(&from.path, path);
        if let Some(found) = self.by_path.get(full.as_str()) {
            return Ok(*found);
        }
        self.load(&full)
    }
}

/// The names of the standard library's items of one sort.
pub fn std_names(sort: ItemSort) -> impl Iterator<Item = &'static str> {
    let folder = sort.folder();
    samp_std::FILES
        .iter()
        .filter_map(move |(path, _)| path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".samp"))
}

/// What a sampler asks of a pipeline that is to run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: any pipeline can run it.
    Nothing,
    /// A grid that gives the two ends: it finds its own steps between them.
    Ends,
    /// A guidance that has the branch it names.
    Branch,
    /// A model with a further output.
    View,
}

/// The samplers of the standard library that ask this.
pub fn std_samplers(asks: Asks) -> impl Iterator<Item = &'static str> {
    let asked = |name: &str| {
        let text = samp_std::text(&format!("samplers/{name}.samp")).unwrap_or_default();
        let words = [("adaptive ", Asks::Ends), ("branch ", Asks::Branch), ("view ", Asks::View)];
        let has = |word: &str| text.lines().any(|line| line.trim_start().starts_with(word));
        words.into_iter().find(|(word, _)| has(word)).map_or(Asks::Nothing, |(_, asks)| asks)
    };
    std_names(ItemSort::Sampler).filter(move |name| asked(name) == asks)
}

/// The samplers of the standard library that every pipeline can run.
pub fn std_planned_samplers() -> impl Iterator<Item = &'static str> {
    std_samplers(Asks::Nothing)
}

/// The path of a file named in another one, with `.` and `..` taken out.
fn normal_path(from: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if from.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}
