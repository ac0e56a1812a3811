//! A search's folder on disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::journal::Journal;
use crate::error::{Error, Result};
use crate::recipe::Template;
use crate::store::disk::{self, System};
use crate::store::folder::{FolderLock, LOCK};
use crate::task::RunFolder;

const RECIPE: &str = "recipe.toml";
const PROGRESS: &str = "progress.toml";
/// Folders of trials are numbered with at least so many digits.
const FEWEST_DIGITS: usize = 2;

/// A search's folder, locked for one process.
#[derive(Debug)]
pub(super) struct TuneFolder {
    root: PathBuf,
    /// Held, not read: dropping it gives the lock back.
    _lock: FolderLock,
}

impl TuneFolder {
    /// Begins a search.
    ///
    /// # Errors
    ///
    /// When the folder holds something already, is in use, or cannot be written.
    pub(super) fn create(place: &RunFolder, template: &Template) -> Result<Self> {
        let root = place.make()?;
        let folder = Self::locked(&root)?;
        for path in disk::files(&root)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What a start that was killed before it wrote the recipe may have left.
            if name != LOCK {
                return Err(Error::argument(
                    format!("folder of a search {}", root.display()),
                    format!("it holds {name} already"),
                    format!(
                        "go on with `elman tune --resume {}`, or give another --out",
                        root.display()
                    ),
                ));
            }
        }
        folder.write(RECIPE, template.to_toml().as_bytes())?;
        Ok(folder)
    }

    /// Opens a search to go on with it.
    ///
    /// # Errors
    ///
    /// When `root` is not a search's folder, or another process is at work in it.
    pub(super) fn open(root: &Path) -> Result<(Self, Template)> {
        let path = root.join(RECIPE);
        if !path.is_file() {
            return Err(Error::argument(
                format!("folder of a search {}", root.display()),
                format!("it has no {RECIPE}, so it is not a search's folder"),
                "give a folder that `elman tune` has made",
            ));
        }
        let folder = Self::locked(root)?;
        let template = Template::load(&path.to_string_lossy(), &[])?;
        Ok((folder, template))
    }

    fn locked(root: &Path) -> Result<Self> {
        let lock = FolderLock::take(root, "folder of a search", "searching")?;
        disk::remove_unfinished(&System, root)?;
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one of `trials` trials.
    pub(super) fn trial(&self, trial: usize, trials: usize) -> PathBuf {
        let width = (trials - 1).to_string().len().max(FEWEST_DIGITS);
        self.root.join(format!("trial-{trial:0width$}"))
    }

    /// What has been found so far.
    pub(super) fn journal(&self) -> Result<Journal> {
        let path = self.root.join(PROGRESS);
        if !path.exists() {
            return Ok(Journal::new());
        }
        let text = fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
        Journal::from_toml(&path, &text)
    }

    pub(super) fn save(&self, journal: &Journal) -> Result<()> {
        self.write(PROGRESS, journal.to_toml().as_bytes())
    }

    /// Replaces a file in one step.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        disk::write_atomically(&System, &self.root.join(name), bytes)
    }
}
