//! Tables as text: CSV, semicolons or tabs, compressed or not.

use std::path::Path;

use super::clock;
use super::columns::{Cell, Columns, RowWord, no_rows};
use crate::data::file::{self, Expected};
use crate::error::{Error, Result};

/// A longer line is not a line of a table.
const LONGEST_LINE: usize = 16 << 20;
const UTF8_BOM: [u8; 3] = [0xef, 0xbb, 0xbf];
const UTF16_BOMS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// What a file of series should be.
pub(super) const EXPECTED: Expected = Expected {
    noun: "a file with a table",
    remedy: "name the file itself",
};

/// Text that must be UTF-8 without NUL bytes; a byte order mark before it is left out.
pub(super) fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(&UTF8_BOM).unwrap_or(bytes);
    let save = "save the file as UTF-8 text";
    if UTF16_BOMS.iter().any(|bom| bytes.starts_with(bom)) {
        return Err(Error::data(path, "is UTF-16 text, expected UTF-8", save));
    }
    let at = |offset: usize| {
        let (line, column) = position(bytes, offset);
        format!("{}:{line}:{column}", path.display())
    };
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(Error::data(at(offset), "a NUL byte in a text file", save));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        Error::data(at(offset), format!("byte {offset} is not UTF-8"), save)
    })
}

/// Line and byte in it, from 1.
fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before.iter().rposition(|&byte| byte == b'\n');
    (line, offset - start.map_or(0, |start| start + 1) + 1)
}

/// Reads a table of text. Its delimiter is the one of `,`, `;` and tab that its first line has most
/// of.
pub(super) fn read(path: &Path, decimal_comma: bool) -> Result<Columns> {
    let bytes = file::bytes(path, EXPECTED)?;
    let text = text(path, &bytes)?;
    let Some(header) = text.lines().next().filter(|line| !line.trim().is_empty()) else {
        let found = if text.trim().is_empty() {
            "an empty file"
        } else {
            "an empty first line"
        };
        return Err(no_rows(path, found));
    };
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|&it| count(it));
    let delimiter = delimiter.unwrap_or(b',');
    check_lines(path, text.as_bytes(), delimiter)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let names: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(|name| name.trim().to_owned()).collect(),
        Err(error) => return Err(broken(path, &error)),
    };
    check_names(path, &names)?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for record in reader.into_records() {
        let record = record.map_err(|error| broken(path, &error))?;
        lines.push(record.position().map_or(0, |at| line(at, text)));
        rows.push(record.iter().map(Cell::new).collect());
    }
    if rows.is_empty() {
        return Err(no_rows(path, "a header and nothing below it"));
    }
    Ok(Columns {
        path: path.to_owned(),
        names,
        rows,
        lines,
        row_word: RowWord::Line,
        decimal_comma,
    })
}

/// The line of a record that begins at a position in `text`. After a line that ends with `\r\n` the
/// reader still stands before the `\n`.
fn line(at: &csv::Position, text: &str) -> u64 {
    let is_before_end = text.as_bytes().get(at.byte() as usize) == Some(&b'\n');
    at.line() + u64::from(is_before_end)
}

/// Column names must be there, and be different.
pub(super) fn check_names(path: &Path, names: &[String]) -> Result<()> {
    let header = |at: usize| format!("{}:1:{}", path.display(), at + 1);
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(Error::data(
                header(at),
                format!("the column `{name}` is there twice"),
                "give every column a name of its own",
            ));
        }
    }
    let is_value = |name: &String| name.parse::<f64>().is_ok() || clock::read(name, None).is_some();
    if names.iter().all(is_value) {
        return Err(Error::data(
            header(0),
            format!(
                "the first line has numbers and dates only: `{}`",
                names.join(",")
            ),
            "put a line with the names of the columns before it",
        ));
    }
    Ok(())
}

fn broken(path: &Path, error: &csv::Error) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => Error::data(
            format!("{}:{line}:{}", path.display(), len.min(expected_len) + 1),
            format!("this line has {len} cells, the header {expected_len}"),
            "give every line as many cells; put quotes around a cell with a delimiter in it",
        ),
        _ => Error::data(
            format!("{}:{line}:1", path.display()),
            error.to_string(),
            "correct the line",
        ),
    }
}

/// Every line must be of a sensible length, and every quote closed.
fn check_lines(path: &Path, bytes: &[u8], delimiter: u8) -> Result<()> {
    let (mut is_quoted, mut opened) = (false, 0);
    let mut starts_cell = true;
    let mut line_start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if at - line_start > LONGEST_LINE {
            let (line, _) = position(bytes, line_start);
            return Err(Error::data(
                format!("{}:{line}:1", path.display()),
                format!("this line is longer than {LONGEST_LINE} bytes"),
                "check that the file is a table with a line for each row",
            ));
        }
        match (byte, is_quoted) {
            (b'"', true) => is_quoted = false,
            (b'"', false) if starts_cell => (is_quoted, opened) = (true, at),
            // A quote that closed and opens again at once is a quote in the cell.
            (b'"', false) if bytes[at - 1] == b'"' => is_quoted = true,
            _ => {}
        }
        starts_cell = !is_quoted && (byte == delimiter || byte == b'\n');
        if byte == b'\n' {
            line_start = at + 1;
        }
    }
    if !is_quoted {
        return Ok(());
    }
    let (line, column) = position(bytes, opened);
    Err(Error::data(
        format!("{}:{line}:{column}", path.display()),
        "the quote that opens here is never closed",
        "close it, or double it if it belongs to the text",
    ))
}
