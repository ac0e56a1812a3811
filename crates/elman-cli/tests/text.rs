//! The commands on texts: fit, evaluate, inspect, generate.

mod support;

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;
use support::{Workplace, fail, read, succeed, text};

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
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all("abcab\n?\nab\n".as_bytes())
        .expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success());
    let answers = text(&output.stdout);
    assert!(answers.trim_end_matches('\n').contains('\n'), "{answers}");
    assert!(text(&output.stderr).contains("does not have '?'"));
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
    let message = fail(&mut place.elman(&["generate", "run"]), 1);
    assert!(
        message.contains("this run is a `polyphony`, which writes no text"),
        "{message}"
    );
}
