//! Settings given beside a recipe: `--set key=value`.

use std::str::FromStr;

use toml::de::DeValue;

use super::document::{Node, Place, Value, is_bare};
use super::settings::Setting;
use crate::error::{Error, Result};

/// In place of the key that says where files are, which depends on the format; no recipe can have it.
pub(super) const PLACE_KEY: &str = "(place)";

/// One setting that replaces a recipe's own: `train.epochs=20`.
///
/// The value is read as TOML, or, where it is none, as a bare string, so that
/// `model.cell=lstm` and `model.cell="lstm"` mean the same.
#[derive(Clone, Debug)]
pub struct Override {
    pub(super) keys: Vec<String>,
    pub(super) node: Node,
}

impl Override {
    /// Replaces the setting `key` (`"data.folder"`) by a string.
    ///
    /// # Errors
    ///
    /// When `key` is no dotted key.
    pub fn string(key: &str, value: impl Into<String>) -> Result<Self> {
        Self::new(key, Value::String(value.into()), Place::Override)
    }

    /// Replaces the place of the data: the key of `[data]` that says where the recipe's format has its
    /// files.
    pub fn place(path: impl Into<String>) -> Self {
        Self {
            keys: vec!["data".to_owned(), PLACE_KEY.to_owned()],
            node: Node {
                value: Value::String(path.into()),
                place: Place::Override,
            },
        }
    }

    /// Replaces the setting `key` (`"seed"`) by a whole number.
    ///
    /// # Errors
    ///
    /// When `key` is no dotted key.
    pub fn integer(key: &str, value: u64) -> Result<Self> {
        Self::new(key, Value::Integer(value.into()), Place::Override)
    }

    /// Replaces the setting `key` by what a search has drawn for it.
    ///
    /// # Errors
    ///
    /// When `key` is no dotted key.
    pub(crate) fn drawn(key: &str, setting: &Setting) -> Result<Self> {
        let value = match setting {
            Setting::Text(text) => Value::String(text.clone()),
            Setting::Whole(number) => Value::Integer((*number).into()),
            Setting::Number(number) => Value::Float(*number),
            Setting::Truth(truth) => Value::Boolean(*truth),
        };
        Self::new(key, value, Place::Search)
    }

    fn new(key: &str, value: Value, place: Place) -> Result<Self> {
        let keys: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        if !keys.iter().all(|part| is_bare(part)) {
            return Err(Error::argument(
                format!("--set {key}"),
                "this is no dotted key",
                "write a key such as `train.epochs`",
            ));
        }
        Ok(Self {
            keys,
            node: Node { value, place },
        })
    }
}

impl FromStr for Override {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((key, value)) = text.split_once('=') else {
            return Err(Error::argument(
                format!("--set {text}"),
                "there is no `=`",
                "write key=value, such as `train.epochs=20`",
            ));
        };
        let value = value.trim();
        let value = match DeValue::parse(value) {
            Ok(parsed) => Node::from_toml(&parsed, &Place::Override).value,
            Err(_) => Value::String(value.to_owned()),
        };
        Self::new(key, value, Place::Override)
    }
}
