//! A whole file in memory, plain or packed by gzip: its first bytes say which, not its name.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// What is more is not for one machine's memory.
const LARGEST: u64 = 4 << 30;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a file should be, and what to do when it is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// `a text file`.
    pub(crate) noun: &'static str,
    /// `give the path of a text file`.
    pub(crate) remedy: &'static str,
}

/// Checks that `path` is a regular file, and not too large.
///
/// # Errors
///
/// When it is not.
pub(crate) fn ensure_file(path: &Path, expected: Expected) -> Result<()> {
    let Expected { noun, remedy } = expected;
    let metadata =
        fs::metadata(path).map_err(|source| Error::io("open", path, source).advise(remedy))?;
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a folder",
            false => "something else",
        };
        let problem = format!("expected {noun}, found {found}");
        return Err(Error::data(path, problem, remedy));
    }
    match metadata.len() <= LARGEST {
        true => Ok(()),
        false => Err(too_large(path)),
    }
}

/// The bytes of `path`, unpacked.
///
/// # Errors
///
/// As [`ensure_file`]; when it cannot be read, or its gzip stream is damaged or unpacks to too much.
pub(crate) fn bytes(path: &Path, expected: Expected) -> Result<Vec<u8>> {
    ensure_file(path, expected)?;
    let mut packed = Vec::new();
    File::open(path)
        .map_err(|source| Error::io("open", path, source))?
        .read_to_end(&mut packed)
        .map_err(|source| Error::io("read", path, source))?;
    if !packed.starts_with(&GZIP) {
        return Ok(packed);
    }
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(&packed[..]).take(LARGEST + 1);
    decoder.read_to_end(&mut plain).map_err(|error| {
        let whole = plain.len();
        let problem = format!("its gzip stream breaks off after {whole} bytes: {error}");
        Error::data(path, problem, "restore the file from its source")
    })?;
    match plain.len() as u64 <= LARGEST {
        true => Ok(plain),
        false => Err(too_large(path)),
    }
}

fn too_large(path: &Path) -> Error {
    let problem = format!("has more than {} GiB", LARGEST >> 30);
    Error::data(path, problem, "give a part of it at a time")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_too_large_is_refused_before_it_is_read() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("large");
        // A hole: it takes no room on the disk.
        let file = File::create(&path).expect("created");
        file.set_len(LARGEST + 1).expect("set");
        let expected = Expected {
            noun: "a text file",
            remedy: "give one",
        };
        let refused = bytes(&path, expected).expect_err("refused").to_string();
        let message = refused.replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(
            message,
            "DIR/large: has more than 4 GiB; give a part of it at a time"
        );
    }
}
