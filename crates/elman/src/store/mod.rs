//! The run directory: everything that a training run leaves, in a form that a person understands.
//!
//! ```text
//! runs/mnist-1/
//!   recipe.toml          the resolved recipe: every setting spelt out
//!   model.safetensors    the weights to use, with what they are
//!   metrics.csv          one line per finished epoch
//!   curve.svg, .png      the same as a picture
//!   confusion.svg, .png  which class was taken for which, on the test images
//!   checkpoints/         the last two states of training: what `fit --resume` needs
//! ```
//!
//! A checkpoint is one file: weights, optimiser and position cannot come from different moments.
//! Everything else in the folder but the recipe follows from the newest checkpoint and is written
//! after it. Every file is written under another name, synced, renamed into place, and the
//! folder synced: a kill or a power loss at any instant leaves the old content or the new. A lock
//! keeps a second trainer out; the operating system drops it with the process.

pub(crate) mod disk;
pub(crate) mod folder;
mod run_directory;
mod tensor_file;

pub use run_directory::{Resumed, RunDirectory, StoredFile};
pub(crate) use tensor_file::first_not_finite;
pub use tensor_file::{FileKind, NamedTensors, TensorFile};
