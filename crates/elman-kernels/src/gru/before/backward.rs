//! The loop over time, backwards.

use pulp::Simd;

use super::{GATES, Gate, GruBefore, GruSpec, UNIT_VECTORS};
use crate::buffer::{Buffer, Shared};
use crate::isa::Work;
use crate::math::slope;
use crate::panels::Columns;
use crate::product::{Product, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{Backward, Rows, Share};
use crate::tile::VECTORS;

/// Where a panel of gates keeps a vector of units: the panel, and the vector of each gate in it.
#[inline(always)]
fn place(columns: &Columns, vector: usize) -> (usize, [usize; GATES]) {
    let panel = vector / UNIT_VECTORS;
    let within = vector % UNIT_VECTORS;
    let units = columns.vectors(panel) / GATES;
    (panel, [within, units + within])
}

/// Both kernels' rows, packed for products with gradients of the sums.
pub(super) struct Transposed<T: Real> {
    pub(super) gates: (Columns, Buffer<T>),
    pub(super) candidate: (Columns, Buffer<T>),
}

/// What the threads of a backward pass write.
#[derive(Clone, Copy)]
pub(super) struct BackwardMemory<T> {
    /// The tape's, turned in place into the gradients of their sums.
    pub(super) gates: Shared<T>,
    /// As above.
    pub(super) candidates: Shared<T>,
    pub(super) d_inputs: Option<Shared<T>>,
    /// The gradient of the hidden state after the step at hand.
    pub(super) carried: Rows<T>,
    /// The gradient of `reset ⊙ h`.
    pub(super) d_kept: Rows<T>,
}

/// The rows at some positions, through all steps backwards.
pub(super) struct BackwardPart<'a, T: Real> {
    pub(super) cell: &'a GruBefore<T>,
    pub(super) run: &'a Backward<'a, T>,
    pub(super) to_hidden: &'a Transposed<T>,
    pub(super) to_inputs: Option<&'a Transposed<T>>,
    pub(super) memory: BackwardMemory<T>,
    pub(super) share: Share<'a>,
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
            memory,
            share,
        } = self;
        let GruSpec {
            inputs: features,
            units,
            activation,
        } = cell.spec;
        let plan = run.plan;
        let pairs = plan.pairs();
        let lanes = Lanes::<S, T>::COUNT;
        let gates = &cell.gates.columns;
        let candidates = &cell.candidate.columns;
        let zeros = Buffer::zeros(units.max(features).next_multiple_of(lanes));
        let mut candidate_rows = GateRows::new(plan, (candidates, memory.candidates, 0));
        let mut gate_rows = GateRows::new(plan, (gates, memory.gates, 0));
        let d_kept_rows = memory.d_kept.rows(&share.positions);
        let carried_rows = memory.carried.rows(&share.positions);
        let mut d_input_rows = memory
            .d_inputs
            .map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, features)));
        for step in (0..plan.steps()).rev() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                continue;
            }
            let before: Vec<*const T> = running
                .clone()
                .map(|position| match step.checked_sub(1) {
                    None => run.state[plan.row(position) * units..].as_ptr(),
                    Some(before) => run.hidden()[plan.offset(before, position, units)..].as_ptr(),
                })
                .collect();
            // 1. To the candidate's and the update gate's sums.
            for (row, position) in running.clone().enumerate() {
                let pair = plan.pair(step, position);
                let offset = plan.offset(step, position, units);
                for panel in share.panels(candidates.count()) {
                    let start = candidates.offset(panel, pairs) + pair * candidates.width(panel);
                    for (vector, slot) in candidates.slots(panel).iter().enumerate() {
                        let unit = slot.column;
                        let (gate_panel, vectors) = place(gates, unit / lanes);
                        let gate_start =
                            gates.offset(gate_panel, pairs) + pair * gates.width(gate_panel);
                        // SAFETY: within this row of each buffer.
                        unsafe {
                            let update = gate_start + vectors[Gate::Update as usize] * lanes;
                            let update_place = memory.gates.at(update);
                            let update = Lanes::<S, T>::load(simd, update_place);
                            let candidate_place = memory.candidates.at(start + vector * lanes);
                            let candidate = Lanes::load(simd, candidate_place);
                            let before = Lanes::load_first(simd, before[row].add(unit), slot.valid);
                            let carried = memory.carried.row(position).add(unit);
                            let after = Lanes::load(simd, carried);
                            let d_hidden = run.d_output(simd, (offset + unit, slot.valid), after);
                            let one = update.constant(1.0);
                            (d_hidden * (one - update) * slope(activation, candidate))
                                .store(candidate_place);
                            (d_hidden * (before - candidate) * update * (one - update))
                                .store(update_place);
                            (d_hidden * update).store(carried);
                        }
                    }
                }
            }
            share.wait();
            // 2. Through the candidate's product to what the reset gate kept.
            candidate_rows.move_to(plan, step, &running);
            let (targets, packed) = &to_hidden.candidate;
            let factors = candidate_rows.factors(VECTORS, packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &d_kept_rows[..running.len()];
            // SAFETY: the rows are laid out as the factors say; the targets are padded.
            unsafe { share.store(simd, &product, Write::Padded, rows) };
            share.wait();
            // 3. To the reset gate's sum, and to the hidden state that it kept.
            for (row, position) in running.clone().enumerate() {
                let pair = plan.pair(step, position);
                for panel in share.panels(gates.count()) {
                    let start = gates.offset(panel, pairs) + pair * gates.width(panel);
                    for vector in 0..gates.vectors(panel) / GATES {
                        let slot = gates.slots(panel)[vector];
                        let unit = slot.column;
                        // SAFETY: within this row of each buffer.
                        unsafe {
                            let reset_place = memory.gates.at(start + vector * lanes);
                            let reset = Lanes::<S, T>::load(simd, reset_place);
                            let before = Lanes::load_first(simd, before[row].add(unit), slot.valid);
                            let d_kept = Lanes::load(simd, rows[row].add(unit));
                            let carried = memory.carried.row(position).add(unit);
                            let one = reset.constant(1.0);
                            (d_kept * before * reset * (one - reset)).store(reset_place);
                            (d_kept.mul_add(reset, Lanes::load(simd, carried))).store(carried);
                        }
                    }
                }
            }
            share.wait();
            // 4. Through the gates' product to the hidden state, and through both to the inputs.
            gate_rows.move_to(plan, step, &running);
            let (targets, packed) = &to_hidden.gates;
            let factors = gate_rows.factors(VECTORS, packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &carried_rows[..running.len()];
            // SAFETY: as above; carried rows are padded.
            unsafe { share.store(simd, &product, Write::AddPadded, rows) };
            if let (Some(to_inputs), Some(rows)) = (to_inputs, &mut d_input_rows) {
                let (targets, gates_packed) = &to_inputs.gates;
                let [whole, rest] = gate_rows.factors(VECTORS, gates_packed);
                let [candidate_whole, candidate_rest] =
                    candidate_rows.factors(VECTORS, &to_inputs.candidate.1);
                let rows = rows.of_step(step, running.len());
                let factors = [whole, rest, candidate_whole, candidate_rest];
                let product = Product::new(targets, running.len(), &zeros, &factors);
                // SAFETY: as above; every row of the inputs is `F` long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}
