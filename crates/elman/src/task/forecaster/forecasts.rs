//! Forecasts of all series of a file, and their picture.

use std::path::PathBuf;

use super::paths::TargetForecast;
use crate::data::series::SeriesTable;
use crate::error::Result;
use crate::plot::{self, Figure};

/// What is asked of `TrainedForecaster::forecast`.
#[derive(Clone, Debug, Default)]
pub struct ForecastRequest {
    /// The file to go on from, in place of the recipe's.
    pub data: Option<PathBuf>,
    /// Steps (default: as many as the model was trained for).
    pub horizon: Option<usize>,
    /// Rising levels of quantiles (default: those by which the model is judged).
    pub quantiles: Option<Vec<f64>>,
    /// Sample paths of a recursive model (default: as many as the recipe says).
    pub samples: Option<usize>,
    /// Only the series of these names (default: all).
    pub series: Vec<String>,
}

/// Forecasts of all series of a file.
#[derive(Clone, Debug)]
pub struct Forecasts {
    /// The series that they follow on.
    pub table: SeriesTable,
    /// The levels of quantiles; none of a point forecast.
    pub levels: Vec<f64>,
    /// One of each series, in order.
    pub series: Vec<SeriesForecast>,
    /// What should be known about them, a line each.
    pub notes: Vec<String>,
}

/// The forecast of one series.
#[derive(Clone, Debug)]
pub struct SeriesForecast {
    /// The series.
    pub id: String,
    /// `[H]`: the stamps of its steps, as a person reads them.
    pub stamps: Vec<String>,
    /// One of each target, in the order of the table's schema.
    pub targets: Vec<TargetForecast>,
}

/// Known steps in a picture, in horizons, when nobody says how many.
const SHOWN_HORIZONS: usize = 4;

impl Forecasts {
    /// The last `history` known steps of the first series' first target, and what follows (default: four
    /// horizons, at least two seasons).
    ///
    /// # Errors
    ///
    /// When a number is not finite.
    pub fn figure(&self, title: &str, history: Option<usize>) -> Result<Figure> {
        let (series, forecast) = (&self.table.series[0], &self.series[0]);
        let horizon = forecast.stamps.len();
        let shown = history.unwrap_or((SHOWN_HORIZONS * horizon).max(2 * series.season));
        let from = series.len() - shown.clamp(1, series.len());
        let known = &series.targets[0][from..];
        let target = &forecast.targets[0];
        let label = |step: usize| {
            let stamp = series
                .frequency
                .add(&self.table.clock, series.start, step as i64);
            stamp.map_or(step.to_string(), |stamp| self.table.clock.label(stamp))
        };
        let name = match self.table.series.len() {
            1 => title.to_owned(),
            _ => format!("{title}: {}", series.id),
        };
        plot::forecast(&plot::ForecastPicture {
            title: name,
            known,
            point: &target.point,
            levels: &self.levels,
            quantiles: &target.quantiles,
            labels: (from..series.len() + horizon).map(label).collect(),
        })
    }
}
