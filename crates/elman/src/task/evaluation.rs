//! What a model is worth on a data set.

use burn::tensor::Tensor;

use crate::data::{TargetKind, Targets};
use crate::error::Result;
use crate::metric::{ConfusionMatrix, Figures, MeanLoss, Measure};
use crate::recipe::Output;
use crate::task::forecaster::ForecastReport;
use crate::task::head;

/// What a model is worth on a data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluation {
    /// Of a classifier.
    Classes {
        /// The mean cross-entropy, in nats.
        loss_nats: f64,
        /// Which class was taken for which.
        confusion: ConfusionMatrix,
    },
    /// Of a regressor.
    Numbers {
        /// The mean squared error, in the targets' unit squared.
        mse: f64,
        /// The mean absolute error, in the targets' unit.
        mae: f64,
        /// How many sequences it is of.
        count: u64,
    },
    /// Of a forecaster.
    Forecasts(Box<ForecastReport>),
}

impl Evaluation {
    /// Loss and score.
    pub fn figures(&self) -> Figures {
        match self {
            Self::Classes {
                loss_nats,
                confusion,
            } => Figures {
                loss: *loss_nats,
                score: confusion.accuracy(),
            },
            Self::Numbers { mse, mae, .. } => Figures {
                loss: *mse,
                score: *mae,
            },
            Self::Forecasts(report) => Figures {
                loss: report.all.model.mae,
                score: report.all.model.mase,
            },
        }
    }

    /// What the score is.
    pub fn measure(&self) -> Measure {
        match self {
            Self::Classes { .. } => Measure::Accuracy,
            Self::Numbers { .. } => Measure::AbsoluteError,
            Self::Forecasts(_) => Measure::ScaledError,
        }
    }

    /// Which class was taken for which, if it is a classifier's.
    pub fn confusion(&self) -> Option<&ConfusionMatrix> {
        match self {
            Self::Classes { confusion, .. } => Some(confusion),
            Self::Numbers { .. } | Self::Forecasts(_) => None,
        }
    }
}

/// Sums over the batches of an evaluation.
pub(super) struct Tally {
    loss: MeanLoss,
    scores: Scores,
}

enum Scores {
    Classes(ConfusionMatrix),
    Numbers { absolute: f64 },
}

impl Tally {
    pub(super) fn new(targets: TargetKind) -> Self {
        Self {
            loss: MeanLoss::default(),
            scores: match targets {
                TargetKind::Classes(classes) => Scores::Classes(ConfusionMatrix::new(classes)),
                TargetKind::Numbers(_) => Scores::Numbers { absolute: 0.0 },
            },
        }
    }

    /// Adds a batch: `outputs` `[B, V]` and what they should be.
    pub(super) fn add(
        &mut self,
        output: Output,
        outputs: Tensor<2>,
        targets: &Targets,
    ) -> Result<()> {
        let mean = match (&mut self.scores, targets) {
            (Scores::Classes(confusion), Targets::Classes { labels, .. }) => {
                for (predicted, &label) in head::classes(output, &outputs).into_iter().zip(labels) {
                    confusion.record(usize::from(label), predicted)?;
                }
                head::cross_entropy(output, outputs, labels)
            }
            (Scores::Numbers { absolute }, Targets::Numbers { values, .. }) => {
                *absolute += head::absolute_errors(&outputs, values).iter().sum::<f64>();
                head::squared_error(outputs, values)
            }
            _ => unreachable!("a model is evaluated on the targets that it answers"),
        };
        let count = targets.count();
        let mean = f64::from(mean.into_scalar::<f32>());
        self.loss.add(mean * count as f64, count);
        Ok(())
    }

    pub(super) fn finish(self) -> Evaluation {
        let mean = self.loss.mean().expect("a data set is never empty");
        let count = self.loss.examples();
        match self.scores {
            Scores::Classes(confusion) => Evaluation::Classes {
                loss_nats: mean,
                confusion,
            },
            Scores::Numbers { absolute } => Evaluation::Numbers {
                mse: mean,
                mae: absolute / count as f64,
                count,
            },
        }
    }
}
