//! `tf.nn.static_rnn`: a list of inputs in, a list of outputs out, built step by step.

use burn::tensor::Tensor;

use crate::cell::{Cell, State, Step};
use crate::error::{Error, Result};
use crate::unroll::UnrollOptions;

/// What [`static_rnn`] yields.
#[derive(Clone, Debug)]
pub struct StaticUnrolled<S> {
    /// `T` tensors of shape `[B, H]`.
    pub outputs: Vec<Tensor<2>>,
    /// Each row's state after its last real step.
    pub state: S,
}

/// Unrolls `cell` over a list of `T` inputs of shape `[B, F]`.
///
/// Lengths, if the options have them, act as in TF 1: steps that no row reaches are not computed
/// at all. The options' layout has no meaning here and is not read.
///
/// Source: `tf.nn.static_rnn`.
///
/// # Errors
///
/// When the list is empty, a shape does not fit, or a length is larger than `T`.
pub fn static_rnn<C: Cell>(
    cell: &C,
    inputs: Vec<Tensor<2>>,
    options: UnrollOptions<C::State>,
) -> Result<StaticUnrolled<C::State>> {
    let Some(first) = inputs.first() else {
        return Err(Error::argument(
            "inputs",
            "is an empty list",
            "give one [B, F] tensor per time step",
        ));
    };
    let [batch, _] = first.dims();
    let device = first.device();
    let lengths = match options.sequence_length {
        None => None,
        Some(lengths) => {
            Error::ensure_axis("lengths", 'B', lengths.as_slice().len(), batch)?;
            if let Some(&length) = lengths.as_slice().iter().find(|&&l| l > inputs.len()) {
                return Err(Error::argument(
                    "lengths",
                    format!("has {length}, but the list has {} steps", inputs.len()),
                    "give a length between 0 and the number of steps",
                ));
            }
            Some(lengths)
        }
    };
    let longest = lengths
        .as_ref()
        .and_then(|lengths| lengths.as_slice().iter().copied().max())
        .unwrap_or(inputs.len());
    let mut state = match options.initial_state {
        Some(state) => state,
        None => cell.zero_state(batch),
    };
    let mut outputs = Vec::with_capacity(inputs.len());
    for (time, input) in inputs.into_iter().enumerate() {
        Error::ensure_axis(&format!("inputs[{time}]"), 'B', input.dims()[0], batch)?;
        Error::ensure_axis(
            &format!("inputs[{time}]"),
            'F',
            input.dims()[1],
            cell.input_size(),
        )?;
        if time >= longest {
            outputs.push(Tensor::zeros(
                [batch, cell.output_size()],
                (&device, input.dtype()),
            ));
            continue;
        }
        let Step {
            output,
            state: next,
        } = cell.step(input, state.clone())?;
        let (output, next) = match &lengths {
            None => (output, next),
            Some(lengths) => {
                let real = lengths.is_real(time, &device);
                let past = real.clone().bool_not().expand(output.dims());
                (output.mask_fill(past, 0.0), next.select(&real, state))
            }
        };
        outputs.push(output);
        state = next;
    }
    Ok(StaticUnrolled { outputs, state })
}
