//! How good forecasts are beside those that cost nothing.

use std::collections::BTreeMap;

use super::data::{Group, Window};
use super::model::Forecaster;
use super::paths::{self, Asked, Question};
use crate::data::series::SeriesTable;
use crate::error::Result;
use crate::metric::{ForecastScores, ForecastTally, JudgedForecast, beside};
use crate::random::Seed;
use crate::recipe::{ForecastSettings, Head};

/// The levels at which a head with a distribution is judged; the interval between the outermost is
/// that of 80 %.
const JUDGED_LEVELS: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Scores of a model and of what it must beat, on the same steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The model's.
    pub model: ForecastScores,
    /// Those of the last step going on.
    pub naive: ForecastScores,
    /// Those of the last season going on.
    pub seasonal_naive: ForecastScores,
}

/// What forecasts were worth.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastReport {
    /// Over all series.
    pub all: Compared,
    /// Over the series of each group, when there are several.
    pub groups: BTreeMap<String, Compared>,
    /// How much of the truth the interval should hold, 0 to 1; none of a point forecast.
    pub nominal_coverage: Option<f64>,
    /// Series that were forecast.
    pub series: usize,
    /// From how many origins each.
    pub origins: usize,
}

/// A forecast from one origin, beside what came.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginForecast {
    /// The series, with the name of its target where several are forecast together.
    pub id: String,
    /// The stamp of the last step that was known, as a person reads it.
    pub cutoff: String,
    /// `[H]`: the stamps of the forecast steps.
    pub stamps: Vec<String>,
    /// `[H]`: what came; NaN where it is not known.
    pub actual: Vec<f64>,
    /// `[H]`: the medians; of a linear head its numbers.
    pub point: Vec<f64>,
    /// `[Q][H]`: the values at the levels that were judged; none of a linear head.
    pub quantiles: Vec<Vec<f64>>,
    /// `[H]`: the last step going on.
    pub naive: Vec<f64>,
    /// `[H]`: the last season going on.
    pub seasonal_naive: Vec<f64>,
}

/// Forecasts from several origins, and what they were worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// What they were worth.
    pub report: ForecastReport,
    /// The levels of quantiles; none of a linear head.
    pub levels: Vec<f64>,
    /// Every forecast.
    pub forecasts: Vec<OriginForecast>,
}

impl ForecastReport {
    /// What a person should know before trusting the model, in words: by MASE, which means the same for
    /// series of any size (of series that never change it is not defined: then by MAE), and where other
    /// scores say otherwise, by which.
    pub fn verdict(&self) -> String {
        let Compared {
            model,
            naive,
            seasonal_naive,
        } = &self.all;
        let (name, decides) = match model.mase.is_nan() {
            true => MAE,
            false => MASE,
        };
        // Without a season both are one.
        let others = [("naive", naive), ("seasonal naive", seasonal_naive)];
        let others = &others[..1 + usize::from(seasonal_naive != naive)];
        let is_better = |score: Score, other| match (score(model), score(other)) {
            (Some(model), Some(other)) => model < other,
            _ => true,
        };
        let beating: Vec<&str> = others
            .iter()
            .filter(|(_, other)| !is_better(decides, other))
            .map(|(name, _)| *name)
            .collect();
        if !beating.is_empty() {
            return format!(
                "the model is WORSE than {} by {name}: do not use it",
                beating.join(" and ")
            );
        }
        let disagrees = |(_, score): &(&str, Score)| {
            let mut others = others.iter();
            others.any(|(_, other)| !is_better(*score, other))
        };
        let against: Vec<&str> = SCORES
            .into_iter()
            .filter(disagrees)
            .map(|(name, _)| name)
            .collect();
        match &against[..] {
            [] => "the model is better than naive and seasonal naive".to_owned(),
            against => format!(
                "the model is better than naive and seasonal naive by {name}, but WORSE by {}: look twice",
                against.join(", ")
            ),
        }
    }
}

/// One number of some scores, if they have it.
type Score = fn(&ForecastScores) -> Option<f64>;

const MAE: (&str, Score) = ("MAE", |it| Some(it.mae));
const MASE: (&str, Score) = ("MASE", |it| Some(it.mase));

/// What is looked at beside the score that decides.
const SCORES: [(&str, Score); 4] = [
    MAE,
    ("RMSE", |it| Some(it.rmse)),
    ("sMAPE", |it| Some(it.smape)),
    ("CRPS", |it| it.crps),
];

/// Sums of a model and of what it must beat.
#[derive(Clone, Debug, Default)]
struct Tallies {
    model: ForecastTally,
    naive: ForecastTally,
    seasonal_naive: ForecastTally,
}

impl Tallies {
    /// Adds a forecast that was judged at `levels`, and the two [`beside`] it.
    fn add(&mut self, judged: &JudgedForecast<'_>, beside: &[Vec<f64>; 2], levels: &[f64]) {
        self.model.add(judged, levels);
        let tallies = [&mut self.naive, &mut self.seasonal_naive];
        for (tally, point) in tallies.into_iter().zip(beside) {
            tally.add(
                &JudgedForecast {
                    point,
                    quantiles: &[],
                    paths: &[],
                    ..judged.clone()
                },
                levels,
            );
        }
    }

    fn compared(&self) -> Option<Compared> {
        Some(Compared {
            model: self.model.scores()?,
            naive: self.naive.scores()?,
            seasonal_naive: self.seasonal_naive.scores()?,
        })
    }
}

/// The levels at which a head is judged.
pub(super) fn judged_levels(head: &Head) -> Vec<f64> {
    match head {
        Head::Linear { .. } => Vec::new(),
        Head::Quantiles { levels } => levels.clone(),
        _ => JUDGED_LEVELS.to_vec(),
    }
}

/// A forecast as it is judged: of which target of what, beside which naive ones.
pub(super) struct Told<'a> {
    pub(super) asked: &'a Asked<'a>,
    pub(super) target: usize,
    pub(super) judged: &'a JudgedForecast<'a>,
    pub(super) beside: [Vec<f64>; 2],
}

/// Judges `model` on windows of every group, `[groups]`; every forecast is `told`.
pub(super) fn judge(
    model: &Forecaster,
    (table, groups): (&SeriesTable, &[Group]),
    windows: &[Vec<Window>],
    (settings, seed): (&ForecastSettings, Seed),
    told: &mut dyn FnMut(Told<'_>) -> Result<()>,
) -> Result<Option<ForecastReport>> {
    let levels = judged_levels(&settings.head);
    let mut all = Tallies::default();
    let mut of_groups = BTreeMap::new();
    let (mut series, mut origins) = (0, 0);
    for (index, (group, windows)) in groups.iter().zip(windows).enumerate() {
        let question = Question {
            horizon: group.shape.horizon,
            levels: &levels,
            samples: settings.samples,
            seed,
            head: &settings.head,
        };
        let networks = model.of_group(index, groups.len());
        let asked = paths::of_group(group, table, windows);
        let answers = paths::forecast(networks, &group.shape, &asked, &question)?;
        let mut of_group = Tallies::default();
        for (asked, answers) in asked.iter().zip(&answers) {
            let trained_on = windows_trained(group, asked.row);
            for (target, answer) in answers.iter().enumerate() {
                let history = asked.history(target);
                let actual = asked.series.actual(target, asked.origin, question.horizon);
                let judged = JudgedForecast {
                    history,
                    trained_on: trained_on.min(history.len()),
                    season: asked.series.season,
                    actual: &actual,
                    point: &answer.point,
                    quantiles: &answer.quantiles,
                    paths: &answer.paths,
                };
                let beside = beside(&judged);
                all.add(&judged, &beside, &levels);
                of_group.add(&judged, &beside, &levels);
                told(Told {
                    asked,
                    target,
                    judged: &judged,
                    beside,
                })?;
            }
        }
        series += group.series.len();
        let mut distinct: Vec<usize> = windows.iter().map(|window| window.0).collect();
        distinct.dedup();
        origins = origins.max(windows.len() / distinct.len().max(1));
        of_groups.extend(
            of_group
                .compared()
                .map(|compared| (group.name.clone(), compared)),
        );
    }
    if of_groups.len() < 2 {
        of_groups.clear();
    }
    let nominal = levels
        .first()
        .zip(levels.last())
        .map(|(low, high)| high - low);
    Ok(all.compared().map(|all| ForecastReport {
        all,
        groups: of_groups,
        nominal_coverage: nominal.filter(|&nominal| nominal > 0.0),
        series,
        origins,
    }))
}

fn windows_trained(group: &Group, row: Option<usize>) -> usize {
    row.map_or(usize::MAX, |row| group.trained[row])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_by_mase_and_says_where_other_scores_differ() {
        let scores = |error: f64| ForecastScores {
            mae: error,
            rmse: error,
            smape: error,
            mase: error,
            pinball: Some(error),
            crps: Some(error),
            coverage: None,
            count: 1,
        };
        let verdict = |model: ForecastScores| {
            let report = ForecastReport {
                all: Compared {
                    model,
                    naive: scores(3.0),
                    seasonal_naive: scores(2.0),
                },
                groups: BTreeMap::new(),
                nominal_coverage: None,
                series: 1,
                origins: 1,
            };
            report.verdict()
        };
        let mixed = ForecastScores {
            rmse: 2.5,
            crps: Some(9.0),
            ..scores(1.0)
        };
        let only_in_size = ForecastScores {
            mase: 2.5,
            ..scores(1.0)
        };
        let constant = ForecastScores {
            mase: f64::NAN,
            ..scores(5.0)
        };
        let told = [scores(1.0), mixed, only_in_size, scores(5.0), constant].map(verdict);
        insta::assert_snapshot!(told.join("\n"), @"
        the model is better than naive and seasonal naive
        the model is better than naive and seasonal naive by MASE, but WORSE by RMSE, CRPS: look twice
        the model is WORSE than seasonal naive by MASE: do not use it
        the model is WORSE than naive and seasonal naive by MASE: do not use it
        the model is WORSE than naive and seasonal naive by MAE: do not use it
        ");
    }
}
