//! `elman book mnist-deep`, `elman book mnist-lstm3`.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::book::{BELOW, TrainingReport};
use elman::train::FitOptions;
use serde_json::json;

use super::{folder, judged, verdict};
use crate::Done;
use crate::arguments::BookFlags;
use crate::fit;
use crate::output::{self, Failure};
use crate::progress::{Progress, Talk};
use crate::signals::Signals;

pub(super) fn run(flags: &BookFlags, example: &str) -> Done {
    let overrides =
        fit::overrides(&flags.set, flags.data.as_deref(), None).map_err(Failure::Usage)?;
    let mut progress = Progress::new(Talk::suited(flags.quiet), Signals::listen()?);
    let folder = folder(flags, example);
    let options = FitOptions::default();
    let report = elman::book::training(example, &overrides, folder, options, &mut progress);
    progress.finish();
    let report = report?;
    if flags.json.json {
        output::json(&objects(example, &report))?;
    } else {
        output::results(&text(&report))?;
    }
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
    let shown = |accuracy: f64| format!("{accuracy:.4}");
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["epoch", "test accuracy: TF 1", "here"]);
    for epoch in &report.epochs {
        table.add_row([
            epoch.epoch.to_string(),
            epoch.tensorflow.map_or("-".to_owned(), shown),
            shown(epoch.here),
        ]);
    }
    let ending = match (report.tensorflow, report.holds()) {
        (Some(tensorflow), Some(holds)) => format!(
            "TF 1 {}, here {}, at most {BELOW} below: {}",
            shown(tensorflow),
            shown(report.last),
            verdict(holds)
        ),
        _ => format!(
            "here {}; TF 1 was not run on these images and epochs",
            shown(report.last)
        ),
    };
    format!(
        "{table}\n\nmean of the last three epochs: {ending}\nrun {}",
        report.summary.root.display()
    )
}
