use std::fs;

use tempfile::TempDir;

use super::*;
use crate::generate::{SamplerConfig, Writer};
use crate::random::Seed;
use crate::recipe::Override;
use crate::task::vocabulary_file::VOCABULARY;
use crate::task::{FitPlan, RunFolder, fit, resume};
use crate::train::{FitOptions, Observer, Silent, StepProgress};

/// A text that can be learnt: sums of small numbers.
fn text() -> String {
    let mut generator = Seed::new(1).generator("text");
    (0..300)
        .map(|_| {
            let [one, other] = [generator.below(5), generator.below(5)];
            format!("{one}+{other}={}\n", one + other)
        })
        .collect()
}

fn recipe(folder: &TempDir, settings: &[&str]) -> Recipe {
    let path = folder.path().join("sums.txt");
    fs::write(&path, text()).expect("written");
    let mut overrides = vec![Override::place(path.to_string_lossy())];
    let common = [
        "train.epochs=3",
        "train.batch=4",
        "model.units=8",
        "train.backpropagation.window=20",
    ];
    for setting in common.iter().chain(settings) {
        overrides.push(setting.parse().expect("a setting"));
    }
    Recipe::load("char-rnn", &overrides).expect("sound")
}

fn plan(recipe: Recipe, root: &Path) -> FitPlan {
    FitPlan {
        recipe,
        folder: RunFolder::At(root.to_owned()),
        options: FitOptions::default(),
    }
}

/// Asks to stop after so many steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepProgress) {
        self.0 -= 1;
    }

    fn stop_signal(&mut self) -> Option<i32> {
        (self.0 == 0).then_some(15)
    }
}

#[test]
fn stopped_anywhere_and_resumed_the_state_goes_on_too() {
    let data = TempDir::new().expect("a folder");
    let noisy = [
        "model.dropout.input_keep=0.9",
        "model.dropout.output_keep=0.8",
        "model.embedding=5",
        "model.softmax={kind='sampled', samples=4}",
    ];
    let words = [
        "data.tokens=words",
        "data.min_count=1",
        "model.softmax={kind='adaptive', cutoffs=[4]}",
    ];
    for settings in [&[][..], &noisy, &words] {
        let recipe = recipe(&data, settings);
        let folder = TempDir::new().expect("a folder");
        let straight = folder.path().join("straight");
        let summary = fit(&plan(recipe.clone(), &straight), &mut Silent).expect("trained");
        assert_eq!(summary.history.len(), 3);
        for stop in [1, 5, 17] {
            let root = folder.path().join(format!("stopped-{stop}"));
            let error = fit(&plan(recipe.clone(), &root), &mut StopAfter(stop)).expect_err("stop");
            assert_eq!(error.stopped_by(), Some(15));
            resume(&root, None, FitOptions::default(), &mut Silent).expect("resumed");
            for file in ["model.safetensors", "metrics.csv", VOCABULARY] {
                let of = |root: &Path| fs::read(root.join(file)).expect("there");
                assert!(
                    of(&root) == of(&straight),
                    "{file} of a run stopped after {stop}"
                );
            }
        }
    }
}

/// Trains for some more epochs.
fn trained(folder: &TempDir, settings: &[&str]) -> (Trained, Evaluation) {
    let fast = [
        "train.epochs=12",
        "train.optimiser.learning_rate=0.02",
        "model.layers=1",
        "model.units=24",
    ];
    let settings: Vec<&str> = fast.iter().chain(settings).copied().collect();
    let recipe = recipe(folder, &settings);
    let root = folder.path().join("run");
    let summary = fit(&plan(recipe, &root), &mut Silent).expect("trained");
    (Trained::load(&root).expect("a model"), summary.test)
}

#[test]
fn a_trained_model_is_judged_and_writes_what_it_has_learnt() {
    let folder = TempDir::new().expect("a folder");
    let (trained, test) = trained(&folder, &[]);
    assert_eq!(trained.evaluate(None).expect("judged"), test);
    let Evaluation::Tokens(worth) = test else {
        panic!("a language model foretells tokens");
    };
    // 13 characters at first cost 3.7 bits each.
    assert!(worth.bits_per_character() < 1.8, "{worth:?}");
    assert_eq!(worth.characters, worth.tokens);
    let whole = trained
        .evaluate(Some(&folder.path().join("sums.txt")))
        .expect("judged");
    let Evaluation::Tokens(whole) = whole else {
        panic!("a language model foretells tokens");
    };
    assert_eq!(whole.characters as usize, text().chars().count() - 1);

    let write = |seed, prompt: &str| {
        let sampler = SamplerConfig::default().init(Seed::new(seed));
        let mut writer = Writer::new(trained.language().expect("it is"), sampler).expect("ready");
        writer.read("the prompt", prompt).expect("known");
        written(&mut writer, 60)
    };
    assert_eq!(write(3, "1+2="), write(3, "1+2="));
    assert_ne!(write(3, "1+2="), write(4, "1+2="));
    assert_eq!(write(3, "").chars().count(), 60);
    let sound = |line: &&str| line.len() >= 5 && line.contains('+') && line.contains('=');
    let text = write(5, "1+2=3\n");
    let lines: Vec<&str> = text.lines().collect();
    let many = lines.iter().filter(|line| sound(line)).count();
    assert!(2 * many > lines.len(), "{text}");

    // Before anything is read all tokens are equally likely, and stay so however cold it is.
    let first = |temperature, seed| {
        let config = SamplerConfig::default().with_temperature(temperature);
        let sampler = config.expect("sound").init(Seed::new(seed));
        let mut writer = Writer::new(trained.language().expect("it is"), sampler).expect("ready");
        written(&mut writer, 1)
    };
    for seed in 0..8 {
        assert_eq!(first(1e-30, seed), first(1.0, seed));
        assert_eq!(first(0.0, seed), "\n", "the most frequent");
    }
    assert!((0..8).any(|seed| first(1e-30, seed) != "\n"));
}

/// So many tokens of a text that has no end.
fn written(writer: &mut Writer<'_>, tokens: usize) -> String {
    let pieces = (0..tokens).map(|_| writer.write().expect("written").expect("no end"));
    let mut text: Vec<u8> = pieces.flatten().collect();
    text.extend(writer.finish());
    String::from_utf8(text).expect("characters")
}

/// Word pieces of sums: it does not know the 4, and has no token 3.
const WORD_PIECES: &str = r###"{
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": false},
    "model": {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {"[UNK]": 0, "+": 1, "=": 2, "0": 4, "1": 5, "2": 6, "3": 7, "5": 8, "6": 9, "7": 10, "8": 11}
    }
}"###;

#[test]
fn tokens_of_a_file_are_learnt_and_written_but_those_it_does_not_have() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("tokenizer.json");
    fs::write(&file, WORD_PIECES).expect("written");
    let file = format!("data.tokenizer={}", file.display());
    let (trained, test) = trained(&folder, &["data.tokens=tokenizer", &file]);
    let Evaluation::Tokens(worth) = test else {
        panic!("a language model foretells tokens");
    };
    let language = trained.language().expect("it is");
    assert_eq!(language.tokenizer.size(), 12);
    // Every fives number and more sums have a 4.
    let share = worth.unknown as f64 / worth.tokens as f64;
    assert!((0.05..0.25).contains(&share), "{worth:?}");
    // 12 tokens at first cost ln 12 nats each.
    assert!(
        worth.nats / (worth.tokens as f64) < 0.7 * 12_f64.ln(),
        "{worth:?}"
    );

    let sampler = SamplerConfig::default()
        .with_temperature(3.0)
        .expect("sound")
        .init(Seed::new(1));
    let mut writer = Writer::new(language, sampler).expect("ready");
    writer.read("the prompt", "1+2=3").expect("known");
    let text = written(&mut writer, 200);
    assert_eq!(text.split_whitespace().count(), 200, "{text}");
    assert!(!text.contains("[UNK]"), "{text}");

    let unknown = folder.path().join("four.txt");
    fs::write(&unknown, "4 44 4").expect("written");
    let refused = trained.evaluate(Some(&unknown)).expect_err("unknown");
    let message = refused.to_string();
    assert!(
        message.contains("not one of its 3 tokens is in the vocabulary"),
        "{message}"
    );
}

#[test]
fn a_line_of_a_million_tokens_is_learnt_and_judged() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("line.txt");
    for (line, tokens) in [
        ("abcde".repeat(200_000), "data.tokens=characters"),
        (
            "one two three four five ".repeat(200_000),
            "data.tokens=words",
        ),
    ] {
        fs::write(&path, line).expect("written");
        let mut overrides = vec![Override::place(path.to_string_lossy())];
        for setting in [
            tokens,
            "data.valid=0.0",
            "data.test=0.01",
            "train.epochs=1",
            "train.batch=1000",
            "train.backpropagation.window=500",
            "model.layers=1",
            "model.units=2",
        ] {
            overrides.push(setting.parse().expect("a setting"));
        }
        let recipe = Recipe::load("char-rnn", &overrides).expect("sound");
        let root = folder.path().join(tokens);
        let summary = fit(&plan(recipe, &root), &mut Silent).expect("trained");
        // 990 tokens of each stream, in windows of 500.
        let trained = Trained::load(&root).expect("a model");
        assert_eq!(trained.step, 2);
        let Evaluation::Tokens(worth) = summary.test else {
            panic!("a language model foretells tokens");
        };
        // A hundredth; the cut goes through a word.
        assert!((9_990..10_010).contains(&worth.tokens), "{worth:?}");
        let nats = worth.nats / worth.tokens as f64;
        assert!(nats < 2.0, "{worth:?}");
    }
}

#[test]
fn a_vocabulary_that_was_changed_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let recipe = recipe(&folder, &["train.epochs=1"]);
    let root = folder.path().join("run");
    fit(&plan(recipe, &root), &mut Silent).expect("trained");
    let path = root.join(VOCABULARY);
    let sound = fs::read_to_string(&path).expect("there");
    fs::write(&path, sound.replace('8', "9")).expect("written");
    let message = Trained::load(&root).expect_err("changed").to_string();
    assert!(
        message.contains("not the vocabulary that the model was trained with"),
        "{message}"
    );
    fs::remove_file(&path).expect("removed");
    assert!(Trained::load(&root).expect_err("gone").is_io());
}

#[test]
fn another_text_is_refused_on_resuming() {
    let folder = TempDir::new().expect("a folder");
    let recipe = recipe(&folder, &[]);
    let root = folder.path().join("run");
    fit(&plan(recipe, &root), &mut StopAfter(2)).expect_err("stopped");
    let other = folder.path().join("other.txt");
    fs::write(&other, text().replace('+', "-")).expect("written");
    let refused = resume(&root, Some(&other), FitOptions::default(), &mut Silent);
    let message = refused.expect_err("another text").to_string();
    assert!(message.contains("belongs to another data"), "{message}");
}

#[test]
fn texts_that_are_too_short_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let message = |text: &str| {
        let recipe = recipe(&folder, &[]);
        fs::write(folder.path().join("sums.txt"), text).expect("written");
        let refused = fit(&plan(recipe, &folder.path().join("run")), &mut Silent);
        let message = refused.expect_err("too short").to_string();
        message.replace(&folder.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(message("a"), @"data DIR/sums.txt: there is no text to validate on: of 1 characters none is left; give more text, or other shares (`data.valid`, `data.test`)");
    insta::assert_snapshot!(message("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), @"data: the text has 1 token, always the same: nothing is to be learnt; give a text of at least two different tokens");
    insta::assert_snapshot!(message("abababab"), @"data DIR/sums.txt: there is no text to test on: of 8 characters none is left; give more text, or other shares (`data.valid`, `data.test`)");
    insta::assert_snapshot!(message(""), @"DIR/sums.txt: is empty; give a file with text in it");
    assert!(!folder.path().join("run").exists(), "no run is begun");
}
