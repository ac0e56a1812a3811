//! The update gate cell.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::{Cell, HiddenState, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::driven;

/// How to build a [`UgrnnCell`].
#[derive(Clone, Debug)]
pub struct UgrnnCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    forget_bias: f64,
    initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    dtype: DType,
}

impl UgrnnCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh, forget
    /// bias 1, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            forget_bias: 1.0,
            initializer: Initializer::GlorotUniform,
            recurrent_initializer: None,
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh, for the candidate.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Added to the gate's sum at run time; it is not part of the stored bias.
    pub fn with_forget_bias(mut self, forget_bias: f64) -> Self {
        self.forget_bias = forget_bias;
        self
    }

    /// How the kernel is filled; the bias is zero.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// How the kernel's rows of the hidden state are filled, gate by gate, in place of the kernel's
    /// initialiser: [`Initializer::Orthogonal`], or [`Initializer::Identity`] for relu.
    pub fn with_recurrent_initializer(mut self, initializer: Initializer) -> Self {
        self.recurrent_initializer = Some(initializer);
        self
    }

    /// The number type of parameters and states: f32 or f64.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the cell.
    pub fn init(&self, seed: Seed, device: &Device) -> UgrnnCell {
        let shape = KernelShape {
            inputs: self.inputs,
            outputs: self.units,
            gates: 2,
            units: self.units,
        };
        UgrnnCell {
            kernel: self.initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child("kernel"),
                (device, self.dtype),
            ),
            bias: Initializer::Constant(0.0).init([2 * self.units], seed, self.dtype, device),
            settings: UgrnnSettings {
                activation: self.activation,
                forget_bias: self.forget_bias,
            },
        }
    }
}

/// What of a [`UgrnnCell`] is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UgrnnSettings {
    /// Of the candidate.
    pub activation: Activation,
    /// Added to the gate's sum at run time.
    pub forget_bias: f64,
}

/// The update gate recurrent cell: one gate, between the basic cell and the GRU.
///
/// ```text
/// [g, c] = [x, hidden] · kernel + bias
/// gate    = σ(g + forget_bias)
/// hidden' = gate ⊙ hidden + (1 - gate) ⊙ activation(c)               output = hidden'
/// ```
///
/// Collins, Sohl-Dickstein and Sussillo (2016), "Capacity and Trainability in Recurrent Neural
/// Networks", arXiv 1611.09913; `tf.contrib.rnn.UGRNNCell`.
#[derive(Module, Debug)]
pub struct UgrnnCell {
    /// `[F+H, 2H]`: gate, then candidate.
    pub kernel: Param<Tensor<2>>,
    /// `[2H]`.
    pub bias: Param<Tensor<1>>,
    /// What is not trained.
    #[module(skip)]
    pub settings: UgrnnSettings,
}

impl Cell for UgrnnCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0] - self.output_size()
    }

    fn output_size(&self) -> usize {
        self.bias.dims()[0] / 2
    }

    fn zero_state(&self, batch: usize) -> HiddenState {
        HiddenState::zeros(batch, self.output_size(), &self.kernel.val())
    }

    fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: HiddenState) -> Result<Unrolled<HiddenState>> {
        let (features, units) = (self.input_size(), self.output_size());
        Error::ensure_axis("inputs", 'F', sequence.features(), features)?;
        Error::ensure_axis("state.hidden", 'H', state.hidden.dims()[1], units)?;
        let kernel = self.kernel.val();
        let input_kernel = kernel.clone().narrow(0, 0, features);
        let recurrent_kernel = kernel.narrow(0, features, units);
        driven(
            units,
            sequence,
            state,
            |x| x.matmul(input_kernel) + self.bias.val().unsqueeze(),
            |from_input, HiddenState { hidden }| {
                let sums = from_input + hidden.clone().matmul(recurrent_kernel.clone());
                let [g, c] = <[_; 2]>::try_from(sums.chunk(2, 1)).expect("gate and candidate");
                let gate = sigmoid(g + self.settings.forget_bias);
                let written = (gate.clone().neg() + 1.0) * activate(self.settings.activation, c);
                let hidden = gate * hidden + written;
                Ok(Step {
                    output: hidden.clone(),
                    state: HiddenState { hidden },
                })
            },
        )
    }
}
