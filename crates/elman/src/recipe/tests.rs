//! Recipes come back as they went, and everything wrong is said at once.

mod any;
mod data;
mod forecast;
mod language;
mod model;
mod train;
mod tune;

use std::str::FromStr;

use super::*;
use crate::cell::ResetGate;
use crate::random::Seed;
use crate::train::Regularisation;

const SOUND: &str = r#"title = "a title"
task = "classifier"

[data]
folder = "somewhere"

[model]
cell = "basic"
units = 3

[train]
epochs = 2
batch = 4
"#;

fn overrides(texts: &[&str]) -> Vec<Override> {
    texts
        .iter()
        .map(|text| Override::from_str(text).expect("an override"))
        .collect()
}

fn with(texts: &[&str]) -> Recipe {
    Recipe::from_toml("sound", SOUND, &overrides(texts)).expect("a sound recipe")
}

fn message(text: &str, texts: &[&str]) -> String {
    let error = Recipe::from_toml("r.toml", text, &overrides(texts)).expect_err("unsound");
    assert!(error.is_recipe(), "{error:?}");
    error.to_string()
}

/// The one problem of a sound recipe with `texts` set.
fn problem(texts: &[&str]) -> String {
    let message = message(SOUND, texts);
    let (first, problem) = message.split_once("\n  - ").expect("a problem");
    assert_eq!(first, "r.toml: 1 problem", "{message}");
    problem.to_owned()
}

#[test]
fn what_is_left_out_has_its_default() {
    let recipe = with(&[]);
    assert_eq!(recipe.seed, Seed::new(42));
    let idx = IdxSettings {
        folder: "somewhere".to_owned(),
        classes: 10,
        hold_out: 0,
    };
    assert_eq!(recipe.data, DataSettings::Idx(idx));
    let adam = AdamSettings {
        learning_rate: 0.001,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    };
    assert_eq!(recipe.train.optimiser, OptimiserSettings::Adam(adam));
    assert_eq!(recipe.train.schedule, Schedule::default());
    assert_eq!(recipe.train.clip, None);
    assert_eq!(recipe.train.regularisation, Regularisation::default());
    assert_eq!(recipe.train.early_stopping, None);
    assert_eq!(recipe.model.layers[0].cell, CellSettings::Basic);
    assert_eq!(
        with(&["model.cell=gru"]).model.layers[0].cell,
        CellSettings::Gru {
            reset_gate: ResetGate::BeforeProduct
        }
    );
    assert_eq!(
        with(&["model.cell=lstm"]).model.layers[0].cell,
        CellSettings::Lstm {
            forget_bias: 1.0,
            peepholes: false,
            cell_clip: None,
            num_proj: None,
            proj_clip: None
        }
    );
}

#[test]
fn the_shipped_recipes_are_sound_and_come_back_as_they_went() {
    assert_eq!(Recipe::shipped().len(), 29);
    for shipped in Recipe::shipped() {
        let recipe = Recipe::load(shipped.name, &[]).expect(shipped.name);
        assert_eq!(recipe.title, shipped.title);
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect(shipped.name);
        assert_eq!(again, recipe);
    }
}

#[test]
fn the_mnist_recipe_is_the_books() {
    let text = Recipe::load("mnist", &[]).expect("shipped").to_toml();
    insta::assert_snapshot!(text, @r#"
    title = "MNIST rows, basic RNN"
    task = "classifier"
    seed = 42

    [data]
    format = "idx"
    folder = "data/mnist10k"
    classes = 10
    hold_out = 0

    [model]
    output = "softmax"
    cell = "basic"
    units = 150
    activation = "tanh"

    [train]
    epochs = 100
    batch = 150
    shuffle = true

    [train.optimiser]
    name = "adam"
    learning_rate = 0.001
    beta1 = 0.9
    beta2 = 0.999
    epsilon = 1e-8

    [train.schedule]
    kind = "constant"
    "#);
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = r#"title = ""
task = "clasifier"
seed = -1
extra = 1

[data]
folder = 7
classes = 1
hold_out = "some"

[model]
cell = "lstm"
units = 0
activation = "tahn"
peepholes = "yes"
cell_clip = 0
proj_clip = 1.0
reset_gate = "after_product"

[train]
epocs = 20
batch = 2.5

[train.optimiser]
name = "adma"
learning_rate = inf
beta1 = 1.0
epsilon = 0.0

[train.schedule]
kind = "exponential"
decay_steps = 0
alpha = 0.9

[train.clip]
by = "global-norm"
limit = 0

[train.regularisation]
l3 = 1.0
l2 = -1
weight_decay = 1

[train.early_stopping]
monitor = "valid_los"
minimum_change = -0.5
"#;
    insta::assert_snapshot!(message(text, &["train.early_stopping.patience=0"]), @r#"
    r.toml: 28 problems
      - title (line 1): expected a string that is not empty, found the string ""
      - task (line 2): expected `classifier`, `regressor`, `language_model`, `polyphony` or `forecaster`, found the string "clasifier"; did you mean `classifier`?
      - seed (line 3): expected a whole number from 0 to 18446744073709551615, found -1
      - data.folder (line 7): expected a string that is not empty, found 7
      - data.classes (line 8): expected a whole number from 2 to 256, found 1
      - data.hold_out (line 9): expected a whole number from 0 to 4294967295, found the string "some"
      - model.units (line 13): expected a whole number from 1 to 16384, found 0
      - model.activation (line 14): expected `identity`, `tanh`, `sigmoid`, `relu`, `relu6`, `leaky_relu`, `elu`, `selu`, `softplus` or `softsign`, found the string "tahn"; did you mean `tanh`?
      - model.peepholes (line 15): expected `true` or `false`, found the string "yes"
      - model.cell_clip (line 16): expected a finite number above 0, found 0
      - model.proj_clip (line 17): there is no projection to clip; set `model.num_proj` or remove this key
      - model.reset_gate (line 18): the cell is `lstm`, only `gru` has this key; remove it or change `model.cell`
      - train.epochs: this key is missing; set it to a whole number from 1 to 1000000
      - train.batch (line 22): expected a whole number from 1 to 1000000, found 2.5
      - train.optimiser.name (line 25): expected `sgd`, `momentum`, `adagrad`, `rmsprop`, `adam` or `adamw`, found the string "adma"; did you mean `adam`?
      - train.schedule.decay_steps (line 32): expected a whole number from 1 to 1000000000000, found 0
      - train.schedule.decay_rate: this key is missing; set it to a number above 0 and at most 1
      - train.schedule.alpha (line 33): the schedule is `exponential`, only `cosine` has this key; remove it or change `train.schedule.kind`
      - train.clip.by (line 36): expected `value`, `norm` or `global_norm`, found the string "global-norm"; did you mean `global_norm`?
      - train.clip.limit (line 37): expected a finite number above 0, found 0
      - train.regularisation.l2 (line 41): expected a finite number of at least 0, found -1
      - train.regularisation.weight_decay (line 42): expected a number from 0 to below 1, found 1
      - unknown key `train.regularisation.l3` (line 40); known here: `l1`, `l2` or `weight_decay`
      - train.early_stopping.monitor (line 45): expected `valid_loss`, `valid_accuracy` or `train_loss`, found the string "valid_los"; did you mean `valid_loss`?
      - train.early_stopping.patience (--set): expected a whole number from 1 to 1000000, found 0
      - train.early_stopping.minimum_change (line 46): expected a finite number of at least 0, found -0.5
      - unknown key `train.epocs` (line 21); did you mean `epochs`?
      - unknown key `extra` (line 4); known here: `title`, `task`, `seed`, `data`, `forecast`, `model`, `train` or `tune`
    "#);
}

#[test]
fn syntax_errors_have_their_line() {
    insta::assert_snapshot!(message("title = \"a\"\nseed = = 3\n[data\n", &[]), @r"
    r.toml: 3 problems
      - line 2: extra `=`, expected nothing
      - line 2: unexpected key or value, expected newline, `#`
      - line 3: unclosed table, expected `]`
    ");
    insta::assert_snapshot!(message("seed = 1\nseed = 2\n", &[]), @r"
    r.toml: 1 problem
      - line 2: duplicate key
    ");
}

#[test]
fn missing_tables_are_named() {
    insta::assert_snapshot!(message("data = 3\n", &[]), @r"
    r.toml: 5 problems
      - title: this key is missing; set it to a string that is not empty
      - task: this key is missing; set it to `classifier`, `regressor`, `language_model`, `polyphony` or `forecaster`
      - data (line 1): expected the table `[data]`, found 3
      - the table `[model]` is missing
      - the table `[train]` is missing
    ");
}

#[test]
fn an_option_of_another_cell_is_refused() {
    insta::assert_snapshot!(problem(&["model.forget_bias=1.0"]), @"model.forget_bias (--set): the cell is `basic`, only `lstm`, `layer_norm_lstm`, `coupled_lstm`, `ugrnn` or `min_lstm` has this key; remove it or change `model.cell`");
    insta::assert_snapshot!(problem(&["model.cell=gru", "model.num_proj=5"]), @"model.num_proj (--set): the cell is `gru`, only `lstm`, `coupled_lstm` or `nas` has this key; remove it or change `model.cell`");
    insta::assert_snapshot!(problem(&["model.cell=lstm", "model.proj_clip=5"]), @"model.proj_clip (--set): there is no projection to clip; set `model.num_proj` or remove this key");
}

#[test]
fn watching_images_that_are_not_held_out_is_refused() {
    let watch = [
        "train.early_stopping.monitor=valid_loss",
        "train.early_stopping.patience=3",
    ];
    insta::assert_snapshot!(problem(&watch), @"train.early_stopping.monitor: `valid_loss` needs held-out examples and there are none; hold some out (`data.hold_out`, `data.valid` or `forecast.valid`) or watch `train_loss`");
    let sound = with(&[watch[0], watch[1], "data.hold_out=5"]);
    assert_eq!(
        sound.train.early_stopping,
        Some(EarlyStopping {
            monitor: Monitor::ValidLoss,
            patience: 3,
            minimum_change: 0.0
        })
    );
}

#[test]
fn impossible_values_are_refused() {
    for (setting, expected) in [
        (
            "seed=18446744073709551616",
            "a whole number from 0 to 18446744073709551615",
        ),
        ("data.classes=257", "a whole number from 2 to 256"),
        ("model.units=0", "a whole number from 1 to 16384"),
        ("model.units=100000000", "a whole number from 1 to 16384"),
        ("train.epochs=0", "a whole number from 1 to 1000000"),
        ("train.batch=0", "a whole number from 1 to 1000000"),
        ("train.epochs=1.0", "a whole number from 1 to 1000000"),
    ] {
        let problem = problem(&[setting]);
        let (key, value) = setting.split_once('=').expect("key=value");
        assert_eq!(
            problem,
            format!("{key} (--set): expected {expected}, found {value}")
        );
    }
    for setting in [
        "learning_rate=0",
        "learning_rate=nan",
        "beta2=1",
        "beta1=-0.1",
        "epsilon=0",
    ] {
        let setting = format!("train.optimiser.{setting}");
        let problem = problem(&["train.optimiser.name=adam", &setting]);
        assert!(problem.contains("(--set): expected a"), "{problem}");
    }
}

#[test]
fn overrides_are_toml_or_bare_strings() {
    let folder = |text: &str| match with(&[text]).data {
        DataSettings::Idx(idx) => idx.folder,
        other => panic!("{other:?}"),
    };
    assert_eq!(folder("data.folder=a b/c"), "a b/c");
    assert_eq!(folder("data.folder=\"quoted\""), "quoted");
    assert_eq!(with(&["seed=0x10"]).seed, Seed::new(16));
    assert_eq!(with(&["seed=1", "seed = 2"]).seed, Seed::new(2));
    assert_eq!(
        with(&["seed=18446744073709551615"]).seed,
        Seed::new(u64::MAX)
    );
    let set = Override::integer("train.epochs", 9).expect("a key");
    let recipe = Recipe::from_toml("sound", SOUND, &[set]).expect("sound");
    assert_eq!(recipe.train.epochs, 9);
}

#[test]
fn overrides_that_are_none_are_refused() {
    let message = |text| {
        Override::from_str(text)
            .expect_err("no override")
            .to_string()
    };
    insta::assert_snapshot!(message("train.epochs"), @"--set train.epochs: there is no `=`; write key=value, such as `train.epochs=20`");
    insta::assert_snapshot!(message("train..epochs=3"), @"--set train..epochs: this is no dotted key; write a key such as `train.epochs`");
    insta::assert_snapshot!(problem(&["title.length=3"]), @r#"
    title.length (--set): `title` is the string "a title", not a table
    "#);
    insta::assert_snapshot!(problem(&["trian.epochs=3"]), @"unknown key `trian` (--set); did you mean `train`?");
    insta::assert_snapshot!(problem(&["train.zzz=[1]"]), @"unknown key `train.zzz` (--set); known here: `epochs`, `batch`, `shuffle`, `optimiser`, `schedule`, `clip`, `backpropagation`, `regularisation` or `early_stopping`");
}

#[test]
fn names_and_paths_that_lead_nowhere() {
    let message = |name| Recipe::load(name, &[]).expect_err("no recipe").to_string();
    insta::assert_snapshot!(message("mnits"), @"recipe `mnits`: no recipe of this name is shipped; did you mean `mnist`? (a path has a `/` or ends in `.toml`)");
    insta::assert_snapshot!(message("translate"), @"recipe `translate`: no recipe of this name is shipped; use `mnist`, `mnist-lstm`, `mnist-gru`, `mnist-peephole`, `mnist-deep`, `mnist-lstm3`, `mnist-dropout`, `reber`, `japanese-vowels`, `movie-reviews`, `adding-lstm`, `adding-gru`, `adding-tanh`, `mnist-tune`, `char-rnn`, `char-rnn-large`, `shakespeare`, `tunes`, `chorales`, `forecast-air-passengers`, `forecast-sunspots`, `forecast-load`, `forecast-weather`, `forecast-stocks`, `m3`, `deepar`, `lstm`, `gru` or `es-rnn` (a path has a `/` or ends in `.toml`)");
    insta::assert_snapshot!(message("/nowhere/mnist.toml"), @"cannot open /nowhere/mnist.toml: No such file or directory (os error 2)");
    assert!(message("mnist.toml").starts_with("cannot open mnist.toml: "));
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let path = folder.path().join("r.toml");
    let path = path.to_str().expect("UTF-8");
    fs::create_dir(path).expect("created");
    assert!(message(path).contains("expected a recipe file, found a folder"));
    fs::remove_dir(path).expect("removed");
    fs::write(path, b"title = \"\xff\"").expect("written");
    assert!(message(path).contains("byte 9 is not UTF-8"));
    fs::write(path, SOUND).expect("written");
    assert_eq!(Recipe::load(path, &[]).expect("sound"), with(&[]));
}
