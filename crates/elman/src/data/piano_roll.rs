//! Polyphonic music as sets of notes, step by step: JSON files of piano rolls.
//!
//! ```text
//! {"train": [piece, …], "valid": [piece, …], "test": [piece, …]}
//! piece = [step, …], step = [MIDI's number of every note that sounds, …]
//! ```
//!
//! The form of Boulanger-Lewandowski et al. (2012), "Modeling temporal dependencies in
//! high-dimensional sequences", arXiv 1206.6392, for the four sets of pieces that it used.

use std::path::Path;

use serde_json::Value;

use crate::data::file::{self, Expected};
use crate::error::{Error, Result};

/// The keys of a piano.
pub const PIANO_KEYS: usize = 88;
/// MIDI's number of the lowest key.
pub const LOWEST_KEY: u8 = 21;
const HIGHEST_KEY: u8 = LOWEST_KEY + PIANO_KEYS as u8 - 1;

/// A piece: of each step the keys that sound, from 0 to 87, rising.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece(pub Vec<Vec<u8>>);

impl Piece {
    /// `[T, 88]`: 1 where a key sounds.
    pub fn roll(&self) -> Vec<f32> {
        let mut roll = vec![0.0; self.0.len() * PIANO_KEYS];
        for (step, keys) in roll.chunks_exact_mut(PIANO_KEYS).zip(&self.0) {
            for &key in keys {
                step[usize::from(key)] = 1.0;
            }
        }
        roll
    }
}

/// Pieces for training, validation and testing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PianoRolls {
    /// To be learnt.
    pub train: Vec<Piece>,
    /// To watch the training by; may be none.
    pub valid: Vec<Piece>,
    /// To judge by.
    pub test: Vec<Piece>,
}

impl PianoRolls {
    /// Reads a file, plain or packed by gzip.
    ///
    /// # Errors
    ///
    /// When it cannot be read or has another form, with the piece and the step.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let expected = Expected {
            noun: "a file of piano rolls",
            remedy: "give the path of a JSON file (plain or .gz)",
        };
        let bytes = file::bytes(path, expected)?;
        Self::parse(&bytes).map_err(|problem| {
            let remedy = "give pieces as {\"train\": […], \"valid\": […], \"test\": […]}, each a list \
                          of steps, each a list of MIDI's note numbers";
            Error::data(path, problem, remedy)
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let part = |name: &str| -> Result<Vec<Piece>, String> {
            let pieces = match &value[name] {
                Value::Null if name == "valid" => return Ok(Vec::new()),
                found => list(found, || format!("`{name}`"))?,
            };
            let pieces = pieces.iter().enumerate();
            pieces
                .map(|(at, found)| piece(found, &format!("`{name}`, piece {at}")))
                .collect()
        };
        let rolls = Self {
            train: part("train")?,
            valid: part("valid")?,
            test: part("test")?,
        };
        for (name, pieces) in [("train", &rolls.train), ("test", &rolls.test)] {
            if pieces.is_empty() {
                return Err(format!("`{name}` has no piece"));
            }
        }
        Ok(rolls)
    }
}

fn list(value: &Value, place: impl Fn() -> String) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Null => Err(format!("{} is missing", place())),
        _ => Err(format!("{}: expected a list, found {value}", place())),
    }
}

fn piece(value: &Value, place: &str) -> Result<Piece, String> {
    let steps = list(value, || place.to_owned())?;
    if steps.is_empty() {
        return Err(format!("{place} has no step"));
    }
    let step = |(at, found): (usize, &Value)| -> Result<Vec<u8>, String> {
        let place = || format!("{place}, step {at}");
        let mut keys = Vec::new();
        for note in list(found, place)? {
            let number = note.as_f64().filter(|number| number.fract() == 0.0);
            let key = number
                .filter(|number| (f64::from(LOWEST_KEY)..=f64::from(HIGHEST_KEY)).contains(number))
                .map(|number| number as u8 - LOWEST_KEY);
            let key = key.ok_or_else(|| {
                format!(
                    "{}: expected notes from {LOWEST_KEY} to {HIGHEST_KEY}, found {note}",
                    place()
                )
            })?;
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    };
    steps
        .iter()
        .enumerate()
        .map(step)
        .collect::<Result<_, _>>()
        .map(Piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read() {
        let text = br#"{"train": [[[60, 64.0, 60], []]], "test": [[[21]], [[108]]]}"#;
        let rolls = PianoRolls::parse(text).expect("sound");
        assert_eq!(rolls.train, [Piece(vec![vec![39, 43], vec![]])]);
        assert_eq!(rolls.test, [Piece(vec![vec![0]]), Piece(vec![vec![87]])]);
        assert!(rolls.valid.is_empty());
        let roll = rolls.train[0].roll();
        assert_eq!(roll.len(), 2 * PIANO_KEYS);
        assert_eq!(roll.iter().sum::<f32>(), 2.0);
        assert_eq!((roll[39], roll[43]), (1.0, 1.0));
    }

    #[test]
    fn other_forms_are_refused_with_their_place() {
        let refused = |text: &str| PianoRolls::parse(text.as_bytes()).expect_err("refused");
        insta::assert_snapshot!(refused("{"), @"EOF while parsing an object at line 1 column 1");
        insta::assert_snapshot!(refused("{}"), @"`train` is missing");
        insta::assert_snapshot!(refused(r#"{"train": [], "test": [[[60]]]}"#), @"`train` has no piece");
        insta::assert_snapshot!(refused(r#"{"train": [3], "test": []}"#), @"`train`, piece 0: expected a list, found 3");
        insta::assert_snapshot!(refused(r#"{"train": [[]], "test": []}"#), @"`train`, piece 0 has no step");
        insta::assert_snapshot!(refused(r#"{"train": [[[60], [61, 20]]], "test": []}"#), @"`train`, piece 0, step 1: expected notes from 21 to 108, found 20");
        insta::assert_snapshot!(refused(r#"{"train": [[[60.5]]], "test": []}"#), @"`train`, piece 0, step 0: expected notes from 21 to 108, found 60.5");
    }
}
