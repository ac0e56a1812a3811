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
use crate::data::tune::{PIANO, Score, ScoredNote, TICKS_PER_QUARTER};
use crate::error::{Error, Result};

/// The keys of a piano.
pub const PIANO_KEYS: usize = 88;
/// MIDI's number of the lowest key.
pub const LOWEST_KEY: u8 = 21;
const HIGHEST_KEY: u8 = LOWEST_KEY + PIANO_KEYS as u8 - 1;

/// Names of the keys of an octave, which begins with C.
const NAMES: [&str; 12] = [
    "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
];

/// How fast a piece is played, in quarter notes a minute, and in which meter.
const TEMPO: u32 = 90;
const METER: (u8, u8) = (4, 4);

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

    /// MIDI's numbers of the keys that sound, step by step.
    pub fn notes(&self) -> Vec<Vec<u8>> {
        let steps = self.0.iter();
        steps
            .map(|keys| keys.iter().map(|key| key + LOWEST_KEY).collect())
            .collect()
    }

    /// A line for each step: the names of the keys that sound, MIDI's 60 being C4, or `-`.
    pub fn lines(&self) -> Vec<String> {
        let name = |note: &u8| format!("{}{}", NAMES[usize::from(note % 12)], note / 12 - 1);
        let line = |notes: Vec<u8>| match notes.is_empty() {
            true => "-".to_owned(),
            false => notes.iter().map(name).collect::<Vec<_>>().join(" "),
        };
        self.notes().into_iter().map(line).collect()
    }

    /// What it sounds like, each step a quarter note. A roll does not say where a key is struck: one that
    /// sounds in steps that follow each other is held through them.
    pub fn score(&self, title: &str) -> Score {
        let mut notes: Vec<ScoredNote> = Vec::new();
        // The note that each key holds, as its place in `notes`.
        let mut held = [None; PIANO_KEYS];
        for (step, keys) in (0_u32..).zip(&self.0) {
            for key in 0..PIANO_KEYS as u8 {
                let holder = &mut held[usize::from(key)];
                if !keys.contains(&key) {
                    *holder = None;
                } else if let Some(at) = *holder {
                    let note: &mut ScoredNote = &mut notes[at];
                    note.duration = note.duration.saturating_add(TICKS_PER_QUARTER);
                } else {
                    *holder = Some(notes.len());
                    notes.push(ScoredNote {
                        start: step.saturating_mul(TICKS_PER_QUARTER),
                        duration: TICKS_PER_QUARTER,
                        pitch: key + LOWEST_KEY,
                    });
                }
            }
        }
        Score {
            title: title.to_owned(),
            notes,
            instrument: PIANO,
            tempo: TEMPO,
            meter: METER,
        }
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
    use midly::{MidiMessage, Smf, TrackEventKind};

    use super::*;
    use crate::data::tune::write_midi;

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
    fn a_key_that_goes_on_sounding_is_held() {
        let piece = Piece(vec![vec![39, 43], vec![39], vec![], vec![0, 39]]);
        assert_eq!(piece.lines(), ["C4 E4", "C4", "-", "A0 C4"]);
        assert_eq!(
            piece.notes(),
            [vec![60, 64], vec![60], vec![], vec![21, 60]]
        );
        let score = piece.score("a piece");
        let quarters: Vec<(u32, u32, u8)> = score
            .notes
            .iter()
            .map(|note| {
                (
                    note.start / TICKS_PER_QUARTER,
                    note.duration / TICKS_PER_QUARTER,
                    note.pitch,
                )
            })
            .collect();
        assert_eq!(quarters, [(0, 2, 60), (0, 1, 64), (3, 1, 21), (3, 1, 60)]);
    }

    #[test]
    fn a_midi_file_has_the_steps_of_its_piece() {
        let piece = Piece(vec![vec![39, 43], vec![39], vec![], vec![0, 39], vec![87]]);
        let bytes = write_midi(&piece.score("a piece")).expect("it has notes");
        let file = Smf::parse(&bytes).expect("a MIDI file");
        let mut steps = vec![Vec::new(); piece.0.len()];
        let mut begun = [None; 128];
        let mut now = 0;
        for event in &file.tracks[0] {
            now += event.delta.as_int() / TICKS_PER_QUARTER;
            let TrackEventKind::Midi { message, .. } = event.kind else {
                continue;
            };
            match message {
                MidiMessage::NoteOn { key, .. } => {
                    begun[usize::from(key.as_int())] = Some(now);
                }
                MidiMessage::NoteOff { key, .. } => {
                    let start = begun[usize::from(key.as_int())].take();
                    for step in start.expect("begun")..now {
                        steps[step as usize].push(key.as_int());
                    }
                }
                MidiMessage::ProgramChange { program } => assert_eq!(program, PIANO),
                _ => {}
            }
        }
        for step in &mut steps {
            step.sort_unstable();
        }
        assert_eq!(steps, piece.notes());
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
