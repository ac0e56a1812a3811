//! Better settings, searched at random and by successive halving.
//!
//! ```text
//! trial 0     the recipe's own settings
//! trial i     every searched setting drawn from its range, by (seed, i) alone
//! rung k      trains its trials to r·η^k epochs, the last rung to the recipe's R
//!             ⌊n/η^k⌋ trials reach it, at least one: the best of the rung before
//! ```
//!
//! `n` trials, `η` (eta) the reduction factor, the resource is epochs: Jamieson and Talwalkar
//! (2016), "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS; the
//! words are those of Li et al. (2018), "Hyperband", JMLR 18(185). Without halving there is one
//! rung. Trial 0 goes through every rung, beside those that earned it, so that the best and the
//! recipe's own settings are compared after the same number of epochs.
//!
//! Trials are ranked on the held-out examples, by the model that the run would give: its last
//! epoch's, under early stopping its best epoch's. Equal values are told apart by the other
//! metric, then by the trial's number. A trial whose numbers stop being finite ranks last and ends
//! there. Every trial has the recipe's own seed and its full number of epochs, so that schedules
//! see the end that they would see without a search; it waits at a rung, and goes on from its
//! checkpoint.
//!
//! A search is one folder:
//!
//! ```text
//! runs/mnist-tune-1/
//!   recipe.toml          the recipe, with what was given beside it
//!   trial-00/ …          every trial: the folder of a run
//!   progress.toml        which trial reached which rung, and how it stood there
//!   table.csv            all trials, the best first
//!   best.toml            the best trial's recipe, every setting spelt out
//!   tune.svg, .png       the metric against epochs, a line a trial
//!   searched.svg, .png   the metric against every searched setting
//!   best/                the best settings, trained again on all training examples
//! ```
//!
//! A search that is stopped or killed at any instant and resumed ends with the same bytes.

mod folder;
mod halving;
mod journal;
mod search;
mod space;
mod table;

pub use halving::{Rung, rungs};
pub use journal::{Outcome, Score};
pub use search::{
    TrialReport, TrialStart, TuneObserver, TunePlan, TuneSummary, resume, retrain, tune,
};
pub use table::{Row, Table};

#[cfg(test)]
mod tests;
