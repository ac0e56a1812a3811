//! All steps of a linear recurrence at once.

use burn::tensor::{Int, Tensor, TensorData};

use crate::cell::{Lengths, Path, Sequence, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::composed::{nothing, steps};

/// A recurrence whose factor and summand depend on the inputs alone:
///
/// ```text
/// hidden[t] = decay[t] ⊙ hidden[t-1] + drive[t]
/// ```
pub(crate) struct Recurrence {
    /// `[R, H]`: what is kept of the old state; a row for each row of the inputs.
    pub(crate) decay: Tensor<2>,
    /// `[R, H]`: what is added.
    pub(crate) drive: Tensor<2>,
}

/// Runs a linear recurrence over all steps of `sequence` from `start`, `[B, H]`.
///
/// `gates` makes the recurrence, and whatever else the outputs need, of all inputs `[T·B, F]`;
/// `read` makes the outputs `[T·B, H]` of all states and of that. The state of what is returned is
/// `[B, H]`: each row's after its last real step.
///
/// [`Path::Auto`] scans, [`Path::Composed`] loops. The two differ by roundings; the scan of a row
/// does not depend on how many steps come after, so that padding never changes a bit.
///
/// # Errors
///
/// When `start` has another batch size than the inputs.
pub(crate) fn scanned<E>(
    sequence: &Sequence,
    start: Tensor<2>,
    gates: impl FnOnce(Tensor<2>) -> (Recurrence, E),
    read: impl FnOnce(Tensor<2>, E) -> Tensor<2>,
) -> Result<Unrolled<Tensor<2>>> {
    let (batch, time) = (sequence.batch(), sequence.time());
    let [rows, units] = start.dims();
    Error::ensure_axis("state", 'B', rows, batch)?;
    if batch * time == 0 {
        return Ok(nothing(units, sequence, start));
    }
    let (Recurrence { decay, drive }, rest) = gates(sequence.rows());
    let [decay, drive] = [decay, drive].map(|rows| rows.reshape([time, batch, units]));
    let first = start.unsqueeze_dim::<3>(0);
    let states = match sequence.path() {
        Path::Auto => scan(decay, drive, first.clone()),
        Path::Composed => walk(decay, drive, first.clone()),
    };
    let state = match sequence.lengths() {
        None => states.clone().narrow(0, time - 1, 1).squeeze_dim(0),
        Some(lengths) => after(Tensor::cat(vec![first, states.clone()], 0), lengths),
    };
    let outputs = read(states.reshape([time * batch, units]), rest);
    Ok(Unrolled {
        outputs: sequence.outputs(outputs),
        state,
    })
}

/// The states `[T, B, H]` after each step, in `2 log T` rounds of operations over all of them.
///
/// Two steps are one with `decay = later ⊙ earlier`. Pairs of steps are joined until one is left,
/// which gives the states after every second step, and from each of them one more step gives the
/// state between.
///
/// Blelloch (1990), "Prefix Sums and Their Applications", CMU-CS-90-190, section 1.4.
fn scan(decay: Tensor<3>, drive: Tensor<3>, start: Tensor<3>) -> Tensor<3> {
    let [time, batch, units] = decay.dims();
    let pairs = time / 2;
    if pairs == 0 {
        return decay * start + drive;
    }
    // The earlier (0) or the later (1) steps of all pairs.
    let of_pairs = |steps: &Tensor<3>, which: usize| {
        let pairs_of_steps = steps.clone().narrow(0, 0, 2 * pairs);
        let pairs_of_steps = pairs_of_steps.reshape([pairs, 2, batch, units]);
        pairs_of_steps.narrow(1, which, 1).squeeze_dim::<3>(1)
    };
    let (earlier_decay, earlier_drive) = (of_pairs(&decay, 0), of_pairs(&drive, 0));
    let (later_decay, later_drive) = (of_pairs(&decay, 1), of_pairs(&drive, 1));
    let later = scan(
        later_decay.clone() * earlier_decay.clone(),
        later_decay * earlier_drive.clone() + later_drive,
        start.clone(),
    );
    let before = Tensor::cat(vec![start, later.clone()], 0);
    let earlier = earlier_decay * before.clone().narrow(0, 0, pairs) + earlier_drive;
    let states = Tensor::stack::<4>(vec![earlier, later], 1).reshape([2 * pairs, batch, units]);
    if time == 2 * pairs {
        return states;
    }
    let last = |steps: Tensor<3>| steps.narrow(0, time - 1, 1);
    let unpaired = last(decay) * before.narrow(0, pairs, 1) + last(drive);
    Tensor::cat(vec![states, unpaired], 0)
}

/// The same step by step: the oracle of [`scan`].
fn walk(decay: Tensor<3>, drive: Tensor<3>, start: Tensor<3>) -> Tensor<3> {
    let mut state = start.squeeze_dim::<2>(0);
    let mut states = Vec::with_capacity(decay.dims()[0]);
    for (decay, drive) in steps(decay, 0).into_iter().zip(steps(drive, 0)) {
        state = decay * state + drive;
        states.push(state.clone());
    }
    Tensor::stack(states, 0)
}

/// `[B, H]`: of the states `[1+T, B, H]` before and after each step, each row's after its length.
fn after(states: Tensor<3>, lengths: &Lengths) -> Tensor<2> {
    let [_, batch, units] = states.dims();
    let lengths: Vec<i64> = lengths.as_slice().iter().map(|&it| it as i64).collect();
    let lengths = TensorData::new(lengths, [1, batch, 1]);
    let lengths = Tensor::<3, Int>::from_data(lengths, &states.device());
    let state = states.gather(0, lengths.expand([1, batch, units]));
    state.squeeze_dim(0)
}
