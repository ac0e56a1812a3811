//! Small data sets and short runs of the program.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use elman::data::{ImageDataset, ImageParts, idx};
use tempfile::TempDir;

/// Rows and columns of the images: different, so that they cannot be mixed up.
pub(crate) const IMAGE: [usize; 2] = [12, 10];
/// Classes of the images.
pub(crate) const CLASSES: usize = 4;

/// A folder of its own for one test, with a data set in `data`.
pub(crate) struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// With 400 training and 100 test images.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let parts = ImageParts {
            train: images(400, 0),
            test: images(100, 400),
        };
        let place = Self { folder };
        place.write_data("data", &parts);
        place
    }

    /// Writes the four IDX files into the new folder `name`.
    pub(crate) fn write_data(&self, name: &str, parts: &ImageParts) {
        std::fs::create_dir_all(self.path(name)).expect("created");
        idx::write_folder(self.path(name), parts).expect("written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with this folder as its working directory.
    pub(crate) fn elman(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("elman"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// `elman fit` of a small network on the data, with `more` arguments.
    pub(crate) fn fit(&self, out: &str, more: &[&str]) -> Command {
        let mut command = self.elman(&["fit", "mnist", "--data", "data", "--out", out]);
        for setting in [
            "data.classes=4",
            "model.units=16",
            "train.epochs=3",
            "train.batch=20",
            "train.optimiser.learning_rate=0.005",
        ] {
            command.args(["--set", setting]);
        }
        command.args(more);
        command
    }
}

/// Images whose class is the quarter of the rows that is bright, under noise.
fn images(count: usize, salt: usize) -> ImageDataset {
    let [rows, columns] = IMAGE;
    let mut pixels = Vec::with_capacity(count * rows * columns);
    for at in 0..count {
        for place in 0..rows * columns {
            let noise = ((at + salt) * 7919 + place * 104_729) % 121;
            let bright = place / columns * CLASSES / rows == at % CLASSES;
            pixels.push((noise + if bright { 130 } else { 0 }) as u8);
        }
    }
    let labels = (0..count).map(|at| (at % CLASSES) as u8).collect();
    ImageDataset::new(pixels, IMAGE, labels, CLASSES).expect("sound")
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// Runs to the end and must succeed; what it wrote to stdout.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    text(&output.stdout)
}

/// Runs to the end and must exit with `status`; what it wrote to stderr.
pub(crate) fn fail(command: &mut Command, status: i32) -> String {
    let output = run(command);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
