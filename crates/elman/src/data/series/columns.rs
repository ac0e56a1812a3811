//! A file as columns of cells, whatever its form, with the place of every cell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{csv, parquet};
use crate::error::{Error, Result};
use crate::recipe::{alternatives, nearest};

/// One cell of a file, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::data) enum Cell {
    /// Nothing, or a word for it.
    Missing(String),
    /// Anything else.
    Text(String),
}

impl Cell {
    /// A cell with `text`.
    pub(super) fn new(text: &str) -> Self {
        let text = text.trim().to_owned();
        match is_missing(&text) {
            true => Self::Missing(text),
            false => Self::Text(text),
        }
    }
}

/// What stands for a missing number in text.
const MISSING: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "-", "?"];

/// Above this not every whole number is a 64-bit float.
const LARGEST_EXACT: u64 = 1 << 53;

/// The rows that belong together by their first row, with whose they are.
pub(in crate::data) type RowsById = BTreeMap<usize, (String, Vec<usize>)>;

/// A file's content.
#[derive(Clone, Debug)]
pub(in crate::data) struct Columns {
    pub(in crate::data) path: PathBuf,
    pub(in crate::data) names: Vec<String>,
    /// Row after row.
    pub(in crate::data) rows: Vec<Vec<Cell>>,
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
pub(in crate::data) struct NotANumber {
    pub(in crate::data) problem: String,
    pub(in crate::data) remedy: &'static str,
    /// What else can be done where numbers may be missing.
    or_missing: &'static str,
}

impl NotANumber {
    pub(in crate::data) fn new(problem: String, remedy: &'static str) -> Self {
        Self {
            problem,
            remedy,
            or_missing: "",
        }
    }

    /// Of a cell in which something else stands.
    fn unknown(problem: String) -> Self {
        Self {
            problem,
            remedy: "write a number",
            or_missing: ", or leave the cell empty if it is not known",
        }
    }
}

impl Columns {
    /// Reads the table in the file at `path`: CSV (`;` and tabs too), compressed by gzip or not, or
    /// Parquet.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is no table with at least one row, with where.
    pub(in crate::data) fn read(path: &Path, decimal_comma: bool) -> Result<Self> {
        match parquet::is_parquet(path) {
            true => parquet::read(path, decimal_comma),
            false => csv::read(path, decimal_comma),
        }
    }

    /// The column that the key `data.{key}` of a recipe calls `name`.
    pub(in crate::data) fn named(&self, name: &str, key: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| {
            let names = || self.names.iter().map(String::as_str);
            let advice = match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", alternatives(names())),
            };
            Error::data(
                format!("{}:1", self.path.display()),
                format!("no column is called `{name}` (`data.{key}`)"),
                advice,
            )
        })
    }

    /// The rows of everyone whom the column `id` names, by the first of them; without such a column
    /// all rows belong together.
    pub(in crate::data) fn rows_by_id(&self, id: Option<usize>) -> Result<RowsById> {
        let mut first_rows: BTreeMap<String, usize> = BTreeMap::new();
        let mut groups = RowsById::new();
        for row in 0..self.rows.len() {
            let id = match id {
                None => "the table".to_owned(),
                Some(id) => self.word(row, id).ok_or_else(|| {
                    let problem = format!(
                        "the column `{}` is empty, which says whose row this is",
                        self.names[id]
                    );
                    self.fault((row, id), problem, "fill it in or remove the row")
                })?,
            };
            let first = *first_rows.entry(id.clone()).or_insert(row);
            let (_, rows) = groups.entry(first).or_insert_with(|| (id, Vec::new()));
            rows.push(row);
        }
        Ok(groups)
    }

    /// The column of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|it| it == name)
    }

    /// The column of this name, or the first that differs from it in capitals only.
    pub(super) fn find_in_any_case(&self, name: &str) -> Option<usize> {
        let is_alike = |it: &String| it.eq_ignore_ascii_case(name);
        self.find(name)
            .or_else(|| self.names.iter().position(is_alike))
    }

    /// The first cell of a column that is filled.
    pub(super) fn first_text(&self, column: usize) -> Option<&str> {
        self.rows.iter().find_map(|row| match &row[column] {
            Cell::Text(text) => Some(text.as_str()),
            Cell::Missing(_) => None,
        })
    }

    /// `file:line:column` of a cell.
    pub(super) fn place(&self, row: usize, column: usize) -> PathBuf {
        let path = self.path.display();
        format!("{path}:{}:{}", self.lines[row], column + 1).into()
    }

    /// A row as a person finds it: `line 3`, `row 3`.
    pub(in crate::data) fn row_name(&self, row: usize) -> String {
        format!("{} {}", self.row_word.word(), self.lines[row])
    }

    /// An error about one cell.
    pub(in crate::data) fn fault(
        &self,
        (row, column): (usize, usize),
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        Error::data(self.place(row, column), problem, remedy)
    }

    /// The number in a cell; NaN where it is missing.
    pub(super) fn number(&self, row: usize, column: usize) -> Result<f64> {
        let Cell::Text(_) = &self.rows[row][column] else {
            return Ok(f64::NAN);
        };
        self.present(row, column).map_err(|why| {
            let NotANumber {
                problem,
                remedy,
                or_missing,
            } = why;
            let problem = format!("column `{}`: {problem}", self.names[column]);
            self.fault((row, column), problem, format!("{remedy}{or_missing}"))
        })
    }

    /// The number in a cell that must have one.
    pub(in crate::data) fn present(&self, row: usize, column: usize) -> Result<f64, NotANumber> {
        match &self.rows[row][column] {
            Cell::Text(text) => parse(text, self.decimal_comma),
            Cell::Missing(text) => {
                let problem = match text.as_str() {
                    "" => "the cell is empty".to_owned(),
                    text => format!("`{text}` stands for no number"),
                };
                Err(NotANumber::new(
                    problem,
                    "fill in every number before training, or leave the row out",
                ))
            }
        }
    }

    /// What was written in a cell.
    pub(in crate::data) fn written(&self, row: usize, column: usize) -> &str {
        let (Cell::Missing(text) | Cell::Text(text)) = &self.rows[row][column];
        text
    }

    /// The word in a cell; none where it is missing.
    pub(super) fn word(&self, row: usize, column: usize) -> Option<String> {
        match &self.rows[row][column] {
            Cell::Missing(_) => None,
            Cell::Text(text) => Some(text.clone()),
        }
    }

    /// Has the column a number in its first filled cell?
    pub(super) fn is_numeric(&self, column: usize) -> bool {
        match self.first_text(column) {
            Some(text) => match parse(text, self.decimal_comma) {
                Ok(_) => true,
                // What looks like a number is one, with a fault that is told when it is read.
                Err(_) => {
                    text.starts_with(|it: char| it.is_ascii_digit() || "+-.".contains(it))
                        && super::clock::read(text, None).is_none()
                }
            },
            None => false,
        }
    }
}

/// Is this text a word for a missing number?
fn is_missing(text: &str) -> bool {
    MISSING.contains(&text.trim().to_ascii_lowercase().as_str())
}

/// The number that `text` is.
fn parse(text: &str, decimal_comma: bool) -> Result<f64, NotANumber> {
    let text = text.trim();
    let pointed = match decimal_comma {
        true => text.replace(',', "."),
        false => text.to_owned(),
    };
    let Ok(number) = pointed.parse::<f64>() else {
        return Err(why_not(text));
    };
    if number.is_infinite() {
        if !text.contains(|it: char| it.is_ascii_digit()) {
            return Err(NotANumber::unknown(format!("`{text}` is not finite")));
        }
        return Err(NotANumber {
            problem: format!("`{text}` is larger than any 64-bit float"),
            remedy: "give it in another unit",
            or_missing: ", or leave the cell empty and set `data.missing`",
        });
    }
    let digits = text.trim_start_matches(['+', '-']);
    let is_whole = digits.bytes().all(|it| it.is_ascii_digit());
    if is_whole && digits.parse::<u64>().map_or(true, |it| it > LARGEST_EXACT) {
        return Err(NotANumber::new(
            format!("`{text}` is a whole number above 2^53, which no 64-bit float holds exactly"),
            "subtract a constant, or write it with a decimal point to have it rounded",
        ));
    }
    Ok(number)
}

/// May the one comma in `text` stand between thousands: `1,000`?
fn may_be_thousands(text: &str) -> bool {
    let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let halves = text.trim_start_matches(['+', '-']).split_once(',');
    halves.is_some_and(|(thousands, rest)| {
        (1..=3).contains(&thousands.len())
            && !thousands.starts_with('0')
            && rest.len() == 3
            && [thousands, rest].into_iter().all(is_number)
    })
}

fn why_not(text: &str) -> NotANumber {
    if may_be_thousands(text) {
        return NotANumber::new(
            format!("the comma in `{text}` is a decimal comma, or stands between thousands"),
            "set `data.decimal_comma = true` if it is the first, else write the number without it",
        );
    }
    if text.replace(',', ".").parse::<f64>().is_ok() {
        return NotANumber::new(
            format!("`{text}` has a decimal comma"),
            "set `data.decimal_comma = true`",
        );
    }
    if text.contains(',') && text.replace(',', "").parse::<f64>().is_ok() {
        return NotANumber::new(
            format!("`{text}` has commas between thousands"),
            "write the number without them",
        );
    }
    NotANumber::unknown(format!("`{text}` is no number"))
}

/// The error of a path that holds no rows.
pub(super) fn no_rows(path: &Path, found: &str) -> Error {
    Error::data(
        path,
        format!("expected a table with a header and rows, found {found}"),
        "give a CSV file whose first line names the columns",
    )
}
