//! The table `[forecast]`, series, and how they go together.

use super::super::*;
use super::{message, overrides};
use crate::data::series::{Frequency, Missing, SeriesFile};

const SERIES: &str = r#"title = "a title"
task = "forecaster"

[data]
format = "series"
file = "some.csv"

[forecast]
head = "gaussian"

[model]
cell = "gru"
units = 3

[train]
epochs = 2
batch = 4
"#;

fn problems(texts: &[&str]) -> String {
    let message = message(SERIES, texts);
    let (_, problems) = message.split_once("\n  - ").expect("a problem");
    problems.to_owned()
}

#[test]
fn what_is_left_out_has_its_default() {
    let recipe = Recipe::from_toml("sound", SERIES, &[]).expect("sound");
    let file = SeriesFile {
        file: "some.csv".to_owned(),
        ..SeriesFile::default()
    };
    assert_eq!(recipe.data, DataSettings::Series(file));
    let expected = ForecastSettings {
        window: None,
        horizon: None,
        method: Method::Direct,
        head: Head::Gaussian,
        scaling: Vec::new(),
        level: Level::None,
        calendar: Vec::new(),
        encoding: Default::default(),
        valid: 0,
        test: None,
        ensemble: 1,
        samples: 200,
        smoothing: false,
    };
    assert_eq!(recipe.forecast, Some(expected));
    let texts = ["data.frequency=half_hour", "data.missing=forward_fill"];
    let recipe = Recipe::from_toml("sound", SERIES, &overrides(&texts)).expect("sound");
    let DataSettings::Series(file) = recipe.data else {
        panic!("series");
    };
    assert_eq!(file.frequency, Some(Frequency::Seconds(1800)));
    assert_eq!(file.missing, Missing::ForwardFill);
}

#[test]
fn a_place_is_that_of_the_format() {
    let place = [Override::place("other.csv")];
    let recipe = Recipe::from_toml("sound", SERIES, &place).expect("sound");
    let DataSettings::Series(file) = recipe.data else {
        panic!("series");
    };
    assert_eq!(file.file, "other.csv");
    let recipe = Recipe::from_toml("sound", super::SOUND, &[Override::place("there")]);
    let DataSettings::Idx(idx) = recipe.expect("sound").data else {
        panic!("images");
    };
    assert_eq!(idx.folder, "there");
}

#[test]
fn what_is_wrong_with_a_forecast_is_told() {
    let told = [
        problems(&["forecast.head=gausian"]),
        problems(&["forecast.quantiles=[0.1]"]),
        problems(&["forecast.head=quantiles", "forecast.quantiles=[0.9, 0.5]"]),
        problems(&["forecast.head=quantiles", "forecast.quantiles=[0.5, 1.5]"]),
        problems(&["forecast.loss=absolute"]),
        problems(&["forecast.scaling=[\"log\", \"sqrt\"]"]),
        problems(&["forecast.scaling=[\"difference\"]"]),
        problems(&[
            "forecast.head=negative_binomial",
            "forecast.scaling=[\"log\"]",
        ]),
        problems(&[
            "forecast.smoothing=true",
            "forecast.method=recursive",
            "forecast.level=last",
        ]),
        problems(&["model.bidirectional=true", "forecast.method=recursive"]),
        problems(&["model.output=softmax"]),
        problems(&["task=regressor"]),
        problems(&["data.format=reber"]),
        problems(&["data.frequency=fortnight"]),
        problems(&[
            "train.early_stopping.monitor=valid_loss",
            "train.early_stopping.patience=2",
        ]),
        message(
            &SERIES.replace("[forecast]\nhead = \"gaussian\"\n", ""),
            &[],
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @"");
}
