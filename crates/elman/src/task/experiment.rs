//! A recipe carried out: data, model, training, run directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use crate::data::{Batches, HeldOut, ImageDataset, ImageParts, idx};
use crate::error::Result;
use crate::metric::EpochMetrics;
use crate::plot;
use crate::recipe::{DataFormat, Recipe};
use crate::store::{RunDirectory, StoredFile};
use crate::task::classifier::{Classifier, ClassifierConfig, Evaluation, image_tensor};
use crate::task::network::NetworkRun;
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
    /// The model to use, on the test images.
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
    let experiment = Classification::load(&plan.recipe, None)?;
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
    Classification::load(recipe, None).map(drop)
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
    let experiment = Classification::load(&recipe, data)?;
    let found = run.resume()?;
    for warning in &found.warnings {
        observer.warning(warning);
    }
    carry_out(&experiment, (&run, options), found.checkpoint, observer)
}

fn carry_out(
    experiment: &Classification,
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
    let test = report.model.evaluate(&experiment.test)?;
    let history = report.position.history;
    let curve = plot::learning_curve(&experiment.recipe.title, &history)?;
    run.write("curve.svg", curve.svg.as_bytes())?;
    run.write("curve.png", &curve.png)?;
    let confusion = plot::confusion(&experiment.recipe.title, &test.confusion)?;
    run.write("confusion.svg", confusion.svg.as_bytes())?;
    run.write("confusion.png", &confusion.png)?;
    Ok(FitSummary {
        root: run.root().to_owned(),
        test,
        history,
        stopped_early: report.position.stopped_early,
        best: report.position.best,
    })
}

/// The images of `recipe`, from `folder` if given, else from where the recipe says.
pub(crate) fn read_images(recipe: &Recipe, folder: Option<&Path>) -> Result<ImageParts> {
    let folder = folder.unwrap_or(Path::new(&recipe.data.folder));
    match recipe.data.format {
        DataFormat::Idx => idx::read_folder(folder, recipe.data.classes),
    }
}

/// The classification of images, as an objective of training.
struct Classification {
    recipe: Recipe,
    train: ImageDataset,
    valid: Option<ImageDataset>,
    test: ImageDataset,
    steps: usize,
    device: Device,
    facts: BTreeMap<String, String>,
}

impl Classification {
    fn load(recipe: &Recipe, folder: Option<&Path>) -> Result<Self> {
        let ImageParts { train, test } = read_images(recipe, folder)?;
        let HeldOut { train, valid } = train.hold_out(recipe.data.hold_out)?;
        let facts = [
            ("task", "classifier".to_owned()),
            ("recipe", recipe.to_toml()),
            ("data", fingerprint([Some(&train), valid.as_ref()])),
            ("image", format!("{:?}", [train.rows(), train.columns()])),
        ];
        Ok(Self {
            steps: Batches::in_order(train.len(), recipe.train.batch)?.steps(),
            recipe: recipe.clone(),
            train,
            valid,
            test,
            device: Device::flex().autodiff(),
            facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into(),
        })
    }
}

/// BLAKE3 over the images and labels of `parts`.
fn fingerprint<const N: usize>(parts: [Option<&ImageDataset>; N]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts.into_iter().flatten() {
        hasher.update(part.pixels());
        hasher.update(part.labels());
    }
    hasher.finalize().to_hex().to_string()
}

impl Objective for Classification {
    type Model = Classifier;
    type Batch = Vec<usize>;

    fn init(&self) -> Result<Classifier> {
        let config = ClassifierConfig {
            model: self.recipe.model.clone(),
            image: [self.train.rows(), self.train.columns()],
            classes: self.train.classes(),
        };
        config.init(self.recipe.seed, &self.device)
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = Vec<usize>>> {
        let (seed, batch) = (self.recipe.seed, self.recipe.train.batch);
        let batches = Batches::shuffled(seed, epoch, self.train.len(), batch)?;
        Ok(batches.from_step(from).map(|batch| batch.indices))
    }

    fn loss(&self, model: &Classifier, batch: &Vec<usize>, step: u64) -> Result<BatchLoss> {
        let inputs: Tensor<3> = image_tensor(&self.train, batch, &self.device);
        let run = NetworkRun {
            through: self.recipe.train.backpropagation,
            ..NetworkRun::training(step)
        };
        model.loss(inputs, &self.train.targets(batch), run)
    }

    fn evaluate(&self, model: &Classifier, finished: &FinishedEpoch) -> Result<EpochMetrics> {
        let valid = match &self.valid {
            Some(images) => Some(model.evaluate(images)?),
            None => None,
        };
        let test = model.evaluate(&self.test)?;
        let norms = finished.running.gradient_norms();
        Ok(EpochMetrics {
            epoch: finished.epoch,
            learning_rate: finished.learning_rate,
            train_loss: finished.running.loss(),
            train_accuracy: finished.running.accuracy(),
            gradient_norm: norms.before,
            clipped_norm: norms.after,
            valid_loss: valid.as_ref().map(|valid| valid.loss_nats),
            valid_accuracy: valid.as_ref().map(|valid| valid.confusion.accuracy()),
            test_loss: test.loss_nats,
            test_accuracy: test.confusion.accuracy(),
        })
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}

#[cfg(test)]
mod tests;
