//! The plain loop over time: one call of a step function per time step.

use burn::tensor::Tensor;

use crate::cell::{Layout, Sequence, State, Step, Unrolled};
use crate::error::{Error, Result};

/// Runs `step` over all time steps of `sequence`.
///
/// Rows past their length emit zeros and keep their state (`_rnn_step` of TF 1's `rnn.py`). What
/// the padding holds, even NaN, reaches neither results nor gradients.
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
    let inputs = without_padding(&sequence);
    let device = inputs.device();
    let axis = sequence.time_axis();
    let mut outputs = Vec::with_capacity(sequence.time());
    for time in 0..sequence.time() {
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
    let outputs = if outputs.is_empty() {
        let mut shape = inputs.dims();
        shape[2] = output_size;
        Tensor::zeros(shape, (&device, inputs.dtype()))
    } else {
        Tensor::stack(outputs, axis)
    };
    Ok(Unrolled { outputs, state })
}

/// The inputs with zeros past each row's length: backward multiplies by them even where nothing
/// flows back, and 0 · NaN is NaN.
fn without_padding(sequence: &Sequence) -> Tensor<3> {
    let inputs = sequence.inputs().clone();
    let Some(lengths) = sequence.lengths() else {
        return inputs;
    };
    let shape = inputs.dims();
    let padding = lengths.padding(sequence.time(), &inputs.device());
    let padding = match sequence.layout() {
        Layout::BatchMajor => padding,
        Layout::TimeMajor => padding.transpose(),
    };
    inputs.mask_fill(padding.unsqueeze_dim::<3>(2).expand(shape), 0.0)
}
