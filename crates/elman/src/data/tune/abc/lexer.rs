//! The symbols of a line of music.

use super::{Fault, Fraction};
use crate::data::tune::key;

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A note, its length in units.
    Note {
        /// Semitones, if an accidental stands before it.
        accidental: Option<i8>,
        /// 0 for C to 6 for B.
        letter: usize,
        /// 0 for the octave of the middle C.
        octave: i8,
        length: Fraction,
    },
    /// A rest, its length in units.
    Rest(Fraction),
    /// Rests of whole bars.
    BarRests(u32),
    ChordBegins,
    /// With the factor of all its lengths.
    ChordEnds(Fraction),
    Tie,
    /// The note before it becomes longer and the one after it shorter, so many times; below 0 the
    /// other way round.
    Broken(i8),
    /// `notes` in the time of `time`, the next `count`.
    Tuplet {
        notes: u32,
        time: Option<u32>,
        count: Option<u32>,
    },
    Bar(Bar),
    /// Which times what follows is played.
    Ending(Vec<u32>),
    GraceBegins,
    GraceEnds,
    Field(char, String),
}

/// What a bar line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// What is before it is played again.
    pub(super) ends_repeat: bool,
    /// What is after it will be played again.
    pub(super) begins_repeat: bool,
    /// It ends a part, and so an ending.
    pub(super) is_thick: bool,
}

/// Symbols that change no note.
const DECORATIONS: &str = "~.HIJLMNOPQRSTUVWhijklmnopqrstuvw";

/// Walks over a line.
pub(super) struct Lexer {
    letters: Vec<char>,
    at: usize,
}

impl Lexer {
    pub(super) fn new(line: &str) -> Self {
        Self {
            letters: line.chars().collect(),
            at: 0,
        }
    }

    /// From 1.
    pub(super) fn column(&self) -> usize {
        self.at + 1
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let is_there = self.peek(0) == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    /// Passes over what is between here and `end`; false, and nothing passed, if that does not come.
    fn skip_to(&mut self, end: char) -> bool {
        let rest = &self.letters[self.at..];
        let found = rest.iter().position(|&it| it == end);
        self.at += found.map_or(0, |length| length + 1);
        found.is_some()
    }

    /// The next symbol; none at the end of the line or before a comment.
    pub(super) fn next(&mut self) -> Result<Option<Symbol>, Fault> {
        loop {
            let column = self.column();
            let Some(it) = self.peek(0) else {
                return Ok(None);
            };
            let symbol = match it {
                '%' => return Ok(None),
                'A'..='G' | 'a'..='g' | '^' | '_' | '=' => self.note()?,
                '|' | ':' => self.bar(),
                '[' => self.bracket()?,
                _ => {
                    self.at += 1;
                    match self.other(it, column)? {
                        Some(symbol) => symbol,
                        None => continue,
                    }
                }
            };
            return Ok(Some(symbol));
        }
    }

    /// The symbol that begins with `it`, which is passed; none where it changes no note.
    fn other(&mut self, it: char, column: usize) -> Result<Option<Symbol>, Fault> {
        let unclosed = |end: char| {
            Err(Fault::new(
                column,
                format!("`{it}` has no `{end}` after it"),
            ))
        };
        Ok(Some(match it {
            'z' | 'x' => Symbol::Rest(self.length(column)?),
            'Z' | 'X' => Symbol::BarRests(self.number(column)?.unwrap_or(1)),
            ']' => Symbol::ChordEnds(self.length(column)?),
            '-' => Symbol::Tie,
            '>' | '<' => {
                let mut count = 1;
                while count < 3 && self.take(it) {
                    count += 1;
                }
                Symbol::Broken(if it == '>' { count } else { -count })
            }
            '(' if self.peek(0).is_some_and(|next| next.is_ascii_digit()) => self.tuplet(column)?,
            '{' => Symbol::GraceBegins,
            '}' => Symbol::GraceEnds,
            '"' if !self.skip_to('"') => return unclosed('"'),
            // A lone `!` was once a line break.
            '!' => {
                self.skip_to('!');
                return Ok(None);
            }
            '+' if !self.skip_to('+') => return unclosed('+'),
            '"' | '+' | '(' | ')' | ' ' | '\t' | '`' | '\\' | 'y' | '*' | '$' => return Ok(None),
            _ if DECORATIONS.contains(it) => return Ok(None),
            _ => {
                let problem = format!("expected a note, a rest or a bar, found {it:?}");
                return Err(Fault::new(column, problem));
            }
        }))
    }

    fn note(&mut self) -> Result<Symbol, Fault> {
        let column = self.column();
        let mut accidental = None;
        while let Some(it @ ('^' | '_' | '=')) = self.peek(0) {
            self.at += 1;
            let by = match it {
                '^' => 1,
                '_' => -1,
                _ => 0,
            };
            accidental = Some(accidental.unwrap_or(0_i8).saturating_add(by));
        }
        let letter = match self.peek(0) {
            Some(it @ ('A'..='G' | 'a'..='g'))
                if accidental.is_none_or(|by| by.unsigned_abs() <= 2) =>
            {
                it
            }
            found => {
                let found = found.map_or("the end of the line".to_owned(), |it| format!("{it:?}"));
                return Err(Fault::new(
                    column,
                    format!("expected a note after at most two accidentals, found {found}"),
                ));
            }
        };
        self.at += 1;
        let mut octave = i8::from(letter.is_ascii_lowercase());
        while let Some(it @ ('\'' | ',')) = self.peek(0) {
            self.at += 1;
            octave = octave.saturating_add(if it == '\'' { 1 } else { -1 });
        }
        let upper = letter.to_ascii_uppercase();
        let place = key::LETTERS.iter().position(|&it| it == upper);
        Ok(Symbol::Note {
            accidental,
            letter: place.unwrap_or(0),
            octave,
            length: self.length(column)?,
        })
    }

    /// Digits, if there are some.
    fn number(&mut self, column: usize) -> Result<Option<u32>, Fault> {
        const LARGEST: u32 = 1000;
        let start = self.at;
        while self.peek(0).is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at {
            return Ok(None);
        }
        let digits: String = self.letters[start..self.at].iter().collect();
        let number = digits
            .parse()
            .ok()
            .filter(|number| (1..=LARGEST).contains(number));
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Fault::new(
                column,
                format!("expected a number from 1 to {LARGEST}, found {digits}"),
            )),
        }
    }

    /// `3`, `/2`, `3/2`, `/`, `//`: a factor.
    fn length(&mut self, column: usize) -> Result<Fraction, Fault> {
        let numerator = self.number(column)?.unwrap_or(1);
        let mut halvings = 0;
        while halvings < 8 && self.take('/') {
            halvings += 1;
        }
        let denominator = match (halvings, self.number_after(halvings, column)?) {
            (0, _) => 1,
            (1, Some(denominator)) => denominator,
            (halvings, _) => 1 << halvings,
        };
        Ok(Fraction::new(numerator, denominator))
    }

    fn number_after(&mut self, halvings: u32, column: usize) -> Result<Option<u32>, Fault> {
        match halvings {
            1 => self.number(column),
            _ => Ok(None),
        }
    }

    /// `3`, `3:2`, `3:2:4`, `3::4`, after the bracket.
    fn tuplet(&mut self, column: usize) -> Result<Symbol, Fault> {
        let notes = self.number(column)?.unwrap_or(1);
        let mut rest = [None; 2];
        for part in &mut rest {
            // `(3:|` is a tuplet before a bar.
            let goes_on = self
                .peek(1)
                .is_some_and(|next| next.is_ascii_digit() || next == ':');
            if self.peek(0) != Some(':') || !goes_on {
                break;
            }
            self.at += 1;
            *part = self.number(column)?;
        }
        let [time, count] = rest;
        Ok(Symbol::Tuplet { notes, time, count })
    }

    fn bar(&mut self) -> Symbol {
        let start = self.at;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('|' | ':'), _) => self.at += 1,
                // `[` belongs to it before another line, `]` after one.
                (Some('['), Some('|')) => self.at += 1,
                (Some(']'), _) if self.at > start && self.letters[self.at - 1] == '|' => {
                    self.at += 1
                }
                _ => break,
            }
        }
        let text: String = self.letters[start..self.at].iter().collect();
        Symbol::Bar(Bar {
            ends_repeat: text.starts_with(':'),
            begins_repeat: text.ends_with(':') && text.len() > 1,
            is_thick: text.len() > 1,
        })
    }

    /// `[K:D]`, `[1`, `[|` or a chord.
    fn bracket(&mut self) -> Result<Symbol, Fault> {
        let column = self.column();
        match (self.peek(1), self.peek(2)) {
            (Some('|'), _) => Ok(self.bar()),
            (Some(name), Some(':')) if name.is_ascii_alphabetic() => {
                self.at += 3;
                let start = self.at;
                if !self.skip_to(']') {
                    return Err(Fault::new(column, "`[` has no `]` after it"));
                }
                let value = self.letters[start..self.at - 1].iter().collect();
                Ok(Symbol::Field(name, value))
            }
            (Some(next), _) if next.is_ascii_digit() => {
                self.at += 1;
                Ok(self.ending())
            }
            _ => {
                self.at += 1;
                Ok(Symbol::ChordBegins)
            }
        }
    }

    /// After a bar line: `1`, `1,3`, `1-3`, if an ending stands there.
    pub(super) fn ending_after_bar(&mut self) -> Option<Symbol> {
        let is_there = self.peek(0).is_some_and(|it| it.is_ascii_digit());
        is_there.then(|| self.ending())
    }

    fn ending(&mut self) -> Symbol {
        let mut times: Vec<u32> = Vec::new();
        let mut until = false;
        loop {
            match self.peek(0) {
                Some(it) if it.is_ascii_digit() => {
                    let time = it.to_digit(10).unwrap_or(1);
                    match times.last() {
                        Some(&first) if until => times.extend(first + 1..=time),
                        _ => times.push(time),
                    }
                    until = false;
                }
                Some('-') if self.peek(1).is_some_and(|it| it.is_ascii_digit()) => until = true,
                Some(',') if self.peek(1).is_some_and(|it| it.is_ascii_digit()) => {}
                _ => return Symbol::Ending(times),
            }
            self.at += 1;
        }
    }
}
