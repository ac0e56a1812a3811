//! `tf.nn.raw_rnn`: the user's function decides every input, every emission and the end.

use burn::tensor::{Bool, Tensor};

use crate::cell::{Cell, State, Step};
use crate::error::{Error, Result};

/// What the loop function returns before the first step.
#[derive(Clone, Debug)]
pub struct LoopStart<S, L> {
    /// `[B]`: rows that are over before they begin.
    pub finished: Tensor<1, Bool>,
    /// `[B, F]`: the input of step 0.
    pub input: Tensor<2>,
    /// The initial state.
    pub state: S,
    /// The number of features of every emission.
    pub emit_size: usize,
    /// Whatever the user's function carries along.
    pub loop_state: L,
}

/// What the loop function returns after a step.
#[derive(Clone, Debug)]
pub struct LoopTurn<S, L> {
    /// `[B]`: rows that end here; once finished, always finished.
    pub finished: Tensor<1, Bool>,
    /// `[B, F]`: the input of the next step.
    pub next_input: Tensor<2>,
    /// The state of the next step.
    pub next_state: S,
    /// `[B, emit_size]`: what this step emits.
    pub emit: Tensor<2>,
    /// Whatever the user's function carries along.
    pub loop_state: L,
}

/// What [`raw_rnn`] yields.
#[derive(Clone, Debug)]
pub struct RawUnrolled<S, L> {
    /// `T` emissions of shape `[B, emit_size]`; zero in rows that were finished.
    pub emissions: Vec<Tensor<2>>,
    /// Each row's state when it finished.
    pub state: S,
    /// The last loop state.
    pub loop_state: L,
}

/// Runs `cell` until every row is finished.
///
/// `start` is TF 1's first call of `loop_fn` (time 0, no cell output); `turn(time, step,
/// loop_state)` is every later one, with `time` the index of the step *to come*, as in TF 1.
/// A finished row keeps its state and emits zeros. Nothing but `finished` ends the loop.
///
/// Source: `tf.nn.raw_rnn`.
///
/// # Errors
///
/// When a shape does not fit, or `turn` or the cell fails.
pub fn raw_rnn<C: Cell, L>(
    cell: &C,
    start: LoopStart<C::State, L>,
    mut turn: impl FnMut(usize, Step<C::State>, L) -> Result<LoopTurn<C::State, L>>,
) -> Result<RawUnrolled<C::State, L>> {
    let LoopStart {
        mut finished,
        mut input,
        mut state,
        emit_size,
        mut loop_state,
    } = start;
    let batch = input.dims()[0];
    Error::ensure_axis("finished", 'B', finished.dims()[0], batch)?;
    let mut emissions = Vec::new();
    while !finished.clone().all().into_scalar::<bool>() {
        Error::ensure_axis("next_input", 'B', input.dims()[0], batch)?;
        Error::ensure_axis("next_input", 'F', input.dims()[1], cell.input_size())?;
        let step = cell.step(input, state.clone())?;
        let next = turn(emissions.len() + 1, step, loop_state)?;
        Error::ensure_axis("emit", 'F', next.emit.dims()[1], emit_size)?;
        let running: Tensor<2, Bool> = finished.clone().bool_not().unsqueeze_dim(1);
        let over = finished.clone().unsqueeze_dim::<2>(1);
        emissions.push(next.emit.mask_fill(over.expand([batch, emit_size]), 0.0));
        state = next.next_state.select(&running, state);
        finished = finished.bool_or(next.finished);
        input = next.next_input;
        loop_state = next.loop_state;
    }
    Ok(RawUnrolled {
        emissions,
        state,
        loop_state,
    })
}
