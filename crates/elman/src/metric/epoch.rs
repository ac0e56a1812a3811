//! One row an epoch: `metrics.csv`.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::{Figures, Measure, written};

/// What is known at the end of an epoch.
///
/// Nothing in it depends on the machine's speed: the same run gives the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Mean over the epoch's steps of the norm of all gradients together.
    pub gradient_norm: f64,
    /// The same after clipping.
    pub clipped_norm: f64,
    /// What the scores are.
    pub measure: Measure,
    /// Means over the epoch's batches, each with the weights of its moment.
    pub train: Figures,
    /// On the held-out examples after the epoch, if there are any.
    pub valid: Option<Figures>,
    /// On the test examples after the epoch.
    pub test: Figures,
}

/// The columns of `metrics.csv`, where a score is named as its measure says.
const fn columns(measure: Measure) -> [&'static str; 10] {
    let [train, valid, test] = match measure {
        Measure::Accuracy => ["train_accuracy", "valid_accuracy", "test_accuracy"],
        Measure::AbsoluteError => ["train_mae", "valid_mae", "test_mae"],
        Measure::BitsPerCharacter => ["train_bpc", "valid_bpc", "test_bpc"],
        Measure::SampledTokens => ["train_sampled_bits", "valid_bpc", "test_bpc"],
        Measure::KeyAccuracy => [
            "train_key_accuracy",
            "valid_key_accuracy",
            "test_key_accuracy",
        ],
        Measure::ScaledError => ["train_scaled_mae", "valid_scaled_mae", "test_scaled_mae"],
    };
    let train_loss = match measure {
        Measure::SampledTokens => "train_sampled_loss",
        _ => "train_loss",
    };
    [
        "epoch",
        "learning_rate",
        train_loss,
        train,
        "gradient_norm",
        "clipped_norm",
        "valid_loss",
        valid,
        "test_loss",
        test,
    ]
}

/// A row of `metrics.csv`, in the order of its columns.
type Row = (
    usize,
    f64,
    f64,
    f64,
    f64,
    f64,
    Option<f64>,
    Option<f64>,
    f64,
    f64,
);

impl EpochMetrics {
    /// `rows`, all of one measure, as CSV with a header. Numbers have as many digits as it takes
    /// to read the very same ones again; what was not measured is empty.
    pub fn to_csv(rows: &[Self]) -> String {
        let measure = rows.first().map_or(Measure::Accuracy, |row| row.measure);
        let mut text = columns(measure).join(",");
        text.push('\n');
        for row in rows {
            // No `..`: a new field needs a column.
            let Self {
                epoch,
                learning_rate,
                gradient_norm,
                clipped_norm,
                measure: _,
                train,
                valid,
                test,
            } = *row;
            let number = |number: f64| format!("{number:?}");
            let optional = |value: Option<f64>| value.map_or(String::new(), number);
            let fields = [
                epoch.to_string(),
                number(learning_rate),
                number(train.loss),
                number(train.score),
                number(gradient_norm),
                number(clipped_norm),
                optional(valid.map(|valid| valid.loss)),
                optional(valid.map(|valid| valid.score)),
                number(test.loss),
                number(test.score),
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
            gradient_norm,
            clipped_norm,
            measure,
            train,
            valid,
            test,
        } = *self;
        let numbers = [
            Some(learning_rate),
            Some(train.loss),
            Some(train.score),
            Some(gradient_norm),
            Some(clipped_norm),
            valid.map(|valid| valid.loss),
            valid.map(|valid| valid.score),
            Some(test.loss),
            Some(test.score),
        ];
        let names = columns(measure).into_iter().skip(1);
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
        let headers = reader
            .headers()
            .map_err(|error| damaged(path, Measure::Accuracy, &error))?;
        let mut measures = Measure::ALL.into_iter();
        let Some(measure) = measures.find(|&measure| headers == columns(measure)[..]) else {
            return Err(Error::data(
                path,
                format!(
                    "expected the columns {}, found {}",
                    columns(Measure::Accuracy).join(","),
                    headers.iter().collect::<Vec<_>>().join(",")
                ),
                "name the `metrics.csv` of a run",
            ));
        };
        let from_row = |row: Row| Self {
            epoch: row.0,
            learning_rate: row.1,
            gradient_norm: row.4,
            clipped_norm: row.5,
            measure,
            train: Figures {
                loss: row.2,
                score: row.3,
            },
            valid: row
                .6
                .zip(row.7)
                .map(|(loss, score)| Figures { loss, score }),
            test: Figures {
                loss: row.8,
                score: row.9,
            },
        };
        reader
            .deserialize()
            .map(|row| {
                row.map(from_row)
                    .map_err(|error| damaged(path, measure, &error))
            })
            .collect()
    }
}

/// One line for a person.
impl fmt::Display for EpochMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {}:", self.epoch)?;
        let parts = [
            ("train", Some(self.train)),
            ("valid", self.valid),
            ("test", Some(self.test)),
        ];
        let mut separator = "";
        for (name, figures) in parts {
            if let Some(Figures { loss, score }) = figures {
                write!(f, "{separator} {name} loss {}", written(loss, 4))?;
                match (name, self.measure.trains_on_samples()) {
                    ("train", true) => f.write_str(" (sampled)")?,
                    _ => {
                        let (key, score) = (self.measure.key(), self.measure.written(score));
                        write!(f, ", {key} {score}")?;
                    }
                }
                separator = ";";
            }
        }
        Ok(())
    }
}

fn damaged(path: &Path, measure: Measure, error: &csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err
                .field()
                .and_then(|field| columns(measure).get(field as usize).copied())
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

    fn row(measure: Measure) -> EpochMetrics {
        EpochMetrics {
            epoch: 3,
            learning_rate: 0.001,
            gradient_norm: 2.5,
            clipped_norm: 1.0,
            measure,
            train: Figures {
                loss: 0.75,
                score: 0.5,
            },
            valid: None,
            test: Figures {
                loss: 1e-9,
                score: 0.25,
            },
        }
    }

    #[test]
    fn a_row_reads_well() {
        let row = row(Measure::Accuracy);
        insta::assert_snapshot!(row, @"epoch 3: train loss 0.7500, accuracy 0.5000; test loss 1.000e-9, accuracy 0.2500");
        let held_out = EpochMetrics {
            valid: Some(Figures {
                loss: 0.5,
                score: 0.875,
            }),
            ..row
        };
        insta::assert_snapshot!(held_out, @"epoch 3: train loss 0.7500, accuracy 0.5000; valid loss 0.5000, accuracy 0.8750; test loss 1.000e-9, accuracy 0.2500");
        insta::assert_snapshot!(EpochMetrics::to_csv(&[row, held_out]), @r"
        epoch,learning_rate,train_loss,train_accuracy,gradient_norm,clipped_norm,valid_loss,valid_accuracy,test_loss,test_accuracy
        3,0.001,0.75,0.5,2.5,1.0,,,1e-9,0.25
        3,0.001,0.75,0.5,2.5,1.0,0.5,0.875,1e-9,0.25
        ");
    }

    #[test]
    fn a_regressors_row_names_its_error() {
        let row = row(Measure::AbsoluteError);
        insta::assert_snapshot!(row, @"epoch 3: train loss 0.7500, mae 0.5000; test loss 1.000e-9, mae 0.2500");
        insta::assert_snapshot!(EpochMetrics::to_csv(&[row]), @r"
        epoch,learning_rate,train_loss,train_mae,gradient_norm,clipped_norm,valid_loss,valid_mae,test_loss,test_mae
        3,0.001,0.75,0.5,2.5,1.0,,,1e-9,0.25
        ");
    }

    #[test]
    fn a_loss_of_samples_is_called_so() {
        let row = row(Measure::SampledTokens);
        insta::assert_snapshot!(row, @"epoch 3: train loss 0.7500 (sampled); test loss 1.000e-9, bpc 0.2500");
        insta::assert_snapshot!(EpochMetrics::to_csv(&[row]), @r"
        epoch,learning_rate,train_sampled_loss,train_sampled_bits,gradient_norm,clipped_norm,valid_loss,valid_bpc,test_loss,test_bpc
        3,0.001,0.75,0.5,2.5,1.0,,,1e-9,0.25
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
        let sound = EpochMetrics::to_csv(&[row(Measure::Accuracy)]);
        insta::assert_snapshot!(message(format!("{sound}4,1,two,3,6,6,,,4,5\n")), @"DIR/metrics.csv: line 3, column train_loss: invalid float literal; restore the file or remove that line");
        insta::assert_snapshot!(message(format!("{sound}4,1,2\n")), @"DIR/metrics.csv: line 3: expected 10 fields, found 3; restore the file or remove that line");
        insta::assert_snapshot!(message("epoch,step\n".to_owned()), @"DIR/metrics.csv: expected the columns epoch,learning_rate,train_loss,train_accuracy,gradient_norm,clipped_norm,valid_loss,valid_accuracy,test_loss,test_accuracy, found epoch,step; name the `metrics.csv` of a run");
        let sound = EpochMetrics::to_csv(&[row(Measure::AbsoluteError)]);
        insta::assert_snapshot!(message(format!("{sound}4,1,3,3,6,6,,,4,five\n")), @"DIR/metrics.csv: line 3, column test_mae: invalid float literal; restore the file or remove that line");
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
            measure in prop::sample::select(&Measure::ALL[..]),
        ) {
            let row = EpochMetrics {
                epoch: epoch as usize,
                learning_rate: numbers[0],
                gradient_norm: numbers[5],
                clipped_norm: numbers[6],
                measure,
                train: Figures { loss: numbers[1], score: numbers[2] },
                valid: valid.map(|(loss, score)| Figures { loss, score }),
                test: Figures { loss: numbers[3], score: numbers[4] },
            };
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), EpochMetrics::to_csv(&[row, row])).expect("written");
            prop_assert_eq!(EpochMetrics::read_csv(file.path()).expect("read"), [row, row]);
        }
    }
}
