//! Facts of samplers, as proved and counted: lines for people, objects for programs, cells for tables.

use samp_compiler::prove::{AsRun, Facts, Finite, Measured, Moments, OrderFacts, PerStep, Signature};
use serde_json::{Value, json};

/// All facts of a sampler, as `check --format json` and `list --format json` give them.
pub fn object(facts: &Facts) -> Value {
    let OrderFacts { claimed, formula, as_run, notes } = &facts.order;
    json!({
        "order": {
            "claimed": claimed,
            "formula": formula,
            "as_run": as_run.as_ref().map(run_object),
            "notes": notes,
        },
        "weak_order": weak_order(facts),
        "signature": signature(facts.signature.as_ref()),
        "finite": facts.finite.as_ref().map(finite_words),
        "evals": facts.evals,
        "draws": facts.draws,
        "state": facts.state,
        "families": facts.families,
        "approximate": facts.approximate,
        "departures": facts.departures,
    })
}

fn run_object(run: &AsRun) -> Value {
    let AsRun { smooth, rough, steps, limit } = run;
    json!({ "smooth": smooth, "rough": rough, "steps": steps, "tends_to": limit })
}

/// The weak order that is claimed, and what was measured on each mesh.
fn weak_order(facts: &Facts) -> Value {
    let shown = |measured: &Measured| match (measured.order(), &measured.stopped) {
        _ if measured.kept().is_some() => json!("not falling"),
        (Some(order), _) => json!(order),
        (None, None) => json!("exact"),
        (None, Some(_)) => json!("not decided"),
    };
    let measured = |of: fn(&Moments) -> &Measured| facts.moments.as_ref().map(|moments| shown(of(moments)));
    json!({ "claimed": facts.weak_order, "smooth": measured(|m| &m.smooth), "rough": measured(|m| &m.rough) })
}

fn signature(signature: Option<&Signature>) -> Value {
    let (verdict, order, why) = match signature {
        None => return Value::Null,
        Some(Signature::Exact) => ("exact", None, None),
        Some(Signature::Vanishing(order)) => ("approximate", Some(order), None),
        Some(Signature::Wrong) => ("wrong", None, None),
        Some(Signature::NotDecided(why)) => ("not decided", None, Some(why)),
    };
    json!({ "verdict": verdict, "order": order, "why": why })
}

/// All facts of a sampler as lines: a word, and what there is to say; lines without a word go on.
pub fn lines(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut lines = vec![("order", order_words(&facts.order))];
    if let Some(run) = &facts.order.as_run {
        lines.push(("as run", run_words(run)));
    }
    lines.extend(facts.order.notes.iter().map(|note| ("", note.clone())));
    if facts.draws.of_ten > 0 || facts.weak_order.is_some() {
        lines.push((
            "weak order",
            facts.weak_order.map_or("none claimed".to_owned(), |order| format!("{order} claimed")),
        ));
    }
    if let Some(moments) = &facts.moments {
        let words =
            format!("{} on smooth grids, {} on rough ones", measured(&moments.smooth), measured(&moments.rough));
        lines.push(("measured", words));
    }
    if let Some(signature) = &facts.signature {
        lines.push(("signature", signature_words(signature)));
    }
    if let Some(finite) = &facts.finite {
        lines.push(("finite", finite_words(finite)));
    }
    lines.push(("evals", per_step(&facts.evals)));
    lines.push(("draws", per_step(&facts.draws)));
    let buffers = |n: u32| format!("{n} buffer{}", if n == 1 { "" } else { "s" });
    lines.push(("state", format!("{} between steps, {} at the peak", buffers(facts.state.rest), facts.state.peak)));
    lines.push(("families", facts.families.join(", ")));
    let words = std::iter::once("departs").chain(std::iter::repeat(""));
    lines.extend(words.zip(&facts.departures).map(|(word, departure)| (word, departure.clone())));
    lines
}

fn order_words(order: &OrderFacts) -> String {
    match (order.claimed, order.formula) {
        (None, _) => "none claimed".to_owned(),
        (Some(claimed), Some(formula)) => format!("{claimed} claimed, {formula} by formula"),
        (Some(claimed), None) => format!("{claimed} claimed, not decided by formula"),
    }
}

fn run_words(run: &AsRun) -> String {
    let slope = |slope: Option<f64>| slope.map_or("exact".to_owned(), |slope| format!("{slope:.2}"));
    let measured =
        format!("{} on smooth grids, {} on rough ones, of {} steps", slope(run.smooth), slope(run.rough), run.steps);
    match &run.limit {
        Some(limit) if limit.smooth == limit.rough => format!("{} in the limit; {measured}", limit.smooth),
        Some(limit) => format!("{} and {} in the limit; {measured}", limit.smooth, limit.rough),
        None => measured,
    }
}

fn measured(measured: &Measured) -> String {
    if let Some(share) = measured.kept() {
        let side = if share > 0.0 { "large" } else { "small" };
        return format!("not falling, the variance {:.2} % too {side}", 100.0 * share.abs());
    }
    match (measured.order(), &measured.stopped) {
        (Some(order), None) => format!("{order:.2}"),
        (Some(order), Some(why)) => format!("{order:.2} (not decided: {why})"),
        (None, None) => "exact".to_owned(),
        (None, Some(why)) => format!("not decided: {why}"),
    }
}

fn signature_words(signature: &Signature) -> String {
    match signature {
        Signature::Exact => "exact".to_owned(),
        Signature::Vanishing(order) => format!("approximate, with an error that falls at order {order:.2}"),
        Signature::NotDecided(why) => format!("not decided: {why}"),
        Signature::Wrong => "wrong".to_owned(),
    }
}

fn finite_words(finite: &Finite) -> String {
    match finite {
        Finite::Holds => "holds".to_owned(),
        Finite::NotDecided(why) => format!("not decided: {why}"),
    }
}

fn per_step(counted: &PerStep) -> String {
    let PerStep { per_step, of_ten, by_step } = counted;
    let mut words = format!("{per_step} a step");
    let differ = by_step.iter().any(|count| count != per_step);
    if differ {
        let list: Vec<String> = by_step.iter().map(usize::to_string).collect();
        words += &format!(", {of_ten} in ten steps: {}", list.join(" "));
    }
    words
}

/// The order as proved, in a word: of the formula, or the weak order for rules that draw.
pub fn order_cell(facts: &Facts) -> String {
    match (facts.order.claimed, facts.order.formula, facts.weak_order) {
        (Some(_), Some(formula), _) => formula.to_string(),
        (Some(_), None, _) => "not decided".to_owned(),
        (None, _, Some(weak)) => match weak_proved(facts) {
            true => format!("weak {weak}"),
            false => "not decided".to_owned(),
        },
        (None, _, None) => "-".to_owned(),
    }
}

/// Whether the weak order that is claimed was reached, on both meshes.
fn weak_proved(facts: &Facts) -> bool {
    let (Some(weak), Some(moments)) = (facts.weak_order, &facts.moments) else { return false };
    let reached = |one: &Measured| one.order().map_or(one.stopped.is_none(), |order| order > weak as f64 - 0.25);
    reached(&moments.smooth) && reached(&moments.rough)
}
