//! A trained model, read from its run's folder.

use std::path::Path;

use crate::data::{PIANO_KEYS, TargetKind};
use crate::error::{Error, Result};
use crate::recipe::{Recipe, Task};
use crate::store::{RunDirectory, StoredFile, TensorFile};
use crate::task::evaluation::Evaluation;
use crate::task::forecaster::TrainedForecaster;
use crate::task::language_task::TrainedLanguage;
use crate::task::network::Network;
use crate::task::polyphony_model::PolyphonyModel;
use crate::task::polyphony_task;
use crate::task::sequence_task::TrainedSequence;
use crate::train::snapshot;

/// A trained model with what is known about it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, for inference.
    pub model: TrainedModel,
    /// The recipe that it was trained by.
    pub recipe: Recipe,
    /// Steps of training that its weights have seen.
    pub step: u64,
    /// Epochs of training that its weights have seen.
    pub finished_epochs: usize,
}

/// A model of any kind.
#[derive(Clone, Debug)]
pub enum TrainedModel {
    /// One answer for a whole sequence.
    Sequence(TrainedSequence),
    /// The next token of a text.
    Language(TrainedLanguage),
    /// The notes of the next step of a piece.
    Polyphony(PolyphonyModel),
    /// The next steps of series.
    Forecaster(TrainedForecaster),
}

/// What goes into a model and comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `T`, if all sequences have as many steps.
    pub time: Option<usize>,
    /// `F`, the features of a step.
    pub features: usize,
    /// What one answer is made of (`classes`, `numbers`), and of how many.
    pub answer: (&'static str, usize),
}

/// One parameter tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFacts {
    /// The fields that lead to it, joined by dots.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How many numbers it has.
    pub parameters: usize,
}

impl Trained {
    /// Loads the model of the run in `root`.
    ///
    /// # Errors
    ///
    /// When there is none, or its file is damaged or does not fit its own recipe.
    pub fn load(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let file = RunDirectory::model(root)?;
        let path = &file.path;
        let recipe = Recipe::from_toml(
            &format!("the recipe in {}", path.display()),
            file.file.fact(path, "recipe")?,
            &[],
        )?;
        let step = number(path, &file.file, "step")?;
        let finished_epochs = number(path, &file.file, "finished_epochs")? as usize;
        let model = Self::model(root, &recipe, file)?;
        Ok(Self {
            model,
            recipe,
            step,
            finished_epochs,
        })
    }

    /// The model in `file`, of the kind that `recipe` has.
    fn model(root: &Path, recipe: &Recipe, file: StoredFile) -> Result<TrainedModel> {
        Ok(match recipe.task {
            Task::Classifier | Task::Regressor => {
                TrainedModel::Sequence(TrainedSequence::stored(root, recipe, file)?)
            }
            Task::LanguageModel => {
                TrainedModel::Language(TrainedLanguage::stored(root, recipe, file)?)
            }
            Task::Polyphony => TrainedModel::Polyphony(polyphony_task::stored(recipe, file)?),
            Task::Forecaster => TrainedModel::Forecaster(TrainedForecaster::stored(recipe, file)?),
        })
    }

    /// What the model is worth on the test examples in `place`, if given, else on the recipe's.
    ///
    /// # Errors
    ///
    /// When the examples cannot be read or do not fit the model.
    pub fn evaluate(&self, place: Option<&Path>) -> Result<Evaluation> {
        match &self.model {
            TrainedModel::Sequence(sequence) => sequence.evaluate(&self.recipe, place),
            TrainedModel::Language(language) => language.evaluate(&self.recipe, place),
            TrainedModel::Polyphony(model) => polyphony_task::evaluate(model, &self.recipe, place),
            TrainedModel::Forecaster(forecaster) => {
                Ok(Evaluation::Forecasts(Box::new(forecaster.evaluate(place)?)))
            }
        }
    }

    /// What goes into the model and comes out of it.
    pub fn interface(&self) -> Interface {
        match &self.model {
            TrainedModel::Sequence(TrainedSequence { model, .. }) => Interface {
                time: model.time(),
                features: model.network.input_size(),
                answer: match model.targets() {
                    TargetKind::Classes(classes) => ("classes", classes),
                    TargetKind::Numbers(numbers) => ("numbers", numbers),
                },
            },
            TrainedModel::Language(language) => Interface {
                time: None,
                features: language.model.network.input_size(),
                answer: ("tokens", language.tokenizer.size()),
            },
            TrainedModel::Polyphony(model) => Interface {
                time: None,
                features: model.network.input_size(),
                answer: ("keys", PIANO_KEYS),
            },
            TrainedModel::Forecaster(forecaster) => forecaster.interface(),
        }
    }

    /// The layers of the network with their wrappers, the lowest first.
    pub fn network(&self) -> Vec<String> {
        let network: &Network = match &self.model {
            TrainedModel::Sequence(sequence) => &sequence.model.network,
            TrainedModel::Language(language) => &language.model.network,
            TrainedModel::Polyphony(model) => &model.network,
            TrainedModel::Forecaster(forecaster) => forecaster.network(),
        };
        network.names()
    }

    /// Every parameter tensor, in order of its name.
    pub fn layers(&self) -> Vec<LayerFacts> {
        let tensors = match &self.model {
            TrainedModel::Sequence(sequence) => snapshot(&sequence.model),
            TrainedModel::Language(language) => snapshot(&language.model),
            TrainedModel::Polyphony(model) => snapshot(model),
            TrainedModel::Forecaster(forecaster) => snapshot(&forecaster.model),
        };
        tensors
            .into_iter()
            .map(|(name, data)| LayerFacts {
                name,
                shape: data.shape().to_vec(),
                parameters: data.num_elements(),
            })
            .collect()
    }

    /// The model of whole sequences and its tokens, for `command`.
    ///
    /// # Errors
    ///
    /// When it is another kind of model.
    pub(super) fn sequence(&self, command: &str) -> Result<&TrainedSequence> {
        match &self.model {
            TrainedModel::Sequence(sequence) => Ok(sequence),
            TrainedModel::Language(_) | TrainedModel::Polyphony(_) => Err(Error::argument(
                command,
                format!(
                    "this run is a `{}`, which gives no answer to a whole sequence",
                    self.recipe.task.word()
                ),
                "use `elman evaluate`, of a language model `elman generate`",
            )),
            TrainedModel::Forecaster(_) => Err(Error::argument(
                command,
                "this run is a forecaster, which gives no one answer to a whole sequence",
                "use `elman forecast`, `elman evaluate` or `elman backtest`",
            )),
        }
    }
}

/// The number that `file`, at `path`, tells of itself as `name`.
pub(super) fn number(path: &Path, file: &TensorFile, name: &str) -> Result<u64> {
    let fact = file.fact(path, name)?;
    fact.parse()
        .map_err(|_| Error::damaged(path, format!("`{name}` is `{fact}`, not a number")))
}
