//! The loop over time of the LSTM with layer normalisation, backwards.
//!
//! Through a normalisation `n = norm(s)`, `y = gain ⊙ n + shift`, with `g = dy ⊙ gain`:
//!
//! ```text
//! ds = (g - mean(g) - n ⊙ mean(g ⊙ n)) / √(variance(s) + epsilon)
//! ```

use std::ops::Range;

use pulp::Simd;

use super::{GATES, Gate, LayerNormLstm, ROWS, mean, means};
use crate::buffer::{Buffer, Shared, Source};
use crate::isa::Work;
use crate::math::{activate, slope};
use crate::panels::Columns;
use crate::product::{Product, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{Backward, Rows, Share};

/// What the threads of a backward pass read and write.
#[derive(Clone, Copy)]
pub(super) struct BackwardMemory<T, const N: usize> {
    /// The gradients of each source's sums; the first's take the place of the tape's gates.
    pub(super) d_sums: [Shared<T>; N],
    /// The tape's normalised sums, turned in place into their shares of the gains' gradients.
    pub(super) normal: [Shared<T>; N],
    /// The tape's normalised cells, turned in place into shares of the gradient of `state_gain`.
    pub(super) states: Shared<T>,
    /// The tape's.
    pub(super) scales: Source<T>,
    /// Laid out as the gates: their gradients before the nonlinearities, shares of the shift's.
    pub(super) d_gates: Shared<T>,
    /// Laid out as the states: the new cells' gradients, shares of that of `state_shift`.
    pub(super) d_states: Shared<T>,
    pub(super) d_inputs: Option<Shared<T>>,
    /// The gradients of the state after the step at hand.
    pub(super) d_cell: Rows<T>,
    pub(super) d_hidden: Rows<T>,
}

/// The rows at some positions, through all steps backwards.
pub(super) struct BackwardPart<'a, T: Real, const N: usize> {
    pub(super) cell: &'a LayerNormLstm<T>,
    pub(super) run: &'a Backward<'a, T>,
    pub(super) to_hidden: &'a (Columns, Buffer<T>),
    pub(super) to_inputs: Option<&'a (Columns, Buffer<T>)>,
    pub(super) memory: BackwardMemory<T, N>,
    pub(super) share: Share<'a>,
}

impl<T: Real, const N: usize> Work for BackwardPart<'_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            run,
            to_hidden,
            to_inputs,
            ref memory,
            ref share,
        } = self;
        let plan = run.plan;
        let widest = [Some(to_hidden), to_inputs];
        let widest = widest.iter().flatten().map(|(columns, _)| columns.total());
        let zeros = Buffer::zeros(widest.max().unwrap_or(0));
        let sums = |source: usize| GateRows::new(plan, (&cell.columns, memory.d_sums[source], 0));
        let (mut to_hidden_sums, mut to_input_sums) = (sums(N - 1), sums(0));
        let d_hidden_rows = memory.d_hidden.rows(&share.positions);
        let mut d_input_rows = memory
            .d_inputs
            .map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, cell.spec.inputs)));
        for step in (0..plan.steps()).rev() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                continue;
            }
            // 1. Through the cell and its normalisations.
            let rows = share.rows(&running);
            for first in rows.clone().step_by(ROWS) {
                // SAFETY: these rows run at this step, and no other part has them.
                unsafe { self.through(simd, step, first..rows.end.min(first + ROWS)) };
            }
            // 2. Through the product with the kernel: to the step before, and to the inputs.
            share.wait();
            to_hidden_sums.move_to(plan, step, &running);
            let (targets, packed) = to_hidden;
            let factors = to_hidden_sums.factors(GATES, packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &d_hidden_rows[..running.len()];
            // SAFETY: the rows are laid out as the factors say.
            unsafe { share.store(simd, &product, Write::Padded, rows) };
            if let (Some((targets, packed)), Some(rows)) = (to_inputs, &mut d_input_rows) {
                to_input_sums.move_to(plan, step, &running);
                let rows = rows.of_step(step, running.len());
                let factors = to_input_sums.factors(GATES, packed);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                // SAFETY: as above; every row of the inputs is `F` long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}

impl<T: Real, const N: usize> BackwardPart<'_, T, N> {
    /// From the gradients of the rows at `positions` after `step` to those of their sums and of the
    /// cells before.
    ///
    /// # Safety
    ///
    /// The rows run at `step`, are at most [`ROWS`], and nobody else touches them.
    #[inline(always)]
    unsafe fn through<S: Simd>(&self, simd: S, step: usize, positions: Range<usize>) {
        let Self {
            cell, run, memory, ..
        } = self;
        let (spec, plan) = (&cell.spec, run.plan);
        let lanes = Lanes::<S, T>::COUNT;
        let (units, pairs) = (spec.units, plan.pairs());
        let (vectors, width) = (cell.columns.count(), GATES * lanes);
        let kept_scales = N * GATES + 1;
        let zero = Lanes::<S, T>::splat(simd, T::default());
        let number = |value: T| Lanes::<S, T>::splat(simd, value);
        let real = cell.real.as_ptr();
        let (state_gain, state_shift) = (cell.state_gain.as_ptr(), cell.state_shift.as_ptr());
        // SAFETY: every row has `padded` units in all that is kept, as the packed vectors have; what
        // is read of the outputs' gradients and of the state is within their rows.
        unsafe {
            // 1. What the output gates let out, and the sums for the cells' normalisation.
            let mut state_means = [[T::default(); 2]; ROWS];
            for (row, position) in positions.clone().enumerate() {
                let pair = plan.pair(step, position);
                let offset = plan.offset(step, position, units);
                let (d_cell, d_hidden) =
                    (memory.d_cell.row(position), memory.d_hidden.row(position));
                let mut sums = [zero; 2];
                for vector in 0..vectors {
                    let unit = vector * lanes;
                    let valid = lanes.min(units - unit);
                    let place = (vector * pairs + pair) * width + Gate::Output as usize * lanes;
                    let state = cell.state_place(vector, (pair, pairs));
                    let after = Lanes::load(simd, d_hidden.add(unit));
                    let d_hidden = run.d_output(simd, (offset + unit, valid), after);
                    let normal = Lanes::load(simd, memory.states.at(state));
                    let gain = Lanes::load(simd, state_gain.add(unit));
                    let after = normal.mul_add(gain, Lanes::load(simd, state_shift.add(unit)));
                    let [shown] = activate(spec.activation, [after]);
                    let output = Lanes::load(simd, memory.d_sums[0].at(place));
                    let one = shown.constant(1.0);
                    let d_output = d_hidden * shown * output * (one - output);
                    d_output.store(memory.d_gates.at(place));
                    let d_state = (d_hidden * output).mul_add(
                        slope(spec.activation, shown),
                        Lanes::load(simd, d_cell.add(unit)),
                    );
                    d_state.store(memory.d_states.at(state));
                    let d_normal = d_state * gain;
                    d_normal.store(d_cell.add(unit));
                    sums[0] = sums[0] + d_normal;
                    sums[1] = d_normal.mul_add(normal, sums[1]);
                }
                state_means[row] = [mean(sums[0], units), mean(sums[1], units)];
            }
            // 2. The gates, and the sums for their normalisation.
            let mut gate_means = [[[[T::default(); GATES]; 2]; N]; ROWS];
            for (row, position) in positions.clone().enumerate() {
                let pair = plan.pair(step, position);
                let scale = *memory.scales.at(pair * kept_scales + N * GATES);
                let [mean, along] = state_means[row].map(|mean| -number(mean));
                let scale = number(scale);
                let d_cell = memory.d_cell.row(position);
                let first_cell = run.state[plan.row(position) * 2 * units..].as_ptr();
                // All gates' sums go together where the gates do.
                let mut sums = [[[zero; GATES]; 2]; N];
                for vector in 0..vectors {
                    let unit = vector * lanes;
                    let place = (vector * pairs + pair) * width;
                    let state = memory.states.at(cell.state_place(vector, (pair, pairs)));
                    let d_state = memory.d_states.at(cell.state_place(vector, (pair, pairs)));
                    let normal = Lanes::load(simd, state);
                    (Lanes::load(simd, d_state) * normal).store(state);
                    let real = Lanes::load(simd, real.add(unit));
                    let centred = real.mul_add(mean, Lanes::load(simd, d_cell.add(unit)));
                    let d_sum = normal.mul_add(along, centred) * scale;
                    let before = match step.checked_sub(1) {
                        None => {
                            Lanes::load_first(simd, first_cell.add(unit), lanes.min(units - unit))
                        }
                        Some(before) => {
                            let pair = (plan.pair(before, position), pairs);
                            let normal = memory.states.at(cell.state_place(vector, pair));
                            let gain = Lanes::load(simd, state_gain.add(unit));
                            let shift = Lanes::load(simd, state_shift.add(unit));
                            Lanes::load(simd, normal).mul_add(gain, shift)
                        }
                    };
                    let gates = memory.d_sums[0].at(place);
                    let input = Lanes::load(simd, gates.add(Gate::Input as usize * lanes));
                    let candidate = Lanes::load(simd, gates.add(Gate::Candidate as usize * lanes));
                    let forget = Lanes::load(simd, gates.add(Gate::Forget as usize * lanes));
                    (d_sum * forget).store(d_cell.add(unit));
                    let one = real.constant(1.0);
                    let d_gates = memory.d_gates.at(place);
                    let d_output = Lanes::load(simd, d_gates.add(Gate::Output as usize * lanes));
                    let d_all = [
                        d_sum * candidate * input * (one - input),
                        d_sum * input * slope(spec.activation, candidate),
                        d_sum * before * forget * (one - forget),
                        d_output,
                    ];
                    for (gate, d_gate) in d_all.into_iter().enumerate() {
                        let lane = gate * lanes;
                        d_gate.store(d_gates.add(lane));
                        let together = if const { N > 1 } { 0 } else { gate };
                        for source in 0..N {
                            let gain = cell.gains[source].as_ptr().add(vector * width + lane);
                            let normal = Lanes::load(simd, memory.normal[source].at(place + lane));
                            let d_normal = d_gate * Lanes::load(simd, gain);
                            let [sum, along] = &mut sums[source];
                            sum[together] = sum[together] + d_normal;
                            along[together] = d_normal.mul_add(normal, along[together]);
                        }
                    }
                }
                for (sums, all) in sums.into_iter().zip(&mut gate_means[row]) {
                    for (sums, means_of) in sums.into_iter().zip(all) {
                        *means_of = means::<S, T, N>(sums, units);
                    }
                }
            }
            // 3. Through the gates' normalisation.
            for (row, position) in positions.enumerate() {
                let pair = plan.pair(step, position);
                let scales = memory.scales.at(pair * kept_scales);
                for vector in 0..vectors {
                    let real = Lanes::load(simd, real.add(vector * lanes));
                    for gate in 0..GATES {
                        let lane = gate * lanes;
                        let place = (vector * pairs + pair) * width + lane;
                        let d_gate = Lanes::load(simd, memory.d_gates.at(place));
                        for source in 0..N {
                            let gain = cell.gains[source].as_ptr().add(vector * width + lane);
                            let normal_at = memory.normal[source].at(place);
                            let normal = Lanes::load(simd, normal_at);
                            let [mean, along] = &gate_means[row][source];
                            let (mean, along) = (-number(mean[gate]), -number(along[gate]));
                            let d_normal = d_gate * Lanes::load(simd, gain);
                            let centred = real.mul_add(mean, d_normal);
                            let scale = number(*scales.add(source * GATES + gate));
                            let d_sum = normal.mul_add(along, centred) * scale;
                            d_sum.store(memory.d_sums[source].at(place));
                            (d_gate * normal).store(normal_at);
                        }
                    }
                }
            }
        }
    }
}
