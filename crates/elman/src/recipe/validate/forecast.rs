//! The table `[forecast]`.

use super::reader::{Mismatch, Owners, Section, choice, list, number, refuse_others, size, truth};
use crate::recipe::document::Value;
use crate::recipe::vocabulary::{
    CALENDAR, ENCODINGS, HEADS, HeadKind, LEVELS, METHODS, POINT_LOSSES, SCALINGS,
};
use crate::recipe::{
    DataSettings, ForecastSettings, Head, Level, Method, ModelSettings, PointLoss, Task,
};

const MOST_STEPS: u64 = 100_000;
const MOST_NETWORKS: u64 = 100;
const MOST_SAMPLES: u64 = 100_000;
const DEFAULT_SAMPLES: usize = 200;
const DEFAULT_LEVELS: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];
const MEDIAN: f64 = 0.5;

const OF_HEADS: Owners<HeadKind> = &[
    ("loss", &[HeadKind::Linear]),
    ("quantiles", &[HeadKind::Quantiles]),
];

pub(super) fn forecast(mut section: Section<'_>) -> Option<ForecastSettings> {
    let window = section.optional("window", size(1..=MOST_STEPS));
    let horizon = section.optional("horizon", size(1..=MOST_STEPS));
    let method = section.or("method", choice(METHODS), Method::default());
    let kind = section.required("head", choice(HEADS));
    let head = kind.and_then(|kind| head(&mut section, kind));
    refuse_others(&mut section, OF_HEADS, kind, ("head", "head", HEADS));
    let scaling = section.or("scaling", list(choice(SCALINGS)), Vec::new());
    let level = section.or("level", choice(LEVELS), Level::default());
    let calendar = section.or("calendar", list(choice(CALENDAR)), Vec::new());
    let encoding = section.or("encoding", choice(ENCODINGS), Default::default());
    let valid = section.or("valid", size(0..=MOST_STEPS), 0);
    let test = section.optional("test", size(1..=MOST_STEPS));
    let ensemble = section.or("ensemble", size(1..=MOST_NETWORKS), 1);
    let samples = section.or("samples", size(1..=MOST_SAMPLES), DEFAULT_SAMPLES);
    let smoothing = section.or("smoothing", truth, false);
    let settings = ForecastSettings {
        window: window?,
        horizon: horizon?,
        method: method?,
        head: head?,
        scaling: scaling?,
        level: level?,
        calendar: calendar?,
        encoding: encoding?,
        valid: valid?,
        test: test?,
        ensemble: ensemble?,
        samples: samples?,
        smoothing: smoothing?,
    };
    check(&section, &settings);
    section.finish();
    Some(settings)
}

fn head(section: &mut Section<'_>, kind: HeadKind) -> Option<Head> {
    Some(match kind {
        HeadKind::Linear => Head::Linear {
            loss: section.or("loss", choice(POINT_LOSSES), PointLoss::default())?,
        },
        HeadKind::Quantiles => Head::Quantiles {
            levels: section.or("quantiles", levels, DEFAULT_LEVELS.to_vec())?,
        },
        HeadKind::Gaussian => Head::Gaussian,
        HeadKind::StudentT => Head::StudentT,
        HeadKind::NegativeBinomial => Head::NegativeBinomial,
    })
}

/// Levels of quantiles: rising, between 0 and 1, with the median.
fn levels(value: &Value) -> Result<Vec<f64>, Mismatch> {
    let within = number("a number above 0 and below 1", |level| {
        level > 0.0 && level < 1.0
    });
    let found = list(within)(value)?;
    let rises = found.windows(2).all(|pair| pair[0] < pair[1]);
    if !rises || !found.contains(&MEDIAN) {
        return Err(Mismatch::new(
            "a list of rising levels above 0 and below 1 with 0.5 among them",
        ));
    }
    Ok(found)
}

/// Notes settings that do not go together.
fn check(section: &Section<'_>, settings: &ForecastSettings) {
    use crate::data::series::Scaling;
    let note =
        |key: &str, problem: &str| section.problem(format!("{}: {problem}", section.name(key)));
    let differences = settings.scaling.contains(&Scaling::Difference);
    let is_point = matches!(settings.head, Head::Linear { .. });
    if differences && !is_point && settings.method == Method::Direct {
        note(
            "scaling",
            "`difference` is summed up, and a quantile of a sum is not the sum of quantiles; \
             use `method = \"recursive\"`, `level = \"last\"` in place of it, or the head `linear`",
        );
    }
    if settings.head == Head::NegativeBinomial {
        if !matches!(settings.scaling[..], [] | [Scaling::Mean]) || settings.level != Level::None {
            note(
                "head",
                "`negative_binomial` is of counts, which may only be divided: use `scaling = [\"mean\"]` \
                 and no level",
            );
        }
        if settings.smoothing {
            note("smoothing", "counts are not smoothed; choose another head");
        }
    }
    if settings.smoothing {
        if settings.method == Method::Recursive {
            note(
                "smoothing",
                "smoothing gives all steps at once; use `method = \"direct\"`",
            );
        }
        if settings.level != Level::None {
            note("level", "smoothing has a level of its own; remove this key");
        }
    }
}

/// Notes when the tables of a recipe do not go with its task.
pub(super) fn check_task(
    root: &Section<'_>,
    task: Task,
    (data, model): (Option<&DataSettings>, Option<&ModelSettings>),
    forecast: Option<&ForecastSettings>,
) {
    let is_forecaster = task == Task::Forecaster;
    let series = data.map(|data| matches!(data, DataSettings::Series(_)));
    match (is_forecaster, series) {
        (true, Some(false)) => root.problem(
            "data.format: a forecaster learns series; set it to `series` and name a file by `data.file`"
                .to_owned(),
        ),
        (false, Some(true)) => root.problem(
            "task: the data are series; set it to `forecaster`".to_owned(),
        ),
        _ => {}
    }
    if !is_forecaster && forecast.is_some() {
        root.problem("forecast: only a forecaster has this table; remove it".to_owned());
    }
    let recursive = forecast.is_some_and(|it| it.method == Method::Recursive);
    if recursive && model.is_some_and(|model| model.bidirectional) {
        root.problem(
            "model.bidirectional: a recursive forecast goes forward only; remove it or use \
             `forecast.method = \"direct\"`"
                .to_owned(),
        );
    }
}
