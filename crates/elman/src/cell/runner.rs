//! Reading a sequence piece by piece.

use burn::tensor::Tensor;

use crate::cell::{Cell, Sequence};
use crate::error::Result;

/// A cell in the middle of a sequence.
pub trait Runner<S> {
    /// Reads the next steps, in the layout of `sequence`, and gives their outputs.
    ///
    /// # Errors
    ///
    /// When the inputs do not fit the cell; the state is then what it was.
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>>;

    /// The state after the last step that was read.
    fn state(&self) -> S;
}

/// The runner of any cell: one call of its `sequence` a piece.
#[derive(Debug)]
pub(crate) struct Sequential<'cell, C: Cell> {
    cell: &'cell C,
    state: C::State,
}

impl<'cell, C: Cell> Sequential<'cell, C> {
    pub(crate) fn new(cell: &'cell C, state: C::State) -> Self {
        Self { cell, state }
    }
}

impl<C: Cell> Runner<C::State> for Sequential<'_, C> {
    fn feed(&mut self, sequence: Sequence) -> Result<Tensor<3>> {
        let run = self.cell.sequence(sequence, self.state.clone())?;
        self.state = run.state;
        Ok(run.outputs)
    }

    fn state(&self) -> C::State {
        self.state.clone()
    }
}
