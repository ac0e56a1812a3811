//! `elman book time-series`.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::book::{SeriesNetwork, SeriesReport};
use serde_json::json;

use super::{folder, judged, shown, verdict};
use crate::Done;
use crate::arguments::BookFlags;
use crate::progress::Progress;

pub(super) fn run(flags: &BookFlags) -> Done {
    let work =
        |progress: &mut Progress| elman::book::time_series(&folder(flags, "time-series"), progress);
    let report = shown(flags, work, objects, text)?;
    judged(report.holds())
}

fn objects(report: &SeriesReport) -> Vec<serde_json::Value> {
    let errors = report.networks.iter().flat_map(|network| {
        network.errors.iter().map(|error| {
            json!({
                "example": "time-series",
                "network": network.name,
                "iteration": error.iteration,
                "book": error.book,
                "here": error.here,
            })
        })
    });
    let endings = report.networks.iter().map(|network| {
        json!({
            "example": "time-series",
            "network": network.name,
            "first": network.first,
            "first_holds": network.first_holds(),
            "band": network.band,
            "last_holds": network.last_holds(),
            "test_book": network.test.0,
            "test_here": network.test.1,
        })
    });
    let ending = json!({
        "example": "time-series",
        "figures": report.figures,
        "holds": report.holds(),
    });
    errors.chain(endings).chain([ending]).collect()
}

fn text(report: &SeriesReport) -> String {
    let mut table = Table::new();
    let names = report
        .networks
        .iter()
        .flat_map(|network| [format!("{}: book", network.name), "here".to_owned()]);
    let header = ["iteration".to_owned()].into_iter().chain(names);
    table.load_style(NOTHING).set_header(header);
    let iterations = report
        .networks
        .first()
        .map_or(0, |network| network.errors.len());
    for index in 0..iterations {
        let errors = || report.networks.iter().map(|network| &network.errors[index]);
        let iteration = errors().next().map_or(0, |error| error.iteration);
        let cells = errors().flat_map(|error| [digits(error.book), digits(error.here)]);
        table.add_row([iteration.to_string()].into_iter().chain(cells));
    }
    let networks: Vec<String> = report.networks.iter().map(ending).collect();
    let figures: Vec<String> = report
        .figures
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!(
        "mean squared error\n{table}\n\n{}\n\nfigures\n{}",
        networks.join("\n"),
        figures.join("\n")
    )
}

fn digits(error: f64) -> String {
    format!("{error:.4}")
}

/// What holds of a network.
fn ending(network: &SeriesNetwork) -> String {
    let first = match (network.first, network.first_holds()) {
        (Some(book), Some(holds)) => format!(
            "first {:.6}, book {book:.6}: {}; ",
            network.errors[0].here,
            verdict(holds)
        ),
        _ => String::new(),
    };
    let [low, high] = network.band;
    let (book, here) = network.test;
    let book = book.map_or(String::new(), |book| format!(", book {book:.4}"));
    format!(
        "{}: {first}last between {low} and {high}: {}; test window {here:.4}{book}",
        network.title,
        verdict(network.last_holds())
    )
}
