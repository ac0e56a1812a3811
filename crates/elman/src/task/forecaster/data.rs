//! The series of a recipe, cut into what is trained on, watched and tested.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::prepared::{ColumnScales, Prepared, Shape, fit_scalings, known_features};
use crate::data::series::{
    CalendarFeature, Clock, FittedScaling, Frequency, Schema, Series, SeriesFile, SeriesTable,
};
use crate::error::{Error, Result};
use crate::recipe::{DataSettings, ForecastSettings, Head, Method, Readout, Recipe};

/// A window by its series (in the group) and the step that follows it.
pub(super) type Window = (usize, usize);

/// Series of one kind, read by the same networks.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// Where its series are in the table.
    pub(super) series: Vec<usize>,
    pub(super) prepared: Vec<Prepared>,
    /// Steps of each series that training may see.
    pub(super) trained: Vec<usize>,
    pub(super) train: Vec<Window>,
    pub(super) valid: Vec<Window>,
    pub(super) test: Vec<Window>,
}

/// What a trained forecaster must know of its series to read others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Learnt {
    pub(super) schema: Schema,
    pub(super) scales: ColumnScales,
    /// The sizes of every group, by its name, in order.
    pub(super) groups: Vec<LearntGroup>,
    /// Of every series by its id: the steps that training saw, and the scalings of its targets.
    pub(super) series: BTreeMap<String, LearntSeries>,
}

/// What was settled about a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LearntGroup {
    pub(super) name: String,
    pub(super) window: usize,
    pub(super) horizon: usize,
    pub(super) features: usize,
    /// Steps of a season.
    pub(super) season: usize,
    /// How many series it was trained on.
    pub(super) series: usize,
}

/// What was learnt of one series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LearntSeries {
    /// Its place in its group.
    pub(super) row: usize,
    pub(super) trained: usize,
    /// The place of its first step in its season: what is learnt of a season counts from there.
    pub(super) place: usize,
    pub(super) scalings: Vec<FittedScaling>,
}

impl LearntSeries {
    /// How much further in its season `series`, the same from another table, begins.
    fn turn(&self, series: &Series, clock: &Clock) -> usize {
        let season = series.season;
        (series.place_in_season(clock) + season - self.place % season) % season
    }

    /// The scalings of its targets, for `series`, with that turn.
    pub(super) fn scalings(&self, series: &Series, clock: &Clock) -> (Vec<FittedScaling>, usize) {
        let turn = self.turn(series, clock);
        let scalings = self.scalings.iter().cloned();
        (scalings.map(|scaling| scaling.turned(turn)).collect(), turn)
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct ForecastData {
    pub(super) table: SeriesTable,
    pub(super) groups: Vec<Group>,
    pub(super) learnt: Learnt,
}

/// The settings of a forecaster's recipe.
pub(super) fn settings(recipe: &Recipe) -> Result<(&SeriesFile, &ForecastSettings)> {
    match (&recipe.data, &recipe.forecast) {
        (DataSettings::Series(file), Some(forecast)) => Ok((file, forecast)),
        _ => Err(Error::argument(
            "task",
            "the recipe is no forecaster's",
            "set `task = \"forecaster\"`, `data.format = \"series\"` and a table `[forecast]`",
        )),
    }
}

/// `file` in another place.
pub(super) fn at(file: &SeriesFile, place: Option<&Path>) -> Result<SeriesFile> {
    let mut file = file.clone();
    if let Some(place) = place {
        file.file = place.to_str().map(str::to_owned).ok_or_else(|| {
            Error::argument(
                format!("data {}", place.display()),
                "its name is not UTF-8",
                "rename the file",
            )
        })?;
    }
    Ok(file)
}

impl ForecastData {
    /// Reads the file of `recipe`, or the one in `place`, and cuts it.
    pub(super) fn load(recipe: &Recipe, place: Option<&Path>) -> Result<Self> {
        let (file, _) = settings(recipe)?;
        Self::cut(recipe, SeriesTable::read(&at(file, place)?)?, None)
    }

    /// The same of series that are there already. What is `learnt` of them is not fitted again.
    pub(super) fn cut(
        recipe: &Recipe,
        table: SeriesTable,
        learnt: Option<&Learnt>,
    ) -> Result<Self> {
        let (_, settings) = settings(recipe)?;
        check(recipe, settings, &table)?;
        let mut names: Vec<String> = Vec::new();
        for series in &table.series {
            if !names.contains(&series.group) {
                names.push(series.group.clone());
            }
        }
        let horizons: Vec<usize> = table
            .series
            .iter()
            .map(|series| horizon(series, settings))
            .collect::<Result<_>>()?;
        let tested = |at: usize| {
            let series = &table.series[at];
            settings
                .test
                .or(series.official_test)
                .unwrap_or(horizons[at])
        };
        let trained = |at: usize| {
            table.series[at]
                .len()
                .checked_sub(tested(at) + settings.valid)
        };
        let trained: Vec<usize> = (0..table.series.len())
            .map(|at| {
                trained(at).filter(|&trained| trained > 0).ok_or_else(|| {
                    let held_out = [settings.valid, tested(at)];
                    let needed = 1 + held_out.iter().sum::<usize>();
                    too_short(&table.series[at], needed, "some to train on", held_out)
                })
            })
            .collect::<Result<_>>()?;
        let scales = match learnt {
            Some(learnt) => learnt.scales.clone(),
            None => ColumnScales::fit(&table, &trained)?,
        };
        let mut groups = Vec::new();
        for name in names {
            let members = (0..table.series.len()).filter(|&at| table.series[at].group == name);
            let members: Vec<usize> = members.collect();
            let shape = shape(settings, &table, &members, horizons[members[0]]);
            groups.push(Group::new(
                name,
                shape,
                (members, &trained),
                (&table, &scales, learnt),
                settings,
            )?);
        }
        let learnt = Learnt {
            schema: table.schema.clone(),
            scales,
            groups: groups.iter().map(|group| group.learnt(&table)).collect(),
            series: groups
                .iter()
                .flat_map(|group| group.learnt_series(&table))
                .collect(),
        };
        Ok(Self {
            table,
            groups,
            learnt,
        })
    }

    pub(super) fn shapes(&self) -> Vec<Shape> {
        self.groups
            .iter()
            .map(|group| group.shape.clone())
            .collect()
    }
}

/// Settings that the data do not allow.
fn check(recipe: &Recipe, settings: &ForecastSettings, table: &SeriesTable) -> Result<()> {
    if settings.method == Method::Recursive {
        if !table.schema.past.is_empty() {
            return Err(Error::argument(
                "data.past_covariates",
                "a recursive forecast reads its own steps, of which these columns say nothing",
                "use `forecast.method = \"direct\"`, or `data.covariates` if they are known in advance",
            ));
        }
        if recipe.model.readout != Readout::Last {
            return Err(Error::argument(
                "model.readout",
                "a recursive forecast reads the topmost layer",
                "remove this key or use `forecast.method = \"direct\"`",
            ));
        }
    }
    if settings.calendar.contains(&CalendarFeature::Hour) {
        let is_daily = |series: &&Series| !matches!(series.frequency, Frequency::Seconds(_));
        if let Some(series) = table.series.iter().find(is_daily) {
            return Err(Error::argument(
                "forecast.calendar",
                format!(
                    "`hour` is the same at every step of series `{}` ({})",
                    series.id, series.frequency
                ),
                "leave it out",
            ));
        }
    }
    if settings.head == Head::NegativeBinomial {
        for series in &table.series {
            let mut values = series.targets.iter().flatten();
            if let Some(value) = values.find(|value| **value < 0.0 || value.fract() != 0.0) {
                return Err(Error::argument(
                    "forecast.head",
                    format!(
                        "`negative_binomial` is of counts, but series `{}` has {value}",
                        series.id
                    ),
                    "choose another head",
                ));
            }
        }
    }
    let horizon = {
        let horizon = table.series.iter().map(|series| horizon(series, settings));
        horizon
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .max()
            .unwrap_or(1)
    };
    let held_out = [
        ("valid", Some(settings.valid).filter(|&it| it > 0)),
        ("test", settings.test),
    ];
    for (key, steps) in held_out {
        if let Some(steps) = steps.filter(|&steps| steps < horizon) {
            return Err(Error::argument(
                format!("forecast.{key}"),
                format!("{steps} steps hold no whole forecast of {horizon}"),
                "set it to the horizon or more, or leave it out",
            ));
        }
    }
    Ok(())
}

fn horizon(series: &Series, settings: &ForecastSettings) -> Result<usize> {
    settings.horizon.or(series.official_test).ok_or_else(|| {
        Error::argument(
            "forecast.horizon",
            "is not set, and the data set has no official one",
            "set it to the number of steps to be forecast",
        )
    })
}

fn shape(
    settings: &ForecastSettings,
    table: &SeriesTable,
    members: &[usize],
    horizon: usize,
) -> Shape {
    let season = table.series[members[0]].season;
    let window = settings.window.unwrap_or(horizon.max(2 * season));
    shape_of(settings, &table.schema, [window, horizon])
}

/// The sizes of a group whose window and horizon are settled.
pub(super) fn shape_of(
    settings: &ForecastSettings,
    schema: &Schema,
    [window, horizon]: [usize; 2],
) -> Shape {
    let targets = schema.targets.len();
    let statics: usize = schema.statics.iter().map(|column| column.size()).sum();
    let known = schema.known.len();
    Shape {
        window,
        horizon,
        targets,
        known,
        features: targets + schema.past.len() + known_features(settings, known) + statics,
        method: settings.method,
        level: settings.level,
    }
}

/// `needed` steps are needed for `parts`, of which the last two are what is held out.
fn too_short(series: &Series, needed: usize, parts: &str, [valid, test]: [usize; 2]) -> Error {
    Error::argument(
        format!("series `{}`", series.id),
        format!(
            "has {} steps, but {needed} are needed: {parts}, {valid} for validation and {test} for testing",
            series.len()
        ),
        "give a longer series, or set `forecast.window`, `forecast.test` or `forecast.horizon` lower",
    )
}

impl Group {
    fn new(
        name: String,
        shape: Shape,
        (series, all_trained): (Vec<usize>, &[usize]),
        (table, scales, learnt): (&SeriesTable, &ColumnScales, Option<&Learnt>),
        settings: &ForecastSettings,
    ) -> Result<Self> {
        let mut group = Self {
            name,
            trained: series.iter().map(|&at| all_trained[at]).collect(),
            shape,
            series,
            prepared: Vec::new(),
            train: Vec::new(),
            valid: Vec::new(),
            test: Vec::new(),
        };
        for (at, place) in group.series.clone().into_iter().enumerate() {
            let of = (&table.series[place], &table.clock);
            let scalings = match learnt.and_then(|it| it.series.get(&of.0.id)) {
                Some(learnt) => learnt.scalings(of.0, of.1),
                None => (fit_scalings(of.0, group.trained[at], &settings.scaling)?, 0),
            };
            group.ensure_quantiles(&scalings.0, of.0, settings)?;
            let prepared = Prepared::new(of, scalings, scales, settings, 0)?;
            group.cut(at, &prepared, of.0, settings.valid)?;
            group.prepared.push(prepared);
        }
        Ok(group)
    }

    /// Checks that what scalings do to quantiles can be taken back step by step, where it must.
    fn ensure_quantiles(
        &self,
        scalings: &[FittedScaling],
        series: &Series,
        settings: &ForecastSettings,
    ) -> Result<()> {
        let horizon = self.shape.horizon;
        let is_asked =
            !matches!(settings.head, Head::Linear { .. }) && settings.method == Method::Direct;
        if !is_asked || scalings.iter().all(|it| it.keeps_quantiles(horizon)) {
            return Ok(());
        }
        Err(Error::argument(
            "forecast.scaling",
            format!(
                "`seasonal_difference` of {} steps is summed up over a horizon of {horizon}",
                series.season
            ),
            "use a horizon of a season at most, `method = \"recursive\"`, or the head `linear`",
        ))
    }

    /// Adds the windows of the series at `at`.
    fn cut(&mut self, at: usize, prepared: &Prepared, series: &Series, valid: usize) -> Result<()> {
        let (trained, horizon) = (self.trained[at], self.shape.horizon);
        let first = prepared.first + self.shape.window;
        let valid_end = trained + valid;
        if first + horizon > trained || valid_end + horizon > series.len() {
            let held_out = series.len() - trained;
            let parts = format!("a window of {}, a horizon of {horizon}", self.shape.window);
            let parts = match prepared.first {
                0 => parts,
                lost => format!("{lost} for differences, {parts}"),
            };
            let needed = (first + horizon + held_out).max(valid_end + horizon);
            return Err(too_short(series, needed, &parts, [valid, held_out - valid]));
        }
        let window = |origin: usize| (at, origin);
        self.train.extend((first..=trained - horizon).map(window));
        if valid > 0 {
            self.valid
                .extend((trained..=valid_end - horizon).map(window));
        }
        let tested = (valid_end..=series.len() - horizon).step_by(horizon);
        self.test.extend(tested.map(window));
        Ok(())
    }

    /// The season of its series, which is one for all.
    pub(super) fn season(&self, table: &SeriesTable) -> usize {
        self.series.first().map_or(1, |&at| table.series[at].season)
    }

    fn learnt(&self, table: &SeriesTable) -> LearntGroup {
        LearntGroup {
            name: self.name.clone(),
            window: self.shape.window,
            horizon: self.shape.horizon,
            features: self.shape.features,
            season: self.season(table),
            series: self.series.len(),
        }
    }

    fn learnt_series<'a>(
        &'a self,
        table: &'a SeriesTable,
    ) -> impl Iterator<Item = (String, LearntSeries)> + 'a {
        let all = self
            .series
            .iter()
            .zip(&self.prepared)
            .zip(&self.trained)
            .enumerate();
        all.map(|(row, ((&place, prepared), &trained))| {
            let series = &table.series[place];
            let learnt = LearntSeries {
                row,
                trained,
                place: series.place_in_season(&table.clock),
                scalings: prepared.scalings.clone(),
            };
            (series.id.clone(), learnt)
        })
    }
}
