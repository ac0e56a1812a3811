//! The simple recurrent unit.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::{Cell, Sequence, State, StatePart, Step, Unrolled};
use crate::error::{Error, Result};
use crate::fused;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::{Recurrence, scanned};

/// Candidate, forget, reset, highway: TF 1's order.
const BLOCKS: usize = 4;

/// What an SRU carries from step to step: `c` alone.
#[derive(Clone, Debug)]
pub struct SruState {
    /// `c`, `[B, H]`.
    pub cell: Tensor<2>,
}

impl State for SruState {
    fn into_parts(self) -> Vec<Tensor<2>> {
        vec![self.cell]
    }

    fn with_parts(self, parts: Vec<Tensor<2>>) -> Self {
        let [cell] = <[_; 1]>::try_from(parts).expect("an SRU state has one part");
        Self { cell }
    }

    fn kinds(&self) -> Vec<StatePart> {
        vec![StatePart::Cell]
    }
}

/// How to build an [`SruCell`].
#[derive(Clone, Debug)]
pub struct SruCellConfig {
    inputs: usize,
    units: usize,
    activation: Activation,
    initializer: Initializer,
    dtype: DType,
}

impl SruCellConfig {
    /// A cell of `units` (`H`) over `inputs` (`F`) features with TF 1's defaults: tanh, glorot
    /// uniform, in f32.
    pub fn new(inputs: usize, units: usize) -> Self {
        Self {
            inputs,
            units,
            activation: Activation::default(),
            initializer: Initializer::GlorotUniform,
            dtype: DType::F32,
        }
    }

    /// Another activation than tanh, for the cell's output.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
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
    pub fn init(&self, seed: Seed, device: &Device) -> SruCell {
        let shape = [self.inputs, BLOCKS * self.units];
        SruCell {
            kernel: self
                .initializer
                .init(shape, seed.child("kernel"), self.dtype, device),
            bias: Initializer::Constant(0.0).init([2 * self.units], seed, self.dtype, device),
            activation: self.activation,
        }
    }
}

/// The simple recurrent unit: its gates see the input alone.
///
/// ```text
/// [candidate, f, r, highway] = x · kernel
/// [forget, reset] = σ([f, r] + bias)
/// cell'  = forget ⊙ cell + (1 - forget) ⊙ candidate
/// output = reset ⊙ activation(cell') + (1 - reset) ⊙ highway
/// ```
///
/// Lei, Zhang and Artzi (2017), "Training RNNs as Fast as CNNs", arXiv 1709.02755v1;
/// `tf.contrib.rnn.SRUCell`. A sequence is a parallel scan; it equals the steps up to roundings.
#[derive(Module, Debug)]
pub struct SruCell {
    /// `[F, 4H]`: candidate, forget, reset, highway.
    pub kernel: Param<Tensor<2>>,
    /// `[2H]`: forget, reset.
    pub bias: Param<Tensor<1>>,
    /// Of the cell's output.
    #[module(skip)]
    pub activation: Activation,
}

/// What the outputs of all steps need beside the cells, `[R, H]` each.
struct Highway {
    reset: Tensor<2>,
    inputs: Tensor<2>,
}

impl SruCell {
    fn gates(&self, x: Tensor<2>) -> (Recurrence, Highway) {
        let units = self.output_size();
        let products = x.matmul(self.kernel.val());
        let [candidate, gates, inputs] =
            <[_; 3]>::try_from(products.split_with_sizes(vec![units, 2 * units, units], 1))
                .expect("three sizes were given");
        let gates = sigmoid(gates + self.bias.val().unsqueeze());
        let [forget, reset] = <[_; 2]>::try_from(gates.chunk(2, 1)).expect("two gates");
        let drive = (forget.clone().neg() + 1.0) * candidate;
        let recurrence = Recurrence {
            decay: forget,
            drive,
        };
        (recurrence, Highway { reset, inputs })
    }

    fn read(&self, cells: Tensor<2>, highway: Highway) -> Tensor<2> {
        let Highway { reset, inputs } = highway;
        reset.clone() * activate(self.activation, cells) + (reset.neg() + 1.0) * inputs
    }
}

impl Cell for SruCell {
    type State = SruState;

    fn input_size(&self) -> usize {
        self.kernel.dims()[0]
    }

    fn output_size(&self) -> usize {
        self.kernel.dims()[1] / BLOCKS
    }

    fn zero_state(&self, batch: usize) -> SruState {
        let kernel = self.kernel.val();
        let options = (&kernel.device(), kernel.dtype());
        SruState {
            cell: Tensor::zeros([batch, self.output_size()], options),
        }
    }

    fn step(&self, input: Tensor<2>, state: SruState) -> Result<Step<SruState>> {
        fused::step(self, input, state)
    }

    fn sequence(&self, sequence: Sequence, state: SruState) -> Result<Unrolled<SruState>> {
        let units = self.output_size();
        Error::ensure_axis("inputs", 'F', sequence.features(), self.input_size())?;
        Error::ensure_axis("state.cell", 'H', state.cell.dims()[1], units)?;
        let run = scanned(
            &sequence,
            state.cell,
            |x| self.gates(x),
            |cells, highway| self.read(cells, highway),
        )?;
        Ok(Unrolled {
            outputs: run.outputs,
            state: SruState { cell: run.state },
        })
    }
}
