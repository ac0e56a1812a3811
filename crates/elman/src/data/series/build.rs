//! From columns to series on a regular grid.

use std::collections::BTreeMap;
use std::path::Path;

use super::clock::Clock;
use super::columns::Columns;
use super::grid::Grid;
use super::missing::{self, Missing};
use super::roles::Roles;
use super::table::{Schema, Series, SeriesFile, SeriesTable};
use super::{csv, m3, statics};
use crate::error::Result;

/// So many missing numbers are told with their place.
const TOLD_PLACES: usize = 3;

/// The rows of every series by its first row, with its id.
pub(super) type RowsOfSeries = BTreeMap<usize, (String, Vec<usize>)>;

impl SeriesTable {
    /// Reads the file that `file` describes.
    ///
    /// # Errors
    ///
    /// With the line and column of what is wrong, and what to do about it.
    pub fn read(file: &SeriesFile) -> Result<Self> {
        Self::read_as(file, None)
    }

    /// The same for a model that was trained on series of this `schema`: it reads the same columns.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); and when a column is missing or has a word that the model has not
    /// seen.
    pub fn read_as(file: &SeriesFile, schema: Option<&Schema>) -> Result<Self> {
        let path = Path::new(&file.file);
        let plain = file.file.trim_end_matches(".gz");
        if plain.ends_with(".jsonl") || plain.ends_with(".ndjson") {
            return m3::read(path);
        }
        let columns = csv::read(path, file.decimal_comma)?;
        Builder::new(&columns, file, schema)?.table()
    }
}

/// A table in the making.
pub(super) struct Builder<'a> {
    pub(super) columns: &'a Columns,
    pub(super) file: &'a SeriesFile,
    pub(super) roles: Roles,
    pub(super) schema: Schema,
    pub(super) rows: RowsOfSeries,
    pub(super) notes: Vec<String>,
}

impl<'a> Builder<'a> {
    fn new(columns: &'a Columns, file: &'a SeriesFile, known: Option<&Schema>) -> Result<Self> {
        let roles = Roles::find(columns, file, known)?;
        let names = |of: &[usize]| -> Vec<String> {
            of.iter()
                .map(|&column| columns.names[column].clone())
                .collect()
        };
        let statics = match known {
            Some(schema) => schema.statics.clone(),
            None => statics::columns(columns, &roles),
        };
        let schema = Schema {
            targets: match file.together {
                true => names(&roles.targets),
                false => vec![columns.names[roles.targets[0]].clone()],
            },
            known: names(&roles.known),
            past: names(&roles.past),
            statics,
        };
        let rows = rows_of_series(columns, &roles)?;
        Ok(Self {
            columns,
            file,
            roles,
            schema,
            rows,
            notes: Vec::new(),
        })
    }

    fn table(mut self) -> Result<SeriesTable> {
        let (clock, grids, frequency) = match self.roles.time {
            Some(time) => self.timed(time)?,
            None => self.counted()?,
        };
        let season = self
            .file
            .season
            .unwrap_or_else(|| match (self.file.frequency, &clock) {
                (Some(given), Clock::Counted) => given.season(),
                _ => frequency.season(),
            });
        let group = match (&clock, self.file.frequency) {
            (Clock::Counted, Some(given)) => given.to_string(),
            _ => frequency.to_string(),
        };
        let targets: Vec<Vec<usize>> = match self.file.together {
            true => vec![self.roles.targets.clone()],
            false => self
                .roles
                .targets
                .iter()
                .map(|&target| vec![target])
                .collect(),
        };
        let mut series = Vec::new();
        for ((id, _), grid) in self.rows.clone().values().zip(&grids) {
            for columns in &targets {
                let id = match (self.roles.id, targets.len()) {
                    (Some(_), 1) => id.clone(),
                    (None, _) => self.columns.names[columns[0]].clone(),
                    (Some(_), _) => format!("{id} {}", self.columns.names[columns[0]]),
                };
                let like = Series {
                    id,
                    group: group.clone(),
                    start: grid.start,
                    frequency,
                    season,
                    targets: Vec::new(),
                    known: Vec::new(),
                    past: Vec::new(),
                    statics: Vec::new(),
                    official_test: None,
                };
                series.push(self.series(like, grid, columns, &clock)?);
            }
        }
        let mut notes = self.describe(&series, &clock, &group);
        notes.append(&mut self.notes);
        Ok(SeriesTable {
            schema: self.schema,
            clock,
            series,
            notes,
        })
    }

    /// Fills a series with what stands in the rows of its grid.
    fn series(
        &mut self,
        like: Series,
        grid: &Grid,
        targets: &[usize],
        clock: &Clock,
    ) -> Result<Series> {
        let value = |row: &Option<usize>, column: usize| match row {
            Some(row) => self.columns.number(*row, column),
            None => Ok(f64::NAN),
        };
        let all = |columns: &[usize]| -> Result<Vec<Vec<f64>>> {
            let column = |&column: &usize| grid.rows.iter().map(|row| value(row, column)).collect();
            columns.iter().map(column).collect()
        };
        let (values, known, past) = (
            all(targets)?,
            all(&self.roles.known)?,
            all(&self.roles.past)?,
        );
        let is_there = |step: &usize| values.iter().any(|column| !column[*step].is_nan());
        let (Some(from), Some(last)) = (
            (0..grid.rows.len()).find(is_there),
            (0..grid.rows.len()).rev().find(is_there),
        ) else {
            let column = targets[0];
            let row = grid.rows.iter().flatten().next().copied().unwrap_or(0);
            return Err(self.columns.fault(
                (row, column),
                format!(
                    "series `{}` has no number in the column `{}`",
                    like.id, self.columns.names[column]
                ),
                "remove the column, or name others by `data.target`",
            ));
        };
        let until = last + 1;
        self.note_ends(&like.id, from, grid.rows.len() - until);
        let frequency = like.frequency;
        let start = frequency
            .add(clock, like.start, from as i64)
            .unwrap_or(like.start);
        let mut series = Series {
            start,
            statics: self.statics_of(&like.id, grid)?,
            targets: values,
            known,
            past,
            ..like
        };
        let rows = &grid.rows[from..];
        let parts = [
            (&mut series.targets, targets, until),
            (&mut series.past, &self.roles.past, until),
            (&mut series.known, &self.roles.known, grid.rows.len()),
        ];
        let (policy, start, id) = (self.file.missing, series.start, series.id.clone());
        let mut filled = 0;
        for (columns, places, until) in parts {
            for (column, &place) in columns.iter_mut().zip(places) {
                *column = column[from..until].to_vec();
                let label = |step: usize| match frequency.add(clock, start, step as i64) {
                    Some(stamp) => clock.label(stamp),
                    None => format!("step {step}"),
                };
                filled += self.fill(column, place, rows, &id, policy, label)?;
            }
        }
        if filled > 0 {
            self.notes.push(format!(
                "missing: {filled} numbers of series `{id}` were filled"
            ));
        }
        Ok(series)
    }

    fn fill(
        &self,
        values: &mut [f64],
        column: usize,
        rows: &[Option<usize>],
        id: &str,
        policy: Missing,
        label: impl Fn(usize) -> String,
    ) -> Result<usize> {
        let places: Vec<String> = (0..values.len())
            .filter(|&step| values[step].is_nan())
            .take(TOLD_PLACES)
            .map(|step| match rows.get(step).copied().flatten() {
                Some(row) => format!(
                    "{} ({})",
                    self.columns.place(row, column).display(),
                    label(step)
                ),
                None => format!("{} (no row)", label(step)),
            })
            .collect();
        policy.fill(values).map_err(|count| {
            let name = &self.columns.names[column];
            let what = format!(
                "{}: column `{name}`, series `{id}`",
                self.columns.path.display()
            );
            missing::refused(&what, count, &places)
        })
    }

    fn note_ends(&mut self, id: &str, before: usize, after: usize) {
        if before > 0 {
            self.notes.push(format!(
                "series `{id}` begins {before} steps after its first row: nothing is known before"
            ));
        }
        match (after, self.roles.known.is_empty()) {
            (0, _) => {}
            (after, true) => self.notes.push(format!(
                "series `{id}` ends {after} steps before its last row: nothing is known after"
            )),
            (after, false) => self.notes.push(format!(
                "series `{id}` has covariates for {after} steps after its last number"
            )),
        }
    }
}

fn rows_of_series(columns: &Columns, roles: &Roles) -> Result<RowsOfSeries> {
    let mut first_rows: BTreeMap<String, usize> = BTreeMap::new();
    let mut series = RowsOfSeries::new();
    for row in 0..columns.rows.len() {
        let id = match roles.id {
            None => String::new(),
            Some(id) => columns.word(row, id).ok_or_else(|| {
                let problem = format!(
                    "the column `{}` is empty: whose row is this?",
                    columns.names[id]
                );
                columns.fault((row, id), problem, "fill it in or remove the row")
            })?,
        };
        let first = *first_rows.entry(id.clone()).or_insert(row);
        series
            .entry(first)
            .or_insert_with(|| (id, Vec::new()))
            .1
            .push(row);
    }
    Ok(series)
}
