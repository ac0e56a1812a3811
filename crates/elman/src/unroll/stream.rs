//! Streaming: feed any chunk of a sequence, carry the state.

use burn::tensor::Tensor;

use crate::cell::{Cell, Runner, Sequence};
use crate::error::{Error, Result};

/// A cell that reads an endless sequence chunk by chunk.
///
/// Feeding a sequence in chunks, cut anywhere, gives the same numbers as feeding it whole. The
/// cell's weights are packed once, when the stream begins.
pub struct Stream<'cell, C: Cell> {
    cell: &'cell C,
    runner: Box<dyn Runner<C::State> + 'cell>,
}

impl<C: Cell + std::fmt::Debug> std::fmt::Debug for Stream<'_, C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("cell", self.cell)
            .finish_non_exhaustive()
    }
}

impl<'cell, C: Cell> Stream<'cell, C> {
    /// A stream of `batch` parallel rows, from the zero state.
    pub fn new(cell: &'cell C, batch: usize) -> Self {
        Self::from_state(cell, cell.zero_state(batch))
    }

    /// A stream that continues from `state`, of as many parallel rows as that has.
    pub fn from_state(cell: &'cell C, state: C::State) -> Self {
        Self {
            runner: cell.runner(state),
            cell,
        }
    }

    /// Reads a chunk, `[B, T, F]` with any `T`; gives the outputs, `[B, T, H]`.
    ///
    /// # Errors
    ///
    /// When the chunk does not fit the cell; the state is then what it was.
    pub fn feed(&mut self, chunk: Tensor<3>) -> Result<Tensor<3>> {
        Error::ensure_axis("chunk", 'F', chunk.dims()[2], self.cell.input_size())?;
        self.runner.feed(Sequence::batch_major(chunk))
    }

    /// The state after the last chunk.
    pub fn state(&self) -> C::State {
        self.runner.state()
    }
}
