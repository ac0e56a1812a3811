//! Numbers that say how good a model is. Losses are in nats (natural logarithms).

mod confusion;
mod epoch;
mod loss;

pub use confusion::ConfusionMatrix;
pub use epoch::EpochMetrics;
pub use loss::MeanLoss;
