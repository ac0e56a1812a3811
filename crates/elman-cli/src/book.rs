//! `elman book`.

mod reber;
mod time_series;
mod trainings;

use std::path::PathBuf;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use elman::book::TRAININGS;
use elman::task::RunFolder;
use serde_json::{Value, json};

use crate::Done;
use crate::arguments::BookFlags;
use crate::fit::RUNS;
use crate::output::{self, Failure};
use crate::progress::{Progress, Talk};
use crate::signals::Signals;

pub(crate) fn run(flags: &BookFlags) -> Done {
    if let Some(threads) = flags.threads {
        elman::threads::set(threads);
    }
    let example = flags.example.as_deref();
    if let Some(name) = TRAININGS.iter().find(|name| example == Some(**name)) {
        return trainings::run(flags, name);
    }
    if flags.data.is_some() || !flags.set.is_empty() {
        return Err(Failure::Usage(elman::Error::argument(
            "book",
            "--data and --set are for the examples that are trained on images",
            format!("name one: {}", TRAININGS.join(", ")),
        )));
    }
    match example {
        Some("time-series") => time_series::run(flags),
        Some("reber") => reber::run(flags),
        example => numbers(example, flags.json.json),
    }
}

/// Where a trained example is kept.
fn folder(flags: &BookFlags, name: &str) -> RunFolder {
    match &flags.out {
        Some(out) => RunFolder::At(out.clone()),
        None => RunFolder::Next {
            parent: PathBuf::from(RUNS),
            name: format!("book-{name}"),
        },
    }
}

/// Carries out a trained example with its progress shown, and prints its report.
fn shown<R>(
    flags: &BookFlags,
    work: impl FnOnce(&mut Progress) -> elman::Result<R>,
    objects: impl FnOnce(&R) -> Vec<Value>,
    text: impl FnOnce(&R) -> String,
) -> Result<R, Failure> {
    let mut progress = Progress::new(Talk::suited(flags.quiet), Signals::listen()?);
    let report = work(&mut progress);
    progress.finish();
    let report = report?;
    match flags.json.json {
        true => output::json(&objects(&report))?,
        false => output::results(&text(&report))?,
    }
    Ok(report)
}

/// The examples that need no training.
fn numbers(example: Option<&str>, as_json: bool) -> Done {
    let numbers = elman::book::run(example)?;
    let hold = numbers.iter().filter(|number| number.holds()).count();
    if as_json {
        let objects: Vec<_> = numbers
            .iter()
            .map(|number| {
                json!({
                    "example": number.example,
                    "name": number.name,
                    "book": number.book,
                    "here": number.here,
                    "holds": number.holds(),
                })
            })
            .collect();
        output::json(&objects)?;
    } else {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "example",
            "number",
            "book",
            "here",
            "difference",
            "",
        ]);
        for number in &numbers {
            table.add_row([
                number.example.to_string(),
                number.name.to_string(),
                number.book.to_string(),
                number.here.to_string(),
                format!("{:.1e}", number.difference()),
                verdict(number.holds()),
            ]);
        }
        output::results(&format!("{table}\n\n{hold} of {} hold", numbers.len()))?;
    }
    judged(hold == numbers.len())
}

fn verdict(holds: bool) -> String {
    if holds { "holds" } else { "DIFFERS" }.to_owned()
}

fn judged(holds: bool) -> Done {
    if holds { Ok(()) } else { Err(Failure::Verdict) }
}
