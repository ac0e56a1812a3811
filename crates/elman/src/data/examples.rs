//! The examples of an experiment, whatever they are made of.

use crate::data::sequences::{SequenceBatch, SequenceDataset, TargetKind, Targets};
use crate::data::{AddingProblem, Batches, ImageDataset};
use crate::error::Result;
use crate::random::Seed;
use crate::recipe::Recipe;

/// Examples that a model can read: sequences of numbers with what belongs to them.
#[derive(Clone, Debug, PartialEq)]
pub enum Dataset {
    /// Images, a row a step, kept as bytes.
    Images(ImageDataset),
    /// Sequences of different lengths.
    Sequences(SequenceDataset),
}

impl Dataset {
    /// `N`, the number of examples: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Images(images) => images.len(),
            Self::Sequences(sequences) => sequences.len(),
        }
    }

    /// `F`.
    pub fn features(&self) -> usize {
        match self {
            Self::Images(images) => images.columns(),
            Self::Sequences(sequences) => sequences.features(),
        }
    }

    /// `T`, when all examples must have the same number of steps.
    pub fn time(&self) -> Option<usize> {
        match self {
            Self::Images(images) => Some(images.rows()),
            Self::Sequences(_) => None,
        }
    }

    /// What belongs to every example.
    pub fn targets(&self) -> TargetKind {
        match self {
            Self::Images(images) => TargetKind::Classes(images.classes()),
            Self::Sequences(sequences) => sequences.targets().kind(),
        }
    }

    /// The examples of `indices`.
    ///
    /// # Panics
    ///
    /// When an index is not below [`len`](Self::len).
    pub fn batch(&self, indices: &[usize]) -> SequenceBatch {
        match self {
            Self::Images(images) => SequenceBatch {
                inputs: images.inputs(indices),
                shape: [indices.len(), images.rows(), images.columns()],
                lengths: None,
                targets: Targets::Classes {
                    labels: images.targets(indices),
                    classes: images.classes(),
                },
            },
            Self::Sequences(sequences) => sequences.batch(indices),
        }
    }

    /// Adds all of it to a fingerprint.
    fn update(&self, hasher: &mut blake3::Hasher) {
        match self {
            Self::Images(images) => {
                hasher.update(images.pixels());
                hasher.update(images.labels());
            }
            Self::Sequences(sequences) => sequences.update(hasher),
        }
    }
}

/// What a model is fitted to.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainingExamples {
    /// The same examples in every epoch.
    Kept(Dataset),
    /// Sums, drawn anew for every batch of every epoch.
    Sums {
        /// Of which length.
        problem: AddingProblem,
        /// How many an epoch.
        count: usize,
    },
}

/// Which examples a step sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchOrder {
    /// From which the order comes, and sums.
    pub seed: Seed,
    /// Examples a step.
    pub batch: usize,
    /// In another random order every epoch, or in their own?
    pub shuffle: bool,
}

impl BatchOrder {
    /// That of `recipe`.
    pub(crate) fn of(recipe: &Recipe) -> Self {
        Self {
            seed: recipe.seed,
            batch: recipe.train.batch,
            shuffle: recipe.train.shuffle,
        }
    }

    /// The batches of `epoch` of `count` examples.
    ///
    /// # Errors
    ///
    /// When a batch is to have no example.
    pub(crate) fn batches(self, epoch: usize, count: usize) -> Result<Batches> {
        match self.shuffle {
            true => Batches::shuffled(self.seed, epoch, count, self.batch),
            false => Batches::in_order(count, self.batch),
        }
    }
}

impl TrainingExamples {
    /// The number of examples of an epoch.
    #[expect(clippy::len_without_is_empty, reason = "an epoch is never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Kept(dataset) => dataset.len(),
            Self::Sums { count, .. } => *count,
        }
    }

    /// `F`.
    pub fn features(&self) -> usize {
        match self {
            Self::Kept(dataset) => dataset.features(),
            Self::Sums { .. } => AddingProblem::FEATURES,
        }
    }

    /// `T`, when all examples must have the same number of steps.
    pub fn time(&self) -> Option<usize> {
        match self {
            Self::Kept(dataset) => dataset.time(),
            Self::Sums { .. } => None,
        }
    }

    /// What belongs to every example.
    pub fn targets(&self) -> TargetKind {
        match self {
            Self::Kept(dataset) => dataset.targets(),
            Self::Sums { .. } => TargetKind::Numbers(1),
        }
    }

    /// The batches of `epoch` from step `from` on; they depend on nothing else.
    ///
    /// # Errors
    ///
    /// When a batch is to have no example.
    pub fn batches(
        &self,
        order: BatchOrder,
        epoch: usize,
        from: usize,
    ) -> Result<impl Iterator<Item = SequenceBatch>> {
        let seed = order.seed;
        let batches = order.batches(epoch, self.len())?;
        Ok(batches.from_step(from).map(move |batch| match self {
            Self::Kept(dataset) => dataset.batch(&batch.indices),
            Self::Sums { problem, .. } => {
                let purpose = format!("sums epoch {epoch} step {}", batch.step);
                let rows = batch.indices.len();
                let sums = problem.sequences(rows, seed.generator(&purpose));
                sums.batch(&(0..rows).collect::<Vec<_>>())
            }
        }))
    }
}

/// The parts of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetParts {
    /// What a model is fitted to.
    pub train: TrainingExamples,
    /// What is held out of training to watch it, if anything is.
    pub valid: Option<Dataset>,
    /// What it never sees while it is fitted.
    pub test: Dataset,
}

impl DatasetParts {
    /// BLAKE3 over what training depends on: the training and the held-out examples.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        match &self.train {
            TrainingExamples::Kept(dataset) => dataset.update(&mut hasher),
            TrainingExamples::Sums { problem, count } => {
                let sums = format!("{count} sums of {} steps", problem.time());
                hasher.update(sums.as_bytes());
            }
        }
        if let Some(valid) = &self.valid {
            valid.update(&mut hasher);
        }
        hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: BatchOrder = BatchOrder {
        seed: Seed::new(5),
        batch: 4,
        shuffle: false,
    };

    fn kept() -> TrainingExamples {
        let targets = Targets::Classes {
            labels: (0..10).collect(),
            classes: 10,
        };
        let steps = (0..10).map(|step| step as f32).collect();
        let sequences = SequenceDataset::new(steps, &[1; 10], 1, targets).expect("sound");
        TrainingExamples::Kept(Dataset::Sequences(sequences))
    }

    fn all(examples: &TrainingExamples, order: BatchOrder, epoch: usize) -> Vec<SequenceBatch> {
        let batches = examples.batches(order, epoch, 0).expect("some examples");
        batches.collect()
    }

    #[test]
    fn a_fixed_order_is_the_examples_own_in_every_epoch() {
        let examples = kept();
        let inputs: Vec<f32> = all(&examples, ORDER, 0)
            .into_iter()
            .flat_map(|batch| batch.inputs)
            .collect();
        assert_eq!(inputs, (0..10).map(|step| step as f32).collect::<Vec<_>>());
        assert_eq!(all(&examples, ORDER, 0), all(&examples, ORDER, 7));
        let shuffled = BatchOrder {
            shuffle: true,
            ..ORDER
        };
        assert_ne!(all(&examples, shuffled, 0), all(&examples, shuffled, 7));
        assert_ne!(all(&examples, shuffled, 0), all(&examples, ORDER, 0));
    }

    #[test]
    fn sums_are_drawn_anew_and_an_epoch_can_go_on_at_any_step() {
        let problem = AddingProblem::new(6).expect("room");
        let examples = TrainingExamples::Sums { problem, count: 13 };
        let epoch = all(&examples, ORDER, 3);
        assert_eq!(
            epoch.iter().map(SequenceBatch::count).collect::<Vec<_>>(),
            [5, 4, 4]
        );
        assert_ne!(epoch[1].inputs, epoch[2].inputs);
        assert_ne!(epoch, all(&examples, ORDER, 4));
        let rest = examples.batches(ORDER, 3, 1).expect("some examples");
        assert_eq!(rest.collect::<Vec<_>>(), epoch[1..]);
    }

    #[test]
    fn a_fingerprint_tells_data_apart() {
        let parts = |train, valid| {
            let test = Dataset::Sequences(
                AddingProblem::new(3)
                    .expect("room")
                    .sequences(2, Seed::new(1).generator("test")),
            );
            DatasetParts { train, valid, test }.fingerprint()
        };
        let sums = |time, count| TrainingExamples::Sums {
            problem: AddingProblem::new(time).expect("room"),
            count,
        };
        let TrainingExamples::Kept(valid) = kept() else {
            unreachable!("it is kept");
        };
        let all = [
            parts(kept(), None),
            parts(kept(), Some(valid)),
            parts(sums(4, 10), None),
            parts(sums(5, 10), None),
            parts(sums(4, 11), None),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one), "{at}");
        }
        assert_eq!(all[0], parts(kept(), None));
    }
}
