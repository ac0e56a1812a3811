//! Keys: which notes are sharp or flat.

/// For each of C, D, E, F, G, A, B: how many semitones it is raised.
pub(super) type Signature = [i8; 7];

/// The letters of notes, in the order of a signature.
pub(super) const LETTERS: [char; 7] = ['C', 'D', 'E', 'F', 'G', 'A', 'B'];

/// In which order sharps come; flats come in the other.
const SHARPS: [usize; 7] = [3, 0, 4, 1, 5, 2, 6];

/// Sharps (flats below 0) of the major keys on the seven letters.
const MAJOR: [i8; 7] = [0, 2, 4, -1, 1, 3, 5];

/// How many sharps a mode has more than major, by its first three letters.
const MODES: [(&str, i8); 9] = [
    ("maj", 0),
    ("ion", 0),
    ("mix", -1),
    ("dor", -2),
    ("min", -3),
    ("aeo", -3),
    ("phr", -4),
    ("loc", -5),
    ("lyd", 1),
];

/// The signature of a key as ABC writes it: `D`, `Bb`, `F#m`, `A Dorian`, `none`; none if it is no
/// key.
pub(super) fn signature(text: &str) -> Option<Signature> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("none") {
        return Some([0; 7]);
    }
    // The highland bagpipe: F and C sharp.
    if matches!(text, "Hp" | "HP") {
        return Some(of_sharps(2));
    }
    let mut letters = text.chars();
    let tonic = letters.next()?;
    let tonic = LETTERS.iter().position(|&letter| letter == tonic)?;
    let rest = letters.as_str();
    let (raised, rest) = match rest.chars().next() {
        Some('#') => (7, &rest[1..]),
        Some('b') => (-7, &rest[1..]),
        _ => (0, rest),
    };
    let word = rest.split_whitespace().next().unwrap_or_default();
    let word = word.to_ascii_lowercase();
    let mode = match word.as_str() {
        "" => 0,
        "m" => -3,
        // What is no mode is a word of another kind: a clef, an octave.
        _ if word.contains('=') || word == "clef" => 0,
        _ => MODES.iter().find(|(name, _)| word.starts_with(name))?.1,
    };
    Some(of_sharps(MAJOR[tonic] + raised + mode))
}

fn of_sharps(sharps: i8) -> Signature {
    let mut signature = [0; 7];
    for step in 0..sharps.unsigned_abs() as usize {
        let at = step % SHARPS.len();
        match sharps > 0 {
            true => signature[SHARPS[at]] += 1,
            false => signature[SHARPS[SHARPS.len() - 1 - at]] -= 1,
        }
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_sharps_and_flats() {
        let of = |key: &str| signature(key).unwrap_or_else(|| panic!("{key}"));
        assert_eq!(of("C"), [0; 7]);
        assert_eq!(of("D"), [1, 0, 0, 1, 0, 0, 0]);
        assert_eq!(of("Bb"), [0, 0, -1, 0, 0, 0, -1]);
        for (one, other) in [
            ("Em", "G"),
            ("E Minor", "G"),
            ("A Dorian", "G"),
            ("D Mixolydian", "G"),
            ("Bphr", "G"),
            ("F#loc", "G"),
            ("C Lydian", "G"),
            ("Gm", "Bb"),
            ("F#m", "A"),
            ("Hp", "D"),
            ("EMin clef=bass", "G"),
        ] {
            assert_eq!(of(one), of(other), "{one}");
        }
        assert_eq!(of("Cb"), [-1; 7]);
        assert_eq!(signature("H"), None);
        assert_eq!(signature("Dxyz"), None);
    }
}
