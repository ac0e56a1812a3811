//! Pictures of a run, each as SVG and as PNG.
//!
//! Colours are those of Okabe and Ito ("Color Universal Design", 2008), which people with any
//! kind of colour vision can tell apart. Text in a PNG is set in DejaVu Sans (under the free
//! licence of Bitstream Vera), which travels inside the library: no font of the system is needed.

mod axis;
mod canvas;
mod confusion;
mod curve;
mod forecast;
mod frame;
mod lag;
mod lines;
mod search;

pub use canvas::Figure;
pub use forecast::ForecastPicture;
pub use lines::{Line, Marks};
pub use search::SearchedTrial;

use std::collections::BTreeMap;

use crate::diagnosis::{LagNorms, LayerDiagnosis};
use crate::error::{Error, Result};
use crate::metric::{ConfusionMatrix, EpochMetrics};
use crate::recipe::{Monitor, Searched};

/// A longer title is cut and ends in "…".
const LONGEST_TITLE: usize = 80;

/// Loss and score over the epochs, on the training, held-out and test examples.
///
/// # Errors
///
/// When there is no epoch or a number is not finite.
pub fn learning_curve(title: &str, epochs: &[EpochMetrics]) -> Result<Figure> {
    let refuse = |problem: String| {
        Error::argument(
            "learning curve",
            problem,
            "give at least one epoch and finite numbers only",
        )
    };
    if epochs.is_empty() {
        return Err(refuse("there is no epoch".to_owned()));
    }
    for row in epochs {
        if row.not_finite().is_some() {
            return Err(refuse(format!(
                "epoch {} has a number that is not finite",
                row.epoch
            )));
        }
    }
    canvas::render(&curve::LearningCurve {
        title: shortened(title),
        epochs,
    })
}

/// The norm of the gradient against the time lag, a line for each part of each layer's state.
///
/// # Errors
///
/// When there is no layer, or the figure cannot be drawn.
pub fn gradient_lags(title: &str, layers: &[LayerDiagnosis]) -> Result<Figure> {
    let series = layers.iter().enumerate().flat_map(|(index, layer)| {
        layer.lags.iter().map(move |lag| {
            let part = lag.part.symbol();
            lag_series(format!("{part} of layer {index} ({})", layer.cell), lag)
        })
    });
    lag_figure(title, series.collect())
}

/// The norm of the gradient against the time lag in several runs, each with its name: a line for
/// each layer, of the part of its state by which most of the gradient goes back.
///
/// # Errors
///
/// When there is no layer, or the figure cannot be drawn.
pub fn gradient_lags_of_runs(runs: &[(String, Vec<LayerDiagnosis>)]) -> Result<Figure> {
    let series = runs.iter().flat_map(|(run, layers)| {
        layers.iter().enumerate().map(move |(index, layer)| {
            let name = match layers.len() {
                1 => run.clone(),
                _ => format!("{run}, layer {index}"),
            };
            lag_series(name, layer.main_lag())
        })
    });
    lag_figure("How far gradients go back", series.collect())
}

fn lag_series(name: String, lag: &LagNorms) -> lag::LagSeries {
    lag::LagSeries {
        name,
        norms: lag.norms.clone(),
        reference: lag.reference(),
    }
}

fn lag_figure(title: &str, series: Vec<lag::LagSeries>) -> Result<Figure> {
    if series.is_empty() {
        return Err(Error::argument(
            "gradient against lag",
            "there is no layer",
            "give at least one",
        ));
    }
    canvas::render(&lag::LagPlot {
        title: shortened(title),
        series,
    })
}

/// Lines and points over one pair of axes, of which `axes` are the names.
///
/// # Errors
///
/// When there is no point, or one is not finite.
pub fn lines(title: &str, axes: [&str; 2], lines: &[Line]) -> Result<Figure> {
    let mut points = lines.iter().flat_map(|line| &line.points).peekable();
    let are_drawable = points.peek().is_some();
    if !are_drawable || !points.all(|(x, y)| x.is_finite() && y.is_finite()) {
        return Err(Error::argument(
            format!("figure {title}"),
            "it has no point, or one that is not finite",
            "give at least one point and finite numbers only",
        ));
    }
    canvas::render(&lines::LinePlot {
        title: shortened(title),
        axes,
        lines,
    })
}

/// What is known of a series and what is forecast, with bands between quantiles.
///
/// # Errors
///
/// When nothing is known or forecast, or a number is not finite.
pub fn forecast(picture: &ForecastPicture<'_>) -> Result<Figure> {
    let ForecastPicture {
        known,
        point,
        quantiles,
        ..
    } = picture;
    let mut numbers = known.iter().chain(*point).chain(quantiles.iter().flatten());
    if known.is_empty() || point.is_empty() || !numbers.all(|number| number.is_finite()) {
        return Err(Error::argument(
            "forecast",
            "it has no steps, or a number that is not finite",
            "give at least one known step and one that follows, and finite numbers only",
        ));
    }
    let title = shortened(&picture.title);
    canvas::render(&forecast::Forecast { title, picture })
}

/// The counts of a confusion matrix, whose classes have `names`, with the recall of every row and the
/// precision of every column.
///
/// # Errors
///
/// When nothing was counted, there are more than 256 classes, or not as many names.
pub fn confusion(title: &str, matrix: &ConfusionMatrix, names: &[String]) -> Result<Figure> {
    if matrix.total() == 0 || matrix.classes() > 256 {
        return Err(Error::argument(
            "confusion matrix",
            format!(
                "{} examples of {} classes",
                matrix.total(),
                matrix.classes()
            ),
            "give at least one example of at most 256 classes",
        ));
    }
    if names.len() != matrix.classes() {
        return Err(Error::argument(
            "confusion matrix",
            format!("{} names of {} classes", names.len(), matrix.classes()),
            "give a name for every class",
        ));
    }
    canvas::render(&confusion::Confusion::new(shortened(title), matrix, names))
}

/// The metric of a search against epochs, a line a trial, the best in colour.
///
/// # Errors
///
/// When there is no trial, or a number is not finite.
pub fn search_curves(title: &str, metric: Monitor, trials: &[SearchedTrial]) -> Result<Figure> {
    search::check(trials)?;
    canvas::render(&search::Curves {
        title: shortened(title),
        metric,
        trials,
    })
}

/// The metric of a search against every searched setting, a panel a key, a dot a trial.
///
/// # Errors
///
/// When there is no trial, nothing was searched, or a number is not finite.
pub fn searched(
    title: &str,
    metric: Monitor,
    trials: &[SearchedTrial],
    search: &BTreeMap<String, Searched>,
) -> Result<Figure> {
    search::check(trials)?;
    canvas::render(&search::Panels::new(
        shortened(title),
        metric,
        trials,
        search,
    )?)
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= LONGEST_TITLE {
        return title.to_owned();
    }
    let kept: String = title.chars().take(LONGEST_TITLE - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests;
