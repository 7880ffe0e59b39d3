//! What is learned of items by running them.
//!
//! Each item is run by the interpreter on small problems: samplers on VP, VE and flow for a few step counts, ending at
//! clean and not, with options drawn from their ranges. What goes wrong there is reported as it would be in a real
//! run, before anybody makes one; what comes out is counted.

mod conditions;
mod control;
mod counts;
mod departures;
mod facts;
mod finite;
mod forms;
mod law;
mod measure;
mod mend;
mod metamorphic;
mod moments;
mod order;
mod report;
mod signature;
mod tableaux;
mod testing;

use std::sync::{Arc, LazyLock};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::check::Checker;
use crate::hir::ItemId;
use crate::ir::program::{Func, ItemRef, Program};
use crate::library::UnitId;
use crate::lower::{Named, lower_with};
use conditions::STANDARD;
use report::Context;

pub use counts::{PerStep, State};
pub use facts::Facts;
pub use finite::Finite;
pub use law::{Law, law};
pub use moments::{Measured, Moments};
pub use order::{AsRun, Limit, OrderFacts};
pub use report::Report;
pub use signature::Signature;
pub(crate) use tableaux::tableau_of;
pub use testing::{Tested, test};

/// Items of a file that were checked without errors, ready to be run.
pub struct Ready {
    program: Program,
    /// The items, and what they have become.
    items: Vec<(ItemId, ItemRef)>,
    /// The items that others are run with.
    standard: Vec<ItemRef>,
    tableaux: Vec<(Arc<str>, Named, Func)>,
}

impl Ready {
    /// Items that were checked; nothing where their file is wrong, or one that it uses.
    pub fn new(checker: &mut Checker<'_>, unit: UnitId, items: &[ItemId]) -> Option<Ready> {
        let mut all = items.to_vec();
        all.extend(standard(checker, unit)?);
        if !checker.is_sound(unit) {
            return None;
        }
        let tableaux = tableaux::named(checker, unit, items);
        let values: Vec<Named> = tableaux.iter().map(|(_, value)| *value).collect();
        let lowered = lower_with(&checker.hir, &all, &values);
        let (own, rest) = lowered.items.split_at(items.len());
        let tableaux = tableaux.into_iter().zip(&lowered.values).map(|((name, value), func)| (name, value, *func));
        Some(Ready {
            items: items.iter().copied().zip(own.iter().copied()).collect(),
            standard: rest.to_vec(),
            tableaux: tableaux.collect(),
            program: lowered.program,
        })
    }
}

/// Runs items that were checked without errors.
pub fn prove(checker: &mut Checker<'_>, unit: UnitId, items: &[ItemId]) -> Vec<Report> {
    let ready = Ready::new(checker, unit, items);
    prove_all(checker, ready.as_slice())
}

/// Runs the items of files, on all threads. The reports stand in the order of the items.
pub fn prove_all(checker: &Checker<'_>, ready: &[Ready]) -> Vec<Report> {
    let (hir, sources) = (&checker.hir, &checker.lib.sources);
    let all = || {
        let of_file = |ready| {
            let context = Context { hir, sources, ready };
            let mut reports: Vec<Report> =
                ready.items.par_iter().map(|(item, code)| context.report(*item, *code)).collect();
            report::keep_distinct(hir, &mut reports);
            reports
        };
        ready.par_iter().flat_map_iter(of_file).collect()
    };
    match &*THREADS {
        Some(threads) => threads.install(all),
        None => all(),
    }
}

/// The interpreter recurses as deep as a text nests, and its threads have room for that.
const STACK: usize = 64 << 20;

/// The threads that items are run on; none where the system gives none of their own.
static THREADS: LazyLock<Option<ThreadPool>> =
    LazyLock::new(|| ThreadPoolBuilder::new().stack_size(STACK).build().ok());

/// The items that others are run with.
fn standard(checker: &mut Checker<'_>, unit: UnitId) -> Option<Vec<ItemId>> {
    // Named as in a file of the library: an item of the user with the same name is another one.
    let home = checker.lib.std("prelude.samp").unwrap_or(unit);
    STANDARD.iter().map(|(sort, name)| checker.named_item(home, *sort, name)).collect()
}
