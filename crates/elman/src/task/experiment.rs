//! A recipe carried out: data, model, training, run directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::data::{BatchOrder, Batches, DatasetParts, SequenceBatch};
use crate::diagnosis::worry;
use crate::error::Result;
use crate::metric::{EpochMetrics, Measure};
use crate::plot;
use crate::recipe::{Recipe, Task};
use crate::store::{RunDirectory, StoredFile};
use crate::task::evaluation::Evaluation;
use crate::task::examples;
use crate::task::network::NetworkRun;
use crate::task::sequence_model::{SequenceModel, SequenceModelConfig};
use crate::train::{BatchLoss, Best, FinishedEpoch, FitOptions, Objective, Observer, Training};

/// What a fit is asked to do.
#[derive(Clone, Debug)]
pub struct FitPlan {
    /// The experiment.
    pub recipe: Recipe,
    /// Where the run is kept.
    pub folder: RunFolder,
    /// What does not change the result.
    pub options: FitOptions,
}

/// Where a new run is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunFolder {
    /// In this folder, which must be new or empty.
    At(PathBuf),
    /// In the first free folder `<parent>/<name>-1`, `-2`, …
    Next {
        /// The folder of all runs.
        parent: PathBuf,
        /// What the run's folder is called, without the number.
        name: String,
    },
}

/// How a finished run came out.
#[derive(Clone, Debug)]
pub struct FitSummary {
    /// The run's folder.
    pub root: PathBuf,
    /// The model to use, on the test examples.
    pub test: Evaluation,
    /// One entry for every epoch.
    pub history: Vec<EpochMetrics>,
    /// Did early stopping end the run?
    pub stopped_early: bool,
    /// The epoch whose model is the one to use, when early stopping watches; else it is the last.
    pub best: Option<Best>,
}

/// Starts a run and carries it out.
///
/// # Errors
///
/// When data is missing or wrong, the folder is taken, or training fails: see [`Training::fit`].
pub fn fit(plan: &FitPlan, observer: &mut dyn Observer) -> Result<FitSummary> {
    let experiment = Experiment::load(&plan.recipe, None)?;
    let run = match &plan.folder {
        RunFolder::At(root) => RunDirectory::create(root, &plan.recipe)?,
        RunFolder::Next { parent, name } => RunDirectory::create_next(parent, name, &plan.recipe)?,
    };
    carry_out(&experiment, (&run, plan.options), None, observer)
}

/// Reads the data of `recipe` and does nothing with it.
///
/// # Errors
///
/// Those with which [`fit`] would refuse it before it begins.
pub fn check_data(recipe: &Recipe) -> Result<()> {
    Experiment::load(recipe, None).map(drop)
}

/// Goes on with the run in `root`, with the data in `data` if that has moved.
///
/// A run that is finished is evaluated again and nothing else.
///
/// # Errors
///
/// As [`fit`], and when the run's checkpoints or its recipe are not as the run left them.
pub fn resume(
    root: &Path,
    data: Option<&Path>,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    let run = RunDirectory::open(root)?;
    let recipe = RunDirectory::recipe(root)?;
    let experiment = Experiment::load(&recipe, data)?;
    let found = run.resume()?;
    for warning in &found.warnings {
        observer.warning(warning);
    }
    carry_out(&experiment, (&run, options), found.checkpoint, observer)
}

fn carry_out(
    experiment: &Experiment,
    (run, options): (&RunDirectory, FitOptions),
    checkpoint: Option<StoredFile>,
    observer: &mut dyn Observer,
) -> Result<FitSummary> {
    let training = Training {
        objective: experiment,
        settings: &experiment.recipe.train,
        run,
        options,
    };
    let report = training.fit(checkpoint, observer)?;
    let test = report.model.evaluate(&experiment.parts.test)?;
    let history = report.position.history;
    let curve = plot::learning_curve(&experiment.recipe.title, &history)?;
    run.write("curve.svg", curve.svg.as_bytes())?;
    run.write("curve.png", &curve.png)?;
    if let Some(confusion) = test.confusion() {
        let figure = plot::confusion(&experiment.recipe.title, confusion)?;
        run.write("confusion.svg", figure.svg.as_bytes())?;
        run.write("confusion.png", &figure.png)?;
    }
    Ok(FitSummary {
        root: run.root().to_owned(),
        test,
        history,
        stopped_early: report.position.stopped_early,
        best: report.position.best,
    })
}

/// What a recipe asks for, as an objective of training.
struct Experiment {
    recipe: Recipe,
    parts: DatasetParts,
    steps: usize,
    device: Device,
    facts: BTreeMap<String, String>,
}

impl Experiment {
    fn load(recipe: &Recipe, data: Option<&Path>) -> Result<Self> {
        let parts = examples::load(recipe, data)?;
        let (time, features) = (parts.train.time(), parts.train.features());
        let task = match recipe.task {
            Task::Classifier => "classifier",
            Task::Regressor => "regressor",
        };
        let mut facts = BTreeMap::from(
            [
                ("task", task.to_owned()),
                ("recipe", recipe.to_toml()),
                ("data", parts.fingerprint()),
                ("features", features.to_string()),
            ]
            .map(|(name, fact)| (name.to_owned(), fact)),
        );
        if let Some(time) = time {
            facts.insert("time".to_owned(), time.to_string());
        }
        Ok(Self {
            steps: Batches::in_order(parts.train.len(), recipe.train.batch)?.steps(),
            recipe: recipe.clone(),
            parts,
            device: Device::flex().autodiff(),
            facts,
        })
    }

    fn order(&self) -> BatchOrder {
        BatchOrder {
            seed: self.recipe.seed,
            batch: self.recipe.train.batch,
            shuffle: self.recipe.train.shuffle,
        }
    }
}

/// Rows on which the flow of gradients is looked at after an epoch.
const PROBED_ROWS: usize = 8;

impl Objective for Experiment {
    type Model = SequenceModel;
    type Batch = SequenceBatch;

    fn init(&self) -> Result<SequenceModel> {
        let config = SequenceModelConfig {
            model: self.recipe.model.clone(),
            features: self.parts.train.features(),
            time: self.parts.train.time(),
            targets: self.parts.train.targets(),
        };
        config.init(self.recipe.seed, &self.device)
    }

    fn measure(&self) -> Measure {
        match self.recipe.task {
            Task::Classifier => Measure::Accuracy,
            Task::Regressor => Measure::AbsoluteError,
        }
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = SequenceBatch>> {
        self.parts.train.batches(self.order(), epoch, from)
    }

    fn loss(&self, model: &SequenceModel, batch: &SequenceBatch, step: u64) -> Result<BatchLoss> {
        let run = NetworkRun {
            through: self.recipe.train.backpropagation,
            ..NetworkRun::training(step)
        };
        model.loss(batch, run)
    }

    fn evaluate(&self, model: &SequenceModel, finished: &FinishedEpoch) -> Result<EpochMetrics> {
        let valid = match &self.parts.valid {
            Some(examples) => Some(model.evaluate(examples)?.figures()),
            None => None,
        };
        let norms = finished.running.gradient_norms();
        Ok(EpochMetrics {
            epoch: finished.epoch,
            learning_rate: finished.learning_rate,
            gradient_norm: norms.before,
            clipped_norm: norms.after,
            measure: self.measure(),
            train: finished.running.figures(),
            valid,
            test: model.evaluate(&self.parts.test)?.figures(),
        })
    }

    /// Where gradients stay within windows, they go back no further than the recipe says: nothing is
    /// looked at.
    fn worry(&self, model: &SequenceModel, epoch: usize) -> Result<Option<String>> {
        let through = self.recipe.train.backpropagation;
        if through.window.is_some() {
            return Ok(None);
        }
        let order = BatchOrder {
            batch: self.recipe.train.batch.min(PROBED_ROWS),
            ..self.order()
        };
        let Some(batch) = self.parts.train.batches(order, epoch, 0)?.next() else {
            return Ok(None);
        };
        Ok(worry(&model.flow(&batch, through.memory)?))
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}

#[cfg(test)]
mod tests;
