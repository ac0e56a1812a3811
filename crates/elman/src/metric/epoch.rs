//! One row an epoch: `metrics.csv`.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is known at the end of an epoch. The field names are the columns of `metrics.csv`;
/// losses are in nats, accuracies from 0 to 1.
///
/// Nothing in it depends on the machine's speed: the same run gives the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean loss over the epoch's batches, each with the weights of its moment.
    pub train_loss: f64,
    /// Accuracy over the epoch's batches, each with the weights of its moment.
    pub train_accuracy: f64,
    /// Mean over the epoch's steps of the norm of all gradients together.
    pub gradient_norm: f64,
    /// The same after clipping.
    pub clipped_norm: f64,
    /// Mean loss on the held-out images after the epoch, if there are any.
    pub valid_loss: Option<f64>,
    /// Accuracy on the held-out images after the epoch, if there are any.
    pub valid_accuracy: Option<f64>,
    /// Mean loss on the test images after the epoch.
    pub test_loss: f64,
    /// Accuracy on the test images after the epoch.
    pub test_accuracy: f64,
}

const COLUMNS: [&str; 10] = [
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "gradient_norm",
    "clipped_norm",
    "valid_loss",
    "valid_accuracy",
    "test_loss",
    "test_accuracy",
];

impl EpochMetrics {
    /// `rows` as CSV with a header. Numbers have as many digits as it takes to read the very same
    /// ones again; what was not measured is empty.
    pub fn to_csv(rows: &[Self]) -> String {
        let mut text = COLUMNS.join(",");
        text.push('\n');
        for row in rows {
            // No `..`: a new field needs a column.
            let Self {
                epoch,
                learning_rate,
                train_loss,
                train_accuracy,
                gradient_norm,
                clipped_norm,
                valid_loss,
                valid_accuracy,
                test_loss,
                test_accuracy,
            } = *row;
            let number = |number: f64| format!("{number:?}");
            let optional = |value: Option<f64>| value.map_or(String::new(), number);
            let fields: [String; COLUMNS.len()] = [
                epoch.to_string(),
                number(learning_rate),
                number(train_loss),
                number(train_accuracy),
                number(gradient_norm),
                number(clipped_norm),
                optional(valid_loss),
                optional(valid_accuracy),
                number(test_loss),
                number(test_accuracy),
            ];
            text.push_str(&fields.join(","));
            text.push('\n');
        }
        text
    }

    /// The first column whose number is not finite, if there is one.
    pub fn not_finite(&self) -> Option<&'static str> {
        // No `..`: a new number needs a line.
        let Self {
            epoch: _,
            learning_rate,
            train_loss,
            train_accuracy,
            gradient_norm,
            clipped_norm,
            valid_loss,
            valid_accuracy,
            test_loss,
            test_accuracy,
        } = *self;
        let numbers = [
            Some(learning_rate),
            Some(train_loss),
            Some(train_accuracy),
            Some(gradient_norm),
            Some(clipped_norm),
            valid_loss,
            valid_accuracy,
            Some(test_loss),
            Some(test_accuracy),
        ];
        let names = COLUMNS.into_iter().skip(1);
        let mut named = names.zip(numbers);
        named
            .find(|(_, number)| number.is_some_and(|number| !number.is_finite()))
            .map(|(name, _)| name)
    }

    /// Reads a file that [`to_csv`](Self::to_csv) filled.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, has other columns, or a field is no number.
    pub fn read_csv(path: impl AsRef<Path>) -> Result<Vec<Self>> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().map_err(|error| damaged(path, &error))?;
        if headers != COLUMNS[..] {
            return Err(Error::data(
                path,
                format!(
                    "expected the columns {}, found {}",
                    COLUMNS.join(","),
                    headers.iter().collect::<Vec<_>>().join(",")
                ),
                "name the `metrics.csv` of a run",
            ));
        }
        reader
            .deserialize()
            .map(|row| row.map_err(|error| damaged(path, &error)))
            .collect()
    }
}

/// One line for a person.
impl fmt::Display for EpochMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}:", self.epoch)?;
        let parts = [
            ("train", Some(self.train_loss), Some(self.train_accuracy)),
            ("valid", self.valid_loss, self.valid_accuracy),
            ("test", Some(self.test_loss), Some(self.test_accuracy)),
        ];
        let mut separator = "";
        for (name, loss, accuracy) in parts {
            if let (Some(loss), Some(accuracy)) = (loss, accuracy) {
                write!(
                    f,
                    "{separator} {name} loss {loss:.4}, accuracy {accuracy:.4}"
                )?;
                separator = ";";
            }
        }
        Ok(())
    }
}

fn damaged(path: &Path, error: &csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err
                .field()
                .and_then(|field| COLUMNS.get(field as usize))
                .map_or(String::new(), |column| format!(", column {column}"));
            format!("line {line}{column}: {}", err.kind())
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("line {line}: expected {expected_len} fields, found {len}"),
        _ => format!("line {line}: {error}"),
    };
    Error::data(path, problem, "restore the file or remove that line")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn row() -> EpochMetrics {
        EpochMetrics {
            epoch: 3,
            learning_rate: 0.001,
            train_loss: 0.75,
            train_accuracy: 0.5,
            gradient_norm: 2.5,
            clipped_norm: 1.0,
            valid_loss: None,
            valid_accuracy: None,
            test_loss: 1e-9,
            test_accuracy: 0.25,
        }
    }

    #[test]
    fn a_row_reads_well() {
        insta::assert_snapshot!(row(), @"epoch 3: train loss 0.7500, accuracy 0.5000; test loss 0.0000, accuracy 0.2500");
        let row = EpochMetrics {
            valid_loss: Some(0.5),
            valid_accuracy: Some(0.875),
            ..row()
        };
        insta::assert_snapshot!(row, @"epoch 3: train loss 0.7500, accuracy 0.5000; valid loss 0.5000, accuracy 0.8750; test loss 0.0000, accuracy 0.2500");
        insta::assert_snapshot!(EpochMetrics::to_csv(&[self::row(), row]), @r"
        epoch,learning_rate,train_loss,train_accuracy,gradient_norm,clipped_norm,valid_loss,valid_accuracy,test_loss,test_accuracy
        3,0.001,0.75,0.5,2.5,1.0,,,1e-9,0.25
        3,0.001,0.75,0.5,2.5,1.0,0.5,0.875,1e-9,0.25
        ");
    }

    #[test]
    fn damaged_files_are_refused_with_their_line() {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("metrics.csv");
        let message = |text: String| {
            std::fs::write(&path, text).expect("written");
            EpochMetrics::read_csv(&path)
                .expect_err("damaged")
                .to_string()
                .replace(&folder.path().display().to_string(), "DIR")
        };
        let sound = EpochMetrics::to_csv(&[row()]);
        insta::assert_snapshot!(message(format!("{sound}4,1,two,3,6,6,,,4,5\n")), @"DIR/metrics.csv: line 3, column train_loss: invalid float literal; restore the file or remove that line");
        insta::assert_snapshot!(message(format!("{sound}4,1,2\n")), @"DIR/metrics.csv: line 3: expected 10 fields, found 3; restore the file or remove that line");
        insta::assert_snapshot!(message("epoch,step\n".to_owned()), @"DIR/metrics.csv: expected the columns epoch,learning_rate,train_loss,train_accuracy,gradient_norm,clipped_norm,valid_loss,valid_accuracy,test_loss,test_accuracy, found epoch,step; name the `metrics.csv` of a run");
        let missing = EpochMetrics::read_csv(folder.path().join("none.csv")).expect_err("missing");
        assert!(missing.is_io(), "{missing}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_come_back_as_they_went(
            epoch in any::<u32>(),
            numbers in prop::array::uniform7(-1e300..1e300_f64),
            valid in prop::option::of((1e-300..1e3_f64, 0.0..1.0_f64)),
        ) {
            let row = EpochMetrics {
                epoch: epoch as usize,
                learning_rate: numbers[0],
                train_loss: numbers[1],
                train_accuracy: numbers[2],
                valid_loss: valid.map(|valid| valid.0),
                valid_accuracy: valid.map(|valid| valid.1),
                test_loss: numbers[3],
                test_accuracy: numbers[4],
                gradient_norm: numbers[5],
                clipped_norm: numbers[6],
            };
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), EpochMetrics::to_csv(&[row, row])).expect("written");
            prop_assert_eq!(EpochMetrics::read_csv(file.path()).expect("read"), [row, row]);
        }
    }
}
