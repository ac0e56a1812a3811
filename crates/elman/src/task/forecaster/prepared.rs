//! A series as a network sees it, and the windows that are cut out of it.

use serde::{Deserialize, Serialize};

use crate::data::series::{CalendarFeature, Clock, FittedScaling, Scaling, Series, SeriesTable};
use crate::error::{Error, Result};
use crate::recipe::{ForecastSettings, Level, Method};

/// The scale of a column that is no target: its numbers are taken from this mean, in this deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ColumnScale {
    mean: f64,
    deviation: f64,
}

impl ColumnScale {
    /// Of all `values`; the deviation of a constant is 1.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        Self { mean, deviation }
    }

    fn apply(self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }
}

/// The scales of all columns that are no targets, fitted on the training parts of all series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ColumnScales {
    pub(super) known: Vec<ColumnScale>,
    pub(super) past: Vec<ColumnScale>,
    pub(super) statics: Vec<ColumnScale>,
}

impl ColumnScales {
    /// `trained` says how many steps of each series training may see.
    ///
    /// # Errors
    ///
    /// When numbers are so large that their squares are no 64-bit float.
    pub(super) fn fit(table: &SeriesTable, trained: &[usize]) -> Result<Self> {
        let first = || table.series.iter().zip(trained);
        let columns = |of: fn(&Series) -> &Vec<Vec<f64>>| {
            let count = table.series.first().map_or(0, |series| of(series).len());
            let values = |column: usize| {
                first().flat_map(move |(series, &trained)| {
                    of(series)[column][..trained].iter().copied()
                })
            };
            (0..count)
                .map(|column| ColumnScale::of(values(column)))
                .collect()
        };
        let statics = table
            .series
            .first()
            .map_or(0, |series| series.statics.len());
        let of_all = |column: usize| {
            table
                .series
                .iter()
                .map(move |series| series.statics[column])
        };
        let scales = Self {
            known: columns(|series| &series.known),
            past: columns(|series| &series.past),
            statics: (0..statics)
                .map(|column| ColumnScale::of(of_all(column)))
                .collect(),
        };
        let Self {
            known,
            past,
            statics,
        } = &scales;
        let mut all = known.iter().chain(past).chain(statics);
        match all.find(|it| !(it.mean.is_finite() && it.deviation.is_finite())) {
            None => Ok(scales),
            Some(_) => Err(Error::argument(
                "data.covariates, data.past_covariates, data.statics",
                "they have numbers whose squares are larger than any 64-bit float",
                "give them in another unit",
            )),
        }
    }
}

/// What a forecaster reads of one group of series, with sizes that are no longer open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// `W`: known steps that are read.
    pub(super) window: usize,
    /// `H`: steps that are forecast.
    pub(super) horizon: usize,
    /// `K`: targets.
    pub(super) targets: usize,
    /// Columns that are known in advance, without the calendar.
    pub(super) known: usize,
    /// `F`: features of a step that the network reads.
    pub(super) features: usize,
    pub(super) method: Method,
    pub(super) level: Level,
}

impl Shape {
    /// `T`: steps that the network reads in training.
    pub(super) fn time(&self) -> usize {
        match self.method {
            Method::Direct => self.window,
            // It reads what it has been told to say, but for the last.
            Method::Recursive => self.window + self.horizon - 1,
        }
    }

    /// Steps of which it says something in training.
    pub(super) fn answers(&self) -> usize {
        match self.method {
            Method::Direct => self.horizon,
            Method::Recursive => self.time(),
        }
    }
}

/// A series as a network sees it.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// `[K][T]`, NaN for steps that scalings lose.
    pub(super) targets: Vec<Vec<f64>>,
    /// One of each target.
    pub(super) scalings: Vec<FittedScaling>,
    /// `[T][past]`
    past: Vec<Vec<f64>>,
    /// `[T + more][known + calendar]`
    known: Vec<Vec<f64>>,
    statics: Vec<f64>,
    /// The first step that is known in all targets.
    pub(super) first: usize,
    /// How much further in its season it begins than where it was learnt.
    pub(super) turn: usize,
}

/// How many features a step has beside targets, past and statics.
pub(super) fn known_features(settings: &ForecastSettings, columns: usize) -> usize {
    columns + settings.calendar.len() * settings.encoding.size()
}

/// Fits the scalings of every target of `series` on its first `trained` steps.
pub(super) fn fit_scalings(
    series: &Series,
    trained: usize,
    scalings: &[Scaling],
) -> Result<Vec<FittedScaling>> {
    let fit = |values: &Vec<f64>| {
        FittedScaling::fit(scalings, &values[..trained], series.season).map_err(|error| {
            Error::argument(
                format!("series `{}`", series.id),
                error.to_string(),
                "or leave the series out",
            )
        })
    };
    series.targets.iter().map(fit).collect()
}

impl Prepared {
    /// `scalings` are of its targets; it begins `turn` steps further in its season than where it was
    /// learnt. `more` steps after the last known one get features of the calendar.
    pub(super) fn new(
        (series, clock): (&Series, &Clock),
        (scalings, turn): (Vec<FittedScaling>, usize),
        scales: &ColumnScales,
        settings: &ForecastSettings,
        more: usize,
    ) -> Result<Self> {
        let values = series.targets.iter().zip(&scalings);
        let targets: Vec<Vec<f64>> = values
            .map(|(values, scaling)| scaling.apply(values))
            .collect::<Result<_>>()
            .map_err(|error| {
                Error::argument(
                    format!("series `{}`", series.id),
                    error.to_string(),
                    "or leave the series out",
                )
            })?;
        let row = |columns: &[Vec<f64>], scales: &[ColumnScale], step: usize| -> Vec<f64> {
            let values = columns.iter().zip(scales);
            values
                .map(|(values, scale)| scale.apply(values[step]))
                .collect()
        };
        let steps = series.len() + more;
        let reach = series.known.iter().map(Vec::len).min().unwrap_or(steps);
        let known = (0..steps.min(reach)).map(|step| {
            let mut known = row(&series.known, &scales.known, step);
            let (calendar, encoding) = (&settings.calendar, settings.encoding);
            known.extend(CalendarFeature::encode(
                calendar,
                encoding,
                (series, clock),
                step,
            )?);
            Ok(known)
        });
        let statics = series.statics.iter().zip(&scales.statics);
        Ok(Self {
            turn,
            first: scalings.iter().map(FittedScaling::lost).max().unwrap_or(0),
            targets,
            scalings,
            past: (0..series.len())
                .map(|step| row(&series.past, &scales.past, step))
                .collect(),
            known: known.collect::<Result<_>>()?,
            statics: statics.map(|(&value, scale)| scale.apply(value)).collect(),
        })
    }

    /// Steps for which everything known in advance is there.
    pub(super) fn reach(&self) -> usize {
        self.known.len()
    }

    /// What is subtracted from every target of the window before `origin`, `[K]`.
    pub(super) fn level(&self, shape: &Shape, origin: usize) -> Vec<f64> {
        let of = |values: &Vec<f64>| match shape.level {
            Level::None => 0.0,
            Level::Last => values[origin - 1],
            Level::Mean => {
                values[origin - shape.window..origin].iter().sum::<f64>() / shape.window as f64
            }
        };
        self.targets.iter().map(of).collect()
    }

    /// The features of one step, `[F]`: the targets `values` less `level`, what was known then, and
    /// what is known in advance of step `known`.
    pub(super) fn row(&self, values: &[f64], level: &[f64], at: usize, known: usize) -> Vec<f32> {
        let values = values.iter().zip(level).map(|(value, level)| value - level);
        let rest = self.past.get(at).into_iter().flatten();
        let rest = rest.chain(&self.known[known]).chain(&self.statics).copied();
        values.chain(rest).map(|number| number as f32).collect()
    }

    /// The targets of one step, `[K]`.
    pub(super) fn values(&self, step: usize) -> Vec<f64> {
        self.targets.iter().map(|values| values[step]).collect()
    }

    /// What the network reads of the window before `origin`, `[T][F]` flat, `time` steps of it.
    /// A direct network reads each step with what is known of it; a recursive one reads each step with
    /// what is known of the next.
    pub(super) fn inputs(&self, shape: &Shape, origin: usize, time: usize) -> Vec<f32> {
        let level = self.level(shape, origin);
        let ahead = usize::from(shape.method == Method::Recursive);
        let from = origin - shape.window;
        let steps = from..from + time;
        steps
            .flat_map(|step| self.row(&self.values(step), &level, step, step + ahead))
            .collect()
    }

    /// What is known in advance of the steps from `origin` on, without the calendar, `[H x known]`.
    pub(super) fn future(&self, shape: &Shape, origin: usize) -> Vec<f32> {
        if shape.method == Method::Recursive || shape.known == 0 {
            return Vec::new();
        }
        let steps = origin..origin + shape.horizon;
        let columns = |step: usize| self.known[step][..shape.known].iter().map(|it| *it as f32);
        steps.flat_map(columns).collect()
    }

    /// What the network should say of the window before `origin`, `[answers x K]`, less the level.
    pub(super) fn answers(&self, shape: &Shape, origin: usize) -> Vec<f32> {
        let level = self.level(shape, origin);
        let from = match shape.method {
            Method::Direct => origin,
            Method::Recursive => origin - shape.window + 1,
        };
        let steps = from..from + shape.answers();
        steps
            .flat_map(|step| {
                let values = self.values(step).into_iter().zip(level.clone());
                values.map(|(value, level)| (value - level) as f32)
            })
            .collect()
    }

    /// The factors by which the targets were divided, once for each answer, `[answers x K]`.
    pub(super) fn factors(&self, shape: &Shape) -> Vec<f32> {
        let factor = |scaling: &FittedScaling| scaling.factor().unwrap_or(1.0) as f32;
        let factors: Vec<f32> = self.scalings.iter().map(factor).collect();
        factors.repeat(shape.answers())
    }
}
