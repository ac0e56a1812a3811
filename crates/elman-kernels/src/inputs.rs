//! The inputs of a sequence; one-hot ones are not multiplied.
//!
//! ```text
//! x one-hot at v:    x · W + b = W[v] + b        dW[v] = Σ d_gates of the pairs whose input is v
//! ```
//!
//! The bits are those of the product, whose other terms add zero, unless a weight is not finite. Tokens
//! and classes come like this; that all inputs of a sequence do is found out by looking at them, which
//! for other inputs ends at the first row.

use std::ops::Range;

use crate::buffer::{Shared, Source};
use crate::product::Factor;
use crate::real::Real;
use crate::rows::{SequenceRows, to_read};
use crate::shape::Plan;

/// The inputs of a sequence, `[B, T, F]` or `[T, B, F]`.
pub(crate) struct Inputs<'a, T> {
    numbers: &'a [T],
    features: usize,
    /// `[B, T]` or `[T, B]`: where the one of every one-hot input is, if all real ones are one-hot.
    hot: Option<Vec<Hot>>,
}

/// Where the one of a one-hot input is; [`NOWHERE`] of an input that is zero.
pub(crate) type Hot = u32;

/// No place.
pub(crate) const NOWHERE: Hot = Hot::MAX;

impl<'a, T: Real> Inputs<'a, T> {
    pub(crate) fn new(plan: &Plan, numbers: &'a [T], features: usize) -> Self {
        Self {
            numbers,
            features,
            hot: one_hot(plan, numbers, features),
        }
    }

    /// The inputs of the rows at `positions`, in one step after another.
    pub(crate) fn of_rows(&self, plan: &Plan, positions: &Range<usize>) -> InputRows<'_, T> {
        let rows = match &self.hot {
            Some(all) => RowsOfSteps::Hot(all, Vec::new()),
            None => {
                // They are only read through.
                let numbers = Shared::from_pointer(self.numbers.as_ptr().cast_mut());
                RowsOfSteps::Numbers(SequenceRows::new(plan, positions, (numbers, self.features)))
            }
        };
        InputRows {
            rows,
            features: self.features,
        }
    }

    /// The inputs of all real pairs, in the order of the pairs.
    pub(crate) fn of_pairs(&self, plan: &Plan) -> PairInputs<T> {
        match &self.hot {
            Some(hot) => PairInputs::Hot(plan.map_pairs(|step, at| hot[plan.offset(step, at, 1)])),
            None => PairInputs::rows(plan.map_pairs(|step, position| {
                let offset = plan.offset(step, position, self.features);
                Source::new(&self.numbers[offset..])
            })),
        }
    }
}

/// The inputs of some rows, in one step after another.
pub(crate) struct InputRows<'a, T> {
    rows: RowsOfSteps<'a, T>,
    features: usize,
}

enum RowsOfSteps<'a, T> {
    Numbers(SequenceRows<T>),
    /// Where the one of every input is, and those of the step at hand.
    Hot(&'a [Hot], Vec<Hot>),
}

impl<T> InputRows<'_, T> {
    /// Those of the positions `running`.
    #[inline(always)]
    pub(crate) fn of_step(
        &mut self,
        plan: &Plan,
        step: usize,
        running: &Range<usize>,
    ) -> StepInputs<'_, T> {
        match &mut self.rows {
            RowsOfSteps::Numbers(rows) => {
                StepInputs::Numbers(to_read(rows.of_step(step, running.len())), self.features)
            }
            RowsOfSteps::Hot(all, hot) => {
                hot.clear();
                let of_row = |position| all[plan.offset(step, position, 1)];
                hot.extend(running.clone().map(of_row));
                StepInputs::Hot(hot, self.features)
            }
        }
    }
}

/// The inputs of some rows in one step, and how many features they have.
#[derive(Clone, Copy)]
pub(crate) enum StepInputs<'a, T> {
    Numbers(&'a [*const T], usize),
    Hot(&'a [Hot], usize),
}

impl<'a, T> StepInputs<'a, T> {
    /// Their product with packed weights.
    #[inline(always)]
    pub(crate) fn times(self, weights: &'a [T]) -> Factor<'a, T> {
        match self {
            Self::Numbers(rows, features) => Factor::dense(rows, features, weights),
            Self::Hot(hot, features) => Factor::one_hot(hot, features, weights),
        }
    }
}

/// What every pair contributes to the gradient of weights, times its gates' gradient.
#[derive(Clone)]
pub(crate) enum PairInputs<T> {
    /// Pointers to rows of numbers.
    Rows {
        rows: Vec<Source<T>>,
        /// Are those of the first step zero?
        from_zero: bool,
    },
    /// One-hot rows.
    Hot(Vec<Hot>),
}

impl<T> PairInputs<T> {
    /// Rows of any numbers.
    pub(crate) fn rows(rows: Vec<Source<T>>) -> Self {
        Self::Rows {
            rows,
            from_zero: false,
        }
    }

    /// Rows that are zero where these are.
    pub(crate) fn gated(&self, rows: Vec<Source<T>>) -> Self {
        Self::Rows {
            rows,
            from_zero: self.is_from_zero(),
        }
    }

    /// Are the rows of the first step known to be zero?
    pub(crate) fn is_from_zero(&self) -> bool {
        matches!(
            self,
            Self::Rows {
                from_zero: true,
                ..
            }
        )
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Rows { rows, .. } => rows.len(),
            Self::Hot(hot) => hot.len(),
        }
    }
}

/// How many of the numbers are not zero, and where the only one of them is, if there is one. Found out
/// without a branch for each: that is many at a time.
pub(crate) fn others_than_zero<T: Real>(numbers: &[T]) -> (usize, Hot) {
    let (mut others, mut place) = (0, 0);
    for (at, &number) in (0..).zip(numbers) {
        let other = Hot::from(number != T::default());
        others += other;
        place |= at & other.wrapping_neg();
    }
    (others as usize, place)
}

/// Where the one of every real input is; `None` if some input has other numbers or several ones.
fn one_hot<T: Real>(plan: &Plan, numbers: &[T], features: usize) -> Option<Vec<Hot>> {
    let one = T::from_f64(1.0);
    if features < 2 || Hot::try_from(features).is_err() {
        return None;
    }
    let mut found = vec![NOWHERE; plan.batch() * plan.time()];
    for (step, position) in plan.in_order() {
        let row = &numbers[plan.offset(step, position, features)..][..features];
        match others_than_zero(row) {
            (0, _) => {}
            (1, feature) if row[feature as usize] == one => {
                found[plan.offset(step, position, 1)] = feature;
            }
            _ => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Layout;

    #[test]
    fn one_hot_inputs_are_found_and_nothing_else() {
        let plan = Plan::ragged(Layout::BatchMajor, 2, &[2, 1]);
        // The last row is padding: it is not looked at.
        let mut numbers = [
            0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -0.0, 0.0, 7.0, 7.0, 7.0_f32,
        ];
        let found = one_hot(&plan, &numbers, 3);
        assert_eq!(found, Some(vec![1, NOWHERE, 0, NOWHERE]));
        for other in [0.5, -1.0, f32::NAN] {
            numbers[0] = other;
            assert_eq!(one_hot(&plan, &numbers, 3), None, "{other}");
        }
        numbers[0] = 1.0;
        assert_eq!(one_hot(&plan, &numbers, 3), None, "two ones");
    }
}
