//! The table `[tune]`.

use toml::Value;

use super::Writer;
use crate::recipe::vocabulary::{TUNE_METRICS, word};
use crate::recipe::{HalvingSettings, Range, Searched, Setting, TuneSettings};

pub(super) fn tune(out: &mut Writer, tune: &TuneSettings) {
    // No `..`: a new setting must be written here.
    let TuneSettings {
        trials,
        seed,
        metric,
        halving,
        search,
    } = tune;
    out.table("tune");
    out.set("trials", trials);
    out.set("seed", seed.value());
    out.text("metric", word(TUNE_METRICS, *metric));
    if let Some(HalvingSettings { eta, first_epochs }) = halving {
        out.table("tune.halving");
        out.set("eta", eta);
        out.set("first_epochs", first_epochs);
    }
    out.table("tune.search");
    for (key, searched) in search {
        let key = Value::from(key.as_str()).to_string();
        out.set(&key, inline(searched));
    }
}

fn inline(searched: &Searched) -> String {
    let Searched { range, when } = searched;
    let range = match range {
        Range::Log([low, high]) => format!("log = [{low:?}, {high:?}]"),
        Range::Linear([low, high]) => format!("linear = [{low:?}, {high:?}]"),
        Range::Integer([low, high]) => format!("integer = [{low}, {high}]"),
        Range::Choice(values) => format!("choice = {}", list(values)),
    };
    if when.is_empty() {
        return format!("{{ {range} }}");
    }
    let conditions: Vec<String> = when
        .iter()
        .map(|condition| {
            let key = Value::from(condition.key.as_str());
            format!("{key} = {}", list(&condition.values))
        })
        .collect();
    format!("{{ {range}, when = {{ {} }} }}", conditions.join(", "))
}

fn list(values: &[Setting]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| match value {
            Setting::Text(text) => Value::from(text.as_str()).to_string(),
            other => other.to_string(),
        })
        .collect();
    format!("[{}]", values.join(", "))
}
