//! A search carried out.

use std::path::{Path, PathBuf};

use super::folder::TuneFolder;
use super::halving::{Rung, promoted, rungs};
use super::journal::{Journal, Outcome, Score};
use super::space::{Candidate, candidates};
use super::table::{Row, Table};
use crate::error::{Error, Result};
use crate::metric::{EpochMetrics, Measure};
use crate::plot::{self, Figure, SearchedTrial};
use crate::recipe::{Monitor, Override, Recipe, Template, TuneSettings};
use crate::store::RunDirectory;
use crate::task::{self, FitPlan, FitSummary, RunFolder};
use crate::train::{FitOptions, Observer};

/// What a search is asked to do.
#[derive(Clone, Debug)]
pub struct TunePlan {
    /// The recipe with its `[tune]`.
    pub template: Template,
    /// Where the search is kept.
    pub folder: RunFolder,
    /// What does not change the result.
    pub options: FitOptions,
}

/// How a search came out.
#[derive(Clone, Debug)]
pub struct TuneSummary {
    /// The search's folder.
    pub root: PathBuf,
    /// All trials, the best first.
    pub table: Table,
}

/// A trial that begins, or goes on from a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialStart {
    /// Its number.
    pub trial: usize,
    /// The rung that it is to reach, from 0.
    pub rung: usize,
    /// Rungs of the search.
    pub rungs: usize,
    /// Its place among the rung's trials, from 0.
    pub place: usize,
    /// How many trials are to reach the rung.
    pub trials: usize,
    /// Epochs that it had at the rung before.
    pub epochs_from: usize,
    /// Epochs that it is to have at the rung.
    pub epochs: usize,
    /// Epochs of all trials that are done or need not be done any more.
    pub epochs_done: usize,
    /// Epochs of the whole search, if no trial fails or stops early.
    pub epochs_all: usize,
}

/// A trial that has come to a rung, or failed on the way.
#[derive(Clone, Copy, Debug)]
pub struct TrialReport<'a> {
    /// What was begun.
    pub start: TrialStart,
    /// What it is ranked by.
    pub metric: Monitor,
    /// How it stands.
    pub outcome: &'a Outcome,
}

/// Listens to a search and its trainings, and may stop them.
pub trait TuneObserver: Observer {
    /// A trial begins or goes on.
    fn trial(&mut self, _start: &TrialStart) {}

    /// A trial has come to its rung, or failed.
    fn reached(&mut self, _report: &TrialReport<'_>) {}
}

impl TuneObserver for crate::train::Silent {}

/// Starts a search and carries it out.
///
/// # Errors
///
/// When the recipe has no `[tune]`, a trial is refused by the recipe's checks, data is missing or
/// wrong, the folder is taken, the disk refuses, or the observer asks to stop. That a trial's
/// numbers stop being finite is no error, unless it happens to all.
pub fn tune(plan: &TunePlan, observer: &mut dyn TuneObserver) -> Result<TuneSummary> {
    let search = Search::new(&plan.template)?;
    task::check_data(&search.trials[0].recipe)?;
    let folder = TuneFolder::create(&plan.folder, &plan.template)?;
    search.carry_out(&folder, plan.options, observer)
}

/// Goes on with the search in `root`; one that is finished is told again.
///
/// # Errors
///
/// As [`tune`], and when the folder is not as the search left it.
pub fn resume(
    root: &Path,
    options: FitOptions,
    observer: &mut dyn TuneObserver,
) -> Result<TuneSummary> {
    let (folder, template) = TuneFolder::open(root)?;
    Search::new(&template)?.carry_out(&folder, options, observer)
}

/// Trains by the best settings of the finished search in `root`, from the start, on the held-out
/// examples too unless early stopping watches them; in the folder `best` of the search. Goes on
/// if that was begun before.
///
/// # Errors
///
/// When the search is not finished, and as [`task::fit`].
pub fn retrain(
    root: &Path,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    let (folder, template) = TuneFolder::open(root)?;
    let search = Search::new(&template)?;
    let table = search.finished(&folder.journal()?).ok_or_else(|| {
        Error::argument(
            format!("folder of a search {}", root.display()),
            "the search is not finished",
            format!("finish it with `elman tune --resume {}`", root.display()),
        )
    })?;
    let best = &search.trials[search.best(&table)?.trial];
    let mut overrides = best.overrides.clone();
    overrides.push(Override::integer("data.hold_out", 0)?);
    // Refused where something needs the held-out examples: then they stay held out.
    let recipe = template
        .without("tune")
        .with(&overrides)
        .unwrap_or_else(|_| best.recipe.clone());
    let run = folder.root().join("best");
    fit_or_resume(&run, &recipe, options, observer)
        .map_err(|error| explained(error, &format!("--retrain {}", root.display())))
}

/// A search and its trials.
struct Search {
    tune: TuneSettings,
    title: String,
    rungs: Vec<Rung>,
    trials: Vec<Candidate>,
}

impl Search {
    fn new(template: &Template) -> Result<Self> {
        let recipe = template.recipe()?;
        let Some(tune) = recipe.tune else {
            return Err(Error::recipe(
                template.origin(),
                vec![
                    "the table `[tune]` is missing; name what is to be searched in \
                     `[tune.search]`, as the shipped recipe `mnist-tune` does"
                        .to_owned(),
                ],
            ));
        };
        Ok(Self {
            rungs: rungs(&tune, recipe.train.epochs),
            trials: candidates(template, &tune)?,
            title: recipe.title,
            tune,
        })
    }

    /// Runs every trial to every rung that it earns, skipping what the journal knows.
    fn carry_out(
        &self,
        folder: &TuneFolder,
        options: FitOptions,
        observer: &mut dyn TuneObserver,
    ) -> Result<TuneSummary> {
        let mut journal = folder.journal()?;
        let mut field: Vec<usize> = (0..self.trials.len()).collect();
        for (rung, Rung { epochs, .. }) in self.rungs.iter().enumerate() {
            let options = FitOptions {
                pause_after: Some(*epochs),
                ..options
            };
            let (before, all) = self.epochs_around(rung, field.len());
            let epochs_from = self.epochs_before(rung);
            let gain = *epochs - epochs_from;
            for (place, &trial) in field.iter().enumerate() {
                if journal.find(trial, rung).is_some() {
                    continue;
                }
                let start = TrialStart {
                    trial,
                    rung,
                    rungs: self.rungs.len(),
                    place,
                    trials: field.len(),
                    epochs_from,
                    epochs: *epochs,
                    epochs_done: before + place * gain,
                    epochs_all: all,
                };
                observer.trial(&start);
                let outcome = self.run(folder, start, options, observer)?;
                observer.reached(&TrialReport {
                    start,
                    metric: self.tune.metric,
                    outcome: &outcome,
                });
                journal.record(trial, rung, outcome);
                folder.save(&journal)?;
                if let Some(signal) = observer.stop_signal() {
                    return Err(stopped(signal, folder.root()));
                }
            }
            field = self.next_field(&journal, rung, &field);
        }
        self.tell(folder, &journal)
    }

    /// Epochs of a trial before it is trained for `rung`.
    fn epochs_before(&self, rung: usize) -> usize {
        rung.checked_sub(1)
            .map_or(0, |rung| self.rungs[rung].epochs)
    }

    /// Epochs of all trials before `rung`, and of the whole search, when `now` trials are to reach
    /// this rung and each other as many as it has places, trial 0 among or beside them.
    fn epochs_around(&self, rung: usize, now: usize) -> (usize, usize) {
        let epochs = |at: usize| {
            let trials = match at {
                0 => self.trials.len(),
                at if at == rung => now,
                at => self.rungs[at].trials + 1,
            };
            trials * (self.rungs[at].epochs - self.epochs_before(at))
        };
        let before = (0..rung).map(epochs).sum();
        (before, (0..self.rungs.len()).map(epochs).sum())
    }

    /// The trials that go on from `rung`.
    fn next_field(&self, journal: &Journal, rung: usize, field: &[usize]) -> Vec<usize> {
        let Some(next) = self.rungs.get(rung + 1) else {
            return Vec::new();
        };
        let outcomes: Vec<(usize, Outcome)> = field
            .iter()
            .filter_map(|&trial| Some((trial, journal.find(trial, rung)?.clone())))
            .collect();
        promoted(self.tune.metric, &outcomes, next.trials)
    }

    /// Trains one trial up to a rung.
    fn run(
        &self,
        folder: &TuneFolder,
        start: TrialStart,
        options: FitOptions,
        observer: &mut dyn TuneObserver,
    ) -> Result<Outcome> {
        let recipe = &self.trials[start.trial].recipe;
        let root = folder.trial(start.trial, self.trials.len());
        match fit_or_resume(&root, recipe, options, observer) {
            Ok(summary) if summary.history.len() > start.epochs => Err(Error::damaged(
                folder.root().join("progress.toml"),
                format!(
                    "trial {} has {} epochs, more than the {} that this file knows of",
                    start.trial,
                    summary.history.len(),
                    start.epochs
                ),
            )),
            Ok(summary) => self.score(&summary).map(Outcome::Scored),
            Err(error) => match error.not_finite_at() {
                Some((what, step)) => Ok(Outcome::Failed(format!(
                    "{what} became non-finite at step {step}"
                ))),
                None => Err(explained(
                    error,
                    &format!("--resume {}", folder.root().display()),
                )),
            },
        }
    }

    /// What a trial is worth: the row of the epoch whose model it would give.
    fn score(&self, summary: &FitSummary) -> Result<Score> {
        let last = summary.history.len() - 1;
        let row = &summary.history[summary.best.map_or(last, |best| best.epoch)];
        let score = Score {
            epochs: row.epoch + 1,
            valid_accuracy: metric_of(Monitor::ValidAccuracy, row),
            valid_loss: metric_of(Monitor::ValidLoss, row),
        };
        if value(self.tune.metric, &score).is_none() {
            return Err(Error::argument(
                "tune.metric",
                "this task does not measure it",
                "rank by `valid_loss`",
            ));
        }
        Ok(score)
    }

    /// The table, if the journal knows all that it takes.
    fn finished(&self, journal: &Journal) -> Option<Table> {
        let mut field: Vec<usize> = (0..self.trials.len()).collect();
        for rung in 0..self.rungs.len() {
            if field
                .iter()
                .any(|&trial| journal.find(trial, rung).is_none())
            {
                return None;
            }
            field = self.next_field(journal, rung, &field);
        }
        let rows = self.trials.iter().enumerate().map(|(trial, candidate)| {
            let (rung, outcome) = journal.last(trial)?;
            Some(Row {
                trial,
                rung,
                epochs: self.rungs[rung].epochs,
                outcome: outcome.clone(),
                values: candidate.values.clone(),
            })
        });
        let rows = rows.collect::<Option<Vec<Row>>>()?;
        let keys = self.tune.search.keys().cloned().collect();
        Some(Table::new(self.tune.metric, keys, rows))
    }

    fn best<'t>(&self, table: &'t Table) -> Result<&'t Row> {
        table.best().ok_or_else(|| {
            Error::argument(
                "the search",
                format!("none of {} trials stayed finite", self.trials.len()),
                "search lower learning rates (train.optimiser.learning_rate) or clip gradients \
                 (train.clip)",
            )
        })
    }

    /// Writes the table, the best recipe and the figures.
    fn tell(&self, folder: &TuneFolder, journal: &Journal) -> Result<TuneSummary> {
        let table = self
            .finished(journal)
            .expect("every trial has come to its last rung");
        folder.write("table.csv", table.to_csv().as_bytes())?;
        let best = self.best(&table)?;
        let recipe = &self.trials[best.trial].recipe;
        folder.write("best.toml", recipe.to_toml().as_bytes())?;
        let trials = self.histories(folder, &table)?;
        let keep = |name: &str, figure: &Figure| {
            folder.write(&format!("{name}.svg"), figure.svg.as_bytes())?;
            folder.write(&format!("{name}.png"), &figure.png)
        };
        let metric = self.tune.metric;
        keep("tune", &plot::search_curves(&self.title, metric, &trials)?)?;
        let searched = plot::searched(&self.title, metric, &trials, &self.tune.search)?;
        keep("searched", &searched)?;
        Ok(TuneSummary {
            root: folder.root().to_owned(),
            table,
        })
    }

    /// Every scored trial as the figures need it, the best first.
    fn histories(&self, folder: &TuneFolder, table: &Table) -> Result<Vec<SearchedTrial>> {
        let mut trials = Vec::new();
        for row in &table.rows {
            let Some(score) = row.outcome.score() else {
                continue;
            };
            let path = folder
                .trial(row.trial, self.trials.len())
                .join("metrics.csv");
            let curve = EpochMetrics::read_csv(path)?
                .iter()
                .filter_map(|epoch| Some((epoch.epoch, metric_of(self.tune.metric, epoch)?)))
                .collect();
            trials.push(SearchedTrial {
                trial: row.trial,
                rung: row.rung,
                score: value(self.tune.metric, score).unwrap_or(f64::NAN),
                curve,
                values: row.values.clone(),
            });
        }
        Ok(trials)
    }
}

/// The value of `metric` in a score.
fn value(metric: Monitor, score: &Score) -> Option<f64> {
    match metric {
        Monitor::ValidAccuracy => score.valid_accuracy,
        Monitor::ValidLoss | Monitor::TrainLoss => score.valid_loss,
    }
}

/// The value of `metric` after an epoch.
fn metric_of(metric: Monitor, epoch: &EpochMetrics) -> Option<f64> {
    match metric {
        Monitor::ValidAccuracy if epoch.measure != Measure::Accuracy => None,
        Monitor::ValidAccuracy => epoch.valid.map(|valid| valid.score),
        Monitor::ValidLoss | Monitor::TrainLoss => epoch.valid.map(|valid| valid.loss),
    }
}

/// Begins the run in `root`, or goes on with it.
fn fit_or_resume(
    root: &Path,
    recipe: &Recipe,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    if !RunDirectory::exists(root) {
        let plan = FitPlan {
            recipe: recipe.clone(),
            folder: RunFolder::At(root.to_owned()),
            options,
        };
        return task::fit(&plan, observer);
    }
    if RunDirectory::recipe(root)? != *recipe {
        return Err(Error::data(
            root.join("recipe.toml"),
            "is not the recipe that the search gives this run",
            "restore the search's folder, or start a new search",
        ));
    }
    task::resume(root, None, options, observer)
}

/// An error of a run, with how to go on with the search instead of the run.
fn explained(error: Error, flags: &str) -> Error {
    match error.stopped_by() {
        Some(signal) => Error::stopped(signal, format!("saved; go on with `elman tune {flags}`")),
        None => error.advise(format!(
            "everything up to the last checkpoint is kept: go on with `elman tune {flags}`"
        )),
    }
}

fn stopped(signal: i32, root: &Path) -> Error {
    let flags = format!("--resume {}", root.display());
    explained(Error::stopped(signal, String::new()), &flags)
}
