//! `elman tune`: a search, killed and resumed, its table and its faults.

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use elman::random::Seed;
use serde_json::Value;
use support::{Workplace, fail, read, succeed};

const RECIPE: &str = r#"
title = "four classes"
task = "classifier"
[data]
folder = "data"
classes = 4
hold_out = 100
[model]
cell = "basic"
units = 8
[train]
epochs = 9
batch = 20
[train.optimiser]
name = "adam"
learning_rate = 1e-4
[tune]
trials = 7
[tune.halving]
eta = 3
[tune.search]
"train.optimiser.learning_rate" = { log = [1e-3, 5e-2] }
"model.units" = { integer = [4, 16] }
"model.cell" = { choice = ["basic", "gru"] }
"#;

const FILES: [&str; 6] = [
    "table.csv",
    "best.toml",
    "progress.toml",
    "tune.svg",
    "tune.png",
    "searched.svg",
];

fn place() -> Workplace {
    let place = Workplace::new();
    fs::write(place.path("search.toml"), RECIPE).expect("written");
    place
}

fn tune(place: &Workplace, out: &str, more: &[&str]) -> Command {
    let mut command = place.elman(&["tune", "search.toml", "--out", out]);
    command.args(more);
    command
}

#[test]
fn a_search_ends_with_a_table_the_best_recipe_and_figures() {
    let place = place();
    let lines = succeed(&mut tune(
        &place,
        "search",
        &["--json", "--retrain", "--trials", "8"],
    ));
    let objects: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(objects.len(), 8 + 2);
    let (best, end, retrained) = (&objects[0], &objects[8], &objects[9]);
    assert_eq!(best["trial"], end["best_trial"]);
    assert_eq!(
        end["beats_recipe"], true,
        "a learning rate of 1e-4 is far too small"
    );
    assert_eq!(
        (&best["epochs"], &best["rank"]),
        (&Value::from(9), &Value::from(1))
    );
    let own = objects
        .iter()
        .find(|object| object["trial"] == 0)
        .expect("trial 0");
    assert_eq!(own["settings"]["train.optimiser.learning_rate"], 1e-4);
    assert_eq!(own["epochs"], 9, "compared at equal budget");
    assert!(best["valid_accuracy"].as_f64() > own["valid_accuracy"].as_f64());
    assert_eq!(retrained["run"], "search/best");
    assert!(
        retrained["test_accuracy"].as_f64() > Some(0.9),
        "{retrained}"
    );
    for file in FILES
        .iter()
        .chain(&["searched.png", "best/model.safetensors"])
    {
        assert!(place.path("search").join(file).is_file(), "{file}");
    }
    // A finished search is told again; its recipe trains, its best recipe is the best trial's.
    let text = succeed(&mut place.elman(&["tune", "--resume", "search"]));
    let trial = best["trial"].as_u64().expect("a number");
    for words in [
        "rank  trial  epochs  accuracy    loss   cell  units  learning_rate".to_owned(),
        format!("best        trial {trial}, valid accuracy"),
        "elman tune --resume search --retrain".to_owned(),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    succeed(&mut place.elman(&["fit", "search/best.toml", "--out", "again"]));
    let trial = format!("search/trial-{trial:02}");
    let model = |run: &str| read(place.path(run).join("model.safetensors"));
    assert!(model("again") == model(&trial));
}

#[test]
fn killed_at_random_moments_a_search_ends_with_the_same_table() {
    let place = place();
    let started = Instant::now();
    succeed(&mut tune(
        &place,
        "straight",
        &["--quiet", "--threads", "2"],
    ));
    let whole = started.elapsed();
    let mut moments = Seed::new(9).generator("kill");
    let (mut kills, mut runs) = (0, 0);
    while kills < 6 {
        runs += 1;
        assert!(runs < 50, "the kills come too late to meet a search");
        let out = format!("killed-{runs}");
        let begun = || place.path(&out).join("recipe.toml").exists();
        let command = || match begun() {
            true => place.elman(&["tune", "--resume", &out, "--threads", "1"]),
            false => tune(&place, &out, &["--threads", "1", "--checkpoint-every", "0"]),
        };
        for _ in 0..3 {
            let mut child = command()
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("the program starts");
            sleep(whole.mul_f64(moments.uniform()));
            child.kill().expect("it is a child of this test");
            if child.wait().expect("it ends").success() {
                break;
            }
            kills += 1;
        }
        succeed(&mut command());
        for file in FILES {
            let path = |run: &str| place.path(run).join(file);
            assert!(read(path(&out)) == read(path("straight")), "{out}/{file}");
        }
    }
}

#[test]
fn bad_flags_and_recipes_begin_no_search() {
    let place = place();
    for (more, status, words) in [
        (
            &["--trials", "1"][..],
            2,
            "tune.trials (--set): expected a whole number from 2",
        ),
        (&["--set", "data.hold_out=0"], 2, "needs held-out images"),
        (&["--set", "data.hold_out=400"], 1, "hold"),
        (
            &["--set", "tune.search.model.unitz.integer=[1, 2]"],
            2,
            "did you mean `units`?",
        ),
        (
            &["--set", "tune.search.model.peepholes.choice=[true, false]"],
            2,
            "only `lstm`",
        ),
        (&["--data", "nowhere"], 1, "nowhere"),
        (&["--resume", "search"], 2, "cannot be used with"),
    ] {
        let error = fail(tune(&place, "search", &["--quiet"]).args(more), status);
        assert!(error.contains(words), "{words}: {error}");
        assert!(!place.path("search").exists(), "{words}");
    }
    let error = fail(&mut place.elman(&["tune", "mnist", "--data", "data"]), 2);
    assert!(error.contains("the table `[tune]` is missing"), "{error}");
    let error = fail(&mut place.elman(&["tune", "--resume", "data"]), 1);
    assert!(error.contains("is not a search's folder"), "{error}");
    fail(&mut place.elman(&["tune"]), 2);
    fs::create_dir(place.path("taken")).expect("made");
    fs::write(place.path("taken/file"), "").expect("written");
    let error = fail(&mut tune(&place, "taken", &[]), 1);
    assert!(error.contains("it holds file already"), "{error}");
}

#[test]
fn the_shipped_search_is_ready_to_run() {
    let place = Workplace::new();
    let sets = [
        "--set",
        "data.classes=4",
        "--set",
        "train.epochs=4",
        "--set",
        "data.hold_out=100",
    ];
    let mut command = place.elman(&["tune", "mnist-tune", "--trials", "3", "--data", "data"]);
    let text = succeed(command.args(sets));
    assert!(text.contains("runs/mnist-tune-1/best.toml"), "{text}");
}
