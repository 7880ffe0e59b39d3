//! Errors of samplers as `sampc plot error` measures them, each alone, so that pages share them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::chart::{Chart, Curve};
use crate::common;

/// What was measured of one sampler, or why nothing was.
#[derive(Clone, Debug)]
pub struct Told(pub Result<Value, String>);

/// A sampler and the schedule that it is run on.
pub type Run = (String, &'static str);

/// How much an error must fall over all numbers of calls to be called one.
const FALL: f64 = 3.0;

impl Told {
    /// The whole answer, if it shows a rule that comes nearer with more calls; otherwise why there is none.
    pub fn answer(&self) -> Result<&Value, String> {
        let told = self.0.as_ref().map_err(Clone::clone)?;
        match &points(told)[..] {
            [(_, first), .., (_, last)] if *last * FALL < *first => Ok(told),
            _ => Err("around a perfect network the error does not fall as calls grow".to_owned()),
        }
    }

    /// What is compared; only like with like stands in one picture.
    pub fn compared(&self) -> Option<&str> {
        self.answer().ok().and_then(|told| told["y"].as_str())
    }
}

/// Measures samplers, on all processors.
pub fn measure(runs: Vec<Run>, known: &mut BTreeMap<Run, Told>) {
    let left = Mutex::new(runs);
    let found = Mutex::new(known);
    let work = || {
        loop {
            let Some(run) = left.lock().expect("no other panicked").pop() else { return };
            let told = Told(ask(&run));
            found.lock().expect("no other panicked").insert(run, told);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
}

fn ask((sampler, schedule): &Run) -> Result<Value, String> {
    let folder = tempfile::TempDir::new().expect("a folder for the picture");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
    command.args(["plot", "error", sampler, "--schedule", schedule, "--format", "json"]);
    let done = command.current_dir(folder.path()).env("NO_COLOR", "1").output().expect("the command runs");
    match done.status.success() {
        true => Ok(serde_json::from_slice(&done.stdout).expect("the numbers are JSON")),
        false => Err(message(&String::from_utf8_lossy(&done.stderr))),
    }
}

/// The message of a diagnostic, which is broken into lines for people.
fn message(shown: &str) -> String {
    let text = shown.split_once(": ").map_or(shown, |(_, text)| text);
    let lines = text.lines().take_while(|line| !line.contains('╭'));
    lines.map(|line| line.trim().trim_start_matches('│').trim()).collect::<Vec<_>>().join(" ")
}

/// Calls and errors.
pub fn points(told: &Value) -> Vec<(f64, f64)> {
    let number = |value: &Value| value.as_f64().expect("points are numbers");
    let points = told["curves"][0]["points"].as_array().expect("there is a curve");
    points.iter().map(|point| (number(&point[0]), number(&point[1]))).collect()
}

/// The picture of several samplers, as `sampc plot error` draws it when it is asked for all of them.
pub fn picture(all: &[&Value]) -> String {
    let text = |key: &str| all[0][key].as_str().expect("it is text").to_owned();
    let name = |told: &Value| told["curves"][0]["name"].as_str().expect("curves have names").to_owned();
    let curves = all.iter().map(|told| Curve { name: name(told), points: points(told) }).collect();
    Chart::errors(text("title"), text("about"), text("y"), curves).svg()
}

/// Whether two pictures are one, up to a last digit of their coordinates.
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (common::numbers(one), common::numbers(other));
    one.0 == other.0 && one.1.len() == other.1.len() && one.1.iter().zip(other.1).all(|(a, b)| (a - b).abs() < 0.35)
}
