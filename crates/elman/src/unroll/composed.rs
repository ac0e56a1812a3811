//! The plain loop over time: one call of a step function per time step.

use burn::tensor::Tensor;

use crate::cell::{Sequence, State, Step, Unrolled};
use crate::error::{Error, Result};

/// Runs `step` over all time steps of `sequence`.
///
/// Rows past their length emit zeros and keep their state (`_rnn_step` of TF 1's `rnn.py`). What
/// the padding holds, even NaN, reaches neither results nor gradients. Steps that no row reaches
/// are not computed, but for the first (TF 1's loop to `max(1, max(sequence_length))`).
/// Outputs have `output_size` features and the layout of the inputs.
///
/// # Errors
///
/// When the state has another batch size than the inputs, or `step` fails.
pub(crate) fn composed<S: State>(
    output_size: usize,
    sequence: Sequence,
    mut state: S,
    mut step: impl FnMut(Tensor<2>, S) -> Result<Step<S>>,
) -> Result<Unrolled<S>> {
    for part in state.clone().into_parts() {
        Error::ensure_axis("state", 'B', part.dims()[0], sequence.batch())?;
    }
    let inputs = sequence.without_padding(sequence.inputs().clone());
    let device = inputs.device();
    let axis = sequence.time_axis();
    let mut outputs = Vec::with_capacity(sequence.time());
    let reached = sequence.longest().max(1).min(sequence.time());
    for time in 0..reached {
        let input: Tensor<2> = inputs.clone().narrow(axis, time, 1).squeeze_dim(axis);
        let next = step(input, state.clone())?;
        let (output, next_state) = match sequence.lengths() {
            None => (next.output, next.state),
            Some(lengths) => {
                let real = lengths.is_real(time, &device);
                let shape = next.output.dims();
                let past = real.clone().bool_not().expand(shape);
                (
                    next.output.mask_fill(past, 0.0),
                    next.state.select(&real, state),
                )
            }
        };
        outputs.push(output);
        state = next_state;
    }
    let mut blocks = Vec::with_capacity(2);
    if !outputs.is_empty() {
        blocks.push(Tensor::stack::<3>(outputs, axis));
    }
    if reached < sequence.time() || blocks.is_empty() {
        let mut shape = inputs.dims();
        shape[axis] = sequence.time() - reached;
        shape[2] = output_size;
        blocks.push(Tensor::zeros(shape, (&device, inputs.dtype())));
    }
    let outputs = match blocks.len() {
        1 => blocks.remove(0),
        _ => Tensor::cat(blocks, axis),
    };
    Ok(Unrolled { outputs, state })
}
