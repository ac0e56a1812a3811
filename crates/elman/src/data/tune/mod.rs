//! Tunes: ABC notation, what it sounds like, and MIDI files.

mod abc;
mod book;
mod key;
mod midi;
mod score;

pub use abc::Tune;
pub use book::{lexemes, tunes};
pub use midi::write_midi;
pub use score::{FLUTE, PIANO, Score, ScoredNote, TICKS_PER_QUARTER};
