//! Rates: when a value is known.

use std::fmt;

crate::words::words! {
    /// When a value is known, earliest first.
    Rate {
        /// To the compiler.
        Const "const",
        /// Once per run: options and the grid.
        Plan "plan",
        /// Once per step, from the plan.
        Step "step",
        /// A host value that depends on tensor contents.
        Live "live",
        /// On the device, per element.
        Elem "elem",
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
