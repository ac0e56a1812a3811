//! Files of tunes: from a collection in ABC to tunes one by one.

use super::abc::field;

/// Fields that say how a tune sounds or is called; others (who wrote it down, where) are left out.
const KEPT_FIELDS: &str = "TRMLQK";

/// The tunes in `text`, a file of ABC: each begins at a line `X:` and ends at an empty line. Of each
/// stay the first title, rhythm, metre, unit of lengths, tempo, key, and the music; comments and
/// other fields go. The first line is always `X:1`.
pub fn tunes(text: &str) -> Vec<String> {
    let mut tunes = Vec::new();
    let mut tune: Option<String> = None;
    for line in text.lines().chain([""]) {
        let line = line.trim();
        if line.is_empty() {
            tunes.extend(tune.take());
        } else if line.starts_with("X:") {
            tunes.extend(tune.replace("X:1\n".to_owned()));
        } else if let Some(tune) = &mut tune {
            add(tune, line);
        }
    }
    // A tune without a key has no music.
    tunes.retain(|tune| tune.contains("\nK:"));
    tunes
}

fn add(tune: &mut String, line: &str) {
    let line = line.split('%').next().unwrap_or_default().trim_end();
    match field(line) {
        Some((name, value)) => {
            let again = name == 'T' && tune.contains("\nT:");
            if KEPT_FIELDS.contains(name) && !again && !value.trim().is_empty() {
                tune.push_str(&format!("{name}:{}\n", value.trim()));
            }
        }
        None if line.is_empty() => {}
        None => {
            tune.push_str(line);
            tune.push('\n');
        }
    }
}

/// Cuts a tune into pieces whose concatenation it is: field lines (titles letter by letter), notes
/// with their accidentals, octaves and lengths, bars, other signs one by one.
pub fn lexemes(tune: &str) -> impl Iterator<Item = &str> {
    let mut rest = tune;
    let mut is_line_start = true;
    let mut is_title = false;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = if is_title && first != '\n' {
            first.len_utf8()
        } else if is_line_start && rest.starts_with("T:") {
            is_title = true;
            "T:".len()
        } else if is_line_start && field(rest).is_some() {
            rest.find('\n').map_or(rest.len(), |at| at + 1)
        } else {
            sign(rest)
        };
        let (piece, after) = rest.split_at(length);
        is_line_start = piece.ends_with('\n');
        is_title &= !is_line_start;
        rest = after;
        Some(piece)
    })
}

/// The bytes of the note, bar or other sign at the start of `text`, which is not empty.
fn sign(text: &str) -> usize {
    let span = |from: usize, is_part: fn(char) -> bool| {
        text[from..]
            .find(|it| !is_part(it))
            .map_or(text.len(), |at| from + at)
    };
    let accidentals = span(0, |it| "^_=".contains(it));
    match text[accidentals..].chars().next() {
        Some('A'..='G' | 'a'..='g' | 'z' | 'x' | 'Z') => {
            let octave = span(accidentals + 1, |it| "',".contains(it));
            span(octave, |it| it.is_ascii_digit() || it == '/')
        }
        Some('|' | ':') if accidentals == 0 => span(0, |it| "|:]".contains(it)),
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = "% A book\n\nX: 7\nT: One\nT: Its other name\nM: 6/8\nZ: somebody\nK:D\nAB^c'3/2|1 z2 :|% end\n%% end\n\n\nX:8\nT:No music\n\nX:9\nK:G\nd:|\n";

    #[test]
    fn tunes_are_found_one_by_one() {
        let found = tunes(BOOK);
        assert_eq!(
            found,
            [
                "X:1\nT:One\nM:6/8\nK:D\nAB^c'3/2|1 z2 :|\n",
                "X:1\nK:G\nd:|\n"
            ]
        );
    }

    #[test]
    fn lexemes_are_notes_and_make_the_tune_again() {
        let tune = &tunes(BOOK)[0];
        let found: Vec<&str> = lexemes(tune).collect();
        let expected = [
            "X:1\n", "T:", "O", "n", "e", "\n", "M:6/8\n", "K:D\n", "A", "B", "^c'3/2", "|", "1",
            " ", "z2", " ", ":|", "\n",
        ];
        assert_eq!(found, expected);
        assert_eq!(found.concat(), *tune);
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(text in "[A-Ga-gTMK:|\\[\\]^_=',0-9/ é\n]{0,50}") {
            proptest::prop_assert_eq!(lexemes(&text).collect::<String>(), text);
        }
    }
}
