//! From symbols to notes: keys, accidentals of a bar, lengths, ties; then repeats.

use super::lexer::{Bar, Lexer, Symbol};
use super::{Fault, Fields, Fraction};
use crate::data::tune::score::{FLUTE, Score, ScoredNote, WHOLE};

/// Semitones of C, D, E, F, G, A, B above C.
const SEMITONES: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
/// MIDI's number of the middle C.
const MIDDLE_C: i32 = 60;
const OCTAVE: i32 = 12;
const HIGHEST_PITCH: i32 = 127;
/// No tune is longer: repeats cannot make one endless.
const MOST_ITEMS: usize = 1_000_000;

/// What is written, in its order.
#[derive(Clone, Debug)]
enum Item {
    /// Notes at once, or a rest when there are none.
    Sound {
        pitches: Vec<u8>,
        ticks: u32,
        /// Do they go on in the next?
        is_tied: bool,
    },
    Bar(Bar),
    Ending(Vec<u32>),
}

/// The notes of a chord that is open, with the length of the first.
type OpenChord = (Vec<(usize, i8, u8)>, Option<Fraction>);

/// The music of a tune while it is read.
#[derive(Debug)]
pub(super) struct Body {
    fields: Fields,
    /// Tempo and metre at the beginning.
    first: Fields,
    items: Vec<Item>,
    /// Accidentals of this bar: letter and octave, and by how many semitones.
    accidentals: Vec<(usize, i8, i8)>,
    /// Pitches that a tie carries on, with their letter and octave.
    tied: Vec<(usize, i8, u8)>,
    /// The last notes, for a tie after them.
    last: Vec<(usize, i8, u8)>,
    /// The notes of a chord that is open, with the length of the first.
    chord: Option<OpenChord>,
    is_grace: bool,
    /// What a broken rhythm makes of the next length.
    next_factor: Option<Fraction>,
    /// The factor of a tuplet's lengths, and its notes that are left.
    tuplet: Option<(Fraction, u32)>,
}

impl Body {
    pub(super) fn new(fields: Fields) -> Self {
        Self {
            first: fields.clone(),
            fields,
            items: Vec::new(),
            accidentals: Vec::new(),
            tied: Vec::new(),
            last: Vec::new(),
            chord: None,
            is_grace: false,
            next_factor: None,
            tuplet: None,
        }
    }

    /// A field on a line of its own, or inline.
    pub(super) fn field(&mut self, name: char, value: &str, column: usize) -> Result<(), Fault> {
        self.fields.set(name, value, column)?;
        if name == 'K' {
            self.accidentals.clear();
        }
        Ok(())
    }

    /// A line of music.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Fault> {
        let mut lexer = Lexer::new(line);
        loop {
            let column = lexer.column();
            let Some(symbol) = lexer.next()? else {
                return self.line_ends(column);
            };
            let is_bar = matches!(symbol, Symbol::Bar(_));
            self.symbol(symbol, column)?;
            if is_bar && let Some(Symbol::Ending(times)) = lexer.ending_after_bar() {
                self.items.push(Item::Ending(times));
            }
        }
    }

    /// Nothing that was begun goes on in the next line.
    fn line_ends(&self, column: usize) -> Result<(), Fault> {
        let open = match (&self.chord, self.is_grace) {
            (Some(_), _) => "a chord that `]` ends",
            (None, true) => "grace notes that `}` ends",
            (None, false) => return Ok(()),
        };
        Err(Fault::new(
            column,
            format!("expected {open}, found the end of the line"),
        ))
    }

    fn symbol(&mut self, symbol: Symbol, column: usize) -> Result<(), Fault> {
        match symbol {
            Symbol::GraceBegins => self.is_grace = true,
            Symbol::GraceEnds => self.is_grace = false,
            // Grace notes take their time from others.
            _ if self.is_grace => {}
            Symbol::Note {
                accidental,
                letter,
                octave,
                length,
            } => {
                let pitch = self.pitch(accidental, (letter, octave), column)?;
                let note = (letter, octave, pitch);
                match &mut self.chord {
                    Some((notes, first)) => {
                        notes.push(note);
                        first.get_or_insert(length);
                    }
                    None => self.sound(vec![note], length, column)?,
                }
            }
            Symbol::Rest(length) => self.sound(Vec::new(), length, column)?,
            Symbol::BarRests(bars) => self.items.push(Item::Sound {
                pitches: Vec::new(),
                ticks: self.fields.bar().saturating_mul(bars),
                is_tied: false,
            }),
            Symbol::ChordBegins => {
                if self.chord.is_some() {
                    return Err(Fault::new(column, "a chord begins within a chord"));
                }
                self.chord = Some((Vec::new(), None));
            }
            Symbol::ChordEnds(factor) => {
                let Some((notes, first)) = self.chord.take() else {
                    return Err(Fault::new(column, "`]` without a chord before it"));
                };
                let length = first.unwrap_or(Fraction::ONE).times(factor);
                if !notes.is_empty() {
                    self.sound(notes, length, column)?;
                }
            }
            Symbol::Tie => self.tie(),
            Symbol::Broken(count) => self.broken(count, column)?,
            Symbol::Tuplet { notes, time, count } => {
                self.begin_tuplet(notes, time, count, column)?
            }
            Symbol::Bar(bar) => {
                self.accidentals.clear();
                self.items.push(Item::Bar(bar));
            }
            Symbol::Ending(times) => self.items.push(Item::Ending(times)),
            Symbol::Field(name, value) => self.field(name, &value, column)?,
        }
        Ok(())
    }

    /// By its own accidental, else by that of a note that it is tied to, of its bar, or of the key.
    fn pitch(
        &mut self,
        accidental: Option<i8>,
        (letter, octave): (usize, i8),
        column: usize,
    ) -> Result<u8, Fault> {
        let is_here = |&&(its_letter, its_octave, _): &&(usize, i8, i8)| {
            (its_letter, its_octave) == (letter, octave)
        };
        let raised = match (accidental, self.accidentals.iter().rev().find(is_here)) {
            (Some(by), _) => {
                self.accidentals.push((letter, octave, by));
                by
            }
            (None, Some(&(_, _, by))) => by,
            (None, None) => {
                let tied = self.tied.iter().find(|it| (it.0, it.1) == (letter, octave));
                if let Some(&(_, _, pitch)) = tied {
                    return Ok(pitch);
                }
                self.fields.signature[letter]
            }
        };
        let pitch = MIDDLE_C + OCTAVE * i32::from(octave) + SEMITONES[letter] + i32::from(raised);
        match u8::try_from(pitch).ok().filter(|_| pitch <= HIGHEST_PITCH) {
            Some(pitch) => Ok(pitch),
            None => Err(Fault::new(
                column,
                "the note is beyond the eleven octaves of MIDI",
            )),
        }
    }

    fn sound(
        &mut self,
        notes: Vec<(usize, i8, u8)>,
        length: Fraction,
        column: usize,
    ) -> Result<(), Fault> {
        let mut length = self.fields.unit().times(length);
        if let Some(factor) = self.next_factor.take() {
            length = length.times(factor);
        }
        if let Some((factor, left)) = &mut self.tuplet {
            length = length.times(*factor);
            *left -= 1;
            if *left == 0 {
                self.tuplet = None;
            }
        }
        let ticks = length.of(WHOLE);
        if ticks == 0 {
            return Err(Fault::new(
                column,
                format!("the length {length} is too short"),
            ));
        }
        self.items.push(Item::Sound {
            pitches: notes.iter().map(|note| note.2).collect(),
            ticks,
            is_tied: false,
        });
        self.tied.clear();
        self.last = notes;
        Ok(())
    }

    /// What was last goes on in what is next. Ties of single notes of a chord are passed over.
    fn tie(&mut self) {
        if self.chord.is_some() {
            return;
        }
        if let Some(Item::Sound { is_tied, .. }) = self.items.last_mut() {
            *is_tied = true;
            self.tied = self.last.clone();
        }
    }

    /// `>`: 3/2 and 1/2, `>>`: 7/4 and 1/4, `>>>`: 15/8 and 1/8.
    fn broken(&mut self, count: i8, column: usize) -> Result<(), Fault> {
        let parts = 1_u32 << count.unsigned_abs();
        let (long, short) = (Fraction::new(2 * parts - 1, parts), Fraction::new(1, parts));
        let (before, after) = if count > 0 {
            (long, short)
        } else {
            (short, long)
        };
        let last = self.items.iter_mut().rev().find_map(|item| match item {
            Item::Sound { ticks, .. } => Some(ticks),
            Item::Bar(_) | Item::Ending(_) => None,
        });
        let Some(ticks) = last else {
            return Err(Fault::new(column, "a broken rhythm has no note before it"));
        };
        let changed = before.of(*ticks);
        if changed == 0 {
            return Err(Fault::new(column, "the note before is too short for it"));
        }
        *ticks = changed;
        self.next_factor = Some(after);
        Ok(())
    }

    fn begin_tuplet(
        &mut self,
        notes: u32,
        time: Option<u32>,
        count: Option<u32>,
        column: usize,
    ) -> Result<(), Fault> {
        let (beats, beat) = self.fields.meter;
        let is_compound = beat == 8 && beats % 3 == 0;
        let time = match (time, notes) {
            (Some(time), _) => time,
            (None, 3 | 6) => 2,
            (None, 2 | 4 | 8) => 3,
            (None, 5 | 7 | 9) if is_compound => 3,
            (None, 5 | 7 | 9) => 2,
            (None, _) => {
                let problem =
                    format!("a tuplet of {notes} must say its time, such as `({notes}:2`");
                return Err(Fault::new(column, problem));
            }
        };
        self.tuplet = Some((Fraction::new(time, notes), count.unwrap_or(notes)));
        Ok(())
    }

    /// What it all sounds like, repeats played.
    pub(super) fn finish(self) -> Score {
        let mut notes = Vec::new();
        let mut now = 0_u32;
        // Notes that a tie carries on, by their place in the list.
        let mut tied: Vec<usize> = Vec::new();
        for (pitches, ticks, is_tied) in played(&self.items) {
            let mut sounding = Vec::with_capacity(pitches.len());
            for &pitch in pitches {
                let carried = tied.iter().find(|&&at: &&usize| {
                    let note: &ScoredNote = &notes[at];
                    note.pitch == pitch
                });
                match carried {
                    Some(&at) => {
                        let note: &mut ScoredNote = &mut notes[at];
                        note.duration = note.duration.saturating_add(ticks);
                        sounding.push(at);
                    }
                    None => {
                        sounding.push(notes.len());
                        notes.push(ScoredNote {
                            start: now,
                            duration: ticks,
                            pitch,
                        });
                    }
                }
            }
            tied = if is_tied { sounding } else { Vec::new() };
            now = now.saturating_add(ticks);
        }
        Score {
            title: self.first.title,
            notes,
            instrument: FLUTE,
            tempo: self.first.tempo,
            meter: self.first.meter,
        }
    }
}

/// Has the part that `items` begin with an ending for time `pass`?
fn has_ending(items: &[Item], pass: u32) -> bool {
    let part = items
        .iter()
        .take_while(|item| !matches!(item, Item::Bar(bar) if bar.begins_repeat));
    let mut endings = part.filter_map(|item| match item {
        Item::Ending(times) => Some(times),
        Item::Bar(_) | Item::Sound { .. } => None,
    });
    endings.any(|times| times.contains(&pass))
}

/// The sounds in the order in which they are played.
fn played(items: &[Item]) -> Vec<(&[u8], u32, bool)> {
    let mut out = Vec::new();
    // Where the part that is repeated begins, which time it is played, and whether endings are in it.
    let (mut start, mut pass, mut has_endings) = (0, 1, false);
    // Is this an ending of another time?
    let mut is_skipped = false;
    // Does `|:` stand where it begins? Else every thick bar begins another part.
    let mut is_marked = false;
    let mut at = 0;
    while at < items.len() && out.len() < MOST_ITEMS {
        match &items[at] {
            Item::Sound {
                pitches,
                ticks,
                is_tied,
            } => {
                if !is_skipped {
                    out.push((pitches.as_slice(), *ticks, *is_tied));
                }
            }
            Item::Ending(times) => {
                has_endings = true;
                is_skipped = !times.contains(&pass);
            }
            Item::Bar(bar) => {
                // Another ending right after it says that there is another time.
                let next_times = match items.get(at + 1) {
                    Some(Item::Ending(times)) => Some(times),
                    _ => None,
                };
                if bar.ends_repeat && !is_skipped {
                    let again = match next_times {
                        Some(_) => has_ending(&items[start..], pass + 1),
                        None => pass == 1 && !has_endings,
                    };
                    if again {
                        pass += 1;
                        at = start;
                        continue;
                    }
                }
                if bar.is_thick || bar.ends_repeat {
                    is_skipped = false;
                }
                let is_over = bar.is_thick && (has_endings && pass > 1 || !is_marked);
                let is_border = bar.ends_repeat || bar.begins_repeat || is_over;
                if is_border && next_times.is_none() {
                    (start, pass, has_endings) = (at + 1, 1, false);
                    is_marked = bar.begins_repeat;
                }
            }
        }
        at += 1;
    }
    out
}
