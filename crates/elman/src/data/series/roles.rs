//! Which column of a table is what.

use super::clock;
use super::columns::Columns;
use super::table::{Schema, SeriesFile};
use crate::error::{Error, Result};
use crate::recipe::alternatives;

/// The column of stamps in the long form that forecasting libraries share.
const LONG_TIME: &str = "ds";
const LONG_ID: &str = "unique_id";
const LONG_TARGET: &str = "y";
/// Columns of these names are stamps if their first cell reads as one.
const TIME_NAMES: [&str; 10] = [
    "date",
    "datetime",
    "time",
    "timestamp",
    "month",
    "quarter",
    "week",
    "day",
    "hour",
    "year",
];

/// What every column is used for, by its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) time: Option<usize>,
    pub(super) id: Option<usize>,
    pub(super) targets: Vec<usize>,
    pub(super) known: Vec<usize>,
    pub(super) past: Vec<usize>,
    pub(super) statics: Vec<usize>,
}

impl Roles {
    /// Finds them, by the names that `file` gives and else by what columns are called and have in
    /// them. A `schema` of a model names what the model reads.
    pub(super) fn find(
        columns: &Columns,
        file: &SeriesFile,
        schema: Option<&Schema>,
    ) -> Result<Self> {
        let named = |name: &String, key: &str| columns.named(name, key);
        let all = |names: &[String], key: &str| -> Result<Vec<usize>> {
            names.iter().map(|name| named(name, key)).collect()
        };
        let mut roles = Self {
            time: None,
            id: match &file.id {
                Some(name) => Some(named(name, "id")?),
                None => columns.find_in_any_case(LONG_ID),
            },
            known: all(&file.covariates, "covariates")?,
            past: all(&file.past_covariates, "past_covariates")?,
            statics: all(&file.statics, "statics")?,
            targets: all(&file.target, "target")?,
        };
        roles.time = match &file.time {
            Some(name) => Some(named(name, "time")?),
            None => {
                let used: Vec<usize> = roles.used().collect();
                guess_time(columns, &used, file.time_format.as_deref())
            }
        };
        if roles.targets.is_empty() {
            roles.targets = roles.guess_targets(columns, schema)?;
            roles.ensure_rows_belong_together(columns)?;
        }
        roles.check(columns)?;
        Ok(roles)
    }

    fn guess_targets(&self, columns: &Columns, schema: Option<&Schema>) -> Result<Vec<usize>> {
        // A model of one target reads any series; of several that go together, those.
        if let Some(schema) = schema.filter(|schema| schema.targets.len() > 1) {
            let names = schema.targets.iter();
            return names.map(|name| columns.named(name, "target")).collect();
        }
        Ok(match columns.find_in_any_case(LONG_TARGET) {
            Some(y) => vec![y],
            None => self
                .unused(columns)
                .filter(|&column| columns.is_numeric(column))
                .collect(),
        })
    }

    /// Without stamps nothing tells that rows are of several series: a column of words that nothing
    /// uses may say so.
    fn ensure_rows_belong_together(&self, columns: &Columns) -> Result<()> {
        if self.time.is_some() || self.id.is_some() {
            return Ok(());
        }
        let has_words =
            |column: &usize| columns.first_text(*column).is_some() && !columns.is_numeric(*column);
        let Some(words) = self.unused(columns).find(has_words) else {
            return Ok(());
        };
        Err(columns.fault(
            (0, words),
            format!(
                "the column `{}` has words, and there are no stamps: it may be what tells series apart",
                columns.names[words]
            ),
            "name it by `data.id`, `data.time` or `data.statics`, or name the columns to be forecast by `data.target`",
        ))
    }

    /// The columns that nothing uses.
    pub(super) fn unused<'a>(&'a self, columns: &'a Columns) -> impl Iterator<Item = usize> + 'a {
        (0..columns.names.len()).filter(|column| !self.used().any(|used| used == *column))
    }

    fn used(&self) -> impl Iterator<Item = usize> + '_ {
        let one = [self.time, self.id].into_iter().flatten();
        let many = [&self.targets, &self.known, &self.past, &self.statics];
        one.chain(many.into_iter().flatten().copied())
    }

    fn check(&self, columns: &Columns) -> Result<()> {
        if self.targets.is_empty() {
            return Err(Error::data(
                &columns.path,
                format!(
                    "no column of numbers is left to be forecast; there are {}",
                    alternatives(columns.names.iter().map(String::as_str))
                ),
                "name the column by `data.target`",
            ));
        }
        let used: Vec<usize> = self.used().collect();
        for (at, column) in used.iter().enumerate() {
            if used[..at].contains(column) {
                return Err(Error::data(
                    &columns.path,
                    format!("the column `{}` is used twice", columns.names[*column]),
                    "name it for one purpose only",
                ));
            }
        }
        Ok(())
    }
}

/// The column that looks like stamps: called `ds`, or as a time is and written like one; else the first
/// that has dates in it, in a form that is read or in any other. Columns that are `used` are none.
fn guess_time(columns: &Columns, used: &[usize], form: Option<&str>) -> Option<usize> {
    let free = (0..columns.names.len()).filter(|column| !used.contains(column));
    let text = |column: usize| columns.first_text(column);
    let read = |column: usize| text(column).and_then(|text| clock::read(text, form));
    let is_dated = |column: &usize| text(*column).is_some_and(looks_like_a_date);
    let named = |column: &usize| {
        let name = columns.names[*column].to_ascii_lowercase();
        TIME_NAMES.contains(&name.as_str()) && (read(*column).is_some() || is_dated(column))
    };
    let is_no_number =
        |column: &usize| !matches!(read(*column), None | Some(clock::Written::Whole(_)));
    columns
        .find_in_any_case(LONG_TIME)
        .filter(|column| !used.contains(column))
        .or_else(|| free.clone().find(named))
        .or_else(|| free.clone().find(is_no_number))
        .or_else(|| free.clone().find(is_dated))
}

/// Is `text` written like a date, in whatever order and with whatever marks: `31/01/2024`, `3-Jan-2024`,
/// `03.01.24 12:00`?
fn looks_like_a_date(text: &str) -> bool {
    const MARKS: [char; 7] = ['/', '.', '-', ' ', ':', ',', 'T'];
    let parts: Vec<&str> = text.split(MARKS).filter(|part| !part.is_empty()).collect();
    let is_number = |part: &&str| part.bytes().all(|it| it.is_ascii_digit());
    let is_word = |part: &&str| part.bytes().all(|it| it.is_ascii_alphabetic());
    let numbers = parts.iter().filter(|part| is_number(part)).count();
    let has_year = || parts.iter().any(|part| is_number(part) && part.len() == 4);
    let are_pairs = || {
        parts
            .iter()
            .take(3)
            .all(|part| is_number(part) && part.len() == 2)
    };
    parts.len() >= 3
        && numbers >= 2
        && parts.iter().all(|part| is_number(part) || is_word(part))
        && (has_year() || are_pairs())
}
