//! Plans: invariants, texts, and what the passes make of a run.

use samp_compiler::compile::{Compiled, Request, compile};
use samp_compiler::hir::Slot;
use samp_compiler::ir::plan::{Fed, Plan, PlanOp, Target};
use samp_compiler::ir::{plan_text, plan_verify};
use samp_compiler::library::std_planned_samplers;
use samp_compiler::machine::RunConfig;
use samp_lang::diag::Code;

/// A file of its own in place of the disk.
fn request(texts: &[(&str, &str)], slots: &[(Slot, &str)]) -> Compiled {
    let loader = |path: &str| {
        let found = texts.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "there is no such file".to_owned())
    };
    let slots = slots.iter().map(|(slot, value)| (*slot, (*value).to_owned())).collect();
    let request = Request { pipeline: None, slots, sets: Vec::new() };
    compile(&request, &loader).unwrap_or_else(|failure| panic!("{failure}"))
}

fn plan_with(texts: &[(&str, &str)], slots: &[(Slot, &str)]) -> Plan {
    let compiled = request(texts, slots);
    compiled.plan(&RunConfig::default()).unwrap_or_else(|failure| panic!("{failure}")).plan
}

fn plan_of(sampler: &str, schedule: &str, model: &str) -> Plan {
    plan_with(&[], &slots(sampler, schedule, model))
}

fn slots<'a>(sampler: &'a str, schedule: &'a str, model: &'a str) -> [(Slot, &'a str); 5] {
    let grid = if schedule == "flow" { "exponential(high = level(lambda = -5))" } else { "karras" };
    let (model, steps) = (model, "5");
    [
        (Slot::Schedule, schedule),
        (Slot::Grid, grid),
        (Slot::Model, model),
        (Slot::Sampler, sampler),
        (Slot::Steps, steps),
    ]
}

fn own(text: &str) -> Plan {
    plan_with(&[("own.samp", text)], &slots("own.samp", "scaled_linear", "eps"))
}

#[test]
fn every_sampler_has_a_valid_plan_that_reads_back() {
    for sampler in std_planned_samplers() {
        for schedule in ["scaled_linear", "edm", "flow"] {
            for model in ["eps", "v", "flow", "x0", "edm"] {
                let plan = plan_of(sampler, schedule, model);
                let shown = format!("{sampler} on {schedule} with {model}");
                plan_verify::verify(&plan).unwrap_or_else(|error| panic!("{shown}: {error}"));
                let text = plan_text::print(&plan);
                let back = plan_text::parse(&text).unwrap_or_else(|error| panic!("{shown}: {error}\n{text}"));
                // NaN is not equal to itself, so texts are compared.
                assert_eq!(plan_text::print(&back), text, "{shown}");
            }
        }
    }
}

/// Launches before the first call, and after each.
fn launches_by_call(plan: &Plan) -> Vec<usize> {
    let mut launches = vec![0];
    for op in &plan.ops {
        match op {
            PlanOp::Launch(_) => *launches.last_mut().expect("there is the first") += 1,
            PlanOp::Call(_) => launches.push(0),
            PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => {}
        }
    }
    launches
}

/// Guidance, conversions and the next call's input are all in the one kernel that follows a call.
#[test]
fn there_is_one_launch_for_each_call() {
    for sampler in std_planned_samplers() {
        for guidance in ["plain", "cfg(scale = 3)"] {
            for cast in [false, true] {
                let mut all = slots(sampler, "scaled_linear", "edm").to_vec();
                all.push((Slot::Guidance, guidance));
                let config = RunConfig { cast, ..RunConfig::default() };
                let plan = request(&[], &all).plan(&config).unwrap_or_else(|failure| panic!("{failure}")).plan;
                let shown = format!("{sampler} with guidance {guidance}, cast {cast}");
                plan_verify::verify(&plan).unwrap_or_else(|error| panic!("{shown}: {error}"));
                let text = plan_text::print(&plan);
                let back = plan_text::parse(&text).unwrap_or_else(|error| panic!("{shown}: {error}\n{text}"));
                assert_eq!(plan_text::print(&back), text, "{shown}");
                let launches = launches_by_call(&plan);
                assert_eq!(launches.len(), plan.cost.calls as usize + 1, "{shown}");
                assert!(launches[0] <= 1, "{shown}: only the first call's input is written before it");
                // A kernel that reads a statistic waits for the one that makes it.
                let most = if plan.kernels.values().any(|kernel| !kernel.reduces.is_empty()) { 2 } else { 1 };
                assert!(launches[1..].iter().all(|n| (1..=most).contains(n)), "{shown}: {launches:?}");
                let fed = |op: &PlanOp| matches!(op, PlanOp::Call(call) if call.input == Fed::Feed);
                let feeds = plan.ops.iter().filter(|op| fed(op)).count();
                // Only a prediction that is asked for without guidance has one branch.
                assert!(guidance == "plain" || feeds > 0, "{shown}");
                assert!(!cast || feeds == plan.cost.calls as usize, "{shown}");
                assert_eq!(plan.n_feeds > 0, feeds > 0, "{shown}");
            }
        }
    }
}

/// Guidance that measures samples: a launch for each time that numbers per sample are known, and no other. On a device
/// each that reduces is followed by one small launch.
#[test]
fn what_is_measured_costs_a_launch() {
    // Launches after each call: those that make cells, and the one that reads the last of them.
    for (guidance, most) in
        [("cfg_norm", 2), ("cfg_zero_star", 2), ("dynamic_threshold", 2), ("cfg_rescale", 3), ("apg", 3)]
    {
        for sampler in std_planned_samplers() {
            let mut all = slots(sampler, "scaled_linear", "edm").to_vec();
            all.push((Slot::Guidance, guidance));
            let plan =
                request(&[], &all).plan(&RunConfig::default()).unwrap_or_else(|failure| panic!("{failure}")).plan;
            let mut reducing = vec![0];
            for op in &plan.ops {
                match op {
                    PlanOp::Launch(op) => {
                        *reducing.last_mut().expect("there is the first") += usize::from(!op.reduces.is_empty());
                    }
                    PlanOp::Call(_) => reducing.push(0),
                    PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => {}
                }
            }
            let launches = launches_by_call(&plan);
            for (call, (launches, reducing)) in launches.iter().zip(&reducing).enumerate().skip(1) {
                assert_eq!(*launches, reducing + 1, "{sampler} with {guidance}, call {call}");
                // A Langevin step measures what it was guided by.
                let most = if sampler == "predictor_corrector" { most + 1 } else { most };
                assert!(*launches <= most, "{sampler} with {guidance}, call {call}: {launches} launches");
            }
            assert!(reducing.iter().any(|n| *n > 0), "{sampler} with {guidance} measures nothing");
        }
    }
}

/// The sample, the prediction before, the model's input and its output.
#[test]
fn dpmpp_2m_needs_four_buffers() {
    assert_eq!(plan_of("dpmpp_2m", "scaled_linear", "eps").cost.peak_buffers, 3);
    assert_eq!(plan_of("dpmpp_2m", "edm", "edm").cost.peak_buffers, 4);
}

#[test]
fn steps_that_differ_in_numbers_share_a_kernel() {
    let slots = [
        (Slot::Schedule, "scaled_linear"),
        (Slot::Grid, "karras"),
        (Slot::Model, "eps"),
        (Slot::Sampler, "dpmpp_2m"),
        (Slot::Steps, "50"),
    ];
    let plan = plan_with(&[], &slots);
    assert_eq!(plan.cost.launches, 50);
    assert!(plan.kernels.len() <= 4, "{} kernels", plan.kernels.len());
}

#[test]
fn branches_at_one_sample_are_one_call() {
    let mut all = slots("heun", "scaled_linear", "eps").to_vec();
    all.push((Slot::Guidance, "cfg(scale = 3)"));
    let plan = plan_with(&[], &all);
    assert_eq!((plan.cost.calls, plan.cost.evals), (9, 18));
}

#[test]
fn a_branch_with_factor_zero_is_not_evaluated() {
    let mut all = slots("euler", "scaled_linear", "eps").to_vec();
    all.push((Slot::Guidance, "cfg(scale = 0)"));
    let plan = plan_with(&[], &all);
    assert_eq!(plan.cost.evals, 5, "only the unconditional branch is read");
}

#[test]
fn two_views_are_one_evaluation() {
    assert_eq!(plan_of("ddim(eta = 0.5)", "scaled_linear", "v").cost.evals, 5);
}

#[test]
fn a_draw_with_factor_zero_is_counted_and_not_made() {
    let text = "sampler own {
    step x: sample@s -> sample@t {
        let a = noise()
        let b = noise()
        return transfer(x, x0(x), t) + 0 * a + 0.5 * sigma(t) * b
    }
}";
    let plan = own(text);
    let draws: Vec<u32> = plan
        .ops
        .iter()
        .flat_map(|op| match op {
            PlanOp::Launch(launch) => launch.draws.clone(),
            PlanOp::Call(_) | PlanOp::Drop { .. } | PlanOp::Step { .. } | PlanOp::Emit { .. } => Vec::new(),
        })
        .collect();
    assert_eq!(draws, [1, 3, 5, 7], "the last step ends at clean");
}

#[test]
fn a_call_that_nothing_reads_is_dropped_with_a_warning() {
    let text = "sampler own {
    step x: sample@s -> sample@t {
        let m = level(lambda = lambda(s) + 0.1)
        let unused = x0(transfer(x, x0(x), m))
        return transfer(x, x0(x), t) + 0 * unused
    }
}";
    let compiled = request(&[("own.samp", text)], &slots("own.samp", "scaled_linear", "eps"));
    let planned = compiled.plan(&RunConfig::default()).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(planned.plan.cost.evals, 5);
    assert!(planned.warnings.iter().any(|warning| warning.code == Code::W0513));
}

/// A call at the sample that a step returns is the first call of the next step.
#[test]
fn the_last_call_of_a_step_is_the_first_of_the_next() {
    let text = "sampler own {
    step x: sample@s -> sample@t {
        let y = transfer(x, x0(x), t)
        if t == clean {
            return y
        }
        return y + 0.1 * (x0(y) - x0(x))
    }
}";
    let corrected = "sampler own {
    step x: sample@s -> sample@t {
        let y = transfer(x, x0(x), t)
        if t == clean {
            return y
        }
        return y + 0 * x0(y)
    }
}";
    assert_eq!(own(text).cost.evals, 9, "the corrected sample is another one");
    assert_eq!(own(corrected).cost.evals, 5);
}

/// What a nested step was given answers its first call and no other.
#[test]
fn a_given_prediction_answers_the_first_call() {
    let text = "use std.samplers.{heun}

sampler own(base: sampler = heun) {
    step x: sample@s -> sample@t {
        return base(x, t, given = x0(x))
    }
}";
    let given = own(text);
    let plain = plan_of("heun", "scaled_linear", "eps");
    assert_eq!(given.cost.evals, plain.cost.evals);
}

#[test]
fn damaged_plans_are_refused() {
    let plan = plan_of("dpmpp_2m", "edm", "edm");
    let damaged = |damage: &dyn Fn(&mut Plan)| {
        let mut copy = plan.clone();
        damage(&mut copy);
        plan_verify::verify(&copy).err().map(|error| error.invariant)
    };
    assert_eq!(damaged(&|_| {}), None);
    assert_eq!(damaged(&|plan| plan.n_slots = 0), Some(1));
    assert_eq!(damaged(&|plan| plan.start = None), Some(2));
    assert_eq!(damaged(&|plan| plan.ops.retain(|op| !matches!(op, PlanOp::Call(call) if call.call == 0))), Some(3));
    let first_launch = |plan: &mut Plan, damage: &dyn Fn(&mut samp_compiler::ir::plan::LaunchOp)| {
        for op in &mut plan.ops {
            if let PlanOp::Launch(launch) = op {
                return damage(launch);
            }
        }
    };
    assert_eq!(damaged(&|plan| first_launch(plan, &|launch| launch.scalars[0] = f64::NAN)), Some(4));
    assert_eq!(damaged(&|plan| first_launch(plan, &|launch| launch.scalars.clear())), Some(4));
    assert_eq!(damaged(&|plan| plan.ops.truncate(3)), Some(6));
    let store_to = |plan: &mut Plan, target: Target| {
        first_launch(plan, &|launch| {
            launch.stores[0] = target;
        });
    };
    assert_eq!(damaged(&|plan| store_to(plan, Target::Feed(0))), Some(8), "there is no feed");
    let feed_calls = |plan: &mut Plan| {
        for op in &mut plan.ops {
            if let PlanOp::Call(call) = op {
                call.input = Fed::Feed;
            }
        }
    };
    assert_eq!(damaged(&feed_calls), Some(8), "nothing is written to the feed");
}

#[test]
fn broken_plan_texts_are_errors() {
    let text = plan_text::print(&plan_of("dpmpp_2m", "edm", "edm"));
    let lines: Vec<&str> = text.lines().collect();
    for drop in 0..lines.len() {
        let mut kept = lines.clone();
        kept.remove(drop);
        // Some lines may go; what matters is that the parser answers.
        let _ = plan_text::parse(&kept.join("\n"));
    }
    for (at, _) in text.char_indices().step_by(7) {
        let _ = plan_text::parse(&text[..at]);
    }
    assert!(plan_text::parse("").is_err());
    assert!(plan_text::parse("plan a on b {\n  slots x\n}").is_err());
}
