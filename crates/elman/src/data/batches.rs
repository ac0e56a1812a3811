//! The order in which an epoch visits its examples.

use crate::error::{Error, Result};
use crate::random::Seed;

/// The examples of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The step within its epoch, from 0.
    pub step: usize,
    /// `[B]`: which examples.
    pub indices: Vec<usize>,
}

/// The batches of one epoch, from any step on.
///
/// The sizes are those of NumPy's `array_split(permutation, count // batch)`: as many batches as
/// fit whole, the rest spread over the first of them, one example each. So 55,000 examples at 150
/// make 366 batches of 151 or 150. Fewer examples than `batch` make one batch.
///
/// The order depends on the seed and on the epoch alone, so that a run which stops can go on
/// at any step:
///
/// ```
/// use elman::data::Batches;
/// use elman::random::Seed;
///
/// # fn main() -> elman::Result<()> {
/// let all: Vec<_> = Batches::shuffled(Seed::new(42), 3, 1000, 150)?.collect();
/// let rest: Vec<_> = Batches::shuffled(Seed::new(42), 3, 1000, 150)?.from_step(4).collect();
/// assert_eq!(all.len(), 6);
/// assert_eq!(all[4..], rest);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Batches {
    order: Vec<usize>,
    steps: usize,
    next: usize,
}

impl Batches {
    /// Epoch `epoch` of a training run: `count` examples in random order, some `batch` a step.
    ///
    /// # Errors
    ///
    /// When `count` or `batch` is 0.
    pub fn shuffled(seed: Seed, epoch: usize, count: usize, batch: usize) -> Result<Self> {
        let steps = steps(count, batch)?;
        let mut generator = seed.generator(&format!("shuffle epoch {epoch}"));
        Ok(Self {
            order: generator.permutation(count),
            steps,
            next: 0,
        })
    }

    /// `count` examples in their own order, for evaluation.
    ///
    /// # Errors
    ///
    /// When `count` or `batch` is 0.
    pub fn in_order(count: usize, batch: usize) -> Result<Self> {
        Ok(Self {
            steps: steps(count, batch)?,
            order: (0..count).collect(),
            next: 0,
        })
    }

    /// Epoch `epoch` of a training run: `count` examples in random order, spread over exactly `steps`;
    /// with fewer examples than steps, the last steps have none.
    ///
    /// # Errors
    ///
    /// When `count` or `steps` is 0.
    pub fn shuffled_in_steps(seed: Seed, epoch: usize, count: usize, steps: usize) -> Result<Self> {
        let batches = Self::shuffled(seed, epoch, count, steps)?;
        Ok(Self { steps, ..batches })
    }

    /// `count` examples in their own order, spread over exactly `steps`.
    ///
    /// # Errors
    ///
    /// When `count` or `steps` is 0.
    pub fn in_order_in_steps(count: usize, steps: usize) -> Result<Self> {
        let batches = Self::in_order(count, steps)?;
        Ok(Self { steps, ..batches })
    }

    /// The number of steps of the whole epoch, whatever step comes next.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The same epoch from `step` on; nothing is left when `step` is [`steps`](Self::steps) or more.
    pub fn from_step(mut self, step: usize) -> Self {
        self.next = step.min(self.steps);
        self
    }
}

/// How many batches `count` examples make.
fn steps(count: usize, batch: usize) -> Result<usize> {
    match (count, batch) {
        (0, _) => Err(Error::argument(
            "batches",
            "there is no example",
            "give at least one",
        )),
        (_, 0) => Err(Error::argument(
            "train.batch",
            "a batch of 0 examples",
            "give at least 1",
        )),
        _ => Ok((count / batch).max(1)),
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next == self.steps {
            return None;
        }
        let step = self.next;
        self.next += 1;
        let size = self.order.len() / self.steps;
        let larger = self.order.len() % self.steps;
        let start = step * size + step.min(larger);
        let end = start + size + usize::from(step < larger);
        Some(Batch {
            step,
            indices: self.order[start..end].to_vec(),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.steps - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_books_batches_have_150_or_151_examples() {
        let sizes: Vec<usize> = Batches::shuffled(Seed::new(1), 0, 55_000, 150)
            .expect("some examples")
            .map(|batch| batch.indices.len())
            .collect();
        let expected = [[151; 100].as_slice(), &[150; 266]].concat();
        assert_eq!(sizes, expected);
    }

    #[test]
    fn epochs_and_seeds_differ_and_repeat() {
        let order = |seed, epoch| {
            Batches::shuffled(Seed::new(seed), epoch, 100, 100)
                .expect("some examples")
                .next()
                .expect("one batch")
                .indices
        };
        assert_eq!(order(1, 0), order(1, 0));
        assert_ne!(order(1, 0), order(1, 1));
        assert_ne!(order(1, 0), order(2, 0));
        assert_ne!(order(1, 0), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_to_batch_is_an_error() {
        let error = Batches::in_order(0, 5).expect_err("no example");
        assert_eq!(
            error.to_string(),
            "batches: there is no example; give at least one"
        );
        let error = Batches::shuffled(Seed::new(0), 0, 5, 0).expect_err("no batch");
        assert_eq!(
            error.to_string(),
            "train.batch: a batch of 0 examples; give at least 1"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn batches_partition_the_examples(count in 1_usize..500, batch in 1_usize..200) {
            let batches = Batches::shuffled(Seed::new(7), 2, count, batch).expect("some examples");
            prop_assert_eq!(batches.len(), batches.steps());
            let batches: Vec<Batch> = batches.collect();
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.indices.len()).collect();
            let largest = *sizes.iter().max().expect("a batch");
            let smallest = *sizes.iter().min().expect("a batch");
            prop_assert!(largest - smallest <= 1);
            prop_assert!(sizes.is_sorted_by(|a, b| a >= b));
            prop_assert_eq!(sizes.len(), (count / batch).max(1));
            let mut seen: Vec<usize> = batches.into_iter().flat_map(|batch| batch.indices).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn an_epoch_can_go_on_at_any_step(count in 1_usize..300, batch in 1_usize..50, at in 0_usize..40) {
            let epoch = || Batches::shuffled(Seed::new(7), 2, count, batch).expect("some examples");
            let rest: Vec<Batch> = epoch().from_step(at).collect();
            prop_assert_eq!(rest, epoch().skip(at).collect::<Vec<_>>());
        }
    }
}
