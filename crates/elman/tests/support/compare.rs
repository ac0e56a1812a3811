//! What "equal within a tolerance" means in every test of this folder.

use burn::tensor::TensorData;

/// The largest relative difference between two tensors of one shape.
///
/// It is `max |found - expected| / max |expected|`: relative to the largest magnitude of the whole
/// tensor, because each element is a sum whose rounding error goes with its terms, and an element
/// that cancels to almost nothing has terms as large as its neighbours'. Where everything expected
/// is zero, everything found must be exactly zero. NaN is different from everything.
///
/// # Errors
///
/// When the shapes differ.
pub(crate) fn relative_difference(
    found: &TensorData,
    expected: &TensorData,
) -> Result<f64, String> {
    if found.shape() != expected.shape() {
        return Err(format!(
            "has shape {:?}, expected {:?}",
            found.shape(),
            expected.shape()
        ));
    }
    let scale = expected.iter::<f64>().map(f64::abs).fold(0.0, f64::max);
    let mut worst = 0.0_f64;
    for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
        let difference = (found - expected).abs();
        let relative = if difference == 0.0 {
            0.0
        } else if difference.is_nan() || scale == 0.0 {
            f64::INFINITY
        } else {
            difference / scale
        };
        worst = worst.max(relative);
    }
    Ok(worst)
}
