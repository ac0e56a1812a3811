//! One token from a distribution, or each of several independent events.
//!
//! ```text
//! temperature   p[v] ∝ exp(x[v] / temperature); 0: the highest x alone
//! top_k         only the k highest x
//! top_p         of those only the fewest, from the highest on, whose p sum to at least top_p
//! ```
//!
//! Fan et al. (2018) for top_k; Holtzman et al. (2020), arXiv 1904.09751, for top_p. Of equals the first
//! token is the higher one.

use crate::error::{Error, Result};
use crate::random::{Generator, Seed};

/// How to draw tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplerConfig {
    temperature: f64,
    top_k: Option<usize>,
    top_p: Option<f64>,
}

impl Default for SamplerConfig {
    /// From the whole distribution, as it is.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: None,
        }
    }
}

impl SamplerConfig {
    /// Divides all logits by `temperature`; 0 always takes the most likely token.
    ///
    /// # Errors
    ///
    /// When it is negative or not finite.
    pub fn with_temperature(mut self, temperature: f64) -> Result<Self> {
        if !temperature.is_finite() || temperature < 0.0 {
            return Err(Error::argument(
                "temperature",
                format!("is {temperature}"),
                "give 0 for the most likely token, or a finite number above 0",
            ));
        }
        self.temperature = temperature;
        Ok(self)
    }

    /// Only the `top_k` most likely tokens.
    ///
    /// # Errors
    ///
    /// When it is 0.
    pub fn with_top_k(mut self, top_k: usize) -> Result<Self> {
        if top_k == 0 {
            return Err(Error::argument("top-k", "is 0", "give at least 1"));
        }
        self.top_k = Some(top_k);
        Ok(self)
    }

    /// Only the most likely tokens that have `top_p` of the probability together.
    ///
    /// # Errors
    ///
    /// When it is not above 0 and at most 1.
    pub fn with_top_p(mut self, top_p: f64) -> Result<Self> {
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(Error::argument(
                "top-p",
                format!("is {top_p}"),
                "give a number above 0 and at most 1",
            ));
        }
        self.top_p = Some(top_p);
        Ok(self)
    }

    /// A sampler whose draws depend on `seed` alone.
    pub fn init(self, seed: Seed) -> Sampler {
        Sampler {
            config: self,
            generator: seed.generator("generate"),
        }
    }
}

/// Draws tokens.
#[derive(Clone, Debug)]
pub struct Sampler {
    config: SamplerConfig,
    generator: Generator,
}

impl Sampler {
    /// A token by its logit, `logits` `[V]`. `barred` tokens, which rise, are never drawn.
    ///
    /// # Errors
    ///
    /// When a logit is not a number or the highest is infinite, or all tokens are barred.
    pub fn draw(&mut self, logits: &[f32], barred: &[u32]) -> Result<u32> {
        ensure_numbers(logits, "token")?;
        let mut candidates: Vec<(u32, f64)> = (0_u32..)
            .zip(logits)
            .filter(|(token, _)| barred.binary_search(token).is_err())
            .map(|(token, &logit)| (token, f64::from(logit)))
            .collect();
        if candidates.is_empty() {
            return Err(Error::argument(
                "logits",
                "every token is barred",
                "allow one",
            ));
        }
        let SamplerConfig {
            temperature,
            top_k,
            top_p,
        } = self.config;
        let kept = if temperature == 0.0 { Some(1) } else { top_k };
        if kept.is_some() || top_p.is_some() {
            let order = |one: &(u32, f64), other: &(u32, f64)| {
                other.1.total_cmp(&one.1).then(one.0.cmp(&other.0))
            };
            if let Some(kept) = kept.filter(|&kept| kept < candidates.len()) {
                candidates.select_nth_unstable_by(kept - 1, order);
                candidates.truncate(kept);
            }
            candidates.sort_unstable_by(order);
        }
        if let [(token, _)] = candidates[..] {
            return Ok(token);
        }
        let weights = candidates.iter().map(|it| it.1);
        let highest = weights.fold(f64::NEG_INFINITY, f64::max);
        if !highest.is_finite() {
            return Err(Error::argument(
                "logits",
                format!("the highest is {highest}"),
                "use the model of a training that went well",
            ));
        }
        for (_, weight) in &mut candidates {
            *weight = ((*weight - highest) / temperature).exp();
        }
        if let Some(top_p) = top_p {
            keep_share(&mut candidates, top_p);
        }
        Ok(self.pick(&candidates))
    }

    /// Which of independent events happen, each with the probability sigmoid(logit / temperature);
    /// at the temperature 0 those with a logit above 0. `logits` `[N]`, the answer too.
    ///
    /// # Errors
    ///
    /// When a logit is not a number, or `top_k` or `top_p` is set, which choose among tokens.
    pub fn draw_each(&mut self, logits: &[f32]) -> Result<Vec<bool>> {
        let SamplerConfig {
            temperature,
            top_k,
            top_p,
        } = self.config;
        for (name, is_set) in [("top-k", top_k.is_some()), ("top-p", top_p.is_some())] {
            if is_set {
                return Err(Error::argument(
                    name,
                    "it chooses among tokens of which one is drawn, and here each key is drawn by itself",
                    "leave it out; a lower `temperature` makes likely keys likelier",
                ));
            }
        }
        ensure_numbers(logits, "event")?;
        let happens = |&logit: &f32| match temperature {
            0.0 => logit > 0.0,
            _ => {
                let probability = 1.0 / (1.0 + (-f64::from(logit) / temperature).exp());
                self.generator.uniform() < probability
            }
        };
        Ok(logits.iter().map(happens).collect())
    }

    /// One of `candidates`, as likely as its weight.
    fn pick(&mut self, candidates: &[(u32, f64)]) -> u32 {
        let sum: f64 = candidates.iter().map(|it| it.1).sum();
        let mut left = self.generator.uniform() * sum;
        for &(token, weight) in candidates {
            left -= weight;
            if left < 0.0 {
                return token;
            }
        }
        // What rounding left over goes to the last that can be drawn.
        let possible = candidates.iter().rfind(|it| it.1 > 0.0);
        possible.expect("the highest has the weight 1").0
    }
}

/// Keeps the first candidates, sorted, that have `share` of all weights together.
fn keep_share(candidates: &mut Vec<(u32, f64)>, share: f64) {
    let wanted = share * candidates.iter().map(|it| it.1).sum::<f64>();
    let mut sum = 0.0;
    let reached = candidates.iter().position(|it| {
        sum += it.1;
        sum >= wanted
    });
    candidates.truncate(reached.map_or(usize::MAX, |at| at + 1));
}

/// Checks that every logit is a number; each is that of a `what`.
fn ensure_numbers(logits: &[f32], what: &str) -> Result<()> {
    match logits.iter().position(|logit| logit.is_nan()) {
        None => Ok(()),
        Some(at) => Err(Error::argument(
            "logits",
            format!("that of {what} {at} is not a number"),
            "use the model of a training that went well",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln of 0.5, 0.25, 0.125, 0.125.
    fn logits() -> Vec<f32> {
        [0.125_f32, 0.5, 0.25, 0.125].map(f32::ln).to_vec()
    }

    /// How often each token is drawn.
    fn shares(config: SamplerConfig) -> [f64; 4] {
        const DRAWS: u32 = 20_000;
        let mut sampler = config.init(Seed::new(7));
        let mut counts = [0_u32; 4];
        for _ in 0..DRAWS {
            counts[sampler.draw(&logits(), &[]).expect("drawn") as usize] += 1;
        }
        counts.map(|count| f64::from(count) / f64::from(DRAWS))
    }

    /// Within four standard deviations of a share of 20,000.
    fn close(found: [f64; 4], expected: [f64; 4]) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() <= 0.0142, "{found} {expected}");
            assert_eq!(found == 0.0, expected == 0.0);
        }
    }

    #[test]
    fn tokens_come_as_often_as_they_are_likely() {
        let config = SamplerConfig::default();
        close(shares(config), [0.125, 0.5, 0.25, 0.125]);
        // Squares of the probabilities, to their sum.
        let colder = config.with_temperature(0.5).expect("sound");
        close(
            shares(colder),
            [1.0 / 22.0, 16.0 / 22.0, 4.0 / 22.0, 1.0 / 22.0],
        );
        close(
            shares(config.with_temperature(0.0).expect("sound")),
            [0.0, 1.0, 0.0, 0.0],
        );
    }

    #[test]
    fn only_the_most_likely_are_drawn() {
        let config = SamplerConfig::default();
        close(
            shares(config.with_top_k(2).expect("sound")),
            [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
        );
        // Of equals the first.
        close(
            shares(config.with_top_k(3).expect("sound")),
            [1.0 / 7.0, 4.0 / 7.0, 2.0 / 7.0, 0.0],
        );
        close(
            shares(config.with_top_p(0.5).expect("sound")),
            [0.0, 1.0, 0.0, 0.0],
        );
        close(
            shares(config.with_top_p(0.51).expect("sound")),
            [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0],
        );
        close(
            shares(config.with_top_p(1.0).expect("sound")),
            [0.125, 0.5, 0.25, 0.125],
        );
    }

    #[test]
    fn events_happen_as_often_as_they_are_likely() {
        const DRAWS: u32 = 20_000;
        // Probabilities of 0.5, 0.8 and 0.1.
        let logits = [0.0, 4_f32.ln(), -(9_f32.ln())];
        let shares = |config: SamplerConfig| {
            let mut sampler = config.init(Seed::new(7));
            let mut counts = [0_u32; 3];
            for _ in 0..DRAWS {
                let drawn = sampler.draw_each(&logits).expect("drawn");
                for (count, happens) in counts.iter_mut().zip(drawn) {
                    *count += u32::from(happens);
                }
            }
            counts.map(|count| f64::from(count) / f64::from(DRAWS))
        };
        // Within four standard deviations of a share of 20,000.
        let close = |found: [f64; 3], expected: [f64; 3]| {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() <= 0.0142, "{found} {expected}");
            }
        };
        let config = SamplerConfig::default();
        close(shares(config), [0.5, 0.8, 0.1]);
        // The odds of 4 and 1/9 are squared.
        let colder = config.with_temperature(0.5).expect("sound");
        close(shares(colder), [0.5, 16.0 / 17.0, 1.0 / 82.0]);
        let coldest = config.with_temperature(0.0).expect("sound");
        assert_eq!(shares(coldest), [0.0, 1.0, 0.0]);
        let mut sampler = config.init(Seed::new(1));
        let refused = sampler.draw_each(&[f32::NAN]).expect_err("refused");
        insta::assert_snapshot!(refused, @"logits: that of event 0 is not a number; use the model of a training that went well");
    }

    #[test]
    fn barred_tokens_and_impossible_settings() {
        let mut sampler = SamplerConfig::default()
            .with_top_k(1)
            .expect("sound")
            .init(Seed::new(1));
        assert_eq!(sampler.draw(&logits(), &[1]).expect("drawn"), 2);
        let message = |refused: Result<SamplerConfig>| refused.expect_err("refused").to_string();
        let config = SamplerConfig::default();
        insta::assert_snapshot!(message(config.with_temperature(-1.0)), @"temperature: is -1; give 0 for the most likely token, or a finite number above 0");
        insta::assert_snapshot!(message(config.with_temperature(f64::NAN)), @"temperature: is NaN; give 0 for the most likely token, or a finite number above 0");
        insta::assert_snapshot!(message(config.with_top_k(0)), @"top-k: is 0; give at least 1");
        insta::assert_snapshot!(message(config.with_top_p(0.0)), @"top-p: is 0; give a number above 0 and at most 1");
        let refused = sampler.draw(&[0.0, f32::NAN], &[]).expect_err("refused");
        insta::assert_snapshot!(refused, @"logits: that of token 1 is not a number; use the model of a training that went well");
        // Tiny temperatures underflow to the most likely token.
        let tiny = config.with_temperature(1e-300).expect("sound");
        close(shares(tiny), [0.0, 1.0, 0.0, 0.0]);
    }
}
