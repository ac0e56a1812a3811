//! The table `[forecast]`.

use super::Writer;
use crate::recipe::vocabulary::{
    CALENDAR, Choices, ENCODINGS, HEADS, HeadKind, LEVELS, METHODS, POINT_LOSSES, SCALINGS, word,
};
use crate::recipe::{ForecastSettings, Head};

pub(super) fn forecast(out: &mut Writer, forecast: &ForecastSettings) {
    // No `..`: a new setting must be written here.
    let ForecastSettings {
        window,
        horizon,
        method,
        head,
        scaling,
        level,
        calendar,
        encoding,
        valid,
        test,
        ensemble,
        samples,
        smoothing,
    } = forecast;
    out.table("forecast");
    for (key, steps) in [("window", window), ("horizon", horizon), ("test", test)] {
        if let Some(steps) = steps {
            out.set(key, steps);
        }
    }
    out.text("method", word(METHODS, *method));
    let kind = match head {
        Head::Linear { .. } => HeadKind::Linear,
        Head::Quantiles { .. } => HeadKind::Quantiles,
        Head::Gaussian => HeadKind::Gaussian,
        Head::StudentT => HeadKind::StudentT,
        Head::NegativeBinomial => HeadKind::NegativeBinomial,
    };
    out.text("head", word(HEADS, kind));
    match head {
        Head::Linear { loss } => out.text("loss", word(POINT_LOSSES, *loss)),
        Head::Quantiles { levels } => out.set("quantiles", format_args!("{levels:?}")),
        Head::Gaussian | Head::StudentT | Head::NegativeBinomial => {}
    }
    words(out, "scaling", SCALINGS, scaling);
    out.text("level", word(LEVELS, *level));
    words(out, "calendar", CALENDAR, calendar);
    out.text("encoding", word(ENCODINGS, *encoding));
    out.set("valid", valid);
    out.set("ensemble", ensemble);
    out.set("samples", samples);
    out.set("smoothing", smoothing);
}

fn words<T: Copy + PartialEq>(out: &mut Writer, key: &str, choices: Choices<T>, chosen: &[T]) {
    let words: Vec<&str> = chosen.iter().map(|&it| word(choices, it)).collect();
    out.set(key, format_args!("{words:?}"));
}
