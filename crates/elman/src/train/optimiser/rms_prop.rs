//! RMSProp, plain and centred, as TensorFlow 1 computes it.

use super::rule::{Number, Numbers, Rule};
use crate::recipe::RmsPropSettings;

/// RMSProp (`tf.train.RMSPropOptimizer`, slots `rms` and `momentum`, centred also `mg`).
///
/// ```text
/// square   = square + (gradient² - square) · (1 - decay)                     (from 1 on)
/// mean     = mean   + (gradient  - mean)   · (1 - decay)                     (centred)
/// velocity = momentum · velocity + learning_rate · gradient / √(square + epsilon)
/// velocity = momentum · velocity + learning_rate · gradient / √(square - mean² + epsilon)
/// weight   = weight - velocity
/// ```
///
/// Tieleman and Hinton (2012, lecture 6.5); centred: Graves (2013), arXiv 1308.0850. `epsilon`
/// stands under the root, and `square` starts from 1: both differ from PyTorch and Keras.
#[derive(Clone, Debug)]
pub(super) struct RmsProp(pub(super) RmsPropSettings);

impl Rule for RmsProp {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        let mut slots = vec![("rms", 1.0), ("momentum", 0.0)];
        if self.0.centered {
            slots.push(("mg", 0.0));
        }
        slots
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let gain = T::of(1.0) - T::of(self.0.decay);
        let momentum = T::of(self.0.momentum);
        let epsilon = T::of(self.0.epsilon);
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        match numbers.slots {
            [squares, velocities] => {
                let kept = squares.iter_mut().zip(velocities.iter_mut());
                for ((weight, &gradient), (square, velocity)) in pairs.zip(kept) {
                    *square += (gradient * gradient - *square) * gain;
                    let root = (*square + epsilon).sqrt();
                    *velocity = *velocity * momentum + gradient * learning_rate / root;
                    *weight -= *velocity;
                }
            }
            [squares, velocities, means] => {
                let kept = squares.iter_mut().zip(velocities.iter_mut());
                let kept = kept.zip(means.iter_mut());
                for ((weight, &gradient), ((square, velocity), mean)) in pairs.zip(kept) {
                    *square += (gradient * gradient - *square) * gain;
                    *mean += (gradient - *mean) * gain;
                    let root = (*square - *mean * *mean + epsilon).sqrt();
                    *velocity = *velocity * momentum + gradient * learning_rate / root;
                    *weight -= *velocity;
                }
            }
            _ => unreachable!("two slots, centred three"),
        }
    }
}
