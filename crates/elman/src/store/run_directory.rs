//! One run's folder on disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::recipe::Recipe;
use crate::store::disk::{self, Disk, System};
use crate::store::folder::{self, FolderLock, LOCK};
use crate::store::tensor_file::{FileKind, TensorFile};

const RECIPE: &str = "recipe.toml";
const MODEL: &str = "model.safetensors";
const CHECKPOINTS: &str = "checkpoints";
const ENDING: &str = ".safetensors";
/// Checkpoints that are kept: the newest, and one to fall back on.
const KEPT: usize = 2;

/// A run's folder, locked for one trainer.
#[derive(Debug)]
pub struct RunDirectory {
    root: PathBuf,
    disk: Box<dyn Disk>,
    /// Held, not read: dropping it gives the lock back.
    _lock: FolderLock,
}

/// What [`RunDirectory::resume`] finds.
#[derive(Debug)]
pub struct Resumed {
    /// The newest good checkpoint; none when training had not come to its first.
    pub checkpoint: Option<StoredFile>,
    /// What was wrong with newer ones.
    pub warnings: Vec<String>,
}

/// A file of tensors and where it was read.
#[derive(Clone, Debug)]
pub struct StoredFile {
    /// For errors about its content.
    pub path: PathBuf,
    /// What it holds.
    pub file: TensorFile,
}

impl RunDirectory {
    /// Starts a run in `root`, which must be new or empty.
    ///
    /// # Errors
    ///
    /// When the folder holds something already, is in use, or cannot be written.
    pub fn create(root: impl AsRef<Path>, recipe: &Recipe) -> Result<Self> {
        let root = root.as_ref();
        fs::create_dir_all(root).map_err(|source| Error::io("create", root, source))?;
        let occupied = |what: &str| {
            Error::argument(
                format!("run folder {}", root.display()),
                format!("it holds {what} already"),
                format!(
                    "go on with `elman fit --resume {}`, or give another --out",
                    root.display()
                ),
            )
        };
        let run = Self::locked(root)?;
        for path in disk::files(root)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // What a start that was killed before it wrote the recipe may have left.
            if name != LOCK && name != CHECKPOINTS {
                return Err(occupied(&name));
            }
        }
        let checkpoints = root.join(CHECKPOINTS);
        fs::create_dir_all(&checkpoints)
            .map_err(|source| Error::io("create", &checkpoints, source))?;
        run.write(RECIPE, recipe.to_toml().as_bytes())?;
        Ok(run)
    }

    /// Starts a run in the first free folder `<parent>/<name>-1`, `-2`, …
    ///
    /// # Errors
    ///
    /// When none can be made.
    pub fn create_next(parent: impl AsRef<Path>, name: &str, recipe: &Recipe) -> Result<Self> {
        Self::create(folder::next_folder(parent.as_ref(), name)?, recipe)
    }

    /// Opens a run to go on with it.
    ///
    /// # Errors
    ///
    /// When `root` is not a run's folder, or another trainer is at work in it.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        recipe_path(root)?;
        Self::locked(root)
    }

    /// Is there a run in `root`, begun far enough to go on with?
    pub fn exists(root: impl AsRef<Path>) -> bool {
        root.as_ref().join(RECIPE).is_file()
    }

    fn locked(root: &Path) -> Result<Self> {
        let lock = FolderLock::take(root, "run folder", "training")?;
        let run = Self {
            root: root.to_owned(),
            disk: Box::new(System),
            _lock: lock,
        };
        disk::remove_unfinished(&System, root)?;
        let checkpoints = root.join(CHECKPOINTS);
        if checkpoints.is_dir() {
            disk::remove_unfinished(&System, &checkpoints)?;
        }
        Ok(run)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The recipe that the run was started with, every setting spelt out.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a recipe any more.
    pub fn recipe(root: impl AsRef<Path>) -> Result<Recipe> {
        let path = recipe_path(root.as_ref())?;
        Recipe::load(&path.to_string_lossy(), &[])
    }

    /// The weights to use.
    ///
    /// # Errors
    ///
    /// When there are none yet, or they are damaged.
    pub fn model(root: impl AsRef<Path>) -> Result<StoredFile> {
        let root = root.as_ref();
        recipe_path(root)?;
        let path = root.join(MODEL);
        if !path.exists() {
            return Err(Error::data(
                path,
                "the run has no model yet: it was stopped before its first checkpoint",
                format!("train it with `elman fit --resume {}`", root.display()),
            ));
        }
        read(FileKind::Model, path)
    }

    /// A text file of the run in `root`, and its path.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read_text(root: &Path, name: &str) -> Result<(PathBuf, String)> {
        let path = root.join(name);
        let text = fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
        Ok((path, text))
    }

    /// Saves a checkpoint as that of `step` steps, and `model`; older checkpoints go.
    ///
    /// # Errors
    ///
    /// When the disk refuses; the checkpoints that there were are then still there.
    pub fn save(&self, step: u64, checkpoint: &TensorFile, model: &TensorFile) -> Result<()> {
        let name = format!("{CHECKPOINTS}/step-{step:010}{ENDING}");
        self.write(&name, &checkpoint.to_bytes()?)?;
        self.write(MODEL, &model.to_bytes()?)?;
        let checkpoints = self.checkpoints()?;
        for old in &checkpoints[..checkpoints.len().saturating_sub(KEPT)] {
            self.disk
                .remove(old)
                .map_err(|source| Error::io("remove", old, source))?;
        }
        Ok(())
    }

    /// Replaces a file of the run in one step.
    ///
    /// # Errors
    ///
    /// When the disk refuses; the file is then as it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        disk::write_atomically(self.disk.as_ref(), &self.root.join(name), bytes)
    }

    /// The newest good checkpoint.
    ///
    /// A damaged one is set aside under another name, with a warning, and the one before it
    /// taken.
    ///
    /// # Errors
    ///
    /// When there are checkpoints and none is good, or one cannot be used for another reason than
    /// damage (a newer format, say).
    pub fn resume(&self) -> Result<Resumed> {
        let mut warnings = Vec::new();
        let mut checkpoints = self.checkpoints()?;
        let mut damaged: Vec<PathBuf> = Vec::new();
        while let Some(path) = checkpoints.pop() {
            match read(FileKind::Checkpoint, path.clone()) {
                Ok(checkpoint) => {
                    for path in &damaged {
                        self.set_aside(path)?;
                    }
                    return Ok(Resumed {
                        checkpoint: Some(checkpoint),
                        warnings,
                    });
                }
                Err(error) if error.is_damaged() => {
                    warnings.push(error.to_string());
                    damaged.push(path);
                }
                Err(error) => return Err(error),
            }
        }
        if !damaged.is_empty() {
            return Err(Error::damaged(
                self.root.join(CHECKPOINTS),
                format!("no checkpoint is good: {}", warnings.join("; ")),
            ));
        }
        Ok(Resumed {
            checkpoint: None,
            warnings,
        })
    }

    /// Renames a damaged checkpoint, so that it neither counts as the newest nor is lost.
    fn set_aside(&self, path: &Path) -> Result<()> {
        self.disk
            .rename(path, &path.with_extension("damaged"))
            .map_err(|source| Error::io("rename", path, source))
    }

    /// All checkpoints, oldest first.
    fn checkpoints(&self) -> Result<Vec<PathBuf>> {
        let folder = self.root.join(CHECKPOINTS);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut paths = disk::files(&folder)?;
        paths.retain(|path| path.to_string_lossy().ends_with(ENDING));
        Ok(paths)
    }
}

fn recipe_path(root: &Path) -> Result<PathBuf> {
    let path = root.join(RECIPE);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::argument(
        format!("run folder {}", root.display()),
        format!("it has no {RECIPE}, so it is not a run's folder"),
        "give a folder that `elman fit` has made",
    ))
}

fn read(kind: FileKind, path: PathBuf) -> Result<StoredFile> {
    let bytes = fs::read(&path).map_err(|source| Error::io("read", &path, source))?;
    let file = TensorFile::from_bytes(kind, &path, &bytes)?;
    Ok(StoredFile { path, file })
}

#[cfg(test)]
mod tests;
