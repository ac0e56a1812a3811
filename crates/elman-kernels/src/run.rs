//! What every fused cell is given and gives back, and what their loops over time share.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::Simd;

use crate::buffer::{Buffer, Shared, Source, Unwritten};
use crate::inputs::{PairInputs, others_than_zero};
use crate::product::{Product, Write, store_product};
use crate::real::{Lanes, Real};
use crate::rows::{RowsBefore, SequenceRows};
use crate::shape::Plan;
use crate::threads::{self, Barrier};

/// The arguments of a forward pass.
#[derive(Debug)]
pub struct Forward<'a, T> {
    /// Sizes, layout and real steps.
    pub plan: &'a Plan,
    /// `[B, T, F]` or `[T, B, F]`.
    pub inputs: &'a [T],
    /// `[B, S]`: the state's parts side by side.
    pub state: &'a [T],
    /// Dropout of the hidden state, if there is any.
    pub mask: Option<HiddenMask<'a, T>>,
}

/// Dropout of the hidden state: the next step, and the final state, get `factor ⊙ output` in place
/// of the output. The outputs themselves stay as they are.
#[derive(Debug)]
pub struct HiddenMask<'a, T> {
    /// Laid out as the outputs.
    pub factors: &'a [T],
    /// Laid out as the outputs; the products are written here, at all real steps.
    pub carried: &'a mut [T],
}

/// What a forward pass with a [`HiddenMask`] leaves.
#[derive(Clone, Copy, Debug)]
pub struct MaskedHidden<'a, T> {
    /// As in the forward pass.
    pub factors: &'a [T],
    /// What the forward pass wrote.
    pub carried: &'a [T],
}

/// What a forward pass gives, in one vector: the outputs `[B, T, O]` or `[T, B, O]`, zero in the padding,
/// then the final state `[B, S]`.
pub(crate) struct Results<T> {
    numbers: Unwritten<T>,
    outputs: usize,
}

impl<T: Real> Results<T> {
    /// Checks the slices against a cell's `F`, `O` and `S`, and clears the outputs' padding.
    ///
    /// # Panics
    ///
    /// When a slice does not have the length that the plan and the cell ask for.
    pub(crate) fn new(run: &Forward<'_, T>, features: usize, size: usize, state: usize) -> Self {
        let (batch, time) = (run.plan.batch(), run.plan.time());
        let outputs = batch * time * size;
        assert_eq!(run.inputs.len(), batch * time * features, "inputs");
        assert_eq!(run.state.len(), batch * state, "state");
        if let Some(mask) = &run.mask {
            assert_eq!(mask.factors.len(), outputs, "mask");
            assert_eq!(mask.carried.len(), outputs, "masked outputs");
        }
        let mut numbers = Unwritten::new(outputs + batch * state);
        let places = &mut numbers.places()[..outputs];
        run.plan
            .clear_padding(places, size, MaybeUninit::new(T::default()));
        Self { numbers, outputs }
    }

    pub(crate) fn outputs(&mut self) -> Shared<T> {
        self.numbers.shared()
    }

    pub(crate) fn final_state(&mut self) -> Shared<T> {
        // SAFETY: it begins after the outputs.
        Shared::from_pointer(unsafe { self.numbers.shared().at(self.outputs) })
    }

    /// Outputs, then the final state.
    ///
    /// # Safety
    ///
    /// The outputs of every real step and the whole final state were written.
    pub(crate) unsafe fn written(self) -> Vec<T> {
        // SAFETY: the caller's promise; the padding is cleared.
        unsafe { self.numbers.written() }
    }
}

/// Room for the gradient of the inputs, if it is wanted, its padding cleared.
pub(crate) fn d_inputs<T: Real>(run: &Backward<'_, T>, features: usize) -> Option<Unwritten<T>> {
    run.wanted.inputs().then(|| {
        let mut numbers = Unwritten::new(run.inputs.len());
        let zero = MaybeUninit::new(T::default());
        run.plan.clear_padding(numbers.places(), features, zero);
        numbers
    })
}

/// What a step hands to the next one: its outputs, or what a mask leaves of them.
#[derive(Clone, Copy)]
pub(crate) struct Hidden<'a, T> {
    pub(crate) outputs: Shared<T>,
    /// Factors, and where their products with the outputs go.
    mask: Option<(&'a [T], Shared<T>)>,
    /// `O`.
    size: usize,
}

impl<'a, T: Real> Hidden<'a, T> {
    pub(crate) fn new(
        outputs: Shared<T>,
        mask: Option<&mut HiddenMask<'a, T>>,
        size: usize,
    ) -> Self {
        Self {
            outputs,
            mask: mask.map(|mask| (mask.factors, Shared::new(mask.carried))),
            size,
        }
    }

    /// Laid out as the outputs: what the step after each reads.
    #[inline(always)]
    pub(crate) fn carried(&self) -> Shared<T> {
        self.mask.map_or(self.outputs, |(_, carried)| carried)
    }

    /// What the step before hands over to the rows at `positions`, or their part of the initial state:
    /// a state row is `width` numbers, of which the part starts at `first`.
    pub(crate) fn before(
        &self,
        plan: &Plan,
        positions: &Range<usize>,
        (state, width, first): (&[T], usize, usize),
    ) -> RowsBefore<T> {
        let row = |position| &state[plan.row(position) * width + first..][..self.size];
        RowsBefore {
            state: positions.clone().map(|at| row(at).as_ptr()).collect(),
            from_zero: positions.clone().all(|at| is_zero(row(at))),
            steps: SequenceRows::new(plan, positions, (self.carried(), self.size)),
        }
    }

    /// Masks the outputs of a step that is done.
    #[inline(always)]
    pub(crate) fn carry<S: Simd>(
        &self,
        simd: S,
        plan: &Plan,
        step: usize,
        running: &Range<usize>,
        share: &Share<'_>,
    ) {
        let Some((factors, carried)) = self.mask else {
            return;
        };
        let lanes = Lanes::<S, T>::COUNT;
        for position in running.clone() {
            let offset = plan.offset(step, position, self.size);
            for vector in share.panels(self.size.div_ceil(lanes)) {
                let at = offset + vector * lanes;
                let valid = lanes.min(self.size - vector * lanes);
                // SAFETY: within this row, of which each part has vectors of its own.
                unsafe {
                    let output = Lanes::<S, T>::load_first(simd, self.outputs.at(at), valid);
                    let factor = Lanes::load_first(simd, factors[at..].as_ptr(), valid);
                    (output * factor).store_first(carried.at(at), valid);
                }
            }
        }
        share.wait();
    }
}

/// The arguments of a backward pass.
#[derive(Debug)]
pub struct Backward<'a, T> {
    /// As in the forward pass.
    pub plan: &'a Plan,
    /// As in the forward pass.
    pub inputs: &'a [T],
    /// As in the forward pass.
    pub state: &'a [T],
    /// What the forward pass wrote.
    pub outputs: &'a [T],
    /// As in the forward pass, if it had one.
    pub mask: Option<MaskedHidden<'a, T>>,
    /// The gradient of `outputs`, `None` if it is zero; what stands in the padding is not read.
    pub d_outputs: Option<&'a [T]>,
    /// The gradient of `final_state`.
    pub d_final_state: &'a [T],
    /// The parameters' gradients of the steps after these, to which those of these steps are added:
    /// what a backward pass with `unfinished` gave, or none at all.
    pub later: &'a [Vec<T>],
    /// Are there steps before these, to whose backward pass the parameters' gradients of these go as
    /// `later`?
    pub unfinished: bool,
    /// What to compute.
    pub wanted: Wanted,
}

impl<T: Real> Backward<'_, T> {
    /// Laid out as the outputs: what the step after each has read.
    #[inline(always)]
    pub(crate) fn hidden(&self) -> &[T] {
        self.mask.map_or(self.outputs, |mask| mask.carried)
    }

    /// The gradient of the output at `at` and the `valid - 1` after it, of which `carried` is the
    /// gradient of what the mask leaves of them.
    ///
    /// # Safety
    ///
    /// There are so many outputs at `at`.
    #[inline(always)]
    pub(crate) unsafe fn d_output<S: Simd>(
        &self,
        simd: S,
        (at, valid): (usize, usize),
        carried: Lanes<S, T>,
    ) -> Lanes<S, T> {
        // SAFETY: the caller's promise; a mask is as long as the outputs.
        unsafe {
            let outer = match self.d_outputs {
                None => Lanes::splat(simd, T::default()),
                Some(d_outputs) => Lanes::load_first(simd, d_outputs[at..].as_ptr(), valid),
            };
            outer
                + match self.mask {
                    None => carried,
                    Some(mask) => {
                        let factors = mask.factors[at..].as_ptr();
                        carried * Lanes::load_first(simd, factors, valid)
                    }
                }
        }
    }

    /// What the gradient of parameter `index`, of `count` numbers, begins with, if there are later steps.
    ///
    /// # Panics
    ///
    /// When there are and this gradient is missing or of another length.
    pub(crate) fn later_sums(&self, index: usize, count: usize) -> Option<&[T]> {
        if self.later.is_empty() {
            return None;
        }
        assert_eq!(self.later[index].len(), count, "gradient {index}");
        Some(&self.later[index])
    }
}

/// Which gradients are wanted, besides the initial state's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Wanted {
    /// Those of the parameters.
    Parameters,
    /// Those of the inputs.
    Inputs,
    /// Both.
    Everything,
}

impl Wanted {
    pub(crate) fn inputs(self) -> bool {
        self != Self::Parameters
    }

    pub(crate) fn parameters(self) -> bool {
        self != Self::Inputs
    }
}

/// The result of a backward pass.
#[derive(Clone, Debug)]
pub struct Gradients<T> {
    /// Laid out as the inputs are, zero in the padding; `None` if not wanted.
    pub inputs: Option<Vec<T>>,
    /// `[B, S]`.
    pub state: Vec<T>,
    /// One per parameter, in the cell's order; empty if not wanted. Those of an `unfinished` pass are
    /// still sums of several groups of rows.
    pub parameters: Vec<Vec<T>>,
}

/// Is every number zero? A sequence that starts from such a state has nothing to multiply in its first
/// step: to the bit what the product gives, unless a weight is not finite.
fn is_zero<T: Real>(numbers: &[T]) -> bool {
    others_than_zero(numbers).0 == 0
}

/// Pointers to the output before each real pair: of the step before, or in the initial state.
///
/// A state row is `width` numbers, of which the output's part starts at `first`.
pub(crate) fn previous_rows<T: Real>(
    plan: &Plan,
    outputs: &[T],
    size: usize,
    (state, width, first): (&[T], usize, usize),
) -> PairInputs<T> {
    let rows = plan.map_pairs(|step, position| match step.checked_sub(1) {
        None => Source::new(&state[plan.row(position) * width + first..]),
        Some(before) => Source::new(&outputs[plan.offset(before, position, size)..]),
    });
    let mut states = state.chunks_exact(width);
    PairInputs::Rows {
        rows,
        from_zero: states.all(|state| is_zero(&state[first..first + size])),
    }
}

/// Below this many multiply-adds, waking a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 18;

/// In how many parts to split `pairs` pairs with `multiplications` each, over at most `limit`
/// pieces.
pub(crate) fn parts(pairs: usize, multiplications: usize, limit: usize) -> usize {
    let worth = pairs * multiplications / WORTH_A_THREAD;
    threads::get().get().min(limit).min(worth).max(1)
}

/// Copies what each row's last step hands over to the final state of a cell that carries nothing
/// else.
///
/// # Safety
///
/// The pass is over, and `final_state` is as long as `state`.
pub(crate) unsafe fn finish_hidden<T: Real>(
    plan: &Plan,
    hidden: &Hidden<'_, T>,
    state: &[T],
    final_state: Shared<T>,
) {
    let size = hidden.size;
    for position in 0..plan.batch() {
        let row = plan.row(position) * size;
        let last = match plan.length(position).checked_sub(1) {
            None => state[row..row + size].as_ptr(),
            // SAFETY: the outputs have a row for every step.
            Some(last) => unsafe { hidden.carried().at(plan.offset(last, position, size)) },
        };
        // SAFETY: the caller's promise.
        unsafe { final_state.at(row).copy_from_nonoverlapping(last, size) };
    }
}

/// One padded row of numbers per position, for all threads.
#[derive(Clone, Copy)]
pub(crate) struct Rows<T> {
    numbers: Shared<T>,
    padded: usize,
}

impl<T: Real> Rows<T> {
    pub(crate) fn new(numbers: &mut [T], padded: usize) -> Self {
        Self {
            numbers: Shared::new(numbers),
            padded,
        }
    }

    /// The row at `position`.
    #[inline(always)]
    pub(crate) fn row(&self, position: usize) -> *mut T {
        // SAFETY: there is a row for every position.
        unsafe { self.numbers.at(position * self.padded) }
    }

    /// The rows at `positions`.
    pub(crate) fn rows(&self, positions: &Range<usize>) -> Vec<*mut T> {
        let positions = positions.clone();
        positions.map(|position| self.row(position)).collect()
    }
}

/// The gradient of one part of the state, carried from step to step backwards.
pub(crate) struct Carry<T: Real> {
    numbers: Buffer<T>,
    size: usize,
    padded: usize,
    first: usize,
}

impl<T: Real> Carry<T> {
    /// From the gradient of the final state, of whose rows this part starts at `first`: every row
    /// waits for the step in which it runs last.
    pub(crate) fn new(run: &Backward<'_, T>, first: usize, size: usize, lanes: usize) -> Self {
        let padded = size.next_multiple_of(lanes);
        let width = run.d_final_state.len() / run.plan.batch().max(1);
        let mut numbers = Buffer::zeros(run.plan.batch() * padded);
        for (position, row) in numbers.chunks_exact_mut(padded).enumerate() {
            let from = run.plan.row(position) * width + first;
            row[..size].copy_from_slice(&run.d_final_state[from..from + size]);
        }
        Self {
            numbers,
            size,
            padded,
            first,
        }
    }

    pub(crate) fn rows(&mut self) -> Rows<T> {
        Rows::new(&mut self.numbers, self.padded)
    }

    /// Writes the gradient of the initial state.
    pub(crate) fn finish(&self, plan: &Plan, d_state: &mut [T]) {
        let width = d_state.len() / plan.batch().max(1);
        for (position, row) in self.numbers.chunks_exact(self.padded).enumerate() {
            let start = plan.row(position) * width + self.first;
            d_state[start..start + self.size].copy_from_slice(&row[..self.size]);
        }
    }
}

/// What one thread does of a pass over time: some rows whole, or its panels of every row.
pub(crate) struct Share<'a> {
    /// The positions whose rows this thread computes.
    pub(crate) positions: Range<usize>,
    /// Which panels of them it computes: this part of so many.
    part: usize,
    parts: usize,
    barrier: Option<&'a Barrier>,
}

impl Share<'_> {
    /// This thread's panels of `count`.
    #[inline(always)]
    pub(crate) fn panels(&self, count: usize) -> Range<usize> {
        threads::range(count, self.parts, self.part)
    }

    /// The positions of `running` that this thread computes where a row needs all of its panels.
    #[inline(always)]
    pub(crate) fn rows(&self, running: &Range<usize>) -> Range<usize> {
        let mine = threads::range(running.len(), self.parts, self.part);
        running.start + mine.start..running.start + mine.end
    }

    /// Writes this thread's panels of a product, one target a row.
    ///
    /// # Safety
    ///
    /// As [`store_product`].
    #[inline(always)]
    pub(crate) unsafe fn store<S: Simd, T: Real>(
        &self,
        simd: S,
        product: &Product<'_, T>,
        write: Write,
        targets: &[*mut T],
    ) {
        let panels = self.panels(product.columns().count());
        // SAFETY: the caller's promise.
        unsafe { store_product(simd, product, panels, write, targets) };
    }

    /// Returns when the other panels of the same rows are done too.
    #[inline(always)]
    pub(crate) fn wait(&self) {
        if let Some(barrier) = self.barrier {
            barrier.wait();
        }
    }

    /// Is this the thread that does what is done once for these rows?
    #[inline(always)]
    pub(crate) fn leads(&self) -> bool {
        self.part == 0
    }
}

/// Deals the rows of a pass that keeps something for a later one out among the threads: in one part,
/// where threads split the panels.
pub(crate) fn dealt(plan: &Plan, multiplications: usize) -> Plan {
    plan.dealt(match by_panels(plan, multiplications) {
        true => 1,
        false => parts(plan.pairs(), multiplications, plan.batch()),
    })
}

/// Are there fewer rows than a tile for each thread, and enough to do to meet in every step?
fn by_panels(plan: &Plan, multiplications: usize) -> bool {
    plan.batch() < threads::get().get() * MIN_TILE_ROWS
        && plan.batch() * multiplications >= WORTH_A_BARRIER
}

/// Splits a pass over time among the threads: the rows, which then never meet, as they are dealt out
/// if they are; or the panels, which meet in every step.
pub(crate) fn over_time(plan: &Plan, multiplications: usize, work: impl Fn(Share<'_>) + Sync) {
    if plan.parts().len() < 2 && by_panels(plan, multiplications) {
        threads::together(threads::get().get(), |part, barrier| {
            work(Share {
                positions: 0..plan.batch(),
                part,
                parts: barrier.parts(),
                barrier: Some(barrier),
            });
        });
        return;
    }
    let parts = match plan.parts().len() {
        0 => parts(plan.pairs(), multiplications, plan.batch()),
        dealt => dealt,
    };
    threads::each(parts, |part| {
        work(Share {
            positions: match plan.parts() {
                [] => plan.positions(parts, part),
                dealt => dealt[part].clone(),
            },
            part: 0,
            parts: 1,
            barrier: None,
        });
    });
}

/// A thread with fewer rows than this reads weights faster than it uses them.
const MIN_TILE_ROWS: usize = 3;
/// Below this many multiply-adds a step, meeting in every step costs more than it saves.
const WORTH_A_BARRIER: usize = 1 << 16;
