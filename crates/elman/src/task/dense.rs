//! A fully connected layer.
//!
//! ```text
//! y = x · kernel + bias
//! ```
//!
//! `tf.layers.dense` without an activation.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::fused::{self, DenseRunner};
use crate::initializer::Initializer;
use crate::random::Seed;

/// A fully connected layer (`tf.layers.dense` without an activation).
#[derive(Module, Debug)]
pub struct Dense {
    /// `[H, V]`, glorot uniform.
    pub kernel: Param<Tensor<2>>,
    /// `[V]`, zero at first.
    pub bias: Param<Tensor<1>>,
}

impl Dense {
    /// Over `inputs` (`H`) features, with so many `outputs` (`V`), in f32; the kernel is drawn by `seed`.
    pub fn init(inputs: usize, outputs: usize, seed: Seed, device: &Device) -> Self {
        let kernel = [inputs, outputs];
        Self {
            kernel: Initializer::GlorotUniform.init(kernel, seed, DType::F32, device),
            bias: Initializer::Constant(0.0).init([outputs], seed, DType::F32, device),
        }
    }

    /// `[N, V]`, of `[N, H]`: on this machine's processor with the kernels and threads of the cells.
    ///
    /// # Panics
    ///
    /// As a product of Burn's does, when `inputs` has other than `H` columns.
    pub fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        fused::dense(inputs, self.kernel.val(), self.bias.val())
    }

    /// Itself, to be asked again and again in inference.
    pub(crate) fn runner(&self) -> DenseRunner {
        DenseRunner::new(self.kernel.val(), self.bias.val())
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.bias.val().device()
    }
}
