//! A tune as a MIDI file.

use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind,
};

use super::score::{Score, TICKS_PER_QUARTER};
use crate::error::{Error, Result};

const MICROSECONDS_A_MINUTE: u32 = 60_000_000;
/// How hard every note is struck, of 127.
const VELOCITY: u8 = 80;
/// MIDI clocks of a metronome click, and 32nd notes of a quarter.
const CLOCKS: [u8; 2] = [24, 8];

/// The largest time between two events, in ticks: 28 bits.
const LONGEST: u32 = (1 << 28) - 1;

/// What happens to a note.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// Comes before the beginnings of the same time.
    Ends,
    Begins,
}

/// `score` as a Standard MIDI File with one track.
///
/// # Errors
///
/// When it has no note, or is longer than a file can say.
pub fn write_midi(score: &Score) -> Result<Vec<u8>> {
    if score.notes.is_empty() {
        return Err(Error::argument(
            "tune",
            "it has no note",
            "write a longer tune, or another one (`--seed`)",
        ));
    }
    let mut changes: Vec<(u32, Change, u8)> = Vec::with_capacity(2 * score.notes.len());
    for note in &score.notes {
        changes.push((note.start, Change::Begins, note.pitch));
        let end = note.start.saturating_add(note.duration);
        changes.push((end, Change::Ends, note.pitch));
    }
    changes.sort_unstable();
    if changes.last().is_some_and(|(end, ..)| *end > LONGEST) {
        return Err(Error::argument(
            "tune",
            "it is longer than a MIDI file can say",
            "write a shorter one, or shorter rests",
        ));
    }
    let (beats, beat) = score.meter;
    let per_beat = MICROSECONDS_A_MINUTE / score.tempo;
    let meta = |message| event(0, TrackEventKind::Meta(message));
    let mut track = vec![
        meta(MetaMessage::TrackName(score.title.as_bytes())),
        meta(MetaMessage::Tempo(u24::new(per_beat))),
        meta(MetaMessage::TimeSignature(
            beats,
            beat.trailing_zeros() as u8,
            CLOCKS[0],
            CLOCKS[1],
        )),
        midi(
            0,
            MidiMessage::ProgramChange {
                program: u7::new(score.instrument),
            },
        ),
    ];
    let mut now = 0;
    for (time, change, pitch) in changes {
        let key = u7::new(pitch);
        let message = match change {
            Change::Begins => MidiMessage::NoteOn {
                key,
                vel: u7::new(VELOCITY),
            },
            Change::Ends => MidiMessage::NoteOff {
                key,
                vel: u7::new(0),
            },
        };
        track.push(midi(time - now, message));
        now = time;
    }
    track.push(meta(MetaMessage::EndOfTrack));
    file(track)
}

fn file(track: Track<'_>) -> Result<Vec<u8>> {
    let timing = Timing::Metrical(u15::new(TICKS_PER_QUARTER as u16));
    let mut file = Smf::new(Header::new(Format::SingleTrack, timing));
    file.tracks.push(track);
    let mut bytes = Vec::new();
    file.write_std(&mut bytes)
        .map_err(|source| Error::io("make", "a MIDI file", source))?;
    Ok(bytes)
}

fn event(delta: u32, kind: TrackEventKind<'_>) -> TrackEvent<'_> {
    TrackEvent {
        delta: u28::new(delta),
        kind,
    }
}

fn midi(delta: u32, message: MidiMessage) -> TrackEvent<'static> {
    let channel = u4::new(0);
    event(delta, TrackEventKind::Midi { channel, message })
}

#[cfg(test)]
mod tests {
    use super::super::ScoredNote;
    use super::*;

    #[test]
    fn a_file_has_the_notes_that_were_written() {
        let note = |start, duration, pitch| ScoredNote {
            start,
            duration,
            pitch,
        };
        let score = Score {
            title: "two notes".to_owned(),
            notes: vec![note(0, 5040, 60), note(0, 10_080, 64), note(5040, 5040, 60)],
            instrument: 52,
            tempo: 120,
            meter: (6, 8),
        };
        let bytes = write_midi(&score).expect("a file");
        let file = Smf::parse(&bytes).expect("a MIDI file");
        let mut now = 0;
        let mut found = Vec::new();
        for event in &file.tracks[0] {
            now += event.delta.as_int();
            if let TrackEventKind::Midi { message, .. } = event.kind {
                match message {
                    MidiMessage::NoteOn { key, .. } => found.push((now, "on", key.as_int())),
                    MidiMessage::NoteOff { key, .. } => found.push((now, "off", key.as_int())),
                    MidiMessage::ProgramChange { program } => assert_eq!(program, 52),
                    _ => {}
                }
            }
        }
        let expected = [
            (0, "on", 60),
            (0, "on", 64),
            (5040, "off", 60),
            (5040, "on", 60),
            (10_080, "off", 60),
            (10_080, "off", 64),
        ];
        assert_eq!(found, expected);
        let timing = file.header.timing;
        assert_eq!(timing, Timing::Metrical(u15::new(10_080)));
        let empty = Score {
            notes: Vec::new(),
            ..score
        };
        assert!(
            write_midi(&empty)
                .expect_err("nothing")
                .to_string()
                .contains("no note")
        );
    }
}
