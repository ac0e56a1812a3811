//! One step of a cell, on the path that was asked for.

use burn::tensor::Tensor;

use crate::cell::{Cell, Path, Sequence, Step};
use crate::error::Result;

/// One step of `cell` on `path`: `input` is `[B, F]`.
///
/// # Errors
///
/// When a shape does not fit the cell.
pub(crate) fn single_step<C: Cell>(
    cell: &C,
    input: Tensor<2>,
    state: C::State,
    path: Path,
) -> Result<Step<C::State>> {
    match path {
        Path::Auto => cell.step(input, state),
        Path::Composed => {
            let sequence = Sequence::batch_major(input.unsqueeze_dim(1)).with_path(path);
            sequence_of_one(cell, sequence, state)
        }
    }
}

/// A sequence of one step as a step. A cell whose `step` is this gives the same bits by step and
/// by sequence.
///
/// # Errors
///
/// When a shape does not fit the cell.
pub(crate) fn sequence_of_one<C: Cell>(
    cell: &C,
    sequence: Sequence,
    state: C::State,
) -> Result<Step<C::State>> {
    let run = cell.sequence(sequence, state)?;
    Ok(Step {
        output: run.outputs.squeeze_dim(1),
        state: run.state,
    })
}
