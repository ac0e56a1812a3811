//! ABC notation: one tune, from text to sound.
//!
//! Fields `T M L Q K`, in the head, on lines of their own and inline; notes with accidentals, octaves
//! and lengths; rests, chords, ties, broken rhythm, tuplets; bars, repeats and endings. Grace notes,
//! slurs, decorations and words change no note and are passed over. The standard's version 2.1,
//! <https://abcnotation.com/wiki/abc:standard:v2.1>.

mod body;
mod lexer;

use std::fmt;

use self::body::Body;
use super::key;
use super::score::{Score, WHOLE};
use crate::error::{Error, Result};

/// The tempo of a tune that has none, in quarter notes a minute.
const DEFAULT_TEMPO: u32 = 120;

/// A tune as its ABC says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tune {
    score: Score,
}

/// What stands where it cannot, in words.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    /// From 1, in characters.
    column: usize,
    problem: String,
}

impl Fault {
    fn new(column: usize, problem: impl Into<String>) -> Self {
        Self {
            column,
            problem: problem.into(),
        }
    }
}

/// `numerator` / `denominator` of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fraction {
    numerator: u32,
    denominator: u32,
}

impl Fraction {
    const ONE: Self = Self {
        numerator: 1,
        denominator: 1,
    };

    fn new(numerator: u32, denominator: u32) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    fn times(self, other: Self) -> Self {
        Self {
            numerator: self.numerator.saturating_mul(other.numerator),
            denominator: self.denominator.saturating_mul(other.denominator),
        }
    }

    /// `1/8`; none if it is something else, or 0.
    fn parse(text: &str) -> Option<Self> {
        let (over, under) = text.split_once('/')?;
        let fraction = Self {
            numerator: over.trim().parse().ok()?,
            denominator: under.trim().parse().ok()?,
        };
        (fraction.numerator > 0 && fraction.denominator > 0).then_some(fraction)
    }

    /// That part of `ticks`.
    fn of(self, ticks: u32) -> u32 {
        let product = u64::from(ticks) * u64::from(self.numerator);
        u32::try_from(product / u64::from(self.denominator.max(1))).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// What the fields of a tune say.
#[derive(Clone, Debug)]
struct Fields {
    title: String,
    meter: (u8, u8),
    /// The unit of lengths, if a field says it.
    unit: Option<Fraction>,
    tempo: u32,
    signature: key::Signature,
}

impl Default for Fields {
    /// 4/4 in C.
    fn default() -> Self {
        Self {
            title: String::new(),
            meter: (4, 4),
            unit: None,
            tempo: DEFAULT_TEMPO,
            signature: [0; 7],
        }
    }
}

impl Fields {
    /// Takes the field `name` up; fields that change no note are passed over.
    fn set(&mut self, name: char, value: &str, column: usize) -> Result<(), Fault> {
        let value = value.split('%').next().unwrap_or_default().trim();
        let fault =
            |expected: &str| Fault::new(column, format!("expected {expected}, found {value:?}"));
        match name {
            'T' if self.title.is_empty() => self.title = value.to_owned(),
            'M' => self.meter = meter(value).ok_or_else(|| fault("a metre such as 6/8"))?,
            'L' => {
                let unit = Fraction::parse(value);
                self.unit = Some(unit.ok_or_else(|| fault("a length such as 1/8"))?);
            }
            'Q' => self.tempo = tempo(value).ok_or_else(|| fault("a tempo such as 1/4=120"))?,
            'K' => {
                let signature = key::signature(value);
                self.signature = signature.ok_or_else(|| fault("a key such as D or Em"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The unit of lengths: by default 1/16 in metres below 3/4, else 1/8.
    fn unit(&self) -> Fraction {
        let (beats, beat) = self.meter;
        let is_short = 4 * u32::from(beats) < 3 * u32::from(beat);
        self.unit
            .unwrap_or(Fraction::new(1, if is_short { 16 } else { 8 }))
    }

    /// The ticks of a bar.
    fn bar(&self) -> u32 {
        let (beats, beat) = self.meter;
        Fraction::new(beats.into(), beat.into()).of(WHOLE)
    }
}

fn meter(value: &str) -> Option<(u8, u8)> {
    match value {
        "C" | "none" | "" => Some((4, 4)),
        "C|" => Some((2, 2)),
        _ => {
            let (beats, beat) = value.split_once('/')?;
            // 2+3/8 has five beats.
            let beats = beats.trim_matches(['(', ')', ' ']).split('+');
            let mut parts = beats.map(|part| part.trim().parse::<u8>().ok());
            let beats = parts.try_fold(0_u8, |sum, part| sum.checked_add(part?))?;
            let beat: u8 = beat.trim().parse().ok()?;
            (beats > 0 && beat.is_power_of_two()).then_some((beats, beat))
        }
    }
}

/// Quarter notes a minute, of `1/4=120`, `"Slow" 3/8=60` or `120`.
fn tempo(value: &str) -> Option<u32> {
    /// A slower beat is longer than a MIDI file can say.
    const SLOWEST: u32 = 4;
    const FASTEST: u32 = 10_000;
    let without_words: String = value.split('"').step_by(2).collect();
    let value = without_words.trim();
    if value.is_empty() {
        return Some(DEFAULT_TEMPO);
    }
    let (beat, number) = match value.split_once('=') {
        Some((beat, number)) => (Fraction::parse(beat.split_whitespace().next()?)?, number),
        None => (Fraction::new(1, 4), value),
    };
    let number: u32 = number.trim().parse().ok()?;
    let quarters = beat.times(Fraction::new(4, 1)).of(number);
    (SLOWEST..=FASTEST).contains(&quarters).then_some(quarters)
}

impl Tune {
    /// The tune in `text`; `origin` names it in errors. What is before the key is its head.
    ///
    /// # Errors
    ///
    /// When there is no key, a symbol cannot stand where it does or means nothing, with its line and
    /// column; when no note is in it.
    pub fn parse(origin: &str, text: &str) -> Result<Self> {
        let mut body: Option<Body> = None;
        let mut fields = Fields::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.starts_with('%') {
                continue;
            }
            let read = match (field(line), &mut body) {
                (Some((name, value)), None) => fields.set(name, value, 3).map(|()| {
                    if name == 'K' {
                        body = Some(Body::new(fields.clone()));
                    }
                }),
                (Some((name, value)), Some(body)) => body.field(name, value, 3),
                (None, None) => Ok(()),
                (None, Some(body)) => body.line(line),
            };
            read.map_err(|Fault { column, problem }| {
                Error::argument(
                    format!("{origin}, line {}, column {column}", number + 1),
                    problem,
                    "correct the tune",
                )
            })?;
        }
        let refuse = |problem: &str, remedy: &str| Err(Error::argument(origin, problem, remedy));
        match body.map(Body::finish) {
            None => refuse("it has no key", "add a line such as `K:D` before its notes"),
            Some(score) if score.notes.is_empty() => {
                refuse("it has no note", "add some after its key")
            }
            Some(score) => Ok(Self { score }),
        }
    }

    /// What it sounds like.
    pub fn score(&self) -> &Score {
        &self.score
    }
}

/// The field that a line is, if it is one: `K:D`, but not `d:|`.
pub(super) fn field(line: &str) -> Option<(char, &str)> {
    let mut letters = line.chars();
    let name = letters.next()?;
    let is_field = name.is_ascii_alphabetic() && letters.next() == Some(':');
    let value = letters.as_str();
    (is_field && !value.starts_with(['|', ':'])).then_some((name, value))
}

#[cfg(test)]
mod tests;
