//! Penalties on the size of weights.
//!
//! ```text
//! l1             loss + l1 · Σ|w|        gradient + l1 · sign(w)
//! l2             loss + l2 · Σ w² / 2    gradient + l2 · w
//! weight_decay   w = w - weight_decay · w, before the optimiser's step
//! ```
//!
//! `tf.contrib.layers.l1_regularizer`, `l2_regularizer` and
//! `tf.contrib.opt.DecoupledWeightDecayExtension`. Matrices are penalised; vectors (biases,
//! peepholes) are not. The loss that is reported is without the penalty, the gradients' norms are
//! with it.

use burn::tensor::{DType, TensorData};

/// How large weights are held down (`[train.regularisation]`); 0 means not at all, the default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularisation {
    /// The factor of the sum of absolute values.
    pub l1: f64,
    /// The factor of half the sum of squares.
    pub l2: f64,
    /// The part of each weight that every step takes away, whatever the learning rate.
    pub weight_decay: f64,
}

impl Regularisation {
    /// Does it change gradients?
    pub(super) fn penalises(&self) -> bool {
        self.l1 != 0.0 || self.l2 != 0.0
    }

    /// Adds the penalty's gradient; both tensors are of one shape and number type.
    pub(super) fn add_to(&self, gradient: &mut TensorData, weights: &TensorData) {
        macro_rules! add {
            ($number:ty) => {{
                let (l1, l2) = (self.l1 as $number, self.l2 as $number);
                let weights = weights.as_slice::<$number>();
                let gradient = gradient.as_mut_slice::<$number>();
                if let (Ok(gradient), Ok(weights)) = (gradient, weights) {
                    for (gradient, &weight) in gradient.iter_mut().zip(weights) {
                        // TensorFlow's sign of 0 is 0.
                        let sign = if weight == 0.0 { 0.0 } else { weight.signum() };
                        *gradient += l1 * sign + l2 * weight;
                    }
                }
            }};
        }
        match gradient.dtype() {
            DType::F64 => add!(f64),
            _ => add!(f32),
        }
    }
}
