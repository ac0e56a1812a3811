//! A trained model, read from its run's folder.

use std::ffi::OsStr;
use std::path::Path;

use burn::tensor::Device;

use crate::data::{DIGIT_SIDE, one_hot, read_digit};
use crate::diagnosis::LayerDiagnosis;
use crate::error::{Error, Result};
use crate::recipe::{DataSettings, Recipe};
use crate::store::{RunDirectory, StoredFile};
use crate::task::evaluation::Evaluation;
use crate::task::examples;
use crate::task::sequence_model::{Prediction, SequenceModel, SequenceModelConfig};
use crate::train::{restore, snapshot};

/// Test sequences that a diagnosis looks at.
pub const DIAGNOSED_ROWS: usize = 100;

/// A trained model with what is known about it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, for inference.
    pub model: SequenceModel,
    /// The recipe that it was trained by.
    pub recipe: Recipe,
    /// Steps of training that its weights have seen.
    pub step: u64,
    /// Epochs of training that its weights have seen.
    pub finished_epochs: usize,
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
        let StoredFile { path, file } = RunDirectory::model(root)?;
        let recipe = Recipe::from_toml(
            &format!("the recipe in {}", path.display()),
            file.fact(&path, "recipe")?,
            &[],
        )?;
        let number = |name: &str| -> Result<u64> {
            let fact = file.fact(&path, name)?;
            fact.parse()
                .map_err(|_| Error::damaged(&path, format!("`{name}` is `{fact}`, not a number")))
        };
        let (step, finished_epochs) = (number("step")?, number("finished_epochs")? as usize);
        // What has no number of steps of its own reads sequences of any length.
        let time = match file.fact(&path, "time") {
            Ok(_) => Some(number("time")? as usize),
            Err(_) => None,
        };
        let features = number("features")? as usize;
        let model = Self::fresh(&recipe, features, time, &Device::flex())?;
        Ok(Self {
            model: restore(model, file.tensors, &path)?,
            recipe,
            step,
            finished_epochs,
        })
    }

    /// The model before training.
    fn fresh(
        recipe: &Recipe,
        features: usize,
        time: Option<usize>,
        device: &Device,
    ) -> Result<SequenceModel> {
        let config = SequenceModelConfig {
            model: recipe.model.clone(),
            features,
            time,
            targets: recipe.data.targets(),
        };
        config.init(recipe.seed, device)
    }

    /// What the model is worth on the test examples in `place`, if given, else on the recipe's.
    ///
    /// # Errors
    ///
    /// When the examples cannot be read or do not fit the model.
    pub fn evaluate(&self, place: Option<&Path>) -> Result<Evaluation> {
        let parts = examples::load(&self.recipe, place)?;
        self.model.evaluate(&parts.test)
    }

    /// How far gradients go back in time, and why, on the first [`DIAGNOSED_ROWS`] test examples in
    /// `place`, if given, else on the recipe's; one entry a recurrent cell, the lowest first.
    ///
    /// # Errors
    ///
    /// When the examples cannot be read or do not fit the model.
    pub fn recurrence(&self, place: Option<&Path>) -> Result<Vec<LayerDiagnosis>> {
        let examples = examples::load(&self.recipe, place)?.test;
        let indices: Vec<usize> = (0..examples.len().min(DIAGNOSED_ROWS)).collect();
        let (features, time) = (self.model.network.input_size(), self.model.time());
        let device = Device::flex().autodiff();
        let model = Self::fresh(&self.recipe, features, time, &device)?;
        let model = restore(model, snapshot(&self.model), Path::new("the model"))?;
        model.recurrence(&examples.batch(&indices))
    }

    /// The answer to one input: for a run on images the path of a PNG file, for one on Reber
    /// strings a string.
    ///
    /// # Errors
    ///
    /// When it is not a PNG of a digit or the model reads images of another size; when a string has
    /// another letter; when the run has learnt sums, which nobody types.
    pub fn predict(&self, input: &OsStr) -> Result<Prediction> {
        match &self.recipe.data {
            DataSettings::Idx(_) => self.predict_picture(Path::new(input)),
            DataSettings::Reber(_) => self.model.predict(one_hot(&input.to_string_lossy())?),
            DataSettings::Adding(_) => Err(Error::argument(
                "predict",
                "this run has learnt sums over generated sequences, which are not given by hand",
                "judge it with `elman evaluate`",
            )),
        }
    }

    fn predict_picture(&self, path: &Path) -> Result<Prediction> {
        let expected = [DIGIT_SIDE; 2];
        let image = [self.model.time(), Some(self.model.network.input_size())];
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
        self.model.predict(read_digit(path)?)
    }

    /// What one input of [`predict`](Self::predict) is called.
    pub fn input_noun(&self) -> &'static str {
        match &self.recipe.data {
            DataSettings::Idx(_) => "image",
            DataSettings::Reber(_) => "string",
            DataSettings::Adding(_) => "sequence",
        }
    }

    /// What a class is called: its number, or the data's own word for it.
    pub fn class_name(&self, class: usize) -> String {
        match (&self.recipe.data, class) {
            (DataSettings::Reber(_), 0) => "bad".to_owned(),
            (DataSettings::Reber(_), 1) => "good".to_owned(),
            _ => class.to_string(),
        }
    }

    /// The layers of the network with their wrappers, the lowest first.
    pub fn network(&self) -> Vec<String> {
        self.model.network.names()
    }

    /// Every parameter tensor, in order of its name.
    pub fn layers(&self) -> Vec<LayerFacts> {
        snapshot(&self.model)
            .into_iter()
            .map(|(name, data)| LayerFacts {
                name,
                shape: data.shape().to_vec(),
                parameters: data.num_elements(),
            })
            .collect()
    }
}
