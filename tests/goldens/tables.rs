//! Tables of other projects' schedules and grids, against those of the library.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use safetensors::SafeTensors;
use samp_compiler::hir::Coordinate;
use samp_compiler::ir::plan::LevelRow;
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
    /// A grid whose steps are halved in the logarithm of rho, each half a level of its own behind the level before it.
    between: Option<String>,
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
    /// What each level but the first loses of the alpha^2 before it; of every second one, from the first.
    Beta,
    Time,
    RoundedTime,
    WholeTime,
    Rho,
    Sigma,
    /// What networks are told instead: 1000 sigma, ln(rho) / 4, or the angle of rho in right angles.
    Thousand,
    WholeThousand,
    QuarterLog,
    Angle,
}

impl Asked {
    /// The levels of the library.
    fn levels(&self) -> Result<Vec<LevelRow>, String> {
        let Some(grid) = &self.grid else {
            return self.given(Coordinate::Time, self.times.iter().flatten().copied());
        };
        let levels = self.of_grid(grid)?;
        let Some(halved) = self.between.as_ref().filter(|_| self.steps > 1) else { return Ok(levels) };
        let halved = self.of_grid(halved)?;
        let rho = |level: &LevelRow| level.sigma / level.alpha;
        let middles = halved.windows(2).map(|pair| (rho(&pair[0]) * rho(&pair[1])).sqrt());
        let middles = self.given(Coordinate::Rho, middles)?; // the last is clean, as the last level is
        let last = levels.len() - 1;
        Ok(levels[..last].iter().zip(middles).flat_map(|(level, middle)| [*level, middle]).collect())
    }

    fn of_grid(&self, grid: &str) -> Result<Vec<LevelRow>, String> {
        compiled(self.pipeline().grid(grid).steps(self.steps))
    }

    fn given(&self, coordinate: Coordinate, levels: impl Iterator<Item = f64>) -> Result<Vec<LevelRow>, String> {
        let levels: Vec<GivenLevel> = levels.map(GivenLevel::At).collect();
        let steps = levels.len() - 1;
        compiled(self.pipeline().grid("uniform").steps(steps).levels(GivenLevels { coordinate, levels }))
    }

    fn pipeline(&self) -> Pipeline {
        Pipeline::new().schedule(&*self.schedule).model("x0").sampler("euler")
    }

    /// What a table would say of levels.
    fn found(&self, levels: &[LevelRow]) -> Vec<f64> {
        if let What::Beta = self.what {
            let share = |pair: &[LevelRow]| (pair[1].alpha / pair[0].alpha).powi(2);
            let first = 1.0 - levels[0].alpha.powi(2);
            return std::iter::once(first).chain(levels[1..].chunks(2).map(|pair| 1.0 - share(pair))).collect();
        }
        levels.iter().map(|level| self.what.of(level)).collect()
    }
}

fn compiled(pipeline: Pipeline) -> Result<Vec<LevelRow>, String> {
    Ok(pipeline.compile().map_err(|error| error.to_string())?.levels().to_vec())
}

impl What {
    fn of(self, level: &LevelRow) -> f64 {
        let rho = level.sigma / level.alpha;
        match self {
            What::Alpha2 | What::Beta => level.alpha * level.alpha,
            What::Time => level.time,
            What::RoundedTime => level.time.round(),
            What::WholeTime => (level.time + 1e-9).floor(),
            What::Rho => rho,
            What::Sigma => level.sigma,
            What::Thousand => 1000.0 * level.sigma,
            What::WholeThousand => (1000.0_f64 * level.sigma).floor(),
            What::QuarterLog => rho.ln() / 4.0,
            What::Angle => rho.atan() * std::f64::consts::FRAC_2_PI,
        }
    }
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
        let levels = asked.levels()?;
        let found = asked.found(&levels);
        if expected.len() > found.len() || expected.len() + 1 < found.len() {
            return Err(format!("{} levels, expected {}", found.len(), expected.len()));
        }
        for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
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
             tables, {} compared, {matching} of these match\nto 1e-9. Where a list tells a time for every call of a step, \
             those of its levels are compared; of DPM2's also those halfway.\n\n| left out | tables |\n|---|---|\n",
            self.tables.len(),
            outcomes.len(),
        );
        for (why, count) in left_out {
            let _ = writeln!(page, "| {why} | {count} |");
        }
        page
    }
}
