//! The minimal LSTM, whose gates and candidate see the input alone.

use burn::module::{Module, Param};
use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::{DType, Device, Tensor};

use crate::cell::{Cell, HiddenState, MinCandidate, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::{Recurrence, scanned};

/// Forget, input, candidate.
const BLOCKS: usize = 3;

/// How to build a [`MinLstmCell`].
#[derive(Clone, Debug)]
pub struct MinLstmCellConfig {
    inputs: usize,
    units: usize,
    candidate: MinCandidate,
    forget_bias: f64,
    initializer: Initializer,
    dtype: DType,
}

impl MinLstmCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features: linear candidate, forget bias 0, glorot
    /// uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            candidate: MinCandidate::default(),
            forget_bias: 0.0,
            initializer: Initializer::GlorotUniform,
            dtype: DType::F32,
        }
    }

    /// Another candidate than the linear one.
    pub fn with_candidate(mut self, candidate: MinCandidate) -> Self {
        self.candidate = candidate;
        self
    }

    /// Added to the forget gate's sum at run time; it is not part of the stored bias.
    pub fn with_forget_bias(mut self, forget_bias: f64) -> Self {
        self.forget_bias = forget_bias;
        self
    }

    /// How the kernel is filled; the bias is zero.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// The number type of parameters and states: f32 or f64.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Builds the cell.
    pub fn init(&self, seed: Seed, device: &Device) -> MinLstmCell {
        let width = BLOCKS * self.units;
        MinLstmCell {
            kernel: self.initializer.init(
                [self.inputs, width],
                seed.child("kernel"),
                self.dtype,
                device,
            ),
            bias: Initializer::Constant(0.0).init([width], seed, self.dtype, device),
            settings: MinLstmSettings {
                candidate: self.candidate,
                forget_bias: self.forget_bias,
            },
        }
    }
}

/// What of a [`MinLstmCell`] is not trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MinLstmSettings {
    /// What becomes of the candidate's product.
    pub candidate: MinCandidate,
    /// Added to the forget gate's sum at run time.
    pub forget_bias: f64,
}

/// The minimal LSTM.
///
/// ```text
/// [f, i, c] = x · kernel + bias
/// forget  = σ(f + forget_bias)                   input = σ(i)
/// keep    = forget / (forget + input)
/// hidden' = keep ⊙ hidden + (1 - keep) ⊙ candidate(c)                output = hidden'
/// ```
///
/// `keep` is computed as `σ(ln forget - ln input)`, which is the same and has no 0 / 0. A sequence
/// is a parallel scan; it equals the steps up to roundings.
///
/// Feng, Tung, Ahmed, Bengio and Hajimirsadeghi (2024), "Were RNNs All We Needed?", arXiv
/// 2410.01201.
#[derive(Module, Debug)]
pub struct MinLstmCell {
    /// `[F, 3H]`: forget, input, candidate.
    pub kernel: Param<Tensor<2>>,
    /// `[3H]`.
    pub bias: Param<Tensor<1>>,
    /// What is not trained.
    #[module(skip)]
    pub settings: MinLstmSettings,
}

impl MinLstmCell {
    fn gates(&self, x: Tensor<2>) -> Recurrence {
        let sums = x.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        let [f, i, c] = <[_; BLOCKS]>::try_from(sums.chunk(BLOCKS, 1)).expect("three blocks");
        let keep = sigmoid(log_sigmoid(f + self.settings.forget_bias) - log_sigmoid(i));
        let drive = (keep.clone().neg() + 1.0) * self.settings.candidate.apply(c);
        Recurrence { decay: keep, drive }
    }
}

impl Cell for MinLstmCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.bias.dims()[0] / BLOCKS
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
        let gates = |x| (self.gates(x), ());
        let run = scanned(&sequence, state.hidden, gates, |hidden, ()| hidden)?;
        Ok(Unrolled {
            outputs: run.outputs,
            state: HiddenState { hidden: run.state },
        })
    }
}
