//! The chapter's deep networks on MNIST: three relu layers, and three LSTM layers.
//!
//! The notebook's own numbers are those of MNIST's 60,000 images and of one seed of TensorFlow's. So
//! a training here stands beside TF 1's run of the same code on the same files
//! (`fixtures/book/make.py`; tensorflow-cpu 2.15.1, `tf.compat.v1`), for the files that it was run
//! on: `data/mnist10k`, and Fashion-MNIST with its first 5,000 images held out.

use crate::error::Result;
use crate::recipe::{Override, Recipe};
use crate::store::{RunDirectory, StoredFile};
use crate::task::{self, FitPlan, FitSummary, RunFolder};
use crate::train::{FitOptions, Observer};

/// How far below TF 1's the accuracy may be: runs of TF 1 with other seeds are as far apart.
pub const BELOW: f64 = 0.015;

/// How many epochs TF 1 was trained for.
const EPOCHS: usize = 10;

/// How many epochs at the end are looked at.
const LAST: usize = 3;

/// TF 1's run of an example on some files.
struct Reference {
    /// The recipe.
    example: &'static str,
    /// What a model file says of the images that it was trained on.
    data: &'static str,
    /// Test accuracy after each epoch, as `fixtures/book/make.py` printed it; empty where only the
    /// earlier run is known.
    accuracies: &'static [f64],
    /// The mean of the last three epochs of an earlier run of TF 1.
    earlier: f64,
}

impl Reference {
    /// The mean of the last three epochs, of the better run.
    fn last(&self) -> f64 {
        match self.accuracies {
            [] => self.earlier,
            accuracies => self.earlier.max(mean_of_last(accuracies)),
        }
    }
}

/// All of `data/mnist10k`.
const MNIST10K: &str = "19f7258f6eeb905a52c30d3c5cd65c0df4f78632ca5e99050609c3f3b47c578f";
/// Fashion-MNIST, the first 5,000 training images held out.
const FASHION: &str = "a948a46e6156a193060c5dfebf0288ccdccbe0779c320c083ffe24deaab7dd25";

const REFERENCES: [Reference; 4] = [
    Reference {
        example: "mnist-deep",
        data: MNIST10K,
        accuracies: &[
            0.7215, 0.8410, 0.8890, 0.9205, 0.9200, 0.9145, 0.9100, 0.9365, 0.9360, 0.9410,
        ],
        earlier: 0.9445,
    },
    Reference {
        example: "mnist-lstm3",
        data: MNIST10K,
        accuracies: &[
            0.7730, 0.8610, 0.9040, 0.9225, 0.9340, 0.9490, 0.9475, 0.9505, 0.9480, 0.9630,
        ],
        earlier: 0.956,
    },
    Reference {
        example: "mnist-deep",
        data: FASHION,
        accuracies: &[
            0.8063, 0.8289, 0.8469, 0.8572, 0.8558, 0.8642, 0.8559, 0.8696, 0.8713, 0.8763,
        ],
        earlier: 0.872,
    },
    Reference {
        example: "mnist-lstm3",
        data: FASHION,
        accuracies: &[],
        earlier: 0.884,
    },
];

/// The examples of [`training`].
pub const TRAININGS: [&str; 2] = ["mnist-deep", "mnist-lstm3"];

/// A training beside TF 1's.
#[derive(Clone, Debug)]
pub struct TrainingReport {
    /// The run.
    pub summary: FitSummary,
    /// Every epoch.
    pub epochs: Vec<TrainingEpoch>,
    /// The mean test accuracy of the last three epochs.
    pub last: f64,
    /// The mean test accuracy of TF 1's last three, the higher of its runs; `None` for files that it
    /// was not run on, and for another number of epochs.
    pub tensorflow: Option<f64>,
}

/// Test accuracy after an epoch, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingEpoch {
    /// From 0.
    pub epoch: usize,
    /// TF 1's, if it was run on these files.
    pub tensorflow: Option<f64>,
    /// What elman computes.
    pub here: f64,
}

impl TrainingReport {
    /// Is the mean of the last epochs at most [`BELOW`] under TF 1's? `None` when there is none.
    pub fn holds(&self) -> Option<bool> {
        self.tensorflow
            .map(|tensorflow| self.last >= tensorflow - BELOW)
    }
}

/// Trains `example`, one of [`TRAININGS`], by the recipe of its name with `overrides`, in `folder`.
///
/// # Errors
///
/// As [`Recipe::load`] and [`task::fit`].
pub fn training(
    example: &str,
    overrides: &[Override],
    folder: RunFolder,
    options: FitOptions,
    observer: &mut dyn Observer,
) -> Result<TrainingReport> {
    let plan = FitPlan {
        recipe: Recipe::load(example, overrides)?,
        folder,
        options,
    };
    let summary = task::fit(&plan, observer)?;
    let StoredFile { path, file } = RunDirectory::model(&summary.root)?;
    let data = file.fact(&path, "data")?;
    let reference = REFERENCES
        .iter()
        .find(|reference| reference.example == example && reference.data == data);
    Ok(report(summary, reference))
}

/// Holds a run against TF 1's.
fn report(summary: FitSummary, reference: Option<&Reference>) -> TrainingReport {
    let here: Vec<f64> = summary
        .history
        .iter()
        .map(|metrics| metrics.test.score)
        .collect();
    let epochs = here.iter().enumerate().map(|(epoch, &here)| TrainingEpoch {
        epoch,
        tensorflow: reference.and_then(|it| it.accuracies.get(epoch).copied()),
        here,
    });
    TrainingReport {
        epochs: epochs.collect(),
        last: mean_of_last(&here),
        tensorflow: reference
            .filter(|_| here.len() == EPOCHS)
            .map(Reference::last),
        summary,
    }
}

fn mean_of_last(accuracies: &[f64]) -> f64 {
    let last = &accuracies[accuracies.len().saturating_sub(LAST)..];
    last.iter().sum::<f64>() / last.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, DatasetParts, TrainingExamples, idx};
    use crate::metric::{ConfusionMatrix, EpochMetrics, Figures, Measure};
    use crate::task::Evaluation;

    fn run(accuracies: &[f64]) -> FitSummary {
        let figures = |score| Figures { loss: 0.0, score };
        let history = accuracies.iter().enumerate();
        FitSummary {
            root: "run".into(),
            test: Evaluation::Classes {
                loss_nats: 0.0,
                confusion: ConfusionMatrix::new(10),
            },
            history: history
                .map(|(epoch, &score)| EpochMetrics {
                    epoch,
                    learning_rate: 0.001,
                    gradient_norm: 1.0,
                    clipped_norm: 1.0,
                    measure: Measure::Accuracy,
                    train: figures(0.0),
                    valid: None,
                    test: figures(score),
                })
                .collect(),
            stopped_early: false,
            best: None,
        }
    }

    #[test]
    fn the_shipped_images_are_those_that_tensorflow_was_run_on() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist10k");
        let images = idx::read_folder(folder, 10).expect("they ship");
        let parts = DatasetParts {
            train: TrainingExamples::Kept(Dataset::Images(images.train)),
            valid: None,
            test: Dataset::Images(images.test),
        };
        assert_eq!(parts.fingerprint(), MNIST10K);
    }

    #[test]
    fn the_last_three_epochs_decide() {
        let reference = &REFERENCES[0];
        let judged = |last: f64| {
            let mut accuracies = [0.5; 10];
            accuracies[7..].fill(last);
            report(run(&accuracies), Some(reference))
        };
        // The earlier run was better than this one's .9378.
        assert_eq!(judged(0.9).tensorflow, Some(0.9445));
        assert_eq!(judged(0.9296).holds(), Some(true));
        assert_eq!(judged(0.9294).holds(), Some(false));
        let epoch = judged(0.9296).epochs[8];
        assert_eq!((epoch.tensorflow, epoch.here), (Some(0.936), 0.9296));
    }

    #[test]
    fn other_files_and_shorter_runs_are_not_judged() {
        let free = report(run(&[0.9; 10]), None);
        assert_eq!((free.holds(), free.epochs[0].tensorflow), (None, None));
        let short = report(run(&[0.5, 0.9]), Some(&REFERENCES[1]));
        assert_eq!(short.holds(), None);
        assert_eq!(short.last, 0.7);
        assert_eq!(short.epochs[1].tensorflow, Some(0.861));
    }
}
