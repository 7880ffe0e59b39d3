//! Types of expressions: scalars, levels, lists, functions, items, tensors with their kinds.

use std::fmt;
use std::sync::Arc;

use crate::rate::Rate;

crate::words::words! {
    /// What a tensor is.
    Kind {
        /// alpha data + sigma noise, at a level.
        Sample "sample",
        /// A prediction of the data.
        X0 "x0",
        /// A prediction of the noise.
        Eps "eps",
        /// alpha eps - sigma x0, at a level.
        V "v",
        /// eps - x0.
        Flow "flow",
        /// -eps / sigma, at a level.
        Score "score",
        /// A fresh standard normal.
        Noise "noise",
        /// A factor in [0, 1] per element.
        Weight "weight",
        /// Any combination, not yet named.
        Tensor "tensor",
    }
}

impl Kind {
    /// The kinds that a model call can be viewed as.
    pub fn is_prediction(self) -> bool {
        match self {
            Kind::X0 | Kind::Eps | Kind::V | Kind::Flow | Kind::Score => true,
            Kind::Sample | Kind::Noise | Kind::Weight | Kind::Tensor => false,
        }
    }

    /// The kinds that mean something only at a level.
    pub fn has_level(self) -> bool {
        match self {
            Kind::Sample | Kind::V | Kind::Score => true,
            Kind::X0 | Kind::Eps | Kind::Flow | Kind::Noise | Kind::Weight | Kind::Tensor => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The families of items that can be handed on as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemSort {
    /// A curve and a clock.
    Schedule,
    /// A list of levels.
    Grid,
    /// A call site.
    Model,
    /// A combination of branches.
    Guidance,
    /// A step rule.
    Sampler,
    /// One of each.
    Pipeline,
}

impl ItemSort {
    /// Every sort with its keyword and the folder of the standard library that holds it.
    pub const ALL: [(ItemSort, &'static str, &'static str); 6] = [
        (ItemSort::Schedule, "schedule", "schedules"),
        (ItemSort::Grid, "grid", "grids"),
        (ItemSort::Model, "model", "models"),
        (ItemSort::Guidance, "guidance", "guidance"),
        (ItemSort::Sampler, "sampler", "samplers"),
        (ItemSort::Pipeline, "pipeline", "pipelines"),
    ];

    /// The keyword.
    pub fn name(self) -> &'static str {
        ItemSort::ALL[self as usize].1
    }

    /// The folder of the standard library.
    pub fn folder(self) -> &'static str {
        ItemSort::ALL[self as usize].2
    }

    /// The sort with this keyword.
    pub fn from_name(name: &str) -> Option<ItemSort> {
        ItemSort::ALL.iter().find(|(_, word, _)| *word == name).map(|(sort, _, _)| *sort)
    }

    /// The sort kept in this folder.
    pub fn from_folder(name: &str) -> Option<ItemSort> {
        ItemSort::ALL.iter().find(|(_, _, folder)| *folder == name).map(|(sort, _, _)| *sort)
    }
}

impl fmt::Display for ItemSort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    /// A whole number.
    Int,
    /// A real number.
    Real,
    /// True or false.
    Bool,
    /// A point of the schedule.
    Level,
    /// Text.
    Str,
    /// One of these names.
    Choice(Arc<[Arc<str>]>),
    /// A list.
    List(Box<Ty>),
    /// A function of scalars.
    Fn(Vec<Ty>, Box<Ty>),
    /// An item with its options bound.
    Item(ItemSort),
    /// A branch of a guided call.
    Branch,
    /// The coefficients of a Runge-Kutta method.
    Tableau,
    /// A tensor.
    Tensor(Kind),
    /// `none`.
    None,
    /// No value: control went elsewhere.
    Never,
    /// Already reported.
    Error,
}

impl Ty {
    /// A list of this.
    pub fn list(self) -> Ty {
        Ty::List(Box::new(self))
    }

    /// `int` or `real`.
    pub fn is_number(&self) -> bool {
        matches!(self, Ty::Int | Ty::Real | Ty::Error)
    }

    /// Any tensor.
    pub fn is_tensor(&self) -> bool {
        matches!(self, Ty::Tensor(_) | Ty::Error)
    }

    /// When a value of this type is known, made of what is known at `rate`. Nothing reads the content of a tensor into
    /// a number, so what is no tensor is known on the plan.
    pub fn rate(&self, rate: Rate) -> Rate {
        match self {
            Ty::Tensor(_) => Rate::Elem,
            Ty::List(of) if rate == Rate::Elem => of.rate(rate),
            Ty::Int | Ty::Real | Ty::Bool | Ty::Level | Ty::Str | Ty::Choice(_) | Ty::Branch => rate.min(Rate::Step),
            Ty::Tableau => rate.min(Rate::Step),
            Ty::List(_) | Ty::Fn(..) | Ty::Item(_) | Ty::None | Ty::Never | Ty::Error => rate,
        }
    }

    /// Whether a value of this type may stand where `wanted` is asked for; kinds of tensors are looked at elsewhere.
    pub fn fits(&self, wanted: &Ty) -> bool {
        match (self, wanted) {
            (Ty::Error | Ty::Never, _) | (_, Ty::Error) | (Ty::Int, Ty::Real) => true,
            (Ty::List(have), Ty::List(want)) => have.fits(want),
            (Ty::Tensor(have), Ty::Tensor(want)) => kind_fits(*have, *want),
            (Ty::Choice(have), Ty::Choice(want)) => have.iter().all(|name| want.contains(name)),
            (Ty::Fn(have, out), Ty::Fn(want, result)) => {
                have.len() == want.len() && want.iter().zip(have).all(|(w, h)| w.fits(h)) && out.fits(result)
            }
            _ => self == wanted,
        }
    }

    /// The type of a value that is one or the other.
    pub fn join(&self, other: &Ty) -> Option<Ty> {
        match (self, other) {
            (Ty::Never | Ty::Error, ty) | (ty, Ty::Never | Ty::Error) => Some(ty.clone()),
            (Ty::Int, Ty::Real) | (Ty::Real, Ty::Int) => Some(Ty::Real),
            (Ty::Tensor(a), Ty::Tensor(b)) => Some(Ty::Tensor(if a == b { *a } else { Kind::Tensor })),
            (Ty::List(a), Ty::List(b)) => a.join(b).map(Ty::list),
            (Ty::Choice(a), Ty::Choice(b)) => {
                let extra = b.iter().filter(|name| !a.contains(name));
                Some(Ty::Choice(a.iter().chain(extra).cloned().collect()))
            }
            (a, b) if a == b => Some(a.clone()),
            _ => None,
        }
    }
}

/// Whether a tensor of kind `have` may be named `want`. What no rule names may become anything: its signature decides.
/// A prediction of the data is a sample at `clean`: whether the level is `clean` is seen on the plan.
pub fn kind_fits(have: Kind, want: Kind) -> bool {
    match (have, want) {
        (_, Kind::Tensor) | (Kind::Tensor, _) | (Kind::X0, Kind::Sample) => true,
        _ => have == want,
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Int => f.write_str("int"),
            Ty::Real => f.write_str("real"),
            Ty::Bool => f.write_str("bool"),
            Ty::Level => f.write_str("level"),
            Ty::Str => f.write_str("text"),
            Ty::Choice(names) => f.write_str(&names.join(" | ")),
            Ty::List(of) => match **of {
                Ty::Choice(_) | Ty::Fn(..) => write!(f, "({of})[]"),
                _ => write!(f, "{of}[]"),
            },
            Ty::Fn(params, result) => {
                let params: Vec<String> = params.iter().map(Ty::to_string).collect();
                write!(f, "fn({}) -> {result}", params.join(", "))
            }
            Ty::Item(sort) => write!(f, "{sort}"),
            Ty::Branch => f.write_str("branch"),
            Ty::Tableau => f.write_str("tableau"),
            Ty::Tensor(kind) => write!(f, "{kind}"),
            Ty::None => f.write_str("none"),
            Ty::Never => f.write_str("never"),
            Ty::Error => f.write_str("?"),
        }
    }
}
