//! One class for a whole sequence.

use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::{Batches, ImageDataset};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::metric::{ConfusionMatrix, MeanLoss};
use crate::random::Seed;
use crate::recipe::ModelSettings;
use crate::task::network::{Network, NetworkRun};
use crate::train::BatchLoss;

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
    /// The network.
    pub model: ModelSettings,
    /// `T` and `F`: the rows and columns of an image.
    pub image: [usize; 2],
    /// The number of classes.
    pub classes: usize,
}

impl ClassifierConfig {
    /// Builds the classifier. On a device with autodiff it can be trained.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Classifier> {
        let [_, features] = self.image;
        let network = Network::init(&self.model, features, seed, device)?;
        let kernel = [network.readout_size(), self.classes];
        Ok(Classifier {
            dense: Dense {
                kernel: Initializer::GlorotUniform.init(
                    kernel,
                    seed.child("dense kernel"),
                    DType::F32,
                    device,
                ),
                bias: Initializer::Constant(0.0).init([self.classes], seed, DType::F32, device),
            },
            network,
            time: self.image[0],
        })
    }
}

/// A network over the rows of an image, and a dense layer on what is read out of it.
///
/// ```text
/// h      = the network's readout after the last row
/// logits = h · kernel + bias
/// loss   = mean over the batch of -ln softmax(logits)[label]        (nats)
/// ```
///
/// The chapter's sequence classifier.
#[derive(Module, Debug)]
pub struct Classifier {
    /// Reads the rows.
    pub network: Network,
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
        self.logits_of(inputs, NetworkRun::default())
    }

    fn logits_of(&self, inputs: Tensor<3>, run: NetworkRun) -> Result<Tensor<2>> {
        let [_, time, features] = inputs.dims();
        Error::ensure_axis("images", 'T', time, self.time)?;
        Error::ensure_axis("images", 'F', features, self.network.input_size())?;
        let output = self.network.final_output(inputs, run)?;
        Ok(output.matmul(self.dense.kernel.val()) + self.dense.bias.val().unsqueeze())
    }

    /// The loss of a batch: `inputs` `[B, T, F]`, `labels` `[B]`; `run` says how far its gradient
    /// goes back, and for which step of training dropout draws.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the model, or the memory is too little.
    pub fn loss(&self, inputs: Tensor<3>, labels: &[u8], run: NetworkRun) -> Result<BatchLoss> {
        Error::ensure_axis("labels", 'B', labels.len(), inputs.dims()[0])?;
        let logits = self.logits_of(inputs, run)?;
        let correct = count_correct(&logits, labels);
        Ok(BatchLoss {
            mean: cross_entropy(logits, labels),
            correct,
            count: labels.len(),
        })
    }

    /// The mean loss of what the network has read out, `[B, readout]`, in nats.
    pub(crate) fn loss_of(&self, read: Tensor<2>, labels: &[u8]) -> Tensor<1> {
        let logits = read.matmul(self.dense.kernel.val()) + self.dense.bias.val().unsqueeze();
        cross_entropy(logits, labels)
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
        let (time, features) = (self.time, self.network.input_size());
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
