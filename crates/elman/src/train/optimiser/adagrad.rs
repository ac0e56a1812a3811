//! AdaGrad, as TensorFlow 1 computes it.

use super::rule::{Number, Numbers, Rule};
use crate::recipe::AdaGradSettings;

/// AdaGrad (`tf.train.AdagradOptimizer`, slot `accumulator`).
///
/// ```text
/// accumulator = accumulator + gradient²              (from initial_accumulator_value on)
/// weight      = weight - learning_rate · gradient / √accumulator
/// ```
///
/// Duchi, Hazan and Singer (2011). There is no epsilon: the accumulator's first value keeps the
/// division finite.
#[derive(Clone, Debug)]
pub(super) struct AdaGrad(pub(super) AdaGradSettings);

impl Rule for AdaGrad {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        vec![("accumulator", self.0.initial_accumulator_value)]
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let [accumulators] = numbers.slots else {
            unreachable!("one slot");
        };
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        for ((weight, &gradient), accumulator) in pairs.zip(accumulators.iter_mut()) {
            *accumulator += gradient * gradient;
            *weight -= gradient * learning_rate / accumulator.sqrt();
        }
    }
}
