//! Marks as SVG, readable on light and dark pages. Coordinates have one digit, so that a picture is the same text
//! wherever it is drawn, up to a last digit.

use std::fmt::Write as _;

use super::{Anchor, COLORS, Chart, HEIGHT, Ink, Mark, WIDTH};

/// The whole picture.
pub(super) fn write(chart: &Chart, marks: &[Mark]) -> String {
    let mut out = head(chart);
    for mark in marks {
        // A string takes any text.
        let _ = match mark {
            Mark::Line { points, width, ink, dashed, faint } => {
                let (class, path) = (class(*ink), path(points));
                let width = if *width == 1.0 { String::new() } else { format!(" stroke-width=\"{width}\"") };
                let dashed = if *dashed { " stroke-dasharray=\"7 5\"" } else { "" };
                let faint = if *faint { " opacity=\".45\"" } else { "" };
                writeln!(out, "<path class=\"l {class}\"{width}{dashed}{faint} d=\"{path}\"/>")
            }
            Mark::Dots { places, radius, ink } => {
                let dot = |(x, y): &(f64, f64)| format!("M{} {}h0", number(*x), number(*y));
                let (class, path) = (class(*ink), places.iter().map(dot).collect::<String>());
                writeln!(out, "<path class=\"l {class}\" stroke-width=\"{}\" d=\"{path}\"/>", 2.0 * radius)
            }
            Mark::Text { text, raised, at: (x, y), size, bold, anchor, ink } => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let size = if *size == 13.0 { String::new() } else { format!(" font-size=\"{size}\"") };
                let bold = if *bold { " font-weight=\"700\"" } else { "" };
                let (class, x, y, text) = (class(*ink), number(*x), number(*y), escape(text));
                let raised = match &**raised {
                    "" => String::new(),
                    raised => format!("<tspan dy=\"-5\" font-size=\"10\">{raised}</tspan>"),
                };
                writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\"{anchor}{size}{bold}>{text}{raised}</text>")
            }
        };
    }
    out + "</svg>\n"
}

fn class(ink: Ink) -> String {
    match ink {
        Ink::Grid => "grid".to_owned(),
        Ink::Axis => "axis".to_owned(),
        Ink::Label => "label".to_owned(),
        Ink::Title => "title".to_owned(),
        Ink::Curve(number) => format!("c{}", number % COLORS.len()),
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let place =
        |(k, (x, y)): (usize, &(f64, f64))| format!("{}{} {}", if k == 0 { "M" } else { "L" }, number(*x), number(*y));
    points.iter().enumerate().map(place).collect()
}

/// A length in pixels, to a tenth.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// What stands before the marks: what the picture shows, styles for both kinds of page, and the ground.
fn head(chart: &Chart) -> String {
    let mut styles = [String::new(), String::new()];
    for (at, (light, dark)) in COLORS.iter().enumerate() {
        for (style, color) in styles.iter_mut().zip([light, dark]) {
            let _ = write!(style, "path.c{at}{{stroke:{color}}}text.c{at}{{fill:{color}}}");
        }
    }
    let [light, dark] = styles;
    let (title, about) = (escape(&chart.title), escape(&chart.about));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>{title}</title>\n\
         <desc>{about}</desc>\n\
         <style>\n\
         .l{{fill:none;stroke-linejoin:round;stroke-linecap:round}}\
         .ground{{fill:#fff}}.title{{fill:#1f2328}}.label{{fill:#59636e}}.grid{{stroke:#eaeef2}}.axis{{stroke:#a8b1bb}}\n\
         {light}\n\
         @media (prefers-color-scheme:dark){{.ground{{fill:#0d1117}}.title{{fill:#f0f6fc}}.label{{fill:#9198a1}}\
         .grid{{stroke:#232a33}}.axis{{stroke:#4f5861}}{dark}}}\n\
         </style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
