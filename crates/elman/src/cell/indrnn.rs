//! The independently recurrent cell.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::{Cell, HiddenState, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::driven;

/// How to build an [`IndRnnCell`].
#[derive(Clone, Debug)]
pub struct IndRnnCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    initializer: Initializer,
    recurrent_initializer: Initializer,
    dtype: DType,
}

impl IndRnnCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh (the paper
    /// has relu), kernel glorot uniform, recurrent weights uniform in [-1, 1), in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            initializer: Initializer::GlorotUniform,
            recurrent_initializer: Initializer::Uniform {
                low: -1.0,
                high: 1.0,
            },
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// How the inputs' kernel is filled; the bias is zero.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// How the recurrent weights are filled.
    pub fn with_recurrent_initializer(mut self, initializer: Initializer) -> Self {
        self.recurrent_initializer = initializer;
        self
    }

    /// The number type of parameters and states: f32 or f64.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the cell.
    pub fn init(&self, seed: Seed, device: &Device) -> IndRnnCell {
        let shape = [self.inputs, self.units];
        IndRnnCell {
            kernel: self
                .initializer
                .init(shape, seed.child("kernel"), self.dtype, device),
            recurrent: self.recurrent_initializer.init(
                [self.units],
                seed.child("recurrent"),
                self.dtype,
                device,
            ),
            bias: Initializer::Constant(0.0).init([self.units], seed, self.dtype, device),
            activation: self.activation,
        }
    }
}

/// The independently recurrent cell: each unit sees its own past and no other unit's.
///
/// ```text
/// hidden' = activation(x · kernel + recurrent ⊙ hidden + bias)       output = hidden'
/// ```
///
/// Li et al. (2018), "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper
/// RNN", arXiv 1803.04831; `tf.contrib.rnn.IndRNNCell`.
#[derive(Module, Debug)]
pub struct IndRnnCell {
    /// `[F, H]`.
    pub kernel: Param<Tensor<2>>,
    /// `u`, `[H]`.
    pub recurrent: Param<Tensor<1>>,
    /// `[H]`.
    pub bias: Param<Tensor<1>>,
    /// Applied to the sum.
    #[module(skip)]
    pub activation: Activation,
}

impl Cell for IndRnnCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.bias.dims()[0]
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        HiddenState::zeros(batch, self.output_size(), &self.kernel.val())
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: HiddenState) -> Result<Unrolled<HiddenState>> {
        let units = self.output_size();
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis("state.hidden", 'H', state.hidden.dims()[1], units)?;
        let recurrent: Tensor<2> = self.recurrent.val().unsqueeze();
        driven(
            units,
            sequence,
            state,
            |x| x.matmul(self.kernel.val()) + self.bias.val().unsqueeze(),
            |from_input, state| {
                let sum = from_input + state.hidden * recurrent.clone();
                let hidden = activate(self.activation, sum);
                Ok(Step {
                    output: hidden.clone(),
                    state: HiddenState { hidden },
                })
            },
        )
    }
}
