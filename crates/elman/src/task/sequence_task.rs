//! One answer for a whole sequence, as a kind of task: training it, and using what was trained.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use burn::tensor::Device;

use crate::data::{
    BatchOrder, Batches, DIGIT_SIDE, DatasetParts, SequenceBatch, TargetKind, one_hot, read_digit,
};
use crate::diagnosis::{LayerDiagnosis, worry};
use crate::error::{Error, Result};
use crate::metric::Measure;
use crate::recipe::{DataSettings, Recipe};
use crate::store::StoredFile;
use crate::task::evaluation::Evaluation;
use crate::task::examples;
use crate::task::experiment::TaskKind;
use crate::task::network::NetworkRun;
use crate::task::sequence_model::{Prediction, SequenceModel, SequenceModelConfig};
use crate::task::trained::{Trained, number};
use crate::train::{BatchLoss, Judgement, Objective, restore, snapshot};

/// Test sequences that a diagnosis looks at.
pub const DIAGNOSED_ROWS: usize = 100;

/// What a recipe asks for, as an objective of training.
pub(super) struct SequenceTask {
    recipe: Recipe,
    parts: DatasetParts,
    steps: usize,
    device: Device,
    facts: BTreeMap<String, String>,
}

impl TaskKind for SequenceTask {
    fn load(recipe: &Recipe, data: Option<&Path>) -> Result<Self> {
        let parts = examples::load(recipe, data)?;
        let (time, features) = (parts.train.time(), parts.train.features());
        let mut facts = BTreeMap::from(
            [
                ("task", recipe.task.word().to_owned()),
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

    fn test(&self, model: &SequenceModel) -> Result<Evaluation> {
        model.evaluate(&self.parts.test)
    }
}

/// Rows on which the flow of gradients is looked at after an epoch.
const PROBED_ROWS: usize = 8;

impl Objective for SequenceTask {
    type Model = SequenceModel;
    type Batch = SequenceBatch;
    type Carried = ();

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
        match self.parts.train.targets() {
            TargetKind::Classes(_) => Measure::Accuracy,
            TargetKind::Numbers(_) => Measure::AbsoluteError,
        }
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, from: usize) -> Result<impl Iterator<Item = SequenceBatch>> {
        self.parts
            .train
            .batches(BatchOrder::of(&self.recipe), epoch, from)
    }

    fn loss(
        &self,
        model: &SequenceModel,
        batch: &SequenceBatch,
        (): &mut (),
        step: u64,
    ) -> Result<BatchLoss> {
        let run = NetworkRun {
            through: self.recipe.train.backpropagation,
            ..NetworkRun::training(step)
        };
        model.loss(batch, run)
    }

    fn evaluate(&self, model: &SequenceModel) -> Result<Judgement> {
        Ok(Judgement {
            valid: match &self.parts.valid {
                Some(examples) => Some(model.evaluate(examples)?.figures()),
                None => None,
            },
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
            ..BatchOrder::of(&self.recipe)
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

/// The model of a run's file, for inference.
///
/// # Errors
///
/// When the file does not fit its own recipe.
pub(super) fn stored(recipe: &Recipe, stored: StoredFile) -> Result<SequenceModel> {
    let StoredFile { path, file } = stored;
    // What has no number of steps of its own reads sequences of any length.
    let time = match file.fact(&path, "time") {
        Ok(_) => Some(number(&path, &file, "time")? as usize),
        Err(_) => None,
    };
    let features = number(&path, &file, "features")? as usize;
    let model = fresh(recipe, features, time, &Device::flex())?;
    restore(model, file.tensors, &path)
}

/// The model before training.
fn fresh(
    recipe: &Recipe,
    features: usize,
    time: Option<usize>,
    device: &Device,
) -> Result<SequenceModel> {
    let targets = recipe.data.targets().ok_or_else(|| {
        Error::argument(
            "data.format",
            "its examples have no answer as a whole",
            "use the recipe of a classifier or a regressor",
        )
    })?;
    let config = SequenceModelConfig {
        model: recipe.model.clone(),
        features,
        time,
        targets,
    };
    config.init(recipe.seed, device)
}

/// What `model` is worth on the test examples in `place`, if given, else on the recipe's.
pub(super) fn evaluate(
    model: &SequenceModel,
    recipe: &Recipe,
    place: Option<&Path>,
) -> Result<Evaluation> {
    let parts = examples::load(recipe, place)?;
    model.evaluate(&parts.test)
}

/// What only a model of whole sequences can be asked.
impl Trained {
    /// How far gradients go back in time, and why, on the first [`DIAGNOSED_ROWS`] test examples in
    /// `place`, if given, else on the recipe's; one entry a recurrent cell, the lowest first.
    ///
    /// # Errors
    ///
    /// When it is another kind of model, or the examples cannot be read or do not fit it.
    pub fn recurrence(&self, place: Option<&Path>) -> Result<Vec<LayerDiagnosis>> {
        let trained = self.sequence_model("inspect --recurrence")?;
        let examples = examples::load(&self.recipe, place)?.test;
        let indices: Vec<usize> = (0..examples.len().min(DIAGNOSED_ROWS)).collect();
        let (features, time) = (trained.network.input_size(), trained.time());
        let device = Device::flex().autodiff();
        let model = fresh(&self.recipe, features, time, &device)?;
        let model = restore(model, snapshot(trained), Path::new("the model"))?;
        model.recurrence(&examples.batch(&indices))
    }

    /// The answer to one input: for a run on images the path of a PNG file, for one on Reber
    /// strings a string.
    ///
    /// # Errors
    ///
    /// When it is another kind of model; when it is not a PNG of a digit or the model reads images of
    /// another size; when a string has another letter; when the run has learnt sums, which nobody
    /// types.
    pub fn predict(&self, input: &OsStr) -> Result<Prediction> {
        let model = self.sequence_model("predict")?;
        match &self.recipe.data {
            DataSettings::Idx(_) => predict_picture(model, Path::new(input)),
            DataSettings::Reber(_) => model.predict(one_hot(&input.to_string_lossy())?),
            DataSettings::Ts(_) => Err(Error::argument(
                "predict",
                "a sequence of many features is not given on the command line",
                "judge it with `elman evaluate RUN --data FOLDER`, or use `SequenceModel::predict`",
            )),
            DataSettings::Adding(_)
            | DataSettings::Text(_)
            | DataSettings::Tunes(_)
            | DataSettings::PianoRolls(_)
            | DataSettings::Series(_) => Err(Error::argument(
                "predict",
                "this run has learnt sums over generated sequences, which are not given by hand",
                "judge it with `elman evaluate`",
            )),
        }
    }

    /// What one input of [`predict`](Self::predict) is called.
    pub fn input_noun(&self) -> &'static str {
        match &self.recipe.data {
            DataSettings::Idx(_) => "image",
            DataSettings::Reber(_) => "string",
            DataSettings::Adding(_)
            | DataSettings::Ts(_)
            | DataSettings::Text(_)
            | DataSettings::Tunes(_)
            | DataSettings::PianoRolls(_)
            | DataSettings::Series(_) => "sequence",
        }
    }

    /// What a class is called: its number, or the data's own word for it.
    pub fn class_name(&self, class: usize) -> String {
        match (&self.recipe.data, class) {
            (DataSettings::Reber(_), 0) => "bad".to_owned(),
            (DataSettings::Reber(_), 1) => "good".to_owned(),
            (DataSettings::Ts(ts), _) => ts.classes.get(class).cloned().unwrap_or_default(),
            _ => class.to_string(),
        }
    }
}

fn predict_picture(model: &SequenceModel, path: &Path) -> Result<Prediction> {
    let expected = [DIGIT_SIDE; 2];
    let image = [model.time(), Some(model.network.input_size())];
    if image != expected.map(Some) {
        return Err(Error::argument(
            "predict",
            format!(
                "a picture becomes a digit of {expected:?} pixels, this model reads images of {:?}",
                image.map(Option::unwrap_or_default)
            ),
            "give a run that was trained on images of MNIST's form",
        ));
    }
    model.predict(read_digit(path)?)
}
