//! Training, validation and test parts: from which files they come, and who is held out.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
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

/// Spreads examples over training, validation and testing, of which the last two get these shares of
/// every stretch.
fn spread<T>(examples: Vec<T>, shares: [f64; 2]) -> [Vec<T>; 3] {
    let mut parts = [const { Vec::new() }; 3];
    let whole = |at: usize, share: f64| (at as f64 * share).floor() as usize;
    for (at, example) in examples.into_iter().enumerate() {
        let [valid, test] = shares;
        let steps = |share| whole(at + 1, share) > whole(at, share);
        let part = match (steps(test), steps(valid + test)) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        };
        parts[part].push(example);
    }
    parts
}
