//! What is learnt: a model, its loss and its figures of merit; and whole experiments from a recipe
//! to a run directory.

mod chrono;
mod dense;
mod embedding;
mod evaluation;
mod examples;
mod experiment;
pub mod forecaster;
mod head;
mod language_model;
mod language_task;
mod layer;
mod network;
mod polyphony_model;
mod polyphony_task;
mod sequence_model;
mod sequence_task;
mod tensorflow_kernels;
mod trained;
mod vocabulary_file;

pub use dense::Dense;
pub use evaluation::{Evaluation, MusicWorth, TextWorth};
pub use experiment::{FitPlan, FitSummary, RunFolder, check_data, fit, resume};
pub use language_model::{
    LanguageModel, LanguageModelConfig, LanguageStream, Projection, SampledDense,
};
pub use language_task::TrainedLanguage;
pub use network::{Network, NetworkRun, NetworkState, NetworkStream};
pub use polyphony_model::{PolyphonyModel, PolyphonyStream, StepSums};
pub use sequence_model::{
    NamedPrediction, Prediction, SequenceModel, SequenceModelConfig, StepKind,
};
pub use sequence_task::{DIAGNOSED_ROWS, TrainedSequence};
pub use trained::{Interface, LayerFacts, Trained, TrainedModel};
