//! Drawing, halving, ranking; stopped anywhere, a search ends with the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::folder::TuneFolder;
use super::halving::promoted;
use super::space::{candidates, draw};
use super::*;
use crate::data::{ImageDataset, ImageParts, idx};
use crate::recipe::{HalvingSettings, Monitor, Override, Setting, Template, TuneSettings};
use crate::task::RunFolder;
use crate::train::{FitOptions, Observer, Silent, StepProgress};

const RECIPE: &str = r#"
title = "two classes"
task = "classifier"
seed = 5
[data]
folder = "data"
classes = 2
hold_out = 30
[model]
cell = "basic"
units = 3
[train]
epochs = 9
batch = 10
[train.optimiser]
name = "adam"
learning_rate = 1e-4
[tune]
trials = 7
[tune.halving]
eta = 3
first_epochs = 1
[tune.search]
"train.optimiser.learning_rate" = { log = [1e-3, 1e-1] }
"model.units" = { integer = [2, 6] }
"model.cell" = { choice = ["basic", "lstm"] }
"model.forget_bias" = { linear = [-1.0, 1.0], when = { "model.cell" = ["lstm"] } }
"#;

fn template(settings: &[&str]) -> Template {
    let overrides: Vec<Override> = settings
        .iter()
        .map(|text| text.parse().expect("an override"))
        .collect();
    Template::from_toml("r.toml", RECIPE, &overrides).expect("TOML")
}

fn settings(template: &Template) -> TuneSettings {
    let recipe = template.recipe().expect("sound");
    recipe.tune.expect("a search")
}

/// A folder with 90 images of 6x5 pixels in two classes that a small network can tell apart.
fn data() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let part = |count: usize, salt: usize| {
        let pixel = |at: usize, place: usize| {
            let noise = (at * 31 + place * 17 + salt) % 90;
            let bright = (place / 5) % 2 == at % 2;
            (noise + if bright { 100 } else { 0 }) as u8
        };
        let pixels = (0..count).flat_map(|at| (0..30).map(move |place| pixel(at, place)));
        let labels = (0..count).map(|at| (at % 2) as u8).collect();
        ImageDataset::new(pixels.collect(), [6, 5], labels, 2).expect("sound")
    };
    let parts = ImageParts {
        train: part(90, 0),
        test: part(20, 7),
    };
    idx::write_folder(folder.path(), &parts).expect("written");
    folder
}

fn plan(data: &Path, root: &Path, more: &[&str]) -> TunePlan {
    let folder = format!("data.folder={}", data.display());
    let mut settings = vec![folder.as_str()];
    settings.extend(more);
    TunePlan {
        template: template(&settings),
        folder: RunFolder::At(root.to_owned()),
        options: FitOptions::default(),
    }
}

/// Asks to stop after so many steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepProgress) {
        self.0 = self.0.saturating_sub(1);
    }

    fn stop_signal(&mut self) -> Option<i32> {
        (self.0 == 0).then_some(2)
    }
}

impl TuneObserver for StopAfter {}

#[test]
fn a_trial_depends_on_the_seed_and_its_number_alone() {
    let tune = settings(&template(&[]));
    let more = settings(&template(&[
        "tune.trials=50",
        "tune.search.train.batch.integer=[5, 9]",
    ]));
    for trial in 1..7 {
        let (few, many) = (draw(&tune, trial), draw(&more, trial));
        for (key, value) in &few {
            assert_eq!(many[key], *value, "{key} of trial {trial}");
        }
        assert_eq!(many.len(), few.len() + 1);
    }
    let other = settings(&template(&["tune.seed=6"]));
    assert!((1..7).any(|trial| draw(&other, trial) != draw(&tune, trial)));
    let all: BTreeSet<String> = (1..50)
        .map(|trial| format!("{:?}", draw(&tune, trial)))
        .collect();
    assert_eq!(all.len(), 49, "no two trials are the same");
}

#[test]
fn values_are_drawn_from_all_of_their_ranges() {
    let tune = settings(&template(&[]));
    let draws: Vec<_> = (1..2001).map(|trial| draw(&tune, trial)).collect();
    let numbers = |key: &str| -> Vec<f64> {
        let values = draws.iter().filter_map(|draw| draw.get(key));
        values
            .map(|value| value.number().expect("a number"))
            .collect()
    };
    let rates = numbers("train.optimiser.learning_rate");
    assert_eq!(rates.len(), 2000);
    assert!(rates.iter().all(|rate| (1e-3..=1e-1).contains(rate)));
    // Uniform in the logarithm: a half below 10^-2. Four deviations of 2,000 draws are 0.045.
    let low = rates.iter().filter(|rate| **rate < 1e-2).count() as f64 / 2000.0;
    assert!((low - 0.5).abs() < 0.045, "{low}");
    for rate in &rates {
        let digits = format!("{rate:.3e}").parse::<f64>().expect("a number");
        assert_eq!(*rate, digits, "four digits");
    }
    let units = numbers("model.units");
    for value in 2..=6 {
        let share = units
            .iter()
            .filter(|unit| **unit == f64::from(value))
            .count() as f64
            / 2000.0;
        // Four deviations around a fifth are 0.036.
        assert!((share - 0.2).abs() < 0.036, "{value}: {share}");
    }
    let mut lstm = 0;
    for draw in &draws {
        let is_lstm = draw["model.cell"] == Setting::Text("lstm".to_owned());
        assert_eq!(draw.contains_key("model.forget_bias"), is_lstm);
        lstm += usize::from(is_lstm);
    }
    assert!((lstm as f64 / 2000.0 - 0.5).abs() < 0.045, "{lstm}");
    let biases = numbers("model.forget_bias");
    assert!(biases.iter().all(|bias| (-1.0..=1.0).contains(bias)));
    let above = biases.iter().filter(|bias| **bias > 0.0).count() as f64;
    assert!((above / biases.len() as f64 - 0.5).abs() < 0.065, "{above}");
}

#[test]
fn rungs_are_those_worked_out_by_hand() {
    let found = |trials: usize, halving: Option<(usize, usize)>, epochs: usize| -> Vec<_> {
        let tune = TuneSettings {
            trials,
            halving: halving.map(|(eta, first_epochs)| HalvingSettings { eta, first_epochs }),
            ..settings(&template(&[]))
        };
        let rungs = rungs(&tune, epochs).into_iter();
        rungs.map(|rung| (rung.epochs, rung.trials)).collect()
    };
    // Li et al. (2018), table 1, the bracket s = 4 of R = 81, η = 3.
    let bracket = [(1, 81), (3, 27), (9, 9), (27, 3), (81, 1)];
    assert_eq!(found(81, Some((3, 1)), 81), bracket);
    // 20, ⌊20/3⌋, ⌊20/9⌋, ⌊20/27⌋ = 0 but at least one; 4·27 = 108 is cut to 100.
    assert_eq!(
        found(20, Some((3, 4)), 100),
        [(4, 20), (12, 6), (36, 2), (100, 1)]
    );
    assert_eq!(found(10, Some((2, 3)), 7), [(3, 10), (6, 5), (7, 2)]);
    assert_eq!(found(10, Some((2, 7)), 7), [(7, 10)]);
    assert_eq!(found(10, None, 7), [(7, 10)]);
}

#[test]
fn the_best_go_on_and_trial_0_besides() {
    let scored = |trial: usize, accuracy: f64, loss: f64| {
        let score = Score {
            epochs: 1,
            valid_accuracy: Some(accuracy),
            valid_loss: Some(loss),
        };
        (trial, Outcome::Scored(score))
    };
    let failed = (3, Outcome::Failed("the loss".to_owned()));
    let field = [
        scored(0, 0.1, 0.1),
        scored(1, 0.5, 0.9),
        scored(2, 0.7, 0.8),
        failed.clone(),
        scored(4, 0.7, 0.6),
        scored(5, 0.7, 0.8),
    ];
    let next = |metric, slots| promoted(metric, &field, slots);
    assert_eq!(next(Monitor::ValidAccuracy, 1), [0, 4]);
    // Equal accuracies: the loss decides; equal losses too: the number.
    assert_eq!(next(Monitor::ValidAccuracy, 2), [0, 2, 4]);
    assert_eq!(next(Monitor::ValidAccuracy, 6), [0, 1, 2, 4, 5]);
    // Trial 0 takes a place that it has earned.
    assert_eq!(next(Monitor::ValidLoss, 2), [0, 4]);
    assert_eq!(promoted(Monitor::ValidLoss, &[failed], 3), [0; 0]);
}

#[test]
fn trials_that_the_recipes_checks_refuse_are_all_told_before_anything_runs() {
    let message = |settings: &[&str]| {
        let template = template(settings);
        let error = candidates(&template, &self::settings(&template)).expect_err("refused");
        assert!(error.is_recipe());
        error.to_string()
    };
    let told = message(&["tune.search.model.peepholes.choice=[true, false]"]);
    assert!(
        told.contains(
            "model.peepholes (drawn by [tune.search]): the cell is `basic`, only `lstm` \
             or `coupled_lstm` has this key"
        ) && told.contains("  - trials "),
        "{told}"
    );
    assert!(
        told.contains("no trial was begun; narrow [tune.search], or say `when`"),
        "{told}"
    );
    let told = message(&["tune.search.model.unitz.integer=[1, 2]"]);
    assert!(
        told.contains(
            "trials 1, 2, 3, 4, 5 and 6: unknown key `model.unitz` (drawn by [tune.search]); \
             did you mean `units`?"
        ),
        "{told}"
    );
    let folder = TempDir::new().expect("a folder");
    let data = data();
    let root = folder.path().join("search");
    let bad = plan(
        data.path(),
        &root,
        &["tune.search.model.unitz.integer=[1, 2]"],
    );
    tune(&bad, &mut Silent).expect_err("refused");
    let missing = plan(Path::new("nowhere"), &root, &[]);
    tune(&missing, &mut Silent).expect_err("no data");
    assert!(!root.exists(), "no search was begun");
    let none = Template::load("mnist", &[]).expect("TOML");
    let none = TunePlan {
        template: none,
        ..missing
    };
    let told = tune(&none, &mut Silent).expect_err("no [tune]").to_string();
    assert!(told.contains("the table `[tune]` is missing"), "{told}");
}

/// What a finished search leaves, besides its runs.
const FILES: [&str; 8] = [
    "recipe.toml",
    "progress.toml",
    "table.csv",
    "best.toml",
    "tune.svg",
    "tune.png",
    "searched.svg",
    "searched.png",
];

#[test]
fn stopped_anywhere_and_resumed_a_search_ends_with_the_same_bytes() {
    let data = data();
    let folder = TempDir::new().expect("a folder");
    let straight = folder.path().join("straight");
    let early = [
        "train.early_stopping.monitor=valid_loss",
        "train.early_stopping.patience=2",
    ];
    let first = tune(&plan(data.path(), &straight, &early), &mut Silent).expect("searched");
    let best = first.table.best().expect("a trial");
    assert_eq!(first.table.rows.len(), 7);
    assert_eq!(
        best.outcome.score().expect("scored").valid_accuracy,
        Some(1.0)
    );
    assert_ne!(
        best.trial, 0,
        "a learning rate of 1e-4 is too small for nine epochs"
    );
    // The best and trial 0 have come to the last rung, five to the first only.
    let epochs = |epochs| {
        first
            .table
            .rows
            .iter()
            .filter(|row| row.epochs == epochs)
            .count()
    };
    assert_eq!((epochs(1), epochs(9)), (4, 2));
    for stop in [1, 5, 6, 7, 20, 42, 43, 60, 90] {
        let root = folder.path().join(format!("stopped-{stop}"));
        let plan = plan(data.path(), &root, &early);
        let error = tune(&plan, &mut StopAfter(stop)).expect_err("stopped");
        assert_eq!(error.stopped_by(), Some(2));
        let advice = format!("go on with `elman tune --resume {}`", root.display());
        assert!(error.to_string().contains(&advice), "{error}");
        if stop % 2 == 1 {
            resume(&root, plan.options, &mut StopAfter(stop)).expect_err("stopped again");
        }
        let unfinished = retrain(&root, plan.options, &mut Silent).expect_err("unfinished");
        assert!(
            unfinished
                .to_string()
                .contains("the search is not finished"),
            "{unfinished}"
        );
        let summary = resume(&root, plan.options, &mut Silent).expect("resumed");
        assert_eq!(summary.table, first.table);
        for file in FILES {
            let read = |root: &Path| fs::read(root.join(file)).expect("there");
            assert!(read(&root) == read(&straight), "{file} after {stop} steps");
        }
    }
}

#[test]
fn what_a_kill_between_two_files_leaves_changes_nothing() {
    let data = data();
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().join("search");
    let plan = plan(data.path(), &root, &[]);
    let first = tune(&plan, &mut Silent).expect("searched");
    let read = |file: &str| fs::read(root.join(file)).expect("there");
    let sound: Vec<_> = FILES.iter().map(|file| read(file)).collect();
    let check = || {
        let again = resume(&root, plan.options, &mut Silent).expect("resumed");
        assert_eq!(again.table, first.table);
        for (file, sound) in FILES.iter().zip(&sound) {
            assert!(read(file) == *sound, "{file}");
        }
    };
    check();
    // Killed after a trial's last checkpoint, before the search wrote that down.
    let text = String::from_utf8(read("progress.toml")).expect("UTF-8");
    let last = text.rfind("[[reached]]").expect("an entry");
    fs::write(root.join("progress.toml"), &text[..last]).expect("written");
    check();
    // Killed before the table was written, while a file was.
    fs::remove_file(root.join("table.csv")).expect("there");
    fs::write(root.join("best.toml.unfinished"), "half").expect("written");
    check();
    assert!(!root.join("best.toml.unfinished").exists());
    // An empty journal beside runs that have come further is not what a kill leaves.
    let forget = || {
        fs::write(root.join("progress.toml"), "format = 1\nreached = []\n").expect("written");
    };
    forget();
    let error = resume(&root, plan.options, &mut Silent).expect_err("further");
    assert!(
        error.to_string().contains("has 9 epochs, more than"),
        "{error}"
    );
    // Trial 3's folder made, its recipe not yet written.
    for trial in 0..7 {
        fs::remove_dir_all(root.join(format!("trial-0{trial}"))).expect("there");
    }
    fs::create_dir_all(root.join("trial-03/checkpoints")).expect("made");
    check();
    let recipe = String::from_utf8(read("trial-00/recipe.toml")).expect("UTF-8");
    let edited = recipe.replace("batch = 10", "batch = 11");
    fs::write(root.join("trial-00/recipe.toml"), edited).expect("written");
    forget();
    let error = resume(&root, plan.options, &mut Silent).expect_err("another recipe");
    assert!(
        error
            .to_string()
            .contains("is not the recipe that the search gives"),
        "{error}"
    );
    fs::write(root.join("progress.toml"), "format = 1\n").expect("written");
    assert!(
        resume(&root, plan.options, &mut Silent)
            .expect_err("damaged")
            .is_damaged()
    );
    fs::write(root.join("progress.toml"), "format = 2\nreached = []\n").expect("written");
    let error = resume(&root, plan.options, &mut Silent).expect_err("newer");
    assert!(
        error
            .to_string()
            .contains("has format 2, this elman reads 1"),
        "{error}"
    );
}

#[test]
fn a_trial_that_stops_being_finite_ranks_last_and_the_search_goes_on() {
    let data = data();
    let folder = TempDir::new().expect("a folder");
    // Only a linear recurrence is sure to explode.
    let lines = RECIPE.lines().filter(|line| !line.contains("model.cell"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let run = |name: &str, range: &str| {
        let at = format!("data.folder={}", data.path().display());
        let range = format!("tune.search.train.optimiser.learning_rate.log={range}");
        let own = "train.optimiser.learning_rate=1e30";
        let set = [at.as_str(), &range, own, "model.activation=identity"];
        let text = text.replace(
            "\"train.optimiser.learning_rate\" = { log = [1e-3, 1e-1] }",
            "",
        );
        let set: Vec<Override> = set.iter().map(|it| it.parse().expect("set")).collect();
        let plan = TunePlan {
            template: Template::from_toml("r.toml", &text, &set).expect("TOML"),
            folder: RunFolder::At(folder.path().join(name)),
            options: FitOptions::default(),
        };
        tune(&plan, &mut Silent)
    };
    let summary = run("some", "[1e-3, 2e-3]").expect("searched");
    let last = summary.table.rows.last().expect("rows");
    assert_eq!(last.trial, 0);
    assert_eq!(
        last.outcome,
        Outcome::Failed("the loss became non-finite at step 1".to_owned())
    );
    assert_eq!((last.rung, last.epochs), (0, 1));
    assert!(summary.table.best().is_some_and(|row| row.epochs == 9));
    let csv = summary.table.to_csv();
    assert!(
        csv.contains("\n7,0,1,,,the loss became non-finite at step 1,"),
        "{csv}"
    );
    let error = run("none", "[1e29, 1e30]").expect_err("none is finite");
    assert!(
        error.to_string().contains("none of 7 trials stayed finite"),
        "{error}"
    );
    assert!(folder.path().join("none/table.csv").is_file());
}

#[test]
fn the_best_is_trained_again_on_all_examples() {
    let data = data();
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().join("search");
    let plan = plan(data.path(), &root, &[]);
    let best = tune(&plan, &mut Silent)
        .expect("searched")
        .table
        .best()
        .expect("one")
        .clone();
    retrain(&root, plan.options, &mut StopAfter(3)).expect_err("stopped");
    let summary = retrain(&root, plan.options, &mut Silent).expect("trained");
    assert_eq!(summary.root, root.join("best"));
    assert_eq!(summary.history.len(), 9);
    assert!(summary.history.iter().all(|epoch| epoch.valid.is_none()));
    let recipe = crate::store::RunDirectory::recipe(root.join("best")).expect("a recipe");
    assert!(!recipe.data.holds_out() && recipe.tune.is_none());
    let keys = settings(&plan.template).search.into_keys();
    for (key, value) in keys.zip(best.values) {
        assert_eq!(recipe.setting(&key), value, "{key}");
    }
}

#[test]
fn one_process_at_a_time() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().join("search");
    let place = RunFolder::At(root.clone());
    let held = TuneFolder::create(&place, &template(&[])).expect("made");
    let error = TuneFolder::open(&root).expect_err("held");
    assert!(
        error
            .to_string()
            .contains("another process is searching in it"),
        "{error}"
    );
    drop(held);
    let error = TuneFolder::create(&place, &template(&[])).expect_err("taken");
    assert!(
        error
            .to_string()
            .contains("go on with `elman tune --resume"),
        "{error}"
    );
    let error = TuneFolder::open(folder.path()).expect_err("none");
    assert!(
        error.to_string().contains("is not a search's folder"),
        "{error}"
    );
}
