//! Text: files, their parts for training and judging, tokens, and the streams that are trained on.

mod corpus;
mod documents;
mod file;
pub mod labelled;
mod streams;
mod tokenizer;
mod vocabulary;
mod words;

pub use corpus::{Corpus, TextParts};
pub use documents::Documents;
pub(crate) use file::Place;
pub use file::read_text;
pub use labelled::LabelledParts;
pub use streams::{Streams, TokenBatch};
pub use tokenizer::{StreamedText, Tokenizer};
pub use vocabulary::{UNKNOWN, Vocabulary};
pub use words::pieces;
