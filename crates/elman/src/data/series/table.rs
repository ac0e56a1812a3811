//! Series in memory: regular steps, nothing missing.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::frequency::Frequency;
use super::missing::Missing;

/// Where series are and how they are read (`[data]` with `format = "series"`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesFile {
    /// The file, as seen from the working directory: CSV (`;` and tabs too), or JSON lines as the M3
    /// competition's; compressed by gzip or not.
    pub file: String,
    /// The column of time stamps (default: `ds`, or one that is named or looks like it; else steps
    /// are counted).
    pub time: Option<String>,
    /// How stamps are written, in the form of `strptime` (default: ISO 8601 and the like).
    pub time_format: Option<String>,
    /// The zone of times that have no offset of their own, such as `Europe/Paris` (default: none, a
    /// clock that is never set).
    pub time_zone: Option<String>,
    /// The column that says which series a row belongs to (default: `unique_id`, if there is one).
    pub id: Option<String>,
    /// What is forecast (default: `y`, else every column of numbers that nothing else uses).
    pub target: Vec<String>,
    /// Are several targets of one row forecast together by one network (default: no, each column is
    /// a series of its own)?
    pub together: bool,
    /// Columns of numbers that are known in advance.
    pub covariates: Vec<String>,
    /// Columns of numbers that are known only as far as the targets are.
    pub past_covariates: Vec<String>,
    /// Columns that say something about a whole series: numbers or words.
    pub statics: Vec<String>,
    /// The step (default: found from the stamps).
    pub frequency: Option<Frequency>,
    /// The first stamp of a table without a column of stamps.
    pub start: Option<String>,
    /// Steps of a season (default: the frequency's usual one).
    pub season: Option<usize>,
    /// What to do about missing numbers (default: they are an error).
    pub missing: Missing,
    /// Is a comma the decimal point (default: no)?
    pub decimal_comma: bool,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What tells it from others.
    pub id: String,
    /// What series of its kind have in common: the name of its frequency.
    pub group: String,
    /// The stamp of its first step.
    pub start: i64,
    /// How far steps are apart.
    pub frequency: Frequency,
    /// Steps of a season; 1 when there is none.
    pub season: usize,
    /// `[K][T]`: what is forecast.
    pub targets: Vec<Vec<f64>>,
    /// `[K]`: the steps of each target, rising, whose numbers were missing and were filled.
    pub filled: Vec<Vec<usize>>,
    /// `[C][T + future]`: what is known in advance, `future` steps beyond the targets.
    pub known: Vec<Vec<f64>>,
    /// `[C][T]`: what is known as far as the targets are.
    pub past: Vec<Vec<f64>>,
    /// What is the same at every step; of words a 1 in the word's place.
    pub statics: Vec<f64>,
    /// How many steps at its end the data set itself sets apart for testing.
    pub official_test: Option<usize>,
}

impl Series {
    /// `T`: its steps.
    pub fn len(&self) -> usize {
        self.targets.first().map_or(0, Vec::len)
    }

    /// Has it no steps?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stamp of a step as a person reads it; none beyond the year 9999.
    pub fn label(&self, clock: &Clock, step: usize) -> Option<String> {
        let stamp = self.frequency.add(clock, self.start, step as i64)?;
        Some(clock.label(stamp))
    }

    /// `[steps]`: what came from step `from` on of one target; NaN where nobody knows, though it was
    /// filled.
    ///
    /// # Panics
    ///
    /// When there are fewer steps.
    pub fn actual(&self, target: usize, from: usize, steps: usize) -> Vec<f64> {
        let mut actual = self.targets[target][from..from + steps].to_vec();
        let filled = self.filled.get(target).into_iter().flatten();
        for at in filled.filter_map(|step| step.checked_sub(from)) {
            if let Some(actual) = actual.get_mut(at) {
                *actual = f64::NAN;
            }
        }
        actual
    }

    /// The place of its first step in its season, 0 to below [`season`](Self::season): counted from
    /// January, a Monday, midnight or 0 by its stamps (see [`Frequency`]), so that it is the same step of
    /// the year, the week or the day in every table. Without stamps it is 0.
    pub fn place_in_season(&self, clock: &Clock) -> usize {
        match clock {
            Clock::Counted => 0,
            _ => {
                let number = self.frequency.number(clock, self.start).unwrap_or(0);
                number.rem_euclid(self.season as i64) as usize
            }
        }
    }

    /// The first `steps` of it; what is known in advance stays.
    pub fn first(&self, steps: usize) -> Self {
        let cut = |values: &Vec<f64>| values[..steps.min(values.len())].to_vec();
        Self {
            targets: self.targets.iter().map(cut).collect(),
            past: self.past.iter().map(cut).collect(),
            ..self.clone()
        }
    }
}

/// A column that says something about whole series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticColumn {
    /// Its name.
    pub name: String,
    /// The words in it, in order; none when it has numbers.
    pub words: Option<Vec<String>>,
}

impl StaticColumn {
    /// How many features it makes.
    pub fn size(&self) -> usize {
        self.words.as_ref().map_or(1, Vec::len)
    }
}

/// What every series of a table has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What is forecast: one name, or several that are forecast together.
    pub targets: Vec<String>,
    /// What is known in advance.
    pub known: Vec<String>,
    /// What is known as far as the targets are.
    pub past: Vec<String>,
    /// What is said about whole series.
    pub statics: Vec<StaticColumn>,
}

impl Schema {
    /// What the series of a target is called: `id`, with the target's name where there are several.
    pub fn name(&self, id: &str, target: usize) -> String {
        match &self.targets[..] {
            [_] => id.to_owned(),
            targets => format!("{id} {}", targets[target]),
        }
    }
}

/// Series of one kind.
#[derive(Clone, Debug)]
pub struct SeriesTable {
    /// What every series has.
    pub schema: Schema,
    /// What stamps mean.
    pub clock: Clock,
    /// At least one.
    pub series: Vec<Series>,
    /// What was found out about the file, a line each: its schema, its frequency, gaps.
    pub notes: Vec<String>,
}

impl SeriesTable {
    /// The series of this id.
    pub fn find(&self, id: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.id == id)
    }

    /// The checksum of all numbers and names: the same for the same series.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?}", self.schema).as_bytes());
        for series in &self.series {
            let Series {
                id,
                start,
                frequency,
                season,
                official_test,
                ..
            } = series;
            let facts = format!("{id:?} {start} {frequency} {season} {official_test:?}");
            hasher.update(facts.as_bytes());
            let columns = [&series.targets, &series.known, &series.past];
            let values = columns.into_iter().flatten().chain([&series.statics]);
            for column in values {
                hasher.update(&(column.len() as u64).to_le_bytes());
                for value in column {
                    hasher.update(&value.to_le_bytes());
                }
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}
