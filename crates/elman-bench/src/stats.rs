//! The statistics of the tables.

/// The median: the middle value, or the mean of the two middle ones; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
}

/// The smallest value; `None` of nothing.
pub fn minimum(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// How many times faster than `theirs` a time of `ours` is: above 1 we win.
pub fn speedup(theirs_ms: f64, ours_ms: f64) -> f64 {
    theirs_ms / ours_ms
}

/// How many iterations make a round of about `target_ms`, when one takes `once_ms`.
pub fn iterations_for(target_ms: f64, once_ms: f64) -> usize {
    const MOST: f64 = 20_000.0;
    (target_ms / once_ms).ceil().clamp(1.0, MOST) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_in_any_order() {
        assert_eq!(median(&[3.0, 1.0, 10.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 10.0, 2.0]), Some(3.0));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_minimum_is_the_smallest() {
        assert_eq!(minimum(&[3.0, 1.0, 10.0]), Some(1.0));
        assert_eq!(minimum(&[]), None);
    }

    #[test]
    fn a_peer_that_takes_twice_as_long_is_a_speedup_of_two() {
        assert_eq!(speedup(10.0, 5.0), 2.0);
        assert_eq!(speedup(5.0, 10.0), 0.5);
    }

    #[test]
    fn a_round_has_at_least_one_iteration_and_not_too_many() {
        assert_eq!(iterations_for(50.0, 8.0), 7);
        assert_eq!(iterations_for(50.0, 900.0), 1);
        assert_eq!(iterations_for(50.0, 1e-9), 20_000);
    }
}
