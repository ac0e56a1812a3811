//! `tf.nn.static_rnn`: a list of inputs in, a list of outputs out, built step by step.

use burn::tensor::Tensor;

use crate::cell::{Cell, State};
use crate::error::{Error, Result};
use crate::unroll::{UnrollOptions, single_step};

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
    let lengths = match options.sequence_length.clone() {
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
    let mut state = options.start(|| cell.zero_state(batch));
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
        let Some(lengths) = &lengths else {
            let next = single_step(cell, input, state, options.path)?;
            outputs.push(next.output);
            state = next.state;
            continue;
        };
        let real = lengths.is_real(time, &device);
        let past = real.clone().bool_not();
        // Backward multiplies by the padding even where nothing flows back, and 0 · NaN is NaN.
        let shape = input.dims();
        let input = input.mask_fill(past.clone().expand(shape), 0.0);
        let next = single_step(cell, input, state.clone(), options.path)?;
        let shape = next.output.dims();
        outputs.push(next.output.mask_fill(past.expand(shape), 0.0));
        state = next.state.select(&real, state);
    }
    Ok(StaticUnrolled { outputs, state })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use burn::tensor::{Device, Tensor};

    use super::static_rnn;
    use crate::cell::{Cell, HiddenState, Path, Sequence, Step, Unrolled};
    use crate::error::Result;
    use crate::unroll::{UnrollOptions, composed};

    /// Gives back its input and remembers how it was called.
    #[derive(Default)]
    struct Echo {
        calls: RefCell<Vec<Option<Path>>>,
    }

    impl Cell for Echo {
        type State = HiddenState;

        fn input_size(&self) -> usize {
            1
        }

        fn output_size(&self) -> usize {
            1
        }

        fn zero_state(&self, batch: usize) -> HiddenState {
            HiddenState {
                hidden: Tensor::zeros([batch, 1], &Device::flex()),
            }
        }

        fn step(&self, input: Tensor<2>, state: HiddenState) -> Result<Step<HiddenState>> {
            self.calls.borrow_mut().push(None);
            Ok(Step {
                output: input,
                state,
            })
        }

        fn sequence(&self, inputs: Sequence, state: HiddenState) -> Result<Unrolled<HiddenState>> {
            self.calls.borrow_mut().push(Some(inputs.path()));
            composed(1, inputs, state, |output, state| Ok(Step { output, state }))
        }
    }

    #[test]
    fn the_path_of_the_options_is_taken() {
        for (path, call) in [(Path::Auto, None), (Path::Composed, Some(Path::Composed))] {
            let cell = Echo::default();
            let inputs = vec![Tensor::ones([3, 1], &Device::flex()); 2];
            let run = static_rnn(&cell, inputs, UnrollOptions::default().with_path(path));
            let outputs = run.expect("the shapes fit").outputs;
            assert_eq!(
                outputs.iter().map(Tensor::dims).collect::<Vec<_>>(),
                [[3, 1]; 2]
            );
            assert_eq!(cell.calls.into_inner(), [call; 2]);
        }
    }
}
