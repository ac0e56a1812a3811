//! Words in, as numbers of a vocabulary.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::cell::{Cell, Layout, Runner, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::sequence_of_one;
use crate::wrapper::around::{self, Around};

/// How to build an [`EmbeddingWrapper`].
#[derive(Clone, Debug)]
pub struct EmbeddingConfig {
    classes: usize,
    initializer: Initializer,
}

impl EmbeddingConfig {
    /// A vocabulary of `classes` (`V`) words with TF 1's initialiser, uniform in ±√3.
    pub fn new(classes: usize) -> Self {
        let limit = 3.0_f64.sqrt();
        Self {
            classes,
            initializer: Initializer::Uniform {
                low: -limit,
                high: limit,
            },
        }
    }

    /// How the embedding is filled.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// Puts an embedding before `cell`, as wide as its inputs (TF 1's `embedding_size`) and in its
    /// number type.
    pub fn init<C: Cell>(&self, cell: C, seed: Seed, device: &Device) -> EmbeddingWrapper<C> {
        let shape = [self.classes, cell.input_size()];
        let (seed, dtype) = (seed.child("embedding"), around::dtype_of(&cell));
        EmbeddingWrapper {
            embedding: self.initializer.init(shape, seed, dtype, device),
            cell,
        }
    }
}

/// Looks a cell's inputs up in an embedding.
///
/// ```text
/// output = cell(embedding[x], state)
/// ```
///
/// Inputs have one feature, a word's number, as in TF 1: `[B, T, 1]`, a step `[B, 1]`. It is a
/// float tensor like every cell's, with whole numbers below `V` in it (f32 holds all up to 2²⁴);
/// anything else is refused. No gradient flows to it. `tf.contrib.rnn.EmbeddingWrapper`.
#[derive(Module, Debug)]
pub struct EmbeddingWrapper<C> {
    /// `[V, F]`, `F` being what the cell reads.
    pub embedding: Param<Tensor<2>>,
    cell: C,
}

impl<C> EmbeddingWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }

    /// `V`, the number of words.
    pub fn classes(&self) -> usize {
        self.embedding.dims()[0]
    }
}

impl<C: Cell> Around for EmbeddingWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.embedding.dtype())
    }

    fn before(&self, sequence: &Sequence) -> Result<Sequence> {
        let [first, second, _] = sequence.inputs().dims();
        let device = sequence.inputs().device();
        let [_, features] = self.embedding.dims();
        let shape = [first, second, features];
        if first * second == 0 {
            let options = (&device, self.embedding.dtype());
            return Ok(sequence.with_inputs(Tensor::zeros(shape, options)));
        }
        let ids = sequence.without_padding(sequence.inputs().clone());
        let ids: Vec<f64> = ids.into_data().iter().collect();
        let is_word = |id: &f64| id.fract() == 0.0 && (0.0..self.classes() as f64).contains(id);
        if let Some(index) = ids.iter().position(|id| !is_word(id)) {
            let (row, step) = match sequence.layout() {
                Layout::BatchMajor => (index / second, index % second),
                Layout::TimeMajor => (index % second, index / second),
            };
            return Err(Error::argument(
                "inputs",
                format!("has the word {} in row {row}, step {step}", ids[index]),
                format!("give whole numbers from 0 to {}", self.classes() - 1),
            ));
        }
        let ids: Vec<i64> = ids.into_iter().map(|id| id as i64).collect();
        let count = ids.len();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &device);
        let rows = self.embedding.val().select(0, ids);
        Ok(sequence.with_inputs(rows.reshape(shape)))
    }
}

impl<C: Cell> Cell for EmbeddingWrapper<C> {
    type State = C::State;

    fn input_size(&self) -> usize {
        1
    }

    fn output_size(&self) -> usize {
        self.cell.output_size()
    }

    fn zero_state(&self, batch: usize) -> C::State {
        self.cell.zero_state(batch)
    }

    fn step(&self, input: Tensor<2>, state: C::State) -> Result<Step<C::State>> {
        sequence_of_one(self, Sequence::batch_major(input.unsqueeze_dim(1)), state)
    }

    fn sequence(&self, sequence: Sequence, state: C::State) -> Result<Unrolled<C::State>> {
        around::sequence(self, sequence, state)
    }

    fn runner(&self, state: C::State) -> Box<dyn Runner<C::State> + '_> {
        around::runner(self, state)
    }
}
