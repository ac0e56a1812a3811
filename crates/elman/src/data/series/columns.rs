//! A file as columns of cells, whatever its form, with the place of every cell.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// One cell of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// Empty, or a word for it.
    Missing,
    /// As it was written.
    Text(String),
}

/// What stands for a missing number in text.
const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "-", "?"];

/// Above this not every whole number is a 64-bit float.
const LARGEST_EXACT: u64 = 1 << 53;

/// A file's content.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) path: PathBuf,
    pub(super) names: Vec<String>,
    /// Row after row.
    pub(super) rows: Vec<Vec<Cell>>,
    /// The line at which each row begins, from 1; of a file without lines its number.
    pub(super) lines: Vec<u64>,
    /// What those numbers count.
    pub(super) row_word: RowWord,
    /// Is a comma the decimal point?
    pub(super) decimal_comma: bool,
}

/// What a person counts to find a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowWord {
    /// Lines of a text.
    Line,
    /// Rows of a table.
    Row,
}

impl RowWord {
    fn word(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Row => "row",
        }
    }
}

/// Why a cell is no number.
type NotANumber = (String, &'static str);

impl Columns {
    /// The column of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|it| it == name)
    }

    /// `file:line:column` of a cell.
    pub(super) fn place(&self, row: usize, column: usize) -> PathBuf {
        let path = self.path.display();
        format!("{path}:{}:{}", self.lines[row], column + 1).into()
    }

    /// A row as a person finds it: `line 3`, `row 3`.
    pub(super) fn row_name(&self, row: usize) -> String {
        format!("{} {}", self.row_word.word(), self.lines[row])
    }

    /// An error about one cell.
    pub(super) fn fault(
        &self,
        (row, column): (usize, usize),
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::data(self.place(row, column), problem, remedy)
    }

    /// The number in a cell; NaN where it is missing.
    pub(super) fn number(&self, row: usize, column: usize) -> Result<f64> {
        let number = match &self.rows[row][column] {
            Cell::Missing => Ok(f64::NAN),
            Cell::Text(text) => parse(text, self.decimal_comma),
        };
        number.map_err(|(problem, remedy)| {
            let name = &self.names[column];
            self.fault((row, column), format!("column `{name}`: {problem}"), remedy)
        })
    }

    /// The word in a cell; none where it is missing.
    pub(super) fn word(&self, row: usize, column: usize) -> Option<String> {
        match &self.rows[row][column] {
            Cell::Missing => None,
            Cell::Text(text) => Some(text.clone()),
        }
    }

    /// Has the column a number in its first filled cell?
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        let cells = self.rows.iter().map(|row| &row[column]);
        let mut filled = cells.filter(|cell| **cell != Cell::Missing);
        match filled.next() {
            Some(Cell::Text(text)) => match parse(text, self.decimal_comma) {
                Ok(_) => true,
                // What looks like a number is one, with a fault that is told when it is read.
                Err(_) => {
                    text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it))
                        && super::clock::read(text, None).is_none()
                }
            },
            _ => false,
        }
    }
}

/// Is this text a word for a missing number?
pub(super) fn is_missing(text: &str) -> bool {
    MISSING.contains(&text.trim().to_ascii_lowercase().as_str())
}

/// The number that `text` is.
fn parse(text: &str, decimal_comma: bool) -> std::result::Result<f64, NotANumber> {
    let text = text.trim();
    let pointed = match decimal_comma {
        true => text.replace(',', "."),
        false => text.to_owned(),
    };
    let Ok(number) = pointed.parse::<f64>() else {
        return Err(why_not(text));
    };
    if number.is_infinite() {
        return Err((
            format!("`{text}` is larger than any 64-bit float"),
            "give it in another unit, or leave the cell empty and set `data.missing`",
        ));
    }
    let digits = text.trim_start_matches(['+', '-']);
    let is_whole = digits.bytes().all(|it| it.is_ascii_digit());
    if is_whole && digits.parse::<u64>().map_or(true, |it| it > LARGEST_EXACT) {
        return Err((
            format!("`{text}` is a whole number above 2^53, which no 64-bit float holds exactly"),
            "subtract a constant, or write it with a decimal point to have it rounded",
        ));
    }
    Ok(number)
}

fn why_not(text: &str) -> NotANumber {
    if text.replace(',', ".").parse::<f64>().is_ok() {
        return (
            format!("`{text}` has a decimal comma"),
            "set `data.decimal_comma = true`",
        );
    }
    if text.contains(',') && text.replace(',', "").parse::<f64>().is_ok() {
        return (
            format!("`{text}` has commas between thousands"),
            "write the number without them",
        );
    }
    (
        format!("`{text}` is no number"),
        "write a number, or leave the cell empty if it is not known",
    )
}

/// The error of a path that holds no rows.
pub(super) fn no_rows(path: &Path, found: &str) -> Error {
    Error::data(
        path,
        format!("expected a table with a header and rows, found {found}"),
        "give a CSV file whose first line names the columns",
    )
}
