//! From files on disk, or from a generator, to batches of numbers.

mod adding;
mod answer;
mod batches;
mod digit;
mod examples;
mod file;
pub mod idx;
mod images;
mod parts;
mod piano_roll;
mod reber;
pub mod sequence_table;
mod sequences;
pub mod series;
pub mod text;
pub mod ts;
pub mod tune;

pub use adding::{AddingExamples, AddingProblem};
pub use batches::{Batch, Batches};
pub use digit::{DIGIT_SIDE, read_digit, read_digit_pixels};
pub use examples::{BatchOrder, Dataset, DatasetParts, TrainingExamples};
pub use images::{HeldOut, ImageDataset, ImageParts};
pub use piano_roll::{LOWEST_KEY, PIANO_KEYS, PianoRolls, Piece};
pub use reber::{Grammar, REBER_LETTERS, ReberParts, ReberStrings, one_hot};
pub use sequence_table::{SequenceTableParts, TableSequence};
pub use sequences::{SequenceBatch, SequenceDataset, TargetKind, Targets};
