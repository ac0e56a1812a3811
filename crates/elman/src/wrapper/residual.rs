//! A residual connection around a cell.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::cell::{Cell, Runner, Sequence, Step, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::sequence_of_one;
use crate::wrapper::around::{self, Around};

/// Adds a cell's input to its output.
///
/// ```text
/// output = x + cell(x, state)
/// ```
///
/// He, Zhang, Ren and Sun (2016), arXiv 1512.03385; `tf.nn.rnn_cell.ResidualWrapper`.
#[derive(Module, Debug)]
pub struct ResidualWrapper<C> {
    cell: C,
}

impl<C: Cell> ResidualWrapper<C> {
    /// Around `cell`.
    ///
    /// # Errors
    ///
    /// When the cell's output has not the size of its input.
    pub fn new(cell: C) -> Result<Self> {
        same_size("a residual connection", &cell)?;
        Ok(Self { cell })
    }

    /// The cell inside.
    pub fn cell(&self) -> &C {
        &self.cell
    }
}

/// Checks that inputs and outputs can be added.
pub(super) fn same_size<C: Cell>(what: &str, cell: &C) -> Result<()> {
    let (inputs, outputs) = (cell.input_size(), cell.output_size());
    if inputs == outputs {
        return Ok(());
    }
    Err(Error::argument(
        what,
        format!(
            "needs inputs and outputs of one size, but the cell has F = {inputs} and H = {outputs}"
        ),
        "build the cell with as many units as inputs, or project its inputs or outputs",
    ))
}

impl<C: Cell> Around for ResidualWrapper<C> {
    type Inner = C;

    fn inner(&self) -> &C {
        &self.cell
    }

    fn after(&self, sequence: &Sequence, outputs: Tensor<3>) -> Result<Tensor<3>> {
        Ok(sequence.without_padding(sequence.inputs().clone()) + outputs)
    }
}

impl<C: Cell> Cell for ResidualWrapper<C> {
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
