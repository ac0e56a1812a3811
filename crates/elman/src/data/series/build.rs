//! From columns to series on a regular grid.

use std::path::Path;

use super::clock::Clock;
use super::columns::{Columns, RowsById};
use super::frequency::Frequency;
use super::grid::Grid;
use super::missing;
use super::roles::Roles;
use super::table::{Schema, Series, SeriesFile, SeriesTable};
use super::{m3, statics};
use crate::error::Result;

/// So many missing numbers are told with their place.
const TOLD_PLACES: usize = 3;

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
        let columns = Columns::read(path, file.decimal_comma)?;
        Builder::new(&columns, file, schema)?.table()
    }
}

/// A table in the making.
pub(super) struct Builder<'a> {
    pub(super) columns: &'a Columns,
    pub(super) file: &'a SeriesFile,
    pub(super) roles: Roles,
    pub(super) schema: Schema,
    pub(super) rows: RowsById,
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
        let rows = columns.rows_by_id(roles.id)?;
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
            let covariates = [
                self.numbers(grid, &self.roles.known)?,
                self.numbers(grid, &self.roles.past)?,
            ];
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
                    filled: Vec::new(),
                    known: Vec::new(),
                    past: Vec::new(),
                    statics: Vec::new(),
                    official_test: None,
                };
                series.push(self.series(like, grid, (columns, &covariates), &clock)?);
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

    /// Fills a series with what stands in the rows of its grid: its targets, and the covariates known
    /// in advance and as far as they are.
    fn series(
        &mut self,
        like: Series,
        grid: &Grid,
        (targets, [of_known, of_past]): (&[usize], &[Vec<Vec<f64>>; 2]),
        clock: &Clock,
    ) -> Result<Series> {
        let values = self.numbers(grid, targets)?;
        let [from, until] = self.ends(&values, (&like.id, targets[0]), grid)?;
        self.note_ends(&like.id, from, grid.rows.len() - until);
        let start = like.frequency.add(clock, like.start, from as i64);
        let mut series = Series {
            start: start.unwrap_or(like.start),
            statics: self.statics_of(&like.id, grid)?,
            ..like
        };
        let missing = |column: &Vec<f64>| {
            let column = column[from..until].iter().enumerate();
            let missing = column.filter(|(_, value)| value.is_nan());
            missing.map(|(step, _)| step).collect()
        };
        series.filled = values.iter().map(missing).collect();
        let rows = &grid.rows[from..];
        let reach = grid.rows.len();
        let mut filled = 0;
        let mut fill = |columns: &[Vec<f64>], places: &[usize], until: usize| {
            let each = columns.iter().zip(places);
            let filled_column = each.map(|(column, &place)| {
                let mut column = column[from..until].to_vec();
                filled += self.fill(&mut column, (place, rows), &series, clock)?;
                Ok(column)
            });
            filled_column.collect::<Result<Vec<_>>>()
        };
        let targets = fill(&values, targets, until)?;
        let past = fill(of_past, &self.roles.past, until)?;
        let known = fill(of_known, &self.roles.known, reach)?;
        (series.targets, series.past, series.known) = (targets, past, known);
        if filled > 0 {
            self.notes.push(format!(
                "missing: {filled} numbers of series `{}` were filled",
                series.id
            ));
        }
        Ok(series)
    }

    /// The numbers of some columns at every step of the grid, NaN where there is none.
    fn numbers(&self, grid: &Grid, columns: &[usize]) -> Result<Vec<Vec<f64>>> {
        let value = |row: &Option<usize>, column: usize| match row {
            Some(row) => self.columns.number(*row, column),
            None => Ok(f64::NAN),
        };
        let column = |&column: &usize| grid.rows.iter().map(|row| value(row, column)).collect();
        columns.iter().map(column).collect()
    }

    /// Where the targets `values` begin, and where they end.
    fn ends(
        &self,
        values: &[Vec<f64>],
        (id, column): (&str, usize),
        grid: &Grid,
    ) -> Result<[usize; 2]> {
        let is_there = |step: &usize| values.iter().any(|column| !column[*step].is_nan());
        let mut steps = (0..grid.rows.len()).filter(is_there);
        if let Some(first) = steps.next() {
            return Ok([first, steps.next_back().unwrap_or(first) + 1]);
        }
        let row = grid.rows.iter().flatten().next().copied().unwrap_or(0);
        let name = &self.columns.names[column];
        Err(self.columns.fault(
            (row, column),
            format!("series `{id}` has no number in the column `{name}`"),
            "remove the column, or name others by `data.target`",
        ))
    }

    /// Fills what is missing in `values`, the column `column` of `series` from its first step, whose
    /// rows are `rows`; says how many numbers that were.
    fn fill(
        &self,
        values: &mut [f64],
        (column, rows): (usize, &[Option<usize>]),
        series: &Series,
        clock: &Clock,
    ) -> Result<usize> {
        let label = |step: usize| {
            let label = series.label(clock, step);
            label.unwrap_or_else(|| format!("step {step}"))
        };
        let missing = (0..values.len()).filter(|&step| values[step].is_nan());
        let place = |step: usize| match rows.get(step).copied().flatten() {
            Some(row) => {
                let place = self.columns.place(row, column);
                format!("{} ({})", place.display(), label(step))
            }
            None => format!("{} (no row)", label(step)),
        };
        let places: Vec<String> = missing.take(TOLD_PLACES).map(place).collect();
        self.file.missing.fill(values).map_err(|count| {
            let (path, name) = (self.columns.path.display(), &self.columns.names[column]);
            let what = format!("{path}: column `{name}`, series `{}`", series.id);
            let hint = match (clock, series.frequency) {
                (Clock::Local, Frequency::Seconds(_)) => {
                    "; if clocks were set forward there, name the zone by `data.time_zone`"
                }
                _ => "",
            };
            missing::refused(&what, count, &places, hint)
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
