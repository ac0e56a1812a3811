//! Forecasts from tables of many columns: several targets together, covariates, statics, sample paths.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Workplace, fail, read, succeed, text};

/// Two shops with two targets, a covariate that is known in advance, and one word; of the last `future`
/// months only the covariate.
fn write_shops(path: &Path, future: usize) {
    let mut text = "unique_id,ds,sold,visits,promotion,kind\n".to_owned();
    for (id, kind, size) in [("east", "large", 30.0), ("west", "small", 10.0)] {
        for month in 0..48 + future {
            let promotion = usize::from(month % 5 == 2);
            let sold = size + (month % 12) as f64 + 8.0 * promotion as f64;
            let numbers = match month < 48 {
                true => format!("{sold},{}", 3.0 * sold + (month % 3) as f64),
                false => ",".to_owned(),
            };
            let (year, month) = (2000 + month / 12, month % 12 + 1);
            text += &format!("{id},{year}-{month:02},{numbers},{promotion},{kind}\n");
        }
    }
    std::fs::write(path, text).expect("written");
}

/// A workplace with such a table and a small run on it, of the preset `preset`.
fn trained(preset: &str, flags: &[&str]) -> Workplace {
    let place = Workplace::new();
    write_shops(&place.path("shops.csv"), 3);
    let mut command = place.elman(&["fit", preset, "--data", "shops.csv", "--out", "run"]);
    for setting in [
        "data.target=[\"sold\",\"visits\"]",
        "data.together=true",
        "data.covariates=[\"promotion\"]",
        "data.statics=[\"kind\"]",
        "train.epochs=2",
        "model.units=4",
        "forecast.horizon=3",
        "forecast.window=6",
        "forecast.test=5",
    ] {
        command.args(["--set", setting]);
    }
    command.arg("--quiet").args(flags);
    succeed(&mut command);
    place
}

#[test]
fn several_targets_with_covariates_go_from_fit_to_forecast() {
    let place = trained("gru", &[]);
    let forecast = ["forecast", "run", "--quiet"];
    let csv = succeed(&mut place.elman(&forecast));
    let starts: Vec<&str> = csv
        .lines()
        .map(|line| line.rsplitn(7, ',').last().expect("a cell"))
        .collect();
    let months = ["2004-01-01", "2004-02-01", "2004-03-01"];
    let names = ["east sold", "east visits", "west sold", "west visits"];
    let mut expected = vec!["unique_id,ds".to_owned()];
    expected.extend(
        names
            .iter()
            .flat_map(|name| months.map(|month| format!("{name},{month}"))),
    );
    assert_eq!(starts, expected, "{csv}");

    // What is known in advance is read: another future is forecast otherwise.
    let table = text(&read(place.path("shops.csv")));
    let other = table.replace(",,,0,", ",,,1,");
    assert_ne!(table, other);
    std::fs::write(place.path("other.csv"), other).expect("written");
    let said = succeed(&mut place.elman(&[&forecast[..], &["--data", "other.csv"]].concat()));
    assert_ne!(said, csv);

    // Without it nothing is said.
    write_shops(&place.path("past.csv"), 2);
    let told = fail(
        &mut place.elman(&[&forecast[..], &["--data", "past.csv"]].concat()),
        1,
    );
    insta::assert_snapshot!(told, @"elman: series `east`: covariates are known for 2 steps after its last number, but 3 are needed; add rows with the covariates and no target");
}

#[test]
fn several_targets_are_judged_together_and_drawn_one_by_one() {
    let place = trained("gru", &[]);
    let table = succeed(&mut place.elman(&["backtest", "run", "--quiet"]));
    // Three origins of three steps, of two series with two targets.
    assert!(
        table.starts_with("2 series, 3 origins each, 36 steps"),
        "{table}"
    );
    let plot = ["forecast", "run", "--quiet", "--plot"];
    for (flags, title) in [
        (&["f.svg"][..], "GRU forecaster: east sold"),
        (
            &["f.svg", "--target", "visits"],
            "GRU forecaster: east visits",
        ),
        (
            &["f.svg", "--target", "visits", "--series", "west"],
            "GRU forecaster: west visits",
        ),
    ] {
        succeed(&mut place.elman(&[&plot[..], flags].concat()));
        let svg = text(&read(place.path("f.svg")));
        assert!(svg.contains(title), "{title}: {svg}");
    }
    let told = [
        fail(
            &mut place.elman(&[&plot[..], &["f.svg", "--target", "visit"]].concat()),
            1,
        ),
        fail(
            &mut place.elman(&[&plot[..], &["f.svg", "--target", "profit"]].concat()),
            1,
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    elman: target: there is no target `visit`; did you mean `visits`?

    elman: target: there is no target `profit`; there are `sold` or `visits`
    ");
}

#[test]
fn sample_paths_are_columns_and_lists() {
    let place = trained("deepar", &[]);
    let forecast = ["forecast", "run", "--quiet", "--samples", "4"];
    let csv = succeed(&mut place.elman(&[&forecast[..], &["--quantiles", "0.5"]].concat()));
    assert!(
        csv.starts_with("unique_id,ds,y,q0.5,path0,path1,path2,path3\n"),
        "{csv}"
    );
    for line in csv.lines().skip(1) {
        let numbers = line.split(',').skip(2).map(|cell| cell.parse::<f64>());
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>().expect("numbers");
        let mut paths = numbers[2..].to_vec();
        paths.sort_by(f64::total_cmp);
        assert_eq!(paths.len(), 4);
        let median = (paths[1] + paths[2]) / 2.0;
        assert!((numbers[1] - median).abs() < 1e-9 * median.abs(), "{line}");
    }
    let json = succeed(&mut place.elman(&[&forecast[..], &["--json"]].concat()));
    let first: Value = serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    let paths = first["paths"].as_array().expect("paths");
    assert_eq!(paths.len(), 4);
    assert!(
        paths
            .iter()
            .all(|path| path.as_array().expect("steps").len() == 3)
    );
}

#[test]
fn a_direct_model_has_no_sample_paths() {
    let place = trained("gru", &[]);
    let told = fail(
        &mut place.elman(&["forecast", "run", "--quiet", "--samples", "4"]),
        1,
    );
    insta::assert_snapshot!(told, @r#"elman: samples: a direct forecast says each step by itself and has no sample paths; train with `forecast.method = "recursive"`"#);
}
