//! The table `[data]`, the task, and how they go together.

use super::super::*;
use super::{message, problem, with};

const REBER: [&str; 2] = ["data.format=reber", "model.output=sigmoid"];

/// The sound recipe on strings of the Reber grammar, which has no folder.
fn without_folder(text: &str) -> String {
    text.replace("folder = \"somewhere\"\n", "")
}

fn reber(texts: &[&str]) -> Recipe {
    let texts: Vec<&str> = REBER.iter().chain(texts).copied().collect();
    let text = without_folder(super::SOUND);
    Recipe::from_toml("sound", &text, &super::overrides(&texts)).expect("a sound recipe")
}

/// The one problem of a recipe on generated data.
fn generated(texts: &[&str]) -> String {
    let message = message(&without_folder(super::SOUND), texts);
    let (first, problem) = message.split_once("\n  - ").expect("a problem");
    assert_eq!(first, "r.toml: 1 problem", "{message}");
    problem.to_owned()
}

#[test]
fn every_format_has_its_own_keys() {
    let expected = ReberSettings {
        numpy_seed: 42,
        train: 10_000,
        valid: 5_000,
        test: 7,
    };
    let recipe = reber(&["data.test=7"]);
    assert_eq!(recipe.data, DataSettings::Reber(expected));
    assert_eq!(recipe.model.output, Output::Sigmoid);
    let text = without_folder(super::SOUND);
    let settings = [
        "task=regressor",
        "data.format=adding",
        "data.time=50",
        "train.shuffle=false",
    ];
    let recipe = Recipe::from_toml("sound", &text, &super::overrides(&settings)).expect("sound");
    let expected = AddingSettings {
        time: 50,
        train: 10_000,
        valid: 0,
        test: 1_000,
    };
    assert_eq!(recipe.data, DataSettings::Adding(expected));
    assert_eq!(
        (recipe.task, recipe.model.output),
        (Task::Regressor, Output::Linear)
    );
    assert!(!recipe.train.shuffle);
    assert!(with(&[]).train.shuffle);
    assert_eq!(with(&[]).model.output, Output::Softmax);
}

#[test]
fn keys_of_another_format_are_refused() {
    insta::assert_snapshot!(problem(&["data.numpy_seed=3"]), @"data.numpy_seed (--set): the format is `idx`, only `reber` has this key; remove it or change `data.format`");
    insta::assert_snapshot!(problem(&["data.train=3"]), @"data.train (--set): the format is `idx`, only `reber` or `adding` has this key; remove it or change `data.format`");
    insta::assert_snapshot!(generated(&["data.format=reber", "data.folder=x"]), @"data.folder (--set): the format is `reber`, only `idx` or `ts` has this key; remove it or change `data.format`");
    insta::assert_snapshot!(generated(&["data.format=rebre"]), @r#"data.format (--set): expected `idx`, `reber`, `adding`, `text`, `tunes`, `piano_rolls`, `labelled_text`, `ts`, `sequence_table` or `series`, found the string "rebre"; did you mean `reber`?"#);
    insta::assert_snapshot!(generated(&["data.format=reber", "data.numpy_seed=4294967296"]), @"data.numpy_seed (--set): expected a whole number from 0 to 4294967295, found 4294967296");
    insta::assert_snapshot!(generated(&["data.format=reber", "data.test=0"]), @"data.test (--set): expected a whole number from 1 to 10000000, found 0");
    insta::assert_snapshot!(generated(&["task=regressor", "data.format=adding"]), @"data.time: this key is missing; set it to a whole number from 2 to 1000000");
    insta::assert_snapshot!(generated(&["task=regressor", "data.format=adding", "data.time=1"]), @"data.time (--set): expected a whole number from 2 to 1000000, found 1");
}

#[test]
fn the_task_goes_with_the_data() {
    insta::assert_snapshot!(problem(&["task=regressor"]), @"task: a regressor learns numbers, the data have classes; set it to `classifier` or change `data.format`");
    insta::assert_snapshot!(generated(&["data.format=adding", "data.time=9"]), @"task: a classifier learns classes, the data have numbers; set it to `regressor` or change `data.format`");
}

#[test]
fn an_archives_files_have_a_name_and_classes() {
    let text = super::SOUND.replace("folder = \"somewhere\"", "folder = \"f\"");
    let settings = [
        "data.format=ts",
        "data.name=Vowels",
        "data.classes=[\"a\", \"b\"]",
    ];
    let recipe = Recipe::from_toml("sound", &text, &super::overrides(&settings)).expect("sound");
    let expected = TsSettings {
        folder: "f".to_owned(),
        name: "Vowels".to_owned(),
        classes: vec!["a".to_owned(), "b".to_owned()],
        hold_out: 0,
    };
    assert_eq!(recipe.data, DataSettings::Ts(expected));
    let numbers = ["task=regressor", "data.format=ts", "data.name=Vowels"];
    let recipe = Recipe::from_toml("sound", &text, &super::overrides(&numbers)).expect("sound");
    assert_eq!(
        recipe.data.targets(),
        Some(crate::data::TargetKind::Numbers(1))
    );
    let refused = |more: &str| problem(&["data.format=ts", "data.name=Vowels", more]);
    insta::assert_snapshot!(refused("data.classes=[\"a\", \"a\"]"), @"data.classes: `a` stands there twice; remove one");
    insta::assert_snapshot!(refused("data.classes=[\"a\"]"), @"data.classes: expected 2 to 256 names, found 1; leave the key out where the answers are numbers");
    insta::assert_snapshot!(refused("data.classes=3"), @"data.classes (--set): expected a list, each a string that is not empty, found 3");
}

#[test]
fn a_table_of_sequences_has_columns_and_parts() {
    let table = [
        "data.format=sequence_table",
        "data.files=a.csv",
        "data.classes=[\"run\", \"walk\"]",
    ];
    let read = |texts: &[&str]| {
        let texts: Vec<&str> = table.iter().chain(texts).copied().collect();
        let text = without_folder(super::SOUND);
        Recipe::from_toml("r.toml", &text, &super::overrides(&texts))
    };
    let mut expected = SequenceTableSettings {
        files: vec!["a.csv".to_owned()],
        held_out: HeldOutParts::Shares {
            valid: 0.05,
            test: 0.05,
        },
        id: "id".to_owned(),
        label: "label".to_owned(),
        time: None,
        features: Vec::new(),
        classes: vec!["run".to_owned(), "walk".to_owned()],
        decimal_comma: false,
    };
    let data = read(&[]).expect("sound").data;
    assert!(data.holds_out());
    assert_eq!(data, DataSettings::SequenceTable(expected.clone()));
    expected.held_out = HeldOutParts::Files {
        valid: Vec::new(),
        test: vec!["b.csv".to_owned()],
    };
    expected.time = Some("at".to_owned());
    expected.features = vec!["x".to_owned(), "y".to_owned()];
    let settings = [
        "data.test_files=b.csv",
        "data.time=at",
        "data.features=[\"x\", \"y\"]",
    ];
    let recipe = read(&settings).expect("sound");
    assert!(!recipe.data.holds_out());
    assert_eq!(recipe.data, DataSettings::SequenceTable(expected));
    let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect("sound");
    assert_eq!(again, recipe);
    let refused = |texts: &[&str]| {
        let message = read(texts).expect_err("refused").to_string();
        message.replace("r.toml: 1 problem\n  - ", "")
    };
    assert_eq!(
        refused(&["data.features=[\"x\", \"label\"]"]),
        "data.features: the column `label` stands in `data.label` already; name it once"
    );
    assert_eq!(
        refused(&["data.time=id"]),
        "data.time: the column `id` stands in `data.id` already; name it once"
    );
    assert_eq!(
        refused(&["task=regressor"]),
        "task: a regressor learns numbers, the data have classes; remove `data.classes`, set it to \
         `classifier` or change `data.format`"
    );
    assert_eq!(
        refused(&["data.lable=y"]),
        "unknown key `data.lable` (--set); did you mean `label`?"
    );
    assert_eq!(
        refused(&["data.format=sequence_tabel"]),
        "data.format (--set): expected `idx`, `reber`, `adding`, `text`, `tunes`, `piano_rolls`, \
         `labelled_text`, `ts`, `sequence_table` or `series`, found the string \"sequence_tabel\"; did \
         you mean `sequence_table`?"
    );
    // All problems at once.
    assert_eq!(
        read(&["data.id=3", "data.test=2", "data.tokens=words"])
            .expect_err("refused")
            .to_string(),
        "r.toml: 3 problems\n  \
         - data.test (--set): expected a number above 0 and below 1, found 2\n  \
         - data.id (--set): expected a string that is not empty, found 3\n  \
         - data.tokens (--set): the format is `sequence_table`, only `text`, `tunes` or \
         `labelled_text` has this key; remove it or change `data.format`"
    );
}

#[test]
fn the_output_goes_with_the_task() {
    insta::assert_snapshot!(problem(&["model.output=sigmoid"]), @"model.output: `sigmoid` tells two classes apart, the data have 10; use `softmax`");
    insta::assert_snapshot!(problem(&["model.output=linear"]), @"model.output: `linear` is for `regressor`, the task is `classifier`; use `softmax` or `sigmoid`");
    insta::assert_snapshot!(generated(&["task=regressor", "data.format=adding", "data.time=9", "model.output=softmax"]), @"model.output: `softmax` is for `classifier`, the task is `regressor`; use `linear`");
    insta::assert_snapshot!(problem(&["model.output=sigmod"]), @r#"model.output (--set): expected `softmax`, `sigmoid` or `linear`, found the string "sigmod"; did you mean `sigmoid`?"#);
}

#[test]
fn what_is_watched_must_be_there() {
    let watch = |monitor: &str| {
        generated(&[
            "task=regressor",
            "data.format=adding",
            "data.time=9",
            "data.valid=5",
            &format!("train.early_stopping.monitor={monitor}"),
            "train.early_stopping.patience=3",
        ])
    };
    insta::assert_snapshot!(watch("valid_accuracy"), @"train.early_stopping.monitor: `valid_accuracy` is of classifiers, the task is `regressor`; watch `valid_loss` or `train_loss`");
}

#[test]
fn chrono_steps_are_a_number_of_steps() {
    assert_eq!(
        with(&["model.chrono_steps=400"]).model.chrono_steps,
        Some(400)
    );
    insta::assert_snapshot!(problem(&["model.chrono_steps=2"]), @"model.chrono_steps (--set): expected a whole number from 3 to 1000000000, found 2");
}

#[test]
fn operations_of_a_graph_are_a_list() {
    let recipe = reber(&["model.tensorflow_operations=[107, 121, 187]"]);
    assert_eq!(
        recipe.model.tensorflow_operations,
        Some(vec![107, 121, 187])
    );
    insta::assert_snapshot!(problem(&["model.tensorflow_operations=7"]), @"model.tensorflow_operations (--set): expected a list, each a whole number from 0 to 1000000000, found 7");
}
