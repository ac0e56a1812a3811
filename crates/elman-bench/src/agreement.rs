//! Do two libraries compute the same?

use elman_bench_protocol::{Array, Tensors};

use crate::error::{Error, Result};

/// The largest difference that is allowed, relative to a tensor's largest element, or to 1 where
/// that is smaller: f32 sums of a few hundred terms in another order differ by about 1e-6 of it.
pub const LIMIT: f64 = 1e-4;

/// The largest difference between two answers.
///
/// # Errors
///
/// When it is above [`LIMIT`], a number is not finite, or the tensors or their shapes are not the
/// same.
pub fn check(peer: &str, ours: &Tensors, theirs: &Tensors) -> Result<f64> {
    let mut worst = 0.0;
    for (name, expected) in &ours.0 {
        let answer = |expected: String, found: String| Error::Answer {
            peer: peer.into(),
            tensor: name.clone(),
            expected,
            found,
        };
        let found = theirs
            .0
            .get(name)
            .ok_or_else(|| answer(format!("{:?}", expected.shape), "nothing".into()))?;
        if found.shape != expected.shape {
            let shapes = [&expected.shape, &found.shape].map(|shape| format!("{shape:?}"));
            let [expected, found] = shapes;
            return Err(answer(expected, found));
        }
        let difference = largest_difference(expected, found);
        // Not a number is no agreement.
        if difference.is_nan() || difference > LIMIT {
            return Err(Error::Disagrees {
                peer: peer.into(),
                tensor: name.clone(),
                difference,
                limit: LIMIT,
            });
        }
        worst = f64::max(worst, difference);
    }
    Ok(worst)
}

fn largest_difference(expected: &Array, found: &Array) -> f64 {
    let pairs = || expected.values.iter().zip(&found.values);
    if pairs().any(|(a, b)| !(a.is_finite() && b.is_finite())) {
        return f64::NAN;
    }
    let scale = expected
        .values
        .iter()
        .fold(1.0, |scale: f64, &value| scale.max(f64::from(value).abs()));
    let difference = pairs().fold(0.0, |worst: f64, (&a, &b)| {
        worst.max((f64::from(a) - f64::from(b)).abs())
    });
    difference / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: [f32; 3]) -> Tensors {
        let mut tensors = Tensors::default();
        tensors.insert("outputs", Array::new([3], values.to_vec()));
        tensors
    }

    #[test]
    fn differences_count_relative_to_the_largest_element() {
        let worst = check(
            "peer",
            &answer([200.0, 1.0, 0.0]),
            &answer([200.0, 1.01, 0.0]),
        )
        .unwrap();
        assert!((worst - 0.01 / 200.0).abs() < 1e-6, "{worst}");
        let small = check("peer", &answer([0.0, 0.5, 0.0]), &answer([0.0, 0.51, 0.0]));
        assert!(small.unwrap_err().to_string().contains("outputs"));
    }

    #[test]
    fn a_number_that_is_not_finite_never_agrees() {
        for value in [f32::NAN, f32::INFINITY] {
            let both = answer([value, 0.0, 0.0]);
            assert!(matches!(
                check("peer", &both, &both),
                Err(Error::Disagrees { .. })
            ));
        }
    }

    #[test]
    fn a_missing_tensor_and_a_wrong_shape_are_named() {
        let ours = answer([0.0; 3]);
        let missing = check("peer", &ours, &Tensors::default()).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "peer: `outputs`: expected [3], got nothing"
        );
        let mut other = Tensors::default();
        other.insert("outputs", Array::new([1, 3], vec![0.0; 3]));
        let shape = check("peer", &ours, &other).unwrap_err();
        assert_eq!(
            shape.to_string(),
            "peer: `outputs`: expected [3], got [1, 3]"
        );
    }
}
