//! What is said of numbers that are not finite: the operation, its operands, the run, and the limit where there is one.

use samp_lang::diag::{Code, Diagnostic};
use samp_lang::source::{SourceMap, Span};

use super::{End, Failure};
use crate::arith::Site;
use crate::arith::combination::{Atom, Combination};
use crate::arith::laurent::Size;
use crate::arith::limit::{Fault, Number, Operand, What, growth};
use crate::machine::level::Level;
use crate::prove::signature::shown;

/// The longest expression that is quoted.
const LONGEST: usize = 48;

/// How close two factors are to be written alike.
const NEAR: f64 = 1e-9;

/// The diagnostic of a failure.
pub(super) fn diagnostic(sources: &SourceMap, item: Span, failure: &Failure<'_>) -> Diagnostic {
    let fault = &failure.found.fault;
    let Failure { case, found, .. } = failure;
    let use_of = if found.weighs { "" } else { ", and something is decided on it" };
    let to = match case.to {
        End::There if found.step + 1 == case.steps => ", to `clean`",
        End::Close if found.step + 1 == case.steps => ", close to `clean`",
        _ => "",
    };
    let from = match case.from {
        End::There if found.step == 0 => ", from `pure`",
        End::Close if found.step == 0 => ", close to `pure`",
        _ => "",
    };
    let options = if failure.options.is_empty() { String::new() } else { format!(", with `{}`", failure.options) };
    let message = format!(
        "{}{use_of}, at step {} of {} on {}{from}{to}{options}",
        what(sources, failure),
        found.step + 1,
        case.steps,
        case.family.name(),
    );
    let site = fault.site.get().copied();
    let (span, other) = site.map_or((item, None), |site| place(item, site));
    let mut diagnostic = Diagnostic::new(Code::E0431, span, message);
    if let Some((other, text)) = other {
        diagnostic = diagnostic.also(other, text);
    }
    let origin = fault.from.as_ref().and_then(|from| from.site.get());
    if let Some(origin) =
        origin.filter(|origin| span.file == item.file && origin.span.file == item.file && origin.span != span)
    {
        diagnostic = diagnostic.also(origin.span, "infinite here");
    }
    diagnostic.help(help(failure))
}

/// Where a fault is shown, and another place that led there: the rule's own file says more than the prelude.
fn place(item: Span, site: Site) -> (Span, Option<(Span, &'static str)>) {
    match site.call {
        Some(call) if site.span.file != item.file && call.file == item.file => (call, None),
        Some(call) if site.span.file == item.file => (site.span, Some((call, "called here"))),
        _ => (site.span, None),
    }
}

fn what(sources: &SourceMap, failure: &Failure<'_>) -> String {
    let Fault { what, operands, .. } = &*failure.found.fault;
    let (name, is) = match what {
        What::OverZero => ("a division by zero", true),
        What::OverRounding => ("a division by what rounding leaves of zero", true),
        What::ZeroOverZero => ("zero over zero", true),
        What::InfiniteOverInfinite => ("infinity over infinity", true),
        What::ZeroTimesInfinite => ("zero times infinity", true),
        What::InfiniteLessInfinite => ("infinity less infinity", true),
        What::LogOfZero => ("the logarithm of zero", true),
        What::LogOfNegative => ("the logarithm of a negative number", true),
        What::RootOfNegative => ("the root of a negative number", true),
        What::Power => ("a power that is no number", true),
        What::NoValue => ("a number that is none", true),
        What::Overflow => ("too large for a number", true),
        What::Infinite => ("an infinite factor", true),
        What::Grows => ("a factor that grows without bound", false),
        What::TooLarge => ("a factor too large for any element", true),
    };
    let at = failure.found.fault.site.get().map(|site| site.span);
    let operands: Vec<String> = match (what, &operands[..]) {
        // The number above says nothing of a zero below.
        (What::OverZero | What::OverRounding, [_, below]) => vec![operand(sources, below, at)],
        (_, operands) => operands.iter().map(|of| operand(sources, of, at)).collect(),
    };
    if !is || operands.is_empty() {
        return name.to_owned();
    }
    match &operands[..] {
        [one] if one.starts_with("one side") => format!("{name}: it{}", &one["one side".len()..]),
        [a, b] if a == b && a.starts_with("one side") => format!("{name}: each{}", &a["one".len()..]),
        operands => format!("{name}: {}", operands.join(", ")),
    }
}

/// A number, with the expression that it is if that is short.
fn operand(sources: &SourceMap, of: &Operand, at: Option<Span>) -> String {
    let value = if of.value.is_finite() { shown_exactly(of.value) } else { of.value.to_string() };
    // The sum of tensors as a whole names none of them.
    let own = of.site.filter(|site| Some(site.span) != at);
    let text = own.map_or("", |site| sources.text(site.span)).trim();
    let plain = text.is_empty() || text.len() > LONGEST || text.contains(['\n', '`']) || text.parse::<f64>().is_ok();
    if plain { format!("one side is {value}") } else { format!("`{text}` is {value}") }
}

/// A small number is not shown as 0 where that makes the difference.
fn shown_exactly(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.3e}") } else { shown(value) }
}

/// The end that the step goes to or comes from.
struct Place<'f> {
    /// Its condition in a rule.
    case: &'static str,
    /// What is small there.
    small: &'static str,
    /// Its levels.
    s: &'f Level<Number>,
    t: &'f Level<Number>,
}

fn end<'f>(failure: &'f Failure<'_>) -> Option<Place<'f>> {
    let step = failure.found.step;
    let (s, t) = (failure.levels.get(step)?, failure.levels.get(step + 1)?);
    let place = |case, small| Place { case, small, s, t };
    if failure.case.to != End::Inside && step + 1 == failure.case.steps {
        return Some(place("t == clean", "sigma(t)"));
    }
    (failure.case.from != End::Inside && step == 0).then(|| place("rho(s) == inf", "alpha(s)"))
}

fn help(failure: &Failure<'_>) -> String {
    let fault = &failure.found.fault;
    let end = match end(failure) {
        Some(end) if fault.what != What::TooLarge && !failure.inside => end,
        _ => return inside(fault.what, failure.of_one_step),
    };
    let require = end.case.replace("rho(s) ==", "rho(s) <").replace("==", "!=");
    if let (Some(size), true) = (failure.found.growth, failure.case.is_close()) {
        return format!(
            "as {small} falls to 0 it grows like {}, and so does the error of every picture: see that what is divided by {small} is itself small",
            growth(size, end.small),
            small = end.small,
        );
    }
    match failure.found.result.as_ref().map(|result| limit(failure, result, &end)) {
        Some(Limit::Form(form)) => format!(
            "as {} falls to 0 the step tends to `{form}`: write that as a case, `if {} {{ return {form} }}`",
            end.small, end.case
        ),
        Some(Limit::Words(words)) => {
            format!("as {} falls to 0 the step tends to {words}: write the case `{}` first", end.small, end.case)
        }
        Some(Limit::None(size)) => {
            let how = size.map_or(String::new(), |size| format!(" it grows like {}:", growth(size, end.small)));
            format!(
                "as {} falls to 0 the step has no limit,{how} say `require {require}`, or write what should be done at `{}`",
                end.small, end.case
            )
        }
        Some(Limit::Unknown) | None => format!("write the case `{}` first, or say `require {require}`", end.case),
    }
}

fn inside(what: What, of_one_step: bool) -> String {
    let one = if of_one_step { "write the case `n == 1` first, or " } else { "" };
    let text = match what {
        What::OverZero | What::ZeroOverZero | What::OverRounding => "write the case in which the divisor is 0",
        What::LogOfZero | What::LogOfNegative => "a logarithm is of a number above 0: write the other case",
        What::RootOfNegative => {
            "a root is of 0 or more: mend what is subtracted, or bound the option that makes it too large"
        }
        What::Power | What::NoValue => "write the case in which there is no such number",
        What::Overflow | What::TooLarge | What::Grows => {
            "divide before you multiply, or bound the option that makes it large"
        }
        What::Infinite | What::InfiniteOverInfinite | What::InfiniteLessInfinite | What::ZeroTimesInfinite => {
            "write the case in which a number is infinite"
        }
    };
    format!("{one}{text}")
}

/// What a step tends to.
enum Limit {
    /// As a line of a rule.
    Form(String),
    /// In words.
    Words(String),
    /// A factor grows.
    None(Option<Size>),
    /// The series do not tell.
    Unknown,
}

fn limit(failure: &Failure<'_>, result: &Combination, end: &Place<'_>) -> Limit {
    let numbers = || result.terms.iter().map(|(_, factor)| factor).chain([&result.constant]);
    if result.fault.is_some() {
        return Limit::Unknown;
    }
    if let Some(size) = numbers().find_map(|factor| factor.near.growth()) {
        return Limit::None(Some(size));
    }
    let mut plain = true;
    let mut form: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for (atom, factor) in &result.terms {
        let Some(value) = factor.near.limit() else { return Limit::Unknown };
        if value.abs() < NEAR {
            continue;
        }
        let name = match &failure.atoms[*atom] {
            Atom::Sample { .. } if failure.found.sample == Some(*atom) => Some("x"),
            Atom::Answer { at, step, .. } if *step == failure.found.step && is_sample(failure, at) => Some("x0(x)"),
            Atom::Draw(_) => Some("noise()"),
            Atom::Sample { .. } | Atom::Answer { .. } | Atom::Other => None,
        };
        let factor = written(value, end);
        plain &= name.is_some() && factor.is_some();
        let spoken = match &failure.atoms[*atom] {
            Atom::Answer { step, .. } if *step == failure.found.step => "another prediction of the step",
            Atom::Answer { .. } => "an earlier prediction",
            Atom::Sample { .. } => "an earlier sample",
            Atom::Draw(_) | Atom::Other => "another tensor",
        };
        words.push(format!("{} times {}", shown(value), name.map_or(spoken.to_owned(), |name| format!("`{name}`"))));
        let (factor, name) = (factor.unwrap_or_default(), name.unwrap_or_default());
        form.push(if factor.is_empty() { name.to_owned() } else { format!("{factor} * {name}") });
    }
    let constant = result.constant.near.limit();
    if !constant.is_some_and(|value| value.abs() < NEAR) || form.is_empty() {
        return Limit::Unknown;
    }
    if plain { Limit::Form(form.join(" + ")) } else { Limit::Words(words.join(" plus ")) }
}

/// Whether a tensor is the sample of the step.
fn is_sample(failure: &Failure<'_>, tensor: &Combination) -> bool {
    matches!(&tensor.terms[..], [(atom, _)] if failure.found.sample == Some(*atom))
}

/// A factor in coordinates of the levels that are not at the end; empty for 1.
fn written(value: f64, end: &Place<'_>) -> Option<String> {
    let mut candidates = vec![(1.0, String::new())];
    for (level, name) in [(end.t, "t"), (end.s, "s")] {
        candidates.push((level.alpha.point, format!("alpha({name})")));
        candidates.push((level.sigma.point, format!("sigma({name})")));
    }
    let near = |of: f64| (of - value).abs() <= NEAR * value.abs();
    candidates.into_iter().find(|(of, _)| near(*of)).map(|(_, text)| text)
}
