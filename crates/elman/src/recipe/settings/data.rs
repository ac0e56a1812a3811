//! The examples.

use crate::data::TargetKind;
use crate::data::series::SeriesFile;

/// The examples (`[data]`), by their format (`data.format`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSettings {
    /// The four IDX files of the MNIST form (`"idx"`, the default): see [`crate::data::idx`].
    Idx(IdxSettings),
    /// Strings of the embedded Reber grammar (`"reber"`): see [`crate::data::ReberParts`].
    Reber(ReberSettings),
    /// Sums of two marked numbers (`"adding"`): see [`crate::data::AddingProblem`].
    Adding(AddingSettings),
    /// A table of time series (`"series"`): see [`crate::data::series`].
    Series(SeriesFile),
}

/// IDX files (`data.format = "idx"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxSettings {
    /// Where they are, as seen from the working directory.
    pub folder: String,
    /// The number of classes, 2 to 256 (default 10).
    pub classes: usize,
    /// The first so many training images are held out for validation (default 0).
    pub hold_out: usize,
}

/// Generated strings (`data.format = "reber"`). The defaults are the book's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReberSettings {
    /// NumPy's seed, 0 to 2^32 - 1 (`numpy_seed`, default 42).
    pub numpy_seed: u32,
    /// Training strings: 1 to 10,000,000 (default 10,000).
    pub train: usize,
    /// Validation strings: 0 to 10,000,000 (default 5,000).
    pub valid: usize,
    /// Test strings: 1 to 10,000,000 (default 5,000).
    pub test: usize,
}

/// Generated sums (`data.format = "adding"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddingSettings {
    /// `T`: 2 to 1,000,000.
    pub time: usize,
    /// Sequences of an epoch, all of them new: 1 to 10,000,000 (default 10,000).
    pub train: usize,
    /// Validation sequences: 0 to 10,000,000 (default 0).
    pub valid: usize,
    /// Test sequences: 1 to 10,000,000 (default 1,000).
    pub test: usize,
}

impl DataSettings {
    /// What kind of answer the examples ask for.
    pub fn targets(&self) -> TargetKind {
        match self {
            Self::Idx(idx) => TargetKind::Classes(idx.classes),
            Self::Reber(_) => TargetKind::Classes(2),
            Self::Adding(_) | Self::Series(_) => TargetKind::Numbers(1),
        }
    }

    /// Are examples held out of training to watch it?
    pub fn holds_out(&self) -> bool {
        match self {
            Self::Idx(idx) => idx.hold_out > 0,
            Self::Reber(reber) => reber.valid > 0,
            Self::Adding(adding) => adding.valid > 0,
            // Of series the table `[forecast]` says so.
            Self::Series(_) => false,
        }
    }
}
