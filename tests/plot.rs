//! `sampc plot`: pictures that are whole, numbers that are right, and nothing written where something is wrong.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sampc"));
    command.arg("plot").args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the command runs")
}

/// Draws, and gives the curves: calls and errors by name.
fn curves(args: &[&str]) -> Vec<(String, Vec<(f64, f64)>)> {
    let folder = TempDir::new().expect("a folder for the test");
    let done = run(folder.path(), &[args, &["--format", "json"]].concat());
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).expect("the numbers are JSON");
    let point = |point: &Value| (point[0].as_f64().expect("a number"), point[1].as_f64().expect("a number"));
    let curve = |curve: &Value| {
        let points = curve["points"].as_array().expect("points").iter().map(point).collect();
        (curve["name"].as_str().expect("a name").to_owned(), points)
    };
    told["curves"].as_array().expect("curves").iter().map(curve).collect()
}

/// How fast the last errors fall.
fn slope(points: &[(f64, f64)]) -> f64 {
    let [.., a, b, c] = points else { panic!("too few points: {points:?}") };
    assert!(a.0 < b.0 && b.0 < c.0, "{points:?}");
    -(c.1 / a.1).ln() / (c.0 / a.0).ln()
}

fn fall_at(orders: &[(&str, f64)]) {
    let names: Vec<&str> = orders.iter().map(|(name, _)| *name).collect();
    for ((name, points), (_, order)) in
        curves(&[&["error"], &names[..], &["--calls", "256"]].concat()).iter().zip(orders)
    {
        let found = slope(points);
        assert!((found - order).abs() < 0.2, "{name}: {found}, expected {order}");
    }
}

#[test]
fn slopes_are_the_orders() {
    fall_at(&[("euler", 1.0), ("heun", 2.0), ("dpmpp_2m", 2.0), ("rk", 3.0), ("lawson", 4.0)]);
}

/// Of rules that draw noise it is the weak order that shows, without the noise of sampling.
#[test]
fn slopes_of_laws_are_the_weak_orders() {
    fall_at(&[("euler_ancestral", 1.0), ("dpmpp_2m_sde", 2.0), ("er_sde", 2.0)]);
}

/// A rule that draws nothing takes normal data to normal data: the distance of the samples is that of the laws, up to
/// what 128 samples miss of the tails.
#[test]
fn samples_and_laws_agree() {
    let gauss = ["--denoiser", "gauss:0.7,0.5"];
    let samples = curves(&[&["error", "heun"][..], &gauss].concat());
    let laws = curves(&[&["error", "heun", "euler_ancestral"][..], &gauss].concat());
    assert!(samples[0].1.len() > 5);
    for ((calls, one), (same, other)) in samples[0].1.iter().zip(&laws[0].1) {
        assert_eq!(calls, same);
        assert!((one / other - 1.0).abs() < 0.02, "{one} and {other} at {calls} calls");
    }
}

/// Stricter steps cost more and err less.
#[test]
fn a_rule_that_finds_its_steps_is_run_with_growing_strictness() {
    let points = &curves(&["error", "dpm_adaptive", "--calls", "300"])[0].1;
    let (first, last) = (points[0], points[points.len() - 1]);
    assert!(points.len() > 8 && last.0 <= 300.0 && last.0 > 200.0, "{points:?}");
    assert!(last.1 < 1e-4 * first.1, "{points:?}");
}

#[test]
fn levels_are_those_of_the_schedule() {
    // sigma = u and alpha = 1 - u.
    for (share, lambda) in &curves(&["schedule", "flow"])[0].1 {
        let sigma = 1.0 + share * (0.001 - 1.0);
        assert!((lambda - ((1.0 - sigma) / sigma).ln()).abs() < 1e-9, "{lambda} at {share}");
    }
    let grids = curves(&["grid", "exponential", "karras", "--schedule", "edm", "--steps", "8"]);
    // Eight levels each; the ninth, clean, has no place. Those of `exponential` are evenly apart.
    assert!(grids.iter().all(|(_, points)| points.len() == 8));
    let points = &grids[0].1;
    let step = (80f64 / 0.002).ln() / 7.0;
    assert!(points.windows(2).all(|pair| (pair[1].1 - pair[0].1 - step).abs() < 1e-9), "{points:?}");
}

#[test]
fn pictures_are_whole() {
    let folder = TempDir::new().expect("a folder for the test");
    let args = ["error", "heun", "ddim(eta = 0)", "--calls", "40", "-o"];
    for name in ["error.svg", "error.PNG"] {
        assert!(run(folder.path(), &[&args[..], &[name]].concat()).status.success());
    }
    let svg = std::fs::read_to_string(folder.path().join("error.svg")).expect("it is written");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    assert!(svg.contains(">ddim(eta = 0)</text>") && svg.contains(">order 1</text>"), "{svg}");
    let png = image::ImageReader::open(folder.path().join("error.PNG")).expect("it is written");
    let png = png.decode().expect("it is a picture").to_rgb8();
    assert_eq!(png.dimensions(), (1520, 880));
    // Both lines, and the ground.
    for color in [[0x00, 0x72, 0xb2], [0xd5, 0x5e, 0x00], [0xff, 0xff, 0xff]] {
        assert!(png.pixels().filter(|pixel| pixel.0 == color).count() > 500, "{color:?}");
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_written() {
    let folder = TempDir::new().expect("a folder for the test");
    let many = ["euler"; 13];
    let wrong: &[(&[&str], i32, &str)] = &[
        (&["error", "dpmpp2mm"], 1, "did you mean `dpmpp_2m`?"),
        (&["error", "ddim(etaa = 1)"], 1, "did you mean `eta`?"),
        (&["error", "mine.samp"], 1, "there is no such file"),
        (&["error", "euler", "--schedule", "scaled_linaer"], 1, "did you mean `scaled_linear`?"),
        (&["error", "euler", "--denoiser", "constant:1"], 2, "standard deviations above 0"),
        (&["error", "euler", "--denoiser", "gaus:1"], 2, "`gaus` is no denoiser"),
        (&["error", "euler_ancestral", "--denoiser", "gmm:1,0,1;1,2,1"], 2, "known on normal data only"),
        (&["error", "gotta_go_fast"], 1, "draws noise and finds its own steps"),
        (&["error", "dpm_adaptive", "euler_ancestral"], 1, "finds its own steps"),
        (&["error", "inpaint"], 1, "asks for the input `known`"),
        (&["error", "cfgpp"], 1, "branch `uncond`"),
        (&["error", "rk", "--calls", "5"], 1, "takes no 4 steps in 5 calls"),
        (&["error", "euler", "--calls", "0"], 2, "0 is not in 1..=4096"),
        (&["error", "euler", "-o", "plot.jpg"], 2, "write `.svg` or `.png`"),
        (&["error", "euler", "-o", "none/plot.svg"], 1, "there is no folder"),
        (&[&["error"], &many[..]].concat(), 2, "13 lines are too many"),
        (&["error"], 2, "<SAMPLER>"),
        (&["schedule", "cosin"], 1, "did you mean `cosine`?"),
        (&["grid", "kerras"], 1, "did you mean `karras`?"),
        (&["grid", "karras", "--steps", "0"], 1, "between 1 and"),
    ];
    for (args, code, said) in wrong {
        let done = run(folder.path(), args);
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(*code), "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
        assert!(done.stdout.is_empty(), "{args:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}
