//! Names in scope inside one item or function.

use std::collections::HashSet;
use std::sync::Arc;

use samp_lang::ast;
use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::Span;

use super::{Checker, one_of};
use crate::hir::{Coordinate, Frame, LambdaId, Local, LocalInfo, Position};
use crate::library::UnitId;
use crate::rate::Rate;
use crate::types::{Kind, Ty};

/// What a local may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Value,
    Var,
    History,
    State,
    Stages,
    Input,
    /// A further output of a model.
    View,
    /// A function written in place whose parameter types are known at its first call.
    Deferred(usize),
}

/// What kind of body is being checked; it decides which names mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Const,
    Fn,
    Schedule,
    Grid,
    Model,
    Guidance,
    Sampler,
    /// The step of a sampler that finds its own steps.
    Adaptive,
    /// What decides them.
    Control,
    Pipeline,
    /// The `start` of a pipeline, where the grid is known.
    Start,
    Test,
}

impl Place {
    /// The latest rate of the scalars in such a body.
    pub(crate) fn rate(self) -> Rate {
        match self {
            Place::Const | Place::Schedule | Place::Grid | Place::Pipeline | Place::Start | Place::Test => Rate::Plan,
            Place::Fn | Place::Model | Place::Guidance | Place::Sampler | Place::Adaptive => Rate::Step,
            Place::Control => Rate::Live,
        }
    }

    /// Where the options of an item are bound.
    pub(crate) fn options(self) -> Place {
        match self {
            Place::Sampler | Place::Guidance | Place::Model => Place::Grid,
            other => other,
        }
    }

    pub(crate) fn has(self, position: Position) -> bool {
        match position {
            Position::First | Position::Last | Position::I => {
                matches!(self, Place::Sampler | Place::Adaptive | Place::Guidance)
            }
            Position::N => matches!(self, Place::Grid | Place::Sampler | Place::Guidance | Place::Start),
            Position::Grid => matches!(self, Place::Sampler | Place::Adaptive | Place::Guidance | Place::Start),
            Position::Height | Position::Width => {
                !matches!(self, Place::Schedule | Place::Const | Place::Fn | Place::Model | Place::Control)
            }
            Position::Clean | Position::Pure | Position::Noisiest | Position::Cleanest => {
                !matches!(self, Place::Schedule | Place::Const)
            }
        }
    }
}

/// A function whose parameter types are not known yet.
pub(crate) struct Deferred {
    pub(crate) params: Vec<ast::Param>,
    pub(crate) body: ast::Block,
    pub(crate) names: Vec<(Arc<str>, Local)>,
    pub(crate) lambda: LambdaId,
    pub(crate) made: Option<(Vec<Ty>, Ty, Rate)>,
}

/// The state of checking one item or function.
pub(crate) struct Scope {
    pub(crate) unit: UnitId,
    pub(crate) place: Place,
    pub(crate) frame: Frame,
    pub(crate) roles: Vec<Role>,
    pub(crate) names: Vec<(Arc<str>, Local)>,
    pub(crate) used: HashSet<Local>,
    pub(crate) choices: Vec<Arc<str>>,
    pub(crate) branches: Vec<Arc<str>>,
    pub(crate) deferred: Vec<Deferred>,
    /// A function written in place is being checked.
    pub(crate) in_lambda: bool,
    /// How many `estimate`s there were.
    pub(crate) estimates: usize,
    /// How many `accept`s there were.
    pub(crate) decisions: usize,
    /// The type that a `return` must have, where one may stand.
    pub(crate) result: Option<Returned>,
}

/// What `return` gives.
#[derive(Clone, Debug)]
pub(crate) struct Returned {
    pub(crate) ty: Ty,
    pub(crate) level: Option<ast::LevelRef>,
}

impl Scope {
    pub(crate) fn new(unit: UnitId, place: Place) -> Self {
        Scope {
            unit,
            place,
            frame: Frame::default(),
            roles: Vec::new(),
            names: Vec::new(),
            used: HashSet::new(),
            choices: Vec::new(),
            branches: Vec::new(),
            deferred: Vec::new(),
            in_lambda: false,
            estimates: 0,
            decisions: 0,
            result: None,
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Local> {
        self.names.iter().rev().find(|(known, _)| &**known == name).map(|(_, local)| *local)
    }

    pub(crate) fn role(&self, local: Local) -> Role {
        self.roles[cranelift_entity::EntityRef::index(local)]
    }

    /// Everything in scope, for suggestions.
    pub(crate) fn known(&self) -> Vec<Arc<str>> {
        let mut known: Vec<Arc<str>> = self.names.iter().map(|(name, _)| name.clone()).collect();
        let positions = Position::ALL.iter().filter(|(position, _)| self.place.has(*position));
        known.extend(positions.map(|(_, word)| Arc::from(*word)));
        known.extend(self.choices.iter().cloned());
        known
    }

    /// Runs `inside` with names of its own.
    pub(crate) fn nested<R>(&mut self, inside: impl FnOnce(&mut Self) -> R) -> R {
        let depth = self.names.len();
        let result = inside(self);
        self.names.truncate(depth);
        result
    }
}

impl Checker<'_> {
    /// Declares a local, and reports a name that may not be one.
    pub(crate) fn declare(&mut self, scope: &mut Scope, name: &ast::Name, ty: Ty, rate: Rate, role: Role) -> Local {
        if self.check_name(scope, name) {
            return self.declare_unchecked(scope, name, ty, rate, role);
        }
        // What has a reserved name fits everywhere, so that its uses are no further mistakes.
        let local = self.declare_unchecked(scope, name, Ty::Error, rate, role);
        scope.used.insert(local);
        local
    }

    pub(crate) fn declare_unchecked(
        &mut self,
        scope: &mut Scope,
        name: &ast::Name,
        ty: Ty,
        rate: Rate,
        role: Role,
    ) -> Local {
        let rate = ty.rate(rate);
        let info = LocalInfo { name: name.text.clone(), span: name.span, ty, rate };
        let local = scope.frame.locals.push(info);
        scope.roles.push(role);
        scope.names.push((name.text.clone(), local));
        local
    }

    /// Reports a name that may not be declared; a reserved one is not declared at all.
    fn check_name(&mut self, scope: &Scope, name: &ast::Name) -> bool {
        let text = &*name.text;
        if let Some(first) = scope.find(text) {
            let span = scope.frame.locals[first].span;
            let found = Diagnostic::new(Code::E0102, name.span, format!("`{text}` is declared twice"))
                .also(span, "first declared here")
                .help("give one of them another name; `var` and `<-` replace a value");
            self.report(found);
            return true;
        }
        if scope.choices.iter().any(|choice| **choice == *text) {
            let found = Diagnostic::new(Code::E0105, name.span, format!("`{text}` hides a choice of an option"));
            self.report(found.help("give it another name"));
            return true;
        }
        let position = Position::from_name(text).is_some_and(|position| scope.place.has(position));
        if position || Coordinate::from_name(text).is_some() || is_view(text) || text == "network" {
            let what = if position {
                "says where a run is"
            } else if Coordinate::from_name(text).is_some() {
                "is a coordinate of levels"
            } else if text == "network" {
                "is the network of a model"
            } else {
                "is a view of a model call or a draw"
            };
            let found = Diagnostic::new(Code::E0103, name.span, format!("`{text}` {what} and cannot be declared"));
            self.report(found.help(reserved_help(text)));
            return false;
        }
        true
    }

    /// Warns of names that nothing reads.
    pub(crate) fn check_used(&mut self, scope: &Scope) {
        for (local, info) in scope.frame.locals.iter() {
            if scope.used.contains(&local) || info.name.starts_with('_') {
                continue;
            }
            let found = Diagnostic::new(Code::W0107, info.span, format!("`{}` is never used", info.name));
            self.report(found.help("remove it, or use it"));
        }
    }

    /// Reports a name that means nothing here.
    pub(crate) fn unknown_name(&mut self, scope: &Scope, text: &str, span: Span, extra: Vec<Arc<str>>) {
        let mut known = scope.known();
        known.extend(extra);
        if self.lib.is_missing(scope.unit, text) {
            return;
        }
        let mut found = Diagnostic::new(Code::E0101, span, format!("nothing is called `{text}` here"));
        if scope.place == Place::Adaptive && text == Position::N.name() {
            found =
                found.help("an adaptive sampler finds its steps as it goes; how many there were is known at the end");
        } else if scope.place == Place::Control {
            found = found.help("`control` knows its two arguments, the options, and the scalars that are kept");
        } else if let Some(position) = Position::from_name(text) {
            let places = [
                (Place::Fn, "fn"),
                (Place::Grid, "grid"),
                (Place::Model, "model"),
                (Place::Guidance, "guidance"),
                (Place::Sampler, "sampler"),
            ];
            let places = places.iter().filter(|(place, _)| place.has(position)).map(|(_, word)| *word);
            found = found.help(format!("`{text}` means something only in a {}", one_of(places)));
        } else if self.diagnostics.len() < GUESSES
            && let Some(help) = super::did_you_mean(text, &known)
        {
            found = found.help(help);
        }
        self.report(found);
    }
}

/// After so many mistakes names are not guessed any more: the cost is quadratic, and no one reads on.
const GUESSES: usize = 200;

/// Kinds that are called: the views of a model call, and `noise`. The others mean something only in types.
fn is_view(text: &str) -> bool {
    Kind::from_name(text).is_some_and(|kind| kind.is_prediction() || kind == Kind::Noise)
}

fn reserved_help(text: &str) -> String {
    let other = match text {
        "sigma" => "noise_scale",
        "lambda" => "log_snr",
        "alpha" => "signal",
        "rho" => "power",
        "time" => "clock",
        "v" => "velocity",
        "n" => "count",
        "i" => "k",
        _ => return "give it another name".to_owned(),
    };
    format!("give it another name, such as `{other}`")
}
