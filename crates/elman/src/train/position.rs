//! Where a training run is.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{EpochMetrics, Figures, MeanLoss};
use crate::recipe::{EarlyStopping, Monitor};
use crate::train::GradientNorms;

/// Where a training run is, between two steps.
///
/// Randomness is keyed by (seed, purpose, epoch), so that the seed and this are all that the
/// order of examples depends on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch that is running, from 0; the number of finished epochs.
    pub epoch: usize,
    /// Steps of it that are done.
    pub step_in_epoch: usize,
    /// Steps done in all epochs.
    pub step: u64,
    /// Sums over the steps of this epoch.
    pub running: Running,
    /// The best epoch so far, when early stopping watches.
    pub best: Option<Best>,
    /// Has early stopping ended the run?
    pub stopped_early: bool,
    /// One entry for every finished epoch.
    pub history: Vec<EpochMetrics>,
}

/// Sums over the steps of the running epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Σ loss · examples.
    pub loss_sum: f64,
    /// Σ score over the examples.
    pub score_sum: f64,
    /// Examples seen.
    pub examples: usize,
    /// Steps done.
    pub steps: usize,
    /// Sums of the steps' gradient norms.
    pub norm_sums: GradientNorms,
}

impl Running {
    /// Adds a step's mean loss, the sum of its scores and the number of its examples.
    pub(crate) fn add(&mut self, mean_loss: f64, score_sum: f64, examples: usize) {
        self.loss_sum += mean_loss * examples as f64;
        self.score_sum += score_sum;
        self.examples += examples;
    }

    /// Adds a step's gradient norms.
    pub(crate) fn add_norms(&mut self, norms: GradientNorms) {
        self.steps += 1;
        self.norm_sums.before += norms.before;
        self.norm_sums.after += norms.after;
    }

    /// The means of the steps' gradient norms; NaN before the first step.
    pub fn gradient_norms(&self) -> GradientNorms {
        let mean = |sum: f64| sum / self.steps as f64;
        GradientNorms {
            before: mean(self.norm_sums.before),
            after: mean(self.norm_sums.after),
        }
    }

    /// The mean loss and score; NaN before the first step.
    pub fn figures(&self) -> Figures {
        let mut loss = MeanLoss::default();
        loss.add(self.loss_sum, self.examples);
        Figures {
            loss: loss.mean().unwrap_or(f64::NAN),
            score: self.score_sum / self.examples as f64,
        }
    }
}

/// The best epoch so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The epoch, from 0.
    pub epoch: usize,
    /// Its value of what is monitored.
    pub value: f64,
}

/// What of a run is not a tensor, as it is saved: TOML gives back the very same numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedPosition {
    /// What the optimiser keeps besides its slots.
    pub(crate) optimiser: BTreeMap<String, f64>,
    pub(crate) position: Position,
}

impl SavedPosition {
    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, tables and lists of tables")
    }

    /// `path` names the file in errors.
    pub(crate) fn from_toml(path: &Path, text: &str) -> Result<Self> {
        toml::from_str(text)
            .map_err(|error| Error::damaged(path, format!("its position: {}", error.message())))
    }
}

/// A usual norm is the mean of no fewer steps.
const USUAL_STEPS: usize = 20;

impl Position {
    /// The usual norm of a gradient, before the last step of the running epoch, whose norm is `last`:
    /// the largest of the epochs' means. None while this epoch has too few steps.
    pub(crate) fn usual_norm(&self, last: f64) -> Option<f64> {
        let Running {
            steps, norm_sums, ..
        } = self.running;
        let others = steps.saturating_sub(1);
        let epochs = self.history.iter().map(|epoch| epoch.gradient_norm);
        let mean = (norm_sums.before - last) / others as f64;
        (others >= USUAL_STEPS).then(|| epochs.fold(mean, f64::max))
    }

    /// Judges the epoch that has just been finished; true if it is the best so far.
    ///
    /// # Panics
    ///
    /// When `metrics` lacks what the rule monitors: recipes that monitor validation without held-out
    /// examples are refused.
    pub(crate) fn judge(&mut self, rule: &EarlyStopping, metrics: &EpochMetrics) -> bool {
        let value = monitored(rule.monitor, metrics);
        let better = match self.best {
            None => true,
            Some(best) => {
                let gain = match rule.monitor {
                    Monitor::ValidAccuracy => value - best.value,
                    Monitor::ValidLoss | Monitor::TrainLoss => best.value - value,
                };
                gain > rule.minimum_change
            }
        };
        if better {
            let epoch = metrics.epoch;
            self.best = Some(Best { epoch, value });
        }
        let waited = self.best.map_or(0, |best| metrics.epoch - best.epoch);
        self.stopped_early = waited >= rule.patience;
        better
    }
}

fn monitored(monitor: Monitor, metrics: &EpochMetrics) -> f64 {
    const HELD_OUT: &str = "a recipe that monitors validation holds examples out";
    match monitor {
        Monitor::ValidLoss => metrics.valid.expect(HELD_OUT).loss,
        Monitor::ValidAccuracy => metrics.valid.expect(HELD_OUT).score,
        Monitor::TrainLoss => metrics.train.loss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Measure;

    #[test]
    fn the_usual_norm_is_the_largest_mean_before_the_last_step() {
        let mut position = Position::default();
        let add = |position: &mut Position, norm: f64| {
            let (before, after) = (norm, norm);
            position.running.add_norms(GradientNorms { before, after });
        };
        for step in 0..USUAL_STEPS {
            add(&mut position, 1.0 + (step % 2) as f64);
            assert_eq!(position.usual_norm(2.0), None, "{} steps", step + 1);
        }
        add(&mut position, 1e6);
        assert_eq!(position.usual_norm(1e6), Some(1.5));
        let figures = Figures {
            loss: 1.0,
            score: 1.0,
        };
        position.history.push(EpochMetrics {
            epoch: 0,
            learning_rate: 0.1,
            gradient_norm: 40.0,
            clipped_norm: 40.0,
            measure: Measure::Accuracy,
            train: figures,
            valid: None,
            test: figures,
        });
        assert_eq!(position.usual_norm(1e6), Some(40.0));
    }
}
