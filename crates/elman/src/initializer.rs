//! How parameters are born.

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::random::{Generator, Seed};

/// How a parameter is filled before training.
///
/// The fans of a matrix are its two sizes, also of a fused kernel `[F+H, G·H]`: there the numbers
/// depend on the number of gates, as in TF 1. Both fans of a vector are its length. "Truncated
/// normal" draws again what is more than two standard deviations from 0; where an initialiser
/// of that shape states a variance, it is that of what remains (`variance_scaling_initializer`).
#[derive(Clone, Debug, PartialEq)]
pub enum Initializer {
    /// Uniform in ±√(6/(fan_in + fan_out)): Glorot and Bengio (2010), TF 1's default.
    GlorotUniform,
    /// Truncated normal of variance 2/(fan_in + fan_out): Glorot and Bengio (2010);
    /// `tf.glorot_normal_initializer`.
    GlorotNormal,
    /// Uniform in ±√(6/fan_in): He et al. (2015), for relu; `tf.initializers.he_uniform`.
    HeUniform,
    /// Truncated normal of variance 2/fan_in: He et al. (2015), for relu;
    /// `tf.initializers.he_normal`.
    HeNormal,
    /// Uniform in ±√(3/fan_in): LeCun et al. (1998), for selu; `tf.initializers.lecun_uniform`.
    LecunUniform,
    /// Truncated normal of variance 1/fan_in: LeCun et al. (1998), for selu;
    /// `tf.initializers.lecun_normal`.
    LecunNormal,
    /// A matrix whose rows (columns, where it has fewer) are orthogonal and of length `gain`, all
    /// such matrices being equally likely: Saxe, McClelland and Ganguli (2014), arXiv 1312.6120;
    /// `tf.orthogonal_initializer`.
    Orthogonal {
        /// The length.
        gain: f64,
    },
    /// `gain` on the diagonal, else 0: for the recurrent weights of a relu cell; Le, Jaitly and
    /// Hinton (2015), arXiv 1504.00941; `tf.initializers.identity`.
    Identity {
        /// What stands on the diagonal.
        gain: f64,
    },
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
    /// Truncated normal with mean 0: `tf.truncated_normal_initializer`.
    TruncatedNormal {
        /// Standard deviation before truncation.
        deviation: f64,
    },
    /// The same number everywhere.
    Constant(f64),
    /// These numbers, in row-major order.
    Values(Vec<f64>),
}

/// The standard deviation of a standard normal truncated at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// Fills a parameter of `shape`, a leaf that is trained, in `dtype` (f32 or f64).
    ///
    /// # Panics
    ///
    /// When [`Values`](Self::Values) does not have as many numbers as `shape` needs, or
    /// [`Orthogonal`](Self::Orthogonal) and [`Identity`](Self::Identity) fill what is no matrix.
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

    /// Fills the kernel of a cell, `[F+O, G·H]`, whose first rows meet the inputs and whose others
    /// meet the hidden state.
    ///
    /// With a `recurrent` initialiser those other rows are filled gate by gate, `[O, H]` each, and
    /// the fans of the rest are `F` and `G·H`.
    pub(crate) fn kernel(
        &self,
        recurrent: Option<&Self>,
        shape: KernelShape,
        seed: Seed,
        options: (&Device, DType),
    ) -> Param<Tensor<2>> {
        let KernelShape {
            inputs,
            outputs,
            gates,
            units,
        } = shape;
        let width = gates * units;
        let (device, dtype) = options;
        let Some(recurrent) = recurrent else {
            return self.init([inputs + outputs, width], seed, dtype, device);
        };
        let mut numbers = self.numbers(&[inputs, width], seed.child("inputs"));
        let blocks: Vec<Vec<f64>> = (0..gates)
            .map(|gate| recurrent.numbers(&[outputs, units], seed.child(&format!("gate {gate}"))))
            .collect();
        for row in 0..outputs {
            let of_row = blocks.iter().map(|block| &block[row * units..][..units]);
            numbers.extend(of_row.flatten());
        }
        let data = TensorData::new(numbers, [inputs + outputs, width]);
        Param::from_tensor(Tensor::from_data(data, (device, dtype)))
    }

    fn numbers(&self, shape: &[usize], seed: Seed) -> Vec<f64> {
        let count: usize = shape.iter().product();
        let mut generator = seed.generator("initialise");
        let fan_in = shape.first().copied().unwrap_or(1) as f64;
        let fan_out = shape.last().copied().unwrap_or(1) as f64;
        let mut fill = |mut draw: Box<dyn FnMut(&mut Generator) -> f64>| -> Vec<f64> {
            (0..count).map(|_| draw(&mut generator)).collect()
        };
        let within = |limit: f64| -> Box<dyn FnMut(&mut Generator) -> f64> {
            Box::new(move |generator| generator.uniform_in(-limit, limit))
        };
        let of_variance = |variance: f64| -> Box<dyn FnMut(&mut Generator) -> f64> {
            let deviation = variance.sqrt() / TRUNCATED_DEVIATION;
            Box::new(move |generator| deviation * truncated_normal(generator))
        };
        match self {
            Self::GlorotUniform => fill(within((6.0 / (fan_in + fan_out)).sqrt())),
            Self::GlorotNormal => fill(of_variance(2.0 / (fan_in + fan_out))),
            Self::HeUniform => fill(within((6.0 / fan_in).sqrt())),
            Self::HeNormal => fill(of_variance(2.0 / fan_in)),
            Self::LecunUniform => fill(within((3.0 / fan_in).sqrt())),
            Self::LecunNormal => fill(of_variance(1.0 / fan_in)),
            Self::Orthogonal { gain } => {
                let [rows, columns] = matrix(shape);
                orthogonal(rows, columns, *gain, &mut generator)
            }
            Self::Identity { gain } => {
                let [rows, columns] = matrix(shape);
                let mut numbers = vec![0.0; count];
                for index in 0..rows.min(columns) {
                    numbers[index * columns + index] = *gain;
                }
                numbers
            }
            &Self::Uniform { low, high } => {
                fill(Box::new(move |generator| generator.uniform_in(low, high)))
            }
            &Self::Normal { deviation } => {
                fill(Box::new(move |generator| deviation * generator.normal()))
            }
            &Self::TruncatedNormal { deviation } => fill(Box::new(move |generator| {
                deviation * truncated_normal(generator)
            })),
            Self::Constant(value) => vec![*value; count],
            Self::Values(values) => {
                assert_eq!(values.len(), count, "one value per element of {shape:?}");
                values.clone()
            }
        }
    }
}

/// The parts of a cell's kernel, `[F+O, G·H]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelShape {
    /// `F`.
    pub(crate) inputs: usize,
    /// `O`: rows that meet the hidden state.
    pub(crate) outputs: usize,
    /// `G`.
    pub(crate) gates: usize,
    /// `H`.
    pub(crate) units: usize,
}

fn matrix(shape: &[usize]) -> [usize; 2] {
    <[usize; 2]>::try_from(shape).expect("an orthogonal or identity parameter is a matrix")
}

/// Standard normal; what is more than 2 from 0 is drawn again.
fn truncated_normal(generator: &mut Generator) -> f64 {
    loop {
        let draw = generator.normal();
        if draw.abs() <= 2.0 {
            return draw;
        }
    }
}

/// `[rows, columns]`: normal vectors, as many as the smaller of the two, made orthogonal one after
/// the other (Gram and Schmidt, twice, so that roundings do not add up), each of length `gain`.
///
/// Normal vectors know no direction, and each keeps its sign: so no orthogonal matrix is likelier
/// than another (Mezzadri 2007, arXiv math-ph/0609050).
fn orthogonal(rows: usize, columns: usize, gain: f64, generator: &mut Generator) -> Vec<f64> {
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut vector: Vec<f64> = (0..length).map(|_| generator.normal()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let share = dot(&vector, other);
                for (mine, theirs) in vector.iter_mut().zip(other) {
                    *mine -= share * theirs;
                }
            }
        }
        let norm = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|number| *number /= norm);
        vectors.push(vector);
    }
    let of = |row: usize, column: usize| match rows <= columns {
        true => vectors[row][column],
        false => vectors[column][row],
    };
    (0..rows * columns)
        .map(|index| gain * of(index / columns, index % columns))
        .collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests;
