//! TensorFlow 1's random operations on the CPU, bit for bit up to `ln`, `sin` and `cos`.
//!
//! A graph with a seed gives every random operation its own stream of Philox words: the graph's
//! seed is the key, and the number of operations that the graph already had is the upper half of
//! the counter. So the numbers follow from the graph alone. All arithmetic is in f32, as there.
//!
//! Source: `tensorflow/core/lib/random/random_distributions.h`, `tensorflow/python/framework/random_seed.py`.

use std::f32::consts::PI;

use crate::random::Philox;

/// One random operation of a TensorFlow 1 graph.
///
/// ```
/// use elman::random::tensorflow::RandomOp;
///
/// // The first of the numbers that `tf.random_uniform` gives as operation 20 of a graph with seed 42.
/// let kernel = RandomOp::new(42, 20).uniform(8 * 5);
/// assert!(kernel.iter().all(|number| (0.0..1.0).contains(number)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomOp {
    graph_seed: u64,
    op_id: u64,
}

impl RandomOp {
    /// The least `u` of which Box and Muller's transform takes the logarithm.
    const SMALLEST: f32 = 1.0e-7;

    /// The operation that was added to a graph with seed `graph_seed` (`tf.set_random_seed`) when
    /// it had `op_id` operations (`graph._last_id`).
    pub fn new(graph_seed: u64, op_id: u64) -> Self {
        Self { graph_seed, op_id }
    }

    /// `count` numbers in [0, 1), in row-major order (`tf.random_uniform`).
    pub fn uniform(self, count: usize) -> Vec<f32> {
        self.words(count).into_iter().map(unit).collect()
    }

    /// `count` numbers in [`low`, `high`) (`tf.random_uniform(minval, maxval)`).
    pub fn uniform_in(self, low: f32, high: f32, count: usize) -> Vec<f32> {
        let range = high - low;
        self.uniform(count)
            .into_iter()
            .map(|number| number * range + low)
            .collect()
    }

    /// A matrix `[rows, columns]` uniform in ±√(6/(rows + columns)), in row-major order
    /// (`tf.glorot_uniform_initializer`).
    pub fn glorot_uniform(self, [rows, columns]: [usize; 2]) -> Vec<f32> {
        let limit = (6.0 / (rows + columns) as f64).sqrt() as f32;
        self.uniform_in(-limit, limit, rows * columns)
    }

    /// `count` standard normal numbers (`tf.random_normal`).
    ///
    /// ```text
    /// u, v = uniform, uniform      radius = √(-2 ln max(u, 1e-7))      angle = 2πv
    /// normal, normal' = radius · sin(angle), radius · cos(angle)
    /// ```
    ///
    /// Box and Muller (1958), "A Note on the Generation of Random Normal Deviates".
    pub fn normal(self, count: usize) -> Vec<f32> {
        let mut numbers: Vec<f32> = self
            .words(count.next_multiple_of(2))
            .chunks_exact(2)
            .flat_map(|pair| {
                let radius = (-2.0 * unit(pair[0]).max(Self::SMALLEST).ln()).sqrt();
                let angle = 2.0 * PI * unit(pair[1]);
                [radius * angle.sin(), radius * angle.cos()]
            })
            .collect();
        numbers.truncate(count);
        numbers
    }

    /// The first `count` words of this operation's stream.
    fn words(self, count: usize) -> Vec<u32> {
        let mut philox = Philox::new(self.graph_seed, [0, self.op_id]);
        let mut words = Vec::with_capacity(count.next_multiple_of(4));
        while words.len() < count {
            words.extend(philox.next_block());
        }
        words.truncate(count);
        words
    }
}

/// Uniform in [0, 1): the low 23 bits become the fraction of a number in [1, 2).
fn unit(word: u32) -> f32 {
    f32::from_bits(0x3F80_0000 | (word & 0x007F_FFFF)) - 1.0
}

#[cfg(test)]
mod tests {
    use super::{RandomOp, unit};

    #[test]
    fn the_unit_interval_is_half_open() {
        assert_eq!(unit(0), 0.0);
        assert_eq!(unit(u32::MAX), 1.0 - f32::EPSILON);
        assert_eq!(unit(0xFF80_0001), f32::EPSILON);
    }

    #[test]
    fn a_longer_draw_begins_with_the_shorter_one() {
        let op = RandomOp::new(42, 5);
        for count in 0..10 {
            assert_eq!(op.uniform(count), op.uniform(12)[..count]);
            assert_eq!(op.normal(count), op.normal(12)[..count]);
        }
    }

    #[test]
    fn every_operation_has_its_own_numbers() {
        let numbers = RandomOp::new(42, 5).uniform(8);
        assert_ne!(numbers, RandomOp::new(42, 6).uniform(8));
        assert_ne!(numbers, RandomOp::new(43, 5).uniform(8));
    }

    /// Mean and deviation of n normals stray by about 1/√n and 1/√(2n): here 0.003 and 0.002.
    /// Sines come first, so the two halves of every pair are looked at apart.
    #[test]
    fn normal_numbers_are_normal() {
        let numbers = RandomOp::new(42, 14).normal(200_000);
        for half in 0..2 {
            let half: Vec<f64> = numbers
                .iter()
                .skip(half)
                .step_by(2)
                .map(|&x| f64::from(x))
                .collect();
            let count = half.len() as f64;
            let mean = half.iter().sum::<f64>() / count;
            let deviation = (half.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
            assert!(mean.abs() < 0.015, "mean {mean}");
            assert!((deviation - 1.0).abs() < 0.01, "deviation {deviation}");
        }
    }

    #[test]
    fn glorot_numbers_fill_their_interval() {
        let limit = (6.0_f32 / 13.0).sqrt();
        let numbers = RandomOp::new(42, 20).glorot_uniform([8, 5]);
        assert_eq!(numbers.len(), 40);
        assert!(numbers.iter().all(|number| number.abs() <= limit));
        assert!(numbers.iter().any(|&number| number > 0.8 * limit));
        assert!(numbers.iter().any(|&number| number < -0.8 * limit));
    }
}
