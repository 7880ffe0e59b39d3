//! How much the proofs see: wrong versions of right samplers, made one place at a time.
//!
//! Some samplers of the library, with what they take of the prelude, and all of `proofs/right` are parsed, and each place
//! of a text that a person gets wrong is changed: a level, a sign, a factor, an index, a view of the model. What `check`
//! says of each is counted by kind of change and by code in `docs/mutants.md`, with every mutant that is let through and
//! the reason why; the reason is computed, from what the proofs say of it. `UPDATE_MUTANTS=1 cargo test --release --test
//! mutants` writes the file again; read it before you commit it.

#![expect(clippy::unwrap_used, reason = "tests fail by panic")]

mod mutate;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mutate::{Change, Mutant};
use samp_compiler::check::Checker;
use samp_compiler::library::Library;
use samp_compiler::prove::{Facts, Signature, prove, test as test_all};
use samp_lang::diag::{Code, Severity};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The `.samp` files of a folder, in order, with their texts.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "samp"));
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Samplers of the library that are mutated: those of which the others are variations.
const LIBRARY: [&str; 15] = [
    "ancestral",
    "consistency",
    "ddim",
    "ddpm",
    "dpm_2",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "dpmpp_2s",
    "dpmpp_3m_sde",
    "edm",
    "euler",
    "euler_ancestral",
    "heun",
    "lms",
    "unipc",
];

/// Functions of the prelude that hold step rules: they are mutated with the samplers that name them.
const SHARED: [&str; 4] = ["hold", "fresh", "adams", "adams_noise"];

/// A sampler with what it names of these, as functions of its own.
fn with_shared(text: &str) -> String {
    let prelude = std::fs::read_to_string(root().join("samples/prelude.samp")).unwrap();
    let block = |name: &str| prelude.split("\n\n").find(|block| block.contains(&format!("\nfn {name}("))).unwrap();
    let named = SHARED.into_iter().filter(|name| text.contains(&format!("{name}(")));
    let weights = text.contains("adams").then_some("exponential_weights");
    named.chain(weights).fold(text.to_owned(), |text, name| format!("{text}\n{}\n", block(name)))
}

/// What `check` says of a text.
struct Verdict {
    codes: Vec<Code>,
    facts: Vec<Facts>,
}

fn check(text: &str) -> Verdict {
    let loader = |path: &str| Err(format!("no file `{path}`"));
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add("mutant.samp", text);
    let items = checker.unit(unit);
    let mut codes: Vec<Code> = checker.all_diagnostics().iter().map(|one| one.code).collect();
    let mut facts = Vec::new();
    if !checker.has_errors() {
        for report in prove(&mut checker, unit, &items) {
            codes.extend(report.diagnostics.iter().map(|one| one.code));
            facts.extend(report.facts);
        }
    }
    Verdict { codes, facts }
}

/// Whether a mutant makes the steps of the original, with the defaults.
fn same(name: &str, original: &str, mutant: &str) -> bool {
    let declared = |line: &&str| ["sampler ", "fn "].iter().any(|word| line.starts_with(word));
    let names = original.lines().filter(declared).filter_map(|line| line.split([' ', '(']).nth(1));
    let lines = mutant.lines().filter(|line| !line.starts_with("use ") && !line.starts_with("//!"));
    let mut second = lines.collect::<Vec<_>>().join("\n");
    for known in names {
        second = second
            .replace(&format!("{known}("), &format!("other_{known}("))
            .replace(&format!("sampler {known} "), &format!("sampler other_{known} "));
    }
    let given = if original.contains("(base: sampler)") { "(base = euler)" } else { "" };
    let euler = if original.contains("{euler}") { "" } else { "use std.samplers.{euler}\n" };
    let test = format!("test \"equal\" {{\n    expect same({name}{given}, other_{name}{given})\n}}\n");
    let text = format!("{euler}{original}\n{second}\n{test}");
    let loader = |path: &str| Err(format!("no file `{path}`"));
    let mut checker = Checker::new(Library::new(&loader));
    let unit = checker.lib.add("same.samp", text);
    checker.unit(unit);
    let tests = checker.tests(unit);
    let tested = test_all(&mut checker, unit, &tests);
    !tested.is_empty() && tested.iter().all(|test| test.diagnostics.is_empty())
}

/// A mutant that is let through.
struct Survivor {
    mutant: Mutant,
    reason: Reason,
}

/// Why a mutant is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It makes the same steps.
    SameSteps,
    /// It is of the order that is claimed, with exact signatures: another rule that is right.
    AnotherRule,
    /// Its distribution is of the weak order that is claimed.
    AnotherWeakRule,
    /// It claims no order; its signatures are exact.
    NoClaim,
    /// A proof ran out of its bound.
    NotDecided,
}

impl Reason {
    const ALL: [Reason; 5] =
        [Reason::SameSteps, Reason::AnotherRule, Reason::AnotherWeakRule, Reason::NoClaim, Reason::NotDecided];

    fn words(self) -> &'static str {
        match self {
            Reason::SameSteps => "the same steps: with the default options every sample is that of the original",
            Reason::AnotherRule => "another right rule: of the order that is claimed, by formula",
            Reason::AnotherWeakRule => "another right rule: of the weak order that is claimed, as measured",
            Reason::NoClaim => "no order is claimed that it could miss; every tensor is what it is named as",
            Reason::NotDecided => "not decided: a proof ran out of its bound, and `check --verbose` says so",
        }
    }

    fn of(name: &str, original: &str, mutant: &Mutant, facts: &[Facts]) -> Reason {
        if same(name, original, &mutant.text) {
            return Reason::SameSteps;
        }
        let Some(facts) = facts.first() else { return Reason::NotDecided };
        if facts.signature.is_none() || matches!(facts.signature, Some(Signature::NotDecided(_) | Signature::Wrong)) {
            return Reason::NotDecided;
        }
        match (facts.order.claimed, facts.order.formula, facts.weak_order, &facts.moments) {
            (Some(claimed), Some(formula), ..) if formula >= claimed => Reason::AnotherRule,
            (Some(_), ..) => Reason::NotDecided,
            (None, _, Some(weak), Some(moments)) => {
                let met = [&moments.smooth, &moments.rough]
                    .into_iter()
                    .all(|one| one.order().map_or(one.stopped.is_none(), |order| order >= weak as f64 - 0.25));
                if met { Reason::AnotherWeakRule } else { Reason::NotDecided }
            }
            (None, _, Some(_), None) => Reason::NotDecided,
            (None, _, None, _) => Reason::NoClaim,
        }
    }
}

/// What became of the mutants of a sampler.
struct Outcome {
    name: String,
    folder: &'static str,
    /// How long its file is; what stands behind is of the prelude.
    lines: usize,
    /// Of each that is refused or warned about: the change, and the first code.
    killed: Vec<(Change, Code)>,
    survivors: Vec<Survivor>,
}

fn outcome(folder: &'static str, name: &str, text: &str) -> Outcome {
    let lines = std::fs::read_to_string(root().join(folder).join(name).with_extension("samp")).unwrap().lines().count();
    let mut outcome = Outcome { name: name.to_owned(), folder, lines, killed: Vec::new(), survivors: Vec::new() };
    for mutant in mutate::mutants(text) {
        let Verdict { codes, facts } = check(&mutant.text);
        let first = codes.iter().find(|code| code.severity() == Severity::Error).or(codes.first());
        match first {
            Some(code) => outcome.killed.push((mutant.change, *code)),
            None => {
                let reason = Reason::of(name, text, &mutant, &facts);
                outcome.survivors.push(Survivor { mutant, reason });
            }
        }
    }
    outcome
}

fn all() -> Vec<Outcome> {
    let mut library = files("samples/samplers");
    library.retain(|(name, _)| LIBRARY.contains(&name.as_str()));
    assert_eq!(library.len(), LIBRARY.len());
    let right = files("compiler/tests/proofs/right");
    let work: Vec<(&'static str, String, String)> = library
        .into_iter()
        .map(|(name, text)| ("samples/samplers", name, with_shared(&text)))
        .chain(right.into_iter().map(|(name, text)| ("compiler/tests/proofs/right", name, text)))
        .collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Outcome)>> = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((folder, name, text)) = work.get(at) else { return };
            let outcome = outcome(folder, name, text);
            done.lock().unwrap().push((at, outcome));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, worker).unwrap())
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn rate(killed: usize, total: usize) -> String {
    format!("{killed} of {total} ({:.0} %)", 100.0 * killed as f64 / total.max(1) as f64)
}

fn page(outcomes: &[Outcome]) -> String {
    let killed: usize = outcomes.iter().map(|one| one.killed.len()).sum();
    let survived: usize = outcomes.iter().map(|one| one.survivors.len()).sum();
    let mut page = include_str!("mutate/head.md").to_owned();
    writeln!(
        page,
        "Refused or warned about: **{}**, of {} samplers.\n",
        rate(killed, killed + survived),
        outcomes.len()
    )
    .unwrap();
    page += "| change | refused or warned about |\n|---|---|\n";
    for change in Change::ALL {
        let killed = outcomes.iter().flat_map(|one| &one.killed).filter(|(of, _)| *of == change).count();
        let left = outcomes.iter().flat_map(|one| &one.survivors).filter(|one| one.mutant.change == change).count();
        writeln!(page, "| {} | {} |", change.words(), rate(killed, killed + left)).unwrap();
    }
    let mut codes: BTreeMap<Code, usize> = BTreeMap::new();
    for (_, code) in outcomes.iter().flat_map(|one| &one.killed) {
        *codes.entry(*code).or_default() += 1;
    }
    page += "\n| found first by | mutants |\n|---|---|\n";
    for (code, count) in codes {
        writeln!(page, "| {} {} | {count} |", code.name(), code.title()).unwrap();
    }
    page += "\n## Those that are let through\n\nThe reason is computed, from what the proofs say of the mutant.\n\n";
    page += "| reason | mutants |\n|---|---|\n";
    for reason in Reason::ALL {
        let count = outcomes.iter().flat_map(|one| &one.survivors).filter(|one| one.reason == reason).count();
        writeln!(page, "| {} | {count} |", reason.words()).unwrap();
    }
    for one in outcomes.iter().filter(|one| !one.survivors.is_empty()) {
        let total = one.killed.len() + one.survivors.len();
        writeln!(page, "\n### `{}/{}.samp`: {}\n", one.folder, one.name, rate(one.killed.len(), total)).unwrap();
        for reason in Reason::ALL {
            let of: Vec<&Survivor> = one.survivors.iter().filter(|one| one.reason == reason).collect();
            if of.is_empty() {
                continue;
            }
            writeln!(page, "{}:\n", capital(reason.words())).unwrap();
            for Survivor { mutant, .. } in of {
                let place = match mutant.line {
                    line if line <= one.lines => format!("line {line}"),
                    _ => "of the prelude".to_owned(),
                };
                writeln!(page, "- {place}: `{}` for `{}`", flat(&mutant.to), flat(&mutant.from)).unwrap();
            }
            page.push('\n');
        }
    }
    page.trim_end().to_owned() + "\n"
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn capital(text: &str) -> String {
    text[..1].to_uppercase() + &text[1..]
}

#[test]
fn mutants_are_counted() {
    let outcomes = all();
    let page = page(&outcomes);
    let path = root().join("docs/mutants.md");
    if std::env::var_os("UPDATE_MUTANTS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/mutants.md is not what the proofs say: UPDATE_MUTANTS=1 writes it again"
    );
    let killed: usize = outcomes.iter().map(|one| one.killed.len()).sum();
    let total: usize = killed + outcomes.iter().map(|one| one.survivors.len()).sum::<usize>();
    assert!(5 * killed > 4 * total, "at least four of five mutants are seen: {}", rate(killed, total));
}
