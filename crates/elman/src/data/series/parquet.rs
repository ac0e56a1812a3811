//! Tables as Apache Parquet: flat columns of numbers, texts, booleans, dates and times.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::ColumnDescriptor;

use super::columns::{Cell, Columns, RowWord, no_rows};
use super::csv;
use crate::data::file;
use crate::error::{Error, Result};

/// Is this the name of a Parquet file?
pub(super) fn is_parquet(path: &Path) -> bool {
    let endings = ["parquet", "pq"].map(Some);
    endings.contains(&path.extension().and_then(OsStr::to_str))
}

/// Nanoseconds of one count of a column of times, where it is one, and whether they are in UTC.
#[derive(Clone, Copy)]
struct Times {
    nanoseconds: i128,
    is_utc: bool,
}

impl Times {
    fn of(column: &ColumnDescriptor) -> Option<Self> {
        match column.logical_type_ref() {
            Some(LogicalType::Timestamp(times)) => Some(Self {
                nanoseconds: match times.unit {
                    TimeUnit::MILLIS => 1_000_000,
                    TimeUnit::MICROS => 1_000,
                    TimeUnit::NANOS => 1,
                },
                is_utc: times.is_adjusted_to_u_t_c,
            }),
            _ => None,
        }
    }

    /// As a table of text has it.
    fn write(self, count: i64) -> Option<String> {
        let nanoseconds = i128::from(count) * self.nanoseconds;
        let moment = Timestamp::from_nanosecond(nanoseconds).ok()?;
        Some(match self.is_utc {
            true => moment.to_string(),
            false => TimeZone::UTC.to_datetime(moment).to_string(),
        })
    }
}

/// Reads a table.
pub(super) fn read(path: &Path, decimal_comma: bool) -> Result<Columns> {
    if decimal_comma {
        return Err(Error::argument(
            "data.decimal_comma",
            "is of text, and a Parquet file has numbers",
            "set it to `false`",
        ));
    }
    file::ensure_file(path, csv::EXPECTED)?;
    let open = File::open(path).map_err(|source| Error::io("open", path, source))?;
    // The crate panics at some damages. Nothing of what it leaves behind is looked at again.
    let columns = panic::catch_unwind(AssertUnwindSafe(|| columns(path, open)));
    columns.unwrap_or_else(|panic| Err(broken(path, panicked(&*panic))))
}

/// What a panic says of itself.
fn panicked(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("its parts contradict each other")
}

/// The table in the open file of this name.
fn columns(path: &Path, open: File) -> Result<Columns> {
    let reader = SerializedFileReader::new(open).map_err(|error| broken(path, error))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut names = Vec::new();
    let mut times = Vec::new();
    for column in schema.columns() {
        let parts = column.path().parts();
        if parts.len() > 1 || column.max_rep_level() > 0 {
            return Err(Error::data(
                path,
                format!("the column `{}` has columns or lists in it", parts[0]),
                "give flat columns of numbers, texts, dates and times",
            ));
        }
        names.push(parts[0].trim().to_owned());
        times.push(Times::of(column));
    }
    csv::check_names(path, &names)?;
    let mut rows = Vec::new();
    let found = reader.get_row_iter(None);
    for row in found.map_err(|error| broken(path, error))? {
        let row = row.map_err(|error| broken(path, error))?;
        let number = rows.len() + 1;
        let fields = row.get_column_iter().zip(&times);
        let cells = fields.map(|((name, field), times)| {
            cell(field, *times).ok_or_else(|| {
                Error::data(
                    format!("{}:{number}", path.display()),
                    format!("column `{name}`: `{field}` is neither number, text, date nor time"),
                    "give flat columns of numbers, texts, dates and times",
                )
            })
        });
        rows.push(cells.collect::<Result<Vec<_>>>()?);
    }
    if rows.is_empty() {
        return Err(no_rows(path, "no row"));
    }
    Ok(Columns {
        path: path.to_owned(),
        names,
        lines: (1..=rows.len() as u64).collect(),
        rows,
        row_word: RowWord::Row,
        decimal_comma: false,
    })
}

/// What a table of text would have in this place; none of what cannot stand in a cell.
fn cell(field: &Field, times: Option<Times>) -> Option<Cell> {
    let text = match field {
        Field::Null => return Some(Cell::Missing(String::new())),
        Field::Long(count) if times.is_some() => times?.write(*count)?,
        Field::TimestampMillis(count) => of_unit(times, 1_000_000).write(*count)?,
        Field::TimestampMicros(count) => of_unit(times, 1_000).write(*count)?,
        Field::Date(days) => {
            let first = date(1970, 1, 1);
            let day = first.checked_add(jiff::Span::new().try_days(*days).ok()?);
            day.ok()?.to_string()
        }
        Field::Bool(it) => it.to_string(),
        Field::Byte(it) => it.to_string(),
        Field::Short(it) => it.to_string(),
        Field::Int(it) => it.to_string(),
        Field::Long(it) => it.to_string(),
        Field::UByte(it) => it.to_string(),
        Field::UShort(it) => it.to_string(),
        Field::UInt(it) => it.to_string(),
        Field::ULong(it) => it.to_string(),
        Field::Float16(it) => it.to_f64().to_string(),
        Field::Float(it) => it.to_string(),
        Field::Double(it) => it.to_string(),
        Field::Decimal(_) => field.to_string(),
        Field::Str(it) => it.clone(),
        _ => return None,
    };
    Some(Cell::new(&text))
}

/// What the column says of its times or, in files of older writers, that they are in UTC.
fn of_unit(times: Option<Times>, nanoseconds: i128) -> Times {
    times.unwrap_or(Times {
        nanoseconds,
        is_utc: true,
    })
}

fn broken(path: &Path, error: impl Display) -> Error {
    Error::data(
        path,
        format!("is no sound Parquet file: {error}"),
        "restore the file from its source, or give the table as CSV",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use tempfile::TempDir;

    use super::*;
    use crate::data::series::{SeriesFile, SeriesTable};

    const SCHEMA: &str = "message table {
        required binary unique_id (STRING);
        required int64 ds (TIMESTAMP(NANOS,false));
        optional double y;
        required int32 promotion;
    }";
    const HOUR: i64 = 3_600_000_000_000;
    /// 2024-01-01T00:00:00 in nanoseconds.
    const FIRST: i64 = 1_704_067_200_000_000_000;

    /// What becomes of the `whole` file with the bits of `mask` turned round in its byte `at`.
    fn damaged(path: &Path, whole: &[u8], at: usize, mask: u8) -> Result<SeriesTable> {
        let mut bytes = whole.to_vec();
        bytes[at] ^= mask;
        std::fs::write(path, bytes).expect("written");
        SeriesTable::read(&described(path))
    }

    #[test]
    fn damage_is_told_with_the_files_name() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("t.parquet");
        write(&path, SCHEMA);
        let whole = std::fs::read(&path).expect("there");
        let reader = SerializedFileReader::new(File::open(&path).expect("there")).expect("sound");
        let column = reader.metadata().row_group(0).column(0).clone();
        let place = |offset: Option<i64>| offset.and_then(|it| usize::try_from(it).ok());
        let dictionary = place(column.dictionary_page_offset()).expect("a dictionary");
        let data = place(Some(column.data_page_offset())).expect("a page");
        let metadata = whole.len() - 8 - metadata_length(&whole);
        let told = [
            ("dictionary page", dictionary),
            ("data page", data),
            ("metadata", metadata),
        ]
        .map(|(what, at)| {
            let error = damaged(&path, &whole, at, 0xff)
                .expect_err(what)
                .to_string();
            let message = error.replace(&folder.path().display().to_string(), "DIR");
            format!("{what}: {message}")
        });
        insta::assert_snapshot!(told.join("\n"), @"
        dictionary page: DIR/t.parquet: is no sound Parquet file: Parquet error: Required field type_ is missing; restore the file from its source, or give the table as CSV
        data page: DIR/t.parquet: is no sound Parquet file: Parquet error: Required field type_ is missing; restore the file from its source, or give the table as CSV
        metadata: DIR/t.parquet: is no sound Parquet file: Parquet error: Required field version is missing; restore the file from its source, or give the table as CSV
        ");
    }

    /// The length of the metadata before the last eight bytes.
    fn metadata_length(whole: &[u8]) -> usize {
        let length = whole[whole.len() - 8..][..4]
            .try_into()
            .expect("four bytes");
        u32::from_le_bytes(length) as usize
    }

    /// A number may become another one, as pages have no checksum; everything else is an error that names
    /// the file or a place in it, never a panic.
    #[test]
    fn no_damaged_byte_makes_the_reader_panic() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("t.parquet");
        write(&path, SCHEMA);
        let whole = std::fs::read(&path).expect("there");
        let mut refused = 0;
        for at in 0..whole.len() {
            for mask in [0x01, 0x10, 0x80, 0xff] {
                if let Err(error) = damaged(&path, &whole, at, mask) {
                    let message = error.to_string();
                    assert!(message.contains("t.parquet"), "byte {at}: {message}");
                    refused += 1;
                }
            }
        }
        assert!(refused > whole.len(), "{refused} of {}", whole.len());
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).expect("written");
            let error = SeriesTable::read(&described(&path)).expect_err("cut off");
            assert!(error.to_string().contains("t.parquet"), "{length}: {error}");
        }
    }

    /// Two series of three hours, the second with a gap; as `schema` says.
    fn write(path: &Path, schema: &str) {
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let file = File::create(path).expect("created");
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(file, schema, properties).expect("a writer");
        let mut group = writer.next_row_group().expect("a group");
        let ids = ["a", "a", "a", "b", "b", "b"].map(ByteArray::from);
        let stamps: Vec<i64> = (0..6).map(|row| FIRST + row % 3 * HOUR).collect();
        let mut column = group.next_column().expect("sound").expect("id");
        let typed = column.typed::<ByteArrayType>();
        typed.write_batch(&ids, None, None).expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("sound").expect("ds");
        let typed = column.typed::<Int64Type>();
        typed.write_batch(&stamps, None, None).expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("sound").expect("y");
        let typed = column.typed::<DoubleType>();
        let there = Some(&[1, 1, 1, 1, 0, 1][..]);
        typed
            .write_batch(&[0.1, 2.0, 3.5, 4.0, 6.0], there, None)
            .expect("written");
        column.close().expect("closed");
        let mut column = group.next_column().expect("sound").expect("promotion");
        let typed = column.typed::<Int32Type>();
        typed
            .write_batch(&[0, 1, 0, 0, 1, 1], None, None)
            .expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
        writer.close().expect("closed");
    }

    const CSV: &str = "unique_id,ds,y,promotion\n\
        a,2024-01-01T00:00:00,0.1,0\na,2024-01-01T01:00:00,2,1\na,2024-01-01T02:00:00,3.5,0\n\
        b,2024-01-01T00:00:00,4,0\nb,2024-01-01T01:00:00,,1\nb,2024-01-01T02:00:00,6,1\n";

    fn described(path: &Path) -> SeriesFile {
        SeriesFile {
            file: path.to_str().expect("UTF-8").to_owned(),
            missing: crate::data::series::Missing::Interpolate,
            covariates: vec!["promotion".to_owned()],
            ..SeriesFile::default()
        }
    }

    #[test]
    fn a_table_is_the_same_as_its_text() {
        let folder = TempDir::new().expect("a folder");
        let [binary, text] = ["t.parquet", "t.csv"].map(|name| folder.path().join(name));
        write(&binary, SCHEMA);
        std::fs::write(&text, CSV).expect("written");
        let [binary, text] = [binary, text].map(|path| {
            let table = SeriesTable::read(&described(&path)).expect("read");
            (table.series, table.schema)
        });
        assert_eq!(binary, text);
        assert_eq!(binary.0[1].targets[0], [4.0, 5.0, 6.0]);
    }

    #[test]
    fn times_and_dates_are_written_as_text_has_them() {
        let times = |nanoseconds, is_utc| {
            Some(Times {
                nanoseconds,
                is_utc,
            })
        };
        let text = |field: Field, times| match cell(&field, times) {
            Some(Cell::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        let milliseconds = 1_704_067_200_500;
        let utc = text(Field::TimestampMillis(milliseconds), None);
        assert_eq!(utc, "2024-01-01T00:00:00.5Z");
        let local = text(
            Field::TimestampMillis(milliseconds),
            times(1_000_000, false),
        );
        assert_eq!(local, "2024-01-01T00:00:00.5");
        let local = text(Field::TimestampMicros(-1_000_000), times(1_000, false));
        assert_eq!(local, "1969-12-31T23:59:59");
        assert_eq!(text(Field::Date(19_723), None), "2024-01-01");
        assert_eq!(text(Field::Date(-1), None), "1969-12-31");
        assert_eq!(text(Field::Float(0.1), None), "0.1");
        for missing in [Field::Null, Field::Double(f64::NAN), Field::Str(" ".into())] {
            assert!(
                matches!(cell(&missing, None), Some(Cell::Missing(_))),
                "{missing}"
            );
        }
        assert_eq!(cell(&Field::Bytes(vec![1].into()), None), None);
    }

    #[test]
    fn what_is_no_flat_table_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("t.parquet");
        let refused = |file: &SeriesFile| {
            let message = SeriesTable::read(file).expect_err("refused").to_string();
            message.replace(&folder.path().display().to_string(), "DIR")
        };
        std::fs::write(&path, CSV).expect("written");
        insta::assert_snapshot!(refused(&described(&path)), @"DIR/t.parquet: is no sound Parquet file: Parquet error: Invalid Parquet file. Corrupt footer; restore the file from its source, or give the table as CSV");
        write(&path, SCHEMA);
        let whole = std::fs::read(&path).expect("there");
        std::fs::write(&path, &whole[..whole.len() - 20]).expect("written");
        insta::assert_snapshot!(refused(&described(&path)), @"DIR/t.parquet: is no sound Parquet file: Parquet error: Invalid Parquet file. Corrupt footer; restore the file from its source, or give the table as CSV");
        let lists = SCHEMA.replace("required int32 promotion", "repeated int32 promotion");
        let schema = Arc::new(parse_message_type(&lists).expect("a schema"));
        let file = File::create(&path).expect("created");
        let writer = SerializedFileWriter::new(file, schema, Arc::default());
        writer.expect("a writer").close().expect("closed");
        insta::assert_snapshot!(refused(&described(&path)), @"DIR/t.parquet: the column `promotion` has columns or lists in it; give flat columns of numbers, texts, dates and times");
        let file = File::create(&path).expect("created");
        let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
        let writer = SerializedFileWriter::new(file, schema, Arc::default());
        writer.expect("a writer").close().expect("closed");
        insta::assert_snapshot!(refused(&described(&path)), @"DIR/t.parquet: expected a table with a header and rows, found no row; give a CSV file whose first line names the columns");
        let file = SeriesFile {
            decimal_comma: true,
            ..described(&path)
        };
        insta::assert_snapshot!(refused(&file), @"data.decimal_comma: is of text, and a Parquet file has numbers; set it to `false`");
        insta::assert_snapshot!(refused(&described(folder.path().join("no.parquet").as_path())), @"cannot open DIR/no.parquet: No such file or directory (os error 2); name the file itself");
    }
}
