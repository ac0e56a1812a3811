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
    assert_eq!(recipe.data, DataSettings::Series(Box::new(file)));
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
    insta::assert_snapshot!(told.join("\n"), @r#"
    forecast.head (--set): expected `linear`, `quantiles`, `gaussian`, `student_t` or `negative_binomial`, found the string "gausian"; did you mean `gaussian`?
    forecast.quantiles (--set): the head is `gaussian`, only `quantiles` has this key; remove it or change `forecast.head`
    forecast.quantiles (--set): expected a list of rising levels above 0 and below 1 with 0.5 among them, found a list of 2
    forecast.quantiles (--set): expected a list, each a number above 0 and below 1, found a list of 2; place 2 of it is 1.5
    forecast.loss (--set): the head is `gaussian`, only `linear` has this key; remove it or change `forecast.head`
    forecast.scaling (--set): expected a list, each `log`, `log1p`, `standard`, `robust`, `min_max`, `mean`, `seasonal`, `difference` or `seasonal_difference`, found a list of 2; place 2 of it is the string "sqrt"
    forecast.scaling: `difference` is summed up, and a quantile of a sum is not the sum of quantiles; use `method = "recursive"`, `level = "last"` in place of it, or the head `linear`
    forecast.head: `negative_binomial` is of counts, which may only be divided: use `scaling = ["mean"]` and no level
    forecast.smoothing: smoothing gives all steps at once; use `method = "direct"`
      - forecast.level: smoothing has a level of its own; remove this key
    model.bidirectional: a recursive forecast goes forward only; remove it or use `forecast.method = "direct"`
    model.output: of a forecaster `forecast.head` says it; remove this key
    task: the data are series; set it to `forecaster`
      - forecast: only a forecaster has this table; remove it
    data.file (line 6): the format is `reber`, only `piano_rolls` or `series` has this key; remove it or change `data.format`
      - data.format: a forecaster learns series; set it to `series` and name a file by `data.file`
    data.frequency (--set): expected `year`, `quarter`, `month`, `week`, `day`, `business_day`, `hour`, `half_hour`, `quarter_hour`, `minute`, `second` or `step`, found the string "fortnight"
    train.early_stopping.monitor: `valid_loss` needs held-out examples and there are none; hold some out (`data.hold_out`, `data.valid` or `forecast.valid`) or watch `train_loss`
    r.toml: 1 problem
      - the table `[forecast]` is missing
    "#);
}
