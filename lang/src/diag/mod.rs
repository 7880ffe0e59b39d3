//! Diagnostics: what a user did wrong, where, and how to mend it.
//!
//! A [`Diagnostic`] has a stable [`Code`] from the registry, one line that names what was found and what was
//! expected, a primary label, at most two secondary ones, and help. Rendering is in [`render`].

mod registry;
mod excerpt;
pub mod render;

pub use registry::{Code, Severity};

use crate::source::Span;

/// A place, with what to say about it.
#[derive(Clone, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Which mistake.
    pub code: Code,
    /// One line, lower case, no full stop, names in backquotes.
    pub message: String,
    /// The place.
    pub primary: Label,
    /// Other places that matter, at most two.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Diagnostic { code, message: message.into(), primary, secondary: Vec::new(), help: None }
    }

    /// Says something at the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Points at another place.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Whether it forbids the run.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}
