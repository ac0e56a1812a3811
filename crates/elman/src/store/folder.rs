//! Folders that one process at a time works in.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The file that is locked.
pub(crate) const LOCK: &str = ".lock";

/// Keeps other processes out of a folder; the operating system drops it with the process.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// Held, not read: dropping it gives the lock back.
    _file: File,
}

impl FolderLock {
    /// Locks the folder `root`, in errors `what`, in which a process does `work`.
    pub(crate) fn take(root: &Path, what: &str, work: &str) -> Result<Self> {
        let path = root.join(LOCK);
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| Error::io("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::argument(
                format!("{what} {}", root.display()),
                format!("another process is {work} in it"),
                "wait for it, stop it, or give another --out",
            )),
            Err(TryLockError::Error(source)) => Err(Error::io("lock", path, source)),
        }
    }
}

/// Makes the first folder that is free of `<parent>/<name>-1`, `-2`, …
///
/// # Errors
///
/// When none can be made.
pub(crate) fn next_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(parent).map_err(|source| Error::io("create", parent, source))?;
    for number in 1_u32.. {
        let root = parent.join(format!("{name}-{number}"));
        match fs::create_dir(&root) {
            Ok(()) => return Ok(root),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(Error::io("create", root, source)),
        }
    }
    Err(Error::argument(
        format!("run folder {}", parent.display()),
        "there is no free number left",
        "give --out",
    ))
}
