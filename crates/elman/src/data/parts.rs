//! Training, validation and test parts: from which files they come, and who is held out.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::random::numpy::RandomState;
use crate::recipe::{HeldOutParts, TextSettings};

/// The files of all parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartFiles<'a> {
    /// Those that are trained on or, where shares of them are held out, all.
    pub(super) files: &'a [String],
    /// What is not trained on.
    pub(super) held_out: &'a HeldOutParts,
    /// That file in place of all, or the folder in which files of those names are.
    pub(super) place: Option<&'a Path>,
}

impl<'a> PartFiles<'a> {
    /// Those of texts.
    pub(super) fn of_text(settings: &'a TextSettings, place: Option<&'a Path>) -> Self {
        Self {
            files: &settings.files,
            held_out: &settings.held_out,
            place,
        }
    }

    /// What `read` finds in the files of each part; shares are spread over all of what it finds.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&[PathBuf]) -> Result<Vec<T>>,
    ) -> Result<[Vec<T>; 3]> {
        let read = |names: &[String]| read(&self.places(names));
        let all = read(self.files)?;
        Ok(match self.held_out {
            HeldOutParts::Shares { valid, test } => spread(all, [*valid, *test]),
            HeldOutParts::Files { valid, test } => [all, read(valid)?, read(test)?],
        })
    }

    /// Checks that no part is empty but a validation part that nobody asked for; what is wrong with
    /// one and what to do, `refuse` says, which is told what the part is for.
    pub(super) fn ensure_complete<T>(
        &self,
        parts: &[Vec<T>; 3],
        refuse: impl Fn(&str) -> (String, &'static str),
    ) -> Result<()> {
        let must = [true, self.held_out.holds_out(), true];
        let names = ["train on", "validate on", "test on"];
        for ((part, must), name) in parts.iter().zip(must).zip(names) {
            if must && part.is_empty() {
                let (problem, remedy) = refuse(name);
                let origin = format!("data {}", self.places(self.files)[0].display());
                return Err(Error::argument(origin, problem, remedy));
            }
        }
        Ok(())
    }

    /// Where the files of these names are.
    pub(super) fn places(&self, names: &[String]) -> Vec<PathBuf> {
        match self.place {
            None => names.iter().map(PathBuf::from).collect(),
            Some(folder) if folder.is_dir() => {
                let name =
                    |name: &String| Path::new(name).file_name().unwrap_or_default().to_owned();
                names.iter().map(|file| folder.join(name(file))).collect()
            }
            Some(file) => vec![file.to_owned()],
        }
    }
}

/// Spreads examples over training, validation and testing, of which the last two get these shares of all,
/// rounded down.
fn spread<T>(examples: Vec<T>, [valid, test]: [f64; 2]) -> [Vec<T>; 3] {
    // Forgiving a product its last bits: 0.29 · 100 are 29.
    let count = |share: f64| (examples.len() as f64 * share * (1.0 + 1e-12)) as usize;
    let (tested, held_out) = (count(test), count(valid + test));
    let mut random = RandomState::new(0);
    let (rest, test) = take(examples, tested, &mut random);
    let (train, valid) = take(rest, held_out - tested, &mut random);
    [train, valid, test]
}

/// Takes `count` examples out, one of each of so many equal stretches, at random: they are even
/// everywhere, and in step with no pattern. (Where the answers of a file come in turn, every fifth or
/// tenth example may have the same one.)
fn take<T>(examples: Vec<T>, count: usize, random: &mut RandomState) -> (Vec<T>, Vec<T>) {
    let all = examples.len();
    let start = |stretch: usize| stretch * all / count;
    let places = (0..count).map(|stretch| {
        let length = start(stretch + 1) - start(stretch);
        start(stretch) + (random.rand() * length as f64) as usize
    });
    let mut places = places.peekable();
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    for (at, example) in examples.into_iter().enumerate() {
        match places.next_if_eq(&at) {
            Some(_) => taken.push(example),
            None => left.push(example),
        }
    }
    (left, taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_examples_in_their_order_and_as_large_as_said() {
        for (all, shares, sizes) in [
            (0, [0.1, 0.1], [0, 0, 0]),
            (5, [0.0, 0.2], [4, 0, 1]),
            (20, [0.05, 0.05], [18, 1, 1]),
            (100, [0.0, 0.29], [71, 0, 29]),
            (103, [0.25, 0.5], [26, 26, 51]),
        ] {
            let parts = spread((0..all).collect(), shares);
            assert_eq!(parts.each_ref().map(Vec::len), sizes, "{all} {shares:?}");
            assert!(parts.iter().all(|part| part.is_sorted()));
            let mut together = parts.concat();
            together.sort_unstable();
            assert_eq!(together, (0..all).collect::<Vec<_>>());
        }
    }

    #[test]
    fn answers_that_come_in_turn_are_in_every_part() {
        for answers in 2..=20 {
            for share in [0.05, 0.1, 0.2, 0.25] {
                let examples = (0..4000).map(|at| at % answers).collect();
                for part in spread(examples, [share, share]) {
                    let count = |answer| part.iter().filter(|&&one| one == answer).count();
                    let even = part.len() as f64 / answers as f64;
                    for answer in 0..answers {
                        let found = count(answer) as f64;
                        assert!(
                            (found - even).abs() < 5.0 * even.sqrt(),
                            "{answer} of {answers} at {share}: {found}, not {even}"
                        );
                    }
                }
            }
        }
    }
}
