use burn::tensor::{DType, Device, Tensor};

use super::{Initializer, KernelShape};
use crate::random::Seed;

/// `F`, `O`, `G`, `H` of a wide fused kernel.
const SHAPE: [usize; 2] = [150, 400];

fn numbers(initializer: &Initializer) -> Vec<f64> {
    initializer.numbers(&SHAPE, Seed::new(14))
}

/// Mean, variance and largest magnitude of 60,000 draws are those of the distribution. The error of
/// a variance of so many draws is below 0.6 % of it (√(2/60,000)); 3 % are five times that.
#[test]
fn the_moments_are_those_of_the_papers() {
    let [fan_in, fan_out] = SHAPE.map(|size| size as f64);
    let truncated = 0.774; // the variance of a standard normal within ±2
    for (initializer, variance, bound) in [
        (
            Initializer::GlorotUniform,
            2.0 / (fan_in + fan_out),
            3.0_f64.sqrt(),
        ),
        (Initializer::HeUniform, 2.0 / fan_in, 3.0_f64.sqrt()),
        (Initializer::LecunUniform, 1.0 / fan_in, 3.0_f64.sqrt()),
        (Initializer::GlorotNormal, 2.0 / (fan_in + fan_out), 2.274),
        (Initializer::HeNormal, 2.0 / fan_in, 2.274),
        (Initializer::LecunNormal, 1.0 / fan_in, 2.274),
        (
            Initializer::TruncatedNormal { deviation: 0.3 },
            0.09 * truncated,
            2.274,
        ),
        (Initializer::Normal { deviation: 0.3 }, 0.09, f64::INFINITY),
        (
            Initializer::Uniform {
                low: -0.3,
                high: 0.3,
            },
            0.03,
            3.0_f64.sqrt(),
        ),
    ] {
        let numbers = numbers(&initializer);
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let found = numbers.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count;
        assert!(
            (found / variance - 1.0).abs() < 0.03,
            "{initializer:?}: {found} for {variance}"
        );
        assert!(
            mean.abs() < 5.0 * (variance / count).sqrt(),
            "{initializer:?}: mean {mean}"
        );
        let largest = numbers.iter().copied().map(f64::abs).fold(0.0, f64::max);
        let largest = largest / variance.sqrt();
        assert!(largest <= bound, "{initializer:?}: {largest} above {bound}");
        assert!(
            largest > 0.99 * bound.min(4.0),
            "{initializer:?}: {largest} of {bound}"
        );
    }
}

#[test]
fn orthogonal_rows_or_columns_are_orthogonal() {
    for [rows, columns] in [[5, 5], [3, 7], [7, 3], [1, 4], [64, 64]] {
        let gain = 1.5;
        let numbers = Initializer::Orthogonal { gain }.numbers(&[rows, columns], Seed::new(3));
        let of = |vector: usize, element: usize| match rows <= columns {
            true => numbers[vector * columns + element],
            false => numbers[element * columns + vector],
        };
        for first in 0..rows.min(columns) {
            for second in 0..=first {
                let length = rows.max(columns);
                let product: f64 = (0..length).map(|it| of(first, it) * of(second, it)).sum();
                let expected = if first == second { gain * gain } else { 0.0 };
                assert!(
                    (product - expected).abs() < 1e-12,
                    "{rows}x{columns}: {product}"
                );
            }
        }
    }
}

#[test]
fn identity_is_the_identity() {
    let numbers = Initializer::Identity { gain: 0.5 }.numbers(&[2, 3], Seed::new(3));
    assert_eq!(numbers, [0.5, 0.0, 0.0, 0.0, 0.5, 0.0]);
}

/// A recurrent initialiser fills each gate's square block, and nothing else.
#[test]
fn a_recurrent_initialiser_fills_the_rows_of_the_hidden_state() {
    let shape = KernelShape {
        inputs: 2,
        outputs: 3,
        gates: 2,
        units: 3,
    };
    let (seed, options) = (Seed::new(1), (&Device::flex(), DType::F64));
    let inputs = Initializer::Constant(7.0);
    let recurrent = Initializer::Identity { gain: 1.0 };
    let kernel = inputs.kernel(Some(&recurrent), shape, seed, options);
    let eye = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let eye = Tensor::<2>::from_data(eye, options);
    let expected = Tensor::cat(
        vec![
            Tensor::full([2, 6], 7.0, options),
            Tensor::cat(vec![eye.clone(), eye], 1),
        ],
        0,
    );
    assert_eq!(kernel.val().into_data(), expected.into_data());

    let plain = inputs.kernel(None, shape, seed, options);
    let expected = inputs.init::<2>([5, 6], seed, DType::F64, &Device::flex());
    assert_eq!(plain.val().into_data(), expected.val().into_data());
}
