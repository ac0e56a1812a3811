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

#[cfg(test)]
mod tests {
    use super::*;

    /// Some roundings of f64.
    const TOLERANCE: f64 = 1e-14;

    /// Two weights after three steps.
    fn after_three_steps(momentum: f64, centered: bool) -> [f64; 2] {
        let rule = RmsProp(RmsPropSettings {
            learning_rate: 0.002,
            decay: 0.95,
            momentum,
            epsilon: 1e-8,
            centered,
            form: RmsPropForm::PyTorch,
        });
        let mut weights = [1.0, -2.0];
        let mut slots: Vec<[f64; 2]> = rule.slots().iter().map(|slot| [slot.1; 2]).collect();
        for gradient in [[0.5, -1.0], [0.25, 2.0], [-1.0, 0.125]] {
            let mut slots: Vec<&mut [f64]> = slots.iter_mut().map(|slot| &mut slot[..]).collect();
            let numbers = Numbers {
                weights: &mut weights,
                gradient: &gradient,
                slots: &mut slots,
            };
            rule.step(0.002, numbers);
        }
        weights
    }

    #[test]
    fn its_form_in_pytorch_gives_pytorchs_numbers() {
        // torch.optim.RMSprop(lr=0.002, alpha=0.95, eps=1e-8) of PyTorch 2.15.0 in f64.
        for (momentum, centered, expected) in [
            (
                0.0,
                false,
                [0.994_863_544_438_936_2, -1.999_610_749_941_002_5],
            ),
            (
                0.5,
                false,
                [0.986_114_099_820_784, -1.996_922_697_488_731_7],
            ),
            (
                0.5,
                true,
                [0.985_435_138_667_670_9, -1.996_587_264_225_809_1],
            ),
        ] {
            let found = after_three_steps(momentum, centered);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < TOLERANCE, "{found} {expected}");
            }
        }
    }
}
