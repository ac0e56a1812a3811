//! `tf.contrib.rnn.stack_bidirectional_dynamic_rnn`: bidirectional layers on top of each other.

use burn::tensor::Tensor;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::unroll::{UnrollOptions, bidirectional_dynamic_rnn};
use crate::wrapper::MultiState;

/// What [`stack_bidirectional_dynamic_rnn`] yields.
#[derive(Clone, Debug)]
pub struct StackedBidirectional<F, B> {
    /// The last layer's outputs of both directions side by side,
    /// `[B, T, H_forward + H_backward]`.
    pub outputs: Tensor<3>,
    /// The final state of every layer's forward cell.
    pub forward_state: MultiState<F>,
    /// The final state of every layer's backward cell.
    pub backward_state: MultiState<B>,
}

/// Unrolls layer after layer of a forward and a backward cell over `inputs`, `[B, T, F]` or
/// `[T, B, F]`: each layer reads both directions of the one below, side by side.
///
/// `options` holds what all layers share and the initial states of the forward cells;
/// `backward_states` are the backward cells' (zero when `None`).
///
/// Source: `tf.contrib.rnn.stack_bidirectional_dynamic_rnn`.
///
/// # Errors
///
/// When there are no cells or not as many of one direction as of the other, when there is not one
/// state per layer, when a shape does not fit a cell, or a length is larger than `T`.
pub fn stack_bidirectional_dynamic_rnn<F: Cell, B: Cell>(
    forward: &[F],
    backward: &[B],
    inputs: Tensor<3>,
    options: UnrollOptions<MultiState<F::State>>,
    backward_states: Option<MultiState<B::State>>,
) -> Result<StackedBidirectional<F::State, B::State>> {
    if forward.is_empty() || forward.len() != backward.len() {
        return Err(Error::argument(
            "cells",
            format!(
                "are {} forward and {} backward",
                forward.len(),
                backward.len()
            ),
            "give as many of both, at least one",
        ));
    }
    let layers = forward.len();
    let forward_states = match &options.initial_state {
        Some(states) => some_of_each(states, layers, "initial_state")?,
        None => vec![None; layers],
    };
    let backward_states = match &backward_states {
        Some(states) => some_of_each(states, layers, "backward_states")?,
        None => vec![None; layers],
    };
    let cells = forward.iter().zip(backward);
    let states = forward_states.into_iter().zip(backward_states);
    let mut outputs = inputs;
    let mut finals = (Vec::new(), Vec::new());
    for ((forward, backward), (forward_state, backward_state)) in cells.zip(states) {
        let options = UnrollOptions {
            sequence_length: options.sequence_length.clone(),
            initial_state: forward_state,
            layout: options.layout,
            path: options.path,
            memory: options.memory,
            training_step: options.training_step,
            is_silent: options.is_silent,
        };
        let run = bidirectional_dynamic_rnn(forward, backward, outputs, options, backward_state)?;
        outputs = run.concatenated();
        finals.0.push(run.forward.state);
        finals.1.push(run.backward.state);
    }
    Ok(StackedBidirectional {
        outputs,
        forward_state: MultiState { layers: finals.0 },
        backward_state: MultiState { layers: finals.1 },
    })
}

/// One state per layer, checked.
fn some_of_each<S: Clone>(
    states: &MultiState<S>,
    layers: usize,
    what: &str,
) -> Result<Vec<Option<S>>> {
    if states.layers.len() != layers {
        return Err(Error::argument(
            what,
            format!(
                "has {} states, but there are {layers} layers",
                states.layers.len()
            ),
            "give one state per layer",
        ));
    }
    Ok(states.layers.iter().cloned().map(Some).collect())
}
