//! A highway connection around a cell.

use burn::module::{Module, Param};
use burn::tensor::activation::sigmoid;
use burn::tensor::{DType, Device, Tensor};

use crate::cell::{Cell, Runner, Sequence, Step, Unrolled};
use crate::error::Result;
use crate::initializer::Initializer;
use crate::random::Seed;
use crate::unroll::sequence_of_one;
use crate::wrapper::around::{self, Around};
use crate::wrapper::residual::same_size;

/// How to build a [`HighwayWrapper`].
#[derive(Clone, Debug)]
pub struct HighwayConfig {
    is_coupled: bool,
    carry_bias: f64,
    initializer: Initializer,
}

impl Default for HighwayConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl HighwayConfig {
    /// With TF 1's defaults: coupled gates, a carry bias that begins at 1, glorot uniform.
    pub fn new() -> Self {
        Self {
            is_coupled: true,
            carry_bias: 1.0,
            initializer: Initializer::GlorotUniform,
        }
    }

    /// A transform gate of its own (`couple_carry_transform_gates=False`), whose bias begins at
    /// minus the carry bias.
    pub fn with_own_transform_gate(mut self) -> Self {
        self.is_coupled = false;
        self
    }

    /// Where the carry gate's bias begins (`carry_bias_init`).
    pub fn with_carry_bias(mut self, bias: f64) -> Self {
        self.carry_bias = bias;
        self
    }

    /// How the gates' kernels are filled.
    pub fn with_initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// Builds the connection around `cell`, in its number type.
    ///
    /// # Errors
    ///
    /// When the cell's output has not the size of its input.
    pub fn init<C: Cell>(&self, cell: C, seed: Seed, device: &Device) -> Result<HighwayWrapper<C>> {
        same_size("a highway connection", &cell)?;
        let size = cell.input_size();
        let dtype = around::dtype_of(&cell);
        let kernel = |name| {
            let seed = seed.child(name);
            self.initializer.init([size, size], seed, dtype, device)
        };
        let bias = |value| Initializer::Constant(value).init([size], seed, dtype, device);
        let transform = (!self.is_coupled).then(|| HighwayGate {
            kernel: kernel("transform_w"),
            bias: bias(-self.carry_bias),
        });
        Ok(HighwayWrapper {
            cell,
            carry: HighwayGate {
                kernel: kernel("carry_w"),
                bias: bias(self.carry_bias),
            },
            transform,
        })
    }
}

/// A gate of a highway connection: `σ(x · kernel + bias)`.
#[derive(Module, Debug)]
pub struct HighwayGate {
    /// `carry_w` or `transform_w`, `[F, F]`.
    pub kernel: Param<Tensor<2>>,
    /// `carry_b` or `transform_b`, `[F]`.
    pub bias: Param<Tensor<1>>,
}

impl HighwayGate {
    /// `x` is `[B, T, F]` in either layout.
    fn open(&self, x: Tensor<3>) -> Tensor<3> {
        let [first, second, features] = x.dims();
        let rows = x.reshape([first * second, features]);
        let sums = rows.matmul(self.kernel.val()) + self.bias.val().unsqueeze();
        sigmoid(sums).reshape([first, second, features])
    }
}

/// Lets a learned share of a cell's input through to its output.
///
/// ```text
/// carry     = σ(x · carry.kernel + carry.bias)
/// transform = 1 - carry, or a gate of its own
/// output    = x ⊙ carry + cell(x, state) ⊙ transform
/// ```
///
/// Srivastava, Greff and Schmidhuber (2015), "Highway Networks", arXiv 1505.00387;
/// `tf.contrib.rnn.HighwayWrapper`.
#[derive(Module, Debug)]
pub struct HighwayWrapper<C> {
    /// The cell inside.
    cell: C,
    /// What of the input is let through.
    pub carry: HighwayGate,
    /// What of the cell's output is let through, if that is not the rest.
    pub transform: Option<HighwayGate>,
}

impl<C> HighwayWrapper<C> {
    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }
}

impl<C: Cell> Around for HighwayWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn dtype(&self) -> Option<DType> {
        Some(self.carry.bias.dtype())
    }

    fn after(&self, sequence: &Sequence, outputs: Tensor<3>) -> Result<Tensor<3>> {
        if sequence.batch() * sequence.time() == 0 {
            return Ok(outputs);
        }
        let x = sequence.without_padding(sequence.inputs().clone());
        let carry = self.carry.open(x.clone());
        let transform = match &self.transform {
            Some(gate) => gate.open(x.clone()),
            None => 1.0 - carry.clone(),
        };
        Ok(x * carry + outputs * transform)
    }
}

impl<C: Cell> Cell for HighwayWrapper<C> {
    type State = C::State;

    fn input_size(&self) -> usize {
        self.cell.input_size()
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
