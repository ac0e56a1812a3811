//! What a recipe says, in types.

mod optimiser;
mod schedule;
mod train;
mod tune;

pub use optimiser::{
    AdaGradSettings, AdamSettings, AdamWSettings, MomentumSettings, OptimiserSettings,
    RmsPropSettings, SgdSettings,
};
pub use schedule::{Decay, DecayRate, Schedule, ScheduleUnit};
pub use train::{EarlyStopping, Monitor, TrainSettings};
pub use tune::{Condition, HalvingSettings, Range, Searched, Setting, TuneSettings};

use crate::activation::Activation;
use crate::cell::ResetGate;
use crate::random::Seed;

/// One experiment, complete and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// One line for people.
    pub title: String,
    /// What is learnt.
    pub task: Task,
    /// From which all randomness comes (`seed`, 0 to 2^64 - 1, default 42).
    pub seed: Seed,
    /// The examples (`[data]`).
    pub data: DataSettings,
    /// The network (`[model]`).
    pub model: ModelSettings,
    /// How it is fitted (`[train]`).
    pub train: TrainSettings,
    /// How better settings are searched (`[tune]`, default not at all); training ignores it.
    pub tune: Option<TuneSettings>,
}

/// What is learnt (`task`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One class for a whole sequence (`"classifier"`).
    Classifier,
}

/// How the files of a data set are written (`data.format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// The four IDX files of the MNIST form (`"idx"`, the default): see [`crate::data::idx`].
    Idx,
}

/// The examples (`[data]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSettings {
    /// How the files are written.
    pub format: DataFormat,
    /// Where they are, as seen from the working directory.
    pub folder: String,
    /// The number of classes, 2 to 256 (default 10).
    pub classes: usize,
    /// The first so many training images are held out for validation (default 0).
    pub hold_out: usize,
}

/// The network (`[model]`): recurrent layers, and what the rest of the model reads of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// The layers, the lowest first; at least one, at most 256.
    pub layers: Vec<LayerSettings>,
    /// What is read (default: the topmost layer's last output).
    pub readout: Readout,
}

/// What the rest of a model reads of its layers (`model.readout`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readout {
    /// The last output of the topmost layer (`"last"`).
    #[default]
    Last,
    /// The last outputs of all layers side by side (`"all"`).
    All,
}

/// A recurrent layer (the keys of `[model]`, or of one `[[model.layer]]`).
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSettings {
    /// The kind of cell, with what only that kind has.
    pub cell: CellSettings,
    /// `H`, the units of the cell: 1 to 16,384.
    pub units: usize,
    /// The cell's activation (default tanh).
    pub activation: Activation,
}

/// The kind of cell (`cell`), with what only that kind has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellSettings {
    /// [`BasicRnnCell`](crate::cell::BasicRnnCell) (`"basic"`).
    Basic,
    /// [`LstmCell`](crate::cell::LstmCell) (`"lstm"`).
    Lstm {
        /// Added to the forget gate's sum (default 1).
        forget_bias: f64,
        /// Do the gates see the cell (default no)?
        peepholes: bool,
        /// The new cell stays within ± this (default: no limit).
        cell_clip: Option<f64>,
        /// `P`, the size of the projected output (`num_proj`; default: no projection).
        num_proj: Option<usize>,
        /// The projected output stays within ± this (default: no limit).
        proj_clip: Option<f64>,
    },
    /// [`GruCell`](crate::cell::GruCell) (`"gru"`).
    Gru {
        /// Where the reset gate acts (default: before the product, as in TF 1).
        reset_gate: ResetGate,
    },
}
