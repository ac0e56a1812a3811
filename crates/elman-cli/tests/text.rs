//! The commands on texts: fit, evaluate, inspect, generate.

mod support;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{Workplace, fail, read, run, succeed, text};

fn object(line: &str) -> Value {
    serde_json::from_str(line.trim()).expect("one JSON object")
}

/// A small text, and a run that was trained on it.
fn workplace() -> Workplace {
    let place = Workplace::new();
    std::fs::write(place.path("ab.txt"), "abcab é\n".repeat(200)).expect("written");
    let mut command = place.elman(&[
        "fit", "char-rnn", "--data", "ab.txt", "--out", "run", "--quiet",
    ]);
    for setting in [
        "train.epochs=3",
        "train.batch=4",
        "model.units=12",
        "train.backpropagation.window=16",
        "train.optimiser.learning_rate=0.02",
    ] {
        command.args(["--set", setting]);
    }
    let ending = succeed(&mut command);
    assert!(ending.contains("bits per character"), "{ending}");
    assert!(ending.contains("elman generate run"), "{ending}");
    place
}

#[test]
fn a_text_from_fit_to_generate() {
    let place = workplace();
    let report = object(&succeed(&mut place.elman(&["evaluate", "run", "--json"])));
    assert_eq!(report["characters"], 79);
    let nats = report["nats_per_token"].as_f64().expect("a number");
    let bits = report["bits_per_character"].as_f64().expect("a number");
    let perplexity = report["perplexity"].as_f64().expect("a number");
    assert!((bits - nats / std::f64::consts::LN_2).abs() < 1e-9);
    assert!((perplexity - nats.exp()).abs() < 1e-9);
    let whole = succeed(&mut place.elman(&["evaluate", "run", "--data", "ab.txt"]));
    assert!(
        whole.contains("1599 tokens, 1599 characters, 0 unknown"),
        "{whole}"
    );

    let facts = object(&succeed(&mut place.elman(&["inspect", "run", "--json"])));
    assert_eq!(facts["tokens"], 6);
    assert_eq!(facts["features"], 6);

    let generate = |more: &[&str]| {
        let mut command = place.elman(&["generate", "run", "--length", "40"]);
        succeed(command.args(more))
    };
    let first = generate(&["--prompt", "abc", "--seed", "7"]);
    assert!(
        first.starts_with("abc") && first.chars().count() == 44,
        "{first}"
    );
    assert_eq!(first, generate(&["--prompt", "abc", "--seed", "7"]));
    assert_ne!(first, generate(&["--prompt", "abc", "--seed", "8"]));
    let greedy = generate(&["--prompt", "abc", "--temperature", "0"]);
    assert_eq!(
        greedy,
        generate(&["--prompt", "abc", "--top-k", "1", "--seed", "9"])
    );
    assert_eq!(
        greedy,
        generate(&["--prompt", "abc", "--top-p", "0.000001"])
    );
    let json = object(&generate(&[
        "--prompt",
        "abc",
        "--temperature",
        "0",
        "--json",
    ]));
    assert_eq!(json["tokens"], 40);
    let written = json["text"].as_str().expect("a text");
    assert_eq!(format!("abc{written}\n"), greedy);
}

#[test]
fn what_cannot_be_written_is_told() {
    let place = workplace();
    let refused = |more: &[&str], status| {
        let mut command = place.elman(&["generate", "run"]);
        fail(command.args(more), status)
    };
    let message = refused(&["--prompt", "ab?x"], 2);
    assert!(message.contains("the prompt: line 1, column 3: the model's vocabulary does not have '?' (U+003F, 1 times), 'x' (U+0078, 1 times)"), "{message}");
    assert!(refused(&["--temperature", "-1"], 2).contains("temperature: is -1;"));
    assert!(refused(&["--top-k", "0"], 2).contains("top-k: is 0;"));
    assert!(refused(&["--top-p", "1.5"], 2).contains("top-p: is 1.5;"));
    let midi = run(&mut place.elman(&["generate", "run", "--midi", "none.mid"]));
    assert_eq!(
        (midi.status.code(), text(&midi.stdout)),
        (Some(2), String::new())
    );
    insta::assert_snapshot!(text(&midi.stderr), @r#"elman: --midi: this run has learnt a text (`data.format = "text"`), which sounds like nothing; leave it out, or give a run on tunes (`data.format = "tunes"`) or of a `polyphony`"#);
    let message = fail(&mut place.elman(&["predict", "run", "ab"]), 1);
    assert!(
        message.contains("of a language model `elman generate`"),
        "{message}"
    );
    let message = fail(
        &mut place.elman(&["evaluate", "run", "--data", "none.txt"]),
        1,
    );
    assert!(message.contains("none.txt"), "{message}");
    for command in ["forecast", "backtest"] {
        let message = fail(&mut place.elman(&[command, "run"]), 1);
        assert_eq!(
            message,
            "elman: run run: is a `language_model`, which forecasts no series; use `elman generate \
             run`, or give the run of a `forecaster`\n"
        );
    }
    succeed(
        place
            .fit("digits", &["--quiet"])
            .args(["--set", "train.epochs=1"]),
    );
    let message = fail(&mut place.elman(&["generate", "digits"]), 1);
    assert!(
        message.contains("this run is a `classifier`, which writes no text"),
        "{message}"
    );
    let message = fail(&mut place.elman(&["forecast", "digits"]), 1);
    assert!(message.contains("use `elman predict digits`"), "{message}");
}

/// Runs to the end with `input` on stdin.
fn told(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("written");
    drop(stdin);
    child.wait_with_output().expect("ended")
}

#[test]
fn a_conversation_keeps_the_state() {
    let place = workplace();
    let mut command = place.elman(&[
        "generate",
        "run",
        "--interactive",
        "--length",
        "5",
        "--temperature",
        "0",
    ]);
    let output = told(&mut command, b"abcab\n?\nb\xff\nab\r\n");
    assert!(output.status.success());
    let answers = text(&output.stdout);
    assert!(answers.trim_end_matches('\n').contains('\n'), "{answers}");
    insta::assert_snapshot!(text(&output.stderr), @r#"
    elman: the input: line 1, column 1: the model's vocabulary does not have '?' (U+003F, 1 times); use characters that the model was trained on (`vocabulary.json` in its run's folder lists them)
    elman: the input: line 1, column 2: expected UTF-8, found the byte 0xFF; give text in UTF-8; only a model of bytes (`data.tokens = "bytes"`) reads any bytes
    "#);
    // The second answer follows all that was read and written before it.
    let first: String = answers.chars().take(5).collect();
    let whole = place
        .elman(&[
            "generate",
            "run",
            "--length",
            "5",
            "--temperature",
            "0",
            "--prompt",
        ])
        .arg(format!("abcab{first}ab"))
        .output();
    let whole = text(&whole.expect("ran").stdout);
    let second: String = answers.chars().skip(6).collect();
    assert!(whole.ends_with(&second), "{whole:?} {second:?}");
    assert!(!read(place.path("run/vocabulary.json")).is_empty());
}

#[test]
fn a_tune_is_written_and_sounds() {
    let place = Workplace::new();
    let tune = "X:1\nT:Up\nM:4/4\nL:1/8\nK:D\nDEFG ABcd|d2 A2 F2 D2:|\n\n";
    std::fs::write(place.path("book.abc"), tune.repeat(40)).expect("written");
    let mut command = place.elman(&[
        "fit", "tunes", "--data", "book.abc", "--out", "run", "--quiet",
    ]);
    for setting in [
        "train.epochs=30",
        "train.batch=4",
        "model.layers=1",
        "model.units=24",
        "model.embedding=12",
        "model.dropout.output_keep=1.0",
        "train.optimiser.learning_rate=0.02",
    ] {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
    let written = ["generate", "run", "--temperature", "0", "--midi", "out.mid"];
    let written = succeed(&mut place.elman(&written));
    // There is one tune to be learnt.
    assert_eq!(written.trim_end(), tune.trim_end());
    let bytes = read(place.path("out.mid"));
    assert!(bytes.starts_with(b"MThd"));
    let other = ["generate", "run", "--length", "3", "--midi", "none.mid"];
    let message = fail(&mut place.elman(&other), 1);
    assert!(message.contains("the tune: it has no"), "{message}");
}

#[test]
fn chorales_are_learnt_and_judged() {
    let place = Workplace::new();
    let piece = "[[60, 64, 67], [62, 65, 69], [60, 64, 67], []]";
    let part = |count: usize| vec![piece; count].join(",");
    let rolls = format!(
        r#"{{"train": [{}], "valid": [{}], "test": [{}]}}"#,
        part(20),
        part(3),
        part(4)
    );
    std::fs::write(place.path("rolls.json"), rolls).expect("written");
    let mut command = place.elman(&[
        "fit",
        "chorales",
        "--data",
        "rolls.json",
        "--out",
        "run",
        "--quiet",
        "--json",
    ]);
    for setting in [
        "train.epochs=40",
        "train.batch=2",
        "model.dropout.input_keep=1.0",
        "model.dropout.output_keep=1.0",
        "model.units=16",
        "train.optimiser.learning_rate=0.02",
    ] {
        command.args(["--set", setting]);
    }
    let summary = object(&succeed(&mut command));
    let nats = summary["test_nats_per_step"].as_f64().expect("a number");
    // Without learning 88 keys cost 61 nats.
    assert!(nats < 2.0, "{nats}");
    let report = object(&succeed(&mut place.elman(&["evaluate", "run", "--json"])));
    assert_eq!(report["nats_per_step"], summary["test_nats_per_step"]);
    assert_eq!(
        (&report["steps"], &report["pieces"]),
        (&16.into(), &4.into())
    );
    let facts = object(&succeed(&mut place.elman(&["inspect", "run", "--json"])));
    assert_eq!(facts["keys"], 88);

    let ending = succeed(&mut place.elman(&["fit", "--resume", "run", "--quiet"]));
    assert!(ending.contains("elman generate run"), "{ending}");
    let generate = |more: &[&str]| {
        let mut command = place.elman(&["generate", "run"]);
        command.args(more);
        command
    };
    let six = ["--length", "6", "--seed", "3", "--midi", "out.mid"];
    let written = succeed(&mut generate(&six));
    assert_eq!(written.lines().count(), 6, "{written}");
    assert_eq!(written, succeed(&mut generate(&six[..4])));
    assert!(read(place.path("out.mid")).starts_with(b"MThd"));
    // Without chance the piece that was learnt goes on, here from a test piece.
    let begun = ["--temperature", "0", "--piece", "1", "--piece-steps", "2"];
    let begun = succeed(&mut generate(
        &[&begun[..], &["--length", "2"]].concat()[..],
    ));
    assert_eq!(begun, "C4 E4 G4\nD4 F4 A4\nC4 E4 G4\n-\n");
    // By default all of a piece that has fewer than 16 steps.
    let whole = succeed(&mut generate(&["--piece", "1", "--length", "0"]));
    assert_eq!(whole, begun);
    let json = ["--temperature", "0", "--length", "4", "--json"];
    let json = object(&succeed(&mut generate(&json)));
    let steps = "[[60,64,67],[62,65,69],[60,64,67],[]]";
    assert_eq!(json["steps"].to_string(), steps);
    assert_eq!(json["begin"].to_string(), "[]");

    let refused = |more: &[&str]| fail(&mut generate(more), 2);
    for (flags, message) in [
        (
            &["--prompt", "C4"][..],
            "--prompt: this run is a `polyphony`",
        ),
        (&["--top-k", "3"], "--top-k: this run is a `polyphony`"),
        (
            &["--top-p", "0.5"],
            "a lower `--temperature` makes likely keys likelier",
        ),
        (
            &["--interactive"],
            "--interactive: this run is a `polyphony`",
        ),
        (
            &["--piece", "4"],
            "--piece: is 4, and there are 4 test pieces; give a number from 0 to 3",
        ),
        (&["--temperature", "-1"], "temperature: is -1;"),
        (&["--piece-steps", "3"], "--piece <N>"),
        (
            &["--piece", "1", "--piece-steps", "5"],
            "--piece-steps: is 5, and test piece 1 has 4 steps; give at most 4",
        ),
    ] {
        let found = refused(flags);
        assert!(found.contains(message), "{found}");
    }
}

/// Trains a small model with `settings` on `text`, in the folder `run`; gives what it wrote at its end.
fn learn(place: &Workplace, recipe: &str, text: &[u8], settings: &[&str]) -> Value {
    std::fs::write(place.path("learnt.txt"), text).expect("written");
    let mut command = place.elman(&[
        "fit",
        recipe,
        "--data",
        "learnt.txt",
        "--out",
        "run",
        "--quiet",
        "--json",
    ]);
    let small = [
        "train.epochs=4",
        "train.batch=4",
        "model.layers=1",
        "model.units=12",
        "train.optimiser.learning_rate=0.02",
    ];
    for setting in small.iter().chain(settings) {
        command.args(["--set", setting]);
    }
    object(&succeed(&mut command))
}

/// The model in `run` must write the same text with the same seed; gives that text.
fn written(place: &Workplace, prompt: &str) -> String {
    let generate = || {
        let arguments = [
            "generate", "run", "--prompt", prompt, "--length", "40", "--seed", "5", "--json",
        ];
        object(&succeed(&mut place.elman(&arguments)))
    };
    let once = generate();
    assert_eq!(once, generate());
    once["text"].as_str().expect("a text").to_owned()
}

#[test]
fn bytes_that_are_no_text_are_learnt_and_written() {
    let place = Workplace::new();
    let bytes = b"ab\xff\x00\xfe\n".repeat(300);
    let summary = learn(&place, "char-rnn", &bytes, &["data.tokens=bytes"]);
    let bits = summary["test_bits_per_character"].as_f64();
    // Without learning a byte costs 8.
    assert!(bits.expect("a number") < 4.0, "{summary}");
    let facts = object(&succeed(&mut place.elman(&["inspect", "run", "--json"])));
    assert_eq!(facts["tokens"], 256);
    let replaced = written(&place, "ab");

    // On stdout the bytes are as they were drawn, one a token.
    let arguments = [
        "generate", "run", "--prompt", "ab", "--length", "40", "--seed", "5",
    ];
    let output = run(&mut place.elman(&arguments)).stdout;
    assert_eq!((&output[..2], output.len()), (&b"ab"[..], 43));
    assert_eq!(String::from_utf8_lossy(&output[2..42]), replaced);
    assert!(
        output.contains(&0xff) || output.contains(&0xfe),
        "{output:?}"
    );
    let arguments = ["generate", "run", "--interactive", "--length", "7"];
    let answer = told(&mut place.elman(&arguments), b"ab\xff\n");
    assert!(answer.status.success() && answer.stderr.is_empty());
    assert_eq!(answer.stdout.len(), 8);
}

#[test]
fn a_prompt_is_composed_as_the_text_was() {
    let place = Workplace::new();
    let apart = "abcab e\u{301}\n".repeat(200);
    learn(
        &place,
        "char-rnn",
        apart.as_bytes(),
        &["data.normalise=nfc"],
    );
    assert_eq!(
        written(&place, "abcab e\u{301}"),
        written(&place, "abcab \u{e9}")
    );
}

#[test]
fn words_are_foretold_by_every_softmax() {
    let text = "the cat sat on the mat and the dog sat on the log .\n".repeat(120);
    for softmax in [
        "model.softmax=tied",
        "model.softmax={kind='adaptive', cutoffs=[4, 8]}",
        "model.softmax={kind='sampled', samples=6}",
    ] {
        let place = Workplace::new();
        let settings = ["data.tokens=words", "model.embedding=12", softmax];
        let summary = learn(&place, "char-rnn", text.as_bytes(), &settings);
        let metrics = read(place.path("run/metrics.csv"));
        let metrics = String::from_utf8_lossy(&metrics);
        let of_samples = metrics.contains("train_sampled_loss,train_sampled_bits");
        assert_eq!(of_samples, softmax.contains("sampled"), "{metrics}");
        // 12 tokens at first cost 2.5 nats each.
        let nats = summary["test_nats_per_token"].as_f64();
        assert!(nats.expect("a number") < 1.5, "{softmax}: {summary}");
        let words = written(&place, "the cat");
        assert!(words.split_whitespace().count() > 30, "{words}");
        assert!(!words.contains("<unk>"), "{words}");
    }
}

/// Byte-level BPE in Hugging Face's form, of a small text; its numbers have a gap from 7 to 9.
const BYTE_LEVEL: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "model": {
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "vocab": {"a": 0, "b": 1, "c": 2, "Ã": 3, "©": 4, "Ċ": 5, "Ġ": 6, "ab": 10, "Ã©": 11},
        "merges": [["a", "b"], ["Ã", "©"]]
    }
}"#;

#[test]
fn tokens_of_a_tokenizer_json_are_learnt_and_written() {
    let place = Workplace::new();
    std::fs::write(place.path("tokenizer.json"), BYTE_LEVEL).expect("written");
    let settings = [
        "data.tokens=tokenizer",
        "data.tokenizer=tokenizer.json",
        "train.epochs=8",
    ];
    let text = "abcab é\n".repeat(200);
    learn(&place, "char-rnn", text.as_bytes(), &settings);
    let facts = object(&succeed(&mut place.elman(&["inspect", "run", "--json"])));
    assert_eq!(facts["tokens"], 12);
    // The run keeps the tokenizer, the file is not needed.
    std::fs::remove_file(place.path("tokenizer.json")).expect("removed");
    let text = written(&place, "abcab é\n");
    assert!(text.contains("abcab é\n"), "{text}");
    let message = fail(&mut place.elman(&["generate", "run", "--piece", "0"]), 2);
    assert!(
        message.contains(
            "--piece: this run is a `language_model`, which begins with a text; use `--prompt`"
        ),
        "{message}"
    );
}

#[test]
fn a_tune_is_learnt_by_its_characters() {
    let place = Workplace::new();
    let tune = "X:1\nT:Up\nM:4/4\nL:1/8\nK:D\nDEFG ABcd|d2 A2 F2 D2:|\n\n";
    let settings = [
        "data.tokens=characters",
        "train.epochs=30",
        "model.units=24",
        "model.embedding=12",
        "model.dropout.output_keep=1.0",
    ];
    learn(&place, "tunes", tune.repeat(40).as_bytes(), &settings);
    let written = ["generate", "run", "--temperature", "0", "--midi", "out.mid"];
    let written = succeed(&mut place.elman(&written));
    assert_eq!(written.trim_end(), tune.trim_end());
    assert!(read(place.path("out.mid")).starts_with(b"MThd"));
}
