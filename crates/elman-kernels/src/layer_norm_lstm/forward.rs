//! The loop over time of the LSTM with layer normalisation.

use std::ops::Range;

use pulp::Simd;

use super::{GATES, Gate, LayerNormLstm, ROWS, mean, means, scale};
use crate::activation::Activation;
use crate::buffer::{Buffer, Shared};
use crate::inputs::Inputs;
use crate::isa::Work;
use crate::math::activate;
use crate::product::Product;
use crate::real::{Lanes, Real};
use crate::run::{Hidden, Share};
use crate::shape::Plan;

/// The tape, to be written.
#[derive(Clone, Copy)]
pub(super) struct TapeMemory<T, const N: usize> {
    pub(super) gates: Shared<T>,
    pub(super) normal: [Shared<T>; N],
    pub(super) states: Shared<T>,
    pub(super) scales: Shared<T>,
}

/// The rows at some positions, through all steps.
pub(super) struct ForwardPart<'a, T: Real, const N: usize> {
    pub(super) cell: &'a LayerNormLstm<T>,
    pub(super) plan: &'a Plan,
    pub(super) inputs: &'a Inputs<'a, T>,
    pub(super) state: &'a [T],
    pub(super) hidden: Hidden<'a, T>,
    /// `[B][padded H]`: the cells by position, as the step at hand finds them.
    pub(super) cells: Shared<T>,
    /// `[N][B][panel][gate][lane]`: the sums of the step at hand.
    pub(super) sums: Shared<T>,
    /// `None` in inference.
    pub(super) tape: Option<TapeMemory<T, N>>,
    pub(super) share: Share<'a>,
}

impl<T: Real, const N: usize> Work for ForwardPart<'_, T, N> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell, plan, share, ..
        } = &self;
        let units = cell.spec.units;
        let columns = &cell.columns;
        let total = columns.total();
        let zeros = Buffer::zeros(columns.width(0));
        let mut input_rows = self.inputs.of_rows(plan, &share.positions);
        let hidden_state = (self.state, 2 * units, units);
        let mut rows_before = self.hidden.before(plan, &share.positions, hidden_state);
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let previous = rows_before.of_step(step, running.len());
            let factors = [
                step_inputs.times(&cell.input_weights),
                previous.times(units, &cell.hidden_weights),
            ];
            // One source is the sum of both products.
            for (source, factors) in factors.chunks(factors.len() / N).enumerate() {
                let product = Product::new(columns, running.len(), &[], factors);
                for panel in share.panels(columns.count()) {
                    let mut first = 0;
                    while first < running.len() {
                        // SAFETY: the rows are good for as many reads as the factors say, and there
                        // is a row of sums for every position of every source.
                        first += unsafe {
                            let row = source * plan.batch() + running.start + first;
                            let target = self.sums.at(row * total + columns.offset(panel, 1));
                            let start = (zeros.as_ptr(), 0);
                            product.block_between(simd, (panel, first), start, (target, total))
                        };
                    }
                }
            }
            share.wait();
            let rows = share.rows(&running);
            for first in rows.clone().step_by(ROWS) {
                // SAFETY: these rows run at this step, and no other part has them.
                unsafe { self.normalise(simd, step, first..rows.end.min(first + ROWS)) };
            }
            share.wait();
            self.hidden.carry(simd, plan, step, &running, share);
        }
    }
}

impl<T: Real, const N: usize> ForwardPart<'_, T, N> {
    /// From the sums of the rows at `positions` to their new cells and outputs.
    ///
    /// # Safety
    ///
    /// The rows run at `step`, are at most [`ROWS`], and nobody else touches them.
    #[inline(always)]
    unsafe fn normalise<S: Simd>(&self, simd: S, step: usize, positions: Range<usize>) {
        let Self { cell, plan, .. } = self;
        let spec = &cell.spec;
        let lanes = Lanes::<S, T>::COUNT;
        let (units, padded, pairs) = (spec.units, cell.padded(), plan.pairs());
        let (vectors, width) = (cell.columns.count(), GATES * lanes);
        let total = vectors * width;
        let epsilons = spec.epsilons();
        let kept_scales = N * GATES + 1;
        let zero = Lanes::<S, T>::splat(simd, T::default());
        let number = |value: T| Lanes::<S, T>::splat(simd, value);
        let (shift, real) = (cell.shift.as_ptr(), cell.real.as_ptr());
        // SAFETY: every row has `total` sums and `padded` units, as the packed vectors have; what is
        // read of outputs and state is within their rows.
        unsafe {
            let sums_of = |source: usize, position: usize| {
                self.sums.at((source * plan.batch() + position) * total)
            };
            // 1. The means.
            let mut mean_of = [[[T::default(); GATES]; N]; ROWS];
            for (means_of, position) in mean_of.iter_mut().zip(positions.clone()) {
                for (source, mean_of) in means_of.iter_mut().enumerate() {
                    let sums = sums_of(source, position);
                    let mut sum = [zero; GATES];
                    for vector in 0..vectors {
                        for (gate, sum) in sum.iter_mut().enumerate() {
                            let place = sums.add(vector * width + gate * lanes);
                            *sum = *sum + Lanes::load(simd, place);
                        }
                    }
                    *mean_of = means::<S, T, N>(sum, units);
                }
            }
            // 2. The deviations.
            let mut scale_of = [[[T::default(); GATES]; N]; ROWS];
            for (row, position) in positions.clone().enumerate() {
                for (source, &epsilon) in epsilons.iter().enumerate().take(N) {
                    let sums = sums_of(source, position);
                    let mut sum = [zero; GATES];
                    for vector in 0..vectors {
                        let real = Lanes::load(simd, real.add(vector * lanes));
                        for (gate, sum) in sum.iter_mut().enumerate() {
                            let place = sums.add(vector * width + gate * lanes);
                            let mean = -number(mean_of[row][source][gate]);
                            let centred = real.mul_add(mean, Lanes::load(simd, place));
                            *sum = centred.mul_add(centred, *sum);
                        }
                    }
                    let variances = means::<S, T, N>(sum, units);
                    for (gate, variance) in variances.into_iter().enumerate() {
                        scale_of[row][source][gate] = scale(variance, epsilon);
                    }
                }
                if let Some(tape) = &self.tape {
                    let scales = tape.scales.at(plan.pair(step, position) * kept_scales);
                    for source in 0..N {
                        for gate in 0..GATES {
                            *scales.add(source * GATES + gate) = scale_of[row][source][gate];
                        }
                    }
                }
            }
            // 3. The gates, and the new cells before their normalisation, which take the candidates'
            // place among the first source's sums, as the output gates take their own.
            let mut state_mean = [T::default(); ROWS];
            for (row, position) in positions.clone().enumerate() {
                let pair = plan.pair(step, position);
                let cells = self.cells.at(position * padded);
                let kept = sums_of(0, position);
                let mut sum = zero;
                for vector in 0..vectors {
                    let real = Lanes::load(simd, real.add(vector * lanes));
                    let taped = (vector * pairs + pair) * width;
                    let mut gates = [zero; GATES];
                    for (gate, y) in gates.iter_mut().enumerate() {
                        let place = vector * width + gate * lanes;
                        *y = Lanes::load(simd, shift.add(place));
                        for source in 0..N {
                            let mean = -number(mean_of[row][source][gate]);
                            let scale = number(scale_of[row][source][gate]);
                            let x = Lanes::load(simd, sums_of(source, position).add(place));
                            let normal = real.mul_add(mean, x) * scale;
                            let gain = cell.gains[source].as_ptr().add(place);
                            *y = normal.mul_add(Lanes::load(simd, gain), *y);
                            if let Some(tape) = &self.tape {
                                normal.store(tape.normal[source].at(taped + gate * lanes));
                            }
                        }
                    }
                    let [input, candidate, forget, output] = gates;
                    let sigmoids = [input, forget, output];
                    let [input, forget, output] = activate(Activation::Sigmoid, sigmoids);
                    let [candidate] = activate(spec.activation, [candidate]);
                    if let Some(tape) = &self.tape {
                        let tape = tape.gates.at(taped);
                        input.store(tape.add(Gate::Input as usize * lanes));
                        candidate.store(tape.add(Gate::Candidate as usize * lanes));
                        forget.store(tape.add(Gate::Forget as usize * lanes));
                        output.store(tape.add(Gate::Output as usize * lanes));
                    }
                    let before = Lanes::load(simd, cells.add(vector * lanes));
                    let after = (before * forget + input * candidate) * real;
                    sum = sum + after;
                    let kept = kept.add(vector * width);
                    after.store(kept.add(Gate::Candidate as usize * lanes));
                    output.store(kept.add(Gate::Output as usize * lanes));
                }
                state_mean[row] = mean(sum, units);
            }
            // 4. The deviations of the new cells.
            let mut state_scale = [T::default(); ROWS];
            for (row, position) in positions.clone().enumerate() {
                let kept = sums_of(0, position).add(Gate::Candidate as usize * lanes);
                let mean_of = -number(state_mean[row]);
                let mut sum = zero;
                for vector in 0..vectors {
                    let real = Lanes::load(simd, real.add(vector * lanes));
                    let after = Lanes::load(simd, kept.add(vector * width));
                    let centred = real.mul_add(mean_of, after);
                    sum = centred.mul_add(centred, sum);
                }
                state_scale[row] = scale(mean(sum, units), spec.state_epsilon);
                if let Some(tape) = &self.tape {
                    let scales = tape.scales.at(plan.pair(step, position) * kept_scales);
                    *scales.add(N * GATES) = state_scale[row];
                }
            }
            // 5. The new cells, and what the output gates let out.
            let (gain, shift) = (cell.state_gain.as_ptr(), cell.state_shift.as_ptr());
            for (row, position) in positions.enumerate() {
                let pair = (plan.pair(step, position), pairs);
                let kept = sums_of(0, position);
                let cells = self.cells.at(position * padded);
                let outputs = self.hidden.outputs.at(plan.offset(step, position, units));
                let (mean, scale) = (-number(state_mean[row]), number(state_scale[row]));
                for vector in 0..vectors {
                    let unit = vector * lanes;
                    let kept = kept.add(vector * width);
                    let kept = |gate: Gate| Lanes::load(simd, kept.add(gate as usize * lanes));
                    let real = Lanes::load(simd, real.add(unit));
                    let normal = real.mul_add(mean, kept(Gate::Candidate)) * scale;
                    let gain = Lanes::load(simd, gain.add(unit));
                    let after = normal.mul_add(gain, Lanes::load(simd, shift.add(unit)));
                    after.store(cells.add(unit));
                    if let Some(tape) = &self.tape {
                        normal.store(tape.states.at(cell.state_place(vector, pair)));
                    }
                    let [shown] = activate(spec.activation, [after]);
                    let hidden = kept(Gate::Output) * shown;
                    hidden.store_first(outputs.add(unit), lanes.min(units - unit));
                }
            }
        }
    }
}
