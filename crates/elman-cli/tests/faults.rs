//! Bad input: every fault has an exit status, names its place and says what to do.

mod support;

use std::fs;

use elman::data::ImageParts;
use support::{CLASSES, Workplace, fail, read, succeed};

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn idx(magic: u32, sizes: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_be_bytes().to_vec();
    for size in sizes {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend(body);
    bytes
}

#[test]
fn data_files_that_are_not_what_they_should_be() {
    let pixels = vec![7_u8; 400 * 120];
    let sound = idx(0x803, &[400, 12, 10], &pixels);
    let labels = idx(0x801, &[400], &[1; 400]);
    let cases: &[(&str, &str, Vec<u8>)] = &[
        ("empty", FILES[0], Vec::new()),
        ("truncated", FILES[0], sound[..sound.len() - 1].to_vec()),
        ("cut in its header", FILES[0], sound[..10].to_vec()),
        ("wrong magic", FILES[0], idx(0x801, &[400, 12, 10], &pixels)),
        (
            "lying header",
            FILES[0],
            idx(0x803, &[u32::MAX; 3], &pixels),
        ),
        (
            "longer than its header",
            FILES[1],
            [labels, vec![0]].concat(),
        ),
        (
            "label out of range",
            FILES[1],
            idx(0x801, &[400], &[CLASSES as u8; 400]),
        ),
        ("other counts", FILES[1], idx(0x801, &[399], &[1; 399])),
        ("no image", FILES[2], idx(0x803, &[0, 12, 10], &[])),
    ];
    for (fault, name, bytes) in cases {
        let place = Workplace::new();
        fs::write(place.path("data").join(name), bytes).expect("written");
        let error = fail(&mut place.fit("run", &[]), 1);
        let part = &name[..5];
        assert!(error.contains(part), "{fault}: {error}");
        assert!(error.contains("; "), "{fault}: says what to do: {error}");
        assert!(!place.path("run").exists(), "{fault}: no run was begun");
    }
}

#[test]
fn data_that_is_not_there() {
    for name in FILES {
        let place = Workplace::new();
        let path = place.path("data").join(name);
        fs::remove_file(&path).expect("there");
        let error = fail(&mut place.fit("run", &[]), 1);
        assert!(error.contains(name), "{error}");
        fs::create_dir(place.path("data").join(name)).expect("a folder in its place");
        let error = fail(&mut place.fit("run", &[]), 1);
        assert!(error.contains(name) && error.contains("folder"), "{error}");
    }
    let place = Workplace::new();
    let error = fail(&mut place.elman(&["fit", "mnist"]), 1);
    assert!(error.contains("data/mnist10k"), "{error}");
}

#[test]
fn recipes_with_all_their_problems_at_once() {
    let place = Workplace::new();
    let text = "task = \"classifier\"\n[data]\nfolder = \"data\"\n[model]\ncell = \"lsmt\"\n\
                unitz = 3\n[train]\nepochs = 0\nbatch = \"many\"\n";
    fs::write(place.path("bad.toml"), text).expect("written");
    let error = fail(&mut place.elman(&["fit", "bad.toml"]), 2);
    for words in ["lstm", "units", "epochs", "batch"] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = fail(&mut place.elman(&["fit", "mnits"]), 2);
    assert!(error.contains("did you mean `mnist`"), "{error}");
    let error = fail(&mut place.elman(&["fit", "missing.toml"]), 2);
    assert!(error.contains("missing.toml"), "{error}");
    let error = fail(&mut place.fit("run", &["--set", "train.epoch=3"]), 2);
    assert!(error.contains("epochs"), "{error}");
    fail(&mut place.fit("run", &["--set", "nothing"]), 2);
    fail(&mut place.fit("run", &["--threads", "0"]), 2);
    fail(&mut place.fit("run", &["--threads", "1000000"]), 2);
    fail(&mut place.fit("run", &["--checkpoint-every", "-1"]), 2);
    fail(&mut place.elman(&["fit"]), 2);
    fail(&mut place.elman(&["fit", "mnist", "--resume", "run"]), 2);
    fail(&mut place.elman(&["evaluate", "--no-such-flag"]), 2);
}

#[test]
fn a_folder_that_is_taken_or_is_no_run() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &["--set", "train.epochs=1"]));
    let error = fail(&mut place.fit("run", &[]), 1);
    assert!(error.contains("--resume run"), "{error}");
    for command in [
        ["evaluate", "data"],
        ["inspect", "data"],
        ["evaluate", "none"],
    ] {
        let error = fail(&mut place.elman(&command), 1);
        assert!(error.contains("not a run's folder"), "{error}");
    }
    let error = fail(&mut place.elman(&["fit", "--resume", "none"]), 1);
    assert!(error.contains("not a run's folder"), "{error}");
}

#[test]
fn damaged_models() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &["--set", "train.epochs=1"]));
    let path = place.path("run/model.safetensors");
    let sound = read(&path);
    for (fault, bytes) in [
        ("empty", Vec::new()),
        ("truncated", sound[..sound.len() - 100].to_vec()),
        ("bit flipped", {
            let mut bytes = sound.clone();
            bytes[sound.len() / 2] ^= 1;
            bytes
        }),
        (
            "huge header",
            [&u64::MAX.to_le_bytes()[..], &sound[8..]].concat(),
        ),
    ] {
        fs::write(&path, bytes).expect("written");
        for command in ["evaluate", "inspect"] {
            let error = fail(&mut place.elman(&[command, "run"]), 1);
            assert!(
                error.contains("model.safetensors: damaged"),
                "{fault}: {error}"
            );
        }
    }
    // The model of another network, whole in itself, under this run's name is used as what it is;
    // a checkpoint of another network is refused.
    succeed(&mut place.fit(
        "other",
        &["--set", "train.epochs=1", "--set", "model.units=9"],
    ));
    let name = "checkpoints/step-0000000020.safetensors";
    fs::copy(place.path("other").join(name), place.path("run").join(name)).expect("copied");
    let error = fail(&mut place.elman(&["fit", "--resume", "run"]), 1);
    assert!(
        error.contains("another recipe") && error.contains("units"),
        "{error}"
    );
}

#[test]
fn a_damaged_checkpoint_costs_only_what_came_after_the_one_before() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &[]));
    let model = read(place.path("run/model.safetensors"));
    let last = place.path("run/checkpoints/step-0000000060.safetensors");
    let mut bytes = read(&last);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(&last, bytes).expect("written");
    let output = support::run(&mut place.elman(&["fit", "--resume", "run"]));
    let talk = support::text(&output.stderr);
    assert!(output.status.success(), "{talk}");
    assert!(
        talk.contains("warning") && talk.contains("step-0000000060"),
        "{talk}"
    );
    assert_eq!(read(place.path("run/model.safetensors")), model);
}

#[test]
fn a_loss_that_is_not_finite() {
    let place = Workplace::new();
    let settings = [
        "--set",
        "model.activation=identity",
        "--set",
        "train.optimiser.learning_rate=1e30",
    ];
    let error = fail(&mut place.fit("run", &settings), 1);
    assert!(
        error.contains("the loss became non-finite at step 1"),
        "{error}"
    );
    succeed(&mut place.elman(&["evaluate", "run"]));
}

#[test]
fn images_that_do_not_fit_the_model() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &["--set", "train.epochs=1"]));
    let small = |count| {
        elman::data::ImageDataset::new(vec![1; count * 6], [2, 3], vec![0; count], CLASSES)
            .expect("sound")
    };
    let parts = ImageParts {
        train: small(3),
        test: small(2),
    };
    place.write_data("small", &parts);
    let error = fail(&mut place.elman(&["evaluate", "run", "--data", "small"]), 1);
    assert!(
        error.contains("images: axis T must be 12, found 2"),
        "{error}"
    );
}
