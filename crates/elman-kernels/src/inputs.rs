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

use crate::buffer::Source;
use crate::product::Factor;
use crate::real::Real;
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

    /// The inputs of the rows at `running` in one step.
    #[inline(always)]
    pub(crate) fn of_step(
        &self,
        plan: &Plan,
        step: usize,
        running: &Range<usize>,
    ) -> StepInputs<T> {
        let at = |width| {
            let offset = move |position| plan.offset(step, position, width);
            running.clone().map(offset)
        };
        let (rows, hot) = match &self.hot {
            Some(hot) => (Vec::new(), at(1).map(|at| hot[at]).collect()),
            None => {
                let rows = at(self.features).map(|at| self.numbers[at..].as_ptr());
                (rows.collect(), Vec::new())
            }
        };
        StepInputs {
            rows,
            hot,
            features: self.features,
        }
    }

    /// The inputs of all real pairs, in the order of the pairs.
    pub(crate) fn of_pairs(&self, plan: &Plan) -> PairInputs<T> {
        match &self.hot {
            Some(hot) => PairInputs::Hot(plan.of_pairs(|step, at| hot[plan.offset(step, at, 1)])),
            None => PairInputs::Rows(plan.of_pairs(|step, position| {
                let offset = plan.offset(step, position, self.features);
                Source::new(&self.numbers[offset..])
            })),
        }
    }
}

/// The inputs of some rows in one step.
pub(crate) struct StepInputs<T> {
    rows: Vec<*const T>,
    hot: Vec<Hot>,
    features: usize,
}

impl<T> StepInputs<T> {
    /// Their product with packed weights.
    #[inline(always)]
    pub(crate) fn times<'b>(&'b self, weights: &'b [T]) -> Factor<'b, T> {
        match self.hot.is_empty() {
            true => Factor::dense(&self.rows, self.features, weights),
            false => Factor::one_hot(&self.hot, self.features, weights),
        }
    }
}

/// What every pair contributes to the gradient of weights, times its gates' gradient.
#[derive(Clone)]
pub(crate) enum PairInputs<T> {
    /// Pointers to rows of numbers.
    Rows(Vec<Source<T>>),
    /// One-hot rows.
    Hot(Vec<Hot>),
}

impl<T> PairInputs<T> {
    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Hot(hot) => hot.len(),
        }
    }
}

/// Where the one of every real input is; `None` if some input has other numbers or several ones.
fn one_hot<T: Real>(plan: &Plan, numbers: &[T], features: usize) -> Option<Vec<Hot>> {
    let (zero, one) = (T::default(), T::from_f64(1.0));
    if features < 2 || Hot::try_from(features).is_err() {
        return None;
    }
    let mut found = vec![NOWHERE; plan.batch() * plan.time()];
    for (step, position) in plan.in_order() {
        let row = &numbers[plan.offset(step, position, features)..][..features];
        // Counted without a branch for each number: that is many at a time.
        let others: usize = row.iter().map(|&number| usize::from(number != zero)).sum();
        if others == 0 {
            continue;
        }
        match row.iter().position(|&number| number == one) {
            Some(feature) if others == 1 => {
                found[plan.offset(step, position, 1)] = feature as Hot;
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
