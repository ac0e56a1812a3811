//! What was found out about a table, in words.

use super::build::Builder;
use super::clock::Clock;
use super::table::Series;

/// So many names of series or columns are told.
const TOLD_NAMES: usize = 5;

impl Builder<'_> {
    /// The schema in words.
    pub(super) fn describe(&self, series: &[Series], clock: &Clock, group: &str) -> Vec<String> {
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
