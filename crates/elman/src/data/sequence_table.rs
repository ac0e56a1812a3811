//! Whole sequences with one answer each from tables, a row a step.
//!
//! ```text
//! id,label,x,y
//! one,walk,0.1,9.8        the first step of the sequence `one`, which is a `walk`
//! one,walk,0.2,9.7        its second
//! two,run,1.5,8.2
//! ```
//!
//! Rows of one id make a sequence wherever they stand in their file; another file's ids are others.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::data::answer::{Answer, NoAnswer};
use crate::data::parts::PartFiles;
use crate::data::series::{Columns, Exact, NotANumber, exact};
use crate::data::{SequenceDataset, Targets};
use crate::error::{Error, Result};
use crate::recipe::SequenceTableSettings;

/// Sequences for training, validation and testing.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceTableParts {
    /// `[F]`: the columns of which a step is made.
    pub features: Vec<String>,
    /// The parts in that order; none for one without sequences.
    pub parts: [Option<SequenceDataset>; 3],
}

/// A sequence without an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSequence {
    /// Its id.
    pub id: String,
    /// `[T, F]`.
    pub steps: Vec<f32>,
}

/// A sequence with its answer.
struct Labelled {
    sequence: TableSequence,
    answer: Answer,
}

impl SequenceTableParts {
    /// The parts that `settings` describe. With a `place` the sequences for all of them are read from
    /// that file, or the files of those names from that folder. A model knows its `features`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or has not the form above, with where; when an answer is no class
    /// of `settings` or no finite number, or not the same in all rows of its sequence; when a part
    /// that must have sequences has none.
    pub fn read(
        settings: &SequenceTableSettings,
        place: Option<&Path>,
        features: Option<&[String]>,
    ) -> Result<Self> {
        let files = PartFiles {
            files: &settings.files,
            held_out: &settings.held_out,
            place,
        };
        let features = Features::new(settings, features);
        let parts = files.read(|files| labelled(settings, files, &features))?;
        files.ensure_complete(&parts, |name| {
            let problem = format!("there is no sequence to {name}");
            let remedy = "give more sequences, or other shares (`data.valid`, `data.test`)";
            (problem, remedy)
        })?;
        Self::of(settings, features, parts)
    }

    /// All sequences in `file` as the test part of a model that knows its `features`; the others have
    /// none.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read) but for empty parts.
    pub fn read_test(
        settings: &SequenceTableSettings,
        file: &Path,
        features: &[String],
    ) -> Result<Self> {
        let features = Features::new(settings, Some(features));
        let test = labelled(settings, &[file.to_owned()], &features)?;
        Self::of(settings, features, [Vec::new(), Vec::new(), test])
    }

    fn of(
        settings: &SequenceTableSettings,
        features: Features,
        parts: [Vec<Labelled>; 3],
    ) -> Result<Self> {
        let features = features.0.into_inner().unwrap_or_default();
        let mut datasets = [const { None }; 3];
        for (dataset, part) in datasets.iter_mut().zip(parts) {
            if part.is_empty() {
                continue;
            }
            let (mut steps, mut lengths, mut answers) = (Vec::new(), Vec::new(), Vec::new());
            for Labelled { sequence, answer } in part {
                lengths.push(sequence.steps.len() / features.len());
                steps.extend(sequence.steps);
                answers.push(answer);
            }
            let targets: Targets = Answer::targets(answers, settings.classes.len());
            *dataset = Some(SequenceDataset::new(
                steps,
                &lengths,
                features.len(),
                targets,
            )?);
        }
        Ok(Self {
            features,
            parts: datasets,
        })
    }
}

/// The sequences in `file` for a model that knows its `features`; answers are not looked at.
///
/// # Errors
///
/// When the file cannot be read or has not the form above, with where.
pub fn read_unlabelled(
    settings: &SequenceTableSettings,
    file: &Path,
    features: &[String],
) -> Result<Vec<TableSequence>> {
    let features = Features::new(settings, Some(features));
    let table = Table::read(settings, file, &features)?;
    let sequences = table.sequences()?.into_iter();
    Ok(sequences.map(|(sequence, _)| sequence).collect())
}

/// The sequences in `files` with their answers.
fn labelled(
    settings: &SequenceTableSettings,
    files: &[PathBuf],
    features: &Features,
) -> Result<Vec<Labelled>> {
    let mut all = Vec::new();
    for path in files {
        let table = Table::read(settings, path, features)?;
        let label = table.columns.named(&settings.label, "label")?;
        for (sequence, rows) in table.sequences()? {
            let answer = table.answer(&sequence.id, &rows, label)?;
            all.push(Labelled { sequence, answer });
        }
    }
    Ok(all)
}

/// The columns of which a step is made: a model's, else those that are named, else what the first
/// table has besides its other columns.
struct Features(OnceCell<Vec<String>>);

impl Features {
    fn new(settings: &SequenceTableSettings, of_model: Option<&[String]>) -> Self {
        let named = of_model.unwrap_or(&settings.features);
        match named {
            [] => Self(OnceCell::new()),
            names => Self(OnceCell::from(names.to_vec())),
        }
    }

    /// Where they are among `columns`, of which the `others` are something else.
    fn find(&self, columns: &Columns, others: &[&str]) -> Result<Vec<usize>> {
        let names = self.0.get_or_init(|| {
            let names = columns.names.iter();
            let rest = names.filter(|name| !others.contains(&name.as_str()));
            rest.cloned().collect()
        });
        if names.is_empty() {
            return Err(Error::data(
                &columns.path,
                "no column is left that a step could be made of",
                "add a column of numbers",
            ));
        }
        let names = names.iter();
        names.map(|name| columns.named(name, "features")).collect()
    }
}

/// A file, and which of its columns is what.
struct Table<'a> {
    settings: &'a SequenceTableSettings,
    columns: Columns,
    id: usize,
    time: Option<usize>,
    features: Vec<usize>,
}

impl<'a> Table<'a> {
    fn read(settings: &'a SequenceTableSettings, path: &Path, features: &Features) -> Result<Self> {
        let columns = Columns::read(path, settings.decimal_comma)?;
        let SequenceTableSettings {
            id, label, time, ..
        } = settings;
        let mut others = vec![id.as_str(), label];
        others.extend(time.as_deref());
        Ok(Self {
            id: columns.named(id, "id")?,
            time: match time {
                Some(name) => Some(columns.named(name, "time")?),
                None => None,
            },
            features: features.find(&columns, &others)?,
            settings,
            columns,
        })
    }

    /// The sequences with their rows, in the order in which they begin.
    fn sequences(&self) -> Result<Vec<(TableSequence, Vec<usize>)>> {
        let mut sequences = Vec::new();
        for (id, mut rows) in self.columns.rows_by_id(Some(self.id))?.into_values() {
            if let Some(time) = self.time {
                rows = self.in_time(&id, rows, time)?;
            }
            let cells = rows
                .iter()
                .flat_map(|&row| self.features.iter().map(move |&column| (row, column)));
            let steps = cells.map(|cell| self.number(cell)).collect::<Result<_>>()?;
            sequences.push((TableSequence { id, steps }, rows));
        }
        Ok(sequences)
    }

    /// The number in a cell of a feature.
    fn number(&self, (row, column): (usize, usize)) -> Result<f32> {
        self.finite((row, column)).map_err(|why| {
            let NotANumber {
                problem, remedy, ..
            } = why;
            self.columns.fault(
                (row, column),
                format!("column `{}`: {problem}", self.columns.names[column]),
                format!("{remedy}; or read other columns (`data.features`)"),
            )
        })
    }

    fn finite(&self, (row, column): (usize, usize)) -> Result<f32, NotANumber> {
        let number = self.columns.present(row, column)?;
        match number as f32 {
            narrow if narrow.is_finite() => Ok(narrow),
            _ => Err(NotANumber::new(
                format!(
                    "`{}` is larger than any 32-bit float",
                    self.columns.written(row, column)
                ),
                "give it in another unit",
            )),
        }
    }

    /// `rows` in the order of their times, of which none may be there twice.
    fn in_time(&self, id: &str, rows: Vec<usize>, column: usize) -> Result<Vec<usize>> {
        let mut timed: Vec<(Time, usize)> = Vec::new();
        for row in rows {
            let time = self.time((row, column))?;
            if let Some(&(first, first_row)) = timed.first()
                && first.noun() != time.noun()
            {
                return Err(self.columns.fault(
                    (row, column),
                    format!(
                        "the time `{}` is {}, in {} it is {}",
                        self.columns.written(row, column),
                        time.noun(),
                        self.columns.row_name(first_row),
                        first.noun()
                    ),
                    "write all times in one form",
                ));
            }
            timed.push((time, row));
        }
        timed.sort_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap_or(Ordering::Equal));
        for pair in timed.windows(2) {
            let [(one, before), (other, row)] = pair else {
                continue;
            };
            if one == other {
                return Err(self.columns.fault(
                    (*row, column),
                    format!(
                        "the time `{}` of sequence `{id}` is there twice, first in {}",
                        self.columns.written(*row, column),
                        self.columns.row_name(*before)
                    ),
                    "remove one of the rows, or give another sequence another id",
                ));
            }
        }
        Ok(timed.into_iter().map(|(_, row)| row).collect())
    }

    fn time(&self, (row, column): (usize, usize)) -> Result<Time> {
        let refuse =
            |problem: String, remedy| Err(self.columns.fault((row, column), problem, remedy));
        let text = self.columns.written(row, column);
        if text.is_empty() {
            let remedy = "fill it in, or remove the row";
            return refuse("the time is missing".to_owned(), remedy);
        }
        if let Ok(whole) = text.parse::<i64>() {
            return Ok(Time::Number(whole as f64, whole));
        }
        match (self.columns.present(row, column), exact(text, None)) {
            (Ok(number), _) => Ok(Time::Number(number, number as i64)),
            (_, Some(Exact::Local(local))) => Ok(Time::Local(local)),
            (_, Some(Exact::Moment(moment))) => Ok(Time::Moment(moment)),
            (Err(_), Some(Exact::Whole(_)) | None) => refuse(
                format!("the time `{text}` is no number, date or time"),
                "write it as 0.25, 2024-03-31 or 2024-03-31T14:30",
            ),
        }
    }

    /// The answer of the sequence `id`, which all its `rows` have.
    fn answer(&self, id: &str, rows: &[usize], column: usize) -> Result<Answer> {
        let columns = &self.columns;
        let first = rows[0];
        let label = columns.written(first, column);
        if let Some(&row) = rows
            .iter()
            .find(|&&row| columns.written(row, column) != label)
        {
            return Err(columns.fault(
                (row, column),
                format!(
                    "the label of sequence `{id}` is `{}`, in {} it is `{label}`",
                    columns.written(row, column),
                    columns.row_name(first)
                ),
                "give all rows of a sequence one label, or another sequence another id",
            ));
        }
        if label.is_empty() {
            return Err(columns.fault(
                (first, column),
                format!("the label of sequence `{id}` is missing"),
                "write it in every row of the sequence, or leave the sequence out",
            ));
        }
        if self.settings.classes.is_empty() {
            let number = self.finite((first, column)).map(Answer::Number);
            return number.map_err(|why| {
                let NotANumber {
                    problem, remedy, ..
                } = why;
                let remedy = format!("{remedy}, or name the classes (`data.classes`)");
                columns.fault((first, column), problem, remedy)
            });
        }
        Answer::read(label, &self.settings.classes).map_err(|why| {
            let NoAnswer { expected, remedy } = why;
            let problem = format!("expected {expected}, found `{label}`");
            columns.fault((first, column), problem, remedy)
        })
    }
}

/// When a step was.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Time {
    /// A number, and its whole part: of whole numbers that no 64-bit float tells apart.
    Number(f64, i64),
    /// A date or time of day.
    Local(DateTime),
    /// A moment, with its own offset from UTC.
    Moment(Timestamp),
}

impl Time {
    fn noun(self) -> &'static str {
        match self {
            Self::Number(..) => "a number",
            Self::Local(_) => "a date without an offset",
            Self::Moment(_) => "a moment with its offset",
        }
    }
}

#[cfg(test)]
mod tests;
