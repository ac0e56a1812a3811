//! Streaming: feed any chunk of a sequence, carry the state.

use burn::tensor::Tensor;

use crate::cell::{Cell, Prepared, Sequence};
use crate::error::{Error, Result};

/// A cell that reads an endless sequence chunk by chunk.
///
/// Feeding a sequence in chunks, cut anywhere, gives the same numbers as feeding it whole. The
/// cell's weights are packed once, when the stream begins.
#[derive(Debug)]
pub struct Stream<'cell, C: Cell> {
    cell: &'cell C,
    prepared: Prepared,
    state: C::State,
}

impl<'cell, C: Cell> Stream<'cell, C> {
    /// A stream of `batch` parallel rows, from the zero state.
    pub fn new(cell: &'cell C, batch: usize) -> Self {
        Self {
            state: cell.zero_state(batch),
            prepared: cell.prepare(),
            cell,
        }
    }

    /// Continues from `state` instead.
    pub fn with_state(mut self, state: C::State) -> Self {
        self.state = state;
        self
    }

    /// Reads a chunk, `[B, T, F]` with any `T`; gives the outputs, `[B, T, H]`.
    ///
    /// # Errors
    ///
    /// When the chunk does not fit the cell; the state is then what it was.
    pub fn feed(&mut self, chunk: Tensor<3>) -> Result<Tensor<3>> {
        Error::ensure_axis("chunk", 'F', chunk.dims()[2], self.cell.input_size())?;
        let chunk = Sequence::batch_major(chunk);
        let state = self.state.clone();
        let run = self.cell.sequence_prepared(&self.prepared, chunk, state)?;
        self.state = run.state;
        Ok(run.outputs)
    }

    /// The state after the last chunk.
    pub fn state(&self) -> &C::State {
        &self.state
    }
}
