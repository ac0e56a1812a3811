//! Sound files come back as they went; each way to be unsound has its own message.

use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn parts() -> ImageParts {
    let dataset = |count: u8| {
        let pixels = (0..count * 6).collect();
        let labels = (0..count).map(|label| label % 10).collect();
        ImageDataset::new(pixels, [2, 3], labels, 10).expect("a sound data set")
    };
    ImageParts {
        train: dataset(12),
        test: dataset(3),
    }
}

/// A folder with four sound files.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    write_folder(folder.path(), &parts()).expect("written");
    folder
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// The message for a sound folder in which `change` replaced one file's bytes.
fn message_for(name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let folder = folder();
    let path = folder.path().join(name);
    let bytes = fs::read(&path).expect("read");
    fs::write(&path, change(bytes)).expect("written");
    message(&folder)
}

fn message(folder: &TempDir) -> String {
    let error = read_folder(folder.path(), 10).expect_err("unsound");
    assert!(error.is_data(), "{error:?}");
    error
        .to_string()
        .replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn the_shipped_digits_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist10k");
    let ImageParts { train, test } = read_folder(folder, 10).expect("shipped data");
    assert_eq!((train.len(), test.len()), (8000, 2000));
    assert_eq!((train.rows(), train.columns()), (28, 28));
    for part in [train, test] {
        let mut counts = [0; 10];
        for &label in part.labels() {
            counts[usize::from(label)] += 1;
        }
        assert!(
            counts.iter().all(|&count| count > part.len() / 15),
            "{counts:?}"
        );
        let ink: u64 = part.pixels().iter().map(|&pixel| u64::from(pixel)).sum();
        // The mean pixel of all of MNIST is 33.3 of 255.
        assert_eq!(ink / part.pixels().len() as u64, 33);
    }
}

#[test]
fn plain_and_compressed_files_read_alike_whatever_their_name() {
    let folder = folder();
    for (name, new_name) in [(IMAGES, IMAGES), (LABELS, "train-labels-idx1-ubyte.gz")] {
        let bytes = fs::read(folder.path().join(name)).expect("read");
        fs::remove_file(folder.path().join(name)).expect("removed");
        fs::write(folder.path().join(new_name), gzip(&bytes)).expect("written");
    }
    // A plain file may carry the name of a compressed one.
    let plain = folder.path().join("t10k-images-idx3-ubyte");
    fs::rename(&plain, plain.with_extension("gz")).expect("renamed");
    assert_eq!(read_folder(folder.path(), 10).expect("sound"), parts());
}

#[test]
fn the_uncompressed_file_comes_first() {
    let folder = folder();
    fs::write(
        folder.path().join("train-images-idx3-ubyte.gz"),
        b"not read",
    )
    .expect("written");
    assert_eq!(read_folder(folder.path(), 10).expect("sound"), parts());
}

#[test]
fn missing_folder() {
    let error = read_folder("/nowhere/at/all", 10).expect_err("no such folder");
    assert_eq!(
        error.to_string(),
        "/nowhere/at/all: there is no such folder; \
         name a folder with the four files of the MNIST form (`--data DIR`)"
    );
}

#[test]
fn file_where_a_folder_should_be() {
    let folder = folder();
    let error = read_folder(folder.path().join(IMAGES), 10).expect_err("a file");
    assert!(
        error.to_string().ends_with(
            "train-images-idx3-ubyte: expected a folder, found a file; \
             name the folder that holds the four files of the MNIST form"
        ),
        "{error}"
    );
}

#[test]
fn missing_file() {
    let folder = folder();
    fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).expect("removed");
    assert_eq!(
        message(&folder),
        "DIR: neither `t10k-labels-idx1-ubyte` nor `t10k-labels-idx1-ubyte.gz` is in this folder; \
         put the file there or name another folder"
    );
}

#[test]
fn folder_where_a_file_should_be() {
    let folder = folder();
    fs::remove_file(folder.path().join(IMAGES)).expect("removed");
    fs::create_dir(folder.path().join(IMAGES)).expect("created");
    assert_eq!(
        message(&folder),
        "DIR/train-images-idx3-ubyte: expected a regular file, found a folder; \
         put an IDX file there"
    );
}

#[cfg(unix)]
#[test]
fn pipe_where_a_file_should_be() {
    let folder = folder();
    let path = folder.path().join(LABELS);
    fs::remove_file(&path).expect("removed");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    assert_eq!(
        message(&folder),
        "DIR/train-labels-idx1-ubyte: expected a regular file, found a pipe or a device; \
         put an IDX file there"
    );
}

#[test]
fn empty_file() {
    assert_eq!(
        message_for(IMAGES, |_| Vec::new()),
        "DIR/train-images-idx3-ubyte: the file is empty; restore the file from its source"
    );
}

#[test]
fn truncated_header() {
    assert_eq!(
        message_for(IMAGES, |bytes| bytes[..10].to_vec()),
        "DIR/train-images-idx3-ubyte: the file ends within its header: expected 16 bytes, \
         found 10; restore the file from its source"
    );
    assert!(message_for(LABELS, |bytes| bytes[..1].to_vec()).contains("expected 8 bytes, found 1"));
}

#[test]
fn truncated_data() {
    assert_eq!(
        message_for(IMAGES, |bytes| bytes[..bytes.len() - 1].to_vec()),
        "DIR/train-images-idx3-ubyte: the header says 12x2x3 = 72 bytes of data, \
         more than a file of 87 bytes can hold; restore the file from its source"
    );
}

#[test]
fn truncated_data_within_gzip() {
    assert_eq!(
        message_for(IMAGES, |bytes| gzip(&bytes[..bytes.len() - 2])),
        "DIR/train-images-idx3-ubyte: the header says 12x2x3 = 72 bytes of data, \
         the file holds 70 bytes; restore the file from its source"
    );
}

#[test]
fn truncated_gzip() {
    assert_eq!(
        message_for(IMAGES, |bytes| {
            let mut packed = gzip(&bytes);
            packed.truncate(packed.len() - 9);
            packed
        }),
        "DIR/train-images-idx3-ubyte: the gzip stream ends too early; \
         restore the file from its source"
    );
}

#[test]
fn corrupt_gzip() {
    let message = message_for(IMAGES, |bytes| {
        let mut packed = gzip(&bytes);
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        packed
    });
    assert!(
        message.starts_with("DIR/train-images-idx3-ubyte: the gzip stream is damaged ("),
        "{message}"
    );
}

#[test]
fn bytes_behind_a_gzip_stream() {
    let message = message_for(IMAGES, |bytes| [gzip(&bytes), b"tail".to_vec()].concat());
    assert!(message.contains("the gzip stream"), "{message}");
}

#[test]
fn wrong_magic() {
    assert_eq!(
        message_for(IMAGES, |_| b"P5 28 28 255 pixels".to_vec()),
        "DIR/train-images-idx3-ubyte: expected the IDX magic [00, 00, 08, 03], \
         found [50, 35, 20, 32]; name an IDX file"
    );
}

#[test]
fn wrong_element_type() {
    assert_eq!(
        message_for(IMAGES, |mut bytes| {
            bytes[2] = 0x0d;
            bytes
        }),
        "DIR/train-images-idx3-ubyte: expected elements of type 0x08 (unsigned byte), \
         found 0x0d (32-bit float); convert the elements to unsigned bytes"
    );
}

#[test]
fn labels_where_images_should_be() {
    let folder = folder();
    fs::copy(folder.path().join(LABELS), folder.path().join(IMAGES)).expect("copied");
    assert_eq!(
        message(&folder),
        "DIR/train-images-idx3-ubyte: expected 3 axes (images), found 1; \
         check that images and labels are not exchanged"
    );
}

#[test]
fn header_that_promises_too_little() {
    assert_eq!(
        message_for(IMAGES, |mut bytes| {
            bytes[7] = 11;
            bytes
        }),
        "DIR/train-images-idx3-ubyte: the header says 11x2x3 = 66 bytes of data, \
         the file holds more; restore the file from its source"
    );
}

#[test]
fn header_that_promises_the_impossible() {
    let huge = |mut bytes: Vec<u8>| {
        bytes[4..16].fill(0xff);
        bytes
    };
    assert_eq!(
        message_for(IMAGES, huge),
        "DIR/train-images-idx3-ubyte: the header says 4294967295x4294967295x4294967295 \
         = 79228162458924105385300197375 bytes of data, more than a file of 88 bytes can hold; \
         restore the file from its source"
    );
    let message = message_for(IMAGES, |bytes| gzip(&huge(bytes)));
    assert!(
        message.contains("bytes of data, more than a file of"),
        "{message}"
    );
}

#[test]
fn no_images() {
    let none = |mut bytes: Vec<u8>| {
        bytes[7] = 0;
        bytes
    };
    assert_eq!(
        message_for(IMAGES, none),
        "DIR/train-images-idx3-ubyte: the header says 0 images; name a data set with at least one"
    );
    assert_eq!(
        message_for(LABELS, none),
        "DIR/train-labels-idx1-ubyte: the header says 0 labels; name a data set with at least one"
    );
}

#[test]
fn images_without_pixels() {
    assert_eq!(
        message_for(IMAGES, |mut bytes| {
            bytes[11] = 0;
            bytes.truncate(16);
            bytes
        }),
        "DIR/train-images-idx3-ubyte: the images are 0x3 pixels; restore the file from its source"
    );
}

#[test]
fn label_out_of_range() {
    assert_eq!(
        message_for(LABELS, |mut bytes| {
            bytes[8 + 4] = 10;
            bytes
        }),
        "DIR/train-labels-idx1-ubyte: label 4 (from 0) is 10, expected 0 to 9 for 10 classes; \
         set `data.classes` to the number of classes, or restore the file"
    );
}

#[test]
fn counts_that_differ() {
    assert_eq!(
        message_for(LABELS, |mut bytes| {
            bytes[7] = 11;
            bytes.truncate(8 + 11);
            bytes
        }),
        "DIR/train-labels-idx1-ubyte: 11 labels for the 12 images of \
         DIR/train-images-idx3-ubyte; put two files of one data set side by side"
    );
}

#[test]
fn sizes_that_differ() {
    assert_eq!(
        message_for("t10k-images-idx3-ubyte", |mut bytes| {
            (bytes[11], bytes[15]) = (3, 2);
            bytes
        }),
        "DIR: training images are 2x3, test images 3x2; \
         put four files of one data set into the folder"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(
        sizes in (1_usize..6, 1_usize..6),
        pixels in prop::collection::vec(any::<u8>(), 200),
        labels in prop::collection::vec(0_u8..7, 1..8),
    ) {
        let (rows, columns) = sizes;
        let dataset = ImageDataset::new(
            pixels[..labels.len() * rows * columns].to_vec(),
            [rows, columns],
            labels,
            7,
        ).expect("sound");
        let parts = ImageParts { train: dataset.clone(), test: dataset };
        let folder = TempDir::new().expect("a temporary folder");
        write_folder(folder.path(), &parts).expect("written");
        prop_assert_eq!(read_folder(folder.path(), 7).expect("sound"), parts);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        start in prop::sample::select(vec![&[][..], &[0, 0, 8, 3], &GZIP_MAGIC]),
        rest in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let bytes = [start, &rest].concat();
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), &bytes).expect("written");
        if let Ok(idx) = read::<3>(file.path()) {
            prop_assert_eq!(idx.sizes.iter().product::<usize>(), idx.bytes.len());
        }
    }
}
