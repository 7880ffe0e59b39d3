//! What would mend a tensor with the wrong signature: one of the few factors that people get wrong.
//!
//! A tensor is the sum of a few terms. Each term is tried with a ratio of alpha or sigma at the ends of the step, with
//! one of them alone, the other sign, a factor 2, a square root. What mends every run that failed at a place is named.

use std::sync::Arc;

use super::signature::Record;
use crate::arith::affine::{Deviation, Form, TOLERANCE, distance};
use crate::machine::level::Level;
use crate::types::Kind;

/// The runs that say something of a place: in a step to the clean level, anything times its noise is 0.
fn telling(records: &[Record]) -> Vec<&Record> {
    let telling: Vec<&Record> = records.iter().filter(|record| record.deviation.expected.1 != 0.0).collect();
    if telling.is_empty() { records.iter().collect() } else { telling }
}

/// What mends every run that failed at a place.
pub(super) fn factor(records: &[Record]) -> Option<String> {
    let telling = telling(records);
    let first = telling.first()?;
    if first.deviation.found.lost {
        return Some("only a cast makes it a kind again, and says why: `.. as sample@t because \"..\"`".to_owned());
    }
    let mut found = mends(first);
    for record in &telling[1..] {
        let others = mends(record);
        found.retain(|text| others.contains(text));
    }
    found.into_iter().next()
}

/// What would mend one run, most likely first.
fn mends(record: &Record) -> Vec<String> {
    let deviation = &record.deviation;
    let found = &deviation.found;
    let whole = [found.clone()];
    let parts = if found.parts.len() > 1 { &found.parts[..] } else { &whole[..] };
    let mut texts = Vec::new();
    texts.extend(another_level(record));
    texts.extend(parts.iter().find_map(|part| of_a_draw(deviation, part)));
    let candidates = candidates(record);
    for (part, term) in parts.iter().zip(terms(parts)) {
        for (factor, text) in &candidates {
            if fits(deviation, part, *factor) {
                texts.push(text.replace("{}", &term));
            }
        }
        let size = part.noise_norm();
        if part.data == 0.0 && size > 0.0 && fits(deviation, part, 1.0 / size.sqrt()) {
            texts.push(format!("a square root is missing: the factor of {term} is a variance"));
        }
    }
    if parts.len() > 1 {
        let all = candidates.iter().filter(|(factor, _)| fits(deviation, found, *factor));
        texts.extend(all.map(|(_, text)| text.replace("{}", "all of it")));
    }
    texts
}

/// Whether it is a sample at an end of the step, and was meant to be one elsewhere.
fn another_level(record: &Record) -> Option<String> {
    let Deviation { kind: Kind::Sample, ve, found, .. } = &record.deviation else { return None };
    let is_at = |level: &Level<f64>| {
        let signature = if *ve { (1.0, level.rho) } else { (level.alpha, level.sigma) };
        distance(found, signature) <= TOLERANCE
    };
    let at = [(&record.s, "s"), (&record.t, "t")].into_iter().find(|(level, _)| is_at(level))?.1;
    Some(format!("it is a sample at `{at}`, not at the level that it is named with"))
}

/// Whether a draw that is one of its terms also stands in the others, or was given no room by them.
fn of_a_draw(deviation: &Deviation, part: &Arc<Form>) -> Option<String> {
    let mut atoms = part.noise.iter().enumerate().filter(|(_, c)| **c != 0.0);
    let (Some((atom, _)), None) = (atoms.next(), atoms.next()) else { return None };
    if atom == 0 || part.data != 0.0 {
        return None;
    }
    let rest = Form::sum([(1.0, &*deviation.found), (-1.0, &**part)].into_iter(), 0.0);
    if distance(&rest, deviation.expected) <= TOLERANCE {
        let help = "it is exact without its fresh draw `c * noise()`: what is kept of the old noise must make room for it, sqrt(sigma^2 - c^2)";
        return Some(help.to_owned());
    }
    let reused = rest.noise.get(atom).is_some_and(|c| *c != 0.0);
    let apart = (rest.variance() + part.variance()).sqrt();
    let apart = Form { noise: vec![apart], ..Form { data: rest.data, constant: rest.constant, ..Form::default() } };
    let mends = reused && distance(&apart, deviation.expected) <= TOLERANCE;
    mends.then(|| "one draw stands in two of its terms: take a fresh one with `noise()`".to_owned())
}

/// Whether the tensor is right with this factor on one of its parts.
fn fits(deviation: &Deviation, part: &Arc<Form>, factor: f64) -> bool {
    let mended = Form::sum([(1.0, &*deviation.found), (factor - 1.0, &**part)].into_iter(), 0.0);
    distance(&mended, deviation.expected) <= TOLERANCE
}

/// Factors that people get wrong, with what to say of each; `{}` is the term.
fn candidates(record: &Record) -> Vec<(f64, String)> {
    let ve = record.deviation.ve;
    let mut list = Vec::new();
    let names: &[&str] = if ve { &["sigma"] } else { &["sigma", "alpha"] };
    let value = |name: &str, level: &Level<f64>| match (name, ve) {
        ("alpha", _) => level.alpha,
        (_, true) => level.rho,
        (_, false) => level.sigma,
    };
    for name in names {
        let (s, t) = (value(name, &record.s), value(name, &record.t));
        list.push((t / s, format!("`{name}(t)` in place of `{name}(s)` in {{}} makes it exact")));
        list.push((s / t, format!("`{name}(s)` in place of `{name}(t)` in {{}} makes it exact")));
        if record.deviation.kind == Kind::Sample {
            let own = if *name == "alpha" { record.deviation.expected.0 } else { record.deviation.expected.1 };
            let text =
                |from: &str| format!("`{name}` of its own level in place of `{name}({from})` in {{}} makes it exact");
            list.extend([(own / t, text("t")), (own / s, text("s"))]);
        }
    }
    list.push((-1.0, "the other sign of {} makes it exact".to_owned()));
    for name in names {
        for (level, at) in [(&record.s, "s"), (&record.t, "t")] {
            let z = value(name, level);
            list.push((z, format!("a factor `{name}({at})` on {{}} makes it exact")));
            list.push((1.0 / z, format!("{{}} divided by `{name}({at})` makes it exact")));
        }
    }
    list.push((2.0, "a factor 2 on {} makes it exact".to_owned()));
    list.push((0.5, "a factor 1/2 on {} makes it exact".to_owned()));
    for name in names {
        let (s, t) = (value(name, &record.s), value(name, &record.t));
        for (power, shown) in [(2.0, "^2"), (0.5, "^(1/2)")] {
            list.push((
                (t / s).powf(power),
                format!("a factor `({name}(t) / {name}(s)){shown}` on {{}} makes it exact"),
            ));
            list.push((
                (s / t).powf(power),
                format!("a factor `({name}(s) / {name}(t)){shown}` on {{}} makes it exact"),
            ));
        }
    }
    list.retain(|(factor, _)| factor.is_finite());
    list
}

/// Terms in words, by what they carry, and counted where several carry the same.
fn terms(parts: &[Arc<Form>]) -> Vec<String> {
    if parts.len() == 1 {
        return vec!["it".to_owned()];
    }
    let words: Vec<&str> = parts.iter().map(|part| term(part)).collect();
    let named = |(at, word): (usize, &&str)| {
        let same = |known: &&&str| *known == word;
        if words.iter().filter(same).count() == 1 {
            return format!("the {word}");
        }
        let nth = words[..=at].iter().filter(same).count();
        format!("the {} {word}", ["first", "second", "third"].get(nth - 1).copied().unwrap_or("last"))
    };
    words.iter().enumerate().map(named).collect()
}

fn term(part: &Form) -> &'static str {
    // What is left of coefficients that cancel is nothing.
    let least = 1e-12 * (part.data.abs() + part.noise_norm());
    let carries = |c: &f64| c.abs() > least;
    let atoms = part.noise.iter().filter(|c| carries(c)).count();
    match (carries(&part.data), atoms, part.noise.first().is_some_and(carries)) {
        (true, 0, _) => "term with the data",
        (true, ..) => "term with the sample",
        (false, 1, false) => "term with the fresh draw",
        (false, ..) => "term with the noise",
    }
}

/// What is wrong in words, where no factor mends it.
pub(super) fn in_words(records: &[Record]) -> Option<String> {
    let telling = telling(records);
    let all = |holds: &dyn Fn(&Deviation) -> bool| telling.iter().all(|record| holds(&record.deviation));
    let off = |d: &Deviation, found: f64, wanted: f64| {
        (found - wanted).abs() > TOLERANCE * (d.expected.0.abs() + d.expected.1.abs())
    };
    let data_off = |d: &Deviation| off(d, d.found.data, d.expected.0);
    let noise_off = |d: &Deviation| off(d, d.found.noise_norm(), d.expected.1);
    let text = if all(&|d| data_off(d) && !noise_off(d)) {
        "the noise is right: see that the factors of the predictions add up to what the data lack"
    } else if all(&|d| !data_off(d) && d.found.noise_norm() < d.expected.1) {
        "the data are right and noise is lost: see its factors, and what a draw must bring back"
    } else if all(&|d| !data_off(d)) {
        "the data are right: see the factors of its noises, whose squares must add up to sigma^2"
    } else if all(&|d| d.kind == Kind::Sample) {
        "a rule that is right only for short steps says `approximate`; one that is wrong on purpose needs a cast"
    } else {
        return None;
    };
    Some(text.to_owned())
}
