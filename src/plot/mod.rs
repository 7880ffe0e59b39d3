//! `sampc plot`: the error of samplers against their model calls, schedules and grids, as SVG or PNG.

mod error;
mod levels;
mod problem;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::args::{Format, PlotArgs, PlotCommand};
use crate::chart::{Chart, MOST_CURVES};
use crate::output;
use crate::report::Failed;

/// Draws what is asked for.
pub fn plot(args: &PlotArgs) -> Result<ExitCode, Failed> {
    let (names, drawn) = match &args.what {
        PlotCommand::Error(args) => (&args.samplers, &args.drawn),
        PlotCommand::Schedule(args) => (&args.schedules, &args.drawn),
        PlotCommand::Grid(args) => (&args.grids, &args.drawn),
    };
    if names.len() > MOST_CURVES {
        let message = format!("{} lines are too many for one picture; draw at most {MOST_CURVES}", names.len());
        return Err(Failed::Usage(message));
    }
    let writer = writer(&drawn.output)?;
    output::check(&drawn.output)?;
    let chart = match &args.what {
        PlotCommand::Error(args) => error::chart(args)?,
        PlotCommand::Schedule(args) => levels::of_schedules(args)?,
        PlotCommand::Grid(args) => levels::of_grids(args)?,
    };
    output::write(&drawn.output, &writer(&chart)?)?;
    tell(&chart, drawn.format);
    Ok(ExitCode::SUCCESS)
}

type Writer = fn(&Chart) -> Result<Vec<u8>, Failed>;

/// What makes a file of this name.
fn writer(path: &Path) -> Result<Writer, Failed> {
    match path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(|chart| Ok(chart.svg().into_bytes())),
        Some("png") => Ok(|chart| chart.png().map_err(|error| Failed::Found(error.to_string()))),
        _ => Err(Failed::Usage(format!("`{}` is no picture; write `.svg` or `.png`", path.display()))),
    }
}

/// The numbers of the lines: their ends for people, all of them for programs.
fn tell(chart: &Chart, format: Format) {
    if format == Format::Json {
        let curves: Vec<_> =
            (chart.curves.iter()).map(|curve| json!({ "name": curve.name, "points": curve.points })).collect();
        let Chart { title, about, x, y, .. } = chart;
        println!("{}", json!({ "title": title, "about": about, "x": x.label, "y": y.label, "curves": curves }));
        return;
    }
    println!("{}", chart.title);
    let width = chart.curves.iter().map(|curve| curve.name.chars().count()).max().unwrap_or(0);
    for curve in &chart.curves {
        if let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) {
            let at = |(x, y): &(f64, f64)| format!("{} at {}", digits(*y), digits(*x));
            println!("  {:<width$}  {:>20} {:>20}", curve.name, at(first), at(last));
        }
    }
}

/// A number with three digits.
fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-2..1e4).contains(&size) => format!("{value:.2e}"),
        size => format!("{value:.*}", (2.0 - size.log10().floor()).max(0.0) as usize),
    }
}
