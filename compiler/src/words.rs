//! The fixed words of the language: families, coordinates, positions, operators, readers of lists, slots.
//!
//! Each is an enumeration with a table of its words, from which printing and parsing follow.

use crate::rate::Rate;
use crate::types::{ItemSort, Ty};

/// An enumeration whose variants have a word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every one with its word.
            pub const ALL: [($name, &'static str); [$($word),*].len()] = [$(($name::$variant, $word)),*];

            /// The one with this word.
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().find(|(_, word)| *word == name).map(|(one, _)| *one)
            }

            /// Its word.
            pub fn name(self) -> &'static str {
                $name::ALL[self as usize].1
            }
        }
    };
}

pub(crate) use words;

words! {
    /// One of the three curves.
    Family {
        /// alpha^2 + sigma^2 = 1.
        Vp "vp",
        /// alpha = 1.
        Ve "ve",
        /// alpha + sigma = 1.
        Flow "flow",
    }
}

words! {
    /// A coordinate of a level.
    Coordinate {
        /// The factor of the data.
        Alpha "alpha",
        /// The factor of the noise.
        Sigma "sigma",
        /// ln(alpha / sigma).
        Lambda "lambda",
        /// sigma / alpha.
        Rho "rho",
        /// The schedule's clock.
        Time "time",
    }
}

words! {
    /// A slot of a pipeline.
    Slot {
        /// The schedule.
        Schedule "schedule",
        /// The grid.
        Grid "grid",
        /// The model.
        Model "model",
        /// The guidance.
        Guidance "guidance",
        /// The sampler.
        Sampler "sampler",
        /// The number of steps.
        Steps "steps",
        /// The sample that a run starts from.
        Start "start",
        /// The network that ships with the runtime.
        Network "network",
    }
}

words! {
    /// Where we are in a run.
    Position {
        /// No history yet.
        First "first",
        /// The last step.
        Last "last",
        /// The number of the step, from 0.
        I "i",
        /// The number of steps.
        N "n",
        /// The levels of the run.
        Grid "grid",
        /// sigma = 0.
        Clean "clean",
        /// alpha = 0.
        Pure "pure",
        /// The noisy end of the clock.
        Noisiest "noisiest",
        /// The clean end of the clock.
        Cleanest "cleanest",
        /// Rows of the latent.
        Height "height",
        /// Columns of the latent.
        Width "width",
    }
}

impl Position {
    /// Its type.
    pub fn ty(self) -> Ty {
        match self {
            Position::First | Position::Last => Ty::Bool,
            Position::I | Position::N | Position::Height | Position::Width => Ty::Int,
            Position::Grid => Ty::Level.list(),
            Position::Clean | Position::Pure | Position::Noisiest | Position::Cleanest => Ty::Level,
        }
    }

    /// When it is known.
    pub fn rate(self) -> Rate {
        match self {
            Position::First | Position::Last | Position::I => Rate::Step,
            Position::N | Position::Grid | Position::Height | Position::Width => Rate::Plan,
            Position::Clean | Position::Pure | Position::Noisiest | Position::Cleanest => Rate::Plan,
        }
    }
}

words! {
    /// Scalar operators, and their counterparts on tensors and lists.
    Operator {
        /// Sum of numbers or tensors.
        Add "add",
        /// Difference.
        Sub "sub",
        /// Product.
        Mul "mul",
        /// Quotient.
        Div "div",
        /// Quotient of whole numbers, truncated.
        IntDiv "idiv",
        /// Its remainder.
        Mod "mod",
        /// Power.
        Pow "pow",
        /// Negative.
        Neg "neg",
        /// A whole number as a real.
        Widen "widen",
        /// Two lists in one.
        Concat "concat",
        /// Not.
        Not "not",
        /// Equal.
        Eq "eq",
        /// Smaller.
        Lt "lt",
        /// Smaller or equal.
        Le "le",
    }
}

impl Operator {
    /// How many operands it takes.
    pub fn arity(self) -> usize {
        match self {
            Operator::Neg | Operator::Not | Operator::Widen => 1,
            _ => 2,
        }
    }
}

words! {
    /// A field of a tableau.
    Field {
        /// Nodes: where in the step each stage stands.
        C "c",
        /// Weights of earlier stages in each stage.
        A "a",
        /// Weights of the stages in the result.
        B "b",
        /// Weights of an embedded result.
        BLow "b_low",
        /// The order.
        Order "order",
    }
}

impl Field {
    /// The type of this field.
    pub fn ty(self) -> Ty {
        match self {
            Field::C | Field::B | Field::BLow => Ty::Real.list(),
            Field::A => Ty::Real.list().list(),
            Field::Order => Ty::Int,
        }
    }
}

words! {
    /// What is done with the values of a comprehension.
    Reduce {
        /// Keep them in a list.
        List "list",
        /// Add.
        Sum "sum",
        /// Multiply.
        Prod "prod",
        /// Count those that hold.
        Count "count",
        /// The smallest.
        Min "min",
        /// The largest.
        Max "max",
    }
}

words! {
    /// What a test measures.
    Measure {
        /// The order of a sampler's formula.
        Order "order",
        /// Evaluations of the network: in a step of a sampler, in a run of a pipeline.
        Evals "evals",
        /// Draws that are made, likewise.
        Draws "draws",
        /// Latent-sized buffers that live between the steps of a sampler.
        Buffers "buffers",
        /// Calls of the network in a run of a pipeline; the branches of one sample are one call.
        Calls "calls",
        /// Steps of a pipeline.
        Steps "steps",
        /// Levels of a pipeline.
        Levels "levels",
        /// Whether two samplers give the same samples, or two grids the same levels.
        Same "same",
    }
}

impl Measure {
    /// What it may be asked of.
    pub fn sorts(self) -> &'static [ItemSort] {
        match self {
            Measure::Order | Measure::Buffers => &[ItemSort::Sampler],
            Measure::Evals | Measure::Draws => &[ItemSort::Sampler, ItemSort::Pipeline],
            Measure::Calls | Measure::Steps | Measure::Levels => &[ItemSort::Pipeline],
            Measure::Same => &[ItemSort::Sampler, ItemSort::Grid],
        }
    }

    /// How many items it compares or looks at.
    pub fn arity(self) -> usize {
        if self == Measure::Same { 2 } else { 1 }
    }

    /// What it gives.
    pub fn ty(self) -> Ty {
        match self {
            Measure::Same => Ty::Bool,
            Measure::Levels => Ty::Level.list(),
            Measure::Order | Measure::Evals | Measure::Draws | Measure::Buffers | Measure::Calls | Measure::Steps => {
                Ty::Int
            }
        }
    }
}
