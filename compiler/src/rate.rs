//! Rates: when a value is known.

use std::fmt;

/// When a value is known, earliest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rate {
    /// To the compiler.
    Const,
    /// Once per run: options and the grid.
    Plan,
    /// Once per step, from the plan.
    Step,
    /// A host value that depends on tensor contents.
    Live,
    /// On the device, per element.
    Elem,
}

impl Rate {
    /// Every rate with its name.
    pub const ALL: [(Rate, &'static str); 5] = [
        (Rate::Const, "const"),
        (Rate::Plan, "plan"),
        (Rate::Step, "step"),
        (Rate::Live, "live"),
        (Rate::Elem, "elem"),
    ];

    /// The rate with this name.
    pub fn from_name(name: &str) -> Option<Rate> {
        Rate::ALL.iter().find(|(_, known)| *known == name).map(|(rate, _)| *rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Rate::ALL[*self as usize].1)
    }
}
