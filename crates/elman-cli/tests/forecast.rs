//! `elman fit` on series, `elman forecast` and `elman backtest`, from flags to output.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Workplace, fail, succeed};

/// A workplace with a monthly table of 72 steps and a run on it.
fn trained(flags: &[&str]) -> Workplace {
    let place = Workplace::new();
    write_table(&place.path("t.csv"));
    let fit = [
        "fit",
        "gru",
        "--data",
        "t.csv",
        "--out",
        "run",
        "--quiet",
        "--set",
        "train.epochs=3",
        "--set",
        "model.units=4",
        "--set",
        "forecast.horizon=3",
        "--set",
        "forecast.window=6",
    ];
    let mut command = place.elman(&[&fit[..], flags].concat());
    let said = succeed(&mut command);
    assert!(
        said.contains("seasonal naive") && said.contains("elman forecast run"),
        "{said}"
    );
    place
}

fn write_table(path: &Path) {
    let mut text = "ds,y\n".to_owned();
    for month in 0..72 {
        let value = 50.0 + f64::from(month) + 9.0 * f64::from(month % 12);
        text += &format!("{}-{:02},{value}\n", 2000 + month / 12, month % 12 + 1);
    }
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_forecast_is_written_as_csv_json_and_a_picture() {
    let place = trained(&["--set", "forecast.test=15"]);
    let csv = succeed(&mut place.elman(&[
        "forecast",
        "run",
        "--quiet",
        "--plot",
        "f.svg",
        "--quantiles",
        "0.9,0.1",
    ]));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "unique_id,ds,y,q0.1,q0.9");
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("y,2006-01-01,"), "{csv}");
    let svg = std::fs::read_to_string(place.path("f.svg")).expect("a picture");
    for word in ["known", "median", "80 % interval", "last known: 2005-12-01"] {
        assert!(svg.contains(word), "{word}");
    }
    succeed(&mut place.elman(&[
        "forecast", "run", "--quiet", "--plot", "f.png", "--out", "f.csv",
    ]));
    let png = std::fs::read(place.path("f.png")).expect("a picture");
    assert!(png.starts_with(b"\x89PNG"));
    let written = std::fs::read_to_string(place.path("f.csv")).expect("a table");
    assert!(
        written.starts_with("unique_id,ds,y,q0.1,q0.25,q0.5,q0.75,q0.9\n"),
        "{written}"
    );
    let json =
        succeed(&mut place.elman(&["forecast", "run", "--quiet", "--json", "--horizon", "2"]));
    let object: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        object["ds"],
        serde_json::json!(["2006-01-01", "2006-02-01"])
    );
    assert_eq!(object["quantiles"]["q0.5"], object["y"]);
}

#[test]
fn a_backtest_stands_beside_naive_forecasts() {
    let place = trained(&["--set", "forecast.test=15"]);
    let table = succeed(&mut place.elman(&["backtest", "run"]));
    assert!(
        table.starts_with("1 series, 5 origins each, 15 steps"),
        "{table}"
    );
    for word in [
        "MASE",
        "CRPS",
        "in 80 % interval",
        "naive",
        "seasonal naive",
    ] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let json = succeed(&mut place.elman(&["backtest", "run", "--json", "--origins", "2"]));
    let report: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["all"]["model"]["count"], 6);
    assert_eq!(report["origins"], 2);
    succeed(&mut place.elman(&["backtest", "run", "--forecasts", "f.csv"]));
    let rows = std::fs::read_to_string(place.path("f.csv")).expect("written");
    let mut rows = rows.lines();
    assert_eq!(
        rows.next(),
        Some("unique_id,cutoff,ds,y,forecast,q0.1,q0.25,q0.5,q0.75,q0.9,naive,seasonal_naive")
    );
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), 15);
    let number = |cell: &str| cell.parse::<f64>().expect("a number");
    // Each origin's last known number is what naive says next.
    assert_eq!(rows[3][10], rows[2][3], "{rows:?}");
    assert_eq!(rows[3][1], rows[2][2], "{rows:?}");
    let error = |row: &Vec<&str>| (number(row[3]) - number(row[4])).abs();
    let mae = rows.iter().map(error).sum::<f64>() / 15.0;
    let json = succeed(&mut place.elman(&["backtest", "run", "--json"]));
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let told = report["all"]["model"]["mae"].as_f64().expect("MAE");
    assert!((mae - told).abs() < 1e-9 * told, "{mae} {told}");
    let evaluated = succeed(&mut place.elman(&["evaluate", "run", "--json"]));
    let evaluated: Value = serde_json::from_str(&evaluated).expect("JSON");
    assert_eq!(evaluated["all"]["model"]["count"], 15);
    let recipe = [
        "backtest",
        "gru",
        "--data",
        "t.csv",
        "--quiet",
        "--out",
        "again",
        "--set",
        "train.epochs=1",
        "--set",
        "forecast.horizon=3",
        "--set",
        "forecast.window=6",
    ];
    let table = succeed(&mut place.elman(&recipe));
    assert!(
        table.starts_with("1 series, 5 origins each, 15 steps"),
        "{table}"
    );
}

/// What `elman fit` says last can be done, though a recipe holds one forecast out.
#[test]
fn a_backtest_takes_as_many_origins_as_have_room() {
    let place = trained(&[]);
    let output = place.elman(&["backtest", "run"]).output().expect("run");
    let [table, told] =
        [output.stdout, output.stderr].map(|it| String::from_utf8(it).expect("UTF-8"));
    assert!(output.status.success(), "{told}");
    assert!(
        table.starts_with("1 series, one origin each, 3 steps"),
        "{table}"
    );
    assert_eq!(
        told,
        "what training has not seen has room for one origin: for 5 train with `--set forecast.test=15`\n"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let place = trained(&[]);
    let told = [
        fail(&mut place.elman(&["backtest", "run", "--origins", "5"]), 1),
        fail(
            &mut place.elman(&["forecast", "run", "--quiet", "--horizon", "9"]),
            1,
        ),
        fail(
            &mut place.elman(&["forecast", "run", "--quiet", "--plot", "f.gif"]),
            2,
        ),
        fail(&mut place.elman(&["predict", "run", "x"]), 1),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    elman: origins: series `y` has 3 steps that training has not seen, with room for 1 of the 5 forecasts of 3; ask for fewer, or train with `forecast.test = 15`

    elman: horizon: the model says 3 steps at once, not 9; ask for 3 or fewer, train with `forecast.horizon = 9`, or with `forecast.method = "recursive"`

    elman: --plot f.gif: a picture is SVG or PNG; end its name in .svg or .png

    elman: predict: this run is a forecaster, which gives no one answer to a whole sequence; use `elman forecast`, `elman evaluate` or `elman backtest`
    "#);
}
