//! Layer normalisation inside cells.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::initializer::Initializer;
use crate::random::Seed;

/// What TF 1's `contrib.layers.layer_norm` adds to the variance of f32 and f64.
pub(crate) const TENSORFLOW_EPSILON: f64 = 1e-12;

/// Layer normalisation of `N` features, all together or in equal groups.
///
/// ```text
/// y = gain ⊙ (x - mean(x)) / √(variance(x) + epsilon) + shift
/// ```
///
/// Mean and variance are those of one row (of one group of it). Ba, Kiros and Hinton (2016),
/// "Layer Normalization", arXiv 1607.06450; `tf.contrib.layers.layer_norm`.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// γ, `[N]`.
    pub gain: Param<Tensor<1>>,
    /// β, `[N]`.
    pub shift: Param<Tensor<1>>,
    /// Added to the variance.
    #[module(skip)]
    pub epsilon: f64,
}

/// How a [`LayerNorm`] is born.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayerNormStart {
    pub(crate) gain: f64,
    pub(crate) shift: f64,
    pub(crate) epsilon: f64,
}

impl Default for LayerNormStart {
    /// TF 1's: gain 1, shift 0.
    fn default() -> Self {
        Self {
            gain: 1.0,
            shift: 0.0,
            epsilon: TENSORFLOW_EPSILON,
        }
    }
}

impl LayerNormStart {
    pub(crate) fn init(self, features: usize, dtype: DType, device: &Device) -> LayerNorm {
        let all =
            |value| Initializer::Constant(value).init::<1>([features], Seed::new(0), dtype, device);
        LayerNorm {
            gain: all(self.gain),
            shift: all(self.shift),
            epsilon: self.epsilon,
        }
    }
}

impl LayerNorm {
    /// Normalises `x`, `[R, N]`, in `groups` of `N / groups` neighbouring columns.
    pub(crate) fn apply(&self, x: Tensor<2>, groups: usize) -> Tensor<2> {
        let [rows, width] = x.dims();
        let x = x.reshape([rows, groups, width / groups]);
        let centred = x.clone() - x.mean_dim(2);
        let variance = centred.clone().square().mean_dim(2);
        let scaled = centred / (variance + self.epsilon).sqrt();
        scaled.reshape([rows, width]) * self.gain.val().unsqueeze() + self.shift.val().unsqueeze()
    }
}
