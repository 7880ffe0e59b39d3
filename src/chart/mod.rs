//! A line chart: axes, lines with their names at their ends, and slopes to compare them with. What it comes to is a list
//! of marks, which `svg` and `png` write; nothing here knows of samplers or of the rest of the command.

mod axis;
mod png;
mod svg;

pub use axis::{Axis, EVERYWHERE, Spread};

use axis::Scale;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = 384.0;
/// The least distance between two names, and their distance from the lines.
const LINE: f64 = 17.0;
const LEAD: f64 = 16.0;
/// Pixels for a character of a name, thick and thin, and the most characters that are shown of one.
const CHARACTER: (f64, f64) = (9.0, 8.2);
const LONGEST: usize = 28;

/// Colours that people with any colour vision tell apart, on white and on black. Okabe & Ito 2008.
const COLORS: [(&str, &str); 6] = [
    ("#0072b2", "#5ab4e8"),
    ("#d55e00", "#ff8f4d"),
    ("#007f5f", "#2fcf9f"),
    ("#b0578d", "#e79fc8"),
    ("#9a6a00", "#f0bb4a"),
    ("#57606a", "#9aa4af"),
];

/// The most lines that can be told apart: each colour, whole and dashed.
pub const MOST_CURVES: usize = 2 * COLORS.len();

/// A line.
pub struct Curve {
    /// Its name, written at its end.
    pub name: String,
    /// Its points; what is not finite is left out.
    pub points: Vec<(f64, f64)>,
}

/// A chart; its first line is the one that it is about.
pub struct Chart {
    /// Above it.
    pub title: String,
    /// What it shows, for those who cannot see it.
    pub about: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// The lines, at most [`MOST_CURVES`].
    pub curves: Vec<Curve>,
    /// Whether points are marked.
    pub dots: bool,
}

/// What something is drawn in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ink {
    /// Lines behind everything.
    Grid,
    /// The axes.
    Axis,
    /// Numbers and labels.
    Label,
    /// The title.
    Title,
    /// The curve of this number.
    Curve(usize),
}

/// Where a text stands, seen from its place.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

type Point = (f64, f64);

/// Something drawn, in pixels from the upper left corner.
enum Mark {
    Line { points: Vec<Point>, width: f64, ink: Ink, dashed: bool, faint: bool },
    Dots { places: Vec<Point>, radius: f64, ink: Ink },
    Text { text: String, raised: String, at: Point, size: f64, bold: bool, anchor: Anchor, ink: Ink },
}

impl Mark {
    fn line(points: Vec<Point>, ink: Ink) -> Mark {
        Mark::Line { points, width: 1.0, ink, dashed: false, faint: false }
    }

    fn text(text: impl Into<String>, at: Point, anchor: Anchor, ink: Ink) -> Mark {
        Mark::Text { text: text.into(), raised: String::new(), at, size: 13.0, bold: false, anchor, ink }
    }
}

/// A curve in pixels.
struct Placed<'c> {
    number: usize,
    name: &'c str,
    points: Vec<Point>,
}

/// Errors below this are rounding, and above it nothing is near.
const ERRORS: (f64, f64) = (1e-12, 1e3);

impl Chart {
    /// A chart of errors against calls, both by their logarithm.
    pub fn errors(title: String, about: String, label: String, curves: Vec<Curve>) -> Chart {
        let x = Axis { label: "model calls".to_owned(), spread: Spread::Log, within: EVERYWHERE };
        let y = Axis { label, spread: Spread::Decades, within: ERRORS };
        Chart { title, about, x, y, curves, dots: true }
    }

    /// The picture as SVG, for light and dark pages.
    pub fn svg(&self) -> String {
        svg::write(self, &self.marks())
    }

    /// The picture as PNG, light, two pixels for one.
    ///
    /// # Errors
    /// If the picture cannot be encoded.
    pub fn png(&self) -> Result<Vec<u8>, image::ImageError> {
        png::write(&self.marks())
    }

    fn marks(&self) -> Vec<Mark> {
        let wide = |(number, curve): (usize, &Curve)| {
            let each = if number == 0 { CHARACTER.0 } else { CHARACTER.1 };
            each * shown(&curve.name).chars().count() as f64
        };
        let right = WIDTH - 1.5 * LEAD - self.curves.iter().enumerate().map(wide).fold(0.0, f64::max);
        let seen = || {
            let inside = |axis: &Axis, value: f64| (axis.within.0..=axis.within.1).contains(&value);
            let points = self.curves.iter().flat_map(|curve| curve.points.iter());
            points.filter(move |(a, b)| inside(&self.x, *a) && inside(&self.y, *b))
        };
        let x = Scale::new(&self.x, seen().map(|point| point.0), (LEFT, right));
        let y = Scale::new(&self.y, seen().map(|point| point.1), (BOTTOM, TOP));
        let placed: Vec<Placed<'_>> = (self.curves.iter().enumerate())
            .map(|(number, curve)| {
                let points = curve.points.iter().filter_map(|(a, b)| Some((x.place(*a)?, y.place(*b)?)));
                Placed { number, name: &curve.name, points: points.collect() }
            })
            .collect();
        let mut marks = self.frame(&x, &y, right);
        if self.x.spread.is_log() && self.y.spread.is_log() {
            marks.extend(orders(y.unit() / x.unit(), &placed, right));
        }
        // The first line lies on top.
        placed.iter().rev().for_each(|curve| marks.extend(self.line(curve)));
        marks.extend(names(&placed, right));
        marks
    }

    /// Title, axes, and what is written beside them.
    fn frame(&self, x: &Scale, y: &Scale, right: f64) -> Vec<Mark> {
        let title = Mark::text(&*self.title, (24.0, 28.0), Anchor::Start, Ink::Title);
        let Mark::Text { text, raised, at, anchor, ink, .. } = title else { return Vec::new() };
        let mut marks = vec![Mark::Text { text, raised, at, size: 15.0, bold: true, anchor, ink }];
        for tick in x.ticks() {
            let (low, ink) = if tick.text.is_some() { (TOP, Ink::Grid) } else { (BOTTOM - 4.0, Ink::Axis) };
            marks.push(Mark::line(vec![(tick.at, low), (tick.at, BOTTOM)], ink));
            marks.extend(tick.text.map(|text| written(text, (tick.at, BOTTOM + 19.0), Anchor::Middle)));
        }
        for tick in y.ticks() {
            let (end, ink) = if tick.text.is_some() { (right, Ink::Grid) } else { (LEFT + 4.0, Ink::Axis) };
            marks.push(Mark::line(vec![(LEFT, tick.at), (end, tick.at)], ink));
            marks.extend(tick.text.map(|text| written(text, (LEFT - 9.0, tick.at + 4.5), Anchor::End)));
        }
        marks.push(Mark::line(vec![(LEFT, TOP), (LEFT, BOTTOM), (right, BOTTOM)], Ink::Axis));
        let middle = ((LEFT + right) / 2.0, BOTTOM + 43.0);
        marks.push(Mark::text(&*self.x.label, middle, Anchor::Middle, Ink::Label));
        marks.push(Mark::text(&*self.y.label, (24.0, TOP - 16.0), Anchor::Start, Ink::Label));
        marks
    }

    fn line(&self, curve: &Placed<'_>) -> Vec<Mark> {
        let Placed { number, points, .. } = curve;
        let (width, radius) = if *number == 0 { (3.0, 3.6) } else { (1.8, 2.6) };
        let (ink, dashed) = (Ink::Curve(*number), *number >= COLORS.len());
        let mut marks = vec![Mark::Line { points: points.clone(), width, ink, dashed, faint: false }];
        if self.dots {
            marks.push(Mark::Dots { places: points.clone(), radius, ink });
        }
        marks
    }
}

fn written((text, raised): (String, String), at: Point, anchor: Anchor) -> Mark {
    Mark::Text { text, raised, at, size: 13.0, bold: false, anchor, ink: Ink::Label }
}

/// The names at the ends of the lines, moved apart where lines end together.
fn names(placed: &[Placed<'_>], right: f64) -> Vec<Mark> {
    let mut ends: Vec<(&Placed<'_>, Point)> =
        placed.iter().filter_map(|curve| Some((curve, *curve.points.last()?))).collect();
    ends.sort_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let mut rows: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
    for k in 1..rows.len() {
        rows[k] = rows[k].max(rows[k - 1] + LINE);
    }
    let mut limit = BOTTOM;
    for row in rows.iter_mut().rev() {
        *row = row.min(limit);
        limit = *row - LINE;
    }
    let name = |((curve, (a, b)), row): ((&Placed<'_>, Point), f64)| {
        let ink = Ink::Curve(curve.number);
        let points = vec![(a + 6.0, b), (right + LEAD - 4.0, row)];
        let at = (right + LEAD, row + 4.5);
        let (text, bold) = (shown(curve.name), curve.number == 0);
        [
            Mark::Line { points, width: 1.0, ink, dashed: false, faint: true },
            Mark::Text { text, raised: String::new(), at, size: 13.0, bold, anchor: Anchor::Start, ink },
        ]
    };
    ends.into_iter().zip(rows).flat_map(name).collect()
}

/// A name, cut where it is too long for its place.
fn shown(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        None => name.to_owned(),
        Some(_) => name.chars().take(LONGEST - 1).chain(['\u{2026}']).collect(),
    }
}

/// The slopes of the orders 1 to 4, in a corner that no line comes near; `steep` is the slope of order 1 in pixels.
fn orders(steep: f64, placed: &[Placed<'_>], right: f64) -> Vec<Mark> {
    const ORDERS: usize = 4;
    let length = (14.0 / steep).clamp(24.0, 170.0);
    let drop = |order: usize| order as f64 * steep * length;
    let (wide, high) = (length + 66.0, drop(ORDERS) + 16.0);
    let corners = [(LEFT + 14.0, BOTTOM - high - 8.0), (right - wide - 6.0, TOP + 12.0)];
    let free = |(left, top): &Point| {
        let near = |(x, y): Point| {
            (left - 8.0..=left + wide + 8.0).contains(&x) && (top - 8.0..=top + high + 8.0).contains(&y)
        };
        let between = |pair: &[Point]| {
            let (from, to) = (pair[0], pair[pair.len() - 1]);
            (0..=16)
                .map(|k| f64::from(k) / 16.0)
                .any(|u| near((from.0 + u * (to.0 - from.0), from.1 + u * (to.1 - from.1))))
        };
        !placed.iter().any(|curve| curve.points.windows(2).any(between))
    };
    let Some((left, top)) = corners.into_iter().find(free) else { return Vec::new() };
    let slope = |order: usize| {
        let end = (left + length, top + drop(order));
        let text = if order == 1 { "order 1".to_owned() } else { order.to_string() };
        let label = Mark::text(text, (end.0 + 6.0, end.1 + 4.0), Anchor::Start, Ink::Label);
        let Mark::Text { text, raised, at, bold, anchor, ink, .. } = label else { return Vec::new() };
        vec![
            Mark::line(vec![(left, top), end], Ink::Axis),
            Mark::Text { text, raised, at, size: 11.0, bold, anchor, ink },
        ]
    };
    (1..=ORDERS).flat_map(slope).collect()
}
