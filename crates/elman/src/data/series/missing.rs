//! What stands in place of numbers that are not there.

use crate::error::Error;

/// What to do about missing numbers (`data.missing`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They are an error, which says where they are (`"error"`).
    #[default]
    Error,
    /// On a straight line between their neighbours; at the ends the nearest (`"interpolate"`).
    Interpolate,
    /// The last number before them; at the start the first there is (`"forward_fill"`).
    ForwardFill,
    /// 0: nothing was sold, counted, measured (`"zero"`).
    Zero,
    /// The mean of the column's numbers before them; at the start the first there is (`"mean"`).
    Mean,
}

impl Missing {
    /// Fills the NaN of `values` and says how many there were. No number after a missing one is
    /// looked at, but for interpolation and at the start.
    ///
    /// # Errors
    ///
    /// When all are missing, or some are and that is an error.
    pub(super) fn fill(self, values: &mut [f64]) -> Result<usize, usize> {
        let missing = values.iter().filter(|value| value.is_nan()).count();
        if missing == 0 {
            return Ok(0);
        }
        let Some(first) = values.iter().position(|value| !value.is_nan()) else {
            return Err(missing);
        };
        match self {
            Self::Error => return Err(missing),
            Self::Zero => fill_with(values, |_| 0.0),
            Self::Interpolate => interpolate(values, first),
            Self::ForwardFill => {
                let start = values[first];
                values[..first].fill(start);
                fill_with(values, |before| before.last().copied().unwrap_or(start));
            }
            Self::Mean => {
                let start = values[first];
                values[..first].fill(start);
                let (mut sum, mut count) = (0.0, 0.0);
                for (at, value) in values.iter_mut().enumerate() {
                    if value.is_nan() {
                        *value = sum / count;
                    } else if at >= first {
                        sum += *value;
                        count += 1.0;
                    }
                }
            }
        }
        Ok(missing)
    }
}

fn fill_with(values: &mut [f64], filling: impl Fn(&[f64]) -> f64) {
    for at in 0..values.len() {
        if values[at].is_nan() {
            values[at] = filling(&values[..at]);
        }
    }
}

fn interpolate(values: &mut [f64], first: usize) {
    let start = values[first];
    values[..first].fill(start);
    let mut known = first;
    for at in first + 1..values.len() {
        if values[at].is_nan() {
            continue;
        }
        let (from, to) = (values[known], values[at]);
        let steps = (at - known) as f64;
        for (step, between) in values[known + 1..at].iter_mut().enumerate() {
            *between = from + (to - from) * (step + 1) as f64 / steps;
        }
        known = at;
    }
    let end = values[known];
    values[known + 1..].fill(end);
}

/// The error of a column with missing numbers: `what` names it, `places` are the first of them.
pub(super) fn refused(what: &str, count: usize, places: &[String], hint: &str) -> Error {
    let more = match count - places.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Error::argument(
        what.to_owned(),
        format!("{count} missing: {}{more}", places.join(", ")),
        format!(
            "fill them in, or set `data.missing` to `interpolate`, `forward_fill`, `zero` or `mean`{hint}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAPS: [f64; 7] = [f64::NAN, 2.0, f64::NAN, f64::NAN, 8.0, 5.0, f64::NAN];

    fn filled(policy: Missing) -> Vec<f64> {
        let mut values = GAPS.to_vec();
        assert_eq!(policy.fill(&mut values).expect("filled"), 4);
        values
    }

    #[test]
    fn each_policy_fills_in_its_own_way() {
        assert_eq!(
            filled(Missing::Interpolate),
            [2.0, 2.0, 4.0, 6.0, 8.0, 5.0, 5.0]
        );
        assert_eq!(
            filled(Missing::ForwardFill),
            [2.0, 2.0, 2.0, 2.0, 8.0, 5.0, 5.0]
        );
        assert_eq!(filled(Missing::Zero), [0.0, 2.0, 0.0, 0.0, 8.0, 5.0, 0.0]);
        assert_eq!(filled(Missing::Mean), [2.0, 2.0, 2.0, 2.0, 8.0, 5.0, 5.0]);
    }

    #[test]
    fn without_a_policy_and_without_a_number_it_is_an_error() {
        assert_eq!(Missing::Error.fill(&mut GAPS.to_vec()), Err(4));
        assert_eq!(Missing::Error.fill(&mut [1.0, 2.0]), Ok(0));
        assert_eq!(Missing::Zero.fill(&mut [f64::NAN; 3]), Err(3));
    }
}
