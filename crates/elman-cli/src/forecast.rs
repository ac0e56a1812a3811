//! `elman forecast`.

use std::path::Path;

use elman::Error;
use elman::plot::Figure;
use elman::task::forecaster::{ForecastRequest, Forecasts, SeriesForecast, TrainedForecaster};
use serde_json::{Map, Value, json};

use crate::Done;
use crate::arguments::ForecastFlags;
use crate::output::{self, Failure, talk};

pub(crate) fn run(flags: &ForecastFlags) -> Done {
    let mut quantiles = flags.quantiles.clone();
    quantiles.sort_by(f64::total_cmp);
    quantiles.dedup();
    let plot = flags.plot.as_deref();
    let plot = plot.map(|path| picture(path).map(|picture| (path, picture)));
    let plot = plot.transpose().map_err(Failure::Usage)?;
    let request = ForecastRequest {
        data: flags.data.clone(),
        horizon: flags.horizon.map(|it| it as usize),
        quantiles: (!quantiles.is_empty()).then_some(quantiles),
        samples: flags.samples.map(|it| it as usize),
        series: flags.series.clone(),
    };
    let trained = TrainedForecaster::load(&flags.run)?;
    let forecasts = trained.forecast(&request)?;
    if !flags.quiet {
        for note in forecasts.table.notes.iter().chain(&forecasts.notes) {
            talk(&format!("data: {note}"));
        }
    }
    if let Some((path, picture)) = plot {
        let figure = forecasts.figure(
            &trained.recipe.title,
            flags.target.as_deref(),
            flags.history,
        )?;
        let bytes = picture(figure);
        std::fs::write(path, bytes).map_err(|source| Error::io("write", path, source))?;
    }
    let with_paths = flags.samples.is_some();
    if flags.json.json {
        let objects: Vec<Value> = forecasts
            .series
            .iter()
            .flat_map(|series| objects(&forecasts, series, with_paths))
            .collect();
        return output::json(&objects);
    }
    let lines = csv(&forecasts, with_paths);
    match &flags.out {
        Some(path) => {
            std::fs::write(path, lines + "\n")
                .map_err(|source| Error::io("write", path, source))?;
            Ok(())
        }
        None => output::results(&lines),
    }
}

/// What a picture of this name is made of.
fn picture(path: &Path) -> Result<fn(Figure) -> Vec<u8>, Error> {
    match path.extension().and_then(|it| it.to_str()) {
        Some("svg") => Ok(|figure| figure.svg.into_bytes()),
        Some("png") => Ok(|figure| figure.png),
        _ => Err(Error::argument(
            format!("--plot {}", path.display()),
            "a picture is SVG or PNG",
            "end its name in .svg or .png",
        )),
    }
}

/// The column of a quantile: `q0.1`.
pub(crate) fn quantile_name(level: f64) -> String {
    format!("q{level}")
}

/// One row a step of a series: `unique_id,ds,y`, a column a quantile, a column a path. Several targets
/// are series of their own, with the target's name after the series'.
fn csv(forecasts: &Forecasts, with_paths: bool) -> String {
    let mut header = vec!["unique_id".to_owned(), "ds".to_owned(), "y".to_owned()];
    header.extend(forecasts.levels.iter().map(|&level| quantile_name(level)));
    let paths = forecasts
        .series
        .first()
        .map_or(0, |series| series.targets[0].paths.len());
    if with_paths {
        header.extend((0..paths).map(|path| format!("path{path}")));
    }
    let mut lines = vec![header.join(",")];
    for series in &forecasts.series {
        for (name, target) in names(forecasts, series).iter().zip(&series.targets) {
            for (step, stamp) in series.stamps.iter().enumerate() {
                let mut cells = vec![quoted(name), stamp.clone(), target.point[step].to_string()];
                cells.extend(
                    target
                        .quantiles
                        .iter()
                        .map(|values| values[step].to_string()),
                );
                if with_paths {
                    cells.extend(target.paths.iter().map(|values| values[step].to_string()));
                }
                lines.push(cells.join(","));
            }
        }
    }
    lines.join("\n")
}

/// What each target of a series is called.
fn names(forecasts: &Forecasts, series: &SeriesForecast) -> Vec<String> {
    let schema = &forecasts.table.schema;
    let targets = 0..schema.targets.len();
    targets
        .map(|target| schema.name(&series.id, target))
        .collect()
}

/// `text` as a cell of CSV.
pub(crate) fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

fn objects(forecasts: &Forecasts, series: &SeriesForecast, with_paths: bool) -> Vec<Value> {
    let names = names(forecasts, series);
    let object = |(name, target): (&String, &elman::task::forecaster::TargetForecast)| {
        let levels = forecasts.levels.iter().map(|&level| quantile_name(level));
        let quantiles: Map<String, Value> = levels
            .zip(target.quantiles.iter().map(|values| json!(values)))
            .collect();
        let mut object = json!({
            "unique_id": name,
            "ds": series.stamps,
            "y": target.point,
            "quantiles": quantiles,
        });
        if with_paths {
            object["paths"] = json!(target.paths);
        }
        object
    };
    names.iter().zip(&series.targets).map(object).collect()
}
