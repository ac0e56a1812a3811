//! Numbers as a person reads them.

/// From here on a number is long rather than exact.
const LARGE: f64 = 1e7;
/// Down to here a number has only the digits after the point that it is given.
const SMALL: f64 = 1e-3;

/// `value` with `digits` after the point; where that would be long, or would leave none of a number below
/// 0.001, in scientific notation with `digits` digits.
///
/// ```
/// use elman::metric::written;
///
/// assert_eq!(written(0.25, 4), "0.2500");
/// assert_eq!(written(2.5e-9, 4), "2.500e-9");
/// assert_eq!(written(1e300, 4), "1.000e300");
/// ```
pub fn written(value: f64, digits: usize) -> String {
    let size = value.abs();
    let small = 10_f64.powi(-(digits as i32)).min(SMALL);
    // Nothing at all has all its digits, and what is no number has none.
    if size == 0.0 || !size.is_finite() || (small..LARGE).contains(&size) {
        return format!("{value:.digits$}");
    }
    format!("{value:.*e}", digits.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_numbers_have_their_digits_after_the_point() {
        for (value, digits, expected) in [
            (0.0, 4, "0.0000"),
            (0.001, 4, "0.0010"),
            (-12.345_67, 4, "-12.3457"),
            (0.000_356, 6, "0.000356"),
            (0.000_31, 4, "0.0003"),
            (0.004, 3, "0.004"),
            (9_999_999.0, 3, "9999999.000"),
            (f64::NAN, 4, "NaN"),
            (f64::NEG_INFINITY, 4, "-inf"),
        ] {
            assert_eq!(written(value, digits), expected);
        }
    }

    #[test]
    fn others_are_scientific() {
        for (value, digits, expected) in [
            (0.000_099, 4, "9.900e-5"),
            (0.000_99, 3, "9.90e-4"),
            (-1.234_56e-9, 4, "-1.235e-9"),
            (3.47e30, 4, "3.470e30"),
            (1e7, 0, "1e7"),
            (5e-324, 3, "4.94e-324"),
        ] {
            assert_eq!(written(value, digits), expected);
        }
    }
}
