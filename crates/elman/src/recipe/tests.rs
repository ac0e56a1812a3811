//! Recipes come back as they went, and everything wrong is said at once.

use std::str::FromStr;

use proptest::prelude::*;

use super::vocabulary::{ACTIVATIONS, MONITORS, RESET_GATES, SCHEDULE_UNITS};
use super::*;
use crate::cell::ResetGate;
use crate::random::Seed;
use crate::train::{Clip, Regularisation};
use crate::unroll::Backpropagation;

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
    assert_eq!((recipe.data.classes, recipe.data.hold_out), (10, 0));
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
    assert_eq!(recipe.model.cell, CellSettings::Basic);
    assert_eq!(
        with(&["model.cell=gru"]).model.cell,
        CellSettings::Gru {
            reset_gate: ResetGate::BeforeProduct
        }
    );
    assert_eq!(
        with(&["model.cell=lstm"]).model.cell,
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
    assert_eq!(Recipe::shipped().len(), 3);
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
    cell = "basic"
    units = 150
    activation = "tanh"

    [train]
    epochs = 100
    batch = 150

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
      - task (line 2): expected `classifier`, found the string "clasifier"; did you mean `classifier`?
      - seed (line 3): expected a whole number from 0 to 18446744073709551615, found -1
      - data.folder (line 7): expected a string that is not empty, found 7
      - data.classes (line 8): expected a whole number from 2 to 256, found 1
      - data.hold_out (line 9): expected a whole number from 0 to 4294967295, found the string "some"
      - model.units (line 13): expected a whole number from 1 to 16384, found 0
      - model.activation (line 14): expected `identity`, `tanh`, `sigmoid`, `relu`, `relu6`, `leaky_relu`, `elu`, `selu`, `softplus` or `softsign`, found the string "tahn"; did you mean `tanh`?
      - model.peepholes (line 15): expected `true` or `false`, found the string "yes"
      - model.cell_clip (line 16): expected a finite number above 0, found 0
      - model.proj_clip (line 17): there is no projection to clip; set `model.num_proj` or remove this key
      - model.reset_gate (line 18): the cell is `lstm`, only `gru` has a reset gate; remove this key or change `model.cell`
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
      - unknown key `extra` (line 4); known here: `title`, `task`, `seed`, `data`, `model` or `train`
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
      - task: this key is missing; set it to `classifier`
      - data (line 1): expected the table `[data]`, found 3
      - the table `[model]` is missing
      - the table `[train]` is missing
    ");
}

#[test]
fn an_option_of_another_cell_is_refused() {
    insta::assert_snapshot!(problem(&["model.forget_bias=1.0"]), @"model.forget_bias (--set): the cell is `basic`, only `lstm` has a forget bias; remove this key or change `model.cell`");
    insta::assert_snapshot!(problem(&["model.cell=gru", "model.num_proj=5"]), @"model.num_proj (--set): the cell is `gru`, only `lstm` has a projection; remove this key or change `model.cell`");
    insta::assert_snapshot!(problem(&["model.cell=lstm", "model.proj_clip=5"]), @"model.proj_clip (--set): there is no projection to clip; set `model.num_proj` or remove this key");
}

#[test]
fn watching_images_that_are_not_held_out_is_refused() {
    let watch = [
        "train.early_stopping.monitor=valid_loss",
        "train.early_stopping.patience=3",
    ];
    insta::assert_snapshot!(problem(&watch), @"train.early_stopping.monitor: `valid_loss` needs held-out images and `data.hold_out` is 0; hold some out or watch `train_loss`");
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
    assert_eq!(with(&["data.folder=a b/c"]).data.folder, "a b/c");
    assert_eq!(with(&["data.folder=\"quoted\""]).data.folder, "quoted");
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
    insta::assert_snapshot!(problem(&["train.zzz=[1]"]), @"unknown key `train.zzz` (--set); known here: `epochs`, `batch`, `optimiser`, `schedule`, `clip`, `backpropagation`, `regularisation` or `early_stopping`");
}

#[test]
fn names_and_paths_that_lead_nowhere() {
    let message = |name| Recipe::load(name, &[]).expect_err("no recipe").to_string();
    insta::assert_snapshot!(message("mnits"), @"recipe `mnits`: no recipe of this name is shipped; did you mean `mnist`? (a path has a `/` or ends in `.toml`)");
    insta::assert_snapshot!(message("translate"), @"recipe `translate`: no recipe of this name is shipped; use `mnist`, `mnist-lstm` or `mnist-gru` (a path has a `/` or ends in `.toml`)");
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

#[test]
fn keys_of_another_optimiser_or_schedule_are_refused() {
    let optimiser = |texts: &[&str]| {
        let mut all = vec![
            "train.optimiser.name=sgd",
            "train.optimiser.learning_rate=1",
        ];
        all.extend(texts);
        problem(&all)
    };
    insta::assert_snapshot!(optimiser(&["train.optimiser.beta1=0.5"]), @r#"train.optimiser.beta1 (--set): the optimiser is `sgd`, only `adam` or `adamw` has this key; remove it or change `train.optimiser.name`"#);
    insta::assert_snapshot!(optimiser(&["train.optimiser.name=adamw"]), @r#"train.optimiser.weight_decay: this key is missing; set it to a number from 0 to below 1"#);
    insta::assert_snapshot!(optimiser(&["train.optimiser.name=momentun"]), @r#"train.optimiser.name (--set): expected `sgd`, `momentum`, `adagrad`, `rmsprop`, `adam` or `adamw`, found the string "momentun"; did you mean `momentum`?"#);
    let adamw = [
        "train.optimiser.name=adamw",
        "train.optimiser.weight_decay=0.1",
        "train.regularisation.weight_decay=0.1",
    ];
    insta::assert_snapshot!(problem(&adamw), @r#"train.regularisation.weight_decay (--set): the optimiser is `adamw`, which has its own; remove this key or change `train.optimiser.weight_decay`"#);
    let piecewise = |boundaries: &str, values: &str| {
        let boundaries = format!("train.schedule.boundaries={boundaries}");
        let values = format!("train.schedule.values={values}");
        problem(&[
            "train.schedule.kind=piecewise_constant",
            &boundaries,
            &values,
        ])
    };
    insta::assert_snapshot!(piecewise("[3, 2]", "[1, 2, 3]"), @r#"train.schedule.boundaries: each must be larger than the one before"#);
    insta::assert_snapshot!(piecewise("[2, 3]", "[1, 2]"), @r#"train.schedule.values: expected 3 values, one more than boundaries, found 2"#);
    insta::assert_snapshot!(piecewise("[2, 3]", "[1, 0.5, -1]"), @r#"train.schedule.values (--set): expected a list, each a finite number above 0, found a list of 3; place 3 of it is -1"#);
    insta::assert_snapshot!(piecewise("7", "[1, 0.5]"), @r#"train.schedule.boundaries (--set): expected a list, each a whole number from 0 to 1000000000000, found 7"#);
    insta::assert_snapshot!(problem(&["train.schedule.kind=constant", "train.schedule.unit=step"]), @"train.schedule.unit (--set): the schedule is `constant`, only `exponential`, `inverse_time`, `natural_exp`, `polynomial`, `cosine` or `piecewise_constant` has this key; remove it or change `train.schedule.kind`");
}

#[test]
fn memory_has_a_unit() {
    for (text, bytes) in [("7B", 7), ("3 KiB", 3 << 10), ("2GiB", 2 << 30)] {
        let found = with(&[&format!("train.backpropagation.memory={text}")]);
        assert_eq!(found.train.backpropagation.memory, Some(bytes));
    }
    for text in ["512", "0MiB", "-1MiB", "1.5GiB", "9MB", "99999999999GiB"] {
        let problem = problem(&[&format!("train.backpropagation.memory={text}")]);
        assert!(
            problem.contains("(--set): expected a whole number of B, KiB, MiB"),
            "{problem}"
        );
    }
    assert_eq!(super::validate::in_bytes(512 << 20), "512MiB");
    assert_eq!(super::validate::in_bytes((1 << 30) + 1024), "1048577KiB");
}

#[test]
fn every_setting_of_training_can_be_set() {
    let set = |texts: &[&str]| with(texts).train;
    let momentum = set(&[
        "train.optimiser.name=momentum",
        "train.optimiser.learning_rate=0.02",
        "train.optimiser.momentum=0.95",
        "train.optimiser.nesterov=true",
        "train.clip.by=global_norm",
        "train.clip.limit=5",
        "train.regularisation.l2=0.25",
        "train.backpropagation.window=20",
        "train.backpropagation.memory=512MiB",
    ]);
    let expected = Backpropagation {
        window: Some(20),
        memory: Some(512 << 20),
    };
    assert_eq!(momentum.backpropagation, expected);
    let expected = MomentumSettings {
        learning_rate: 0.02,
        momentum: 0.95,
        nesterov: true,
    };
    assert_eq!(momentum.optimiser, OptimiserSettings::Momentum(expected));
    assert_eq!(momentum.clip, Some(Clip::GlobalNorm(5.0)));
    assert_eq!(momentum.regularisation.l2, 0.25);
    let rms = set(&[
        "train.optimiser.name=rmsprop",
        "train.optimiser.learning_rate=0.5",
    ]);
    let expected = RmsPropSettings {
        learning_rate: 0.5,
        decay: 0.9,
        momentum: 0.0,
        epsilon: 1e-10,
        centered: false,
    };
    assert_eq!(rms.optimiser, OptimiserSettings::RmsProp(expected));
    let adagrad = set(&[
        "train.optimiser.name=adagrad",
        "train.optimiser.learning_rate=0.5",
    ]);
    let expected = AdaGradSettings {
        learning_rate: 0.5,
        initial_accumulator_value: 0.1,
    };
    assert_eq!(adagrad.optimiser, OptimiserSettings::AdaGrad(expected));
    let schedule = set(&[
        "train.schedule.kind=piecewise_constant",
        "train.schedule.unit=epoch",
        "train.schedule.boundaries=[1, 10]",
        "train.schedule.values=[1, 0.5, 0.25]",
    ]);
    let expected = Schedule {
        decay: Decay::PiecewiseConstant {
            boundaries: vec![1, 10],
            values: vec![1.0, 0.5, 0.25],
        },
        unit: ScheduleUnit::Epoch,
    };
    assert_eq!(schedule.schedule, expected);
}

#[test]
fn a_schedule_counts_steps_or_epochs() {
    let rate = DecayRate {
        decay_steps: 2,
        decay_rate: 0.25,
        staircase: true,
    };
    let rates = |unit| {
        let schedule = Schedule {
            decay: Decay::Exponential(rate),
            unit,
        };
        [(0, 0), (0, 3), (1, 4), (2, 9)]
            .map(|(epoch, step)| schedule.learning_rate(8.0, epoch, step))
    };
    assert_eq!(
        rates(ScheduleUnit::Step),
        [8.0, 2.0, 0.5, 8.0 * 0.25_f64.powi(4)]
    );
    assert_eq!(rates(ScheduleUnit::Epoch), [8.0, 8.0, 8.0, 2.0]);
    assert_eq!(Schedule::default().learning_rate(8.0, 5, 500), 8.0);
}

fn any_cell() -> impl Strategy<Value = CellSettings> {
    let clip = || prop::option::of(1e-3..1e3_f64);
    let lstm = (
        -3.0..3.0_f64,
        any::<bool>(),
        clip(),
        prop::option::of(1_usize..500),
        clip(),
    );
    prop_oneof![
        Just(CellSettings::Basic),
        lstm.prop_map(|(forget_bias, peepholes, cell_clip, num_proj, proj_clip)| {
            CellSettings::Lstm {
                forget_bias,
                peepholes,
                cell_clip,
                num_proj,
                proj_clip: num_proj.and(proj_clip),
            }
        }),
        prop::sample::select(RESET_GATES)
            .prop_map(|(_, reset_gate)| CellSettings::Gru { reset_gate }),
    ]
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let rate = || {
        (1_u64..50, 1e-9..=1.0_f64, any::<bool>()).prop_map(
            |(decay_steps, decay_rate, staircase)| DecayRate {
                decay_steps,
                decay_rate,
                staircase,
            },
        )
    };
    let polynomial = (1_u64..50, 0.0..1.0_f64, 0.1..3.0_f64, any::<bool>()).prop_map(
        |(decay_steps, end_learning_rate, power, cycle)| Decay::Polynomial {
            decay_steps,
            end_learning_rate,
            power,
            cycle,
        },
    );
    let piecewise = (prop::collection::btree_set(0_u64..99, 0..5), 1e-9..9.0_f64).prop_map(
        |(boundaries, value)| Decay::PiecewiseConstant {
            values: vec![value; boundaries.len() + 1],
            boundaries: boundaries.into_iter().collect(),
        },
    );
    let decay = prop_oneof![
        rate().prop_map(Decay::Exponential),
        rate().prop_map(Decay::InverseTime),
        rate().prop_map(Decay::NaturalExp),
        polynomial,
        piecewise,
        (1_u64..50, 0.0..=1.0_f64)
            .prop_map(|(decay_steps, alpha)| Decay::Cosine { decay_steps, alpha }),
    ];
    let scheduled = (decay, prop::sample::select(SCHEDULE_UNITS))
        .prop_map(|(decay, (_, unit))| Schedule { decay, unit });
    prop_oneof![Just(Schedule::default()), scheduled]
}

fn any_optimiser() -> impl Strategy<Value = OptimiserSettings> {
    let rate = || 1e-12..10.0_f64;
    let part = || 0.0..1.0_f64;
    let adam = (rate(), part(), part(), rate())
        .prop_map(|(learning_rate, beta1, beta2, epsilon)| AdamSettings {
            learning_rate,
            beta1,
            beta2,
            epsilon,
        })
        .boxed();
    prop_oneof![
        rate().prop_map(|learning_rate| SgdSettings { learning_rate }.into()),
        (rate(), part(), any::<bool>()).prop_map(|(learning_rate, momentum, nesterov)| {
            let settings = MomentumSettings {
                learning_rate,
                momentum,
                nesterov,
            };
            settings.into()
        }),
        (rate(), rate()).prop_map(|(learning_rate, initial_accumulator_value)| {
            let settings = AdaGradSettings {
                learning_rate,
                initial_accumulator_value,
            };
            settings.into()
        }),
        (rate(), part(), part(), rate(), any::<bool>()).prop_map(
            |(learning_rate, decay, momentum, epsilon, centered)| {
                let settings = RmsPropSettings {
                    learning_rate,
                    decay,
                    momentum,
                    epsilon,
                    centered,
                };
                settings.into()
            }
        ),
        adam.clone().prop_map(OptimiserSettings::Adam),
        (adam, part()).prop_map(|(adam, weight_decay)| AdamWSettings { adam, weight_decay }.into()),
    ]
}

fn any_clip() -> impl Strategy<Value = Option<Clip>> {
    let kinds = [Clip::Value, Clip::Norm, Clip::GlobalNorm];
    let clip = (1e-9..1e9_f64, 0..kinds.len()).prop_map(move |(limit, kind)| kinds[kind](limit));
    prop::option::of(clip)
}

fn any_train() -> impl Strategy<Value = TrainSettings> {
    let penalties = (0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64);
    let stopping = (prop::sample::select(MONITORS), 1_usize..100, 0.0..1.0_f64).prop_map(
        |((_, monitor), patience, minimum_change)| EarlyStopping {
            monitor,
            patience,
            minimum_change,
        },
    );
    (
        1_usize..1000,
        1_usize..1000,
        any_optimiser(),
        any_schedule(),
        any_clip(),
        penalties,
        (
            prop::option::of(1_usize..99),
            prop::option::of(1_u64..1 << 40),
        ),
        prop::option::of(stopping),
    )
        .prop_map(
            |(epochs, batch, optimiser, schedule, clip, penalties, back, early_stopping)| {
                let (l1, l2, decay) = penalties;
                let (window, memory) = back;
                let is_adamw = matches!(optimiser, OptimiserSettings::AdamW(_));
                TrainSettings {
                    epochs,
                    batch,
                    optimiser,
                    schedule,
                    clip,
                    backpropagation: Backpropagation { window, memory },
                    regularisation: Regularisation {
                        l1,
                        l2,
                        weight_decay: if is_adamw { 0.0 } else { decay },
                    },
                    early_stopping,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_recipe_comes_back_as_it_went(
        title in "[^ \t\r\n]\\PC*",
        seed in any::<u64>(),
        folder in "[^ \t\r\n]\\PC*",
        sizes in (2_usize..=256, 1_usize..10_000, 1_usize..=16_384),
        activation in prop::sample::select(ACTIVATIONS),
        cell in any_cell(),
        train in any_train(),
    ) {
        let (classes, hold_out, units) = sizes;
        prop_assume!(!title.trim().is_empty() && !folder.trim().is_empty());
        let recipe = Recipe {
            title,
            task: Task::Classifier,
            seed: Seed::new(seed),
            data: DataSettings { format: DataFormat::Idx, folder, classes, hold_out },
            model: ModelSettings { cell, units, activation: activation.1 },
            train,
        };
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]);
        prop_assert_eq!(again.expect("sound"), recipe);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n|[=\\[\\]\".]){0,80}") {
        let _ = Recipe::from_toml("any", &text, &[]);
    }
}
