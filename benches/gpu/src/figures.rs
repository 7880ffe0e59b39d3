//! What is to be reached on a GPU, and whether it was.

use serde_json::{Value, json};

/// How many elements make a device busy: what is judged by bytes is judged from here on.
pub(crate) const LARGE: usize = 1 << 24;

/// The fused step's bytes a second, of those of the driver's own copy.
pub(crate) const OF_COPY: f64 = 0.90;
/// How many times as long the same step takes op by op in candle.
pub(crate) const TIMES_CANDLE: f64 = 6.0;
/// How many times as long it takes in PyTorch, eager.
pub(crate) const TIMES_EAGER: f64 = 4.0;
/// How many times as long it takes under `torch.compile`: not slower, but for what two timings of one thing differ by.
pub(crate) const TIMES_COMPILE: f64 = 0.98;
/// Seconds of the host for a step.
pub(crate) const HOST: f64 = 30e-6;
/// Seconds that a first run takes longer than later ones, with nothing kept on disk.
pub(crate) const FIRST: f64 = 1.5;
/// The same with kernels kept on disk.
pub(crate) const FIRST_KEPT: f64 = 0.2;

/// On which side of its bound a number is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Something that was measured, or should have been.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    what: String,
    found: Option<f64>,
    bound: Bound,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, found: Option<f64>, bound: Bound) -> Figure {
        Figure { what: what.into(), found, bound }
    }

    /// Whether it was measured and is on the right side.
    pub(crate) fn holds(&self) -> bool {
        self.found.is_some_and(|found| match self.bound {
            Bound::AtLeast(least) => found >= least,
            Bound::AtMost(most) => found <= most,
        })
    }

    /// A line of the report.
    pub(crate) fn line(&self) -> String {
        let (word, bound) = match self.bound {
            Bound::AtLeast(least) => ("at least", least),
            Bound::AtMost(most) => ("at most", most),
        };
        let found = self.found.map_or("not measured".to_owned(), rounded);
        let verdict = if self.holds() { "pass" } else { "FAIL" };
        format!("  {verdict}  {}: {found}, {word} {}", self.what, rounded(bound))
    }

    pub(crate) fn json(&self) -> Value {
        let (word, bound) = match self.bound {
            Bound::AtLeast(least) => ("at_least", least),
            Bound::AtMost(most) => ("at_most", most),
        };
        json!({ "what": self.what, "found": self.found, word: bound, "pass": self.holds() })
    }
}

/// Three digits, without a power of ten where none is needed.
fn rounded(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if size < 1e-3 => format!("{number:.2e}"),
        size => format!("{number:.*}", (2 - size.log10().floor() as i32).max(0) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_does_not_hold() {
        let figure = |found, bound| Figure::new("speed", found, bound);
        assert!(figure(Some(2.0), Bound::AtLeast(2.0)).holds());
        assert!(!figure(Some(2.1), Bound::AtMost(2.0)).holds());
        assert!(!figure(Some(f64::NAN), Bound::AtLeast(0.0)).holds());
        assert!(!figure(None, Bound::AtMost(2.0)).holds());
        assert_eq!(figure(None, Bound::AtMost(3e-5)).line(), "  FAIL  speed: not measured, at most 3.00e-5");
        assert_eq!(figure(Some(6.2), Bound::AtLeast(6.0)).line(), "  pass  speed: 6.20, at least 6.00");
        assert_eq!(figure(Some(1234.5), Bound::AtLeast(0.9)).line(), "  pass  speed: 1234, at least 0.900");
    }
}
