//! What a recipe says, in types.

mod data;
mod forecast;
mod model;
mod optimiser;
mod schedule;
mod text;
mod train;
mod tune;

pub use data::{
    AddingSettings, DataSettings, HeldOutParts, IdxSettings, PianoRollSettings, ReberSettings,
    SequenceTableSettings, TsSettings,
};
pub use forecast::{ForecastSettings, Head, Level, Method, PointLoss};
pub use model::{
    CellSettings, DropoutSettings, DroppedState, LayerSettings, ModelSettings, Output, Readout,
    Skip, ZoneoutSettings,
};
pub use optimiser::{
    AdaGradSettings, AdamSettings, AdamWSettings, MomentumSettings, OptimiserSettings, RmsPropForm,
    RmsPropSettings, SgdSettings,
};
pub use schedule::{Decay, DecayRate, Schedule, ScheduleUnit};
pub use text::{LabelledTextSettings, Normalisation, SoftmaxSettings, TextSettings, TokenSettings};
pub use train::{EarlyStopping, Monitor, TrainSettings};
pub use tune::{Condition, HalvingSettings, Range, Searched, Setting, TuneSettings};

use super::vocabulary::{TASKS, word};
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
    /// What a forecaster reads and answers (`[forecast]`); other tasks have none.
    pub forecast: Option<ForecastSettings>,
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
    /// Numbers for a whole sequence (`"regressor"`).
    Regressor,
    /// The next token of a text, at every step (`"language_model"`).
    LanguageModel,
    /// The notes of the next step of a piece, at every step (`"polyphony"`).
    Polyphony,
    /// The next steps of series (`"forecaster"`).
    Forecaster,
}

impl Task {
    /// As a recipe spells it.
    pub fn word(self) -> &'static str {
        word(TASKS, self)
    }
}
