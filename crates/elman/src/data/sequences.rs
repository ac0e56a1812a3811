//! Sequences of different lengths, and batches of them.

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::{Error, Result};

/// What belongs to every example: the answer that a model learns to give.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class each.
    Classes {
        /// `[N]`: every label is below `classes`.
        labels: Vec<u8>,
        /// The number of classes.
        classes: usize,
    },
    /// `K` numbers each.
    Numbers {
        /// `[N, K]`.
        values: Vec<f32>,
        /// `K`.
        width: usize,
    },
}

/// What kind of answer a data set asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// One of so many classes.
    Classes(usize),
    /// So many numbers.
    Numbers(usize),
}

impl Targets {
    /// The kind of these answers.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Classes { classes, .. } => TargetKind::Classes(*classes),
            Self::Numbers { width, .. } => TargetKind::Numbers(*width),
        }
    }

    /// `N`.
    pub fn count(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Numbers { values, width } => values.len() / width,
        }
    }

    /// Those of `indices`, in that order.
    fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Classes { labels, classes } => Self::Classes {
                labels: indices.iter().map(|&index| labels[index]).collect(),
                classes: *classes,
            },
            Self::Numbers { values, width } => {
                let row = |&index: &usize| values[index * width..][..*width].iter().copied();
                Self::Numbers {
                    values: indices.iter().flat_map(row).collect(),
                    width: *width,
                }
            }
        }
    }

    /// Adds the answers to a fingerprint.
    fn update(&self, hasher: &mut blake3::Hasher) {
        match self {
            Self::Classes { labels, .. } => {
                hasher.update(labels);
            }
            Self::Numbers { values, .. } => update(hasher, values),
        }
    }
}

/// `N` sequences, each of its own length, with what belongs to them.
///
/// ```
/// use elman::data::{SequenceDataset, Targets};
///
/// # fn main() -> elman::Result<()> {
/// // Two sequences of F = 1 numbers: 1, 2, 3 of class 0 and 4 of class 1.
/// let targets = Targets::Classes { labels: vec![0, 1], classes: 2 };
/// let data = SequenceDataset::new(vec![1.0, 2.0, 3.0, 4.0], &[3, 1], 1, targets)?;
/// let batch = data.batch(&[1, 0]);
/// assert_eq!(batch.shape, [2, 3, 1]);
/// assert_eq!(batch.inputs, [4.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
/// assert_eq!(batch.lengths, Some(vec![1, 3]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceDataset {
    /// `[ΣT, F]`: the steps of all sequences, one sequence after the other.
    steps: Vec<f32>,
    /// `[N + 1]`: where each sequence begins, in steps; last, where all end.
    starts: Vec<usize>,
    features: usize,
    targets: Targets,
}

/// Some examples, padded to the length of the longest.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceBatch {
    /// `[B, T, F]`, zero past a row's length.
    pub inputs: Vec<f32>,
    /// `B`, `T` and `F`.
    pub shape: [usize; 3],
    /// `[B]`: the real steps of each row; `None` when all rows have `T`.
    pub lengths: Option<Vec<usize>>,
    /// What belongs to each row.
    pub targets: Targets,
}

impl SequenceBatch {
    /// `B`.
    pub fn count(&self) -> usize {
        self.shape[0]
    }

    /// `[B, T, F]` on `device`.
    pub fn tensor(&self, device: &Device) -> Tensor<3> {
        Tensor::from_data(TensorData::new(self.inputs.clone(), self.shape), device)
    }
}

impl SequenceDataset {
    /// From the `steps` of all sequences, one sequence after the other, `[ΣT, F]`; the number of
    /// steps of each, `[N]`; `features` (`F`); and what belongs to them.
    ///
    /// # Errors
    ///
    /// When there is no sequence or no feature, the sizes do not belong together, a label is not
    /// below the number of classes, or a number is not finite.
    pub fn new(
        steps: Vec<f32>,
        lengths: &[usize],
        features: usize,
        targets: Targets,
    ) -> Result<Self> {
        let refuse =
            |problem: String, remedy: &str| Err(Error::argument("sequences", problem, remedy));
        let count = lengths.len();
        if count == 0 || features == 0 {
            return refuse(
                format!("{count} sequences of {features} features"),
                "give at least one sequence of at least one feature",
            );
        }
        let total = lengths.iter().try_fold(0, |sum: usize, &length| {
            sum.checked_add(length)
                .filter(|sum| sum.checked_mul(features).is_some())
        });
        if total.map(|total| total * features) != Some(steps.len()) {
            return refuse(
                format!(
                    "the lengths of {count} sequences of {features} features do not go with {} \
                     numbers",
                    steps.len()
                ),
                "give every step of every sequence, and F numbers a step",
            );
        }
        check_targets(&targets, count)?;
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        for length in lengths {
            starts.push(starts[starts.len() - 1] + length);
        }
        let dataset = Self {
            steps,
            starts,
            features,
            targets,
        };
        if let Some(at) = dataset.steps.iter().position(|number| !number.is_finite()) {
            let (step, feature) = (at / features, at % features);
            let sequence = dataset.starts.partition_point(|&start| start <= step) - 1;
            return refuse(
                format!(
                    "feature {feature} of step {} of sequence {sequence} is {}",
                    step - dataset.starts[sequence],
                    dataset.steps[at]
                ),
                "give finite numbers only",
            );
        }
        Ok(dataset)
    }

    /// `N`, the number of sequences: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// `F`.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The number of steps of sequence `index`.
    ///
    /// # Panics
    ///
    /// When there is no such sequence.
    pub fn length(&self, index: usize) -> usize {
        self.starts[index + 1] - self.starts[index]
    }

    /// `[T, F]`: the steps of sequence `index`.
    ///
    /// # Panics
    ///
    /// When there is no such sequence.
    pub fn sequence(&self, index: usize) -> &[f32] {
        &self.steps[self.starts[index] * self.features..self.starts[index + 1] * self.features]
    }

    /// Those of `indices`, in that order.
    ///
    /// # Panics
    ///
    /// When there are none, or an index is not below [`len`](Self::len).
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        assert!(!indices.is_empty(), "a data set is never empty");
        let mut starts = vec![0];
        let mut steps = Vec::new();
        for &index in indices {
            steps.extend_from_slice(self.sequence(index));
            starts.push(steps.len() / self.features);
        }
        Self {
            steps,
            starts,
            features: self.features,
            targets: self.targets.select(indices),
        }
    }

    /// What belongs to the sequences.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The sequences of `indices`, padded with zeros to the longest of them, but at least to one
    /// step.
    ///
    /// # Panics
    ///
    /// When an index is not below [`len`](Self::len).
    pub fn batch(&self, indices: &[usize]) -> SequenceBatch {
        let lengths: Vec<usize> = indices.iter().map(|&index| self.length(index)).collect();
        let time = lengths.iter().copied().max().unwrap_or(0).max(1);
        let row = time * self.features;
        let mut inputs = vec![0.0; indices.len() * row];
        for (padded, &index) in inputs.chunks_mut(row).zip(indices) {
            let steps = self.sequence(index);
            padded[..steps.len()].copy_from_slice(steps);
        }
        SequenceBatch {
            inputs,
            shape: [indices.len(), time, self.features],
            lengths: lengths
                .iter()
                .any(|&length| length != time)
                .then_some(lengths),
            targets: self.targets.select(indices),
        }
    }

    /// Adds all of it to a fingerprint.
    pub(super) fn update(&self, hasher: &mut blake3::Hasher) {
        for start in &self.starts {
            hasher.update(&(*start as u64).to_le_bytes());
        }
        update(hasher, &self.steps);
        self.targets.update(hasher);
    }
}

fn update(hasher: &mut blake3::Hasher, numbers: &[f32]) {
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
}

/// Checks that `targets` are those of `count` examples.
fn check_targets(targets: &Targets, count: usize) -> Result<()> {
    let refuse = |problem: String, remedy: &str| Err(Error::argument("targets", problem, remedy));
    let expected = match targets {
        Targets::Classes { classes, .. } if !(1..=256).contains(classes) => {
            return refuse(
                format!("{classes} classes cannot be told apart by a byte"),
                "give 1 to 256 classes",
            );
        }
        Targets::Numbers { width: 0, .. } => {
            return refuse(
                "0 numbers a sequence".to_owned(),
                "give at least one number a sequence",
            );
        }
        Targets::Classes { labels, .. } => (count, labels.len()),
        Targets::Numbers { values, width } => (count.saturating_mul(*width), values.len()),
    };
    if expected.0 != expected.1 {
        return refuse(
            format!(
                "expected {} of them for {count} sequences, found {}",
                expected.0, expected.1
            ),
            "give every sequence its own",
        );
    }
    match targets {
        Targets::Classes { labels, classes } => {
            let wrong = labels
                .iter()
                .position(|&label| usize::from(label) >= *classes);
            match wrong {
                Some(at) => refuse(
                    format!("label {at} is {}, of {classes} classes", labels[at]),
                    "give labels below the number of classes",
                ),
                None => Ok(()),
            }
        }
        Targets::Numbers { values, width } => {
            match values.iter().position(|value| !value.is_finite()) {
                Some(at) => refuse(
                    format!(
                        "number {} of sequence {} is {}",
                        at % width,
                        at / width,
                        values[at]
                    ),
                    "give finite numbers only",
                ),
                None => Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(labels: &[u8]) -> Targets {
        Targets::Classes {
            labels: labels.to_vec(),
            classes: 3,
        }
    }

    fn three() -> SequenceDataset {
        let steps = (1..=12).map(|number| number as f32).collect();
        SequenceDataset::new(steps, &[3, 0, 3], 2, classes(&[2, 0, 1])).expect("sound")
    }

    #[test]
    fn a_batch_is_padded_to_its_own_longest_row() {
        let data = three();
        assert_eq!((data.len(), data.features()), (3, 2));
        let batch = data.batch(&[1, 2]);
        assert_eq!(batch.shape, [2, 3, 2]);
        assert_eq!(
            batch.inputs,
            [
                0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0
            ]
        );
        assert_eq!(batch.lengths, Some(vec![0, 3]));
        assert_eq!(batch.targets, classes(&[0, 1]));
        assert_eq!(batch.targets.count(), batch.count());
        let same = data.batch(&[2, 0]);
        assert_eq!((same.lengths, same.shape), (None, [2, 3, 2]));
        let empty = data.batch(&[1]);
        assert_eq!((empty.shape, empty.lengths), ([1, 1, 2], Some(vec![0])));
        assert_eq!(batch.tensor(&Device::flex()).dims(), [2, 3, 2]);
    }

    #[test]
    fn numbers_are_chosen_row_by_row() {
        let targets = Targets::Numbers {
            values: vec![1.0, 2.0, 3.0, 4.0],
            width: 2,
        };
        let data = SequenceDataset::new(vec![0.0; 2], &[1, 1], 1, targets).expect("sound");
        assert_eq!(data.targets().kind(), TargetKind::Numbers(2));
        let expected = Targets::Numbers {
            values: vec![3.0, 4.0, 1.0, 2.0],
            width: 2,
        };
        assert_eq!(data.batch(&[1, 0]).targets, expected);
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let message = |steps: Vec<f32>, lengths: &[usize], features, targets| {
            SequenceDataset::new(steps, lengths, features, targets)
                .expect_err("unsound")
                .to_string()
        };
        let numbers = |values: &[f32], width| Targets::Numbers {
            values: values.to_vec(),
            width,
        };
        insta::assert_snapshot!(message(vec![], &[], 2, classes(&[])), @"sequences: 0 sequences of 2 features; give at least one sequence of at least one feature");
        insta::assert_snapshot!(message(vec![], &[0], 0, classes(&[0])), @"sequences: 1 sequences of 0 features; give at least one sequence of at least one feature");
        insta::assert_snapshot!(message(vec![0.0; 5], &[1, 2], 2, classes(&[0, 0])), @"sequences: the lengths of 2 sequences of 2 features do not go with 5 numbers; give every step of every sequence, and F numbers a step");
        assert!(message(vec![], &[usize::MAX, 2], 2, classes(&[0, 0])).contains("do not go with"));
        insta::assert_snapshot!(message(vec![0.0; 2], &[1, 1], 1, classes(&[0])), @"targets: expected 2 of them for 2 sequences, found 1; give every sequence its own");
        insta::assert_snapshot!(message(vec![0.0; 2], &[1, 1], 1, classes(&[0, 3])), @"targets: label 1 is 3, of 3 classes; give labels below the number of classes");
        insta::assert_snapshot!(message(vec![0.0], &[1], 1, numbers(&[], 0)), @"targets: 0 numbers a sequence; give at least one number a sequence");
        insta::assert_snapshot!(message(vec![0.0], &[1], 1, numbers(&[1.0], 2)), @"targets: expected 2 of them for 1 sequences, found 1; give every sequence its own");
        insta::assert_snapshot!(message(vec![0.0], &[1], 1, numbers(&[1.0, f32::NAN], 2)), @"targets: number 1 of sequence 0 is NaN; give finite numbers only");
        let many = Targets::Classes {
            labels: vec![0],
            classes: 257,
        };
        insta::assert_snapshot!(message(vec![0.0], &[1], 1, many), @"targets: 257 classes cannot be told apart by a byte; give 1 to 256 classes");
        let mut steps = vec![0.0; 8];
        steps[5] = f32::INFINITY;
        insta::assert_snapshot!(message(steps, &[2, 0, 2], 2, classes(&[0, 0, 0])), @"sequences: feature 1 of step 0 of sequence 2 is inf; give finite numbers only");
    }
}
