//! The minimal GRU, whose gate and candidate see the input alone.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::cell::{Cell, HiddenState, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::{Recurrence, scanned};

/// The candidate of [`MinGruCell`] and [`MinLstmCell`](crate::cell::MinLstmCell).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinCandidate {
    /// The product as it is: sections 3.1 and 3.2 of the paper.
    #[default]
    Linear,
    /// `g(x) = x + 0.5` for `x ≥ 0`, else `σ(x)`: never negative, as the paper's form in the space
    /// of logarithms needs it (appendix B).
    Positive,
}

impl MinCandidate {
    pub(crate) fn apply(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Linear => x,
            Self::Positive => x.clone().clamp_min(0.0) + sigmoid(x.clamp_max(0.0)),
        }
    }
}

/// How to build a [`MinGruCell`].
#[derive(Clone, Debug)]
pub struct MinGruCellConfig {
    inputs: usize,
    units: usize,
    candidate: MinCandidate,
    initializer: Initializer,
    dtype: DType,
}

impl MinGruCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features: linear candidate, glorot uniform, in
    /// f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            candidate: MinCandidate::default(),
            initializer: Initializer::GlorotUniform,
            dtype: DType::F32,
        }
    }

    /// Another candidate than the linear one.
    pub fn with_candidate(mut self, candidate: MinCandidate) -> Self {
        self.candidate = candidate;
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
    pub fn init(&self, seed: Seed, device: &Device) -> MinGruCell {
        let shape = [self.inputs, 2 * self.units];
        MinGruCell {
            kernel: self
                .initializer
                .init(shape, seed.child("kernel"), self.dtype, device),
            bias: Initializer::Constant(0.0).init([2 * self.units], seed, self.dtype, device),
            candidate: self.candidate,
        }
    }
}

/// The minimal GRU.
///
/// ```text
/// [z, c]  = x · kernel + bias
/// update  = σ(z)
/// hidden' = (1 - update) ⊙ hidden + update ⊙ candidate(c)            output = hidden'
/// ```
///
/// As in the paper `update` near 1 takes the candidate: the other way round than in
/// [`GruCell`](crate::cell::GruCell). A sequence is a parallel scan; it equals the steps up to
/// roundings.
///
/// Feng, Tung, Ahmed, Bengio and Hajimirsadeghi (2024), "Were RNNs All We Needed?", arXiv
/// 2410.01201.
#[derive(Module, Debug)]
pub struct MinGruCell {
    /// `[F, 2H]`: update, then candidate.
    pub kernel: Param<Tensor<2>>,
    /// `[2H]`.
    pub bias: Param<Tensor<1>>,
    /// What becomes of the candidate's product.
    #[module(skip)]
    pub candidate: MinCandidate,
}

impl MinGruCell {
    fn gates(&self, x: Tensor<2>) -> Recurrence {
        let sums = x.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        let [z, c] = <[_; 2]>::try_from(sums.chunk(2, 1)).expect("gate and candidate");
        let update = sigmoid(z);
        Recurrence {
            decay: update.clone().neg() + 1.0,
            drive: update * self.candidate.apply(c),
        }
    }
}

impl Cell for MinGruCell {
    type State = HiddenState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0]
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
