//! Momentum, plain and Nesterov's, as TensorFlow 1 computes it.

use super::rule::{Number, Numbers, Rule};
use crate::recipe::MomentumSettings;

/// Momentum (`tf.train.MomentumOptimizer`, slot `momentum`).
///
/// ```text
/// velocity = momentum · velocity + gradient
/// weight   = weight - learning_rate · velocity
/// weight   = weight - learning_rate · (gradient + momentum · velocity)       (Nesterov)
/// ```
///
/// Polyak (1964); Sutskever, Martens, Dahl and Hinton (2013), with the learning rate outside the
/// velocity: a change of it acts at once.
#[derive(Clone, Debug)]
pub(super) struct Momentum(pub(super) MomentumSettings);

impl Rule for Momentum {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        vec![("momentum", 0.0)]
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let momentum = T::of(self.0.momentum);
        let [velocities] = numbers.slots else {
            unreachable!("one slot");
        };
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        for ((weight, &gradient), velocity) in pairs.zip(velocities.iter_mut()) {
            *velocity = *velocity * momentum + gradient;
            *weight -= if self.0.nesterov {
                gradient * learning_rate + *velocity * momentum * learning_rate
            } else {
                *velocity * learning_rate
            };
        }
    }
}
