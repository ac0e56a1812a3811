//! How good forecasts are.
//!
//! ```text
//! MAE      = mean |y - f|
//! RMSE     = sqrt(mean (y - f)²)
//! sMAPE    = mean of 200 |y - f| / (|y| + |f|), in percent; 0 where both are 0
//! MASE     = mean |y - f| / mean over the training part of |y_t - y_{t-m}|
//! pinball  = mean of (y - q) τ where y >= q, (q - y) (1 - τ) elsewhere, over levels τ
//! CRPS     = of samples s: mean |s - y| - mean |s - s'| / 2; of a point forecast |y - f|;
//!            of quantiles 2 · sum over levels τ of w_τ · pinball at τ, where w_τ is the length of the
//!            stretch of levels that are nearer to τ than to any other, from 0 to 1
//! coverage = share of y within the interval
//! ```
//!
//! Every mean is over all forecast steps of all series and origins alike, as in the M3 competition,
//! whose formula the sMAPE is (Makridakis and Hibon 2000; there all numbers are positive). MASE:
//! Hyndman and Koehler (2006). CRPS: Gneiting and Raftery (2007); it is twice the integral of the pinball
//! loss over all levels (Laio and Tamea 2007), and of a few levels an approximation. A point forecast is a
//! distribution with one value, which is its quantile at every level: its CRPS is its MAE.

use super::naive::{naive, seasonal_naive};

/// One series' forecast from one origin, with what came.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedForecast<'a> {
    /// What was known, from the first step of the series.
    pub history: &'a [f64],
    /// How much of it the model was trained on: MASE's scale is taken there.
    pub trained_on: usize,
    /// Steps of a season.
    pub season: usize,
    /// `[H]`: what came; NaN where it is not known, a step that is not judged.
    pub actual: &'a [f64],
    /// `[H]`: the forecast.
    pub point: &'a [f64],
    /// `[Q][H]`: its quantiles, one list a level; none of a point forecast.
    pub quantiles: &'a [Vec<f64>],
    /// `[S][H]`: its sample paths, from which the CRPS is taken where there are some.
    pub paths: &'a [Vec<f64>],
}

/// Means over all steps of all forecasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastScores {
    /// In the series' own unit.
    pub mae: f64,
    /// In the series' own unit.
    pub rmse: f64,
    /// In percent.
    pub smape: f64,
    /// Against the error of a seasonal naive forecast of one step on the training part. Series that
    /// never change there are left out; NaN when all are.
    pub mase: f64,
    /// In the series' own unit, the mean over the levels; none without levels.
    pub pinball: Option<f64>,
    /// In the series' own unit, from sample paths or else from the levels, of a point forecast the MAE;
    /// none without levels.
    pub crps: Option<f64>,
    /// The share within the interval from the lowest to the highest level; of a point forecast none.
    pub coverage: Option<f64>,
    /// Forecast steps whose truth is known.
    pub count: usize,
}

/// Sums over forecasts.
#[derive(Clone, Debug, Default)]
pub struct ForecastTally {
    absolute: f64,
    squared: f64,
    smape: f64,
    scaled: f64,
    /// Steps of series that change in the training part: only those have a MASE.
    scaled_count: usize,
    pinball: f64,
    crps: f64,
    /// Steps that were judged at levels.
    judged: usize,
    covered: f64,
    /// Steps that had an interval.
    intervals: usize,
    count: usize,
}

impl ForecastTally {
    /// Adds one forecast, judged at rising `levels`: those of its quantiles. Without quantiles its point
    /// stands for all of them.
    pub fn add(&mut self, forecast: &JudgedForecast<'_>, levels: &[f64]) {
        let scale = mase_scale(&forecast.history[..forecast.trained_on], forecast.season);
        let weights = level_weights(levels);
        let of_levels = |step: usize, actual: f64| {
            let at = |place: usize| match forecast.quantiles.get(place) {
                Some(quantile) => quantile[step],
                None => forecast.point[step],
            };
            let losses = levels.iter().enumerate();
            losses
                .map(|(place, &level)| pinball(actual, at(place), level))
                .collect::<Vec<f64>>()
        };
        for (step, (&actual, &point)) in forecast.actual.iter().zip(forecast.point).enumerate() {
            if actual.is_nan() {
                continue;
            }
            let error = (actual - point).abs();
            self.absolute += error;
            self.squared += error * error;
            self.smape += smape(actual, point);
            if scale > 0.0 {
                self.scaled += error / scale;
                self.scaled_count += 1;
            }
            self.count += 1;
            if levels.is_empty() {
                continue;
            }
            let losses = of_levels(step, actual);
            self.pinball += losses.iter().sum::<f64>() / levels.len() as f64;
            self.crps += match (forecast.paths, forecast.quantiles) {
                ([], []) => error,
                ([], _) => {
                    let weighted = losses.iter().zip(&weights);
                    2.0 * weighted.map(|(loss, weight)| loss * weight).sum::<f64>()
                }
                (paths, _) => {
                    let samples: Vec<f64> = paths.iter().map(|path| path[step]).collect();
                    crps_of_samples(actual, &samples)
                }
            };
            self.judged += 1;
            let ends = (forecast.quantiles.first(), forecast.quantiles.last());
            if let (Some(lowest), Some(highest)) = ends {
                let within = (lowest[step]..=highest[step]).contains(&actual);
                self.covered += f64::from(u8::from(within));
                self.intervals += 1;
            }
        }
    }

    /// The means; none when nothing was added.
    pub fn scores(&self) -> Option<ForecastScores> {
        let count = self.count as f64;
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        (self.count > 0).then(|| ForecastScores {
            mae: self.absolute / count,
            rmse: (self.squared / count).sqrt(),
            smape: self.smape / count,
            mase: self.scaled / self.scaled_count as f64,
            pinball: mean(self.pinball, self.judged),
            crps: mean(self.crps, self.judged),
            coverage: mean(self.covered, self.intervals),
            count: self.count,
        })
    }
}

/// The same forecast without its numbers: the last known step, or the last season, goes on.
pub fn beside(forecast: &JudgedForecast<'_>) -> [Vec<f64>; 2] {
    let horizon = forecast.actual.len();
    [
        naive(forecast.history, horizon),
        seasonal_naive(forecast.history, forecast.season, horizon),
    ]
}

/// 200 |y - f| / (|y| + |f|): of one step, in percent.
pub fn smape(actual: f64, forecast: f64) -> f64 {
    let size = actual.abs() + forecast.abs();
    match size > 0.0 {
        true => 200.0 * (actual - forecast).abs() / size,
        false => 0.0,
    }
}

/// The mean error of a seasonal naive forecast of one step on `training`; of one step before where
/// it is shorter than two seasons.
pub fn mase_scale(training: &[f64], season: usize) -> f64 {
    let lag = if training.len() > season { season } else { 1 };
    let pairs = training.iter().zip(training.iter().skip(lag));
    let errors: Vec<f64> = pairs.map(|(before, now)| (now - before).abs()).collect();
    match errors.is_empty() {
        true => 0.0,
        false => errors.iter().sum::<f64>() / errors.len() as f64,
    }
}

/// The pinball loss of a quantile at `level`.
pub fn pinball(actual: f64, quantile: f64, level: f64) -> f64 {
    let above = actual - quantile;
    (level * above).max((level - 1.0) * above)
}

/// For each of rising `levels` the length of the stretch, of those from 0 to 1, that is nearer to it
/// than to any other. They sum up to 1.
fn level_weights(levels: &[f64]) -> Vec<f64> {
    let borders = levels.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    let ends = borders.clone().chain([1.0]);
    let starts = [0.0].into_iter().chain(borders);
    starts
        .zip(ends)
        .map(|(start, end)| end - start)
        .take(levels.len())
        .collect()
}

/// The CRPS of one step from `samples` of its forecast.
///
/// # Panics
///
/// When there is no sample.
pub fn crps_of_samples(actual: f64, samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    assert!(count > 0.0, "a forecast has samples");
    let error = samples
        .iter()
        .map(|sample| (sample - actual).abs())
        .sum::<f64>()
        / count;
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Σ_{i<j} (s_j - s_i) of sorted samples, each pair once.
    let spread: f64 = sorted
        .iter()
        .enumerate()
        .map(|(at, sample)| (2.0 * at as f64 + 1.0 - count) * sample)
        .sum();
    error - spread / (count * count)
}

/// The quantile at `level` of `values`, on a straight line between neighbours (Hyndman and Fan's
/// type 7).
///
/// # Panics
///
/// When there is no value.
pub fn quantile_of(values: &[f64], level: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, level)
}

/// The same of values in rising order.
pub(crate) fn quantile_of_sorted(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HISTORY: [f64; 6] = [10.0, 20.0, 12.0, 24.0, 14.0, 22.0];

    fn forecast<'a>(point: &'a [f64], quantiles: &'a [Vec<f64>]) -> JudgedForecast<'a> {
        JudgedForecast {
            history: &HISTORY,
            trained_on: 4,
            season: 2,
            actual: &[10.0, 30.0],
            point,
            quantiles,
            paths: &[],
        }
    }

    #[test]
    fn scores_are_what_a_hand_computes() {
        let quantiles = [vec![11.0, 20.0], vec![14.0, 40.0]];
        let mut tally = ForecastTally::default();
        tally.add(&forecast(&[12.0, 24.0], &quantiles), &[0.1, 0.9]);
        let scores = tally.scores().expect("scores");
        assert_eq!(scores.mae, 4.0);
        assert_eq!(scores.rmse, 20.0_f64.sqrt());
        // 200 · 2 / 22 and 200 · 6 / 54.
        assert!((scores.smape - (400.0 / 22.0 + 1200.0 / 54.0) / 2.0).abs() < 1e-12);
        // |12 - 10| and |24 - 20|: 3 on average.
        assert!((scores.mase - 4.0 / 3.0).abs() < 1e-12);
        // Step 0: (11 - 10) · 0.9 and (14 - 10) · 0.1; step 1: 10 · 0.1 and 10 · 0.1.
        let pinball = ((0.9 + 0.4) / 2.0 + (1.0 + 1.0) / 2.0) / 2.0;
        assert!((scores.pinball.expect("pinball") - pinball).abs() < 1e-12);
        assert!((scores.crps.expect("crps") - 2.0 * pinball).abs() < 1e-12);
        assert_eq!(scores.coverage, Some(0.5));
        assert_eq!(scores.count, 2);
    }

    /// Series N0001 of the M3 competition: its official test part against naive and against a
    /// straight line, by the competition's formula.
    #[test]
    fn smape_is_the_m3_competitions() {
        let actual = [5379.75, 6158.68, 6876.58, 7851.91, 8407.84, 9156.01];
        let last = 4936.99;
        let by_hand: f64 = actual
            .iter()
            .map(|x| (x - last) / ((x + last) / 2.0) * 100.0)
            .sum::<f64>()
            / 6.0;
        let mut tally = ForecastTally::default();
        let history = [4387.88, last];
        tally.add(
            &JudgedForecast {
                history: &history,
                trained_on: 2,
                season: 1,
                actual: &actual,
                point: &naive(&history, 6),
                quantiles: &[],
                paths: &[],
            },
            &[],
        );
        let scores = tally.scores().expect("scores");
        assert!((scores.smape - by_hand).abs() < 1e-10);
        assert!((scores.smape - 36.819_672).abs() < 1e-4, "{}", scores.smape);
        assert_eq!((scores.coverage, scores.pinball), (None, None));
    }

    #[test]
    fn steps_whose_truth_is_not_known_are_not_judged() {
        let quantiles = [vec![11.0, 20.0], vec![14.0, 40.0]];
        let scores = |actual: &[f64], steps: usize| {
            let cut: Vec<Vec<f64>> = quantiles.iter().map(|it| it[..steps].to_vec()).collect();
            let judged = JudgedForecast {
                actual,
                ..forecast(&[12.0, 24.0][..steps], &cut)
            };
            let mut tally = ForecastTally::default();
            tally.add(&judged, &[0.1, 0.9]);
            tally.scores()
        };
        let known = scores(&[10.0, f64::NAN], 2);
        assert_eq!(known, scores(&[10.0], 1));
        assert_eq!(known.map(|it| it.count), Some(1));
        assert_eq!(scores(&[f64::NAN, f64::NAN], 2), None);
    }

    #[test]
    fn nothing_and_constants_have_no_infinite_scores() {
        assert_eq!(ForecastTally::default().scores(), None);
        assert_eq!(smape(0.0, 0.0), 0.0);
        assert_eq!(smape(1.0, -1.0), 200.0);
        assert_eq!(mase_scale(&[3.0; 9], 2), 0.0);
        assert_eq!(mase_scale(&[3.0, 5.0], 2), 2.0);
    }

    /// Every level stands for what is nearest to it.
    #[test]
    fn uneven_levels_have_weights() {
        let weights = level_weights(&[0.1, 0.25, 0.5, 0.75, 0.9]);
        let by_hand = [0.175, 0.2, 0.25, 0.2, 0.175];
        for (weight, by_hand) in weights.iter().zip(by_hand) {
            assert!((weight - by_hand).abs() < 1e-12, "{weights:?}");
        }
        assert_eq!(
            (level_weights(&[0.5]), level_weights(&[])),
            (vec![1.0], vec![])
        );
        let quantiles = [vec![11.0, 20.0], vec![14.0, 40.0], vec![14.0, 41.0]];
        let mut tally = ForecastTally::default();
        tally.add(&forecast(&[14.0, 40.0], &quantiles), &[0.1, 0.5, 0.7]);
        // Step 0: 0.9, 2 and 1.2; step 1: 1, 5 and 3.3.
        let by_hand = [
            0.9 * 0.3 + 2.0 * 0.3 + 1.2 * 0.4,
            1.0 * 0.3 + 5.0 * 0.3 + 3.3 * 0.4,
        ];
        let crps = tally.scores().expect("scores").crps.expect("levels");
        assert!((crps - (by_hand[0] + by_hand[1])).abs() < 1e-12, "{crps}");
    }

    #[test]
    fn a_point_stands_for_all_levels_and_paths_for_themselves() {
        let levels = [0.1, 0.25, 0.5, 0.75, 0.9];
        let mut tally = ForecastTally::default();
        tally.add(&forecast(&[12.0, 24.0], &[]), &levels);
        let point = tally.scores().expect("scores");
        assert_eq!(point.crps, Some(point.mae));
        assert!((point.pinball.expect("levels") - point.mae / 2.0).abs() < 1e-12);
        assert_eq!(point.coverage, None);
        let paths = [vec![9.0, 20.0], vec![11.0, 30.0]];
        let judged = JudgedForecast {
            paths: &paths,
            ..forecast(&[10.0, 25.0], &paths)
        };
        let mut tally = ForecastTally::default();
        tally.add(&judged, &[0.25, 0.75]);
        let by_hand =
            (crps_of_samples(10.0, &[9.0, 11.0]) + crps_of_samples(30.0, &[20.0, 30.0])) / 2.0;
        assert_eq!(tally.scores().expect("scores").crps, Some(by_hand));
        assert_eq!(by_hand, (0.5 + 2.5) / 2.0);
    }

    #[test]
    fn the_crps_of_one_sample_is_its_error() {
        assert_eq!(crps_of_samples(3.0, &[5.0]), 2.0);
        // mean |s - y| = 1; |s - s'| / 2 = (0 + 2 + 2 + 0) / 4 / 2 = 0.5.
        assert_eq!(crps_of_samples(0.0, &[1.0, -1.0]), 0.5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The CRPS of many samples is twice the pinball loss over their own quantiles.
        #[test]
        fn both_forms_of_the_crps_agree(
            samples in prop::collection::vec(-5.0..5.0_f64, 2..12),
            actual in -8.0..8.0_f64,
        ) {
            let grid = 20_000;
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            let levels = (0..grid).map(|at| (f64::from(at) + 0.5) / f64::from(grid));
            let losses = levels.map(|level| {
                // The inverse of the samples' own distribution function.
                let at = (level * sorted.len() as f64) as usize;
                pinball(actual, sorted[at.min(sorted.len() - 1)], level)
            });
            let integral = 2.0 * losses.sum::<f64>() / f64::from(grid);
            prop_assert!((integral - crps_of_samples(actual, &samples)).abs() < 1e-3);
        }

        #[test]
        fn the_median_has_the_least_pinball_loss(
            values in prop::collection::vec(-5.0..5.0_f64, 1..9),
            other in -6.0..6.0_f64,
        ) {
            let loss = |at: f64| values.iter().map(|&value| pinball(value, at, 0.5)).sum::<f64>();
            prop_assert!(loss(quantile_of(&values, 0.5)) <= loss(other) + 1e-12);
        }
    }
}
