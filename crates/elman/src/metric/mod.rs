//! Numbers that say how good a model is. Losses are in nats (natural logarithms) or squared errors.

mod confusion;
mod epoch;
mod figures;
mod loss;

pub use confusion::ConfusionMatrix;
pub use epoch::EpochMetrics;
pub use figures::{Figures, Measure};
pub use loss::MeanLoss;
