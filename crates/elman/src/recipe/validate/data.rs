//! The table `[data]`.

use super::language;
use super::parts::{held_out, names, paths};
use super::reader::{Owners, Section, choice, list, refuse_others, size, text, truth, whole};
use crate::data::series::{FREQUENCIES, Missing, SeriesFile};
use crate::recipe::vocabulary::{FORMATS, FormatKind, MISSING};
use crate::recipe::{
    AddingSettings, DataSettings, IdxSettings, LabelledTextSettings, PianoRollSettings,
    ReberSettings, SequenceTableSettings, TsSettings,
};

const MOST_EXAMPLES: u64 = 10_000_000;
/// A label is a byte.
const MOST_CLASSES: usize = 256;
const MOST_STEPS: u64 = 1_000_000;
const DEFAULT_CLASSES: usize = 10;
const DEFAULT_ID: &str = "id";
const DEFAULT_LABEL: &str = "label";
const DEFAULT_NUMPY_SEED: u64 = 42;
const DEFAULT_STRINGS: [usize; 3] = [10_000, 5_000, 5_000];
const DEFAULT_SUMS: [usize; 3] = [10_000, 0, 1_000];

const OF_FORMATS: Owners<FormatKind> = {
    use FormatKind::{
        Adding, Idx, LabelledText, PianoRolls, Reber, SequenceTable, Series, Text, Ts, Tunes,
    };
    &[
        ("folder", &[Idx, Ts]),
        ("name", &[Ts]),
        ("classes", &[Idx, LabelledText, Ts, SequenceTable]),
        ("hold_out", &[Idx, Ts]),
        ("numpy_seed", &[Reber]),
        ("time", &[Adding, SequenceTable, Series]),
        ("train", &[Reber, Adding]),
        (
            "valid",
            &[Reber, Adding, Text, Tunes, LabelledText, SequenceTable],
        ),
        (
            "test",
            &[Reber, Adding, Text, Tunes, LabelledText, SequenceTable],
        ),
        ("file", &[PianoRolls, Series]),
        ("files", &[Text, Tunes, LabelledText, SequenceTable]),
        ("valid_files", &[Text, Tunes, LabelledText, SequenceTable]),
        ("test_files", &[Text, Tunes, LabelledText, SequenceTable]),
        ("tokens", &[Text, Tunes, LabelledText]),
        ("min_count", &[Text, Tunes, LabelledText]),
        ("max_size", &[Text, Tunes, LabelledText]),
        ("tokenizer", &[Text, Tunes, LabelledText]),
        ("normalise", &[Text, Tunes, LabelledText]),
        ("time_format", &[Series]),
        ("time_zone", &[Series]),
        ("id", &[SequenceTable, Series]),
        ("label", &[SequenceTable]),
        ("features", &[SequenceTable]),
        ("target", &[Series]),
        ("together", &[Series]),
        ("covariates", &[Series]),
        ("past_covariates", &[Series]),
        ("statics", &[Series]),
        ("frequency", &[Series]),
        ("start", &[Series]),
        ("season", &[Series]),
        ("missing", &[Series]),
        ("decimal_comma", &[SequenceTable, Series]),
    ]
};

pub(super) fn data(mut section: Section<'_>) -> Option<DataSettings> {
    let format = section.or("format", choice(FORMATS), FormatKind::Idx);
    let settings = format.and_then(|format| match format {
        FormatKind::Idx => idx(&mut section).map(DataSettings::Idx),
        FormatKind::Reber => reber(&mut section).map(DataSettings::Reber),
        FormatKind::Adding => adding(&mut section).map(DataSettings::Adding),
        FormatKind::Text => language::text(&mut section, false).map(DataSettings::Text),
        FormatKind::PianoRolls => section
            .required("file", text)
            .map(|file| DataSettings::PianoRolls(PianoRollSettings { file })),
        FormatKind::LabelledText => labelled_text(&mut section).map(DataSettings::LabelledText),
        FormatKind::Ts => ts(&mut section).map(DataSettings::Ts),
        FormatKind::SequenceTable => sequence_table(&mut section).map(DataSettings::SequenceTable),
        FormatKind::Tunes => language::text(&mut section, true).map(DataSettings::Tunes),
        FormatKind::Series => series(&mut section).map(|file| DataSettings::Series(Box::new(file))),
    });
    refuse_others(
        &mut section,
        OF_FORMATS,
        format,
        ("format", "format", FORMATS),
    );
    section.finish();
    settings
}

fn idx(section: &mut Section<'_>) -> Option<IdxSettings> {
    let folder = section.required("folder", text);
    let classes = section.or("classes", size(2..=256), DEFAULT_CLASSES);
    let hold_out = section.or("hold_out", size(0..=u64::from(u32::MAX)), 0);
    Some(IdxSettings {
        folder: folder?,
        classes: classes?,
        hold_out: hold_out?,
    })
}

fn ts(section: &mut Section<'_>) -> Option<TsSettings> {
    let folder = section.required("folder", text);
    let name = section.required("name", text);
    let classes = class_names(section);
    let hold_out = section.or("hold_out", size(0..=MOST_EXAMPLES), 0);
    Some(TsSettings {
        folder: folder?,
        name: name?,
        classes: classes?,
        hold_out: hold_out?,
    })
}

fn labelled_text(section: &mut Section<'_>) -> Option<LabelledTextSettings> {
    let text = language::text(section, false);
    let classes = class_names(section);
    Some(LabelledTextSettings {
        text: text?,
        classes: classes?,
    })
}

fn sequence_table(section: &mut Section<'_>) -> Option<SequenceTableSettings> {
    let files = section.required("files", paths);
    let held_out = held_out(section);
    let id = section.or("id", text, DEFAULT_ID.to_owned());
    let label = section.or("label", text, DEFAULT_LABEL.to_owned());
    let time = section.optional("time", text);
    let features = section.or("features", names, Vec::new());
    let classes = class_names(section);
    let decimal_comma = section.or("decimal_comma", truth, false);
    let settings = SequenceTableSettings {
        files: files?,
        held_out: held_out?,
        id: id?,
        label: label?,
        time: time?,
        features: features?,
        classes: classes?,
        decimal_comma: decimal_comma?,
    };
    ensure_one_purpose(section, &settings)?;
    Some(settings)
}

/// Notes a column that is named for two purposes.
fn ensure_one_purpose(section: &Section<'_>, settings: &SequenceTableSettings) -> Option<()> {
    let SequenceTableSettings {
        id,
        label,
        time,
        features,
        ..
    } = settings;
    let mut named = vec![("id", id), ("label", label)];
    named.extend(time.iter().map(|name| ("time", name)));
    named.extend(features.iter().map(|name| ("features", name)));
    for (at, &(key, name)) in named.iter().enumerate() {
        let Some((first, _)) = named[..at].iter().find(|(_, before)| *before == name) else {
            continue;
        };
        section.problem(format!(
            "{}: the column `{name}` stands in `{}` already; name it once",
            section.name(key),
            section.name(first)
        ));
        return None;
    }
    Some(())
}

/// Names of classes, none where the answers are numbers.
fn class_names(section: &mut Section<'_>) -> Option<Vec<String>> {
    let classes: Vec<String> = section.optional("classes", list(text))?.unwrap_or_default();
    let is_twice = |(index, name): (usize, &String)| classes[..index].contains(name);
    let twice = classes.iter().enumerate().find(|&it| is_twice(it));
    if let Some((_, twice)) = twice {
        let name = section.name("classes");
        section.problem(format!("{name}: `{twice}` stands there twice; remove one"));
        return None;
    }
    if classes.len() == 1 || classes.len() > MOST_CLASSES {
        let (name, count) = (section.name("classes"), classes.len());
        section.problem(format!(
            "{name}: expected 2 to {MOST_CLASSES} names, found {count}; leave the key out where the \
             answers are numbers"
        ));
        return None;
    }
    Some(classes)
}

fn reber(section: &mut Section<'_>) -> Option<ReberSettings> {
    let seeds = whole(0..=u64::from(u32::MAX));
    let numpy_seed = section.or("numpy_seed", seeds, DEFAULT_NUMPY_SEED);
    let counts = counts(section, DEFAULT_STRINGS);
    let [train, valid, test] = counts?;
    Some(ReberSettings {
        numpy_seed: u32::try_from(numpy_seed?).ok()?,
        train,
        valid,
        test,
    })
}

fn adding(section: &mut Section<'_>) -> Option<AddingSettings> {
    let time = section.required("time", size(2..=MOST_STEPS));
    let counts = counts(section, DEFAULT_SUMS);
    let [train, valid, test] = counts?;
    Some(AddingSettings {
        time: time?,
        train,
        valid,
        test,
    })
}

fn series(section: &mut Section<'_>) -> Option<SeriesFile> {
    let file = section.required("file", text);
    let time = section.optional("time", text);
    let time_format = section.optional("time_format", text);
    let time_zone = section.optional("time_zone", text);
    let id = section.optional("id", text);
    let target = section.or("target", names, Vec::new());
    let together = section.or("together", truth, false);
    let covariates = section.or("covariates", names, Vec::new());
    let past_covariates = section.or("past_covariates", names, Vec::new());
    let statics = section.or("statics", names, Vec::new());
    let frequency = section.optional("frequency", choice(&FREQUENCIES));
    let start = section.optional("start", text);
    let season = section.optional("season", size(1..=MOST_STEPS));
    let missing = section.or("missing", choice(MISSING), Missing::default());
    let decimal_comma = section.or("decimal_comma", truth, false);
    Some(SeriesFile {
        file: file?,
        time: time?,
        time_format: time_format?,
        time_zone: time_zone?,
        id: id?,
        target: target?,
        together: together?,
        covariates: covariates?,
        past_covariates: past_covariates?,
        statics: statics?,
        frequency: frequency?,
        start: start?,
        season: season?,
        missing: missing?,
        decimal_comma: decimal_comma?,
    })
}

/// How many examples are made for training, validation and testing.
fn counts(section: &mut Section<'_>, default: [usize; 3]) -> Option<[usize; 3]> {
    let train = section.or("train", size(1..=MOST_EXAMPLES), default[0]);
    let valid = section.or("valid", size(0..=MOST_EXAMPLES), default[1]);
    let test = section.or("test", size(1..=MOST_EXAMPLES), default[2]);
    Some([train?, valid?, test?])
}
