//! Text as examples, and how its next token is foretold.

use super::HeldOutParts;

/// Text (`data.format = "text"`), or what has many of them: tunes in ABC notation (`"tunes"`), lines
/// with an answer each (`"labelled_text"`).
#[derive(Clone, Debug, PartialEq)]
pub struct TextSettings {
    /// Text files, plain or packed by gzip, as seen from the working directory; one after the other
    /// they are the text (`files`, a path or a list of paths).
    pub files: Vec<String>,
    /// What is not trained on.
    pub held_out: HeldOutParts,
    /// What a token is (`tokens`, default characters).
    pub tokens: TokenSettings,
    /// How characters of several code points are written (`normalise`, default as they are).
    pub normalise: Normalisation,
}

/// Texts with one answer each (`data.format = "labelled_text"`): see [`crate::data::text::labelled`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTextSettings {
    /// The texts.
    pub text: TextSettings,
    /// The names of the classes (`classes`); none where the answers are numbers.
    pub classes: Vec<String>,
}

/// What a token is (`data.tokens`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSettings {
    /// A character (`"characters"`): those of all parts make the vocabulary.
    Characters,
    /// A byte (`"bytes"`): any file can be read.
    Bytes,
    /// A word with the space before it, or a mark (`"words"`): see [`crate::data::text::pieces`]. Those
    /// of the training part make the vocabulary; all others are `<unk>`.
    Words {
        /// Words that come less often are unknown: at least 1 (default 2).
        min_count: usize,
        /// The most tokens that the vocabulary has, `<unk>` among them: 2 to 10,000,000 (default
        /// 50,000).
        max_size: usize,
    },
    /// A note with its accidentals, octave and length, a bar, a field (`"notes"`, of tunes only): see
    /// [`crate::data::tune::lexemes`]. Those of the training part make the vocabulary; all others are
    /// `<unk>`.
    Notes,
    /// What a Hugging Face `tokenizer.json` says (`"tokenizer"`).
    Tokenizer {
        /// The path of that file (`tokenizer`).
        file: String,
    },
}

/// How characters of several code points are written (`data.normalise`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalisation {
    /// As they are (`"none"`).
    #[default]
    None,
    /// As one code point where there is one, Unicode's form NFC (`"nfc"`).
    Nfc,
}

/// How the next token is foretold (`model.softmax.kind`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SoftmaxSettings {
    /// One logit a token (`"full"`).
    #[default]
    Full,
    /// The same, the embedding being the kernel (`"tied"`): Press and Wolf (2017), Inan et al. (2017).
    Tied,
    /// Frequent tokens at once, rare ones in clusters (`"adaptive"`): Grave et al. (2017).
    Adaptive {
        /// The first token of each cluster, rising, above 0 and below `V`.
        cutoffs: Vec<usize>,
    },
    /// In training only the right token and some others (`"sampled"`): Jean et al. (2015).
    Sampled {
        /// The others, for a whole batch: at least 1.
        samples: usize,
    },
}
