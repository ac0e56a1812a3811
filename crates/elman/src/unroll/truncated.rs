//! Truncated backpropagation through time: the state goes on from window to window, the gradient
//! does not.
//!
//! ```text
//! steps      0 … K-1   │   K … 2K-1   │  2K … 3K-1  │ …
//! state    ───────────►│─────────────►│────────────►│
//! gradient ◄───────────┤◄─────────────┤◄────────────┤
//! ```
//!
//! Werbos (1990); Williams and Peng (1990). In TF 1 `static_state_saving_rnn` over the batches of
//! `tf.contrib.training.batch_sequences_with_states`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::cell::{Cell, Lengths, Sequence, State, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::{UnrollOptions, dynamic_rnn};

/// Unrolls `cell` as [`dynamic_rnn`] does, with the same numbers, but no gradient flows from a
/// window of `window` steps into the one before. The last window may be shorter.
///
/// To update the weights after every window, cut the inputs yourself and keep the states in a
/// [`StateSaver`].
///
/// # Errors
///
/// When `window` is 0, and as [`dynamic_rnn`].
pub fn truncated_rnn<C: Cell>(
    cell: &C,
    inputs: Tensor<3>,
    options: UnrollOptions<C::State>,
    window: usize,
) -> Result<Unrolled<C::State>> {
    if window == 0 {
        return Err(Error::argument(
            "window",
            "is 0",
            "give the number of steps that a gradient goes back, at least 1",
        ));
    }
    let sequence = options.sequence(inputs)?;
    let (time, axis) = (sequence.time(), sequence.time_axis());
    let steps_of = |start: usize| window.min(time - start);
    let cut = |start: usize| {
        let inputs = sequence.inputs().clone();
        inputs.narrow(axis, start, steps_of(start))
    };
    let lengths = |start: usize| {
        let lengths = sequence.lengths()?.as_slice().iter();
        let within = |&length: &usize| length.saturating_sub(start).min(steps_of(start));
        Some(Lengths::new(lengths.map(within).collect::<Vec<_>>()))
    };
    if time <= window {
        return dynamic_rnn(cell, sequence.inputs().clone(), options);
    }
    let first = UnrollOptions {
        sequence_length: lengths(0),
        ..options
    };
    let (layout, path, memory) = (first.layout, first.path, first.memory);
    let Unrolled { outputs, mut state } = dynamic_rnn(cell, cut(0), first)?;
    let mut windows = vec![outputs];
    for start in (window..time).step_by(window) {
        let mut next = Sequence::new(cut(start), layout).with_path(path);
        if let Some(bytes) = memory {
            next = next.with_memory(bytes);
        }
        if let Some(lengths) = lengths(start) {
            next = next.with_lengths(lengths)?;
        }
        let run = cell.sequence(next, state.detached())?;
        windows.push(run.outputs);
        state = run.state;
    }
    Ok(Unrolled {
        outputs: Tensor::cat(windows, axis),
        state,
    })
}

/// The states of sequences between their windows, one for every key.
///
/// A batch is made of the next windows of some sequences, in any order; each row goes on from the
/// state in which its own sequence was left. A sequence that was never saved, or was
/// [`reset`](Self::reset) at its boundary, begins with the cell's zero state. What is saved is a
/// constant: no gradient flows into an earlier window.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use elman::cell::GruCellConfig;
/// use elman::random::Seed;
/// use elman::unroll::{StateSaver, UnrollOptions, dynamic_rnn};
///
/// let device = Device::flex();
/// let cell = GruCellConfig::new(2, 3).init(Seed::new(42), &device);
/// let mut saver = StateSaver::new();
/// for keys in [["one", "two"], ["two", "one"]] {
///     let window = Tensor::<3>::ones([2, 5, 2], &device);
///     let options = UnrollOptions::default().with_initial_state(saver.load(&cell, &keys)?);
///     let run = dynamic_rnn(&cell, window, options)?;
///     saver.save(&keys, run.state)?;
/// }
/// saver.reset(&"one");
/// assert_eq!(saver.len(), 1);
/// # Ok::<(), elman::Error>(())
/// ```
///
/// Source: `tf.contrib.training.SequenceQueueingStateSaver`.
#[derive(Clone, Debug)]
pub struct StateSaver<K, S> {
    /// Each of one row.
    states: BTreeMap<K, S>,
}

impl<K, S> Default for StateSaver<K, S> {
    /// No sequence has begun.
    fn default() -> Self {
        Self {
            states: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone + Debug, S: State> StateSaver<K, S> {
    /// No sequence has begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state, of `B` rows, from which the sequences of `keys` go on.
    ///
    /// # Errors
    ///
    /// When a key comes twice.
    pub fn load<C: Cell<State = S>>(&self, cell: &C, keys: &[K]) -> Result<S> {
        Self::check(keys)?;
        let zero = cell.zero_state(keys.len());
        if keys.iter().all(|key| !self.states.contains_key(key)) {
            return Ok(zero);
        }
        let fresh = cell.zero_state(1).into_parts();
        let rows: Vec<Vec<Tensor<2>>> = keys
            .iter()
            .map(|key| match self.states.get(key) {
                Some(state) => state.clone().into_parts(),
                None => fresh.clone(),
            })
            .collect();
        let mut part = 0;
        Ok(zero.map(|_| {
            let column = rows.iter().map(|row| row[part].clone()).collect();
            part += 1;
            Tensor::cat(column, 0)
        }))
    }

    /// Keeps `state`, whose rows belong to the sequences of `keys`.
    ///
    /// # Errors
    ///
    /// When a key comes twice or there is not one row for each.
    pub fn save(&mut self, keys: &[K], state: S) -> Result<()> {
        Self::check(keys)?;
        let state = state.detached();
        for part in state.clone().into_parts() {
            Error::ensure_axis("state", 'B', part.dims()[0], keys.len())?;
        }
        for (row, key) in keys.iter().enumerate() {
            let one = state.clone().map(|part| part.narrow(0, row, 1));
            self.states.insert(key.clone(), one);
        }
        Ok(())
    }

    /// A boundary: the sequence of `key` is over, its next window begins a new one.
    pub fn reset(&mut self, key: &K) {
        self.states.remove(key);
    }

    /// How many sequences have a state.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Has no sequence a state?
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    fn check(keys: &[K]) -> Result<()> {
        let mut seen = BTreeSet::new();
        match keys.iter().find(|key| !seen.insert(*key)) {
            None => Ok(()),
            Some(key) => Err(Error::argument(
                "keys",
                format!("{key:?} is there twice"),
                "put each sequence into one row of a batch",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::cell::{LstmCell, LstmCellConfig, LstmState};
    use crate::random::Seed;

    fn cell() -> LstmCell {
        LstmCellConfig::new(2, 4).init(Seed::new(3), &Device::flex().autodiff())
    }

    fn inputs(batch: usize, time: usize) -> Tensor<3> {
        let mut generator = Seed::new(5).generator("inputs");
        let count = batch * time * 2;
        let numbers: Vec<f32> = (0..count).map(|_| generator.normal() as f32).collect();
        let data = TensorData::new(numbers, [batch, time, 2]);
        Tensor::from_data(data, &Device::flex().autodiff())
    }

    fn kernel_gradient(cell: &LstmCell, loss: Tensor<1>) -> TensorData {
        let gradients = loss.backward();
        let gradient = cell.kernel.val().grad(&gradients);
        gradient.expect("the kernel takes part").into_data()
    }

    #[test]
    fn the_numbers_are_those_of_one_unroll_and_the_gradient_is_the_last_windows() {
        let cell = cell();
        let all = inputs(3, 11);
        let options = || UnrollOptions::default().with_sequence_length(Lengths::new([11, 6, 9]));
        let whole = dynamic_rnn(&cell, all.clone(), options()).expect("fits");
        let cut = truncated_rnn(&cell, all.clone(), options(), 4).expect("fits");
        assert_eq!(cut.outputs.to_data(), whole.outputs.to_data());
        assert_eq!(cut.state.cell.to_data(), whole.state.cell.to_data());
        assert_eq!(cut.state.hidden.to_data(), whole.state.hidden.to_data());

        // By hand: the state before step 8 is a constant.
        let before = UnrollOptions::default().with_sequence_length(Lengths::new([8, 6, 8]));
        let before = dynamic_rnn(&cell, all.clone().narrow(1, 0, 8), before).expect("fits");
        let last = UnrollOptions::default()
            .with_sequence_length(Lengths::new([3, 0, 1]))
            .with_initial_state(before.state.detached());
        let last = dynamic_rnn(&cell, all.clone().narrow(1, 8, 3), last).expect("fits");
        let loss = |state: LstmState| state.hidden.square().sum();
        let expected = kernel_gradient(&cell, loss(last.state));
        assert_eq!(kernel_gradient(&cell, loss(cut.state)), expected);
        assert_ne!(kernel_gradient(&cell, loss(whole.state)), expected);
    }

    #[test]
    fn a_window_as_long_as_the_sequence_cuts_nothing_and_none_is_refused() {
        let cell = cell();
        let all = inputs(2, 5);
        let whole = dynamic_rnn(&cell, all.clone(), UnrollOptions::default()).expect("fits");
        let cut = truncated_rnn(&cell, all.clone(), UnrollOptions::default(), 5).expect("fits");
        assert_eq!(
            kernel_gradient(&cell, cut.outputs.sum()),
            kernel_gradient(&cell, whole.outputs.sum())
        );
        let error = truncated_rnn(&cell, all, UnrollOptions::default(), 0).expect_err("no steps");
        assert_eq!(
            error.to_string(),
            "window: is 0; give the number of steps that a gradient goes back, at least 1"
        );
    }

    #[test]
    fn every_sequence_goes_on_from_its_own_state() {
        let cell = cell();
        let all = inputs(3, 6);
        let whole = dynamic_rnn(&cell, all.clone(), UnrollOptions::default()).expect("fits");
        let mut saver = StateSaver::new();
        // Two windows; the second has the rows in another order.
        for (start, rows) in [(0, [0_usize, 1, 2]), (3, [2, 0, 1])] {
            let window = all.clone().narrow(1, start, 3);
            let window = rows.map(|row| window.clone().narrow(0, row, 1));
            let state = saver.load(&cell, &rows).expect("distinct");
            let options = UnrollOptions::default().with_initial_state(state);
            let run = dynamic_rnn(&cell, Tensor::cat(window.to_vec(), 0), options).expect("fits");
            saver.save(&rows, run.state).expect("a row a key");
        }
        let state = saver.load(&cell, &[0, 1, 2]).expect("distinct");
        assert_eq!(state.cell.to_data(), whole.state.cell.to_data());
        assert_eq!(state.hidden.to_data(), whole.state.hidden.to_data());

        saver.reset(&1);
        let state = saver.load(&cell, &[1, 7]).expect("distinct");
        assert_eq!(state.cell.to_data(), cell.zero_state(2).cell.to_data());
        let mixed = saver.load(&cell, &[1, 2]).expect("distinct").hidden;
        let expected = whole.state.hidden.narrow(0, 2, 1);
        assert_eq!(mixed.narrow(0, 1, 1).to_data(), expected.to_data());
    }

    #[test]
    fn rows_and_keys_must_go_together() {
        let cell = cell();
        let mut saver = StateSaver::new();
        let error = saver.load(&cell, &["a", "b", "a"]).expect_err("a is twice");
        assert_eq!(
            error.to_string(),
            "keys: \"a\" is there twice; put each sequence into one row of a batch"
        );
        let state = cell.zero_state(3);
        assert!(
            saver
                .save(&["a", "b"], state)
                .expect_err("three rows")
                .is_shape()
        );
        assert!(saver.is_empty());
    }
}
