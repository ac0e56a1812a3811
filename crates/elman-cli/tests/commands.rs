//! Every command on a small run, from flags to output.

mod support;

use serde_json::Value;
use support::{CLASSES, IMAGE, Workplace, fail, run, succeed, text};

#[test]
fn help() {
    let place = Workplace::new();
    insta::assert_snapshot!("help", succeed(&mut place.elman(&["--help"])));
    insta::assert_snapshot!("help_fit", succeed(&mut place.elman(&["fit", "--help"])));
}

#[test]
fn recipes_are_listed() {
    let place = Workplace::new();
    let table = succeed(&mut place.elman(&["recipes"]));
    let json = succeed(&mut place.elman(&["recipes", "--json"]));
    let names: Vec<String> = objects(&json)
        .iter()
        .map(|recipe| recipe["name"].as_str().expect("a name").to_owned())
        .collect();
    assert!(names.contains(&"mnist".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| table.contains(name)), "{table}");
}

#[test]
fn a_recipe_of_ones_own_is_found_beside_the_shipped_ones() {
    let place = Workplace::new();
    std::fs::write(place.path("mnst.toml"), "").expect("written");
    insta::assert_snapshot!(fail(&mut place.elman(&["fit", "mnst"]), 2), @"elman: recipe `mnst`: no recipe of this name is shipped; there is a file `mnst.toml`: name it in full (a path has a `/` or ends in `.toml`)");
    std::fs::remove_file(place.path("mnst.toml")).expect("removed");
    let message = fail(&mut place.elman(&["fit", "mnst"]), 2);
    assert!(message.contains("did you mean `mnist`?"), "{message}");
}

#[test]
fn a_run_from_fit_to_predict() {
    let place = Workplace::new();
    let summary = succeed(&mut place.fit("run", &["--json", "--set", "train.epochs=12"]));
    let summary = &objects(&summary)[0];
    assert_eq!(summary["epochs"], 12);
    // Chance is 0.25; the classes are easy to tell apart.
    assert!(number(&summary["test_accuracy"]) > 0.9, "{summary}");

    let report = succeed(&mut place.elman(&["evaluate", "run", "--json"]));
    let report = &objects(&report)[0];
    assert_eq!(report["accuracy"], summary["test_accuracy"]);
    assert_eq!(report["loss_nats"], summary["test_loss_nats"]);
    assert_eq!(report["count"], 100);
    let rows = report["confusion"].as_array().expect("rows");
    assert_eq!(rows.len(), CLASSES);
    for row in rows {
        let row = row.as_array().expect("a row");
        assert_eq!(row.iter().filter_map(Value::as_u64).sum::<u64>(), 25);
    }
    let table = succeed(&mut place.elman(&["evaluate", "run"]));
    assert!(
        table.contains("accuracy") && table.contains("taken for"),
        "{table}"
    );

    let facts = succeed(&mut place.elman(&["inspect", "run", "--json"]));
    let facts = &objects(&facts)[0];
    let [_, features] = IMAGE;
    let expected = (features + 16) * 16 + 16 + 16 * CLASSES + CLASSES;
    assert_eq!(facts["parameters"], expected);
    assert_eq!(facts["finished_epochs"], 12);
    assert_eq!(facts["network"], serde_json::json!(["BasicRnnCell"]));
    let table = succeed(&mut place.elman(&["inspect", "run"]));
    for words in [
        "layer 0: BasicRnnCell",
        "network.layers.0.kernel",
        "dense.bias",
        "[26, 16]",
        "epochs = 12",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }

    for file in [
        "recipe.toml",
        "model.safetensors",
        "metrics.csv",
        "curve.svg",
        "curve.png",
        "confusion.svg",
        "confusion.png",
    ] {
        assert!(place.path("run").join(file).is_file(), "{file}");
    }
}

#[test]
fn predict_names_the_class_of_a_picture() {
    let place = Workplace::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist10k");
    let parts = elman::data::idx::read_folder(data, 10).expect("it is part of the repository");
    let small = elman::data::ImageDataset::new(
        parts.train.pixels()[..300 * 28 * 28].to_vec(),
        [28, 28],
        parts.train.labels()[..300].to_vec(),
        10,
    );
    let digits = elman::data::ImageParts {
        train: small.expect("sound"),
        test: parts.test,
    };
    place.write_data("digits", &digits);
    let more = ["--data", "digits", "--set", "train.epochs=1", "--quiet"];
    succeed(place.elman(&["fit", "mnist", "--out", "run"]).args(more));
    write_png(&place.path("one.png"), digits.test.image(0));
    write_png(&place.path("two.png"), digits.test.image(1));
    let json = succeed(&mut place.elman(&["predict", "run", "one.png", "two.png", "--json"]));
    let found = objects(&json);
    assert_eq!(found.len(), 2);
    for prediction in &found {
        let all: Vec<f64> = prediction["probabilities"]
            .as_array()
            .expect("a list")
            .iter()
            .map(number)
            .collect();
        assert_eq!(all.len(), 10);
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let class = prediction["class"].as_u64().expect("a class") as usize;
        assert!(all.iter().all(|&other| other <= all[class]));
    }
    let table = succeed(&mut place.elman(&["predict", "run", "one.png"]));
    assert!(table.contains("one.png"), "{table}");
    let error = fail(&mut place.elman(&["predict", "run", "missing.png"]), 1);
    assert!(error.contains("missing.png"), "{error}");
    std::fs::write(place.path("not.png"), "text").expect("written");
    let error = fail(&mut place.elman(&["predict", "run", "not.png"]), 1);
    assert!(error.contains("not.png"), "{error}");
}

#[test]
fn a_model_of_other_images_predicts_no_digit() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &["--quiet", "--set", "train.epochs=1"]));
    write_png(
        &place.path("one.png"),
        &[[0; 14], [200; 14]].concat().repeat(28),
    );
    let error = fail(&mut place.elman(&["predict", "run", "one.png"]), 1);
    assert!(error.contains("28") && error.contains("12"), "{error}");
}

#[test]
fn the_book_holds() {
    let place = Workplace::new();
    let json = succeed(&mut place.elman(&["book", "--json"]));
    let numbers = objects(&json);
    assert!(numbers.len() >= 50, "{}", numbers.len());
    for number in &numbers {
        assert_eq!(number["holds"], true, "{number}");
        let difference = self::number(&number["book"]) - self::number(&number["here"]);
        assert!(difference.abs() <= 6e-6, "{number}");
    }
    let example = numbers[0]["example"].as_str().expect("a name");
    let table = succeed(&mut place.elman(&["book", example]));
    assert!(
        table.contains(example) && table.contains("holds"),
        "{table}"
    );
    let error = fail(&mut place.elman(&["book", "no-such-example"]), 1);
    assert!(error.contains("no-such-example"), "{error}");
}

#[test]
fn a_deep_network_with_wrappers_is_trained_and_shown() {
    let place = Workplace::new();
    let set = [
        "model.layers=3",
        "model.readout=all",
        "model.dropout.input_keep=0.9",
        "train.epochs=1",
    ];
    let mut command = place.fit("deep", &["--quiet"]);
    for setting in set {
        command.args(["--set", setting]);
    }
    succeed(&mut command);
    let table = succeed(&mut place.elman(&["inspect", "deep"]));
    for words in [
        "layer 0: DropoutWrapper(BasicRnnCell)",
        "layer 2: DropoutWrapper(BasicRnnCell)",
        "network.layers.2.cell.kernel",
        "input_keep = 0.9",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let facts = succeed(&mut place.elman(&["inspect", "deep", "--json"]));
    let facts = &objects(&facts)[0];
    assert_eq!(facts["network"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_training_of_the_book_stands_beside_tensorflows_only_on_the_same_images() {
    let place = Workplace::new();
    let book = |more: &[&str]| {
        let mut command = place.elman(&["book", "mnist-deep", "--data", "data", "--quiet"]);
        for setting in [
            "data.classes=4",
            "model.units=8",
            "train.epochs=2",
            "train.batch=20",
        ] {
            command.args(["--set", setting]);
        }
        command.args(more);
        command
    };
    let lines = succeed(&mut book(&["--json", "--out", "run"]));
    let lines = objects(&lines);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["epoch"], 1);
    assert_eq!(lines[1]["tensorflow"], Value::Null);
    assert_eq!(lines[2]["holds"], Value::Null);
    assert!(place.path("run").join("model.safetensors").is_file());
    let table = succeed(&mut book(&[]));
    assert!(
        table.contains("TF 1 was not run on these images"),
        "{table}"
    );
    assert!(table.contains("run runs/book-mnist-deep-1"), "{table}");
    let error = fail(&mut place.elman(&["book", "manual", "--data", "data"]), 2);
    assert!(error.contains("mnist-deep, mnist-lstm3"), "{error}");
}

#[test]
fn quiet_is_quiet_and_talk_does_not_go_to_stdout() {
    let place = Workplace::new();
    let output = run(&mut place.fit("quiet", &["--quiet"]));
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).contains("test accuracy"));
    let output = run(&mut place.fit("loud", &["--json"]));
    assert_eq!(objects(&text(&output.stdout)).len(), 1);
    assert_eq!(text(&output.stderr).lines().count(), 3, "a line an epoch");
}

#[test]
fn runs_are_numbered() {
    let place = Workplace::new();
    for number in 1..=2 {
        let mut command = place.elman(&["fit", "mnist", "--data", "data", "--quiet"]);
        for setting in ["data.classes=4", "model.units=4", "train.epochs=1"] {
            command.args(["--set", setting]);
        }
        let result = succeed(&mut command);
        assert!(result.contains(&format!("runs/mnist-{number}")), "{result}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Workplace::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = place
        .elman(&["recipes"])
        .stdout(writer)
        .status()
        .expect("the program starts");
    assert!(status.success(), "{status}");
}

fn write_png(path: &std::path::Path, pixels: &[u8]) {
    let file = std::fs::File::create(path).expect("created");
    let mut encoder = png::Encoder::new(file, 28, 28);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("written");
    writer.write_image_data(pixels).expect("written");
}

fn objects(lines: &str) -> Vec<Value> {
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}
