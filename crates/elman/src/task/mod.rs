//! What is learnt: a model, its loss and its figures of merit; and whole experiments from a recipe
//! to a run directory.

mod classifier;
mod experiment;
mod network;
mod trained;

pub use classifier::{Classifier, ClassifierConfig, Dense, Evaluation};
pub use experiment::{FitPlan, FitSummary, RunFolder, fit, resume};
pub use network::{Network, NetworkRun};
pub use trained::{DIAGNOSED_ROWS, LayerFacts, Trained};
