//! A trained classifier, read from its run's folder.

use std::path::Path;

use burn::tensor::Device;

use crate::data::{DIGIT_SIDE, read_digit};
use crate::diagnosis::{LayerDiagnosis, diagnose};
use crate::error::{Error, Result};
use crate::recipe::Recipe;
use crate::store::{RunDirectory, StoredFile};
use crate::task::classifier::{Classifier, ClassifierConfig, Evaluation, image_tensor};
use crate::task::experiment::read_images;
use crate::train::{restore, snapshot};
use crate::wrapper::AnyCell;

/// Test sequences that a diagnosis looks at.
pub const DIAGNOSED_ROWS: usize = 100;

/// A trained classifier with what is known about it.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The model, for inference.
    pub model: Classifier,
    /// The recipe that it was trained by.
    pub recipe: Recipe,
    /// `T` and `F`: the rows and columns of its images.
    pub image: [usize; 2],
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
        let image = file.fact(&path, "image")?;
        let image: [usize; 2] = serde_json::from_str(image)
            .map_err(|_| Error::damaged(&path, format!("`image` is `{image}`, not two sizes")))?;
        let (step, finished_epochs) = (number("step")?, number("finished_epochs")? as usize);
        let config = ClassifierConfig {
            model: recipe.model.clone(),
            image,
            classes: recipe.data.classes,
        };
        let model = config.init(recipe.seed, &Device::flex())?;
        Ok(Self {
            model: restore(model, file.tensors, &path)?,
            recipe,
            image,
            step,
            finished_epochs,
        })
    }

    /// Loss and confusion on the test images in `folder`, if given, else in the recipe's folder.
    ///
    /// # Errors
    ///
    /// When the images cannot be read or do not fit the model.
    pub fn evaluate(&self, folder: Option<&Path>) -> Result<Evaluation> {
        let images = read_images(&self.recipe, folder)?;
        self.model.evaluate(&images.test)
    }

    /// How far gradients go back in time, on the first [`DIAGNOSED_ROWS`] test images in `folder`, if
    /// given, else in the recipe's folder; one entry a recurrent cell, the lowest first.
    ///
    /// # Errors
    ///
    /// When the images cannot be read or do not fit the model.
    pub fn recurrence(&self, folder: Option<&Path>) -> Result<Vec<LayerDiagnosis>> {
        let images = read_images(&self.recipe, folder)?.test;
        let indices: Vec<usize> = (0..images.len().min(DIAGNOSED_ROWS)).collect();
        let device = Device::flex().autodiff();
        let config = ClassifierConfig {
            model: self.recipe.model.clone(),
            image: self.image,
            classes: self.recipe.data.classes,
        };
        let model = config.init(self.recipe.seed, &device)?;
        let model = restore(model, snapshot(&self.model), Path::new("the model"))?;
        let inputs = image_tensor(&images, &indices, &device);
        let labels = images.targets(&indices);
        diagnose(&model.network, inputs, None, |read| {
            Ok(model.loss_of(read, &labels))
        })
    }

    /// The probability of every class for the picture in the PNG file `path`.
    ///
    /// # Errors
    ///
    /// When it is not a PNG of a digit, or the model reads images of another size.
    pub fn predict(&self, path: &Path) -> Result<Vec<f32>> {
        let expected = [DIGIT_SIDE; 2];
        if self.image != expected {
            return Err(Error::argument(
                "predict",
                format!(
                    "a picture becomes a digit of {expected:?} pixels, this model reads images of {:?}",
                    self.image
                ),
                "give a run that was trained on images of MNIST's form",
            ));
        }
        self.model.probabilities(read_digit(path)?)
    }

    /// The layers of the network with their wrappers, the lowest first.
    pub fn network(&self) -> Vec<String> {
        let layers = self.model.network.layers();
        layers.iter().map(AnyCell::name).collect()
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
