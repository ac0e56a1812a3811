//! The basic recurrent cell.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::watch::{RecurrentWeights, Unwatched, Watch, Watched, recurrent_blocks};
use crate::cell::{Cell, HiddenState, Runner, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::{Initializer, KernelShape};
use crate::random::Seed;
use crate::unroll::composed;

/// How to build a [`BasicRnnCell`].
#[derive(Clone, Debug)]
pub struct BasicRnnCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    initializer: Initializer,
    recurrent_initializer: Option<Initializer>,
    dtype: DType,
}

impl BasicRnnCellConfig {
    /// A tanh cell of `units` (`H`) over `inputs` (`F`) features, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            initializer: Initializer::GlorotUniform,
            recurrent_initializer: None,
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
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
    pub fn init(&self, seed: Seed, device: &Device) -> BasicRnnCell {
        let shape = KernelShape {
            inputs: self.inputs,
            outputs: self.units,
            gates: 1,
            units: self.units,
        };
        BasicRnnCell {
            kernel: self.initializer.kernel(
                self.recurrent_initializer.as_ref(),
                shape,
                seed.child("kernel"),
                (device, self.dtype),
            ),
            bias: Initializer::Constant(0.0).init([self.units], seed, self.dtype, device),
            activation: self.activation,
        }
    }
}

/// The basic recurrent cell, Elman's network.
///
/// ```text
/// hidden' = activation([x, hidden] · kernel + bias)      output = hidden'
/// ```
///
/// Elman (1990), "Finding Structure in Time", Cognitive Science 14(2); `tf.nn.rnn_cell.BasicRNNCell`.
#[derive(Module, Debug)]
pub struct BasicRnnCell {
    /// `[F+H, H]`: the inputs' rows, then the hidden state's.
    pub kernel: Param<Tensor<2>>,
    /// `[H]`.
    pub bias: Param<Tensor<1>>,
    /// Applied to the sum.
    #[module(skip)]
    pub activation: Activation,
}

impl Watched for BasicRnnCell {
    fn watched_step(
        &self,
        x: Tensor<2>,
        state: HiddenState,
        watch: &mut dyn Watch,
    ) -> Result<Step<HiddenState>> {
        let joined = Tensor::cat(vec![x, state.hidden], 1);
        let sum = joined.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        let hidden = activate(self.activation, sum);
        watch.activated("unit", self.activation, &hidden);
        let hidden = watch.part(hidden);
        Ok(Step {
            output: hidden.clone(),
            state: HiddenState { hidden },
        })
    }

    fn recurrent_weights(&self) -> Vec<RecurrentWeights> {
        recurrent_blocks(&self.kernel.val(), self.input_size(), &["unit"])
    }
}

impl BasicRnnCell {
    /// Do inputs and state fit?
    fn check(&self, sequence: &Sequence, state: &HiddenState) -> Result<()> {
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis(
            "state.hidden",
            'H',
            state.hidden.dims()[1],
            self.output_size(),
        )
    }
}

impl Cell for BasicRnnCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        let [rows, units] = self.kernel.dims();
        rows - units
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
        self.check(&sequence, &state)?;
        if !fused::serves(&sequence) {
            return composed(self.output_size(), sequence, state, |input, state| {
                self.watched_step(input, state, &mut Unwatched)
            });
        }
        fused::sequence(self, sequence, state)
    }

    fn masked_sequence(
        &self,
        sequence: &Sequence,
        state: &HiddenState,
        factors: &dyn Fn() -> Tensor<3>,
    ) -> Option<Result<Unrolled<HiddenState>>> {
        fused::masks(sequence).then(|| {
            self.check(sequence, state)?;
            fused::masked_sequence(self, sequence.clone(), state.clone(), factors())
        })
    }

    fn runner(&self, state: HiddenState) -> Box<dyn Runner<HiddenState> + '_> {
        fused::runner(self, state)
    }
}
