//! The IDX format, in which MNIST and its relatives come.
//!
//! ```text
//! offset  size  what
//! 0       2     0
//! 2       1     type of an element: 0x08, an unsigned byte
//! 3       1     number of axes: 3 for images [N, rows, columns], 1 for labels [N]
//! 4       4     size of the first axis, big-endian
//! …       4     size of each further axis
//! …             the elements, last axis fastest
//! ```
//!
//! LeCun, Cortes and Burges, "The MNIST database of handwritten digits". A file may be compressed
//! by gzip: its first bytes say so, not its name. A reader never allocates more than the file
//! itself can hold.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::data::{ImageDataset, ImageParts};
use crate::error::{Error, Result};

const UNSIGNED_BYTE: u8 = 0x08;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// No deflate stream grows by more than this factor (zlib's "technical details").
const DEFLATE_FACTOR: u64 = 1032;
const RESTORE: &str = "restore the file from its source";

/// The content of one IDX file of unsigned bytes.
struct Idx<const AXES: usize> {
    sizes: [usize; AXES],
    bytes: Vec<u8>,
}

/// Reads the four files of the MNIST form from `folder`.
///
/// They are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each with or without `.gz`; where both exist, the one without is
/// read. Labels must be below `classes`.
///
/// # Errors
///
/// When a file is missing or unsound, or the files do not belong together.
pub fn read_folder(folder: impl AsRef<Path>, classes: usize) -> Result<ImageParts> {
    let folder = folder.as_ref();
    let metadata = fs::metadata(folder).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::data(
            folder,
            "there is no such folder",
            "name a folder with the four files of the MNIST form (`--data DIR`)",
        ),
        _ => Error::io("open", folder, source),
    })?;
    if !metadata.is_dir() {
        return Err(Error::data(
            folder,
            "expected a folder, found a file",
            "name the folder that holds the four files of the MNIST form",
        ));
    }
    let train = read_part(folder, "train", classes)?;
    let test = read_part(folder, "t10k", classes)?;
    if [train.rows(), train.columns()] != [test.rows(), test.columns()] {
        return Err(Error::data(
            folder,
            format!(
                "training images are {}x{}, test images {}x{}",
                train.rows(),
                train.columns(),
                test.rows(),
                test.columns()
            ),
            "put four files of one data set into the folder",
        ));
    }
    Ok(ImageParts { train, test })
}

fn read_part(folder: &Path, part: &str, classes: usize) -> Result<ImageDataset> {
    let images_path = locate(folder, &format!("{part}-images-idx3-ubyte"))?;
    let labels_path = locate(folder, &format!("{part}-labels-idx1-ubyte"))?;
    let images: Idx<3> = read(&images_path)?;
    let labels: Idx<1> = read(&labels_path)?;
    let [count, rows, columns] = images.sizes;
    if rows == 0 || columns == 0 {
        return Err(Error::data(
            &images_path,
            format!("the images are {rows}x{columns} pixels"),
            RESTORE,
        ));
    }
    if labels.sizes[0] != count {
        return Err(Error::data(
            &labels_path,
            format!(
                "{} labels for the {count} images of {}",
                labels.sizes[0],
                images_path.display()
            ),
            "put two files of one data set side by side",
        ));
    }
    if let Some(at) = labels
        .bytes
        .iter()
        .position(|&label| usize::from(label) >= classes)
    {
        return Err(Error::data(
            &labels_path,
            format!(
                "label {at} (from 0) is {}, expected 0 to {} for {classes} classes",
                labels.bytes[at],
                classes.saturating_sub(1)
            ),
            "set `data.classes` to the number of classes, or restore the file",
        ));
    }
    ImageDataset::new(images.bytes, [rows, columns], labels.bytes, classes)
}

/// The file `name` in `folder`, else `name.gz`.
fn locate(folder: &Path, name: &str) -> Result<PathBuf> {
    let compressed = format!("{name}.gz");
    for candidate in [name, &compressed] {
        let path = folder.join(candidate);
        match fs::metadata(&path) {
            Ok(_) => return Ok(path),
            Err(source) if source.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(Error::io("open", path, source)),
        }
    }
    Err(Error::data(
        folder,
        format!("neither `{name}` nor `{compressed}` is in this folder"),
        "put the file there or name another folder",
    ))
}

/// Reads a whole file with `AXES` axes and at least one element along the first.
fn read<const AXES: usize>(path: &Path) -> Result<Idx<AXES>> {
    let length = ensure_regular(path)?;
    let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
    let mut file = BufReader::new(file);
    if length == 0 {
        return Err(Error::data(path, "the file is empty", RESTORE));
    }
    let mut start = Vec::new();
    read_up_to(path, &mut file, GZIP_MAGIC.len() as u64, &mut start)?;
    let compressed = start == GZIP_MAGIC;
    let whole = start.as_slice().chain(file);
    if compressed {
        let stream = MultiGzDecoder::new(BufReader::new(whole));
        parse(path, stream, [length, DEFLATE_FACTOR])
    } else {
        parse(path, whole, [length, 1])
    }
}

/// The length of a regular file; a folder, a pipe or a device is refused before it is opened.
fn ensure_regular(path: &Path) -> Result<u64> {
    let metadata = fs::metadata(path).map_err(|source| Error::io("open", path, source))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let found = if metadata.is_dir() {
        "a folder"
    } else {
        "a pipe or a device"
    };
    Err(Error::data(
        path,
        format!("expected a regular file, found {found}"),
        "put an IDX file there",
    ))
}

/// Parses what is in a file of `length` bytes, which can unfold to `factor` times that at most.
fn parse<const AXES: usize>(
    path: &Path,
    mut stream: impl Read,
    [length, factor]: [u64; 2],
) -> Result<Idx<AXES>> {
    let header_size = 4 + 4 * AXES;
    let mut header = Vec::new();
    read_up_to(path, &mut stream, header_size as u64, &mut header)?;
    ensure_magic::<AXES>(path, &header)?;
    if header.len() < header_size {
        return Err(Error::data(
            path,
            format!(
                "the file ends within its header: expected {header_size} bytes, found {}",
                header.len()
            ),
            RESTORE,
        ));
    }
    let stated: [u32; AXES] = std::array::from_fn(|axis| {
        let at = 4 + 4 * axis;
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    });
    if stated[0] == 0 {
        let noun = if AXES == 3 { "images" } else { "labels" };
        return Err(Error::data(
            path,
            format!("the header says 0 {noun}"),
            "name a data set with at least one",
        ));
    }
    // Three 32-bit sizes fit in 96 bits: the product cannot overflow.
    let needed: u128 = stated.iter().map(|&size| u128::from(size)).product();
    let sizes = stated.map(|size| size.to_string()).join("x");
    if needed + header_size as u128 > u128::from(length) * u128::from(factor) {
        return Err(Error::data(
            path,
            format!(
                "the header says {sizes} = {needed} bytes of data, \
                 more than a file of {length} bytes can hold"
            ),
            RESTORE,
        ));
    }
    let mut bytes = Vec::new();
    // One byte more than stated, to notice bytes behind the data.
    read_up_to(path, &mut stream, needed as u64 + 1, &mut bytes)?;
    let found = bytes.len() as u128;
    if found != needed {
        let found = if found > needed {
            "more".to_owned()
        } else {
            format!("{found} bytes")
        };
        return Err(Error::data(
            path,
            format!("the header says {sizes} = {needed} bytes of data, the file holds {found}"),
            RESTORE,
        ));
    }
    Ok(Idx {
        sizes: stated.map(|size| size as usize),
        bytes,
    })
}

/// Checks the first four bytes, as far as they are there.
fn ensure_magic<const AXES: usize>(path: &Path, header: &[u8]) -> Result<()> {
    let magic = [0, 0, UNSIGNED_BYTE, AXES as u8];
    if header.len() < 4 || header[..4] == magic {
        return Ok(());
    }
    let found = &header[..4];
    let (problem, remedy) = if found[..2] != [0, 0] {
        (
            format!("expected the IDX magic {magic:02x?}, found {found:02x?}"),
            "name an IDX file",
        )
    } else if found[2] != UNSIGNED_BYTE {
        (
            format!(
                "expected elements of type 0x08 (unsigned byte), found 0x{:02x} ({})",
                found[2],
                element_type(found[2])
            ),
            "convert the elements to unsigned bytes",
        )
    } else {
        let kind = if AXES == 3 { "images" } else { "labels" };
        (
            format!("expected {AXES} axes ({kind}), found {}", found[3]),
            "check that images and labels are not exchanged",
        )
    };
    Err(Error::data(path, problem, remedy))
}

fn element_type(code: u8) -> &'static str {
    match code {
        0x09 => "signed byte",
        0x0b => "16-bit integer",
        0x0c => "32-bit integer",
        0x0d => "32-bit float",
        0x0e => "64-bit float",
        _ => "no IDX type",
    }
}

/// Appends at most `limit` bytes; the buffer grows with what arrives.
fn read_up_to(path: &Path, stream: &mut impl Read, limit: u64, into: &mut Vec<u8>) -> Result<()> {
    match stream.by_ref().take(limit).read_to_end(into) {
        Ok(_) => Ok(()),
        Err(source) => match source.kind() {
            ErrorKind::UnexpectedEof => {
                Err(Error::data(path, "the gzip stream ends too early", RESTORE))
            }
            ErrorKind::InvalidInput | ErrorKind::InvalidData => Err(Error::data(
                path,
                format!("the gzip stream is damaged ({source})"),
                RESTORE,
            )),
            _ => Err(Error::io("read", path, source)),
        },
    }
}

/// Writes `parts` as the four files of the MNIST form, uncompressed, into an existing folder.
///
/// # Errors
///
/// When a size does not fit in 32 bits or a file cannot be written.
pub fn write_folder(folder: impl AsRef<Path>, parts: &ImageParts) -> Result<()> {
    for (part, images) in [("train", &parts.train), ("t10k", &parts.test)] {
        let sizes = [images.len(), images.rows(), images.columns()];
        let path = folder.as_ref().join(format!("{part}-images-idx3-ubyte"));
        write(&path, &sizes, images.pixels())?;
        let path = folder.as_ref().join(format!("{part}-labels-idx1-ubyte"));
        write(&path, &sizes[..1], images.labels())?;
    }
    Ok(())
}

fn write(path: &Path, sizes: &[usize], bytes: &[u8]) -> Result<()> {
    let mut file = vec![0, 0, UNSIGNED_BYTE, sizes.len() as u8];
    for &size in sizes {
        let size = u32::try_from(size).map_err(|_| {
            Error::argument(
                "images",
                format!("IDX cannot state a size of {size}"),
                "write fewer than 2^32",
            )
        })?;
        file.extend(size.to_be_bytes());
    }
    file.extend_from_slice(bytes);
    fs::write(path, file).map_err(|source| Error::io("write", path, source))
}

#[cfg(test)]
mod tests;
