//! Side-by-side measurements of elman and its peers (`docs/benchmarks.md` says how to run them).
//!
//! Every library that is measured, elman included, is a child process of its own that speaks the
//! line protocol of `elman-bench-protocol`: each with its own thread pools, pinned to the same
//! cores, timed by its own clock, in rounds that alternate. Before anything is timed, all of
//! them must agree on outputs and gradients.

pub mod agreement;
pub mod bars;
pub mod case;
pub mod child;
pub mod compare;
mod elman_cells;
mod elman_epoch;
pub mod elman_peer;
mod elman_series;
mod elman_text;
pub mod epoch;
mod error;
pub mod long;
pub mod options;
pub mod peers;
pub mod profile;
pub mod report;
pub mod stats;

pub use error::{Error, Result};
