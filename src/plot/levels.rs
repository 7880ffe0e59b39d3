//! Noise levels of schedules and grids as charts.

use samp_compiler::ir::plan::LevelRow;
use samp_runtime::Pipeline;

use crate::args::{PlotGridArgs, PlotScheduleArgs};
use crate::chart::{Axis, Chart, Curve, EVERYWHERE, Spread};
use crate::report::Failed;

/// Even steps of a schedule's own clock, from end to end.
const ALONG: &str = "//! Even steps of the clock.\n\n\
    grid along = [level(time = u) for u in linspace(time(noisiest), time(cleanest), n + 1)]\n";

/// Half log-SNRs beyond these are all noise or all data.
const WITHIN: (f64, f64) = (-10.0, 10.0);

/// How many steps of the clock are looked at.
const CLOCK_STEPS: usize = 96;

/// Schedules along their clocks.
pub fn of_schedules(args: &PlotScheduleArgs) -> Result<Chart, Failed> {
    let curve = |name: &String| {
        let rows = levels(name, "along.samp", CLOCK_STEPS)?;
        let (from, to) = (rows[0].time, rows[rows.len() - 1].time);
        let points = rows.iter().map(|row| (1.0 - (row.time - to) / (from - to), row.lambda));
        Ok(Curve { name: name.clone(), points: finite(points) })
    };
    let curves = args.schedules.iter().map(curve).collect::<Result<_, Failed>>()?;
    let x =
        Axis { label: "share of the clock, from noise to data".to_owned(), spread: Spread::Linear, within: EVERYWHERE };
    Ok(chart("Schedules".to_owned(), x, false, curves))
}

/// Grids step by step.
pub fn of_grids(args: &PlotGridArgs) -> Result<Chart, Failed> {
    let curve = |name: &String| {
        let rows = levels(&args.schedule, name, args.steps)?;
        let points = rows.iter().enumerate().map(|(step, row)| (step as f64, row.lambda));
        Ok(Curve { name: name.clone(), points: finite(points) })
    };
    let curves = args.grids.iter().map(curve).collect::<Result<_, Failed>>()?;
    let title = format!("Grids of {} steps on {}", args.steps, args.schedule);
    let x = Axis { label: "level".to_owned(), spread: Spread::Whole, within: EVERYWHERE };
    Ok(chart(title, x, true, curves))
}

fn levels(schedule: &str, grid: &str, steps: usize) -> Result<Vec<LevelRow>, Failed> {
    let pipeline = Pipeline::new().text("along.samp", ALONG).schedule(schedule).grid(grid).model("x0").sampler("euler");
    Ok(pipeline.steps(steps).compile()?.levels().to_vec())
}

/// Pure noise and clean have no half log-SNR.
fn finite(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
}

fn chart(title: String, x: Axis, dots: bool, curves: Vec<Curve>) -> Chart {
    let label = "half log-SNR, ln(alpha / sigma)".to_owned();
    let about = "The half log-SNR of levels, from -10 to 10; pure noise and clean have none.".to_owned();
    Chart { title, about, x, y: Axis { label, spread: Spread::Linear, within: WITHIN }, curves, dots }
}
