//! Scalings: what a network sees of a series, fitted on its training part only and invertible.
//!
//! ```text
//! log                  z = ln y                                 (all y > 0)
//! log1p                z = ln (1 + y)                           (all y > -1)
//! standard             z = (y - mean) / standard deviation
//! robust               z = (y - median) / (upper - lower quartile)
//! min_max              z = (y - smallest) / (largest - smallest)
//! mean                 z = y / (1 + mean |y|)                   (Salinas et al. 2020, DeepAR)
//! seasonal             z = y - index of the step's place in its season, if there is a season
//! difference           z_t = y_t - y_{t-1}
//! seasonal_difference  z_t = y_t - y_{t-m}
//! ```
//!
//! Several follow each other in their order. What a constant series would be divided by is 1.

use serde::{Deserialize, Serialize};

use super::seasonal;
use crate::error::{Error, Result};

/// One step from a series to what a network sees of it (`forecast.scaling`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// `"log"`
    Log,
    /// `"log1p"`
    Log1p,
    /// `"standard"`
    Standard,
    /// `"robust"`
    Robust,
    /// `"min_max"`
    MinMax,
    /// `"mean"`
    Mean,
    /// `"seasonal"`: the classical decomposition's indices, where a test finds a season
    Seasonal,
    /// `"difference"`
    Difference,
    /// `"seasonal_difference"`
    SeasonalDifference,
}

/// A [`Scaling`] with what it has learnt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fitted {
    Log,
    Log1p,
    Affine { shift: f64, scale: f64 },
    Seasonal { indices: Vec<f64> },
    Difference { lag: usize },
}

/// The scalings of one series, one after the other, with what they have learnt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FittedScaling {
    steps: Vec<Fitted>,
}

impl FittedScaling {
    /// Fits `scalings` on the training part of a series, whose season has `season` steps.
    ///
    /// # Errors
    ///
    /// When a number has no logarithm, or the part is too short.
    pub fn fit(scalings: &[Scaling], training: &[f64], season: usize) -> Result<Self> {
        let mut values = training.to_vec();
        let mut from = 0;
        let mut steps = Vec::new();
        for &scaling in scalings {
            let fitted = fit(scaling, &values, from, season)?;
            fitted.ensure_finite(scaling)?;
            fitted.apply(&mut values, &mut from)?;
            steps.push(fitted);
        }
        Ok(Self { steps })
    }

    /// The same for a table whose first step is `later` steps further in the season than the first
    /// that this was fitted on.
    pub fn turned(mut self, later: usize) -> Self {
        for step in &mut self.steps {
            if let Fitted::Seasonal { indices } = step {
                let season = indices.len().max(1);
                indices.rotate_left(later % season);
            }
        }
        self
    }

    /// How many steps at the start of a series have no value, because they are differences to
    /// nothing.
    pub fn lost(&self) -> usize {
        let lag = |step: &Fitted| match step {
            Fitted::Difference { lag } => *lag,
            _ => 0,
        };
        self.steps.iter().map(lag).sum()
    }

    /// What a network sees of `values`, a series from its first step; NaN for the
    /// [`lost`](Self::lost).
    ///
    /// # Errors
    ///
    /// When a number has no logarithm.
    pub fn apply(&self, values: &[f64]) -> Result<Vec<f64>> {
        let mut values = values.to_vec();
        let mut from = 0;
        for step in &self.steps {
            step.apply(&mut values, &mut from)?;
        }
        Ok(values)
    }

    /// The way back to the series' own unit, of steps that follow on `history`, a series from its
    /// first step.
    ///
    /// # Errors
    ///
    /// When a number of the history has no logarithm.
    pub fn inverse(&self, history: &[f64]) -> Result<InverseScaling<'_>> {
        let mut next = history.to_vec();
        let mut from = 0;
        let mut given = Vec::new();
        for step in &self.steps {
            given.push(next.clone());
            step.apply(&mut next, &mut from)?;
        }
        Ok(InverseScaling {
            steps: &self.steps,
            given,
        })
    }

    /// May quantiles be inverted step by step? Not where steps are summed up: a quantile of a sum is
    /// not the sum of quantiles. A difference to a step of the history is no sum.
    pub fn keeps_quantiles(&self, horizon: usize) -> bool {
        let keeps = |step: &Fitted| match step {
            Fitted::Difference { lag } => *lag >= horizon,
            _ => true,
        };
        self.steps.iter().all(keeps)
    }

    /// The one factor by which values were divided, if nothing else was done to them.
    pub fn factor(&self) -> Option<f64> {
        match &self.steps[..] {
            [] => Some(1.0),
            [Fitted::Affine { shift, scale }] if *shift == 0.0 => Some(*scale),
            _ => None,
        }
    }
}

/// The way back from what a network sees of the steps after a history: see
/// [`FittedScaling::inverse`].
#[derive(Clone, Debug, PartialEq)]
pub struct InverseScaling<'a> {
    steps: &'a [Fitted],
    /// What each step was given of the history.
    given: Vec<Vec<f64>>,
}

impl InverseScaling<'_> {
    /// What `scaled`, the steps right after the history, are in the series' own unit. Differences are
    /// summed up, so that `scaled` must be one path.
    pub fn apply(&self, scaled: &[f64]) -> Vec<f64> {
        let mut values = scaled.to_vec();
        for (step, before) in self.steps.iter().zip(&self.given).rev() {
            step.invert(before, &mut values);
        }
        values
    }
}

fn fit(scaling: Scaling, values: &[f64], from: usize, season: usize) -> Result<Fitted> {
    let known = &values[from.min(values.len())..];
    if known.is_empty() {
        return Err(Error::argument(
            "forecast.scaling",
            format!(
                "{scaling:?} has nothing to be fitted on: the training part has {} steps",
                values.len()
            ),
            "give longer series or take differences out of `forecast.scaling`",
        ));
    }
    let affine = |shift: f64, scale: f64| Fitted::Affine {
        shift,
        scale: if scale > 0.0 { scale } else { 1.0 },
    };
    let count = known.len() as f64;
    let mean = known.iter().sum::<f64>() / count;
    Ok(match scaling {
        Scaling::Log => Fitted::Log,
        Scaling::Log1p => Fitted::Log1p,
        Scaling::Standard => {
            let variance = known
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / count;
            affine(mean, variance.sqrt())
        }
        Scaling::Robust => {
            let quartile = |share| crate::metric::quantile_of(known, share);
            affine(quartile(0.5), quartile(0.75) - quartile(0.25))
        }
        Scaling::MinMax => {
            let low = known.iter().copied().fold(f64::INFINITY, f64::min);
            let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            affine(low, high - low)
        }
        Scaling::Mean => {
            let size = known.iter().map(|value| value.abs()).sum::<f64>() / count;
            affine(0.0, 1.0 + size)
        }
        Scaling::Seasonal => {
            let mut indices = seasonal::season_indices(known, season);
            // Indices count from the first step of the series.
            let turn = if indices.is_empty() { 0 } else { from % season };
            indices.rotate_right(turn);
            Fitted::Seasonal { indices }
        }
        Scaling::Difference => Fitted::Difference { lag: 1 },
        Scaling::SeasonalDifference => Fitted::Difference { lag: season },
    })
}

impl Fitted {
    /// Numbers whose squares or sums are larger than any 64-bit float have no scale.
    fn ensure_finite(&self, scaling: Scaling) -> Result<()> {
        match self {
            Self::Affine { shift, scale } if !(shift.is_finite() && scale.is_finite()) => {
                Err(Error::argument(
                    "forecast.scaling",
                    format!("{scaling:?} of numbers that are so large is no 64-bit float"),
                    "give the series in another unit",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Scales a series from its first step; what lies before `from` is not known.
    fn apply(&self, values: &mut [f64], from: &mut usize) -> Result<()> {
        match self {
            Self::Log => logarithm(values, *from, "log", 0.0)?,
            Self::Log1p => logarithm(values, *from, "log1p", 1.0)?,
            Self::Affine { shift, scale } => {
                for value in values {
                    *value = (*value - shift) / scale;
                }
            }
            Self::Seasonal { indices } => add_indices(values, indices, 0, -1.0),
            Self::Difference { lag } => {
                for at in (0..values.len()).rev() {
                    values[at] = match at.checked_sub(*lag) {
                        Some(before) => values[at] - values[before],
                        None => f64::NAN,
                    };
                }
                *from += lag;
            }
        }
        Ok(())
    }

    /// Takes the scaling of `values` back, which follow on `before`: what [`apply`](Self::apply) was
    /// given.
    fn invert(&self, before: &[f64], values: &mut [f64]) {
        match self {
            Self::Log => values.iter_mut().for_each(|value| *value = value.exp()),
            Self::Log1p => values.iter_mut().for_each(|value| *value = value.exp_m1()),
            Self::Affine { shift, scale } => {
                values
                    .iter_mut()
                    .for_each(|value| *value = *value * scale + shift);
            }
            Self::Seasonal { indices } => add_indices(values, indices, before.len(), 1.0),
            Self::Difference { lag } => {
                for at in 0..values.len() {
                    values[at] += match at.checked_sub(*lag) {
                        Some(earlier) => values[earlier],
                        None => before[before.len() + at - lag],
                    };
                }
            }
        }
    }
}

fn logarithm(values: &mut [f64], from: usize, name: &str, add: f64) -> Result<()> {
    for (at, value) in values.iter_mut().enumerate().skip(from) {
        let shifted = *value + add;
        if shifted.is_nan() || shifted <= 0.0 {
            let advice = match (name, *value > -1.0) {
                ("log", true) => "use `log1p`, which takes 0",
                _ => "take it out of `forecast.scaling`",
            };
            return Err(Error::argument(
                format!("forecast.scaling `{name}`"),
                format!("step {at} of a series is {value}, which has no logarithm"),
                advice,
            ));
        }
        *value = if add == 0.0 {
            shifted.ln()
        } else {
            value.ln_1p()
        };
    }
    Ok(())
}

fn add_indices(values: &mut [f64], indices: &[f64], first: usize, sign: f64) {
    if indices.is_empty() {
        return;
    }
    for (at, value) in values.iter_mut().enumerate() {
        *value += sign * indices[(first + at) % indices.len()];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Scaling; 9] = [
        Scaling::Log,
        Scaling::Log1p,
        Scaling::Standard,
        Scaling::Robust,
        Scaling::MinMax,
        Scaling::Mean,
        Scaling::Seasonal,
        Scaling::Difference,
        Scaling::SeasonalDifference,
    ];

    #[test]
    fn each_is_its_formula() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let apply = |scaling| {
            let fitted = FittedScaling::fit(&[scaling], &values, 2).expect("fitted");
            fitted.apply(&values).expect("applied")
        };
        assert_eq!(apply(Scaling::MinMax), [0.0, 0.125, 0.375, 1.0]);
        assert_eq!(apply(Scaling::Mean), [0.2, 0.4, 0.8, 1.8]);
        assert_eq!(apply(Scaling::Standard)[2], 0.0);
        assert_eq!(apply(Scaling::Difference)[1..], [1.0, 2.0, 5.0]);
        assert_eq!(apply(Scaling::SeasonalDifference)[2..], [3.0, 7.0]);
        assert!(apply(Scaling::SeasonalDifference)[1].is_nan());
        assert_eq!(apply(Scaling::Log)[0], 0.0);
        // Quartiles 1.75, 3 and 5.25.
        assert_eq!(
            apply(Scaling::Robust),
            [-2.0 / 3.5, -1.0 / 3.5, 1.0 / 3.5, 6.0 / 3.5]
        );
    }

    #[test]
    fn what_follows_changes_nothing_of_what_was() {
        let training: Vec<f64> = (0..24).map(|at| 5.0 + f64::from(at % 4)).collect();
        let mut longer = training.clone();
        longer.extend([500.0, 900.0]);
        for scaling in ALL {
            let fitted = FittedScaling::fit(&[scaling], &training, 4).expect("fitted");
            let (short, long) = (fitted.apply(&training), fitted.apply(&longer));
            let (short, long) = (short.expect("applied"), long.expect("applied"));
            let lost = fitted.lost();
            assert_eq!(short[lost..], long[lost..24], "{scaling:?}");
        }
    }

    #[test]
    fn a_constant_series_is_not_divided_by_zero() {
        for scaling in [Scaling::Standard, Scaling::Robust, Scaling::MinMax] {
            let fitted = FittedScaling::fit(&[scaling], &[7.0; 5], 1).expect("fitted");
            assert_eq!(fitted.apply(&[7.0, 8.0]).expect("applied"), [0.0, 1.0]);
        }
    }

    #[test]
    fn what_has_no_logarithm_or_scale_is_refused() {
        let message = |scaling, values: &[f64]| {
            let found = FittedScaling::fit(&[scaling], values, 1);
            found.expect_err("refused").to_string()
        };
        insta::assert_snapshot!(message(Scaling::Log, &[1.0, 0.0]), @"forecast.scaling `log`: step 1 of a series is 0, which has no logarithm; use `log1p`, which takes 0");
        insta::assert_snapshot!(message(Scaling::Standard, &[-1e200, 1e200]), @"forecast.scaling: Standard of numbers that are so large is no 64-bit float; give the series in another unit");
        insta::assert_snapshot!(message(Scaling::Log1p, &[-1.5]), @"forecast.scaling `log1p`: step 0 of a series is -1.5, which has no logarithm; take it out of `forecast.scaling`");
    }

    #[test]
    fn quantiles_pass_through_what_is_no_sum() {
        let values: Vec<f64> = (1..30).map(f64::from).collect();
        let fit = |scaling| FittedScaling::fit(&[scaling], &values, 12).expect("fitted");
        assert!(fit(Scaling::SeasonalDifference).keeps_quantiles(12));
        assert!(!fit(Scaling::SeasonalDifference).keeps_quantiles(13));
        assert!(!fit(Scaling::Difference).keeps_quantiles(2));
        assert!(fit(Scaling::Standard).keeps_quantiles(100));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Scaled and taken back, the future is what it was, by any chain of scalings.
        #[test]
        fn scalings_are_inverted(
            values in prop::collection::vec(0.5..1e3_f64, 40..80),
            horizon in 1..12_usize,
            season in 1..9_usize,
            positive in prop::option::of(prop::sample::select(&ALL[..2])),
            others in prop::collection::vec(prop::sample::select(&ALL[2..]), 0..3),
        ) {
            let chain: Vec<Scaling> = positive.into_iter().chain(others).collect();
            let (history, future) = values.split_at(values.len() - horizon);
            let fitted = FittedScaling::fit(&chain, history, season).expect("fitted");
            let scaled = fitted.apply(&values).expect("applied");
            prop_assert_eq!(scaled.iter().filter(|it| it.is_nan()).count(), fitted.lost());
            let inverse = fitted.inverse(history).expect("inverted");
            let back = inverse.apply(&scaled[history.len()..]);
            for (back, value) in back.iter().zip(future) {
                prop_assert!((back - value).abs() < 1e-8 * value.max(1.0), "{:?} {} {}", &chain, back, value);
            }
            let stored = serde_json::to_string(&fitted).expect("written");
            let read: FittedScaling = serde_json::from_str(&stored).expect("read");
            prop_assert_eq!(read, fitted);
        }
    }
}
