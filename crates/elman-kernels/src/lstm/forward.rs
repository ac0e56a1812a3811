//! The LSTM's loop over time.

use pulp::Simd;

use super::{GATES, Gate, Lstm};
use crate::activation::Activation;
use crate::buffer::{Buffer, Shared};
use crate::inputs::Inputs;
use crate::isa::Work;
use crate::product::{Factor, Product, Sums, Write, store_product};
use crate::real::{Lanes, Real};
use crate::rows::{SequenceRows, refill, to_read};
use crate::run::{Hidden, Share};
use crate::shape::Plan;

/// Where the scratch keeps a new cell: in the place of a sum that is used up.
const AFTER: usize = Gate::Candidate as usize;

/// Where a forward pass keeps what outlives a step.
#[derive(Clone, Copy)]
pub(super) struct Memory<T> {
    /// As in the tape; `None` in inference.
    pub(super) gates: Option<Shared<T>>,
    /// In training as in the tape, else one row per position.
    pub(super) cells: Shared<T>,
    /// In training as in the tape, else one row per position.
    pub(super) hidden: Option<Shared<T>>,
}

/// The rows at some positions, through all steps.
pub(super) struct ForwardPart<'a, T: Real> {
    pub(super) cell: &'a Lstm<T>,
    pub(super) plan: &'a Plan,
    pub(super) inputs: &'a Inputs<'a, T>,
    pub(super) state: &'a [T],
    pub(super) hidden: Hidden<'a, T>,
    pub(super) final_state: Shared<T>,
    pub(super) memory: Memory<T>,
    pub(super) share: Share<'a>,
}

impl<T: Real> ForwardPart<'_, T> {
    /// The row of `cells` that holds the cell of `position` before `step`.
    #[inline(always)]
    fn cell_before(&self, step: usize, position: usize) -> usize {
        match step.checked_sub(1) {
            None => position,
            Some(before) => self.cell_after(before, position),
        }
    }

    /// The row of `cells` for the cell of `position` after `step`.
    #[inline(always)]
    fn cell_after(&self, step: usize, position: usize) -> usize {
        match self.memory.gates {
            Some(_) => self.plan.batch() + self.plan.pair(step, position),
            None => position,
        }
    }

    /// The row of `hidden` for `m` of `position` in `step`.
    #[inline(always)]
    fn hidden_row(&self, step: usize, position: usize) -> usize {
        match self.memory.gates {
            Some(_) => self.plan.pair(step, position),
            None => position,
        }
    }
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
            hidden: ref handed,
            final_state,
            memory,
            ref share,
        } = self;
        let outputs = handed.outputs;
        let spec = &cell.spec;
        let lanes = Lanes::<S, T>::COUNT;
        let (units, padded, output_size) = (spec.units, cell.padded(), spec.outputs());
        for position in share.positions.clone() {
            let from = &state[plan.row(position) * spec.state()..][..units];
            for panel in share.panels(cell.columns.count()) {
                let unit = panel * lanes;
                // SAFETY: within the row of the state and the padded row of the cells.
                unsafe {
                    let cells = self.cell_before(0, position) * padded + unit;
                    let valid = lanes.min(units - unit);
                    Lanes::<S, T>::load_first(simd, from[unit..].as_ptr(), valid)
                        .store(memory.cells.at(cells));
                }
            }
        }
        let cell_clip = spec.cell_clip.map(T::from_f64);
        let proj_clip = spec.proj_clip.map(T::from_f64);
        let mut scratch = Sums::new();
        let zeros = Buffer::zeros(cell.projection.as_ref().map_or(0, |(c, _)| c.total()));
        let mut input_rows = inputs.of_rows(plan, &share.positions);
        let hidden_state = (state, spec.state(), units);
        let mut rows_before = handed.before(plan, &share.positions, hidden_state);
        let mut hidden_rows = Vec::new();
        let mut output_rows = SequenceRows::new(plan, &share.positions, (outputs, output_size));
        for step in 0..plan.steps() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                break;
            }
            let step_inputs = input_rows.of_step(plan, step, &running);
            let previous = rows_before.of_step(step, running.len());
            let factors = [
                step_inputs.times(&cell.input_weights),
                previous.times(output_size, &cell.hidden_weights),
            ];
            let product = Product::new(&cell.columns, running.len(), &cell.bias, &factors);
            // Positions of a part stand one after another in everything that is kept, from these
            // rows on.
            let before_row = self.cell_before(step, running.start);
            let after_row = self.cell_after(step, running.start);
            let hidden_row = self.hidden_row(step, running.start);
            let pair = plan.pair(step, running.start);
            for panel in share.panels(cell.columns.count()) {
                let unit = panel * lanes;
                let valid = lanes.min(units - unit);
                // Sums stand in whole vectors, what is kept of them stands as the columns do.
                let width = GATES * lanes;
                let at = |slot: usize| slot * lanes;
                let (kept_width, spacing) =
                    (cell.columns.width(panel), cell.columns.spacing(panel));
                let gates = cell.columns.offset(panel, plan.pairs()) + pair * kept_width;
                let mut first = 0;
                while first < running.len() {
                    // SAFETY: the rows are good for as many reads as the factors say.
                    let height = unsafe {
                        let height = product.block(simd, panel, first, &mut scratch);
                        scratch.spread::<_, GATES>(simd, spacing, height);
                        height
                    };
                    if let Some(peepholes) = &cell.peepholes {
                        for row in 0..height {
                            let sums = scratch.row(width, row);
                            // SAFETY: within the cells, the peepholes and the sums of this row.
                            unsafe {
                                let before = (before_row + first + row) * padded + unit;
                                let before = Lanes::<S, T>::load(simd, memory.cells.at(before));
                                for (which, gate) in
                                    [Gate::Input, Gate::Forget].into_iter().enumerate()
                                {
                                    let diagonal = peepholes[which * padded + unit..].as_ptr();
                                    let sum = sums.add(at(gate as usize));
                                    before
                                        .mul_add(
                                            Lanes::load(simd, diagonal),
                                            Lanes::load(simd, sum),
                                        )
                                        .store(sum);
                                }
                            }
                        }
                    }
                    let place = |gate: Gate| (gate as usize, width);
                    let (input, forget) = (place(Gate::Input), place(Gate::Forget));
                    let (candidate, output) = (place(Gate::Candidate), place(Gate::Output));
                    // SAFETY: the block's sums are written.
                    unsafe {
                        scratch.activate_slot(simd, Activation::Sigmoid, input, height);
                        scratch.activate_slot(simd, Activation::Sigmoid, forget, height);
                        scratch.activate_slot(simd, spec.activation, candidate, height);
                    }
                    // The new cells.
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        let row = first + row;
                        // SAFETY: each row and panel has places of its own, all within their buffers.
                        unsafe {
                            let gate =
                                |gate| Lanes::<S, T>::load(simd, sums.add(at(gate as usize)));
                            let before = memory.cells.at((before_row + row) * padded + unit);
                            let before = Lanes::load(simd, before);
                            let (input, forget) = (gate(Gate::Input), gate(Gate::Forget));
                            let candidate = gate(Gate::Candidate);
                            let mut after = before * forget + input * candidate;
                            if let Some(clip) = cell_clip {
                                after = after.clamp(clip);
                            }
                            if let Some(peepholes) = &cell.peepholes {
                                let diagonal = peepholes[2 * padded + unit..].as_ptr();
                                let diagonal = Lanes::load(simd, diagonal);
                                let output = gate(Gate::Output);
                                after
                                    .mul_add(diagonal, output)
                                    .store(sums.add(at(Gate::Output as usize)));
                            }
                            after.store(sums.add(at(AFTER)));
                            after.store(memory.cells.at((after_row + row) * padded + unit));
                            if let Some(tape) = memory.gates {
                                let tape = tape.at(gates + row * kept_width);
                                let place = |gate: Gate| tape.add(gate as usize * spacing);
                                input.store_first(place(Gate::Input), spacing);
                                candidate.store_first(place(Gate::Candidate), spacing);
                                forget.store_first(place(Gate::Forget), spacing);
                            }
                        }
                    }
                    // SAFETY: as above, and the new cells were written in the candidates' place.
                    unsafe {
                        scratch.activate_slot(simd, Activation::Sigmoid, output, height);
                        scratch.activate_slot(simd, spec.activation, (AFTER, width), height);
                    }
                    // What the output gates let out.
                    for row in 0..height {
                        let sums = scratch.row(width, row);
                        let row = first + row;
                        // SAFETY: as above.
                        unsafe {
                            let kept = |slot: usize| Lanes::<S, T>::load(simd, sums.add(at(slot)));
                            let output = kept(Gate::Output as usize);
                            let hidden = output * kept(AFTER);
                            if let Some(tape) = memory.gates {
                                let tape = tape.at(gates + row * kept_width);
                                output.store_first(
                                    tape.add(Gate::Output as usize * spacing),
                                    spacing,
                                );
                            }
                            match memory.hidden {
                                Some(rows) => {
                                    hidden.store(rows.at((hidden_row + row) * padded + unit));
                                }
                                None => {
                                    let position = running.start + row;
                                    let offset = plan.offset(step, position, output_size) + unit;
                                    hidden.store_first(outputs.at(offset), valid);
                                }
                            }
                        }
                    }
                    first += height;
                }
            }
            share.wait();
            if let (Some((columns, weights)), Some(hidden)) = (&cell.projection, memory.hidden) {
                // SAFETY: within the hidden rows.
                let first_hidden = unsafe { hidden.at(hidden_row * padded) };
                refill(&mut hidden_rows, first_hidden, padded, running.len());
                let factors = [Factor::dense(to_read(&hidden_rows), units, weights)];
                let product = Product::new(columns, running.len(), &zeros, &factors);
                let output_rows = output_rows.of_step(step, running.len());
                let panels = share.panels(columns.count());
                // SAFETY: as above; every output row is `P` long.
                unsafe {
                    store_product(simd, &product, panels.clone(), Write::Exact, output_rows);
                }
                if let Some(clip) = proj_clip {
                    let slots = panels.flat_map(|panel| columns.slots(panel));
                    for slot in slots {
                        for &row in output_rows {
                            // SAFETY: within the row.
                            unsafe {
                                let output = row.add(slot.column);
                                Lanes::<S, T>::load_first(simd, output, slot.valid)
                                    .clamp(clip)
                                    .store_first(output, slot.valid);
                            }
                        }
                    }
                }
                share.wait();
            }
            handed.carry(simd, plan, step, &running, share);
        }
        if !share.leads() {
            return;
        }
        for position in share.positions.clone() {
            let length = plan.length(position);
            let row = plan.row(position) * spec.state();
            // SAFETY: every row of the final state belongs to one position.
            unsafe {
                let cells = memory.cells.at(self.cell_before(length, position) * padded);
                final_state.at(row).copy_from_nonoverlapping(cells, units);
                let hidden = match length.checked_sub(1) {
                    None => state[row + units..].as_ptr(),
                    Some(last) => handed
                        .carried()
                        .at(plan.offset(last, position, output_size))
                        .cast_const(),
                };
                final_state
                    .at(row + units)
                    .copy_from_nonoverlapping(hidden, output_size);
            }
        }
    }
}
