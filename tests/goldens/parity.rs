//! `docs/parity.md`: which reference samplers the library is compared with, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::case::{Fate, Goldens, Reference};
use crate::follow::Outcome;
use crate::loops::{self, Loops};

/// What is known of one reference sampler.
#[derive(Default)]
struct Row<'a> {
    samplers: BTreeSet<&'a str>,
    compared: usize,
    in_part: usize,
    matching: usize,
    left_out: usize,
    /// The largest difference over the tolerance.
    worst: f64,
}

/// The whole page, from what came of the cases that are compared.
pub fn page(goldens: &Goldens, outcomes: &[Outcome<'_>]) -> String {
    let mut rows: Vec<Row<'_>> = goldens.references.iter().map(|_| Row::default()).collect();
    let mut left_out: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut in_part = left_out.clone();
    for outcome in outcomes {
        let row = &mut rows[outcome.entry.reference];
        row.samplers.insert(outcome.entry.case.sampler_name());
        row.compared += 1;
        row.matching += usize::from(outcome.matches());
        row.worst = row.worst.max(outcome.excess.clone().unwrap_or(f64::INFINITY));
        if let Some(why) = &outcome.entry.case.partial {
            row.in_part += 1;
            *in_part.entry(why).or_default().entry(outcome.entry.reference).or_default() += 1;
        }
    }
    for (at, reference) in goldens.references.iter().enumerate() {
        for record in &reference.records {
            if let Fate::LeftOut { left_out: why } = &record.fate {
                rows[at].left_out += 1;
                *left_out.entry(why).or_default().entry(at).or_default() += 1;
            }
        }
    }
    let total = |of: fn(&Row<'_>) -> usize| -> usize { rows.iter().map(of).sum() };
    let covered = |row: &Row<'_>| if row.compared > 0 { row.compared + row.left_out } else { 0 };
    let unstable = outcomes.iter().filter(|outcome| outcome.entry.case.f32.is_none()).count();
    let mut page = String::from(HEAD);
    let _ = writeln!(
        page,
        "\n{} cases of {} reference samplers: {} are compared ({} of them in part), and {} of these match. The library \
         covers\n{} of the samplers; of their {} cases {:.1} % match. In f32 {} cases are compared; the references of \
         the other\n{unstable} are unstable in f32 themselves.\n",
        total(|row| row.compared + row.left_out),
        rows.len(),
        total(|row| row.compared),
        total(|row| row.in_part),
        total(|row| row.matching),
        rows.iter().filter(|row| row.compared > 0).count(),
        total(covered),
        100.0 * total(|row| row.matching) as f64 / total(covered) as f64,
        outcomes.len() - unstable,
    );
    page += "| project | reference sampler | followed by | compared | in part | matching | left out | largest difference |\n\
             |---|---|---|---|---|---|---|---|\n";
    for (reference, row) in goldens.references.iter().zip(&rows) {
        let Row { compared, in_part, matching, left_out, .. } = row;
        let samplers: Vec<String> = row.samplers.iter().map(|name| format!("`{name}`")).collect();
        let worst = if *compared == 0 { String::new() } else { decade(row.worst) };
        let (project, samplers) = (project(reference), samplers.join(", "));
        let _ = writeln!(
            page,
            "| {project} | `{}` | {samplers} | {compared} | {in_part} | {matching} | {left_out} | {worst} |",
            reference.name
        );
    }
    for (title, reasons) in [("Left out", &left_out), ("Compared in part", &in_part)] {
        let _ = write!(page, "\n## {title}\n\n| why | cases | reference samplers |\n|---|---|---|\n");
        for (why, references) in reasons {
            let cases: usize = references.values().sum();
            let named = |(at, count): (&usize, &usize)| {
                let reference = &goldens.references[*at];
                format!("{} `{}` {count}", project(reference), reference.name)
            };
            let listed: Vec<String> = references.iter().map(named).collect();
            let _ = writeln!(page, "| {why} | {cases} | {} |", listed.join(", "));
        }
    }
    page
}

/// The part of the page on the loops of diffusers' tests.
pub fn loops(loops: &Loops, outcomes: &[(&str, Option<String>)]) -> String {
    let mut left_out: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for one in &loops.loops {
        if let loops::Fate::LeftOut { left_out: why } = &one.fate {
            *left_out.entry(why).or_default().entry(&one.reference).or_default() += 1;
        }
    }
    let matching = outcomes.iter().filter(|(_, wrong)| wrong.is_none()).count();
    let mut page = format!(
        "\n## diffusers' own tests\n\nThe full loops of diffusers' tests end in a sum and a mean of |x|: {} loops, {} \
         compared, {matching} of these match to the\ntolerance of the test and the rounding of f32.\n\n\
         | left out | loops | schedulers |\n|---|---|---|\n",
        loops.loops.len(),
        outcomes.len(),
    );
    for (why, references) in left_out {
        let count: usize = references.values().sum();
        let listed: Vec<String> = references.iter().map(|(name, count)| format!("`{name}` {count}")).collect();
        let _ = writeln!(page, "| {why} | {count} | {} |", listed.join(", "));
    }
    page
}

/// The power of ten, from 1e-12 up, that a multiple of the tolerance, 1e-9, does not exceed.
fn decade(excess: f64) -> String {
    let power = (excess * 1e-9).log10().ceil().max(-12.0);
    if power.is_finite() { format!("1e{power}") } else { "no run".to_owned() }
}

fn project(reference: &Reference) -> &str {
    match reference.project.as_str() {
        "kdiffusion" => "k-diffusion",
        "comfy" => "ComfyUI",
        "nvedm" => "NVlabs/edm",
        other => other,
    }
}

const HEAD: &str = "# Parity with other implementations

Generated by `UPDATE_PARITY=1 cargo test --release --test goldens`; do not edit.

Each case is a run of another project's sampler, done in double precision on a denoiser with a closed form. The library's
sampler runs on the same levels, start, noise and denoiser, and all states must agree to 1e-9 of the largest element of
the result. `tests/goldens/README.md` says which versions were run, and how. The last column is the largest difference of
all cases, rounded up to a power of ten, in units of that element.
";
