//! The classes of diffusers that can be imported.

use super::config::Config;
use super::expression::Expression;
use super::levels::{Edm, Last, Levels, Rescaled, Steps, Table};

/// A scheduler class.
pub struct Class {
    /// Without `Scheduler` at its end.
    name: &'static str,
    /// Whether its predictions are clipped unless the configuration says otherwise; none if they never are.
    clips: Option<bool>,
    /// Whether a configuration may ask for dynamic thresholding.
    thresholds: bool,
    /// Whether a network may have a second output, for the variance.
    learns: bool,
    pub levels: Levels,
    pub sampler: Sampler,
    /// Keys of its neighbours that it does not have, or that cannot be honoured.
    pub lacks: &'static [&'static str],
    /// What a reader of the pipeline should know.
    pub note: Option<&'static str>,
}

/// The sampler of a run.
type Sampler = fn(&Config, &Class, Run) -> Result<String, String>;

/// What is asked of a scheduler.
#[derive(Clone, Copy)]
pub struct Run {
    /// Its steps.
    pub n: usize,
    /// Whether the last of them has length zero and is left off.
    pub closed: bool,
}

const HO: (&str, f64, f64) = ("linear", 0.0001, 0.02);
const LATENT: (&str, f64, f64) = ("scaled_linear", 0.00085, 0.012);
const CAPPED: (&str, f64, f64) = ("squaredcos_cap_v2", 0.0001, 0.02);
const HEUN: (&str, f64, f64) = ("linear", 0.00085, 0.012);
const LEADING: Option<&str> = Some("leading");
const LINSPACE: Option<&str> = Some("linspace");
const RESPACED: &[&str] = &["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"];
const FLOW_ONLY: &[&str] = &[
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
    "use_dynamic_shifting",
    "shift_terminal",
];
const OWN_SIGMAS: &str = "These are the scheduler's own levels; a caller that hands over its own has others.";
const BOUNDARY: &str = "Diffusers also adds the sample to each prediction, with a weight below 1e-5.";

const fn table(
    betas: (&'static str, f64, f64),
    rescaled: Rescaled,
    spacing: Option<&'static str>,
    steps: Steps,
    last: Last,
) -> Levels {
    Levels::Table(Table { betas, rescaled, spacing, steps, last, snr_shift: None })
}

const fn class(name: &'static str, levels: Levels, sampler: Sampler) -> Class {
    let lacks = &["use_lu_lambdas"];
    Class { name, clips: None, thresholds: false, learns: false, levels, sampler, lacks, note: None }
}

use Last::{AlphaToOne, Chosen, Clean, Entry};
use Rescaled::{Never, Pinned, Pure};
use Steps::{Entries, Sigmas, Skips, Solver, UniPc};

const EDM: Levels = Levels::Edm(Edm { ends: (0.002, 80.0), spacing: "karras", angle: false });
const COSINE: Levels = Levels::Edm(Edm { ends: (0.3, 500.0), spacing: "exponential", angle: true });
const COGVIDEO: Levels = Levels::Table(Table {
    betas: LATENT,
    rescaled: Pure,
    spacing: LEADING,
    steps: Entries,
    last: AlphaToOne(true),
    snr_shift: Some(3.0),
});

#[rustfmt::skip]
static CLASSES: [Class; 25] = [
    Class { clips: Some(true), thresholds: true, ..class("DDIM", table(HO, Pure, LEADING, Entries, AlphaToOne(true)), ddim) },
    Class {
        clips: Some(true),
        thresholds: true,
        learns: true,
        ..class("DDPM", table(HO, Pure, LEADING, Entries, Clean), ddpm)
    },
    Class { clips: Some(true), learns: true, ..class("UnCLIP", table(CAPPED, Never, None, Entries, Clean), unclip) },
    class("CogVideoXDDIM", COGVIDEO, ddim),
    class("CogVideoXDPM", COGVIDEO, cogvideo_dpm),
    class("PNDM", table(HO, Never, LEADING, Entries, AlphaToOne(false)), pndm),
    class("EulerDiscrete", table(HO, Pinned, LINSPACE, Sigmas, Chosen), |_, _, _| plain("euler")),
    Class {
        lacks: RESPACED,
        ..class("EulerAncestralDiscrete", table(HO, Pinned, LINSPACE, Sigmas, Clean), |_, _, _| plain("euler_ancestral"))
    },
    Class {
        clips: Some(false),
        ..class("HeunDiscrete", table(HEUN, Never, LINSPACE, Sigmas, Clean), |_, _, _| plain("heun"))
    },
    class("KDPM2Discrete", table(HEUN, Never, LINSPACE, Sigmas, Clean), |_, _, _| plain("dpm_2")),
    class("KDPM2AncestralDiscrete", table(HEUN, Never, LINSPACE, Sigmas, Clean), |_, _, _| plain("ancestral(base = dpm_2)")),
    class("DPMSolverSDE", table(HEUN, Never, LINSPACE, Sigmas, Clean), |_, _, _| plain("dpmpp_sde")),
    class("LMSDiscrete", table(HO, Never, LINSPACE, Sigmas, Clean), |_, _, _| plain("lms")),
    Class {
        lacks: &[],
        thresholds: true,
        learns: true,
        ..class("DPMSolverMultistep", table(HO, Pinned, LINSPACE, Solver, Chosen), multistep)
    },
    Class { learns: true, ..class("DPMSolverSinglestep", table(HO, Never, None, Solver, Chosen), singlestep) },
    class("UniPCMultistep", table(HO, Pinned, LINSPACE, UniPc, Chosen), unipc),
    class("DEISMultistep", table(HO, Never, LINSPACE, Solver, Entry), deis),
    Class { note: Some(BOUNDARY), ..class("LCM", table(LATENT, Pure, None, Skips, Clean), lcm) },
    class("TCD", table(LATENT, Pure, None, Skips, Entry), |_, _, _| plain("tcd(gamma = 0.3)")),
    class("EDMEuler", EDM, |_, _, _| plain("euler")),
    class("EDMDPMSolverMultistep", EDM, multistep),
    class("CosineDPMSolverMultistep", COSINE, multistep),
    Class { note: Some(OWN_SIGMAS), ..class("FlowMatchEulerDiscrete", Levels::Flow, flow_euler) },
    Class {
        note: Some(OWN_SIGMAS),
        lacks: FLOW_ONLY,
        ..class("FlowMatchHeunDiscrete", Levels::Flow, |_, _, _| plain("heun_flow"))
    },
    Class { note: Some(OWN_SIGMAS), ..class("FlowMatchLCM", Levels::Flow, |_, _, _| plain("lcm")) },
];

/// The class of a name.
pub fn find(name: &str) -> Result<&'static Class, String> {
    let short = name.strip_suffix("Scheduler").unwrap_or(name);
    CLASSES.iter().find(|class| class.name == short).ok_or_else(|| {
        let names: Vec<String> = CLASSES.iter().map(|class| format!("`{}Scheduler`", class.name)).collect();
        format!("`_class_name` is `{name}`; there are {}, and for others a pipeline of your own", names.join(", "))
    })
}

/// A class name as the name of an item: `EulerDiscreteScheduler` is `euler_discrete`.
pub fn item_name(class: &str) -> String {
    let letters: Vec<char> = class.strip_suffix("Scheduler").unwrap_or(class).chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let begins = letter.is_uppercase()
            && at > 0
            && (letters[at - 1].is_lowercase() || letters.get(at + 1).is_some_and(|next| next.is_lowercase()));
        if begins {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// What the network's output means.
pub fn model(config: &Config, class: &Class) -> Result<String, String> {
    match &class.levels {
        Levels::Edm(levels) => {
            config.whole("num_train_timesteps", 1000, 1, 100_000)?;
            let data = config.number("sigma_data", if levels.angle { 1.0 } else { 0.5 })?;
            if levels.angle {
                config.word("prediction_type", "v_prediction", &["v_prediction"])?;
                let one = || Expression::new("trigflow").with("time_scale", "2 / pi").text();
                return if data == 1.0 { Ok(one()) } else { Err(config.refusal("sigma_data", "only 1")) };
            }
            let kind = config.word("prediction_type", "epsilon", &["epsilon", "v_prediction"])?;
            let model = Expression::new(if kind == "epsilon" { "edm" } else { "edm_v" });
            Ok(model.with_if(data != 0.5, "data_std", real(data)).text())
        }
        Levels::Flow if config.flag("invert_sigmas", false)? => {
            Ok(Expression::new("flow_data_ward").with("time_scale", 1000).text())
        }
        Levels::Flow => plain("flow"),
        Levels::Table(table) if table.is_flow(config)? => {
            config.word("prediction_type", "epsilon", &["flow_prediction"])?;
            plain("flow")
        }
        Levels::Table(table) if table.is_continuous(config)? => {
            config.word("prediction_type", "epsilon", &["v_prediction"])?;
            Ok(Expression::new("edm_v").with("data_std", real(1.0)).text())
        }
        Levels::Table(_) if class.learns && config.is("variance_type", "learned_range") => {
            config.word("variance_type", "learned_range", &["learned_range"])?;
            config.word("prediction_type", "epsilon", &["epsilon"])?;
            plain("learned_variance")
        }
        Levels::Table(_) => {
            let kind = config.word("prediction_type", "epsilon", &["epsilon", "v_prediction", "sample"])?;
            plain(match kind {
                "epsilon" => "eps",
                "v_prediction" => "v",
                _ => "x0",
            })
        }
    }
}

fn plain(name: &str) -> Result<String, String> {
    Ok(name.to_owned())
}

/// Steps aim at t - 1000 div n, which may not be the next time step.
fn same_stride(config: &Config, class: &Class, n: usize) -> Result<Option<u64>, String> {
    let Levels::Table(table) = &class.levels else { return Ok(None) };
    let (times, stride) = table.strides(config, n)?;
    let same = times.windows(2).all(|pair| pair[0] - pair[1] == stride);
    let ends = times.last().is_none_or(|last| last - stride < 0.0);
    Ok((!(same && ends)).then_some(stride as u64))
}

/// What keeps the data predictions inside a range.
enum Inside {
    Clipped { bound: f64 },
    Thresholded { share: f64, largest: f64 },
}

fn inside(config: &Config, class: &Class) -> Result<Option<Inside>, String> {
    let clips = class.clips.map_or(Ok(false), |default| config.flag("clip_sample", default))?;
    if class.thresholds && config.flag("thresholding", false)? {
        let share = config.number("dynamic_thresholding_ratio", 0.995)?;
        return Ok(Some(Inside::Thresholded { share, largest: config.number("sample_max_value", 1.0)? }));
    }
    match clips {
        true => Ok(Some(Inside::Clipped { bound: config.number("clip_sample_range", 1.0)? })),
        false => Ok(None),
    }
}

/// What is done to the data predictions. DDIM leaves the noise prediction beside them as it is: see its sampler.
pub fn guidance(config: &Config, class: &Class) -> Result<Option<String>, String> {
    Ok(inside(config, class)?.filter(|_| class.name != "DDIM").map(|inside| match inside {
        Inside::Clipped { bound } => Expression::new("clip").with("low", real(-bound)).with("high", real(bound)).text(),
        Inside::Thresholded { share, largest } => {
            let base = Expression::new("dynamic_threshold").with("base", "plain");
            base.with("share", real(share)).with("largest", real(largest)).text()
        }
    }))
}

/// A number as a real one: `1.0`, not `1`.
fn real(number: f64) -> String {
    format!("{number:?}")
}

fn ddim(config: &Config, class: &Class, Run { n, .. }: Run) -> Result<String, String> {
    let shipped = || Expression::new("ddim_clipped_as_shipped");
    let base = match inside(config, class)? {
        None => "ddim".to_owned(),
        Some(Inside::Clipped { bound }) => shipped().with("bound", real(bound)).text(),
        Some(Inside::Thresholded { share, largest }) => {
            shipped().with("bound", real(largest)).with("share", real(share)).text()
        }
    };
    Ok(match same_stride(config, class, n)? {
        None => base,
        Some(stride) => Expression::new("fixed_stride").with("base", base).with("stride", stride).text(),
    })
}

fn ddpm(config: &Config, class: &Class, Run { n, .. }: Run) -> Result<String, String> {
    let kinds = ["fixed_small", "fixed_small_log", "fixed_large", "learned_range"];
    let kind = config.word("variance_type", "fixed_small", &kinds)?;
    let Levels::Table(table) = &class.levels else { return plain("ddpm") };
    if matches!(kind, "fixed_large" | "learned_range")
        && table.strides(config, n)?.0.last().is_some_and(|last| *last > 0.0)
    {
        return Err(config.refusal(
            "variance_type",
            "only the small variances where the last time step is not 0, as with an offset",
        ));
    }
    Ok(match kind {
        "fixed_large" => Expression::new("ddpm").with("variance", "large").text(),
        "learned_range" => "ddpm_learned".to_owned(),
        _ => "ddpm".to_owned(),
    })
}

fn unclip(config: &Config, _: &Class, _: Run) -> Result<String, String> {
    plain(match config.word("variance_type", "fixed_small_log", &["fixed_small_log", "learned_range"])? {
        "learned_range" => "ddpm_learned",
        _ => "ddpm",
    })
}

fn cogvideo_dpm(config: &Config, class: &Class, Run { n, .. }: Run) -> Result<String, String> {
    match same_stride(config, class, n)? {
        None => plain("dpmpp_2m_sde"),
        Some(_) => Err(config.refusal("timestep_spacing", &format!("only `leading` for {n} steps"))),
    }
}

fn pndm(config: &Config, class: &Class, Run { n, .. }: Run) -> Result<String, String> {
    let skips = config.flag("skip_prk_steps", false)?;
    if same_stride(config, class, n)?.is_some() {
        return Err(config.refusal("timestep_spacing", &format!("only `leading` for {n} steps")));
    }
    if !skips && n < 4 {
        return Err(config.refusal("skip_prk_steps", &format!("only `true` for {n} steps")));
    }
    let velocity = config.word("prediction_type", "epsilon", &["epsilon", "v_prediction"])? == "v_prediction";
    let sampler = Expression::new("pndm").with_if(skips, "start", "heun");
    Ok(sampler.with_if(velocity, "average", "velocity").text())
}

/// Whether the last of few steps are of lower order.
fn few(config: &Config, n: usize) -> Result<bool, String> {
    Ok(config.flag("lower_order_final", true)? && n < 15)
}

/// Fails for rules whose last step changes the sample even where it has length zero.
fn moves(config: &Config, run: Run) -> Result<(), String> {
    match run.closed {
        true => Err(config.refusal("final_sigmas_type", "only `zero` where the last step would have length zero")),
        false => Ok(()),
    }
}

fn multistep(config: &Config, class: &Class, run: Run) -> Result<String, String> {
    let algorithm = match &class.levels {
        Levels::Edm(Edm { angle: true, .. }) => "sde-dpmsolver++",
        _ => config.word("algorithm_type", "dpmsolver++", &["dpmsolver++", "sde-dpmsolver++", "dpmsolver"])?,
    };
    let sde = algorithm == "sde-dpmsolver++";
    let order = config.whole("solver_order", 2, 1, if sde { 2 } else { 3 })?;
    let form = config.word("solver_type", "midpoint", &["midpoint", "heun"])?;
    let (few, euler) = (few(config, run.n)?, config.flag("euler_at_final", false)?);
    if order == 1 {
        return plain(if sde { "ddim(eta = 1.0)" } else { "ddim" });
    }
    if order == 3 && few {
        moves(config, run)?; // by the lower order of the step before
    }
    let taper = if run.closed { 0 } else { (if few { 2 } else { u64::from(euler) }).min(order - 1) };
    let noise = algorithm == "dpmsolver";
    let name = match (noise, order, sde) {
        (true, _, _) => "dpm_solver_multistep",
        (false, 3, _) => "dpmpp_3m_as_shipped",
        (false, _, true) => "dpmpp_2m_sde",
        (false, _, false) => "dpmpp_2m",
    };
    let sampler = Expression::new(name).with_if(form != "midpoint", "form", form);
    let sampler = match taper > 0 {
        true if order == 3 || noise => sampler.with("taper", taper),
        true => sampler.with("taper", true),
        false => sampler,
    };
    Ok(sampler.with_if(noise, "order", order).with_if(noise && order == 3, "third", "as_shipped").text())
}

fn singlestep(config: &Config, _: &Class, run: Run) -> Result<String, String> {
    let algorithm = config.word("algorithm_type", "dpmsolver++", &["dpmsolver++", "dpmsolver"])?;
    let order = config.whole("solver_order", 2, 1, 3)?;
    let form = config.word("solver_type", "midpoint", &["midpoint", "heun"])?;
    let taper = config.flag("lower_order_final", false)? && (run.n as u64).is_multiple_of(order);
    if order == 1 {
        return plain("ddim");
    }
    moves(config, run)?;
    let sampler = Expression::new("singlestep").with_if(order != 2, "points", order);
    let sampler = sampler.with_if(algorithm == "dpmsolver", "predict", "noise");
    Ok(sampler.with_if(form == "heun", "form", form).with_if(taper, "taper", true).text())
}

fn unipc(config: &Config, _: &Class, run: Run) -> Result<String, String> {
    moves(config, run)?;
    let order = config.whole("solver_order", 2, 1, 4)?;
    let b = config.word("solver_type", "bh2", &["bh1", "bh2"])?;
    let data = config.flag("predict_x0", true)?;
    let skip = config.wholes("disable_corrector")?;
    let lower = config.flag("lower_order_final", true)?;
    let sampler = Expression::new("unipc").with("order", order).with_if(b != "bh2", "b", b);
    let sampler = sampler.with_if(!data, "predict", "noise");
    let sampler = sampler.with_if(!skip.is_empty(), "skip", format_args!("{skip:?}"));
    Ok(sampler.with_if(!lower, "taper", false).text())
}

fn deis(config: &Config, _: &Class, run: Run) -> Result<String, String> {
    config.word("algorithm_type", "deis", &["deis"])?;
    config.word("solver_type", "logrho", &["logrho"])?;
    let order = config.whole("solver_order", 2, 1, 3)?;
    let few = few(config, run.n)?;
    if order == 1 {
        return plain("ddim");
    }
    if order == 3 && few && run.closed {
        let key = "lower_order_final";
        return Err(config.refusal(key, "only `false` for few steps of third order, the last of them of length zero"));
    }
    let few = few && !run.closed;
    Ok(Expression::new("deis").with("points", order).with_if(few, "taper", order - 1).text())
}

fn lcm(config: &Config, _: &Class, _: Run) -> Result<String, String> {
    if config.number("timestep_scaling", 10.0)? < 10.0 {
        return Err(config.refusal("timestep_scaling", "only numbers from 10, for which the sample adds nothing"));
    }
    plain("lcm")
}

fn flow_euler(config: &Config, _: &Class, _: Run) -> Result<String, String> {
    plain(if config.flag("stochastic_sampling", false)? { "lcm" } else { "euler" })
}
