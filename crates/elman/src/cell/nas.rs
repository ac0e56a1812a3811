//! The cell that a neural architecture search found.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::{Cell, LstmState, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::driven;

/// How to build a [`NasCell`].
#[derive(Clone, Debug)]
pub struct NasCellConfig {
    inputs: usize,
    units: usize,
    use_bias: bool,
    num_proj: Option<usize>,
    initializer: Initializer,
    dtype: DType,
}

impl NasCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: no bias, no
    /// projection, glorot uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            use_bias: false,
            num_proj: None,
            initializer: Initializer::GlorotUniform,
            dtype: DType::F32,
        }
    }

    /// Adds a bias to the hidden state's products.
    pub fn with_bias(mut self) -> Self {
        self.use_bias = true;
        self
    }

    /// Projects the output to `units` (`P`) features, without a bias.
    pub fn with_num_proj(mut self, units: usize) -> Self {
        self.num_proj = Some(units);
        self
    }

    /// How kernels and projection are filled; the bias is zero.
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
    pub fn init(&self, seed: Seed, device: &Device) -> NasCell {
        let outputs = self.num_proj.unwrap_or(self.units);
        let width = NasCell::BLOCKS * self.units;
        let matrix = |shape: [usize; 2], name| {
            self.initializer
                .init(shape, seed.child(name), self.dtype, device)
        };
        NasCell {
            kernel: matrix([self.inputs, width], "kernel"),
            recurrent_kernel: matrix([outputs, width], "recurrent_kernel"),
            bias: self
                .use_bias
                .then(|| Initializer::Constant(0.0).init([width], seed, self.dtype, device)),
            projection: self
                .num_proj
                .map(|outputs| matrix([self.units, outputs], "projection")),
        }
    }
}

/// The cell of the neural architecture search.
///
/// ```text
/// [x0 … x7] = x · kernel            [m0 … m7] = hidden · recurrent_kernel + bias
/// a0 = σ(x0 + m0)    a1 = relu(x1 + m1)    a2 = σ(x2 + m2)       a3 = relu(x3 ⊙ m3)
/// a4 = tanh(x4 + m4) a5 = σ(x5 + m5)       a6 = tanh(x6 + m6)    a7 = σ(x7 + m7)
/// b0 = tanh(a0 ⊙ a1) b1 = tanh(a2 + a3)    b2 = tanh(a4 ⊙ a5)    b3 = σ(a6 + a7)
/// cell'   = tanh(b0 + cell) ⊙ b1
/// hidden' = tanh(cell' ⊙ tanh(b2 + b3)) · projection             output = hidden'
/// ```
///
/// Zoph and Le (2016), "Neural Architecture Search with Reinforcement Learning", arXiv 1611.01578;
/// `tf.contrib.rnn.NASCell`, whose state is (c, h) too.
#[derive(Module, Debug)]
pub struct NasCell {
    /// `[F, 8H]`.
    pub kernel: Param<Tensor<2>>,
    /// `[P, 8H]` (`P` is `H` without a projection).
    pub recurrent_kernel: Param<Tensor<2>>,
    /// `[8H]`, if any.
    pub bias: Option<Param<Tensor<1>>>,
    /// `[H, P]`, if any.
    pub projection: Option<Param<Tensor<2>>>,
}

impl NasCell {
    /// The products of input and of hidden state that the cell joins.
    pub(crate) const BLOCKS: usize = 8;

    /// `H`.
    pub fn units(&self) -> usize {
        self.kernel.dims()[1] / NasCell::BLOCKS
    }

    /// The step after both products, `[B, 8H]` each.
    fn join(&self, from_input: Tensor<2>, from_hidden: Tensor<2>, cell: Tensor<2>) -> LstmState {
        let [x0, x1, x2, x3, x4, x5, x6, x7] = blocks(from_input);
        let [m0, m1, m2, m3, m4, m5, m6, m7] = blocks(from_hidden);
        let relu = |x| activate(Activation::Relu, x);
        let (a0, a1, a2, a3) = (
            sigmoid(x0 + m0),
            relu(x1 + m1),
            sigmoid(x2 + m2),
            relu(x3 * m3),
        );
        let (a4, a5, a6, a7) = (
            (x4 + m4).tanh(),
            sigmoid(x5 + m5),
            (x6 + m6).tanh(),
            sigmoid(x7 + m7),
        );
        let (b0, b1) = ((a0 * a1).tanh(), (a2 + a3).tanh());
        let (b2, b3) = ((a4 * a5).tanh(), sigmoid(a6 + a7));
        let cell = (b0 + cell).tanh() * b1;
        let mut hidden = (cell.clone() * (b2 + b3).tanh()).tanh();
        if let Some(projection) = &self.projection {
            hidden = hidden.matmul(projection.val());
        }
        LstmState { cell, hidden }
    }
}

fn blocks(products: Tensor<2>) -> [Tensor<2>; NasCell::BLOCKS] {
    <[_; NasCell::BLOCKS]>::try_from(products.chunk(NasCell::BLOCKS, 1))
        .expect("a kernel has eight blocks")
}

impl Cell for NasCell {
    type State = LstmState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.recurrent_kernel.dims()[0]
    }

    fn zero_state(&self, batch: usize) -> LstmState {
        let kernel = self.kernel.val();
        let zeros = |width| Tensor::zeros([batch, width], (&kernel.device(), kernel.dtype()));
        LstmState {
            cell: zeros(self.units()),
            hidden: zeros(self.output_size()),
        }
    }

    fn step(&self, input: Tensor<2>, state: LstmState) -> Result<Step<LstmState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: LstmState) -> Result<Unrolled<LstmState>> {
        let outputs = self.output_size();
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis("state.cell", 'H', state.cell.dims()[1], self.units())?;
        Error::ensure_axis("state.hidden", 'P', state.hidden.dims()[1], outputs)?;
        let recurrent_kernel = self.recurrent_kernel.val();
        driven(
            outputs,
            sequence,
            state,
            |x| x.matmul(self.kernel.val()),
            |from_input, state| {
                let mut from_hidden = state.hidden.matmul(recurrent_kernel.clone());
                if let Some(bias) = &self.bias {
                    from_hidden = from_hidden + bias.val().unsqueeze();
                }
                let state = self.join(from_input, from_hidden, state.cell);
                Ok(Step {
                    output: state.hidden.clone(),
                    state,
                })
            },
        )
    }
}
