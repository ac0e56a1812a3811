//! Text in `[data]`, and what only a language model has in `[model]`.

use super::model::MOST_UNITS;
use super::reader::{
    Owners, Section, choice, list, number, refuse_others, size, text as some_text,
};
use crate::recipe::document::Value;
use crate::recipe::validate::reader::Mismatch;
use crate::recipe::vocabulary::{NORMALISED, SOFTMAXES, SoftmaxKind, TOKENS, TokenKind};
use crate::recipe::{
    HeldOutText, LanguageSettings, LayerSettings, Normalisation, SoftmaxSettings, TextSettings,
    TokenSettings,
};

const DEFAULT_SHARE: f64 = 0.05;
const DEFAULT_MIN_COUNT: usize = 2;
const DEFAULT_MAX_SIZE: usize = 50_000;
const MOST_TOKENS: u64 = 10_000_000;
const MOST_SAMPLES: u64 = 1_000_000;

/// Of one text, or of `are_tunes`.
pub(super) fn text(section: &mut Section<'_>, are_tunes: bool) -> Option<TextSettings> {
    let files = section.required("files", paths);
    let held_out = held_out(section);
    let tokens = tokens(section);
    let rule = choice(NORMALISED);
    let normalise = section.or("normalise", rule, Normalisation::default());
    if let (Some(TokenSettings::Bytes), Some(Normalisation::Nfc)) = (&tokens, normalise) {
        section.problem(format!(
            "{}: bytes are read as they are; remove this key or change `{}`",
            section.name("normalise"),
            section.name("tokens")
        ));
    }
    if let (Some(TokenSettings::Notes), false) = (&tokens, are_tunes) {
        section.problem(format!(
            "{}: `notes` are of tunes; set `{}` to `tunes` or use other tokens",
            section.name("tokens"),
            section.name("format")
        ));
    }
    Some(TextSettings {
        files: files?,
        held_out: held_out?,
        tokens: tokens?,
        normalise: normalise?,
    })
}

/// A path, or a list of at least one.
fn paths(value: &Value) -> Result<Vec<String>, Mismatch> {
    let found = match value {
        Value::String(_) => some_text(value).map(|path| vec![path]).ok(),
        _ => list(some_text)(value).ok(),
    };
    found
        .filter(|paths| !paths.is_empty())
        .ok_or_else(|| Mismatch::new("a path or a list of paths"))
}

fn held_out(section: &mut Section<'_>) -> Option<HeldOutText> {
    let has_files = section.has("valid_files") || section.has("test_files");
    if has_files {
        for key in ["valid", "test"] {
            let why = "what is held out stands in files of its own; remove this key or those files";
            section.inapplicable(key, why);
        }
        let valid = section.optional("valid_files", paths);
        let test = section.required("test_files", paths);
        return Some(HeldOutText::Files {
            valid: valid?.unwrap_or_default(),
            test: test?,
        });
    }
    section.leave_unjudged(&["valid_files", "test_files"]);
    let valid = number("a number from 0 to below 1", |it| (0.0..1.0).contains(&it));
    let valid = section.or("valid", valid, DEFAULT_SHARE);
    let test = number("a number above 0 and below 1", |it| it > 0.0 && it < 1.0);
    let test = section.or("test", test, DEFAULT_SHARE);
    let (valid, test) = (valid?, test?);
    if valid + test >= 1.0 {
        section.problem(format!(
            "{}, {}: {valid} and {test} leave nothing to train on; make them smaller",
            section.name("valid"),
            section.name("test")
        ));
        return None;
    }
    Some(HeldOutText::Shares { valid, test })
}

const OF_TOKENS: Owners<TokenKind> = &[
    ("min_count", &[TokenKind::Words]),
    ("max_size", &[TokenKind::Words]),
    ("tokenizer", &[TokenKind::Tokenizer]),
];

fn tokens(section: &mut Section<'_>) -> Option<TokenSettings> {
    let kind = section.or("tokens", choice(TOKENS), TokenKind::Characters);
    let tokens = kind.and_then(|kind| match kind {
        TokenKind::Characters => Some(TokenSettings::Characters),
        TokenKind::Bytes => Some(TokenSettings::Bytes),
        TokenKind::Notes => Some(TokenSettings::Notes),
        TokenKind::Words => {
            let min_count = section.or("min_count", size(1..=MOST_TOKENS), DEFAULT_MIN_COUNT);
            let max_size = section.or("max_size", size(2..=MOST_TOKENS), DEFAULT_MAX_SIZE);
            Some(TokenSettings::Words {
                min_count: min_count?,
                max_size: max_size?,
            })
        }
        TokenKind::Tokenizer => {
            let file = section.required("tokenizer", some_text);
            file.map(|file| TokenSettings::Tokenizer { file })
        }
    });
    let choice = ("choice of tokens", "tokens", TOKENS);
    refuse_others(section, OF_TOKENS, kind, choice);
    tokens
}

/// What stands in `[model]` for a language model beside its layers.
pub(super) fn language(section: &mut Section<'_>) -> Option<LanguageSettings> {
    let embedding = section.optional("embedding", size(1..=MOST_UNITS));
    let softmax = match section.has("softmax") {
        true => section.section_or_word("softmax", "kind").and_then(softmax),
        false => {
            section.leave_unjudged(&["softmax"]);
            Some(SoftmaxSettings::default())
        }
    };
    Some(LanguageSettings {
        embedding: embedding?,
        softmax: softmax?,
    })
}

const OF_SOFTMAXES: Owners<SoftmaxKind> = &[
    ("cutoffs", &[SoftmaxKind::Adaptive]),
    ("samples", &[SoftmaxKind::Sampled]),
];

fn softmax(mut section: Section<'_>) -> Option<SoftmaxSettings> {
    let kind = section.required("kind", choice(SOFTMAXES));
    let settings = kind.and_then(|kind| match kind {
        SoftmaxKind::Full => Some(SoftmaxSettings::Full),
        SoftmaxKind::Tied => Some(SoftmaxSettings::Tied),
        SoftmaxKind::Adaptive => adaptive(&mut section),
        SoftmaxKind::Sampled => {
            let samples = section.required("samples", size(1..=MOST_SAMPLES));
            samples.map(|samples| SoftmaxSettings::Sampled { samples })
        }
    });
    refuse_others(
        &mut section,
        OF_SOFTMAXES,
        kind,
        ("softmax", "kind", SOFTMAXES),
    );
    section.finish();
    settings
}

fn adaptive(section: &mut Section<'_>) -> Option<SoftmaxSettings> {
    let cutoffs = section.required("cutoffs", list(size(1..=MOST_TOKENS)))?;
    if cutoffs.is_empty() || !cutoffs.is_sorted_by(|one, next| one < next) {
        section.problem(format!(
            "{}: expected at least one, each larger than the one before",
            section.name("cutoffs")
        ));
        return None;
    }
    Some(SoftmaxSettings::Adaptive { cutoffs })
}

/// What does not go together in a language model, in words: `layers` are the lowest first.
pub(super) fn mismatches(language: &LanguageSettings, layers: &[LayerSettings]) -> Vec<String> {
    let shown = layers.last().map(LayerSettings::output_size);
    match (&language.softmax, language.embedding, shown) {
        (SoftmaxSettings::Tied, None, _) => vec![
            "model.softmax: `tied` shares the embedding, and there is none; set `model.embedding`"
                .to_owned(),
        ],
        (SoftmaxSettings::Tied, Some(size), Some(shown)) if size != shown => vec![format!(
            "model.softmax: `tied` needs an embedding as wide as what the topmost layer shows, \
             {shown}, found {size}; set `embedding = {shown}`, or give that layer \
             `output_projection = {size}`"
        )],
        _ => Vec::new(),
    }
}
