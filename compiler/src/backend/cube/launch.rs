//! What a launch of a device function passes by value, and how many threads it needs.

use super::layout::Width;
use super::{CubeKernel, THREADS};
use crate::backend::launch::LaunchError;

/// What a device function is run with, apart from its buffers.
#[derive(Clone, Copy, Debug)]
pub struct GridLaunch<'a> {
    /// The scalars in slot order; rounded once to `f32`.
    pub scalars: &'a [f64],
    /// Stream and draw of each generated noise, in slot order.
    pub draws: &'a [(u32, u32)],
    /// The seed of all generated noise.
    pub seed: u64,
    /// The index, in the whole run, of the first sample here; all are below 2^32.
    pub first_sample: u64,
    /// How many samples.
    pub samples: usize,
    /// How many elements a sample has.
    pub elements: usize,
}

/// A checked launch.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Blocks of [`THREADS`] threads.
    pub blocks: u32,
    /// The parameters of type `f32`, in order.
    pub scalars: Vec<f32>,
    /// The parameters of type `u32`, in order.
    pub words: Vec<u32>,
}

impl CubeKernel {
    /// The parameters of a launch.
    ///
    /// # Errors
    ///
    /// Other counts than the kernel's; more than 2^32 - 1 threads; sample indices of 2^32 or more.
    pub fn grid(&self, launch: &GridLaunch<'_>) -> Result<Grid, LaunchError> {
        let GridLaunch { seed, first_sample, samples, elements, .. } = *launch;
        check_count("scalars", self.kernel().n_scalars as usize, launch.scalars.len())?;
        check_count("noises", self.layout().n_generated(), launch.draws.len())?;
        let error = LaunchError::TooLarge { first_sample, samples, elements };
        let end = first_sample.checked_add(samples as u64);
        if end.is_none_or(|end| end > 1 << 32) {
            return Err(error);
        }
        let total = samples.checked_mul(elements).ok_or(error.clone())?;
        let threads = total.div_ceil(self.layout().width.elements());
        // Places of vectors and, where it is single, of elements count in words.
        let places = match (self.layout().width, launch.draws.is_empty()) {
            (Width::One | Width::Four, true) => threads,
            (Width::Eight, true) => threads.saturating_mul(2),
            (_, false) => total.max(elements),
        };
        // What is reduced as a whole counts in elements.
        let places = if self.layout().wholes().next().is_some() { total } else { places };
        let (Ok(threads), Ok(_)) = (u32::try_from(threads), u32::try_from(places)) else { return Err(error) };
        let mut words = vec![threads];
        let mut blocks = threads.div_ceil(THREADS);
        if self.layout().by_sample() {
            // They fit: there are no more elements than threads work on, nor blocks than threads.
            let per_sample = elements.div_ceil(self.layout().width.elements());
            let blocks_of = self.layout().blocks_of(elements);
            blocks = u32::try_from(samples.saturating_mul(blocks_of)).map_err(|_| error.clone())?;
            words.extend([per_sample as u32, blocks_of as u32, blocks]);
        }
        if !launch.draws.is_empty() {
            // They fit: `total` does, and no sample index is larger.
            words.extend([elements as u32, first_sample as u32, seed as u32, (seed >> 32) as u32]);
            words.extend(launch.draws.iter().flat_map(|(stream, draw)| [*stream, *draw]));
        }
        let scalars = launch.scalars.iter().map(|scalar| *scalar as f32).collect();
        Ok(Grid { blocks, scalars, words })
    }
}

impl Grid {
    /// The last parameter of a CUDA function of so many buffers: the struct `info_st`, by value. A launch copies as many
    /// bytes as the function declares.
    ///
    /// cubecl 0.11.3 groups by type, `f32` before `u32`; a group is padded to 8 bytes; then come the buffers' lengths
    /// in vectors, in words, which our functions do not read.
    pub fn cuda_info(&self, n_buffers: usize) -> Vec<u64> {
        let scalars: Vec<u32> = self.scalars.iter().map(|scalar| scalar.to_bits()).collect();
        let groups = [scalars, self.words.clone(), vec![0; n_buffers]];
        let pair = |pair: &[u32]| u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or(0)) << 32;
        groups.iter().flat_map(|group| group.chunks(2).map(pair)).collect()
    }
}

fn check_count(kind: &'static str, expected: usize, found: usize) -> Result<(), LaunchError> {
    match expected == found {
        true => Ok(()),
        false => Err(LaunchError::Count { kind, expected, found }),
    }
}
