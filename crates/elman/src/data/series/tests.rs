use std::fmt::Write as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::error::Result;

/// A folder with one file, and how to read it.
struct Case {
    folder: TempDir,
    file: SeriesFile,
}

fn case(name: &str, content: &[u8]) -> Case {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    let file = SeriesFile {
        file: path.to_str().expect("UTF-8").to_owned(),
        ..SeriesFile::default()
    };
    Case { folder, file }
}

fn text(content: &str) -> Case {
    case("t.csv", content.as_bytes())
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut SeriesFile)) -> Self {
        change(&mut self.file);
        self
    }

    fn read(&self) -> Result<SeriesTable> {
        SeriesTable::read(&self.file)
    }

    /// What is wrong, without the folder's name.
    fn message(&self) -> String {
        let error = self.read().expect_err("refused").to_string();
        let folder: PathBuf = self.folder.path().to_owned();
        error.replace(&format!("{}/", folder.display()), "")
    }

    fn table(&self) -> SeriesTable {
        self.read().expect("read")
    }

    fn notes(&self) -> String {
        self.table().notes.join("\n")
    }
}

fn values(table: &SeriesTable, id: &str) -> Vec<f64> {
    table.find(id).expect("the series").targets[0].clone()
}

/// Daily rows from 2024-01-01 with these cells.
fn days(header: &str, cells: &[&str]) -> String {
    let mut table = format!("{header}\n");
    for (day, cell) in cells.iter().enumerate() {
        writeln!(table, "2024-01-{:02},{cell}", day + 1).expect("a string takes it");
    }
    table
}

#[test]
fn a_wide_table_has_a_series_a_column() {
    let case = text(&days("date,a,b,word", &["1,5,x", "2,6,y", "3,7,x"]));
    insta::assert_snapshot!(case.notes(), @r"
    wide table, 3 rows: 2 series `a`, `b`, 3 steps
    time: column `date`, 2024-01-01 to 2024-01-03, step: day, season: 7 steps
    forecast: `a`, `b`
    not used: `word`
    ");
    let table = case.table();
    assert_eq!(values(&table, "a"), [1.0, 2.0, 3.0]);
    assert_eq!(values(&table, "b"), [5.0, 6.0, 7.0]);
    assert_eq!(table.series[0].season, 7);
}

#[test]
fn a_long_table_has_its_series_in_rows() {
    let content = "unique_id,ds,y,price,kind\n\
                   b,2024-02,4,1.5,shop\na,2024-01,1,1.0,web\na,2024-02,2,1.1,web\n\
                   b,2024-01,3,1.4,shop\na,2024-03,,1.2,web\n";
    let case = text(content).with(|file| {
        file.covariates = vec!["price".to_owned()];
        file.statics = vec!["kind".to_owned()];
    });
    insta::assert_snapshot!(case.notes(), @r"
    long table, 5 rows: 2 series `b`, `a`, 2 steps
    time: column `ds`, 2024-01-01 to 2024-02-01, step: month, season: 12 steps
    forecast: `y`
    known in advance: `price`
    of a whole series: `kind`
    unsorted: the rows of 1 series were put in order
    series `a` has covariates for 1 steps after its last number
    ");
    let table = case.table();
    assert_eq!(values(&table, "a"), [1.0, 2.0]);
    assert_eq!(values(&table, "b"), [3.0, 4.0]);
    let a = table.find("a").expect("a");
    assert_eq!(a.known, [[1.0, 1.1, 1.2]]);
    assert_eq!(a.statics, [0.0, 1.0]);
    let schema = &table.schema;
    assert_eq!(
        schema.statics[0].words.as_deref(),
        Some(&["shop".to_owned(), "web".to_owned()][..])
    );
    let new =
        text("unique_id,ds,y,price,kind\nc,2024-01,1,1,van\nc,2024-02,1,1,van\n").with(|file| {
            *file = SeriesFile {
                file: file.file.clone(),
                ..case.file.clone()
            };
        });
    let error = SeriesTable::read_as(&new.file, Some(schema))
        .expect_err("a new word")
        .to_string();
    assert!(error.ends_with("t.csv:2:5: the column `kind` has the word `van`, which the model has not seen; use `shop` or `web`"), "{error}");
}

#[test]
fn columns_go_together_when_asked() {
    let case = text(&days("date,a,b", &["1,5", "2,6"])).with(|file| file.together = true);
    let table = case.table();
    assert_eq!(table.series.len(), 1);
    assert_eq!(table.series[0].targets, [[1.0, 2.0], [5.0, 6.0]]);
    assert_eq!(table.schema.targets, ["a", "b"]);
}

#[test]
fn rows_alone_are_steps() {
    let case = text("value\n3\n1\n2\n");
    insta::assert_snapshot!(case.notes(), @r"
    wide table, 3 rows: 1 series `value`, 3 steps
    time: no column, rows are steps: step, season: 1 steps
    forecast: `value`
    ");
    let dated = text("value\n3\n1\n2\n").with(|file| {
        file.frequency = Some(Frequency::Months(1));
        file.start = Some("1949-11".to_owned());
    });
    let table = dated.table();
    let series = &table.series[0];
    let stamp = series
        .frequency
        .add(&table.clock, series.start, 2)
        .expect("a stamp");
    assert_eq!(
        (table.clock.label(stamp).as_str(), series.season),
        ("1950-01-01", 12)
    );
    let year = text("value\n3\n1\n").with(|file| file.frequency = Some(Frequency::Months(3)));
    assert_eq!(year.table().series[0].season, 4);
}

#[test]
fn delimiters_decimal_commas_and_bytes_before_the_text_are_understood() {
    let semicolons = text("date;a\r\n2024-01-01;1,5\r\n2024-01-02;2,5\r\n");
    let semicolons = semicolons.with(|file| file.decimal_comma = true);
    assert_eq!(values(&semicolons.table(), "a"), [1.5, 2.5]);
    let marked = case(
        "t.csv",
        b"\xef\xbb\xbfdate\ta\n2024-01-01\t1\n2024-01-02\t2\n",
    );
    assert_eq!(values(&marked.table(), "a"), [1.0, 2.0]);
    let quoted = text("date,\"a, \"\"b\"\"\"\n2024-01-01,1\n2024-01-02,\"2\"\n");
    assert_eq!(values(&quoted.table(), "a, \"b\""), [1.0, 2.0]);
}

#[test]
fn a_compressed_table_is_read() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"value\n1\n2\n").expect("compressed");
    let bytes = encoder.finish().expect("compressed");
    assert_eq!(
        values(&case("t.csv.gz", &bytes).table(), "value"),
        [1.0, 2.0]
    );
    let cut = case("t.csv.gz", &bytes[..bytes.len() - 6]);
    assert!(
        cut.message()
            .starts_with("t.csv.gz: its gzip stream breaks off after"),
        "{}",
        cut.message()
    );
}

#[test]
fn gaps_unsorted_rows_and_constants_are_told() {
    let content = "date,a,b\n2024-01-05,5,1\n2024-01-01,1,1\n2024-01-02,2,1\n2024-01-03,,1\n";
    let filled = text(content).with(|file| file.missing = Missing::Interpolate);
    insta::assert_snapshot!(filled.notes(), @r"
    wide table, 4 rows: 2 series `a`, `b`, 5 steps
    time: column `date`, 2024-01-01 to 2024-01-05, step: day, season: 7 steps
    forecast: `a`, `b`
    constant: `b` never changes
    unsorted: the rows of 1 series were put in order
    gaps: 1 steps of 1 series have no row, the first in series `the table` after line 5
    missing: 2 numbers of series `a` were filled
    missing: 1 numbers of series `b` were filled
    ");
    assert_eq!(values(&filled.table(), "a"), [1.0, 2.0, 3.0, 4.0, 5.0]);
    insta::assert_snapshot!(text(content).message(), @"t.csv: column `a`, series `a`: 2 missing: t.csv:5:2 (2024-01-03), 2024-01-04 (no row); fill them in, or set `data.missing` to `interpolate`, `forward_fill`, `zero` or `mean`");
}

#[test]
fn what_is_unknown_at_the_ends_is_not_part_of_a_series() {
    let case = text(&days("date,a,b", &[",5", "2,6", "3,"]));
    let table = case.table();
    assert_eq!(values(&table, "a"), [2.0, 3.0]);
    assert_eq!(values(&table, "b"), [5.0, 6.0]);
    let starts: Vec<String> = table
        .series
        .iter()
        .map(|it| table.clock.label(it.start))
        .collect();
    assert_eq!(starts, ["2024-01-02", "2024-01-01"]);
    insta::assert_snapshot!(case.notes(), @r"
    wide table, 3 rows: 2 series `a`, `b`, 2 steps
    time: column `date`, 2024-01-01 to 2024-01-03, step: day, season: 7 steps
    forecast: `a`, `b`
    series `a` begins 1 steps after its first row: nothing is known before
    series `b` ends 1 steps before its last row: nothing is known after
    ");
}

#[test]
fn clocks_that_are_set_need_their_zone() {
    let hours =
        "ds,y\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 02:00,3\n2024-10-27 03:00,4\n";
    insta::assert_snapshot!(text(hours).message(), @"t.csv:4:1: the stamp 2024-10-27T02:00:00 of series `the table` is there twice, first in line 3; remove one of the rows, or name the column that tells series apart by `data.id`; if clocks were set back, name the zone by `data.time_zone`");
    let zoned = text(hours).with(|file| file.time_zone = Some("Europe/Berlin".to_owned()));
    let table = zoned.table();
    assert_eq!(values(&table, "y"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(table.series[0].frequency, Frequency::Seconds(3600));
    let gap = text("ds,y\n2024-03-31 01:00,1\n2024-03-31 02:00,2\n2024-03-31 03:00,3\n");
    let gap = gap.with(|file| file.time_zone = Some("Europe/Berlin".to_owned()));
    insta::assert_snapshot!(gap.message(), @"t.csv:3:1: there is no 2024-03-31T02:00:00 in Europe/Berlin: clocks are set forward over it; correct the stamp, or leave `data.time_zone` out if the clock is never set");
    let nowhere = text(hours).with(|file| file.time_zone = Some("Europe/Nowhere".to_owned()));
    insta::assert_snapshot!(nowhere.message(), @"data.time_zone: `Europe/Nowhere` is no time zone of the IANA database; use a name such as `Europe/Paris` or `UTC`");
}

/// Every kind of fault of a table, with its message.
#[test]
fn faults_are_told_with_their_place() {
    let long_line = format!("date,a\n2024-01-01,{}\n", "1".repeat(17 << 20));
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain("a,b".bytes().flat_map(|it| [it, 0]))
        .collect();
    let daily = |cells: &[&str]| days("date,a", cells);
    let faults: Vec<(&str, Case)> = vec![
        ("empty", text("")),
        ("empty first line", text("\na\n1\n")),
        ("header only", text("date,a\n")),
        ("no header", text("1,2\n3,4\n")),
        ("one row", text(&daily(&["1"]))),
        ("ragged", text(&daily(&["1", "2,3"]))),
        (
            "unclosed quote",
            text("date,a\n2024-01-01,\"1\n2024-01-02,2\n"),
        ),
        ("NUL", case("t.csv", b"date,a\n2024-01-01,1\0\n")),
        ("UTF-16", case("t.csv", &utf16)),
        ("Latin-1", case("t.csv", b"date,caf\xe9\n")),
        ("long line", text(&long_line)),
        ("twice the same column", text("date,a,a\n2024-01-01,1,2\n")),
        (
            "word",
            text(&daily(&["1", "much"])).with(|file| file.target = vec!["a".to_owned()]),
        ),
        (
            "decimal comma",
            text("date;a\n2024-01-01;1,5\n2024-01-02;2,5\n"),
        ),
        (
            "thousands",
            text("date;a\n2024-01-01;1,500,000\n2024-01-02;2\n"),
        ),
        ("too large", text(&daily(&["1", "1e400"]))),
        (
            "too long an integer",
            text(&daily(&["1", "9007199254740993"])),
        ),
        ("infinity", text(&daily(&["1", "inf"]))),
        ("missing", text(&daily(&["1", "NaN", "NA", "", "-", "5"]))),
        (
            "all missing",
            text(&days("date,a,b", &["1,", "2,"])).with(|file| file.target = vec!["b".to_owned()]),
        ),
        ("nothing but words", text("date,a\n2024-01-01,x\n")),
        (
            "target absent",
            text(&daily(&["1"])).with(|file| file.target = vec!["aa".to_owned()]),
        ),
        (
            "used twice",
            text(&daily(&["1"])).with(|file| {
                file.target = vec!["a".to_owned()];
                file.covariates = file.target.clone();
            }),
        ),
        (
            "duplicate stamp",
            text("date,a\n2024-01-01,1\n2024-01-02,2\n2024-01-01,3\n"),
        ),
        ("bad stamp", text("date,a\n2024-01-01,1\n2024-02-30,2\n")),
        ("missing stamp", text("date,a\n2024-01-01,1\n,2\n")),
        ("mixed stamps", text("date,a\n2024-01-01,1\n17,2\n")),
        (
            "other form",
            text("date,a\n31.01.2024,1\n").with(|file| {
                file.time = Some("date".to_owned());
                file.time_format = Some("%Y%m%d".to_owned());
            }),
        ),
        (
            "irregular",
            text("date,a\n2024-01-01,1\n2024-01-02,2\n2024-01-03 07:13,3\n2024-01-04,4\n"),
        ),
        (
            "other frequency",
            text(&daily(&["1", "2"])).with(|file| file.frequency = Some(Frequency::Months(1))),
        ),
        (
            "stray stamp",
            text("date,a\n0001-01-01,1\n2024-01-01,2\n2024-01-02,3\n2024-01-03,3\n"),
        ),
        (
            "mixed frequencies",
            text(
                "unique_id,ds,y\na,2024-01-01,1\na,2024-02-01,2\na,2024-03-01,2\nb,2024-01-01,1\nb,2024-01-02,1\nb,2024-01-03,1\n",
            ),
        ),
        (
            "no id",
            text("unique_id,ds,y\na,2024-01-01,1\n,2024-01-02,2\n"),
        ),
        (
            "changing static",
            text("unique_id,ds,y,kind\na,2024-01-01,1,x\na,2024-01-02,2,z\n")
                .with(|file| file.statics = vec!["kind".to_owned()]),
        ),
        (
            "start without step",
            text("value\n1\n").with(|file| file.start = Some("2024-01".to_owned())),
        ),
        (
            "no start",
            text("value\n1\n").with(|file| {
                file.start = Some("soon".to_owned());
                file.frequency = Some(Frequency::Months(1));
            }),
        ),
        (
            "bad JSON",
            case(
                "t.jsonl",
                b"{\"id\": \"N1\", \"period\": \"YEARLY\", \"h\": 1, \"x\": [1,], \"xx\": [2]}\n",
            ),
        ),
        (
            "unknown period",
            case(
                "t.jsonl",
                b"{\"id\": \"N1\", \"period\": \"DAILY\", \"h\": 1, \"x\": [1], \"xx\": [2]}\n",
            ),
        ),
        (
            "short test part",
            case(
                "t.jsonl",
                b"{\"id\": \"N1\", \"period\": \"YEARLY\", \"h\": 2, \"x\": [1], \"xx\": [2]}\n",
            ),
        ),
    ];
    let told: Vec<String> = faults
        .iter()
        .map(|(name, case)| format!("{name}: {}", case.message()))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    empty: t.csv: expected a table with a header and rows, found an empty file; give a CSV file whose first line names the columns
    empty first line: t.csv: expected a table with a header and rows, found an empty first line; give a CSV file whose first line names the columns
    header only: t.csv: expected a table with a header and rows, found a header and nothing below it; give a CSV file whose first line names the columns
    no header: t.csv:1:1: the first line has numbers and dates only: `1,2`; put a line with the names of the columns before it
    one row: t.csv: no series has more than one row, so that there is no step; give more rows, or set `data.frequency`
    ragged: t.csv:3:3: this line has 3 cells, the header 2; give every line as many cells; put quotes around a cell with a delimiter in it
    unclosed quote: t.csv:2:12: the quote that opens here is never closed; close it, or double it if it belongs to the text
    NUL: t.csv:2:13: a NUL byte in a text file; save the file as UTF-8 text
    UTF-16: t.csv: is UTF-16 text, expected UTF-8; save the file as UTF-8 text
    Latin-1: t.csv:1:9: byte 8 is not UTF-8; save the file as UTF-8 text
    long line: t.csv:2:1: this line is longer than 16777216 bytes; check that the file is a table with a line for each row
    twice the same column: t.csv:1:3: the column `a` is there twice; give every column a name of its own
    word: t.csv:3:2: column `a`: `much` is no number; write a number, or leave the cell empty if it is not known
    decimal comma: t.csv:2:2: column `a`: `1,5` has a decimal comma; set `data.decimal_comma = true`
    thousands: t.csv:2:2: column `a`: `1,500,000` has commas between thousands; write the number without them
    too large: t.csv:3:2: column `a`: `1e400` is larger than any 64-bit float; give it in another unit, or leave the cell empty and set `data.missing`
    too long an integer: t.csv:3:2: column `a`: `9007199254740993` is a whole number above 2^53, which no 64-bit float holds exactly; subtract a constant, or write it with a decimal point to have it rounded
    infinity: t.csv:3:2: column `a`: `inf` is not finite; write a number, or leave the cell empty if it is not known
    missing: t.csv: column `a`, series `a`: 4 missing: t.csv:3:2 (2024-01-02), t.csv:4:2 (2024-01-03), t.csv:5:2 (2024-01-04) and 1 more; fill them in, or set `data.missing` to `interpolate`, `forward_fill`, `zero` or `mean`
    all missing: t.csv:2:3: series `b` has no number in the column `b`; remove the column, or name others by `data.target`
    nothing but words: t.csv: no column of numbers is left to be forecast; there are `date` or `a`; name the column by `data.target`
    target absent: t.csv:1: no column is called `aa` (`data.target`); there are `date` or `a`
    used twice: t.csv: the column `a` is used twice; name it for one purpose only
    duplicate stamp: t.csv:4:1: the stamp 2024-01-01 of series `the table` is there twice, first in line 2; remove one of the rows, or name the column that tells series apart by `data.id`; if clocks were set back, name the zone by `data.time_zone`
    bad stamp: t.csv:3:1: `2024-02-30` is no date, time or whole number; write it as 2024-03-31 or 2024-03-31T14:30, set `data.time_format`, such as "%d.%m.%Y", or name the column of stamps by `data.time`
    missing stamp: t.csv:3:1: the stamp is missing; fill it in or remove the row
    mixed stamps: t.csv:3:1: the stamp is a whole number, in line 2 it is a date without an offset; write all stamps in one form
    other form: t.csv:2:1: `31.01.2024` is no time in the form `%Y%m%d`; correct the stamp or `data.time_format`
    irregular: t.csv:4:1: the steps of series `the table` are irregular: from 2024-01-02 to 2024-01-03T07:13:00 is no whole number of steps (day); bring the rows to one step (sum or mean), or set `data.frequency`
    other frequency: t.csv:3:1: the steps of series `the table` are irregular: from 2024-01-01 to 2024-01-02 is no whole number of steps (month); bring the rows to one step (sum or mean), or set `data.frequency`
    stray stamp: t.csv:3:1: series `the table` would have 738885 steps of a day before 2024-01-01, but has 4 rows; correct the stamp, or set `data.frequency`
    mixed frequencies: t.csv: mixed frequencies: a month in series `a`, a day in series `b`; put series of each frequency into a file of their own
    no id: t.csv:3:1: the column `unique_id` is empty, which says whose row this is; fill it in or remove the row
    changing static: t.csv:3:4: the column `kind` changes within series `a`; say one thing about a whole series, or name the column by `data.covariates`
    start without step: data.start: `2024-01` is there without `data.frequency`; give the first stamp, such as "1949-01", and `data.frequency`, such as "month"
    no start: data.start: `soon` is no date, time or whole number; give the first stamp, such as "1949-01", and `data.frequency`, such as "month"
    bad JSON: t.jsonl:1:50: trailing comma; give every line the keys id, period, h, x and xx
    unknown period: t.jsonl:1:1: the period `DAILY` is none of the competition's; use YEARLY, QUARTERLY, MONTHLY or OTHER
    short test part: t.jsonl:1:1: series N1 has 1 steps, then 1 to be forecast; h says 2; give as many numbers in xx as h says, some in x
    "#);
}

#[test]
fn stamps_are_found_by_what_is_written_in_them() {
    let table =
        text("Unique_ID,DS,Y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,3\nb,2024-01-02,4\n");
    let table = table.table();
    assert_eq!(
        (values(&table, "a"), values(&table, "b")),
        (vec![1.0, 2.0], vec![3.0, 4.0])
    );
    let table = text("y,when\n2,2024-01-02\n1,2024-01-01\n").table();
    assert_eq!(values(&table, "y"), [1.0, 2.0]);
    let told = [
        text("date,y\n31/01/2024,1\n01/02/2024,2\n").message(),
        text("Datum;Wert\n03.01.2022;1\n10.01.2022;2\n").message(),
        text("y,seen\n1,3-Jan-2024\n").message(),
        text("city,when,y\na,2024-01-01,1\nb,2024-01-01,1\n").message(),
        text("city,y\na,1\nb,2\n").message(),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    t.csv:2:1: `31/01/2024` is no date, time or whole number; write it as 2024-03-31 or 2024-03-31T14:30, set `data.time_format`, such as "%d.%m.%Y", or name the column of stamps by `data.time`
    t.csv:2:1: `03.01.2022` is no date, time or whole number; write it as 2024-03-31 or 2024-03-31T14:30, set `data.time_format`, such as "%d.%m.%Y", or name the column of stamps by `data.time`
    t.csv:2:2: `3-Jan-2024` is no date, time or whole number; write it as 2024-03-31 or 2024-03-31T14:30, set `data.time_format`, such as "%d.%m.%Y", or name the column of stamps by `data.time`
    t.csv:3:2: the stamp 2024-01-01 of series `the table` is there twice, first in line 2; remove one of the rows, or name the column that tells series apart by `data.id`; if clocks were set back, name the zone by `data.time_zone`
    t.csv:2:1: the column `city` has words, and there are no stamps: it may be what tells series apart; name it by `data.id`, `data.time` or `data.statics`, or name the columns to be forecast by `data.target`
    "#);
    // Who names the columns to be forecast has looked at the others.
    let named = text("city,y\na,1\nb,2\n").with(|file| file.target = vec!["y".to_owned()]);
    assert!(
        named.notes().contains("not used: `city`"),
        "{}",
        named.notes()
    );
}

#[test]
fn dates_of_eight_digits_are_dates_where_all_of_them_can_be() {
    let table = text("date,y\n20240131,1\n20240201,2\n20240202,3\n").table();
    assert_eq!(table.clock.label(table.series[0].start), "2024-01-31");
    assert_eq!(values(&table, "y"), [1.0, 2.0, 3.0]);
    let counted = "t,y\n20240130,1\n20240131,2\n20240132,3\n";
    let counted = text(counted).with(|file| file.time = Some("t".to_owned()));
    let table = counted.table();
    assert_eq!(table.clock.label(table.series[0].start), "20240130");
}

#[test]
fn numbers_that_are_written_otherwise_are_told() {
    let refused = |content: &str| {
        let case = text(content);
        assert!(case.read().is_err(), "{content}");
        case.message()
    };
    let told = [
        refused("y\n\"1,000\"\n\"1,001\"\n"),
        refused("y;z\n1,25;3\n1,5;4\n"),
        refused("y\n1\ninf\n"),
        refused("y\n1\n1e999\n"),
        refused("a,b\r\n1,2\r\n3,x\r\n"),
        refused("2024-01-01,5\n2024-01-02,6\n"),
        refused(
            "ds,y\n2024-03-31 01:00,1\n2024-03-31 02:00,2\n2024-03-31 04:00,3\n2024-03-31 05:00,4\n",
        ),
        refused(
            "ds,y\n2024-03-31 01:00,1\n2024-03-31 01:15,2\n2024-03-31 01:31,3\n2024-03-31 01:45,4\n",
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    t.csv:2:1: column `y`: the comma in `1,000` is a decimal comma, or stands between thousands; set `data.decimal_comma = true` if it is the first, else write the number without it
    t.csv:2:1: column `y`: `1,25` has a decimal comma; set `data.decimal_comma = true`
    t.csv:3:1: column `y`: `inf` is not finite; write a number, or leave the cell empty if it is not known
    t.csv:3:1: column `y`: `1e999` is larger than any 64-bit float; give it in another unit, or leave the cell empty and set `data.missing`
    t.csv:3:2: column `b`: `x` is no number; write a number, or leave the cell empty if it is not known
    t.csv:1:1: the first line has numbers and dates only: `2024-01-01,5`; put a line with the names of the columns before it
    t.csv: column `y`, series `y`: 1 missing: 2024-03-31T03:00:00 (no row); fill them in, or set `data.missing` to `interpolate`, `forward_fill`, `zero` or `mean`; if clocks were set forward there, name the zone by `data.time_zone`
    t.csv:4:1: the steps of series `the table` are irregular: from 2024-03-31T01:15:00 to 2024-03-31T01:31:00 is no whole number of steps (quarter_hour); bring the rows to one step (sum or mean), or set `data.frequency`
    ");
}

#[test]
fn what_was_filled_in_is_no_truth() {
    let table =
        text("y,n\n1,1\n,2\n3,3\n4,4\n,5\n6,6\n").with(|file| file.missing = Missing::ForwardFill);
    let series = &table.table().series[0];
    assert_eq!(series.targets[0], [1.0, 1.0, 3.0, 4.0, 4.0, 6.0]);
    assert_eq!(series.filled, [[1, 4]]);
    let actual = series.actual(0, 3, 3);
    assert_eq!((actual[0], actual[2]), (4.0, 6.0));
    assert!(actual[1].is_nan());
}

#[test]
fn what_is_no_file_is_refused() {
    let case = text("");
    let folder = SeriesFile {
        file: case.folder.path().display().to_string(),
        ..SeriesFile::default()
    };
    let message = SeriesTable::read(&folder)
        .expect_err("a folder")
        .to_string();
    assert!(
        message.ends_with(": expected a file with a table, found a folder; name the file itself"),
        "{message}"
    );
    let none = SeriesFile {
        file: format!("{}x", case.file.file),
        ..SeriesFile::default()
    };
    assert!(SeriesTable::read(&none).expect_err("nothing").is_io());
}

/// The years 1 and 9999 are read like any other.
#[test]
fn the_first_and_the_last_year_are_years() {
    let first = text("date,a\n0001-01-01,1\n0001-02-01,2\n").table();
    assert_eq!(first.clock.label(first.series[0].start), "0001-01-01");
    let last = text("date,a\n9999-11-01,1\n9999-12-01,2\n").table();
    let series = &last.series[0];
    assert_eq!(series.frequency, Frequency::Months(1));
    assert_eq!(series.frequency.add(&last.clock, series.start, 2), None);
}

mod any {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// No bytes make the reader panic.
        #[test]
        fn no_bytes_make_the_reader_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = case("t.csv", &content).read();
            let _ = case("t.jsonl", &content).read();
            let _ = case("t.parquet", &content).read();
            // What stands between the marks of a Parquet file, the last part being its metadata.
            let length = (content.len() as u32).to_le_bytes();
            let marked = [b"PAR1", &content[..], &length, b"PAR1"].concat();
            let _ = case("t.parquet", &marked).read();
        }

        #[test]
        fn no_table_makes_the_reader_panic(content in "(unique_id|ds|y|a)(,(ds|y|a|b)){0,3}\n([0-9a-c,.;:\"\n -]|2024-0[1-9]-[0-3][0-9],){0,120}") {
            let _ = text(&content).read();
        }

        /// A table comes back as it was written, in any order of its rows.
        #[test]
        fn tables_come_back(numbers in prop::collection::vec(-1e9..1e9_f64, 2..40), turn in 0..40_usize) {
            let mut rows: Vec<String> = numbers.iter().enumerate().map(|(at, number)| {
                let stamp = Frequency::Days(1).add(&Clock::Local, 0, at as i64).expect("a day");
                format!("{},{number:?}\n", Clock::Local.label(stamp))
            }).collect();
            let count = rows.len();
            rows.rotate_left(turn % count);
            let table = text(&format!("ds,y\n{}", rows.concat())).table();
            prop_assert_eq!(values(&table, "y"), numbers);
        }
    }
}
