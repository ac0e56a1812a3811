//! All trials of a search, the best first.

use super::halving::compare;
use super::journal::Outcome;
use crate::recipe::{Monitor, Setting};

/// All trials of a search, the best first.
///
/// Trials that came further are above those that were given up earlier; those that stopped being
/// finite come last. Nothing in it depends on the machine's speed.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What they are ranked by.
    pub metric: Monitor,
    /// The searched keys.
    pub keys: Vec<String>,
    /// One row a trial.
    pub rows: Vec<Row>,
}

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number; 0 has the recipe's own settings.
    pub trial: usize,
    /// The last rung, from 0, that it came to or failed on the way to.
    pub rung: usize,
    /// Epochs of that rung.
    pub epochs: usize,
    /// How it stands there.
    pub outcome: Outcome,
    /// The value of every searched key; none where it has no meaning.
    pub values: Vec<Option<Setting>>,
}

impl Table {
    pub(super) fn new(metric: Monitor, keys: Vec<String>, mut rows: Vec<Row>) -> Self {
        rows.sort_by(|a, b| match (a.outcome.score(), b.outcome.score()) {
            (Some(one), Some(two)) => {
                (b.rung.cmp(&a.rung)).then_with(|| compare(metric, (one, a.trial), (two, b.trial)))
            }
            (one, two) => (one.is_none().cmp(&two.is_none()))
                .then(b.rung.cmp(&a.rung))
                .then(a.trial.cmp(&b.trial)),
        });
        Self { metric, keys, rows }
    }

    /// The best trial, if any stayed finite.
    pub fn best(&self) -> Option<&Row> {
        self.rows
            .first()
            .filter(|row| row.outcome.score().is_some())
    }

    /// The trial with the recipe's own settings.
    pub fn own(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.trial == 0)
    }

    /// As CSV with a header. Numbers have as many digits as it takes to read the very same ones
    /// again; what has no meaning is empty.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |fields: Vec<String>| {
            writer
                .write_record(&fields)
                .expect("memory takes what it is given");
        };
        let fixed = [
            "rank",
            "trial",
            "epochs",
            "valid_accuracy",
            "valid_loss",
            "failure",
        ];
        let header = fixed.into_iter().map(str::to_owned);
        write(header.chain(self.keys.iter().cloned()).collect());
        let number = |number: Option<f64>| number.map_or(String::new(), |it| format!("{it:?}"));
        for (place, row) in self.rows.iter().enumerate() {
            let score = row.outcome.score();
            let failure = match &row.outcome {
                Outcome::Scored(_) => String::new(),
                Outcome::Failed(why) => why.clone(),
            };
            let mut fields = vec![
                (place + 1).to_string(),
                row.trial.to_string(),
                row.epochs.to_string(),
                number(score.and_then(|score| score.valid_accuracy)),
                number(score.and_then(|score| score.valid_loss)),
                failure,
            ];
            fields.extend(row.values.iter().map(|value| match value {
                Some(value) => value.to_string(),
                None => String::new(),
            }));
            write(fields);
        }
        let bytes = writer.into_inner().expect("memory takes what it is given");
        String::from_utf8(bytes).expect("strings were written")
    }
}
