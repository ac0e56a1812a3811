//! Columns that say something about a whole series.

use super::build::Builder;
use super::columns::Columns;
use super::grid::Grid;
use super::roles::Roles;
use super::table::StaticColumn;
use crate::error::Result;

impl Builder<'_> {
    /// What is said about a whole series, as numbers.
    pub(super) fn statics_of(&self, id: &str, grid: &Grid) -> Result<Vec<f64>> {
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
}

/// The columns of a file, with the words in them.
pub(super) fn columns(columns: &Columns, roles: &Roles) -> Vec<StaticColumn> {
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
