//! What a search has found so far, as it is saved.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The form of the file; another form is another number.
const FORMAT: u32 = 1;

/// How a trial stands at a rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It reached the rung.
    Scored(Score),
    /// It stopped being finite on the way: what became non-finite, and when.
    Failed(String),
}

impl Outcome {
    /// Its score, if it has one.
    pub fn score(&self) -> Option<&Score> {
        match self {
            Self::Scored(score) => Some(score),
            Self::Failed(_) => None,
        }
    }
}

/// What the model that a trial would give is worth on the held-out examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Epochs that the model has seen: those of its rung, or fewer under early stopping.
    pub epochs: usize,
    /// Its accuracy, where the task has one.
    pub valid_accuracy: Option<f64>,
    /// Its mean loss.
    pub valid_loss: Option<f64>,
}

/// Every outcome so far, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    format: u32,
    reached: Vec<Reached>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reached {
    trial: usize,
    /// From 0.
    rung: usize,
    outcome: Outcome,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            format: FORMAT,
            reached: Vec::new(),
        }
    }

    /// How `trial` stands at `rung`, if that is known.
    pub(super) fn find(&self, trial: usize, rung: usize) -> Option<&Outcome> {
        self.reached
            .iter()
            .find(|entry| entry.trial == trial && entry.rung == rung)
            .map(|entry| &entry.outcome)
    }

    /// The last rung (from 0) that `trial` came to or failed on the way to, and how.
    pub(super) fn last(&self, trial: usize) -> Option<(usize, &Outcome)> {
        self.reached
            .iter()
            .filter(|entry| entry.trial == trial)
            .map(|entry| (entry.rung, &entry.outcome))
            .max_by_key(|&(rung, _)| rung)
    }

    pub(super) fn record(&mut self, trial: usize, rung: usize, outcome: Outcome) {
        self.reached.push(Reached {
            trial,
            rung,
            outcome,
        });
    }

    pub(super) fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers, strings and lists of tables")
    }

    /// `path` names the file in errors.
    pub(super) fn from_toml(path: &Path, text: &str) -> Result<Self> {
        let journal: Self =
            toml::from_str(text).map_err(|error| Error::damaged(path, error.message()))?;
        if journal.format != FORMAT {
            return Err(Error::data(
                path,
                format!("has format {}, this elman reads {FORMAT}", journal.format),
                "go on with the elman that began the search",
            ));
        }
        Ok(journal)
    }
}
