//! The words of a recipe and what they mean: the one place where they are spelt.

use strsim::damerau_levenshtein;

use super::{
    DroppedState, Level, Method, Monitor, Normalisation, Output, PointLoss, Readout, RmsPropForm,
    ScheduleUnit, Skip, Task,
};
use crate::activation::Activation;
use crate::cell::{LstmNormalisation, MinCandidate, ResetGate};
use crate::data::series::{CalendarFeature, Encoding, Missing, Scaling};
use crate::wrapper::Masks;

/// The words that a setting may be, with their meanings.
pub(super) type Choices<T> = &'static [(&'static str, T)];

pub(super) const TASKS: Choices<Task> = &[
    ("classifier", Task::Classifier),
    ("regressor", Task::Regressor),
    ("language_model", Task::LanguageModel),
    ("polyphony", Task::Polyphony),
    ("forecaster", Task::Forecaster),
];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatKind {
    Idx,
    Reber,
    Adding,
    Text,
    Tunes,
    PianoRolls,
    LabelledText,
    Ts,
    SequenceTable,
    Series,
}

/// The key of `[data]` by which a format, as it is spelt, says where its files are.
pub(super) fn file_key(format: &str) -> &'static str {
    match FORMATS.iter().find(|(word, _)| *word == format) {
        Some((
            _,
            FormatKind::Text
            | FormatKind::Tunes
            | FormatKind::LabelledText
            | FormatKind::SequenceTable,
        )) => "files",
        Some((_, FormatKind::PianoRolls | FormatKind::Series)) => "file",
        _ => "folder",
    }
}

pub(super) const FORMATS: Choices<FormatKind> = &[
    ("idx", FormatKind::Idx),
    ("reber", FormatKind::Reber),
    ("adding", FormatKind::Adding),
    ("text", FormatKind::Text),
    ("tunes", FormatKind::Tunes),
    ("piano_rolls", FormatKind::PianoRolls),
    ("labelled_text", FormatKind::LabelledText),
    ("ts", FormatKind::Ts),
    ("sequence_table", FormatKind::SequenceTable),
    ("series", FormatKind::Series),
];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Characters,
    Bytes,
    Words,
    Notes,
    Tokenizer,
}

pub(super) const TOKENS: Choices<TokenKind> = &[
    ("characters", TokenKind::Characters),
    ("bytes", TokenKind::Bytes),
    ("words", TokenKind::Words),
    ("notes", TokenKind::Notes),
    ("tokenizer", TokenKind::Tokenizer),
];

pub(super) const NORMALISED: Choices<Normalisation> =
    &[("none", Normalisation::None), ("nfc", Normalisation::Nfc)];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SoftmaxKind {
    Full,
    Tied,
    Adaptive,
    Sampled,
}

pub(super) const SOFTMAXES: Choices<SoftmaxKind> = &[
    ("full", SoftmaxKind::Full),
    ("tied", SoftmaxKind::Tied),
    ("adaptive", SoftmaxKind::Adaptive),
    ("sampled", SoftmaxKind::Sampled),
];

pub(super) const MISSING: Choices<Missing> = &[
    ("error", Missing::Error),
    ("interpolate", Missing::Interpolate),
    ("forward_fill", Missing::ForwardFill),
    ("zero", Missing::Zero),
    ("mean", Missing::Mean),
];

pub(super) const METHODS: Choices<Method> =
    &[("direct", Method::Direct), ("recursive", Method::Recursive)];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadKind {
    Linear,
    Quantiles,
    Gaussian,
    StudentT,
    NegativeBinomial,
}

pub(super) const HEADS: Choices<HeadKind> = &[
    ("linear", HeadKind::Linear),
    ("quantiles", HeadKind::Quantiles),
    ("gaussian", HeadKind::Gaussian),
    ("student_t", HeadKind::StudentT),
    ("negative_binomial", HeadKind::NegativeBinomial),
];

pub(super) const POINT_LOSSES: Choices<PointLoss> = &[
    ("squared", PointLoss::Squared),
    ("absolute", PointLoss::Absolute),
];

pub(super) const SCALINGS: Choices<Scaling> = &[
    ("log", Scaling::Log),
    ("log1p", Scaling::Log1p),
    ("standard", Scaling::Standard),
    ("robust", Scaling::Robust),
    ("min_max", Scaling::MinMax),
    ("mean", Scaling::Mean),
    ("seasonal", Scaling::Seasonal),
    ("difference", Scaling::Difference),
    ("seasonal_difference", Scaling::SeasonalDifference),
];

pub(super) const LEVELS: Choices<Level> = &[
    ("none", Level::None),
    ("last", Level::Last),
    ("mean", Level::Mean),
];

pub(super) const CALENDAR: Choices<CalendarFeature> = &[
    ("hour", CalendarFeature::Hour),
    ("weekday", CalendarFeature::Weekday),
    ("day_of_month", CalendarFeature::DayOfMonth),
    ("day_of_year", CalendarFeature::DayOfYear),
    ("week", CalendarFeature::Week),
    ("month", CalendarFeature::Month),
    ("season", CalendarFeature::Season),
];

pub(super) const ENCODINGS: Choices<Encoding> =
    &[("sines", Encoding::Sines), ("number", Encoding::Number)];

pub(super) const OUTPUTS: Choices<Output> = &[
    ("softmax", Output::Softmax),
    ("sigmoid", Output::Sigmoid),
    ("linear", Output::Linear),
];

pub(super) const ACTIVATIONS: Choices<Activation> = &[
    ("identity", Activation::Identity),
    ("tanh", Activation::Tanh),
    ("sigmoid", Activation::Sigmoid),
    ("relu", Activation::Relu),
    ("relu6", Activation::Relu6),
    ("leaky_relu", Activation::LeakyRelu),
    ("elu", Activation::Elu),
    ("selu", Activation::Selu),
    ("softplus", Activation::Softplus),
    ("softsign", Activation::Softsign),
];

pub(super) const READOUTS: Choices<Readout> = &[
    ("last", Readout::Last),
    ("all", Readout::All),
    ("mean", Readout::Mean),
];

pub(super) const RESET_GATES: Choices<ResetGate> = &[
    ("before_product", ResetGate::BeforeProduct),
    ("after_product", ResetGate::AfterProduct),
];

pub(super) const MONITORS: Choices<Monitor> = &[
    ("valid_loss", Monitor::ValidLoss),
    ("valid_accuracy", Monitor::ValidAccuracy),
    ("train_loss", Monitor::TrainLoss),
];

/// What a search may rank trials by.
pub(super) const TUNE_METRICS: Choices<Monitor> = &[
    ("valid_accuracy", Monitor::ValidAccuracy),
    ("valid_loss", Monitor::ValidLoss),
];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Basic,
    Lstm,
    Gru,
    LayerNormLstm,
    CoupledLstm,
    Nas,
    Ugrnn,
    IndRnn,
    Sru,
    MinGru,
    MinLstm,
}

pub(super) const CELLS: Choices<CellKind> = &[
    ("basic", CellKind::Basic),
    ("lstm", CellKind::Lstm),
    ("gru", CellKind::Gru),
    ("layer_norm_lstm", CellKind::LayerNormLstm),
    ("coupled_lstm", CellKind::CoupledLstm),
    ("nas", CellKind::Nas),
    ("ugrnn", CellKind::Ugrnn),
    ("indrnn", CellKind::IndRnn),
    ("sru", CellKind::Sru),
    ("min_gru", CellKind::MinGru),
    ("min_lstm", CellKind::MinLstm),
];

pub(super) const NORMALISATIONS: Choices<LstmNormalisation> = &[
    ("per_gate", LstmNormalisation::PerGate),
    ("per_product", LstmNormalisation::PerProduct),
];

pub(super) const CANDIDATES: Choices<MinCandidate> = &[
    ("linear", MinCandidate::Linear),
    ("positive", MinCandidate::Positive),
];

pub(super) const MASKS: Choices<Masks> = &[
    ("per_step", Masks::PerStep),
    ("per_row", Masks::PerRow),
    ("shared", Masks::Shared),
];

pub(super) const DROPPED_STATES: Choices<DroppedState> =
    &[("hidden", DroppedState::Hidden), ("all", DroppedState::All)];

pub(super) const SKIPS: Choices<Skip> = &[
    ("none", Skip::None),
    ("residual", Skip::Residual),
    ("highway", Skip::Highway),
];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InitializerKind {
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
    Orthogonal,
    Identity,
    Uniform,
    Normal,
    TruncatedNormal,
    Constant,
}

pub(super) const INITIALIZERS: Choices<InitializerKind> = &[
    ("glorot_uniform", InitializerKind::GlorotUniform),
    ("glorot_normal", InitializerKind::GlorotNormal),
    ("he_uniform", InitializerKind::HeUniform),
    ("he_normal", InitializerKind::HeNormal),
    ("lecun_uniform", InitializerKind::LecunUniform),
    ("lecun_normal", InitializerKind::LecunNormal),
    ("orthogonal", InitializerKind::Orthogonal),
    ("identity", InitializerKind::Identity),
    ("uniform", InitializerKind::Uniform),
    ("normal", InitializerKind::Normal),
    ("truncated_normal", InitializerKind::TruncatedNormal),
    ("constant", InitializerKind::Constant),
];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduleKind {
    Constant,
    Exponential,
    InverseTime,
    NaturalExp,
    Polynomial,
    Cosine,
    PiecewiseConstant,
}

pub(super) const SCHEDULES: Choices<ScheduleKind> = &[
    ("constant", ScheduleKind::Constant),
    ("exponential", ScheduleKind::Exponential),
    ("inverse_time", ScheduleKind::InverseTime),
    ("natural_exp", ScheduleKind::NaturalExp),
    ("polynomial", ScheduleKind::Polynomial),
    ("cosine", ScheduleKind::Cosine),
    ("piecewise_constant", ScheduleKind::PiecewiseConstant),
];

pub(super) const SCHEDULE_UNITS: Choices<ScheduleUnit> =
    &[("step", ScheduleUnit::Step), ("epoch", ScheduleUnit::Epoch)];

/// A choice that brings settings of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptimiserKind {
    Sgd,
    Momentum,
    AdaGrad,
    RmsProp,
    Adam,
    AdamW,
}

pub(super) const RMS_PROP_FORMS: Choices<RmsPropForm> = &[
    ("tensorflow", RmsPropForm::TensorFlow),
    ("pytorch", RmsPropForm::PyTorch),
];

pub(super) const OPTIMISERS: Choices<OptimiserKind> = &[
    ("sgd", OptimiserKind::Sgd),
    ("momentum", OptimiserKind::Momentum),
    ("adagrad", OptimiserKind::AdaGrad),
    ("rmsprop", OptimiserKind::RmsProp),
    ("adam", OptimiserKind::Adam),
    ("adamw", OptimiserKind::AdamW),
];

/// A choice that brings a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClipKind {
    Value,
    Norm,
    GlobalNorm,
}

pub(super) const CLIPS: Choices<ClipKind> = &[
    ("value", ClipKind::Value),
    ("norm", ClipKind::Norm),
    ("global_norm", ClipKind::GlobalNorm),
];

/// How `meaning` is spelt.
pub(super) fn word<T: PartialEq>(choices: Choices<T>, meaning: T) -> &'static str {
    choices
        .iter()
        .find(|(_, candidate)| *candidate == meaning)
        .map(|(word, _)| *word)
        .expect("every meaning has a word")
}

/// The candidate that `found` was most likely meant to be, if one is near.
pub(crate) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&found, candidate), candidate))
        .filter(|&(distance, candidate)| {
            let longer = found.chars().count().max(candidate.chars().count());
            distance * 5 <= longer * 2
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// "`a`, `b` or `c`".
pub(crate) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
