//! What is known about one step that is forecast: quantiles, samples.

use statrs::distribution::{ContinuousCDF, DiscreteCDF, Normal, StudentsT};

/// What is known about one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// One number.
    Point(f64),
    /// Values at rising levels.
    Quantiles {
        /// The levels, between 0 and 1.
        levels: Vec<f64>,
        /// The values, which never fall.
        values: Vec<f64>,
    },
    /// A normal distribution.
    Normal {
        /// μ
        mean: f64,
        /// σ
        deviation: f64,
    },
    /// Student's t distribution.
    StudentT {
        /// μ
        location: f64,
        /// σ
        scale: f64,
        /// ν
        freedom: f64,
    },
    /// A negative binomial distribution of counts, with the variance μ + α μ².
    NegativeBinomial {
        /// μ
        mean: f64,
        /// α
        shape: f64,
    },
}

/// The negative binomial of statrs with this mean and shape.
pub(super) fn negative_binomial(mean: f64, shape: f64) -> statrs::distribution::NegativeBinomial {
    let (number, success) = (1.0 / shape, 1.0 / (1.0 + shape * mean));
    statrs::distribution::NegativeBinomial::new(number, success)
        .expect("the number is above 0, the probability between 0 and 1")
}

impl Distribution {
    /// The value below which the step lies with probability `level`, which is above 0 and below 1.
    ///
    /// Between learnt quantiles it lies on a straight line, and outside of them the line to the next
    /// one goes on.
    pub fn quantile(&self, level: f64) -> f64 {
        match self {
            Self::Point(value) => *value,
            Self::Quantiles { levels, values } => between(levels, values, level),
            Self::Normal { mean, deviation } => Normal::new(*mean, *deviation)
                .expect("the deviation is above 0")
                .inverse_cdf(level),
            Self::StudentT {
                location,
                scale,
                freedom,
            } => StudentsT::new(*location, *scale, *freedom)
                .expect("scale and freedom are above 0")
                .inverse_cdf(level),
            Self::NegativeBinomial { mean, shape } => {
                negative_binomial(*mean, *shape).inverse_cdf(level) as f64
            }
        }
    }
}

impl Distribution {
    /// What a value of it is of a series that was divided by `factor`: counts are in their own unit.
    pub(super) fn scaled(&self, value: f64, factor: f64) -> f64 {
        match self {
            Self::NegativeBinomial { .. } => value / factor,
            _ => value,
        }
    }
}

fn between(levels: &[f64], values: &[f64], level: f64) -> f64 {
    if levels.len() == 1 {
        return values[0];
    }
    let above = levels.partition_point(|&it| it < level);
    let above = above.clamp(1, levels.len() - 1);
    let share = (level - levels[above - 1]) / (levels[above] - levels[above - 1]);
    values[above - 1] + (values[above] - values[above - 1]) * share
}

#[cfg(test)]
mod tests {
    use statrs::distribution::DiscreteCDF;

    use super::*;
    use crate::random::Seed;

    fn all() -> Vec<Distribution> {
        vec![
            Distribution::Quantiles {
                levels: vec![0.1, 0.5, 0.9],
                values: vec![-1.0, 0.0, 3.0],
            },
            Distribution::Normal {
                mean: 1.0,
                deviation: 2.0,
            },
            Distribution::StudentT {
                location: -1.0,
                scale: 0.5,
                freedom: 4.0,
            },
            Distribution::NegativeBinomial {
                mean: 6.0,
                shape: 0.5,
            },
        ]
    }

    #[test]
    fn quantiles_are_the_inverse_of_the_distribution() {
        let normal = &all()[1];
        assert!((normal.quantile(0.975) - (1.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-9);
        let student = &all()[2];
        assert!((student.quantile(0.9) - (-1.0 + 0.5 * 1.533_206_273_700_6)).abs() < 1e-8);
        let counts = negative_binomial(6.0, 0.5);
        for level in [0.01, 0.3, 0.5, 0.99] {
            let found = all()[3].quantile(level) as u64;
            assert!(counts.cdf(found) >= level, "{level}");
            assert!(found == 0 || counts.cdf(found - 1) < level, "{level}");
        }
    }

    #[test]
    fn learnt_quantiles_are_joined_by_lines() {
        let learnt = &all()[0];
        assert_eq!(learnt.quantile(0.5), 0.0);
        assert!((learnt.quantile(0.7) - 1.5).abs() < 1e-12);
        assert!((learnt.quantile(0.95) - 3.375).abs() < 1e-12);
        assert!((learnt.quantile(0.06) + 1.1).abs() < 1e-12);
        assert_eq!(Distribution::Point(2.0).quantile(0.1), 2.0);
    }

    /// Quantiles at uniform levels are samples: their mean and spread are the distribution's.
    #[test]
    fn samples_have_the_mean_and_the_variance() {
        let mut generator = Seed::new(3).generator("samples");
        let levels: Vec<f64> = (0..20_000)
            .map(|_| generator.uniform() + f64::EPSILON / 4.0)
            .collect();
        for (distribution, mean, variance) in [
            (&all()[1], 1.0, 4.0),
            (&all()[2], -1.0, 0.25 * 2.0),
            (&all()[3], 6.0, 6.0 + 0.5 * 36.0),
        ] {
            let samples: Vec<f64> = levels
                .iter()
                .map(|&level| distribution.quantile(level))
                .collect();
            let count = samples.len() as f64;
            let found = samples.iter().sum::<f64>() / count;
            let spread = samples.iter().map(|it| (it - found).powi(2)).sum::<f64>() / count;
            // Four standard errors of the mean; the t's fourth moment is infinite at ν = 4.
            assert!(
                (found - mean).abs() < 4.0 * (variance / count).sqrt(),
                "{distribution:?} {found}"
            );
            assert!(
                (spread / variance - 1.0).abs() < 0.1,
                "{distribution:?} {spread}"
            );
        }
    }
}
