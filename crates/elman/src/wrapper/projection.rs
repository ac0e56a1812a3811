//! Projections before and after a cell.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::activation::{Activation, activate};
use crate::cell::{Cell, Runner, Sequence, Step, Unrolled};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::sequence_of_one;
use crate::wrapper::around::{self, Around};

/// How to build an [`InputProjectionWrapper`] or an [`OutputProjectionWrapper`].
#[derive(Clone, Debug)]
pub struct ProjectionConfig {
    size: usize,
    activation: Activation,
    initializer: Initializer,
}

impl ProjectionConfig {
    /// From or to `size` features with TF 1's defaults: no activation, glorot uniform, a bias of
    /// zero.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            activation: Activation::Identity,
            initializer: Initializer::GlorotUniform,
        }
    }

    /// An activation after the product.
    pub fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// How the kernel is filled.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// A projection of inputs of this size to what `cell` reads, in its number type.
    pub fn init_input<C: Cell>(
        &self,
        cell: C,
        seed: Seed,
        device: &Device,
    ) -> InputProjectionWrapper<C> {
        let shape = [self.size, cell.input_size()];
        InputProjectionWrapper {
            projection: self.init(shape, seed, (device, around::dtype_of(&cell))),
            cell,
        }
    }

    /// A projection of what `cell` shows to outputs of this size, in its number type.
    pub fn init_output<C: Cell>(
        &self,
        cell: C,
        seed: Seed,
        device: &Device,
    ) -> OutputProjectionWrapper<C> {
        let shape = [cell.output_size(), self.size];
        OutputProjectionWrapper {
            projection: self.init(shape, seed, (device, around::dtype_of(&cell))),
            cell,
        }
    }

    fn init(&self, shape: [usize; 2], seed: Seed, home: (&Device, DType)) -> Projection {
        let (device, dtype) = home;
        let seed = seed.child("kernel");
        Projection {
            kernel: self.initializer.init(shape, seed, dtype, device),
            bias: Initializer::Constant(0.0).init([shape[1]], seed, dtype, device),
            activation: self.activation,
        }
    }
}

/// `activation(x · kernel + bias)` at every step.
#[derive(Module, Debug)]
pub struct Projection {
    /// `[features in, features out]`.
    pub kernel: Param<Tensor<2>>,
    /// `[features out]`.
    pub bias: Param<Tensor<1>>,
    /// Applied to the sum.
    #[module(skip)]
    pub activation: Activation,
}

impl Projection {
    fn sizes(&self) -> [usize; 2] {
        self.kernel.dims()
    }

    /// All rows and steps in one product: `x` is reshaped from `[B, T, …]` to `[B·T, …]`.
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let [first, second, features] = x.dims();
        let [_, size] = self.sizes();
        if first * second == 0 {
            return Tensor::zeros([first, second, size], (&x.device(), x.dtype()));
        }
        let rows = x.reshape([first * second, features]);
        let sums = rows.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        activate(self.activation, sums).reshape([first, second, size])
    }
}

/// Projects a cell's inputs.
///
/// ```text
/// output = cell(activation(x · kernel + bias), state)
/// ```
///
/// `tf.contrib.rnn.InputProjectionWrapper`. It reads as many features as its kernel has rows; TF
/// 1's `num_proj` is what the cell reads.
#[derive(Module, Debug)]
pub struct InputProjectionWrapper<C> {
    /// From the wrapper's inputs to the cell's.
    pub projection: Projection,
    cell: C,
}

/// Projects a cell's outputs; its state stays as it is.
///
/// ```text
/// output = activation(cell(x, state) · kernel + bias)
/// ```
///
/// All steps are one product: the reshaping trick of the chapter, `[B, T, H]` to `[B·T, H]` and
/// back. `tf.contrib.rnn.OutputProjectionWrapper`.
#[derive(Module, Debug)]
pub struct OutputProjectionWrapper<C> {
    /// From the cell's outputs to the wrapper's.
    pub projection: Projection,
    cell: C,
}

impl<C> InputProjectionWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }
}

impl<C> OutputProjectionWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }
}

impl<C: Cell> Around for InputProjectionWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.projection.kernel.dtype())
    }

    fn before(&self, sequence: &Sequence) -> Result<Sequence> {
        let inputs = sequence.without_padding(sequence.inputs().clone());
        Ok(sequence.with_inputs(self.projection.apply(inputs)))
    }
}

impl<C: Cell> Around for OutputProjectionWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.projection.kernel.dtype())
    }

    fn after(&self, sequence: &Sequence, outputs: Tensor<3>) -> Result<Tensor<3>> {
        Ok(sequence.without_padding(self.projection.apply(outputs)))
    }
}

impl<C: Cell> Cell for InputProjectionWrapper<C> {
    type State = C::State;

    fn input_size(&self) -> usize {
        self.projection.sizes()[0]
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

impl<C: Cell> Cell for OutputProjectionWrapper<C> {
    type State = C::State;

    fn input_size(&self) -> usize {
        self.cell.input_size()
    }

    fn output_size(&self) -> usize {
        self.projection.sizes()[1]
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
