//! What a model is worth on a data set.

use std::f64::consts::LN_2;

use burn::tensor::Tensor;

use crate::data::{TargetKind, Targets};
use crate::error::Result;
use crate::metric::{ConfusionMatrix, Correlation, Figures, MeanLoss, Measure};
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
        /// Pearson's correlation of the answers and the targets, of several numbers a sequence its mean
        /// over them; none where an answer or a target never varies.
        correlation: Option<f64>,
        /// How many sequences it is of.
        count: u64,
    },
    /// Of a language model, over a whole text.
    Tokens(TextWorth),
    /// Of a model of polyphony.
    Music(MusicWorth),
    /// Of a forecaster.
    Forecasts(Box<ForecastReport>),
}

/// What a model of polyphony is worth on some pieces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MusicWorth {
    /// The mean negative log-likelihood of a step, summed over its keys, in nats.
    pub nats_per_step: f64,
    /// The mean over steps of the share of keys, of those that sound or are foretold to, that is both.
    pub accuracy: f64,
    /// Steps of all pieces.
    pub steps: u64,
    /// Pieces.
    pub pieces: u64,
}

/// What a language model is worth on a text that it read from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextWorth {
    /// The summed cross-entropy, in nats.
    pub nats: f64,
    /// The tokens that were foretold: all but the first.
    pub tokens: u64,
    /// Their characters.
    pub characters: u64,
    /// How many of the tokens were unknown words.
    pub unknown: u64,
}

impl TextWorth {
    /// The mean cross-entropy of a token.
    pub fn nats_per_token(&self) -> f64 {
        self.nats / self.tokens as f64
    }

    /// What a character costs.
    pub fn bits_per_character(&self) -> f64 {
        self.nats / LN_2 / self.characters as f64
    }

    /// e to the mean cross-entropy of a token: among how many equally likely ones the model chooses.
    pub fn perplexity(&self) -> f64 {
        self.nats_per_token().exp()
    }
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
            Self::Tokens(worth) => Figures {
                loss: worth.nats_per_token(),
                score: worth.bits_per_character(),
            },
            Self::Music(worth) => Figures {
                loss: worth.nats_per_step,
                score: worth.accuracy,
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
            Self::Tokens(_) => Measure::BitsPerCharacter,
            Self::Music(_) => Measure::KeyAccuracy,
            Self::Forecasts(_) => Measure::ScaledError,
        }
    }

    /// Which class was taken for which, if it is a classifier's.
    pub fn confusion(&self) -> Option<&ConfusionMatrix> {
        match self {
            Self::Classes { confusion, .. } => Some(confusion),
            Self::Numbers { .. } | Self::Tokens(_) | Self::Music(_) | Self::Forecasts(_) => None,
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
    Numbers {
        absolute: f64,
        /// Of each number of an answer.
        correlations: Vec<Correlation>,
    },
}

impl Tally {
    pub(super) fn new(targets: TargetKind) -> Self {
        Self {
            loss: MeanLoss::default(),
            scores: match targets {
                TargetKind::Classes(classes) => Scores::Classes(ConfusionMatrix::new(classes)),
                TargetKind::Numbers(width) => Scores::Numbers {
                    absolute: 0.0,
                    correlations: vec![Correlation::default(); width],
                },
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
            (
                Scores::Numbers {
                    absolute,
                    correlations,
                },
                Targets::Numbers { values, width },
            ) => {
                let answers = head::numbers(outputs.clone());
                for (at, (&answer, &value)) in answers.iter().zip(values).enumerate() {
                    correlations[at % width].add(f64::from(answer), f64::from(value));
                }
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
            Scores::Numbers {
                absolute,
                correlations,
            } => Evaluation::Numbers {
                mse: mean,
                mae: absolute / count as f64,
                correlation: mean_correlation(&correlations),
                count,
            },
        }
    }
}

/// None where one is none.
fn mean_correlation(correlations: &[Correlation]) -> Option<f64> {
    let sum: Option<f64> = correlations.iter().map(Correlation::r).sum();
    sum.map(|sum| sum / correlations.len() as f64)
}
