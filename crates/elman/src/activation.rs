//! Activation functions in plain Burn operations; the fused kernels have their own.

pub use elman_kernels::Activation;

use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, softplus};

/// Scale and slope of the self-normalising activation (Klambauer et al. 2017; `tf.nn.selu`).
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

/// Applies `activation` to every element.
pub fn activate<const D: usize>(activation: Activation, x: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
        Activation::Relu => x.clamp_min(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu => x.clone().clamp_min(0.0) + x.clamp_max(0.0) * 0.2,
        Activation::Elu => x.clone().clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0),
        Activation::Selu => {
            let negative = (x.clone().clamp_max(0.0).exp() - 1.0) * (SELU_SCALE * SELU_ALPHA);
            x.clamp_min(0.0) * SELU_SCALE + negative
        }
        Activation::Softplus => softplus(x, 1.0),
        Activation::Softsign => x.clone() / (x.abs() + 1.0),
    }
}
