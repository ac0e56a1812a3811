//! One class for a whole sequence.

use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::cell::{
    BasicRnnCell, BasicRnnCellConfig, Cell, GruCell, GruCellConfig, LstmCell, LstmCellConfig,
};
use crate::data::{Batches, ImageDataset};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::metric::{ConfusionMatrix, MeanLoss};
use crate::random::Seed;
use crate::recipe::{CellSettings, ModelSettings};
use crate::train::BatchLoss;
use crate::unroll::{Backpropagation, UnrollOptions};

/// The recurrent layer of a model whose kind of cell a recipe chooses.
#[derive(Module, Debug)]
pub enum RecurrentLayer {
    /// Elman's network.
    Basic(BasicRnnCell),
    /// The long short-term memory.
    Lstm(LstmCell),
    /// The gated recurrent unit.
    Gru(GruCell),
}

impl RecurrentLayer {
    /// The layer that `settings` describe, over `inputs` (`F`) features.
    fn init(settings: &ModelSettings, inputs: usize, seed: Seed, device: &Device) -> Self {
        let (units, activation) = (settings.units, settings.activation);
        match settings.cell {
            CellSettings::Basic => Self::Basic(
                BasicRnnCellConfig::new(inputs, units)
                    .with_activation(activation)
                    .init(seed, device),
            ),
            CellSettings::Lstm {
                forget_bias,
                peepholes,
                cell_clip,
                num_proj,
                proj_clip,
            } => {
                let mut config = LstmCellConfig::new(inputs, units)
                    .with_activation(activation)
                    .with_forget_bias(forget_bias);
                if peepholes {
                    config = config.with_peepholes();
                }
                if let Some(clip) = cell_clip {
                    config = config.with_cell_clip(clip);
                }
                if let Some(outputs) = num_proj {
                    config = config.with_num_proj(outputs);
                }
                if let Some(clip) = proj_clip {
                    config = config.with_proj_clip(clip);
                }
                Self::Lstm(config.init(seed, device))
            }
            CellSettings::Gru { reset_gate } => Self::Gru(
                GruCellConfig::new(inputs, units)
                    .with_activation(activation)
                    .with_reset_gate(reset_gate)
                    .init(seed, device),
            ),
        }
    }

    /// The name of the cell's kind, as in TF 1.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Basic(_) => "BasicRnnCell",
            Self::Lstm(_) => "LstmCell",
            Self::Gru(_) => "GruCell",
        }
    }

    /// `F`, the number of input features.
    pub fn input_size(&self) -> usize {
        match self {
            Self::Basic(cell) => cell.input_size(),
            Self::Lstm(cell) => cell.input_size(),
            Self::Gru(cell) => cell.input_size(),
        }
    }

    /// `H` (with a projection `P`), the number of output features.
    pub fn output_size(&self) -> usize {
        match self {
            Self::Basic(cell) => cell.output_size(),
            Self::Lstm(cell) => cell.output_size(),
            Self::Gru(cell) => cell.output_size(),
        }
    }

    /// The output after the last step, `[B, H]`, for `inputs` of shape `[B, T, F]`.
    fn final_output(&self, inputs: Tensor<3>, through: Backpropagation) -> Result<Tensor<2>> {
        Ok(match self {
            Self::Basic(cell) => {
                let run = through.unroll(cell, inputs, UnrollOptions::default())?;
                run.state.hidden
            }
            Self::Lstm(cell) => {
                let run = through.unroll(cell, inputs, UnrollOptions::default())?;
                run.state.hidden
            }
            Self::Gru(cell) => {
                let run = through.unroll(cell, inputs, UnrollOptions::default())?;
                run.state.hidden
            }
        })
    }
}

/// A fully connected layer (`tf.layers.dense` without an activation).
#[derive(Module, Debug)]
pub struct Dense {
    /// `[H, V]`, glorot uniform.
    pub kernel: Param<Tensor<2>>,
    /// `[V]`, zero at first.
    pub bias: Param<Tensor<1>>,
}

/// How to build a [`Classifier`].
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierConfig {
    /// The recurrent layer.
    pub model: ModelSettings,
    /// `T` and `F`: the rows and columns of an image.
    pub image: [usize; 2],
    /// The number of classes.
    pub classes: usize,
}

impl ClassifierConfig {
    /// Builds the classifier. On a device with autodiff it can be trained.
    pub fn init(&self, seed: Seed, device: &Device) -> Classifier {
        let [_, features] = self.image;
        let cell = RecurrentLayer::init(&self.model, features, seed.child("cell"), device);
        let kernel = [cell.output_size(), self.classes];
        Classifier {
            dense: Dense {
                kernel: Initializer::GlorotUniform.init(
                    kernel,
                    seed.child("dense kernel"),
                    DType::F32,
                    device,
                ),
                bias: Initializer::Constant(0.0).init([self.classes], seed, DType::F32, device),
            },
            cell,
            time: self.image[0],
        }
    }
}

/// A recurrent layer over the rows of an image, and a dense layer on its final state.
///
/// ```text
/// h      = the cell's output after the last row
/// logits = h · kernel + bias
/// loss   = mean over the batch of -ln softmax(logits)[label]        (nats)
/// ```
///
/// The chapter's sequence classifier.
#[derive(Module, Debug)]
pub struct Classifier {
    /// Reads the rows.
    pub cell: RecurrentLayer,
    /// Names the class.
    pub dense: Dense,
    /// `T`: the rows of the images that it was made for.
    #[module(skip)]
    pub time: usize,
}

/// What a model is worth on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean cross-entropy, in nats.
    pub loss_nats: f64,
    /// Which class was taken for which.
    pub confusion: ConfusionMatrix,
}

/// Examples at once in evaluation: enough to keep the kernels busy, little memory.
const EVALUATION_BATCH: usize = 500;

impl Classifier {
    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.dense.bias.dims()[0]
    }

    /// `[B, V]`: the unnormalised log-probabilities, for `inputs` of shape `[B, T, F]`.
    ///
    /// # Errors
    ///
    /// When the images are of another size than the model was made for.
    pub fn logits(&self, inputs: Tensor<3>) -> Result<Tensor<2>> {
        self.logits_through(inputs, Backpropagation::default())
    }

    fn logits_through(&self, inputs: Tensor<3>, through: Backpropagation) -> Result<Tensor<2>> {
        let [_, time, features] = inputs.dims();
        if time != self.time {
            return Err(Error::shape("images", 'T', self.time, time));
        }
        if features != self.cell.input_size() {
            return Err(Error::shape(
                "images",
                'F',
                self.cell.input_size(),
                features,
            ));
        }
        let output = self.cell.final_output(inputs, through)?;
        Ok(output.matmul(self.dense.kernel.val()) + self.dense.bias.val().unsqueeze())
    }

    /// The loss of a batch: `inputs` `[B, T, F]`, `labels` `[B]`.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the model.
    pub fn loss(&self, inputs: Tensor<3>, labels: &[u8]) -> Result<BatchLoss> {
        self.loss_through(inputs, labels, Backpropagation::default())
    }

    /// The [`loss`](Self::loss) of a batch, whose gradient goes back as `through` says.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the model, or the memory is too little.
    pub fn loss_through(
        &self,
        inputs: Tensor<3>,
        labels: &[u8],
        through: Backpropagation,
    ) -> Result<BatchLoss> {
        Error::ensure_axis("labels", 'B', labels.len(), inputs.dims()[0])?;
        let logits = self.logits_through(inputs, through)?;
        let correct = count_correct(&logits, labels);
        Ok(BatchLoss {
            mean: cross_entropy(logits, labels),
            correct,
            count: labels.len(),
        })
    }

    /// Loss and confusion over all of `images`.
    ///
    /// # Errors
    ///
    /// When the images do not fit the model.
    pub fn evaluate(&self, images: &ImageDataset) -> Result<Evaluation> {
        let model = self.valid();
        let device = model.device();
        let mut loss = MeanLoss::default();
        let mut confusion = ConfusionMatrix::new(self.classes());
        for batch in Batches::in_order(images.len(), EVALUATION_BATCH)? {
            let labels = images.targets(&batch.indices);
            let logits = model.logits(image_tensor(images, &batch.indices, &device))?;
            for (predicted, &label) in arg_max(&logits).into_iter().zip(&labels) {
                confusion.record(usize::from(label), predicted)?;
            }
            let mean = f64::from(cross_entropy(logits, &labels).into_scalar::<f32>());
            loss.add(mean * labels.len() as f64, labels.len());
        }
        Ok(Evaluation {
            loss_nats: loss.mean_nats().expect("a data set is never empty"),
            confusion,
        })
    }

    /// The probability of every class, for one image of `pixels` `[T, F]` in 0 to 1.
    ///
    /// # Errors
    ///
    /// When there are not `T`·`F` pixels.
    pub fn probabilities(&self, pixels: Vec<f32>) -> Result<Vec<f32>> {
        let model = self.valid();
        let (time, features) = (self.time, self.cell.input_size());
        if pixels.len() != time * features {
            return Err(Error::argument(
                "image",
                format!(
                    "it has {} pixels, the model reads {time} rows of {features}",
                    pixels.len()
                ),
                "give an image of that size",
            ));
        }
        let inputs = TensorData::new(pixels, [1, time, features]);
        let logits = model.logits(Tensor::from_data(inputs, &model.device()))?;
        Ok(numbers(softmax(logits, 1)))
    }

    fn device(&self) -> Device {
        self.dense.bias.val().device()
    }
}

/// `[B, T, F]`: the images of `indices`, on `device`.
pub(crate) fn image_tensor(images: &ImageDataset, indices: &[usize], device: &Device) -> Tensor<3> {
    let shape = [indices.len(), images.rows(), images.columns()];
    Tensor::from_data(TensorData::new(images.inputs(indices), shape), device)
}

/// `[1]`: the mean cross-entropy of `logits` `[B, V]` and `labels` `[B]`, in nats
/// (`tf.nn.sparse_softmax_cross_entropy_with_logits`, then `tf.reduce_mean`).
fn cross_entropy(logits: Tensor<2>, labels: &[u8]) -> Tensor<1> {
    let device = logits.device();
    let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let rows = labels.len();
    let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [rows, 1]), &device);
    log_softmax(logits, 1).gather(1, labels).mean().neg()
}

fn count_correct(logits: &Tensor<2>, labels: &[u8]) -> usize {
    let predicted = arg_max(logits).into_iter();
    predicted
        .zip(labels)
        .filter(|&(predicted, &label)| predicted == usize::from(label))
        .count()
}

/// `[B]`: the class with the highest score; the first of equals.
fn arg_max(logits: &Tensor<2>) -> Vec<usize> {
    let [_, classes] = logits.dims();
    let first_highest = |scores: &[f32]| {
        (1..scores.len()).fold(0, |best, class| {
            if scores[class] > scores[best] {
                class
            } else {
                best
            }
        })
    };
    numbers(logits.clone())
        .chunks(classes)
        .map(first_highest)
        .collect()
}

fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec()
        .expect("a classifier computes in f32")
}

#[cfg(test)]
mod tests;
