//! `elman book mnist-deep`, `elman book mnist-lstm3`.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::book::{BELOW, TrainingReport};
use elman::train::FitOptions;
use serde_json::json;

use super::{folder, judged, shown, verdict};
use crate::Done;
use crate::arguments::BookFlags;
use crate::fit;
use crate::output::Failure;
use crate::progress::Progress;

pub(super) fn run(flags: &BookFlags, example: &str) -> Done {
    let overrides =
        fit::overrides(&flags.set, flags.data.as_deref(), None).map_err(Failure::Usage)?;
    let folder = folder(flags, example);
    let work = |progress: &mut Progress| {
        elman::book::training(example, &overrides, folder, FitOptions::default(), progress)
    };
    let report = shown(flags, work, |report| objects(example, report), text)?;
    judged(report.holds() != Some(false))
}

fn objects(example: &str, report: &TrainingReport) -> Vec<serde_json::Value> {
    let epochs = report.epochs.iter().map(|epoch| {
        json!({
            "example": example,
            "epoch": epoch.epoch,
            "tensorflow": epoch.tensorflow,
            "here": epoch.here,
        })
    });
    let ending = json!({
        "example": example,
        "run": report.summary.root,
        "last_three": report.last,
        "tensorflow_last_three": report.tensorflow,
        "holds": report.holds(),
    });
    epochs.chain([ending]).collect()
}

fn text(report: &TrainingReport) -> String {
    let digits = |accuracy: f64| format!("{accuracy:.4}");
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["epoch", "test accuracy: TF 1", "here"]);
    for epoch in &report.epochs {
        table.add_row([
            epoch.epoch.to_string(),
            epoch.tensorflow.map_or("-".to_owned(), digits),
            digits(epoch.here),
        ]);
    }
    let ending = match (report.tensorflow, report.holds()) {
        (Some(tensorflow), Some(holds)) => format!(
            "TF 1 {}, here {}, at most {BELOW} below: {}",
            digits(tensorflow),
            digits(report.last),
            verdict(holds)
        ),
        _ => format!(
            "here {}; TF 1 was not run on these images and epochs",
            digits(report.last)
        ),
    };
    format!(
        "{table}\n\nmean of the last three epochs: {ending}\nrun {}",
        report.summary.root.display()
    )
}
