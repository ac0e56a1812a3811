//! Texts and language models.

use proptest::prelude::*;

use super::super::vocabulary::NORMALISED;
use super::super::*;

const SOUND: &str = r#"
title = "a text"
task = "language_model"

[data]
format = "text"
files = "a.txt"

[model]
cell = "lstm"
units = 8

[train]
epochs = 1
batch = 2
backpropagation.window = 5
"#;

fn overrides(texts: &[&str]) -> Vec<Override> {
    let texts = texts.iter();
    texts.map(|text| text.parse().expect("a setting")).collect()
}

fn with(texts: &[&str]) -> Recipe {
    Recipe::from_toml("sound", SOUND, &overrides(texts)).expect("a sound recipe")
}

/// The one problem.
fn problem(texts: &[&str]) -> String {
    let message = Recipe::from_toml("r.toml", SOUND, &overrides(texts));
    let message = message.expect_err("a problem").to_string();
    let (first, problem) = message.split_once("\n  - ").expect("a problem");
    assert_eq!(first, "r.toml: 1 problem", "{message}");
    problem.to_owned()
}

fn text(texts: &[&str]) -> TextSettings {
    match with(texts).data {
        DataSettings::Text(settings) | DataSettings::Tunes(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_spelt_out() {
    let recipe = with(&[]);
    let expected = TextSettings {
        files: vec!["a.txt".to_owned()],
        held_out: HeldOutParts::Shares {
            valid: 0.05,
            test: 0.05,
        },
        tokens: TokenSettings::Characters,
        normalise: Normalisation::None,
    };
    assert_eq!(recipe.data, DataSettings::Text(expected));
    assert_eq!(recipe.model.embedding, None);
    assert_eq!(recipe.model.softmax, Some(SoftmaxSettings::Full));
    assert!(!recipe.train.shuffle);
    assert!(with(&["data.format=tunes"]).train.shuffle);
    let words = text(&["data.tokens=words", "data.max_size=100"]).tokens;
    let expected = TokenSettings::Words {
        min_count: 2,
        max_size: 100,
    };
    assert_eq!(words, expected);
    let files = text(&["data.files=['a','b']", "data.test_files=c"]);
    assert_eq!(files.files, ["a", "b"]);
    let expected = HeldOutParts::Files {
        valid: Vec::new(),
        test: vec!["c".to_owned()],
    };
    assert_eq!(files.held_out, expected);
    let tied = with(&["model.softmax=tied", "model.embedding=8"]).model;
    assert_eq!(tied.softmax, Some(SoftmaxSettings::Tied));
    assert_eq!(tied.embedding, Some(8));
}

#[test]
fn the_place_of_the_data_is_the_formats_own_key() {
    let given = [Override::place("b.txt")];
    let recipe = Recipe::from_toml("sound", SOUND, &given).expect("sound");
    let DataSettings::Text(settings) = recipe.data else {
        panic!("a text");
    };
    assert_eq!(settings.files, ["b.txt"]);
}

#[test]
fn what_does_not_go_together_is_told() {
    insta::assert_snapshot!(problem(&["data.files=[]"]), @"data.files (--set): expected a path or a list of paths, found a list of 0");
    insta::assert_snapshot!(problem(&["data.valid=0.5", "data.test=0.6"]), @"data.valid, data.test: 0.5 and 0.6 leave nothing to train on; make them smaller");
    insta::assert_snapshot!(problem(&["data.test=0"]), @"data.test (--set): expected a number above 0 and below 1, found 0");
    insta::assert_snapshot!(problem(&["data.test=0.1", "data.test_files=b"]), @"data.test (--set): what is held out stands in files of its own; remove this key or those files");
    insta::assert_snapshot!(problem(&["data.valid_files=b"]), @"data.test_files: this key is missing; set it to a path or a list of paths");
    insta::assert_snapshot!(problem(&["data.min_count=3"]), @"data.min_count (--set): the choice of tokens is `characters`, only `words` has this key; remove it or change `data.tokens`");
    insta::assert_snapshot!(problem(&["data.tokens=tokenizer"]), @"data.tokenizer: this key is missing; set it to a string that is not empty");
    insta::assert_snapshot!(problem(&["data.tokens=notes"]), @"data.tokens: `notes` are of tunes; set `data.format` to `tunes` or use other tokens");
    insta::assert_snapshot!(problem(&["data.tokens=bytes", "data.normalise=nfc"]), @"data.normalise: bytes are read as they are; remove this key or change `data.tokens`");
    insta::assert_snapshot!(problem(&["train.shuffle=true"]), @"train.shuffle: a text is read in its own order; set it to `false` or remove it");
    insta::assert_snapshot!(problem(&["model.softmax=tied"]), @"model.softmax: `tied` shares the embedding, and there is none; set `model.embedding`");
    insta::assert_snapshot!(problem(&["model.softmax=tied", "model.embedding=9"]), @"model.softmax: `tied` needs an embedding as wide as what the topmost layer shows, 8, found 9; set `embedding = 8`, or give that layer `output_projection = 9`");
    insta::assert_snapshot!(problem(&["model.softmax={kind='adaptive', cutoffs=[5, 3]}"]), @"model.softmax.cutoffs: expected at least one, each larger than the one before");
    insta::assert_snapshot!(problem(&["model.softmax={kind='full', samples=3}"]), @"model.softmax.samples (--set): the softmax is `full`, only `sampled` has this key; remove it or change `model.softmax.kind`");
    insta::assert_snapshot!(problem(&["model.bidirectional=true"]), @"model.bidirectional (--set): what comes next is foretold from what was before; remove this key");
    insta::assert_snapshot!(problem(&["model.readout=all"]), @"model.readout (--set): what the topmost layer shows is read at every step; remove this key");
    insta::assert_snapshot!(problem(&["model.output=linear"]), @"model.output: `linear` is not for this task; remove this key");
    insta::assert_snapshot!(problem(&["data.folder=d"]), @"data.folder (--set): the format is `text`, only `idx` or `ts` has this key; remove it or change `data.format`");
    insta::assert_snapshot!(problem(&["train.early_stopping.monitor=valid_accuracy", "train.early_stopping.patience=2"]), @"train.early_stopping.monitor: `valid_accuracy` is of classifiers, the task is `language_model`; watch `valid_loss` or `train_loss`");
    let without = SOUND.replace("backpropagation.window = 5\n", "");
    let message = Recipe::from_toml("r.toml", &without, &[]).expect_err("no window");
    insta::assert_snapshot!(message, @r#"
    r.toml: 1 problem
      - train.backpropagation.window: this key is missing; set it to the number of steps that a text is read at once
    "#);
    let classifier = Recipe::from_toml("r.toml", SOUND, &overrides(&["task=classifier"]));
    insta::assert_snapshot!(classifier.expect_err("no classes"), @r#"
    r.toml: 1 problem
      - task: a classifier learns classes, the data have the tokens of a text; set it to `language_model` or change `data.format`
    "#);
    let embedding = overrides(&["task=classifier", "data.format=reber", "model.embedding=3"]);
    let text = SOUND.replace("files = \"a.txt\"\n", "");
    let classifier = Recipe::from_toml("r.toml", &text, &embedding);
    insta::assert_snapshot!(classifier.expect_err("no embedding"), @r#"
    r.toml: 1 problem
      - model.embedding (--set): the data are numbers, only tokens have vectors that stand for them; remove this key or change `data.format`
    "#);
}

#[test]
fn labelled_texts_have_classes_or_numbers() {
    let regressor = [
        "task=regressor",
        "data.format=labelled_text",
        "data.tokens=words",
    ];
    let text = SOUND.replace("backpropagation.window = 5\n", "");
    let read = |texts: &[&str]| Recipe::from_toml("r.toml", &text, &overrides(texts));
    let mut recipe = read(&regressor).expect("sound");
    assert_eq!(
        recipe.data.targets(),
        Some(crate::data::TargetKind::Numbers(1))
    );
    assert_eq!(
        (recipe.model.embedding, &recipe.model.softmax),
        (None, &None)
    );
    assert!(recipe.train.shuffle && recipe.data.has_tokens());
    recipe.model.embedding = Some(12);
    recipe.model.readout = Readout::Mean;
    let DataSettings::LabelledText(settings) = &mut recipe.data else {
        panic!("labelled text");
    };
    assert_eq!(settings.text.files, ["a.txt"]);
    settings.text.normalise = Normalisation::Nfc;
    let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect("sound");
    assert_eq!(again, recipe);
    let classes = [
        "task=classifier",
        "data.format=labelled_text",
        "data.classes=['a', 'b']",
    ];
    let recipe = read(&classes).expect("sound");
    assert_eq!(
        recipe.data.targets(),
        Some(crate::data::TargetKind::Classes(2))
    );
    let again = Recipe::from_toml("again", &recipe.to_toml(), &[]).expect("sound");
    assert_eq!(again, recipe);
    let refused = |texts: &[&str]| {
        let texts: Vec<&str> = regressor.iter().chain(texts).copied().collect();
        read(&texts).expect_err("refused").to_string()
    };
    insta::assert_snapshot!(refused(&["data.classes=['a', 'b']"]), @r#"
    r.toml: 1 problem
      - task: a regressor learns numbers, the data have classes; remove `data.classes`, set it to `classifier` or change `data.format`
    "#);
    insta::assert_snapshot!(refused(&["task=classifier"]), @r#"
    r.toml: 1 problem
      - task: a classifier learns classes, the data have numbers; name the classes (`data.classes`), set it to `regressor` or change `data.format`
    "#);
    insta::assert_snapshot!(refused(&["model.softmax=tied"]), @r#"
    r.toml: 1 problem
      - model.softmax (--set): the task is `regressor`, only a `language_model` has this key; remove it or change `task`
    "#);
    insta::assert_snapshot!(refused(&["data.tokens=notes"]), @r#"
    r.toml: 1 problem
      - data.tokens: `notes` are of tunes; set `data.format` to `tunes` or use other tokens
    "#);
    insta::assert_snapshot!(refused(&["data.folder=x"]), @r#"
    r.toml: 1 problem
      - data.folder (--set): the format is `labelled_text`, only `idx` or `ts` has this key; remove it or change `data.format`
    "#);
}

fn any_text() -> impl Strategy<Value = TextSettings> {
    let files = || prop::collection::vec("[a-z]\\PC{0,9}", 1..3);
    let held_out = prop_oneof![
        (0.0..0.4_f64, 0.01..0.4_f64)
            .prop_map(|(valid, test)| HeldOutParts::Shares { valid, test }),
        (prop::option::of(files()), files()).prop_map(|(valid, test)| HeldOutParts::Files {
            valid: valid.unwrap_or_default(),
            test,
        }),
    ];
    let tokens = prop_oneof![
        Just(TokenSettings::Characters),
        Just(TokenSettings::Bytes),
        (1_usize..9, 2_usize..999).prop_map(|(min_count, max_size)| TokenSettings::Words {
            min_count,
            max_size
        }),
        "[a-z]\\PC{0,9}".prop_map(|file| TokenSettings::Tokenizer { file }),
    ];
    let form = prop::sample::select(NORMALISED);
    (files(), held_out, tokens, form).prop_map(|(files, held_out, tokens, (_, normalise))| {
        let normalise = match tokens {
            TokenSettings::Bytes => Normalisation::None,
            _ => normalise,
        };
        TextSettings {
            files,
            held_out,
            tokens,
            normalise,
        }
    })
}

fn any_language() -> impl Strategy<Value = (Option<usize>, SoftmaxSettings)> {
    let cutoffs = prop::collection::btree_set(1_usize..9999, 1..4);
    let softmax = prop_oneof![
        Just(SoftmaxSettings::Full),
        Just(SoftmaxSettings::Tied),
        cutoffs.prop_map(|cutoffs| SoftmaxSettings::Adaptive {
            cutoffs: cutoffs.into_iter().collect()
        }),
        (1_usize..99).prop_map(|samples| SoftmaxSettings::Sampled { samples }),
    ];
    (prop::option::of(1_usize..99), softmax).prop_map(|(embedding, softmax)| match softmax {
        // As wide as the layer.
        SoftmaxSettings::Tied => (Some(8), softmax),
        softmax => (embedding, softmax),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_language_model_comes_back_as_it_went(text in any_text(), (embedding, softmax) in any_language(), tunes in any::<bool>()) {
        let mut recipe = with(&[]);
        recipe.model.embedding = embedding;
        recipe.model.softmax = Some(softmax);
        recipe.train.shuffle = tunes;
        recipe.data = if tunes { DataSettings::Tunes(text) } else { DataSettings::Text(text) };
        let again = Recipe::from_toml("again", &recipe.to_toml(), &[]);
        prop_assert_eq!(again.expect("sound"), recipe);
    }
}
