//! From where a backtest forecasts.

use std::ops::RangeInclusive;

use super::data::{Group, Window, settings};
use crate::data::series::SeriesTable;
use crate::error::{Error, Result};
use crate::recipe::Recipe;

/// Origins of a backtest when nobody says how many: so many, or as many as there is room for.
pub const DEFAULT_ORIGINS: usize = 5;

/// `recipe` with a test part that is long enough for `origins` forecasts that do not overlap (default:
/// [`DEFAULT_ORIGINS`], but the one that a data set's own test part is of).
///
/// # Errors
///
/// When it is no forecaster's, or its test part is the data set's own and more than one is asked for.
pub fn with_origins(mut recipe: Recipe, origins: Option<usize>) -> Result<Recipe> {
    let (_, forecast) = settings(&recipe)?;
    let Some(horizon) = forecast.horizon else {
        return match (forecast.test, origins) {
            (None, Some(origins)) if origins > 1 => Err(Error::argument(
                "origins",
                format!(
                    "the data set's own test part is of one forecast from one origin, not {origins}"
                ),
                "ask for one, or set `forecast.horizon`",
            )),
            _ => Ok(recipe),
        };
    };
    let needed = horizon.saturating_mul(origins.unwrap_or(DEFAULT_ORIGINS));
    let test = forecast.test.unwrap_or(horizon).max(needed);
    if let Some(forecast) = &mut recipe.forecast {
        forecast.test = Some(test);
    }
    Ok(recipe)
}

/// How many origins of whole forecasts, one step apart, every series of `groups` has after what
/// training has seen; of the series that has fewest.
pub(super) fn room(groups: &[Group], table: &SeriesTable, valid: usize) -> usize {
    let of_group = |group: &Group| {
        let origins = |at| places(group, table, valid, at).count();
        (0..group.series.len()).map(origins).min()
    };
    groups.iter().filter_map(of_group).min().unwrap_or(0)
}

/// The origins of whole forecasts of series `at` of a group, after what training has seen.
fn places(group: &Group, table: &SeriesTable, valid: usize, at: usize) -> RangeInclusive<usize> {
    let length = table.series[group.series[at]].len();
    group.trained[at] + valid..=length - group.shape.horizon
}

/// `origins` windows of every series, spread evenly from the end of what training has seen to the
/// last origin that a whole forecast follows.
pub(super) fn rolled(
    group: &Group,
    table: &SeriesTable,
    valid: usize,
    origins: usize,
) -> Result<Vec<Window>> {
    let horizon = group.shape.horizon;
    let mut windows = Vec::new();
    for (at, &place) in group.series.iter().enumerate() {
        let series = &table.series[place];
        let places = places(group, table, valid, at);
        let (first, last) = (*places.start(), *places.end());
        let steps = last - first;
        if origins == 0 || steps + 1 < origins {
            return Err(Error::argument(
                "origins",
                format!(
                    "series `{}` has {} steps that training has not seen, with room for {} of the {origins} forecasts of {horizon}",
                    series.id,
                    series.len() - first,
                    steps + 1
                ),
                format!(
                    "ask for fewer, or train with `forecast.test = {}`",
                    horizon * origins.max(1)
                ),
            ));
        }
        let place = |origin: usize| match origins {
            1 => last,
            _ => first + steps * origin / (origins - 1),
        };
        windows.extend((0..origins).map(|origin| (at, place(origin))));
    }
    Ok(windows)
}
