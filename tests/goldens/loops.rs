//! The full loops of diffusers' own tests: the sum and the mean of |x| at the end.

use safetensors::SafeTensors;
use serde::Deserialize;

use crate::case::{Case, path};
use crate::follow::{How, all_states, compile, in_parallel};

/// One test, and what becomes of it.
#[derive(Deserialize)]
pub struct Loop {
    pub id: String,
    pub reference: String,
    #[serde(flatten)]
    pub fate: Fate,
}

/// Whether the library follows a test.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Fate {
    Compared(Box<Followed>),
    LeftOut { left_out: String },
}

/// The run of the library, where it starts, and what its end must be.
#[derive(Deserialize)]
pub struct Followed {
    #[serde(flatten)]
    case: Case,
    /// Factors of the sample whose elements ascend, and of the one whose elements descend.
    start: (f64, f64),
    shape: Vec<usize>,
    /// The tensor of the draws.
    drawn: Option<String>,
    expected: Sums,
    within: Sums,
}

#[derive(Deserialize)]
struct Sums {
    sum: Option<f64>,
    mean: Option<f64>,
}

/// Everything of the folder `loops`.
pub struct Loops {
    pub loops: Vec<Loop>,
    noise: Vec<u8>,
}

impl Loops {
    /// Reads the folder.
    pub fn read() -> Loops {
        #[derive(Deserialize)]
        struct Cases {
            cases: Vec<Loop>,
        }
        let folder = path("tests/goldens/loops");
        let text = std::fs::read_to_string(folder.join("cases.json")).expect("cases.json is there");
        let Cases { cases: loops } = serde_json::from_str(&text).expect("loops are as the README says");
        Loops { loops, noise: std::fs::read(folder.join("noise.safetensors")).expect("noise.safetensors is there") }
    }

    /// What is wrong with each test that is compared; nothing where its sums are right.
    pub fn outcomes(&self, how: How) -> Vec<(&str, Option<String>)> {
        let compared = |one: &'_ Loop| matches!(one.fate, Fate::Compared(_));
        let work: Vec<&Loop> = self.loops.iter().filter(|one| compared(one)).collect();
        let mut outcomes = in_parallel(&work, |one| match &one.fate {
            Fate::Compared(followed) => vec![(one.id.as_str(), self.wrong(followed, how).err())],
            Fate::LeftOut { .. } => Vec::new(),
        });
        outcomes.sort();
        outcomes
    }

    fn wrong(&self, followed: &Followed, how: How) -> Result<(), String> {
        let Followed { case, start, shape, expected, within, .. } = followed;
        let compiled = compile(case, how).map_err(|error| error.to_string())?;
        let start = first(shape, *start);
        let draw = |index: usize| {
            let number = case.noise.as_ref().and_then(|noise| noise.get(index));
            number.map_or(vec![0.0; start.len()], |number| self.draw(followed, *number, start.len()))
        };
        let states = all_states(&compiled, case, &start, shape, &draw).map_err(|error| error.to_string())?;
        let sum: f64 = states[states.len() - 1].iter().map(|x| x.abs()).sum();
        let checks =
            [("sum", sum, expected.sum, within.sum), ("mean", sum / start.len() as f64, expected.mean, within.mean)];
        for (name, found, expected, within) in checks {
            // The tests run in f32, whose rounding is allowed for beside their own tolerance.
            if let (Some(expected), Some(within)) = (expected, within)
                && ((found - expected).abs() > within + 1e-6 * expected.abs() || found.is_nan())
            {
                return Err(format!("{}: {name} is {found}, expected {expected}", case.sampler));
            }
        }
        Ok(())
    }

    fn draw(&self, followed: &Followed, number: usize, elements: usize) -> Vec<f64> {
        let Some(name) = &followed.drawn else { return vec![0.0; elements] };
        let tensors = SafeTensors::deserialize(&self.noise).expect("a safetensors file");
        let data = tensors.tensor(name).expect("its draws are there").data();
        let values = data.chunks_exact(4).skip(number * elements).take(elements);
        let mut values: Vec<f64> =
            values.map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().expect("four bytes")))).collect();
        values.resize(elements, f64::NAN); // what the loop did not draw must have the factor 0
        values
    }
}

/// The first sample: numbers from 0 to 1, in the order of an array whose first axis is the fastest.
fn first(shape: &[usize], (up, down): (f64, f64)) -> Vec<f64> {
    let batch = shape[0];
    let each: usize = shape[1..].iter().product();
    let count = (batch * each) as f64;
    let element = |b: usize, i: usize| {
        let at = (i * batch + b) as f64;
        up * at / count + down * (count - 1.0 - at) / count
    };
    (0..batch).flat_map(|b| (0..each).map(move |i| element(b, i))).collect()
}
