//! The plain loop over time: one call of a step function per time step.

use burn::tensor::Tensor;

use crate::cell::{Lengths, Sequence, State, Step, Unrolled};
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
    state: S,
    step: impl FnMut(Tensor<2>, S) -> Result<Step<S>>,
) -> Result<Unrolled<S>> {
    ensure_batch(&sequence, &state)?;
    if sequence.batch() * sequence.time() == 0 {
        return Ok(nothing(output_size, &sequence, state));
    }
    let inputs = sequence.without_padding(sequence.inputs().clone());
    walk(inputs, sequence.time_axis(), &sequence, state, step)
}

/// The same for a cell that takes its inputs through a product with weights alone: `drive` takes
/// the inputs of all steps, `[T·B, F]`, to what `step` reads in their place, `[T·B, D]`. One
/// product of `T·B` rows costs less than `T` products of `B` rows.
///
/// # Errors
///
/// When the state has another batch size than the inputs, or `step` fails.
pub(crate) fn driven<S: State>(
    output_size: usize,
    sequence: Sequence,
    state: S,
    drive: impl FnOnce(Tensor<2>) -> Tensor<2>,
    step: impl FnMut(Tensor<2>, S) -> Result<Step<S>>,
) -> Result<Unrolled<S>> {
    ensure_batch(&sequence, &state)?;
    if sequence.batch() * sequence.time() == 0 {
        return Ok(nothing(output_size, &sequence, state));
    }
    let driven = drive(sequence.rows());
    let [_, width] = driven.dims();
    let driven = driven.reshape([sequence.time(), sequence.batch(), width]);
    walk(driven, 0, &sequence, state, step)
}

/// Every part of the state has a row for each row of the inputs.
pub(crate) fn ensure_batch<S: State>(sequence: &Sequence, state: &S) -> Result<()> {
    for part in state.clone().into_parts() {
        Error::ensure_axis("state", 'B', part.dims()[0], sequence.batch())?;
    }
    Ok(())
}

/// No rows or no steps: no outputs, and the state as it was.
pub(crate) fn nothing<S>(output_size: usize, sequence: &Sequence, state: S) -> Unrolled<S> {
    let inputs = sequence.inputs();
    let mut shape = inputs.dims();
    shape[2] = output_size;
    Unrolled {
        outputs: Tensor::zeros(shape, (&inputs.device(), inputs.dtype())),
        state,
    }
}

/// The loop over the steps of `inputs`, which are along `axis`.
fn walk<S: State>(
    inputs: Tensor<3>,
    axis: usize,
    sequence: &Sequence,
    mut state: S,
    mut step: impl FnMut(Tensor<2>, S) -> Result<Step<S>>,
) -> Result<Unrolled<S>> {
    let reached = sequence.longest().max(1);
    let inputs = inputs.narrow(axis, 0, reached);
    let mut outputs = Vec::with_capacity(reached);
    for (time, input) in steps(inputs, axis).into_iter().enumerate() {
        let next = match sequence.lengths() {
            None => step(input, state)?,
            Some(lengths) => {
                let next = step(input, state.clone())?;
                carried(next, state, lengths, time)
            }
        };
        outputs.push(next.output);
        state = next.state;
    }
    let axis = sequence.time_axis();
    let mut outputs: Tensor<3> = Tensor::stack(outputs, axis);
    let mut rest = outputs.dims();
    rest[axis] = sequence.time() - reached;
    if rest[axis] > 0 {
        let rest = Tensor::zeros(rest, (&outputs.device(), outputs.dtype()));
        outputs = Tensor::cat(vec![outputs, rest], axis);
    }
    Ok(Unrolled { outputs, state })
}

/// `next` in the rows where step `time` is real, else zeros and the `old` state.
fn carried<S: State>(next: Step<S>, old: S, lengths: &Lengths, time: usize) -> Step<S> {
    let real = lengths.is_real(time, &next.output.device());
    let past = real.clone().bool_not().expand(next.output.dims());
    Step {
        output: next.output.mask_fill(past, 0.0),
        state: next.state.select(&real, old),
    }
}

/// One tensor per step.
///
/// Backward of a part writes zeros for the whole that it was taken from. Taking each step from the
/// whole would cost `T²` there, so halves are taken from halves: that costs `T log T`.
pub(crate) fn steps(whole: Tensor<3>, axis: usize) -> Vec<Tensor<2>> {
    let count = whole.dims()[axis];
    if count == 1 {
        return vec![whole.squeeze_dim(axis)];
    }
    let half = count / 2;
    let mut all = steps(whole.clone().narrow(axis, 0, half), axis);
    all.extend(steps(whole.narrow(axis, half, count - half), axis));
    all
}
