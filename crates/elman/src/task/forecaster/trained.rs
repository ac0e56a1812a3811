//! A trained forecaster, read from its run's folder: forecasts and backtests.

use std::path::Path;

use burn::tensor::Device;

use super::data::{ForecastData, Learnt, LearntGroup, Window, at, settings, shape_of};
use super::forecasts::{ForecastRequest, Forecasts, SeriesForecast};
use super::model::Forecaster;
use super::origins::{DEFAULT_ORIGINS, rolled, room};
use super::paths::{self, Asked, Question};
use super::prepared::{Prepared, fit_scalings};
use super::report::{self, Backtest, ForecastReport, OriginForecast, Told, judged_levels};
use super::smoothing;
use crate::data::series::{Clock, Series, SeriesFile, SeriesTable};
use crate::error::{Error, Result};
use crate::recipe::{ForecastSettings, Method, Recipe, Task, nearest};
use crate::store::{RunDirectory, StoredFile};
use crate::task::network::Network;
use crate::task::trained::Interface;
use crate::train::restore;

/// A trained forecaster with what is known about it.
#[derive(Clone, Debug)]
pub struct TrainedForecaster {
    /// The networks, for inference.
    pub model: Forecaster,
    /// The recipe that they were trained by.
    pub recipe: Box<Recipe>,
    learnt: Learnt,
}

impl TrainedForecaster {
    /// Loads the model of the run in `root`.
    ///
    /// # Errors
    ///
    /// When there is none, it is of another task, or its file is damaged or does not fit its own
    /// recipe.
    pub fn load(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let stored = RunDirectory::model(root)?;
        let origin = format!("the recipe in {}", stored.path.display());
        let recipe = stored.file.fact(&stored.path, "recipe")?;
        let recipe = Recipe::from_toml(&origin, recipe, &[])?;
        let command = match recipe.task {
            Task::Forecaster => return Self::stored(&recipe, stored),
            Task::Classifier | Task::Regressor => "predict",
            Task::LanguageModel | Task::Polyphony => "generate",
        };
        let run = root.display();
        Err(Error::argument(
            format!("run {run}"),
            format!("is a `{}`, which forecasts no series", recipe.task.word()),
            format!("use `elman {command} {run}`, or give the run of a `forecaster`"),
        ))
    }

    /// The model in a file, of that recipe.
    pub(in crate::task) fn stored(recipe: &Recipe, stored: StoredFile) -> Result<Self> {
        let StoredFile { path, file } = stored;
        let (_, settings) = settings(recipe)?;
        let learnt: Learnt = serde_json::from_str(file.fact(&path, "learnt")?)
            .map_err(|error| Error::damaged(&path, format!("`learnt`: {error}")))?;
        let shapes: Vec<_> = learnt
            .groups
            .iter()
            .map(|group| shape_of(settings, &learnt.schema, [group.window, group.horizon]))
            .collect();
        let mut model = Forecaster::init(
            &recipe.model,
            settings,
            &shapes,
            recipe.seed,
            &Device::flex(),
        )?;
        if settings.smoothing {
            let each = settings.ensemble;
            for (group, networks) in learnt.groups.iter().zip(model.members.chunks_mut(each)) {
                for network in networks {
                    smoothing::blank(network, group.series, group.season);
                }
            }
        }
        let model = restore(model, file.tensors, &path)?;
        Ok(Self {
            model,
            recipe: Box::new(recipe.clone()),
            learnt,
        })
    }

    fn settings(&self) -> Result<(&SeriesFile, &ForecastSettings)> {
        settings(&self.recipe)
    }

    /// The horizon for which each group was trained, by its name.
    pub fn horizons(&self) -> Vec<(&str, usize)> {
        let groups = self.learnt.groups.iter();
        groups
            .map(|group| (group.name.as_str(), group.horizon))
            .collect()
    }

    /// The series in `data`, or of the recipe's file.
    fn table(&self, data: Option<&Path>) -> Result<SeriesTable> {
        let (file, _) = self.settings()?;
        if data.is_none() && !Path::new(&file.file).exists() {
            return Err(Error::argument(
                "data",
                format!(
                    "the model was trained on `{}`, which is not there, seen from this folder",
                    file.file
                ),
                "go to the folder where it was trained, or say by `--data` where the series are now",
            ));
        }
        SeriesTable::read_as(&at(file, data)?, Some(&self.learnt.schema))
    }

    /// What goes into the first network and comes out of it.
    pub(in crate::task) fn interface(&self) -> Interface {
        let group = &self.learnt.groups[0];
        Interface {
            time: Some(group.window),
            features: group.features,
            answer: ("steps", group.horizon),
        }
    }

    /// The first network; the others are alike.
    pub(in crate::task) fn network(&self) -> &Network {
        &self.model.members[0].network
    }

    /// What follows on the last step of every series.
    ///
    /// # Errors
    ///
    /// When the file is not as the model's was, a series is shorter than the window, or more is asked
    /// than the model can say.
    pub fn forecast(&self, request: &ForecastRequest) -> Result<Forecasts> {
        let (_, settings) = self.settings()?;
        let mut table = self.table(request.data.as_deref())?;
        if let Some(id) = request.series.iter().find(|id| table.find(id).is_none()) {
            let ids = table.series.iter().map(|series| series.id.as_str());
            let is_target = self.learnt.schema.targets.contains(id);
            let advice = match nearest(id, ids) {
                _ if is_target => {
                    "it is a target, of those that are forecast together for every series; leave it out"
                        .to_owned()
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the first one is `{}`", table.series[0].id),
            };
            return Err(Error::argument(
                "series",
                format!("there is no series `{id}`"),
                advice,
            ));
        }
        let among = table.series.len();
        if !request.series.is_empty() {
            table
                .series
                .retain(|series| request.series.contains(&series.id));
        }
        let default_levels = judged_levels(&settings.head);
        let levels = match (&request.quantiles, default_levels.is_empty()) {
            (Some(_), true) => {
                return Err(Error::argument(
                    "quantiles",
                    "the head `linear` says one number a step",
                    "train with another `forecast.head`, such as `quantiles`",
                ));
            }
            (Some(levels), false) => levels.clone(),
            (None, _) => default_levels,
        };
        if request.samples.is_some() && settings.method == Method::Direct {
            return Err(Error::argument(
                "samples",
                "a direct forecast says each step by itself and has no sample paths",
                "train with `forecast.method = \"recursive\"`",
            ));
        }
        let groups: Vec<usize> = table
            .series
            .iter()
            .map(|series| self.group(series))
            .collect::<Result<_>>()?;
        let mut forecasts: Vec<Option<SeriesForecast>> = vec![None; table.series.len()];
        let mut notes = Vec::new();
        for group in 0..self.learnt.groups.len() {
            let places = (0..groups.len()).filter(|&at| groups[at] == group);
            let places: Vec<usize> = places.collect();
            if places.is_empty() {
                continue;
            }
            let question = self.question(group, request, settings, &levels)?;
            let series: Vec<&Series> = places.iter().map(|&at| &table.series[at]).collect();
            let of_group = self.of_group(group, (&series, &table.clock), &question, &mut notes)?;
            for (at, forecast) in places.into_iter().zip(of_group) {
                forecasts[at] = Some(forecast);
            }
        }
        Ok(Forecasts {
            series: forecasts.into_iter().flatten().collect(),
            table,
            levels,
            among,
            notes,
        })
    }

    fn question<'a>(
        &self,
        group: usize,
        request: &ForecastRequest,
        settings: &'a ForecastSettings,
        levels: &'a [f64],
    ) -> Result<Question<'a>> {
        let trained = self.learnt.groups[group].horizon;
        let horizon = request.horizon.unwrap_or(trained);
        if horizon > trained && settings.method == Method::Direct {
            return Err(Error::argument(
                "horizon",
                format!("the model says {trained} steps at once, not {horizon}"),
                format!(
                    "ask for {trained} or fewer, train with `forecast.horizon = {horizon}`, or with `forecast.method = \"recursive\"`"
                ),
            ));
        }
        let question = Question {
            horizon,
            levels,
            samples: request.samples.unwrap_or(settings.samples),
            seed: self.recipe.seed,
            head: &settings.head,
        };
        paths::check(&question)?;
        Ok(question)
    }

    /// The place of the group of `series`.
    fn group(&self, series: &Series) -> Result<usize> {
        let groups = &self.learnt.groups;
        let place = groups.iter().position(|group| group.name == series.group);
        place.ok_or_else(|| {
            let known: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
            Error::argument(
                format!("series `{}`", series.id),
                format!(
                    "its step is a {}, the model was trained on {}",
                    series.group,
                    known.join(", ")
                ),
                "give series of that frequency, or train a model for this one",
            )
        })
    }

    /// The forecasts of series that are all of one group.
    fn of_group(
        &self,
        group: usize,
        (all, clock): (&[&Series], &Clock),
        question: &Question<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Vec<SeriesForecast>> {
        let (_, settings) = self.settings()?;
        let LearntGroup {
            window, horizon, ..
        } = self.learnt.groups[group];
        let shape = shape_of(settings, &self.learnt.schema, [window, horizon]);
        let ahead = question.horizon.max(match shape.method {
            Method::Direct => shape.horizon,
            Method::Recursive => 0,
        });
        let mut ready = Vec::new();
        for &series in all {
            let scalings = match self.learnt.series.get(&series.id) {
                Some(learnt) => learnt.scalings(series, clock),
                None => {
                    notes.push(format!(
                        "series `{}` is new to the model: its scaling is fitted on all of it",
                        series.id
                    ));
                    (fit_scalings(series, series.len(), &settings.scaling)?, 0)
                }
            };
            let scales = &self.learnt.scales;
            let prepared = Prepared::new((series, clock), scalings, scales, settings, ahead)?;
            ensure_reads(series, &prepared, [prepared.first + shape.window, ahead])?;
            ready.push((
                prepared,
                stamps(series, clock, series.len(), question.horizon)?,
            ));
        }
        let asked: Vec<Asked<'_>> = all
            .iter()
            .zip(&ready)
            .map(|(series, (prepared, _))| Asked {
                series,
                prepared,
                row: self.learnt.series.get(&series.id).map(|it| it.row),
                origin: series.len(),
            })
            .collect();
        let networks = self.model.of_group(group, self.learnt.groups.len());
        let answers = paths::forecast(networks, &shape, &asked, question)?;
        let told = all.iter().zip(ready).zip(answers);
        Ok(told
            .map(|((series, (_, stamps)), targets)| SeriesForecast {
                id: series.id.clone(),
                stamps,
                targets,
            })
            .collect())
    }

    /// What the model is worth on the test part of its own data, or of the file `data` cut alike.
    ///
    /// # Errors
    ///
    /// When the data cannot be read or do not fit the model.
    pub fn evaluate(&self, data: Option<&Path>) -> Result<ForecastReport> {
        let (cut, _) = self.cut(data)?;
        let windows: Vec<Vec<Window>> = cut.groups.iter().map(|group| group.test.clone()).collect();
        self.judge(&cut, &windows, &mut |_| Ok(()))
    }

    /// Forecasts from `origins` origins, spread evenly over the steps that training has not seen, and
    /// judged beside naive forecasts (default: [`DEFAULT_ORIGINS`], or as many as those steps have room
    /// for).
    ///
    /// # Errors
    ///
    /// When fewer steps were held out than it takes, or the data do not fit the model.
    pub fn backtest(&self, data: Option<&Path>, origins: Option<usize>) -> Result<Backtest> {
        let (cut, settings) = self.cut(data)?;
        let origins = origins.unwrap_or_else(|| {
            let room = room(&cut.groups, &cut.table, settings.valid);
            room.min(DEFAULT_ORIGINS)
        });
        let windows = cut
            .groups
            .iter()
            .map(|group| rolled(group, &cut.table, settings.valid, origins));
        let windows: Vec<Vec<Window>> = windows.collect::<Result<_>>()?;
        let mut forecasts = Vec::new();
        let mut tell = |told: Told<'_>| {
            forecasts.push(origin_forecast(told, &cut.table)?);
            Ok(())
        };
        let report = self.judge(&cut, &windows, &mut tell)?;
        Ok(Backtest {
            report,
            levels: judged_levels(&settings.head),
            forecasts,
        })
    }

    fn judge(
        &self,
        cut: &ForecastData,
        windows: &[Vec<Window>],
        told: &mut dyn FnMut(Told<'_>) -> Result<()>,
    ) -> Result<ForecastReport> {
        let (_, settings) = self.settings()?;
        let with = (settings, self.recipe.seed);
        let report = report::judge(&self.model, (&cut.table, &cut.groups), windows, with, told)?;
        report
            .ok_or_else(|| Error::argument("data", "there is no test part", "set `forecast.test`"))
    }

    /// The data, cut as they were for training: with the scalings that training has fitted.
    fn cut(&self, data: Option<&Path>) -> Result<(ForecastData, &ForecastSettings)> {
        let (_, settings) = self.settings()?;
        let table = self.table(data)?;
        for series in &table.series {
            self.group(series)?;
            self.ensure_reaches(series, series.len())?;
        }
        let cut = ForecastData::cut(&self.recipe, table, Some(&self.learnt))?;
        let sizes = |learnt: &Learnt| -> Vec<(String, usize, usize)> {
            let groups = learnt.groups.iter();
            groups
                .map(|group| (group.name.clone(), group.series, group.features))
                .collect()
        };
        if sizes(&cut.learnt) != sizes(&self.learnt)
            || cut.learnt.series.keys().ne(self.learnt.series.keys())
        {
            return Err(Error::argument(
                "data",
                "these are other series than the model was trained on",
                "judge it on those, or train it on these",
            ));
        }
        for series in &cut.table.series {
            self.ensure_reaches(series, cut.learnt.series[&series.id].trained)?;
        }
        Ok((cut, settings))
    }

    /// Checks that the first `steps` of `series` are at least those that the model was trained on.
    fn ensure_reaches(&self, series: &Series, steps: usize) -> Result<()> {
        match self.learnt.series.get(&series.id) {
            Some(learnt) if steps < learnt.trained => Err(Error::argument(
                format!("series `{}`", series.id),
                format!(
                    "the model was trained on its first {} steps; here only {steps} come before those to be forecast",
                    learnt.trained
                ),
                "give all of it",
            )),
            _ => Ok(()),
        }
    }
}

/// Checks that a series has the `needed` steps, and everything known in advance for `ahead` more.
fn ensure_reads(series: &Series, prepared: &Prepared, [needed, ahead]: [usize; 2]) -> Result<()> {
    let (steps, reach) = (series.len(), prepared.reach());
    let (problem, remedy) = if steps < needed {
        (
            format!("has {steps} steps, the model reads {needed}"),
            "give a longer series",
        )
    } else if reach < steps + ahead {
        let known = reach - steps;
        (
            format!(
                "covariates are known for {known} steps after its last number, but {ahead} are needed"
            ),
            "add rows with the covariates and no target",
        )
    } else {
        return Ok(());
    };
    Err(Error::argument(
        format!("series `{}`", series.id),
        problem,
        remedy,
    ))
}

/// A forecast of a backtest, with its stamps.
fn origin_forecast(told: Told<'_>, table: &SeriesTable) -> Result<OriginForecast> {
    let (series, origin, judged) = (told.asked.series, told.asked.origin, told.judged);
    let mut stamps = stamps(series, &table.clock, origin - 1, judged.actual.len() + 1)?;
    let [naive, seasonal_naive] = told.beside;
    Ok(OriginForecast {
        id: table.schema.name(&series.id, told.target),
        cutoff: stamps.remove(0),
        stamps,
        actual: judged.actual.to_vec(),
        point: judged.point.to_vec(),
        quantiles: judged.quantiles.to_vec(),
        naive,
        seasonal_naive,
    })
}

/// The stamps of `count` steps of `series` and after it, the first being `from`, as a person reads them.
fn stamps(series: &Series, clock: &Clock, from: usize, count: usize) -> Result<Vec<String>> {
    let stamp = |step: usize| {
        let label = series.label(clock, step);
        label.ok_or_else(|| {
            Error::argument(
                format!("series `{}`", series.id),
                format!(
                    "step {} after its end lies beyond the year 9999",
                    (step + 1).saturating_sub(series.len())
                ),
                "forecast fewer steps",
            )
        })
    };
    (from..from + count).map(stamp).collect()
}
