//! The adding problem: a task that only a long memory solves.
//!
//! ```text
//! number   .31  .84  .05  .77  .42  .19        uniform in 0 to 1
//! mark      0    1    0    0    0    1         one in each half of the sequence
//! target                            1.03       the sum of the two marked numbers
//! ```
//!
//! Hochreiter and Schmidhuber (1997); this form: Arjovsky, Shah and Bengio (2016),
//! arXiv 1511.06464. Always answering 1 has a mean squared error of 1/6.

use burn::tensor::{Device, Tensor, TensorData};

use crate::data::{SequenceDataset, Targets};
use crate::error::{Error, Result};
use crate::random::Generator;

/// Makes sequences of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddingProblem {
    time: usize,
}

/// Some sequences and their answers.
#[derive(Clone, Debug)]
pub struct AddingExamples {
    /// `[B, T, 2]`: a number and its mark.
    pub inputs: Tensor<3>,
    /// `[B, 1]`: the sum of the marked numbers.
    pub targets: Tensor<2>,
}

impl AddingProblem {
    /// `F`: a number and its mark.
    pub const FEATURES: usize = 2;

    /// Sequences of `time` steps.
    ///
    /// # Errors
    ///
    /// When there is no room for two marks.
    pub fn new(time: usize) -> Result<Self> {
        if time < 2 {
            return Err(Error::argument(
                "time",
                format!("is {time}"),
                "give at least 2 steps, one for each mark",
            ));
        }
        Ok(Self { time })
    }

    /// `T`.
    pub fn time(&self) -> usize {
        self.time
    }

    /// Draws `rows` (`B`) sequences from `generator`: a training loop gives each step one of its
    /// own.
    ///
    /// # Panics
    ///
    /// When `rows` is 0.
    pub fn sequences(&self, rows: usize, mut generator: Generator) -> SequenceDataset {
        let half = self.time / 2;
        let mut inputs = Vec::with_capacity(rows * self.time * Self::FEATURES);
        let mut targets = Vec::with_capacity(rows);
        for _ in 0..rows {
            let first = generator.below(half as u64) as usize;
            let second = half + generator.below((self.time - half) as u64) as usize;
            let mut sum = 0.0;
            for step in 0..self.time {
                let number = generator.uniform() as f32;
                let is_marked = step == first || step == second;
                inputs.extend([number, f32::from(u8::from(is_marked))]);
                if is_marked {
                    sum += number;
                }
            }
            targets.push(sum);
        }
        let targets = Targets::Numbers {
            values: targets,
            width: 1,
        };
        SequenceDataset::new(inputs, &vec![self.time; rows], Self::FEATURES, targets)
            .expect("finite numbers, a sum for every sequence")
    }

    /// The same as tensors on `device`.
    ///
    /// # Panics
    ///
    /// When `rows` is 0.
    pub fn draw(&self, rows: usize, generator: Generator, device: &Device) -> AddingExamples {
        let sums = self.sequences(rows, generator);
        let batch = sums.batch(&(0..rows).collect::<Vec<_>>());
        let Targets::Numbers { values, width } = &batch.targets else {
            unreachable!("sums are numbers");
        };
        AddingExamples {
            inputs: batch.tensor(device),
            targets: Tensor::from_data(TensorData::new(values.clone(), [rows, *width]), device),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    #[test]
    fn the_target_is_the_sum_of_the_two_marked_numbers() {
        for time in [2, 3, 11] {
            let problem = AddingProblem::new(time).expect("room for two marks");
            let generator = Seed::new(1).generator("examples");
            let AddingExamples { inputs, targets } = problem.draw(40, generator, &Device::flex());
            assert_eq!(inputs.dims(), [40, time, 2]);
            let numbers: Vec<f32> = inputs.into_data().iter().collect();
            let targets: Vec<f32> = targets.into_data().iter().collect();
            for (row, target) in numbers.chunks(time * 2).zip(targets) {
                let (early, late) = row.split_at(time / 2 * 2);
                let marks = |part: &[f32]| part.chunks(2).filter(|pair| pair[1] == 1.0).count();
                assert_eq!((marks(early), marks(late)), (1, 1));
                let sum: f32 = row.chunks(2).map(|pair| pair[0] * pair[1]).sum();
                assert_eq!(sum, target);
                assert!(row.chunks(2).all(|pair| (0.0..=1.0).contains(&pair[0])));
            }
        }
    }

    #[test]
    fn a_generator_gives_the_same_examples_again() {
        let problem = AddingProblem::new(7).expect("room");
        let draw = |purpose| {
            let generator = Seed::new(1).generator(purpose);
            let examples = problem.draw(3, generator, &Device::flex());
            examples.inputs.into_data()
        };
        assert_eq!(draw("step 1"), draw("step 1"));
        assert_ne!(draw("step 1"), draw("step 2"));
        assert!(AddingProblem::new(1).expect_err("no room").is_argument());
    }
}
