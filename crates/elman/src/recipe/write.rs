//! A recipe as TOML.

mod data;
mod forecast;
mod model;
mod train;
mod tune;

use std::fmt::Write as _;

use toml::Value;

use super::Recipe;
use super::vocabulary::{TASKS, word};

/// Lines of TOML.
struct Writer(String);

impl Writer {
    fn table(&mut self, path: &str) {
        self.line(format_args!("\n[{path}]"));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.line(format_args!("{key} = {}", Value::from(value)));
    }

    fn number(&mut self, key: &str, value: f64) {
        self.line(format_args!("{key} = {value:?}"));
    }

    fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{key} = {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a string takes what it is given");
    }
}

pub(super) fn recipe(recipe: &Recipe) -> String {
    // No `..`: a new setting must be written here.
    let Recipe {
        title,
        task,
        seed,
        data,
        forecast,
        model,
        train,
        tune,
    } = recipe;
    let mut out = Writer(String::new());
    out.text("title", title);
    out.text("task", word(TASKS, *task));
    out.set("seed", seed.value());

    data::data(&mut out, data);

    if let Some(forecast) = forecast {
        forecast::forecast(&mut out, forecast);
    }

    model::model(&mut out, model);

    train::train(&mut out, train);
    if let Some(tune) = tune {
        tune::tune(&mut out, tune);
    }
    out.0
}
