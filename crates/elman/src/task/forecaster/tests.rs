use std::path::Path;

use tempfile::TempDir;

use super::data::{ForecastData, settings};
use super::model::{Forecaster, numbers};
use super::paths::{self, Question};
use super::smoothing::{self, Smoothers};
use super::*;
use crate::recipe::{Override, Recipe};
use crate::task::network::NetworkRun;
use crate::task::{Evaluation, FitPlan, RunFolder, fit};
use crate::train::{FitOptions, Objective, Silent};

/// A folder with a table of two monthly series of 96 steps: a trend and a season, one ten times the
/// other.
fn table() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let mut text = "unique_id,ds,y,holiday\n".to_owned();
    for (id, size) in [("small", 1.0), ("large", 10.0)] {
        for month in 0..96 {
            let season = (f64::from(month) * std::f64::consts::TAU / 12.0).sin();
            let holiday = u8::from(month % 7 == 3);
            let value =
                size * (20.0 + 0.1 * f64::from(month) + 5.0 * season + 3.0 * f64::from(holiday));
            let (year, month) = (2000 + month / 12, month % 12 + 1);
            text += &format!("{id},{year}-{month:02},{value},{holiday}\n");
        }
    }
    std::fs::write(folder.path().join("t.csv"), text).expect("written");
    folder
}

fn recipe(folder: &Path, name: &str, texts: &[&str]) -> Recipe {
    let mut overrides = vec![
        Override::string("data.file", folder.join("t.csv").to_string_lossy()).expect("a key"),
        Override::string("model.cell", "gru").expect("a key"),
        Override::integer("train.epochs", 2).expect("a key"),
        Override::integer("forecast.horizon", 4).expect("a key"),
        Override::integer("forecast.window", 12).expect("a key"),
    ];
    overrides.extend(
        texts
            .iter()
            .map(|text| text.parse::<Override>().expect("a setting")),
    );
    let text = include_str!("../../../../../recipes/gru.toml");
    Recipe::from_toml(name, text, &overrides).expect("sound")
}

fn trained(folder: &Path, texts: &[&str]) -> TrainedForecaster {
    fitted(folder, texts).0
}

/// The run in `folder`, with what the training itself said of it.
fn fitted(folder: &Path, texts: &[&str]) -> (TrainedForecaster, ForecastReport) {
    let plan = FitPlan {
        recipe: recipe(folder, "r", texts),
        folder: RunFolder::At(folder.join("run")),
        options: FitOptions::default(),
    };
    let summary = fit(&plan, &mut Silent).expect("fitted");
    let Evaluation::Forecasts(report) = summary.test else {
        panic!("a forecaster's run: {:?}", summary.test)
    };
    let trained = TrainedForecaster::load(folder.join("run")).expect("loaded");
    (trained, *report)
}

fn refused(folder: &Path, texts: &[&str]) -> String {
    let error = ForecastData::load(&recipe(folder, "r", texts), None).expect_err("refused");
    error
        .to_string()
        .replace(&folder.display().to_string(), "DIR")
}

#[test]
fn a_season_and_a_trend_are_learnt() {
    let folder = table();
    let texts = [
        "train.epochs=150",
        "model.units=16",
        "data.covariates=[\"holiday\"]",
        "forecast.calendar=[\"month\"]",
    ];
    let trained = trained(folder.path(), &texts);
    let report = trained.evaluate(None).expect("judged");
    let Compared {
        model,
        naive,
        seasonal_naive,
    } = report.all;
    assert!(
        model.mae < 0.5 * seasonal_naive.mae,
        "{model:?} {seasonal_naive:?}"
    );
    assert!(model.mae < 0.5 * naive.mae, "{model:?} {naive:?}");
    assert_eq!((report.series, model.count), (2, 8));
    assert_eq!(
        report.verdict(),
        "the model is better than naive and seasonal naive"
    );
}

/// Every method and head trains, is saved, and says the same after loading; quantiles rise.
#[test]
fn every_head_goes_through_a_run() {
    let heads = ["linear", "quantiles", "gaussian", "student_t"];
    for method in ["direct", "recursive"] {
        for head in heads {
            let folder = table();
            let texts = [
                format!("forecast.method={method}"),
                format!("forecast.head={head}"),
                "forecast.ensemble=2".to_owned(),
                "forecast.samples=30".to_owned(),
            ];
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let (trained, report) = fitted(folder.path(), &texts);
            let loaded = trained.evaluate(None).expect("judged");
            assert_eq!(loaded, report, "{method} {head}");
            let request = ForecastRequest::default();
            let forecasts = trained.forecast(&request).expect(head);
            let [small, large] = &forecasts.series[..] else {
                panic!("two series")
            };
            assert_eq!(
                small.stamps,
                ["2008-01-01", "2008-02-01", "2008-03-01", "2008-04-01"]
            );
            for target in [&small.targets[0], &large.targets[0]] {
                let count = if head == "linear" {
                    0
                } else {
                    forecasts.levels.len()
                };
                assert_eq!((target.point.len(), target.quantiles.len()), (4, count));
                for step in 0..4 {
                    let at = |quantile: &Vec<f64>| quantile[step];
                    let values: Vec<f64> = target.quantiles.iter().map(at).collect();
                    assert!(
                        values.windows(2).all(|pair| pair[0] <= pair[1]),
                        "{method} {head}"
                    );
                }
                let paths = if method == "recursive" && head != "linear" {
                    30
                } else {
                    0
                };
                assert_eq!(target.paths.len(), paths);
            }
            let again = trained.forecast(&request).expect(head);
            assert_eq!(again.series[0].targets, small.targets);
        }
    }
}

#[test]
fn counts_have_a_head_of_their_own() {
    let folder = TempDir::new().expect("a folder");
    let rows: String = (0..60)
        .map(|at| format!("{}\n", at % 7 + at / 20))
        .collect();
    std::fs::write(folder.path().join("t.csv"), format!("sold\n{rows}")).expect("written");
    let texts = [
        "forecast.head=negative_binomial",
        "forecast.scaling=[\"mean\"]",
        "forecast.level=none",
    ];
    for method in ["forecast.method=direct", "forecast.method=recursive"] {
        let _ = std::fs::remove_dir_all(folder.path().join("run"));
        let trained = trained(folder.path(), &[&texts[..], &[method]].concat());
        let forecasts = trained
            .forecast(&ForecastRequest::default())
            .expect("a forecast");
        let target = &forecasts.series[0].targets[0];
        if method.ends_with("direct") {
            let mut all = target.quantiles.iter().flatten();
            assert!(
                all.all(|count| (count - count.round()).abs() < 1e-9 && *count >= -1e-9),
                "{target:?}"
            );
        }
        assert!(
            target
                .paths
                .iter()
                .flatten()
                .all(|count| (count - count.round()).abs() < 1e-9)
        );
    }
    let message = refused(table().path(), &texts);
    assert!(
        message.starts_with(
            "forecast.head: `negative_binomial` is of counts, but series `small` has 22."
        ),
        "{message}"
    );
}

/// What comes after an origin changes nothing of what is said from there: not the steps, not what is
/// known as far as they are, not what is fitted on the series.
#[test]
fn the_future_is_not_looked_at() {
    let folder = table();
    let text = std::fs::read_to_string(folder.path().join("t.csv")).expect("read");
    let is_future = |line: &str| {
        let months = ["2007-09", "2007-10", "2007-11", "2007-12"];
        months.iter().any(|month| line.contains(month))
    };
    let lines = text.lines().map(|line| match line.split(',').next() {
        Some(id) if is_future(line) => {
            let month = line.split(',').nth(1).expect("a month");
            format!("{id},{month},777,5\n")
        }
        _ => format!("{line}\n"),
    });
    let other = folder.path().join("other.csv");
    std::fs::write(&other, lines.collect::<String>()).expect("written");
    let past = "data.past_covariates=[\"holiday\"]";
    for texts in [
        vec![past],
        vec![past, "forecast.scaling=[\"seasonal\",\"robust\"]"],
        vec!["forecast.method=recursive", "forecast.head=gaussian"],
        vec!["forecast.smoothing=true", "forecast.level=none", past],
    ] {
        let recipe = recipe(folder.path(), "r", &texts);
        let said = |place: Option<&Path>| {
            let data = ForecastData::load(&recipe, place).expect("read");
            let task = ForecastTask::new(&recipe, data).expect("a task");
            let model = task.init().expect("a model");
            let group = &task.data.groups[0];
            assert_eq!(group.test, [(0, 92), (1, 92)]);
            let (_, settings) = settings(&recipe).expect("a forecaster");
            let question = Question {
                horizon: 4,
                levels: &[0.1, 0.5, 0.9],
                samples: 5,
                seed: recipe.seed,
                head: &settings.head,
            };
            let asked = paths::of_group(group, &task.data.table, &group.test);
            let answers = paths::forecast(&model.members, &group.shape, &asked, &question);
            let truth = task.data.table.series[0].targets[0][92];
            (answers.expect("forecasts"), truth)
        };
        let (before, truth) = said(None);
        let (after, other) = said(Some(&other));
        assert_eq!(before, after, "{texts:?}");
        assert!(truth < 100.0 && other == 777.0, "{truth} {other}");
    }
}

/// And what comes before it is what it goes on from.
#[test]
fn a_longer_series_is_forecast_from_its_end() {
    let folder = table();
    let trained = trained(folder.path(), &[]);
    let before = trained
        .forecast(&ForecastRequest::default())
        .expect("a forecast");
    let path = folder.path().join("t.csv");
    let text = std::fs::read_to_string(&path).expect("read");
    let longer = text.replace("large,2000-01,", "small,2008-01,777,0\nlarge,2000-01,");
    std::fs::write(folder.path().join("longer.csv"), longer).expect("written");
    let (_, forecast) = settings(&trained.recipe).expect("a forecaster");
    assert_eq!(forecast.valid, 0);
    let request = ForecastRequest {
        data: Some(folder.path().join("longer.csv")),
        ..ForecastRequest::default()
    };
    let after = trained.forecast(&request).expect("a forecast");
    assert_eq!(after.series[1].targets, before.series[1].targets);
    assert_ne!(after.series[0].targets, before.series[0].targets);
    assert_eq!(after.series[0].stamps[0], "2008-02-01");
}

#[test]
fn smoothing_in_tensors_is_smoothing_in_plain_numbers() {
    let folder = table();
    let texts = [
        "forecast.smoothing=true",
        "forecast.level=none",
        "forecast.scaling=[\"log\"]",
        "forecast.calendar=[\"month\"]",
    ];
    let recipe = recipe(folder.path(), "r", &texts);
    let task = ForecastTask::new(&recipe, ForecastData::load(&recipe, None).expect("read"))
        .expect("a task");
    let model: Forecaster = task.init().expect("a model");
    let (group, network) = (&task.data.groups[0], &model.members[0]);
    let (outputs, answers) =
        smoothing::outputs(network, group, &[1, 0], NetworkRun::default()).expect("outputs");
    let order: Vec<(usize, usize)> = [1, 0]
        .into_iter()
        .flat_map(|series| {
            group
                .train
                .iter()
                .copied()
                .filter(move |window| window.0 == series)
        })
        .collect();
    let smoothers = Smoothers::of(network).expect("it smooths");
    let plain = smoothing::plain_batch(&smoothers, group, &order);
    let said = network
        .of_windows(&plain.windows, NetworkRun::default())
        .expect("outputs");
    let near = |one: Vec<f64>, other: Vec<f64>| {
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            assert!((one - other).abs() < 1e-4, "{one} {other}");
        }
    };
    near(
        numbers(answers),
        plain.answers.iter().map(|&it| f64::from(it)).collect(),
    );
    near(numbers(outputs), numbers(said));
}

#[test]
fn smoothing_is_learnt_and_kept() {
    let folder = table();
    let texts = [
        "forecast.smoothing=true",
        "forecast.level=none",
        "forecast.scaling=[\"log\"]",
        "train.epochs=30",
    ];
    let trained = trained(folder.path(), &texts);
    let report = trained.evaluate(None).expect("judged");
    assert!(
        report.all.model.mae < report.all.seasonal_naive.mae,
        "{report:?}"
    );
    let factors = trained.model.members[0]
        .smoothing
        .as_ref()
        .expect("smoothing")
        .val();
    assert_eq!(factors.dims(), [2, 14]);
    assert!(numbers(factors)[0] != -0.5, "the factor was learnt");
}

#[test]
fn a_backtest_needs_steps_that_training_has_not_seen() {
    let folder = table();
    let few = trained(folder.path(), &["forecast.test=6"]);
    let backtest = few.backtest(None, Some(3)).expect("three origins");
    let report = &backtest.report;
    assert_eq!((report.origins, report.all.model.count), (3, 2 * 3 * 4));
    // Without a number there are as many as have room.
    assert_eq!(few.backtest(None, None).expect("three origins"), backtest);
    // Every forecast is told, from where and with what came.
    let of_small: Vec<&OriginForecast> = backtest
        .forecasts
        .iter()
        .filter(|forecast| forecast.id == "small")
        .collect();
    let cutoffs: Vec<&str> = of_small.iter().map(|it| it.cutoff.as_str()).collect();
    assert_eq!(cutoffs, ["2007-06-01", "2007-07-01", "2007-08-01"]);
    assert_eq!(of_small[0].stamps[3], "2007-10-01");
    let error = |forecast: &OriginForecast| {
        let pairs = forecast.actual.iter().zip(&forecast.point);
        pairs
            .map(|(actual, point)| (actual - point).abs())
            .sum::<f64>()
    };
    let sum: f64 = backtest.forecasts.iter().map(error).sum();
    assert!((sum / 24.0 - report.all.model.mae).abs() < 1e-9);
    let message = few
        .backtest(None, Some(5))
        .expect_err("too many")
        .to_string();
    assert_eq!(
        message,
        "origins: series `small` has 6 steps that training has not seen, with room for 3 of the 5 forecasts of 4; ask for fewer, or train with `forecast.test = 20`"
    );
    let mut recipe = with_origins(*few.recipe, Some(5)).expect("a forecaster");
    let settings = recipe.forecast.as_mut().expect("a forecaster");
    assert_eq!(settings.test, Some(20));
    // Of a data set's own test part nothing is known before it is read, but that it is one forecast.
    (settings.horizon, settings.test) = (None, None);
    for origins in [None, Some(1)] {
        assert_eq!(with_origins(recipe.clone(), origins).expect("one"), recipe);
    }
    let message = with_origins(recipe, Some(2)).expect_err("two").to_string();
    assert_eq!(
        message,
        "origins: the data set's own test part is of one forecast from one origin, not 2; ask for one, or set `forecast.horizon`"
    );
}

/// A model judges what it was trained on by the scalings of its training, however the file has grown
/// since; a file that ends earlier would judge it on what it has learnt.
#[test]
fn a_model_is_judged_after_what_it_has_learnt() {
    let folder = table();
    let trained = trained(folder.path(), &["forecast.scaling=[\"standard\"]"]);
    let text = std::fs::read_to_string(folder.path().join("t.csv")).expect("read");
    let longer = text.replace("large,2000-01,", "small,2008-01,9999,0\nlarge,2000-01,")
        + "large,2008-01,9999,0\n";
    let shorter = text.replace(",2007-12,", ",2007-12,x").lines().fold(
        String::new(),
        |text, line| match line.contains(",x") {
            true => text,
            false => text + line + "\n",
        },
    );
    let judge = |text: String| {
        let path = folder.path().join("other.csv");
        std::fs::write(&path, text).expect("written");
        trained.evaluate(Some(&path))
    };
    // The same four steps are forecast, but for the first, and the last is a surprise.
    let [report, longer] = [trained.evaluate(None), judge(longer)].map(|it| it.expect("judged"));
    assert_eq!(report.all.model.count, longer.all.model.count);
    assert!(longer.all.model.mae > 1000.0, "{longer:?}");
    let message = judge(shorter).expect_err("too short").to_string();
    assert_eq!(
        message,
        "series `small`: the model was trained on its first 92 steps; here only 91 come before those to be forecast; give all of it"
    );
}

/// Newer rows of the same series are in the season in which their stamps are, wherever the table begins.
#[test]
fn a_table_that_begins_later_has_its_season_from_its_stamps() {
    let cases = [
        (vec!["forecast.scaling=[\"seasonal\",\"standard\"]"], 1e-4),
        (vec!["forecast.calendar=[\"season\"]"], 1e-4),
        // Its level is smoothed from the table's first step on.
        (vec!["forecast.smoothing=true", "forecast.level=none"], 0.02),
    ];
    for (mut texts, tolerance) in cases {
        if !texts.iter().any(|text| text.contains("calendar")) {
            texts.push("forecast.calendar=[]");
        }
        let folder = table();
        let trained = trained(folder.path(), &texts);
        let text = std::fs::read_to_string(folder.path().join("t.csv")).expect("read");
        let is_early = |line: &&str| {
            let mut months = (1..=7).map(|month| format!(",2000-{month:02},"));
            months.any(|month| line.contains(&month))
        };
        let late: Vec<&str> = text.lines().filter(|line| !is_early(line)).collect();
        assert_eq!(late.len(), 1 + 2 * (96 - 7));
        let data = folder.path().join("late.csv");
        std::fs::write(&data, late.join("\n")).expect("written");
        let of = |data| {
            let request = ForecastRequest {
                data,
                ..ForecastRequest::default()
            };
            let forecasts = trained.forecast(&request).expect("forecast");
            let points = forecasts
                .series
                .into_iter()
                .map(|mut it| it.targets.remove(0));
            points.flat_map(|target| target.point).collect::<Vec<f64>>()
        };
        let (all, late) = (of(None), of(Some(data)));
        for (all, late) in all.iter().zip(&late) {
            let apart = (all - late).abs() / all.abs();
            assert!(apart < tolerance, "{texts:?}: {all} {late}");
        }
    }
}

/// Counts are whole numbers, on whatever scale the network reads them.
#[test]
fn counts_are_whole_numbers() {
    for method in ["direct", "recursive"] {
        let folder = TempDir::new().expect("a folder");
        let count = |day: usize| (day * 7919) % 13;
        let rows = (0..80).map(|day| format!("{}\n", count(day)));
        let text = format!("y\n{}", rows.collect::<String>());
        std::fs::write(folder.path().join("t.csv"), text).expect("written");
        let texts = [
            &format!("forecast.method={method}"),
            "forecast.head=negative_binomial",
            "forecast.scaling=[\"mean\"]",
            "forecast.level=none",
            "forecast.calendar=[]",
            "forecast.samples=7",
        ];
        let trained = trained(folder.path(), &texts);
        let forecasts = trained.forecast(&ForecastRequest::default()).expect(method);
        let target = &forecasts.series[0].targets[0];
        let all = [&target.quantiles, &target.paths];
        let mut all = all.into_iter().flatten().chain([&target.point]).flatten();
        assert!(all.all(|value| value.fract() == 0.0), "{target:?}");
    }
}

#[test]
fn what_cannot_be_forecast_is_refused() {
    let folder = table();
    let trained = trained(folder.path(), &["data.covariates=[\"holiday\"]"]);
    let ask =
        |request: ForecastRequest| trained.forecast(&request).expect_err("refused").to_string();
    let request = ForecastRequest::default;
    let text = std::fs::read_to_string(folder.path().join("t.csv")).expect("read");
    let few: Vec<&str> = text.lines().take(6).collect();
    let short = folder.path().join("short.csv");
    std::fs::write(&short, few.join("\n")).expect("written");
    let told = [
        ask(request()),
        ask(ForecastRequest {
            data: Some(short),
            ..request()
        }),
        ask(ForecastRequest {
            horizon: Some(9),
            ..request()
        }),
        ask(ForecastRequest {
            samples: Some(9),
            ..request()
        }),
        ask(ForecastRequest {
            series: vec!["smal".to_owned()],
            ..request()
        }),
        ask(ForecastRequest {
            quantiles: Some(vec![0.01]),
            ..request()
        }),
        ask(ForecastRequest {
            quantiles: Some(vec![0.5, f64::NAN]),
            ..request()
        }),
        ask(ForecastRequest {
            quantiles: Some(vec![0.9, 0.1]),
            ..request()
        }),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    series `small`: covariates are known for 0 steps after its last number, but 4 are needed; add rows with the covariates and no target
    series `small`: has 5 steps, the model reads 12; give a longer series
    horizon: the model says 4 steps at once, not 9; ask for 4 or fewer, train with `forecast.horizon = 9`, or with `forecast.method = "recursive"`
    samples: a direct forecast says each step by itself and has no sample paths; train with `forecast.method = "recursive"`
    series: there is no series `smal`; did you mean `small`?
    quantiles: the model has learnt levels from 0.1 to 0.9, not 0.01; ask for levels between them, or train with `forecast.quantiles` that reach further
    quantiles: [0.5, NaN] are not all between 0 and 1, the lowest first; ask for such as [0.1, 0.5, 0.9]
    quantiles: [0.9, 0.1] are not all between 0 and 1, the lowest first; ask for such as [0.1, 0.5, 0.9]
    "#);
}

#[test]
fn what_the_data_do_not_allow_is_refused() {
    let folder = table();
    let told = [
        refused(folder.path(), &["forecast.window=99"]),
        refused(folder.path(), &["forecast.test=2"]),
        refused(folder.path(), &["forecast.valid=2"]),
        refused(
            folder.path(),
            &[
                "forecast.scaling=[\"seasonal_difference\"]",
                "forecast.horizon=13",
                "forecast.test=13",
            ],
        ),
        refused(
            folder.path(),
            &[
                "data.past_covariates=[\"holiday\"]",
                "forecast.method=recursive",
            ],
        ),
        refused(
            folder.path(),
            &["model.readout=all", "forecast.method=recursive"],
        ),
        refused(folder.path(), &["forecast.calendar=[\"hour\"]"]),
        refused(
            folder.path(),
            &["data.target=[\"holiday\"]", "forecast.scaling=[\"log\"]"],
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    series `small`: has 96 steps, but 107 are needed: a window of 99, a horizon of 4, 0 for validation and 4 for testing; give a longer series, or set `forecast.window`, `forecast.test` or `forecast.horizon` lower
    forecast.test: 2 steps hold no whole forecast of 4; set it to the horizon or more, or leave it out
    forecast.valid: 2 steps hold no whole forecast of 4; set it to the horizon or more, or leave it out
    forecast.scaling: `seasonal_difference` of 12 steps is summed up over a horizon of 13; use a horizon of a season at most, `method = "recursive"`, or the head `linear`
    data.past_covariates: a recursive forecast reads its own steps, of which these columns say nothing; use `forecast.method = "direct"`, or `data.covariates` if they are known in advance
    model.readout: a recursive forecast reads the topmost layer; remove this key or use `forecast.method = "direct"`
    forecast.calendar: `hour` is the same at every step of series `small` (month); leave it out
    series `small`: forecast.scaling `log`: step 0 of a series is 0, which has no logarithm; use `log1p`, which takes 0; or leave the series out
    "#);
}

#[test]
fn a_run_of_another_task_is_no_forecaster() {
    let recipe = Recipe::load("mnist", &[]).expect("shipped");
    let message = settings(&recipe).expect_err("no forecaster").to_string();
    assert_eq!(
        message,
        "task: the recipe is no forecaster's; set `task = \"forecaster\"`, `data.format = \"series\"` and a table `[forecast]`"
    );
}
