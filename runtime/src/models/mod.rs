//! Denoisers that ship with samp: networks of this crate with their weights inside.
//!
//! A model takes a batch of noisy samples and one time and gives the network's own prediction.
//! It holds weights and nothing else: no schedule, no noise, no state between calls. A row's result
//! depends on that row alone, bit for bit, whatever the batch around it and the threads under it.

pub mod digits;

mod conv;
mod weights;

pub use digits::DigitsNet;
