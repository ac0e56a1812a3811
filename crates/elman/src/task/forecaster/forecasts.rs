//! Forecasts of all series of a file, and their picture.

use std::path::PathBuf;

use super::paths::TargetForecast;
use crate::data::series::SeriesTable;
use crate::error::{Error, Result};
use crate::plot::{self, Figure};
use crate::recipe::{alternatives, nearest};

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
    /// How many series the file has, of which `series` may be a few.
    pub among: usize,
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
    /// The last `history` known steps of the first series' `target`, and what follows (default: four
    /// horizons, at least two seasons, of the first target).
    ///
    /// # Errors
    ///
    /// When there is no such target, or a number is not finite.
    pub fn figure(
        &self,
        title: &str,
        target: Option<&str>,
        history: Option<usize>,
    ) -> Result<Figure> {
        let (series, forecast) = (&self.table.series[0], &self.series[0]);
        let targets = &self.table.schema.targets;
        let place = match target {
            Some(name) => self.target(name)?,
            None => 0,
        };
        let horizon = forecast.stamps.len();
        let shown = history.unwrap_or((SHOWN_HORIZONS * horizon).max(2 * series.season));
        let from = series.len() - shown.clamp(1, series.len());
        let known = &series.targets[place][from..];
        let target = &forecast.targets[place];
        let label = |step: usize| {
            let label = series.label(&self.table.clock, step);
            label.unwrap_or_else(|| step.to_string())
        };
        let mut parts = Vec::new();
        if self.among > 1 {
            parts.push(series.id.as_str());
        }
        if targets.len() > 1 {
            parts.push(&targets[place]);
        }
        plot::forecast(&plot::ForecastPicture {
            title: match parts.is_empty() {
                true => title.to_owned(),
                false => format!("{title}: {}", parts.join(" ")),
            },
            known,
            point: &target.point,
            levels: &self.levels,
            quantiles: &target.quantiles,
            labels: (from..series.len() + horizon).map(label).collect(),
        })
    }

    /// The place of the target of this name.
    fn target(&self, name: &str) -> Result<usize> {
        let targets = &self.table.schema.targets;
        let place = targets.iter().position(|target| target == name);
        place.ok_or_else(|| {
            let names = || targets.iter().map(String::as_str);
            Error::argument(
                "target",
                format!("there is no target `{name}`"),
                match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", alternatives(names())),
                },
            )
        })
    }
}
