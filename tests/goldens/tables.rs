//! Tables of other projects' schedules and grids, against those of the library.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use safetensors::SafeTensors;
use samp_compiler::hir::Coordinate;
use samp_runtime::{GivenLevel, GivenLevels, Pipeline};
use serde::Deserialize;

use crate::case::path;
use crate::follow::in_parallel;

/// One table, and what becomes of it.
#[derive(Deserialize)]
pub struct Table {
    pub key: String,
    #[serde(flatten)]
    pub fate: Fate,
}

/// Whether the library has the schedule and the grid of a table.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Fate {
    Compared(Box<Asked>),
    LeftOut { left_out: String },
}

/// What the library is asked for.
#[derive(Deserialize)]
pub struct Asked {
    schedule: String,
    grid: Option<String>,
    /// Levels in place of a grid.
    times: Option<Vec<f64>>,
    #[serde(default)]
    steps: usize,
    what: What,
    /// The list of numbers, and which of them.
    table: String,
    take: Option<Vec<usize>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Alpha2,
    Time,
    Rho,
    Sigma,
    /// What networks are told instead: 1000 sigma, ln(rho) / 4, or the angle of rho in right angles.
    Thousand,
    QuarterLog,
    Angle,
}

/// Everything of the folder `tables`.
pub struct Tables {
    pub tables: Vec<Table>,
    numbers: Vec<u8>,
}

impl Tables {
    /// Reads the folder.
    pub fn read() -> Tables {
        #[derive(Deserialize)]
        struct Cases {
            cases: Vec<Table>,
        }
        let folder = path("tests/goldens/tables");
        let text = std::fs::read_to_string(folder.join("cases.json")).expect("cases.json is there");
        let Cases { cases: tables } = serde_json::from_str(&text).expect("tables are as the README says");
        Tables { tables, numbers: std::fs::read(folder.join("tables.safetensors")).expect("the numbers are there") }
    }

    /// What is wrong with each table that is compared; nothing where all numbers agree to 1e-9 of their size.
    pub fn outcomes(&self) -> Vec<(&str, Option<String>)> {
        let work: Vec<&Table> = self.tables.iter().collect();
        let mut outcomes = in_parallel(&work, |table| match &table.fate {
            Fate::Compared(asked) => vec![(table.key.as_str(), self.wrong(asked).err())],
            Fate::LeftOut { .. } => Vec::new(),
        });
        outcomes.sort();
        outcomes
    }

    fn wrong(&self, asked: &Asked) -> Result<(), String> {
        let expected = self.numbers(asked);
        let mut pipeline = Pipeline::new().schedule(&*asked.schedule).model("x0").sampler("euler");
        pipeline = match (&asked.grid, &asked.times) {
            (Some(grid), _) => pipeline.grid(&**grid).steps(asked.steps),
            (None, times) => {
                let levels = times.iter().flatten().map(|time| GivenLevel::At(*time)).collect::<Vec<_>>();
                let steps = levels.len() - 1;
                pipeline.grid("uniform").steps(steps).levels(GivenLevels { coordinate: Coordinate::Time, levels })
            }
        };
        let compiled = pipeline.compile().map_err(|error| error.to_string())?;
        let levels = compiled.levels();
        if expected.len() > levels.len() || expected.len() + 1 < levels.len() {
            return Err(format!("{} levels, expected {}", levels.len(), expected.len()));
        }
        for (at, (level, expected)) in levels.iter().zip(expected).enumerate() {
            let found = match asked.what {
                What::Alpha2 => level.alpha * level.alpha,
                What::Time => level.time,
                What::Rho => level.sigma / level.alpha,
                What::Sigma => level.sigma,
                What::Thousand => 1000.0 * level.sigma,
                What::QuarterLog => (level.sigma / level.alpha).ln() / 4.0,
                What::Angle => (level.sigma / level.alpha).atan() * std::f64::consts::FRAC_2_PI,
            };
            let close = (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3);
            if !close {
                return Err(format!("entry {at} is {found}, expected {expected}"));
            }
        }
        Ok(())
    }

    fn numbers(&self, asked: &Asked) -> Vec<f64> {
        let tensors = SafeTensors::deserialize(&self.numbers).expect("a safetensors file");
        let tensor = tensors.tensor(&asked.table).expect("a table has its numbers");
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let all: Vec<f64> = tensor.data().chunks_exact(8).map(number).collect();
        asked.take.as_ref().map_or(all.clone(), |take| take.iter().map(|at| all[*at]).collect())
    }

    /// The part of `docs/parity.md` on tables.
    pub fn page(&self, outcomes: &[(&str, Option<String>)]) -> String {
        let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
        for table in &self.tables {
            if let Fate::LeftOut { left_out: why } = &table.fate {
                *left_out.entry(why).or_default() += 1;
            }
        }
        let matching = outcomes.iter().filter(|(_, wrong)| wrong.is_none()).count();
        let mut page = format!(
            "\n## Schedules and grids\n\nLists of alpha^2, time steps and noise levels of diffusers and ComfyUI: {} \
             tables, {} compared, {matching} of these match\nto 1e-9.\n\n| left out | tables |\n|---|---|\n",
            self.tables.len(),
            outcomes.len(),
        );
        for (why, count) in left_out {
            let _ = writeln!(page, "| {why} | {count} |");
        }
        page
    }
}
