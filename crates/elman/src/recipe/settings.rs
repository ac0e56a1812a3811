//! What a recipe says, in types.

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

/// The network (`[model]`): one recurrent layer and a dense layer on its final state.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSettings {
    /// The kind of cell, with what only that kind has.
    pub cell: CellSettings,
    /// `H`, the units of the cell: 1 to 16,384.
    pub units: usize,
    /// The cell's activation (default tanh).
    pub activation: Activation,
}

/// The kind of cell (`model.cell`), with what only that kind has.
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

/// How the network is fitted (`[train]`).
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSettings {
    /// How often every example is seen: 1 to 1,000,000.
    pub epochs: usize,
    /// Examples a step: 1 to 1,000,000 (see [`Batches`](crate::data::Batches) for the exact sizes).
    pub batch: usize,
    /// What turns gradients into new weights (`[train.optimiser]`).
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes (`[train.schedule]`, default constant).
    pub schedule: Schedule,
    /// When to stop before the last epoch (`[train.early_stopping]`, default never).
    pub early_stopping: Option<EarlyStopping>,
}

/// What turns gradients into new weights (`train.optimiser.name`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimiserSettings {
    /// Adam (`"adam"`).
    Adam(AdamSettings),
}

/// Adam (Kingma and Ba 2015, arXiv 1412.6980) with TF 1's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamSettings {
    /// Step size before the schedule, above 0 (default 0.001).
    pub learning_rate: f64,
    /// Decay of the mean of gradients, 0 ≤ beta1 < 1 (default 0.9).
    pub beta1: f64,
    /// Decay of the mean of squared gradients, 0 ≤ beta2 < 1 (default 0.999).
    pub beta2: f64,
    /// Keeps the division finite, above 0 (default 1e-8).
    pub epsilon: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        Self {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        }
    }
}

/// How the learning rate changes from epoch to epoch (`train.schedule.kind`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// It does not (`"constant"`).
    #[default]
    Constant,
    /// From `start_epoch` on it is multiplied by `rate` every epoch (`"exponential"`).
    Exponential {
        /// 0 < rate ≤ 1.
        rate: f64,
        /// The last epoch (from 0) with the full learning rate (default 0).
        start_epoch: usize,
    },
    /// It is multiplied by `factor` after every `every` epochs (`"step"`).
    Step {
        /// At least 1.
        every: usize,
        /// 0 < factor ≤ 1.
        factor: f64,
    },
}

impl Schedule {
    /// The learning rate of `epoch` (from 0), for a base rate of `base`.
    pub fn learning_rate(self, base: f64, epoch: usize) -> f64 {
        let (times, factor) = match self {
            Self::Constant => (0, 1.0),
            Self::Exponential { rate, start_epoch } => (epoch.saturating_sub(start_epoch), rate),
            Self::Step { every, factor } => (epoch / every, factor),
        };
        // Multiplied one by one: `powi` may round differently from one machine to another.
        (0..times).fold(base, |rate, _| rate * factor)
    }
}

/// When to stop before the last epoch (`[train.early_stopping]`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// What is watched.
    pub monitor: Monitor,
    /// Stop after so many epochs in a row without a better value: at least 1.
    pub patience: usize,
    /// A value is better only if it is so by more than this, at least 0 (default 0).
    pub minimum_change: f64,
}

/// What early stopping watches (`train.early_stopping.monitor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// The mean loss on the held-out images, which should fall (`"valid_loss"`).
    ValidLoss,
    /// The accuracy on the held-out images, which should rise (`"valid_accuracy"`).
    ValidAccuracy,
    /// The mean loss on the training images, which should fall (`"train_loss"`).
    TrainLoss,
}

impl Monitor {
    /// Does it need held-out images?
    pub fn needs_validation(self) -> bool {
        self != Self::TrainLoss
    }
}
