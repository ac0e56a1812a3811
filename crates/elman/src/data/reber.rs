//! The embedded Reber grammar: strings whose second letter says what the last but one must be.
//!
//! ```text
//! Reber grammar                       embedded: B, T or P, a Reber string, the same T or P, E
//!
//!        ╭─S─╮   X     S
//!      T►(2)◄╯──────►(4)─────╮              ╭─T─► Reber ─T─╮
//! B ─►(1)              │▲X  P│► (6) ─E   B ─┤              ├─ E
//!      P►(3)◄╮──────►(5)─────╯              ╰─P─► Reber ─P─╯
//!        ╰─T─╯   V      V
//! ```
//!
//! Reber (1967), "Implicit learning of artificial grammars"; embedded by Hochreiter and
//! Schmidhuber (1997), "Long short-term memory". Exercise 7 of the chapter draws its strings with NumPy:
//! with the same seed the same strings come out here.

use crate::data::sequences::{SequenceDataset, Targets};
use crate::error::{Error, Result};
use crate::random::numpy::RandomState;

/// The letters of all strings, in the order of their features: `F` = 7.
pub const REBER_LETTERS: &str = "BEPSTVX";

/// Which way out of a state, and where it leads; `None` is the end.
type Transition = (Production, Option<usize>);

/// What a transition writes.
#[derive(Clone, Copy, Debug)]
enum Production {
    Letter(char),
    String(&'static Grammar),
}

/// A finite automaton whose transitions write letters or whole strings of another one.
///
/// ```
/// use elman::data::Grammar;
///
/// let grammar = Grammar::embedded_reber();
/// assert!(grammar.accepts("BPBTSXSEPE"));
/// assert!(!grammar.accepts("BPBTSXSETE"));
/// ```
#[derive(Debug)]
pub struct Grammar {
    /// Where each state leads: the ways out of a state begin with different letters.
    states: &'static [&'static [Transition]],
}

const fn letter(letter: char, next: usize) -> Transition {
    (Production::Letter(letter), Some(next))
}

const LAST: Transition = (Production::Letter('E'), None);

static REBER: Grammar = Grammar {
    states: &[
        &[letter('B', 1)],
        &[letter('T', 2), letter('P', 3)],
        &[letter('S', 2), letter('X', 4)],
        &[letter('T', 3), letter('V', 5)],
        &[letter('X', 3), letter('S', 6)],
        &[letter('P', 4), letter('V', 6)],
        &[LAST],
    ],
};

static EMBEDDED_REBER: Grammar = Grammar {
    states: &[
        &[letter('B', 1)],
        &[letter('T', 2), letter('P', 3)],
        &[(Production::String(&REBER), Some(4))],
        &[(Production::String(&REBER), Some(5))],
        &[letter('T', 6)],
        &[letter('P', 6)],
        &[LAST],
    ],
};

impl Grammar {
    /// Reber's grammar.
    pub fn reber() -> &'static Self {
        &REBER
    }

    /// The embedded Reber grammar.
    pub fn embedded_reber() -> &'static Self {
        &EMBEDDED_REBER
    }

    /// Does the grammar write this string?
    pub fn accepts(&self, string: &str) -> bool {
        let letters: Vec<char> = string.chars().collect();
        self.end(&letters, 0) == Some(letters.len())
    }

    /// Where the string of this grammar that begins at `at` ends, if there is one.
    fn end(&self, letters: &[char], mut at: usize) -> Option<usize> {
        let mut state = Some(0);
        while let Some(now) = state {
            (at, state) = self.states[now].iter().find_map(|&(production, next)| {
                let end = match production {
                    Production::Letter(letter) => {
                        (letters.get(at) == Some(&letter)).then_some(at + 1)
                    }
                    Production::String(inner) => inner.end(letters, at),
                };
                end.map(|end| (end, next))
            })?;
        }
        Some(at)
    }

    /// A string of this grammar (the notebook's `generate_string`): every way out of a state is as
    /// likely as the others.
    pub fn generate(&self, random: &mut RandomState) -> String {
        let mut string = String::new();
        let mut state = Some(0);
        while let Some(now) = state {
            let (production, next) = random.choice(self.states[now]).expect("a way out");
            match production {
                Production::Letter(letter) => string.push(*letter),
                Production::String(inner) => string += &inner.generate(random),
            }
            state = *next;
        }
        string
    }

    /// A string of this grammar, one letter of which was replaced by another (the notebook's
    /// `generate_corrupted_string`).
    pub fn generate_corrupted(&self, random: &mut RandomState) -> String {
        let mut letters: Vec<char> = self.generate(random).chars().collect();
        let places: Vec<usize> = (0..letters.len()).collect();
        let place = *random.choice(&places).expect("a string has letters");
        let good = letters[place];
        let others: Vec<char> = REBER_LETTERS.chars().filter(|&it| it != good).collect();
        letters[place] = *random.choice(&others).expect("there are other letters");
        letters.into_iter().collect()
    }
}

/// Strings, half of them of the embedded Reber grammar (class 1), half corrupted (class 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReberStrings {
    /// `[N]`.
    pub strings: Vec<String>,
    /// `[N]`: 1 for a string of the grammar, 0 for a corrupted one.
    pub labels: Vec<u8>,
}

/// The training, validation and test strings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReberParts {
    /// What the model is fitted to.
    pub train: ReberStrings,
    /// What it is watched on; none when their number was 0.
    pub valid: Option<ReberStrings>,
    /// What it is judged on at the end.
    pub test: ReberStrings,
}

impl ReberParts {
    /// So many strings of each part, as the notebook draws them: it shows 25 strings of each kind
    /// before the training strings, and seeds NumPy again before the validation strings. The test
    /// strings, which the notebook has not, are drawn after those.
    ///
    /// Short strings of the grammar are few, so the same string can be in several parts.
    ///
    /// # Errors
    ///
    /// When there is no training or no test string.
    pub fn generate(seed: u32, [train, valid, test]: [usize; 3]) -> Result<Self> {
        const SHOWN: usize = 25;
        let mut random = RandomState::new(seed);
        for _ in 0..SHOWN {
            REBER.generate(&mut random);
        }
        for _ in 0..SHOWN {
            EMBEDDED_REBER.generate(&mut random);
        }
        for _ in 0..SHOWN {
            EMBEDDED_REBER.generate_corrupted(&mut random);
        }
        let train = ReberStrings::generate(train, &mut random)?;
        let mut random = RandomState::new(seed);
        let valid = match valid {
            0 => None,
            count => Some(ReberStrings::generate(count, &mut random)?),
        };
        let test = ReberStrings::generate(test, &mut random)?;
        Ok(Self { train, valid, test })
    }
}

impl ReberStrings {
    /// `count` strings in random order (the notebook's `generate_dataset`).
    ///
    /// # Errors
    ///
    /// When `count` is 0.
    pub fn generate(count: usize, random: &mut RandomState) -> Result<Self> {
        if count == 0 {
            return Err(Error::argument(
                "Reber strings",
                "0 of them are asked for",
                "ask for at least one",
            ));
        }
        let good = count / 2;
        let mut all: Vec<String> = Vec::with_capacity(count);
        all.extend((0..good).map(|_| EMBEDDED_REBER.generate(random)));
        all.extend((good..count).map(|_| EMBEDDED_REBER.generate_corrupted(random)));
        let order = random.permutation(count);
        Ok(Self {
            strings: order.iter().map(|&at| all[at].clone()).collect(),
            labels: order.iter().map(|&at| u8::from(at < good)).collect(),
        })
    }

    /// The strings as sequences, a letter a step.
    ///
    /// # Errors
    ///
    /// When a string has another letter than [`REBER_LETTERS`].
    pub fn encode(&self) -> Result<SequenceDataset> {
        let mut steps = Vec::new();
        let mut lengths = Vec::with_capacity(self.strings.len());
        for string in &self.strings {
            let encoded = one_hot(string)?;
            lengths.push(encoded.len() / REBER_LETTERS.len());
            steps.extend(encoded);
        }
        let targets = Targets::Classes {
            labels: self.labels.clone(),
            classes: 2,
        };
        SequenceDataset::new(steps, &lengths, REBER_LETTERS.len(), targets)
    }
}

/// `[T, 7]`: every letter of `string` as a 1 in its place of [`REBER_LETTERS`] and 0 elsewhere.
///
/// # Errors
///
/// When the string is empty or has another letter.
pub fn one_hot(string: &str) -> Result<Vec<f32>> {
    if string.is_empty() {
        return Err(Error::argument(
            "string",
            "is empty",
            format!("give some of the letters {REBER_LETTERS}"),
        ));
    }
    let mut steps = Vec::with_capacity(string.len() * REBER_LETTERS.len());
    for (place, letter) in string.chars().enumerate() {
        if !REBER_LETTERS.contains(letter) {
            return Err(Error::argument(
                format!("string {string:?}"),
                format!("letter {place} is {letter:?}"),
                format!("give the letters {REBER_LETTERS} only"),
            ));
        }
        steps.extend(
            REBER_LETTERS
                .chars()
                .map(|it| f32::from(u8::from(it == letter))),
        );
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> ReberParts {
        ReberParts::generate(42, [10_000, 5_000, 5_000]).expect("some strings")
    }

    /// The notebook prints the first training instance: 23 letters, class 0.
    #[test]
    fn the_strings_are_the_notebooks() {
        let ReberParts { train, valid, .. } = parts();
        assert_eq!(train.strings[0], "BTBPVPXTTTTTTTTVPXVVSTE");
        assert_eq!((train.strings[0].len(), train.labels[0]), (23, 0));
        let lengths = || train.strings.iter().map(String::len);
        assert_eq!((lengths().min(), lengths().max()), (Some(9), Some(39)));
        // NumPy's own figure for its own strings.
        assert_eq!(lengths().sum::<usize>(), 120_302);
        // NumPy's, with the same code: `generate_dataset(5000)` after `np.random.seed(42)`.
        let valid = valid.expect("drawn");
        assert_eq!(
            (&valid.strings[0][..], valid.labels[0]),
            ("BTBTXXTTXVETE", 0)
        );
    }

    #[test]
    fn half_are_of_the_grammar_and_the_corrupted_are_not() {
        let ReberParts { train, valid, test } = parts();
        for part in [&train, valid.as_ref().expect("drawn"), &test] {
            let good: usize = part.labels.iter().map(|&label| usize::from(label)).sum();
            assert_eq!(good, part.strings.len() / 2);
            for (string, label) in part.strings.iter().zip(&part.labels) {
                assert_eq!(EMBEDDED_REBER.accepts(string), *label == 1, "{string}");
            }
        }
        assert_ne!(valid.expect("drawn").strings, test.strings);
    }

    #[test]
    fn a_corrupted_string_differs_in_one_letter() {
        let mut random = RandomState::new(7);
        for _ in 0..200 {
            let mut same = random.clone();
            let (good, bad) = (
                EMBEDDED_REBER.generate(&mut same),
                EMBEDDED_REBER.generate_corrupted(&mut random),
            );
            let differ = good
                .chars()
                .zip(bad.chars())
                .filter(|(one, other)| one != other);
            assert_eq!((good.len(), differ.count()), (bad.len(), 1));
        }
    }

    #[test]
    fn the_grammar_knows_its_strings() {
        for string in ["BTSSXXTVVE", "BPVVE", "BTXSE", "BPTVPXVVE"] {
            assert!(REBER.accepts(string), "{string}");
            assert!(EMBEDDED_REBER.accepts(&format!("BT{string}TE")), "{string}");
            assert!(EMBEDDED_REBER.accepts(&format!("BP{string}PE")), "{string}");
            assert!(
                !EMBEDDED_REBER.accepts(&format!("BT{string}PE")),
                "{string}"
            );
            assert!(!EMBEDDED_REBER.accepts(string), "{string}");
        }
        for string in ["", "B", "BTXSEE", "BTXS", "BTVVE", "BPXSE"] {
            assert!(!REBER.accepts(string), "{string}");
        }
    }

    #[test]
    fn a_letter_is_a_one_in_its_place() {
        let mut expected = vec![0.0; 14];
        expected[4] = 1.0;
        expected[7] = 1.0;
        assert_eq!(one_hot("TB").expect("letters"), expected);
        insta::assert_snapshot!(one_hot("BXe").expect_err("a small letter"), @r#"string "BXe": letter 2 is 'e'; give the letters BEPSTVX only"#);
        insta::assert_snapshot!(one_hot("").expect_err("nothing"), @"string: is empty; give some of the letters BEPSTVX");
        insta::assert_snapshot!(ReberParts::generate(1, [0, 1, 1]).expect_err("nothing"), @"Reber strings: 0 of them are asked for; ask for at least one");
    }
}
