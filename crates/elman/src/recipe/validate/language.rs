//! Text in `[data]`, and what only models of it have in `[model]`.

use super::model::MOST_UNITS;
use super::parts::{held_out, paths};
use super::reader::{Owners, Section, choice, list, refuse_others, size, text as some_text};
use crate::recipe::vocabulary::{
    NORMALISED, SOFTMAXES, SoftmaxKind, TASKS, TOKENS, TokenKind, word,
};
use crate::recipe::{
    DataSettings, LayerSettings, ModelSettings, Normalisation, SoftmaxSettings, Task, TextSettings,
    TokenSettings,
};

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

/// How a language model foretells the next token; of any other `task` nothing.
pub(super) fn softmax(
    section: &mut Section<'_>,
    task: Option<Task>,
) -> Option<Option<SoftmaxSettings>> {
    match task {
        Some(Task::LanguageModel) if section.has("softmax") => {
            let table = section.section_or_word("softmax", "kind");
            table.and_then(softmax_table).map(Some)
        }
        Some(Task::LanguageModel) => {
            section.leave_unjudged(&["softmax"]);
            Some(Some(SoftmaxSettings::default()))
        }
        None => {
            section.leave_unjudged(&["softmax"]);
            None
        }
        Some(task) => {
            let why = format!(
                "the task is `{}`, only a `language_model` has this key; remove it or change `task`",
                word(TASKS, task)
            );
            section.inapplicable("softmax", &why);
            Some(None)
        }
    }
}

/// The size of the vectors that stand for tokens, where the `data` are tokens.
pub(super) fn embedding(
    section: &mut Section<'_>,
    data: Option<&DataSettings>,
) -> Option<Option<usize>> {
    let Some(data) = data else {
        section.leave_unjudged(&["embedding"]);
        return None;
    };
    if data.has_tokens() {
        return section.optional("embedding", size(1..=MOST_UNITS));
    }
    let why = "the data are numbers, only tokens have vectors that stand for them; remove this key or \
               change `data.format`";
    section.inapplicable("embedding", why);
    Some(None)
}

const OF_SOFTMAXES: Owners<SoftmaxKind> = &[
    ("cutoffs", &[SoftmaxKind::Adaptive]),
    ("samples", &[SoftmaxKind::Sampled]),
];

fn softmax_table(mut section: Section<'_>) -> Option<SoftmaxSettings> {
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

/// What does not go together in a model of tokens, in words.
pub(super) fn mismatch(model: &ModelSettings) -> Option<String> {
    let shown = model.layers.last().map(LayerSettings::output_size);
    match (&model.softmax, model.embedding, shown) {
        (Some(SoftmaxSettings::Tied), None, _) => Some(
            "model.softmax: `tied` shares the embedding, and there is none; set `model.embedding`"
                .to_owned(),
        ),
        (Some(SoftmaxSettings::Tied), Some(size), Some(shown)) if size != shown => Some(format!(
            "model.softmax: `tied` needs an embedding as wide as what the topmost layer shows, \
             {shown}, found {size}; set `embedding = {shown}`, or give that layer \
             `output_projection = {size}`"
        )),
        _ => None,
    }
}
