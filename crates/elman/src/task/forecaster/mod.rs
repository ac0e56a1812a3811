//! The next steps of time series: networks over windows, heads with distributions, backtests.

mod data;
mod distribution;
mod forecasts;
mod gamma;
mod head;
mod model;
mod objective;
mod origins;
mod paths;
mod prepared;
mod report;
mod smoothing;
#[cfg(test)]
mod tests;
mod trained;

pub use distribution::Distribution;
pub use forecasts::{ForecastRequest, Forecasts, SeriesForecast};
pub use model::{ForecastNetwork, Forecaster};
pub(in crate::task) use objective::ForecastTask;
pub use origins::{DEFAULT_ORIGINS, with_origins};
pub use paths::TargetForecast;
pub use report::{Backtest, Compared, ForecastReport, OriginForecast};
pub use trained::TrainedForecaster;
