//! What a network's numbers say about one step that is forecast, and their loss.
//!
//! Of every step the shared output projection gives `P` numbers `o`:
//!
//! ```text
//! linear             f = o_0;                           (y - f)² or |y - f|
//! quantiles          q_m = o_m at the median, above it q_i = q_{i-1} + softplus(o_i), below it
//!                    q_i = q_{i+1} - softplus(o_i);     mean over levels of the pinball loss
//! gaussian           μ = o_0, σ = softplus(o_1);        ½ ln 2π + ln σ + ½ ((y - μ) / σ)²
//! student_t          μ, σ as before, ν = 2 + softplus(o_2);
//!                    ln Γ(ν/2) - ln Γ((ν+1)/2) + ½ ln νπ + ln σ + (ν+1)/2 ln (1 + ((y-μ)/σ)² / ν)
//! negative_binomial  μ = s softplus(o_0), α = softplus(o_1) / sqrt s, r = 1/α, z = s y the count;
//!                    ln Γ(z+1) + ln Γ(r) - ln Γ(z+r) + r ln (1 + α μ) - z ln (α μ / (1 + α μ))
//! ```
//!
//! σ and α are at least 1e-4 (of a scaled series), so that no density is infinite. `s` is the factor
//! by which a series was divided. Gaussian, negative binomial and `s`: Salinas, Flunkert, Gasthaus and
//! Januschowski (2020), "DeepAR", International Journal of Forecasting 36(3). Quantiles without
//! crossing by sums of positive parts: Gasthaus et al. (2019).

use burn::tensor::Tensor;

use super::distribution::Distribution;
use super::gamma::ln_gamma;
use crate::loss::{gaussian_nll, softplus};
use crate::recipe::{Head, PointLoss};

/// No scale is smaller.
const SMALLEST: f64 = 1e-4;
/// A Student t has a variance.
const LEAST_FREEDOM: f64 = 2.0;
const MEDIAN: f64 = 0.5;

impl Head {
    /// `P`: how many numbers say what is known about one step.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Linear { .. } => 1,
            Self::Quantiles { levels } => levels.len(),
            Self::Gaussian | Self::NegativeBinomial => 2,
            Self::StudentT => 3,
        }
    }

    /// The mean loss of `targets`, `[N, K]`, by `outputs`, `[N, K, P]`; `factors`, `[N, K]`, are those
    /// by which the series were divided, for counts alone.
    pub(super) fn loss(
        &self,
        outputs: Tensor<3>,
        targets: Tensor<2>,
        factors: Option<Tensor<2>>,
    ) -> Tensor<1> {
        let column = |at: usize| -> Tensor<2> { outputs.clone().narrow(2, at, 1).squeeze_dim(2) };
        match self {
            Self::Linear { loss } => {
                let errors = targets - column(0);
                match loss {
                    PointLoss::Squared => errors.square().mean(),
                    PointLoss::Absolute => errors.abs().mean(),
                }
            }
            Self::Quantiles { levels } => pinball(levels, quantiles(levels, &column), &targets),
            Self::Gaussian => {
                let [rows, steps] = targets.dims();
                let outputs = outputs.reshape([rows * steps, 2]);
                let targets = targets.reshape([rows * steps, 1]);
                gaussian_nll(outputs, targets, SMALLEST).mean()
            }
            Self::StudentT => {
                let scale = softplus(column(1)) + SMALLEST;
                let freedom = softplus(column(2)) + LEAST_FREEDOM;
                let standard = (targets - column(0)) / scale.clone();
                student_t(standard, scale, freedom).mean()
            }
            Self::NegativeBinomial => {
                let factors = factors.unwrap_or_else(|| targets.ones_like());
                let mean = softplus(column(0)) * factors.clone() + SMALLEST;
                let shape = (softplus(column(1)) + SMALLEST) / factors.clone().sqrt();
                negative_binomial(targets * factors, mean, shape).mean()
            }
        }
    }

    /// The middle of what the numbers of one step, `[P]`, say about it, as the network sees the series:
    /// the median, of counts the mean.
    pub(super) fn center(&self, outputs: &[f64]) -> f64 {
        match self {
            Self::Linear { .. } | Self::Gaussian | Self::StudentT => outputs[0],
            Self::Quantiles { levels } => outputs[median_of(levels)],
            Self::NegativeBinomial => softplus_of(outputs[0]),
        }
    }

    /// What the numbers of one step, `[P]`, say about it, of a series that was divided by `factor`.
    /// Counts are in their own unit, everything else as the network sees it.
    pub(super) fn distribution(&self, outputs: &[f64], factor: f64) -> Distribution {
        match self {
            Self::Linear { .. } => Distribution::Point(outputs[0]),
            Self::Quantiles { levels } => {
                let median = median_of(levels);
                let mut values = outputs.to_vec();
                for at in (0..median).rev() {
                    values[at] = values[at + 1] - softplus_of(outputs[at]);
                }
                for at in median + 1..values.len() {
                    values[at] = values[at - 1] + softplus_of(outputs[at]);
                }
                Distribution::Quantiles {
                    levels: levels.clone(),
                    values,
                }
            }
            Self::Gaussian => Distribution::Normal {
                mean: outputs[0],
                deviation: softplus_of(outputs[1]) + SMALLEST,
            },
            Self::StudentT => Distribution::StudentT {
                location: outputs[0],
                scale: softplus_of(outputs[1]) + SMALLEST,
                freedom: softplus_of(outputs[2]) + LEAST_FREEDOM,
            },
            Self::NegativeBinomial => Distribution::NegativeBinomial {
                mean: softplus_of(outputs[0]) * factor + SMALLEST,
                shape: (softplus_of(outputs[1]) + SMALLEST) / factor.sqrt(),
            },
        }
    }
}

fn median_of(levels: &[f64]) -> usize {
    let place = levels.iter().position(|&level| level == MEDIAN);
    place.expect("a recipe's quantiles have the median among them")
}

/// The quantiles at `levels`, `[N, K]` each, the lowest first.
fn quantiles(levels: &[f64], column: &impl Fn(usize) -> Tensor<2>) -> Vec<Tensor<2>> {
    let median = median_of(levels);
    let mut below = vec![column(median)];
    for at in (0..median).rev() {
        below.push(below[below.len() - 1].clone() - softplus(column(at)));
    }
    below.reverse();
    let mut all = below;
    for at in median + 1..levels.len() {
        all.push(all[all.len() - 1].clone() + softplus(column(at)));
    }
    all
}

fn pinball(levels: &[f64], quantiles: Vec<Tensor<2>>, targets: &Tensor<2>) -> Tensor<1> {
    let count = levels.len() as f64;
    let losses = quantiles.into_iter().zip(levels).map(|(quantile, &level)| {
        let above = targets.clone() - quantile;
        (above.clone() * level)
            .max_pair(above * (level - 1.0))
            .mean()
    });
    losses
        .reduce(|sum, loss| sum + loss)
        .expect("there is a median")
        / count
}

fn student_t(standard: Tensor<2>, scale: Tensor<2>, freedom: Tensor<2>) -> Tensor<2> {
    let half_more = (freedom.clone() + 1.0) * 0.5;
    let normaliser = ln_gamma(freedom.clone() * 0.5) - ln_gamma(half_more.clone())
        + (freedom.clone() * std::f64::consts::PI).log() * 0.5
        + scale.log();
    normaliser + half_more * (standard.square() / freedom).log1p()
}

fn negative_binomial(counts: Tensor<2>, mean: Tensor<2>, shape: Tensor<2>) -> Tensor<2> {
    let number = shape.clone().recip();
    let odds = shape * mean;
    let more = odds.clone().log1p();
    ln_gamma(counts.clone() + 1.0) + ln_gamma(number.clone())
        - ln_gamma(counts.clone() + number.clone())
        + number * more.clone()
        - counts * (odds.log() - more)
}

/// [`softplus`] of one number.
fn softplus_of(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests;
