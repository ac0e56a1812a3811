//! Recurrent sequence models on [Burn](https://burn.dev).
//!
//! Shapes are spoken in one alphabet: `B` batch, `T` time, `F` features in, `H` units,
//! `P` projection, `V` vocabulary, `G` gates.

pub mod activation;
pub mod book;
pub mod cell;
pub mod data;
mod error;
pub mod exchange;
mod fused;
pub mod initializer;
pub mod metric;
pub mod plot;
pub mod random;
pub mod recipe;
pub mod store;
pub mod task;
pub mod train;
pub mod unroll;

pub use elman_kernels::threads;
pub use error::{Error, Result};
