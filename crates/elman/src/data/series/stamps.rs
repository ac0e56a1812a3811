//! The stamps of a table's rows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::clock::{self, Clock, Moment, Written};
use super::columns::{Cell, Columns};
use super::frequency::Frequency;
use super::table::SeriesFile;
use crate::error::{Error, Result};

/// What stands in the column of stamps.
pub(super) struct Stamps {
    pub(super) clock: Clock,
    /// One for every row.
    pub(super) of_rows: Vec<i64>,
}

/// Reads the stamps in `column`; `series` has the rows of every series, in the file's order.
pub(super) fn read(
    columns: &Columns,
    column: usize,
    file: &SeriesFile,
    series: &BTreeMap<usize, (String, Vec<usize>)>,
) -> Result<Stamps> {
    let rows = 0..columns.rows.len();
    let written = rows.map(|row| one(columns, (row, column), file));
    let written = as_dates(written.collect::<Result<_>>()?);
    let zone = zone(file)?;
    let kind = |stamp: &Written| match stamp {
        Written::Whole(_) => "a whole number",
        Written::Local(_) => "a date without an offset",
        Written::Moment(_) => "a moment with its offset",
    };
    let first = written[0];
    if let Some(row) = written.iter().position(|stamp| kind(stamp) != kind(&first)) {
        let (found, before) = (kind(&written[row]), kind(&first));
        return Err(columns.fault(
            (row, column),
            format!(
                "the stamp is {found}, in {} it is {before}",
                columns.row_name(0)
            ),
            "write all stamps in one form",
        ));
    }
    let raw = written.iter().map(|stamp| match *stamp {
        Written::Whole(stamp) | Written::Local(stamp) | Written::Moment(stamp) => stamp,
    });
    let mut of_rows: Vec<i64> = raw.collect();
    let clock = match (first, zone) {
        (Written::Whole(_), _) => Clock::Whole,
        (Written::Local(_), None) => Clock::Local,
        (Written::Local(_), Some(zone)) => {
            for (_, rows) in series.values() {
                to_moments(columns, column, &zone, rows, &mut of_rows)?;
            }
            Clock::Zoned(zone)
        }
        (Written::Moment(_), zone) => Clock::Zoned(zone.unwrap_or(TimeZone::UTC)),
    };
    Ok(Stamps { clock, of_rows })
}

/// Whole numbers that are all dates of eight digits are dates.
fn as_dates(written: Vec<Written>) -> Vec<Written> {
    let date = |stamp: &Written| match stamp {
        Written::Whole(digits) => clock::compact_date(*digits).map(Written::Local),
        _ => None,
    };
    let dates: Option<Vec<Written>> = written.iter().map(date).collect();
    dates.unwrap_or(written)
}

fn zone(file: &SeriesFile) -> Result<Option<TimeZone>> {
    let Some(name) = &file.time_zone else {
        return Ok(None);
    };
    TimeZone::get(name).map(Some).map_err(|_| {
        Error::argument(
            "data.time_zone",
            format!("`{name}` is no time zone of the IANA database"),
            "use a name such as `Europe/Paris` or `UTC`",
        )
    })
}

fn one(columns: &Columns, (row, column): (usize, usize), file: &SeriesFile) -> Result<Written> {
    let form = file.time_format.as_deref();
    match &columns.rows[row][column] {
        Cell::Text(text) => clock::read(text, form).ok_or_else(|| {
            let remedy = match form {
                Some(_) => "correct the stamp or `data.time_format`",
                None => "write it as 2024-03-31 or 2024-03-31T14:30, set `data.time_format`, such as \"%d.%m.%Y\", or name the column of stamps by `data.time`",
            };
            let problem = match form {
                Some(form) => format!("`{text}` is no time in the form `{form}`"),
                None => format!("`{text}` is no date, time or whole number"),
            };
            columns.fault((row, column), problem, remedy)
        }),
        Cell::Missing(_) => Err(columns.fault(
            (row, column),
            "the stamp is missing",
            "fill it in or remove the row",
        )),
    }
}

/// Turns the local times of one series into moments. Of a time that is there twice because clocks
/// were set back, the first row is the earlier moment.
fn to_moments(
    columns: &Columns,
    column: usize,
    zone: &TimeZone,
    rows: &[usize],
    stamps: &mut [i64],
) -> Result<()> {
    let mut taken = BTreeSet::new();
    for &row in rows {
        let local = stamps[row];
        let name = zone.iana_name().unwrap_or("this zone");
        let moment = match clock::moment(local, zone) {
            Some(Moment::Once(moment)) => moment,
            Some(Moment::Twice(earlier, later)) => {
                if taken.contains(&earlier) {
                    later
                } else {
                    earlier
                }
            }
            Some(Moment::Never) => {
                let time = Clock::Local.label(local);
                return Err(columns.fault(
                    (row, column),
                    format!("there is no {time} in {name}: clocks are set forward over it"),
                    "correct the stamp, or leave `data.time_zone` out if the clock is never set",
                ));
            }
            None => {
                return Err(columns.fault(
                    (row, column),
                    "the stamp is outside the years 1 to 9999",
                    "correct the stamp",
                ));
            }
        };
        taken.insert(moment);
        stamps[row] = moment;
    }
    Ok(())
}

/// The rows of one series in the order of their stamps, and whether they were in it. No stamp may be
/// there twice.
pub(super) fn sorted(
    columns: &Columns,
    column: usize,
    (id, rows): (&str, &[usize]),
    stamps: &Stamps,
) -> Result<(Vec<usize>, bool)> {
    let stamp = |row: &usize| stamps.of_rows[*row];
    let mut order = rows.to_vec();
    order.sort_by_key(stamp);
    for pair in order.windows(2) {
        if stamp(&pair[0]) == stamp(&pair[1]) {
            let hint = match stamps.clock {
                Clock::Local => "; if clocks were set back, name the zone by `data.time_zone`",
                _ => "",
            };
            return Err(columns.fault(
                (pair[1], column),
                format!(
                    "the stamp {} of series `{id}` is there twice, first in {}",
                    stamps.clock.label(stamp(&pair[0])),
                    columns.row_name(pair[0])
                ),
                format!("remove one of the rows, or name the column that tells series apart by `data.id`{hint}"),
            ));
        }
    }
    let was_sorted = order == rows;
    Ok((order, was_sorted))
}

/// The step of a series whose stamps rise, checked against the one that the user has given; none for
/// a single row.
pub(super) fn step(
    columns: &Columns,
    column: usize,
    (id, order): (&str, &[usize]),
    stamps: &Stamps,
    given: Option<Frequency>,
) -> Result<Option<Frequency>> {
    let of_rows: Vec<i64> = order.iter().map(|&row| stamps.of_rows[row]).collect();
    let Stamps { clock, .. } = stamps;
    if of_rows.len() < 2 {
        return Ok(given);
    }
    let found = given.or_else(|| Frequency::of(&of_rows, clock));
    let off = |frequency: Frequency| {
        let mut pairs = of_rows.windows(2);
        pairs.position(|pair| frequency.between(clock, pair[0], pair[1]).is_none())
    };
    let (at, frequency) = match found {
        Some(frequency) => match off(frequency) {
            None => return Ok(Some(frequency)),
            Some(at) => (at, frequency),
        },
        None => {
            let start = Frequency::of(&of_rows[..2], clock).unwrap_or(Frequency::Seconds(1));
            (off(start).unwrap_or(0), start)
        }
    };
    Err(columns.fault(
        (order[at + 1], column),
        format!(
            "the steps of series `{id}` are irregular: from {} to {} is no whole number of steps ({frequency})",
            clock.label(of_rows[at]),
            clock.label(of_rows[at + 1]),
        ),
        "bring the rows to one step (sum or mean), or set `data.frequency`",
    ))
}
