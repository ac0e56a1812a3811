//! Named tensors and facts in one checksummed safetensors file.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Tensors by the path of their parameter ("cell.kernel").
pub type NamedTensors = BTreeMap<String, TensorData>;

/// The newest form of these files that this version reads and writes.
const FORMAT_VERSION: u32 = 1;
const CHECKSUM: &str = "checksum";
/// What stands in the place of the checksum while the file is hashed: as long as a checksum.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a file of tensors is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Weights to use.
    Model,
    /// Everything that training needs to go on.
    Checkpoint,
}

impl FileKind {
    fn word(self) -> &'static str {
        match self {
            Self::Model => "elman.model",
            Self::Checkpoint => "elman.checkpoint",
        }
    }
}

/// The content of a file: tensors, and facts in words.
///
/// The file is a plain [safetensors](https://github.com/huggingface/safetensors) file that any
/// reader of that format opens. Its metadata holds the facts and `format`, `format_version`,
/// `elman` (the version that wrote it) and `checksum`: BLAKE3 over the whole file, header
/// included, with the 64 digits of the checksum itself as zeros. The same content gives the same
/// bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorFile {
    /// What the file is for.
    pub kind: FileKind,
    /// Facts by name; the names that the format itself uses are taken.
    pub facts: BTreeMap<String, String>,
    /// In f32 or f64, all finite.
    pub tensors: NamedTensors,
}

impl TensorFile {
    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// When a tensor is not f32 or f64, or has a number that is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        // The format wants the wider number type first, so that every tensor is aligned.
        tensors.sort_by_key(|(name, data)| (std::cmp::Reverse(data.dtype().size()), *name));
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_owned(), json!(self.metadata()));
        let mut body = Vec::new();
        for (name, data) in tensors {
            let dtype = stored_dtype(name, data.dtype())?;
            if let Some(at) = first_not_finite(data) {
                return Err(Error::argument(
                    format!("tensor {name}"),
                    format!("element {at} is not finite"),
                    "only finite numbers are saved",
                ));
            }
            let start = body.len();
            body.extend_from_slice(data.as_bytes());
            let entry = json!({
                "dtype": dtype,
                "shape": data.shape().as_slice(),
                "data_offsets": [start, body.len()],
            });
            header.insert(name.clone(), entry);
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.append(&mut header);
        bytes.append(&mut body);
        let place = checksum_place(&bytes).expect("the metadata has a checksum");
        let checksum = blake3::hash(&bytes).to_hex();
        bytes[place..][..BLANK.len()].copy_from_slice(checksum.as_bytes());
        Ok(bytes)
    }

    /// The content of `bytes`; `path` names the file in errors.
    ///
    /// # Errors
    ///
    /// When a byte of the file is missing or changed ([`Error::is_damaged`]), a number is not
    /// finite (the same), or the file is of another kind, another number type or a newer format.
    pub fn from_bytes(kind: FileKind, path: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged = |problem: String| Error::damaged(path, problem);
        let (_, header) = SafeTensors::read_metadata(bytes)
            .map_err(|error| damaged(format!("not a whole safetensors file ({error})")))?;
        let mut facts: BTreeMap<String, String> = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let mut take = |name: &str| facts.remove(name);
        let (format, version, written_by, checksum) = (
            take("format"),
            take("format_version"),
            take("elman"),
            take(CHECKSUM),
        );
        let Some(checksum) = checksum else {
            return Err(damaged(
                "it has no checksum, so this is not what elman wrote".to_owned(),
            ));
        };
        verify(bytes, &checksum).map_err(damaged)?;
        if format.as_deref() != Some(kind.word()) {
            let found = format.unwrap_or_else(|| "none".to_owned());
            return Err(Error::data(
                path,
                format!("expected format {}, found {found}", kind.word()),
                "give the right file of the run folder",
            ));
        }
        let newest = FORMAT_VERSION.to_string();
        if version.as_deref() != Some(newest.as_str()) {
            return Err(Error::data(
                path,
                format!(
                    "format version {} (written by elman {}), this elman reads version {newest}",
                    version.as_deref().unwrap_or("?"),
                    written_by.as_deref().unwrap_or("?"),
                ),
                "use the elman that wrote it, or a newer one",
            ));
        }
        let content = SafeTensors::deserialize(bytes)
            .map_err(|error| damaged(format!("not a whole safetensors file ({error})")))?;
        let mut tensors = NamedTensors::new();
        for (name, view) in content.iter() {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F64 => DType::F64,
                other => {
                    return Err(Error::data(
                        path,
                        format!("tensor {name} is of type {other:?}"),
                        "elman's models are in F32 or F64",
                    ));
                }
            };
            let data =
                TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            if let Some(at) = first_not_finite(&data) {
                return Err(damaged(format!(
                    "element {at} of tensor {name} is not finite"
                )));
            }
            tensors.insert(name.to_owned(), data);
        }
        Ok(Self {
            kind,
            facts,
            tensors,
        })
    }

    /// The value of a fact that the file must have.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn fact(&self, path: &Path, name: &str) -> Result<&str> {
        self.facts
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| Error::damaged(path, format!("its metadata lacks `{name}`")))
    }

    fn metadata(&self) -> BTreeMap<&str, String> {
        let mut metadata: BTreeMap<&str, String> = self
            .facts
            .iter()
            .map(|(name, fact)| (name.as_str(), fact.clone()))
            .collect();
        metadata.insert("format", self.kind.word().to_owned());
        metadata.insert("format_version", FORMAT_VERSION.to_string());
        metadata.insert("elman", env!("CARGO_PKG_VERSION").to_owned());
        metadata.insert(CHECKSUM, BLANK.to_owned());
        metadata
    }
}

fn stored_dtype(name: &str, dtype: DType) -> Result<&'static str> {
    match dtype {
        DType::F32 => Ok("F32"),
        DType::F64 => Ok("F64"),
        other => Err(Error::argument(
            format!("tensor {name}"),
            format!("its numbers are {other:?}"),
            "only f32 and f64 can be saved",
        )),
    }
}

/// The index of the first number that is infinite or NaN.
pub(crate) fn first_not_finite(data: &TensorData) -> Option<usize> {
    if let Ok(numbers) = data.as_slice() {
        return first(numbers, |number: f32| !number.is_finite());
    }
    first(data.as_slice().ok()?, |number: f64| !number.is_finite())
}

/// The index of the first number that is `wanted`.
fn first<T: Copy>(numbers: &[T], wanted: impl Fn(T) -> bool) -> Option<usize> {
    let any = |numbers: &[T]| {
        // Without a branch for each number: that is many at a time.
        numbers
            .iter()
            .fold(false, |any, &number| any | wanted(number))
    };
    let chunk = numbers.chunks(CHUNK).position(any)? * CHUNK;
    let within = numbers[chunk..].iter().position(|&number| wanted(number))?;
    Some(chunk + within)
}

/// How many numbers [`first`] looks at in one go.
const CHUNK: usize = 512;

/// Where the digits of the checksum stand.
///
/// JSON escapes quotes inside strings, so only the metadata's own key can look like this.
fn checksum_place(bytes: &[u8]) -> Option<usize> {
    let key = format!("\"{CHECKSUM}\":\"");
    let start = bytes
        .windows(key.len())
        .position(|window| window == key.as_bytes())?
        + key.len();
    bytes.get(start..start + BLANK.len()).map(|_| start)
}

fn verify(bytes: &[u8], checksum: &str) -> Result<(), String> {
    let place = checksum_place(bytes)
        .filter(|&place| &bytes[place..][..BLANK.len()] == checksum.as_bytes())
        .ok_or("its checksum is malformed")?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place]);
    hasher.update(BLANK.as_bytes());
    hasher.update(&bytes[place + BLANK.len()..]);
    let found = hasher.finalize().to_hex();
    if found.as_str() == checksum {
        Ok(())
    } else {
        Err(format!(
            "its content does not match its checksum (written {checksum}, found {found})"
        ))
    }
}

#[cfg(test)]
mod tests;
