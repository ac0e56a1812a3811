//! JSON lines in the form of the M3 competition: one series a line, with its official test part.
//!
//! ```json
//! {"id": "N0001", "period": "YEARLY", "type": "MICRO", "h": 6, "x": [940.66, …], "xx": [5379.75, …]}
//! ```
//!
//! Makridakis and Hibon (2000), "The M3-Competition: results, conclusions and implications",
//! International Journal of Forecasting 16(4).

use std::path::Path;

use serde::Deserialize;

use super::clock::Clock;
use super::csv;
use super::frequency::Frequency;
use super::table::{Schema, Series, SeriesTable};
use crate::data::file;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Line {
    id: String,
    period: String,
    h: usize,
    x: Vec<f64>,
    xx: Vec<f64>,
}

/// The competition's kinds of series, with the steps of their seasons.
const PERIODS: [(&str, &str, usize); 4] = [
    ("YEARLY", "yearly", 1),
    ("QUARTERLY", "quarterly", 4),
    ("MONTHLY", "monthly", 12),
    ("OTHER", "other", 1),
];

/// Reads all series of a file.
pub(super) fn read(path: &Path) -> Result<SeriesTable> {
    let bytes = file::bytes(path, csv::EXPECTED)?;
    let text = csv::text(path, &bytes)?;
    let lines = text.lines().enumerate();
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let series = filled.map(|(index, line)| series(path, index + 1, line));
    let series: Vec<Series> = series.collect::<Result<_>>()?;
    if series.is_empty() {
        return Err(super::columns::no_rows(path, "no line"));
    }
    let mut notes = vec![format!(
        "{} series, each with its official test part",
        series.len()
    )];
    for (_, group, season) in PERIODS {
        let count = series.iter().filter(|series| series.group == group).count();
        if count > 0 {
            notes.push(format!("{count} {group}, season {season}"));
        }
    }
    let targets = vec!["value".to_owned()];
    Ok(SeriesTable {
        schema: Schema {
            targets,
            ..Schema::default()
        },
        clock: Clock::Counted,
        series,
        notes,
    })
}

fn series(path: &Path, number: usize, line: &str) -> Result<Series> {
    let fault = |column: usize, problem: String, remedy: &str| {
        Error::data(
            format!("{}:{number}:{column}", path.display()),
            problem,
            remedy,
        )
    };
    let found: Line = serde_json::from_str(line).map_err(|error| {
        let problem = error.to_string();
        let problem = problem.split(" at line").next().unwrap_or_default();
        let remedy = "give every line the keys id, period, h, x and xx";
        fault(error.column(), problem.to_owned(), remedy)
    })?;
    let known = PERIODS.iter().find(|(period, ..)| *period == found.period);
    let Some((_, group, season)) = known else {
        let problem = format!("the period `{}` is none of the competition's", found.period);
        let remedy = "use YEARLY, QUARTERLY, MONTHLY or OTHER";
        return Err(fault(1, problem, remedy));
    };
    if found.xx.len() != found.h || found.x.is_empty() {
        let problem = format!(
            "series {} has {} steps, then {} to be forecast; h says {}",
            found.id,
            found.x.len(),
            found.xx.len(),
            found.h
        );
        return Err(fault(
            1,
            problem,
            "give as many numbers in xx as h says, some in x",
        ));
    }
    Ok(Series {
        id: found.id,
        group: (*group).to_owned(),
        start: 0,
        frequency: Frequency::Whole(1),
        season: *season,
        targets: vec![[found.x, found.xx].concat()],
        known: Vec::new(),
        past: Vec::new(),
        filled: Vec::new(),
        statics: Vec::new(),
        official_test: Some(found.h),
    })
}
