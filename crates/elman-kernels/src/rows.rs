//! Pointers to the rows of a step, which products read and write.
//!
//! A thread makes its lists once for a pass over time and moves them from step to step: to allocate them
//! and to look up every row in every step takes some percent of a small layer's time.

use std::ops::Range;

use crate::buffer::Shared;
use crate::panels::Columns;
use crate::product::Factor;
use crate::real::Real;
use crate::shape::Plan;

/// The rows at some positions in one step after another of a sequence, `[B, T, width]` or
/// `[T, B, width]`.
pub(crate) struct SequenceRows<T> {
    /// Those of the first step.
    first: Vec<*mut T>,
    /// How far apart a row's steps are.
    stride: usize,
    rows: Vec<*mut T>,
}

impl<T> SequenceRows<T> {
    pub(crate) fn new(
        plan: &Plan,
        positions: &Range<usize>,
        (numbers, width): (Shared<T>, usize),
    ) -> Self {
        let positions = match plan.steps() {
            0 => 0..0,
            _ => positions.clone(),
        };
        let offset = |position| plan.offset(0, position, width);
        // SAFETY: the plan's offsets are within the sequence.
        let first: Vec<_> = positions
            .map(|at| unsafe { numbers.at(offset(at)) })
            .collect();
        Self {
            stride: plan.stride(width),
            rows: first.clone(),
            first,
        }
    }

    /// Those of the first `count` positions, which run at `step`.
    #[inline(always)]
    pub(crate) fn of_step(&mut self, step: usize, count: usize) -> &[*mut T] {
        let rows = &mut self.rows[..count];
        for (row, &first) in rows.iter_mut().zip(&self.first) {
            // SAFETY: the row is as long as this step, which runs.
            *row = unsafe { first.add(step * self.stride) };
        }
        rows
    }
}

/// The same pointers, to be read through.
#[inline(always)]
pub(crate) fn to_read<T>(rows: &[*mut T]) -> &[*const T] {
    // SAFETY: `*const T` is laid out as `*mut T` is.
    unsafe { std::slice::from_raw_parts(rows.as_ptr().cast(), rows.len()) }
}

/// Makes a list that of `count` rows which stand one after another, `width` numbers each.
#[inline(always)]
pub(crate) fn refill<T>(rows: &mut Vec<*mut T>, first: *mut T, width: usize, count: usize) {
    rows.clear();
    rows.extend((0..count).map(|row| first.wrapping_add(row * width)));
}

/// What the step before hands over, or the initial state.
pub(crate) struct RowsBefore<T> {
    pub(crate) state: Vec<*const T>,
    /// Is the initial state zero?
    pub(crate) from_zero: bool,
    pub(crate) steps: SequenceRows<T>,
}

impl<T> RowsBefore<T> {
    /// Before `step`, at the first `count` positions.
    #[inline(always)]
    pub(crate) fn of_step(&mut self, step: usize, count: usize) -> StepBefore<'_, T> {
        match step.checked_sub(1) {
            None => StepBefore {
                rows: &self.state[..count],
                zero: self.from_zero,
            },
            Some(before) => StepBefore {
                rows: to_read(self.steps.of_step(before, count)),
                zero: false,
            },
        }
    }
}

/// What one step was handed over.
#[derive(Clone, Copy)]
pub(crate) struct StepBefore<'a, T> {
    pub(crate) rows: &'a [*const T],
    /// Are all numbers zero? Then nothing is multiplied.
    zero: bool,
}

impl<'a, T> StepBefore<'a, T> {
    /// The rows, `size` numbers each, times packed `weights`.
    #[inline(always)]
    pub(crate) fn times(self, size: usize, weights: &'a [T]) -> Factor<'a, T> {
        Factor::dense(self.rows, if self.zero { 0 } else { size }, weights)
    }

    /// Rows that are zero where these are.
    #[inline(always)]
    pub(crate) fn gated(self, rows: &'a [*const T]) -> Self {
        Self { rows, ..self }
    }
}

/// The gate gradients of one step's running rows, as the left side of a product.
pub(crate) struct GateRows<'a, T> {
    columns: &'a Columns,
    pairs: usize,
    /// The numbers, and the first vector of each panel that is meant.
    gates: (Shared<T>, usize),
    rows: Vec<*mut T>,
    last_rows: Vec<*mut T>,
}

impl<'a, T: Real> GateRows<'a, T> {
    /// Of gate gradients `[panel][pair][vector][lane]`, from vector `slot` of each panel on; no rows yet.
    pub(crate) fn new(
        plan: &Plan,
        (columns, gates, slot): (&'a Columns, Shared<T>, usize),
    ) -> Self {
        Self {
            columns,
            pairs: plan.pairs(),
            gates: (gates, slot),
            rows: Vec::new(),
            last_rows: Vec::new(),
        }
    }

    /// Those of the positions `running` of one part of the plan, which stand one after another.
    #[inline(always)]
    pub(crate) fn move_to(&mut self, plan: &Plan, step: usize, running: &Range<usize>) {
        let (gates, slot) = self.gates;
        let pair = plan.pair(step, running.start);
        let last = self.columns.count() - 1;
        for (panel, rows) in [(0, &mut self.rows), (last, &mut self.last_rows)] {
            let width = self.columns.width(panel);
            let slot = slot * self.columns.spacing(panel);
            let start = self.columns.offset(panel, self.pairs) + slot + pair * width;
            // SAFETY: within the gates, which have a row for every pair.
            refill(rows, unsafe { gates.at(start) }, width, running.len());
        }
    }

    /// Times a matrix that was packed transposed with `slots` vectors of each panel.
    #[inline(always)]
    pub(crate) fn factors<'b>(&'b self, slots: usize, packed: &'b [T]) -> [Factor<'b, T>; 2] {
        let rows = (to_read(&self.rows), to_read(&self.last_rows));
        Factor::panels(self.columns, self.pairs, slots, rows, packed)
    }
}
