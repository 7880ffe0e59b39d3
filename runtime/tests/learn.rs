//! Grids that are searched: costs against a closed form, grids against all others.

use candle_core::{DType, Device, Tensor};
use samp_runtime::analytic::Analytic;
use samp_runtime::learn::{Costs, Teacher};
use samp_runtime::networks::Network;
use samp_runtime::{Dtype, Error, Pipeline, Start};

const SHAPE: (usize, usize) = (2, 5);
const MEAN: f64 = 0.3;
const STD: f64 = 0.6;
const LAW: Analytic = Analytic::Gauss { mean: MEAN, std: STD };
const FINE: usize = 8;
const EVEN: &str = "grid even = [level(lambda = l) for l in linspace(-2, 3, n)] + [clean]\n";

fn pipeline(schedule: &str, sampler: &str) -> Pipeline {
    let filled = Pipeline::new().text("even.samp", EVEN).schedule(schedule).grid("even.samp").model("x0");
    filled.sampler(sampler).steps(FINE).dtype(Dtype::F64)
}

fn start() -> Start {
    Start::noise_from(&Device::Cpu, SHAPE, 3, 0, DType::F64).expect("a start")
}

fn teacher(schedule: &str) -> Teacher {
    Teacher::walk(&pipeline(schedule, "dpmpp_2m"), start(), &mut LAW.clone()).expect("it walks")
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("a tensor of f64")
}

fn rms(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    (squares / a.len() as f64).sqrt()
}

/// Euler's step between two levels, around the best prediction of normal data.
fn step(teacher: &Teacher, from: usize, to: usize) -> Vec<f64> {
    let (s, t) = (teacher.levels()[from], teacher.levels()[to]);
    let share = s.alpha * STD * STD / ((s.alpha * STD).powi(2) + s.sigma * s.sigma);
    let one = |x: &f64| {
        let data = MEAN + share * (x - s.alpha * MEAN);
        t.alpha * data + t.sigma * (x - s.alpha * data) / s.sigma
    };
    numbers(&teacher.path()[from]).iter().map(one).collect()
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..FINE).flat_map(|from| (from + 1..=FINE).map(move |to| (from, to)))
}

#[test]
fn costs_of_eulers_steps_have_a_closed_form() {
    for schedule in ["vp", "ve", "flow"] {
        let teacher = teacher(schedule);
        let costs = teacher.costs(&pipeline(schedule, "euler"), &mut LAW.clone()).expect("they are found");
        for (from, to) in pairs() {
            let exact = rms(&step(&teacher, from, to), &numbers(&teacher.path()[to]));
            assert!((costs.of(from, to) - exact).abs() < 1e-12, "{schedule}, {from} to {to}");
        }
        assert_eq!(costs.of(3, 3), f64::INFINITY);
    }
}

/// The first call is asked once for all steps from a level; the others are asked.
#[test]
fn a_student_of_several_calls_takes_its_own_steps() {
    let (teacher, student) = (teacher("vp"), pipeline("vp", "dpm_2"));
    let mut calls = 0;
    let mut counted = |x: &Tensor, call: &samp_runtime::Call| {
        calls += 1;
        samp_runtime::Denoiser::denoise(&mut LAW.clone(), x, call)
    };
    let costs = teacher.costs(&student, &mut counted).expect("they are found");
    for (from, to) in pairs() {
        let one = student.clone().levels(teacher.given(&[from, to])).compile().expect("it compiles");
        let end = one.run(Start::sample(teacher.path()[from].clone(), 3), LAW.clone()).expect("it runs");
        assert_eq!(costs.of(from, to), rms(&numbers(&end), &numbers(&teacher.path()[to])), "{from} to {to}");
    }
    // A step to `clean` has one call.
    assert_eq!(calls, FINE + FINE * (FINE - 1) / 2);
}

#[test]
fn the_grid_that_is_found_is_the_best_of_all() {
    let teacher = teacher("flow");
    let costs = teacher.costs(&pipeline("flow", "euler"), &mut LAW.clone()).expect("they are found");
    for steps in 1..=FINE {
        let (nodes, total) = costs.best(steps, 1.0).expect("there is a grid");
        let inner = (0..1usize << (FINE - 1)).filter(|set| set.count_ones() as usize == steps - 1);
        let cost = |set: usize| {
            let chosen = (1..FINE).filter(|node| set >> (node - 1) & 1 == 1);
            let way: Vec<usize> = std::iter::once(0).chain(chosen).chain([FINE]).collect();
            way.windows(2).map(|pair| costs.of(pair[0], pair[1])).sum::<f64>()
        };
        let least = inner.map(cost).fold(f64::INFINITY, f64::min);
        assert!((total - least).abs() < 1e-12, "{steps} steps");
        let given = pipeline("flow", "euler").levels(teacher.given(&nodes)).compile().expect("it compiles");
        assert_eq!(given.n_steps(), steps);
    }
}

#[test]
fn the_teachers_own_grid_leads_nowhere_else() {
    let teacher = teacher("vp");
    let all: Vec<usize> = (0..=FINE).collect();
    let again = pipeline("vp", "dpmpp_2m").levels(teacher.given(&all));
    assert!(teacher.distance(&again, &mut LAW.clone()).expect("it runs") < 1e-12);
    assert!(teacher.distance(&pipeline("vp", "euler"), &mut LAW.clone()).expect("it runs") > 1e-3);
}

/// Growths that favour a bad grid leave the student's own grid, where that ends nearer.
#[test]
fn a_search_ends_no_farther_than_its_own_grid() {
    let (teacher, student) = (teacher("vp"), pipeline("vp", "dpmpp_2m"));
    let costs = teacher.costs(&student, &mut LAW.clone()).expect("they are found");
    for (steps, growths) in [(4, &[1.0][..]), (4, &[10.0]), (2, &[0.1, 10.0]), (FINE, &[])] {
        let of = |nodes: &[usize]| {
            let walked = student.clone().levels(teacher.given(nodes));
            teacher.distance(&walked, &mut LAW.clone()).expect("it runs")
        };
        let found = teacher.search(&costs, &student, (steps, growths), &mut LAW.clone()).expect("it runs");
        let (nodes, distance) = found.expect("there is a grid");
        assert_eq!((nodes.len(), distance), (steps + 1, of(&nodes)));
        // In lambda the teacher's levels lie 5 / 7 apart, and those of 4 steps 5 / 3.
        let own: &[usize] = match steps {
            2 => &[0, 7, FINE],
            4 => &[0, 2, 5, 7, FINE],
            _ => &[0, 1, 2, 3, 4, 5, 6, 7, FINE],
        };
        let ways = growths.iter().map(|growth| costs.best(steps, *growth).expect("there is a grid").0);
        let least = ways.map(|way| of(&way)).fold(f64::INFINITY, f64::min);
        assert_eq!(distance, least.min(of(own)), "{steps} steps");
    }
    let none = teacher.search(&costs, &student, (FINE + 1, &[1.0]), &mut LAW.clone());
    assert!(none.expect("it runs").is_none());
}

#[test]
fn what_has_no_path_of_its_own_is_refused() {
    let noisy = Teacher::walk(&pipeline("vp", "ddim(eta = 1)"), start(), &mut LAW.clone());
    assert!(matches!(noisy, Err(Error::Unteachable { who: "teacher", .. })));
    let adaptive = teacher("vp").costs(&pipeline("vp", "ancestral"), &mut LAW.clone());
    assert!(matches!(adaptive, Err(Error::Unteachable { who: "student", why: "draws noise" })));
    assert_eq!(Costs::new(Vec::new()).best(1, 1.0), None);
}

/// On other samples than those that it was found on, the shipped network's grid ends nearer to a long run than others.
#[test]
fn the_grid_of_the_shipped_network_is_better_than_others() {
    let network = Network::load("digits", None, &Device::Cpu).expect("it ships");
    let mut network = network.with_classes((0..10).collect());
    let digits = Pipeline::named("digits").size(28, 28);
    let start = Start::noise(&Device::Cpu, (5, 1, 28, 28), 1).expect("a start");
    let teacher = Teacher::walk(&digits.clone().steps(40), start, &mut network).expect("it walks");
    for steps in [5, 8] {
        let mut ends = |grid: &str| {
            let student = digits.clone().grid(grid).steps(steps);
            teacher.distance(&student, &mut network).expect("it runs")
        };
        let found = ends("gits(of = digits)");
        for other in ["uniform_open", "karras", "exponential"] {
            let other_ends = ends(other);
            assert!(found < other_ends, "{steps} steps: {found}, and {other_ends} on {other}");
        }
    }
}
