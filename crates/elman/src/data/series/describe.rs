//! What was found out about a table, in words.

use super::build::Builder;
use super::clock::Clock;
use super::table::Series;

/// So many names of series or columns are told.
const TOLD_NAMES: usize = 5;

impl Builder<'_> {
    /// The schema in words.
    pub(super) fn describe(&self, series: &[Series], clock: &Clock, group: &str) -> Vec<String> {
        let layout = match self.roles.id {
            Some(_) => "long",
            None => "wide",
        };
        let mut notes = vec![
            format!(
                "{layout} table, {} rows: {} series {}, {} steps",
                self.columns.rows.len(),
                series.len(),
                ids(series.iter()),
                span(series.iter().map(Series::len)),
            ),
            self.describe_time(series, clock, group),
        ];
        let unused: Vec<usize> = self.roles.unused(self.columns).collect();
        for (what, columns) in [
            ("forecast", &self.roles.targets),
            ("known in advance", &self.roles.known),
            ("known until now", &self.roles.past),
            ("of a whole series", &self.roles.statics),
            ("not used", &unused),
        ] {
            let names = columns.iter().map(|&column| &self.columns.names[column]);
            let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
            if !names.is_empty() {
                notes.push(format!("{what}: {}", some(&names)));
            }
        }
        let never_changes = |column: &Vec<f64>| column.iter().all(|value| value == &column[0]);
        let constant = |series: &&Series| series.targets.iter().any(never_changes);
        let constant = ids(series.iter().filter(constant));
        if !constant.is_empty() {
            notes.push(format!("constant: {constant} never changes"));
        }
        notes
    }

    fn describe_time(&self, series: &[Series], clock: &Clock, group: &str) -> String {
        let season = series[0].season;
        let Some(time) = self.roles.time else {
            return format!("time: no column, rows are steps: {group}, season: {season} steps");
        };
        let last = |series: &Series| {
            let steps = series.len() as i64 - 1;
            series.frequency.add(clock, series.start, steps)
        };
        let start = series.iter().map(|series| series.start).min().unwrap_or(0);
        let end = series.iter().filter_map(last).max().unwrap_or(start);
        format!(
            "time: column `{}`, {} to {}, step: {group}, season: {season} steps",
            self.columns.names[time],
            clock.label(start),
            clock.label(end),
        )
    }
}

/// The ids of the first few of some series.
fn ids<'a>(series: impl Iterator<Item = &'a Series>) -> String {
    let ids: Vec<String> = series.map(|series| format!("`{}`", series.id)).collect();
    some(&ids)
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
