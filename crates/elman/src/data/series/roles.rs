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
            time: match &file.time {
                Some(name) => Some(named(name, "time")?),
                None => guess_time(columns, file),
            },
            id: match &file.id {
                Some(name) => Some(named(name, "id")?),
                None => columns.find(LONG_ID),
            },
            known: all(&file.covariates, "covariates")?,
            past: all(&file.past_covariates, "past_covariates")?,
            statics: all(&file.statics, "statics")?,
            targets: all(&file.target, "target")?,
        };
        if roles.targets.is_empty() {
            roles.targets = roles.guess_targets(columns, schema)?;
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
        Ok(match columns.find(LONG_TARGET) {
            Some(y) => vec![y],
            None => self
                .unused(columns)
                .filter(|&column| columns.is_numeric(column))
                .collect(),
        })
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

/// The column that looks like stamps: called `ds`, or as a time is and readable as one; else the
/// first, if it is readable and no number.
fn guess_time(columns: &Columns, file: &SeriesFile) -> Option<usize> {
    let form = file.time_format.as_deref();
    let first = |column: usize| match columns.rows.first().map(|row| &row[column]) {
        Some(super::columns::Cell::Text(text)) => clock::read(text, form),
        _ => None,
    };
    let is_time = |column: usize| first(column).is_some();
    let named = |column: &usize| {
        let name = columns.names[*column].to_ascii_lowercase();
        TIME_NAMES.contains(&name.as_str()) && is_time(*column)
    };
    let is_no_number =
        |column: &usize| !matches!(first(*column), None | Some(clock::Written::Whole(_)));
    columns
        .find(LONG_TIME)
        .or_else(|| (0..columns.names.len()).find(named))
        .or_else(|| Some(0).filter(is_no_number))
}
