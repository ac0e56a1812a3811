//! The vocabulary that a run keeps beside the weights of a model that reads tokens.

use std::path::Path;

use crate::data::text::Tokenizer;
use crate::error::{Error, Result};
use crate::store::{RunDirectory, StoredFile};

/// The file of a run that has its vocabulary.
pub(super) const VOCABULARY: &str = "vocabulary.json";

/// The fact by which a model knows its vocabulary: BLAKE3 of that file.
const FINGERPRINT: &str = "vocabulary";

/// What a model says about the vocabulary that it was trained with.
pub(super) fn fact(tokenizer: &Tokenizer) -> (String, String) {
    (FINGERPRINT.to_owned(), fingerprint(&tokenizer.to_json()))
}

/// The file, with its name.
pub(super) fn file(tokenizer: &Tokenizer) -> (&'static str, Vec<u8>) {
    (VOCABULARY, tokenizer.to_json().into_bytes())
}

/// The vocabulary in the run in `root` with which the model in `stored` was trained.
///
/// # Errors
///
/// When it is missing or damaged, or another one.
pub(super) fn read(root: &Path, stored: &StoredFile) -> Result<Tokenizer> {
    let (place, json) = RunDirectory::read_text(root, VOCABULARY)?;
    if fingerprint(&json) != stored.file.fact(&stored.path, FINGERPRINT)? {
        return Err(Error::damaged(
            place,
            "it is not the vocabulary that the model was trained with",
        ));
    }
    Tokenizer::from_json(&place, &json)
}

fn fingerprint(json: &str) -> String {
    blake3::hash(json.as_bytes()).to_hex().to_string()
}
