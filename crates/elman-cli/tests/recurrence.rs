//! What the program says of gradients on their way back in time: while it trains, and of a run.

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Workplace, fail, run, succeed, text};

fn objects(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect()
}

/// `elman fit` of few sums over 120 steps, for two epochs.
fn sums(place: &Workplace, recipe: &str, out: &str, more: &[&str]) -> Command {
    let mut command = place.elman(&["fit", recipe, "--out", out]);
    let small = [
        "data.time=120",
        "data.train=100",
        "data.test=20",
        "model.units=8",
        "train.epochs=2",
    ];
    for setting in small.iter().chain(more) {
        command.args(["--set", setting]);
    }
    command
}

/// Recurrent weights of 8 units with ρ about .5: .5^119 is far below 1e-4.
const SMALL: &str = "model.recurrent_initializer={ kind = \"uniform\", low = -0.3, high = 0.3 }";

#[test]
fn fit_tells_once_that_gradients_vanish_in_text_and_in_json() {
    let place = Workplace::new();
    let mut command = sums(&place, "adding-tanh", "tanh", &[SMALL]);
    let output = run(command.args(["--quiet", "--json"]));
    let told = text(&output.stderr);
    assert_eq!(told.lines().count(), 1, "once in two epochs: {told}");
    let start = "elman: warning: after epoch 0: layer 0: gradients vanish in BasicRnnCell: \
                 119 steps back ";
    assert!(told.starts_with(start), "{told}");
    for words in [
        "is hardly learnt",
        "what helps: an LSTM or a GRU (model.cell)",
    ] {
        assert!(told.contains(words), "{told}");
    }
    let summary = &objects(&text(&output.stdout))[0];
    let warnings = summary["warnings"].as_array().expect("a list");
    assert_eq!(warnings.len(), 1, "{summary}");
    let warning = warnings[0].as_str().expect("words");
    assert_eq!(told.trim_end(), format!("elman: warning: {warning}"));
}

#[test]
fn fit_is_quiet_where_gradients_flow() {
    let place = Workplace::new();
    for (recipe, steps) in [
        ("adding-gru", "model.chrono_steps=120"),
        ("adding-lstm", "model.chrono_steps=120"),
        // The way back is cut at 4 steps by the recipe itself.
        ("adding-tanh", "train.backpropagation.window=4"),
    ] {
        let mut command = sums(&place, recipe, recipe, &[steps]);
        let output = run(command.args(["--quiet", "--json"]));
        assert_eq!(text(&output.stderr), "", "{recipe}");
        let summary = &objects(&text(&output.stdout))[0];
        assert_eq!(summary["warnings"], serde_json::json!([]), "{recipe}");
    }
}

#[test]
fn fit_tells_that_gradients_explode() {
    let place = Workplace::new();
    // Linear, 1.1 on the diagonal: 1.1^119 = 8e4.
    let large = "model.recurrent_initializer={ kind = \"identity\", gain = 1.1 }";
    let more = [
        large,
        "model.activation=identity",
        "train.optimiser.learning_rate=1e-9",
    ];
    let mut command = sums(&place, "adding-tanh", "linear", &more);
    let output = run(command.arg("--quiet"));
    let told = text(&output.stderr);
    for words in [
        "gradients explode in BasicRnnCell: 119 steps back it is 8.4e4 times as large",
        "what helps: clip gradients (train.clip)",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn inspect_says_how_far_gradients_go_back() {
    let place = Workplace::new();
    succeed(&mut place.fit("run", &["--quiet"]));
    let inspect = ["inspect", "run", "--recurrence"];
    let table = succeed(&mut place.elman(&inspect));
    for words in [
        "BasicRnnCell",
        "spectral radius",
        "dead units: ",
        "of 16",
        "d loss / d h",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    for file in ["gradient_lag.svg", "gradient_lag.png"] {
        assert!(place.path("run").join(file).is_file(), "{file}");
    }
    let json = succeed(place.elman(&inspect).arg("--json"));
    let layers = objects(&json);
    assert_eq!(layers.len(), 1);
    let [time, _] = support::IMAGE;
    let norms = layers[0]["lags"][0]["norms"].as_array().expect("a list");
    assert_eq!(norms.len(), time);
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(norms.iter().map(number).all(|norm| norm > 0.0), "{json}");
    let radius = &layers[0]["spectral_radius"][0]["radius"];
    assert!(number(radius) > 0.0, "{json}");
    let verdict = layers[0]["verdict"].as_str().expect("a word");
    assert!(["flows", "vanishes", "explodes"].contains(&verdict));
    let error = fail(place.elman(&inspect).args(["--data", "missing"]), 1);
    assert!(error.contains("missing"), "{error}");
}

/// A regressor, and strings of different lengths in a GRU; both in one figure.
#[test]
fn inspect_compares_runs() {
    let place = Workplace::new();
    succeed(sums(&place, "adding-tanh", "tanh", &[SMALL]).arg("--quiet"));
    let mut strings = place.elman(&["fit", "reber", "--out", "strings", "--quiet"]);
    for setting in [
        "data.train=60",
        "data.valid=20",
        "data.test=30",
        "train.epochs=1",
        "model.units=6",
    ] {
        strings.args(["--set", setting]);
    }
    succeed(&mut strings);
    let inspect = ["inspect", "tanh", "--recurrence", "--beside", "strings"];
    let table = succeed(&mut place.elman(&inspect));
    assert!(
        table.contains("gradients vanish: after 119 steps"),
        "{table}"
    );
    let figure = place.path("tanh").join("gradient_lag.svg");
    let figure = std::fs::read_to_string(figure).expect("drawn");
    for name in ["\ntanh\n", "\nstrings\n"] {
        assert!(figure.contains(name), "{name}");
    }
    let json = succeed(&mut place.elman(&["inspect", "strings", "--recurrence", "--json"]));
    let layer = &objects(&json)[0];
    let gates = layer["saturation"].as_array().expect("a list");
    let names: Vec<&str> = gates
        .iter()
        .map(|gate| gate["gate"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["reset", "update", "candidate"]);
    let error = fail(place.elman(&inspect[..3]).args(["--data", "data"]), 1);
    assert!(
        error.contains("makes its examples and reads none"),
        "{error}"
    );
    let error = fail(
        &mut place.elman(&["inspect", "tanh", "--beside", "strings"]),
        2,
    );
    assert!(error.contains("--recurrence"), "{error}");
}
