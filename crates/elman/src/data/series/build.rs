//! From columns to series on a regular grid.

use std::collections::BTreeMap;
use std::path::Path;

use super::clock::{self, Clock, Written};
use super::columns::Columns;
use super::frequency::Frequency;
use super::missing::{self, Missing};
use super::roles::Roles;
use super::stamps::{self, Stamps};
use super::table::{Schema, Series, SeriesFile, SeriesTable, StaticColumn};
use super::{csv, m3};
use crate::error::{Error, Result};

/// A grid may have so many steps for every row: more is a stray stamp.
const MOST_STEPS_A_ROW: i64 = 1000;
/// So many missing numbers are told with their place.
const TOLD_PLACES: usize = 3;
/// So many names of series or columns are told.
const TOLD_NAMES: usize = 5;

/// The rows of every series by its first row, with its id.
type RowsOfSeries = BTreeMap<usize, (String, Vec<usize>)>;

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

struct Builder<'a> {
    columns: &'a Columns,
    file: &'a SeriesFile,
    roles: Roles,
    schema: Schema,
    rows: RowsOfSeries,
    notes: Vec<String>,
}

/// A series' rows on the grid.
struct Grid {
    start: i64,
    /// The row of every step; none where there is a gap.
    rows: Vec<Option<usize>>,
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
            None => statics(columns, &roles),
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

    /// The grids of a table with stamps in the column `time`.
    fn timed(&mut self, time: usize) -> Result<(Clock, Vec<Grid>, Frequency)> {
        let (columns, given) = (self.columns, self.file.frequency);
        let stamps = stamps::read(columns, time, self.file, &self.rows)?;
        let mut orders = Vec::new();
        let mut steps: Vec<(&str, Frequency)> = Vec::new();
        let mut unsorted = 0;
        for (id, rows) in self.rows.values() {
            let (order, was_sorted) = stamps::sorted(columns, time, (id, rows), &stamps)?;
            unsorted += usize::from(!was_sorted);
            if let Some(step) = stamps::step(columns, time, (id, &order), &stamps, given)? {
                steps.push((id, step));
            }
            orders.push((id.as_str(), order));
        }
        if unsorted > 0 {
            self.notes.push(format!(
                "unsorted: the rows of {unsorted} series were put in order"
            ));
        }
        let frequency = self.common_step(&steps)?;
        let mut gaps = Vec::new();
        let mut grids = Vec::new();
        for (id, order) in &orders {
            let grid = self.grid(time, (id, order), &stamps, frequency)?;
            let empty = grid.rows.iter().filter(|row| row.is_none()).count();
            if empty > 0 {
                gaps.push((*id, empty, first_gap(columns, &grid)));
            }
            grids.push(grid);
        }
        if let Some((id, _, place)) = gaps.first() {
            let steps: usize = gaps.iter().map(|gap| gap.1).sum();
            self.notes.push(format!(
                "gaps: {steps} steps of {} series have no row, the first in series `{id}` {place}",
                gaps.len()
            ));
        }
        Ok((stamps.clock, grids, frequency))
    }

    /// The one step of all series.
    fn common_step(&self, steps: &[(&str, Frequency)]) -> Result<Frequency> {
        let Some(&(first, mut common)) = steps.first() else {
            return Err(Error::data(
                &self.columns.path,
                "no series has more than one row, so that there is no step",
                "give more rows, or set `data.frequency`",
            ));
        };
        for &(id, step) in steps {
            let same = match (common, step) {
                (Frequency::Whole(one), Frequency::Whole(other))
                | (Frequency::Seconds(one), Frequency::Seconds(other))
                | (Frequency::Days(one), Frequency::Days(other))
                | (Frequency::Months(one), Frequency::Months(other)) => {
                    one.max(other) % one.min(other) == 0
                }
                (one, other) => one == other,
            };
            if !same {
                return Err(Error::data(
                    &self.columns.path,
                    format!(
                        "mixed frequencies: a {common} in series `{first}`, a {step} in series `{id}`"
                    ),
                    "put series of each frequency into a file of their own",
                ));
            }
            common = common.min(step);
        }
        Ok(common)
    }

    fn grid(
        &self,
        time: usize,
        (id, order): (&str, &[usize]),
        stamps: &Stamps,
        frequency: Frequency,
    ) -> Result<Grid> {
        let stamp = |row: usize| stamps.of_rows[row];
        let start = stamp(order[0]);
        let mut rows = Vec::new();
        for &row in order {
            let Some(place) = frequency.between(&stamps.clock, start, stamp(row)) else {
                return Err(self.columns.fault(
                    (row, time),
                    format!(
                        "the stamp is not on the grid of a {frequency} from {}",
                        stamps.clock.label(start)
                    ),
                    "bring the rows to one step, or set `data.frequency`",
                ));
            };
            if place > MOST_STEPS_A_ROW * order.len() as i64 {
                return Err(self.columns.fault(
                    (row, time),
                    format!(
                        "series `{id}` would have {place} steps of a {frequency} before {}, but has {} rows",
                        stamps.clock.label(stamp(row)),
                        order.len()
                    ),
                    "correct the stamp, or set `data.frequency`",
                ));
            }
            rows.resize(place as usize, None);
            rows.push(Some(row));
        }
        Ok(Grid { start, rows })
    }

    /// The grids of a table without stamps: one row a step.
    fn counted(&mut self) -> Result<(Clock, Vec<Grid>, Frequency)> {
        let (clock, start, frequency) = match (&self.file.start, self.file.frequency) {
            (None, _) => (Clock::Counted, 0, Frequency::Whole(1)),
            (Some(start), Some(frequency)) => {
                let (clock, start) = match clock::read(start, self.file.time_format.as_deref()) {
                    Some(Written::Whole(start)) => (Clock::Whole, start),
                    Some(Written::Local(start)) => (Clock::Local, start),
                    _ => return Err(bad_start(start, "is no date, time or whole number")),
                };
                let is_whole = matches!(frequency, Frequency::Whole(_));
                if is_whole != (clock == Clock::Whole) {
                    let problem = format!("is no start of steps of a {frequency}");
                    return Err(bad_start(
                        self.file.start.as_deref().unwrap_or(""),
                        &problem,
                    ));
                }
                (clock, start, frequency)
            }
            (Some(start), None) => {
                return Err(bad_start(start, "is there without `data.frequency`"));
            }
        };
        let grid = |(_, rows): &(String, Vec<usize>)| Grid {
            start,
            rows: rows.iter().copied().map(Some).collect(),
        };
        Ok((clock, self.rows.values().map(grid).collect(), frequency))
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

    /// What is said about a whole series, as numbers.
    fn statics_of(&self, id: &str, grid: &Grid) -> Result<Vec<f64>> {
        let mut numbers = Vec::new();
        for (column, &place) in self.schema.statics.iter().zip(&self.roles.statics) {
            let mut rows = grid.rows.iter().flatten().copied();
            let Some(first) = rows.next() else { continue };
            let word = self.columns.word(first, place);
            if let Some(row) = rows.find(|&row| self.columns.word(row, place) != word) {
                return Err(self.columns.fault(
                    (row, place),
                    format!("the column `{}` changes within series `{id}`", column.name),
                    "say one thing about a whole series, or name the column by `data.covariates`",
                ));
            }
            match &column.words {
                None => {
                    let number = self.columns.number(first, place)?;
                    if number.is_nan() {
                        let problem =
                            format!("the column `{}` is empty for series `{id}`", column.name);
                        return Err(self.columns.fault((first, place), problem, "fill it in"));
                    }
                    numbers.push(number);
                }
                Some(words) => {
                    let word = word.unwrap_or_default();
                    let Some(found) = words.iter().position(|it| *it == word) else {
                        return Err(self.columns.fault(
                            (first, place),
                            format!("the column `{}` has the word `{word}`, which the model has not seen", column.name),
                            format!("use {}", crate::recipe::alternatives(words.iter().map(String::as_str))),
                        ));
                    };
                    numbers.extend((0..words.len()).map(|at| f64::from(u8::from(at == found))));
                }
            }
        }
        Ok(numbers)
    }

    /// The schema in words.
    fn describe(&self, series: &[Series], clock: &Clock, group: &str) -> Vec<String> {
        let names = |columns: &[usize]| {
            let names = columns
                .iter()
                .map(|&column| format!("`{}`", self.columns.names[column]));
            some(&names.collect::<Vec<_>>())
        };
        let ids: Vec<String> = series
            .iter()
            .map(|series| format!("`{}`", series.id))
            .collect();
        let layout = if self.roles.id.is_some() {
            "long"
        } else {
            "wide"
        };
        let mut notes = vec![format!(
            "{layout} table, {} rows: {} series {}, {} steps",
            self.columns.rows.len(),
            series.len(),
            some(&ids),
            span(series.iter().map(Series::len)),
        )];
        let season = series[0].season;
        notes.push(match self.roles.time {
            Some(time) => {
                let start = series.iter().map(|series| series.start).min().unwrap_or(0);
                let end = series.iter().filter_map(|series| {
                    series
                        .frequency
                        .add(clock, series.start, series.len() as i64 - 1)
                });
                format!(
                    "time: column `{}`, {} to {}, step: {group}, season: {season} steps",
                    self.columns.names[time],
                    clock.label(start),
                    clock.label(end.max().unwrap_or(start)),
                )
            }
            None => format!("time: no column, rows are steps: {group}, season: {season} steps"),
        });
        notes.push(format!("forecast: {}", names(&self.roles.targets)));
        for (what, columns) in [
            ("known in advance", &self.roles.known),
            ("known until now", &self.roles.past),
            ("of a whole series", &self.roles.statics),
        ] {
            if !columns.is_empty() {
                notes.push(format!("{what}: {}", names(columns)));
            }
        }
        let unused: Vec<usize> = self.roles.unused(self.columns).collect();
        if !unused.is_empty() {
            notes.push(format!("not used: {}", names(&unused)));
        }
        let constant = series.iter().filter(|series| {
            series
                .targets
                .iter()
                .any(|column| column.iter().all(|value| value == &column[0]))
        });
        let constant: Vec<String> = constant.map(|series| format!("`{}`", series.id)).collect();
        if !constant.is_empty() {
            notes.push(format!("constant: {} never changes", some(&constant)));
        }
        notes
    }
}

fn bad_start(start: &str, problem: &str) -> Error {
    Error::argument(
        "data.start",
        format!("`{start}` {problem}"),
        "give the first stamp, such as \"1949-01\", and `data.frequency`, such as \"month\"",
    )
}

/// The first few of `names`.
fn some(names: &[String]) -> String {
    let told = names[..names.len().min(TOLD_NAMES)].join(", ");
    match names.len() > TOLD_NAMES {
        true => format!("{told}, …"),
        false => told,
    }
}

/// `144`, or `20 to 126`.
fn span(lengths: impl Iterator<Item = usize>) -> String {
    let (low, high) = lengths.fold((usize::MAX, 0), |(low, high), it| {
        (low.min(it), high.max(it))
    });
    if low == high {
        low.to_string()
    } else {
        format!("{low} to {high}")
    }
}

fn first_gap(columns: &Columns, grid: &Grid) -> String {
    let gap = grid.rows.iter().position(Option::is_none).unwrap_or(0);
    match grid.rows[..gap].last().copied().flatten() {
        Some(row) => format!("after {}", columns.row_name(row)),
        None => "at its start".to_owned(),
    }
}

fn statics(columns: &Columns, roles: &Roles) -> Vec<StaticColumn> {
    let column = |&place: &usize| {
        let words = (!columns.is_numeric(place)).then(|| {
            let rows = 0..columns.rows.len();
            let mut words: Vec<String> = rows.filter_map(|row| columns.word(row, place)).collect();
            words.sort();
            words.dedup();
            words
        });
        StaticColumn {
            name: columns.names[place].clone(),
            words,
        }
    };
    roles.statics.iter().map(column).collect()
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
