//! How findings and failures are shown.

use std::io::IsTerminal;
use std::process::ExitCode;

use samp_lang::diag::{Diagnostic, render};
use samp_lang::source::SourceMap;
use samp_runtime::Error;

use crate::args::Format;

/// Why a command ends early.
pub enum Failed {
    /// The command was used wrongly: exit code 2.
    Usage(String),
    /// Something the user gave does not work: exit code 1.
    Found(String),
    /// Diagnostics, in their texts: exit code 1.
    Diagnostics(Vec<Diagnostic>, SourceMap),
}

impl Failed {
    /// Tells the user and gives the exit code.
    pub fn show(self) -> ExitCode {
        match self {
            Failed::Usage(message) => {
                eprintln!("{} {message}", paint("error:", 31));
                ExitCode::from(2)
            }
            Failed::Found(message) => {
                eprintln!("{} {message}", paint("error:", 31));
                ExitCode::from(1)
            }
            Failed::Diagnostics(diagnostics, sources) => {
                eprint!("{}", render::human(&diagnostics, &sources, color()));
                ExitCode::from(1)
            }
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::Program(failure) => Failed::Diagnostics(failure.diagnostics, failure.sources),
            other => Failed::Found(other.to_string()),
        }
    }
}

impl From<samp_compiler::compile::Failure> for Failed {
    fn from(failure: samp_compiler::compile::Failure) -> Self {
        Failed::Diagnostics(failure.diagnostics, failure.sources)
    }
}

/// Whether standard error takes colours.
pub fn color() -> bool {
    std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal()
}

/// Text in an ANSI colour, where colours are taken.
pub fn paint(text: &str, code: u8) -> String {
    if color() { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// The same for standard output.
pub fn paint_out(text: &str, code: u8) -> String {
    let color = std::env::var_os("NO_COLOR").is_none() && std::io::stdout().is_terminal();
    if color { format!("\u{1b}[1;{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Writes diagnostics to where their format goes: people read standard error, programs standard output.
pub fn write(diagnostics: &[Diagnostic], sources: &SourceMap, format: Format) {
    match format {
        Format::Human => eprint!("{}", render::human(diagnostics, sources, color())),
        Format::Short => print!("{}", render::short(diagnostics, sources)),
        Format::Json => println!("{}", render::json(diagnostics, sources)),
    }
}

/// Shows warnings of something that runs all the same.
pub fn warn(diagnostics: &[Diagnostic], sources: &SourceMap) {
    if !diagnostics.is_empty() {
        eprint!("{}", render::human(diagnostics, sources, color()));
    }
}
