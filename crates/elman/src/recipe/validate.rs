//! From a document to a recipe, collecting every problem on the way.

mod data;
mod forecast;
mod language;
mod model;
mod parts;
mod reader;
mod train;
mod tune;

pub(super) use reader::in_bytes;
pub(super) use tune::setting;

use std::cell::RefCell;

use self::reader::{Section, choice, text, whole};
use super::document::Document;
use super::vocabulary::{TASKS, word};
use super::{DataSettings, Recipe, Task};
use crate::data::TargetKind;
use crate::error::{Error, Result};
use crate::random::Seed;

const MOST_EPOCHS: u64 = 1_000_000;
const MOST_IN_A_BATCH: u64 = 1_000_000;
const DEFAULT_SEED: u64 = 42;

const ABOVE_ZERO: &str = "a finite number above 0";

/// The recipe in `document`, or all of its problems and those `problems` found before.
pub(super) fn recipe(origin: &str, document: Document, problems: Vec<String>) -> Result<Recipe> {
    let problems = RefCell::new(problems);
    let found = root(Section::root(document.root, &problems));
    let problems = problems.into_inner();
    match found {
        Some(recipe) if problems.is_empty() => Ok(recipe),
        _ => Err(Error::recipe(origin, problems)),
    }
}

/// `None` only when a problem was noted; so for every function below.
fn root(mut root: Section<'_>) -> Option<Recipe> {
    let title = root.required("title", text);
    let task = root.required("task", choice(TASKS));
    let seed = root.or("seed", whole(0..=u64::MAX), DEFAULT_SEED);
    let data = root.required_section("data").and_then(data::data);
    let forecast = match task {
        Some(Task::Forecaster) => root
            .required_section("forecast")
            .and_then(forecast::forecast)
            .map(Some),
        _ => reader::table_or(&mut root, "forecast", None, |section| {
            forecast::forecast(section).map(Some)
        }),
    };
    let model = root
        .required_section("model")
        .and_then(|section| model::model(section, task, data.as_ref()));
    let watched = train::Watched {
        holds_out: match (task, &forecast) {
            (Some(Task::Forecaster), Some(Some(forecast))) => forecast.valid > 0,
            (Some(Task::Forecaster), _) => true,
            _ => data.as_ref().is_none_or(DataSettings::holds_out),
        },
        task,
        is_text: matches!(data, Some(DataSettings::Text(_))),
    };
    let train = root
        .required_section("train")
        .and_then(|section| train::train(section, watched));
    if let (Some(task), Some(data)) = (task, &data) {
        check_task(&root, task, data);
    }
    if let Some(task) = task {
        let with = (data.as_ref(), model.as_ref());
        forecast::check_task(
            &root,
            task,
            with,
            forecast.as_ref().and_then(Option::as_ref),
        );
    }
    let around = tune::Around {
        seed: seed.unwrap_or(DEFAULT_SEED),
        epochs: train.as_ref().map(|train| train.epochs),
        holds_out: watched.holds_out,
    };
    let tune = reader::table_or(&mut root, "tune", None, |section| {
        tune::tune(section, &around).map(Some)
    });
    root.finish();
    Some(Recipe {
        title: title?,
        task: task?,
        seed: Seed::new(seed?),
        data: data?,
        forecast: forecast?,
        model: model?,
        train: train?,
        tune: tune?,
    })
}

/// Notes when what is learnt is not what the data have.
fn check_task(root: &Section<'_>, task: Task, data: &DataSettings) {
    // What goes with series is judged with the table `[forecast]`.
    if task == Task::Forecaster || matches!(data, DataSettings::Series(_)) {
        return;
    }
    let learns = |task| match task {
        Task::Classifier => "classes",
        Task::Regressor => "numbers",
        Task::LanguageModel => "the tokens of a text",
        Task::Polyphony => "the notes of pieces",
        Task::Forecaster => "the next steps of series",
    };
    let fitting = match (data.targets(), data) {
        (Some(TargetKind::Classes(_)), _) => Task::Classifier,
        (Some(TargetKind::Numbers(_)), _) => Task::Regressor,
        (None, DataSettings::PianoRolls(_)) => Task::Polyphony,
        (None, DataSettings::Series(_)) => Task::Forecaster,
        (None, _) => Task::LanguageModel,
    };
    // Of what can be either, the names of the classes say which it is.
    let names_classes = matches!(
        data,
        DataSettings::Ts(_) | DataSettings::SequenceTable(_) | DataSettings::LabelledText(_)
    );
    let remedy = match (task, fitting) {
        (Task::Classifier, Task::Regressor) if names_classes => {
            "name the classes (`data.classes`), "
        }
        (Task::Regressor, Task::Classifier) if names_classes => "remove `data.classes`, ",
        _ => "",
    };
    if task != fitting {
        root.problem(format!(
            "{}: a {} learns {}, the data have {}; {remedy}set it to `{}` or change `data.format`",
            root.name("task"),
            word(TASKS, task),
            learns(task),
            learns(fitting),
            word(TASKS, fitting)
        ));
    }
}
