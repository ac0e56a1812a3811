//! Numbers that say how good a model is. Losses are in nats (natural logarithms) or squared errors.

mod confusion;
mod correlation;
mod epoch;
mod figures;
mod forecast;
mod loss;
mod naive;
mod written;

pub use confusion::ConfusionMatrix;
pub use correlation::Correlation;
pub use epoch::EpochMetrics;
pub use figures::{Figures, Measure};
pub(crate) use forecast::quantile_of_sorted;
pub use forecast::{
    ForecastScores, ForecastTally, JudgedForecast, beside, crps_of_samples, mase_scale, pinball,
    quantile_of, smape,
};
pub use loss::MeanLoss;
pub use naive::{naive, seasonal_naive};
pub use written::written;
