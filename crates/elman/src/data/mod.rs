//! From files on disk to batches of numbers.

mod adding;
mod batches;
mod digit;
pub mod idx;
mod images;

pub use adding::{AddingExamples, AddingProblem};
pub use batches::{Batch, Batches};
pub use digit::{DIGIT_SIDE, read_digit, read_digit_pixels};
pub use images::{HeldOut, ImageDataset, ImageParts};
