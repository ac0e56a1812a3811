//! The parts of a text: what is trained on, what is held out, what it is judged on.

use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::file::{read_bytes, read_text};
use crate::data::parts::PartFiles;
use crate::data::tune::tunes;
use crate::error::Result;
use crate::recipe::{HeldOutParts, Normalisation, TextSettings, TokenSettings};

/// How many characters of a text an error shows.
const SHOWN: usize = 40;

/// Texts for training, validation and testing, in this order; a part may have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextParts(pub [Vec<Corpus>; 3]);

/// One text: UTF-8, unless it was read as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus(Vec<u8>);

impl Corpus {
    /// The text in `files`, one after the other.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, is empty or is not UTF-8.
    pub fn read(settings: &TextSettings, files: &[PathBuf]) -> Result<Self> {
        let mut text = Vec::new();
        for path in files {
            match settings.tokens {
                TokenSettings::Bytes => text.extend(read_bytes(path)?),
                _ => text.extend(Self::of(read_text(path)?, settings.normalise).0),
            }
        }
        Ok(Self(text))
    }

    /// Of a `text` from memory.
    pub fn of(text: String, normalisation: Normalisation) -> Self {
        Self(normalised(text, normalisation).into_bytes())
    }

    /// The text; of bytes that are no UTF-8 nothing.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its characters; of bytes that are no UTF-8 those that begin one.
    pub fn characters(&self) -> usize {
        self.0
            .iter()
            .filter(|&&byte| begins_a_character(byte))
            .count()
    }

    /// Enough of it to be recognised.
    pub(crate) fn shortened(&self) -> String {
        let text = self.text();
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }

    /// The tunes in it.
    pub fn tunes(&self) -> Vec<Self> {
        let tunes = tunes(self.text()).into_iter();
        tunes.map(|tune| Self(tune.into_bytes())).collect()
    }

    /// Cuts it before the characters at `places`, which rise or are the same.
    fn cut(&self, places: [usize; 2]) -> [Self; 3] {
        let byte_of = |place: usize| {
            let mut starts = (0..self.0.len()).filter(|&at| begins_a_character(self.0[at]));
            starts.nth(place).unwrap_or(self.0.len())
        };
        let [first, second] = places.map(byte_of);
        [0..first, first..second, second..self.0.len()].map(|range| Self(self.0[range].to_vec()))
    }
}

/// Is `byte` not one of those that continue a character of UTF-8?
fn begins_a_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

fn normalised(text: String, normalisation: Normalisation) -> String {
    match normalisation {
        Normalisation::None => text,
        Normalisation::Nfc => text.nfc().collect(),
    }
}

impl TextParts {
    /// The parts that `settings` describe. With a `place` the text for all of them is read from that
    /// file, or the files of those names from that folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or a part that must have text has none.
    pub fn read(settings: &TextSettings, place: Option<&Path>) -> Result<Self> {
        let files = PartFiles::of_text(settings, place);
        let text = Corpus::read(settings, &files.places(&settings.files))?;
        let characters = text.characters();
        let parts = match &settings.held_out {
            HeldOutParts::Shares { valid, test } => {
                let at = |share: f64| (characters as f64 * (1.0 - share)).round() as usize;
                let first = at(valid + test);
                text.cut([first, at(*test).max(first)])
            }
            HeldOutParts::Files { valid, test } => {
                let read = |names: &[String]| Corpus::read(settings, &files.places(names));
                [text, read(valid)?, read(test)?]
            }
        };
        let parts = parts.map(|part| match part.0.is_empty() {
            true => Vec::new(),
            false => vec![part],
        });
        files.ensure_complete(&parts, |name| {
            let problem =
                format!("there is no text to {name}: of {characters} characters none is left");
            let remedy = "give more text, or other shares (`data.valid`, `data.test`)";
            (problem, remedy)
        })?;
        Ok(Self(parts))
    }

    /// The same for tunes: every tune is a text of its own.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and when a part that must have tunes has none.
    pub fn read_tunes(settings: &TextSettings, place: Option<&Path>) -> Result<Self> {
        let read = |files: &[PathBuf]| Ok(Corpus::read(settings, files)?.tunes());
        let files = PartFiles::of_text(settings, place);
        let parts = files.read(read)?;
        files.ensure_complete(&parts, |name| {
            let problem = format!("there is no tune to {name}: {} were found", parts[0].len());
            let remedy =
                "give a file of tunes in ABC notation, each of which begins with a line `X:`";
            (problem, remedy)
        })?;
        Ok(Self(parts))
    }

    /// BLAKE3 over what training depends on: the first two parts.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in &self.0[..2] {
            for text in part {
                hasher.update(&(text.0.len() as u64).to_le_bytes());
                hasher.update(&text.0);
            }
            hasher.update(&u64::MAX.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn settings(folder: &TempDir, text: &str, held_out: HeldOutParts) -> TextSettings {
        let path = folder.path().join("a.txt");
        fs::write(&path, text).expect("written");
        TextSettings {
            files: vec![path.to_string_lossy().into_owned()],
            held_out,
            tokens: TokenSettings::Characters,
            normalise: Normalisation::None,
        }
    }

    fn shares(valid: f64, test: f64) -> HeldOutParts {
        HeldOutParts::Shares { valid, test }
    }

    fn texts(parts: &TextParts) -> Vec<Vec<&str>> {
        let parts = parts.0.iter();
        parts
            .map(|part| part.iter().map(Corpus::text).collect())
            .collect()
    }

    #[test]
    fn shares_are_of_characters_and_cut_none() {
        let folder = TempDir::new().expect("a folder");
        let text = "äöüäöüäöüß";
        let parts = TextParts::read(&settings(&folder, text, shares(0.2, 0.1)), None);
        assert_eq!(texts(&parts.expect("parts")), [["äöüäöüä"], ["öü"], ["ß"]]);
        let parts = TextParts::read(&settings(&folder, text, shares(0.0, 0.5)), None);
        let parts = parts.expect("parts");
        assert_eq!(texts(&parts), [vec!["äöüäö"], vec![], vec!["üäöüß"]]);
    }

    #[test]
    fn files_of_their_own_and_several_files() {
        let folder = TempDir::new().expect("a folder");
        let other = folder.path().join("b.txt");
        fs::write(&other, "bb").expect("written");
        let other = other.to_string_lossy().into_owned();
        let held_out = HeldOutParts::Files {
            valid: Vec::new(),
            test: vec![other.clone()],
        };
        let mut settings = settings(&folder, "aaa", held_out);
        settings.files.push(other);
        let parts = TextParts::read(&settings, None).expect("parts");
        assert_eq!(texts(&parts), [vec!["aaabb"], vec![], vec!["bb"]]);
        let moved = TextParts::read(&settings, Some(folder.path())).expect("parts");
        assert_eq!(moved, parts);
        assert_eq!(moved.fingerprint(), parts.fingerprint());
    }

    #[test]
    fn a_text_too_short_for_its_parts_is_refused() {
        let folder = TempDir::new().expect("a folder");
        let refused = |text: &str| {
            let refused = TextParts::read(&settings(&folder, text, shares(0.1, 0.1)), None);
            let message = refused.expect_err("refused").to_string();
            message.replace(&folder.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(refused("a"), @"data DIR/a.txt: there is no text to validate on: of 1 characters none is left; give more text, or other shares (`data.valid`, `data.test`)");
        insta::assert_snapshot!(refused("abcd"), @"data DIR/a.txt: there is no text to test on: of 4 characters none is left; give more text, or other shares (`data.valid`, `data.test`)");
    }

    #[test]
    fn combining_marks_are_composed_when_the_recipe_says_so() {
        let folder = TempDir::new().expect("a folder");
        let mut settings = settings(&folder, "e\u{301}e\u{301}e\u{301}", shares(0.0, 0.4));
        let parts = TextParts::read(&settings, None).expect("parts");
        assert_eq!(
            texts(&parts),
            [vec!["e\u{301}e\u{301}"], vec![], vec!["e\u{301}"]]
        );
        settings.normalise = Normalisation::Nfc;
        let parts = TextParts::read(&settings, None).expect("parts");
        assert_eq!(
            texts(&parts),
            [["é", "é"].concat().as_str()]
                .iter()
                .map(|it| vec![*it])
                .chain([vec![], vec!["é"]])
                .collect::<Vec<_>>()
        );
    }
}
