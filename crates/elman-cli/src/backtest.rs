//! `elman backtest`, and how forecasts are judged in words.

use std::path::{Path, PathBuf};

use elman::metric::{ForecastScores, written};
use elman::recipe::Recipe;
use elman::task::forecaster::{
    Backtest, Compared, DEFAULT_ORIGINS, ForecastReport, TrainedForecaster, with_origins,
};
use elman::task::{self, FitPlan, RunFolder};
use elman::train::FitOptions;
use serde_json::{Value, json};

use crate::Done;
use crate::arguments::BacktestFlags;
use crate::fit::{RUNS, overrides, stem};
use crate::forecast::{quantile_name, quoted};
use crate::output::{self, Failure, talk};
use crate::progress::{Progress, Talk};
use crate::reports::{align_right, table};
use crate::signals::Signals;

pub(crate) fn run(flags: BacktestFlags) -> Done {
    if let Some(threads) = flags.threads {
        elman::threads::set(threads);
    }
    let root = match Path::new(&flags.subject).is_dir() {
        true if !flags.set.is_empty() || flags.out.is_some() => {
            return Err(Failure::Usage(elman::Error::argument(
                "--set, --out",
                "a run is as it was trained",
                "give them with a recipe",
            )));
        }
        true => PathBuf::from(&flags.subject),
        false => train(&flags)?,
    };
    let data = Path::new(&flags.subject)
        .is_dir()
        .then_some(flags.data.as_deref())
        .flatten();
    let trained = TrainedForecaster::load(&root)?;
    let origins = flags.origins.map(|it| it as usize);
    let backtest = trained.backtest(data, origins)?;
    if let Some(path) = &flags.forecasts {
        std::fs::write(path, csv(&backtest))
            .map_err(|source| elman::Error::io("write", path, source))?;
    }
    let report = backtest.report;
    if origins.is_none() && report.origins < DEFAULT_ORIGINS && !flags.quiet {
        talk(&few_origins(&trained, report.origins));
    }
    print(&report, flags.json.json)
}

/// A row for every forecast step: `unique_id,cutoff,ds,y,forecast`, a column a quantile, the two naive
/// forecasts. Of a step whose number is not known `y` is empty.
fn csv(backtest: &Backtest) -> String {
    let mut header: Vec<String> = ["unique_id", "cutoff", "ds", "y", "forecast"]
        .map(str::to_owned)
        .into();
    header.extend(backtest.levels.iter().map(|&level| quantile_name(level)));
    header.extend(["naive", "seasonal_naive"].map(str::to_owned));
    let mut text = header.join(",") + "\n";
    for forecast in &backtest.forecasts {
        for (step, stamp) in forecast.stamps.iter().enumerate() {
            let actual = forecast.actual[step];
            let mut cells = vec![
                quoted(&forecast.id),
                forecast.cutoff.clone(),
                stamp.clone(),
                match actual.is_nan() {
                    true => String::new(),
                    false => actual.to_string(),
                },
                forecast.point[step].to_string(),
            ];
            let rest = forecast.quantiles.iter();
            let rest = rest.chain([&forecast.naive, &forecast.seasonal_naive]);
            cells.extend(rest.map(|values| values[step].to_string()));
            text += &(cells.join(",") + "\n");
        }
    }
    text
}

/// Why there are only so many origins, and how there are more.
fn few_origins(trained: &TrainedForecaster, origins: usize) -> String {
    let room = match origins {
        1 => "one origin".to_owned(),
        origins => format!("{origins} origins"),
    };
    let horizons = trained.horizons();
    let longest = horizons.iter().map(|it| it.1).max().unwrap_or(1);
    format!(
        "what training has not seen has room for {room}: for {DEFAULT_ORIGINS} train with `--set forecast.test={}`",
        longest * DEFAULT_ORIGINS
    )
}

/// Trains by the recipe on what comes before the first origin; returns the run's folder.
fn train(flags: &BacktestFlags) -> Result<PathBuf, Failure> {
    let overrides = overrides(&flags.set, flags.data.as_deref(), None).map_err(Failure::Usage)?;
    let recipe = Recipe::load(&flags.subject, &overrides).map_err(Failure::Usage)?;
    let plan = FitPlan {
        recipe: with_origins(recipe, flags.origins.map(|it| it as usize))
            .map_err(Failure::Usage)?,
        folder: match &flags.out {
            Some(out) => RunFolder::At(out.clone()),
            None => RunFolder::Next {
                parent: PathBuf::from(RUNS),
                name: format!("backtest-{}", stem(&flags.subject)),
            },
        },
        options: FitOptions::default(),
    };
    let mut progress = Progress::new(Talk::suited(flags.quiet), Signals::listen()?);
    let summary = task::fit(&plan, &mut progress);
    progress.finish();
    Ok(summary?.root)
}

/// Prints a report.
pub(crate) fn print(report: &ForecastReport, as_json: bool) -> Done {
    if as_json {
        return output::json(&[object(report)]);
    }
    output::results(&table_of(report))
}

/// A report as a person reads it: scores beside those of naive forecasts, and the verdict.
pub(crate) fn table_of(report: &ForecastReport) -> String {
    let mut header = vec!["", "MAE", "RMSE", "sMAPE %", "MASE"];
    let is_probabilistic = report.all.model.coverage.is_some();
    let interval = match report.nominal_coverage {
        Some(share) => format!("in {:.0} % interval", 100.0 * share),
        None => "in interval".to_owned(),
    };
    if is_probabilistic {
        header.extend(["pinball", "CRPS", &interval]);
    }
    let mut table = table(header);
    let row = |name: &str, scores: &ForecastScores| {
        let mut cells = vec![
            name.to_owned(),
            number(scores.mae),
            number(scores.rmse),
            written(scores.smape, 3),
            written(scores.mase, 3),
        ];
        if is_probabilistic {
            let optional = |value: Option<f64>| value.map_or(String::new(), number);
            cells.extend([optional(scores.pinball), optional(scores.crps)]);
            let covered = scores
                .coverage
                .map(|share| format!("{:.1} %", 100.0 * share));
            cells.push(covered.unwrap_or_default());
        }
        cells
    };
    let named = |table: &mut comfy_table::Table, name: &str, compared: &Compared| {
        table.add_row(row(&format!("{name}model"), &compared.model));
        table.add_row(row(&format!("{name}naive"), &compared.naive));
        table.add_row(row(
            &format!("{name}seasonal naive"),
            &compared.seasonal_naive,
        ));
    };
    for (name, compared) in &report.groups {
        named(&mut table, &format!("{name}: "), compared);
    }
    let all = if report.groups.is_empty() {
        ""
    } else {
        "all: "
    };
    named(&mut table, all, &report.all);
    align_right(&mut table);
    format!(
        "{} series, {} each, {} steps\n\n{table}\n\n{}",
        report.series,
        match report.origins {
            1 => "one origin".to_owned(),
            origins => format!("{origins} origins"),
        },
        report.all.model.count,
        report.verdict()
    )
}

/// So many digits that small and large numbers can be told apart.
fn number(value: f64) -> String {
    match value.abs() {
        size if (1000.0..1e7).contains(&size) => format!("{value:.0}"),
        size if (10.0..1000.0).contains(&size) => format!("{value:.2}"),
        _ => written(value, 4),
    }
}

fn object(report: &ForecastReport) -> Value {
    let groups: serde_json::Map<String, Value> = report
        .groups
        .iter()
        .map(|(name, group)| (name.clone(), compared(group)))
        .collect();
    json!({
        "series": report.series,
        "origins": report.origins,
        "nominal_coverage": report.nominal_coverage,
        "all": compared(&report.all),
        "groups": groups,
        "verdict": report.verdict(),
    })
}

fn compared(compared: &Compared) -> Value {
    let scores = |scores: &ForecastScores| {
        json!({
            "mae": scores.mae,
            "rmse": scores.rmse,
            "smape": scores.smape,
            "mase": scores.mase,
            "pinball": scores.pinball,
            "crps": scores.crps,
            "coverage": scores.coverage,
            "count": scores.count,
        })
    };
    json!({
        "model": scores(&compared.model),
        "naive": scores(&compared.naive),
        "seasonal_naive": scores(&compared.seasonal_naive),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_digits_that_tell_them_apart() {
        for (value, expected) in [
            (0.0, "0.0000"),
            (1.5, "1.5000"),
            (19.712, "19.71"),
            (9_999_999.0, "9999999"),
            (1.25e9, "1.250e9"),
            (1e300, "1.000e300"),
            (2.25e-9, "2.250e-9"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
