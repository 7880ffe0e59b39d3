//! Axes: which values they span, where these lie, and what is written beside them.

/// An axis.
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How values are spread.
    pub spread: Spread,
    /// Values beyond these are left out.
    pub within: (f64, f64),
}

/// For an axis without ends of its own.
pub const EVERYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// How values are spread over an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Evenly.
    Linear,
    /// Evenly; only whole numbers are written.
    Whole,
    /// By their logarithm, with some room at the ends.
    Log,
    /// By their logarithm, over whole decades.
    Decades,
}

/// A place that is marked, and what is written there: a text and what is raised behind it; without a text it is one of
/// the marks between.
pub struct Tick {
    pub at: f64,
    pub text: Option<(String, String)>,
}

/// An axis with the ends of its values, and the pixels that it maps them to.
pub struct Scale {
    spread: Spread,
    ends: (f64, f64),
    pixels: (f64, f64),
}

impl Scale {
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Scale {
        let Axis { spread, within: (low, high), .. } = *axis;
        let (mut first, mut end) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite() && (low..=high).contains(value)) {
            let value = if spread.is_log() { value.log10() } else { value };
            (first, end) = (first.min(value), end.max(value));
        }
        if first > end {
            (first, end) = (0.0, 1.0);
        }
        let ends = match spread {
            Spread::Decades => (first.floor(), end.ceil().max(first.floor() + 1.0)),
            Spread::Linear | Spread::Whole | Spread::Log => {
                let room = if end > first { 0.04 * (end - first) } else { 0.5 };
                (first - room, end + room)
            }
        };
        Scale { spread, ends, pixels }
    }

    /// The place of a value, if it is on the axis.
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.spread.is_log() { value.log10() } else { value };
        let (from, to) = self.pixels;
        let share = (value - self.ends.0) / (self.ends.1 - self.ends.0);
        (-1e-9..=1.0 + 1e-9).contains(&share).then_some(from + share * (to - from))
    }

    /// Pixels for each unit of what is spread evenly.
    pub fn unit(&self) -> f64 {
        ((self.pixels.1 - self.pixels.0) / (self.ends.1 - self.ends.0)).abs()
    }

    /// Where marks stand, and what is written there.
    pub fn ticks(&self) -> Vec<Tick> {
        let ticks = if self.spread.is_log() { self.decades() } else { self.steps() };
        ticks.into_iter().filter_map(|(value, text)| Some(Tick { at: self.place(value)?, text })).collect()
    }

    /// Round numbers, some six of them.
    fn steps(&self) -> Vec<(f64, Option<(String, String)>)> {
        let (low, high) = self.ends;
        let raw = (high - low) / 6.0;
        let power = 10f64.powf(raw.log10().floor());
        let round = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= raw);
        let least = if self.spread == Spread::Whole { 1.0 } else { 0.0 };
        let step = round.unwrap_or(raw).max(least);
        let digits = (-step.log10().floor()).max(0.0) as usize;
        let written = |value: f64| (format!("{value:.digits$}").replace('-', "\u{2212}"), String::new());
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        (first..=last).map(|k| k as f64 * step).map(|value| (value, Some(written(value)))).collect()
    }

    /// Powers of ten, or all round numbers where there are few, with marks between.
    fn decades(&self) -> Vec<(f64, Option<(String, String)>)> {
        let (low, high) = self.ends;
        let span = high - low;
        // Round numbers need room, and there is more of it along the picture than up it.
        let most = if self.spread == Spread::Log { 2.6 } else { 1.1 };
        let plain = low > -3.5 && high < 6.0;
        let written = |factor: i32, k: i32| -> Option<(String, String)> {
            let told = match factor {
                1 => span <= 9.0 || k % 2 == 0,
                2 | 5 => span <= most,
                _ => false,
            };
            let value = f64::from(factor) * 10f64.powi(k);
            told.then(|| match (factor, k) {
                _ if plain => (format!("{value:.*}", (-k).max(0) as usize), String::new()),
                (1, 0) => ("1".to_owned(), String::new()),
                (1, _) => ("10".to_owned(), raised(k)),
                (_, _) => (format!("{factor}\u{b7}10"), raised(k)),
            })
        };
        let all = (low.floor() as i32..=high.ceil() as i32).flat_map(|k| (1..10).map(move |factor| (factor, k)));
        all.filter(|(factor, _)| span <= 9.0 || *factor == 1)
            .map(|(factor, k)| (f64::from(factor) * 10f64.powi(k), written(factor, k)))
            .collect()
    }
}

impl Spread {
    pub fn is_log(self) -> bool {
        match self {
            Spread::Linear | Spread::Whole => false,
            Spread::Log | Spread::Decades => true,
        }
    }
}

fn raised(exponent: i32) -> String {
    exponent.to_string().replace('-', "\u{2212}")
}
