//! Gradient clipping, as TensorFlow 1 computes it.
//!
//! ```text
//! by value         g = min(max(g, -limit), limit)           every number
//! by norm          g = g · limit / max(‖g‖, limit)           every gradient by itself
//! by global norm   g = g · limit / max(‖all g‖, limit)       all gradients as one
//! ```
//!
//! `tf.clip_by_value`, `tf.clip_by_norm`, `tf.clip_by_global_norm`; Pascanu, Mikolov and Bengio
//! (2013), arXiv 1211.5063. What is within the limit stays as it is, bit for bit.

use burn::tensor::{DType, Element, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::threads::deal_out;

/// How gradients are kept small (`train.clip.by`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Every number stays within ± this (`"value"`).
    Value(f64),
    /// The norm of each parameter's gradient is at most this (`"norm"`).
    Norm(f64),
    /// The norm of all gradients together is at most this (`"global_norm"`).
    GlobalNorm(f64),
}

/// The Euclidean norm of all gradients together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientNorms {
    /// As the loss gave them, with what regularisation adds.
    pub before: f64,
    /// As the optimiser got them.
    pub after: f64,
}

impl Clip {
    /// Clips `gradients`, all of f32 or all of f64, in place.
    ///
    /// # Errors
    ///
    /// When a gradient is of another number type, or the squares of its numbers do not sum to a
    /// finite number.
    pub fn apply(self, gradients: &mut [TensorData]) -> Result<GradientNorms> {
        clipped(Some(self), gradients.iter_mut().collect())
    }
}

/// Clips if asked to and measures before and after.
pub(super) fn clipped(
    clip: Option<Clip>,
    mut gradients: Vec<&mut TensorData>,
) -> Result<GradientNorms> {
    let squares = square_sums(&gradients)?;
    let before = squares.iter().sum::<f64>().sqrt();
    let Some(clip) = clip else {
        return Ok(GradientNorms {
            before,
            after: before,
        });
    };
    for (gradient, square) in gradients.iter_mut().zip(&squares) {
        match clip {
            Clip::Value(limit) => cut(gradient, limit),
            Clip::Norm(limit) => scale(gradient, limit, square.sqrt()),
            Clip::GlobalNorm(limit) => scale(gradient, limit, before),
        }
    }
    let after = square_sums(&gradients)?.iter().sum::<f64>().sqrt();
    Ok(GradientNorms { before, after })
}

/// Of every gradient: each is one sum, the gradients are dealt out to threads.
fn square_sums(gradients: &[&mut TensorData]) -> Result<Vec<f64>> {
    let refused = |at: usize, found: String, advice: &str| {
        Err(Error::argument(format!("gradient {at}"), found, advice))
    };
    let known = |gradient: &&mut TensorData| matches!(gradient.dtype(), DType::F32 | DType::F64);
    if let Some(at) = gradients.iter().position(|gradient| !known(gradient)) {
        let found = format!("its numbers are {:?}", gradients[at].dtype());
        return refused(at, found, "train in f32 or f64");
    }
    let mut sums = vec![0.0; gradients.len()];
    let items: Vec<_> = gradients.iter().zip(&mut sums).collect();
    deal_out(items, |(gradient, sum)| {
        *sum = match gradient.dtype() {
            DType::F64 => square_sum(gradient.as_slice::<f64>().expect("f64")),
            _ => square_sum(gradient.as_slice::<f32>().expect("f32")),
        };
    });
    if let Some(at) = sums.iter().position(|sum| !sum.is_finite()) {
        let found = "the squares of its numbers do not sum to a finite number";
        return refused(at, found.to_owned(), "lower the learning rate");
    }
    Ok(sums)
}

/// How many numbers a thread takes at a time, where each is by itself: work of some microseconds.
pub(super) const CHUNK: usize = 1 << 14;

/// How many sums run side by side.
const LANES: usize = 16;

/// Σ number², in f64 and in one order on every machine.
pub(super) fn square_sum<T: Copy + Into<f64>>(numbers: &[T]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = numbers.as_chunks::<LANES>();
    for chunk in whole {
        for (sum, &number) in sums.iter_mut().zip(chunk) {
            let number: f64 = number.into();
            *sum += number * number;
        }
    }
    for (sum, &number) in sums.iter_mut().zip(rest) {
        let number: f64 = number.into();
        *sum += number * number;
    }
    sums.iter().sum()
}

fn cut(gradient: &mut TensorData, limit: f64) {
    match gradient.dtype() {
        DType::F64 => each_number::<f64>(gradient, |number| number.clamp(-limit, limit)),
        _ => {
            let limit = limit as f32;
            each_number::<f32>(gradient, |number| number.clamp(-limit, limit));
        }
    }
}

fn scale(gradient: &mut TensorData, limit: f64, norm: f64) {
    if norm <= limit {
        return;
    }
    let factor = limit / norm;
    match gradient.dtype() {
        DType::F64 => each_number::<f64>(gradient, |number| number * factor),
        _ => {
            let factor = factor as f32;
            each_number::<f32>(gradient, |number| number * factor);
        }
    }
}

/// Replaces every number, on all threads.
fn each_number<T: Element>(gradient: &mut TensorData, new: impl Fn(T) -> T + Sync) {
    let numbers = gradient.as_mut_slice::<T>().expect("numbers of this type");
    deal_out(numbers.chunks_mut(CHUNK).collect(), |chunk| {
        for number in chunk {
            *number = new(*number);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradients() -> Vec<TensorData> {
        vec![
            TensorData::new(vec![3.0_f32, -4.0], [2]),
            TensorData::new(vec![0.0_f32, 12.0, 0.0], [1, 3]),
        ]
    }

    fn numbers(gradients: &[TensorData]) -> Vec<f32> {
        let slices = gradients.iter().map(|data| data.as_slice().expect("f32"));
        slices.collect::<Vec<&[f32]>>().concat()
    }

    fn clip(clip: Clip) -> (Vec<f32>, GradientNorms) {
        let mut gradients = gradients();
        let norms = clip.apply(&mut gradients).expect("finite");
        (numbers(&gradients), norms)
    }

    #[test]
    fn by_value_by_norm_and_by_global_norm() {
        // ‖(3, -4)‖ = 5, ‖12‖ = 12, of both together 13.
        let (found, norms) = clip(Clip::Value(3.5));
        assert_eq!(found, [3.0, -3.5, 0.0, 3.5, 0.0]);
        assert_eq!(norms.before, 13.0);
        assert_eq!(norms.after, (9.0_f64 + 2.0 * 3.5 * 3.5).sqrt());
        let (found, norms) = clip(Clip::Norm(6.0));
        assert_eq!(found, [3.0, -4.0, 0.0, 6.0, 0.0]);
        assert_eq!(norms.after, 61.0_f64.sqrt());
        let (found, norms) = clip(Clip::GlobalNorm(6.5));
        assert_eq!(found, [1.5, -2.0, 0.0, 6.0, 0.0]);
        assert_eq!(norms.after, 6.5);
    }

    #[test]
    fn what_is_within_the_limit_stays_as_it_is() {
        for limit in [Clip::Value(12.0), Clip::Norm(12.0), Clip::GlobalNorm(13.0)] {
            let (found, norms) = clip(limit);
            assert_eq!(found, numbers(&gradients()));
            assert_eq!(norms.before, norms.after);
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let mut gradients = vec![TensorData::new(vec![1.0_f32, f32::NAN], [2])];
        let error = Clip::Value(1.0).apply(&mut gradients).expect_err("NaN");
        assert_eq!(
            error.to_string(),
            "gradient 0: the squares of its numbers do not sum to a finite number; \
             lower the learning rate"
        );
    }

    #[test]
    fn a_sum_of_squares_takes_every_number() {
        let numbers: Vec<f32> = (1..=37).map(|number| number as f32).collect();
        assert_eq!(square_sum(&numbers), 37.0 * 38.0 * 75.0 / 6.0);
    }
}
