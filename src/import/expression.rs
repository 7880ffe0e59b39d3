//! Expressions as text, such as `ddim(eta = 0.5)`.

use std::fmt::{Display, Write as _};

/// A name, and options in the order in which they are given.
pub struct Expression(String);

impl Expression {
    /// A name without options.
    pub fn new(name: &str) -> Self {
        Expression(name.to_owned())
    }

    /// With an option.
    pub fn with(mut self, option: &str, value: impl Display) -> Self {
        match self.0.strip_suffix(')') {
            Some(open) => self.0 = format!("{open}, "),
            None => self.0.push('('),
        }
        write!(self.0, "{option} = {value})").ok();
        self
    }

    /// With an option, under a condition.
    pub fn with_if(self, holds: bool, option: &str, value: impl Display) -> Self {
        if holds { self.with(option, value) } else { self }
    }

    /// The text.
    pub fn text(self) -> String {
        self.0
    }
}
