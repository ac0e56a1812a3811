//! The table `[data]`.

use toml::Value;

use super::Writer;
use crate::data::series::SeriesFile;
use crate::recipe::vocabulary::{
    FORMATS, FormatKind, MISSING, NORMALISED, TOKENS, TokenKind, word,
};
use crate::recipe::{
    AddingSettings, DataSettings, HeldOutParts, IdxSettings, LabelledTextSettings,
    PianoRollSettings, ReberSettings, SequenceTableSettings, TextSettings, TokenSettings,
    TsSettings,
};

pub(super) fn data(out: &mut Writer, data: &DataSettings) {
    let format = match data {
        DataSettings::Idx(_) => FormatKind::Idx,
        DataSettings::Reber(_) => FormatKind::Reber,
        DataSettings::Adding(_) => FormatKind::Adding,
        DataSettings::Text(_) => FormatKind::Text,
        DataSettings::Tunes(_) => FormatKind::Tunes,
        DataSettings::PianoRolls(_) => FormatKind::PianoRolls,
        DataSettings::LabelledText(_) => FormatKind::LabelledText,
        DataSettings::Ts(_) => FormatKind::Ts,
        DataSettings::SequenceTable(_) => FormatKind::SequenceTable,
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
        DataSettings::Text(settings) | DataSettings::Tunes(settings) => text(out, settings),
        DataSettings::LabelledText(LabelledTextSettings {
            text: settings,
            classes,
        }) => {
            text(out, settings);
            if !classes.is_empty() {
                texts(out, "classes", classes);
            }
        }
        DataSettings::Ts(TsSettings {
            folder,
            name,
            classes,
            hold_out,
        }) => {
            out.text("folder", folder);
            out.text("name", name);
            if !classes.is_empty() {
                texts(out, "classes", classes);
            }
            out.set("hold_out", hold_out);
        }
        DataSettings::SequenceTable(table) => sequence_table(out, table),
        DataSettings::PianoRolls(PianoRollSettings { file }) => out.text("file", file),
        DataSettings::Series(file) => series(out, file),
    }
}

fn text(out: &mut Writer, settings: &TextSettings) {
    let TextSettings {
        files,
        held_out,
        tokens,
        normalise,
    } = settings;
    parts(out, files, held_out);
    let kind = match tokens {
        TokenSettings::Characters => TokenKind::Characters,
        TokenSettings::Bytes => TokenKind::Bytes,
        TokenSettings::Notes => TokenKind::Notes,
        TokenSettings::Words { .. } => TokenKind::Words,
        TokenSettings::Tokenizer { .. } => TokenKind::Tokenizer,
    };
    out.text("tokens", word(TOKENS, kind));
    match tokens {
        TokenSettings::Characters | TokenSettings::Bytes | TokenSettings::Notes => {}
        TokenSettings::Words {
            min_count,
            max_size,
        } => {
            out.set("min_count", min_count);
            out.set("max_size", max_size);
        }
        TokenSettings::Tokenizer { file } => out.text("tokenizer", file),
    }
    out.text("normalise", word(NORMALISED, *normalise));
}

fn parts(out: &mut Writer, files: &[String], held_out: &HeldOutParts) {
    texts(out, "files", files);
    match held_out {
        HeldOutParts::Shares { valid, test } => {
            out.number("valid", *valid);
            out.number("test", *test);
        }
        HeldOutParts::Files { valid, test } => {
            if !valid.is_empty() {
                texts(out, "valid_files", valid);
            }
            texts(out, "test_files", test);
        }
    }
}

fn texts(out: &mut Writer, key: &str, texts: &[String]) {
    let list: Vec<Value> = texts
        .iter()
        .map(|text| Value::from(text.as_str()))
        .collect();
    out.set(key, Value::from(list));
}

fn sequence_table(out: &mut Writer, table: &SequenceTableSettings) {
    // No `..`: a new setting must be written here.
    let SequenceTableSettings {
        files,
        held_out,
        id,
        label,
        time,
        features,
        classes,
        decimal_comma,
    } = table;
    parts(out, files, held_out);
    out.text("id", id);
    out.text("label", label);
    if let Some(time) = time {
        out.text("time", time);
    }
    if !features.is_empty() {
        texts(out, "features", features);
    }
    if !classes.is_empty() {
        texts(out, "classes", classes);
    }
    out.set("decimal_comma", decimal_comma);
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
    let optional = [
        ("time", time),
        ("time_format", time_format),
        ("time_zone", time_zone),
        ("id", id),
        ("start", start),
    ];
    for (key, text) in optional {
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
        texts(out, key, names);
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
