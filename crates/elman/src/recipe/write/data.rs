//! The table `[data]`.

use toml::Value;

use super::Writer;
use crate::data::series::SeriesFile;
use crate::recipe::vocabulary::{FORMATS, FormatKind, MISSING, word};
use crate::recipe::{AddingSettings, DataSettings, IdxSettings, ReberSettings};

pub(super) fn data(out: &mut Writer, data: &DataSettings) {
    let format = match data {
        DataSettings::Idx(_) => FormatKind::Idx,
        DataSettings::Reber(_) => FormatKind::Reber,
        DataSettings::Adding(_) => FormatKind::Adding,
        DataSettings::Series(_) => FormatKind::Series,
    };
    out.table("data");
    out.text("format", word(FORMATS, format));
    // No `..`: a new setting must be written here.
    match data {
        DataSettings::Idx(IdxSettings {
            folder,
            classes,
            hold_out,
        }) => {
            out.text("folder", folder);
            out.set("classes", classes);
            out.set("hold_out", hold_out);
        }
        DataSettings::Reber(ReberSettings {
            numpy_seed,
            train,
            valid,
            test,
        }) => {
            out.set("numpy_seed", numpy_seed);
            counts(out, [train, valid, test]);
        }
        DataSettings::Adding(AddingSettings {
            time,
            train,
            valid,
            test,
        }) => {
            out.set("time", time);
            counts(out, [train, valid, test]);
        }
        DataSettings::Series(file) => series(out, file),
    }
}

fn series(out: &mut Writer, file: &SeriesFile) {
    // No `..`: a new setting must be written here.
    let SeriesFile {
        file,
        time,
        time_format,
        time_zone,
        id,
        target,
        together,
        covariates,
        past_covariates,
        statics,
        frequency,
        start,
        season,
        missing,
        decimal_comma,
    } = file;
    out.text("file", file);
    let texts = [
        ("time", time),
        ("time_format", time_format),
        ("time_zone", time_zone),
        ("id", id),
        ("start", start),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            out.text(key, text);
        }
    }
    let lists = [
        ("target", target),
        ("covariates", covariates),
        ("past_covariates", past_covariates),
        ("statics", statics),
    ];
    for (key, names) in lists {
        let names: Vec<Value> = names
            .iter()
            .map(|name| Value::from(name.as_str()))
            .collect();
        out.set(key, Value::from(names));
    }
    out.set("together", together);
    if let Some(frequency) = frequency {
        out.text("frequency", &frequency.to_string());
    }
    if let Some(season) = season {
        out.set("season", season);
    }
    out.text("missing", word(MISSING, *missing));
    out.set("decimal_comma", decimal_comma);
}

fn counts(out: &mut Writer, [train, valid, test]: [&usize; 3]) {
    out.set("train", train);
    out.set("valid", valid);
    out.set("test", test);
}
