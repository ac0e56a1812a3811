//! Seasons: are they there, and how large are they?
//!
//! ```text
//! r_k     = autocorrelation of y at lag k
//! there   = |r_m| > 1.645 · sqrt((1 + 2 Σ_{k<m} r_k²) / n)       (90 %; n >= 3 m)
//! trend_t = centred moving average of y over one season
//! index_i = mean of y_t - trend_t over all t ≡ i (mod m), minus the mean of those
//! ```
//!
//! The classical decomposition, additive; of logarithms it is the multiplicative one. The test is
//! that of the M4 competition's benchmarks (Makridakis, Spiliotis and Assimakopoulos 2018).

/// The 95 % quantile of a standard normal.
const CRITICAL: f64 = 1.645;
/// Fewer seasons say nothing.
const LEAST_SEASONS: usize = 3;

/// Is there a season of `season` steps in `values`?
pub(super) fn is_there(values: &[f64], season: usize) -> bool {
    if season < 2 || values.len() < LEAST_SEASONS * season {
        return false;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let variance: f64 = centred.iter().map(|value| value * value).sum();
    if variance <= 0.0 {
        return false;
    }
    let correlation = |lag: usize| {
        let pairs = centred.iter().zip(&centred[lag..]);
        pairs.map(|(one, other)| one * other).sum::<f64>() / variance
    };
    let before: f64 = (1..season).map(|lag| correlation(lag).powi(2)).sum();
    let limit = CRITICAL * ((1.0 + 2.0 * before) / count).sqrt();
    correlation(season).abs() > limit
}

/// The indices of `values`, `[season]`, if there is a season; else none.
pub fn season_indices(values: &[f64], season: usize) -> Vec<f64> {
    match is_there(values, season) {
        true => indices(values, season),
        false => Vec::new(),
    }
}

/// How much each step of a season is above the trend, `[season]`, of step 0 first; their sum is 0.
/// There must be at least two seasons.
pub(super) fn indices(values: &[f64], season: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); season];
    let half = season / 2;
    for at in half..values.len().saturating_sub(half) {
        let trend = moving_average(values, at, season);
        let (sum, count) = &mut sums[at % season];
        *sum += values[at] - trend;
        *count += 1.0;
    }
    let mean_of = |(sum, count): &(f64, f64)| if *count > 0.0 { sum / count } else { 0.0 };
    let raw: Vec<f64> = sums.iter().map(mean_of).collect();
    let mean = raw.iter().sum::<f64>() / season as f64;
    raw.iter().map(|index| index - mean).collect()
}

/// The mean of one season around `at`; of an even season both ends count half.
fn moving_average(values: &[f64], at: usize, season: usize) -> f64 {
    let half = season / 2;
    let window = &values[at - half..=at + half];
    let mut sum: f64 = window.iter().sum();
    if season.is_multiple_of(2) {
        sum -= 0.5 * (window[0] + window[season]);
    }
    sum / season as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trend and a season whose indices are known.
    fn made(season: &[f64], count: usize) -> Vec<f64> {
        let value = |at: usize| 10.0 + 0.5 * at as f64 + season[at % season.len()];
        (0..count).map(value).collect()
    }

    #[test]
    fn indices_are_those_that_were_put_in() {
        for season in [vec![3.0, -1.0, -4.0, 2.0], vec![2.0, -3.0, 1.0]] {
            let found = indices(&made(&season, 6 * season.len()), season.len());
            for (found, expected) in found.iter().zip(&season) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_season_is_found_where_there_is_one() {
        let season = [30.0, -10.0, -40.0, 20.0];
        assert!(is_there(&made(&season, 40), 4));
        assert!(!is_there(&made(&season, 11), 4));
        assert!(!is_there(&[5.0; 40], 4));
        let mut generator = crate::random::Seed::new(1).generator("noise");
        let noise: Vec<f64> = (0..200).map(|_| generator.normal()).collect();
        assert!(!is_there(&noise, 4));
    }
}
