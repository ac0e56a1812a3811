//! What a tune sounds like: notes with their times.

/// The unit of times: so many are a quarter note. Halves down to 1/128 notes, triplets, quintuplets
/// and septuplets are whole numbers of it.
pub const TICKS_PER_QUARTER: u32 = 10_080;

/// A whole note.
pub(super) const WHOLE: u32 = 4 * TICKS_PER_QUARTER;

/// General MIDI's acoustic grand piano.
pub const PIANO: u8 = 0;
/// General MIDI's flute.
pub const FLUTE: u8 = 73;

/// A note as it sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoredNote {
    /// When it begins, in ticks.
    pub start: u32,
    /// How long it sounds, in ticks.
    pub duration: u32,
    /// MIDI's number of its pitch: 60 is the middle C.
    pub pitch: u8,
}

/// A tune with its repeats played out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// Its name, if it has one.
    pub title: String,
    /// In the order in which they begin.
    pub notes: Vec<ScoredNote>,
    /// General MIDI's number of the instrument, from 0.
    pub instrument: u8,
    /// Quarter notes a minute.
    pub tempo: u32,
    /// Beats of a bar, and which note has one: 6 and 8.
    pub meter: (u8, u8),
}
