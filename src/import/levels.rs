//! Schedules and grids of diffusers schedulers.

use super::config::Config;
use super::expression::Expression;

/// Where the levels of a class come from.
pub enum Levels {
    /// A table of betas.
    Table(Table),
    /// Levels between `sigma_min` and `sigma_max`: the EDM classes.
    Edm(Edm),
    /// A rectified flow.
    Flow,
}

/// A class between two noise levels, and its defaults.
pub struct Edm {
    /// `sigma_min` and `sigma_max`.
    pub ends: (f64, f64),
    /// `sigma_schedule`.
    pub spacing: &'static str,
    /// Whether the network predicts v and is told the level as a part of a right angle, and not its logarithm.
    pub angle: bool,
}

/// A grid, and whether the scheduler's last step has length zero: then the grid is of one step fewer.
pub struct Grid {
    pub text: String,
    pub closed: bool,
}

impl Grid {
    fn open(text: String) -> Grid {
        Grid { text, closed: false }
    }

    /// What is left of a grid of as many steps as the scheduler's.
    fn closed(base: String, n: usize) -> Result<Grid, String> {
        if n == 1 {
            return Err("its only step would have length zero; ask for more".to_owned());
        }
        Ok(Grid { text: Expression::new("closed").with("base", base).text(), closed: true })
    }
}

/// A class over a table of betas.
pub struct Table {
    /// Defaults: `beta_schedule`, `beta_start` and `beta_end`.
    pub betas: (&'static str, f64, f64),
    pub rescaled: Rescaled,
    /// The default of `timestep_spacing`; without one there is only `linspace`.
    pub spacing: Option<&'static str>,
    pub steps: Steps,
    pub last: Last,
    /// The default of `snr_shift_scale`, for classes that have it.
    pub snr_shift: Option<f64>,
}

/// What `rescale_betas_zero_snr` makes of the last entry of a table.
#[derive(Clone, Copy)]
pub enum Rescaled {
    Never,
    Pure,
    /// alpha is 2^-12 there, because the class divides by it.
    Pinned,
}

/// How a class chooses from its table.
#[derive(Clone, Copy, PartialEq)]
pub enum Steps {
    /// Whole entries.
    Entries,
    /// Values of sigma, also between entries.
    Sigmas,
    /// As many entries as steps, without the cleanest.
    Solver,
    /// Those, but on a flow from pure noise, which is moved off by 1e-6.
    UniPc,
    /// Entries of the table that a consistency model was distilled on.
    Skips,
}

/// The level at which a run ends.
#[derive(Clone, Copy)]
pub enum Last {
    Clean,
    /// As `final_sigmas_type` says: clean, or the cleanest entry of the table.
    Chosen,
    /// The cleanest entry of the table.
    Entry,
    /// As `set_alpha_to_one` says, by this default.
    AlphaToOne(bool),
}

const RESPACED: [(&str, &str); 4] = [
    ("use_karras_sigmas", "karras"),
    ("use_exponential_sigmas", "exponential"),
    ("use_beta_sigmas", "beta_sigmas"),
    ("use_lu_lambdas", "exponential"),
];
const ONE_STEP: &str = "one step begins at the clean end in diffusers; ask for more";

/// The schedule of a class.
pub fn schedule(config: &Config, levels: &Levels) -> Result<String, String> {
    match levels {
        Levels::Table(table) if table.is_flow(config)? => {
            let flow = Expression::new("flow");
            Ok(if table.steps == Steps::UniPc { flow } else { flow.with("smallest", 0).with("largest", 0.999) }.text())
        }
        Levels::Table(table) if table.is_continuous(config)? => edm(config, (0.0, 0.0)),
        Levels::Table(table) => table.schedule(config),
        Levels::Edm(levels) => edm(config, levels.ends),
        Levels::Flow => {
            let by = config.number("shift", 1.0)?;
            Ok(Expression::new("flow").with_if(by < 1.0, "smallest", 0.000001).text())
        }
    }
}

fn edm(config: &Config, (low, high): (f64, f64)) -> Result<String, String> {
    let (low, high) = (config.number("sigma_min", low)?, config.number("sigma_max", high)?);
    let ends = Expression::new("edm").with_if(low != 0.002, "smallest", low);
    Ok(ends.with_if(high != 80.0, "largest", high).text())
}

/// The grid of a class for `n` steps.
pub fn grid(config: &Config, levels: &Levels, n: usize) -> Result<Grid, String> {
    match levels {
        Levels::Table(table) => table.grid(config, n),
        Levels::Edm(levels) => {
            let power = config.number("rho", 7.0)?;
            let kind = config.word("sigma_schedule", levels.spacing, &["karras", "exponential"])?;
            let grid = Expression::new(kind).with_if(kind == "karras" && power != 7.0, "power", power).text();
            if ends_clean(config)? { Ok(Grid::open(grid)) } else { Grid::closed(grid, n) }
        }
        Levels::Flow => flow(config).map(Grid::open),
    }
}

/// Whether the scheduler rounds the time steps of levels that lie between them.
pub fn are_told_whole(config: &Config, levels: &Levels) -> Result<bool, String> {
    match levels {
        Levels::Table(table) if table.is_solver() => Ok(table.is_flow(config)? || respaced(config)?.is_some()),
        Levels::Table(_) | Levels::Edm(_) | Levels::Flow => Ok(false),
    }
}

/// What `final_sigmas_type` says.
fn ends_clean(config: &Config) -> Result<bool, String> {
    Ok(config.word("final_sigmas_type", "zero", &["zero", "sigma_min"])? == "zero")
}

impl Table {
    /// Whether the run is on a flow, and not on the table.
    pub fn is_flow(&self, config: &Config) -> Result<bool, String> {
        Ok(self.is_solver() && config.flag("use_flow_sigmas", false)?)
    }

    /// Whether the network is told the logarithm of a level that is on no table, as Stable Video Diffusion's is.
    pub fn is_continuous(&self, config: &Config) -> Result<bool, String> {
        if self.steps != Steps::Sigmas
            || config.word("timestep_type", "discrete", &["discrete", "continuous"])? == "discrete"
        {
            return Ok(false);
        }
        let ends = config.has("sigma_min") && config.has("sigma_max");
        if ends && config.flag("use_karras_sigmas", false)? && config.is("prediction_type", "v_prediction") {
            return Ok(true);
        }
        let beside = "`use_karras_sigmas`, `sigma_min`, `sigma_max` and `v_prediction`";
        Err(config.refusal("timestep_type", &format!("only `discrete`, but beside {beside}")))
    }

    fn is_solver(&self) -> bool {
        matches!(self.steps, Steps::Solver | Steps::UniPc)
    }

    fn schedule(&self, config: &Config) -> Result<String, String> {
        let (kind, first, last) = self.betas;
        let kind = config.word("beta_schedule", kind, &["linear", "scaled_linear", "squaredcos_cap_v2"])?;
        let (first, last) = (config.number("beta_start", first)?, config.number("beta_end", last)?);
        let entries = config.whole("num_train_timesteps", 1000, 2, 100_000)?;
        let (name, usual) = match kind {
            "linear" => ("linear", (1e-4, 0.02)),
            "scaled_linear" => ("scaled_linear", (0.00085, 0.012)),
            _ => ("cosine_table", (first, last)),
        };
        let table = match (first, last) == usual {
            true => Expression::new(name),
            false => Expression::new(name).with("beta_first", first).with("beta_last", last),
        };
        let mut table = table.with_if(entries != 1000, "entries", entries).text();
        if let Some(default) = self.snr_shift {
            let by = config.number("snr_shift_scale", default)?;
            if by != 1.0 {
                table = Expression::new("snr_shift").with("base", table).with_if(by != 3.0, "k", by).text();
            }
        }
        let rescaled = match self.rescaled {
            Rescaled::Never => false,
            Rescaled::Pure | Rescaled::Pinned => config.flag("rescale_betas_zero_snr", false)?,
        };
        let pinned = matches!(self.rescaled, Rescaled::Pinned);
        match rescaled {
            false => Ok(table),
            // There the last level would be cleaner than the one before.
            true if pinned && kind == "linear" => {
                Err(config.refusal("rescale_betas_zero_snr", "only `false` beside `linear` betas"))
            }
            true => {
                Ok(Expression::new("zero_terminal_snr").with("base", table).with_if(pinned, "pin", "2^(-12)").text())
            }
        }
    }

    fn grid(&self, config: &Config, n: usize) -> Result<Grid, String> {
        let to_clean = match self.last {
            Last::Clean => true,
            Last::Chosen => ends_clean(config)?,
            Last::Entry => false,
            Last::AlphaToOne(default) => config.flag("set_alpha_to_one", default)?,
        };
        if self.steps == Steps::Skips {
            let original = config.whole("original_inference_steps", 50, 1, 1000)?;
            let skips = Expression::new("lcm_skip").with_if(original != 50, "original", original);
            return Ok(Grid::open(skips.with_if(!to_clean, "last", "cleanest").text()));
        }
        if self.is_flow(config)? {
            return self.flow(config, to_clean, n);
        }
        if self.is_continuous(config)? {
            config.whole("num_train_timesteps", 1000, 2, 100_000)?;
            return match to_clean {
                true => Ok(Grid::open("karras".to_owned())),
                false => Err(config.refusal("final_sigmas_type", "only `zero` beside `timestep_type` `continuous`")),
            };
        }
        let spacing = spacing(config, self.spacing)?;
        // Whether the last time step is at the cleanest entry, so that a step from there to that entry has length zero.
        let at_end = !self.is_solver() && self.strides(config, n)?.0.last() == Some(&0.0);
        if self.steps != Steps::Entries
            && let Some((key, name)) = respaced(config)?
        {
            if n == 1 {
                return Err(ONE_STEP.to_owned());
            }
            // Its ends are those of the time steps that it replaces.
            let grid = if self.steps == Steps::Sigmas && spacing != "linspace" {
                let (times, _) = self.strides(config, n)?;
                let end = |time: Option<&f64>| format!("level(time = {})", time.unwrap_or(&0.0));
                Expression::new(name).with("high", end(times.first())).with("low", end(times.last())).text()
            } else {
                name.to_owned()
            };
            return match to_clean {
                true => Ok(Grid::open(grid)),
                false if at_end || self.is_solver() => Grid::closed(grid, n),
                false => {
                    Err(config.refusal("final_sigmas_type", &format!("only `zero` beside `{key}` and `{spacing}`")))
                }
            };
        }
        if self.steps == Steps::Sigmas {
            config.word("interpolation_type", "linear", &["linear"])?;
        }
        let grid = match spacing {
            "leading" => {
                let offset = config.whole("steps_offset", 0, 0, 1)?;
                Expression::new("leading").with_if(offset != 0, "offset", offset).with_if(
                    self.is_solver(),
                    "open",
                    true,
                )
            }
            "trailing" => Expression::new("trailing"),
            _ if n == 1 && !self.is_solver() => return Err(ONE_STEP.to_owned()),
            _ if self.steps == Steps::Sigmas => Expression::new("uniform").with("chord", true),
            _ => Expression::new("linspace_table").with_if(self.is_solver(), "open", true),
        };
        match to_clean {
            false if at_end => Grid::closed(grid.text(), n),
            _ => Ok(Grid::open(grid.with_if(!to_clean, "last", "cleanest").text())),
        }
    }

    /// The grid of a run on a flow.
    fn flow(&self, config: &Config, to_clean: bool, n: usize) -> Result<Grid, String> {
        if !to_clean && matches!(self.last, Last::Chosen) {
            return Err(config.refusal("final_sigmas_type", "only `zero` beside `use_flow_sigmas`"));
        }
        if let Some((key, _)) = respaced(config)? {
            return Err(config.refusal(key, "only `false` beside `use_flow_sigmas`"));
        }
        config.whole("num_train_timesteps", 1000, 1000, 1000)?;
        let by = config.number("flow_shift", 1.0)?;
        let grid = match by == 1.0 {
            true => "uniform_open".to_owned(),
            false => Expression::new("shift").with("base", "uniform_open").with("by", by).text(),
        };
        if self.steps == Steps::Solver {
            return if to_clean { Ok(Grid::open(grid)) } else { Grid::closed(grid, n) };
        }
        let terminal = config.number("shift_terminal", 0.0)?;
        Ok(Grid::open(Expression::new("off_pure").with("base", stretched(grid, terminal)).text()))
    }

    /// The time steps between which a run goes, the noisiest first, and the stride that DDIM takes.
    pub fn strides(&self, config: &Config, n: usize) -> Result<(Vec<f64>, f64), String> {
        let entries = config.whole("num_train_timesteps", 1000, 2, 100_000)? as f64;
        let (stride, steps) = ((entries / n as f64).floor(), n as f64);
        let offset = config.whole("steps_offset", 0, 0, 1)? as f64;
        let at = |k: f64, spacing: &str| match spacing {
            "leading" => (steps - 1.0 - k) * stride + offset,
            "trailing" => (entries - k * entries / steps).round_ties_even() - 1.0,
            _ => ((entries - 1.0) * (steps - 1.0 - k) / (steps - 1.0)).round_ties_even(),
        };
        let spacing = spacing(config, self.spacing)?;
        Ok(((0..n).map(|k| at(k as f64, spacing)).collect(), stride))
    }
}

fn spacing(config: &Config, default: Option<&'static str>) -> Result<&'static str, String> {
    default.map_or(Ok("linspace"), |default| {
        config.word("timestep_spacing", default, &["leading", "trailing", "linspace"])
    })
}

/// The grid that replaces the spacing of time steps, and the key that asks for it.
fn respaced(config: &Config) -> Result<Option<(&'static str, &'static str)>, String> {
    let mut found = None;
    for (key, name) in RESPACED {
        if config.flag(key, false)? && found.replace((key, name)).is_some() {
            return Err(config.refusal(key, "only `false` beside another choice of sigmas"));
        }
    }
    Ok(found)
}

/// Shifts, by a constant or by the size of the image, then perhaps other steps between the ends that are left.
///
/// The constant shift is there twice: of the ends, when a scheduler is made, and of all levels between them.
fn flow(config: &Config) -> Result<String, String> {
    config.whole("num_train_timesteps", 1000, 1000, 1000)?;
    let dynamic = config.flag("use_dynamic_shifting", false)?;
    let by = config.number("shift", 1.0)?;
    let low = |times: u32| (0..times).fold(0.001, |sigma, _| by * sigma / (1.0 + (by - 1.0) * sigma));
    let respaced = respaced(config)?;
    let terminal = config.number("shift_terminal", 0.0)?;
    if let Some((key, name)) = respaced {
        if dynamic || terminal != 0.0 {
            return Err(config.refusal(key, "only `false` beside `use_dynamic_shifting` or `shift_terminal`"));
        }
        let end = low(2);
        let grid = Expression::new(name).with("over", "noise");
        return Ok(grid.with_if(by != 1.0, "low", format_args!("level(sigma = {end})")).text());
    }
    let grid = if dynamic {
        config.word("time_shift_type", "exponential", &["exponential"])?;
        let (least, most) = (config.number("base_shift", 0.5)?, config.number("max_shift", 1.15)?);
        let few = config.whole("base_image_seq_len", 256, 1, 1 << 20)?;
        let many = config.whole("max_image_seq_len", 4096, 1, 1 << 20)?;
        let grid = Expression::new("dynamic_shift").with("base", "flow_linspace");
        let grid = grid.with_if(least != 0.5, "low", least).with_if(most != 1.15, "high", most);
        grid.with_if(few != 256, "few", few).with_if(many != 4096, "many", many).text()
    } else if by == 1.0 {
        "flow_linspace".to_owned()
    } else {
        let base = Expression::new("flow_linspace").with("low", format_args!("level(sigma = {})", low(1))).text();
        Expression::new("shift").with("base", base).with("by", by).text()
    };
    Ok(stretched(grid, terminal))
}

/// A grid with another last noisy level; 0 stands for none.
fn stretched(grid: String, terminal: f64) -> String {
    match terminal == 0.0 {
        true => grid,
        false => Expression::new("stretched").with("base", grid).with("terminal", terminal).text(),
    }
}
