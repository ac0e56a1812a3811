//! Plain gradient descent.

use super::rule::{Number, Numbers, Rule};

/// Stochastic gradient descent (`tf.train.GradientDescentOptimizer`, no slots).
///
/// ```text
/// weight = weight - learning_rate · gradient
/// ```
#[derive(Clone, Debug)]
pub(super) struct Sgd;

impl Rule for Sgd {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        for (weight, &gradient) in numbers.weights.iter_mut().zip(numbers.gradient) {
            *weight -= learning_rate * gradient;
        }
    }
}
