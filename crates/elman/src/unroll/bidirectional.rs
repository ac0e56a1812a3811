//! `tf.nn.bidirectional_dynamic_rnn`: one cell forwards, another backwards.

use burn::tensor::Tensor;

use crate::cell::{Cell, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::{UnrollOptions, reverse_sequence};

/// What the two directions yield; each in the time order of the inputs.
#[derive(Clone, Debug)]
pub struct Bidirectional<F, B> {
    /// The cell that reads from the first step on.
    pub forward: Unrolled<F>,
    /// The cell that reads from each row's last real step back.
    pub backward: Unrolled<B>,
}

impl<F, B> Bidirectional<F, B> {
    /// Both outputs side by side, `[B, T, H_forward + H_backward]`.
    pub fn concatenated(&self) -> Tensor<3> {
        Tensor::cat(
            vec![self.forward.outputs.clone(), self.backward.outputs.clone()],
            2,
        )
    }
}

/// Unrolls `forward` and `backward` over the same `inputs`, `[B, T, F]` or `[T, B, F]`.
///
/// `options` holds what both share and the forward cell's initial state; `backward_state` is the
/// backward cell's (zero when `None`).
///
/// Source: `tf.nn.bidirectional_dynamic_rnn`.
///
/// # Errors
///
/// When a shape does not fit a cell, or a length is larger than `T`.
pub fn bidirectional_dynamic_rnn<F: Cell, B: Cell>(
    forward: &F,
    backward: &B,
    inputs: Tensor<3>,
    options: UnrollOptions<F::State>,
    backward_state: Option<B::State>,
) -> Result<Bidirectional<F::State, B::State>> {
    let sequence = options.sequence(inputs)?;
    Error::ensure_axis("inputs", 'F', sequence.features(), forward.input_size())?;
    Error::ensure_axis("inputs", 'F', sequence.features(), backward.input_size())?;
    let batch = sequence.batch();
    let forward_state = options.start(|| forward.zero_state(batch));
    let backward_state = backward_state.unwrap_or_else(|| backward.zero_state(batch));
    let backward_state = options.in_training(backward_state);
    let reversed = reverse_sequence(sequence.inputs().clone(), &sequence);
    let backwards = backward.sequence(sequence.with_inputs(reversed), backward_state)?;
    let forward = forward.sequence(sequence.clone(), forward_state)?;
    Ok(Bidirectional {
        forward,
        backward: Unrolled {
            outputs: reverse_sequence(backwards.outputs, &sequence),
            state: backwards.state,
        },
    })
}
