//! How a network is fitted.

use super::{OptimiserSettings, Schedule};
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

/// How the network is fitted (`[train]`).
#[derive(Clone, Debug, PartialEq)]
pub struct TrainSettings {
    /// How often every example is seen: 1 to 1,000,000.
    pub epochs: usize,
    /// Examples a step: 1 to 1,000,000 (see [`Batches`](crate::data::Batches) for the exact sizes).
    pub batch: usize,
    /// Are the examples in another random order every epoch (default yes), or in their own?
    pub shuffle: bool,
    /// What turns gradients into new weights (`[train.optimiser]`).
    pub optimiser: OptimiserSettings,
    /// How the learning rate changes (`[train.schedule]`, default constant).
    pub schedule: Schedule,
    /// How gradients are kept small (`[train.clip]`, default not at all).
    pub clip: Option<Clip>,
    /// How far gradients go back, and in how much memory (`[train.backpropagation]`, default to the
    /// first step, in whatever it takes).
    pub backpropagation: Backpropagation,
    /// How large weights are held down (`[train.regularisation]`, default not at all).
    pub regularisation: Regularisation,
    /// When to stop before the last epoch (`[train.early_stopping]`, default never).
    pub early_stopping: Option<EarlyStopping>,
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
    /// The mean loss on the held-out examples, which should fall (`"valid_loss"`).
    ValidLoss,
    /// The accuracy on the held-out examples, which should rise (`"valid_accuracy"`).
    ValidAccuracy,
    /// The mean loss on the training examples, which should fall (`"train_loss"`).
    TrainLoss,
}

impl Monitor {
    /// Does it need held-out examples?
    pub fn needs_validation(self) -> bool {
        self != Self::TrainLoss
    }
}
