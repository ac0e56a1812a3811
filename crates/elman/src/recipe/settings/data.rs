//! The examples.

use super::{LabelledTextSettings, TextSettings};
use crate::data::TargetKind;
use crate::data::series::SeriesFile;

/// The examples (`[data]`), by their format (`data.format`).
#[derive(Clone, Debug, PartialEq)]
pub enum DataSettings {
    /// The four IDX files of the MNIST form (`"idx"`, the default): see [`crate::data::idx`].
    Idx(IdxSettings),
    /// Strings of the embedded Reber grammar (`"reber"`): see [`crate::data::ReberParts`].
    Reber(ReberSettings),
    /// Sums of two marked numbers (`"adding"`): see [`crate::data::AddingProblem`].
    Adding(AddingSettings),
    /// Text (`"text"`): see [`crate::data::text`].
    Text(TextSettings),
    /// Tunes in ABC notation (`"tunes"`): see [`crate::data::tune`].
    Tunes(TextSettings),
    /// Texts with one answer each (`"labelled_text"`).
    LabelledText(LabelledTextSettings),
    /// Whole sequences of the UCR and UEA archives (`"ts"`): see [`crate::data::ts`].
    Ts(TsSettings),
    /// Whole sequences from tables (`"sequence_table"`): see [`crate::data::sequence_table`].
    SequenceTable(SequenceTableSettings),
    /// Piano rolls (`"piano_rolls"`): see [`crate::data::PianoRolls`].
    PianoRolls(PianoRollSettings),
    /// A table of time series (`"series"`): see [`crate::data::series`].
    Series(Box<SeriesFile>),
}

/// Pieces as sets of notes (`data.format = "piano_rolls"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PianoRollSettings {
    /// The JSON file, plain or packed by gzip, as seen from the working directory.
    pub file: String,
}

/// The files `NAME_TRAIN.ts` and `NAME_TEST.ts` (`data.format = "ts"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsSettings {
    /// Where they are, as seen from the working directory.
    pub folder: String,
    /// `NAME`.
    pub name: String,
    /// The names of the classes, in the order of the files; none where the answers are numbers.
    pub classes: Vec<String>,
    /// So many training sequences, drawn at random, are held out for validation (default 0).
    pub hold_out: usize,
}

/// Tables with a row a step (`data.format = "sequence_table"`).
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceTableSettings {
    /// CSV (`;` and tabs too), plain or packed by gzip, or Parquet, as seen from the working directory
    /// (`files`, a path or a list of paths).
    pub files: Vec<String>,
    /// What is not trained on.
    pub held_out: HeldOutParts,
    /// The column that says which sequence a row belongs to (default `id`).
    pub id: String,
    /// The column of the answer, the same in all rows of a sequence (default `label`).
    pub label: String,
    /// The column of numbers, dates or times in whose order the rows of a sequence are put (default
    /// none: they stay in the file's).
    pub time: Option<String>,
    /// The columns of numbers of which a step is made (default all others of the first file).
    pub features: Vec<String>,
    /// The names of the classes; none where the answers are numbers.
    pub classes: Vec<String>,
    /// Is a comma the decimal point (default no)?
    pub decimal_comma: bool,
}

/// IDX files (`data.format = "idx"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxSettings {
    /// Where they are, as seen from the working directory.
    pub folder: String,
    /// The number of classes, 2 to 256 (default 10).
    pub classes: usize,
    /// The first so many training images are held out for validation (default 0).
    pub hold_out: usize,
}

/// Generated strings (`data.format = "reber"`). The defaults are the book's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReberSettings {
    /// NumPy's seed, 0 to 2^32 - 1 (`numpy_seed`, default 42).
    pub numpy_seed: u32,
    /// Training strings: 1 to 10,000,000 (default 10,000).
    pub train: usize,
    /// Validation strings: 0 to 10,000,000 (default 5,000).
    pub valid: usize,
    /// Test strings: 1 to 10,000,000 (default 5,000).
    pub test: usize,
}

/// Generated sums (`data.format = "adding"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddingSettings {
    /// `T`: 2 to 1,000,000.
    pub time: usize,
    /// Sequences of an epoch, all of them new: 1 to 10,000,000 (default 10,000).
    pub train: usize,
    /// Validation sequences: 0 to 10,000,000 (default 0).
    pub valid: usize,
    /// Test sequences: 1 to 10,000,000 (default 1,000).
    pub test: usize,
}

/// What of the examples in files is not trained on.
#[derive(Clone, Debug, PartialEq)]
pub enum HeldOutParts {
    /// Shares of a text's characters, at its end: first the validation part, then the test part. Of
    /// many texts or sequences shares of their number, drawn from everywhere in them, always the same.
    Shares {
        /// `valid`, from 0 to below 1 (default 0.05).
        valid: f64,
        /// `test`, above 0 and below 1 (default 0.05).
        test: f64,
    },
    /// Files of their own.
    Files {
        /// `valid_files` (default none).
        valid: Vec<String>,
        /// `test_files`.
        test: Vec<String>,
    },
}

impl HeldOutParts {
    /// Is there a validation part?
    pub fn holds_out(&self) -> bool {
        match self {
            Self::Shares { valid, .. } => *valid > 0.0,
            Self::Files { valid, .. } => !valid.is_empty(),
        }
    }
}

impl DataSettings {
    /// What kind of answer an example asks for as a whole; none where every step has its own.
    pub fn targets(&self) -> Option<TargetKind> {
        match self {
            Self::Idx(idx) => Some(TargetKind::Classes(idx.classes)),
            Self::Reber(_) => Some(TargetKind::Classes(2)),
            Self::Adding(_) => Some(TargetKind::Numbers(1)),
            Self::Ts(TsSettings { classes, .. })
            | Self::SequenceTable(SequenceTableSettings { classes, .. })
            | Self::LabelledText(LabelledTextSettings { classes, .. }) => match classes.len() {
                0 => Some(TargetKind::Numbers(1)),
                count => Some(TargetKind::Classes(count)),
            },
            Self::Text(_) | Self::Tunes(_) | Self::PianoRolls(_) | Self::Series(_) => None,
        }
    }

    /// Is a step a token?
    pub fn has_tokens(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Tunes(_) | Self::LabelledText(_))
    }

    /// Are examples held out of training to watch it?
    pub fn holds_out(&self) -> bool {
        match self {
            Self::Idx(idx) => idx.hold_out > 0,
            Self::Reber(reber) => reber.valid > 0,
            Self::Adding(adding) => adding.valid > 0,
            Self::Ts(ts) => ts.hold_out > 0,
            Self::Text(text) | Self::Tunes(text) => text.held_out.holds_out(),
            Self::LabelledText(labelled) => labelled.text.held_out.holds_out(),
            Self::SequenceTable(table) => table.held_out.holds_out(),
            // The file says; a run without a part `valid` is refused when it is read.
            Self::PianoRolls(_) => true,
            // Of series the table `[forecast]` says so.
            Self::Series(_) => false,
        }
    }
}
