//! Killed, stopped, on any number of threads: a run ends with the same bytes.

mod support;

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use elman::random::Seed;
use support::{Workplace, fail, read, run, succeed, text};

/// Saves after every step, so that a kill can meet any part of a save.
const EVERY_STEP: [&str; 2] = ["--checkpoint-every", "0"];

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Sends `signal` by name.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .expect("kill is there");
    assert!(sent.success());
}

/// Waits until the run has saved a checkpoint after a step: the first two are then superseded.
fn wait_for_steps(place: &Workplace, run: &str) {
    let started = Instant::now();
    let first = place
        .path(run)
        .join("checkpoints/step-0000000000.safetensors");
    let model = place.path(run).join("model.safetensors");
    while first.exists() || !model.exists() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "no checkpoint came"
        );
        sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_at_twenty_random_moments_a_run_ends_with_the_same_bytes() {
    let place = Workplace::new();
    let started = Instant::now();
    succeed(&mut place.fit("straight", &EVERY_STEP));
    let whole = started.elapsed();
    let mut moments = Seed::new(20).generator("kill");
    let (mut kills, mut runs) = (0, 0);
    while kills < 20 {
        runs += 1;
        assert!(runs < 200, "the kills come too late to meet a run");
        let name = format!("killed-{runs}");
        // Up to three kills in the life of a run.
        for _ in 0..3 {
            let mut child = if place.path(&name).join("recipe.toml").exists() {
                start(place.elman(&["fit", "--resume", &name]).args(EVERY_STEP))
            } else {
                start(&mut place.fit(&name, &EVERY_STEP))
            };
            sleep(whole.mul_f64(moments.uniform()));
            child.kill().expect("it is a child of this test");
            let status = child.wait().expect("it ends");
            if status.success() {
                break;
            }
            assert_eq!(
                status.code(),
                None,
                "it was killed, it did not fail: {status}"
            );
            kills += 1;
        }
        if place.path(&name).join("recipe.toml").exists() {
            succeed(place.elman(&["fit", "--resume", &name]).args(EVERY_STEP));
        } else {
            succeed(&mut place.fit(&name, &EVERY_STEP));
        }
        for file in ["model.safetensors", "metrics.csv"] {
            let path = |run: &str| place.path(run).join(file);
            assert!(read(path(&name)) == read(path("straight")), "{name}/{file}");
        }
    }
}

#[test]
fn ctrl_c_and_sigterm_save_and_say_how_to_go_on() {
    let place = Workplace::new();
    succeed(&mut place.fit("straight", &[]));
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let more = ["--set", "train.epochs=100000", "--checkpoint-every", "0"];
        let child = start(&mut place.fit(name, &more));
        wait_for_steps(&place, name);
        signal(&child, name);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(status));
        let talk = text(&output.stderr);
        assert!(
            talk.contains(&format!("elman fit --resume {name}")),
            "{talk}"
        );
        succeed(&mut place.elman(&["evaluate", name]));
        // The command that was printed works: it goes on until the next signal.
        let child = start(&mut place.elman(&["fit", "--resume", name]));
        sleep(Duration::from_millis(300));
        signal(&child, name);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            output.status.code(),
            Some(status),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let place = Workplace::new();
    let more = [
        "--set",
        "train.epochs=100000",
        "--checkpoint-every",
        "0",
        "--threads",
        "1",
    ];
    let child = start(&mut place.fit("run", &more));
    wait_for_steps(&place, "run");
    // Both signals wait for the process to go on, so that neither can be served before the other.
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let output = child.wait_with_output().expect("it ends");
    assert!([Some(130), Some(143)].contains(&output.status.code()));
    let talk = text(&output.stderr);
    assert!(!talk.contains("saved after"), "{talk}");
    succeed(&mut place.elman(&["evaluate", "run"]));
}

#[test]
fn the_same_weights_on_any_number_of_threads() {
    let place = Workplace::new();
    // Large enough for the kernels to share out among eight threads; 34 epochs of 6 steps are 204.
    let settings = [
        "--quiet",
        "--set",
        "model.units=64",
        "--set",
        "train.batch=64",
        "--set",
        "train.epochs=34",
    ];
    for cell in ["basic", "lstm", "gru"] {
        let cell_setting = format!("model.cell={cell}");
        let mut models = Vec::new();
        for threads in ["1", "2", "3", "8"] {
            let name = format!("{cell}-{threads}");
            let mut command = place.fit(&name, &settings);
            command.args(["--set", &cell_setting, "--threads", threads]);
            succeed(&mut command);
            models.push(read(place.path(&name).join("model.safetensors")));
        }
        assert!(models.iter().all(|model| *model == models[0]), "{cell}");
    }
}

/// A limit on the size of files stands in for a full disk: it needs no special rights.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_nothing_more_costs_nothing_that_was_saved() {
    let place = Workplace::new();
    let more = ["--set", "train.epochs=20"];
    succeed(place.fit("straight", &EVERY_STEP).args(more));
    let mut child = start(place.fit("run", &EVERY_STEP).args(more));
    wait_for_steps(&place, "run");
    child.kill().expect("it is a child of this test");
    child.wait().expect("it ends");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(assert_cmd::cargo::cargo_bin!("elman"))
        .args(["fit", "--resume", "run"])
        .current_dir(place.path(""));
    let error = fail(&mut limited, 1);
    assert!(error.contains("cannot write"), "{error}");
    assert!(
        error.contains("make room, then go on with `elman fit --resume run`"),
        "{error}"
    );
    succeed(&mut place.elman(&["fit", "--resume", "run"]));
    let model = |run: &str| read(place.path(run).join("model.safetensors"));
    assert!(model("run") == model("straight"));
}

#[test]
fn one_trainer_at_a_time() {
    let place = Workplace::new();
    let more = ["--set", "train.epochs=100000", "--checkpoint-every", "0"];
    let mut child = start(&mut place.fit("run", &more));
    wait_for_steps(&place, "run");
    let error = fail(&mut place.elman(&["fit", "--resume", "run"]), 1);
    assert!(
        error.contains("another process is training in it"),
        "{error}"
    );
    child.kill().expect("it is a child of this test");
    child.wait().expect("it ends");
}

#[test]
fn the_books_network_learns_digits() {
    let place = Workplace::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist10k");
    let mut command = place.elman(&["fit", "mnist", "--out", "run", "--data", data]);
    let output = run(command.args(["--json", "--set", "train.epochs=2"]));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let accuracy = summary["test_accuracy"].as_f64().expect("a number");
    assert!(accuracy >= LEAST_ACCURACY, "{accuracy}");
}

/// After two epochs; chance is 0.1.
const LEAST_ACCURACY: f64 = 0.80;
