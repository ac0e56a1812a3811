//! The LSTM's loop over time, backwards.

use std::ops::Range;

use pulp::Simd;

use super::{GATES, Gate, Lstm, LstmTape};
use crate::buffer::{Buffer, Shared, Source};
use crate::isa::Work;
use crate::math::{activate, slope};
use crate::panels::Columns;
use crate::product::{GROUP, Product, Write};
use crate::real::{Lanes, Real};
use crate::rows::{GateRows, SequenceRows};
use crate::run::{Backward, Rows, Share};
use crate::shape::Plan;
use crate::tile::VECTORS;

/// What the threads of a backward pass read and write.
#[derive(Clone, Copy)]
pub(super) struct BackwardMemory<T> {
    /// The tape's gates, turned in place into the gradients of their sums.
    pub(super) gates: Shared<T>,
    /// The tape's cells.
    pub(super) cells: Source<T>,
    pub(super) projection: Option<ProjectionMemory<T>>,
    pub(super) d_inputs: Option<Shared<T>>,
    /// The gradients of the state after the step at hand.
    pub(super) d_cell: Rows<T>,
    pub(super) d_hidden: Rows<T>,
}

/// The same of what a projection needs.
#[derive(Clone, Copy)]
pub(super) struct ProjectionMemory<T> {
    /// `[panel][pair][lane]`: the gradient of `m · projection`.
    pub(super) d_projected: Shared<T>,
    /// The gradient of `m`.
    pub(super) d_memory: Rows<T>,
}

/// The rows at some positions, through all steps backwards.
pub(super) struct BackwardPart<'a, T: Real> {
    pub(super) cell: &'a Lstm<T>,
    pub(super) run: &'a Backward<'a, T>,
    pub(super) to_hidden: &'a (Columns, Buffer<T>),
    pub(super) to_inputs: Option<&'a (Columns, Buffer<T>)>,
    pub(super) from_projection: Option<&'a (Columns, Buffer<T>)>,
    pub(super) projected: &'a Columns,
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
            from_projection,
            projected,
            memory,
            share,
        } = self;
        let spec = &cell.spec;
        let plan = run.plan;
        let pairs = plan.pairs();
        let lanes = Lanes::<S, T>::COUNT;
        let (padded, output_size) = (cell.padded(), spec.outputs());
        let zero = Lanes::<S, T>::splat(simd, T::default());
        let cell_clip = spec.cell_clip.map(T::from_f64);
        let proj_clip = spec.proj_clip.map(T::from_f64);
        let widest = [Some(to_hidden), to_inputs, from_projection];
        let widest = widest
            .iter()
            .flatten()
            .map(|(columns, _)| columns.total())
            .max();
        let zeros = Buffer::zeros(widest.unwrap_or(0));
        let mut gates = GateRows::new(plan, (&cell.columns, memory.gates, 0));
        let mut projection = memory.projection.map(|projection| {
            let rows = GateRows::new(plan, (projected, projection.d_projected, 0));
            (projection, rows, projection.d_memory.rows(&share.positions))
        });
        let d_hidden_rows = memory.d_hidden.rows(&share.positions);
        let mut d_input_rows = memory
            .d_inputs
            .map(|numbers| SequenceRows::new(plan, &share.positions, (numbers, spec.inputs)));
        for step in (0..plan.steps()).rev() {
            let running = plan.running_in(step, &share.positions);
            if running.is_empty() {
                continue;
            }
            // 1. With a projection: the gradient of what it gave, from the outputs and from the step
            // after, and through it that of m.
            if let (Some((targets, weights)), Some((projection, rows, d_memory_rows))) =
                (from_projection, &mut projection)
            {
                let vectors = share.panels(output_size.div_ceil(lanes));
                for (position, vector) in running
                    .clone()
                    .flat_map(|position| vectors.clone().map(move |vector| (position, vector)))
                {
                    let unit = vector * lanes;
                    let offset = plan.offset(step, position, output_size) + unit;
                    let valid = lanes.min(output_size - unit);
                    // SAFETY: within this row of each buffer.
                    unsafe {
                        let after = Lanes::load(simd, memory.d_hidden.row(position).add(unit));
                        let mut sum = run.d_output(simd, (offset, valid), after);
                        if let Some(clip) = proj_clip {
                            let output = run.outputs[offset..].as_ptr();
                            let output = Lanes::load_first(simd, output, valid);
                            sum = output.abs().if_less(output.fill(clip), sum, zero);
                        }
                        let panel = vector / VECTORS;
                        let start = projected.offset(panel, pairs)
                            + plan.pair(step, position) * projected.width(panel)
                            + vector % VECTORS * lanes;
                        sum.store(projection.d_projected.at(start));
                    }
                }
                share.wait();
                rows.move_to(plan, step, &running);
                let factors = rows.factors(VECTORS, weights);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                let rows = &d_memory_rows[..running.len()];
                // SAFETY: the rows are laid out as the factors say.
                unsafe { share.store(simd, &product, Write::Padded, rows) };
                share.wait();
            }
            // 2. Through the cell: the gates' gradients take the place of the gates. Positions of
            // a part stand one after another in everything that is kept, from these rows on.
            let pair = plan.pair(step, running.start);
            let before_row = match step.checked_sub(1) {
                None => running.start,
                Some(before) => plan.batch() + plan.pair(before, running.start),
            };
            let after_row = plan.batch() + pair;
            for panel in share.panels(cell.columns.count()) {
                let unit = panel * lanes;
                let (width, spacing) = (cell.columns.width(panel), cell.columns.spacing(panel));
                let start = cell.columns.offset(panel, pairs) + pair * width;
                for group in running.clone().step_by(GROUP) {
                    let positions = group..running.end.min(group + GROUP);
                    let mut shown = [zero; GROUP];
                    for (shown, position) in shown.iter_mut().zip(positions.clone()) {
                        // SAFETY: a row of the cells.
                        *shown = unsafe {
                            let row = after_row + position - running.start;
                            Lanes::load(simd, memory.cells.at(row * padded + unit))
                        };
                    }
                    let shown = activate(spec.activation, shown);
                    for (shown, position) in shown.into_iter().zip(positions) {
                        // SAFETY: each row and panel has places of its own, all within their buffers.
                        unsafe {
                            let row = position - running.start;
                            let gates = memory.gates.at(start + row * width);
                            let place = |gate: Gate| gates.add(gate as usize * spacing);
                            let kept = |gate| Lanes::load_first(simd, place(gate), spacing);
                            let (input, forget) = (kept(Gate::Input), kept(Gate::Forget));
                            let (candidate, output) = (kept(Gate::Candidate), kept(Gate::Output));
                            let before = memory.cells.at((before_row + row) * padded + unit);
                            let before = Lanes::load(simd, before);
                            let d_memory = match memory.projection {
                                Some(ProjectionMemory { d_memory, .. }) => {
                                    Lanes::load(simd, d_memory.row(position).add(unit))
                                }
                                None => {
                                    let after = memory.d_hidden.row(position).add(unit);
                                    let at = plan.offset(step, position, output_size) + unit;
                                    let valid = lanes.min(output_size - unit);
                                    run.d_output(simd, (at, valid), Lanes::load(simd, after))
                                }
                            };
                            let d_cell = memory.d_cell.row(position).add(unit);
                            let one = shown.constant(1.0);
                            let d_output = d_memory * shown * output * (one - output);
                            let mut d_after = (d_memory * output)
                                .mul_add(slope(spec.activation, shown), Lanes::load(simd, d_cell));
                            if let Some(peepholes) = &cell.peepholes {
                                let diagonal = peepholes[2 * padded + unit..].as_ptr();
                                d_after = d_output.mul_add(Lanes::load(simd, diagonal), d_after);
                            }
                            if let Some(clip) = cell_clip {
                                let after = memory.cells.at((after_row + row) * padded + unit);
                                let after = Lanes::load(simd, after);
                                d_after = after.abs().if_less(after.fill(clip), d_after, zero);
                            }
                            let d_input = d_after * candidate * input * (one - input);
                            let d_candidate = d_after * input * slope(spec.activation, candidate);
                            let d_forget = d_after * before * forget * (one - forget);
                            let mut d_before = d_after * forget;
                            if let Some(peepholes) = &cell.peepholes {
                                let diagonal = |which: usize| {
                                    Lanes::load(simd, peepholes[which * padded + unit..].as_ptr())
                                };
                                d_before = d_input.mul_add(diagonal(0), d_before);
                                d_before = d_forget.mul_add(diagonal(1), d_before);
                            }
                            d_input.store_first(place(Gate::Input), spacing);
                            d_candidate.store_first(place(Gate::Candidate), spacing);
                            d_forget.store_first(place(Gate::Forget), spacing);
                            d_output.store_first(place(Gate::Output), spacing);
                            d_before.store(d_cell);
                        }
                    }
                }
            }
            // 3. Through the product with the kernel: to the step before, and to the inputs.
            share.wait();
            gates.move_to(plan, step, &running);
            let (targets, packed) = to_hidden;
            let factors = gates.factors(GATES, packed);
            let product = Product::new(targets, running.len(), &zeros, &factors);
            let rows = &d_hidden_rows[..running.len()];
            // SAFETY: the rows are laid out as the factors say.
            unsafe { share.store(simd, &product, Write::Padded, rows) };
            if let (Some((targets, packed)), Some(rows)) = (to_inputs, &mut d_input_rows) {
                let rows = rows.of_step(step, running.len());
                let factors = gates.factors(GATES, packed);
                let product = Product::new(targets, running.len(), &zeros, &factors);
                // SAFETY: as above; every row of the inputs is `F` long.
                unsafe { share.store(simd, &product, Write::Exact, rows) };
            }
            share.wait();
        }
    }
}

/// The peepholes' gradients of some panels: sums over all pairs, the last first, added to what is
/// there.
pub(super) struct PeepholePart<'a, T: Real> {
    pub(super) cell: &'a Lstm<T>,
    pub(super) plan: &'a Plan,
    pub(super) tape: &'a LstmTape<T>,
    pub(super) sums: Shared<T>,
    pub(super) panels: Range<usize>,
}

impl<T: Real> Work for PeepholePart<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self {
            cell,
            plan,
            tape,
            sums,
            panels,
        } = self;
        let lanes = Lanes::<S, T>::COUNT;
        let padded = cell.padded();
        for panel in panels {
            let unit = panel * lanes;
            let (width, spacing) = (cell.columns.width(panel), cell.columns.spacing(panel));
            let start = cell.columns.offset(panel, plan.pairs());
            let mut total: [Lanes<S, T>; 3] = std::array::from_fn(|which| {
                // SAFETY: every panel has places of its own.
                unsafe { Lanes::load(simd, sums.at(which * padded + unit)) }
            });
            for step in (0..plan.steps()).rev() {
                for position in (0..plan.running(step)).rev() {
                    let pair = plan.pair(step, position);
                    let before = match step.checked_sub(1) {
                        None => position,
                        Some(before) => plan.batch() + plan.pair(before, position),
                    };
                    let gates = &tape.gates[start + pair * width..];
                    let before = &tape.cells[before * padded + unit..];
                    let after = &tape.cells[(plan.batch() + pair) * padded + unit..];
                    // SAFETY: every row of the tape is padded to whole vectors.
                    unsafe {
                        let gate = |gate: Gate| {
                            let gates = gates[gate as usize * spacing..].as_ptr();
                            Lanes::load_first(simd, gates, spacing)
                        };
                        let before = Lanes::load(simd, before.as_ptr());
                        let after = Lanes::load(simd, after.as_ptr());
                        total[0] = gate(Gate::Input).mul_add(before, total[0]);
                        total[1] = gate(Gate::Forget).mul_add(before, total[1]);
                        total[2] = gate(Gate::Output).mul_add(after, total[2]);
                    }
                }
            }
            for (which, total) in total.into_iter().enumerate() {
                // SAFETY: every panel has places of its own.
                unsafe { total.store(sums.at(which * padded + unit)) };
            }
        }
    }
}
