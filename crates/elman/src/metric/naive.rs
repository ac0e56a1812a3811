//! The forecasts that cost nothing: what a model must beat.

/// Every step is the last known one.
///
/// # Panics
///
/// When `history` is empty.
pub fn naive(history: &[f64], horizon: usize) -> Vec<f64> {
    seasonal_naive(history, 1, horizon)
}

/// Every step is the last known one of its place in the season; the last of all where less than a
/// season is known.
///
/// # Panics
///
/// When `history` is empty.
pub fn seasonal_naive(history: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let season = if history.len() < season { 1 } else { season };
    let last = &history[history.len() - season..];
    (0..horizon).map(|step| last[step % season]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_steps_go_on() {
        let history = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(naive(&history, 2), [5.0, 5.0]);
        assert_eq!(seasonal_naive(&history, 3, 5), [3.0, 4.0, 5.0, 3.0, 4.0]);
        assert_eq!(seasonal_naive(&history, 6, 2), [5.0, 5.0]);
    }
}
