//! From files on disk to batches of numbers.

mod batches;
pub mod idx;
mod images;

pub use batches::{Batch, Batches};
pub use images::{HeldOut, ImageDataset, ImageParts};
