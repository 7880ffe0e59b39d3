//! A launch on the adapter, held against the interpreter's bounds.

use samp_compiler::backend::cube::launch::GridLaunch;
use samp_compiler::backend::cube::layout::{Layout, StoreLayout};
use samp_compiler::ir::kernel::Kernel;

use super::bench::{self, Inputs};
use super::bounds::{self, Bound};

/// What a launch gave, all of it within its bounds.
pub struct Held {
    pub stores: Vec<Vec<f32>>,
    pub cells: Vec<Vec<f32>>,
    /// Elements that were stored, and those of them that have a bound.
    pub n_elements: usize,
    pub n_bounded: usize,
    /// Cells without a bound.
    pub n_free_cells: usize,
}

/// Launches a kernel; `noises` are the numbers of its noise slots. Says what lies outside its bound.
pub fn launch(
    kernel: &Kernel,
    layout: &Layout,
    launch: &GridLaunch<'_>,
    inputs: &Inputs<'_>,
    noises: &[Vec<Bound>],
) -> Result<Held, String> {
    let (samples, elements) = (launch.samples, launch.elements);
    let (stores, cells) = bench::measure(kernel, layout, launch, inputs);
    let mut held = Held { stores, cells, n_elements: 0, n_bounded: 0, n_free_cells: 0 };
    let mut reduced: Vec<Vec<Bound>> = vec![Vec::with_capacity(samples * elements); kernel.reduces.len()];
    for at in 0..samples * elements {
        let loads: Vec<f32> = inputs.loads.iter().map(|load| load[at]).collect();
        let noises: Vec<Bound> = noises.iter().map(|noise| noise[at]).collect();
        let cells: Vec<f32> = inputs.cells.iter().map(|cell| cell[at / elements]).collect();
        let bounds = bounds::evaluate(kernel, &loads, launch.scalars, &noises, &cells);
        let (of_stores, of_reduces) = bounds.split_at(held.stores.len());
        reduced.iter_mut().zip(of_reduces).for_each(|(values, bound)| values.push(*bound));
        for (store, bound) in of_stores.iter().enumerate() {
            let storage = match layout.stores[store] {
                StoreLayout::Own(storage) => storage,
                StoreLayout::InPlace(load) => layout.loads[load],
            };
            let found = held.stores[store][at];
            let holds = bounds::holds(*bound, storage, found);
            if holds == Some(false) {
                return Err(format!("element {at} of store {store}: {found:e}, not {bound:?}, of {loads:?}"));
            }
            held.n_elements += 1;
            held.n_bounded += usize::from(holds.is_some());
        }
    }
    for ((reduce, values), found) in kernel.reduces.iter().zip(&reduced).zip(&held.cells) {
        for (values, found) in values.chunks(elements).zip(found) {
            let Some((low, high)) = bounds::reduced(reduce.how, values) else {
                held.n_free_cells += 1;
                continue;
            };
            let found = f64::from(*found);
            if !(low <= found && found <= high || low.is_nan() && found.is_nan()) {
                return Err(format!("{}: {found:e}, not {low:e} to {high:e}", reduce.how));
            }
        }
    }
    Ok(held)
}
