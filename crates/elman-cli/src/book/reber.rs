//! `elman book reber`.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::book::{PERFECT_BY, ReberReport};
use elman::train::FitOptions;
use serde_json::json;

use super::{folder, judged, shown, verdict};
use crate::Done;
use crate::arguments::BookFlags;
use crate::progress::Progress;

pub(super) fn run(flags: &BookFlags) -> Done {
    let work = |progress: &mut Progress| {
        elman::book::reber(folder(flags, "reber"), FitOptions::default(), progress)
    };
    let report = shown(flags, work, objects, text)?;
    judged(report.holds())
}

fn objects(report: &ReberReport) -> Vec<serde_json::Value> {
    let epochs = report.epochs.iter().map(|epoch| {
        json!({
            "example": "reber",
            "epoch": epoch.epoch,
            "book": epoch.book,
            "here": epoch.here,
        })
    });
    let probes = report.probes.iter().map(|probe| {
        json!({
            "example": "reber",
            "string": probe.string,
            "good": probe.is_good,
            "book": probe.book,
            "here": probe.here,
            "holds": probe.holds(),
        })
    });
    let ending = json!({
        "example": "reber",
        "run": report.summary.root,
        "first_perfect": report.first_perfect(),
        "holds": report.holds(),
    });
    epochs.chain(probes).chain([ending]).collect()
}

fn text(report: &ReberReport) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut epochs = Table::new();
    let header = ["epoch", "validation accuracy: book", "here"];
    epochs.load_style(NOTHING).set_header(header);
    for epoch in &report.epochs {
        epochs.add_row([
            epoch.epoch.to_string(),
            percent(epoch.book),
            percent(epoch.here),
        ]);
    }
    let mut probes = Table::new();
    let header = ["string", "is", "good by the book", "here", ""];
    probes.load_style(NOTHING).set_header(header);
    for probe in &report.probes {
        probes.add_row([
            probe.string.to_owned(),
            if probe.is_good { "good" } else { "bad" }.to_owned(),
            percent(probe.book),
            percent(probe.here),
            verdict(probe.holds()),
        ]);
    }
    let perfect = match report.first_perfect() {
        Some(epoch) => format!("100 % first at epoch {epoch}"),
        None => "never 100 %".to_owned(),
    };
    format!(
        "{epochs}\n\n{probes}\n\n\
         validation accuracy {perfect} (wanted by {PERFECT_BY}): {}\n\
         run {}",
        verdict(report.holds()),
        report.summary.root.display()
    )
}
