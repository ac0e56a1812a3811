use std::fs::{self, File};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::recipe::HeldOutParts;

/// Two walks and two runs of two features.
const TABLE: &str = "id,x,label,y\n\
    one,1,walk,10\ntwo,2,run,20\none,3,walk,30\nthree,4,walk,40\nfour,5,run,50\nfour,6,run,60\n";

struct Place(TempDir);

impl Place {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    /// The second half is tested on.
    fn settings(&self, name: &str) -> SequenceTableSettings {
        SequenceTableSettings {
            files: vec![self.path(name)],
            held_out: HeldOutParts::Shares {
                valid: 0.0,
                test: 0.5,
            },
            id: "id".to_owned(),
            label: "label".to_owned(),
            time: None,
            features: Vec::new(),
            classes: vec!["run".to_owned(), "walk".to_owned()],
            decimal_comma: false,
        }
    }

    fn message(&self, error: &Error) -> String {
        let folder = self.0.path().display().to_string();
        error.to_string().replace(&folder, "DIR")
    }
}

fn read(settings: &SequenceTableSettings) -> Result<SequenceTableParts> {
    SequenceTableParts::read(settings, None, None)
}

fn sequences(part: &Option<SequenceDataset>) -> Vec<&[f32]> {
    let part = part.as_ref().expect("there are some");
    (0..part.len()).map(|at| part.sequence(at)).collect()
}

fn labels(part: &Option<SequenceDataset>) -> &[u8] {
    match part.as_ref().map(SequenceDataset::targets) {
        Some(Targets::Classes { labels, classes: 2 }) => labels,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_one_id_are_a_sequence_wherever_they_stand() {
    let place = Place::with(&[("a.csv", TABLE)]);
    let settings = place.settings("a.csv");
    let parts = read(&settings).expect("sound");
    assert_eq!(parts.features, ["x", "y"]);
    let [train, valid, test] = &parts.parts;
    let one: &[f32] = &[1.0, 10.0, 3.0, 30.0];
    let three: &[f32] = &[4.0, 40.0];
    assert_eq!(sequences(train), [one, three]);
    assert_eq!(labels(train), [1, 1]);
    assert_eq!(valid, &None);
    let two: &[f32] = &[2.0, 20.0];
    let four: &[f32] = &[5.0, 50.0, 6.0, 60.0];
    assert_eq!(sequences(test), [two, four]);
    assert_eq!(labels(test), [0, 0]);
    // The same from elsewhere.
    let folder = place.0.path();
    let file = folder.join("a.csv");
    for at in [folder, file.as_path()] {
        let moved = SequenceTableParts::read(&settings, Some(at), None).expect("sound");
        assert_eq!(moved, parts);
    }
    // A file of one's own is judged as a whole.
    let all = SequenceTableParts::read_test(&settings, &file, &parts.features).expect("sound");
    assert_eq!(labels(&all.parts[2]), [1, 0, 1, 0]);
}

#[test]
fn packed_tables_with_other_delimiters_are_read() {
    let place = Place::with(&[]);
    let text = TABLE.replace(',', ";").replace("10", "1,5");
    let file = File::create(place.path("a.csv.gz")).expect("created");
    let mut encoder = GzEncoder::new(file, Compression::fast());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).expect("packed");
    encoder.finish().expect("packed");
    let settings = SequenceTableSettings {
        decimal_comma: true,
        ..place.settings("a.csv.gz")
    };
    let parts = read(&settings).expect("sound");
    assert_eq!(sequences(&parts.parts[0])[0], [1.0, 1.5, 3.0, 30.0]);
}

#[test]
fn a_column_of_times_says_the_order() {
    let order = |times: [&str; 3]| {
        let rows = times.iter().enumerate();
        let rows = rows.map(|(at, time)| format!("one,{time},run,{at}\n"));
        let text = format!("id,at,label,x\n{}", rows.collect::<String>());
        let place = Place::with(&[("a.csv", &text)]);
        let settings = SequenceTableSettings {
            time: Some("at".to_owned()),
            ..place.settings("a.csv")
        };
        let features = ["x".to_owned()];
        read_unlabelled(&settings, place.path("a.csv").as_ref(), &features)
            .map(|sequences| sequences[0].steps.clone())
            .map_err(|error| place.message(&error))
    };
    assert_eq!(order(["0.5", "-1", "0.25"]), Ok(vec![1.0, 2.0, 0.0]));
    // No 64-bit float tells these apart.
    let nanoseconds = [
        "1700000000000000003",
        "1700000000000000001",
        "1700000000000000002",
    ];
    assert_eq!(order(nanoseconds), Ok(vec![1.0, 2.0, 0.0]));
    let stamps = [
        "2024-03-31T10:00:00.2",
        "2024-03-31T10:00:00.1",
        "2024-03-30",
    ];
    assert_eq!(order(stamps), Ok(vec![2.0, 1.0, 0.0]));
    let refused = |times| order(times).expect_err("refused");
    assert_eq!(
        refused(["2", "1", "1.0"]),
        "DIR/a.csv:4:2: the time `1.0` of sequence `one` is there twice, first in line 3; remove one \
         of the rows, or give another sequence another id"
    );
    assert_eq!(
        refused(["1", "", "2"]),
        "DIR/a.csv:3:2: the time is missing; fill it in, or remove the row"
    );
    assert_eq!(
        refused(["1", "soon", "2"]),
        "DIR/a.csv:3:2: the time `soon` is no number, date or time; write it as 0.25, 2024-03-31 or \
         2024-03-31T14:30"
    );
    assert_eq!(
        refused(["1", "2024-03-31", "2"]),
        "DIR/a.csv:3:2: the time `2024-03-31` is a date without an offset, in line 2 it is a number; \
         write all times in one form"
    );
}

#[test]
fn a_model_reads_its_own_columns_in_its_own_order() {
    let unlabelled = "y,z,id,x\n1,none,a,2\n3,,a,4\n";
    let place = Place::with(&[("a.csv", unlabelled)]);
    let settings = place.settings("a.csv");
    let path = place.path("a.csv");
    let features = ["x", "y"].map(str::to_owned);
    let found = read_unlabelled(&settings, path.as_ref(), &features).expect("sound");
    let expected = TableSequence {
        id: "a".to_owned(),
        steps: vec![2.0, 1.0, 4.0, 3.0],
    };
    assert_eq!(found, [expected]);
    let features = ["x", "zz"].map(str::to_owned);
    let refused = read_unlabelled(&settings, path.as_ref(), &features).expect_err("refused");
    assert_eq!(
        place.message(&refused),
        "DIR/a.csv:1: no column is called `zz` (`data.features`); there are `y`, `z`, `id` or `x`"
    );
}

#[test]
fn parts_can_have_files_of_their_own_with_columns_in_another_order() {
    let other = "label,extra,y,x,id\nrun,?,7,8,one\n";
    let place = Place::with(&[("a.csv", TABLE), ("b.csv", other)]);
    let settings = SequenceTableSettings {
        held_out: HeldOutParts::Files {
            valid: Vec::new(),
            test: vec![place.path("b.csv")],
        },
        ..place.settings("a.csv")
    };
    let parts = read(&settings).expect("sound");
    assert_eq!(labels(&parts.parts[0]), [1, 0, 1, 0]);
    assert_eq!(sequences(&parts.parts[2]), [[8.0, 7.0]]);
}

#[test]
fn numbers_are_answers_where_no_class_is_named() {
    let text = "id,label,x\na,-0.5,1\na,-0.5,2\nb,1e2,3\n";
    let place = Place::with(&[("a.csv", text)]);
    let settings = SequenceTableSettings {
        classes: Vec::new(),
        ..place.settings("a.csv")
    };
    let parts = read(&settings).expect("sound");
    let numbers = |part: &Option<SequenceDataset>| {
        let part = part.as_ref().expect("there are some");
        part.targets().clone()
    };
    let expected = |value| Targets::Numbers {
        values: vec![value],
        width: 1,
    };
    assert_eq!(numbers(&parts.parts[0]), expected(-0.5));
    assert_eq!(numbers(&parts.parts[2]), expected(100.0));
}

#[test]
fn a_class_may_be_called_none() {
    let text = "id,label,x\na,none,1\nb,run,2\n";
    let place = Place::with(&[("a.csv", text)]);
    let settings = SequenceTableSettings {
        classes: vec!["none".to_owned(), "run".to_owned()],
        ..place.settings("a.csv")
    };
    let parts = read(&settings).expect("sound");
    assert_eq!(labels(&parts.parts[0]), [0]);
}

/// The message of a table that is refused, of classes or numbers.
fn refused(text: &str, classes: &[&str]) -> String {
    let place = Place::with(&[("a.csv", text)]);
    let settings = SequenceTableSettings {
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        ..place.settings("a.csv")
    };
    place.message(&read(&settings).expect_err("refused"))
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let classes = ["run", "walk"];
    let cases = [
        (
            "",
            "DIR/a.csv: expected a table with a header and rows, found an empty file; give a CSV file whose first line names the columns",
        ),
        (
            "id,label,x\n",
            "DIR/a.csv: expected a table with a header and rows, found a header and nothing below it; give a CSV file whose first line names the columns",
        ),
        (
            "ids,label,x\na,run,1\n",
            "DIR/a.csv:1: no column is called `id` (`data.id`); did you mean `ids`?",
        ),
        (
            "id,class,x\na,run,1\n",
            "DIR/a.csv:1: no column is called `label` (`data.label`); there are `id`, `class` or `x`",
        ),
        (
            "id,label\na,run\n",
            "DIR/a.csv: no column is left that a step could be made of; add a column of numbers",
        ),
        (
            "id,label,x\n,run,1\n",
            "DIR/a.csv:2:1: the column `id` is empty, which says whose row this is; fill it in or remove the row",
        ),
        (
            "id,label,x\na,run,1\na,walk,2\n",
            "DIR/a.csv:3:2: the label of sequence `a` is `walk`, in line 2 it is `run`; give all rows of a sequence one label, or another sequence another id",
        ),
        (
            "id,label,x\na,,1\n",
            "DIR/a.csv:2:2: the label of sequence `a` is missing; write it in every row of the sequence, or leave the sequence out",
        ),
        (
            "id,label,x\na,run,1\nb,jump,2\n",
            "DIR/a.csv:3:2: expected one of `run`, `walk`, found `jump`; correct it, or name it among the classes (`data.classes`)",
        ),
        (
            "id,label,x\na,run,fast\n",
            "DIR/a.csv:2:3: column `x`: `fast` is no number; write a number; or read other columns (`data.features`)",
        ),
        (
            "id,label,x\na,run,\n",
            "DIR/a.csv:2:3: column `x`: the cell is empty; fill in every number before training, or leave the row out; or read other columns (`data.features`)",
        ),
        (
            "id,label,x\na,run,NaN\n",
            "DIR/a.csv:2:3: column `x`: `NaN` stands for no number; fill in every number before training, or leave the row out; or read other columns (`data.features`)",
        ),
        (
            "id,label,x\na,run,1e39\n",
            "DIR/a.csv:2:3: column `x`: `1e39` is larger than any 32-bit float; give it in another unit; or read other columns (`data.features`)",
        ),
        (
            "id,label,x\na,run,inf\n",
            "DIR/a.csv:2:3: column `x`: `inf` is not finite; write a number; or read other columns (`data.features`)",
        ),
        (
            "id;label;x\na;run;1,5\n",
            "DIR/a.csv:2:3: column `x`: `1,5` has a decimal comma; set `data.decimal_comma = true`; or read other columns (`data.features`)",
        ),
        (
            "id,label,x\na,run\n",
            "DIR/a.csv:2:3: this line has 2 cells, the header 3; give every line as many cells; put quotes around a cell with a delimiter in it",
        ),
        (
            "id,label,x\na,run,1\n",
            "data DIR/a.csv: there is no sequence to test on; give more sequences, or other shares (`data.valid`, `data.test`)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text, &classes), expected, "{text}");
    }
    let numbers = [(
        "id,label,x\na,run,1\n",
        "DIR/a.csv:2:2: `run` is no number; write a number, or name the classes (`data.classes`)",
    )];
    for (text, expected) in numbers {
        assert_eq!(refused(text, &[]), expected, "{text}");
    }
}

#[test]
fn a_test_file_with_an_unknown_class_or_without_a_column_is_refused() {
    let refused = |text: &str| {
        let place = Place::with(&[("a.csv", TABLE), ("b.csv", text)]);
        let settings = SequenceTableSettings {
            held_out: HeldOutParts::Files {
                valid: Vec::new(),
                test: vec![place.path("b.csv")],
            },
            ..place.settings("a.csv")
        };
        place.message(&read(&settings).expect_err("refused"))
    };
    assert_eq!(
        refused("id,x,label,y\none,1,jump,10\n"),
        "DIR/b.csv:2:3: expected one of `run`, `walk`, found `jump`; correct it, or name it among the \
         classes (`data.classes`)"
    );
    assert_eq!(
        refused("id,x,label\none,1,run\n"),
        "DIR/b.csv:1: no column is called `y` (`data.features`); there are `id`, `x` or `label`"
    );
}
