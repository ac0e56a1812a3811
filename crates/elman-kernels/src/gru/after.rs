//! The GRU whose reset gate acts after the product.
//!
//! ```text
//! reset  = σ([x, h] · gates_kernel[reset]  + gates_bias[reset])
//! update = σ([x, h] · gates_kernel[update] + gates_bias[update])
//! shown  = h · candidate_kernel[h] + recurrent_bias
//! candidate = activation(x · candidate_kernel[x] + candidate_bias + reset ⊙ shown)
//! h' = update ⊙ h + (1 - update) ⊙ candidate
//! ```
//!
//! Cho et al. (2014), arXiv 1406.1078v1; PyTorch, cuDNN, Keras 2.

use std::ops::Range;

use pulp::Simd;

use super::{GruSpec, GruWeights};
use crate::activation::Activation;
use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::gradient::{ParameterGradient, WeightGradient, weight_gradients};
use crate::inputs::{Inputs, PairInputs};
use crate::isa::{Isa, Work};
use crate::math::slope;
use crate::panels::{Columns, Matrix};
use crate::product::{Product, Sums, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{
    Backward, Carry, Forward, Gradients, Hidden, Results, Rows, Share, d_inputs, dealt,
    finish_hidden, over_time, parts, previous_rows,
};
use crate::shape::Plan;

/// The sums of one unit in a panel. The inputs feed the first three, the hidden state the last
/// three: so either's share of a panel is without a gap.
#[derive(Clone, Copy)]
enum Slot {
    Candidate,
    Reset,
    Update,
    Shown,
}

/// How many sums a unit has.
const SLOTS: usize = 4;
/// Those that the inputs feed.
const FROM_INPUT: Range<usize> = 0..3;
/// Those that the hidden state feeds.
const FROM_HIDDEN: Range<usize> = 1..4;

/// What a forward pass leaves for its backward pass: `[panel][pair][slot][lane]`, gates and
/// candidate after their nonlinearities, `shown` as it is.
#[derive(Debug)]
pub struct GruAfterTape<T: Real> {
    plan: Plan,
    slots: Buffer<T>,
}

/// A GRU with the reset gate after the product, packed for this machine.
#[derive(Debug)]
pub struct GruAfter<T: Real> {
    spec: GruSpec,
    isa: Isa,
    /// All four sums.
    columns: Columns,
    from_input: Columns,
    from_hidden: Columns,
    input_weights: Buffer<T>,
    hidden_weights: Buffer<T>,
    bias: Buffer<T>,
}

/// The first column of each slot, in the matrix of which (gates, candidate, recurrent).
fn sources(units: usize) -> [(usize, usize); SLOTS] {
    [(1, 0), (0, 0), (0, units), (2, 0)]
}

/// The same for matrices that hidden state and inputs share (gates, candidate).
fn kernel_sources(units: usize) -> [(usize, usize); SLOTS] {
    [(1, 0), (0, 0), (0, units), (1, 0)]
}

impl<T: Real> GruAfter<T> {
    /// Packs the weights.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that `spec` asks for.
    pub fn pack(spec: GruSpec, weights: &GruWeights<'_, T>, isa: Isa) -> Self {
        weights.check(&spec);
        let recurrent_bias = weights
            .recurrent_bias
            .expect("a reset gate after the product has a recurrent bias");
        let GruSpec { inputs, units, .. } = spec;
        let lanes = isa.lanes::<T>();
        let columns = Columns::gated(lanes, units, 1, &sources(units));
        let kernel = kernel_sources(units);
        let from_input = Columns::gated(lanes, units, 1, &kernel[FROM_INPUT]);
        let from_hidden = Columns::gated(lanes, units, 1, &kernel[FROM_HIDDEN]);
        let kernels = kernels(weights, units);
        let biases = [
            Matrix {
                numbers: weights.gates_bias,
                columns: 2 * units,
            },
            Matrix {
                numbers: weights.candidate_bias,
                columns: units,
            },
            Matrix {
                numbers: recurrent_bias,
                columns: units,
            },
        ];
        Self {
            spec,
            isa,
            input_weights: from_input.pack(&kernels, 0..inputs),
            hidden_weights: from_hidden.pack(&kernels, inputs..inputs + units),
            bias: columns.pack(&biases, 0..1),
            columns,
            from_input,
            from_hidden,
        }
    }

    /// The forward pass of inference: outputs, then the final state.
    pub fn forward(&self, run: Forward<'_, T>) -> Vec<T> {
        self.walk(run, None)
    }

    /// The forward pass of training: outputs, then the final state; and the tape.
    pub fn forward_training(&self, run: Forward<'_, T>) -> (Vec<T>, GruAfterTape<T>) {
        let plan = dealt(run.plan, self.spec.multiplications());
        let mut slots = Buffer::new(plan.pairs() * self.columns.total());
        let run = Forward { plan: &plan, ..run };
        let results = self.walk(run, Some(Shared::new(&mut slots)));
        (results, GruAfterTape { plan, slots })
    }

    fn walk(&self, run: Forward<'_, T>, slots: Option<Shared<T>>) -> Vec<T> {
        let mut results = Results::new(&run, self.spec.inputs, self.spec.units, self.spec.units);
        let Forward {
            plan,
            inputs,
            state,
            mut mask,
        } = run;
        let inputs = &Inputs::new(plan, inputs, self.spec.inputs);
        let spec = &self.spec;
        let hidden = Hidden::new(results.outputs(), mask.as_mut(), spec.units);
        over_time(plan, spec.multiplications(), |share| {
            self.isa.run(ForwardPart {
                cell: self,
                plan,
                inputs,
                state,
                hidden,
                slots,
                share,
            });
        });
        // SAFETY: the pass has written the outputs of all real steps.
        unsafe {
            finish_hidden(plan, &hidden, state, results.final_state());
            results.written()
        }
    }

    /// The backward pass. `weights` are those that the cell was packed from; parameters' gradients
    /// come in the order of [`GruWeights`].
    pub fn backward(
        &self,
        run: &Backward<'_, T>,
        weights: &GruWeights<'_, T>,
        mut tape: GruAfterTape<T>,
    ) -> Gradients<T> {
        let GruSpec { inputs, units, .. } = self.spec;
        let plan = &tape.plan;
        let run = &Backward { plan, ..*run };
        let kernels = kernels(weights, units);
        let all = FROM_INPUT.len();
        let to_hidden = self
            .from_hidden
            .pack_transposed(&kernels, inputs..inputs + units, 0..all);
        let to_inputs = run
            .wanted
            .inputs()
            .then(|| self.from_input.pack_transposed(&kernels, 0..inputs, 0..all));
        let mut d_inputs = d_inputs(run, inputs);
        let mut d_state = vec![T::default(); run.state.len()];
        let slots = Shared::new(&mut tape.slots);
        let d_inputs_shared = d_inputs.as_mut().map(Unwritten::shared);
        let mut carry = Carry::new(run, 0, units, self.isa.lanes::<T>());
        let carried = carry.rows();
        over_time(plan, 2 * self.spec.multiplications(), |share| {
            self.isa.run(BackwardPart {
                cell: self,
                run,
                to_hidden: &to_hidden,
                to_inputs: to_inputs.as_ref(),
                slots,
                d_inputs: d_inputs_shared,
                carried,
                share,
            });
        });
        carry.finish(plan, &mut d_state);
        let parameters = if run.wanted.parameters() {
            self.parameter_gradients(run, &tape)
        } else {
            Vec::new()
        };
        Gradients {
            // SAFETY: the pass has written the gradients of the inputs of all real steps.
            inputs: d_inputs.map(|numbers| unsafe { numbers.written() }),
            state: d_state,
            parameters,
        }
    }

    fn parameter_gradients(&self, run: &Backward<'_, T>, tape: &GruAfterTape<T>) -> Vec<Vec<T>> {
        let GruSpec { inputs, units, .. } = self.spec;
        let plan = run.plan;
        let kernel_columns =
            Columns::gated(self.isa.lanes::<T>(), units, 1, &kernel_sources(units));
        let one = [T::from_f64(1.0)];
        let groups = plan.groups(inputs + units);
        let gradient = |index, shape| ParameterGradient::new(run, index, groups.len(), shape);
        let mut gates_kernel = gradient(0, [inputs + units, 2 * units]);
        let mut gates_bias = gradient(1, [1, 2 * units]);
        let mut candidate_kernel = gradient(2, [inputs + units, units]);
        let mut candidate_bias = gradient(3, [1, units]);
        let mut recurrent_bias = gradient(4, [1, units]);
        let [gates_inputs, gates_hidden] = gates_kernel.split(inputs);
        let [candidate_inputs, candidate_hidden] = candidate_kernel.split(inputs);
        let of_kernels = |slots, factors, targets| {
            let gates = (&tape.slots[..], slots);
            WeightGradient::new(&kernel_columns, gates, factors, targets)
        };
        let previous = previous_rows(plan, run.hidden(), units, (run.state, units, 0));
        let wanted = [
            of_kernels(
                FROM_INPUT,
                (Inputs::new(plan, run.inputs, inputs).of_pairs(plan), inputs),
                [gates_inputs, candidate_inputs],
            ),
            of_kernels(
                FROM_HIDDEN,
                (previous, units),
                [gates_hidden, candidate_hidden],
            ),
            WeightGradient::new(
                &self.columns,
                (&tape.slots[..], 0..SLOTS),
                (PairInputs::rows(vec![Source::new(&one); plan.pairs()]), 1),
                [
                    gates_bias.whole(),
                    candidate_bias.whole(),
                    recurrent_bias.whole(),
                ],
            ),
        ];
        let parts = parts(plan.pairs(), self.spec.multiplications(), usize::MAX);
        // SAFETY: every factor points at a whole row of what it stands for.
        unsafe { weight_gradients(self.isa, plan, (&groups, parts), &wanted) };
        drop(wanted);
        let all = [
            gates_kernel,
            gates_bias,
            candidate_kernel,
            candidate_bias,
            recurrent_bias,
        ];
        // SAFETY: `wanted` has all rows of every parameter.
        all.map(|gradient| unsafe { gradient.finish() }).into()
    }
}

/// The two kernels: gates, candidate.
fn kernels<'a, T>(weights: &GruWeights<'a, T>, units: usize) -> [Matrix<'a, T>; 2] {
    [
        Matrix {
            numbers: weights.gates_kernel,
            columns: 2 * units,
        },
        Matrix {
            numbers: weights.candidate_kernel,
            columns: units,
        },
    ]
}

/// The rows at some positions, through all steps.
struct ForwardPart<'a, T: Real> {
    cell: &'a GruAfter<T>,
    plan: &'a Plan,
    inputs: &'a Inputs<'a, T>,
    state: &'a [T],
    hidden: Hidden<'a, T>,
    /// The tape's; `None` in inference.
    slots: Option<Shared<T>>,
    share: Share<'a>,
}

impl<T: Real> Work for ForwardPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            plan,
            inputs,
            state,
            hidden,
            slots,
            share,
        } = self;
        let GruSpec {
            units, activation, ..
        } = cell.spec;
        let lanes = Lanes::<S, T>::COUNT;
        let mut scratch = Sums::new();
        let mut input_rows = inputs.of_rows(plan, &share.positions);
        let mut rows_before = hidden.before(plan, &share.positions, (state, units, 0));
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let previous = rows_before.of_step(step, running.len());
            let from_input_factors = [step_inputs.times(&cell.input_weights)];
            let from_input =
                Product::new(&cell.from_input, running.len(), &[], &from_input_factors);
            let from_hidden_factors = [previous.times(units, &cell.hidden_weights)];
            let from_hidden =
                Product::new(&cell.from_hidden, running.len(), &[], &from_hidden_factors);
            for panel in share.panels(cell.columns.count()) {
                let unit = panel * lanes;
                let valid = lanes.min(units - unit);
                let width = cell.columns.width(panel);
                let bias = &cell.bias[cell.columns.offset(panel, 1)..][..width];
                let pair = plan.pair(step, running.start);
                let tape = cell.columns.offset(panel, plan.pairs()) + pair * width;
                let mut first = 0;
                while first < running.len() {
                    let target = scratch.row(width, 0);
                    // SAFETY: the rows are good for as many reads as the factors say; the inputs'
                    // sums are the first three slots of each row, the hidden state's the last
                    // three, of which it continues two and starts one from its bias.
                    let height = unsafe {
                        let height = from_input.block_between(
                            simd,
                            (panel, first),
                            (bias.as_ptr(), 0),
                            (target, width),
                        );
                        let shown = Slot::Shown as usize * lanes;
                        let shown_bias = Lanes::<S, T>::load(simd, bias[shown..].as_ptr());
                        for row in 0..height {
                            shown_bias.store(target.add(row * width + shown));
                        }
                        let start = target.add(FROM_HIDDEN.start * lanes);
                        from_hidden.block_between(
                            simd,
                            (panel, first),
                            (start.cast_const(), width),
                            (start, width),
                        )
                    };
                    let place = |slot: Slot| (slot as usize, width);
                    let (reset, update) = (place(Slot::Reset), place(Slot::Update));
                    // SAFETY: the block's sums are written.
                    unsafe {
                        scratch.activate_slot(simd, Activation::Sigmoid, reset, height);
                        scratch.activate_slot(simd, Activation::Sigmoid, update, height);
                    }
                    // The candidate's sum takes the place of the inputs' part of it.
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        // SAFETY: within the sums of this row.
                        unsafe {
                            let place = |slot: Slot| sums.add(slot as usize * lanes);
                            let kept = |slot| Lanes::<S, T>::load(simd, place(slot));
                            kept(Slot::Reset)
                                .mul_add(kept(Slot::Shown), kept(Slot::Candidate))
                                .store(place(Slot::Candidate));
                        }
                    }
                    let candidate = place(Slot::Candidate);
                    // SAFETY: as above.
                    unsafe { scratch.activate_slot(simd, activation, candidate, height) };
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        let position = running.start + first + row;
                        // SAFETY: each row and panel has places of its own in every buffer.
                        unsafe {
                            let kept = |slot: Slot| {
                                Lanes::<S, T>::load(simd, sums.add(slot as usize * lanes))
                            };
                            let before = previous.rows[first + row].add(unit);
                            let before = Lanes::load_first(simd, before, valid);
                            let (candidate, update) = (kept(Slot::Candidate), kept(Slot::Update));
                            let one = update.constant(1.0);
                            let after = update * before + (one - update) * candidate;
                            if let Some(slots) = slots {
                                let tape = slots.at(tape + (first + row) * width);
                                let place = |slot: Slot| tape.add(slot as usize * lanes);
                                candidate.store(place(Slot::Candidate));
                                kept(Slot::Reset).store(place(Slot::Reset));
                                update.store(place(Slot::Update));
                                kept(Slot::Shown).store(place(Slot::Shown));
                            }
                            let offset = plan.offset(step, position, units) + unit;
                            after.store_first(hidden.outputs.at(offset), valid);
                        }
                    }
                    first += height;
                }
            }
            share.wait();
            hidden.carry(simd, plan, step, &running, &share);
        }
    }
}

/// The rows at some positions, through all steps backwards.
struct BackwardPart<'a, T: Real> {
    cell: &'a GruAfter<T>,
    run: &'a Backward<'a, T>,
    to_hidden: &'a (Columns, Buffer<T>),
    to_inputs: Option<&'a (Columns, Buffer<T>)>,
    /// The tape's, turned in place into the gradients of the sums.
    slots: Shared<T>,
    d_inputs: Option<Shared<T>>,
    carried: Rows<T>,
    share: Share<'a>,
}

impl<T: Real> Work for BackwardPart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            run,
            to_hidden,
            to_inputs,
            slots,
            d_inputs,
            carried,
            share,
        } = self;
        let GruSpec {
            inputs: features,
            units,
            activation,
        } = cell.spec;
        let plan = run.plan;
        let lanes = Lanes::<S, T>::COUNT;
        let zeros = Buffer::zeros(units.max(features).next_multiple_of(lanes));
        let gates = |first| GateRows::new(plan, (&cell.columns, slots, first));
        let mut to_hidden_gates = gates(FROM_HIDDEN.start);
        let mut to_input_gates = gates(FROM_INPUT.start);
        let carried_rows = carried.rows(&share.positions);
        let mut d_input_rows =
            d_inputs.map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, features)));
        for step in (0..plan.steps()).rev() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                continue;
            }
            for position in running.clone() {
                let pair = plan.pair(step, position);
                let offset = plan.offset(step, position, units);
                let before = match step.checked_sub(1) {
                    None => run.state[plan.row(position) * units..].as_ptr(),
                    Some(before) => run.hidden()[plan.offset(before, position, units)..].as_ptr(),
                };
                for panel in share.panels(cell.columns.count()) {
                    let unit = panel * lanes;
                    let valid = lanes.min(units - unit);
                    let width = cell.columns.width(panel);
                    let start = cell.columns.offset(panel, plan.pairs()) + pair * width;
                    // SAFETY: within this row of each buffer.
                    unsafe {
                        let place = |slot: Slot| slots.at(start + slot as usize * lanes);
                        let candidate = Lanes::<S, T>::load(simd, place(Slot::Candidate));
                        let reset = Lanes::load(simd, place(Slot::Reset));
                        let update = Lanes::load(simd, place(Slot::Update));
                        let shown = Lanes::load(simd, place(Slot::Shown));
                        let before = Lanes::load_first(simd, before.add(unit), valid);
                        let carried = carried.row(position).add(unit);
                        let after = Lanes::load(simd, carried);
                        let d_hidden = run.d_output(simd, (offset + unit, valid), after);
                        let one = update.constant(1.0);
                        let d_candidate = d_hidden * (one - update) * slope(activation, candidate);
                        let d_update = d_hidden * (before - candidate) * update * (one - update);
                        let d_reset = d_candidate * shown * reset * (one - reset);
                        d_candidate.store(place(Slot::Candidate));
                        d_reset.store(place(Slot::Reset));
                        d_update.store(place(Slot::Update));
                        (d_candidate * reset).store(place(Slot::Shown));
                        (d_hidden * update).store(carried);
                    }
                }
            }
            share.wait();
            to_hidden_gates.move_to(plan, step, &running);
            let (targets, packed) = to_hidden;
            let factors = to_hidden_gates.factors(FROM_HIDDEN.len(), packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &carried_rows[..running.len()];
            // SAFETY: the rows are laid out as the factors say; carried rows are padded.
            unsafe { share.store(simd, &product, Write::AddPadded, rows) };
            if let (Some((targets, packed)), Some(rows)) = (to_inputs, &mut d_input_rows) {
                to_input_gates.move_to(plan, step, &running);
                let rows = rows.of_step(step, running.len());
                let factors = to_input_gates.factors(FROM_INPUT.len(), packed);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                // SAFETY: as above; every row of the inputs is `F` long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}
