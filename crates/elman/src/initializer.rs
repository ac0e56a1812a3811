//! How parameters are born.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::random::Seed;

/// How a parameter is filled before training.
#[derive(Clone, Debug, PartialEq)]
pub enum Initializer {
    /// Uniform in ±√(6/(fan_in + fan_out)): Glorot and Bengio (2010), TF 1's default.
    ///
    /// For a matrix the fans are its two sizes (for a fused kernel `[F+H, G·H]` so too: the limit
    /// depends on the number of gates, as in TF 1); for a vector both are its length.
    GlorotUniform,
    /// Uniform in [low, high).
    Uniform {
        /// Inclusive lower end.
        low: f64,
        /// Exclusive upper end.
        high: f64,
    },
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
    /// The same number everywhere.
    Constant(f64),
    /// These numbers, in row-major order.
    Values(Vec<f64>),
}

impl Initializer {
    /// Fills a parameter of `shape`, a leaf that is trained, in `dtype` (f32 or f64).
    ///
    /// # Panics
    ///
    /// When [`Values`](Self::Values) does not have as many numbers as `shape` needs.
    pub fn init<const D: usize>(
        &self,
        shape: [usize; D],
        seed: Seed,
        dtype: DType,
        device: &Device,
    ) -> Param<Tensor<D>> {
        let data = TensorData::new(self.numbers(&shape, seed), shape);
        Param::from_tensor(Tensor::from_data(data, (device, dtype)))
    }

    fn numbers(&self, shape: &[usize], seed: Seed) -> Vec<f64> {
        let count: usize = shape.iter().product();
        let mut generator = seed.generator("initialise");
        match self {
            Self::GlorotUniform => {
                let fan_in = shape.first().copied().unwrap_or(1);
                let fan_out = shape.last().copied().unwrap_or(1);
                let limit = (6.0 / (fan_in + fan_out) as f64).sqrt();
                (0..count)
                    .map(|_| generator.uniform_in(-limit, limit))
                    .collect()
            }
            Self::Uniform { low, high } => (0..count)
                .map(|_| generator.uniform_in(*low, *high))
                .collect(),
            Self::Normal { deviation } => {
                (0..count).map(|_| deviation * generator.normal()).collect()
            }
            Self::Constant(value) => vec![*value; count],
            Self::Values(values) => {
                assert_eq!(values.len(), count, "one value per element of {shape:?}");
                values.clone()
            }
        }
    }
}
