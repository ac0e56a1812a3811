//! Who goes on, for how long.

use std::cmp::Ordering;

use super::journal::{Outcome, Score};
use crate::recipe::{HalvingSettings, Monitor, TuneSettings};

/// A number of epochs at which trials are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Epochs after which its trials are ranked.
    pub epochs: usize,
    /// How many trials reach it, if none fails.
    pub trials: usize,
}

/// The rungs of a search whose best trials are trained for `epochs` epochs.
///
/// ```text
/// rung k: epochs min(r·η^k, R), trials max(⌊n/η^k⌋, 1), until the epochs are R
/// ```
pub fn rungs(tune: &TuneSettings, epochs: usize) -> Vec<Rung> {
    let Some(HalvingSettings { eta, first_epochs }) = tune.halving else {
        let trials = tune.trials;
        return vec![Rung { epochs, trials }];
    };
    let (mut resource, mut trials) = (first_epochs, tune.trials);
    let mut rungs = Vec::new();
    loop {
        rungs.push(Rung {
            epochs: resource.min(epochs),
            trials: trials.max(1),
        });
        if resource >= epochs {
            return rungs;
        }
        resource = resource.saturating_mul(eta);
        trials /= eta;
    }
}

/// Which of two scored trials is better (`Less`: the first).
pub(super) fn compare(
    metric: Monitor,
    (a, one): (&Score, usize),
    (b, two): (&Score, usize),
) -> Ordering {
    let accuracy = || descending(a.valid_accuracy, b.valid_accuracy);
    let loss = || descending(a.valid_loss, b.valid_loss).reverse();
    let by_metric = match metric {
        Monitor::ValidAccuracy => accuracy().then_with(loss),
        Monitor::ValidLoss | Monitor::TrainLoss => loss().then_with(accuracy),
    };
    by_metric.then(one.cmp(&two))
}

fn descending(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        _ => Ordering::Equal,
    }
}

/// The trials of a rung that go on, in order of their numbers: the `slots` best of `field`, and
/// trial 0 besides if it has not failed.
pub(super) fn promoted(metric: Monitor, field: &[(usize, Outcome)], slots: usize) -> Vec<usize> {
    let mut ranked: Vec<(usize, &Score)> = field
        .iter()
        .filter_map(|(trial, outcome)| Some((*trial, outcome.score()?)))
        .collect();
    ranked.sort_by(|a, b| compare(metric, (a.1, a.0), (b.1, b.0)));
    let mut next: Vec<usize> = ranked
        .iter()
        .enumerate()
        .filter(|&(place, &(trial, _))| place < slots || trial == 0)
        .map(|(_, &(trial, _))| trial)
        .collect();
    next.sort_unstable();
    next
}
