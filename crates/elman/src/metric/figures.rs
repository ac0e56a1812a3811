//! The two numbers that every task is followed by: its loss, and a score that people understand.

use serde::{Deserialize, Serialize};

use crate::metric::written;

/// What a task reports beside its loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Of a classifier, whose loss is the cross-entropy in nats: the share of examples that are
    /// taken for what they are, 0 to 1.
    Accuracy,
    /// Of a regressor, whose loss is the mean squared error: the mean absolute error, in the
    /// targets' unit.
    AbsoluteError,
    /// Of a language model, whose loss is the cross-entropy of a token in nats: what a character of
    /// the text costs, in bits.
    BitsPerCharacter,
    /// Of a language model that a sampled softmax trains: on held-out and test text the same; in
    /// training the loss is that of telling a token from the sampled ones, which is smaller and no cost
    /// of the text, and its score is that loss in bits per character.
    SampledTokens,
    /// Of a model of polyphony, whose loss is that of a step in nats: of the keys that sound or are
    /// foretold to, the share that is both, 0 to 1.
    KeyAccuracy,
    /// Of a forecaster: the mean absolute error of its medians, of series as the network sees them.
    ScaledError,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::AbsoluteError,
        Self::BitsPerCharacter,
        Self::SampledTokens,
        Self::KeyAccuracy,
        Self::ScaledError,
    ];

    /// Is the loss of training another than that of held-out and test examples, and no cost of the text?
    pub fn trains_on_samples(self) -> bool {
        self == Self::SampledTokens
    }

    /// The score in names of columns and keys: `accuracy`, `mae`, `bpc`, `key_accuracy` or `scaled_mae`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::AbsoluteError => "mae",
            Self::BitsPerCharacter | Self::SampledTokens => "bpc",
            Self::KeyAccuracy => "key_accuracy",
            Self::ScaledError => "scaled_mae",
        }
    }

    /// The score above a diagram.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::AbsoluteError => "Mean absolute error",
            Self::BitsPerCharacter | Self::SampledTokens => "Bits per character",
            Self::KeyAccuracy => "Accuracy of keys",
            Self::ScaledError => "Mean absolute error (scaled)",
        }
    }

    /// The loss above a diagram.
    pub fn loss_heading(self) -> &'static str {
        match self {
            Self::Accuracy => "Mean loss (nats)",
            Self::AbsoluteError => "Mean squared error",
            Self::BitsPerCharacter => "Mean loss of a token (nats)",
            Self::SampledTokens => "Mean loss of a token (nats), train: of samples",
            Self::KeyAccuracy => "Mean loss of a step (nats)",
            Self::ScaledError => "Mean loss (scaled)",
        }
    }

    /// A score as a person reads it: a share as such, however small.
    pub fn written(self, score: f64) -> String {
        match self {
            Self::Accuracy | Self::KeyAccuracy => format!("{score:.4}"),
            Self::AbsoluteError
            | Self::BitsPerCharacter
            | Self::SampledTokens
            | Self::ScaledError => written(score, 4),
        }
    }

    /// The best score that there can be.
    pub fn best(self) -> f64 {
        match self {
            Self::Accuracy | Self::KeyAccuracy => 1.0,
            Self::AbsoluteError
            | Self::BitsPerCharacter
            | Self::SampledTokens
            | Self::ScaledError => 0.0,
        }
    }
}

/// What a model is worth on one part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The mean loss of an example.
    pub loss: f64,
    /// What the task's [`Measure`] says.
    pub score: f64,
}

impl Figures {
    /// Are both numbers finite?
    pub fn are_finite(self) -> bool {
        self.loss.is_finite() && self.score.is_finite()
    }
}
