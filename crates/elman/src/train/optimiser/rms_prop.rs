//! RMSProp, plain and centred, as TensorFlow 1 computes it.

use super::rule::{Number, Numbers, Rule};
use crate::recipe::{RmsPropForm, RmsPropSettings};

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
/// Tieleman and Hinton (2012, lecture 6.5); centred: Graves (2013), arXiv 1308.0850. PyTorch's and
/// Torch's form (`torch.optim.RMSprop`):
///
/// ```text
/// square   = square + (gradient² - square) · (1 - decay)                     (from 0 on)
/// velocity = momentum · velocity + gradient / (√square + epsilon)            (centred: √(square - mean²))
/// weight   = weight - learning_rate · velocity
/// ```
#[derive(Clone, Debug)]
pub(super) struct RmsProp(pub(super) RmsPropSettings);

impl Rule for RmsProp {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        let first = match self.0.form {
            RmsPropForm::TensorFlow => 1.0,
            RmsPropForm::PyTorch => 0.0,
        };
        let mut slots = vec![("rms", first), ("momentum", 0.0)];
        if self.0.centered {
            slots.push(("mg", 0.0));
        }
        slots
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let gain = T::of(1.0) - T::of(self.0.decay);
        let momentum = T::of(self.0.momentum);
        let epsilon = T::of(self.0.epsilon);
        // The root of the mean square, and the learning rate within and after the velocity.
        let root = |square: T| match self.0.form {
            RmsPropForm::TensorFlow => (square + epsilon).sqrt(),
            RmsPropForm::PyTorch => square.sqrt() + epsilon,
        };
        let (within, after) = match self.0.form {
            RmsPropForm::TensorFlow => (learning_rate, T::of(1.0)),
            RmsPropForm::PyTorch => (T::of(1.0), learning_rate),
        };
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        match numbers.slots {
            [squares, velocities] => {
                let kept = squares.iter_mut().zip(velocities.iter_mut());
                for ((weight, &gradient), (square, velocity)) in pairs.zip(kept) {
                    *square += (gradient * gradient - *square) * gain;
                    *velocity = *velocity * momentum + gradient * within / root(*square);
                    *weight -= *velocity * after;
                }
            }
            [squares, velocities, means] => {
                let kept = squares.iter_mut().zip(velocities.iter_mut());
                let kept = kept.zip(means.iter_mut());
                for ((weight, &gradient), ((square, velocity), mean)) in pairs.zip(kept) {
                    *square += (gradient * gradient - *square) * gain;
                    *mean += (gradient - *mean) * gain;
                    let root = root(*square - *mean * *mean);
                    *velocity = *velocity * momentum + gradient * within / root;
                    *weight -= *velocity * after;
                }
            }
            _ => unreachable!("two slots, centred three"),
        }
    }
}
