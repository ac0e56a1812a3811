//! One answer for a whole sequence: a class, or numbers.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::cell::Lengths;
use crate::data::{Batches, Dataset, SequenceBatch, TargetKind, Targets};
use crate::diagnosis::{LayerDiagnosis, LayerFlow, diagnose, flow};
use crate::error::{Error, Result};
use crate::random::Seed;
use crate::recipe::{ModelSettings, Output};
use crate::task::dense::Dense;
use crate::task::evaluation::{Evaluation, Tally};
use crate::task::network::{Network, NetworkRun};
use crate::task::{chrono, embedding, head, tensorflow_kernels};
use crate::train::BatchLoss;

/// What a step of a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// So many features (`F`).
    Features(usize),
    /// The number of a token, as one feature, below so many.
    Token(usize),
}

/// How to build a [`SequenceModel`].
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceModelConfig {
    /// The network and the output.
    pub model: ModelSettings,
    /// What it reads at every step.
    pub step: StepKind,
    /// `T`, if all sequences have as many steps.
    pub time: Option<usize>,
    /// What it answers.
    pub targets: TargetKind,
}

impl SequenceModelConfig {
    /// Builds the model. On a device with autodiff it can be trained.
    ///
    /// # Errors
    ///
    /// When a layer cannot be built over what it reads, the output does not go with the targets,
    /// there are more or fewer random operations than kernels, or there is no gate for a chrono
    /// initialisation.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<SequenceModel> {
        let numbers = self.outputs()?;
        let size = self.model.embedding;
        let (embedding, features) = match self.step {
            StepKind::Features(features) => (None, features),
            StepKind::Token(vocabulary) => (
                embedding::init(size, vocabulary, 1.0, (seed, device))?,
                size.unwrap_or(vocabulary),
            ),
        };
        let network = Network::init(&self.model, features, seed, device)?;
        let kernel = seed.child("dense kernel");
        let model = SequenceModel {
            embedding,
            dense: Dense::init(network.readout_size(), numbers, kernel, device),
            network,
            output: self.model.output,
            step: self.step,
            time: self.time,
        };
        let model = chrono::draw(model, seed, self.model.chrono_steps)?;
        match &self.model.tensorflow_operations {
            None => Ok(model),
            Some(operations) => tensorflow_kernels::draw(model, seed, operations),
        }
    }

    /// `V`: how many numbers the dense layer gives.
    fn outputs(&self) -> Result<usize> {
        match (self.model.output, self.targets) {
            (Output::Softmax, TargetKind::Classes(classes)) => Ok(classes),
            (Output::Sigmoid, TargetKind::Classes(2)) => Ok(1),
            (Output::Linear, TargetKind::Numbers(width)) => Ok(width),
            (output, targets) => Err(Error::argument(
                "model.output",
                format!("{output:?} gives no answer to {targets:?}"),
                "use softmax for classes, sigmoid for two, linear for numbers",
            )),
        }
    }
}

/// A network over a sequence, and a dense layer on what is read out of it.
///
/// ```text
/// h       = the network's readout after the last real step of each row
/// outputs = h · kernel + bias                                               [B, V]
/// ```
///
/// What the outputs are and what their loss is: [`Output`], and the equations in `task/head.rs`.
///
/// The chapter's sequence classifier, for sequences of any lengths, and a regressor. Where steps are
/// tokens, the network reads `embedding[token]`, or one-hot vectors.
#[derive(Module, Debug)]
pub struct SequenceModel {
    /// `[V, E]`, where steps are tokens that are not one-hot.
    pub embedding: Option<Param<Tensor<2>>>,
    /// Reads the steps.
    pub network: Network,
    /// Gives the answer.
    pub dense: Dense,
    #[module(skip)]
    output: Output,
    #[module(skip)]
    step: StepKind,
    #[module(skip)]
    time: Option<usize>,
}

/// A model's answer to one sequence.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// The probability of every class.
    Classes(Vec<f32>),
    /// Numbers.
    Numbers(Vec<f32>),
}

/// The answer to one of several sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPrediction {
    /// What the sequence is called.
    pub name: String,
    /// The answer.
    pub prediction: Prediction,
}

/// Examples at once in evaluation: enough to keep the kernels busy, little memory.
const EVALUATION_BATCH: usize = 500;

impl SequenceModel {
    /// `T`, if all its sequences must have as many steps.
    pub fn time(&self) -> Option<usize> {
        self.time
    }

    /// What it reads at every step.
    pub fn step(&self) -> StepKind {
        self.step
    }

    /// `F`, the features of a step as it is given: 1 where it is a token's number.
    pub fn features(&self) -> usize {
        match self.step {
            StepKind::Features(features) => features,
            StepKind::Token(_) => 1,
        }
    }

    /// What its outputs are.
    pub fn output(&self) -> Output {
        self.output
    }

    /// What it answers.
    pub fn targets(&self) -> TargetKind {
        let [numbers] = self.dense.bias.dims();
        match self.output {
            Output::Softmax => TargetKind::Classes(numbers),
            Output::Sigmoid => TargetKind::Classes(2),
            Output::Linear => TargetKind::Numbers(numbers),
        }
    }

    /// `[B, V]`: what the dense layer gives, before any softmax or sigmoid. `run` says how far
    /// gradients go back, and for which step of training dropout draws; the lengths are the
    /// batch's.
    ///
    /// # Errors
    ///
    /// When a shape does not fit the model, or the memory is too little.
    pub fn outputs(&self, batch: &SequenceBatch, run: NetworkRun) -> Result<Tensor<2>> {
        let run = NetworkRun {
            lengths: batch.lengths.clone(),
            ..run
        };
        let inputs = self.inputs(batch)?;
        let readout = self.network.final_output(inputs, run)?;
        Ok(self.dense.forward(readout))
    }

    /// `[B, T, F]`, or `[B, T, E]` of tokens: what the network reads.
    fn inputs(&self, batch: &SequenceBatch) -> Result<Tensor<3>> {
        self.ensure_reads(batch)?;
        let device = self.device();
        let StepKind::Token(vocabulary) = self.step else {
            return Ok(batch.tensor(&device));
        };
        let [rows, time, _] = batch.shape;
        let is_token =
            |&number: &f32| number.fract() == 0.0 && (0.0..vocabulary as f32).contains(&number);
        if let Some(at) = batch.inputs.iter().position(|number| !is_token(number)) {
            return Err(Error::argument(
                "sequences",
                format!(
                    "step {} of row {} is {}, which is no token",
                    at % time,
                    at / time,
                    batch.inputs[at]
                ),
                format!("give whole numbers from 0 to {}", vocabulary - 1),
            ));
        }
        let tokens: Vec<u32> = batch.inputs.iter().map(|&number| number as u32).collect();
        let embedding = self.embedding.as_ref();
        Ok(embedding::vectors(
            embedding,
            &tokens,
            [rows, time],
            (vocabulary, &device),
        ))
    }

    /// Checks that the model reads sequences of that size.
    fn ensure_reads(&self, batch: &SequenceBatch) -> Result<()> {
        let [_, time, features] = batch.shape;
        if let Some(expected) = self.time {
            Error::ensure_axis("images", 'T', time, expected)?;
        }
        let what = match self.time {
            Some(_) => "images",
            None => "sequences",
        };
        Error::ensure_axis(what, 'F', features, self.features())
    }

    /// The loss of a batch; `run` as in [`outputs`](Self::outputs).
    ///
    /// # Errors
    ///
    /// When the batch does not fit the model, or the memory is too little.
    pub fn loss(&self, batch: &SequenceBatch, run: NetworkRun) -> Result<BatchLoss> {
        self.ensure_answers(batch.targets.kind())?;
        let outputs = self.outputs(batch, run)?;
        let score_sum = match &batch.targets {
            Targets::Classes { labels, .. } => {
                head::count_correct(self.output, &outputs, labels) as f64
            }
            Targets::Numbers { values, .. } => head::absolute_errors(&outputs, values).iter().sum(),
        };
        Ok(BatchLoss {
            mean: self.mean_loss(outputs, &batch.targets),
            score_sum,
            count: batch.count(),
        })
    }

    /// `[1]`: the mean loss of `outputs`, `[B, V]`.
    fn mean_loss(&self, outputs: Tensor<2>, targets: &Targets) -> Tensor<1> {
        match targets {
            Targets::Classes { labels, .. } => head::cross_entropy(self.output, outputs, labels),
            Targets::Numbers { values, .. } => head::squared_error(outputs, values),
        }
    }

    /// How far the gradient of the loss of `batch` goes back in time, and why: see
    /// [`diagnose`]. The model is on a device with autodiff.
    ///
    /// # Errors
    ///
    /// When the batch does not fit the model.
    pub fn recurrence(&self, batch: &SequenceBatch) -> Result<Vec<LayerDiagnosis>> {
        self.ensure_answers(batch.targets.kind())?;
        let inputs = self.inputs(batch)?;
        let lengths = batch.lengths.clone().map(Lengths::new);
        diagnose(&self.network, inputs, lengths, |readout| {
            Ok(self.mean_loss(self.dense.forward(readout), &batch.targets))
        })
    }

    /// Whether the gradient of the loss of `batch` reaches the first step, within `memory` bytes: the
    /// cheap look of training. One entry a cell, the lowest first; none when no row has two steps.
    ///
    /// # Errors
    ///
    /// When the batch does not fit the model, or the memory is too little.
    pub fn flow(&self, batch: &SequenceBatch, memory: Option<u64>) -> Result<Vec<LayerFlow>> {
        self.ensure_answers(batch.targets.kind())?;
        let inputs = self.inputs(batch)?;
        let lengths = batch.lengths.clone();
        flow(&self.network, inputs, lengths, memory, |readout| {
            Ok(self.mean_loss(self.dense.forward(readout), &batch.targets))
        })
    }

    /// What the model is worth on all of `dataset`.
    ///
    /// # Errors
    ///
    /// When the data do not fit the model.
    pub fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation> {
        self.ensure_answers(dataset.targets())?;
        let model = self.valid();
        let mut tally = Tally::new(self.targets());
        for batch in Batches::in_order(dataset.len(), EVALUATION_BATCH)? {
            let batch = dataset.batch(&batch.indices);
            let outputs = model.outputs(&batch, NetworkRun::default())?;
            tally.add(self.output, outputs, &batch.targets)?;
        }
        Ok(tally.finish())
    }

    /// The answer to one sequence of `steps` `[T, F]`.
    ///
    /// # Errors
    ///
    /// When there are not `T`·`F` numbers.
    pub fn predict(&self, steps: Vec<f32>) -> Result<Prediction> {
        let model = self.valid();
        let features = self.features();
        let time = self.time.unwrap_or(steps.len() / features);
        if steps.is_empty() || steps.len() != time * features {
            let expected = match self.time {
                Some(time) => format!("{time} steps of {features}"),
                None => format!("one or more steps of {features}"),
            };
            return Err(Error::argument(
                "sequence",
                format!("it has {} numbers, the model reads {expected}", steps.len()),
                "give a sequence of that size",
            ));
        }
        let batch = SequenceBatch {
            inputs: steps,
            shape: [1, time, features],
            lengths: None,
            targets: Targets::Numbers {
                values: Vec::new(),
                width: 1,
            },
        };
        let outputs = model.outputs(&batch, NetworkRun::default())?;
        Ok(head::prediction(self.output, outputs))
    }

    /// Checks that the model learns such targets.
    fn ensure_answers(&self, found: TargetKind) -> Result<()> {
        let expected = self.targets();
        if found == expected {
            return Ok(());
        }
        let words = |kind| match kind {
            TargetKind::Classes(count) => format!("{count} classes"),
            TargetKind::Numbers(count) => format!("{count} numbers"),
        };
        Err(Error::argument(
            "data",
            format!(
                "they have {}, the model answers {}",
                words(found),
                words(expected)
            ),
            "give the data that the model was made for",
        ))
    }

    fn device(&self) -> Device {
        self.dense.device()
    }
}

#[cfg(test)]
mod tests;
