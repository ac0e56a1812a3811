//! Any table `[data]`.

use proptest::prelude::*;

use crate::data::TargetKind;
use crate::data::series::{FREQUENCIES, SeriesFile};
use crate::recipe::vocabulary::{MISSING, NORMALISED};
use crate::recipe::*;

/// Examples of any format, and a task and an output that go with them.
pub(super) fn any_data() -> impl Strategy<Value = (DataSettings, Task, Output)> {
    let idx = any_idx().prop_map(|it| (DataSettings::Idx(it), Task::Classifier, Output::Softmax));
    let reber = (any_reber(), any::<bool>()).prop_map(|(reber, sigmoid)| {
        let output = match sigmoid {
            true => Output::Sigmoid,
            false => Output::Softmax,
        };
        (DataSettings::Reber(reber), Task::Classifier, output)
    });
    let adding =
        any_adding().prop_map(|it| (DataSettings::Adding(it), Task::Regressor, Output::Linear));
    let text = any_text(false);
    let text = text.prop_map(|it| (DataSettings::Text(it), Task::LanguageModel, Output::Softmax));
    let tunes = any_text(true);
    let tunes = tunes.prop_map(|it| {
        (
            DataSettings::Tunes(it),
            Task::LanguageModel,
            Output::Softmax,
        )
    });
    let rolls = any_name().prop_map(|file| {
        let rolls = PianoRollSettings { file };
        let data = DataSettings::PianoRolls(rolls);
        (data, Task::Polyphony, Output::Sigmoid)
    });
    let labelled = (any_text(false), any_classes()).prop_map(|(text, classes)| {
        let labelled = LabelledTextSettings { text, classes };
        one_answer(DataSettings::LabelledText(labelled))
    });
    let ts = any_ts().prop_map(|ts| one_answer(DataSettings::Ts(ts)));
    let table = any_table().prop_map(|table| one_answer(DataSettings::SequenceTable(table)));
    let series = any_series().prop_map(|file| {
        let data = DataSettings::Series(Box::new(file));
        (data, Task::Forecaster, Output::Linear)
    });
    prop_oneof![
        idx, reber, adding, text, tunes, rolls, labelled, ts, table, series
    ]
}

/// Data whose sequences have a class or a number each.
fn one_answer(data: DataSettings) -> (DataSettings, Task, Output) {
    match data.targets() {
        Some(TargetKind::Classes(_)) => (data, Task::Classifier, Output::Softmax),
        _ => (data, Task::Regressor, Output::Linear),
    }
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-zé%/_.\"\\\\-]{1,9}"
}

fn any_names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_name(), 0..3)
}

fn some_names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_name(), 1..3)
}

/// Different names, or none where the answers are numbers.
fn any_classes() -> impl Strategy<Value = Vec<String>> {
    let names = prop::collection::btree_set("[a-z0-9 ]{1,5}[a-z]", 2..9);
    prop_oneof![
        Just(Vec::new()),
        names.prop_map(|names| names.into_iter().collect()),
    ]
}

fn any_held_out() -> impl Strategy<Value = HeldOutParts> {
    let shares = (0.0..0.4_f64, 0.01..0.4_f64)
        .prop_map(|(valid, test)| HeldOutParts::Shares { valid, test });
    let files =
        (any_names(), some_names()).prop_map(|(valid, test)| HeldOutParts::Files { valid, test });
    prop_oneof![shares, files]
}

/// How many strings or sums are made for training, validation and testing.
fn any_counts() -> impl Strategy<Value = (usize, usize, usize)> {
    (1_usize..9_999, 0_usize..9_999, 1_usize..9_999)
}

fn any_idx() -> impl Strategy<Value = IdxSettings> {
    ("[^ \t\r\n]\\PC*", 2_usize..=256, 0_usize..10_000)
        .prop_filter("a folder has a name", |(folder, ..)| {
            !folder.trim().is_empty()
        })
        .prop_map(|(folder, classes, hold_out)| IdxSettings {
            folder,
            classes,
            hold_out,
        })
}

fn any_reber() -> impl Strategy<Value = ReberSettings> {
    let reber = (any::<u32>(), any_counts());
    reber.prop_map(|(numpy_seed, (train, valid, test))| ReberSettings {
        numpy_seed,
        train,
        valid,
        test,
    })
}

fn any_adding() -> impl Strategy<Value = AddingSettings> {
    let adding = (2_usize..1_000, any_counts());
    adding.prop_map(|(time, (train, valid, test))| AddingSettings {
        time,
        train,
        valid,
        test,
    })
}

/// Text with tokens of any kind; only `are_tunes` has notes.
fn any_text(are_tunes: bool) -> impl Strategy<Value = TextSettings> {
    let words = (1_usize..1_000, 2_usize..1_000_000).prop_map(|(min_count, max_size)| {
        TokenSettings::Words {
            min_count,
            max_size,
        }
    });
    let notes = match are_tunes {
        true => TokenSettings::Notes,
        false => TokenSettings::Characters,
    };
    let tokens = prop_oneof![
        Just(TokenSettings::Characters),
        Just(TokenSettings::Bytes),
        words,
        Just(notes),
        any_name().prop_map(|file| TokenSettings::Tokenizer { file }),
    ];
    let text = (
        some_names(),
        any_held_out(),
        tokens,
        prop::sample::select(NORMALISED),
    );
    text.prop_map(|(files, held_out, tokens, (_, normalise))| TextSettings {
        files,
        held_out,
        normalise: match tokens {
            // Bytes are read as they are.
            TokenSettings::Bytes => Normalisation::None,
            _ => normalise,
        },
        tokens,
    })
}

fn any_ts() -> impl Strategy<Value = TsSettings> {
    let ts = ("[a-z/]{1,9}", "[A-Za-z]{1,9}", any_classes(), 0_usize..999);
    ts.prop_map(|(folder, name, classes, hold_out)| TsSettings {
        folder,
        name,
        classes,
        hold_out,
    })
}

fn any_table() -> impl Strategy<Value = SequenceTableSettings> {
    let table = (
        some_names(),
        any_held_out(),
        prop::option::of("[a-z]{9}"),
        prop::collection::btree_set("[a-z]{10}", 0..3),
        any_classes(),
        any::<bool>(),
    );
    table.prop_map(
        |(files, held_out, time, features, classes, decimal_comma)| SequenceTableSettings {
            files,
            held_out,
            id: "who".to_owned(),
            label: "what".to_owned(),
            time,
            features: features.into_iter().collect(),
            classes,
            decimal_comma,
        },
    )
}

fn any_series() -> impl Strategy<Value = SeriesFile> {
    let some = || prop::option::of(any_name());
    let texts = (any_name(), some(), some(), some(), some(), some());
    let lists = (any_names(), any_names(), any_names(), any_names());
    let words = (
        prop::option::of(prop::sample::select(&FREQUENCIES[..])),
        prop::option::of(1_usize..1_000),
        prop::sample::select(MISSING),
    );
    (texts, lists, words, any::<bool>(), any::<bool>()).prop_map(
        |(texts, lists, words, together, decimal_comma)| {
            let (file, time, time_format, time_zone, id, start) = texts;
            let (target, covariates, past_covariates, statics) = lists;
            let (frequency, season, (_, missing)) = words;
            SeriesFile {
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
                frequency: frequency.map(|(_, frequency)| frequency),
                start,
                season,
                missing,
                decimal_comma,
            }
        },
    )
}
