//! What is searched, and how.

use std::collections::BTreeMap;
use std::fmt;

use super::Monitor;
use crate::random::Seed;

/// A search for better settings (`[tune]`).
#[derive(Clone, Debug, PartialEq)]
pub struct TuneSettings {
    /// Trials, the recipe's own settings among them: 2 to 9,999 (default 20).
    pub trials: usize,
    /// From which the trials are drawn (default: the recipe's own seed). A trial depends on this
    /// and on its number alone.
    pub seed: Seed,
    /// By which trials are ranked, on the held-out examples: `"valid_accuracy"` (the default) or
    /// `"valid_loss"`.
    pub metric: Monitor,
    /// How trials are given up early (`[tune.halving]`, default not at all).
    pub halving: Option<HalvingSettings>,
    /// What is searched (`[tune.search]`), by dotted key: at least one.
    pub search: BTreeMap<String, Searched>,
}

/// Successive halving (`[tune.halving]`): see [`crate::tune`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalvingSettings {
    /// The reduction factor η: from rung to rung a trial in η goes on, for η times the epochs. At
    /// least 2 (default 3).
    pub eta: usize,
    /// Epochs of the first rung: 1 to the recipe's `train.epochs` (default 1).
    pub first_epochs: usize,
}

/// A setting that is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Searched {
    /// Where its values come from.
    pub range: Range,
    /// It is drawn only where all of these hold (`when`, default none); elsewhere the recipe's
    /// own value stays.
    pub when: Vec<Condition>,
}

/// Where the values of a searched setting come from; all are equally likely.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// `log = [low, high]`, above 0: the logarithm is uniform.
    Log([f64; 2]),
    /// `linear = [low, high]`: the number is uniform.
    Linear([f64; 2]),
    /// `integer = [low, high]`, both ends included.
    Integer([i64; 2]),
    /// `choice = ["basic", "lstm"]`: at least two strings, numbers or truths.
    Choice(Vec<Setting>),
}

/// Another searched setting must have one of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The other's key: a choice without a condition of its own.
    pub key: String,
    /// The values, some of its choices.
    pub values: Vec<Setting>,
}

/// One value of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A string.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Truth(bool),
}

impl Setting {
    /// The number that it is, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Truth(_) => None,
        }
    }
}

/// As in a table: text without quotes.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Truth(truth) => write!(f, "{truth}"),
        }
    }
}
