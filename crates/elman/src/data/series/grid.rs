//! The grid of a series: its first stamp, its step, and the row of every step.

use super::build::Builder;
use super::clock::{self, Clock, Written};
use super::columns::Columns;
use super::frequency::Frequency;
use super::stamps::{self, Stamps};
use crate::error::{Error, Result};

/// A grid may have so many steps for every row: more is a stray stamp.
const MOST_STEPS_A_ROW: i64 = 1000;

/// A series' rows on the grid.
pub(super) struct Grid {
    pub(super) start: i64,
    /// The row of every step; none where there is a gap.
    pub(super) rows: Vec<Option<usize>>,
}

impl Builder<'_> {
    /// The grids of a table with stamps in the column `time`.
    pub(super) fn timed(&mut self, time: usize) -> Result<(Clock, Vec<Grid>, Frequency)> {
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
    pub(super) fn counted(&mut self) -> Result<(Clock, Vec<Grid>, Frequency)> {
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
}

fn bad_start(start: &str, problem: &str) -> Error {
    Error::argument(
        "data.start",
        format!("`{start}` {problem}"),
        "give the first stamp, such as \"1949-01\", and `data.frequency`, such as \"month\"",
    )
}

fn first_gap(columns: &Columns, grid: &Grid) -> String {
    let gap = grid.rows.iter().position(Option::is_none).unwrap_or(0);
    match grid.rows[..gap].last().copied().flatten() {
        Some(row) => format!("after {}", columns.row_name(row)),
        None => "at its start".to_owned(),
    }
}
