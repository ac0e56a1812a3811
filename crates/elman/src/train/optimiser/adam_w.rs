//! Adam with decoupled weight decay, as TensorFlow 1's contrib computes it.

use std::collections::BTreeMap;

use burn::tensor::DType;

use super::adam::Adam;
use super::rule::{Number, Numbers, Rule};
use crate::recipe::AdamWSettings;

/// AdamW (`tf.contrib.opt.AdamWOptimizer`, slots `m` and `v`).
///
/// ```text
/// weight = weight - weight_decay · weight
/// weight = the step of Adam
/// ```
///
/// Loshchilov and Hutter (2019), arXiv 1711.05101. As in TF 1 the decay is not multiplied by the
/// learning rate (in PyTorch and Keras it is), and every parameter decays, biases too.
#[derive(Clone, Debug)]
pub(super) struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

impl AdamW {
    pub(super) fn new(settings: AdamWSettings) -> Self {
        Self {
            adam: Adam::new(settings.adam),
            weight_decay: settings.weight_decay,
        }
    }
}

impl Rule for AdamW {
    fn slots(&self) -> Vec<(&'static str, f64)> {
        self.adam.slots()
    }

    fn begin(&mut self, dtype: DType) {
        self.adam.begin(dtype);
    }

    fn step<T: Number>(&self, learning_rate: T, numbers: Numbers<'_, T>) {
        let formula = self.adam.formula(learning_rate);
        let decay = T::of(self.weight_decay);
        let [firsts, seconds] = numbers.slots else {
            unreachable!("two slots");
        };
        let moments = firsts.iter_mut().zip(seconds.iter_mut());
        let pairs = numbers.weights.iter_mut().zip(numbers.gradient);
        for ((weight, &gradient), (first, second)) in pairs.zip(moments) {
            *weight -= decay * *weight;
            formula(weight, gradient, first, second);
        }
    }

    fn scalars(&self) -> BTreeMap<String, f64> {
        self.adam.scalars()
    }

    fn restore(&mut self, scalars: &BTreeMap<String, f64>) -> Option<()> {
        self.adam.restore(scalars)
    }
}
