//! The spectral radius of a matrix.

use burn::tensor::Tensor;

/// Squarings of the matrix: its power 2^28 is looked at.
const SQUARINGS: i32 = 28;

/// The largest absolute value of an eigenvalue of `matrix`, `[n, n]`; NaN when it holds a number
/// that is not finite.
///
/// ```text
/// ρ(W) = lim ‖W^k‖^(1/k)                          k = 2^28, by squaring
/// ```
///
/// Gelfand (1941), "Normierte Ringe". Power iteration follows one vector and does not settle where
/// the largest eigenvalues are a complex pair; the norm of powers does not mind. What comes out is
/// at most `(n κ)^(1/k)` times too large, `κ` being the condition of the eigenvectors: 2e-7 of it
/// where `n κ` is 1e20. The roundings of the first squaring weigh most: of the radius, about
/// `n κ ε (‖W‖/ρ)²`, ε = 1e-16. It costs 28 products of `[n, n]`. Why not a crate: `docs/adr/0015`.
///
/// # Panics
///
/// When the matrix is not square.
pub fn spectral_radius(matrix: &Tensor<2>) -> f64 {
    let [n, columns] = matrix.dims();
    assert_eq!(n, columns, "a square matrix has eigenvalues");
    let mut power: Vec<f64> = matrix.to_data().iter().collect();
    // ln of what the power was divided by.
    let mut logarithm = 0.0;
    for squaring in 0..=SQUARINGS {
        if power.iter().any(|number| !number.is_finite()) {
            return f64::NAN;
        }
        let norm = power.iter().fold(0.0, |norm: f64, x| norm.max(x.abs()));
        if norm == 0.0 {
            return 0.0;
        }
        logarithm += norm.ln();
        if squaring == SQUARINGS {
            break;
        }
        for number in &mut power {
            *number /= norm;
        }
        power = squared(&power, n);
        logarithm *= 2.0;
    }
    (logarithm / 2_f64.powi(SQUARINGS)).exp()
}

fn squared(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut product = vec![0.0; n * n];
    for (row, into) in matrix.chunks(n).zip(product.chunks_mut(n)) {
        for (&factor, other) in row.iter().zip(matrix.chunks(n)) {
            for (sum, &value) in into.iter_mut().zip(other) {
                *sum += factor * value;
            }
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initializer::Initializer;
    use crate::random::Seed;
    use burn::tensor::{DType, Device, TensorData};

    fn radius(numbers: &[f64]) -> f64 {
        let n = numbers.len().isqrt();
        let data = TensorData::new(numbers.to_vec(), [n, n]);
        spectral_radius(&Tensor::from_data(data, (&Device::flex(), DType::F64)))
    }

    #[test]
    fn matrices_whose_eigenvalues_are_known() {
        let (sine, cosine) = 0.7_f64.sin_cos();
        let cases: [(&str, Vec<f64>, f64); 7] = [
            ("diagonal", vec![0.5, 0.0, 0.0, -0.9], 0.9),
            (
                "a complex pair",
                vec![0.8 * cosine, -0.8 * sine, 0.8 * sine, 0.8 * cosine],
                0.8,
            ),
            ("equal and opposite", vec![0.0, 4.0, 0.25, 0.0], 1.0),
            (
                "a Jordan block",
                vec![0.7, 1.0, 0.0, 0.0, 0.7, 1.0, 0.0, 0.0, 0.7],
                0.7,
            ),
            ("far from normal", vec![0.5, 1e6, 0.0, 0.25], 0.5),
            // x³ - 2 x² - 5 x + 6 = (x - 1) (x + 2) (x - 3).
            (
                "a companion",
                vec![2.0, 5.0, -6.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
                3.0,
            ),
            ("a zero", vec![0.0; 4], 0.0),
        ];
        for (name, matrix, expected) in cases {
            let found = radius(&matrix);
            // The powers of a Jordan block grow by k² besides: (k²)^(1/k) is 1 + 1.5e-7.
            assert!(
                (found - expected).abs() <= 1e-6 * expected,
                "{name}: {found}"
            );
        }
        // A cycle of 12, x¹² = 1.77: all eigenvalues are equally large, and QR without exceptional shifts
        // goes round for ever.
        let mut companion = vec![0.0; 144];
        (1..12).for_each(|row| companion[row * 12 + row - 1] = 1.0);
        companion[11] = 1.774_809_211_101_8;
        let found = radius(&companion);
        let expected = 1.774_809_211_101_8_f64.powf(1.0 / 12.0);
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        assert_eq!(radius(&[0.0, 1.0, 0.0, 0.0]), 0.0, "nilpotent");
        assert!(radius(&[f64::NAN, 1.0, 0.0, 0.0]).is_nan());
        assert!((radius(&[1e-200, 0.0, 0.0, 3e-200]) - 3e-200).abs() < 1e-209);
    }

    /// As large as the layers of a recipe: 0.3 … 0.9 of eigenvalues behind a rotation of all axes.
    #[test]
    fn matrices_as_large_as_a_layers() {
        let n = 150;
        let device = Device::flex();
        let orthogonal =
            Initializer::Orthogonal { gain: 1.0 }.init([n, n], Seed::new(1), DType::F64, &device);
        let rotation: Tensor<2> = orthogonal.val();
        let found = spectral_radius(&rotation);
        assert!((found - 1.0).abs() < 1e-7, "orthogonal: {found}");
        let values: Vec<f64> = (0..n)
            .map(|at| 0.3 + 0.6 * at as f64 / (n - 1) as f64)
            .collect();
        let values = Tensor::<1>::from_data(TensorData::new(values, [n]), (&device, DType::F64));
        let scaled = rotation.clone() * values.unsqueeze();
        let found = spectral_radius(&scaled.matmul(rotation.transpose()));
        assert!((found - 0.9).abs() < 1e-7, "rotated: {found}");
    }
}
