//! Exercise 7: is a string of the embedded Reber grammar?
//!
//! The chapter's notebook (TF 1.15, graph seed 42) trains a GRU of 30 units for 50 epochs and prints
//! its accuracy on the validation strings after each, then judges two strings that differ in their
//! last letter but one alone. The recipe `reber` has its strings, its first weights, its optimiser
//! and its order of examples. So the first epochs follow the printed ones closely; later f32 rounding decides, as
//! between two versions of TensorFlow.

use crate::data::Grammar;
use crate::error::Result;
use crate::recipe::Recipe;
use crate::task::{self, FitPlan, FitSummary, NamedPrediction, Prediction, RunFolder, Trained};
use crate::train::{FitOptions, Observer};

/// By this epoch every version of the notebook judges all validation strings right.
pub const PERFECT_BY: usize = 25;

/// The accuracy on the validation strings that the notebook printed after each epoch.
const PRINTED: [f64; 50] = [
    0.5934, 0.6182, 0.7250, 0.7322, 0.8002, 0.7268, 0.7430, 0.8640, 0.8750, 0.9418, 0.9510, 0.9640,
    0.9726, 0.9792, 0.9428, 0.9776, 0.9986, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000,
    1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000,
    1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000, 1.0000,
    1.0000, 1.0000,
];

/// The notebook's two strings and the probability that it printed for their being good.
const PROBES: [(&str, f64); 2] = [
    ("BPBTSSSSSSSXXTTVPXVPXTTTTTVVETE", 0.1330),
    ("BPBTSSSSSSSXXTTVPXVPXTTTTTVVEPE", 0.9997),
];

/// The exercise beside the book.
#[derive(Clone, Debug)]
pub struct ReberReport {
    /// The run.
    pub summary: FitSummary,
    /// Every epoch.
    pub epochs: Vec<ReberEpoch>,
    /// The notebook's two strings.
    pub probes: Vec<ReberProbe>,
}

/// The accuracy on the validation strings after an epoch, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReberEpoch {
    /// From 0.
    pub epoch: usize,
    /// What the notebook printed.
    pub book: f64,
    /// What elman computes.
    pub here: f64,
}

/// A string that is judged after the last epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct ReberProbe {
    /// The string.
    pub string: &'static str,
    /// Is it of the embedded Reber grammar?
    pub is_good: bool,
    /// The probability that it is good, as the notebook printed it.
    pub book: f64,
    /// The probability that elman gives.
    pub here: f64,
}

impl ReberProbe {
    /// Is the string taken for what it is?
    pub fn holds(&self) -> bool {
        (self.here > 0.5) == self.is_good
    }
}

impl ReberReport {
    /// The first epoch after which all validation strings are judged right.
    pub fn first_perfect(&self) -> Option<usize> {
        let perfect = self.epochs.iter().find(|epoch| epoch.here == 1.0)?;
        Some(perfect.epoch)
    }

    /// Are all validation strings judged right by epoch [`PERFECT_BY`] and at the end, and both
    /// probes?
    pub fn holds(&self) -> bool {
        let by_then = self
            .first_perfect()
            .is_some_and(|epoch| epoch <= PERFECT_BY);
        let at_last = self.epochs.last().is_some_and(|epoch| epoch.here == 1.0);
        by_then && at_last && self.probes.iter().all(ReberProbe::holds)
    }
}

/// Trains the exercise by the recipe `reber` in `folder` and holds it against the book.
///
/// # Errors
///
/// As [`task::fit`].
pub fn reber(
    folder: RunFolder,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<ReberReport> {
    let plan = FitPlan {
        recipe: Recipe::load("reber", &[])?,
        folder,
        options,
    };
    let summary = task::fit(&plan, observer)?;
    let trained = Trained::load(&summary.root)?;
    report(summary, &trained)
}

/// Holds a run of the recipe against the book.
fn report(summary: FitSummary, trained: &Trained) -> Result<ReberReport> {
    let epochs = summary
        .history
        .iter()
        .zip(PRINTED)
        .map(|(metrics, book)| ReberEpoch {
            epoch: metrics.epoch,
            book,
            here: metrics
                .valid
                .expect("the recipe has validation strings")
                .score,
        })
        .collect();
    let mut probes = Vec::new();
    for (string, book) in PROBES {
        let [
            NamedPrediction {
                prediction: Prediction::Classes(probabilities),
                ..
            },
        ] = &trained.predict(string.as_ref())?[..]
        else {
            unreachable!("the recipe is a classifier's, and a string one sequence");
        };
        probes.push(ReberProbe {
            string,
            is_good: Grammar::embedded_reber().accepts(string),
            book,
            here: f64::from(probabilities[1]),
        });
    }
    Ok(ReberReport {
        summary,
        epochs,
        probes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::ConfusionMatrix;
    use crate::task::Evaluation;

    fn report(accuracies: &[f64], probes: [f64; 2]) -> ReberReport {
        let epochs = accuracies.iter().enumerate();
        ReberReport {
            summary: FitSummary {
                root: "run".into(),
                test: Evaluation::Classes {
                    loss_nats: 0.0,
                    confusion: ConfusionMatrix::new(2),
                },
                history: Vec::new(),
                stopped_early: false,
                best: None,
            },
            epochs: epochs
                .map(|(epoch, &here)| ReberEpoch {
                    epoch,
                    book: PRINTED[epoch],
                    here,
                })
                .collect(),
            probes: PROBES
                .iter()
                .zip(probes)
                .map(|(&(string, book), here)| ReberProbe {
                    string,
                    is_good: Grammar::embedded_reber().accepts(string),
                    book,
                    here,
                })
                .collect(),
        }
    }

    #[test]
    fn it_holds_only_if_all_validation_strings_and_both_probes_are_judged_right() {
        let late = |perfect_from: usize| {
            let mut accuracies = vec![0.99; 50];
            accuracies[perfect_from..].fill(1.0);
            accuracies
        };
        let sound = report(&late(25), [0.3, 0.9]);
        assert!(sound.holds());
        assert_eq!(sound.first_perfect(), Some(25));
        assert!(!report(&late(26), [0.3, 0.9]).holds());
        assert!(!report(&late(50), [0.3, 0.9]).holds());
        assert!(!report(&late(3), [0.6, 0.9]).holds());
        assert!(!report(&late(3), [0.3, 0.4]).holds());
        let mut relapsed = late(3);
        relapsed[49] = 0.9998;
        assert!(!report(&relapsed, [0.3, 0.9]).holds());
    }

    #[test]
    fn the_probes_are_one_bad_and_one_good_string() {
        let good: Vec<bool> = report(&[], [0.0; 2])
            .probes
            .iter()
            .map(|probe| probe.is_good)
            .collect();
        assert_eq!(good, [false, true]);
    }
}
