//! Adam, as TensorFlow 1 computes it.

use std::collections::BTreeMap;

use burn::tensor::DType;

use super::rule::{Number, Numbers, Rule};
use crate::recipe::AdamSettings;

/// Adam with TF 1's arithmetic (`tf.train.AdamOptimizer`, slots `m` and `v`).
///
/// ```text
/// rate   = learning_rate · √(1 - beta2^t) / (1 - beta1^t)
/// first  = first  + (gradient  - first)  · (1 - beta1)
/// second = second + (gradient² - second) · (1 - beta2)
/// weight = weight - first · rate / (√second + epsilon)
/// ```
///
/// Kingma and Ba (2015), arXiv 1412.6980, the form before section 2.1: `epsilon` stands outside
/// the bias correction, so this is not Burn's Adam. The powers of beta are carried as products
/// in the parameters' number type, as TF 1's `beta1_power` and `beta2_power` are.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    settings: AdamSettings,
    /// beta1^t and beta2^t after `t` steps.
    powers: [f64; 2],
}

/// The names of the powers in a saved state: as TF 1 calls them.
const POWERS: [&str; 2] = ["beta1_power", "beta2_power"];

impl Adam {
    pub(super) fn new(settings: AdamSettings) -> Self {
        Self {
            settings,
            powers: [1.0, 1.0],
        }
    }

    /// The update of one number: weight, gradient, first and second moment.
    pub(super) fn formula<T: Number>(
        &self,
        learning_rate: T,
    ) -> impl Fn(&mut T, T, &mut T, &mut T) + use<T> {
        let one = T::of(1.0);
        let [beta1_power, beta2_power] = self.powers.map(T::of);
        let rate = learning_rate * (one - beta2_power).sqrt() / (one - beta1_power);
        let gain1 = one - T::of(self.settings.beta1);
        let gain2 = one - T::of(self.settings.beta2);
        let epsilon = T::of(self.settings.epsilon);
        move |weight, gradient, first, second| {
            *first += (gradient - *first) * gain1;
            *second += (gradient * gradient - *second) * gain2;
            *weight -= *first * rate / (second.sqrt() + epsilon);
        }
    }
}

impl Rule for Adam {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        vec![("m", 0.0), ("v", 0.0)]
    }

    fn begin(&mut self, dtype: DType) {
        let betas = [self.settings.beta1, self.settings.beta2];
        for (power, beta) in self.powers.iter_mut().zip(betas) {
            *power = match dtype {
                DType::F64 => *power * beta,
                _ => f64::from(*power as f32 * beta as f32),
            };
        }
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let formula = self.formula(learning_rate);
        let [firsts, seconds] = numbers.slots else {
            unreachable!("two slots");
        };
        let moments = firsts.iter_mut().zip(seconds.iter_mut());
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        for ((weight, &gradient), (first, second)) in pairs.zip(moments) {
            formula(weight, gradient, first, second);
        }
    }

    fn scalars(&self) -> BTreeMap<String, f64> {
        POWERS
            .map(str::to_owned)
            .into_iter()
            .zip(self.powers)
            .collect()
    }

    fn restore(&mut self, scalars: &BTreeMap<String, f64>) -> Option<()> {
        for (power, name) in self.powers.iter_mut().zip(POWERS) {
            *power = *scalars.get(name)?;
        }
        Some(())
    }
}
