//! Marks as PNG: strokes by the distance of each pixel from them, texts from a font of pixels.

use image::{ImageError, ImageFormat, Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::{Anchor, COLORS, HEIGHT, Ink, Mark, Point, WIDTH};

/// Pixels of the picture for one of the chart.
const ZOOM: f64 = 2.0;
/// Lengths of a dash and of the gap behind it.
const DASH: (f64, f64) = (7.0, 5.0);
const FAINT: f64 = 0.45;

/// The whole picture.
pub(super) fn write(marks: &[Mark]) -> Result<Vec<u8>, ImageError> {
    let mut picture = RgbImage::from_pixel((WIDTH * ZOOM) as u32, (HEIGHT * ZOOM) as u32, Rgb([255; 3]));
    for mark in marks {
        match mark {
            Mark::Line { points, width, ink, dashed, faint } => {
                let share = if *faint { FAINT } else { 1.0 };
                let strokes = if *dashed { dashes(points) } else { points.windows(2).map(|w| (w[0], w[1])).collect() };
                stroke(&mut picture, &strokes, *width, color(*ink), share);
            }
            Mark::Dots { places, radius, ink } => {
                let dots: Vec<_> = places.iter().map(|place| (*place, *place)).collect();
                stroke(&mut picture, &dots, 2.0 * radius, color(*ink), 1.0);
            }
            Mark::Text { text, raised, at, size, bold, anchor, ink } => {
                let weight = if *bold { FontWeight::Bold } else { FontWeight::Regular };
                let main = match *size {
                    size if size < 13.0 => RasterHeight::Size20,
                    size if size > 13.0 => RasterHeight::Size32,
                    _ => RasterHeight::Size24,
                };
                let small = RasterHeight::Size16;
                let wide = |text: &str, size| (text.chars().count() * get_raster_width(weight, size)) as f64;
                let whole = wide(text, main) + wide(raised, small);
                let left = ZOOM * at.0
                    - match anchor {
                        Anchor::Start => 0.0,
                        Anchor::Middle => whole / 2.0,
                        Anchor::End => whole,
                    };
                let color = color(*ink);
                print(&mut picture, text, (left, ZOOM * at.1), (weight, main), color);
                print(&mut picture, raised, (left + wide(text, main), ZOOM * at.1 - 10.0), (weight, small), color);
            }
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn color(ink: Ink) -> [u8; 3] {
    let code = match ink {
        Ink::Grid => "#eaeef2",
        Ink::Axis => "#a8b1bb",
        Ink::Label => "#59636e",
        Ink::Title => "#1f2328",
        Ink::Curve(number) => COLORS[number % COLORS.len()].0,
    };
    [1, 3, 5].map(|at| u8::from_str_radix(code.get(at..at + 2).unwrap_or_default(), 16).unwrap_or_default())
}

/// The dashes of a line.
fn dashes(points: &[Point]) -> Vec<(Point, Point)> {
    let mut found = Vec::new();
    let mut walked = 0.0;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |way: f64| {
            let share = way / length;
            (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
        };
        let mut way = 0.0;
        while way < length {
            let into = (walked + way) % (DASH.0 + DASH.1);
            let end = if into < DASH.0 { DASH.0 } else { DASH.0 + DASH.1 };
            let next = (way + end - into).max(way + 1e-6).min(length);
            if into < DASH.0 {
                found.push((at(way), at(next)));
            }
            way = next;
        }
        walked += length;
    }
    found
}

/// Lines with round ends. All of them are one shape: where they overlap nothing is painted twice.
fn stroke(picture: &mut RgbImage, lines: &[(Point, Point)], width: f64, color: [u8; 3], share: f64) {
    let reach = ZOOM * width / 2.0 + 1.0;
    let zoomed = |point: Point| (ZOOM * point.0, ZOOM * point.1);
    let mut cover = std::collections::BTreeMap::new();
    for (from, to) in lines {
        let (from, to) = (zoomed(*from), zoomed(*to));
        let range = |a: f64, b: f64, size: u32| {
            let (low, high) = (a.min(b) - reach, a.max(b) + reach);
            low.max(0.0) as u32..(high.max(0.0).ceil() as u32).min(size)
        };
        for y in range(from.1, to.1, picture.height()) {
            for x in range(from.0, to.0, picture.width()) {
                let off = distance((f64::from(x) + 0.5, f64::from(y) + 0.5), from, to);
                let covered = (reach - 0.5 - off).clamp(0.0, 1.0);
                let known = cover.entry((x, y)).or_insert(0.0);
                *known = covered.max(*known);
            }
        }
    }
    cover.into_iter().for_each(|((x, y), covered)| paint(picture, x, y, color, share * covered));
}

/// The distance of a point from a line between two others.
fn distance(point: Point, from: Point, to: Point) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 { ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / square } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (point.0 - from.0 - along * dx).hypot(point.1 - from.1 - along * dy)
}

/// A text whose letters stand on a line.
fn print(picture: &mut RgbImage, text: &str, at: Point, (weight, size): (FontWeight, RasterHeight), color: [u8; 3]) {
    let wide = get_raster_width(weight, size);
    // The font's own line lies at some four fifths of its height.
    let top = at.1 - 0.79 * size.val() as f64;
    for (k, character) in text.chars().enumerate() {
        let known = get_raster(plain(character), weight, size).or_else(|| get_raster('?', weight, size));
        let rows = known.iter().flat_map(|raster| raster.rows().enumerate());
        for (row, line) in rows {
            for (column, level) in line.iter().enumerate() {
                let (x, y) = (at.0.round() as i64 + (k * wide + column) as i64, top.round() as i64 + row as i64);
                if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                    paint(picture, x, y, color, f64::from(*level) / 255.0);
                }
            }
        }
    }
}

/// A character that the font has.
fn plain(character: char) -> char {
    match character {
        '\u{2212}' => '-',
        '\u{2026}' => '~',
        other => other,
    }
}

fn paint(picture: &mut RgbImage, x: u32, y: u32, color: [u8; 3], share: f64) {
    if share > 0.0 && x < picture.width() && y < picture.height() {
        let Rgb(below) = picture.get_pixel_mut(x, y);
        for (below, over) in below.iter_mut().zip(color) {
            *below = (f64::from(*below) + share * (f64::from(over) - f64::from(*below))).round() as u8;
        }
    }
}
