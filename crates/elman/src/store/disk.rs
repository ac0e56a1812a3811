//! The few file operations of a save, behind a trait so that tests can make each of them fail.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What a save asks of the file system.
pub(crate) trait Disk: std::fmt::Debug + Send {
    /// Creates the file, or empties it, and writes all of `bytes`.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Returns once the file's content is on the disk.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Replaces `to` by `from` in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns once the folder's entries are on the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes the file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the operating system.
#[derive(Debug)]
pub(crate) struct System;

impl Disk for System {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        File::create(path)?.write_all(bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::options().write(true).open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Only Unix can open a folder to sync it; elsewhere the rename has to do.
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if cfg!(unix) {
            File::open(path)?.sync_all()
        } else {
            Ok(())
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The ending of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// Writes `bytes` to `path` so that at any instant, power loss included, the path holds either
/// all of its old content or all of the new.
///
/// There must be one writer at a time: the run folder's lock sees to that.
pub(crate) fn write_atomically(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = unfinished(path);
    let written = disk
        .write(&unfinished, bytes)
        .and_then(|()| disk.sync_file(&unfinished))
        .and_then(|()| disk.rename(&unfinished, path));
    if let Err(source) = written {
        // The disk may be full: give back what the failed write took. The first error is the
        // one to report, whether or not this works.
        let _ = disk.remove(&unfinished);
        return Err(Error::io("write", path, source));
    }
    let folder = parent(path);
    disk.sync_folder(folder)
        .map_err(|source| Error::io("sync", folder, source))
}

/// Removes what interrupted saves left in `folder`.
pub(crate) fn remove_unfinished(disk: &dyn Disk, folder: &Path) -> Result<()> {
    for path in files(folder)? {
        if path.to_string_lossy().ends_with(UNFINISHED) {
            disk.remove(&path)
                .map_err(|source| Error::io("remove", &path, source))?;
        }
    }
    Ok(())
}

/// The entries of `folder`, in order of their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let fail = |source| Error::io("list", folder, source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        paths.push(entry.map_err(fail)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The name under which `path` is written before it is renamed.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(UNFINISHED);
    PathBuf::from(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
