use std::cell::Cell;
use std::io;

use burn::tensor::TensorData;
use tempfile::TempDir;

use super::*;

/// A disk on which the operation number `fails_at` (from 0) fails; a failing write leaves half.
#[derive(Debug)]
struct FailingDisk {
    operation: Cell<usize>,
    fails_at: usize,
}

impl FailingDisk {
    fn new(fails_at: usize) -> Self {
        Self {
            operation: Cell::new(0),
            fails_at,
        }
    }

    fn check(&self) -> io::Result<()> {
        let operation = self.operation.replace(self.operation.get() + 1);
        if operation == self.fails_at {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Disk for FailingDisk {
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.check() {
            Ok(()) => System.write(path, bytes),
            Err(error) => {
                System.write(path, &bytes[..bytes.len() / 2])?;
                Err(error)
            }
        }
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        System.sync_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        System.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        System.sync_folder(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        System.remove(path)
    }
}

fn recipe() -> Recipe {
    Recipe::load("mnist", &[]).expect("it ships")
}

fn file(kind: FileKind, step: u64) -> TensorFile {
    let data = TensorData::new(vec![step as f32; 5], [5]);
    TensorFile {
        kind,
        facts: [("step".to_owned(), step.to_string())].into(),
        tensors: [("cell.kernel".to_owned(), data)].into(),
    }
}

fn save(run: &RunDirectory, step: u64) -> Result<()> {
    let checkpoint = file(FileKind::Checkpoint, step);
    run.save(step, &checkpoint, &file(FileKind::Model, step))
}

fn newest(run: &RunDirectory) -> TensorFile {
    let resumed = run.resume().expect("a good checkpoint");
    assert_eq!(resumed.warnings, Vec::<String>::new());
    resumed.checkpoint.expect("a checkpoint").file
}

#[test]
fn whatever_operation_of_a_save_fails_a_whole_checkpoint_is_left() {
    let mut failures = 0;
    for fails_at in 0.. {
        let folder = TempDir::new().expect("a folder");
        let mut run = RunDirectory::create(folder.path().join("run"), &recipe()).expect("new");
        for step in [1, 2] {
            save(&run, step).expect("the disk works");
        }
        run.disk = Box::new(FailingDisk::new(fails_at));
        let saved = save(&run, 3);
        drop(run);
        let run = RunDirectory::open(folder.path().join("run")).expect("still a run");
        let found = newest(&run);
        let model = RunDirectory::model(run.root()).expect("a whole model").file;
        assert!(
            [2, 3]
                .map(|step| file(FileKind::Checkpoint, step))
                .contains(&found)
        );
        assert!(
            [2, 3]
                .map(|step| file(FileKind::Model, step))
                .contains(&model)
        );
        let left = fs::read_dir(run.root().join(CHECKPOINTS))
            .expect("readable")
            .count();
        assert!(
            (2..=3).contains(&left),
            "no half-written file is left: {left}"
        );
        match saved {
            Ok(()) => {
                assert_eq!(found, file(FileKind::Checkpoint, 3));
                break;
            }
            Err(error) => {
                assert!(error.is_io(), "{error}");
                failures += 1;
                save(&run, 3).expect("the disk works again");
                assert_eq!(newest(&run), file(FileKind::Checkpoint, 3));
            }
        }
    }
    // Two files with a write, two syncs and a rename each, and one old checkpoint to remove.
    assert_eq!(failures, 9);
}

#[test]
fn the_last_two_checkpoints_are_kept() {
    let folder = TempDir::new().expect("a folder");
    let run = RunDirectory::create(folder.path(), &recipe()).expect("new");
    for step in [9, 10, 11, 100] {
        save(&run, step).expect("saved");
    }
    let names: Vec<_> = run
        .checkpoints()
        .expect("listed")
        .iter()
        .map(|path| path.file_name().expect("a file").to_owned())
        .collect();
    assert_eq!(
        names,
        ["step-0000000011.safetensors", "step-0000000100.safetensors"]
    );
}

#[test]
fn a_damaged_checkpoint_is_set_aside_for_the_one_before_it() {
    let folder = TempDir::new().expect("a folder");
    let run = RunDirectory::create(folder.path(), &recipe()).expect("new");
    for step in [5, 6] {
        save(&run, step).expect("saved");
    }
    let last = run.checkpoints().expect("listed").pop().expect("two");
    let mut bytes = fs::read(&last).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&last, bytes).expect("written");
    let resumed = run.resume().expect("the older one is good");
    assert_eq!(resumed.warnings.len(), 1);
    assert!(
        resumed.warnings[0].contains("step-0000000006"),
        "{:?}",
        resumed.warnings
    );
    let checkpoint = resumed.checkpoint.expect("a checkpoint");
    assert_eq!(checkpoint.file, file(FileKind::Checkpoint, 5));
    assert!(last.with_extension("damaged").exists());
    assert_eq!(newest(&run), file(FileKind::Checkpoint, 5));
}

#[test]
fn without_a_good_checkpoint_there_is_no_silent_new_start() {
    let folder = TempDir::new().expect("a folder");
    let run = RunDirectory::create(folder.path(), &recipe()).expect("new");
    assert!(run.resume().expect("not begun").checkpoint.is_none());
    save(&run, 1).expect("saved");
    let only = run.checkpoints().expect("listed").pop().expect("one");
    fs::write(&only, b"rubbish").expect("written");
    for _ in 0..2 {
        let error = run.resume().expect_err("nothing good");
        assert!(error.is_damaged());
        assert!(
            error.to_string().contains("no checkpoint is good"),
            "{error}"
        );
    }
}

#[test]
fn one_trainer_at_a_time() {
    let folder = TempDir::new().expect("a folder");
    let run = RunDirectory::create(folder.path(), &recipe()).expect("new");
    let error = RunDirectory::open(folder.path()).expect_err("in use");
    assert!(
        error
            .to_string()
            .contains("another process is training in it"),
        "{error}"
    );
    drop(run);
    RunDirectory::open(folder.path()).expect("free again");
}

#[test]
fn a_run_is_not_written_over() {
    let folder = TempDir::new().expect("a folder");
    drop(RunDirectory::create(folder.path(), &recipe()).expect("new"));
    let error = RunDirectory::create(folder.path(), &recipe()).expect_err("taken");
    assert!(
        error.to_string().contains("it holds recipe.toml already"),
        "{error}"
    );
    assert_eq!(
        RunDirectory::recipe(folder.path()).expect("readable"),
        recipe()
    );
}

#[test]
fn unfinished_files_are_removed_and_folders_of_others_refused() {
    let folder = TempDir::new().expect("a folder");
    drop(RunDirectory::create(folder.path(), &recipe()).expect("new"));
    let stale = [
        folder.path().join("model.safetensors.unfinished"),
        folder
            .path()
            .join("checkpoints/step-0000000001.safetensors.unfinished"),
    ];
    for path in &stale {
        fs::write(path, b"half").expect("written");
    }
    drop(RunDirectory::open(folder.path()).expect("a run"));
    assert!(stale.iter().all(|path| !path.exists()));
    let other = TempDir::new().expect("a folder");
    let error = RunDirectory::open(other.path()).expect_err("no run");
    assert!(
        error.to_string().contains("it has no recipe.toml"),
        "{error}"
    );
    let error = RunDirectory::model(folder.path()).expect_err("no model yet");
    assert!(
        error.to_string().contains("the run has no model yet"),
        "{error}"
    );
}

#[test]
fn the_next_free_number_is_taken() {
    let folder = TempDir::new().expect("a folder");
    let next = || RunDirectory::create_next(folder.path(), "mnist", &recipe()).expect("free");
    assert!(next().root().ends_with("mnist-1"));
    assert!(next().root().ends_with("mnist-2"));
}
